//! Predicted against true numbers, and what is left between them.

use serde::Serialize;
use thalweg_data::Task;

use super::columns::shortened;
use super::judged::Judged;

/// Points of a cloud, evenly spaced over the rows.
const POINTS: usize = 1_000;
const BINS: usize = 40;
/// Targets with figures of their own.
const TARGETS: usize = 8;

/// Figures of one target.
#[derive(Debug, Clone, Serialize)]
pub struct Numbers {
    /// The target.
    pub name: String,
    /// True value and prediction of some rows, evenly spaced; none if rows are withheld.
    pub points: Vec<[f64; 2]>,
    /// The row of each point, from 1.
    pub rows: Vec<usize>,
    /// Residuals (prediction − truth): the left edge of the first bin, and the width of each.
    pub bins: [f64; 2],
    /// Rows in each bin; those beyond the edges are in the first and the last.
    pub counts: Vec<usize>,
    /// The share of the rows, in tenths from 0 to 1, whose distance from the truth is at most this.
    pub distances: Vec<f64>,
    /// Mean of the residuals.
    pub bias: f64,
}

/// One entry for each target of a regression.
pub(super) fn numbers(
    judged: &Judged,
    row_number: &dyn Fn(usize) -> usize,
    shows_rows: bool,
) -> Vec<Numbers> {
    let preprocessing = judged.preprocessing;
    if preprocessing.task() != Task::Regression {
        return Vec::new();
    }
    let targets = judged.targets().min(TARGETS);
    let names = preprocessing
        .target
        .columns
        .iter()
        .enumerate()
        .take(targets);
    let all = names.filter_map(|(target, name)| of_target(judged, target, name, row_number));
    let shown = all.map(|numbers| match shows_rows {
        true => numbers,
        false => Numbers {
            points: Vec::new(),
            rows: Vec::new(),
            ..numbers
        },
    });
    shown.collect()
}

fn of_target(
    judged: &Judged,
    target: usize,
    name: &str,
    row_number: &dyn Fn(usize) -> usize,
) -> Option<Numbers> {
    // Of several quantiles the one in the middle.
    let output = match judged.outputs == judged.targets() {
        true => target,
        false => judged.outputs / 2,
    };
    let pairs: Vec<(usize, f64, f64)> = (0..judged.rows)
        .filter_map(|row| {
            Some((
                row,
                judged.value(row, target)?,
                *judged.prediction(row).get(output)?,
            ))
        })
        .filter(|(_, truth, answer)| truth.is_finite() && answer.is_finite())
        .collect();
    let count = pairs.len();
    if count == 0 {
        return None;
    }
    let mut residuals: Vec<f64> = pairs
        .iter()
        .map(|(_, truth, answer)| answer - truth)
        .collect();
    let bias = residuals.iter().sum::<f64>() / count as f64;
    residuals.sort_unstable_by(f64::total_cmp);
    let (bins, counts) = histogram(&residuals);
    let mut distances: Vec<f64> = residuals.iter().map(|residual| residual.abs()).collect();
    distances.sort_unstable_by(f64::total_cmp);
    let tenth = |tenth| distances[(count - 1) * tenth / 10];
    let shown: Vec<_> = (0..count.min(POINTS))
        .map(|i| pairs[i * count / count.min(POINTS)])
        .collect();
    Some(Numbers {
        name: shortened(name),
        points: shown
            .iter()
            .map(|(_, truth, answer)| [*truth, *answer])
            .collect(),
        rows: shown.iter().map(|(row, ..)| row_number(*row)).collect(),
        bins,
        counts,
        distances: (0..=10).map(tenth).collect(),
        bias,
    })
}

/// Bins over the middle of sorted values, symmetric about 0 where 0 is among them.
fn histogram(sorted: &[f64]) -> ([f64; 2], Vec<usize>) {
    let at = |share: f64| sorted[((sorted.len() - 1) as f64 * share).round() as usize];
    let (low, high) = match sorted.len() {
        0..200 => (at(0.0), at(1.0)),
        _ => (at(0.005), at(0.995)),
    };
    let bound = low.abs().max(high.abs());
    let (low, high) = match low <= 0.0 && high >= 0.0 {
        true => (-bound, bound),
        false => (low, high),
    };
    let bins = BINS.min(sorted.len() / 4 + 8);
    let width = (high - low) / bins as f64;
    if !width.is_normal() {
        return ([low - 0.5, 1.0], vec![sorted.len()]);
    }
    let mut counts = vec![0; bins];
    for value in sorted {
        counts[(((value - low) / width).max(0.0) as usize).min(bins - 1)] += 1;
    }
    ([low, width], counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_residual_is_in_one_bin() {
        for sorted in [
            vec![0.0],
            vec![-1.0, -1.0],
            vec![3.0, 4.0, 900.0],
            vec![-2.0, 0.0, 1.0],
        ] {
            let ([_, width], counts) = histogram(&sorted);
            assert_eq!(counts.iter().sum::<usize>(), sorted.len());
            assert!(width > 0.0, "{sorted:?}");
        }
    }
}
