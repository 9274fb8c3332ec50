//! The error of each row, for comparing parts: 0 or 1 for classes, the share of wrong labels, the
//! mean distance of numbers. Its weighted mean has the standard error √(s²/n), with n the effective
//! number of rows, (Σw)²/Σw².

use thalweg_core::dataset::TargetsRef;
use thalweg_core::losses::Link;
use thalweg_core::metrics::Decision;

use crate::text::figure;

/// Fewer rows have no standard error to speak of.
const ROWS: usize = 20;
/// Standard errors between two parts that chance does not explain.
const FAR: f64 = 4.0;

/// Mean and standard error.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct RowErrors {
    rows: usize,
    mean: f64,
    /// Which a few rows do not change.
    pub median: f64,
    standard_error: f64,
    is_share: bool,
}

impl RowErrors {
    /// Of predictions, row-major, that have gone through `link`, in the units of the targets; classes
    /// and labels are answered by `decision`.
    pub fn of(
        (link, decision): (Link, &Decision),
        predictions: &[f64],
        targets: TargetsRef,
        weights: Option<&[f32]>,
    ) -> Self {
        let rows = targets.rows();
        let outputs = predictions.len().checked_div(rows).unwrap_or(0).max(1);
        let is_label = matches!(link, Link::Sigmoid | Link::Margin);
        let error = |row: usize, predicted: &[f64]| match targets {
            TargetsRef::Classes(classes) => f64::from(u8::from(
                decision.class(link, predicted) != classes[row] as usize,
            )),
            TargetsRef::Values { width, values } => {
                let pairs = predicted.iter().zip(&values[row * width..][..width]);
                let known = pairs.enumerate().filter(|(_, (_, y))| y.is_finite());
                let each = known.map(|(label, (p, y))| match is_label {
                    true => {
                        let answer = decision.has_label(link, *p, label);
                        f64::from(u8::from(answer != (*y >= 0.5)))
                    }
                    false => (p - y).abs(),
                });
                let (sum, count) =
                    each.fold((0.0, 0), |(sum, count), error| (sum + error, count + 1));
                sum / f64::from(count.max(1))
            }
        };
        let errors: Vec<f64> = (predictions.chunks(outputs).enumerate())
            .map(|(row, predicted)| error(row, predicted))
            .collect();
        let weight = |row: usize| weights.map_or(1.0, |weights| f64::from(weights[row]));
        let sum = |term: &dyn Fn(usize, f64) -> f64| -> f64 {
            errors
                .iter()
                .enumerate()
                .map(|(row, error)| term(row, *error))
                .sum()
        };
        let total = sum(&|row, _| weight(row));
        let mean = sum(&|row, error| weight(row) * error) / total;
        let variance = sum(&|row, error| weight(row) * (error - mean).powi(2)) / total;
        let effective = total * total / sum(&|row, _| weight(row).powi(2));
        let is_share = is_label || matches!(targets, TargetsRef::Classes(_));
        // No error in n rows says that the rate is about 1/n or less.
        let least = if is_share { 1.0 / effective } else { 0.0 };
        let mut sorted = errors;
        sorted.sort_unstable_by(f64::total_cmp);
        Self {
            rows,
            mean,
            median: sorted.get(rows / 2).copied().unwrap_or(f64::NAN),
            standard_error: (variance.max(least) / effective).sqrt(),
            is_share,
        }
    }

    /// Says that test rows differ from validation rows by more than chance explains.
    pub fn far_from(&self, validation: &Self) -> Option<String> {
        let (ours, theirs) = (self.mean, validation.mean);
        let distance = (ours - theirs) / self.standard_error.hypot(validation.standard_error);
        let matters = match self.is_share {
            true => (ours - theirs).abs() > 0.03,
            false => ours > 1.2 * theirs || theirs > 1.2 * ours,
        };
        if self.rows.min(validation.rows) < ROWS
            || !matters
            || distance.abs() < FAR
            || !distance.is_finite()
        {
            return None;
        }
        let (what, [test, validation]) = match self.is_share {
            true => ("accuracy", [1.0 - ours, 1.0 - theirs]),
            false => ("mean absolute error", [ours, theirs]),
        };
        let how = if ours > theirs { "worse" } else { "better" };
        Some(format!(
            "test rows are predicted much {how} than validation rows: {what} {} against {}, {:.0} standard errors \
             apart",
            figure(test),
            figure(validation),
            distance.abs()
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_compared_by_what_the_model_answers() {
        let mean = |decision: &Decision, targets: TargetsRef| {
            let predictions = [0.2, 0.4, 0.05, 0.9];
            RowErrors::of((Link::Sigmoid, decision), &predictions, targets, None).mean
        };
        let low = Decision::Thresholds(vec![0.1]);
        let classes = TargetsRef::Classes(&[1, 1, 0, 1]);
        assert_eq!(mean(&low, classes), 0.0);
        assert_eq!(mean(&Decision::Likeliest, classes), 0.5);
        let labels = TargetsRef::Values {
            width: 1,
            values: &[1.0, 1.0, 0.0, 1.0],
        };
        assert_eq!(mean(&low, labels), 0.0);
        assert_eq!(mean(&Decision::Likeliest, labels), 0.5);
        // Costs of errors, for one of three classes.
        let weights = Decision::Weights(vec![1.0, 1.0, 9.0]);
        let three = |decision: &Decision| {
            let predictions = [0.5, 0.3, 0.2, 0.1, 0.8, 0.1];
            RowErrors::of(
                (Link::Softmax, decision),
                &predictions,
                TargetsRef::Classes(&[2, 2]),
                None,
            )
            .mean
        };
        assert_eq!((three(&weights), three(&Decision::Likeliest)), (0.0, 1.0));
    }
}
