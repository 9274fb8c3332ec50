//! Columns that infer their type from their cells.

use std::collections::HashMap;

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

/// Reads a cell; `missing` are further words for a missing value.
pub fn parse(cell: &str, missing: &[String]) -> Parsed {
    if missing.iter().any(|word| word.eq_ignore_ascii_case(cell)) {
        return Parsed::Missing;
    }
    match cell.as_bytes().first() {
        None => Parsed::Missing,
        Some(b'0'..=b'9' | b'+' | b'-' | b'.') => match cell.parse::<f64>() {
            Ok(number) if number.is_nan() => Parsed::Missing,
            Ok(number) => Parsed::Number(number),
            Err(_) => word(cell),
        },
        Some(_) => word(cell),
    }
}

fn word(cell: &str) -> Parsed {
    let is = |word: &&str| cell.eq_ignore_ascii_case(word);
    if MISSING_WORDS.iter().any(is) {
        Parsed::Missing
    } else if ["inf", "infinity"].iter().any(is) {
        Parsed::Number(f64::INFINITY)
    } else {
        Parsed::Text
    }
}

/// Whether a cell is digits with a redundant leading zero, as in postcodes.
pub fn is_code(cell: &str) -> bool {
    let digits = cell.as_bytes();
    matches!(digits, [b'0', _, ..]) && digits.iter().all(u8::is_ascii_digit)
}

/// Collects cells: numbers as long as all are numbers, else categories.
///
/// A column with any text is text throughout, wherever the text is. Its numbers are then written in
/// their shortest form (`1.0` and `1` are one category), so that the type and the categories do not
/// depend on the order of the rows. A number such as `00123` is text: it is a code, and another one
/// than `123`.
#[derive(Debug)]
pub struct ColumnBuilder(State);

#[derive(Debug)]
enum State {
    Numeric(Vec<f64>),
    Text {
        codes: Vec<u32>,
        index: HashMap<String, u32>,
    },
}

impl Default for ColumnBuilder {
    fn default() -> Self {
        Self(State::Numeric(Vec::new()))
    }
}

impl ColumnBuilder {
    /// Adds a cell.
    pub fn push(&mut self, cell: &str, missing: &[String]) {
        let parsed = match parse(cell, missing) {
            Parsed::Number(_) if is_code(cell) => Parsed::Text,
            parsed => parsed,
        };
        if let (State::Numeric(numbers), Parsed::Text) = (&self.0, parsed) {
            self.0 = to_text(numbers);
        }
        match (&mut self.0, parsed) {
            (State::Numeric(numbers), Parsed::Number(number)) => numbers.push(number),
            (State::Numeric(numbers), _) => numbers.push(f64::NAN),
            (State::Text { codes, .. }, Parsed::Missing) => codes.push(MISSING),
            (State::Text { codes, index }, Parsed::Text) => codes.push(code(index, cell)),
            (State::Text { codes, index }, Parsed::Number(number)) => {
                codes.push(code(index, &number_text(number)));
            }
        }
    }

    /// The finished column.
    pub fn finish(self) -> ColumnData {
        match self.0 {
            State::Numeric(numbers) => ColumnData::Numeric(numbers),
            State::Text { codes, index } => {
                let mut levels: Vec<(u32, String)> =
                    index.into_iter().map(|(text, code)| (code, text)).collect();
                levels.sort_unstable();
                let levels = levels.into_iter().map(|(_, text)| text).collect();
                ColumnData::Text(TextColumn { codes, levels })
            }
        }
    }
}

/// A column of these texts; numbers among them are texts, too.
pub fn text_column(texts: &[String]) -> TextColumn {
    let mut builder = ColumnBuilder(to_text(&[]));
    for text in texts {
        builder.push(text, &[]);
    }
    match builder.finish() {
        ColumnData::Text(column) => column,
        _ => TextColumn::default(),
    }
}

fn to_text(numbers: &[f64]) -> State {
    let mut index = HashMap::new();
    let as_code = |&number: &f64| {
        if number.is_nan() {
            MISSING
        } else {
            code(&mut index, &number_text(number))
        }
    };
    State::Text {
        codes: numbers.iter().map(as_code).collect(),
        index,
    }
}

fn code(index: &mut HashMap<String, u32>, text: &str) -> u32 {
    if let Some(&code) = index.get(text) {
        return code;
    }
    let code = index.len() as u32;
    index.insert(text.to_owned(), code);
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(cells: &[&str]) -> ColumnData {
        let mut builder = ColumnBuilder::default();
        for cell in cells {
            builder.push(cell, &["-999".to_owned()]);
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
        assert_eq!(late.codes, [0, MISSING, 1, 2, 0]);
        assert_eq!(late.levels, ["1", "2", "A12"]);
        let codes = texts(&["123", "00123", "1.0", "0", "0.5"]);
        assert_eq!(codes.levels, ["123", "00123", "1", "0", "0.5"]);
        let early = texts(&["A12", "1.0", "?", "2", "1"]);
        assert_eq!(early.codes, [0, 1, MISSING, 2, 1]);
    }
}
