//! Root mean squared error: √(Σ w·(p − y)² / Σ w), the mean of the roots for several targets.

use super::{AnswerKind, Answers, Metric};
use crate::registry::{Description, Entry};

/// See the module's text.
struct Rmse;

impl Metric for Rmse {
    fn score(&self, answers: &Answers) -> Option<f64> {
        if answers.kind() != AnswerKind::Numbers {
            return None;
        }
        answers.mean_of_outputs(|j| {
            let error = |row| answers.prediction(row)[j] - answers.value(row, j);
            let unit = answers.unit(error);
            let square = answers.mean(|row| (error(row) / unit).powi(2))?;
            Some(unit * square.sqrt())
        })
    }

    fn is_larger_better(&self) -> bool {
        false
    }
}

pub(super) const ENTRY: Entry<Box<dyn Metric>> = Entry {
    description: Description {
        name: "rmse",
        summary: "Root mean squared error, in the units of the target; smaller is better",
        equation: "√(Σ w·(p − y)² / Σ w)",
        source: "Gauss 1809",
        parameters: &[],
    },
    build: |_, ()| Ok(Box::new(Rmse)),
};
