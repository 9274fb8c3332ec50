//! The part of the ZIP container that `.npz` files use: stored and deflated members, ZIP64.
//!
//! Source: PKWARE APPNOTE 6.3.10.

use std::io::Read;

use crate::compression::{BOMB, is_bomb};

/// A member of an archive.
pub struct Member<'a> {
    /// Its name.
    pub name: String,
    method: u16,
    size: u64,
    crc: u32,
    data: &'a [u8],
}

/// The members of an archive, or what is wrong with it.
pub fn members(archive: &[u8]) -> Result<Vec<Member<'_>>, &'static str> {
    central_directory(archive).ok_or("a damaged or truncated ZIP archive")
}

fn le<const N: usize>(bytes: &[u8], at: usize) -> Option<u64> {
    let mut word = [0; 8];
    word[..N].copy_from_slice(bytes.get(at..at.checked_add(N)?)?);
    Some(u64::from_le_bytes(word))
}

fn starts(bytes: &[u8], at: usize, signature: &[u8]) -> bool {
    bytes
        .get(at..)
        .is_some_and(|rest| rest.starts_with(signature))
}

fn central_directory(archive: &[u8]) -> Option<Vec<Member<'_>>> {
    let last = archive.len().checked_sub(22)?;
    let first = last.saturating_sub(0xffff);
    let end = (first..=last)
        .rev()
        .find(|&at| starts(archive, at, b"PK\x05\x06"))?;
    let mut count = le::<2>(archive, end + 10)?;
    let mut at = le::<4>(archive, end + 16)?;
    if at == 0xffff_ffff || count == 0xffff {
        let locator = end.checked_sub(20)?;
        let end64 = usize::try_from(le::<8>(archive, locator + 8)?).ok()?;
        if !starts(archive, end64, b"PK\x06\x06") {
            return None;
        }
        count = le::<8>(archive, end64.checked_add(32)?)?;
        at = le::<8>(archive, end64.checked_add(48)?)?;
    }
    let mut at = usize::try_from(at).ok()?;
    let mut members = Vec::new();
    for _ in 0..count {
        if !starts(archive, at, b"PK\x01\x02") {
            return None;
        }
        let [name, extra, comment] = [28, 30, 32].map(|offset| le::<2>(archive, at + offset));
        let (name, extra, comment) = (name? as usize, extra? as usize, comment? as usize);
        let name_at = at + 46;
        let extra_bytes = archive.get(name_at + name..name_at + name + extra)?;
        // Values that do not fit into 32 bits are in the extra field, in this order.
        let mut wide = zip64(extra_bytes).unwrap_or_default().chunks_exact(8);
        let mut widen = |value: u64| match value {
            0xffff_ffff => wide.next().and_then(|bytes| le::<8>(bytes, 0)),
            value => Some(value),
        };
        let size = widen(le::<4>(archive, at + 24)?)?;
        let packed = usize::try_from(widen(le::<4>(archive, at + 20)?)?).ok()?;
        let local = usize::try_from(widen(le::<4>(archive, at + 42)?)?).ok()?;
        if !starts(archive, local, b"PK\x03\x04") {
            return None;
        }
        let start = local
            + 30
            + le::<2>(archive, local + 26)? as usize
            + le::<2>(archive, local + 28)? as usize;
        members.push(Member {
            name: String::from_utf8_lossy(archive.get(name_at..name_at + name)?).into_owned(),
            method: le::<2>(archive, at + 10)? as u16,
            size,
            crc: le::<4>(archive, at + 16)? as u32,
            data: archive.get(start..start.checked_add(packed)?)?,
        });
        at = name_at + name + extra + comment;
    }
    Some(members)
}

/// The data of the ZIP64 field among the extra fields.
fn zip64(mut extra: &[u8]) -> Option<&[u8]> {
    loop {
        let (tag, size) = (le::<2>(extra, 0)?, le::<2>(extra, 2)? as usize);
        let data = extra.get(4..4 + size)?;
        if tag == 1 {
            return Some(data);
        }
        extra = &extra[4 + size..];
    }
}

impl Member<'_> {
    /// The unpacked bytes, or what is wrong with them.
    pub fn unpack(&self) -> Result<Vec<u8>, &'static str> {
        if is_bomb(self.data.len() as u64, self.size) {
            return Err(BOMB);
        }
        let mut bytes = Vec::new();
        // One byte more than announced shows a wrong size.
        let limit = self.size.saturating_add(1);
        let read = match self.method {
            0 => self.data.take(limit).read_to_end(&mut bytes),
            8 => flate2::bufread::DeflateDecoder::new(self.data)
                .take(limit)
                .read_to_end(&mut bytes),
            _ => return Err("an unknown ZIP compression"),
        };
        let mut crc = flate2::Crc::new();
        crc.update(&bytes);
        if read.is_err() || bytes.len() as u64 != self.size || crc.sum() != self.crc {
            return Err("a damaged member (its size or checksum is wrong)");
        }
        Ok(bytes)
    }
}
