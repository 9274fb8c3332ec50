//! The one number that stands for the quantiles of a target: the median; without it the value at 0.5 on
//! the straight line between the quantiles beside it; of quantiles on one side of 0.5 the nearest.

use thalweg_core::dataset::{DatasetRef, TargetsRef};
use thalweg_data::{Note, Preprocessing};

use crate::text::figure;

/// Where that number lies: this share of the way from one quantile to another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Middle {
    below: usize,
    above: usize,
    share: f64,
}

impl Middle {
    /// Of ascending quantiles; of none the only number there is.
    pub fn of(quantiles: &[f64]) -> Self {
        let last = quantiles.len().saturating_sub(1);
        let above = quantiles.partition_point(|q| *q < 0.5).min(last);
        let is_beyond = quantiles.get(above).is_some_and(|q| *q > 0.5);
        let below = above.saturating_sub(usize::from(is_beyond));
        let share = match below < above {
            true => (0.5 - quantiles[below]) / (quantiles[above] - quantiles[below]),
            false => 0.0,
        };
        Self {
            below,
            above,
            share,
        }
    }

    /// The number, from those of the quantiles.
    pub fn value(self, of_quantile: impl Fn(usize) -> f64) -> f64 {
        let low = of_quantile(self.below);
        match self.below < self.above {
            true => low + self.share * (of_quantile(self.above) - low),
            false => low,
        }
    }
}

/// Of several quantiles of each number, row-major, the number that stands for them.
pub(crate) fn medians(preprocessing: &Preprocessing, values: Vec<f64>) -> Vec<f64> {
    let target = &preprocessing.target;
    match target.each() {
        1 => values,
        each => {
            let middle = Middle::of(&target.quantiles);
            let of = |quantiles: &[f64]| middle.value(|i| quantiles[i]);
            values.chunks_exact(each).map(of).collect()
        }
    }
}

/// The share of the targets that quantiles are to hold: between the lowest and the highest, or below one
/// that is no median.
fn held(quantiles: &[f64]) -> Option<f64> {
    match quantiles {
        [] => None,
        [one] => (*one != 0.5).then_some(*one),
        [lowest, .., highest] => Some(highest - lowest),
    }
}

/// The share that they do hold of the targets of some rows, for each target, from predictions and
/// targets in the scale in which the network learns; none where nothing is known.
pub(crate) fn coverage(
    preprocessing: &Preprocessing,
    predictions: &[f64],
    rows: DatasetRef,
) -> Option<Vec<Option<f64>>> {
    let quantiles = &preprocessing.target.quantiles;
    held(quantiles)?;
    let each = quantiles.len();
    let bounds = |outputs: &[f64], target: usize| match &outputs[target * each..][..each] {
        [one] => [f64::NEG_INFINITY, *one],
        all => [all[0], all[each - 1]],
    };
    Some(shares(preprocessing, predictions, rows, bounds))
}

/// Σ w of the rows whose target lies within the `bounds` of their outputs over Σ w, for each target; none where
/// no target is known.
pub(crate) fn shares(
    preprocessing: &Preprocessing,
    predictions: &[f64],
    rows: DatasetRef,
    bounds: impl Fn(&[f64], usize) -> [f64; 2],
) -> Vec<Option<f64>> {
    let one = |target| {
        let (mut held, mut all) = (0.0, 0.0);
        each_known(preprocessing, rows, target, |row, y, weight| {
            let [low, high] = bounds(row_of(predictions, rows, row), target);
            all += weight;
            held += if low <= y && y <= high { weight } else { 0.0 };
        });
        (all > 0.0).then(|| held / all)
    };
    (0..preprocessing.target.columns.len()).map(one).collect()
}

/// The outputs of a row, of which there is one for each number among its targets.
pub(crate) fn row_of<'p>(predictions: &'p [f64], rows: DatasetRef, row: usize) -> &'p [f64] {
    let width = match rows.targets {
        TargetsRef::Values { width, .. } => width,
        TargetsRef::Classes(_) => 0,
    };
    &predictions[row * width..][..width]
}

/// Calls `visit` with the number, the target and the weight of every row whose target is known.
pub(crate) fn each_known(
    preprocessing: &Preprocessing,
    rows: DatasetRef,
    target: usize,
    mut visit: impl FnMut(usize, f64, f64),
) {
    let TargetsRef::Values { width, values } = rows.targets else {
        return;
    };
    let own = target * preprocessing.target.each();
    for (row, y) in values.chunks_exact(width.max(1)).enumerate() {
        let weight = rows.weights.map_or(1.0, |weights| f64::from(weights[row]));
        if !y[own].is_nan() && weight > 0.0 {
            visit(row, y[own], weight);
        }
    }
}

/// What the scores of a model of quantiles without a median are of.
pub(crate) fn note(preprocessing: &Preprocessing, has_interval: bool) -> Option<Note> {
    let quantiles = &preprocessing.target.quantiles;
    let share = held(quantiles).filter(|_| !quantiles.contains(&0.5))?;
    let Middle { below, above, .. } = Middle::of(quantiles);
    let [low, high] = [below, above].map(|at| figure(quantiles[at]));
    let number = match below < above {
        true => format!("the value at 0.5 on the line between the quantiles {low} and {high}"),
        false => format!("the quantile {low}, and not of the middle"),
    };
    let ends = [quantiles[0], quantiles[quantiles.len() - 1]].map(figure);
    let held = match (has_interval, quantiles.len()) {
        (true, _) => String::new(),
        (_, 1) => format!(
            "; coverage is the share of targets up to it, to be {}",
            figure(share)
        ),
        _ => format!(
            "; coverage is the share of targets from the quantile {} to {}, to be {}",
            ends[0],
            ends[1],
            figure(share)
        ),
    };
    Some(Note::info(format!(
        "rmse, mae and r2 are of {number}; loss is that of the quantiles themselves{held}"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_is_the_median_or_on_the_line_beside_it() {
        let value = |quantiles: &[f64], values: &[f64]| Middle::of(quantiles).value(|i| values[i]);
        assert_eq!(value(&[], &[7.0]), 7.0);
        assert_eq!(value(&[0.9], &[7.0]), 7.0);
        assert_eq!(value(&[0.1, 0.5, 0.9], &[1.0, 2.0, 9.0]), 2.0);
        assert_eq!(value(&[0.1, 0.9], &[1.0, 9.0]), 5.0);
        // A quarter of the way from 0.4 to 0.8.
        let quarter = value(&[0.1, 0.4, 0.8], &[0.0, 4.0, 8.0]);
        assert!((quarter - 5.0).abs() < 1e-12, "{quarter}");
        assert_eq!(value(&[0.1, 0.3], &[1.0, 2.0]), 2.0);
        assert_eq!(value(&[0.7, 0.9], &[1.0, 2.0]), 1.0);
    }
}
