//! A column after another, as if its cells had been added one by one.

use thalweg_core::memory;

use super::{Before, ColumnBuilder, Spelled, State, to_text};
use crate::levels::Texts;
use crate::table::{MISSING, TextColumn};

/// Levels that are kept for the next block although most of them are new in each.
const KEPT: usize = 1 << 15;

/// The cells of a block of a column.
#[derive(Debug)]
pub struct Part {
    cells: Cells,
    words: Vec<String>,
}

#[derive(Debug)]
enum Cells {
    Numbers(Vec<f64>, Spelled),
    Texts {
        /// Of the levels of all blocks that one thread reads.
        codes: Vec<u32>,
        /// The first code that is new, and the texts of these.
        first: usize,
        new: Texts,
        spelled: usize,
    },
}

impl ColumnBuilder {
    /// An empty column whose cells are read as those of this one.
    pub fn fresh(&self) -> Self {
        Self::new(self.plain)
    }

    /// The same behind blocks of the column that the same thread has read.
    pub fn fresh_after(&self, before: Before) -> Self {
        Self::after(self.plain, before)
    }

    /// Its cells, and what they leave for the next block.
    pub fn into_part(mut self) -> (Part, Before) {
        let more = |count: usize| count + count / 16;
        let (cells, before) = match self.state {
            State::Numeric(numbers, spelled) => {
                let before = Before {
                    is_text: false,
                    rows: more(numbers.len()),
                    levels: std::mem::take(&mut self.before.levels),
                    spelled: self.before.spelled + spelled.kept(),
                };
                (Cells::Numbers(numbers, spelled), before)
            }
            State::Text {
                codes,
                mut levels,
                first,
                spelled,
            } => {
                let new = levels.since(first);
                if levels.len() > KEPT && 2 * new.len() > codes.len() {
                    levels.clear();
                }
                let before = Before {
                    is_text: true,
                    rows: more(codes.len()),
                    levels,
                    ..self.before
                };
                let cells = Cells::Texts {
                    codes,
                    first,
                    new,
                    spelled,
                };
                (cells, before)
            }
        };
        let words = self.words;
        (Part { cells, words }, before)
    }

    /// Makes room for so many rows in all, on huge pages.
    pub fn reserve(&mut self, rows: usize) {
        fn enlarge<T: Copy>(values: &mut Vec<T>, rows: usize) {
            if rows > values.capacity()
                && let Ok(mut room) = memory::room(rows)
            {
                memory::prefer_huge_pages(&mut room);
                room.extend_from_slice(values);
                *values = room;
            }
        }
        match &mut self.state {
            State::Numeric(numbers, _) => enlarge(numbers, rows),
            State::Text { codes, .. } => enlarge(codes, rows),
        }
    }

    /// Whether [`append`](Self::append) gives what adding the cells one by one gives: not where
    /// numbers before a text have more bytes of spelling than are kept.
    pub fn fits(&self, other: &Part) -> bool {
        match (&self.state, &other.cells) {
            (
                _,
                Cells::Texts {
                    spelled: usize::MAX,
                    ..
                },
            ) => false,
            (State::Numeric(_, own), Cells::Texts { spelled, .. }) => {
                *spelled == 0 || own.size().saturating_add(*spelled) <= Spelled::MOST
            }
            (State::Text { .. }, Cells::Numbers(_, spelled)) => !spelled.is_full,
            _ => true,
        }
    }

    /// Adds the cells of a block that [`fits`](Self::fits). `known` has the codes here of the levels of the
    /// thread that read it, and gets those of the new ones.
    pub fn append(&mut self, other: Part, known: &mut Vec<u32>) {
        let words: Vec<u32> = other
            .words
            .into_iter()
            .map(|word| self.word(word))
            .collect();
        if let (State::Numeric(numbers, spelled), Cells::Texts { .. }) = (&self.state, &other.cells)
        {
            self.state = to_text(numbers, spelled, &mut self.before);
        }
        match (&mut self.state, other.cells) {
            (State::Numeric(numbers, spelled), Cells::Numbers(added, others)) => {
                let of_word = |code: u32| words[(MISSING - 1 - code) as usize];
                spelled.append(numbers.len(), others, of_word);
                numbers.extend(added);
            }
            (State::Text { .. }, Cells::Numbers(numbers, spelled)) => {
                let text = to_text(&numbers, &spelled, &mut Before::default());
                if let State::Text { codes, levels, .. } = text {
                    self.append_text(codes, &levels.since(0), &words, &mut Vec::new());
                }
            }
            (
                _,
                Cells::Texts {
                    codes, first, new, ..
                },
            ) => {
                known.truncate(first);
                self.append_text(codes, &new, &words, known);
            }
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

    fn append_text(&mut self, added: Vec<u32>, new: &Texts, words: &[u32], known: &mut Vec<u32>) {
        let State::Text { codes, levels, .. } = &mut self.state else {
            return;
        };
        known.extend(levels.append(new));
        let of_word = |other: u32| match other {
            MISSING => MISSING,
            other => words[(MISSING - 1 - other) as usize],
        };
        let here = |other: u32| {
            let code = known.get(other as usize);
            code.copied().unwrap_or_else(|| of_word(other))
        };
        codes.extend(added.into_iter().map(here));
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
                prop::sample::select(vec!["1", "2.50", "3.75", "-0.00", "", "None", "na", "x", "007", "-1e3", "1.0", "?", "y"]), 0..12),
            cut in any::<prop::sample::Index>(),
            plain in prop::sample::select(vec![PlainNumbers::All, PlainNumbers::WithoutPoint, PlainNumbers::None]),
        ) {
            let cut = cut.index(cells.len() + 1);
            let mut first = column(&cells[..cut], plain);
            let (second, _) = column(&cells[cut..], plain).into_part();
            prop_assert!(first.fits(&second));
            first.append(second, &mut Vec::new());
            // NaN is not equal to itself.
            let whole = format!("{:?}", column(&cells, plain).finish());
            prop_assert_eq!(format!("{:?}", first.finish()), whole);
        }
    }

    #[test]
    fn blocks_of_one_thread_share_their_levels() {
        let plain = PlainNumbers::All;
        let blocks: Vec<Vec<String>> = (0..40)
            .map(|block| match block {
                7 => vec!["1.50".to_owned(), "None".to_owned()],
                // So many that they are forgotten.
                20..30 => (0..4000).map(|i| format!("{block} {i}")).collect(),
                _ => (0..50).map(|i| format!("x{}", i * block % 70)).collect(),
            })
            .collect();
        let (mut whole, mut known) = (column(&["2"], plain), Vec::new());
        let (mut before, mut forgot) = (Before::default(), false);
        for block in &blocks {
            let mut read = whole.fresh_after(before);
            block
                .iter()
                .for_each(|cell| read.push(cell, Words::default()));
            let (part, left) = read.into_part();
            forgot |= left.levels.len() < known.len();
            whole.append(part, &mut known);
            before = left;
        }
        let cells: Vec<&str> = std::iter::once("2")
            .chain(blocks.iter().flatten().map(String::as_str))
            .collect();
        let expected = format!("{:?}", column(&cells, plain).finish());
        assert!(forgot && format!("{:?}", whole.finish()) == expected);
    }

    #[test]
    fn more_spelling_than_is_kept_is_noticed() {
        let long = format!("1.{}", "0".repeat(1000));
        let many: Vec<&str> = vec![long.as_str(); Spelled::MOST / 1000 - 100];
        let text: Vec<&str> = [&many[..200], &["x"]].concat();
        let full = column(&many, PlainNumbers::All);
        let part = |cells| column(cells, PlainNumbers::All).into_part().0;
        assert!(full.fits(&part(&many)));
        assert!(!full.fits(&part(&text)));
        assert!(full.fits(&part(&["x", "1.0"])));
    }
}
