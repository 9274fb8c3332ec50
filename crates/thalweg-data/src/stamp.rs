//! By what a file is known again: size, time of change, and a checksum of its ends.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

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
