//! Records of delimited text (RFC 4180, relaxed): cells in quotes with doubled quotes inside,
//! CRLF, LF or CR, spaces around cells, a missing last newline.

use std::borrow::Cow;
use std::io::BufRead;

use crate::error::{Error, Location, Result, quote};

/// A record (a line, or several where a quoted cell holds newlines) may have at most this many
/// bytes.
pub const MAX_RECORD: usize = 64 << 20;
/// How much is read before the dialect is decided.
pub const SAMPLE: usize = 1 << 18;

/// A cell as a range of bytes in its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    start: usize,
    end: usize,
    /// Whether quotes inside are doubled and must be undone.
    escaped: bool,
    quoted: bool,
}

/// What [`scan`] found at the beginning of some bytes.
#[derive(Debug, PartialEq, Eq)]
pub enum Scan {
    /// A record of that many bytes, newline included.
    Record(usize),
    /// The record continues beyond the bytes.
    Incomplete,
    /// The quote at this byte, in this cell, is never closed.
    Unterminated(usize, usize),
    /// There is text at this byte, after the closing quote of this cell.
    AfterQuote(usize, usize),
}

/// Cuts the first record of `bytes` into `cells`. Where the delimiter is a space, any white space
/// is one.
pub fn scan(bytes: &[u8], delimiter: u8, at_end: bool, cells: &mut Vec<Cell>) -> Scan {
    cells.clear();
    let blank =
        |i: usize| matches!(bytes.get(i), Some(&b) if b == b' ' || (b == b'\t' && b != delimiter));
    let is_spaced = delimiter == b' ';
    let is_end =
        |&b: &u8| b == delimiter || matches!(b, b'\n' | b'\r') || (is_spaced && b == b'\t');
    let mut i = 0;
    loop {
        while blank(i) {
            i += 1;
        }
        let start = i;
        if bytes.get(i) == Some(&b'"') {
            match quoted(bytes, start, at_end) {
                Some(cell) => cells.push(cell),
                None if at_end => return Scan::Unterminated(start, cells.len()),
                None => return Scan::Incomplete,
            }
            let end = cells[cells.len() - 1].end + 1;
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
            i = bytes[i..]
                .iter()
                .position(is_end)
                .map_or(bytes.len(), |n| i + n);
            let mut end = i;
            while end > start && blank(end - 1) {
                end -= 1;
            }
            cells.push(Cell {
                start,
                end,
                escaped: false,
                quoted: false,
            });
        }
        if is_spaced && blank(i) {
            // White space before the end of a line is no delimiter.
            i += bytes[i..]
                .iter()
                .take_while(|b| matches!(b, b' ' | b'\t'))
                .count();
            i -= usize::from(!matches!(bytes.get(i), None | Some(b'\n' | b'\r')));
        }
        match (bytes.get(i), bytes.get(i + 1)) {
            (None, _) if at_end => return Scan::Record(i),
            (None, _) => return Scan::Incomplete,
            (Some(b'\n'), _) => return Scan::Record(i + 1),
            (Some(b'\r'), Some(b'\n')) => return Scan::Record(i + 2),
            (Some(b'\r'), None) if !at_end => return Scan::Incomplete,
            (Some(b'\r'), _) => return Scan::Record(i + 1),
            _ => i += 1,
        }
    }
}

/// The cell that the quote at `start` opens; none where it is not seen to close.
fn quoted(bytes: &[u8], start: usize, at_end: bool) -> Option<Cell> {
    let (mut i, mut escaped) = (start + 1, false);
    loop {
        i += bytes[i..].iter().position(|&b| b == b'"')? + 1;
        match bytes.get(i) {
            Some(b'"') => {
                escaped = true;
                i += 1;
            }
            None if !at_end => return None,
            _ => break,
        }
    }
    Some(Cell {
        start: start + 1,
        end: i - 1,
        escaped,
        quoted: true,
    })
}

impl Cell {
    /// Whether there is nothing in it, not even quotes.
    pub fn is_blank(self) -> bool {
        self.start == self.end && !self.quoted
    }

    /// Whether there is nothing in it.
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// The bytes of the cell, quotes undone.
    pub fn bytes(self, record: &[u8]) -> Cow<'_, [u8]> {
        let raw = &record[self.start..self.end];
        if !self.escaped {
            return Cow::Borrowed(raw);
        }
        let mut bytes = Vec::with_capacity(raw.len());
        let mut rest = raw.iter();
        while let Some(&b) = rest.next() {
            bytes.push(b);
            if b == b'"' {
                rest.next();
            }
        }
        Cow::Owned(bytes)
    }
}

/// Reads records one after the other through a buffer that grows only for a long record.
pub struct Records {
    /// The file, as the user named it.
    pub file: String,
    /// Between cells; may be changed before the first record is read.
    pub delimiter: u8,
    reader: Box<dyn BufRead>,
    buffer: Vec<u8>,
    start: usize,
    at_end: bool,
    line: u64,
    cells: Vec<Cell>,
    /// Whether a blank line is a record: a missing value of a file with one column.
    pub keeps_blank: bool,
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
        matches!(self.cells, [cell] if cell.start == cell.end && !cell.quoted)
    }

    /// Whether its first cell begins as a comment.
    pub fn is_comment(&self) -> bool {
        self.cells
            .first()
            .is_some_and(|cell| self.bytes.get(cell.start) == Some(&b'#'))
    }

    /// The cells as text; invalid UTF-8 is replaced.
    pub fn lossy(&self) -> Vec<String> {
        let text = |cell: &Cell| String::from_utf8_lossy(&cell.bytes(self.bytes)).into_owned();
        self.cells.iter().map(text).collect()
    }
}

impl Records {
    /// Starts reading, past a byte order mark.
    pub fn new(file: String, reader: Box<dyn BufRead>) -> Result<Self> {
        let mut records = Self {
            file,
            delimiter: b',',
            reader,
            buffer: Vec::new(),
            start: 0,
            at_end: false,
            line: 1,
            cells: Vec::new(),
            keeps_blank: false,
        };
        records.fill(SAMPLE)?;
        if records.buffer.contains(&0) {
            let location = Location::file(records.file);
            return Err(Error::invalid(
                location,
                "binary data of no known format",
                "text",
            ));
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
        let want = self.buffer.len() + more;
        while self.buffer.len() < want && !self.at_end {
            let bytes = match self.reader.fill_buf() {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Error::reading(&self.file, error)),
            };
            self.at_end = bytes.is_empty();
            self.buffer.extend_from_slice(bytes);
            let used = bytes.len();
            self.reader.consume(used);
        }
        Ok(())
    }

    /// The bytes after the last record, at least so many if the file has them, and whether they
    /// are all.
    pub fn window(&mut self, bytes: usize) -> Result<(&[u8], bool)> {
        let rest = self.buffer.len() - self.start;
        if rest < bytes && !self.at_end {
            self.fill(bytes - rest)?;
        }
        Ok(self.sample())
    }

    /// The line on which the next record begins.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// Leaves out records of so many bytes, up to this line.
    pub fn skip(&mut self, bytes: usize, line: u64) {
        self.start += bytes;
        self.line = line;
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
                Scan::Incomplete if rest.len() >= MAX_RECORD => {
                    return Err(Error::invalid(
                        Location::file(self.file.clone()).line(self.line),
                        format!("a line of more than {MAX_RECORD} bytes"),
                        "shorter lines",
                    )
                    .remedy("check the quotes and that this is a text file"));
                }
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
                Scan::Record(length) => {
                    let line = self.line;
                    let range = self.start..self.start + length;
                    self.start += length;
                    self.line += newlines(&self.buffer[range.clone()], &self.cells);
                    let blank =
                        matches!(self.cells.as_slice(), [c] if !c.quoted && c.start == c.end);
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

    fn quote_error(&self, at: usize, cell: usize, found: &str, expected: &str) -> Error {
        let before = &self.buffer[self.start..self.start + at];
        let line = self.line + before.iter().filter(|&&b| b == b'\n').count() as u64;
        let location = Location::file(self.file.clone()).line(line);
        Error::invalid(location, format!("{found} in cell {}", cell + 1), expected)
            .remedy("double the quotes inside quoted cells")
    }
}

/// Lines that a record takes: one, and the newlines inside quoted cells.
pub fn newlines(record: &[u8], cells: &[Cell]) -> u64 {
    let inside = |cell: &&Cell| cell.quoted;
    let count = |cell: &Cell| {
        let bytes = &record[cell.start..cell.end];
        bytes.iter().filter(|&&b| b == b'\n').count() as u64
    };
    1 + cells.iter().filter(inside).map(count).sum::<u64>()
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
