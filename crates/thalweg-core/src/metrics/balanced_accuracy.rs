//! Balanced accuracy: the mean over the classes that occur of the fraction of each class's rows that
//! are answered rightly.

use super::{Answers, Metric, confusion};
use crate::registry::{Description, Entry};

/// See the module's text.
struct BalancedAccuracy;

impl Metric for BalancedAccuracy {
    fn score(&self, answers: &Answers) -> Option<f64> {
        let matrix = confusion(answers)?;
        let recall = |(class, row): (usize, &Vec<f64>)| {
            let all: f64 = row.iter().sum();
            (all > 0.0).then(|| row[class] / all)
        };
        let recalls: Vec<f64> = matrix.iter().enumerate().filter_map(recall).collect();
        (!recalls.is_empty()).then(|| recalls.iter().sum::<f64>() / recalls.len() as f64)
    }
}

pub(super) const ENTRY: Entry<Box<dyn Metric>> = Entry {
    description: Description {
        name: "balanced_accuracy",
        summary: "Accuracy where every class counts the same: the mean of the classes' recalls",
        equation: "1/K · Σₖ Σ w·[c(p) = y = k] / Σ w·[y = k]",
        source: "Brodersen, Ong, Stephan & Buhmann 2010",
        parameters: &[],
    },
    build: |_, ()| Ok(Box::new(BalancedAccuracy)),
};
