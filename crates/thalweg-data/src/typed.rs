//! Columns of cells that have a type of their own, as those of JSON, ARFF and Arrow have: text
//! stays text, and an integer keeps all of its digits.

use crate::csv::builder::is_beyond;
use crate::error::{Note, quote_list};
use crate::levels::Levels;
use crate::table::{ALL_DIGITS, Column, ColumnData, MISSING, TextColumn, number_text};

/// A column that grows by a cell: numbers as long as all cells are, else text.
///
/// Integers that f64 cannot hold exactly make text of the column, so that identifiers stay what
/// they are.
#[derive(Debug, Clone)]
pub struct TypedColumn {
    state: State,
    /// Whether it is text because of integers that f64 cannot hold.
    wide: bool,
}

#[derive(Debug, Clone)]
enum State {
    Numbers(Vec<f64>),
    Text { codes: Vec<u32>, levels: Levels },
}

/// An integer as f64, if that holds it to its last digit and [`number_text`] writes all digits.
pub fn exact(integer: i128) -> Option<f64> {
    /// Up to it f64 holds every one.
    const EXACT: u128 = 1 << 53;
    let number = integer as f64;
    let is_small = integer.unsigned_abs() <= EXACT;
    let is_exact = is_small || (number.abs() < ALL_DIGITS && number as i128 == integer);
    is_exact.then_some(number)
}

impl TypedColumn {
    /// A column of `rows` missing cells.
    pub fn missing(rows: usize) -> Self {
        Self {
            state: State::Numbers(vec![f64::NAN; rows]),
            wide: false,
        }
    }

    /// An empty column that is text whatever its cells are.
    pub fn text() -> Self {
        let mut column = Self::missing(0);
        column.make_text();
        column
    }

    /// Number of cells.
    pub fn len(&self) -> usize {
        match &self.state {
            State::Numbers(numbers) => numbers.len(),
            State::Text { codes, .. } => codes.len(),
        }
    }

    /// Whether no cell has a value.
    pub fn is_missing(&self) -> bool {
        matches!(&self.state, State::Numbers(numbers) if numbers.iter().all(|x| x.is_nan()))
    }

    /// Adds missing cells up to `rows`.
    pub fn fill(&mut self, rows: usize) {
        match &mut self.state {
            State::Numbers(numbers) => numbers.resize(rows.max(numbers.len()), f64::NAN),
            State::Text { codes, .. } => codes.resize(rows.max(codes.len()), MISSING),
        }
    }

    /// Adds a missing cell.
    pub fn push_missing(&mut self) {
        self.fill(self.len() + 1);
    }

    /// Adds a number; NaN is missing.
    pub fn push_number(&mut self, number: f64) {
        match &mut self.state {
            State::Numbers(numbers) => numbers.push(number),
            State::Text { .. } if number.is_nan() => self.push_missing(),
            State::Text { .. } => self.push_text(&number_text(number)),
        }
    }

    /// Adds numbers, NaN where missing.
    #[cfg(feature = "columnar")]
    pub fn extend(&mut self, numbers: impl Iterator<Item = f64>) {
        match &mut self.state {
            State::Numbers(all) => all.extend(numbers),
            State::Text { .. } => numbers.for_each(|number| self.push_number(number)),
        }
    }

    /// Adds texts by their places among `texts`, missing where there is no such place; their codes become `known`
    /// where a cell has them.
    #[cfg(feature = "columnar")]
    pub fn extend_coded(
        &mut self,
        texts: &[Option<String>],
        known: &mut [Option<u32>],
        places: impl Iterator<Item = usize>,
    ) {
        self.make_text();
        let State::Text { codes, levels } = &mut self.state else {
            return;
        };
        let code = |place: usize| match known.get_mut(place) {
            Some(Some(code)) => *code,
            Some(unknown) => match &texts[place] {
                Some(text) => *unknown.insert(levels.code(text)),
                None => *unknown.insert(MISSING),
            },
            None => MISSING,
        };
        codes.extend(places.map(code));
    }

    /// Adds an integer.
    pub fn push_integer(&mut self, integer: i128) {
        match (&mut self.state, exact(integer)) {
            (State::Numbers(numbers), Some(number)) => numbers.push(number),
            _ => self.push_wide(&integer.to_string()),
        }
    }

    /// Adds an integer of more digits than f64 has, or one of a column of text.
    fn push_wide(&mut self, integer: &str) {
        self.wide |= matches!(self.state, State::Numbers(_));
        self.push_text(integer);
    }

    /// Adds a number as it is spelled: an integer keeps all of its digits. Whether it is a number
    /// that is not beyond f64.
    pub fn push_spelled(&mut self, number: &str) -> bool {
        match (number.parse::<i128>(), number.parse::<f64>()) {
            (Ok(integer), _) => self.push_integer(integer),
            (_, Ok(_)) if is_integer(number) => self.push_wide(number),
            (_, Ok(value)) if !is_beyond(number, value) => self.push_number(value),
            _ => return false,
        }
        true
    }

    /// Adds a truth value, as the text `true` or `false`.
    pub fn push_truth(&mut self, truth: bool) {
        self.push_text(if truth { "true" } else { "false" });
    }

    /// Adds a text.
    pub fn push_text(&mut self, text: &str) {
        self.make_text();
        if let State::Text { codes, levels } = &mut self.state {
            codes.push(levels.code(text));
        }
    }

    fn make_text(&mut self) {
        let State::Numbers(numbers) = &self.state else {
            return;
        };
        let mut levels = Levels::default();
        let code = |&number: &f64| match number.is_nan() {
            true => MISSING,
            false => levels.code(&number_text(number)),
        };
        let codes = numbers.iter().map(code).collect();
        self.state = State::Text { codes, levels };
    }

    /// Whether it is text because of integers that f64 cannot hold.
    pub fn is_wide(&self) -> bool {
        self.wide
    }

    /// The finished column.
    pub fn finish(self) -> ColumnData {
        match self.state {
            State::Numbers(numbers) => ColumnData::Numeric(numbers),
            State::Text { codes, levels } => ColumnData::Text(TextColumn {
                codes,
                levels: levels.into_texts(),
                words: Vec::new(),
            }),
        }
    }
}

/// Whether a spelled number is a sign, if any, and digits alone.
fn is_integer(number: &str) -> bool {
    let digits = number.strip_prefix(['-', '+']).unwrap_or(number);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

impl ColumnData {
    /// A column of these texts.
    pub fn texts<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut column = TypedColumn::text();
        texts.into_iter().for_each(|text| column.push_text(text));
        column.finish()
    }
}

/// Named columns, and a note on those that are text because of their integers.
pub fn finish(columns: Vec<(String, TypedColumn)>) -> (Vec<Column>, Option<Note>) {
    let wide = columns.iter().filter(|(_, column)| column.is_wide());
    let note = wide_note(wide.map(|(name, _)| name.as_str()));
    let finish = |(name, column): (String, TypedColumn)| Column {
        name,
        data: column.finish(),
    };
    (columns.into_iter().map(finish).collect(), note)
}

/// A note that these columns are text because of their integers; `None` if there are none.
pub fn wide_note<'a>(names: impl Iterator<Item = &'a str>) -> Option<Note> {
    let mut names = names.peekable();
    names.peek()?;
    let names = quote_list(names);
    let text = "integers of more than 53 bits are read as text, so that no digit is lost: columns";
    Some(Note::info(format!("{text} {names}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(column: TypedColumn) -> Vec<Option<String>> {
        let column = Column {
            name: "a".to_owned(),
            data: column.finish(),
        };
        (0..4).map(|row| column.text(row)).collect()
    }

    #[test]
    fn integers_keep_every_digit() {
        let mut exact = TypedColumn::missing(1);
        // A multiple of 512, as whole seconds in nanoseconds are.
        for integer in [1 << 53, -7, 1_700_000_000_000_000_000] {
            exact.push_integer(integer);
        }
        assert!(!exact.is_wide());
        let ColumnData::Numeric(numbers) = exact.finish() else {
            panic!("not numbers");
        };
        assert_eq!(numbers[1..], [9007199254740992.0, -7.0, 1.7e18]);
        let mut wide = TypedColumn::missing(1);
        for integer in [100_000_000_000_000_000, (1 << 53) + 1, i128::MAX] {
            wide.push_integer(integer);
        }
        assert!(wide.is_wide());
        let digits = |text: &str| Some(text.to_owned());
        assert_eq!(
            texts(wide),
            [
                None,
                digits("100000000000000000"),
                digits("9007199254740993"),
                digits("170141183460469231731687303715884105727")
            ]
        );
    }

    #[test]
    fn spelled_numbers_are_exact_or_refused() {
        let mut column = TypedColumn::missing(0);
        let wide = "1".repeat(45);
        for number in ["1.5", "-inf", "NaN", &wide] {
            assert!(column.push_spelled(number), "{number}");
        }
        for number in ["1e400", "-1e999", "x", ""] {
            assert!(!column.push_spelled(number), "{number}");
        }
        assert!(column.is_wide());
        let expected = [Some("1.5"), Some("-inf"), None, Some(&*wide)];
        assert_eq!(texts(column), expected.map(|text| text.map(str::to_owned)));
    }

    #[test]
    fn exact_wide_integers_become_texts_with_all_digits() {
        let integers = [1 << 60, 100_000_000_000_000_000_000, -(1 << 70)];
        let digits = integers.map(|integer| Some(integer.to_string()));
        // Before and behind what makes text of the column, and beside a fraction.
        let mut before = TypedColumn::missing(0);
        integers
            .iter()
            .for_each(|integer| before.push_integer(*integer));
        before.push_number(0.5);
        assert!(!before.is_wide());
        before.push_text("x");
        assert_eq!(texts(before)[..3], digits);
        let mut behind = TypedColumn::text();
        integers
            .iter()
            .for_each(|integer| behind.push_number(*integer as f64));
        assert_eq!(texts(behind)[..3], digits);
        // f64 holds these to the last digit, and writes them otherwise.
        let mut longer = TypedColumn::missing(0);
        longer.push_integer(1 << 100);
        longer.push_integer(i128::MIN);
        assert!(longer.is_wide());
        let digits = [1 << 100, i128::MIN].map(|integer| Some(integer.to_string()));
        assert_eq!(texts(longer)[..2], digits);
    }

    #[test]
    fn integers_beyond_128_bits_are_texts_with_all_digits() {
        // f64 holds 2^200; the shortest text of its 10^40 has these digits.
        let power = format!("{:.0}", 2f64.powi(200));
        let integers = [
            "12345678901234567890",
            &format!("1{}", "0".repeat(40)),
            &power,
        ];
        for first in 0..3 {
            let mut column = TypedColumn::missing(0);
            let order = [0, 1, 2].map(|i| integers[(first + i) % 3]);
            assert!(order.iter().all(|integer| column.push_spelled(integer)));
            assert!(column.is_wide());
            assert_eq!(texts(column)[..3], order.map(|text| Some(text.to_owned())));
        }
    }

    #[test]
    fn text_stays_text_and_makes_text_of_numbers() {
        let mut column = TypedColumn::missing(0);
        column.push_number(2.5);
        column.push_missing();
        column.push_text("7");
        column.push_truth(true);
        assert!(!column.is_wide());
        let expected = [Some("2.5"), None, Some("7"), Some("true")];
        assert_eq!(texts(column), expected.map(|text| text.map(str::to_owned)));
    }
}
