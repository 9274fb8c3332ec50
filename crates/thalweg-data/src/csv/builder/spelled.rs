//! How the numbers of a column are spelled, should it turn out to be one of texts.

use super::super::decimal::Decimal;
use crate::table::number_text;

/// The spelling of numbers: rows from which on all have so many decimals, or are in their shortest form; those that are
/// spelled otherwise; and which words for "missing" stand in which rows.
#[derive(Debug)]
pub struct Spelled {
    /// From which row on numbers are spelled how.
    modes: Vec<(u32, u8)>,
    mode: u8,
    rows: Vec<u32>,
    ends: Vec<u32>,
    bytes: Vec<u8>,
    pub words: Vec<(u32, u32)>,
    pub is_full: bool,
}

/// Modes beside a number of decimals: in the shortest form, and of no number yet.
const SHORTEST: u8 = u8::MAX;
const NONE: u8 = SHORTEST - 1;

impl Default for Spelled {
    fn default() -> Self {
        Self {
            modes: Vec::new(),
            mode: NONE,
            rows: Vec::new(),
            ends: Vec::new(),
            bytes: Vec::new(),
            words: Vec::new(),
            is_full: false,
        }
    }
}

impl Spelled {
    /// More bytes are not kept; then all numbers of a column that becomes text are in their
    /// shortest form.
    pub const MOST: usize = 4 << 20;

    /// Of numbers behind others of the same thread, of which so many bytes were kept.
    pub fn after(bytes: usize) -> Self {
        let mut spelled = Self::default();
        if bytes > Self::MOST {
            spelled.forget();
        }
        spelled
    }

    /// How many bytes are kept.
    pub fn kept(&self) -> usize {
        self.bytes.len()
    }

    /// The decimals of all numbers of late, where they have as many.
    #[inline]
    pub fn decimals(&self) -> Option<u8> {
        (self.mode < NONE).then_some(self.mode)
    }

    /// Adds the spelling of the number of a row.
    pub fn add_decimal(&mut self, row: usize, number: Decimal, cell: &str) {
        if number.decimals == self.mode || (number.is_shortest && self.mode == SHORTEST) {
            return;
        }
        match self.mode {
            NONE => return self.begin(row, number.decimals),
            SHORTEST => {}
            _ => self.begin(row, SHORTEST),
        }
        if !number.is_shortest {
            self.add(row, cell);
        }
    }

    fn begin(&mut self, row: usize, mode: u8) {
        if mode != self.mode {
            self.modes.push((row as u32, mode));
            self.mode = mode;
        }
    }

    /// Adds a number in a spelling of its own.
    pub fn add(&mut self, row: usize, cell: &str) {
        if self.is_full {
            return;
        }
        if self.bytes.len() + cell.len() > Self::MOST {
            return self.forget();
        }
        self.bytes.extend_from_slice(cell.as_bytes());
        self.rows.push(row as u32);
        self.ends.push(self.bytes.len() as u32);
    }

    fn forget(&mut self) {
        *self = Self {
            words: std::mem::take(&mut self.words),
            mode: SHORTEST,
            is_full: true,
            ..Self::default()
        };
    }

    /// Adds those of the rows behind so many, where the words have these codes.
    pub fn append(&mut self, rows: usize, other: Self, code_of_word: impl Fn(u32) -> u32) {
        let others = other.words.iter();
        self.words
            .extend(others.map(|&(row, code)| (rows as u32 + row, code_of_word(code))));
        if self.is_full || other.is_full || self.bytes.len() + other.bytes.len() > Self::MOST {
            return self.forget();
        }
        for (row, mode) in other.modes {
            self.begin(rows + row as usize, mode);
        }
        let bytes = self.bytes.len() as u32;
        self.rows
            .extend(other.rows.iter().map(|row| rows as u32 + row));
        self.ends.extend(other.ends.iter().map(|end| bytes + end));
        self.bytes.extend(other.bytes);
    }

    /// Bytes of what is spelled otherwise than in the shortest form, at least; `usize::MAX` where they are not kept.
    pub fn size(&self) -> usize {
        let has_decimals = self
            .modes
            .iter()
            .any(|(_, mode)| !matches!(mode, 0 | &SHORTEST));
        match self.is_full {
            true => usize::MAX,
            false => self.bytes.len() + usize::from(has_decimals),
        }
    }

    /// The texts of all numbers; none of NaN.
    pub fn each(&self, numbers: &[f64], mut visit: impl FnMut(Option<&str>)) {
        let mut modes = self.modes.iter().peekable();
        let mut odd = self.rows.iter().zip(&self.ends).peekable();
        let (mut mode, mut start) = (SHORTEST, 0);
        for (row, number) in numbers.iter().enumerate() {
            if let Some((_, next)) = modes.next_if(|(first, _)| *first as usize == row) {
                mode = *next;
            }
            if let Some((_, end)) = odd.next_if(|(at, _)| **at as usize == row) {
                let end = *end as usize;
                visit(std::str::from_utf8(&self.bytes[start..end]).ok());
                start = end;
                continue;
            }
            match mode {
                _ if number.is_nan() => visit(None),
                SHORTEST => visit(Some(&number_text(*number))),
                decimals => visit(Some(&format!("{number:.*}", usize::from(decimals)))),
            }
        }
    }
}
