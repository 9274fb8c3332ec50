//! Files for tests: in a folder of their own, and packed in every way that is read.

pub mod packed;

use std::fs;
use std::path::{Path, PathBuf};

/// A folder of files that is removed at the end.
pub struct Place(PathBuf);

impl Place {
    pub fn new(name: &str, files: &[(&str, Vec<u8>)]) -> Self {
        let folder = format!("thalweg-{name}-{}", std::process::id());
        let folder = std::env::temp_dir().join(folder);
        for (file, bytes) in files {
            let path = folder.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        Self(folder)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}
