//! The lines of a text file whose rows are lines, with their numbers: one by one, or in blocks of many.

use std::io::{BufRead, Read};

use crate::csv::records::MAX_RECORD;
use crate::error::{Error, Location, Result, quote};
use crate::input::Input;
use crate::text::whole;

/// Reads a file line by line.
pub struct TextLines {
    file: String,
    reader: Box<dyn BufRead + Send>,
    buffer: Vec<u8>,
    line: u64,
}

impl TextLines {
    /// The lines of a file, without a byte order mark.
    pub fn new(input: Input) -> Self {
        Self {
            file: input.file,
            reader: input.reader,
            buffer: Vec::new(),
            line: 0,
        }
    }

    /// Where the line of [`next`](Self::next) stands.
    pub fn location(&self) -> Location {
        Location::file(&self.file).line(self.line)
    }

    /// The number of that line, counted from 1.
    pub fn number(&self) -> u64 {
        self.line
    }

    /// The next line that is not blank, without white space around it; `None` at the end.
    pub fn next(&mut self) -> Result<Option<&str>> {
        loop {
            self.buffer.clear();
            self.line += 1;
            let limit = MAX_RECORD as u64;
            let read = (self.reader.by_ref().take(limit)).read_until(b'\n', &mut self.buffer);
            match read.map_err(|source| Error::reading(&self.file, source))? {
                0 => return Ok(None),
                MAX_RECORD => {
                    let found = format!("a line of more than {} bytes", whole(MAX_RECORD));
                    let error = Error::invalid(self.location(), found, "shorter lines");
                    return Err(error.remedy("check that this is a text file"));
                }
                _ => {}
            }
            if self.line == 1 && self.buffer.starts_with(b"\xef\xbb\xbf") {
                self.buffer.drain(..3);
            }
            if !self.buffer.trim_ascii().is_empty() {
                break;
            }
        }
        match std::str::from_utf8(&self.buffer) {
            Ok(text) => Ok(Some(text.trim())),
            Err(_) => {
                let found = quote(&String::from_utf8_lossy(&self.buffer));
                let error = Error::invalid(self.location(), found, "UTF-8 text");
                Err(error.remedy("save the file as UTF-8"))
            }
        }
    }
}

/// Reads many lines at once.
pub struct LineBlocks {
    file: String,
    reader: Box<dyn BufRead + Send>,
    /// The beginning of a line that was cut.
    rest: Vec<u8>,
    /// Lines so far.
    lines: u64,
}

/// Some whole lines.
pub struct LineBlock {
    bytes: Vec<u8>,
    before: u64,
}

impl LineBlocks {
    /// The lines of a file, without a byte order mark.
    pub fn new(input: Input) -> Self {
        Self {
            file: input.file,
            reader: input.reader,
            rest: Vec::new(),
            lines: 0,
        }
    }

    /// About so many bytes of lines; `None` at the end.
    pub fn next(&mut self, size: usize) -> Result<Option<LineBlock>> {
        let mut bytes = std::mem::take(&mut self.rest);
        loop {
            let start = bytes.len();
            let read = (self.reader.by_ref().take(size as u64)).read_to_end(&mut bytes);
            let read = read.map_err(|source| Error::reading(&self.file, source))?;
            let end = bytes[start..].iter().rposition(|byte| *byte == b'\n');
            match end {
                Some(end) => {
                    self.rest = bytes.split_off(start + end + 1);
                    break;
                }
                None if read == 0 => break,
                None if bytes.len() >= MAX_RECORD => {
                    let location = Location::file(&self.file).line(self.lines + 1);
                    let found = format!("a line of more than {} bytes", whole(MAX_RECORD));
                    let error = Error::invalid(location, found, "shorter lines");
                    return Err(error.remedy("check that this is a text file"));
                }
                None => {}
            }
        }
        if self.lines == 0 && bytes.starts_with(b"\xef\xbb\xbf") {
            bytes.drain(..3);
        }
        let before = self.lines;
        self.lines += bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
        Ok((!bytes.is_empty()).then_some(LineBlock { bytes, before }))
    }
}

impl LineBlock {
    /// Visits the lines that are not blank, without white space around them, each with its place in the file.
    ///
    /// # Errors
    /// If a line is no UTF-8, and those of `visit`.
    pub fn each(&self, file: &str, mut visit: impl FnMut(u64, &str) -> Result<()>) -> Result<()> {
        for (line, number) in self
            .bytes
            .split(|byte| *byte == b'\n')
            .zip(self.before + 1..)
        {
            let line = line.trim_ascii();
            if line.is_empty() {
                continue;
            }
            let text = std::str::from_utf8(line).map_err(|_| {
                let location = Location::file(file).line(number);
                let found = quote(&String::from_utf8_lossy(line));
                Error::invalid(location, found, "UTF-8 text").remedy("save the file as UTF-8")
            })?;
            visit(number, text)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_have_every_line_with_its_number_wherever_they_are_cut() {
        let text = "\u{feff}one\n\n  two \r\nthree\n\n\nfour";
        for size in [1, 2, 5, 7, 100] {
            let input = Input::bytes("t", text.as_bytes().to_vec()).unwrap();
            let (mut blocks, mut found) = (LineBlocks::new(input), Vec::new());
            while let Some(block) = blocks.next(size).unwrap() {
                let each = block.each("t", |number, line| {
                    found.push((number, line.to_owned()));
                    Ok(())
                });
                each.unwrap();
            }
            let expected = [(1, "one"), (3, "two"), (4, "three"), (7, "four")];
            assert!(
                (found.iter().map(|(number, line)| (*number, line.as_str()))).eq(expected),
                "{size}: {found:?}"
            );
        }
    }
}
