//! Records of delimited text (RFC 4180, relaxed): cells in quotes with doubled quotes inside,
//! CRLF, LF or CR, spaces around cells, a missing last newline.

use std::io::BufRead;

use memchr::{memchr, memchr_iter, memrchr};

use super::cell::Cell;
use crate::error::{Error, Location, Result, quote};
use crate::text::whole;

/// A record (a line, or several where a quoted cell holds newlines) may have at most this many
/// bytes.
pub const MAX_RECORD: usize = 64 << 20;
/// A table may have at most this many columns.
pub const MAX_CELLS: usize = 1 << 20;
/// How much is read before the dialect is decided.
pub const SAMPLE: usize = 1 << 18;
/// As many lines are read before.
const LINES: usize = 20;
/// With more bytes of 0 or the like a file is no text.
const BYTES_PER_ZERO: usize = 8;
/// Lines that are longer are left to whom reads record by record.
const MOST_BLOCK: usize = 16 << 20;

/// What [`scan`] found at the beginning of some bytes.
#[derive(Debug, PartialEq, Eq)]
pub enum Scan {
    /// A record of that many bytes, newline included, and of that many lines.
    Record(usize, u64),
    /// The record continues beyond the bytes.
    Incomplete,
    /// The quote at this byte, in this cell, is never closed.
    Unterminated(usize, usize),
    /// There are more than [`MAX_CELLS`].
    TooWide,
    /// There is text at this byte, after the closing quote of this cell.
    AfterQuote(usize, usize),
}

/// Cuts the first record of `bytes` into `cells`. Where the delimiter is a space, any white space is
/// one.
pub fn scan(bytes: &[u8], delimiter: u8, at_end: bool, cells: &mut Vec<Cell>) -> Scan {
    match delimiter {
        b' ' => scan_until(
            &Ends::new([b' ', b'\n', b'\r', b'\t']),
            bytes,
            b' ',
            at_end,
            cells,
        ),
        _ => scan_until(
            &Ends::new([delimiter, b'\n', b'\r']),
            bytes,
            delimiter,
            at_end,
            cells,
        ),
    }
}

fn scan_until<const N: usize>(
    ends: &Ends<N>,
    bytes: &[u8],
    delimiter: u8,
    at_end: bool,
    cells: &mut Vec<Cell>,
) -> Scan {
    cells.clear();
    let blank =
        |i: usize| matches!(bytes.get(i), Some(&b) if b == b' ' || (b == b'\t' && b != delimiter));
    let is_spaced = delimiter == b' ';
    let (mut i, mut has_quotes) = (0, false);
    loop {
        // Most cells begin with neither blanks nor a quote.
        let is_plain = bytes.get(i).is_some_and(|&byte| byte > b'"');
        while !is_plain && blank(i) {
            i += 1;
        }
        let start = i;
        if !is_plain && bytes.get(i) == Some(&b'"') {
            has_quotes = true;
            let (cell, end) = match quoted(bytes, start, at_end) {
                Some(found) => found,
                None if at_end => return Scan::Unterminated(start, cells.len()),
                None => return Scan::Incomplete,
            };
            cells.push(cell);
            i = end;
            while blank(i) {
                i += 1;
            }
            match bytes.get(i) {
                None | Some(b'\n' | b'\r') => {}
                Some(&b) if b == delimiter => {}
                Some(_) if is_spaced && i > end => i -= 1,
                Some(_) => return Scan::AfterQuote(i, cells.len() - 1),
            }
        } else {
            i = ends.first(bytes, i);
            let mut end = i;
            while end > start && blank(end - 1) {
                end -= 1;
            }
            cells.push(Cell::new(start, end));
        }
        if is_spaced && blank(i) {
            // White space before the end of a line is no delimiter.
            i += bytes[i..]
                .iter()
                .take_while(|b| matches!(b, b' ' | b'\t'))
                .count();
            i -= usize::from(!matches!(bytes.get(i), None | Some(b'\n' | b'\r')));
        }
        let length = match bytes.get(i) {
            Some(b'\n') => i + 1,
            Some(b'\r') => match bytes.get(i + 1) {
                Some(b'\n') => i + 2,
                None if !at_end => return Scan::Incomplete,
                _ => i + 1,
            },
            Some(_) if cells.len() > MAX_CELLS => return Scan::TooWide,
            Some(_) => {
                i += 1;
                continue;
            }
            None if at_end => i,
            None => return Scan::Incomplete,
        };
        let inside = if has_quotes {
            memchr_iter(b'\n', &bytes[..i]).count()
        } else {
            0
        };
        return Scan::Record(length, 1 + inside as u64);
    }
}

/// The bytes that end a cell without quotes, each in all eight bytes of a word.
struct Ends<const N: usize>([u64; N]);

impl<const N: usize> Ends<N> {
    const ONES: u64 = 0x0101_0101_0101_0101;

    fn new(bytes: [u8; N]) -> Self {
        Self(bytes.map(|byte| Self::ONES * u64::from(byte)))
    }

    /// The first of them from `from` on; the end of `bytes` where there is none. Eight bytes at a
    /// time: of a word, `(x - 1…1) & !x` has the highest bit of the first byte that is 0.
    #[inline]
    fn first(&self, bytes: &[u8], from: usize) -> usize {
        let mut i = from;
        while let Some(word) = bytes.get(i..).and_then(<[u8]>::first_chunk) {
            let word = u64::from_le_bytes(*word);
            let zeros = |x: u64| x.wrapping_sub(Self::ONES) & !x;
            let found = self
                .0
                .iter()
                .fold(0, |found, end| found | zeros(word ^ end));
            let found = found & (Self::ONES << 7);
            if found != 0 {
                return i + found.trailing_zeros() as usize / 8;
            }
            i += 8;
        }
        let is_end = |byte: &u8| self.0.iter().any(|end| *byte == *end as u8);
        let rest = bytes.get(i..).unwrap_or_default();
        i + rest.iter().position(is_end).unwrap_or(rest.len())
    }
}

/// The cell that the quote at `start` opens, and the byte after its closing quote; none where it is
/// not seen to close.
fn quoted(bytes: &[u8], start: usize, at_end: bool) -> Option<(Cell, usize)> {
    let (mut i, mut escaped) = (start + 1, false);
    loop {
        i += memchr(b'"', &bytes[i..])? + 1;
        match bytes.get(i) {
            Some(b'"') => {
                escaped = true;
                i += 1;
            }
            None if !at_end => return None,
            _ => break,
        }
    }
    Some((Cell::quoted(start + 1, i - 1, escaped), i))
}

/// Reads records one after the other through a buffer that grows only for a long record.
pub struct Records {
    /// The file, as the user named it.
    pub file: String,
    /// Between cells; may be changed before the first record is read.
    pub delimiter: u8,
    reader: Box<dyn BufRead + Send>,
    buffer: Vec<u8>,
    start: usize,
    at_end: bool,
    line: u64,
    cells: Vec<Cell>,
    /// Bytes of the file, where that is known, and those that were read.
    pub size: Option<u64>,
    read: u64,
    /// Whether a byte 0 was read.
    has_zero: bool,
    /// Whether a blank line is a record: a missing value of a file with one column.
    pub keeps_blank: bool,
}

/// The error for the first bytes of a file, with a 0 at a place: text with a stray one, or no text.
fn zero_byte(file: String, bytes: &[u8], at: usize) -> Error {
    let is_control = |byte: &&u8| **byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r');
    let location = Location::file(file);
    match bytes.iter().filter(is_control).count() * BYTES_PER_ZERO <= bytes.len() {
        true => {
            let line = 1 + memchr_iter(b'\n', &bytes[..at]).count() as u64;
            stray_zero(location.line(line))
        }
        false => Error::invalid(location, "binary data of no known format", "text")
            .remedy("convert the file; text is to be in UTF-8 or UTF-16"),
    }
}

fn stray_zero(location: Location) -> Error {
    let error = Error::invalid(location, "a byte 0 (NUL)", "text");
    error.remedy("remove it, as tr -d '\\0' does, or write the file again")
}

/// A record in the buffer.
pub struct Record<'a> {
    /// The line on which it starts.
    pub line: u64,
    /// The bytes in which the cells lie.
    pub bytes: &'a [u8],
    /// Its cells, at least one.
    pub cells: &'a [Cell],
}

impl Record<'_> {
    /// Whether it is a blank line.
    pub fn is_blank(&self) -> bool {
        matches!(self.cells, [cell] if cell.is_blank())
    }

    /// Whether its first cell begins as a comment.
    pub fn is_comment(&self) -> bool {
        self.cells
            .first()
            .is_some_and(|cell| self.bytes.get(cell.range().start) == Some(&b'#'))
    }

    /// The cells as text; invalid UTF-8 is replaced.
    pub fn lossy(&self) -> Vec<String> {
        let text = |cell: &Cell| String::from_utf8_lossy(&cell.bytes(self.bytes)).into_owned();
        self.cells.iter().map(text).collect()
    }
}

impl Records {
    /// Starts reading, past a byte order mark.
    pub fn new(file: String, reader: Box<dyn BufRead + Send>) -> Result<Self> {
        let mut records = Self {
            file,
            delimiter: b',',
            reader,
            buffer: Vec::new(),
            start: 0,
            at_end: false,
            line: 1,
            cells: Vec::new(),
            size: None,
            read: 0,
            has_zero: false,
            keeps_blank: false,
        };
        records.fill(SAMPLE)?;
        // Wide tables have long lines.
        while !records.at_end
            && records.buffer.len() < MOST_BLOCK
            && memchr_iter(b'\n', &records.buffer).count() < LINES
        {
            records.fill(records.buffer.len())?;
        }
        if let Some(at) = memchr(0, &records.buffer) {
            return Err(zero_byte(records.file, &records.buffer, at));
        }
        if records.buffer.starts_with(&[0xef, 0xbb, 0xbf]) {
            records.start = 3;
        }
        Ok(records)
    }

    /// The first bytes of the file (about [`SAMPLE`]), and whether they are all.
    pub fn sample(&self) -> (&[u8], bool) {
        (&self.buffer[self.start..], self.at_end)
    }

    /// Reads at least `more` bytes, or to the end.
    fn fill(&mut self, more: usize) -> Result<()> {
        self.buffer.drain(..self.start);
        self.start = 0;
        let (before, mut filled) = (self.buffer.len(), self.buffer.len());
        self.buffer.resize(filled + more, 0);
        while filled < self.buffer.len() && !self.at_end {
            match self.reader.read(&mut self.buffer[filled..]) {
                Ok(count) => {
                    self.at_end = count == 0;
                    self.read += count as u64;
                    filled += count;
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::reading(&self.file, error)),
            }
        }
        self.buffer.truncate(filled);
        self.has_zero |= memchr(0, &self.buffer[before..]).is_some();
        Ok(())
    }

    /// Takes about so many bytes, up to the end of a line where by the number of quotes no cell is
    /// open, or of the file; none where a line is too long, or one has a byte 0, whose place is
    /// known only record by record.
    pub fn take_block(&mut self, size: usize) -> Result<Option<Block>> {
        let mut wanted = size;
        loop {
            let rest = self.buffer.len() - self.start;
            if rest < wanted && !self.at_end {
                self.fill(wanted - rest)?;
            }
            // What was put back may be much more.
            let bytes = &self.buffer[self.start..];
            let is_rest = self.at_end && bytes.len() <= wanted;
            let bytes = &bytes[..bytes.len().min(wanted)];
            let end = if is_rest {
                bytes.len()
            } else {
                line_end(bytes)
            };
            if self.has_zero && memchr(0, &bytes[..end]).is_some() {
                return Ok(None);
            }
            if end > 0 {
                let carried = self.buffer.split_off(self.start + end);
                let bytes = std::mem::replace(&mut self.buffer, carried);
                let start = std::mem::take(&mut self.start);
                return Ok(Some(Block {
                    bytes,
                    start,
                    is_last: is_rest,
                }));
            }
            if is_rest || wanted > MOST_BLOCK {
                return Ok(None);
            }
            wanted *= 4;
        }
    }

    /// Goes on with bytes that were taken, from this line on.
    pub fn put_back(&mut self, mut bytes: Vec<u8>, line: u64) {
        bytes.extend_from_slice(&self.buffer[self.start..]);
        (self.buffer, self.start, self.line) = (bytes, 0, line);
    }

    /// Bytes of the records that come next, where that is known.
    pub fn left(&self) -> Option<u64> {
        let taken = self.read - (self.buffer.len() - self.start) as u64;
        self.size?.checked_sub(taken)
    }

    /// The line on which the next record begins.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// Skips lines, whatever they hold.
    pub fn skip_lines(&mut self, count: usize) -> Result<()> {
        for _ in 0..count {
            let mut searched = 0;
            let length = loop {
                let rest = &self.buffer[self.start..];
                match rest[searched..].iter().position(|&b| b == b'\n') {
                    Some(at) => break searched + at + 1,
                    None if self.at_end => break rest.len(),
                    None if rest.len() >= MAX_RECORD => return Err(self.too_long()),
                    None => searched = rest.len(),
                }
                self.fill(SAMPLE)?;
            };
            self.start += length;
            self.line += 1;
        }
        // What follows is looked at.
        match self.buffer.len() - self.start < SAMPLE / 2 {
            true => self.fill(SAMPLE),
            false => Ok(()),
        }
    }

    /// The next record that is not a blank line; `None` at the end.
    pub fn next(&mut self) -> Result<Option<Record<'_>>> {
        loop {
            let rest = &self.buffer[self.start..];
            if rest.is_empty() && self.at_end {
                return Ok(None);
            }
            match scan(rest, self.delimiter, self.at_end, &mut self.cells) {
                Scan::TooWide => return Err(too_wide(self.location())),
                Scan::Incomplete if rest.len() >= MAX_RECORD => return Err(self.too_long()),
                Scan::Record(length, _) if length > MAX_RECORD => return Err(self.too_long()),
                Scan::Incomplete => self.fill(SAMPLE.max(self.buffer.len() - self.start))?,
                Scan::Unterminated(at, cell) => {
                    return Err(self.quote_error(
                        at,
                        cell,
                        "a quote that is never closed",
                        "a closing quote",
                    ));
                }
                Scan::AfterQuote(at, cell) => {
                    let after: Vec<u8> = rest[at..].iter().copied().take(20).collect();
                    let after = String::from_utf8_lossy(&after).into_owned();
                    let found = format!("{} after a closing quote", quote(&after));
                    return Err(self.quote_error(at, cell, &found, "the next cell or line"));
                }
                Scan::Record(length, lines) => {
                    let line = self.line;
                    let range = self.start..self.start + length;
                    if self.has_zero
                        && let Some(at) = memchr(0, &self.buffer[range.clone()])
                    {
                        let inside = memchr_iter(b'\n', &self.buffer[range][..at]).count();
                        return Err(stray_zero(self.location_of(line + inside as u64)));
                    }
                    self.start += length;
                    self.line += lines;
                    let blank = matches!(self.cells.as_slice(), [cell] if cell.is_blank());
                    if !blank || self.keeps_blank {
                        return Ok(Some(Record {
                            line,
                            bytes: &self.buffer[range],
                            cells: &self.cells,
                        }));
                    }
                }
            }
        }
    }

    fn location(&self) -> Location {
        self.location_of(self.line)
    }

    fn location_of(&self, line: u64) -> Location {
        Location::file(self.file.clone()).line(line)
    }

    fn too_long(&self) -> Error {
        let found = format!("a line of more than {} bytes", whole(MAX_RECORD));
        let error = Error::invalid(self.location(), found, "shorter lines");
        error.remedy("check the quotes and that this is a text file")
    }

    fn quote_error(&self, at: usize, cell: usize, found: &str, expected: &str) -> Error {
        let before = &self.buffer[self.start..self.start + at];
        let line = self.line + before.iter().filter(|&&b| b == b'\n').count() as u64;
        let location = self.location_of(line);
        Error::invalid(location, format!("{found} in cell {}", cell + 1), expected)
            .remedy("double the quotes inside quoted cells")
    }
}

/// The error for more columns than [`MAX_CELLS`].
pub fn too_wide(location: Location) -> Error {
    let found = format!("more than {} columns", whole(MAX_CELLS));
    let error = Error::invalid(location, found, "a table with fewer");
    error.remedy("check the delimiter, and that a row of the file is a row of the table")
}

/// Bytes that were taken from a file.
pub struct Block {
    bytes: Vec<u8>,
    start: usize,
    /// Whether the file has no more.
    pub is_last: bool,
}

impl Block {
    /// What is taken.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    /// The block that begins with `before`.
    pub fn after(&self, before: &[u8]) -> Self {
        Self {
            bytes: [before, self.bytes()].concat(),
            start: 0,
            is_last: self.is_last,
        }
    }
}

/// Behind the last line end before which the number of quotes is even; 0 where there is none.
fn line_end(bytes: &[u8]) -> usize {
    let mut quotes = memchr_iter(b'"', bytes).count();
    let mut end = bytes.len();
    while let Some(at) = memrchr(b'\n', &bytes[..end]) {
        quotes -= memchr_iter(b'"', &bytes[at..end]).count();
        if quotes.is_multiple_of(2) {
            return at + 1;
        }
        end = at;
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(text: &str, delimiter: u8) -> Vec<Vec<String>> {
        let reader = Box::new(std::io::Cursor::new(text.as_bytes().to_vec()));
        let mut records = Records::new("t".to_owned(), reader).unwrap();
        records.delimiter = delimiter;
        let mut all = Vec::new();
        while let Some(record) = records.next().unwrap() {
            all.push(record.lossy());
        }
        all
    }

    #[test]
    fn any_white_space_is_one_delimiter_where_the_delimiter_is_a_space() {
        let text = "  1.5   2 \tx \n\n\"a b\"  \"c\"\t3\r\n4 5 6";
        let expected = [["1.5", "2", "x"], ["a b", "c", "3"], ["4", "5", "6"]];
        assert_eq!(records(text, b' '), expected);
        assert_eq!(records("1 2\t3\n", b'\t'), [["1 2", "3"]]);
    }
}
