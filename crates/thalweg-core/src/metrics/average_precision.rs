//! Average precision: Σₙ (Rₙ − Rₙ₋₁)·Pₙ over the thresholds from the largest score down, R recall and
//! P precision of class 1 from there on. For labels, and for each of more classes against all others,
//! the mean over them.

use super::curve::{falling, totals};
use super::{AnswerKind, Answers, Metric};
use crate::registry::{Description, Entry};

/// See the module's text.
struct AveragePrecision;

impl Metric for AveragePrecision {
    fn score(&self, answers: &Answers) -> Option<f64> {
        match answers.kind() {
            AnswerKind::Numbers => None,
            _ => answers.mean_of_outputs(|j| average_precision(answers, j)),
        }
    }
}

fn average_precision(answers: &Answers, output: usize) -> Option<f64> {
    let steps = falling(answers, output);
    let (positive, _) = totals(&steps);
    let (mut hits, mut all, mut sum) = (0.0, 0.0, 0.0);
    for step in &steps {
        hits += step.positive;
        all += step.positive + step.negative;
        if all > 0.0 {
            sum += step.positive * (hits / all);
        }
    }
    (positive > 0.0).then(|| sum / positive)
}

pub(super) const ENTRY: Entry<Box<dyn Metric>> = Entry {
    description: Description {
        name: "average_precision",
        summary: "Precision of class 1 averaged over recall: for rare classes, whose share is what chance gives; the mean over labels or more classes",
        equation: "Σ (Rₙ − Rₙ₋₁)·Pₙ over the thresholds from the largest score down",
        source: "Manning, Raghavan & Schütze 2008, chapter 8; scikit-learn, average_precision_score",
        parameters: &[],
    },
    build: |_, ()| Ok(Box::new(AveragePrecision)),
};
