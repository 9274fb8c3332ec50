//! Links: from the outputs of the last layer to predictions, and from predictions to decisions.

use crate::kernels::{math, simd::Portable};

/// The link from the outputs of the last layer to predictions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// The values themselves.
    Identity,
    /// The values, sorted among each so many: quantiles of a target, which do not cross.
    Quantiles(usize),
    /// exp of each value, at most the largest number: means that are positive.
    Exponential,
    /// σ of each value: independent probabilities.
    Sigmoid,
    /// The values themselves, whose signs decide: no probabilities, but the surer the farther from
    /// 0.
    Margin,
    /// exp z / Σ exp z: probabilities of classes that exclude each other.
    Softmax,
    /// The values themselves, the largest of which decides: no probabilities.
    Scores,
}

impl Link {
    /// Applies the link to one row, in double precision.
    pub fn apply(self, row: &mut [f64]) {
        match self {
            Link::Identity | Link::Margin | Link::Scores => {}
            Link::Quantiles(count) => {
                for quantiles in row.chunks_mut(count.max(1)) {
                    quantiles.sort_unstable_by(f64::total_cmp);
                }
            }
            Link::Exponential => {
                for value in row {
                    // NaN stays NaN.
                    *value = math::exp::<Portable, f64>(*value);
                    if *value > f64::MAX {
                        *value = f64::MAX;
                    }
                }
            }
            Link::Sigmoid => {
                for value in row {
                    *value = math::sigmoid::<Portable, f64>(*value);
                }
            }
            Link::Softmax => {
                let max = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let mut sum = 0.0;
                for value in &mut *row {
                    *value = math::exp::<Portable, f64>(*value - max);
                    sum += *value;
                }
                for value in row {
                    *value /= sum;
                }
            }
        }
    }

    /// An output of which the link makes this prediction, of a single one or of a row of them. Rounding
    /// may have made a probability 0 or 1, whose logit is infinite: one that is finite.
    pub fn inverse(self, prediction: f64) -> f64 {
        match self {
            Link::Identity | Link::Quantiles(_) | Link::Margin | Link::Scores => prediction,
            // NaN stays NaN.
            Link::Softmax | Link::Exponential if prediction < f64::MIN_POSITIVE => {
                f64::MIN_POSITIVE.ln()
            }
            Link::Softmax | Link::Exponential => prediction.ln(),
            Link::Sigmoid => {
                let p = prediction.clamp(f64::MIN_POSITIVE, 1.0 - 0.5 * f64::EPSILON);
                p.ln() - (-p).ln_1p()
            }
        }
    }

    /// Whether predictions are probabilities.
    pub fn makes_probabilities(self) -> bool {
        matches!(self, Link::Sigmoid | Link::Softmax)
    }

    /// The threshold from which a label, or class 1 of 2, is predicted: ½ for a probability or a
    /// number fitted to 0 and 1, 0 for a margin.
    pub fn threshold(self) -> f64 {
        if self == Link::Margin { 0.0 } else { 0.5 }
    }

    /// The class that a row of predictions means: the likeliest, the first among equals; of a
    /// single prediction, class 1 from [`Link::threshold`] on.
    pub fn class(self, predictions: &[f64]) -> usize {
        match predictions {
            [one] => usize::from(*one >= self.threshold()),
            many => {
                (many.iter().enumerate())
                    .fold((0, f64::NEG_INFINITY), |best, (class, &p)| {
                        if p > best.1 { (class, p) } else { best }
                    })
                    .0
            }
        }
    }
}
