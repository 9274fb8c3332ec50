//! The part of the ZIP container that `.npz` files use: stored and deflated members, ZIP64; in memory, or in a file that
//! stays there.
//!
//! Source: PKWARE APPNOTE 6.3.10.

use std::io::{self, BufReader, Read, Seek, SeekFrom};

use crate::compression::{BOMB, is_bomb};
use crate::shared_file::SharedFile;

/// A member of an archive in memory.
pub struct Member<'a> {
    /// Its name.
    pub name: String,
    place: Place,
    data: &'a [u8],
}

/// A member of an archive in a file.
pub struct InFile {
    /// Its name.
    pub name: String,
    place: Place,
    file: SharedFile,
}

/// What the directory says of a member.
#[derive(Debug, Clone, Copy)]
struct Place {
    method: u16,
    size: u64,
    crc: u32,
    start: u64,
    /// Bytes in the archive.
    packed: u64,
}

const DAMAGED: &str = "a damaged or truncated ZIP archive";
const DAMAGED_MEMBER: &str = "a damaged member (its size or checksum is wrong)";
const UNKNOWN: &str = "an unknown ZIP compression";

/// The members of an archive, or what is wrong with it.
pub fn members(archive: &[u8]) -> Result<Vec<Member<'_>>, &'static str> {
    let part = |at: u64, count: u64| {
        let at = usize::try_from(at).ok()?;
        archive.get(at..at.checked_add(usize::try_from(count).ok()?)?)
    };
    let all = directory(archive.len() as u64, &mut |at, count| {
        part(at, count).map(<[u8]>::to_vec)
    });
    let member = |(name, place): (String, Place)| {
        let data = part(place.start, place.packed)?;
        Some(Member { name, place, data })
    };
    let members = all.and_then(|all| all.into_iter().map(member).collect());
    members.ok_or(DAMAGED)
}

/// The same of an archive that is a file, or what is wrong with it.
pub fn in_file(file: &SharedFile) -> Result<Vec<InFile>, &'static str> {
    let mut from = file.clone();
    let length = from.seek(SeekFrom::End(0)).map_err(|_| DAMAGED)?;
    let all = directory(length, &mut |at, count| {
        let mut bytes = vec![0; usize::try_from(count).ok()?];
        from.seek(SeekFrom::Start(at)).ok()?;
        from.read_exact(&mut bytes).ok()?;
        Some(bytes)
    });
    let member = |(name, place): (String, Place)| {
        let end = place.start.checked_add(place.packed)?;
        let file = file.clone();
        (end <= length).then_some(InFile { name, place, file })
    };
    let members = all.and_then(|all| all.into_iter().map(member).collect());
    members.ok_or(DAMAGED)
}

fn le<const N: usize>(bytes: &[u8], at: usize) -> Option<u64> {
    let mut word = [0; 8];
    word[..N].copy_from_slice(bytes.get(at..at.checked_add(N)?)?);
    Some(u64::from_le_bytes(word))
}

/// The members that the directory at the end of an archive lists; `get` gives so many bytes of the archive from a place on.
fn directory(
    length: u64,
    get: &mut dyn FnMut(u64, u64) -> Option<Vec<u8>>,
) -> Option<Vec<(String, Place)>> {
    // A comment of 64 KiB at most, the record before it, and the locator of the wide one.
    const TAIL: u64 = 0xffff + 22 + 20;
    let tail = get(length.saturating_sub(TAIL), length.min(TAIL))?;
    let last = tail.len().checked_sub(22)?;
    let first = last.saturating_sub(0xffff);
    let end = (first..=last)
        .rev()
        .find(|&at| tail[at..].starts_with(b"PK\x05\x06"))?;
    let mut count = le::<2>(&tail, end + 10)?;
    let mut at = le::<4>(&tail, end + 16)?;
    if at == 0xffff_ffff || count == 0xffff {
        let wide = get(le::<8>(&tail, end.checked_sub(20)? + 8)?, 56)?;
        if !wide.starts_with(b"PK\x06\x06") {
            return None;
        }
        (count, at) = (le::<8>(&wide, 32)?, le::<8>(&wide, 48)?);
    }
    let mut members = Vec::new();
    for _ in 0..count {
        let entry = get(at, 46)?;
        if !entry.starts_with(b"PK\x01\x02") {
            return None;
        }
        let [name, extra, comment] = [28, 30, 32].map(|offset| le::<2>(&entry, offset));
        let (name, extra, comment) = (name?, extra?, comment?);
        let texts = get(at.checked_add(46)?, name + extra)?;
        let (text, extra_bytes) = texts.split_at(name as usize);
        // Values that do not fit into 32 bits are in the extra field, in this order.
        let mut wide = zip64(extra_bytes).unwrap_or_default().chunks_exact(8);
        let mut widen = |value: u64| match value {
            0xffff_ffff => wide.next().and_then(|bytes| le::<8>(bytes, 0)),
            value => Some(value),
        };
        let size = widen(le::<4>(&entry, 24)?)?;
        let packed = widen(le::<4>(&entry, 20)?)?;
        let local = widen(le::<4>(&entry, 42)?)?;
        let own = get(local, 30)?;
        if !own.starts_with(b"PK\x03\x04") {
            return None;
        }
        let place = Place {
            method: le::<2>(&entry, 10)? as u16,
            size,
            crc: le::<4>(&entry, 16)? as u32,
            start: local.checked_add(30 + le::<2>(&own, 26)? + le::<2>(&own, 28)?)?,
            packed,
        };
        members.push((String::from_utf8_lossy(text).into_owned(), place));
        at = at.checked_add(46 + name + extra + comment)?;
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
        let Place {
            method, size, crc, ..
        } = self.place;
        if is_bomb(self.data.len() as u64, size) {
            return Err(BOMB);
        }
        let mut bytes = Vec::new();
        // One byte more than announced shows a wrong size.
        let limit = size.saturating_add(1);
        let read = match method {
            0 => self.data.take(limit).read_to_end(&mut bytes),
            8 => flate2::bufread::DeflateDecoder::new(self.data)
                .take(limit)
                .read_to_end(&mut bytes),
            _ => return Err(UNKNOWN),
        };
        let mut sum = flate2::Crc::new();
        sum.update(&bytes);
        if read.is_err() || bytes.len() as u64 != size || sum.sum() != crc {
            return Err(DAMAGED_MEMBER);
        }
        Ok(bytes)
    }
}

impl InFile {
    /// A reader of the unpacked bytes, which fails at the end of those that are damaged; or what is wrong with them.
    pub fn reader(&self) -> Result<Box<dyn Read + Send>, &'static str> {
        let Place {
            method,
            size,
            crc,
            start,
            packed,
        } = self.place;
        if is_bomb(packed, size) {
            return Err(BOMB);
        }
        let mut file = self.file.clone();
        file.seek(SeekFrom::Start(start)).map_err(|_| DAMAGED)?;
        let data = BufReader::with_capacity(1 << 16, file.take(packed));
        let inner: Box<dyn Read + Send> = match method {
            0 => Box::new(data),
            8 => Box::new(flate2::bufread::DeflateDecoder::new(data)),
            _ => return Err(UNKNOWN),
        };
        Ok(Box::new(Checked {
            inner,
            sum: flate2::Crc::new(),
            size,
            crc,
        }))
    }
}

/// Fails at the end of bytes that are not what the directory says.
struct Checked<R> {
    inner: R,
    sum: flate2::Crc,
    size: u64,
    crc: u32,
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let damaged = || io::Error::new(io::ErrorKind::InvalidData, DAMAGED_MEMBER);
        let count = self.inner.read(to).map_err(|_| damaged())?;
        self.sum.update(&to[..count]);
        let read = self.sum.amount();
        let is_over = count == 0 && !to.is_empty();
        // The count of the sum has 32 bits.
        let is_right = read == self.size as u32 && self.sum.sum() == self.crc;
        match is_over && !is_right {
            true => Err(damaged()),
            false => Ok(count),
        }
    }
}
