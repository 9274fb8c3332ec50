//! From the data part of a config to datasets.

use std::path::Path;

use thalweg_core::losses::{Comparison, LOSSES};
use thalweg_core::precision::Dtype;
use thalweg_core::registry::Choice;
use thalweg_data::{
    ExpectedColumns, Loaded, PrepareOptions, Prepared, Preprocessing, ReadOptions, Source, Table,
    prepare, prepare_fitted,
};

use crate::config::DataConfig;
use crate::error::Result;
use crate::model::Description;

/// Reads everything that a training run names, and makes datasets of it: by the preprocessing of
/// the model that it goes on from, if there is one. For a loss of counts, targets stay counts.
pub fn load(
    config: &DataConfig,
    loss: Option<&Choice>,
    dtype: Dtype,
    preprocessing: Option<&Preprocessing>,
) -> Result<Prepared> {
    let read = match preprocessing {
        Some(preprocessing) => preprocessing.read_options(config.read.clone()),
        None => config.read.clone(),
    };
    let loaded = thalweg_data::read(&Source::parse(&config.source)?, &read)?;
    let part = |path: &Option<std::path::PathBuf>| {
        path.as_deref()
            .map(|path| read_part(path, config, &loaded.train))
            .transpose()
    };
    let (validation, test) = (part(&config.validation)?, part(&config.test)?);
    let mut fit = config.fit.clone();
    fit.standardize_target &= !loss.is_some_and(is_of_counts);
    let options = PrepareOptions {
        target: config.target.clone(),
        split: config.split.clone(),
        fit,
        dtype,
    };
    let (validation, test) = (validation.as_ref(), test.as_ref());
    Ok(match preprocessing {
        Some(fitted) => prepare_fitted(&loaded, validation, test, fitted, &options)?,
        None => prepare(&loaded, validation, test, &options)?,
    })
}

fn is_of_counts(loss: &Choice) -> bool {
    let built = LOSSES.build(loss, &());
    built.is_ok_and(|loss| loss.comparison() == Comparison::NonNegative)
}

/// A file beside the training file: read in the same way, knowing the training file's columns.
fn read_part(path: &Path, config: &DataConfig, training: &Table) -> Result<Table> {
    let mut options = config.read.clone();
    options.labels = None;
    options.columns.extend(training.readings.clone());
    options.expected = Some(ExpectedColumns {
        names: training.names().map(str::to_owned).collect(),
        optional: Vec::new(),
    });
    Ok(thalweg_data::read(&Source::Path(path.to_owned()), &options)?.train)
}

/// The rows that a trained model is to predict. Where a source has an official test part, that is
/// it. `options` are how the file is read; without words for "missing" of its own, those of the
/// model hold.
pub fn load_for(
    description: &Description,
    source: &str,
    mut options: ReadOptions,
) -> Result<Loaded> {
    if options.missing.is_empty() {
        options.missing.clone_from(&description.missing);
    }
    if options.not_missing.is_empty() {
        options.not_missing.clone_from(&description.not_missing);
    }
    let preprocessing = &description.preprocessing;
    let source = Source::parse(source)?;
    let mut loaded = thalweg_data::read(&source, &preprocessing.read_options(options))?;
    if let Some(test) = loaded.test.take() {
        loaded.train = test;
    }
    Ok(loaded)
}
