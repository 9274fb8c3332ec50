//! The first of some rows in the order of their file.

use crate::error::Location;
use crate::table::Table;

/// The first of some rows in the order of their file, in whatever order they come.
#[derive(Debug, Default)]
pub(crate) struct FirstRow {
    /// Where it is.
    pub location: Location,
    order: Option<u64>,
}

impl FirstRow {
    /// Adds a row, or its cell in a column; whether it is the first so far.
    pub fn add(&mut self, table: &Table, row: usize, column: Option<&str>) -> bool {
        let order = table.place_in_source(row);
        let is_before = |first: u64| {
            let is_of_all = table.sources.is_some();
            order < first && (is_of_all || self.location.file == table.part(row).1)
        };
        let is_first = self.order.is_none_or(is_before);
        if is_first {
            self.order = Some(order);
            self.location = table.line_of(row);
            self.location.column = column.map(str::to_owned);
        }
        is_first
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lines::{Files, Lines};
    use crate::table::{Column, ColumnData};

    #[test]
    fn the_first_row_is_that_of_the_file_in_whatever_order_rows_come() {
        let data = ColumnData::Numeric((0..9).map(f64::from).collect());
        let name = "x".to_owned();
        let mut table = Table::without_lines("t".to_owned(), 9, vec![Column { name, data }]);
        let first = |table: &Table| {
            let mut first = FirstRow::default();
            (0..table.rows).for_each(|row| _ = first.add(table, row, Some("x")));
            first.location.to_string()
        };
        let shuffled = table.keep(&[7, 4, 8, 5]);
        assert_eq!(first(&shuffled), "t: row 5: column \"x\"");
        // Of several files the lines are of each.
        let files = Files::from(vec![(0, "a".to_owned()), (4, "b".to_owned())]);
        table.lines = Some(Lines::of([2, 3, 4, 5, 2, 3, 4, 5, 6].into_iter(), false));
        table.sources = files.of_rows(&[0, 1, 2, 3, 4, 5, 6, 7, 8]);
        let shuffled = table.keep(&[7, 4, 8, 5, 3]);
        assert_eq!(first(&shuffled), "a:5: column \"x\"");
        assert_eq!(shuffled.cell(2, "x").to_string(), "b:6: column \"x\"");
    }
}
