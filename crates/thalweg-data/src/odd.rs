//! Columns of numbers that a few odd cells turn into text.

use crate::error::{Note, quote};
use crate::table::{Column, ColumnData, Table, TextColumn};

/// Fewer cells say nothing about what the rest ought to be.
const CELLS_TO_JUDGE: usize = 20;
/// One cell in so many, at most, may be odd.
const CELLS_AN_ODD_ONE: usize = 20;
/// More odd cells than this are no slips.
const MAX_ODD: usize = 50;

/// The cells of a text column that are no numbers although nearly all others are.
pub(crate) struct OddCells {
    /// How many.
    pub count: usize,
    /// Cells that are not missing.
    pub cells: usize,
    /// Row of the first.
    pub row: usize,
    /// Its text.
    pub text: String,
    /// The numbers of all rows, NaN where the cell is odd or missing.
    pub numbers: Vec<f64>,
}

/// The odd cells of a column of numbers; `None` when it has none, or is a column of texts.
pub(crate) fn odd_cells(column: &Column) -> Option<OddCells> {
    let ColumnData::Text(text) = &column.data else {
        return None;
    };
    let numbers = spelled_numbers(text);
    let is_odd = |row: &usize| {
        numbers[*row].is_nan() && text.levels.get(text.codes[*row] as usize).is_some()
    };
    let row = (0..numbers.len()).find(is_odd)?;
    let count = (row..numbers.len()).filter(is_odd).count();
    let cells = count + numbers.iter().filter(|x| !x.is_nan()).count();
    let few = count <= MAX_ODD && count * CELLS_AN_ODD_ONE <= cells;
    (cells >= CELLS_TO_JUDGE && few).then(|| OddCells {
        count,
        cells,
        row,
        text: column.text(row).unwrap_or_default(),
        numbers,
    })
}

/// A warning when a few odd cells make categories of a column of numbers.
pub(crate) fn warning(table: &Table, column: &Column) -> Option<Note> {
    let odd = odd_cells(column)?;
    let (are, cells) = match odd.count {
        1 => ("is no number:", "cell"),
        _ => ("are no numbers, the first", "cells"),
    };
    let text = quote(&odd.text);
    Some(Note::warning(format!(
        "{}: {} of {} cells {are} {text}, so the column is read as categories; \
         add {text} to `data.read.missing` if it means a missing value, or correct the {cells}",
        table.cell(odd.row, &column.name),
        odd.count,
        odd.cells,
    )))
}

/// The number that each row of a text column spells, NaN where it spells none.
pub(crate) fn spelled_numbers(text: &TextColumn) -> Vec<f64> {
    let of_level: Vec<f64> = (text.levels.iter())
        .map(|level| level.parse().unwrap_or(f64::NAN))
        .collect();
    let number = |&code: &u32| of_level.get(code as usize).copied().unwrap_or(f64::NAN);
    text.codes.iter().map(number).collect()
}
