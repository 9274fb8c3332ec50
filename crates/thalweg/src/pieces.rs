//! Rows that come in pieces: what is kept of them for scores, what is counted of all of them, and notes
//! without repetitions.

use std::collections::HashSet;

use thalweg_core::dataset::{Dataset, DatasetRef, FeaturesRef, Targets, ValuesRef};
use thalweg_core::engine::{Batch, Engine, LossSums};
use thalweg_data::error::quote;
use thalweg_data::preprocess::Unseen;
use thalweg_data::usable::LeftOut;
use thalweg_data::{Note, Preprocessing, Table};

use crate::error::Result;
use crate::fingerprint::Found;
use crate::model::Description;
use crate::ranges::FarOut;
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
        if rows.rows() == 0 {
            return Ok(());
        }
        let mut predictions = Vec::new();
        engine.add_losses(&Batch::all(&rows), &mut self.sums, Some(&mut predictions))?;
        self.predictions.append(&mut predictions);
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

/// What is unusual about rows for a model, counted over all pieces.
pub(crate) struct Unusual<'a> {
    model: &'a Description,
    pub left_out: LeftOut,
    /// Whether the rows to judge by have none of the weights that the model was trained with.
    pub lacks_weights: bool,
    unseen: Vec<Unseen>,
    far: Option<FarOut>,
    /// Rows that the model was trained on.
    known: Found,
    /// Rows that each of the models before was trained on.
    known_before: Vec<Found>,
}

impl<'a> Unusual<'a> {
    /// Nothing yet.
    pub fn of(model: &'a Description) -> Self {
        Self {
            model,
            left_out: LeftOut::default(),
            lacks_weights: false,
            unseen: Vec::new(),
            far: None,
            known: Found::default(),
            known_before: vec![Found::default(); model.origins.len()],
        }
    }

    /// Counts unknown categories, by column.
    pub fn add_unseen(&mut self, unseen: Vec<Unseen>) {
        match self.unseen.is_empty() {
            true => self.unseen = unseen,
            false => (self.unseen.iter_mut().zip(unseen)).for_each(|(own, more)| own.add(more)),
        }
    }

    /// Counts rows far outside the ranges of the training rows.
    pub fn add_far(&mut self, rows: FeaturesRef) {
        let ranges = self.model.ranges.as_ref();
        let more = ranges.map(|ranges| ranges.count(&self.model.preprocessing, rows));
        match (&mut self.far, more) {
            (Some(far), Some(more)) => far.add(&more),
            (far, more) => *far = more,
        }
    }

    /// Counts rows of a table that the model, or one before, was trained on; `rows` is the table as the
    /// model sees it.
    pub fn add_known(&mut self, table: &Table, rows: DatasetRef) {
        if let Some(fingerprint) = &self.model.fingerprint {
            self.known.add(fingerprint.look_for(rows));
        }
        for (origin, known) in self.model.origins.iter().zip(&mut self.known_before) {
            known.add(origin.look_for(table, None).unwrap_or_default());
        }
    }

    /// What should be known of all of them.
    ///
    /// # Errors
    /// As [`LeftOut::notes`].
    pub fn notes(self) -> Result<Vec<Note>> {
        let Preprocessing {
            sample_weight,
            target,
            ..
        } = &self.model.preprocessing;
        let weights = sample_weight.as_deref();
        let mut notes = self.left_out.notes(weights, &target.columns)?;
        let missed = weights.filter(|_| self.lacks_weights);
        notes.extend(missed.map(|name| {
            let name = quote(name);
            Note::warning(format!(
                "no column {name}, by which training weighted the rows: in these scores all count alike"
            ))
        }));
        notes.extend(self.unseen.iter().filter_map(Unseen::note));
        notes.extend(self.far.and_then(|far| far.note()));
        let own = (self.model.fingerprint.iter()).map(|fingerprint| (fingerprint, self.known));
        let before = self.model.origins.iter().map(|origin| &origin.fingerprint);
        let mut all = own.chain(before.zip(self.known_before));
        let known = all.find_map(|(fingerprint, found)| fingerprint.warning_of(found, "the model"));
        notes.extend(known);
        Ok(notes)
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
