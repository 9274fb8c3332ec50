//! Values of new rows that are no category of a model: they all count as the category "other".

use super::bind::BoundColumn;
use super::{Encoding, FitOptions, InputColumn};
use crate::error::{Note, quote};
use crate::table::Column;
use crate::text::whole;

/// The values of a column of some rows that are no category of the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unseen {
    column: String,
    /// Rows with such a value, and all that were looked at.
    count: usize,
    of: usize,
    /// The first such value.
    example: String,
    /// Whether rare categories of the training rows are among them.
    may_be_rare: bool,
}

impl Unseen {
    /// In `rows` of a column; none for a column that is not of categories.
    pub(super) fn find(
        input: &InputColumn,
        raw: &Column,
        column: &BoundColumn<'_>,
        rows: &[usize],
    ) -> Option<Self> {
        let (slots, other) = match column {
            BoundColumn::OneHot(slots, count) => (slots, *count as u32 - 1),
            BoundColumn::Codes(codes) => (codes, 0),
            _ => return None,
        };
        let is_unseen = |row: &&usize| slots[**row] == other && raw.is_present(**row);
        let first = rows.iter().find(is_unseen);
        // Of very many categories the rarest are not kept, nor those for which there is one row.
        let most = FitOptions::default().max_categories;
        let may_be_rare = match &input.encoding {
            Encoding::Categorical { levels } => levels.len() >= most,
            _ => true,
        };
        Some(Self {
            column: raw.name.clone(),
            count: rows.iter().filter(is_unseen).count(),
            of: rows.len(),
            example: first.and_then(|row| raw.text(*row)).unwrap_or_default(),
            may_be_rare,
        })
    }

    /// Adds what other rows have in the same column.
    pub fn add(&mut self, other: Self) {
        if self.count == 0 {
            self.example = other.example;
        }
        self.count += other.count;
        self.of += other.of;
    }

    /// Says how many there are, if any.
    pub fn note(&self) -> Option<Note> {
        let (count, of) = (self.count, self.of);
        let hold = if count == 1 {
            "holds a value"
        } else {
            "hold values"
        };
        let noun = if of == 1 { "row" } else { "rows" };
        let why = match self.may_be_rare {
            true => "that training rarely or never saw",
            false => "that training never saw",
        };
        (count > 0).then(|| {
            Note::info(format!(
                "column {}: {} of {} {noun} {hold} {why}, such as {}",
                quote(&self.column),
                whole(count),
                whole(of),
                quote(&self.example)
            ))
        })
    }
}
