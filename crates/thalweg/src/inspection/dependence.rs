//! Partial dependence: the mean prediction over rows if all of them had one value in a column, for
//! several values (Friedman 2001).

use serde::Serialize;
use thalweg_core::dataset::{Features, Values};
use thalweg_core::engine::Engine;
use thalweg_data::Task;

use super::columns::{Cell, Place, shortened};
use super::judged::Judged;
use crate::error::Result;
use crate::middle::medians;
use crate::scores::as_predicted;

/// Columns that are looked at and shown.
const COLUMNS: usize = 24;
const SHOWN: usize = 6;
/// Rows, evenly spaced, and numbers of all their inputs.
const ROWS: usize = 100;
const INPUTS: usize = 1 << 20;
const VALUES: usize = 9;
const OUTPUTS: usize = 5;

/// How predictions depend on a column.
#[derive(Debug, Clone, Serialize)]
pub struct Dependence {
    /// The column.
    pub column: String,
    /// Its values: numbers at quantiles of the rows, or the most frequent categories.
    pub values: Vec<String>,
    /// The values, if they are numbers.
    pub numbers: Option<Vec<f64>>,
    /// The targets, classes or labels that depend on it most.
    pub outputs: Vec<DependentOutput>,
}

/// A target, class or label.
#[derive(Debug, Clone, Serialize)]
pub struct DependentOutput {
    /// Its name.
    pub name: String,
    /// Mean prediction for each value of the column.
    pub means: Vec<f64>,
}

/// The columns on which predictions depend most, of as many as a budget of predicted rows allows.
pub(super) fn dependence(
    engine: &mut dyn Engine,
    judged: &Judged,
    places: &[Place],
    budget: usize,
) -> Result<Vec<Dependence>> {
    let width = judged.features.width.max(1);
    let count = judged.rows.min(ROWS).min(INPUTS / width);
    if count < 2 || judged.outputs == 0 {
        return Ok(Vec::new());
    }
    let rows: Vec<usize> = (0..count).map(|i| i * judged.rows / count).collect();
    let inputs: Vec<f64> = rows
        .iter()
        .flat_map(|&row| judged.features.row(row))
        .collect();
    let units = deviations(judged, &rows);
    let mut all = Vec::new();
    for place in places.iter().take(COLUMNS.min(budget / (VALUES * count))) {
        let cells: Vec<Cell> = rows
            .iter()
            .map(|&row| place.cell(judged.features, row))
            .collect();
        let chosen = representatives(&cells);
        if chosen.len() < 2 {
            continue;
        }
        let mut means: Vec<Vec<f64>> = Vec::new();
        for &row in &chosen {
            means.push(means_with(engine, judged, &inputs, place, row)?);
        }
        let range = |output: usize| {
            let of = means.iter().map(|means| means[output]);
            let (low, high) = of.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), mean| {
                (low.min(mean), high.max(mean))
            });
            (high - low) / units[output]
        };
        let mut outputs: Vec<(f64, usize)> = (0..judged.outputs)
            .map(|output| (range(output), output))
            .collect();
        outputs.retain(|(range, _)| range.is_finite());
        outputs.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        outputs.truncate(OUTPUTS);
        let Some(&(spread, _)) = outputs.first() else {
            continue;
        };
        let output = |&(_, output): &(f64, usize)| DependentOutput {
            name: name(judged, output),
            means: means.iter().map(|means| means[output]).collect(),
        };
        let dependence = Dependence {
            column: place.name.clone(),
            values: chosen.iter().map(|&row| cells[row].to_string()).collect(),
            numbers: chosen.iter().map(|&row| number(&cells[row])).collect(),
            outputs: outputs.iter().map(output).collect(),
        };
        all.push((spread, dependence));
    }
    all.sort_by(|a, b| b.0.total_cmp(&a.0));
    Ok(all
        .into_iter()
        .take(SHOWN)
        .map(|(_, dependence)| dependence)
        .collect())
}

/// The mean of each output if all rows had the value of one of them at a place.
fn means_with(
    engine: &mut dyn Engine,
    judged: &Judged,
    inputs: &[f64],
    place: &Place,
    row: usize,
) -> Result<Vec<f64>> {
    let width = judged.features.width;
    let mut values = inputs.to_vec();
    for input in place.inputs() {
        let value = inputs[row * width + input];
        let column = values.iter_mut().skip(input).step_by(width);
        column.for_each(|x| *x = value);
    }
    let values = Values::F64(values);
    let mut predictions = engine.predict(&Features { width, values })?;
    if judged.preprocessing.task() == Task::Regression {
        as_predicted(judged.preprocessing, &mut predictions);
        predictions = medians(judged.preprocessing, predictions);
    }
    let mean = |output| {
        let values = predictions.iter().skip(output).step_by(judged.outputs);
        values.sum::<f64>() * width as f64 / inputs.len() as f64
    };
    Ok((0..judged.outputs).map(mean).collect())
}

/// The standard deviation of each output over the rows; 1 where it is 0.
fn deviations(judged: &Judged, rows: &[usize]) -> Vec<f64> {
    let n = rows.len() as f64;
    let deviation = |output: usize| {
        let of = || rows.iter().map(|&row| judged.prediction(row)[output]);
        let mean = of().sum::<f64>() / n;
        let variance = of().map(|value| (value - mean).powi(2)).sum::<f64>() / n;
        if variance > 0.0 { variance.sqrt() } else { 1.0 }
    };
    (0..judged.outputs).map(deviation).collect()
}

/// Positions whose cells stand for all: at quantiles of the numbers, or the most frequent others, each
/// value once.
fn representatives(cells: &[Cell]) -> Vec<usize> {
    let mut numbers: Vec<(f64, usize)> = (cells.iter().enumerate())
        .filter_map(|(position, cell)| Some((number(cell)?, position)))
        .collect();
    if !numbers.is_empty() {
        numbers.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let last = numbers.len() - 1;
        let mut chosen: Vec<(f64, usize)> = (0..VALUES)
            .map(|i| numbers[i * last / (VALUES - 1)])
            .collect();
        chosen.dedup_by(|a, b| a.0 == b.0);
        return chosen.into_iter().map(|(_, position)| position).collect();
    }
    let mut kinds: Vec<(Cell, usize, usize)> = Vec::new();
    for (position, cell) in cells.iter().enumerate() {
        match kinds.iter_mut().find(|(other, ..)| other == cell) {
            Some((_, count, _)) => *count += 1,
            None => kinds.push((*cell, 1, position)),
        }
    }
    kinds.sort_by(|a, b| b.1.cmp(&a.1).then(a.2.cmp(&b.2)));
    kinds
        .into_iter()
        .take(VALUES)
        .map(|(.., position)| position)
        .collect()
}

fn number(cell: &Cell) -> Option<f64> {
    match cell {
        Cell::Number(x) if x.is_finite() => Some(*x),
        _ => None,
    }
}

fn name(judged: &Judged, output: usize) -> String {
    let preprocessing = judged.preprocessing;
    let name = match preprocessing.task() {
        Task::Binary => preprocessing.class(1),
        Task::Multiclass => preprocessing.class(output),
        Task::Regression | Task::Multilabel => {
            preprocessing.target.columns.get(output).map(String::as_str)
        }
    };
    name.map_or_else(|| format!("output {}", output + 1), shortened)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_stand_for_numbers_and_the_most_frequent_for_categories() {
        let numbers: Vec<Cell> = [5.0, 1.0, 9.0, 1.0, 3.0].map(Cell::Number).to_vec();
        let values: Vec<Option<f64>> = representatives(&numbers)
            .iter()
            .map(|&i| number(&numbers[i]))
            .collect();
        assert_eq!(values, [Some(1.0), Some(3.0), Some(5.0), Some(9.0)]);
        let levels: Vec<Cell> = ["a", "b", "b", "c", "b", "c"].map(Cell::Level).to_vec();
        assert_eq!(representatives(&levels), [1, 3, 0]);
    }
}
