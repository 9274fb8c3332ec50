//! An opened file, its compression already taken off.

use std::borrow::Cow;
use std::fs::File;
use std::io::{BufRead, BufReader, Chain, Cursor, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use encoding_rs::Encoding;
use encoding_rs_io::DecodeReaderBytesBuilder;

use crate::archive;
use crate::compression::{self, Room};
use crate::encoding::{self, Whole};
use crate::error::{Error, Location, Result, quote};
use crate::numpy::zip;
use crate::options::ReadOptions;
use crate::shared_file::SharedFile;

/// Bytes by which a format can be recognized.
pub(crate) const HEAD: usize = 4096;
const BUFFER: usize = 1 << 18;

/// The bytes of a file, decompressed when they begin as a compressed file does, whatever the file
/// is called.
pub struct Input {
    /// The file, as the user named it.
    pub file: String,
    /// The name whose ending tells the format: that of the file without the ending of its
    /// compression, or that of the only file in a ZIP archive.
    pub name: String,
    /// The first bytes (up to 4096), which `reader` delivers again.
    pub head: Vec<u8>,
    /// All bytes.
    pub reader: Box<dyn BufRead + Send>,
    /// What the text was in, where it is UTF-8 by now.
    decoded_from: Option<&'static Encoding>,
    /// The file, where its bytes are those of `reader`.
    pub(crate) whole: Option<SharedFile>,
    /// How large its table may be.
    pub(crate) room: Room,
}

impl Input {
    /// Opens a file.
    pub fn open(path: &Path) -> Result<Self> {
        Self::open_counted(path, &Arc::default())
    }

    /// The same, and adds the bytes that are read of the file to a count.
    pub(crate) fn open_counted(path: &Path, count: &Arc<AtomicU64>) -> Result<Self> {
        let name = path.display().to_string();
        let fail = |source| Error::reading(&name, source);
        let file = File::open(path).map_err(fail)?;
        let kind = file.metadata().map_err(fail)?.file_type();
        if kind.is_dir() {
            return Err(Error::invalid(
                Location::file(name),
                "a directory",
                "a file",
            ));
        }
        // A pipe is read once.
        let whole = kind
            .is_file()
            .then(|| file.try_clone().map(SharedFile::new));
        let whole = whole.transpose().map_err(fail)?;
        let count = Arc::clone(count);
        Self::new(name, Counted { file, count }, whole)
    }

    /// Standard input.
    pub fn stdin() -> Result<Self> {
        Self::new("standard input".to_owned(), std::io::stdin(), None)
    }

    /// What a reader gives, under a name for messages.
    pub(crate) fn stream(name: &str, reader: impl Read + Send + 'static) -> Result<Self> {
        Self::new(name.to_owned(), reader, None)
    }

    /// Bytes in memory, under a name for messages.
    pub fn bytes(name: &str, bytes: impl Into<Cow<'static, [u8]>>) -> Result<Self> {
        Self::new(name.to_owned(), Cursor::new(bytes.into()), None)
    }

    fn new(
        file: String,
        reader: impl Read + Send + 'static,
        whole: Option<SharedFile>,
    ) -> Result<Self> {
        let (head, reader) = peek(&file, reader)?;
        let name = compression::plain_name(&file).to_owned();
        let reader = BufReader::with_capacity(BUFFER, reader);
        let input = |head, reader: Box<dyn BufRead + Send>, whole, room| Self {
            name,
            file: file.clone(),
            head,
            reader,
            decoded_from: None,
            whole,
            room,
        };
        let Some(compression) = compression::find(&head) else {
            let (reader, room) = compression::counted(reader);
            return input(head, Box::new(reader), whole, room)
                .extracted()?
                .decoded();
        };
        let decoder = compression.decompress(Box::new(reader));
        let (decoder, room) = decoder.map_err(|source| Error::reading(&file, source))?;
        let (head, reader) = peek(&file, decoder)?;
        if let Some(inner) = compression::find(&head) {
            let found = format!("{} inside {}", inner.name, compression.name);
            let error = Error::invalid(Location::file(file), found, "data, compressed once");
            return Err(error.remedy("decompress the file"));
        }
        let reader = BufReader::with_capacity(BUFFER, reader);
        input(head, Box::new(reader), None, room)
            .extracted()?
            .decoded()
    }

    /// Whether it is a file that is an archive of NumPy arrays, which is a format of its own.
    fn is_of_arrays(&self) -> bool {
        let members = self.whole.as_ref().map(zip::in_file);
        let is_array = |member: &zip::InFile| member.name.ends_with(".npy");
        members.is_some_and(|members| members.is_ok_and(|all| all.iter().any(is_array)))
    }

    /// The only file of a ZIP archive.
    fn extracted(mut self) -> Result<Self> {
        if !archive::is_zip(&self.head) || self.is_of_arrays() {
            return Ok(self);
        }
        let packed = self.take(u64::MAX)?;
        let bytes = match archive::only_member(&self.file, &packed)? {
            None => packed,
            Some((name, bytes)) => {
                self.name = name;
                self.head = bytes.iter().copied().take(HEAD).collect();
                self.whole = None;
                bytes
            }
        };
        self.reader = Box::new(Cursor::new(bytes));
        Ok(self)
    }

    /// Text in UTF-16 as UTF-8.
    fn decoded(self) -> Result<Self> {
        match encoding::utf16(&self.head) {
            Some(encoding) => self.decoded_as(encoding),
            None => Ok(self),
        }
    }

    /// Text in the encoding of the options as UTF-8.
    ///
    /// # Errors
    /// If there is no such encoding, or the text is seen to be in another one.
    pub(crate) fn text(self, options: &ReadOptions) -> Result<Self> {
        let before = options.before.encoding.as_ref().filter(|_| !self.is_utf8());
        let Some(label) = options.encoding.as_ref().or(before) else {
            return Ok(self);
        };
        let Some(encoding) = Encoding::for_label(label.as_bytes()) else {
            let location = Location::field("data.read.encoding");
            let expected = "an encoding such as utf-8, latin1, windows-1252 or shift_jis";
            return Err(Error::invalid(location, quote(label), expected));
        };
        match self.decoded_from {
            None => self.decoded_as(encoding),
            // `utf-16` is little endian by its name, and either by a byte order mark.
            Some(seen) if encoding.name().starts_with("UTF-16") || seen == encoding => Ok(self),
            Some(seen) => {
                let found = format!("text in {}", seen.name());
                let expected = format!("{}, as `data.read.encoding` says", encoding.name());
                let error = Error::invalid(Location::file(self.file), found, expected);
                Err(error.remedy("leave out `data.read.encoding`"))
            }
        }
    }

    /// Whether it is text in UTF-8; of what can be read but once, by its first bytes.
    fn is_utf8(&self) -> bool {
        let mut head = self.head.as_slice();
        let mut whole = self.whole.clone();
        let reader: &mut dyn Read = match &mut whole {
            Some(whole) => whole,
            None => &mut head,
        };
        let (mut bytes, mut start) = (vec![0; BUFFER], 0);
        while let Ok(count @ 1..) = reader.read(&mut bytes[start..]) {
            let end = start + count;
            let valid = match std::str::from_utf8(&bytes[..end]) {
                Err(error) if error.error_len().is_some() => return false,
                Err(error) => error.valid_up_to(),
                Ok(_) => end,
            };
            // A character may be cut.
            bytes.copy_within(valid..end, 0);
            start = end - valid;
        }
        true
    }

    fn decoded_as(self, encoding: &'static Encoding) -> Result<Self> {
        let mut decoder = DecodeReaderBytesBuilder::new();
        let decoder = decoder.encoding(Some(encoding));
        let reader: Box<dyn Read + Send> = match encoding.name().starts_with("UTF-16") {
            true => Box::new(decoder.build(Whole::new(self.reader))),
            false => Box::new(decoder.build(self.reader)),
        };
        let (head, reader) = peek(&self.file, reader)?;
        let reader = Box::new(BufReader::with_capacity(BUFFER, reader));
        Ok(Self {
            head,
            reader,
            decoded_from: Some(encoding),
            whole: None,
            room: self.room,
            file: self.file,
            name: self.name,
        })
    }

    /// Up to `limit` bytes from here on. Memory grows with what is really there, not with `limit`.
    pub fn take(&mut self, limit: u64) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        (self.reader.by_ref().take(limit).read_to_end(&mut bytes))
            .map_err(|source| Error::reading(&self.file, source))?;
        Ok(bytes)
    }
}

/// A file that counts what is read of it.
struct Counted {
    file: File,
    count: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        let read = self.file.read(to)?;
        self.count.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

type Peeked<R> = Chain<Cursor<Vec<u8>>, R>;

/// The first bytes of `reader`, and a reader that begins with them again.
fn peek<R: Read>(file: &str, mut reader: R) -> Result<(Vec<u8>, Peeked<R>)> {
    let mut head = Vec::new();
    (reader.by_ref().take(HEAD as u64).read_to_end(&mut head))
        .map_err(|source| Error::reading(file, source))?;
    Ok((head.clone(), Cursor::new(head).chain(reader)))
}
