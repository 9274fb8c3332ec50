//! Prediction intervals: below and above a prediction, made honest on rows that did not train.
//!
//! Conformalized quantile regression (Romano, Patterson & Candès 2019), in the scale in which the
//! network learns: with the quantiles l and h of a row that are nearest to (1 − p)/2 and (1 + p)/2,
//! s = max(l − y, y − h), and m the ⌈p·(n + 1)⌉-th smallest s of n rows, the interval is
//! [l − m, h + m]. Where a single number is predicted it is both l and h (split conformal). It holds
//! the share p of new targets, on average over draws of the rows, whatever the model, as long as these
//! rows had no part in it: half of the validation rows calibrate, and the other half choose the epoch.
//! No group is in both halves; of rows in order the later half calibrates, which new rows are most like.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};
use thalweg_core::dataset::{DatasetRef, TargetsRef};
use thalweg_core::error::Error;
use thalweg_core::random::{Purpose, Stream};
use thalweg_core::registry::{Choice, Setting};
use thalweg_data::{Note, Preprocessing, SplitBy, SplitOptions};

use crate::error::Result;
use crate::middle::{Middle, each_known, row_of, shares};
use crate::rows::{Calibration, Part, RunRows, selected};
use crate::text::{count, figure};

/// A calibrated interval around every number that is predicted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PredictionInterval {
    /// The share of the targets that it is to hold.
    pub coverage: f64,
    /// How far it goes beyond the quantiles of each target, in the scale in which the network learns.
    pub margins: Vec<f64>,
    /// The rows that calibrated it; 0 in files of before.
    #[serde(default)]
    pub rows: usize,
}

/// The fewest rows that calibrate and choose nothing; of fewer the margin varies much by chance.
const LEAST: usize = 50;
/// The stream by which these rows are drawn; no other stream of its purpose has this number.
const DRAWN: u64 = u64::MAX;

/// The loss whose quantiles bound an interval of this coverage, with the median between them.
pub(crate) fn loss(coverage: f64) -> Choice {
    // Without the error of 1 − 0.9.
    let tail = (0.5 * (1.0 - coverage) * 1e12).round() / 1e12;
    let quantiles = Setting::Numbers(vec![tail, 0.5, 1.0 - tail]);
    Choice::new("quantile").with("quantiles", quantiles)
}

/// The fewest rows that can calibrate an interval.
pub(crate) fn fewest_rows(coverage: f64) -> usize {
    (coverage / (1.0 - coverage) - 1e-9).ceil().max(1.0) as usize
}

/// Sets half of the validation rows apart to calibrate an interval: a model fits rows that choose its
/// epoch a little better than new ones. They are drawn by the seed, by whole groups where rows have
/// groups; of rows in order they are the later ones. Of few rows all do both.
pub(crate) fn set_apart(rows: &mut RunRows, coverage: Option<f64>, split: &SplitOptions) {
    let (Some(coverage), Some(part)) = (coverage, &rows.validation) else {
        return;
    };
    // Of folds every row is held out by a member.
    if rows.folds.is_some() {
        rows.calibration = Calibration::Validation;
        return;
    }
    let groups = rows.validation_groups.as_deref();
    let order = match &rows.split {
        held_out if split.by == SplitBy::Ordered && !rows.has_own_validation => {
            let is_first = match (held_out.test.first(), held_out.validation.first()) {
                (Some(tested), Some(validated)) => tested < validated,
                // The first row of all is held out only if it is the latest.
                (None, first) => first == Some(&0),
                (Some(_), None) => false,
            };
            Order::Latest { is_first }
        }
        _ => Order::Drawn(split.seed),
    };
    let [calibrating, choosing] = halves(part.rows(), groups, order);
    let own = Part::Held(selected(part.view(), &calibrating));
    if choosing.is_empty() || known_rows(&own) < fewest_own_rows(coverage) {
        rows.calibration = Calibration::Validation;
        return;
    }
    let choosing_rows = selected(part.view(), &choosing);
    if !rows.split.validation.is_empty() {
        rows.split.validation = choosing
            .iter()
            .map(|row| rows.split.validation[*row])
            .collect();
    }
    rows.validation = Some(Part::Held(choosing_rows));
    rows.calibration = Calibration::Own(Box::new(own));
}

/// Which rows come first where rows are set apart.
#[derive(Clone, Copy)]
enum Order {
    /// Drawn by this seed.
    Drawn(u64),
    /// The latest ones.
    Latest {
        /// Whether these are the first ones.
        is_first: bool,
    },
}

/// The first half of so many rows in an order, and the others; of `groups` whole ones, as near to the
/// half as they come.
fn halves(rows: usize, groups: Option<&[usize]>, order: Order) -> [Vec<usize>; 2] {
    let group = |row: usize| groups.map_or(row, |groups| groups[row]);
    let mut members = vec![Vec::new(); (0..rows).map(group).max().map_or(0, |most| most + 1)];
    (0..rows).for_each(|row| members[group(row)].push(row));
    match order {
        Order::Drawn(seed) => {
            let mut sequence = Stream::new(seed, Purpose::Split, DRAWN).sequence();
            sequence.shuffle(&mut members);
        }
        Order::Latest { is_first: true } => {
            members.sort_by_key(|rows| rows.first().copied());
        }
        Order::Latest { is_first: false } => {
            members.sort_by_key(|rows| Reverse(rows.last().copied()));
        }
    }
    let mut halves: [Vec<usize>; 2] = Default::default();
    for members in members {
        let left = (rows / 2).saturating_sub(halves[0].len());
        // Nearer to the half with the group than without it.
        let may_skip = matches!(order, Order::Drawn(_)) || halves[1].is_empty();
        let is_in = members.len() < 2 * left && may_skip;
        halves[usize::from(!is_in)].extend(members);
    }
    halves.iter_mut().for_each(|half| half.sort_unstable());
    halves
}

fn fewest_own_rows(coverage: f64) -> usize {
    LEAST.max(2 * fewest_rows(coverage))
}

/// What should be known of the rows that calibrated an interval.
pub(crate) fn note(interval: &PredictionInterval, rows: &RunRows, split: &SplitOptions) -> Note {
    let is_ordered = split.by == SplitBy::Ordered && !rows.has_own_validation;
    let share = figure(100.0 * interval.coverage);
    let calibrating = count(interval.rows, "validation row");
    Note::info(match &rows.calibration {
        Calibration::Own(_) => format!(
            "the interval of {share} % is calibrated on {calibrating} that had no part in training or in the choice \
             of the epoch{}",
            match is_ordered {
                true => ", the later ones: it holds for rows like them",
                false => "",
            }
        ),
        _ => format!(
            "the interval of {share} % is calibrated on the {calibrating} that chose the epoch: it may hold a little \
             less; of {} or more, half only calibrate",
            2 * fewest_own_rows(interval.coverage)
        ),
    })
}

/// Rows that can calibrate the interval of every target.
pub(crate) fn known_rows(part: &Part) -> usize {
    let rows = part.view();
    let TargetsRef::Values { width, values } = rows.targets else {
        return 0;
    };
    let weighs = |row: usize| rows.weights.is_none_or(|weights| weights[row] > 0.0);
    let known = |target: usize| {
        let targets = values.iter().skip(target).step_by(width.max(1)).enumerate();
        targets
            .filter(|(row, y)| !y.is_nan() && weighs(*row))
            .count()
    };
    (0..width).map(known).min().unwrap_or(0)
}

fn nearest(quantiles: &[f64], to: f64) -> usize {
    let distance = |i: &usize| (quantiles[*i] - to).abs();
    let all = 0..quantiles.len();
    all.min_by(|a, b| distance(a).total_cmp(&distance(b)))
        .unwrap_or(0)
}

impl PredictionInterval {
    /// Calibrates on rows that did not train, from the network's predictions for them.
    ///
    /// # Errors
    /// If too few of the rows have a target.
    pub(crate) fn calibrate(
        coverage: f64,
        preprocessing: &Preprocessing,
        predictions: &[f64],
        rows: DatasetRef,
    ) -> Result<Self> {
        let mut interval = Self {
            coverage,
            margins: vec![0.0; preprocessing.target.columns.len()],
            rows: rows.features.rows(),
        };
        let mut margins = Vec::new();
        for target in 0..interval.margins.len() {
            let mut scores = Vec::new();
            each_known(preprocessing, rows, target, |row, y, weight| {
                let [low, high] =
                    interval.bounds(preprocessing, row_of(predictions, rows, row), target);
                scores.push((f64::max(low - y, y - high), weight));
            });
            margins.push(margin(coverage, scores).ok_or_else(|| {
                let found = "too few validation rows with a target and a weight";
                let expected = format!("at least {}", fewest_rows(coverage));
                Error::invalid("`interval`", found, expected)
            })?);
        }
        interval.margins = margins;
        Ok(interval)
    }

    /// The interval of every target of a row, in the units of the file: from the outputs of the network,
    /// in the scale in which it learns.
    pub fn of_row(&self, preprocessing: &Preprocessing, outputs: &[f64]) -> Vec<[f64; 2]> {
        let each = preprocessing.target.each();
        let one = |target: usize| {
            let bounds = self.bounds(preprocessing, outputs, target);
            bounds.map(|z| preprocessing.predicted(target * each, z))
        };
        (0..self.margins.len()).map(one).collect()
    }

    /// Σ w of the rows whose target the interval holds over Σ w, for each target; none where no target
    /// is known.
    pub(crate) fn coverage_of(
        &self,
        preprocessing: &Preprocessing,
        predictions: &[f64],
        rows: DatasetRef,
    ) -> Vec<Option<f64>> {
        let bounds = |outputs: &[f64], target| self.bounds(preprocessing, outputs, target);
        shares(preprocessing, predictions, rows, bounds)
    }

    /// The interval, around the prediction itself, in the scale in which the network learns.
    fn bounds(&self, preprocessing: &Preprocessing, outputs: &[f64], target: usize) -> [f64; 2] {
        let quantiles = &preprocessing.target.quantiles;
        let at = |i: usize| outputs[target * preprocessing.target.each() + i];
        let tail = 0.5 * (1.0 - self.coverage);
        let (margin, answer) = (self.margins[target], Middle::of(quantiles).value(at));
        let low = at(nearest(quantiles, tail)) - margin;
        let high = at(nearest(quantiles, 1.0 - tail)) + margin;
        [low.min(answer), high.max(answer)]
    }
}

/// The least score below which the share of the weights is, a new row of the mean weight counted above
/// all of them; none if there are too few.
fn margin(coverage: f64, mut scores: Vec<(f64, f64)>) -> Option<f64> {
    scores.sort_by(|a, b| a.0.total_cmp(&b.0));
    let total: f64 = scores.iter().map(|(_, weight)| weight).sum();
    let wanted = coverage * (total + total / scores.len().max(1) as f64);
    let mut below = 0.0;
    let mut all = scores.into_iter();
    let reached = all.find(|(_, weight)| {
        below += weight;
        below >= wanted * (1.0 - 1e-12)
    });
    reached.map(|(score, _)| score)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_margin_is_the_score_of_the_rank_that_counts_a_new_row() {
        let scores = |weight: f64| (1..=19).map(|i| (f64::from(i), weight)).collect();
        // ⌈0.9 · 20⌉ = 18; ⌈0.95 · 20⌉ = 19; ⌈0.96 · 20⌉ = 20 of 19 rows.
        assert_eq!(margin(0.9, scores(1.0)), Some(18.0));
        assert_eq!(margin(0.95, scores(2.0)), Some(19.0));
        assert_eq!(margin(0.96, scores(1.0)), None);
        assert_eq!(margin(0.5, Vec::new()), None);
        // A row of weight 3 is three rows.
        let heavy = vec![(1.0, 1.0), (2.0, 3.0), (3.0, 1.0), (4.0, 1.0)];
        assert_eq!(margin(0.5, heavy), Some(2.0));
        assert_eq!(
            (fewest_rows(0.9), fewest_rows(0.95), fewest_rows(0.5)),
            (9, 19, 1)
        );
    }

    #[test]
    fn the_quantiles_of_an_interval_have_no_rounding_errors() {
        for (coverage, wanted) in [(0.9, "[0.05, 0.5, 0.95]"), (0.8, "[0.1, 0.5, 0.9]")] {
            assert_eq!(loss(coverage).settings["quantiles"].to_string(), wanted);
        }
    }

    #[test]
    fn no_group_is_in_both_halves_and_the_later_rows_of_an_order_calibrate() {
        let groups: Vec<usize> = (0..90).map(|row| row / 5 % 11).collect();
        for seed in 0..20 {
            let [own, others] = halves(90, Some(&groups), Order::Drawn(seed));
            assert!((35..=55).contains(&own.len()), "{}", own.len());
            assert_eq!(own.len() + others.len(), 90);
            let of = |rows: &[usize]| -> BTreeSet<usize> {
                rows.iter().map(|row| groups[*row]).collect()
            };
            assert!(of(&own).is_disjoint(&of(&others)), "{own:?} {others:?}");
        }
        let first = (0..45).collect::<Vec<_>>();
        let last = (45..91).collect::<Vec<_>>();
        let by = |is_first| halves(91, None, Order::Latest { is_first });
        assert_eq!(by(false), [(46..91).collect(), (0..46).collect::<Vec<_>>()]);
        assert_eq!(by(true), [first, last]);
        let in_order: Vec<usize> = (0..90).map(|row| row / 9).collect();
        let [own, others] = halves(90, Some(&in_order), Order::Latest { is_first: false });
        assert_eq!((own, others), ((45..90).collect(), (0..45).collect()));
        // Of rows in order no older group takes the place of one that is too large.
        let large: Vec<usize> = (0..60)
            .map(|row| (row >= 10) as usize + (row >= 50) as usize)
            .collect();
        let [own, _] = halves(60, Some(&large), Order::Latest { is_first: false });
        assert_eq!(own, (50..60).collect::<Vec<_>>());
        // One group cannot be in both.
        assert!(
            halves(40, Some(&[0; 40]), Order::Drawn(0))
                .iter()
                .any(Vec::is_empty)
        );
    }
}
