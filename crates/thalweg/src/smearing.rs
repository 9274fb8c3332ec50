//! Means of targets that are learned as logarithms (`preprocess/target_scaling.rs` has the formula). They
//! are asked for and not chosen: of heavy tails a few rows decide on the factor, and medians have the
//! smaller absolute error.

use thalweg_core::dataset::{DatasetRef, TargetsRef};
use thalweg_core::engine::{Batch, Engine};
use thalweg_core::error::Error;
use thalweg_data::error::quote;
use thalweg_data::preprocess::{Curve, TargetScaling};
use thalweg_data::{Note, Preprocessing};

use crate::config::Config;
use crate::error::Result;
use crate::rows::{Part, RunRows};
use crate::text::{count, figure};

fn is_log(scaling: &TargetScaling) -> bool {
    matches!(scaling.curve, Curve::Log { .. })
}

/// The preprocessing as it was fitted.
pub(crate) fn without(preprocessing: &Preprocessing) -> Preprocessing {
    let mut preprocessing = preprocessing.clone();
    for scaling in &mut preprocessing.target_scaling {
        scaling.smearing = None;
    }
    preprocessing
}

fn is_squared(config: &Config) -> bool {
    ["mse", "half_mse"].contains(&config.network.loss.name.as_str())
}

/// The least target of any row, in the units of the file.
fn least(rows: &RunRows) -> f64 {
    let parts = [
        Some(&rows.train),
        rows.validation.as_ref(),
        rows.test.as_ref(),
    ];
    let views = parts.into_iter().flatten().map(Part::view);
    let of_part = |part: DatasetRef| {
        let TargetsRef::Values { width, values } = part.targets else {
            return f64::NEG_INFINITY;
        };
        let targets = values.iter().enumerate().filter(|(_, y)| !y.is_nan());
        targets
            .map(|(i, y)| rows.preprocessing.in_user_units(i % width, *y))
            .fold(f64::INFINITY, f64::min)
    };
    views.map(of_part).fold(f64::INFINITY, f64::min)
}

/// Refuses to make means of predictions that are no medians, or without the rows for it.
pub(crate) fn check(config: &Config, rows: &RunRows) -> Result<()> {
    let scaling = &rows.preprocessing.target_scaling;
    let (found, remedy) = if !scaling.iter().any(is_log) {
        let remedy = match least(rows) {
            least if least > 1e-9 => {
                "leave it out, or set `data.fit.target_transform` to log or log1p"
            }
            least if least > -1.0 => "leave it out, or set `data.fit.target_transform` to log1p",
            _ => "leave it out: a target of -1 or less has no logarithm",
        };
        (
            "no target that is learned as a logarithm".to_owned(),
            remedy.to_owned(),
        )
    } else if !is_squared(config) {
        (
            format!("the loss {}", config.network.loss.name),
            "leave it out: what this loss predicts is no mean of logarithms".to_owned(),
        )
    } else if config.interval.is_some() {
        (
            "an interval beside it".to_owned(),
            "leave out one of both: an interval is around a median".to_owned(),
        )
    } else if rows.validation.is_none() {
        (
            "no validation rows".to_owned(),
            config.data.more_validation(),
        )
    } else {
        return Ok(());
    };
    let expected = "squared error of logarithms, with validation rows";
    let error = Error::invalid("`smearing`", found, expected);
    Err(error.remedy(remedy).at("smearing").into())
}

/// The preprocessing with the factors that the predictions of the network in `engine` for the validation
/// rows ask for, if that is wanted, and what should be known of logarithms.
pub(crate) fn settle(
    engine: &mut dyn Engine,
    config: &Config,
    rows: &RunRows,
) -> Result<(Preprocessing, Option<Note>)> {
    let mut preprocessing = rows.preprocessing.clone();
    let Preprocessing {
        target,
        target_scaling,
        ..
    } = &mut preprocessing;
    let learned = target.columns.iter().zip(target_scaling).enumerate();
    let logarithms: Vec<_> = learned
        .filter(|(_, (_, scaling))| is_log(scaling))
        .collect();
    if logarithms.is_empty() || !is_squared(config) {
        return Ok((preprocessing, None));
    }
    let Some(part) = rows.validation.as_ref().filter(|_| config.smearing) else {
        let names: Vec<String> = logarithms
            .iter()
            .map(|(_, (name, _))| quote(name))
            .collect();
        let note = Note::info(format!(
            "target {} is learned as its logarithm: its median is predicted, and not its mean (`thalweg list smearing`)",
            names.join(", ")
        ));
        return Ok((preprocessing, Some(note)));
    };
    let part = part.view();
    let mut predictions = Vec::new();
    engine.evaluate(&Batch::all(part), Some(&mut predictions))?;
    let (width, values) = match part.targets {
        TargetsRef::Values { width, values } => (width, values),
        TargetsRef::Classes(_) => (0, &[][..]),
    };
    let weight = |row: usize| part.weights.map_or(1.0, |weights| f64::from(weights[row]));
    let mut factors = Vec::new();
    for (output, (name, scaling)) in logarithms {
        let pair = |row: usize| {
            let at = row * width + output;
            (values[at], predictions[at], weight(row))
        };
        scaling.smearing = scaling.smear((0..part.targets.rows()).map(pair));
        let factor = scaling.smearing.map_or("1".to_owned(), figure);
        factors.push(format!("{} {factor}", quote(name)));
    }
    let note = Note::info(format!(
        "means are predicted, and not medians, of what is learned as a logarithm: times {}, by {}",
        factors.join(", "),
        count(part.features.rows(), "validation row")
    ));
    Ok((preprocessing, Some(note)))
}
