//! From the data part of a config to datasets.

use std::path::Path;

use thalweg_core::dataset::{Dataset, Targets};
use thalweg_core::error::Error;
use thalweg_core::losses::{LOSSES, Link};
use thalweg_core::precision::Dtype;
use thalweg_core::registry::Choice;
use thalweg_data::error::{Error as DataError, quote};
use thalweg_data::ingest::each_piece;
use thalweg_data::table::{ColumnData, number_text};
use thalweg_data::target::UNKNOWN_CLASS;
use thalweg_data::{
    ExpectedColumns, Extend, FitOptions, Loaded, Note, PrepareOptions, Prepared, Preprocessing,
    ReadOptions, Source, Table, Target, TargetTransform, Task, prepare, prepare_fitted,
};

use crate::config::DataConfig;
use crate::error::Result;
use crate::model::Description;
use crate::origin::MODEL;
use crate::rows::{Part, RunRows};

/// The tables that a run names.
pub(crate) struct Tables {
    pub loaded: Loaded,
    validation: Option<Table>,
    test: Option<Table>,
}

impl Tables {
    /// Reads them: as the model that the run goes on from does, if there is one. Beside folds, no rows
    /// for the final test are read.
    pub fn read(config: &DataConfig, preprocessing: Option<&Preprocessing>) -> Result<Self> {
        let read = match preprocessing {
            Some(preprocessing) => preprocessing.read_options(config.read.clone()),
            None => config.read.clone(),
        };
        let mut loaded = thalweg_data::read(&Source::parse(&config.source)?, &read)?;
        if let Some(fitted) = preprocessing {
            check_weights(&loaded.train, fitted)?;
        }
        let mut notes = Vec::new();
        let mut part = |path: &Option<std::path::PathBuf>| {
            path.as_deref()
                .map(|path| read_part(path, config, &loaded.train, &mut notes))
                .transpose()
        };
        let validation = part(&config.validation)?;
        let test = match config.split.fold {
            Some(_) => None,
            None => part(&config.test)?,
        };
        loaded.notes.extend(notes);
        Ok(Self {
            loaded,
            validation,
            test,
        })
    }

    /// Makes datasets of them: by the preprocessing of the model that the run goes on from, if there
    /// is one. For a loss of counts, targets stay counts.
    pub fn prepare(
        &self,
        config: &DataConfig,
        loss: Option<&Choice>,
        dtype: Dtype,
        preprocessing: Option<&Preprocessing>,
        extend: Extend,
    ) -> Result<Prepared> {
        let fit = fit_options(config, loss)?;
        let options = PrepareOptions {
            target: config.target.clone(),
            split: config.split.clone(),
            fit,
            dtype,
            extend,
        };
        let loaded = &self.loaded;
        let (validation, test) = (self.validation.as_ref(), self.test.as_ref());
        let prepared = match preprocessing {
            Some(fitted) => prepare_fitted(loaded, validation, test, fitted, &options)
                .map_err(|error| offer(error, &loaded.train.file, fitted, extend))?,
            None => prepare(loaded, validation, test, &options)?,
        };
        if let Some(loss) = loss {
            let tables = [Some(&loaded.train), loaded.test.as_ref(), validation, test];
            let Prepared {
                train,
                validation,
                test,
                ..
            } = &prepared;
            let parts = [Some(train), validation.as_ref(), test.as_ref()];
            let (parts, tables) = (parts.into_iter().flatten(), tables.into_iter().flatten());
            check_domain(&prepared.preprocessing, parts, tables, loss)?;
        }
        Ok(prepared)
    }
}

/// Warnings on validation and test rows that the models before were trained on; those that see rows in
/// another way need the tables.
pub(crate) fn known(rows: &mut RunRows, tables: Option<&Tables>) -> Vec<Note> {
    let warning = |name: &str, part: &Option<Part>, split: &[usize], own: Option<&Table>| {
        let before = &rows.before;
        let part = part.as_ref()?;
        let numbers = rows.numbers(split);
        let by_table = || {
            let (table, numbers) = match (own, &numbers[..]) {
                (Some(own), _) => (own, None),
                (None, []) => return None,
                (None, numbers) => (&tables?.loaded.train, Some(numbers)),
            };
            let mut all = before.origins.iter();
            all.find_map(|origin| origin.warning(table, numbers, MODEL))
        };
        let same = before.fingerprint.as_ref();
        let found = same.and_then(|one| one.warning_of(one.look_for(part.view()), MODEL));
        let text = found.or_else(by_table)?.text;
        Some(Note::warning(format!("{name} rows: {text}")))
    };
    let test = tables.and_then(|tables| tables.test.as_ref().or(tables.loaded.test.as_ref()));
    let of_test = warning("test", &rows.test, &rows.split.test, test);
    // Of folds the validation rows are those that train.
    let validation = match rows.folds {
        None => &rows.validation,
        Some(_) => &None,
    };
    let own = tables.and_then(|tables| tables.validation.as_ref());
    let of_validation = warning("validation", validation, &rows.split.validation, own);
    rows.before.has_validation = of_validation.is_some();
    of_validation.into_iter().chain(of_test).collect()
}

/// What is fitted to targets of this loss.
pub(crate) fn fit_options(config: &DataConfig, loss: Option<&Choice>) -> Result<FitOptions> {
    let mut fit = config.fit.clone();
    if let Some(loss) = loss {
        for_loss(&mut fit, loss)?;
    }
    Ok(fit)
}

/// Refuses rows without the weights that a model to go on with was trained with.
fn check_weights(table: &Table, fitted: &Preprocessing) -> Result<()> {
    match &fitted.sample_weight {
        Some(name) if table.column(name).is_none() => {
            let found = format!("no column {}", quote(name));
            let expected = "the weights of rows that the model was trained with";
            let error = Error::invalid(table.location().to_string(), found, expected);
            let remedy =
                "add the column (1 in every row), or train a new model from its `initial_weights`";
            Err(error.remedy(remedy).into())
        }
        _ => Ok(()),
    }
}

/// An error of a class that a model does not know, with what adds it. Classes are learned from the
/// rows of `file` alone.
fn offer(error: DataError, file: &str, fitted: &Preprocessing, extend: Extend) -> DataError {
    let DataError::Invalid(invalid) = &error else {
        return error;
    };
    let column = invalid.location.column.as_ref();
    let is_target = column.is_some_and(|name| fitted.target.columns.contains(name));
    let is_class = invalid.remedy == UNKNOWN_CLASS && is_target;
    let is_learned = invalid.location.file == file;
    match (is_class, is_learned, extend.classes) {
        (true, true, false) => {
            error.remedy("correct the cell, or let it become a class by `extend.classes`")
        }
        (true, false, _) => error.remedy(format!(
            "correct the cell, or add rows of this class to {file}, from which `extend.classes` learns it"
        )),
        _ => error,
    }
}

/// Refuses targets that the loss is not defined for by their cells: the engine, which refuses them
/// too, knows no file.
pub(crate) fn check_domain<'a>(
    preprocessing: &Preprocessing,
    mut parts: impl Iterator<Item = &'a Dataset>,
    mut tables: impl Iterator<Item = &'a Table>,
    loss: &Choice,
) -> Result<(), DataError> {
    // A loss that is not valid is refused where the network is, and one for another task too.
    let built = LOSSES.build(loss, &());
    let is_of_numbers = |link| {
        matches!(
            link,
            Link::Identity | Link::Exponential | Link::Quantiles(_)
        )
    };
    let built = built.ok().filter(|loss| is_of_numbers(loss.link()));
    let domain = built.and_then(|built| built.comparison().domain());
    let Some((takes, numbers)) = domain else {
        return Ok(());
    };
    if preprocessing.task() != Task::Regression {
        return Ok(());
    }
    let outside = parts.find_map(|part| match &part.targets {
        Targets::Values { values, .. } => {
            let mut known = values.iter().copied().filter(|y| !y.is_nan());
            known.find(|y| !takes(*y))
        }
        Targets::Classes(_) => None,
    });
    let Some(outside) = outside else {
        return Ok(());
    };
    // Targets of such a loss are not scaled, so that the cell has the same number.
    let names = &preprocessing.target.columns;
    let cell = tables.find_map(|table| {
        let columns = names.iter().filter_map(|name| table.column(name));
        let mut cells = columns.filter_map(|column| match &column.data {
            ColumnData::Numeric(values) => {
                let row = values.iter().position(|value| *value == outside)?;
                Some(table.cell(row, &column.name))
            }
            _ => None,
        });
        cells.next()
    });
    let found = number_text(outside);
    let expected = format!("{numbers}, as the loss {} takes", loss.name);
    let error = DataError::invalid(cell.unwrap_or_default(), found, expected);
    Err(error.remedy("correct the cell, or choose another `network.loss`"))
}

/// An error of a target where a trained model is scored, which no setting changes any more.
pub(crate) fn to_correct(error: DataError, target: &Target) -> DataError {
    let is_of_target = match &error {
        DataError::Invalid(invalid) => {
            (invalid.location.column.iter()).any(|column| target.columns.contains(column))
        }
        _ => false,
    };
    match is_of_target {
        true => error.remedy("correct the cell or remove the row"),
        false => error,
    }
}

/// What follows from the loss for the target: where it predicts exponentials, numbers stay as they
/// are, and where it bounds the pull of outliers, the scale does too.
fn for_loss(fit: &mut FitOptions, choice: &Choice) -> Result<()> {
    // A loss that is not valid is refused where the network is.
    let Ok(loss) = LOSSES.build(choice, &()) else {
        return Ok(());
    };
    fit.robust_loss = loss.is_robust();
    fit.quantiles = loss.quantiles().to_vec();
    if loss.link() != Link::Exponential {
        return Ok(());
    }
    fit.standardize_target = false;
    match fit.target_transform {
        None | Some(TargetTransform::None) => Ok(()),
        Some(TargetTransform::Auto) => {
            fit.target_transform = None;
            Ok(())
        }
        Some(_) => {
            let path = "data.fit.target_transform";
            let found = format!(
                "a transform beside the loss {}, which takes numbers as they are",
                choice.name
            );
            let error = Error::invalid(format!("`{path}`"), found, "none");
            Err(error.remedy(format!("leave out `{path}`")).at(path).into())
        }
    }
}

/// A file beside the training file: read in the same way, knowing the training file's columns. What is
/// doubtful of it is added to `notes`.
pub(crate) fn read_part(
    path: &Path,
    config: &DataConfig,
    training: &Table,
    notes: &mut Vec<Note>,
) -> Result<Table> {
    let mut options = config.read.clone();
    (options.labels, options.shuffle) = (None, None);
    options.columns.extend(training.readings.clone());
    options.expected = Some(ExpectedColumns {
        names: training.names().map(str::to_owned).collect(),
        image: training.image_shape(),
        sparse: training.sparse_width(),
        ..Default::default()
    });
    let loaded = thalweg_data::read(&Source::Path(path.to_owned()), &options)?;
    notes.extend(loaded.notes.into_iter().filter(|note| note.warning));
    Ok(loaded.train)
}

/// The rows that a trained model is to predict. Where a source has an official test part, that is
/// it. `options` are how the file is read; without words for "missing" of its own, those of the
/// model hold.
pub fn load_for(description: &Description, source: &str, options: ReadOptions) -> Result<Loaded> {
    let options = options_for(description, options);
    let mut loaded = thalweg_data::read(&Source::parse(source)?, &options)?;
    if let Some(test) = loaded.test.take() {
        loaded.train = test;
    }
    description.preprocessing.regroup(&mut loaded.train);
    Ok(loaded)
}

/// The same in pieces, in their order.
pub fn each_for(
    description: &Description,
    source: &str,
    options: ReadOptions,
    visit: &mut dyn FnMut(Loaded) -> Result<()>,
) -> Result<Vec<Note>> {
    /// Rows of a piece.
    const ROWS: usize = 1 << 16;
    let options = options_for(description, options);
    let mut failure = None;
    let notes = each_piece(
        &Source::parse(source)?,
        &options,
        ROWS,
        &mut |mut loaded| {
            if let Some(test) = loaded.test.take() {
                loaded.train = test;
            }
            description.preprocessing.regroup(&mut loaded.train);
            visit(loaded).map_err(|error| {
                let stopped = DataError::invalid(Default::default(), "a failure", "none");
                failure = Some(error);
                stopped
            })
        },
    );
    match failure {
        Some(error) => Err(error),
        None => Ok(notes?),
    }
}

/// How rows for a model are read.
fn options_for(description: &Description, mut options: ReadOptions) -> ReadOptions {
    if options.missing.is_empty() {
        options.missing.clone_from(&description.missing);
    }
    if options.not_missing.is_empty() {
        options.not_missing.clone_from(&description.not_missing);
    }
    options.before.clone_from(&description.text);
    description.preprocessing.read_options(options)
}
