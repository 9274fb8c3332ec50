//! The page of a model's columns by their importance.

use serde_json::json;
use thalweg::Model;
use thalweg::data::Note;
use thalweg::importance::Importance;

use crate::page::page;
use crate::run::notes as noted;

/// The page of the columns that a model relies on, found on the rows of `data`.
pub fn importance(model: &Model, data: &str, importance: &Importance, notes: &[Note]) -> String {
    let description = model.description();
    page(json!({
        "kind": "importance",
        "version": env!("CARGO_PKG_VERSION"),
        "name": model.path().display().to_string(),
        "data": data,
        "start": {
            "task": description.preprocessing.task(),
            "rows": description.outcome.rows,
            "network": description.network,
        },
        "importance": importance,
        "notes": noted(notes),
    }))
}
