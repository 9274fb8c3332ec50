//! Area under the ROC curve: the probability that a row of class 1 has a higher score than a row of
//! class 0, where equal scores count one half. For labels the mean over them.

use super::{AnswerKind, Answers, Metric};
use crate::registry::{Description, Entry};

/// See the module's text.
struct Auc;

impl Metric for Auc {
    fn score(&self, answers: &Answers) -> Option<f64> {
        match answers.kind() {
            AnswerKind::TwoClasses | AnswerKind::Labels => {
                answers.mean_of_outputs(|j| area(answers, j))
            }
            AnswerKind::Numbers | AnswerKind::Classes => None,
        }
    }
}

/// Goes up the scores, group by group of equal ones: each row of class 1 wins against all rows of
/// class 0 in the groups below, and half against those of its own group.
fn area(answers: &Answers, output: usize) -> Option<f64> {
    let score = |row: usize| answers.prediction(row)[output];
    let mut order: Vec<usize> = (0..answers.rows()).collect();
    order.sort_unstable_by(|&a, &b| score(a).total_cmp(&score(b)));
    let (mut positive, mut negative, mut wins) = (0.0, 0.0, 0.0);
    for group in order.chunk_by(|&a, &b| score(a) == score(b)) {
        let mut here = [0.0, 0.0];
        for &row in group {
            here[usize::from(answers.value(row, output) >= 0.5)] += answers.weight(row);
        }
        wins += here[1] * (negative + 0.5 * here[0]);
        negative += here[0];
        positive += here[1];
    }
    (positive > 0.0 && negative > 0.0).then(|| wins / (positive * negative))
}

pub(super) const ENTRY: Entry<Box<dyn Metric>> = Entry {
    description: Description {
        name: "auc",
        summary: "Area under the ROC curve of two classes: 1 is perfect, ½ is chance",
        equation: "P(p₁ > p₀) + ½ P(p₁ = p₀)",
        source: "Hanley & McNeil 1982",
        parameters: &[],
    },
    build: |_, ()| Ok(Box::new(Auc)),
};
