//! Whether rows fit a network.

use super::Batch;
use crate::dataset::{TargetsRef, ValuesRef};
use crate::error::{Error, Result};
use crate::losses::Comparison;

/// What a network takes.
pub(crate) struct Limits<F> {
    /// Values a row.
    pub inputs: usize,
    /// Outputs a row.
    pub outputs: usize,
    /// What the loss compares outputs with.
    pub comparison: Comparison,
    /// Whether a target of several may be NaN, which stands for a missing one.
    pub masks_missing: bool,
    /// Whether a number is finite in the engine's precision.
    pub fits: F,
}

/// Checks that a batch fits a network of these sizes, and that its features are whole rows.
///
/// # Errors
/// Says what does not fit.
pub(crate) fn check_shape(batch: &Batch, inputs: usize, outputs: usize) -> Result<()> {
    batch.check(inputs, outputs, usize::MAX)?;
    let features = batch.features;
    let length = match features.values {
        ValuesRef::F32(values) => values.len(),
        ValuesRef::F64(values) => values.len(),
        ValuesRef::U8 { bytes, .. } => bytes.len(),
        ValuesRef::Columns(_) | ValuesRef::Sparse(_) => features.rows() * features.width,
    };
    if length != features.rows() * inputs {
        let found = format!("{length} values for rows of {inputs}");
        return Err(Error::invalid("features", found, "whole rows"));
    }
    Ok(())
}

/// See [`super::Engine::check`].
pub(crate) fn check(
    batch: &Batch,
    first: usize,
    limits: &Limits<impl Fn(f64) -> bool>,
) -> Result<()> {
    check_shape(batch, limits.inputs, limits.outputs)?;
    let features = batch.features;
    for (row, number) in batch.rows.iter().zip(first..) {
        if features.misfit(row, &limits.fits).is_some() {
            let found = format!("a value that is not finite in row {number}");
            return Err(Error::invalid("features", found, "finite numbers"));
        }
        if let Some(weight) = batch.weights.map(|weights| weights[row])
            && !(weight.is_finite() && weight >= 0.0)
        {
            let found = format!("{weight} in row {number}");
            return Err(Error::invalid("weights", found, "finite numbers ≥ 0"));
        }
    }
    match batch.targets {
        Some(targets) => check_targets(batch, first, targets, limits),
        None => Ok(()),
    }
}

fn check_targets(
    batch: &Batch,
    first: usize,
    targets: TargetsRef,
    limits: &Limits<impl Fn(f64) -> bool>,
) -> Result<()> {
    let (comparison, outputs) = (limits.comparison, limits.outputs);
    let mut rows = batch.rows.iter().zip(first..);
    let refuse = |found: String, expected: &str| Err(Error::invalid("targets", found, expected));
    match targets {
        TargetsRef::Values { width, values } => {
            if comparison == Comparison::Classes {
                return refuse("numbers".into(), "classes, which this loss compares with");
            }
            let may_miss = limits.masks_missing && width > 1;
            let fits = |value: f64| (limits.fits)(value) || (may_miss && value.is_nan());
            rows.try_for_each(|(row, number)| {
                let row = &values[row * width..][..width];
                match row.iter().find(|value| !fits(**value)) {
                    Some(value) => refuse(format!("{value} in row {number}"), "finite numbers"),
                    None => check_values(row, number, comparison),
                }
            })
        }
        TargetsRef::Classes(classes) => {
            let most = match comparison {
                Comparison::Values | Comparison::NonNegative => {
                    return refuse("classes".into(), "numbers, which this loss compares with");
                }
                Comparison::DistributionOrClasses | Comparison::Classes => outputs,
                _ if outputs != 1 => {
                    let found = format!("classes for {outputs} outputs");
                    return refuse(found, "a single output for two classes");
                }
                _ => 2,
            };
            let expected = || match comparison {
                Comparison::DistributionOrClasses | Comparison::Classes => {
                    format!("classes below {outputs}")
                }
                _ => "classes 0 and 1".into(),
            };
            match rows.find(|(row, _)| classes[*row] as usize >= most) {
                Some((row, number)) => {
                    let found = format!("class {} in row {number}", classes[row]);
                    refuse(found, &expected())
                }
                None => Ok(()),
            }
        }
    }
}

/// Checks the targets of one row, which are finite, or NaN where they are missing.
fn check_values(row: &[f64], number: usize, comparison: Comparison) -> Result<()> {
    let refuse = |found: String, expected: &str| Err(Error::invalid("targets", found, expected));
    if let Some((takes, numbers)) = comparison.domain()
        && let Some(value) = row.iter().find(|y| !y.is_nan() && !takes(**y))
    {
        return refuse(format!("{value} in row {number}"), numbers);
    }
    match comparison {
        Comparison::DistributionOrClasses if (row.iter().sum::<f64>() - 1.0).abs() >= 1e-6 => {
            let found = format!("row {number}, which does not add up to 1");
            refuse(found, "probabilities")
        }
        _ => Ok(()),
    }
}
