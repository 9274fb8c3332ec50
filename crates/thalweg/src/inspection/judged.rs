//! The rows that a model is judged on, with what it predicts for them.

use std::borrow::Cow;

use thalweg_core::dataset::{DatasetRef, FeaturesRef, TargetsRef, ValuesRef};
use thalweg_core::losses::Link;
use thalweg_core::metrics::{Answers, Decision};
use thalweg_data::{Preprocessing, Task};

use crate::error::Result;
use crate::middle::medians;
use crate::scores::{as_predicted, to_user_units, without_quantiles};

/// See the module's text. Numbers are in the units of the file.
pub(super) struct Judged<'a> {
    pub preprocessing: &'a Preprocessing,
    pub link: Link,
    pub decision: &'a Decision,
    pub rows: usize,
    pub features: FeaturesRef<'a>,
    pub weights: Option<Cow<'a, [f32]>>,
    /// Predictions of a row.
    pub outputs: usize,
    /// Row-major, through the link.
    pub predictions: Vec<f64>,
    truth: Truth<'a>,
}

enum Truth<'a> {
    Classes(Cow<'a, [u32]>),
    Values {
        width: usize,
        values: Cow<'a, [f64]>,
    },
}

impl<'a> Judged<'a> {
    pub fn new(
        preprocessing: &'a Preprocessing,
        (link, decision): (Link, &'a Decision),
        dataset: DatasetRef<'a>,
        mut predictions: Vec<f64>,
    ) -> Self {
        let is_regression = preprocessing.task() == Task::Regression;
        let truth = match dataset.targets {
            TargetsRef::Classes(classes) => Truth::Classes(classes.into()),
            TargetsRef::Values { width, values } => {
                let mut values = Cow::Borrowed(values);
                if is_regression {
                    to_user_units(preprocessing, values.to_mut());
                    values = medians(preprocessing, values.into_owned()).into();
                }
                let width = width / preprocessing.target.each();
                Truth::Values { width, values }
            }
        };
        if is_regression {
            as_predicted(preprocessing, &mut predictions);
            predictions = medians(preprocessing, predictions);
        }
        let rows = dataset.features.rows();
        Self {
            preprocessing,
            link: without_quantiles(link),
            decision,
            rows,
            features: dataset.features,
            weights: dataset.weights.map(Cow::Borrowed),
            outputs: predictions.len().checked_div(rows).unwrap_or(0),
            predictions,
            truth,
        }
    }

    /// Some of the rows, without their features.
    pub fn part(&self, rows: &[u32]) -> Judged<'a> {
        let rows = || rows.iter().map(|&row| row as usize);
        let truth = match &self.truth {
            Truth::Classes(classes) => Truth::Classes(rows().map(|row| classes[row]).collect()),
            Truth::Values { width, values } => Truth::Values {
                width: *width,
                values: rows()
                    .flat_map(|row| values[row * width..][..*width].iter().copied())
                    .collect(),
            },
        };
        Judged {
            rows: rows().count(),
            weights: (self.weights.as_ref())
                .map(|weights| rows().map(|row| weights[row]).collect()),
            predictions: rows()
                .flat_map(|row| self.prediction(row).iter().copied())
                .collect(),
            truth,
            ..*self
        }
    }

    pub fn weight(&self, row: usize) -> f64 {
        (self.weights.as_ref()).map_or(1.0, |weights| f64::from(weights[row]))
    }

    pub fn prediction(&self, row: usize) -> &[f64] {
        &self.predictions[row * self.outputs..][..self.outputs]
    }

    /// The class of a row, where the targets are classes.
    pub fn class(&self, row: usize) -> Option<usize> {
        match &self.truth {
            Truth::Classes(classes) => Some(classes[row] as usize),
            Truth::Values { .. } => None,
        }
    }

    /// Targets or labels of a row; 0 where the targets are classes.
    pub fn targets(&self) -> usize {
        match &self.truth {
            Truth::Classes(_) => 0,
            Truth::Values { width, .. } => *width,
        }
    }

    /// A target or label of a row, if it is known.
    pub fn value(&self, row: usize, target: usize) -> Option<f64> {
        match &self.truth {
            Truth::Classes(_) => None,
            Truth::Values { width, values } => {
                Some(values[row * width + target]).filter(|value| !value.is_nan())
            }
        }
    }

    /// Whether predictions are probabilities, or numbers fitted to 0 and 1.
    pub fn has_probabilities(&self) -> bool {
        !matches!(self.link, Link::Margin | Link::Scores)
    }

    /// What the metrics take, of all rows with weights of their own.
    pub fn answers<'b>(&'b self, weights: Option<&'b [f32]>) -> Result<Answers<'b>> {
        let targets = match &self.truth {
            Truth::Classes(classes) => TargetsRef::Classes(classes),
            Truth::Values { width, values } => TargetsRef::Values {
                width: *width,
                values,
            },
        };
        Ok(Answers::new(self.link, &self.predictions, targets, weights)?.deciding(self.decision))
    }

    /// How wrong a row is: the distance from the target (over several, the mean of the distances in
    /// standard deviations of the targets); of classes 1 or 0; of labels the share of wrong ones.
    pub fn error(&self, row: usize) -> f64 {
        let answer = self.prediction(row);
        if let Some(class) = self.class(row) {
            return f64::from(u8::from(self.decision.class(self.link, answer) != class));
        }
        let targets = self.targets();
        let (mut sum, mut known) = (0.0, 0.0);
        for (target, &answer) in answer.iter().enumerate().take(targets) {
            let Some(truth) = self.value(row, target) else {
                continue;
            };
            known += 1.0;
            sum += match self.preprocessing.task() {
                Task::Regression if targets > 1 => {
                    (answer - truth).abs() / self.unit(target).max(f64::MIN_POSITIVE)
                }
                Task::Regression => (answer - truth).abs(),
                _ => {
                    let answers = self.decision.has_label(self.link, answer, target);
                    f64::from(u8::from(answers != (truth >= 0.5)))
                }
            };
        }
        if known > 0.0 { sum / known } else { 0.0 }
    }

    /// How surprising the truth of a row is: what the worst rows are sorted by.
    pub fn surprise(&self, row: usize) -> f64 {
        let Some(class) = self.class(row) else {
            return self.error(row);
        };
        let likely = |p: f64| -p.max(1e-300).ln();
        match (self.prediction(row), self.has_probabilities()) {
            ([p], true) => likely(if class == 1 { *p } else { 1.0 - p }),
            ([margin], false) => -margin * (2.0 * class as f64 - 1.0),
            (many, true) => likely(many.get(class).copied().unwrap_or(0.0)),
            (many, false) => {
                let best = many.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                best - many.get(class).copied().unwrap_or(best)
            }
        }
    }

    /// What one unit of a scaled target is in the units of the file.
    fn unit(&self, target: usize) -> f64 {
        let output = target * self.preprocessing.target.each();
        let at = |value| self.preprocessing.in_user_units(output, value);
        (at(1.0) - at(0.0)).abs()
    }
}

/// The value of a row that the network sees at `place`.
pub(super) fn feature(features: FeaturesRef, row: usize, place: usize) -> f64 {
    let index = row * features.width + place;
    match features.values {
        ValuesRef::F32(values) => values[index].into(),
        ValuesRef::F64(values) => values[index],
        ValuesRef::U8 {
            bytes,
            scale,
            offset,
        } => (f32::from(bytes[index]) * scale + offset).into(),
        ValuesRef::Columns(columns) => columns[place][row].into(),
        ValuesRef::Sparse(rows) => rows.value(row, place),
    }
}
