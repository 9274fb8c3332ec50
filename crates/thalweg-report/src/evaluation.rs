//! The page of a model on the rows of a file.

use serde_json::{Value, json};
use thalweg::Model;
use thalweg::data::Note;
use thalweg::inspection::Inspection;
use thalweg::scores::Scores;

use crate::page::{described, of_kind, page};
use crate::run::notes as noted;

/// The page of a model that was evaluated on `data`.
pub fn evaluation(
    model: &Model,
    data: &str,
    scores: &Scores,
    inspection: &Inspection,
    notes: &[Note],
) -> String {
    page(of_kind(
        "evaluation",
        json!({
            "name": model.path().display().to_string(),
            "data": data,
            "start": trained(model),
            "scores": scores,
            "trained": model.description().metrics,
            "notes": noted(notes),
            "inspection": inspection,
        }),
    ))
}

/// How a model was trained, as a run's first event has it.
pub(crate) fn trained(model: &Model) -> Value {
    let description = model.description();
    described(&json!({
        "task": description.preprocessing.task(),
        "rows": description.outcome.rows,
        "network": description.network,
        "training": description.training,
    }))
}
