//! Which columns a model relies on, on as many rows as there is time for.

use thalweg_core::engine::Engine;

use super::Subject;
use crate::error::{Error, Result};
use crate::importance::{Importance, REPEATS};
use crate::places::places;
use crate::relied_on::{Relying, importance_for};
use crate::rows::selected;

/// Rows that are looked at, evenly spaced, and how few say nothing.
const MOST_ROWS: usize = 500;
const FEWEST_ROWS: usize = 20;
/// Columns of more say little each, and take long.
const MOST_COLUMNS: usize = 100;

/// The importance within a budget of predicted rows.
pub(super) fn sampled(
    engine: &mut dyn Engine,
    model: Relying,
    subject: &Subject,
    budget: usize,
) -> Result<Option<Importance>> {
    let preprocessing = model.preprocessing;
    let columns = places(preprocessing).len();
    let all = subject.dataset.features.rows();
    let count = all.min(MOST_ROWS).min(budget / (columns * REPEATS).max(1));
    let is_image = preprocessing.image().is_ok_and(|image| image.is_some());
    if is_image || !(2..=MOST_COLUMNS).contains(&columns) || count < FEWEST_ROWS {
        return Ok(None);
    }
    let rows: Vec<usize> = (0..count).map(|i| i * all / count).collect();
    let rows = selected(subject.dataset, &rows);
    let name = match subject.part {
        "rows" => "rows".to_owned(),
        part => format!("{part} rows"),
    };
    match importance_for(engine, model, rows.view(), &name, 0) {
        // No metric is defined for these rows.
        Err(Error::Input(_)) => Ok(None),
        found => found.map(Some),
    }
}
