//! Columns of a file of predictions: those that are kept from the rows, and those of cells.

use thalweg_core::registry::did_you_mean;
use thalweg_data::error::{quote, quote_list};
use thalweg_data::table::Kind;
use thalweg_data::{Column, ColumnData, Error as DataError, Table};

use crate::error::Result;

/// Cells, a line a row, as columns.
pub(super) fn as_columns(
    names: impl Iterator<Item = String>,
    lines: &[Vec<String>],
    is_text: impl Fn(usize) -> bool,
) -> Vec<Column> {
    let column = |(at, name): (usize, String)| {
        let cells = lines.iter().map(|cells| cells[at].as_str());
        let data = match is_text(at) {
            true => ColumnData::texts(cells),
            // What is written is what is read back.
            false => ColumnData::Numeric(cells.map(|x| x.parse().unwrap_or(f64::NAN)).collect()),
        };
        Column { name, data }
    };
    names.enumerate().map(column).collect()
}

/// The columns of these names.
pub(super) fn kept(table: &Table, names: &[String]) -> Result<Vec<Column>> {
    let column = |name: &String| match table.column(name) {
        Some(column) if column.kind() != Kind::Block => Ok(column.clone()),
        found => {
            let found = match found {
                Some(_) => format!("column {}, which holds several numbers a row", quote(name)),
                None => format!("no column {}", quote(name)),
            };
            let single = table
                .columns
                .iter()
                .filter(|column| column.kind() != Kind::Block);
            let names = quote_list(single.map(|column| column.name.as_str()));
            let expected = match names.as_str() {
                "" => "a column of one value a row, of which there is none".to_owned(),
                names => format!("columns to keep, such as {names}"),
            };
            let error = DataError::invalid(table.location(), found, expected);
            Err(error.remedy(did_you_mean(name, table.names())).into())
        }
    };
    names.iter().map(column).collect()
}

/// A cell of CSV, quoted where it must be.
pub(super) fn cell(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}
