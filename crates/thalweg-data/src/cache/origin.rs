//! What a cache was made of, and whether that is still the same.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::options::ReadOptions;
use crate::reading::Readings;
use crate::stamp::Stamp;
use crate::text::shell_word;

/// The source of a cache and how it was read.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Origin {
    /// As it was named.
    pub source: String,
    files: Vec<Stamp>,
    pub read: ReadOptions,
    /// The arguments of `thalweg convert` that make it again: those before and after its own name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<[String; 2]>,
}

impl Origin {
    /// Looks at the files of a source.
    ///
    /// # Errors
    /// If one cannot be read.
    pub fn of(source: String, paths: &[PathBuf], read: &ReadOptions) -> Result<Self> {
        let stamp = |path: &PathBuf| {
            Stamp::of(path).map_err(|error| Error::reading(&path.display().to_string(), error))
        };
        Ok(Self {
            source,
            files: paths.iter().map(stamp).collect::<Result<_>>()?,
            read: read.clone(),
            again: None,
        })
    }

    /// Whether rows of another origin are the same: of the same files, whatever they are called there, and read in the
    /// same way, or by the readings that were decided here.
    pub fn makes_the_same(&self, other: &Self, decided: &Readings) -> bool {
        let mut alike = other.clone();
        alike.again.clone_from(&self.again);
        if !self.files.is_empty() {
            alike.source.clone_from(&self.source);
        }
        let mut columns = other.read.columns.iter();
        let is_decided = columns.all(|(name, reading)| decided.get(name) == Some(reading));
        if is_decided && !other.read.columns.is_empty() {
            alike.read.columns.clone_from(&self.read.columns);
        }
        *self == alike
    }

    /// The first file that is no longer what it was: its path and how it differs. A file that is gone says nothing.
    pub fn changed(&self) -> Option<(PathBuf, &'static str)> {
        let mut files = self.files.iter();
        files.find_map(|stamp| Some((stamp.path.clone(), stamp.change()?)))
    }

    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|stamp| stamp.bytes).sum()
    }

    /// The command that makes the cache `file` of it again.
    pub fn command(&self, file: &str) -> String {
        let file = shell_word(file);
        match &self.again {
            Some([before, after]) if after.is_empty() => {
                format!("`thalweg convert {before} {file}`")
            }
            Some([before, after]) => format!("`thalweg convert {before} {file} {after}`"),
            // One of an earlier version.
            None => format!(
                "`thalweg convert {} {file}`, with the options that made it",
                self.source
            ),
        }
    }
}
