//! Brier score: Σ w·(p − y)² / Σ w of the probability p of class 1, the mean over labels; of more
//! classes Σ w·Σₖ (pₖ − [y = k])² / Σ w, between 0 and 2, as in scikit-learn.

use super::{AnswerKind, Answers, Metric};
use crate::registry::{Description, Entry};

/// See the module's text.
struct Brier;

impl Metric for Brier {
    fn score(&self, answers: &Answers) -> Option<f64> {
        if !answers.link.makes_probabilities() {
            return None;
        }
        match answers.kind() {
            AnswerKind::Classes => answers.mean(|row| {
                let truth = answers.class(row);
                let all = answers.prediction(row).iter().enumerate();
                all.map(|(class, p)| (p - f64::from(u8::from(truth == Some(class)))).powi(2))
                    .sum()
            }),
            _ => answers.mean_of_outputs(|j| {
                answers.mean(|row| (answers.prediction(row)[j] - answers.value(row, j)).powi(2))
            }),
        }
    }

    fn is_larger_better(&self) -> bool {
        false
    }
}

pub(super) const ENTRY: Entry<Box<dyn Metric>> = Entry {
    description: Description {
        name: "brier",
        summary: "Mean squared error of the probabilities; of more classes summed over them",
        equation: "Σ w·(p − y)² / Σ w; Σ w·Σₖ (pₖ − [y = k])² / Σ w",
        source: "Brier 1950",
        parameters: &[],
    },
    build: |_, ()| Ok(Box::new(Brier)),
};
