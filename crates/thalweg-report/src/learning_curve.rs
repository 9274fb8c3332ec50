//! The page of a learning curve.

use serde_json::{Value, json};
use thalweg::learning_curve::Curve;

use crate::page::{of_kind, page};
use crate::run::{notes, reasons};

/// The page of scores by the number of rows of `data`; `result` is what the command prints as JSON.
///
/// # Errors
/// If the config cannot be written as text.
pub fn learning_curve(data: &str, result: &Value, curve: &Curve) -> thalweg::Result<String> {
    Ok(page(of_kind(
        "learning_curve",
        json!({
            "data": data,
            "result": result,
            "reasons": reasons(&curve.reasons),
            "notes": notes(&curve.notes),
            "config": curve.config.to_toml()?,
        }),
    )))
}
