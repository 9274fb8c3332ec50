//! F1: 2·TP / (2·TP + FP + FN), of class 1 of two; the plain mean over more classes (those that
//! occur in the true or in the predicted classes) or over labels. It is 0 where it is 0/0.

use super::{AnswerKind, Answers, Metric};
use crate::registry::{Description, Entry};

/// See the module's text.
struct F1;

/// Of one class: weights of true positives, false positives and false negatives, and whether it
/// occurs.
#[derive(Default, Clone, Copy)]
struct Counts {
    hits: f64,
    misses: f64,
    occurs: bool,
}

impl Counts {
    fn add(&mut self, predicted: bool, truth: bool, weight: f64) {
        if predicted && truth {
            self.hits += weight;
        } else if predicted || truth {
            self.misses += weight;
        }
        self.occurs |= predicted || truth;
    }

    fn f1(self) -> f64 {
        let denominator = 2.0 * self.hits + self.misses;
        if denominator > 0.0 {
            2.0 * self.hits / denominator
        } else {
            0.0
        }
    }
}

impl Metric for F1 {
    fn score(&self, answers: &Answers) -> Option<f64> {
        let mut counts = vec![Counts::default(); answers.classes()];
        for row in 0..answers.rows() {
            let weight = answers.weight(row);
            match answers.kind() {
                AnswerKind::Numbers => return None,
                AnswerKind::Labels => {
                    for (label, counts) in counts.iter_mut().enumerate() {
                        let truth = answers.value(row, label) >= 0.5;
                        counts.add(answers.predicts_label(row, label), truth, weight);
                    }
                }
                AnswerKind::TwoClasses | AnswerKind::Classes => {
                    let (predicted, truth) = (answers.predicted_class(row), answers.class(row)?);
                    counts[predicted].add(true, truth == predicted, weight);
                    if truth != predicted {
                        counts[truth].add(false, true, weight);
                    }
                }
            }
        }
        match answers.kind() {
            AnswerKind::TwoClasses => counts.get(1).map(|counts| counts.f1()),
            AnswerKind::Classes => {
                counts.retain(|counts| counts.occurs);
                mean(&counts)
            }
            AnswerKind::Numbers | AnswerKind::Labels => mean(&counts),
        }
    }
}

fn mean(counts: &[Counts]) -> Option<f64> {
    let sum: f64 = counts.iter().map(|counts| counts.f1()).sum();
    (!counts.is_empty()).then(|| sum / counts.len() as f64)
}

pub(super) const ENTRY: Entry<Box<dyn Metric>> = Entry {
    description: Description {
        name: "f1",
        summary: "Balance of precision and recall of class 1; the mean over more classes or labels",
        equation: "2·TP / (2·TP + FP + FN)",
        source: "van Rijsbergen 1979",
        parameters: &[],
    },
    build: |_, ()| Ok(Box::new(F1)),
};
