//! The page of a model's columns by their importance.

use serde_json::json;
use thalweg::Model;
use thalweg::data::Note;
use thalweg::importance::Importance;

use crate::evaluation::trained;
use crate::page::{of_kind, page};
use crate::run::notes as noted;

/// The page of the columns that a model relies on, found on the rows of `data`.
pub fn importance(model: &Model, data: &str, importance: &Importance, notes: &[Note]) -> String {
    page(of_kind(
        "importance",
        json!({
            "name": model.path().display().to_string(),
            "data": data,
            "start": trained(model),
            "importance": importance,
            "notes": noted(notes),
        }),
    ))
}
