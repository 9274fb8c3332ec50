//! From probabilities to answers: the likeliest, from a threshold on, or by the weights of classes.

use serde::{Deserialize, Serialize};

use crate::losses::Link;

/// How a class or label is answered from what a network predicts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// The likeliest class, a label of at least ½: see [`Link::class`].
    #[default]
    Likeliest,
    /// Class 1 of 2 from this probability on, or each label from its own.
    Thresholds(Vec<f64>),
    /// The class k of the largest wₖ·pₖ, for the weights w of the classes: of costs for errors, the least.
    Weights(Vec<f64>),
}

impl Decision {
    /// Whether it is the likeliest.
    pub fn is_likeliest(&self) -> bool {
        *self == Self::Likeliest
    }

    /// The same for label number `label` alone.
    pub fn of_label(&self, label: usize) -> Self {
        match self {
            Self::Thresholds(thresholds) => {
                Self::Thresholds(thresholds.get(label).copied().into_iter().collect())
            }
            other => other.clone(),
        }
    }

    /// The class that a row of predictions means; the first among equals.
    pub fn class(&self, link: Link, predictions: &[f64]) -> usize {
        match (self, predictions) {
            (Self::Thresholds(thresholds), [one]) => {
                let threshold = thresholds.first().copied();
                usize::from(*one >= threshold.unwrap_or(link.threshold()))
            }
            (Self::Weights(weights), many) if weights.len() == many.len() => {
                let weighted = many.iter().zip(weights).map(|(p, weight)| p * weight);
                let first = (0, f64::NEG_INFINITY);
                let largest =
                    weighted.enumerate().fold(
                        first,
                        |best, (class, p)| {
                            if p > best.1 { (class, p) } else { best }
                        },
                    );
                largest.0
            }
            _ => link.class(predictions),
        }
    }

    /// Whether a prediction means that label number `label` holds.
    pub fn has_label(&self, link: Link, prediction: f64, label: usize) -> bool {
        let threshold = match self {
            Self::Thresholds(thresholds) => thresholds.get(label).copied(),
            _ => None,
        };
        prediction >= threshold.unwrap_or(link.threshold())
    }
}
