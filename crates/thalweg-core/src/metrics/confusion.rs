//! The confusion matrix.

use super::{AnswerKind, Answers};

/// Weight of the rows of each true class (the row of the matrix) that were answered with each class
/// (its column); `None` for other questions than classes.
pub fn confusion(answers: &Answers) -> Option<Vec<Vec<f64>>> {
    if !matches!(answers.kind(), AnswerKind::TwoClasses | AnswerKind::Classes) {
        return None;
    }
    let classes = answers.classes();
    let mut matrix = vec![vec![0.0; classes]; classes];
    for row in 0..answers.rows() {
        let truth = answers.class(row)?;
        matrix[truth][answers.predicted_class(row)] += answers.weight(row);
    }
    Some(matrix)
}
