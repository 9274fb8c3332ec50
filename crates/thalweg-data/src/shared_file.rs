//! A file that several readers share, each at a place of its own.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

/// A reader of a shared file. Clones read from the beginning, and go on when the file has no name any more.
#[derive(Debug)]
pub struct SharedFile {
    file: Arc<File>,
    at: u64,
    /// Whether what is read is dropped from the system's page cache.
    is_direct: bool,
}

impl SharedFile {
    /// A reader of this file.
    pub fn new(file: File) -> Self {
        Self {
            file: Arc::new(file),
            at: 0,
            is_direct: false,
        }
    }

    /// A reader that leaves nothing of the file in the page cache, so that every read is one of the device; where the
    /// system knows no such advice, as [`Self::new`].
    ///
    /// # Errors
    /// If what was written cannot be put onto the device.
    pub fn direct(file: File) -> io::Result<Self> {
        // Pages that are not on the device are not dropped.
        file.sync_data()?;
        let shared = Self {
            is_direct: true,
            ..Self::new(file)
        };
        shared.drop_pages(0, 0);
        Ok(shared)
    }

    /// Its bytes, where the system knows how many.
    pub fn size(&self) -> Option<u64> {
        self.file.metadata().ok().map(|metadata| metadata.len())
    }

    /// Drops so many bytes from the page cache; all behind `at` for 0.
    fn drop_pages(&self, at: u64, bytes: u64) {
        #[cfg(target_os = "linux")]
        {
            use rustix::fs::{Advice, fadvise};
            // A hint: a file system may not follow it.
            let _ = fadvise(&self.file, at, bytes.try_into().ok(), Advice::DontNeed);
        }
        #[cfg(not(target_os = "linux"))]
        let _ = (at, bytes);
    }
}

impl Clone for SharedFile {
    fn clone(&self) -> Self {
        Self {
            file: Arc::clone(&self.file),
            at: 0,
            is_direct: self.is_direct,
        }
    }
}

#[cfg(unix)]
fn read_at(file: &File, to: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, to, at)
}

#[cfg(windows)]
fn read_at(file: &File, to: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, to, at)
}

impl Read for SharedFile {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let read = read_at(&self.file, to, self.at)?;
        if self.is_direct {
            self.drop_pages(self.at, read as u64);
        }
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for SharedFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let moved = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.file.metadata()?.len().checked_add_signed(by),
        };
        self.at = moved.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}
