//! What a column of texts holds, by which it is decided how it is read.

use std::cell::OnceCell;

use crate::table::TextColumn;

/// The texts of a column with the number of rows of each.
pub struct Evidence<'a> {
    pub levels: &'a [String],
    codes: &'a [u32],
    /// Counted when they are asked for: most columns show by their first texts what they are.
    counts: OnceCell<Vec<usize>>,
}

impl<'a> Evidence<'a> {
    pub fn of(text: &'a TextColumn) -> Self {
        Self {
            levels: &text.levels,
            codes: &text.codes,
            counts: OnceCell::new(),
        }
    }

    /// Of texts with so many rows each.
    pub fn counted(levels: &'a [String], counts: Vec<usize>) -> Self {
        Self {
            levels,
            codes: &[],
            counts: OnceCell::from(counts),
        }
    }

    /// The rows of each text.
    pub fn counts(&self) -> &[usize] {
        self.counts.get_or_init(|| {
            let mut counts = vec![0; self.levels.len()];
            for &code in self.codes {
                if let Some(count) = counts.get_mut(code as usize) {
                    *count += 1;
                }
            }
            counts
        })
    }

    /// Rows that are not missing.
    pub fn rows(&self) -> usize {
        self.counts().iter().sum()
    }

    /// The rows of the texts for which `is` holds.
    pub fn rows_where(&self, is: impl Fn(usize) -> bool) -> usize {
        let rows = self.counts().iter().enumerate();
        rows.filter(|(i, _)| is(*i)).map(|(_, count)| count).sum()
    }
}
