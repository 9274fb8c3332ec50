//! The rows of a run, as the network sees them: read from files, or borrowed from the caller.

use std::sync::Arc;

use thalweg_core::dataset::{
    Dataset, DatasetRef, Features, FeaturesRef, Targets, TargetsRef, Values, ValuesRef,
};
use thalweg_core::error::Error;
use thalweg_core::source::RowSource;
use thalweg_core::sparse::NumbersRef;
use thalweg_data::prepare::{Placed, RowsOnDisk, RowsSum, Streamed};
use thalweg_data::preprocess::{InputColumn, TargetScaling};
use thalweg_data::split::Split;
use thalweg_data::target::Target;
use thalweg_data::{Encoding, Note, Prepared, Preprocessing, Task};

use crate::error::Result;
use crate::origin::Before;
use crate::provenance::Provenance;
use crate::run_folder::OwnFolder;
use crate::text::whole;

/// Rows of the caller, which are trained on as they are.
#[derive(Debug, Clone, Copy)]
pub struct Borrowed<'a> {
    /// The rows to train on.
    pub train: DatasetRef<'a>,
    /// The rows to watch training on.
    pub validation: Option<DatasetRef<'a>>,
    /// The rows for the final test.
    pub test: Option<DatasetRef<'a>>,
}

/// Rows that are held or borrowed.
#[derive(Debug, Clone)]
pub enum Part<'a> {
    /// Held.
    Held(Dataset),
    /// Borrowed.
    Borrowed(DatasetRef<'a>),
    /// On disk, with a sample in memory.
    OnDisk(RowsOnDisk),
}

impl Part<'_> {
    /// The rows; of those on disk, the sample.
    pub fn view(&self) -> DatasetRef<'_> {
        match self {
            Part::OnDisk(rows) => rows.sample.view(),
            Part::Held(rows) => rows.view(),
            Part::Borrowed(rows) => *rows,
        }
    }

    /// All rows as a source of batches.
    ///
    /// # Errors
    /// If those on disk are damaged.
    pub fn source(&self) -> thalweg_core::Result<Box<dyn RowSource + '_>> {
        match self {
            Part::OnDisk(rows) => rows.source(),
            _ => Ok(Box::new(self.view())),
        }
    }

    /// Whether they are on disk, and what [`Self::view`] gives is a sample.
    pub fn is_on_disk(&self) -> bool {
        matches!(self, Part::OnDisk(_))
    }

    /// The rows of each class.
    pub(crate) fn class_rows(&self) -> Vec<usize> {
        match (self, self.view().targets) {
            (Part::OnDisk(rows), _) => rows.class_rows.clone(),
            (_, TargetsRef::Classes(classes)) => {
                let most = classes.iter().max().map_or(0, |class| *class as usize + 1);
                let mut rows = vec![0; most];
                classes.iter().for_each(|class| rows[*class as usize] += 1);
                rows
            }
            _ => Vec::new(),
        }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        if let Part::OnDisk(rows) = self {
            return rows.rows();
        }
        self.view().features.rows()
    }
}

/// The rows that calibrate an interval.
#[derive(Debug, Clone, Default)]
pub enum Calibration<'a> {
    /// There is no interval.
    #[default]
    None,
    /// The validation rows, which also choose the epoch: they are too few to be parted.
    Validation,
    /// Rows that choose nothing.
    Own(Box<Part<'a>>),
}

/// The rows of a run, and what makes inputs of raw columns.
#[derive(Debug, Clone)]
pub struct RunRows<'a> {
    /// Raw columns to network inputs and back.
    pub preprocessing: Preprocessing,
    /// The rows to train on, class weights included.
    pub train: Part<'a>,
    /// The rows to watch training on.
    pub validation: Option<Part<'a>>,
    /// The rows for the final test.
    pub test: Option<Part<'a>>,
    /// Whether the test rows are no part of the table with the training rows.
    pub has_own_test: bool,
    /// Where the rows of validation and test are in the table of the training rows, if they are there.
    pub split: Split,
    /// The fold of each row, from 0, where every row trains and validates.
    pub folds: Option<Vec<usize>>,
    /// The group of each validation row, where rows have groups; rows are set apart by whole ones.
    pub validation_groups: Option<Vec<usize>>,
    /// Which row of that table each of those that `split` counts is, where some are left out.
    pub kept: Option<Vec<usize>>,
    /// The same of the validation rows.
    pub has_own_validation: bool,
    /// The rows that calibrate an interval.
    pub calibration: Calibration<'a>,
    /// What the models before were trained on, where the run begins with the weights of one.
    pub before: Before,
    /// What should be known of the rows.
    pub notes: Vec<Note>,
    /// Rows of a block, where the training rows are on disk.
    pub block: Option<usize>,
    /// Bytes of the rows on disk that an epoch holds at once, about.
    pub held: u64,
    /// The folder that holds rows on disk while the run is prepared, where it is its own.
    pub(crate) own_folder: Option<Arc<OwnFolder>>,
    /// By what a run that goes on sees that its rows are others now, where it writes.
    pub(crate) provenance: Option<Provenance>,
}

impl From<Prepared> for RunRows<'_> {
    fn from(prepared: Prepared) -> Self {
        Self {
            preprocessing: prepared.preprocessing,
            train: Part::Held(prepared.train),
            has_own_test: prepared.test.is_some() && prepared.split.test.is_empty(),
            has_own_validation: prepared.validation.is_some()
                && prepared.split.validation.is_empty(),
            validation: prepared.validation.map(Part::Held),
            test: prepared.test.map(Part::Held),
            split: Split {
                train: Vec::new(),
                ..prepared.split
            },
            folds: prepared.folds,
            validation_groups: prepared.validation_groups,
            kept: prepared.kept,
            calibration: Calibration::None,
            before: Before::default(),
            notes: prepared.notes,
            block: None,
            held: 0,
            own_folder: None,
            provenance: None,
        }
    }
}

impl From<Streamed> for RunRows<'_> {
    fn from(streamed: Streamed) -> Self {
        let [has_own_validation, has_own_test] = streamed.own;
        Self {
            preprocessing: streamed.preprocessing,
            train: streamed.train.into(),
            has_own_test,
            has_own_validation,
            split: streamed.split,
            validation: streamed.validation.map(Part::from),
            test: streamed.test.map(Part::from),
            validation_groups: streamed.validation_groups,
            notes: streamed.notes,
            block: Some(streamed.block_rows),
            held: streamed.held,
            own_folder: None,
            provenance: None,
            calibration: Calibration::None,
            before: Before::default(),
            folds: None,
            kept: None,
        }
    }
}

impl From<Placed> for Part<'_> {
    fn from(placed: Placed) -> Self {
        match placed {
            Placed::InMemory(rows) => Part::Held(rows),
            Placed::OnDisk(rows) => Part::OnDisk(rows),
        }
    }
}

impl RunRows<'_> {
    /// What `split` counts, by their numbers in the table of the training rows.
    pub(crate) fn numbers(&self, rows: &[usize]) -> Vec<usize> {
        let number = |row: &usize| self.kept.as_ref().map_or(*row, |kept| kept[*row]);
        rows.iter().map(number).collect()
    }
}

/// The task of borrowed rows and how many classes there are.
fn task_of(rows: &Borrowed, task: Option<Task>) -> Result<(Task, usize)> {
    let parts = [Some(rows.train), rows.validation, rows.test];
    Ok(match (rows.train.targets, task) {
        (TargetsRef::Classes(_), None | Some(Task::Binary | Task::Multiclass)) => {
            let of = |part: DatasetRef| match part.targets {
                TargetsRef::Classes(classes) => classes.iter().copied().max(),
                TargetsRef::Values { .. } => None,
            };
            let most = parts.into_iter().flatten().filter_map(of).max();
            let count = most.map_or(0, |most| most as usize + 1).max(2);
            let by_count = if count == 2 {
                Task::Binary
            } else {
                Task::Multiclass
            };
            (task.unwrap_or(by_count), count)
        }
        (TargetsRef::Values { .. }, None | Some(Task::Regression)) => (Task::Regression, 0),
        (TargetsRef::Values { .. }, Some(Task::Multilabel)) => (Task::Multilabel, 0),
        (_, Some(task)) => {
            let expected =
                "classes for binary and multiclass, numbers for regression and multilabel";
            let error = Error::invalid("`data.target.task`", task.to_string(), expected);
            return Err(error.at("data.target.task").into());
        }
    })
}

impl<'a> RunRows<'a> {
    /// Borrowed rows of a task; else classes are binary or multiclass by their number, and numbers
    /// are amounts.
    ///
    /// # Errors
    /// If there is no row, or the task does not go with the targets, or these are not given once for
    /// each of the `quantiles` of the loss.
    pub(crate) fn borrowed(
        rows: Borrowed<'a>,
        task: Option<Task>,
        quantiles: &[f64],
    ) -> Result<Self> {
        let train = rows.train;
        let (task, classes) = task_of(&rows, task)?;
        let targets = target_names(train.targets, quantiles.len().max(1))?;
        let input = InputColumn {
            name: "X".to_owned(),
            encoding: as_they_are(train.features),
        };
        let preprocessing = Preprocessing {
            columns: [vec!["X".to_owned()], targets.clone()].concat(),
            inputs: vec![input],
            readings: Default::default(),
            dropped: Vec::new(),
            target_scaling: vec![
                TargetScaling::default();
                if task == Task::Regression {
                    targets.len()
                } else {
                    0
                }
            ],
            target: Target {
                columns: targets,
                task,
                classes: (0..classes).map(|class| class.to_string()).collect(),
                quantiles: quantiles.to_vec(),
                labels: Vec::new(),
            },
            sample_weight: None,
            class_weights: None,
        };
        let mut notes = Vec::new();
        let mut part = |rows: DatasetRef<'a>| weighty(rows, &mut notes);
        Ok(Self {
            preprocessing,
            train: part(train)?,
            validation: rows.validation.map(&mut part).transpose()?,
            test: rows.test.map(&mut part).transpose()?,
            has_own_test: rows.test.is_some(),
            split: Split::default(),
            kept: None,
            folds: None,
            validation_groups: None,
            has_own_validation: rows.validation.is_some(),
            calibration: Calibration::None,
            before: Before::default(),
            notes,
            block: None,
            held: 0,
            own_folder: None,
            provenance: None,
        })
    }

    /// By what the rows to train, to validate and to test on are known again.
    pub(crate) fn sums(&self) -> [Option<RowsSum>; 3] {
        let sum = |part: &Part| match part {
            Part::OnDisk(rows) => rows.sum,
            _ => RowsSum::of(part.view()),
        };
        let others = [&self.validation, &self.test].map(|part| part.as_ref().map(sum));
        [Some(sum(&self.train)), others[0], others[1]]
    }

    /// Rows that a model is trained on: of a member by folds at least so many.
    pub(crate) fn fewest_to_train(&self) -> usize {
        let rows = self.train.rows();
        let Some(folds) = &self.folds else {
            return rows;
        };
        let mut sizes = vec![0; 1 + folds.iter().copied().max().unwrap_or(0)];
        folds.iter().for_each(|fold| sizes[*fold] += 1);
        rows - sizes.into_iter().max().unwrap_or(0).min(rows)
    }

    /// The rows that calibrate the interval, if there is one.
    pub(crate) fn calibrating(&self) -> Option<&Part<'a>> {
        match &self.calibration {
            Calibration::None => None,
            Calibration::Validation => self.validation.as_ref(),
            Calibration::Own(rows) => Some(&**rows),
        }
    }

    /// The rows that the model is trained on, and the others. A refit trains on all rows but those
    /// that calibrate the interval.
    pub(crate) fn trained_and_others(&self, is_refit: bool) -> [Vec<DatasetRef<'_>>; 2] {
        let calibrating = match &self.calibration {
            Calibration::Own(rows) => Some(&**rows),
            _ => None,
        };
        let chooses_alone = !matches!(self.calibration, Calibration::Validation);
        let others = [
            // Of folds the validation rows are those that train.
            (
                self.validation.as_ref().filter(|_| self.folds.is_none()),
                is_refit && chooses_alone,
            ),
            (self.test.as_ref(), is_refit),
            (calibrating, false),
        ];
        let of = |trained: bool| {
            let parts = others.into_iter().filter(move |(_, is)| *is == trained);
            parts
                .filter_map(|(part, _)| part.map(Part::view))
                .collect::<Vec<_>>()
        };
        [[vec![self.train.view()], of(true)].concat(), of(false)]
    }
}

/// Names for borrowed targets, each of which is given `each` times.
fn target_names(targets: TargetsRef, each: usize) -> Result<Vec<String>> {
    match targets {
        TargetsRef::Values { width, .. } if width % each != 0 => {
            let found = format!("{width} numbers a row");
            let expected = format!("each target {each} times, once for each quantile");
            Err(Error::invalid("targets", found, expected).into())
        }
        TargetsRef::Values { width, .. } if width != each => {
            Ok((0..width / each).map(|j| format!("y{j}")).collect())
        }
        _ => Ok(vec!["y".to_owned()]),
    }
}

/// Borrowed rows without those of weight 0, which are as good as absent, and a note on them.
fn weighty<'a>(part: DatasetRef<'a>, notes: &mut Vec<Note>) -> Result<Part<'a>> {
    let count = part.features.rows();
    // What does not fit is refused with all other rows, later.
    let fits = |weights: &&[f32]| weights.len() == count && part.targets.rows() == count;
    let weights = part.weights.filter(fits).unwrap_or_default();
    if !weights.contains(&0.0) {
        return Ok(Part::Borrowed(part));
    }
    let rows: Vec<usize> = (0..count).filter(|row| weights[*row] != 0.0).collect();
    if rows.is_empty() {
        let found = format!("0 for all {} rows", whole(count));
        return Err(Error::invalid("weights", found, "at least one above 0").into());
    }
    let left = count - rows.len();
    let [left, count] = [left, count].map(whole);
    let text = format!("{left} of {count} rows left out: rows of weight 0");
    notes.push(Note::info(text));
    Ok(Part::Held(selected(part, &rows)))
}

/// A copy of some rows, in this order.
pub(crate) fn selected(part: DatasetRef, rows: &[usize]) -> Dataset {
    let width = part.features.width;
    let each = || rows.iter().flat_map(|row| part.features.row(*row));
    let values = match part.features.values {
        ValuesRef::U8 {
            bytes,
            scale,
            offset,
        } => Values::U8 {
            bytes: (rows.iter())
                .flat_map(|row| &bytes[row * width..][..width])
                .copied()
                .collect(),
            scale,
            offset,
        },
        ValuesRef::Sparse(all) => {
            let is_double = matches!(all.numbers(), NumbersRef::F64(_));
            Values::Sparse(all.gather(rows.iter().copied(), is_double))
        }
        ValuesRef::F64(_) => Values::F64(each().collect()),
        ValuesRef::F32(_) | ValuesRef::Columns(_) => {
            Values::F32(each().map(|value| value as f32).collect())
        }
    };
    let targets = match part.targets {
        TargetsRef::Classes(classes) => {
            Targets::Classes(rows.iter().map(|row| classes[*row]).collect())
        }
        TargetsRef::Values { width, values } => Targets::Values {
            width,
            values: (rows.iter())
                .flat_map(|row| &values[row * width..][..width])
                .copied()
                .collect(),
        },
    };
    let weights = part.weights.filter(|weights| !weights.is_empty());
    Dataset {
        features: Features { width, values },
        targets,
        weights: weights.map(|weights| rows.iter().map(|row| weights[*row]).collect()),
    }
}

/// What takes features of the caller as they are.
fn as_they_are(features: FeaturesRef) -> Encoding {
    match features.values {
        ValuesRef::Sparse(_) => Encoding::Sparse {
            width: features.width,
            hashed: false,
            first: None,
            scales: Vec::new(),
        },
        _ => Encoding::Image {
            shape: vec![features.width],
            scale: 1.0,
            offset: 0.0,
        },
    }
}
