//! How a run is carried out, beside what determines its model.

use std::path::{Path, PathBuf};

use thalweg_core::losses::AnyLoss;
use thalweg_core::random::{Purpose, Stream};
use thalweg_data::ingest::Progress;
use thalweg_data::{Fold, Share};

use crate::config::{Config, DataConfig};
use crate::error::Result;
use crate::inspection::Inspect;

/// Hears how far an ingest is.
pub type Ingesting = Box<dyn FnMut(&Progress) + Send + Sync>;

/// Where a run writes.
#[derive(Debug, Clone, Default)]
pub enum Output {
    /// Nowhere.
    #[default]
    None,
    /// Into this folder, which must be new or empty, unless the run goes on with the one in it.
    Folder(PathBuf),
    /// Into the first free folder `runs/NAME-N`.
    Numbered,
}

/// What a run starts from where the request has nothing.
#[derive(Debug, Clone, Default)]
pub enum Base {
    /// The preset.
    #[default]
    Preset,
    /// A config file.
    File(PathBuf),
    /// A config.
    Config(Box<Config>),
}

impl Base {
    /// The config file, if it is one.
    pub(crate) fn file(&self) -> Option<&Path> {
        match self {
            Base::File(path) => Some(path),
            _ => None,
        }
    }

    /// The config, if there is one.
    pub(crate) fn config(&self) -> Result<Option<Config>> {
        Ok(match self {
            Base::Preset => None,
            Base::File(path) => Some(Config::read(path)?),
            Base::Config(config) => Some((**config).clone()),
        })
    }
}

/// How a run is carried out, beside what determines its model.
#[derive(Default)]
pub struct Options {
    /// What the request changes.
    pub base: Base,
    /// Where the run writes.
    pub output: Output,
    /// Whether it goes on with the run in its folder, if there is one.
    pub resume: bool,
    /// Whether the checkpoint of the last epoch stays in the folder.
    pub keep_checkpoint: bool,
    /// What to find out for a report of the model; `None`: nothing.
    pub inspect: Option<Inspect>,
    /// Whether the log has loss, rate and gradient norm of updates: all of the first ones, then fewer and
    /// fewer, 256 for each doubling of their number.
    pub log_steps: bool,
    /// Whether the result says which columns the model relies on.
    pub importance: bool,
    /// Threads, on which results do not depend; `None`: all.
    pub threads: Option<usize>,
    /// The most bytes of memory that the process may take; `None`: what the system, its limits and the container leave.
    pub memory: Option<u64>,
    /// Where rows are kept that do not fit into memory, for other runs too; `None`: in the run folder, while it is
    /// needed.
    pub cache: Option<PathBuf>,
    /// Whether such rows are read from the device in every epoch, past the page cache, which stays free for others.
    pub direct_reads: bool,
    /// Hears how far the reading of such rows is.
    pub ingesting: Option<Ingesting>,
    /// A loss in the place of the config's.
    pub loss: Option<Box<dyn AnyLoss>>,
    /// Which of several runs on parts of the same rows this is.
    pub member: Member,
}

/// One of several runs that differ in their rows and seeds alone.
#[derive(Debug, Clone, Copy, Default)]
pub struct Member {
    /// Which of them, from 0; the first has the seed that is asked for.
    pub number: usize,
    /// The rows that it is tested on.
    pub fold: Option<Fold>,
    /// The share of the other rows that it sees.
    pub share: Option<Share>,
    /// Whether no rows are kept for a final test.
    pub uses_all: bool,
}

impl Member {
    /// The seed of its training: the run's for the first, and else a hash of that and its number.
    pub fn seed(&self, seed: u64) -> u64 {
        /// Beyond the substreams from which folds and shares are drawn.
        const MEMBERS: u64 = 1 << 24;
        let substream = MEMBERS + self.number as u64;
        match self.number {
            0 => seed,
            // Exact as a number of JSON.
            _ => (Stream::new(seed, Purpose::Split, substream).sequence()).next_u64() >> 11,
        }
    }

    /// Takes its rows and its seed into a config.
    pub(crate) fn place(&self, data: &mut DataConfig) {
        if self.uses_all {
            data.split.test_fraction = 0.0;
        }
        data.split.fold = self.fold.or(data.split.fold);
        data.split.share = self.share.or(data.split.share);
    }
}
