//! Coefficient of determination: 1 − Σ w·(p − y)² / Σ w·(y − ȳ)², with ȳ the weighted mean of the
//! truth; the mean over those of several targets that vary. It is not defined where none does.

use super::{AnswerKind, Answers, Metric};
use crate::registry::{Description, Entry};

/// See the module's text.
struct R2;

impl Metric for R2 {
    fn score(&self, answers: &Answers) -> Option<f64> {
        if answers.kind() != AnswerKind::Numbers || answers.rows() < 2 {
            return None;
        }
        answers.mean_over((0..answers.outputs).filter(|&j| varies(answers, j)), |j| {
            let y = |row| answers.value(row, j);
            let mean = answers.mean(y)?;
            let error = |row| answers.prediction(row)[j] - y(row);
            let distance = |row| y(row) - mean;
            let unit = answers.unit(error).max(answers.unit(distance));
            let error = answers.mean(|row| (error(row) / unit).powi(2))?;
            let spread = answers.mean(|row| (distance(row) / unit).powi(2))?;
            Some(1.0 - error / spread)
        })
    }
}

/// Whether the truth of an output differs between rows that count.
fn varies(answers: &Answers, output: usize) -> bool {
    let mut rows = (0..answers.rows()).filter(|&row| answers.weight(row) > 0.0);
    let first = rows.next().map(|row| answers.value(row, output));
    rows.any(|row| Some(answers.value(row, output)) != first)
}

pub(super) const ENTRY: Entry<Box<dyn Metric>> = Entry {
    description: Description {
        name: "r2",
        summary: "Fraction of the variance that is explained: 1 is perfect, 0 as good as the mean",
        equation: "1 − Σ w·(p − y)² / Σ w·(y − ȳ)²",
        source: "Wright 1921",
        parameters: &[],
    },
    build: |_, ()| Ok(Box::new(R2)),
};
