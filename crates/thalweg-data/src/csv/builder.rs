//! Columns that infer their type from their cells.

mod append;

pub use append::Part;

use super::decimal::decimal;
use super::records::Cell;
use crate::levels::Levels;
use crate::options::PlainNumbers;
use crate::table::{ColumnData, MISSING, TextColumn, number_text};

/// Cells that mean "missing", in lower case.
const MISSING_WORDS: [&str; 13] = [
    "", "?", "na", "n/a", "nan", "null", "none", "#n/a", "#na", "<na>", "-nan", "1.#ind", "-1.#ind",
];

/// The meaning of a cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Parsed {
    /// A number (∞ included; it is rejected where the column is used).
    Number(f64),
    /// No value.
    Missing,
    /// Anything else.
    Text,
}

/// Words for "missing" beside the usual ones, and those of the usual ones that are not.
#[derive(Debug, Clone, Copy, Default)]
pub struct Words<'a> {
    pub missing: &'a [String],
    pub kept: &'a [String],
}

/// Reads a cell.
pub fn parse(cell: &str, words: Words<'_>) -> Parsed {
    if words
        .missing
        .iter()
        .any(|word| word.eq_ignore_ascii_case(cell))
    {
        return Parsed::Missing;
    }
    let number = match cell.as_bytes().first() {
        Some(b'0'..=b'9' | b'+' | b'-' | b'.') => cell.parse().ok(),
        _ => None,
    };
    match number {
        Some(number) if f64::is_nan(number) => Parsed::Missing,
        Some(number) => Parsed::Number(number),
        None if cell.is_empty() || (is_missing_word(cell) && !words.keep(cell)) => Parsed::Missing,
        None if ["inf", "infinity"]
            .iter()
            .any(|word| cell.eq_ignore_ascii_case(word)) =>
        {
            Parsed::Number(f64::INFINITY)
        }
        None => Parsed::Text,
    }
}

/// Most texts show by their length that they are none.
fn is_missing_word(cell: &str) -> bool {
    cell.len() < 8
        && MISSING_WORDS
            .iter()
            .any(|word| cell.eq_ignore_ascii_case(word))
}

impl Words<'_> {
    fn keep(&self, cell: &str) -> bool {
        self.kept.iter().any(|word| word.eq_ignore_ascii_case(cell))
    }
}

/// Whether a cell is digits with a redundant leading zero, as in postcodes.
pub fn is_code(cell: &str) -> bool {
    let digits = cell.as_bytes();
    matches!(digits, [b'0', _, ..]) && digits.iter().all(u8::is_ascii_digit)
}

/// Whether a cell is a whole number that a `f64` does not hold to its last digit.
pub fn is_inexact(cell: &str) -> bool {
    let digits = cell.strip_prefix(['-', '+']).unwrap_or(cell);
    let is_another = |x: f64| {
        let digits = digits.trim_start_matches('0');
        format!("{x:.0}") != digits && x.to_string() != digits
    };
    digits.len() > 15
        && digits.bytes().all(|b| b.is_ascii_digit())
        && digits.parse().is_ok_and(is_another)
}

/// Collects cells: numbers as long as all are numbers, else categories.
///
/// A column with any text is text throughout, wherever the text is, and every cell keeps its
/// spelling, so that the type and the categories do not depend on the order of the rows. Numbers
/// such as `00123`, or of more digits than a `f64` holds, are text at first.
#[derive(Debug)]
pub struct ColumnBuilder {
    plain: PlainNumbers,
    state: State,
    words: Vec<String>,
    before: Before,
}

/// What cells of the same column before leave: how many a block has, so that it need not grow, and their
/// texts.
#[derive(Debug, Default)]
pub struct Before {
    is_text: bool,
    rows: usize,
    levels: Levels,
}

#[derive(Debug)]
enum State {
    Numeric(Vec<f64>, Spelled),
    Text {
        codes: Vec<u32>,
        levels: Levels,
        /// Levels of cells before.
        first: usize,
        /// Bytes of spelling that were kept when it became text.
        spelled: usize,
    },
}

/// How the numbers are spelled that are not in their shortest form, and which words for "missing"
/// stand in which rows.
#[derive(Debug, Default)]
struct Spelled {
    rows: Vec<u32>,
    ends: Vec<u32>,
    bytes: Vec<u8>,
    words: Vec<(u32, u32)>,
    is_full: bool,
}

impl Default for ColumnBuilder {
    fn default() -> Self {
        Self::new(PlainNumbers::All)
    }
}

impl ColumnBuilder {
    /// An empty column.
    pub fn new(plain: PlainNumbers) -> Self {
        Self::after(plain, Before::default())
    }

    /// An empty column behind others.
    fn after(plain: PlainNumbers, before: Before) -> Self {
        let rows = if before.is_text { 0 } else { before.rows };
        Self {
            plain,
            state: State::Numeric(Vec::with_capacity(rows), Spelled::default()),
            words: Vec::new(),
            before,
        }
    }

    /// Adds a cell of a text, whose bytes are the first of `bytes`.
    #[inline]
    pub fn push_cell(&mut self, cell: Cell, text: &str, bytes: &[u8], words: Words<'_>) {
        let usual = cell.with_rest(bytes).filter(|_| words.missing.is_empty());
        if let Some((bytes, length)) = usual {
            match &mut self.state {
                State::Numeric(numbers, spelled) if self.plain == PlainNumbers::All => {
                    if let Some(decimal) = decimal(bytes, length) {
                        if !decimal.is_shortest {
                            spelled.add(numbers.len(), &cell.text(text));
                        }
                        return numbers.push(decimal.value);
                    }
                }
                State::Numeric(..) => {}
                State::Text { codes, .. } if length == 0 => return codes.push(MISSING),
                // A text that is there means neither "missing" nor anything new.
                State::Text { codes, levels, .. } => {
                    if let Some(code) = levels.known(bytes, length) {
                        return codes.push(code);
                    }
                }
            }
        }
        self.push(&cell.text(text), words);
    }

    /// Adds a cell.
    pub fn push(&mut self, cell: &str, words: Words<'_>) {
        let parsed = parse(cell, words);
        let parsed = match parsed {
            Parsed::Number(_) if self.is_text(cell) => Parsed::Text,
            parsed => parsed,
        };
        if let (State::Numeric(numbers, spelled), Parsed::Text) = (&self.state, parsed) {
            self.state = to_text(numbers, spelled, &mut self.before);
        }
        match (&mut self.state, parsed) {
            (State::Numeric(numbers, spelled), Parsed::Number(number)) => {
                let is_shortest =
                    decimal(cell.as_bytes(), cell.len()).is_some_and(|one| one.is_shortest);
                if !is_shortest {
                    spelled.add(numbers.len(), cell);
                }
                numbers.push(number);
            }
            (State::Numeric(numbers, spelled), _) => {
                if let Some(code) = word_code(&mut self.words, cell, words) {
                    spelled.words.push((numbers.len() as u32, code));
                }
                numbers.push(f64::NAN);
            }
            (State::Text { codes, .. }, Parsed::Missing) => {
                let code = word_code(&mut self.words, cell, words);
                codes.push(code.unwrap_or(MISSING));
            }
            (State::Text { codes, levels, .. }, _) => codes.push(levels.code(cell)),
        }
    }

    /// Whether a cell that a program reads as a number is text at first.
    fn is_text(&self, cell: &str) -> bool {
        match self.plain {
            PlainNumbers::None => true,
            PlainNumbers::WithoutPoint if cell.contains('.') => true,
            _ => is_code(cell) || (cell.len() > 15 && is_inexact(cell)),
        }
    }

    /// The finished column.
    pub fn finish(mut self) -> ColumnData {
        let state = match self.state {
            // Nothing but missing cells of a column that is text.
            State::Numeric(numbers, spelled) if self.plain == PlainNumbers::None => {
                to_text(&numbers, &spelled, &mut self.before)
            }
            state => state,
        };
        match state {
            State::Numeric(numbers, _) => ColumnData::Numeric(numbers),
            State::Text { codes, levels, .. } => ColumnData::Text(TextColumn {
                codes,
                levels: levels.into_texts(),
                words: self.words,
            }),
        }
    }
}

impl Spelled {
    /// More bytes are not kept; then all numbers of a column that becomes text are in their
    /// shortest form.
    const MOST: usize = 4 << 20;

    fn add(&mut self, row: usize, cell: &str) {
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
        let words = std::mem::take(&mut self.words);
        *self = Self {
            words,
            is_full: true,
            ..Self::default()
        };
    }

    fn cell(&self, i: usize) -> &str {
        let start = i.checked_sub(1).map_or(0, |before| self.ends[before]);
        let bytes = &self.bytes[start as usize..self.ends[i] as usize];
        std::str::from_utf8(bytes).unwrap_or_default()
    }
}

/// The code of a word for "missing" that may mean something: it has letters, and the user did not
/// say what it means.
fn word_code(words: &mut Vec<String>, cell: &str, of_user: Words<'_>) -> Option<u32> {
    const MEANINGFUL: [&str; 4] = ["none", "na", "n/a", "null"];
    let is = |word: &&str| cell.eq_ignore_ascii_case(word);
    if cell.is_empty()
        || !MEANINGFUL.iter().any(is)
        || of_user
            .missing
            .iter()
            .any(|word| word.eq_ignore_ascii_case(cell))
    {
        return None;
    }
    let known = words.iter().position(|word| word == cell);
    let i = known.unwrap_or_else(|| {
        words.push(cell.to_owned());
        words.len() - 1
    });
    Some(TextColumn::code_of_word(i))
}

/// A column of these texts; numbers among them are texts, too.
pub fn text_column(texts: &[String]) -> TextColumn {
    let mut builder = ColumnBuilder::new(PlainNumbers::None);
    for text in texts {
        builder.push(text, Words::default());
    }
    match builder.finish() {
        ColumnData::Text(column) => column,
        _ => TextColumn::default(),
    }
}

fn to_text(numbers: &[f64], spelled: &Spelled, before: &mut Before) -> State {
    let mut levels = std::mem::take(&mut before.levels);
    let first = levels.len();
    let mut odd = spelled.rows.iter().enumerate().peekable();
    let mut codes: Vec<u32> = Vec::with_capacity(numbers.len().max(before.rows));
    for (row, number) in numbers.iter().enumerate() {
        let own = odd.next_if(|(_, at)| **at as usize == row);
        codes.push(match own {
            Some((i, _)) => levels.code(spelled.cell(i)),
            None if number.is_nan() => MISSING,
            None => levels.code(&number_text(*number)),
        });
    }
    for &(row, word) in &spelled.words {
        codes[row as usize] = word;
    }
    let spelled = match spelled.is_full {
        true => usize::MAX,
        false => spelled.bytes.len(),
    };
    State::Text {
        codes,
        levels,
        first,
        spelled,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(cells: &[&str]) -> ColumnData {
        let mut builder = ColumnBuilder::default();
        for cell in cells {
            let missing = &["-999".to_owned()];
            builder.push(cell, Words { missing, kept: &[] });
        }
        builder.finish()
    }

    #[test]
    fn numbers_stay_numbers_and_missing_words_are_nan() {
        let ColumnData::Numeric(numbers) =
            column(&["1", "-2.5e3", "?", "NA", "", "None", "-999", "+.5"])
        else {
            panic!("not numeric");
        };
        let expected = [
            Some(1.0),
            Some(-2500.0),
            None,
            None,
            None,
            None,
            None,
            Some(0.5),
        ];
        let read: Vec<Option<f64>> = numbers
            .iter()
            .map(|&x| (!x.is_nan()).then_some(x))
            .collect();
        assert_eq!(read, expected);
    }

    #[test]
    fn one_text_makes_a_column_text_wherever_it_is() {
        let texts = |cells: &[&str]| match column(cells) {
            ColumnData::Text(text) => text,
            other => panic!("not text: {other:?}"),
        };
        let late = texts(&["1.0", "?", "2", "A12", "1"]);
        assert_eq!(late.codes, [0, MISSING, 1, 2, 3]);
        assert_eq!(late.levels, ["1.0", "2", "A12", "1"]);
        let codes = texts(&["123", "00123", "1.0", "0", "0.5"]);
        assert_eq!(codes.levels, ["123", "00123", "1.0", "0", "0.5"]);
        let early = texts(&["A12", "1.0", "?", "2", "1"]);
        assert_eq!(early.codes, [0, 1, MISSING, 2, 3]);
        let words = texts(&["None", "1e3", "x", "NA", "None"]);
        assert_eq!(words.levels, ["1e3", "x"]);
        let word = |row| words.word(row);
        assert_eq!(
            [0, 1, 3, 4].map(word),
            [Some("None"), None, Some("NA"), Some("None")]
        );
    }

    #[test]
    fn whole_numbers_that_no_double_holds_are_seen() {
        assert!(is_inexact("1234567890123456789") && !is_inexact("100000000000000000000"));
    }
}
