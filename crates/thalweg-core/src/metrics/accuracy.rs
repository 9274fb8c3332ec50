//! Accuracy: the weighted fraction of the rows that are answered rightly; with labels, in all of
//! them that are known, among the rows where any is.

use super::{AnswerKind, Answers, Metric};
use crate::registry::{Description, Entry};

/// See the module's text.
struct Accuracy;

impl Metric for Accuracy {
    fn score(&self, answers: &Answers) -> Option<f64> {
        let known = |row| (0..answers.outputs).filter(move |&j| !answers.value(row, j).is_nan());
        let is_right = |row: usize| match answers.kind() {
            AnswerKind::Labels => {
                known(row).all(|j| answers.predicts_label(row, j) == (answers.value(row, j) >= 0.5))
            }
            _ => Some(answers.predicted_class(row)) == answers.class(row),
        };
        if answers.kind() == AnswerKind::Numbers {
            return None;
        }
        let counts = |row| answers.kind() != AnswerKind::Labels || known(row).next().is_some();
        answers.mean_where(counts, |row| f64::from(u8::from(is_right(row))))
    }

    fn takes_missing(&self) -> bool {
        true
    }
}

pub(super) const ENTRY: Entry<Box<dyn Metric>> = Entry {
    description: Description {
        name: "accuracy",
        summary: "Fraction of the rows that are answered rightly (with labels: all labels of the row)",
        equation: "Σ w·[c(p) = y] / Σ w",
        source: "scikit-learn, accuracy_score",
        parameters: &[],
    },
    build: |_, ()| Ok(Box::new(Accuracy)),
};
