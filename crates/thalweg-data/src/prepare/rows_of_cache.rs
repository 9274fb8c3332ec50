//! The rows of a cache, each in a part: two bits a row.

use std::cell::RefCell;
use std::fs::File;

use crate::cache::Cache;
use crate::error::Result;
use crate::part::Part;
use crate::preprocess::Blocks;
use crate::table::Table;

/// Names of the parts, and their numbers among the parts of a row.
pub(super) const PARTS: [&str; 3] = ["training rows", "validation rows", "test rows"];
/// Rows that are in no part.
pub(super) const NONE: u8 = 3;

/// The part of each row.
#[derive(Debug, Default)]
pub(super) struct PartOf {
    /// Four rows a byte.
    bytes: Vec<u8>,
    rows: usize,
}

impl PartOf {
    /// So many rows that are in no part yet.
    pub fn none(rows: usize) -> Self {
        Self {
            bytes: vec![u8::MAX; rows.div_ceil(4)],
            rows,
        }
    }

    pub fn rows(&self) -> usize {
        self.rows
    }

    pub fn of(&self, row: usize) -> u8 {
        self.bytes[row / 4] >> (row % 4 * 2) & 3
    }

    pub fn set(&mut self, row: usize, part: u8) {
        let (byte, shift) = (&mut self.bytes[row / 4], row % 4 * 2);
        *byte = *byte & !(3 << shift) | part << shift;
    }

    /// Rows of each part, and of none.
    pub fn counts(&self) -> [usize; 4] {
        let mut counts = [0; 4];
        (0..self.rows).for_each(|row| counts[usize::from(self.of(row))] += 1);
        counts
    }

    /// The rows of a part.
    pub fn rows_of(&self, part: u8) -> Vec<usize> {
        (0..self.rows).filter(|row| self.of(*row) == part).collect()
    }
}

/// See the module's text.
pub(super) struct RowsOfCache {
    pub cache: RefCell<Cache<File>>,
    pub schema: Table,
    pub part_of: PartOf,
    /// Columns that every pass reads.
    pub always: Vec<usize>,
    pub at_once: usize,
    /// The group of each validation row, where rows have groups.
    pub validation_groups: Option<Vec<usize>>,
}

impl RowsOfCache {
    pub fn new(mut cache: Cache<File>) -> Result<Self> {
        Ok(Self {
            schema: cache.schema()?,
            part_of: PartOf::none(cache.rows()),
            cache: RefCell::new(cache),
            always: Vec::new(),
            at_once: usize::MAX,
            validation_groups: None,
        })
    }

    /// Where columns are, ascending.
    pub fn indices<'a>(&self, names: impl Iterator<Item = &'a str>) -> Vec<usize> {
        let index = |name: &str| self.schema.names().position(|other| other == name);
        let mut indices: Vec<usize> = names.filter_map(index).collect();
        indices.sort_unstable();
        indices.dedup();
        indices
    }

    /// Visits the blocks, all columns or those of these indices, with the number of the first row of each.
    pub fn each_block(
        &self,
        columns: Option<&[usize]>,
        visit: &mut dyn FnMut(&Table, usize) -> Result<()>,
    ) -> Result<()> {
        let (mut cache, mut start) = (self.cache.borrow_mut(), 0);
        for block in 0..cache.blocks() {
            let table = cache.block(block, columns)?;
            visit(&table, start)?;
            start += table.rows;
        }
        Ok(())
    }

    /// The same with the rows of each block that are in a part, and the part of each: no other row is looked at, as of
    /// a table in memory.
    pub fn each_usable(
        &self,
        columns: Option<&[usize]>,
        visit: &mut dyn FnMut(&Table, &[u8]) -> Result<()>,
    ) -> Result<()> {
        self.each_block(columns, &mut |table, start| {
            let parts: Vec<u8> = (start..start + table.rows)
                .map(|row| self.part_of.of(row))
                .collect();
            if !parts.contains(&NONE) {
                return visit(table, &parts);
            }
            let kept: Vec<usize> = rows_where(&parts, |part| part != NONE);
            let parts: Vec<u8> = kept.iter().map(|row| parts[*row]).collect();
            visit(&table.keep(&kept), &parts)
        })
    }
}

/// The rows whose part is as it should be.
pub(super) fn rows_where(parts: &[u8], is: impl Fn(u8) -> bool) -> Vec<usize> {
    (0..parts.len()).filter(|row| is(parts[*row])).collect()
}

impl Blocks for RowsOfCache {
    fn table(&self) -> &Table {
        &self.schema
    }

    fn each(
        &self,
        columns: &[&str],
        visit: &mut dyn FnMut(&Table, &Part<'_>) -> Result<()>,
    ) -> Result<()> {
        let mut wanted = self.indices(columns.iter().copied());
        wanted.extend(&self.always);
        wanted.sort_unstable();
        wanted.dedup();
        self.each_usable(Some(&wanted), &mut |table, parts| {
            let rows = rows_where(parts, |part| part == 0);
            visit(table, &Part::new(PARTS[0], rows))
        })
    }

    fn columns_at_once(&self) -> usize {
        self.at_once
    }

    fn holds_values(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_a_part_of_its_own() {
        let mut parts = PartOf::none(11);
        assert_eq!(parts.counts(), [0, 0, 0, 11]);
        (0..11).for_each(|row| parts.set(row, row as u8 % 3));
        parts.set(4, NONE);
        assert_eq!(parts.counts(), [4, 3, 3, 1]);
        assert_eq!(parts.rows_of(1), [1, 7, 10]);
        assert_eq!(parts.rows_of(NONE), [4]);
    }
}
