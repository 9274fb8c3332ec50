//! What a table holds, for `thalweg info`: each column, the target, and what columns and rows have to
//! do with one another.

mod column;
mod relations;

use serde::Serialize;
use thalweg_core::dataset::Targets;

pub use column::{ColumnSummary, NumberSummary};
pub use relations::Correlation;

use crate::error::quote;
use crate::reading::ReadAs;
use crate::table::{ColumnData, Table};
use crate::target::{Target, TargetOptions, Task, labelled, target_names};

/// What a table holds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Number of rows.
    pub rows: usize,
    /// Rows that are equal to an earlier one.
    pub duplicates: usize,
    /// The columns, in the order of the table.
    pub columns: Vec<ColumnSummary>,
    /// What would be predicted; `None` where nothing can be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<TargetSummary>,
    /// Pairs of columns that are nearly the same, the nearest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub correlations: Vec<Correlation>,
}

/// What would be predicted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TargetSummary {
    /// The columns.
    pub columns: Vec<String>,
    /// The task.
    pub task: Task,
    /// The classes with their rows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<(String, usize)>,
}

/// Summarizes a table, with the target that the options choose.
pub fn summarize(table: &Table, options: &TargetOptions) -> Summary {
    let mut columns: Vec<ColumnSummary> = (table.columns.iter())
        .map(|one| column::summarize(one, table))
        .collect();
    let target = of_target(table, options);
    let names = target
        .as_ref()
        .map_or(&[][..], |target| target.columns.as_slice());
    let correlations = relations::correlations(table, names, &mut columns);
    Summary {
        rows: table.rows,
        duplicates: relations::duplicates(table),
        target,
        columns,
        correlations,
    }
}

/// What would be predicted from the rows that have a target, if there is such.
fn of_target(table: &Table, options: &TargetOptions) -> Option<TargetSummary> {
    let names = target_names(table, options, &mut Vec::new()).ok()?;
    let (table, _) = labelled(table, &names, None).ok()?;
    let (target, targets, _) = Target::choose(&table, options).ok()?;
    let mut counts = vec![0; target.classes.len()];
    if let Targets::Classes(classes) = targets {
        classes
            .iter()
            .for_each(|&class| counts[class as usize] += 1);
    }
    Some(TargetSummary {
        columns: target.columns,
        task: target.task,
        classes: target.classes.into_iter().zip(counts).collect(),
    })
}

/// How a column is read, and why.
fn reading(name: &str, data: &ColumnData, table: &Table) -> String {
    if let Some(reading) = table.readings.get(name) {
        let what = match reading.kind {
            ReadAs::Numbers => "numbers",
            ReadAs::Text => "text",
            ReadAs::Dates => "dates",
        };
        let missing = match reading.missing.first() {
            Some(missing) => format!("; missing where {}", quote(missing)),
            None => String::new(),
        };
        return format!("{what}: {}{missing}", reading.why);
    }
    match data {
        ColumnData::Numeric(_) => "all cells are numbers or missing",
        ColumnData::Text(_) => "not all cells are numbers or dates",
        ColumnData::Time(_) => "the format says so",
        ColumnData::Block(_) => "several numbers a row",
    }
    .to_owned()
}
