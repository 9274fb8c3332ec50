//! Rows that count: those with a weight above 0 and a target. All others are left out before anything
//! else looks at the rows.

use std::borrow::Cow;

use crate::error::{Note, Result};
use crate::table::Table;
use crate::target::{Unlabelled, has_target};
use crate::weights::{note_on_zeros, row_weights};

/// Counts the rows that are left out of a table, or of one that comes in pieces.
#[derive(Debug, Default)]
pub struct LeftOut {
    rows: usize,
    /// Rows of weight 0.
    zeros: usize,
    unlabelled: Unlabelled,
    /// The first table of which a row is left out, without its rows.
    table: Option<Table>,
}

impl LeftOut {
    /// The rows of a table that count, for targets of these names; of a model, `classes` say which words
    /// for "missing" are classes.
    ///
    /// # Errors
    /// Names the first weight that is none, and a target that does not exist.
    pub fn keep<'a>(
        &mut self,
        table: &'a Table,
        weights: Option<&str>,
        targets: &[String],
        classes: Option<&[String]>,
    ) -> Result<Cow<'a, Table>> {
        let weights = row_weights(table, weights, &table.all_rows())?;
        let weighs = |row: &usize| weights.as_ref().is_none_or(|weights| weights[*row] > 0.0);
        let weighty = only(Cow::Borrowed(table), weighs);
        let has_target = has_target(&weighty, targets, classes)?;
        for row in (0..weighty.rows).filter(|row| !has_target[*row]) {
            self.unlabelled.add(&weighty, row, targets);
        }
        self.rows += table.rows;
        self.zeros += table.rows - weighty.rows;
        let kept = only(weighty, |row| has_target[*row]);
        if kept.rows < table.rows {
            self.table.get_or_insert_with(|| table.keep(&[]));
        }
        Ok(kept)
    }

    /// What should be known of them.
    ///
    /// # Errors
    /// When no row has a weight above 0, or more than half of the others lack all targets.
    pub fn notes(self, weights: Option<&str>, targets: &[String]) -> Result<Vec<Note>> {
        let Some(table) = self.table else {
            return Ok(Vec::new());
        };
        let zeros = note_on_zeros(&table, weights, self.rows, self.zeros)?;
        let others = self.rows - self.zeros;
        let unlabelled = self.unlabelled.note(&table, targets, others)?;
        Ok(zeros.into_iter().chain(unlabelled).collect())
    }
}

/// The rows of a table that are to be kept.
fn only(table: Cow<'_, Table>, is_kept: impl Fn(&usize) -> bool) -> Cow<'_, Table> {
    let kept: Vec<usize> = (0..table.rows).filter(is_kept).collect();
    match kept.len() == table.rows {
        true => table,
        false => Cow::Owned(table.keep(&kept)),
    }
}
