//! Rows that come in pieces: what is kept of them for scores, and notes without repetitions.

use std::collections::HashSet;

use thalweg_core::dataset::{Dataset, DatasetRef, FeaturesRef, Targets, ValuesRef};
use thalweg_core::engine::{Batch, Engine, LossSums};
use thalweg_data::Note;

use crate::error::Result;
use crate::scores::{Judge, Scores};

/// Predictions, targets and weights of rows whose features are gone.
#[derive(Default)]
pub(crate) struct Gathered {
    sums: LossSums,
    predictions: Vec<f64>,
    targets: Option<Targets>,
    weights: Option<Vec<f32>>,
}

impl Gathered {
    /// Adds rows with what the model in `engine` predicts for them.
    ///
    /// # Errors
    /// If they do not fit the network.
    pub fn add(&mut self, engine: &mut dyn Engine, rows: Dataset) -> Result<()> {
        engine.add_losses(
            &Batch::all(&rows),
            &mut self.sums,
            Some(&mut self.predictions),
        )?;
        match (&mut self.targets, rows.targets) {
            (Some(Targets::Classes(all)), Targets::Classes(added)) => all.extend(added),
            (Some(Targets::Values { values, .. }), Targets::Values { values: added, .. }) => {
                values.extend(added)
            }
            (all, targets) => *all = Some(targets),
        }
        match (&mut self.weights, rows.weights) {
            (Some(all), Some(added)) => all.extend(added),
            (all, weights) => *all = weights,
        }
        Ok(())
    }

    /// The scores of all of them.
    ///
    /// # Errors
    /// As [`Judge::judged`].
    pub fn scores(self, judge: &Judge) -> Result<Scores> {
        let targets = self.targets.unwrap_or(Targets::Classes(Vec::new()));
        // Stands for the features, of which only the number of rows counts.
        let bytes = vec![0; targets.rows()];
        let features = FeaturesRef {
            width: 1,
            values: ValuesRef::U8 {
                bytes: &bytes,
                scale: 1.0,
                offset: 0.0,
            },
        };
        let rows = DatasetRef {
            features,
            targets: (&targets).into(),
            weights: self.weights.as_deref(),
        };
        judge.judged(self.predictions, rows, self.sums.mean())
    }
}

/// Notes that were not there before; of those that differ in their counts alone, the first.
#[derive(Default)]
pub(crate) struct News(HashSet<String>);

impl News {
    /// Whether a note is new.
    pub fn is_new(&mut self, note: &Note) -> bool {
        self.0
            .insert(note.text.replace(|c: char| c.is_ascii_digit(), ""))
    }
}
