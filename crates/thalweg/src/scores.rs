//! How good a model is on some rows, in the units of the file.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;
use serde::ser::SerializeMap;
use thalweg_core::dataset::{DatasetRef, TargetsRef};
use thalweg_core::engine::{Batch, Engine};
use thalweg_core::losses::{LOSSES, Link};
use thalweg_core::metrics::{
    Answers, Decision, best_constant, confusion, is_better, scores, scores_of_outputs,
};
use thalweg_core::registry::Choice;
use thalweg_data::{Preprocessing, Task};

use crate::error::Result;
use crate::interval::PredictionInterval;
use crate::middle::{self, medians};
use crate::row_errors::RowErrors;

/// Loss and metrics.
#[derive(Debug, Clone)]
pub struct Scores {
    /// Rows that were judged.
    pub rows: usize,
    /// The loss that was trained on; absent for the best constant.
    pub loss: Option<f64>,
    /// Metrics by name.
    pub metrics: Vec<(&'static str, f64)>,
    /// The confusion matrix, for classes.
    pub confusion: Option<Vec<Vec<f64>>>,
    /// The errors of single rows.
    pub(crate) errors: Option<RowErrors>,
    /// Of several targets or labels, each by itself; `metrics` are over all of them.
    pub targets: Vec<TargetScores>,
}

/// One of several targets or labels.
#[derive(Debug, Clone)]
pub struct TargetScores {
    /// Its column.
    pub name: String,
    /// Metrics by name, over the rows where it is known.
    pub metrics: Vec<(&'static str, f64)>,
}

impl Scores {
    /// The value of a metric, if it has one.
    pub fn metric(&self, name: &str) -> Option<f64> {
        let mut metrics = self.metrics.iter();
        Some(metrics.find(|(other, _)| *other == name)?.1)
    }

    /// Whether any metric is better than that of a constant, of those that a constant cannot come
    /// near by chance: errors by a part in a thousand, as those of a constant that was learned are
    /// not. The area under the curve and F1 of a constant
    /// are what guessing gives or less, so they must be better by more than guesses are; F1 counts where
    /// there is no area, since guesses have more of it than a constant that finds nothing.
    pub fn beats(&self, constant: &Scores) -> bool {
        let has_area = self.metric("auc").is_some();
        self.metrics.iter().any(|(name, score)| {
            let same = (constant.metrics.iter()).find(|(other, _)| other == name);
            let margin = match *name {
                "auc" => 0.05,
                "f1" if !has_area => 0.2,
                "rmse" | "mae" => -1e-3 * score.abs(),
                "r2" => 2e-3,
                "accuracy" => 0.0,
                _ => return false,
            };
            same.is_some_and(|(_, constant)| {
                is_better(name, *score, constant + margin).unwrap_or(false)
            })
        })
    }
}

impl Scores {
    /// Adds the share of each target that an interval, or quantiles, hold, and their mean.
    fn add_coverage(&mut self, held: &[Option<f64>]) {
        const NAME: &str = "coverage";
        let known: Vec<f64> = held.iter().copied().flatten().collect();
        if !known.is_empty() {
            let mean = known.iter().sum::<f64>() / known.len() as f64;
            self.metrics.push((NAME, mean));
        }
        for (target, held) in self.targets.iter_mut().zip(held) {
            target.metrics.extend(held.map(|held| (NAME, held)));
        }
    }
}

impl Serialize for Scores {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(loss) = self.loss {
            map.serialize_entry("loss", &loss)?;
        }
        for (name, value) in &self.metrics {
            map.serialize_entry(name, value)?;
        }
        if !self.targets.is_empty() {
            let of = |target: &TargetScores| {
                let metrics: BTreeMap<&str, f64> = target.metrics.iter().copied().collect();
                (target.name.clone(), metrics)
            };
            let targets: BTreeMap<String, _> = self.targets.iter().map(of).collect();
            map.serialize_entry("targets", &targets)?;
        }
        map.end()
    }
}

/// Scores predictions.
pub struct Judge<'a> {
    preprocessing: &'a Preprocessing,
    link: Link,
    decision: Decision,
    interval: Option<PredictionInterval>,
}

impl<'a> Judge<'a> {
    /// For models of these data that were trained by this loss.
    pub fn new(preprocessing: &'a Preprocessing, loss: &Choice) -> Result<Self> {
        Ok(Self {
            preprocessing,
            link: LOSSES.build(loss, &())?.link(),
            decision: Decision::Likeliest,
            interval: None,
        })
    }

    /// The same for a model that answers classes by a decision.
    #[must_use]
    pub fn deciding(self, decision: Decision) -> Self {
        Self { decision, ..self }
    }

    /// The same, which also scores how many targets the interval holds.
    #[must_use]
    pub fn with_interval(mut self, interval: Option<PredictionInterval>) -> Self {
        self.interval = interval;
        self
    }

    /// An interval around the predictions of the model in `engine`, from rows that did not train.
    ///
    /// # Errors
    /// If they are too few.
    pub fn calibrate(
        &self,
        engine: &mut dyn Engine,
        coverage: f64,
        rows: DatasetRef,
    ) -> Result<PredictionInterval> {
        let mut predictions = Vec::new();
        engine.evaluate(&Batch::all(rows), Some(&mut predictions))?;
        PredictionInterval::calibrate(coverage, self.preprocessing, &predictions, rows)
    }

    /// The model in `engine` on a dataset.
    pub fn model(&self, engine: &mut dyn Engine, dataset: DatasetRef) -> Result<Scores> {
        let mut predictions = Vec::new();
        let loss = engine.evaluate(&Batch::all(dataset), Some(&mut predictions))?;
        self.judged(predictions, dataset, loss)
    }

    /// The scores of a model that predicts this for a dataset, of which features are not looked at.
    pub(crate) fn judged(
        &self,
        predictions: Vec<f64>,
        dataset: DatasetRef,
        loss: f64,
    ) -> Result<Scores> {
        let held = match &self.interval {
            Some(interval) => Some(interval.coverage_of(self.preprocessing, &predictions, dataset)),
            None => middle::coverage(self.preprocessing, &predictions, dataset),
        };
        let mut scores = self.score(predictions, dataset)?;
        scores.loss = Some(loss);
        if let Some(held) = held {
            scores.add_coverage(&held);
        }
        Ok(scores)
    }

    /// The best constant of the training rows on a dataset, which answers the likeliest class.
    pub fn constant(&self, training: DatasetRef, dataset: DatasetRef) -> Result<Scores> {
        let plain = Judge {
            decision: Decision::Likeliest,
            interval: None,
            ..*self
        };
        plain.score(self.constant_predictions(training, dataset)?, dataset)
    }

    /// What the best constant of the training rows predicts for every row of a dataset.
    pub(crate) fn constant_predictions(
        &self,
        training: DatasetRef,
        dataset: DatasetRef,
    ) -> Result<Vec<f64>> {
        let outputs = self.preprocessing.output_width();
        let constant = best_constant(&mut { training }, self.link, outputs)?;
        Ok(constant.repeat(dataset.features.rows()))
    }

    /// Predictions that have gone through the loss's link, row-major, on a dataset.
    pub(crate) fn score(&self, predictions: Vec<f64>, dataset: DatasetRef) -> Result<Scores> {
        let columns = &self.preprocessing.target.columns;
        let look = |answers: &Answers, predictions: &[f64], targets: TargetsRef| Scores {
            targets: (columns.iter().cloned().zip(scores_of_outputs(answers)))
                .map(|(name, metrics)| TargetScores { name, metrics })
                .collect(),
            rows: dataset.features.rows(),
            loss: None,
            metrics: scores(answers),
            confusion: confusion(answers),
            errors: Some(RowErrors::of(
                (self.link, &self.decision),
                predictions,
                targets,
                dataset.weights,
            )),
        };
        Ok(self.in_units(predictions, dataset, look)?)
    }

    /// What `look` makes of predictions, in the units of the file.
    pub(crate) fn answers<R>(
        &self,
        predictions: Vec<f64>,
        dataset: DatasetRef,
        look: impl FnOnce(&Answers) -> R,
    ) -> thalweg_core::Result<R> {
        self.in_units(predictions, dataset, |answers, _, _| look(answers))
    }

    fn in_units<R>(
        &self,
        mut predictions: Vec<f64>,
        dataset: DatasetRef,
        look: impl FnOnce(&Answers, &[f64], TargetsRef) -> R,
    ) -> thalweg_core::Result<R> {
        let (mut targets, mut in_user_units) = (dataset.targets, Vec::new());
        if self.preprocessing.task() == Task::Regression
            && let TargetsRef::Values { width, values } = targets
        {
            in_user_units.extend_from_slice(values);
            to_user_units(self.preprocessing, &mut in_user_units);
            as_predicted(self.preprocessing, &mut predictions);
            predictions = medians(self.preprocessing, predictions);
            in_user_units = medians(self.preprocessing, in_user_units);
            let (width, values) = (width / self.preprocessing.target.each(), &in_user_units);
            targets = TargetsRef::Values { width, values };
        }
        let link = without_quantiles(self.link);
        let answers = Answers::new(link, &predictions, targets, dataset.weights)?;
        Ok(look(
            &answers.deciding(&self.decision),
            &predictions,
            targets,
        ))
    }
}

/// The link of the medians.
pub(crate) fn without_quantiles(link: Link) -> Link {
    match link {
        Link::Quantiles(_) => Link::Identity,
        link => link,
    }
}

/// Changes targets of a regression, row-major, into the units of the file.
pub(crate) fn to_user_units(preprocessing: &Preprocessing, values: &mut [f64]) {
    for row in values.chunks_mut(preprocessing.output_width().max(1)) {
        for (output, value) in row.iter_mut().enumerate() {
            *value = preprocessing.in_user_units(output, *value);
        }
    }
}

/// Changes outputs of a regression, row-major, into what is predicted.
pub(crate) fn as_predicted(preprocessing: &Preprocessing, values: &mut [f64]) {
    for row in values.chunks_mut(preprocessing.output_width().max(1)) {
        for (output, value) in row.iter_mut().enumerate() {
            *value = preprocessing.predicted(output, *value);
        }
    }
}

/// The weights of the training rows as the user gave them, without those of their classes: models
/// are judged alike on all parts.
pub fn user_weights<'a>(
    training: DatasetRef<'a>,
    preprocessing: &Preprocessing,
) -> Option<Cow<'a, [f32]>> {
    let weights = training.weights?;
    let (Some(of_class), TargetsRef::Classes(classes)) =
        (&preprocessing.class_weights, training.targets)
    else {
        return Some(weights.into());
    };
    preprocessing.sample_weight.as_ref()?;
    let of_user = |(weight, class): (&f32, &u32)| {
        weight / of_class.get(*class as usize).copied().unwrap_or(1.0) as f32
    };
    Some(weights.iter().zip(classes).map(of_user).collect())
}
