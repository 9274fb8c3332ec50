//! Area under the ROC curve: the probability that a row of class 1 has a higher score than a row of
//! class 0, where equal scores count one half. For labels, and for each of more classes against all
//! others, the mean over them.

use super::curve::{falling, totals};
use super::{AnswerKind, Answers, Metric};
use crate::registry::{Description, Entry};

/// See the module's text.
struct Auc;

impl Metric for Auc {
    fn score(&self, answers: &Answers) -> Option<f64> {
        match answers.kind() {
            AnswerKind::Numbers => None,
            // A label that is the same in all rows says nothing of the others.
            AnswerKind::Labels => {
                let areas: Vec<f64> = (0..answers.outputs)
                    .filter_map(|j| area(answers, j))
                    .collect();
                let sum: f64 = areas.iter().sum();
                (!areas.is_empty()).then(|| sum / areas.len() as f64)
            }
            _ => answers.mean_of_outputs(|j| area(answers, j)),
        }
    }
}

/// Goes down the scores, group by group of equal ones: each row of class 1 above wins against the
/// rows of class 0 of the group, and half against those of its own group.
fn area(answers: &Answers, output: usize) -> Option<f64> {
    let steps = falling(answers, output);
    let (mut above, mut wins) = (0.0, 0.0);
    for step in &steps {
        wins += step.negative * (above + 0.5 * step.positive);
        above += step.positive;
    }
    let (positive, negative) = totals(&steps);
    (positive > 0.0 && negative > 0.0).then(|| wins / (positive * negative))
}

pub(super) const ENTRY: Entry<Box<dyn Metric>> = Entry {
    description: Description {
        name: "auc",
        summary: "Area under the ROC curve of two classes: 1 is perfect, ½ is chance; the mean over labels that vary, or over more classes, each against the rest",
        equation: "P(p₁ > p₀) + ½ P(p₁ = p₀)",
        source: "Hanley & McNeil 1982; Provost & Domingos 2000 (more classes)",
        parameters: &[],
    },
    build: |_, ()| Ok(Box::new(Auc)),
};
