//! Log loss: −Σ w·ln p(y) / Σ w for the probability p(y) of what is right, which counts as at least
//! ε = 2⁻⁵² and at most 1 − ε, as in scikit-learn. For labels the mean over them.

use super::{AnswerKind, Answers, Metric};
use crate::registry::{Description, Entry};

/// See the module's text.
struct LogLoss;

impl Metric for LogLoss {
    fn score(&self, answers: &Answers) -> Option<f64> {
        if !answers.link.makes_probabilities() {
            return None;
        }
        let loss = |p: f64| -p.clamp(f64::EPSILON, 1.0 - f64::EPSILON).ln();
        match answers.kind() {
            AnswerKind::Classes => answers.mean(|row| {
                let class = answers.class(row).unwrap_or(0);
                loss(answers.prediction(row)[class])
            }),
            _ => answers.mean_of_outputs(|j| {
                answers.mean(|row| {
                    let p = answers.prediction(row)[j];
                    loss(if answers.value(row, j) >= 0.5 {
                        p
                    } else {
                        1.0 - p
                    })
                })
            }),
        }
    }

    fn is_larger_better(&self) -> bool {
        false
    }
}

pub(super) const ENTRY: Entry<Box<dyn Metric>> = Entry {
    description: Description {
        name: "log_loss",
        summary: "Cross-entropy of the probabilities, whatever the loss in training; the mean over labels",
        equation: "−Σ w·ln p(y) / Σ w",
        source: "Good 1952; scikit-learn, log_loss",
        parameters: &[],
    },
    build: |_, ()| Ok(Box::new(LogLoss)),
};
