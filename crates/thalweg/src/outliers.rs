//! Columns of which a few cells set the scale, so that all others are alike to the network.

use thalweg_data::error::quote;
use thalweg_data::{Encoding, Note};

use crate::places::{PlaceKind, places};
use crate::rows::RunRows;
use crate::text::figure;

/// Rows that are looked at, at least to say something, and at most.
const ROWS: usize = 50;
const MOST_ROWS: usize = 4096;
/// Deviations that the middle half of the cells spans, of normal numbers 1.35.
const NARROW: f64 = 0.01;

/// A warning for each column of the training rows, standardized, whose deviation comes from a few
/// cells. A column of which half of the cells are the same has no middle to speak of.
pub(crate) fn warnings(rows: &RunRows) -> Vec<Note> {
    let features = rows.train.view().features;
    let count = features.rows();
    // Sparse rows have no columns with a middle, and as dense ones no room.
    let is_other =
        |encoding: &Encoding| matches!(encoding, Encoding::Image { .. } | Encoding::Sparse { .. });
    let mut inputs = rows.preprocessing.inputs.iter();
    if count < ROWS || inputs.any(|input| is_other(&input.encoding)) {
        return Vec::new();
    }
    let most = MOST_ROWS.min(count);
    let sample: Vec<Vec<f64>> = (0..most)
        .map(|i| features.row(i * count / most).collect())
        .collect();
    let mut notes = Vec::new();
    for place in places(&rows.preprocessing) {
        let PlaceKind::Number(scale) = place.kind else {
            continue;
        };
        let mut cells: Vec<f64> = sample.iter().map(|row| place.value(row)).collect();
        cells.sort_unstable_by(f64::total_cmp);
        let span = cells[3 * most / 4] - cells[most / 4];
        if scale.bends || place.curve.is_some() || span <= 0.0 || span >= NARROW {
            continue;
        }
        let values = (0..count).filter_map(|row| features.row(row).nth(place.inputs.start));
        let Some(farthest) = values.max_by(|a, b| a.abs().total_cmp(&b.abs())) else {
            continue;
        };
        notes.push(Note::warning(format!(
            "column {}: a few cells such as {} set its scale, and the middle half of them spans {} of its deviation: \
             correct them, or try `data.fit.scaling` robust",
            quote(&place.name),
            figure(place.number(scale, farthest)),
            figure(span)
        )));
    }
    notes
}
