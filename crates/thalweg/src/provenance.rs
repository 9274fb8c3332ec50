//! What a run was begun on: its rows, the files that these are from, and the weights that it began with. The log has it, and
//! a run that goes on sees by it that they are others now.
//!
//! The rows decide, by checksums of what the network sees of each part: a file that was copied, touched or packed anew
//! holds the rows of before. How the files have changed is for the message alone. Of weights the files decide.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thalweg_core::error::Error;
use thalweg_data::Source;
use thalweg_data::cache::checksum;
use thalweg_data::prepare::RowsSum;
use thalweg_data::stamp::Stamp;

use crate::config::{DataConfig, IN_MEMORY};
use crate::run_folder::{MODEL, RunFolder};

/// Files of which stamps are kept: of a folder of images there may be very many.
const MOST: usize = 1000;

/// See the module's text.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Provenance {
    files: Vec<Stamp>,
    train: Option<RowsSum>,
    validation: Option<RowsSum>,
    test: Option<RowsSum>,
    /// A file of weights, and the CRC-32 of its bytes.
    weights: Vec<(PathBuf, u32)>,
}

impl Provenance {
    /// That of a run on rows with these sums, which begins with the weights of these files.
    pub(crate) fn of(
        data: &DataConfig,
        [train, validation, test]: [Option<RowsSum>; 3],
        weights: &[PathBuf],
    ) -> Self {
        let of_file = |path: &PathBuf| {
            let path = match path.is_dir() {
                true => path.join(MODEL),
                false => path.clone(),
            };
            let bytes = std::fs::read(&path).ok()?;
            Some((std::path::absolute(&path).ok()?, checksum(&bytes)))
        };
        Self {
            files: stamps(data),
            train,
            validation,
            test,
            weights: weights.iter().filter_map(of_file).collect(),
        }
    }

    /// Refuses rows of `data`, or weights, that are not those of `before`, with which the run in `folder` began.
    ///
    /// # Errors
    /// Names the file, if one has changed, and how.
    pub(crate) fn check(
        &self,
        before: &Self,
        data: &DataConfig,
        folder: &RunFolder,
    ) -> thalweg_core::Result<()> {
        let parts = [
            ("training rows", None, self.train == before.train),
            (
                "validation rows",
                data.validation.as_deref(),
                self.validation == before.validation,
            ),
            ("test rows", data.test.as_deref(), self.test == before.test),
        ];
        let part = parts.into_iter().find(|(.., is_same)| !is_same);
        let (place, found) = match (part, self.other_weights(before)) {
            (Some((rows, own, _)), _) => {
                let (place, how) = self.other_file(before, own).unzip();
                let place = place.unwrap_or_else(|| short(Path::new(&data.source)));
                let how = how.map(|how| format!(": it {how} since"));
                (place, format!("other {rows}{}", how.unwrap_or_default()))
            }
            (None, Some(path)) => (short(path), "other weights".to_owned()),
            (None, None) => return Ok(()),
        };
        Err(other(place, found, folder))
    }

    /// The reason why the rows of a run in `folder` cannot be prepared as they were: a file that has changed, if there is
    /// one.
    pub(crate) fn cause(&self, data: &DataConfig, folder: &RunFolder) -> Option<Error> {
        let (place, how) = self.changed(data)?;
        Some(other(place, format!("other rows: it {how} since"), folder))
    }

    /// The first file of `data` that has changed, and how.
    fn changed(&self, data: &DataConfig) -> Option<(String, &'static str)> {
        let now = Self {
            files: stamps(data),
            ..Self::default()
        };
        now.other_file(self, None)
    }

    /// The first file that has changed, come or gone, and how; `first` is looked at first.
    fn other_file(&self, before: &Self, first: Option<&Path>) -> Option<(String, &'static str)> {
        let first = first.and_then(|path| std::path::absolute(path).ok());
        let is_first = |stamp: &&Stamp| first.as_ref() == Some(&stamp.path);
        let own = before.files.iter().find(is_first);
        let has = |all: &[Stamp], one: &Stamp| all.iter().any(|other| other.path == one.path);
        let change = |stamp| Some((stamp, Stamp::change(stamp)?));
        let changed = before.files.iter().find_map(change);
        let gone = before.files.iter().find(|stamp| !has(&self.files, stamp));
        let come = self.files.iter().find(|stamp| !has(&before.files, stamp));
        let found = (own.and_then(change))
            .or(come.map(|stamp| (stamp, "came to the others")))
            .or(gone.map(|stamp| (stamp, "is gone")))
            .or(changed);
        found.map(|(stamp, how)| (short(&stamp.path), how))
    }

    /// The first file of weights that has changed; a missing one is an error when it is read.
    fn other_weights<'a>(&'a self, before: &Self) -> Option<&'a Path> {
        let pairs = self.weights.iter().zip(&before.weights);
        let mut others = pairs.filter(|(ours, theirs)| ours.1 != theirs.1);
        others.next().map(|(ours, _)| ours.0.as_path())
    }
}

/// The error for columns of `data` that are not those with which the run in `folder` began, `before`, though the network
/// sees the same rows.
pub(crate) fn other_columns(
    before: Option<&Provenance>,
    data: &DataConfig,
    found: String,
    folder: &RunFolder,
) -> Error {
    let (place, how) = before.and_then(|before| before.changed(data)).unzip();
    let place = place.unwrap_or_else(|| short(Path::new(&data.source)));
    let how = how.map_or_else(String::new, |how| format!(": it {how} since"));
    other(place, found + &how, folder)
}

/// The error for what is other than that with which a run began.
fn other(place: String, found: String, folder: &RunFolder) -> Error {
    let error = Error::invalid(
        place,
        found,
        format!("those that the run in {folder} began with"),
    );
    error.remedy("put the file back as it was, or train into another `options.output`")
}

/// The stamps of the files of a run.
fn stamps(data: &DataConfig) -> Vec<Stamp> {
    if data.source == IN_MEMORY {
        return Vec::new();
    }
    let source = Source::parse(&data.source).and_then(|source| source.paths());
    let mut paths = source.unwrap_or_default();
    let own = [&data.read.labels, &data.validation, &data.test];
    paths.extend(
        own.into_iter()
            .flatten()
            .filter(|path| path.is_file())
            .cloned(),
    );
    match paths.len() > MOST {
        true => Vec::new(),
        false => paths
            .iter()
            .filter_map(|path| Stamp::of(path).ok())
            .collect(),
    }
}

/// A path as seen from where the program is run.
fn short(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    let short = path.strip_prefix(here).unwrap_or(path);
    short.display().to_string()
}
