//! Tables to delimited text.

use std::borrow::Cow;

use crate::block::place_name;
use crate::error::Result;
use crate::reading::writer_of;
use crate::table::{Column, ColumnData, Table, number_text};

/// The table with a line of names; cells between commas, or tabs for `.tsv`. A block is a column
/// for each of its values, named `NAME_1`, `NAME_2`, ….
///
/// # Errors
/// None: text holds every table.
pub fn write(table: &Table, ending: &str) -> Result<Vec<u8>> {
    let mut lines = Text {
        text: String::new(),
        delimiter: if matches!(ending, "tsv" | "tab") {
            '\t'
        } else {
            ','
        },
        at_start: true,
    };
    for column in &table.columns {
        match width(column) {
            1 => lines.cell(&column.name),
            width => (1..=width).for_each(|i| lines.cell(&place_name(&column.name, i))),
        }
    }
    lines.end();
    let columns: Vec<_> = table
        .columns
        .iter()
        .map(|column| (column, date_writer(column)))
        .collect();
    for row in 0..table.rows {
        for (column, date) in &columns {
            let width = width(column);
            (0..width).for_each(|i| lines.cell(&value(column, *date, row * width + i)));
        }
        lines.end();
    }
    Ok(lines.text.into_bytes())
}

fn width(column: &Column) -> usize {
    match &column.data {
        ColumnData::Block(block) => block.width(),
        _ => 1,
    }
}

/// How the dates of a column are written.
pub fn date_writer(column: &Column) -> fn(f64) -> String {
    match &column.data {
        ColumnData::Time(times) => writer_of(times),
        _ => number_text,
    }
}

/// The text of a value, empty where it is missing.
fn value(column: &Column, date: fn(f64) -> String, at: usize) -> Cow<'_, str> {
    match &column.data {
        ColumnData::Text(text) => {
            let level = text.levels.get(text.codes[at] as usize);
            Cow::Borrowed(level.map_or("", String::as_str))
        }
        ColumnData::Numeric(numbers) => number(numbers[at]),
        ColumnData::Time(times) if times[at].is_nan() => Cow::Borrowed(""),
        ColumnData::Time(times) => Cow::Owned(date(times[at])),
        ColumnData::Block(block) => number(block.value(at)),
    }
}

fn number(number: f64) -> Cow<'static, str> {
    match number.is_nan() {
        true => Cow::Borrowed(""),
        false => Cow::Owned(number_text(number)),
    }
}

struct Text {
    text: String,
    delimiter: char,
    at_start: bool,
}

impl Text {
    fn cell(&mut self, cell: &str) {
        if !self.at_start {
            self.text.push(self.delimiter);
        }
        self.at_start = false;
        let special = |c: char| c == self.delimiter || matches!(c, '"' | '\n' | '\r');
        // White space at the ends belongs to a quoted cell alone.
        match cell.contains(special) || cell.trim() != cell {
            true => self.text.extend(["\"", &cell.replace('"', "\"\""), "\""]),
            false => self.text.push_str(cell),
        }
    }

    fn end(&mut self) {
        // A blank line would be no row.
        if self.text.is_empty() || self.text.ends_with('\n') {
            self.text.push_str("\"\"");
        }
        self.text.push('\n');
        self.at_start = true;
    }
}
