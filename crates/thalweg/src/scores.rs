//! How good a model is on some rows, in the units of the file.

use serde::Serialize;
use serde::ser::SerializeMap;
use thalweg_core::dataset::{Dataset, Targets};
use thalweg_core::engine::{Batch, Engine};
use thalweg_core::losses::{LOSSES, Link};
use thalweg_core::metrics::{Answers, best_constant, confusion, is_better, scores};
use thalweg_core::registry::Choice;
use thalweg_data::{Preprocessing, Task};

use crate::error::Result;

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
}

impl Scores {
    /// Whether any metric is better than that of a constant: errors by a part in a thousand, as those of a constant
    /// that was learned are not. The area under the curve and F1 of a constant are what guessing gives or less, so they must be
    /// better by more than guesses are.
    pub fn beats(&self, constant: &Scores) -> bool {
        self.metrics.iter().any(|(name, score)| {
            let same = (constant.metrics.iter()).find(|(other, _)| other == name);
            let margin = match *name {
                "auc" => 0.05,
                "f1" => 0.2,
                "rmse" | "mae" => -1e-3 * score.abs(),
                "r2" => 2e-3,
                _ => 0.0,
            };
            same.is_some_and(|(_, constant)| {
                is_better(name, *score, constant + margin).unwrap_or(false)
            })
        })
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
        map.end()
    }
}

/// Judges answers.
pub struct Judge<'a> {
    preprocessing: &'a Preprocessing,
    link: Link,
}

impl<'a> Judge<'a> {
    /// For models of these data that were trained by this loss.
    pub fn new(preprocessing: &'a Preprocessing, loss: &Choice) -> Result<Self> {
        Ok(Self {
            preprocessing,
            link: LOSSES.build(loss, &())?.link(),
        })
    }

    /// The model in `engine` on a dataset.
    pub fn model(&self, engine: &mut dyn Engine, dataset: &Dataset) -> Result<Scores> {
        let mut predictions = Vec::new();
        let loss = engine.evaluate(&Batch::all(dataset), Some(&mut predictions))?;
        let mut scores = self.score(predictions, dataset)?;
        scores.loss = Some(loss);
        Ok(scores)
    }

    /// The best constant of the training rows on a dataset.
    pub fn constant(&self, training: &Dataset, dataset: &Dataset) -> Result<Scores> {
        let constant = best_constant(
            &mut training.view(),
            self.link,
            self.preprocessing.output_width(),
        )?;
        self.score(constant.repeat(dataset.rows()), dataset)
    }

    fn score(&self, mut predictions: Vec<f64>, dataset: &Dataset) -> Result<Scores> {
        let mut targets = dataset.targets.clone();
        if self.preprocessing.task() == Task::Regression
            && let Targets::Values { width, values } = &mut targets
        {
            self.to_user_units(*width, values);
            self.to_user_units(*width, &mut predictions);
        }
        let answers = Answers::new(
            self.link,
            &predictions,
            &targets,
            dataset.weights.as_deref(),
        )?;
        Ok(Scores {
            rows: dataset.rows(),
            loss: None,
            metrics: scores(&answers),
            confusion: confusion(&answers),
        })
    }

    fn to_user_units(&self, width: usize, values: &mut [f64]) {
        for row in values.chunks_mut(width.max(1)) {
            for (output, value) in row.iter_mut().enumerate() {
                *value = self.preprocessing.in_user_units(output, *value);
            }
        }
    }
}

/// The training rows with the weights that the user gave them, without those of their classes: models are
/// judged alike on all parts.
pub fn without_class_weights(training: &Dataset, preprocessing: &Preprocessing) -> Dataset {
    let mut dataset = training.clone();
    if let (Some(of_class), Targets::Classes(classes)) =
        (&preprocessing.class_weights, &training.targets)
    {
        if preprocessing.sample_weight.is_none() {
            dataset.weights = None;
        }
        for (weight, &class) in dataset.weights.iter_mut().flatten().zip(classes) {
            *weight /= of_class.get(class as usize).copied().unwrap_or(1.0) as f32;
        }
    }
    dataset
}
