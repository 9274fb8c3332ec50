//! What to predict: the target columns, the task, and the classes.

mod choose;
mod labelled;

pub(crate) use choose::target_names;
pub use labelled::labelled;
pub(crate) use labelled::{Unlabelled, has_target};

use std::borrow::Cow;
use std::collections::HashMap;

use foldhash::fast::RandomState;
use serde::{Deserialize, Serialize};
use thalweg_core::dataset::Targets;
use thalweg_core::memory::prefer_huge_pages;

use crate::error::{Error, Result, did_you_mean, quote, quote_list};
use crate::stray::spelled_numbers;
use crate::table::{Column, ColumnData, MISSING, Table, TextColumn, number_text, truth_word};

/// The remedy for a class that no training row has.
pub const UNKNOWN_CLASS: &str = "correct the cell, or train on rows of this class too";

/// What the network predicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// One or several numbers.
    Regression,
    /// One of two classes; one output.
    Binary,
    /// One of several classes; one output a class.
    Multiclass,
    /// Any of several labels, each in a 0/1 column of its own; one output a label.
    Multilabel,
}

impl Task {
    /// All tasks, in the order in which they are listed.
    pub const ALL: [Task; 4] = [
        Task::Regression,
        Task::Binary,
        Task::Multiclass,
        Task::Multilabel,
    ];

    /// What it is called in a config.
    pub fn name(self) -> &'static str {
        match self {
            Task::Regression => "regression",
            Task::Binary => "binary",
            Task::Multiclass => "multiclass",
            Task::Multilabel => "multilabel",
        }
    }
}

impl std::fmt::Display for Task {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// Options for target and task.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TargetOptions {
    /// The target column, or several separated by commas.
    ///
    /// When absent: the one that the format marks (`y` of an `.npz`, labels); else the only column
    /// named target, label, class or y in any case (y does not count beside a column x: they are
    /// coordinates); else the last column.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// The task; inferred when absent.
    ///
    /// Text is a class; a few texts among numbers that are amounts are an error. Numbers are
    /// classes when there are two distinct whole ones, or at most 20 distinct whole ones that
    /// repeat at least three times on average; else they are regression targets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<Task>,
}

/// The target columns, the task, and the classes in the order of their indices.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// Names of the target columns.
    pub columns: Vec<String>,
    /// The task.
    pub task: Task,
    /// The text of each class, sorted (numbers by value); empty for other tasks.
    pub classes: Vec<String>,
    /// The quantiles that are predicted of every number, ascending; empty if it is one value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quantiles: Vec<f64>,
    /// How the file spells false and true, of each label; empty if all are 0 and 1.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<[String; 2]>,
}

impl Target {
    /// Number of network outputs: one a label and a quantile of a target, one for two classes, else
    /// one a class.
    pub fn outputs(&self) -> usize {
        match self.task {
            Task::Regression => self.columns.len() * self.each(),
            Task::Multilabel => self.columns.len(),
            Task::Binary => 1,
            Task::Multiclass => self.classes.len(),
        }
    }

    /// The targets of `rows`: class indices, or values in the units of the file. Of several targets,
    /// one that is missing is NaN.
    ///
    /// A class text that differs from a known class by a full stop at its end is that class (the
    /// official test file of Adult writes `<=50K.` for `<=50K`), and so is another word for the same
    /// truth (`yes` for `True` or `1`).
    ///
    /// # Errors
    /// When a column or a value is missing, or a value is no number or no known class.
    pub fn encode(&self, table: &Table, rows: &[usize]) -> Result<Targets> {
        match self.task {
            Task::Binary | Task::Multiclass => {
                let name = self.columns.first().map_or("", String::as_str);
                self.encode_classes(table, find(table, name)?, rows)
            }
            Task::Regression | Task::Multilabel => {
                let width = self.columns.len();
                let mut values = Vec::with_capacity(width * rows.len());
                prefer_huge_pages(&mut values);
                values.resize(width * rows.len(), 0.0);
                for (j, name) in self.columns.iter().enumerate() {
                    let numbers = numbers(table, find(table, name)?, self.task, width > 1)?;
                    for (i, &row) in rows.iter().enumerate() {
                        values[i * width + j] = numbers[row];
                    }
                }
                Ok(Targets::Values { width, values })
            }
        }
    }

    /// How the file spells a label.
    pub fn label(&self, index: usize, holds: bool) -> &str {
        let holds = usize::from(holds);
        self.labels
            .get(index)
            .map_or(["0", "1"][holds], |words| &words[holds])
    }

    /// Outputs for each number to predict.
    pub fn each(&self) -> usize {
        self.quantiles.len().max(1)
    }

    fn encode_classes(&self, table: &Table, column: &Column, rows: &[usize]) -> Result<Targets> {
        let index: HashMap<&str, u32> = (self.classes.iter().map(String::as_str))
            .zip(0u32..)
            .collect();
        let class_of = |text: &str| {
            let dotted = || index.get(format!("{text}.").as_str());
            let bare = || text.strip_suffix('.').and_then(|bare| index.get(bare));
            let number = || index.get(number_text(text.parse().ok()?).as_str());
            let truth = || self.class_that_means(truth_word(text)?);
            let found = index
                .get(text)
                .or_else(bare)
                .or_else(dotted)
                .or_else(number)
                .or_else(|| index.get(truth()?));
            found.copied().unwrap_or(MISSING)
        };
        let mut classes: Vec<u32> = Vec::with_capacity(rows.len());
        prefer_huge_pages(&mut classes);
        match &column.data {
            ColumnData::Text(text) => {
                let of_row = text.map_levels(MISSING, class_of);
                let of_word = |row| text.word(row).map_or(MISSING, class_of);
                classes.extend(rows.iter().map(|&row| match of_row[row] {
                    MISSING => of_word(row),
                    class => class,
                }));
            }
            ColumnData::Numeric(numbers) => {
                let mut known: HashMap<u64, u32, RandomState> = HashMap::default();
                let mut class = |&row: &usize| {
                    let number = numbers[row];
                    *(known.entry(number.to_bits()))
                        .or_insert_with(|| class_of(&number_text(number)))
                };
                classes.extend(rows.iter().map(&mut class));
            }
            ColumnData::Block(_) | ColumnData::Time(_) => {
                return Err(no_target(table, column));
            }
        }
        if let Some(i) = classes.iter().position(|&class| class == MISSING) {
            let known = quote_list(self.classes.iter().map(String::as_str));
            let expected = format!("one of the classes {known}");
            return Err(match column.text(rows[i]) {
                None => missing(table, column, rows[i]),
                Some(text) => {
                    Error::invalid(table.cell(rows[i], &column.name), quote(&text), expected)
                        .remedy(UNKNOWN_CLASS)
                }
            });
        }
        Ok(Targets::Classes(classes))
    }
}

impl Target {
    /// Of two classes that are words for true and false, the one that means this.
    fn class_that_means(&self, truth: bool) -> Option<&str> {
        let [a, b] = self.classes.as_slice() else {
            return None;
        };
        match (truth_word(a)?, truth_word(b)?) {
            (of_a, of_b) if of_a == of_b => None,
            (of_a, _) if of_a == truth => Some(a),
            _ => Some(b),
        }
    }
}

/// The column of that name.
///
/// # Errors
/// If there is none; names those that there are.
pub(crate) fn find<'a>(table: &'a Table, name: &str) -> Result<&'a Column> {
    table.column(name).ok_or_else(|| {
        let names = table.names();
        let found = format!("no column {}", quote(name));
        let mut remedy = did_you_mean(name, names.clone());
        if remedy.is_empty() {
            remedy = "choose the target among them".to_owned();
        }
        Error::invalid(
            table.location(),
            found,
            format!("one of {}", quote_list(names)),
        )
        .remedy(remedy)
    })
}

/// The numbers of a target column, all finite (NaN where one that may be is missing); for labels, 0
/// or 1, also from words for true and false.
fn numbers<'a>(
    table: &Table,
    column: &'a Column,
    task: Task,
    may_miss: bool,
) -> Result<Cow<'a, [f64]>> {
    let expected = match task {
        Task::Multilabel => "0 or 1",
        _ => "a number",
    };
    let is_number = |x: &f64| x.is_finite() && (task != Task::Multilabel || *x == 0.0 || *x == 1.0);
    let fits = |x: &f64| is_number(x) || (may_miss && x.is_nan());
    let numbers = match &column.data {
        ColumnData::Numeric(numbers) => Cow::Borrowed(numbers.as_slice()),
        ColumnData::Text(text) if task == Task::Multilabel && is_of_truths(text) => {
            let label = |text: &str| truth_word(text).map_or(f64::NAN, f64::from);
            Cow::Owned(text.map_levels(f64::NAN, label))
        }
        ColumnData::Text(text) => match not_a_number(table, column) {
            None => Cow::Owned(spelled_numbers(text)),
            Some(error) => {
                return Err(error.remedy("correct the cell, or choose another target or task"));
            }
        },
        ColumnData::Block(_) | ColumnData::Time(_) => return Err(no_target(table, column)),
    };
    match numbers.iter().position(|x| !fits(x)) {
        None => Ok(numbers),
        Some(row) if numbers[row].is_nan() => Err(missing(table, column, row)),
        Some(row) => {
            let found = quote(&column.text(row).unwrap_or_default());
            Err(
                Error::invalid(table.cell(row, &column.name), found, expected)
                    .remedy("correct the cell or remove the row"),
            )
        }
    }
}

/// Whether every text is a word for true or false.
fn is_of_truths(text: &TextColumn) -> bool {
    let mut levels = text.levels.iter();
    !text.levels.is_empty() && levels.all(|level| truth_word(level).is_some())
}

/// The error for the first cell of a text column that is neither missing nor a number.
pub(crate) fn not_a_number(table: &Table, column: &Column) -> Option<Error> {
    let ColumnData::Text(text) = &column.data else {
        return None;
    };
    let is_text: Vec<bool> = text
        .levels
        .iter()
        .map(|l| l.parse::<f64>().is_err())
        .collect();
    let at = |&code: &u32| is_text.get(code as usize).copied().unwrap_or(false);
    let row = text.codes.iter().position(at)?;
    let found = quote(&column.text(row)?);
    Some(Error::invalid(
        table.cell(row, &column.name),
        found,
        "a number",
    ))
}

fn missing(table: &Table, column: &Column, row: usize) -> Error {
    Error::invalid(
        table.cell(row, &column.name),
        "a missing value",
        "a target in every row",
    )
    .remedy("remove the rows without target")
}

fn no_target(table: &Table, column: &Column) -> Error {
    let location = table.location().column(&column.name);
    let (found, remedy) = match &column.data {
        ColumnData::Time(_) => (
            "dates",
            "choose another target; `data.read.categorical` makes a class of each date",
        ),
        _ => ("several numbers a row", "choose another target"),
    };
    Error::invalid(location, found, "a column of targets").remedy(remedy)
}
