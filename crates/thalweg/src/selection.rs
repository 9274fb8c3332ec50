//! Networks that leave out columns: the layer `select` in front of them, and which columns a trained
//! network does without.
//!
//! A column is kept where permuting its values costs more loss on the validation rows than chance
//! explains: a column without a meaning gains as often as it costs, so what the most gaining one
//! gains is what chance does.

use thalweg_core::engine::Engine;
use thalweg_core::registry::{Choice, Setting};
use thalweg_core::spec::NetworkSpec;

use crate::error::Result;
use crate::front::{SELECT, ranges};
use crate::importance::{batch, permute_each};
use crate::network_file::EMBEDDING;
use crate::numbers;
use crate::places::places;
use crate::rows::{Part, RunRows};

/// Permutations of all columns together, at most, each a prediction of the validation rows; each
/// column has up to [`REPEATS`].
const PERMUTATIONS: usize = 400;
const REPEATS: usize = 5;

/// Which columns (places) are to be kept by the model in `engine`; none where all are, or there are too many to look at.
///
/// # Errors
/// If the rows do not fit the network.
pub(crate) fn columns_to_keep(
    engine: &mut dyn Engine,
    rows: &RunRows,
    seed: u64,
) -> Result<Option<Vec<bool>>> {
    let Some(validation) = rows.validation.as_ref().map(Part::view) else {
        return Ok(None);
    };
    let places = places(&rows.preprocessing);
    let repeats = (PERMUTATIONS / places.len().max(1)).min(REPEATS);
    let is_image = rows.preprocessing.image()?.is_some();
    if repeats == 0 || places.len() < 2 || is_image || rows.preprocessing.is_sparse() {
        return Ok(None);
    }
    let whole = engine.evaluate(&batch(validation), None)?;
    let mut costs = vec![0.0; places.len()];
    permute_each(&places, validation, (seed, repeats), |place, permuted| {
        costs[place] += engine.evaluate(&batch(permuted), None)? - whole;
        Ok(())
    })?;
    let chance = costs.iter().fold(0.0, |most: f64, cost| most.max(-cost));
    let kept: Vec<bool> = costs.iter().map(|cost| *cost > chance).collect();
    let is_choice = kept.contains(&true) && kept.contains(&false);
    Ok(is_choice.then_some(kept))
}

/// Lets a network see the columns (places) that are `kept` alone.
///
/// # Errors
/// If the network does not suit the rows.
pub(crate) fn keep(network: &mut NetworkSpec, kept: &[bool], rows: &RunRows) -> Result<()> {
    let embedding = network
        .layers
        .first()
        .filter(|layer| layer.name == EMBEDDING);
    let at = usize::from(embedding.is_some());
    let ranges = ranges(embedding, rows.preprocessing.input_width());
    let places = places(&rows.preprocessing);
    let inputs: Vec<i64> = (places.iter().zip(kept))
        .filter(|(_, is_kept)| **is_kept)
        .flat_map(|(place, _)| &ranges[place.inputs.clone()])
        .flat_map(Clone::clone)
        .map(|input| input as i64)
        .collect();
    let select = Choice::new(SELECT).with("inputs", Setting::Integers(inputs));
    network.layers.insert(at, select);
    numbers::forget_all(network);
    numbers::fill_all(network, rows)
}
