//! A column after another, as if its cells had been added one by one.

use super::{ColumnBuilder, Size, Spelled, State, to_text};
use crate::table::{MISSING, TextColumn};

impl ColumnBuilder {
    /// An empty column whose cells are read as those of this one.
    pub fn fresh(&self) -> Self {
        Self::new(self.plain)
    }

    /// The same with room for so many cells.
    pub fn fresh_for(&self, expected: Size) -> Self {
        Self::sized(self.plain, expected)
    }

    /// Whether [`append`](Self::append) gives what adding the cells one by one gives: not where
    /// numbers before a text have more bytes of spelling than are kept.
    pub fn fits(&self, other: &Self) -> bool {
        match (&self.state, &other.state) {
            (State::Numeric(_, own), State::Text { spelled, .. }) => {
                let kept = own.bytes.len().saturating_add(*spelled) <= Spelled::MOST;
                *spelled == 0 || (kept && !own.is_full)
            }
            (State::Text { .. }, State::Numeric(_, spelled)) => !spelled.is_full,
            _ => true,
        }
    }

    /// Adds the cells of a column that [`fits`](Self::fits).
    pub fn append(&mut self, other: Self) {
        let words: Vec<u32> = other
            .words
            .into_iter()
            .map(|word| self.word(word))
            .collect();
        match (&mut self.state, other.state) {
            (State::Numeric(numbers, spelled), State::Numeric(added, others)) => {
                spelled.append(numbers.len(), others, &words);
                numbers.extend(added);
            }
            (State::Numeric(numbers, spelled), text) => {
                self.state = to_text(numbers, spelled, self.expected);
                self.append_text(text, &words);
            }
            (State::Text { .. }, State::Numeric(numbers, spelled)) => {
                self.append_text(to_text(&numbers, &spelled, self.expected), &words);
            }
            (State::Text { .. }, text) => self.append_text(text, &words),
        }
    }

    fn word(&mut self, word: String) -> u32 {
        let known = self.words.iter().position(|known| *known == word);
        let i = known.unwrap_or_else(|| {
            self.words.push(word);
            self.words.len() - 1
        });
        TextColumn::code_of_word(i)
    }

    fn append_text(&mut self, other: State, words: &[u32]) {
        let (
            State::Text { codes, levels, .. },
            State::Text {
                codes: added,
                levels: others,
                ..
            },
        ) = (&mut self.state, other)
        else {
            return;
        };
        let known = levels.append(&others);
        let of_word = |other: u32| match other {
            MISSING => MISSING,
            other => words[(MISSING - 1 - other) as usize],
        };
        let new = |other: u32| {
            known
                .get(other as usize)
                .copied()
                .unwrap_or_else(|| of_word(other))
        };
        codes.extend(added.into_iter().map(new));
    }
}

impl Spelled {
    fn append(&mut self, rows: usize, other: Self, words: &[u32]) {
        let of_word = |code: u32| words[(MISSING - 1 - code) as usize];
        let others = other.words.iter();
        self.words
            .extend(others.map(|&(row, code)| (rows as u32 + row, of_word(code))));
        if self.is_full || other.is_full || self.bytes.len() + other.bytes.len() > Self::MOST {
            return self.forget();
        }
        let bytes = self.bytes.len() as u32;
        self.rows
            .extend(other.rows.iter().map(|row| rows as u32 + row));
        self.ends.extend(other.ends.iter().map(|end| bytes + end));
        self.bytes.extend(other.bytes);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::csv::builder::Words;
    use crate::options::PlainNumbers;

    fn column(cells: &[&str], plain: PlainNumbers) -> ColumnBuilder {
        let mut column = ColumnBuilder::new(plain);
        cells
            .iter()
            .for_each(|cell| column.push(cell, Words::default()));
        column
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

        #[test]
        fn two_columns_one_after_the_other_are_one(
            cells in proptest::collection::vec(
                prop::sample::select(vec!["1", "2.50", "", "None", "na", "x", "007", "-1e3", "1.0", "?", "y"]), 0..12),
            cut in any::<prop::sample::Index>(),
            plain in prop::sample::select(vec![PlainNumbers::All, PlainNumbers::WithoutPoint, PlainNumbers::None]),
        ) {
            let cut = cut.index(cells.len() + 1);
            let mut first = column(&cells[..cut], plain);
            let second = column(&cells[cut..], plain);
            prop_assert!(first.fits(&second));
            first.append(second);
            // NaN is not equal to itself.
            let whole = format!("{:?}", column(&cells, plain).finish());
            prop_assert_eq!(format!("{:?}", first.finish()), whole);
        }
    }

    #[test]
    fn more_spelling_than_is_kept_is_noticed() {
        let long = format!("1.{}", "0".repeat(1000));
        let many: Vec<&str> = vec![long.as_str(); Spelled::MOST / 1000 - 100];
        let text: Vec<&str> = [&many[..200], &["x"]].concat();
        let full = column(&many, PlainNumbers::All);
        assert!(full.fits(&column(&many, PlainNumbers::All)));
        assert!(!full.fits(&column(&text, PlainNumbers::All)));
        assert!(full.fits(&column(&["x", "1.0"], PlainNumbers::All)));
    }
}
