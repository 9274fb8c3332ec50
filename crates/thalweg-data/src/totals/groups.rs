//! Rows of sums in a table that comes in pieces, each with the rows of its group before it.

use std::collections::BTreeSet;

use super::sums::{Agreement, Sums};
use super::{LEAST_ROWS, MOST_TEXTS, Row};
use crate::error::Note;

/// The rows that are called ones of sums so far, and the numbers of the others.
#[derive(Default)]
pub struct Groups {
    /// The numbers of each column in all other rows, and in those behind the last that is called so.
    all: Vec<Sums>,
    group: Vec<Sums>,
    /// Other rows, in all and behind the last that is called so.
    others: usize,
    behind: usize,
    called: usize,
    first: Option<Row>,
    texts: BTreeSet<String>,
    /// Whether one is not the sum of its group or of all, and whether one is hardly so by chance.
    has_other: bool,
    has_significant: bool,
}

impl Groups {
    /// Adds the numbers of each column in so many rows that are not called so.
    pub fn add(&mut self, numbers: &[Sums], rows: usize) {
        for to in [&mut self.all, &mut self.group] {
            to.resize(numbers.len().max(to.len()), Sums::default());
            to.iter_mut()
                .zip(numbers)
                .for_each(|(sums, more)| *sums = sums.and(more));
        }
        self.others += rows;
        self.behind += rows;
    }

    /// Adds a row that is called so.
    pub fn add_called(&mut self, row: Row, has_gaps: bool) {
        let of = |sums: &[Sums]| {
            let numbers = row.numbers.iter().copied().enumerate();
            Agreement::of(numbers, &|j| sums.get(j).copied().unwrap_or_default())
        };
        let agreements = [of(&self.group), of(&self.all)];
        match agreements.iter().find(|agreement| agreement.is_whole()) {
            Some(agreement) => self.has_significant |= agreement.is_significant(has_gaps),
            None => self.has_other = true,
        }
        self.called += 1;
        if self.texts.len() < MOST_TEXTS {
            self.texts.insert(row.text.clone());
        }
        self.first.get_or_insert(row);
        (self.group, self.behind) = (Vec::new(), 0);
    }

    /// A warning, if several rows and the last one are called so and all are sums.
    pub fn note(&self) -> Option<Note> {
        let are_sums = !self.has_other && self.has_significant && self.behind == 0;
        let are_enough = self.called > 1 && self.others >= LEAST_ROWS.max(self.called);
        let first = self.first.as_ref().filter(|_| are_sums && are_enough)?;
        Some(super::note_on_several(
            &first.place,
            self.called,
            &self.texts,
            true,
        ))
    }
}
