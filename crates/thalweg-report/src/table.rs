//! The page of a table: what each column holds.

use serde_json::{Value, json};
use thalweg::data::summary::ColumnSummary;
use thalweg::data::{Column, ColumnData, Note, Table};

use crate::page::{of_kind, page};
use crate::run::{cut, notes as noted};

const BINS: usize = 24;
/// Columns that are drawn; all are listed.
const DRAWN: usize = 60;
/// Characters of a name or a category.
const CHARACTERS: usize = 80;

/// The page of the table that was read from `data`, with a summary of each of its columns.
pub fn table(data: &str, table: &Table, summaries: &[ColumnSummary], notes: &[Note]) -> String {
    let column = |(index, (column, summary)): (usize, (&Column, &ColumnSummary))| {
        let top = summary.top.iter();
        let top: Vec<Value> = top
            .map(|(text, count)| json!([cut(text, CHARACTERS), count]))
            .collect();
        json!({
            "name": cut(&summary.name, CHARACTERS),
            "kind": summary.kind,
            "missing": summary.missing,
            "distinct": summary.distinct,
            "shape": summary.shape,
            "numbers": summary.numbers,
            "top": top,
            "is_time": matches!(column.data, ColumnData::Time(_)),
            "histogram": (index < DRAWN).then(|| histogram(column, summary)).flatten(),
        })
    };
    let columns = table.columns.iter().zip(summaries).enumerate();
    page(of_kind(
        "table",
        json!({
            "name": data,
            "rows": table.rows,
            "columns": columns.map(column).collect::<Vec<_>>(),
            "notes": noted(notes),
        }),
    ))
}

/// Counts in bins of equal width over the range of a column of numbers.
fn histogram(column: &Column, summary: &ColumnSummary) -> Option<Vec<usize>> {
    let (ColumnData::Numeric(values) | ColumnData::Time(values)) = &column.data else {
        return None;
    };
    let range = summary.numbers.as_ref()?;
    let width = (range.max - range.min) / BINS as f64;
    if !width.is_normal() {
        return None;
    }
    let mut counts = vec![0; BINS];
    for value in values.iter().filter(|value| value.is_finite()) {
        counts[(((value - range.min) / width) as usize).min(BINS - 1)] += 1;
    }
    Some(counts)
}
