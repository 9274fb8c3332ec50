//! Where a model errs: by the values of a column, and in single rows.

use std::collections::HashMap;

use serde::Serialize;
use thalweg_data::Task;

use super::columns::{Cell, Place, shortened};
use super::judged::{Judged, feature};

/// Columns that are looked at.
const COLUMNS: usize = 200;
/// Rows that are looked at for the errors by column, evenly spaced.
const ROWS: usize = 4_000;
const BINS: usize = 8;
const LEVELS: usize = 10;
/// The worst rows, and their columns.
const WORST: usize = 12;
const CELLS: usize = 12;
/// Images are thinned to this many lines and pixels a line.
const PIXELS: usize = 40;

/// The error by the values of a column.
#[derive(Debug, Clone, Serialize)]
pub struct ColumnErrors {
    /// The column.
    pub name: String,
    /// By quantiles of a number, or by category.
    pub bins: Vec<ErrorBin>,
}

/// Rows whose value is alike.
#[derive(Debug, Clone, Serialize)]
pub struct ErrorBin {
    /// The least and the greatest number, or the category.
    pub values: String,
    /// Mean error.
    pub error: f64,
    /// Rows that were looked at.
    pub rows: usize,
}

/// A row that is predicted badly.
#[derive(Debug, Clone, Serialize)]
pub struct WorstRow {
    /// Its number among the rows of the file that were not left out, from 1.
    pub row: usize,
    /// What is true.
    pub truth: String,
    /// What was predicted.
    pub predicted: String,
    /// The probability of what is true, where there is one.
    pub probability: Option<f64>,
    /// How wrong it is.
    pub error: f64,
    /// Columns with their values.
    pub cells: Vec<(String, String)>,
    /// The image, if the row is one.
    pub image: Option<Image>,
}

/// A picture of bytes.
#[derive(Debug, Clone, Serialize)]
pub struct Image {
    /// Channels, lines, pixels a line.
    pub shape: [usize; 3],
    /// Two hexadecimal digits for each value, channel by channel.
    pub pixels: String,
}

/// Each column, those first over whose values the error varies most.
pub(super) fn by_column(judged: &Judged, places: &[Place]) -> Vec<ColumnErrors> {
    let count = judged.rows.min(ROWS);
    let rows: Vec<usize> = (0..count).map(|i| i * judged.rows / count).collect();
    let errors: Vec<f64> = rows.iter().map(|&row| judged.error(row)).collect();
    let mut all: Vec<(f64, ColumnErrors)> = (places.iter().take(COLUMNS))
        .filter_map(|place| {
            let cells = rows.iter().map(|&row| place.cell(judged.features, row));
            let bins = bins(&cells.collect::<Vec<_>>(), &errors);
            (bins.len() > 1).then(|| {
                let name = place.name.clone();
                (spread(&bins, &errors), ColumnErrors { name, bins })
            })
        })
        .collect();
    all.sort_by(|a, b| b.0.total_cmp(&a.0));
    all.into_iter().map(|(_, column)| column).collect()
}

/// The variance of the error between bins beyond what chance makes of it.
fn spread(bins: &[ErrorBin], errors: &[f64]) -> f64 {
    let n = errors.len() as f64;
    let mean = errors.iter().sum::<f64>() / n;
    let total = errors
        .iter()
        .map(|error| (error - mean).powi(2))
        .sum::<f64>();
    let between: f64 = (bins.iter())
        .map(|bin| bin.rows as f64 * (bin.error - mean).powi(2))
        .sum();
    let by_chance = total / n * (bins.len() - 1) as f64;
    match between - by_chance {
        spread if spread.is_finite() => spread,
        _ => f64::NEG_INFINITY,
    }
}

fn bins(cells: &[Cell], errors: &[f64]) -> Vec<ErrorBin> {
    let mut numbers: Vec<(f64, f64)> = Vec::new();
    let mut levels: HashMap<String, (f64, usize)> = HashMap::new();
    for (cell, &error) in cells.iter().zip(errors) {
        match cell {
            Cell::Number(x) if x.is_finite() => numbers.push((*x, error)),
            other => {
                let (sum, rows) = levels.entry(other.to_string()).or_default();
                (*sum, *rows) = (*sum + error, *rows + 1);
            }
        }
    }
    numbers.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let mut bins = quantiles(&numbers);
    let mut levels: Vec<(String, (f64, usize))> = levels.into_iter().collect();
    levels.sort_by(|a, b| b.1.1.cmp(&a.1.1).then(a.0.cmp(&b.0)));
    levels.truncate(LEVELS);
    bins.extend(levels.into_iter().map(|(values, (sum, rows))| ErrorBin {
        values,
        error: sum / rows as f64,
        rows,
    }));
    bins
}

/// Bins of about as many rows each; equal values are in one.
fn quantiles(sorted: &[(f64, f64)]) -> Vec<ErrorBin> {
    let mut bins = Vec::new();
    let mut start = 0;
    for bin in 1..=BINS {
        let mut end = (sorted.len() * bin / BINS).max(start);
        while end > start && end < sorted.len() && sorted[end].0 == sorted[end - 1].0 {
            end += 1;
        }
        let part = &sorted[start..end];
        if let (Some((low, _)), Some((high, _))) = (part.first(), part.last()) {
            let [low, high] = [*low, *high].map(|x| Cell::Number(x).to_string());
            bins.push(ErrorBin {
                values: if low == high {
                    low
                } else {
                    format!("{low} to {high}")
                },
                error: part.iter().map(|(_, error)| error).sum::<f64>() / part.len() as f64,
                rows: part.len(),
            });
        }
        start = end;
    }
    bins
}

/// The rows that are predicted worst, worst first.
pub(super) fn worst(
    judged: &Judged,
    places: &[Place],
    row_number: &dyn Fn(usize) -> usize,
) -> Vec<WorstRow> {
    let mut rows: Vec<(f64, usize)> = (0..judged.rows)
        .map(|row| (judged.surprise(row), row))
        .filter(|(surprise, _)| surprise.is_finite())
        .collect();
    rows.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    rows.truncate(WORST);
    let row = |&(_, row): &(f64, usize)| WorstRow {
        row: row_number(row),
        truth: truth(judged, row),
        predicted: predicted(judged, row),
        probability: probability(judged, row),
        error: judged.error(row),
        cells: (places.iter().take(CELLS))
            .map(|place| {
                (
                    place.name.clone(),
                    place.cell(judged.features, row).to_string(),
                )
            })
            .collect(),
        image: image(judged, row),
    };
    rows.iter().map(row).collect()
}

fn truth(judged: &Judged, row: usize) -> String {
    match judged.class(row) {
        Some(class) => shortened(judged.preprocessing.class(class).unwrap_or_default()),
        None => values(
            judged,
            |target| judged.value(row, target),
            |_, label| label >= 0.5,
        ),
    }
}

fn predicted(judged: &Judged, row: usize) -> String {
    let answer = judged.prediction(row);
    match judged.class(row) {
        Some(_) => {
            let class = judged.decision.class(judged.link, answer);
            shortened(judged.preprocessing.class(class).unwrap_or_default())
        }
        None => {
            let holds = |label, p| judged.decision.has_label(judged.link, p, label);
            values(judged, |target| answer.get(target).copied(), holds)
        }
    }
}

/// Numbers, or the labels that hold.
fn values(
    judged: &Judged,
    value: impl Fn(usize) -> Option<f64>,
    holds: impl Fn(usize, f64) -> bool,
) -> String {
    let targets = 0..judged.targets();
    if judged.preprocessing.task() == Task::Multilabel {
        let names = targets.zip(&judged.preprocessing.target.columns);
        let labels =
            names.filter(|(label, _)| value(*label).is_some_and(|value| holds(*label, value)));
        let labels: Vec<String> = labels.take(6).map(|(_, name)| shortened(name)).collect();
        return if labels.is_empty() {
            "none".to_owned()
        } else {
            labels.join(", ")
        };
    }
    let values = targets.take(4).map(|target| {
        value(target).map_or("(missing)".to_owned(), |value| {
            Cell::Number(value).to_string()
        })
    });
    values.collect::<Vec<_>>().join(", ")
}

fn probability(judged: &Judged, row: usize) -> Option<f64> {
    let class = judged.class(row).filter(|_| judged.has_probabilities())?;
    match judged.prediction(row) {
        [p] => Some(if class == 1 { *p } else { 1.0 - p }),
        many => many.get(class).copied(),
    }
}

fn image(judged: &Judged, row: usize) -> Option<Image> {
    let [channels, height, width] = judged.preprocessing.image().ok()??;
    let step = height.max(width).div_ceil(PIXELS).max(1);
    let channels = if channels >= 3 { 3 } else { 1 };
    let places = (0..channels).flat_map(|channel| {
        (0..height).step_by(step).flat_map(move |y| {
            (0..width)
                .step_by(step)
                .map(move |x| (channel * height + y) * width + x)
        })
    });
    let values: Vec<f64> = places
        .map(|place| feature(judged.features, row, place))
        .collect();
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let range = if high > low { high - low } else { 1.0 };
    let shape = [channels, height.div_ceil(step), width.div_ceil(step)];
    let pixels = values.iter().map(|value| (value - low) / range);
    Some(Image {
        shape,
        pixels: hexadecimal(pixels),
    })
}

/// Values from 0 to 1 as bytes.
pub(super) fn hexadecimal(values: impl Iterator<Item = f64>) -> String {
    values
        .map(|value| format!("{:02x}", (value * 255.0).round() as u8))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_keep_equal_values_together_and_lose_no_row() {
        let sorted: Vec<(f64, f64)> = [0, 0, 0, 0, 0, 1, 2, 3, 4, 4, 5, 6, 7]
            .map(|x| (f64::from(x), f64::from(x)))
            .to_vec();
        let bins = quantiles(&sorted);
        assert_eq!(bins.iter().map(|bin| bin.rows).sum::<usize>(), sorted.len());
        assert_eq!((bins[0].values.as_str(), bins[0].rows), ("0", 5));
        assert!(bins.iter().all(|bin| bin.rows > 0));
    }
}
