//! What a table holds, column by column, for `thalweg info`.

use std::collections::HashSet;

use serde::Serialize;

use crate::preprocess::{NumericFit, Scaling};
use crate::table::{Column, ColumnData, Table};

const TOP: usize = 5;

/// What a column holds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ColumnSummary {
    /// Its name.
    pub name: String,
    /// numeric, boolean, categorical or block.
    pub kind: String,
    /// Rows without a value; for blocks, single values that are missing.
    pub missing: usize,
    /// Different values; `None` for blocks.
    pub distinct: Option<usize>,
    /// Shape of one row of a block.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shape: Option<Vec<usize>>,
    /// The numbers, where there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub numbers: Option<NumberSummary>,
    /// The most frequent texts and their counts, the most frequent first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub top: Vec<(String, usize)>,
}

/// Moments and range of the values present.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct NumberSummary {
    /// Mean.
    pub mean: f64,
    /// Population standard deviation.
    pub deviation: f64,
    /// Smallest value.
    pub min: f64,
    /// Largest value.
    pub max: f64,
}

/// Summarizes every column.
pub fn summarize(table: &Table) -> Vec<ColumnSummary> {
    let columns = table.columns.iter();
    columns.map(|one| column(one, table.rows)).collect()
}

fn column(column: &Column, rows: usize) -> ColumnSummary {
    let mut summary = ColumnSummary {
        name: column.name.clone(),
        kind: column.kind().to_string(),
        missing: 0,
        distinct: None,
        shape: None,
        numbers: None,
        top: Vec::new(),
    };
    match &column.data {
        ColumnData::Numeric(values) | ColumnData::Time(values) => {
            summary.missing = values.iter().filter(|x| x.is_nan()).count();
            summary.numbers = numbers(values.iter().copied());
            // -0 and 0 are one value.
            let present = values.iter().filter(|x| !x.is_nan());
            let bits = present.map(|x| (x + 0.0).to_bits());
            summary.distinct = Some(bits.collect::<HashSet<_>>().len());
        }
        ColumnData::Text(text) => {
            let mut counts = vec![0usize; text.levels.len()];
            for &code in &text.codes {
                match counts.get_mut(code as usize) {
                    Some(count) => *count += 1,
                    None => summary.missing += 1,
                }
            }
            summary.distinct = Some(text.levels.len());
            let mut top: Vec<(String, usize)> = text.levels.iter().cloned().zip(counts).collect();
            top.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
            top.truncate(TOP);
            summary.top = top;
        }
        ColumnData::Block(block) => {
            let each = || (0..rows * block.width()).map(|i| block.value(i));
            summary.missing = each().filter(|x| x.is_nan()).count();
            summary.shape = Some(block.shape.clone());
            summary.numbers = numbers(each());
        }
    }
    summary
}

fn numbers(values: impl Iterator<Item = f64> + Clone) -> Option<NumberSummary> {
    let fit = NumericFit::of(values, Scaling::Standard);
    let (mean, deviation) = fit.mean_and_deviation();
    (fit.present() > 0).then_some(NumberSummary {
        mean,
        deviation,
        min: fit.least,
        max: fit.most,
    })
}
