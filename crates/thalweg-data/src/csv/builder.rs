//! Columns that infer their type from their cells.

mod append;
mod spelled;

use std::ops::Range;

pub use append::Part;

use spelled::Spelled;

use super::cell::Cell;
use super::decimal::{decimal, with_decimals};
use super::ends::trimmed;
use crate::levels::Levels;
use crate::options::PlainNumbers;
use crate::table::{ColumnData, MISSING, TextColumn};

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

/// What is expected where a number is beyond f64.
pub const FINITE: &str = "a number of at most 1.8e308";

/// Whether a cell is a number that is infinite only because f64 does not reach so far.
pub fn is_beyond(cell: &str, number: f64) -> bool {
    number.is_infinite() && cell.bytes().any(|byte| byte.is_ascii_digit())
}

/// Collects cells: numbers as long as all are numbers, else categories.
///
/// A column with any text is text throughout, wherever the text is, and every cell keeps its
/// spelling, so that the type and the categories do not depend on the order of the rows. Numbers
/// such as `00123`, of more digits than a `f64` holds, or beyond it, are text at first.
#[derive(Debug)]
pub struct ColumnBuilder {
    plain: PlainNumbers,
    state: State,
    words: Vec<String>,
    before: Before,
}

/// What cells of the same column before leave: how many a block has, so that it need not grow, their
/// texts, and how much of spelling was kept.
#[derive(Debug, Default)]
pub struct Before {
    is_text: bool,
    rows: usize,
    levels: Levels,
    spelled: usize,
}

#[derive(Debug)]
enum State {
    Numeric(Vec<f64>, Spelled),
    Text {
        codes: Vec<u32>,
        levels: Levels,
        /// Levels of cells before.
        first: usize,
        /// The size of the spelling that was kept when it became text.
        spelled: usize,
    },
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
            state: State::Numeric(Vec::with_capacity(rows), Spelled::after(before.spelled)),
            words: Vec::new(),
            before,
        }
    }

    /// Adds what stands between two places of `text`, which is the start of `bytes`.
    #[inline]
    pub fn push_between(
        &mut self,
        range: Range<usize>,
        (text, bytes): (&str, &[u8]),
        delimiter: u8,
        words: Words<'_>,
    ) {
        if !self.push_decimal(range.clone(), (text, bytes), words) {
            self.push_cell(trimmed(bytes, range, delimiter), (text, bytes), words);
        }
    }

    /// Adds a cell of `text`, which is the start of `bytes`.
    #[inline]
    pub fn push_cell(&mut self, cell: Cell, (text, bytes): (&str, &[u8]), words: Words<'_>) {
        if let Some(range) = cell.plain()
            && words.missing.is_empty()
        {
            match &mut self.state {
                State::Numeric(..) => {
                    if self.push_decimal(range, (text, bytes), words) {
                        return;
                    }
                }
                State::Text { codes, .. } if range.is_empty() => return codes.push(MISSING),
                // A text that is there means neither "missing" nor anything new.
                State::Text { codes, levels, .. } => {
                    if let Some(code) = levels.known(&bytes[range.start..], range.len()) {
                        return codes.push(code);
                    }
                }
            }
        }
        self.push(&cell.text(text), words);
    }

    /// Adds a short decimal; whether it is one, of a column of numbers.
    #[inline(always)]
    fn push_decimal(
        &mut self,
        range: Range<usize>,
        (text, bytes): (&str, &[u8]),
        words: Words<'_>,
    ) -> bool {
        let State::Numeric(numbers, spelled) = &mut self.state else {
            return false;
        };
        if self.plain != PlainNumbers::All || !words.missing.is_empty() {
            return false;
        }
        // Most columns have the same number of decimals in each row.
        if let Some(decimals) = spelled.decimals()
            && let Some(value) = with_decimals(bytes, range.clone(), decimals)
        {
            numbers.push(value);
            return true;
        }
        match decimal(bytes, range.clone()) {
            Some(decimal) => {
                spelled.add_decimal(numbers.len(), decimal, &text[range]);
                numbers.push(decimal.value);
                true
            }
            None => false,
        }
    }

    /// Adds a cell.
    pub fn push(&mut self, cell: &str, words: Words<'_>) {
        let parsed = parse(cell, words);
        let parsed = match parsed {
            Parsed::Number(number) if self.is_text(cell, number) => Parsed::Text,
            parsed => parsed,
        };
        if let (State::Numeric(numbers, spelled), Parsed::Text) = (&self.state, parsed) {
            self.state = to_text(numbers, spelled, &mut self.before);
        }
        match (&mut self.state, parsed) {
            (State::Numeric(numbers, spelled), Parsed::Number(number)) => {
                match decimal(cell.as_bytes(), 0..cell.len()) {
                    Some(decimal) => spelled.add_decimal(numbers.len(), decimal, cell),
                    None => spelled.add(numbers.len(), cell),
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
    fn is_text(&self, cell: &str, number: f64) -> bool {
        match self.plain {
            PlainNumbers::None => true,
            PlainNumbers::WithoutPoint if cell.contains('.') => true,
            _ => is_code(cell) || (cell.len() > 15 && is_inexact(cell)) || is_beyond(cell, number),
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
    let mut codes: Vec<u32> = Vec::with_capacity(numbers.len().max(before.rows));
    spelled.each(numbers, |cell| {
        codes.push(cell.map_or(MISSING, |cell| levels.code(cell)));
    });
    for &(row, word) in &spelled.words {
        codes[row as usize] = word;
    }
    State::Text {
        codes,
        levels,
        first,
        spelled: spelled.size(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

        #[test]
        fn cells_in_a_line_are_those_that_stand_alone(
            numbers in proptest::collection::vec("-?[0-9]{1,3}(\\.[0-9]{1,3})?| ?[0-9.]{1,4} |-?[0-9]{6,9}\\.[0-9]{3,9}|[-+.e0-9]{0,9}|NA", 0..12),
            end in prop::sample::select(vec!["", "x"]),
        ) {
            let cells: Vec<&str> = numbers.iter().map(String::as_str).chain([end]).collect();
            let line = cells.join(",");
            let (mut alone, mut between, mut start) = (ColumnBuilder::default(), ColumnBuilder::default(), 0);
            for cell in cells {
                alone.push(cell.trim(), Words::default());
                let range = start..start + cell.len();
                start = range.end + 1;
                between.push_between(range, (&line, line.as_bytes()), b',', Words::default());
            }
            // NaN is not equal to itself.
            let [alone, between] = [alone, between].map(|column| format!("{:?}", column.finish()));
            prop_assert_eq!(alone, between);
        }
    }

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
