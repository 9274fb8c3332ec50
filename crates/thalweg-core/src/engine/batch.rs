//! Rows of a step or of an evaluation, borrowed from whoever holds them.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

pub use crate::dataset::Rows;
use crate::dataset::{DatasetRef, FeaturesRef, TargetsRef, ValuesRef};
use crate::error::{Error, Result};

/// Rows for one step or one evaluation.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    /// What the network sees.
    pub features: FeaturesRef<'a>,
    /// The target outputs; absent for predictions.
    pub targets: Option<TargetsRef<'a>>,
    /// Weight of each row of the features, if they differ.
    pub weights: Option<&'a [f32]>,
    /// Mean weight of the training rows, by which [`Engine::step`](super::Engine::step) divides weights; 1 where
    /// that is their mean.
    pub mean_weight: f64,
    /// Which rows of these.
    pub rows: Rows<'a>,
    /// The rows of the batches after this one, one after the other, if known, so that they can be prefetched and
    /// gathered ahead. No result depends on them, as long as `generation` keeps its promise.
    pub upcoming: Rows<'a>,
    /// Names the contents of features, targets and weights: whoever changes what a buffer holds gives its next
    /// batch another number, such as one of [`new_generation`]. 0 for rows that stay as they are.
    pub generation: u64,
}

/// Whether some targets of a row may be missing: one of several numbers.
fn may_miss(targets: &TargetsRef) -> bool {
    matches!(targets, TargetsRef::Values { width, .. } if *width > 1)
}

/// A number for [`Batch::generation`] that no other buffer of the program has.
pub fn new_generation() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    1 + LAST.fetch_add(1, Ordering::Relaxed)
}

impl<'a> Batch<'a> {
    /// Rows of a dataset.
    pub fn new(dataset: impl Into<DatasetRef<'a>>, rows: Rows<'a>) -> Self {
        let dataset = dataset.into();
        Self {
            features: dataset.features,
            targets: Some(dataset.targets),
            weights: dataset.weights,
            mean_weight: 1.0,
            rows,
            upcoming: Rows::NONE,
            generation: 0,
        }
    }

    /// All rows of a dataset.
    pub fn all(dataset: impl Into<DatasetRef<'a>>) -> Self {
        let dataset = dataset.into();
        Self::new(dataset, Rows::Range(0, dataset.features.rows()))
    }

    /// All rows, for predictions.
    pub fn unlabelled(features: impl Into<FeaturesRef<'a>>) -> Self {
        let features = features.into();
        Self {
            features,
            targets: None,
            weights: None,
            mean_weight: 1.0,
            rows: Rows::Range(0, features.rows()),
            upcoming: Rows::NONE,
            generation: 0,
        }
    }

    /// The rows at some positions; those that follow are the upcoming ones.
    pub(crate) fn part(&self, positions: Range<usize>) -> Self {
        let is_last = positions.end == self.rows.len();
        let following = match self.rows {
            Rows::Range(..) => Rows::NONE,
            Rows::Listed(rows) => Rows::Listed(&rows[positions.end..]),
        };
        let rows = self.rows.part(positions);
        Self {
            rows,
            upcoming: if is_last { self.upcoming } else { following },
            ..*self
        }
    }

    /// Whether every row exists. Upcoming rows are a hint and need not exist.
    fn is_inside(&self, rows: usize) -> bool {
        match self.rows {
            Rows::Range(start, end) => start <= end && end <= rows,
            // Without an early end, so that it is a few vector instructions.
            Rows::Listed(listed) => {
                let is_inside = |row: &u32| (*row as usize) < rows;
                listed.iter().fold(true, |all, row| all & is_inside(row))
            }
        }
    }

    /// Checks that the batch fits a network of these sizes. Costs a look at each row's number.
    ///
    /// # Errors
    /// Says what does not fit.
    pub(crate) fn check(&self, inputs: usize, outputs: usize, most: usize) -> Result<()> {
        let refuse =
            |found: String, expected: String| Err(Error::invalid("batch", found, expected));
        if self.features.width != inputs {
            return refuse(
                format!("{} features a row", self.features.width),
                format!("{inputs}, as the network takes"),
            );
        }
        let count = self.rows.len();
        if count > most {
            return refuse(format!("{count} rows"), format!("at most {most}"));
        }
        let rows = self.features.rows();
        if !self.is_inside(rows) {
            return refuse(
                "a row that does not exist".into(),
                format!("rows below {rows}"),
            );
        }
        if let ValuesRef::Columns(columns) = self.features.values
            && (columns.len() != inputs || columns.iter().any(|column| column.len() != rows))
        {
            return refuse(
                format!("{} columns of different lengths", columns.len()),
                format!("{inputs} of the same length"),
            );
        }
        if let ValuesRef::Sparse(rows) = self.features.values
            && rows.width() != inputs
        {
            return refuse(
                format!("sparse rows of {} columns", rows.width()),
                inputs.to_string(),
            );
        }
        if self.weights.is_some_and(|weights| weights.len() != rows) {
            return refuse(
                "weights of other rows".into(),
                format!("one for each of {rows} rows"),
            );
        }
        match self.targets {
            Some(targets) if targets.rows() != rows => refuse(
                format!("{} targets", targets.rows()),
                format!("one for each of {rows} rows"),
            ),
            Some(TargetsRef::Values { width, .. }) if width != outputs => refuse(
                format!("{width} target values a row"),
                format!("{outputs}, as the network puts out"),
            ),
            _ => Ok(()),
        }
    }

    /// The same for a batch to learn from: there are rows, and they have targets.
    ///
    /// # Errors
    /// Says what does not fit.
    pub(crate) fn check_training(&self, inputs: usize, outputs: usize, most: usize) -> Result<()> {
        self.check(inputs, outputs, most)?;
        if self.rows.is_empty() || self.targets.is_none() {
            let expected = "rows with targets to learn from";
            return Err(Error::invalid("batch", "none", expected));
        }
        Ok(())
    }

    /// Σ of the weights of the rows.
    #[inline]
    pub fn total_weight(&self) -> f64 {
        self.add_weights(0.0)
    }

    /// Σ of the weights of the rows, each times the share of its targets that is not missing: what a
    /// reported mean loss divides by.
    #[inline]
    pub fn known_weight(&self) -> f64 {
        self.add_known_weights(0.0)
    }

    /// `sum` plus these, one after the other.
    #[inline]
    pub(crate) fn add_known_weights(&self, sum: f64) -> f64 {
        let Some(TargetsRef::Values { width, values }) = self.targets.filter(may_miss) else {
            return self.add_weights(sum);
        };
        let known = |row: usize| {
            let targets = values[row * width..][..width].iter();
            targets.filter(|y| !y.is_nan()).count() as f64 / width as f64
        };
        let weight = |row: usize| self.weights.map_or(1.0, |weights| f64::from(weights[row]));
        (self.rows.iter()).fold(sum, |sum, row| sum + weight(row) * known(row))
    }

    /// `sum` plus the weights of the rows, one after the other.
    #[inline]
    pub(crate) fn add_weights(&self, sum: f64) -> f64 {
        match self.weights {
            None => sum + self.rows.len() as f64,
            Some(weights) => (self.rows.iter())
                .map(|row| f64::from(weights[row]))
                .fold(sum, |sum, weight| sum + weight),
        }
    }
}
