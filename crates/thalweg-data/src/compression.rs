//! Compressed files: recognized by their first bytes, decompressed while they are read, and
//! refused when they expand out of all proportion.

use std::io::{self, BufRead, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What may come out of any compressed file, in bytes; beyond it [`MAX_RATIO`] holds.
pub const FREE: u64 = 256 << 20;
/// How many times its size a compressed file may expand. Tables rarely reach a hundred.
pub const MAX_RATIO: u64 = 250;

/// Whether `packed` bytes that become `unpacked` are no data but an attack on memory.
pub fn is_bomb(packed: u64, unpacked: u64) -> bool {
    unpacked > FREE && unpacked / MAX_RATIO > packed
}

/// What is found in such a file.
pub const BOMB: &str = "data that expand more than 250 times, beyond 256 MiB";

/// The bytes so far of a file as it is stored, by which its table may be large; any table may without.
#[derive(Debug, Clone, Default)]
pub struct Room(Option<Arc<AtomicU64>>);

impl Room {
    /// Whether a table of so many numbers is data.
    ///
    /// # Errors
    /// If it is an attack on memory.
    pub fn check(&self, rows: usize, columns: usize) -> io::Result<()> {
        let bytes = (rows as u64).saturating_mul(8 * columns as u64);
        let is_bomb = |packed: &Arc<AtomicU64>| is_bomb(packed.load(Ordering::Relaxed), bytes);
        match self.0.as_ref().is_some_and(is_bomb) {
            true => Err(io::Error::new(io::ErrorKind::FileTooLarge, BOMB)),
            false => Ok(()),
        }
    }
}

/// A compression of single files.
pub struct Compression {
    /// What it is called in messages.
    pub name: &'static str,
    /// Endings of file names, after that of the format.
    pub endings: &'static [&'static str],
    is: fn(&[u8]) -> bool,
    decoder: Decoder,
    encoder: fn(&[u8]) -> io::Result<Vec<u8>>,
}

type Decoder = fn(Box<dyn BufRead + Send>) -> io::Result<Box<dyn Read + Send>>;

/// All compressions.
pub static COMPRESSIONS: &[Compression] = &[
    Compression {
        name: "gzip",
        endings: &["gz", "gzip"],
        is: |head| head.starts_with(b"\x1f\x8b"),
        decoder: |reader| Ok(Box::new(flate2::bufread::MultiGzDecoder::new(reader))),
        encoder: |bytes| {
            let level = flate2::Compression::default();
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
            encoder.write_all(bytes)?;
            encoder.finish()
        },
    },
    Compression {
        name: "zstd",
        endings: &["zst", "zstd"],
        is: |head| head.starts_with(b"\x28\xb5\x2f\xfd"),
        decoder: codecs::zstd,
        encoder: codecs::to_zstd,
    },
    Compression {
        name: "xz",
        endings: &["xz"],
        is: |head| head.starts_with(b"\xfd7zXZ\0"),
        decoder: codecs::xz,
        encoder: codecs::to_xz,
    },
    Compression {
        name: "bzip2",
        endings: &["bz2"],
        // A text may begin with `BZh`; then come the digits of π, or those of its root at the end.
        is: |head| {
            let start = head.get(4..10).unwrap_or_default();
            head.starts_with(b"BZh")
                && [b"\x31\x41\x59\x26\x53\x59", b"\x17\x72\x45\x38\x50\x90"]
                    .iter()
                    .any(|digits| start == *digits)
        },
        decoder: codecs::bzip2,
        encoder: codecs::to_bzip2,
    },
];

/// The bytes of a file of that name: compressed if it ends so.
///
/// # Errors
/// If this build does not write that compression.
pub fn compress(name: &str, bytes: Vec<u8>) -> io::Result<Vec<u8>> {
    let (_, ending) = name.rsplit_once('.').unwrap_or_default();
    match COMPRESSIONS
        .iter()
        .find(|compression| compression.endings.contains(&ending))
    {
        Some(compression) => (compression.encoder)(&bytes),
        None if ending == "zip" => Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "a ZIP archive, which is not written",
        )),
        None => Ok(bytes),
    }
}

/// The compression of a file with these first bytes.
pub fn find(head: &[u8]) -> Option<&'static Compression> {
    (COMPRESSIONS.iter()).find(|compression| (compression.is)(head))
}

/// A file name without the ending of its compression.
pub fn plain_name(name: &str) -> &str {
    let mut endings = (COMPRESSIONS.iter().flat_map(|c| c.endings)).chain([&"zip"]);
    let bare = |ending: &&str| {
        let (stem, last) = name.rsplit_once('.')?;
        last.eq_ignore_ascii_case(ending).then_some(stem)
    };
    endings.find_map(bare).unwrap_or(name)
}

/// The bytes of `reader`, and the room for a table of them.
pub fn counted<R: BufRead>(inner: R) -> (Counted<R>, Room) {
    let count = Arc::new(AtomicU64::new(0));
    let room = Room(Some(count.clone()));
    (Counted { inner, count }, room)
}

impl Compression {
    /// What is compressed in `reader`, and the room for its table.
    ///
    /// # Errors
    /// If the decoder cannot be made, or this build has none.
    pub fn decompress(
        &self,
        reader: Box<dyn BufRead + Send>,
    ) -> io::Result<(impl Read + Send + use<>, Room)> {
        let (counted, room) = counted(reader);
        let packed = counted.count.clone();
        let bounded = Bounded {
            inner: (self.decoder)(Box::new(counted))?,
            packed,
            unpacked: 0,
        };
        Ok((bounded, room))
    }
}

/// Counts the bytes that are taken from a reader.
pub struct Counted<R> {
    inner: R,
    count: Arc<AtomicU64>,
}

impl<R: BufRead> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.count.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

impl<R: BufRead> BufRead for Counted<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.count.fetch_add(amount as u64, Ordering::Relaxed);
        self.inner.consume(amount);
    }
}

/// Ends with an error where more comes out than a file of data holds.
struct Bounded<R> {
    inner: R,
    packed: Arc<AtomicU64>,
    unpacked: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.unpacked += count as u64;
        match is_bomb(self.packed.load(Ordering::Relaxed), self.unpacked) {
            true => Err(io::Error::new(io::ErrorKind::FileTooLarge, BOMB)),
            false => Ok(count),
        }
    }
}

#[cfg(feature = "codecs")]
mod codecs {
    use std::io::{self, BufRead, Read, Write};

    use liblzma::bufread::XzDecoder;
    use liblzma::stream::{CONCATENATED, Stream};

    /// `xz -9` needs 65 MiB to decompress.
    const MEMORY: u64 = 256 << 20;

    pub fn zstd(reader: Box<dyn BufRead + Send>) -> io::Result<Box<dyn Read + Send>> {
        // Its window is at most 128 MiB.
        Ok(Box::new(zstd::stream::read::Decoder::with_buffer(reader)?))
    }

    pub fn xz(reader: Box<dyn BufRead + Send>) -> io::Result<Box<dyn Read + Send>> {
        let stream = Stream::new_stream_decoder(MEMORY, CONCATENATED)?;
        Ok(Box::new(XzDecoder::new_stream(reader, stream)))
    }

    pub fn bzip2(reader: Box<dyn BufRead + Send>) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(bzip2::bufread::MultiBzDecoder::new(reader)))
    }

    pub fn to_zstd(bytes: &[u8]) -> io::Result<Vec<u8>> {
        zstd::stream::encode_all(bytes, zstd::DEFAULT_COMPRESSION_LEVEL)
    }

    pub fn to_xz(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 6);
        encoder.write_all(bytes)?;
        encoder.finish()
    }

    pub fn to_bzip2(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let level = bzip2::Compression::default();
        let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), level);
        encoder.write_all(bytes)?;
        encoder.finish()
    }
}

#[cfg(not(feature = "codecs"))]
mod codecs {
    use std::io::{self, BufRead, Read};

    fn unsupported() -> io::Error {
        let message = "a compression for which this build lacks the feature codecs";
        io::Error::new(io::ErrorKind::Unsupported, message)
    }

    pub fn absent(_: Box<dyn BufRead + Send>) -> io::Result<Box<dyn Read + Send>> {
        Err(unsupported())
    }

    pub fn to_absent(_: &[u8]) -> io::Result<Vec<u8>> {
        Err(unsupported())
    }

    pub use self::{absent as bzip2, absent as xz, absent as zstd};
    pub use self::{to_absent as to_bzip2, to_absent as to_xz, to_absent as to_zstd};
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_room_in_proportion_to_its_compressed_file() {
        let room = Room(Some(Arc::new(AtomicU64::new(2 << 20))));
        // 500 MiB of numbers.
        let most = (MAX_RATIO as usize) << 21;
        assert!(room.check(most / 80, 10).is_ok());
        assert!(room.check(most / 80 + (1 << 15), 10).is_err());
        assert!(Room::default().check(usize::MAX, 10).is_ok());
        let small = Room(Some(Arc::new(AtomicU64::new(1))));
        assert!(small.check(FREE as usize / 8, 1).is_ok() && small.check(usize::MAX, 9).is_err());
    }
}
