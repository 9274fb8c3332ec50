//! What a cache was made of, and whether that is still the same.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::options::ReadOptions;
use crate::reading::Readings;

/// Bytes at the beginning and at the end of a file that are compared.
const ENDS: u64 = 1 << 16;

/// The source of a cache and how it was read.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Origin {
    /// As it was named.
    pub source: String,
    files: Vec<Stamp>,
    pub read: ReadOptions,
}

/// By what a file is known again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    path: PathBuf,
    bytes: u64,
    /// Nanoseconds since 1970.
    modified: u64,
    /// CRC-32 of its ends.
    ends: u32,
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
        })
    }

    /// Whether rows of another origin are the same: of the same files, whatever they are called there, and read in the
    /// same way, or by the readings that were decided here.
    pub fn makes_the_same(&self, other: &Self, decided: &Readings) -> bool {
        let mut alike = other.clone();
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
        self.files.iter().find_map(|stamp| {
            let now = Stamp::of(&stamp.path).ok()?;
            let how = match &now {
                now if now.bytes != stamp.bytes => "has another size",
                now if now.ends != stamp.ends => "holds other bytes",
                now if now.modified != stamp.modified => "was written anew",
                _ => return None,
            };
            Some((stamp.path.clone(), how))
        })
    }

    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|stamp| stamp.bytes).sum()
    }
}

impl Stamp {
    fn of(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let metadata = file.metadata()?;
        let modified = metadata.modified()?.duration_since(UNIX_EPOCH);
        let bytes = metadata.len();
        let mut hasher = crc32fast::Hasher::new();
        let mut ends = Vec::new();
        file.by_ref().take(ENDS).read_to_end(&mut ends)?;
        hasher.update(&ends);
        ends.clear();
        file.seek(SeekFrom::Start(bytes.saturating_sub(ENDS)))?;
        file.take(ENDS).read_to_end(&mut ends)?;
        hasher.update(&ends);
        Ok(Self {
            path: std::path::absolute(path)?,
            bytes,
            modified: modified.map_or(0, |time| time.as_nanos() as u64),
            ends: hasher.finalize(),
        })
    }
}
