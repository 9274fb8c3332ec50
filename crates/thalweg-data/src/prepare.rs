//! From what was read to what is trained on, in one call.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use thalweg_core::dataset::{Dataset, Targets};

use crate::error::{Note, Result};
use crate::loaded::Loaded;
use crate::part::Part;
use crate::preprocess::{Bound, Dtype, FitOptions, Preprocessing};
use crate::split::{Split, SplitOptions, split};
use crate::table::Table;
use crate::target::{Target, TargetOptions};

/// Everything that turns tables into datasets; every field has a default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PrepareOptions {
    /// Target and task.
    pub target: TargetOptions,
    /// Which rows are kept for validation and test where no files are given for them.
    pub split: SplitOptions,
    /// Preprocessing and weights.
    pub fit: FitOptions,
    /// Floating-point type of the features.
    pub dtype: Dtype,
}

/// Datasets to train, validate and test on.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// Raw columns to network inputs and back; belongs into the model file.
    pub preprocessing: Preprocessing,
    /// The rows to train on, class weights included.
    pub train: Dataset,
    /// The rows to watch training on.
    pub validation: Option<Dataset>,
    /// The rows for the final test.
    pub test: Option<Dataset>,
    /// Which rows of the table these are; a part that has its own table is empty here.
    pub split: Split,
    /// What the user should know.
    pub notes: Vec<Note>,
}

/// Chooses the target, splits, fits the preprocessing on the training rows, and applies it to every part.
///
/// A `validation` or `test` table replaces the split's part; so does the official test part of `loaded`.
///
/// # Errors
/// As [`Target::choose`], [`split`], [`Preprocessing::fit`], [`Preprocessing::bind`] and
/// [`Bound::dataset`].
pub fn prepare(
    loaded: &Loaded,
    validation: Option<&Table>,
    test: Option<&Table>,
    options: &PrepareOptions,
) -> Result<Prepared> {
    let table = &loaded.train;
    let own = (validation, test.or(loaded.test.as_ref()));
    let mut notes = loaded.notes.clone();
    let (target, targets, more) = Target::choose(table, &options.target)?;
    notes.extend(more);
    let (split, more) = split_rest(&targets, own, &options.split)?;
    notes.extend(more);
    let train = Part::of("training rows", &split.train, &targets);
    let (preprocessing, more) = Preprocessing::fit(&(table, &train), target, &options.fit)?;
    notes.extend(more);
    let bound = preprocessing.bind(table)?;
    let datasets = datasets(
        &bound,
        train,
        own,
        &split,
        &targets,
        options.dtype,
        &mut notes,
    )?;
    Ok(prepared(datasets, preprocessing, split, notes))
}

/// The same for new rows of a model, by its target, classes and preprocessing. Of the options, `split` and `dtype`
/// count. Notes name categories that the model does not know.
///
/// # Errors
/// As [`split`], [`Preprocessing::bind`] and [`Bound::dataset`]: columns are missing, or a class is none of the
/// model's.
pub fn prepare_fitted(
    loaded: &Loaded,
    validation: Option<&Table>,
    test: Option<&Table>,
    preprocessing: &Preprocessing,
    options: &PrepareOptions,
) -> Result<Prepared> {
    let table = &loaded.train;
    let own = (validation, test.or(loaded.test.as_ref()));
    let mut notes = loaded.notes.clone();
    let rows = table.all_rows();
    let targets = preprocessing.target.encode(table, &rows)?;
    let (split, more) = split_rest(&targets, own, &options.split)?;
    notes.extend(more);
    let bound = preprocessing.bind(table)?;
    notes.extend(bound.unseen(&rows));
    let train = Part::of("training rows", &split.train, &targets);
    let datasets = datasets(
        &bound,
        train,
        own,
        &split,
        &targets,
        options.dtype,
        &mut notes,
    )?;
    Ok(prepared(datasets, preprocessing.clone(), split, notes))
}

/// Tables of validation and test rows, where there are such.
type OwnTables<'a> = (Option<&'a Table>, Option<&'a Table>);

/// Draws the parts that have no table of their own.
fn split_rest(
    targets: &Targets,
    (validation, test): OwnTables,
    options: &SplitOptions,
) -> Result<(Split, Vec<Note>)> {
    let mut fractions = options.clone();
    if test.is_some() {
        fractions.test_fraction = 0.0;
    }
    if validation.is_some() {
        fractions.validation_fraction = 0.0;
    }
    split(targets, &fractions)
}

/// Training, validation and test rows.
type Datasets = (Dataset, Option<Dataset>, Option<Dataset>);

fn datasets(
    bound: &Bound,
    train: Part,
    (validation, test): OwnTables,
    split: &Split,
    targets: &Targets,
    dtype: Dtype,
    notes: &mut Vec<Note>,
) -> Result<Datasets> {
    let train = bound.training_dataset(train, dtype)?;
    notes.extend(bound.unused());
    let mut part = |own: Option<&Table>, rows: &[usize], name| -> Result<Option<Dataset>> {
        Ok(Some(match own {
            Some(own) => {
                let bound = bound.preprocessing.bind(own)?;
                let dataset = bound.dataset(Part::new(name, own.all_rows()), dtype)?;
                notes.extend(bound.unused());
                dataset
            }
            None if rows.is_empty() => return Ok(None),
            None => bound.dataset(Part::of(name, rows, targets), dtype)?,
        }))
    };
    let validation = part(validation, &split.validation, "validation rows")?;
    let test = part(test, &split.test, "test rows")?;
    Ok((train, validation, test))
}

fn prepared(
    (train, validation, test): Datasets,
    preprocessing: Preprocessing,
    split: Split,
    mut notes: Vec<Note>,
) -> Prepared {
    let mut seen = HashSet::new();
    notes.retain(|note| seen.insert(note.text.clone()));
    Prepared {
        preprocessing,
        train,
        validation,
        test,
        split,
        notes,
    }
}
