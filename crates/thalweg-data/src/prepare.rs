//! From tables to datasets, in one call.

mod condensed;
mod divided;
mod on_disk;
mod rows_of_cache;
mod streamed;
mod sums;
#[cfg(test)]
mod tests;

pub use on_disk::{Placed, RowsOnDisk, append};
pub use streamed::{Check, Streamed, Streaming, prepare_streamed};
pub use sums::RowsSum;

use std::borrow::Cow;
use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use thalweg_core::dataset::{Dataset, Targets};

use crate::error::{Note, Result};
use crate::loaded::Loaded;
use crate::part::Part;
use crate::preprocess::{Dtype, Extend, FitOptions, Preprocessing, Unseen};
use crate::split::{
    Split, SplitBy, SplitOptions, folds_of, group_numbers, newest_first, notes_on_groups,
    notes_on_order, notes_on_split, split_rows,
};
use crate::table::Table;
use crate::target::{Target, TargetOptions, Task, target_names};
use crate::usable::LeftOut;

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
    /// What new rows may add to the model that they are prepared for.
    pub extend: Extend,
}

/// Datasets to train, validate and test on.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// Raw columns to network inputs and back; belongs into the model file.
    pub preprocessing: Preprocessing,
    /// The rows to train on, class weights included.
    pub train: Dataset,
    /// The rows to validate on while training.
    pub validation: Option<Dataset>,
    /// The rows for the final test.
    pub test: Option<Dataset>,
    /// Which rows of the table these are, without those of weight 0; a part that has its own table is
    /// empty here.
    pub split: Split,
    /// The fold of each training row, from 0, where folds validate in turn: then validation rows are the
    /// same as those.
    pub folds: Option<Vec<usize>>,
    /// The group of each validation row, counted from 0, where rows have groups.
    pub validation_groups: Option<Vec<usize>>,
    /// Which row of the table each of those without weight 0 is; absent where there are no others.
    pub kept: Option<Vec<usize>>,
    /// What the user should know.
    pub notes: Vec<Note>,
}

/// Chooses the target, splits, fits the preprocessing on the training rows, and applies it to every
/// part.
///
/// Rows of weight 0 are left out before anything else. A `validation` or `test` table replaces the split's part; so does the official test part of
/// `loaded`.
///
/// # Errors
/// As [`Target::choose`], [`split_rows`], [`Preprocessing::fit`], [`Preprocessing::bind`] and
/// [`Bound::dataset`](crate::preprocess::Bound::dataset).
pub fn prepare(
    loaded: &Loaded,
    validation: Option<&Table>,
    test: Option<&Table>,
    options: &PrepareOptions,
) -> Result<Prepared> {
    prepare_by(None, loaded, validation, test, options)
}

/// The same for new rows of a model, by its target, classes and preprocessing. Of the options,
/// `split` and `dtype` count. Notes name categories that the model does not know.
///
/// # Errors
/// As [`split_rows`], [`Preprocessing::bind`] and [`Bound::dataset`](crate::preprocess::Bound::dataset):
/// columns are missing, or a class is none of the model's.
pub fn prepare_fitted(
    loaded: &Loaded,
    validation: Option<&Table>,
    test: Option<&Table>,
    preprocessing: &Preprocessing,
    options: &PrepareOptions,
) -> Result<Prepared> {
    if !options.extend.classes {
        return prepare_by(Some(preprocessing), loaded, validation, test, options);
    }
    let (extended, note) = preprocessing.with_classes_of(&loaded.train)?;
    let mut prepared = prepare_by(Some(&extended), loaded, validation, test, options)?;
    prepared.notes.extend(note);
    Ok(prepared)
}

/// The columns that decide on the split are no features.
fn without(fit: &FitOptions, split: &SplitOptions) -> FitOptions {
    let mut fit = fit.clone();
    for name in split.columns() {
        if !fit.drop.contains(name) {
            fit.drop.push(name.clone());
        }
    }
    fit
}

/// The parts of a table beside those that have their own, the folds that validate in turn, and what a
/// look at them shows.
fn divide(
    table: &Table,
    target: &Target,
    targets: &Targets,
    options: &SplitOptions,
    own: [(Option<&Table>, &str); 2],
    is_new: bool,
) -> Result<(Split, Option<Vec<usize>>, Vec<Note>)> {
    let mut options = options.clone();
    let [(validation, _), (test, _)] = own;
    if test.is_some() {
        options.test_fraction = 0.0;
    }
    if validation.is_some() || options.validation_folds.is_some() {
        options.validation_fraction = 0.0;
    }
    let is_ordered = options.by == SplitBy::Ordered;
    let note;
    (options.newest_first, note) = match is_ordered {
        true => newest_first(table, target, &options),
        false => (false, None),
    };
    let (mut split, mut notes) = split_rows(table, target, targets, &options)?;
    notes.extend(note);
    if is_ordered {
        notes.extend(notes_on_order(table, target, &split, &options));
    }
    if is_new && options.by == SplitBy::Random && options.group.is_none() {
        notes.extend(notes_on_split(table, target, targets, &split));
    }
    for (own, part) in own {
        let shared = |own| notes_on_groups(table, &split.train, own, part, &options);
        notes.extend(own.and_then(shared));
    }
    let folds = (options.validation_folds)
        .map(|count| folds_of(table, targets, &options, &split.train, count))
        .transpose()?;
    if folds.is_some() {
        split.validation.clone_from(&split.train);
    }
    Ok((split, folds, notes))
}

/// The names of the columns of weights, if there is one, and of targets.
fn weights_and_targets(
    fitted: Option<&Preprocessing>,
    table: &Table,
    options: &PrepareOptions,
) -> Result<(Option<String>, Vec<String>)> {
    if let Some(fitted) = fitted {
        return Ok((fitted.sample_weight.clone(), fitted.target.columns.clone()));
    }
    let weights = (options.fit.sample_weight.as_ref()).or(table.roles.weights.as_ref());
    let targets = target_names(table, &options.target, &mut Vec::new())?;
    Ok((weights.cloned(), targets))
}

/// The rows of a table that have a weight above 0 and a target.
fn usable<'a>(
    table: &'a Table,
    weights: Option<&str>,
    targets: &[String],
    classes: Option<&[String]>,
    notes: &mut Vec<Note>,
) -> Result<Cow<'a, Table>> {
    let mut left_out = LeftOut::default();
    let kept = left_out.keep(table, weights, targets, classes)?;
    notes.extend(left_out.notes(weights, targets)?);
    Ok(kept)
}

/// The target that was fitted or is to be fitted, and its values in all rows.
fn target_of(
    fitted: Option<&Preprocessing>,
    table: &Table,
    options: &PrepareOptions,
    notes: &mut Vec<Note>,
) -> Result<(Target, Targets)> {
    if let Some(Preprocessing { target, .. }) = fitted {
        return Ok((target.clone(), target.encode(table, &table.all_rows())?));
    }
    let (mut target, targets, more) = Target::choose(table, &options.target)?;
    if target.task == Task::Regression {
        target.quantiles.clone_from(&options.fit.quantiles);
    }
    notes.extend(more);
    Ok((target, targets))
}

fn prepare_by(
    fitted: Option<&Preprocessing>,
    loaded: &Loaded,
    validation: Option<&Table>,
    test: Option<&Table>,
    options: &PrepareOptions,
) -> Result<Prepared> {
    let dtype = options.dtype;
    // Beside folds, the rows for the final test are not even looked at.
    let test = (test.or(loaded.test.as_ref())).filter(|_| options.split.fold.is_none());
    let mut notes = loaded.notes.clone();
    let (weights, targets) = weights_and_targets(fitted, &loaded.train, options)?;
    let classes = fitted.map(Preprocessing::classes);
    let mut weighty = |table| usable(table, weights.as_deref(), &targets, classes, &mut notes);
    let whole = weighty(&loaded.train)?;
    let kept = match &whole {
        Cow::Borrowed(_) => None,
        Cow::Owned(table) => Some(table.rows_in(&loaded.train)),
    };
    let table = &*whole;
    let test = test.map(&mut weighty).transpose()?;
    let validation = validation.map(&mut weighty).transpose()?;
    let (validation, test) = (validation.as_deref(), test.as_deref());
    let (target, targets) = target_of(fitted, table, options, &mut notes)?;
    let own = [(validation, "validation rows"), (test, "test rows")];
    let by = &options.split;
    let (split, folds, more) = divide(table, &target, &targets, by, own, fitted.is_none())?;
    notes.extend(more);
    let train = Part::of("training rows", &split.train, &targets);
    let (preprocessing, more) = match fitted {
        Some(fitted) if options.extend.columns => {
            fitted.with_columns_of(&(table, &train), &options.fit)?
        }
        Some(fitted) => (fitted.clone(), Vec::new()),
        None => Preprocessing::fit(
            &(table, &train),
            target,
            &without(&options.fit, &options.split),
        )?,
    };
    notes.extend(more);
    let bound = preprocessing.bind(table)?;
    if fitted.is_some() {
        let unseen = bound.unseen(&table.all_rows());
        notes.extend(unseen.iter().filter_map(Unseen::note));
    }
    let train = bound.training_dataset(train, dtype)?;
    notes.extend(bound.notes(&[]));
    let mut part = |own: Option<&Table>, rows: &[usize], name| -> Result<Option<Dataset>> {
        Ok(Some(match own {
            Some(own) => {
                let bound = preprocessing.bind(own)?;
                let dataset = bound.dataset(Part::new(name, own.all_rows()), dtype)?;
                notes.extend(bound.notes(&[]));
                dataset
            }
            None if rows.is_empty() => return Ok(None),
            None => bound.dataset(Part::of(name, rows, &targets), dtype)?,
        }))
    };
    let validation_groups = match validation {
        Some(own) => group_numbers(own, &own.all_rows(), &options.split),
        None => group_numbers(table, &split.validation, &options.split),
    };
    let validation = part(validation, &split.validation, "validation rows")?;
    let test = part(test, &split.test, "test rows")?;
    let mut seen = HashSet::new();
    notes.retain(|note| seen.insert(note.text.clone()));
    Ok(Prepared {
        preprocessing,
        train,
        validation,
        test,
        split,
        folds,
        validation_groups,
        kept,
        notes,
    })
}
