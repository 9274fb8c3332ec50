//! Files for tests: in a folder of their own, and packed in every way that is read.

use std::fs;
use std::io::Write;
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

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// A ZIP archive of deflated members (PKWARE APPNOTE 6.3.10).
pub fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut archive, mut directory) = (Vec::new(), Vec::new());
    for (name, bytes) in members {
        let mut encoder =
            flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        let packed = encoder.finish().unwrap();
        let mut crc = flate2::Crc::new();
        crc.update(bytes);
        // Version, flags, method (deflate), time and date; checksum, sizes, length of the name.
        let mut entry = vec![20, 0, 0, 0, 8, 0, 0, 0, 0, 0];
        for number in [
            crc.sum(),
            packed.len() as u32,
            bytes.len() as u32,
            name.len() as u32,
        ] {
            entry.extend(number.to_le_bytes());
        }
        let offset = archive.len() as u32;
        archive.extend([b"PK\x03\x04", entry.as_slice(), name.as_bytes(), &packed].concat());
        directory.extend([b"PK\x01\x02\x14\x00", entry.as_slice(), &[0; 10]].concat());
        directory.extend([&offset.to_le_bytes(), name.as_bytes()].concat());
    }
    let start = archive.len() as u32;
    archive.extend(&directory);
    let count = (members.len() as u16).to_le_bytes();
    archive.extend([b"PK\x05\x06\0\0\0\0", count.as_slice(), &count].concat());
    archive.extend((directory.len() as u32).to_le_bytes());
    archive.extend(start.to_le_bytes());
    archive.extend([0; 2]);
    archive
}
