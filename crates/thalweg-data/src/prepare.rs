//! From what was read to what is trained on, in one call.

use serde::{Deserialize, Serialize};
use thalweg_core::dataset::Dataset;

use crate::error::{Note, Result};
use crate::loaded::Loaded;
use crate::preprocess::{Dtype, FitOptions, Preprocessing};
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
/// As [`Target::choose`], [`split`], [`Preprocessing::fit`] and [`Preprocessing::dataset`].
pub fn prepare(
    loaded: &Loaded,
    validation: Option<&Table>,
    test: Option<&Table>,
    options: &PrepareOptions,
) -> Result<Prepared> {
    let table = &loaded.train;
    let test = test.or(loaded.test.as_ref());
    let mut notes = loaded.notes.clone();
    let (target, more) = Target::choose(table, &options.target)?;
    notes.extend(more);

    let (split, more) = split_table(table, &target, (validation, test), options)?;
    notes.extend(more);
    let (preprocessing, more) = Preprocessing::fit(table, target, &options.fit, &split.train)?;
    notes.extend(more);
    apply(
        table,
        (validation, test),
        preprocessing,
        split,
        notes,
        options.dtype,
    )
}

/// The same for new rows of a model: its target, classes and preprocessing hold. Of the options, `split` and `dtype`
/// count. Notes tell of categories that the model does not know.
///
/// # Errors
/// As [`split`] and [`Preprocessing::dataset`]: columns are missing, or a class is none of the model's.
pub fn prepare_fitted(
    loaded: &Loaded,
    validation: Option<&Table>,
    test: Option<&Table>,
    preprocessing: &Preprocessing,
    options: &PrepareOptions,
) -> Result<Prepared> {
    let table = &loaded.train;
    let parts = (validation, test.or(loaded.test.as_ref()));
    let mut notes = loaded.notes.clone();
    let (split, more) = split_table(table, &preprocessing.target, parts, options)?;
    notes.extend(more);
    notes.extend(preprocessing.unseen(table, &table.all_rows())?);
    apply(
        table,
        parts,
        preprocessing.clone(),
        split,
        notes,
        options.dtype,
    )
}

/// Tables of validation and test rows, where there are such.
type Parts<'a> = (Option<&'a Table>, Option<&'a Table>);

/// Splits what has no table of its own.
fn split_table(
    table: &Table,
    target: &Target,
    (validation, test): Parts,
    options: &PrepareOptions,
) -> Result<(Split, Vec<Note>)> {
    let mut fractions = options.split.clone();
    if test.is_some() {
        fractions.test_fraction = 0.0;
    }
    if validation.is_some() {
        fractions.validation_fraction = 0.0;
    }
    split(&target.encode(table, &table.all_rows())?, &fractions)
}

/// The datasets of a fitted preprocessing.
fn apply(
    table: &Table,
    (validation, test): Parts,
    preprocessing: Preprocessing,
    split: Split,
    mut notes: Vec<Note>,
    dtype: Dtype,
) -> Result<Prepared> {
    let (train, more) = preprocessing.training_dataset(table, &split.train, dtype)?;
    notes.extend(more);
    let mut part = |own: Option<&Table>, rows: &[usize], name| -> Result<Option<Dataset>> {
        let dataset = match own {
            Some(own) => preprocessing.dataset(own, &own.all_rows(), dtype)?,
            None if rows.is_empty() => return Ok(None),
            None => preprocessing.dataset(table, rows, dtype)?,
        };
        preprocessing.check_weights(own.unwrap_or(table), &dataset.0, name)?;
        notes.extend(dataset.1);
        Ok(Some(dataset.0))
    };
    let validation = part(validation, &split.validation, "validation rows")?;
    let test = part(test, &split.test, "test rows")?;
    let mut seen = std::collections::HashSet::new();
    notes.retain(|note| seen.insert(note.text.clone()));
    Ok(Prepared {
        preprocessing,
        train,
        validation,
        test,
        split,
        notes,
    })
}
