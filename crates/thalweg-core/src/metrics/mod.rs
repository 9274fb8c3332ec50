//! Metrics: scores of predictions against the true targets.
//!
//! Convention for all: double precision, rows count by their weights, and values are in the units
//! of the predictions given. A metric has no value where it is not defined (the area under the
//! curve of one class), rather than something misleading. Of several numbers or labels, one that is
//! missing is NaN: a metric is then the mean over the outputs, each judged where it is known.

mod confusion;
mod constant;
mod curve;
mod decision;
mod threshold;

pub use confusion::confusion;
pub use constant::best_constant;
pub use decision::Decision;
pub use threshold::{THRESHOLD, Threshold};

use crate::dataset::TargetsRef;
use crate::error::{Error, Result};
use crate::losses::Link;
use crate::registry::{Choice, Default, Description, Domain, Parameter, entries};

entries! {
    /// All metrics, the first that suits being the one to judge by.
    METRICS: "metric" => Box<dyn Metric>;
    rmse,
    mae,
    r2,
    accuracy,
    auc,
    f1,
    balanced_accuracy,
    log_loss,
    brier,
    average_precision,
    mcc,
    top_k,
}

/// What chooses the best epoch, in lists.
pub const SELECTION: Description = Description {
    name: "selection",
    summary: "Chooses the best epoch, and stops with --patience, by a metric of the validation rows in the place of their loss",
    equation: "the first epoch of the largest value, or of the least of an error",
    source: "Prechelt 1998, chapter 2",
    parameters: &[Parameter {
        name: "metric",
        summary: "which of them",
        default: Default::Off,
        domain: Domain::Named {
            kind: "metric",
            many: false,
        },
    }],
};

/// A metric.
pub trait Metric: Send + Sync {
    /// Its value, or `None` where it is not defined for these predictions.
    fn score(&self, answers: &Answers) -> Option<f64>;

    /// Whether a larger value is a better one; a smaller one is otherwise.
    fn is_larger_better(&self) -> bool {
        true
    }

    /// Whether it looks at all outputs of a row at once, and leaves out those that are missing
    /// itself.
    fn takes_missing(&self) -> bool {
        false
    }
}

/// What is asked of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerKind {
    /// One or several numbers.
    Numbers,
    /// The probability of class 1 of 2, its margin, or a number near 0 or 1.
    TwoClasses,
    /// The probability of each class, or its score.
    Classes,
    /// The probability of each label, independent of the others, or its margin.
    Labels,
}

/// The predictions of a network with the true targets.
#[derive(Debug, Clone, Copy)]
pub struct Answers<'a> {
    kind: AnswerKind,
    link: Link,
    outputs: usize,
    predictions: &'a [f64],
    targets: TargetsRef<'a>,
    weights: Option<&'a [f32]>,
    decision: &'a Decision,
}

impl<'a> Answers<'a> {
    /// `predictions` are row-major and have gone through `link`; `weights` are those of the rows.
    ///
    /// # Errors
    /// If the lengths do not fit each other, or the link does not go with the targets.
    pub fn new(
        link: Link,
        predictions: &'a [f64],
        targets: impl Into<TargetsRef<'a>>,
        weights: Option<&'a [f32]>,
    ) -> Result<Self> {
        let targets = targets.into();
        let kind = match (link, targets) {
            (Link::Identity | Link::Exponential, TargetsRef::Values { .. }) => AnswerKind::Numbers,
            (Link::Sigmoid | Link::Margin, TargetsRef::Values { .. }) => AnswerKind::Labels,
            (Link::Identity | Link::Sigmoid | Link::Margin, TargetsRef::Classes(_)) => {
                AnswerKind::TwoClasses
            }
            (Link::Softmax | Link::Scores, TargetsRef::Classes(_)) => AnswerKind::Classes,
            (Link::Exponential | Link::Quantiles(_), TargetsRef::Classes(_))
            | (Link::Quantiles(_), TargetsRef::Values { .. })
            | (Link::Softmax | Link::Scores, TargetsRef::Values { .. }) => {
                return Err(Error::invalid(
                    "metrics",
                    format!("targets that do not go with the link {link:?}"),
                    "numbers with Identity or Exponential, labels with Sigmoid or Margin, classes with all but Exponential",
                ));
            }
        };
        let rows = targets.rows();
        let outputs = predictions.len().checked_div(rows).unwrap_or(0);
        let fits = match (kind, targets) {
            (AnswerKind::TwoClasses, _) => outputs == 1,
            (_, TargetsRef::Values { width, .. }) => outputs == width,
            (_, TargetsRef::Classes(classes)) => {
                classes.iter().all(|&class| (class as usize) < outputs)
            }
        };
        if rows == 0
            || !fits
            || predictions.len() != rows * outputs
            || weights.is_some_and(|weights| weights.len() != rows)
        {
            return Err(Error::invalid(
                "metrics",
                format!("{} predictions for {rows} rows", predictions.len()),
                "the same number for each of at least one row",
            ));
        }
        Ok(Self {
            kind,
            link,
            outputs,
            predictions,
            targets,
            weights,
            decision: &Decision::Likeliest,
        })
    }

    /// The same with classes and labels answered by a decision.
    #[must_use]
    pub fn deciding(self, decision: &'a Decision) -> Self {
        Self { decision, ..self }
    }

    /// What was asked.
    pub fn kind(&self) -> AnswerKind {
        self.kind
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.targets.rows()
    }

    /// Number of classes; of labels or targets for other kinds.
    pub fn classes(&self) -> usize {
        if self.kind == AnswerKind::TwoClasses {
            2
        } else {
            self.outputs
        }
    }

    /// What to divide numbers by so that their squares are numbers: 1, but for very large ones.
    fn unit(&self, of: impl Fn(usize) -> f64) -> f64 {
        let largest = (0..self.rows()).fold(0.0f64, |largest, row| largest.max(of(row).abs()));
        if largest > 1e150 { largest } else { 1.0 }
    }

    /// Weight of a row.
    fn weight(&self, row: usize) -> f64 {
        self.weights.map_or(1.0, |weights| f64::from(weights[row]))
    }

    /// What was answered in a row.
    fn prediction(&self, row: usize) -> &[f64] {
        &self.predictions[row * self.outputs..][..self.outputs]
    }

    /// Whether a label was answered.
    fn predicts_label(&self, row: usize, label: usize) -> bool {
        let prediction = self.prediction(row)[label];
        self.decision.has_label(self.link, prediction, label)
    }

    /// The class that was answered.
    fn predicted_class(&self, row: usize) -> usize {
        self.decision.class(self.link, self.prediction(row))
    }

    /// The class that is right.
    fn class(&self, row: usize) -> Option<usize> {
        match self.targets {
            TargetsRef::Classes(classes) => Some(classes[row] as usize),
            TargetsRef::Values { .. } => None,
        }
    }

    /// The number or label that is right.
    fn value(&self, row: usize, output: usize) -> f64 {
        match self.targets {
            TargetsRef::Values { width, values } => values[row * width + output],
            TargetsRef::Classes(classes) => f64::from(classes[row]),
        }
    }

    /// Weighted mean of `term` over the rows.
    fn mean(&self, term: impl Fn(usize) -> f64) -> Option<f64> {
        self.mean_where(|_| true, term)
    }

    /// The same over the rows that count.
    fn mean_where(
        &self,
        counts: impl Fn(usize) -> bool,
        term: impl Fn(usize) -> f64,
    ) -> Option<f64> {
        let (mut sum, mut total) = (0.0, 0.0);
        for row in (0..self.rows()).filter(|&row| counts(row)) {
            sum += self.weight(row) * term(row);
            total += self.weight(row);
        }
        (total > 0.0).then(|| sum / total)
    }

    /// Plain mean over the outputs.
    fn mean_of_outputs(&self, term: impl Fn(usize) -> Option<f64>) -> Option<f64> {
        self.mean_over(0..self.outputs, term)
    }

    /// Plain mean over some outputs; none if there is no such output.
    fn mean_over(
        &self,
        outputs: impl Iterator<Item = usize>,
        term: impl Fn(usize) -> Option<f64>,
    ) -> Option<f64> {
        let values: Vec<f64> = outputs.map(term).collect::<Option<_>>()?;
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    }

    fn has_missing(&self) -> bool {
        match self.targets {
            TargetsRef::Values { values, .. } => values.iter().any(|value| value.is_nan()),
            TargetsRef::Classes(_) => false,
        }
    }
}

/// One of several numbers or labels, in the rows where it is known.
struct One {
    predictions: Vec<f64>,
    targets: Vec<f64>,
    weights: Option<Vec<f32>>,
    decision: Decision,
}

impl One {
    fn of(answers: &Answers, output: usize) -> Self {
        let rows = 0..answers.rows();
        let known = rows.filter(|&row| !answers.value(row, output).is_nan());
        let known: Vec<usize> = known.collect();
        let each = known.iter().copied();
        Self {
            predictions: each
                .clone()
                .map(|row| answers.prediction(row)[output])
                .collect(),
            targets: each.clone().map(|row| answers.value(row, output)).collect(),
            weights: (answers.weights).map(|weights| each.map(|row| weights[row]).collect()),
            decision: answers.decision.of_label(output),
        }
    }

    /// None if it is nowhere known.
    fn answers(&self, link: Link) -> Option<Answers<'_>> {
        let weights = self.weights.as_deref();
        let answers = Answers::new(link, &self.predictions, &self.targets[..], weights).ok()?;
        Some(answers.deciding(&self.decision))
    }
}

/// The scores of each of several numbers or labels, in the rows where it is known; none of anything
/// else.
pub fn scores_of_outputs(answers: &Answers) -> Vec<Vec<(&'static str, f64)>> {
    let several = answers.outputs > 1;
    let judged = several && matches!(answers.kind, AnswerKind::Numbers | AnswerKind::Labels);
    let score = |output| {
        let one = One::of(answers, output);
        one.answers(answers.link)
            .map_or(Vec::new(), |one| scores(&one))
    };
    match judged {
        true => (0..answers.outputs).map(score).collect(),
        false => Vec::new(),
    }
}

/// The value of the metric `name` with its defaults, where there is such a metric and it is defined.
pub fn score(name: &str, answers: &Answers) -> Option<f64> {
    let metric = METRICS.build(&Choice::new(name), &()).ok()?;
    score_by(&*metric, answers)
}

/// The value of a metric, where it is defined: where some of several numbers or labels are missing,
/// its mean over those for which it is.
pub fn score_by(metric: &dyn Metric, answers: &Answers) -> Option<f64> {
    if metric.takes_missing() || !answers.has_missing() {
        return metric.score(answers);
    }
    let value = |output| metric.score(&One::of(answers, output).answers(answers.link)?);
    let values: Vec<f64> = (0..answers.outputs).filter_map(value).collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Every metric that is defined for these predictions, by name, in the order of the registry.
pub fn scores(answers: &Answers) -> Vec<(&'static str, f64)> {
    let names = METRICS.entries.iter().map(|entry| entry.description.name);
    names
        .filter_map(|name| Some((name, score(name, answers)?)))
        .collect()
}

/// Whether `score` of the metric `name` is better than `other`.
///
/// # Errors
/// If there is no such metric.
pub fn is_better(name: &str, score: f64, other: f64) -> Result<bool> {
    let metric = METRICS.build(&Choice::new(name), &())?;
    Ok(if metric.is_larger_better() {
        score > other
    } else {
        score < other
    })
}
