//! The page of a cross-validation.

use serde_json::{Value, json};
use thalweg::cross_validation::CrossValidated;
use thalweg::data::{Column, ColumnData, Table, Task};
use thalweg::text::figure;

use crate::page::{of_kind, page};
use crate::run::{cut, notes as noted, reasons};

/// Predictions that are drawn, evenly spaced over the rows.
const POINTS: usize = 1_000;
/// More classes make no readable matrix.
const CLASSES: usize = 30;
/// Characters of a class.
const CHARACTERS: usize = 40;

/// The page of a recipe that was validated on the rows of `data`; `result` is what the command prints as
/// JSON.
///
/// # Errors
/// If the config cannot be written as text.
pub fn cross_validation(
    data: &str,
    result: &Value,
    validated: &CrossValidated,
) -> thalweg::Result<String> {
    let config = &validated.config;
    let is_regression = config.data.target.task == Some(Task::Regression);
    let pair = pair(&validated.predictions);
    let (points, confusion) = match pair {
        Some((truth, predicted)) if is_regression => (
            points(validated.predictions.column("row"), truth, predicted),
            Value::Null,
        ),
        Some((truth, predicted)) => (
            Value::Null,
            confusion(truth, predicted, result["rows"].as_u64()),
        ),
        None => (Value::Null, Value::Null),
    };
    Ok(page(of_kind(
        "cv",
        json!({
            "data": data,
            "result": result,
            "points": points,
            "confusion": confusion,
            "reasons": reasons(&validated.reasons),
            "notes": noted(&validated.notes),
            "config": config.to_toml()?,
        }),
    )))
}

/// The first target and what was predicted for it.
fn pair(predictions: &Table) -> Option<(&Column, &Column)> {
    let mut columns = predictions.columns.iter();
    columns.find_map(|truth| {
        let predicted = format!("{}_predicted", truth.name);
        Some((truth, predictions.column(&predicted)?))
    })
}

/// Row, truth and prediction of some rows.
fn points(rows: Option<&Column>, truth: &Column, predicted: &Column) -> Value {
    let numbers = |column: &Column| match &column.data {
        ColumnData::Numeric(values) => Some(values.clone()),
        _ => None,
    };
    let all = (rows.and_then(numbers), numbers(truth), numbers(predicted));
    let (Some(rows), Some(truth), Some(predicted)) = all else {
        return Value::Null;
    };
    let count = truth.len().min(POINTS);
    let point = |i: usize| {
        let row = i * truth.len() / count;
        json!([rows[row], truth[row], predicted[row]])
    };
    (0..count).map(point).collect()
}

/// How many rows of each class were predicted as which; none of too many classes.
fn confusion(truth: &Column, predicted: &Column, rows: Option<u64>) -> Value {
    let rows = rows.unwrap_or(0) as usize;
    let pairs: Vec<(String, String)> = (0..rows)
        .filter_map(|row| Some((class(truth, row)?, class(predicted, row)?)))
        .collect();
    let mut classes: Vec<&String> = pairs.iter().flat_map(|(a, b)| [a, b]).collect();
    classes.sort_unstable();
    classes.dedup();
    if !(2..=CLASSES).contains(&classes.len()) {
        return Value::Null;
    }
    let mut matrix = vec![vec![0u64; classes.len()]; classes.len()];
    for (truth, predicted) in &pairs {
        if let (Ok(i), Ok(j)) = (
            classes.binary_search(&truth),
            classes.binary_search(&predicted),
        ) {
            matrix[i][j] += 1;
        }
    }
    json!({ "classes": classes, "matrix": matrix })
}

/// The class of a row, if it has one.
fn class(column: &Column, row: usize) -> Option<String> {
    match &column.data {
        ColumnData::Numeric(values) => values
            .get(row)
            .filter(|value| value.is_finite())
            .map(|value| figure(*value)),
        ColumnData::Text(text) => {
            let level = text.levels.get(*text.codes.get(row)? as usize)?;
            Some(cut(level, CHARACTERS))
        }
        ColumnData::Time(_) | ColumnData::Block(_) => None,
    }
}
