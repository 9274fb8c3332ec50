//! Columns of numbers that other cells turn into text.

use crate::csv::builder::{FINITE, is_beyond};
use crate::error::{Error, Location, Note, Result, quote, quote_item};
use crate::first_row::FirstRow;
use crate::reading::{ReadAs, is_amount};
use crate::table::{Column, ColumnData, Kind, Table, TextColumn};
use crate::text::whole;

/// With fewer cells there is no telling what the others should be.
const CELLS_TO_JUDGE: usize = 20;
/// At most one cell in so many is a stray one.
const CELLS_PER_STRAY: usize = 20;
/// More cells than this are no mistakes.
const MAX_STRAY: usize = 50;
/// Where there are more different numbers, a column of which most cells are numbers seems to be
/// meant as one.
const FEW_NUMBERS: usize = 20;

/// Counts the cells of text columns that are no numbers, block by block.
#[derive(Debug, Default)]
pub(crate) struct StrayCells {
    count: usize,
    /// Cells that are not missing.
    cells: usize,
    first: FirstRow,
    text: String,
    /// How many of these are numbers beyond f64.
    beyond: usize,
    /// Whether there are many different numbers.
    are_many: bool,
}

/// The few cells that are no numbers, in a column where nearly all others are.
pub(crate) struct Stray<'a> {
    pub count: usize,
    pub cells: usize,
    pub location: &'a Location,
    pub text: &'a str,
}

impl StrayCells {
    /// Adds all rows of a column; numeric columns have no stray cells.
    pub fn add(&mut self, table: &Table, column: &Column) {
        let ColumnData::Text(text) = &column.data else {
            return;
        };
        if table
            .readings
            .get(&column.name)
            .is_some_and(|reading| reading.kind == ReadAs::Text)
        {
            return;
        }
        let are_numbers = text.map_levels(false, is_number);
        let spelled = text.levels.iter().filter(|level| is_number(level));
        self.are_many |= spelled.take(FEW_NUMBERS + 1).count() > FEW_NUMBERS;
        let is_stray = |row: &usize| !are_numbers[*row] && column.is_present(*row);
        for row in (0..are_numbers.len()).filter(is_stray) {
            self.count += 1;
            self.cells += 1;
            if self.first.add(table, row, Some(&column.name)) {
                self.text = column.text(row).unwrap_or_default();
            }
        }
        self.cells += are_numbers.iter().filter(|is_number| **is_number).count();
        let beyond = text.map_levels(false, is_too_large);
        self.beyond += beyond.iter().filter(|is_beyond| **is_beyond).count();
    }

    /// Refuses a column that would be one of numbers but for cells beyond f64.
    ///
    /// # Errors
    /// Names the first of them.
    pub fn check(&self) -> Result<()> {
        if self.beyond == 0 || self.beyond < self.count {
            return Ok(());
        }
        let (location, found) = (self.first.location.clone(), quote(&self.text));
        let item = quote_item(&self.text);
        let error = Error::invalid(location, found, FINITE);
        Err(error.remedy(format!(
            "correct the cell, add {item} to `data.read.missing` if it means a missing value, or the column to \
             `data.read.categorical` if it holds no numbers"
        )))
    }

    /// The stray cells; `None` if there are none, or too many for a column of numbers.
    pub fn few(&self) -> Option<Stray<'_>> {
        let stray = self.all()?;
        let few = stray.count <= MAX_STRAY && stray.count * CELLS_PER_STRAY <= stray.cells;
        few.then_some(stray)
    }

    fn all(&self) -> Option<Stray<'_>> {
        let (count, cells) = (self.count, self.cells);
        (count > 0 && cells >= CELLS_TO_JUDGE).then_some(Stray {
            count,
            cells,
            location: &self.first.location,
            text: &self.text,
        })
    }

    /// A warning when a few stray cells, or more among many different numbers, make categories of a
    /// column of numbers.
    pub fn warning(&self) -> Option<Note> {
        let most = |stray: &Stray<'_>| self.are_many && 2 * stray.count < stray.cells;
        let stray = self.few().or_else(|| self.all().filter(most))?;
        let (are, noun) = match stray.count {
            1 => ("is no number:", "cell"),
            _ => ("are no numbers, the first", "cells"),
        };
        let (text, item) = (quote(stray.text), quote_item(stray.text));
        Some(Note::warning(format!(
            "{}: {} of {} cells {are} {text}, so the column is read as categories; \
             add {item} to `data.read.missing` if it means a missing value, or correct the {noun}",
            stray.location,
            whole(stray.count),
            whole(stray.cells),
        )))
    }
}

/// Whether a cell is a number, plain or as amounts are written; none is what is beyond f64.
fn is_number(cell: &str) -> bool {
    match cell.parse::<f64>() {
        Ok(number) => number.is_finite(),
        Err(_) => is_amount(cell),
    }
}

fn is_too_large(cell: &str) -> bool {
    cell.parse().is_ok_and(|number| is_beyond(cell, number))
}

/// A warning for each column of categories that would be one of numbers but for a few cells, with the first of these.
pub fn notes_on_stray_cells(table: &Table) -> Vec<Note> {
    let warning = |column: &Column| {
        let mut stray = StrayCells::default();
        stray.add(table, column);
        stray.warning()
    };
    let columns = table.columns.iter();
    let of_categories = columns.filter(|column| column.kind() == Kind::Categorical);
    of_categories.filter_map(warning).collect()
}

/// The number that each row of a text column spells, NaN where it spells none.
pub(crate) fn spelled_numbers(text: &TextColumn) -> Vec<f64> {
    text.map_levels(f64::NAN, |level| level.parse().unwrap_or(f64::NAN))
}
