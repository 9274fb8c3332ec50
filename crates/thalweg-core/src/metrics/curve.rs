//! Rows by falling score: what the area under a curve and thresholds are computed from.

use super::{AnswerKind, Answers};

/// The rows of one score.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    pub score: f64,
    /// Σ w of its rows of the class or label, and of its other rows.
    pub positive: f64,
    pub negative: f64,
}

/// All scores of an output, the largest first; the rows of its class or label count as positive, of
/// a single output those of class 1. A label that is missing is neither.
pub(super) fn falling(answers: &Answers, output: usize) -> Vec<Step> {
    let is_positive = |row: usize| match answers.kind() {
        AnswerKind::Classes => answers.class(row) == Some(output),
        _ => answers.value(row, output) >= 0.5,
    };
    let mut order: Vec<(f64, u32)> = (0..answers.rows())
        .filter(|&row| !answers.value(row, output).is_nan())
        .map(|row| (answers.prediction(row)[output], row as u32))
        .collect();
    order.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let mut steps: Vec<Step> = Vec::new();
    for (score, row) in order {
        let row = row as usize;
        if steps.last().is_none_or(|step| step.score != score) {
            steps.push(Step {
                score,
                positive: 0.0,
                negative: 0.0,
            });
        }
        if let Some(step) = steps.last_mut() {
            let sum = match is_positive(row) {
                true => &mut step.positive,
                false => &mut step.negative,
            };
            *sum += answers.weight(row);
        }
    }
    steps
}

/// Σ w of the rows that are positive, and of the others.
pub(super) fn totals(steps: &[Step]) -> (f64, f64) {
    steps.iter().fold((0.0, 0.0), |(positive, negative), step| {
        (positive + step.positive, negative + step.negative)
    })
}
