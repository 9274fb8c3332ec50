//! Files packed as people pack them, for tests of this crate and of the command line.

use std::io::Write;

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
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
