//! What a column of texts holds, by which it is decided how it is read.

use crate::table::TextColumn;

/// The texts of a column with the number of rows of each.
pub struct Evidence<'a> {
    pub levels: &'a [String],
    pub counts: Vec<usize>,
}

impl<'a> Evidence<'a> {
    pub fn of(text: &'a TextColumn) -> Self {
        let mut counts = vec![0; text.levels.len()];
        for &code in &text.codes {
            if let Some(count) = counts.get_mut(code as usize) {
                *count += 1;
            }
        }
        let levels = &text.levels;
        Self { levels, counts }
    }

    /// Rows that are not missing.
    pub fn rows(&self) -> usize {
        self.counts.iter().sum()
    }

    /// The rows of the texts for which `is` holds.
    pub fn rows_where(&self, is: impl Fn(usize) -> bool) -> usize {
        let rows = self.counts.iter().enumerate();
        rows.filter(|(i, _)| is(*i)).map(|(_, count)| count).sum()
    }
}
