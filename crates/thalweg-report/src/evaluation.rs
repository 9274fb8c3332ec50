//! The page of a model on the rows of a file.

use serde_json::json;
use thalweg::Model;
use thalweg::data::Note;
use thalweg::inspection::Inspection;
use thalweg::scores::Scores;

use crate::page::page;
use crate::run::notes as noted;

/// The page of a model that was evaluated on `data`.
pub fn evaluation(
    model: &Model,
    data: &str,
    scores: &Scores,
    inspection: &Inspection,
    notes: &[Note],
) -> String {
    let description = model.description();
    page(json!({
        "kind": "evaluation",
        "version": env!("CARGO_PKG_VERSION"),
        "name": model.path().display().to_string(),
        "data": data,
        "start": {
            "task": description.preprocessing.task(),
            "rows": description.outcome.rows,
            "network": description.network,
            "training": description.training,
        },
        "scores": scores,
        "trained": description.metrics,
        "notes": noted(notes),
        "inspection": inspection,
    }))
}
