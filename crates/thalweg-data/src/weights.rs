//! Weights of rows: read from their column; rows of weight 0 are left out before anything looks at
//! the rows.

use std::borrow::Cow;

use crate::error::{Error, Location, Note, Result, quote};
use crate::stray::spelled_numbers;
use crate::table::{ColumnData, Table};
use crate::target::not_a_number;
use crate::text::whole;

/// The weights of `rows` in the column `name`; none where the table has no such column.
///
/// # Errors
/// Names the first cell among `rows` that is no finite number ≥ 0.
pub(crate) fn row_weights(
    table: &Table,
    name: Option<&str>,
    rows: &[usize],
) -> Result<Option<Vec<f32>>> {
    let Some(column) = name.and_then(|name| table.column(name)) else {
        return Ok(None);
    };
    let fail = |row: usize| {
        let found = column
            .text(row)
            .map_or("a missing value".to_owned(), |text| quote(&text));
        let (expected, remedy) = match column.text(row).and_then(|text| text.parse().ok()) {
            Some(number) if f64::is_finite(number) && number > 0.0 => (
                "a weight of 0, or from 1e-37 to 1e38",
                "divide all weights by one number",
            ),
            _ => (
                "a weight: a finite number ≥ 0",
                "correct the cell or choose another `data.fit.sample_weight`",
            ),
        };
        Error::invalid(table.cell(row, &column.name), found, expected).remedy(remedy)
    };
    let numbers = match (&column.data, not_a_number(table, column)) {
        (ColumnData::Numeric(numbers), _) => Cow::Borrowed(numbers.as_slice()),
        (ColumnData::Text(text), None) => Cow::Owned(spelled_numbers(text)),
        (_, error) => return Err(error.unwrap_or_else(|| fail(0))),
    };
    let fits = |row: &usize| numbers[*row] == 0.0 || (1e-37..=1e38).contains(&numbers[*row]);
    match rows.iter().find(|row| !fits(row)) {
        Some(&row) => Err(fail(row)),
        None => Ok(Some(rows.iter().map(|&row| numbers[row] as f32).collect())),
    }
}

/// A note on so many rows of weight 0 of all rows of the file of a table.
///
/// # Errors
/// When no row is left.
pub(crate) fn note_on_zeros(
    table: &Table,
    name: Option<&str>,
    rows: usize,
    zeros: usize,
) -> Result<Option<Note>> {
    let (Some(name), 1..) = (name, zeros) else {
        return Ok(None);
    };
    if zeros == rows {
        let location = table.location().column(name);
        let found = format!("a weight of 0 for all rows ({})", whole(rows));
        let remedy = "correct the weights, or choose another `data.fit.sample_weight`";
        return Err(Error::invalid(location, found, "at least one weight above 0").remedy(remedy));
    }
    let (file, noun) = (
        Location::file(&table.file),
        if zeros == 1 { "row" } else { "rows" },
    );
    let [zeros, rows] = [zeros, rows].map(whole);
    let text = format!("{file}: {zeros} of {rows} rows left out: {noun} of weight 0");
    Ok(Some(Note::info(text)))
}
