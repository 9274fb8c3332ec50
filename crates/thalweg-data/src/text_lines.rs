//! The lines of a text file whose rows are lines, with their numbers.

use std::io::{BufRead, Read};

use crate::csv::records::MAX_RECORD;
use crate::error::{Error, Location, Result, quote};
use crate::input::Input;

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
                    let found = format!("a line of more than {MAX_RECORD} bytes");
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
