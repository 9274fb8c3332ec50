//! Mean absolute error: Σ w·|p − y| / Σ w, the mean over several targets.

use super::{AnswerKind, Answers, Metric};
use crate::registry::{Description, Entry};

/// See the module's text.
struct Mae;

impl Metric for Mae {
    fn score(&self, answers: &Answers) -> Option<f64> {
        if answers.kind() != AnswerKind::Numbers {
            return None;
        }
        answers.mean_of_outputs(|j| {
            answers.mean(|row| (answers.prediction(row)[j] - answers.value(row, j)).abs())
        })
    }

    fn is_larger_better(&self) -> bool {
        false
    }
}

pub(super) const ENTRY: Entry<Box<dyn Metric>> = Entry {
    description: Description {
        name: "mae",
        summary: "Mean absolute error, in the units of the target; smaller is better",
        equation: "Σ w·|p − y| / Σ w",
        source: "Laplace 1774",
        parameters: &[],
    },
    build: |_, ()| Ok(Box::new(Mae)),
};
