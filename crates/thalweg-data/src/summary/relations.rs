//! What columns have to do with one another, and rows.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hasher};
use std::iter::once;

use serde::Serialize;
use thalweg_core::dataset::Values;

use super::ColumnSummary;
use crate::table::{Block, ColumnData, Table, truth};

/// More columns than this are not compared in pairs.
const COLUMNS_IN_PAIRS: usize = 100;
/// By so many rows, evenly spread, pairs are found.
const ROWS_IN_PAIRS: usize = 20_000;
/// Pairs that are correlated more than this are nearly the same.
const NEAR: f64 = 0.95;
const PAIRS: usize = 10;

/// Two columns that are nearly the same, or nearly opposite.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Correlation {
    /// The columns.
    pub columns: (String, String),
    /// Pearson's correlation over the rows in which both have a value.
    pub correlation: f64,
}

/// Rows that are equal to an earlier one.
pub(super) fn duplicates(table: &Table) -> usize {
    if table.rows < 2 {
        return 0;
    }
    let mut hashes = vec![0u64; table.rows];
    let mut mix = |row: usize, values: &mut dyn Iterator<Item = u64>| {
        let mut hasher = DefaultHasher::new();
        hasher.write_u64(hashes[row]);
        values.for_each(|value| hasher.write_u64(value));
        hashes[row] = hasher.finish();
    };
    for column in &table.columns {
        match &column.data {
            ColumnData::Numeric(values) | ColumnData::Time(values) => {
                let all = values.iter().enumerate();
                all.for_each(|(row, x)| mix(row, &mut once((x + 0.0).to_bits())));
            }
            ColumnData::Text(text) => {
                let all = text.codes.iter().enumerate();
                all.for_each(|(row, &code)| mix(row, &mut once(u64::from(code))));
            }
            ColumnData::Block(Block {
                values: Values::Sparse(rows),
                ..
            }) => {
                for row in 0..table.rows {
                    let entries = rows.view().entries(row);
                    mix(
                        row,
                        &mut entries.flat_map(|(column, value)| [column as u64, value.to_bits()]),
                    );
                }
            }
            ColumnData::Block(block) => {
                let width = block.width();
                for row in 0..table.rows {
                    let places = row * width..(row + 1) * width;
                    mix(row, &mut places.map(|i| block.value(i).to_bits()));
                }
            }
        }
    }
    let mut seen = HashSet::new();
    hashes
        .into_iter()
        .filter(|hash| !seen.insert(*hash))
        .count()
}

/// Sets the correlation of each column with the target, if that is one column; returns the pairs of
/// other columns that are nearly the same.
pub(super) fn correlations(
    table: &Table,
    target: &[String],
    columns: &mut [ColumnSummary],
) -> Vec<Correlation> {
    let step = table.rows.div_ceil(ROWS_IN_PAIRS).max(1);
    let values: Vec<(usize, Vec<f64>)> = (0..table.columns.len())
        .filter_map(|j| Some((j, numbers(&table.columns[j].data, step)?)))
        .collect();
    let is_target = |j: usize| target.contains(&table.columns[j].name);
    // What is shown is of all rows.
    let exact = |a: usize, b: usize| {
        let [a, b] = [a, b].map(|j| numbers(&table.columns[j].data, 1));
        pearson(&a?, &b?)
    };
    if let [_] = target
        && let Some((of_target, _)) = values.iter().find(|(j, _)| is_target(*j))
    {
        for (j, _) in values.iter().filter(|(j, _)| !is_target(*j)) {
            columns[*j].correlation = exact(*j, *of_target);
        }
    }
    let mut pairs = Vec::new();
    if values.len() > COLUMNS_IN_PAIRS {
        return pairs;
    }
    for (i, (a, of_a)) in values.iter().enumerate() {
        for (b, of_b) in &values[i + 1..] {
            let near = pearson(of_a, of_b).is_some_and(|r| r.abs() > NEAR);
            if near
                && !is_target(*a)
                && !is_target(*b)
                && let Some(correlation) = exact(*a, *b)
            {
                let name = |j: usize| table.columns[j].name.clone();
                pairs.push(Correlation {
                    columns: (name(*a), name(*b)),
                    correlation,
                });
            }
        }
    }
    pairs.sort_by(|a, b| b.correlation.abs().total_cmp(&a.correlation.abs()));
    pairs.truncate(PAIRS);
    pairs
}

/// Every `step`th value of a column of numbers, dates, or texts of two kinds.
fn numbers(data: &ColumnData, step: usize) -> Option<Vec<f64>> {
    match data {
        ColumnData::Numeric(values) | ColumnData::Time(values) => {
            Some(values.iter().step_by(step).copied().collect())
        }
        ColumnData::Text(text) if text.levels.len() == 2 => {
            let number = |level: &str| match truth(level) {
                Some(truth) => f64::from(u8::from(truth)),
                None => f64::from(u8::from(level > text.levels.iter().min().map_or("", |s| s))),
            };
            let all = text.map_levels(f64::NAN, number);
            Some(all.into_iter().step_by(step).collect())
        }
        _ => None,
    }
}

/// Σ(x − x̄)(y − ȳ) / √(Σ(x − x̄)² Σ(y − ȳ)²) over the rows in which both are numbers; `None` where
/// one is constant.
fn pearson(x: &[f64], y: &[f64]) -> Option<f64> {
    let pairs = || x.iter().zip(y).filter(|(x, y)| (*x + *y).is_finite());
    let count = pairs().count() as f64;
    let (sum_x, sum_y) = pairs().fold((0.0, 0.0), |(a, b), (x, y)| (a + x / count, b + y / count));
    let (mut xx, mut yy, mut xy) = (0.0, 0.0, 0.0);
    for (x, y) in pairs() {
        let (x, y) = (x - sum_x, y - sum_y);
        (xx, yy, xy) = (xx + x * x, yy + y * y, xy + x * y);
    }
    let r = xy / xx.sqrt() / yy.sqrt();
    r.is_finite().then_some(r.clamp(-1.0, 1.0))
}
