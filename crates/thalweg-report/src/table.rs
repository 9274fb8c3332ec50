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
        let drawn = (index < DRAWN)
            .then(|| histogram(column, summary))
            .flatten();
        json!({
            "name": cut(&summary.name, CHARACTERS),
            "kind": summary.kind,
            "missing": summary.missing,
            "distinct": summary.distinct,
            "shape": summary.shape,
            "numbers": summary.numbers,
            "top": top,
            "is_time": matches!(column.data, ColumnData::Time(_)),
            "whole": drawn.as_ref().is_some_and(|drawn| drawn.is_whole),
            "histogram": drawn.map(|drawn| drawn.counts),
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

/// How many rows have which numbers.
struct Histogram {
    /// Rows in each bin.
    counts: Vec<usize>,
    /// Whether the column is of few whole numbers, each of which has a bin.
    is_whole: bool,
}

/// Counts in bins of equal width over the range of a column of numbers.
fn histogram(column: &Column, summary: &ColumnSummary) -> Option<Histogram> {
    let (ColumnData::Numeric(values) | ColumnData::Time(values)) = &column.data else {
        return None;
    };
    let range = summary.numbers.as_ref()?;
    let span = range.max - range.min;
    if !(span / BINS as f64).is_normal() {
        return None;
    }
    let known = || values.iter().filter(|value| value.is_finite());
    let is_whole = span < BINS as f64 && known().all(|value| value.fract() == 0.0);
    let (bins, width) = match is_whole {
        true => (span as usize + 1, 1.0),
        false => (BINS, span / BINS as f64),
    };
    let mut counts = vec![0; bins];
    for value in known() {
        counts[(((value - range.min) / width) as usize).min(bins - 1)] += 1;
    }
    Some(Histogram { counts, is_whole })
}
