//! What is done with all rows of a source in their order, chunk by chunk.

use super::{Request, RowSource, TargetKind};
use crate::dataset::{Targets, TargetsRef};
use crate::engine::{Batch, Engine, LossSums};
use crate::error::{Error, Result};
use crate::memory;

/// Calls `visit` with all rows, in chunks as the source likes them, and the number of the first row of each.
///
/// # Errors
/// Those of the source and of `visit`, which ends the scan.
pub fn chunks(
    source: &mut dyn RowSource,
    visit: impl FnMut(&Batch, usize) -> Result<()>,
) -> Result<()> {
    let size = source.chunk();
    chunks_of(source, size, visit)
}

/// The same, at most `size` rows at a time.
///
/// # Errors
/// As [`chunks`].
pub fn chunks_of(
    source: &mut dyn RowSource,
    size: usize,
    mut visit: impl FnMut(&Batch, usize) -> Result<()>,
) -> Result<()> {
    let rows = source.schema().rows;
    for start in (0..rows).step_by(size.max(1)) {
        let end = rows.min(start.saturating_add(size));
        visit(&source.batch(Request::range(start..end))?, start)?;
    }
    Ok(())
}

/// The weighted mean loss over all rows, with the bits of [`Engine::evaluate`] over all at once.
///
/// # Errors
/// If the rows cannot be read or do not fit the network.
pub fn evaluate(engine: &mut dyn Engine, source: &mut dyn RowSource) -> Result<f64> {
    let size = whole_blocks(engine, source);
    let mut sums = LossSums::default();
    chunks_of(source, size, |batch, _| {
        engine.add_losses(batch, &mut sums, None)
    })?;
    Ok(sums.mean())
}

/// The same, and `visit` is called with every chunk of rows and the network's outputs for it, row-major.
///
/// # Errors
/// As [`evaluate`], and those of `visit`.
pub fn evaluate_each(
    engine: &mut dyn Engine,
    source: &mut dyn RowSource,
    mut visit: impl FnMut(&Batch, &[f64]) -> Result<()>,
) -> Result<f64> {
    let size = whole_blocks(engine, source);
    let mut sums = LossSums::default();
    let mut predictions = Vec::new();
    chunks_of(source, size, |batch, _| {
        engine.add_losses(batch, &mut sums, Some(&mut predictions))?;
        visit(batch, &predictions)
    })?;
    Ok(sums.mean())
}

/// Rows of a chunk: about those that the source likes, in whole blocks of the engine's evaluation.
fn whole_blocks(engine: &dyn Engine, source: &dyn RowSource) -> usize {
    let size = engine.evaluation_rows();
    source.chunk().div_ceil(size).saturating_mul(size)
}

/// What the metrics of a source are computed from.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// The weighted mean loss.
    pub loss: f64,
    /// The network's outputs for every row, row-major.
    pub predictions: Vec<f64>,
    /// The targets of every row.
    pub targets: Targets,
    /// The weights of every row, where they differ.
    pub weights: Option<Vec<f32>>,
}

/// Loss, predictions, targets and weights of all rows; no features are kept.
///
/// # Errors
/// As [`evaluate`], and if there is not enough memory.
pub fn evaluation(engine: &mut dyn Engine, source: &mut dyn RowSource) -> Result<Evaluation> {
    let schema = source.schema();
    let mut predictions = Vec::new();
    let mut targets = match schema.targets {
        TargetKind::Classes => Targets::Classes(memory::room(schema.rows)?),
        TargetKind::Values(width) => Targets::Values {
            width,
            values: memory::room(schema.rows.saturating_mul(width))?,
        },
    };
    let mut weights = match schema.is_weighted {
        true => Some(memory::room(schema.rows)?),
        false => None,
    };
    let loss = evaluate_each(engine, source, |batch, answers| {
        predictions.extend_from_slice(answers);
        for row in batch.rows.iter() {
            match (&mut targets, batch.targets) {
                (Targets::Classes(to), Some(TargetsRef::Classes(from))) => to.push(from[row]),
                (
                    Targets::Values { values: to, .. },
                    Some(TargetsRef::Values { width, values }),
                ) => {
                    to.extend_from_slice(&values[row * width..][..width]);
                }
                _ => {
                    return Err(Error::invalid(
                        "source",
                        "other targets",
                        "those of its schema",
                    ));
                }
            }
            if let (Some(to), Some(from)) = (&mut weights, batch.weights) {
                to.push(from[row]);
            }
        }
        Ok(())
    })?;
    Ok(Evaluation {
        loss,
        predictions,
        targets,
        weights,
    })
}

/// Checks that all rows fit the network, that there are some, and that not all weigh nothing. Returns Σ w.
///
/// # Errors
/// Says what does not fit, and in which row.
pub fn check(engine: &dyn Engine, source: &mut dyn RowSource) -> Result<f64> {
    let rows = source.schema().rows;
    if rows == 0 || u32::try_from(rows).is_err() {
        let (found, expected) = (format!("{rows} rows"), format!("1 to {}", u32::MAX));
        return Err(Error::invalid("dataset", found, expected));
    }
    let mut weight = 0.0;
    chunks(source, |batch, first| {
        engine.check(batch, first)?;
        weight = batch.add_weights(weight);
        Ok(())
    })?;
    match weight > 0.0 {
        true => Ok(weight),
        false => Err(Error::invalid(
            "weights",
            "0 for every row",
            "one that is not 0",
        )),
    }
}

/// The class of every row; none where targets are numbers.
///
/// # Errors
/// If the rows cannot be read, or there is not enough memory.
pub fn classes(source: &mut dyn RowSource) -> Result<Option<Vec<u32>>> {
    let schema = source.schema();
    if schema.targets != TargetKind::Classes {
        return Ok(None);
    }
    let mut classes = memory::room(schema.rows)?;
    chunks(source, |batch, _| {
        if let Some(TargetsRef::Classes(from)) = batch.targets {
            classes.extend(batch.rows.iter().map(|row| from[row]));
        }
        Ok(())
    })?;
    Ok(Some(classes))
}
