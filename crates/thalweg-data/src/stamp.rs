//! By what a file is known again: size, time of change, and a checksum of its ends.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Location, Result};

/// Bytes at the beginning and at the end of a file that are compared.
const ENDS: u64 = 1 << 16;

/// See the module's text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// The whole path.
    pub path: PathBuf,
    pub(crate) bytes: u64,
    /// Nanoseconds since 1970.
    modified: u64,
    /// CRC-32 of its ends.
    ends: u32,
}

impl Stamp {
    /// That of a file as it is now.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn of(path: &Path) -> io::Result<Self> {
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

    /// How the file differs now, if it does; one that cannot be read tells nothing.
    pub fn change(&self) -> Option<&'static str> {
        let now = Self::of(&self.path).ok()?;
        match &now {
            now if now.bytes != self.bytes => Some("has another size"),
            now if now.ends != self.ends => Some("holds other bytes"),
            now if now.modified != self.modified => Some("was written anew"),
            _ => None,
        }
    }
}

/// Files that are being read, by which it is noticed that one changes meanwhile: rows may be cut then.
pub(crate) struct Meanwhile(Vec<(PathBuf, Option<(u64, SystemTime)>)>);

impl Meanwhile {
    /// Looks at files before they are read; of a folder of images there may be very many.
    pub fn of(paths: Vec<PathBuf>) -> Self {
        const MOST: usize = 1000;
        let each = paths.into_iter().take(MOST);
        Self(
            each.map(|path| (path.clone(), size_and_time(&path)))
                .collect(),
        )
    }

    /// Looks at them again.
    ///
    /// # Errors
    /// Names the first that has changed.
    pub fn check(&self) -> Result<()> {
        let is_other = |(path, before): &&(PathBuf, Option<(u64, SystemTime)>)| {
            before.is_some() && size_and_time(path) != *before
        };
        match self.0.iter().find(is_other) {
            Some((path, _)) => Err(changed_meanwhile(path.display().to_string())),
            None => Ok(()),
        }
    }
}

fn size_and_time(path: &Path) -> Option<(u64, SystemTime)> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.len(), metadata.modified().ok()?))
}

/// The error for a file that something writes to while it is read.
pub(crate) fn changed_meanwhile(file: String) -> Error {
    let found = "a file that changed while it was read";
    let error = Error::invalid(Location::file(file), found, "one that stays as it is");
    error.remedy("run it again when nothing writes to it, or on a copy")
}
