//! The rows that the models before were trained on, where a run begins with the weights of a model:
//! looked for among the validation and test rows of the run, and carried on in its own model.

use serde::{Deserialize, Serialize};
use thalweg_core::precision::Dtype;
use thalweg_data::usable::LeftOut;
use thalweg_data::{Note, Part, Preprocessing, Table};

use crate::fingerprint::{Fingerprint, Found};

/// Models before of which a model keeps how they see rows.
const MOST: usize = 4;
/// What the model is called that a run begins with.
pub(crate) const MODEL: &str = "the model that it began with";

/// A model before, which knows its training rows as it sees them: by a preprocessing of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    /// Raw columns to its inputs and targets.
    pub preprocessing: Preprocessing,
    /// The type of its inputs.
    pub dtype: Dtype,
    /// Its training rows.
    pub fingerprint: Fingerprint,
}

/// What is known of the rows that the models before were trained on.
#[derive(Debug, Clone, Default)]
pub struct Before {
    /// Of the models that see rows as the run does.
    pub fingerprint: Option<Fingerprint>,
    /// The other models, the latest first.
    pub origins: Vec<Origin>,
    /// Whether some of the validation rows are among these rows.
    pub has_validation: bool,
}

impl Before {
    /// Of models, the latest first, for a run that sees rows in this way.
    pub fn new(mut origins: Vec<Origin>, preprocessing: &Preprocessing, dtype: Dtype) -> Self {
        let is_same =
            |origin: &Origin| origin.preprocessing == *preprocessing && origin.dtype == dtype;
        let fingerprint =
            (origins.iter().position(is_same)).map(|index| origins.remove(index).fingerprint);
        origins.truncate(MOST);
        Self {
            fingerprint,
            origins,
            has_validation: false,
        }
    }
}

impl Origin {
    /// A warning if rows of a table are training rows of this model, which is called so: all that have a
    /// target, or those given. None where the table is no table for it.
    pub fn warning(&self, table: &Table, rows: Option<&[usize]>, model: &str) -> Option<Note> {
        let found = self.look_for(table, rows)?;
        self.fingerprint.warning_of(found, model)
    }

    /// Looks for rows of a table among the training rows of this model.
    pub(crate) fn look_for(&self, table: &Table, rows: Option<&[usize]>) -> Option<Found> {
        let (targets, classes) = (
            &self.preprocessing.target.columns,
            self.preprocessing.classes(),
        );
        let whole;
        let (table, rows) = match rows {
            Some(rows) => (table, rows.to_vec()),
            None => {
                let mut left_out = LeftOut::default();
                whole = left_out.keep(table, None, targets, Some(classes)).ok()?;
                (&*whole, whole.all_rows().to_vec())
            }
        };
        let bound = self.preprocessing.bind(table).ok()?;
        let dataset = bound.dataset(Part::new("rows", rows), self.dtype).ok()?;
        Some(self.fingerprint.look_for(dataset.view()))
    }
}
