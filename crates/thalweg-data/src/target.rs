//! What to predict: the target columns, the task, and the classes.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};
use thalweg::dataset::Targets;

use crate::error::{Error, Note, Result, did_you_mean, quote, quote_list};
use crate::table::{Column, ColumnData, MISSING, Table, number_text, truth};

/// Names that mark a column as the target when no target is given.
const TARGET_NAMES: [&str; 4] = ["target", "label", "class", "y"];
/// Integers with at most this many distinct values are taken as classes.
const MAX_INTEGER_CLASSES: usize = 20;
/// Classes must repeat this often on average to be taken as classes unasked.
const ROWS_A_CLASS: usize = 3;
/// With this many rows, texts that never repeat are no classes.
const ROWS_TO_JUDGE: usize = 20;

/// What the network is to answer.
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

impl std::fmt::Display for Task {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Task::Regression => "regression",
            Task::Binary => "binary",
            Task::Multiclass => "multiclass",
            Task::Multilabel => "multilabel",
        })
    }
}

impl std::str::FromStr for Task {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        [
            Task::Regression,
            Task::Binary,
            Task::Multiclass,
            Task::Multilabel,
        ]
        .into_iter()
        .find(|task| task.to_string() == text)
        .ok_or_else(|| {
            let names = ["regression", "binary", "multiclass", "multilabel"];
            let expected = format!("one of {}", names.join(", "));
            Error::invalid(
                Default::default(),
                format!("task {}", quote(text)),
                expected,
            )
            .remedy(did_you_mean(text, names))
        })
    }
}

/// What the user says about the target.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TargetOptions {
    /// The target column, or several separated by commas.
    ///
    /// When absent: what the format says (`y` of an `.npz`, labels); else the only column named target,
    /// label, class or y in any case (y does not count beside a column x: they are coordinates); else the
    /// last column.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// The task; inferred when absent.
    ///
    /// Text is a class. Numbers are classes when there are two distinct whole ones, or at most 20 distinct
    /// whole ones that repeat at least three times on average; else they are regression targets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<Task>,
}

/// The target columns, the task, and the classes in the order of their indices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Names of the target columns.
    pub columns: Vec<String>,
    /// The task.
    pub task: Task,
    /// The text of each class, sorted (numbers by value); empty for other tasks.
    pub classes: Vec<String>,
}

impl Target {
    /// Finds target, task and classes, and checks every row's target.
    ///
    /// # Errors
    /// When the column does not exist, holds missing values, infinities, or text where numbers are needed,
    /// when there is one class only, or fewer than two rows.
    pub fn choose(table: &Table, options: &TargetOptions) -> Result<(Self, Vec<Note>)> {
        let mut notes = Vec::new();
        let names = target_names(table, options, &mut notes)?;
        let columns: Vec<&Column> = (names.iter())
            .map(|name| find(table, name))
            .collect::<Result<_>>()?;
        if table.columns.len() == columns.len() {
            return Err(Error::invalid(
                table.place(),
                "only target columns",
                "at least one column of features",
            )
            .remedy("choose another target"));
        }
        if table.rows < 2 {
            return Err(Error::invalid(
                table.place(),
                "1 row",
                "at least 2 rows to train on",
            ));
        }
        let inferred = infer(table, &columns, &mut notes);
        let task = options.task.unwrap_or(inferred);
        let mut target = Self {
            columns: names,
            task,
            classes: Vec::new(),
        };
        match (task, columns.as_slice()) {
            (Task::Binary | Task::Multiclass, [column]) => {
                target.classes = classes(table, column, task)?;
            }
            (Task::Binary | Task::Multiclass, _) => {
                let found = format!("{} target columns", columns.len());
                return Err(Error::invalid(
                    table.place(),
                    found,
                    format!("one for the task {task}"),
                )
                .remedy("choose the task multilabel or regression"));
            }
            _ => {}
        }
        target.encode(table, &table.all_rows())?;
        let classes = match target.classes.len() {
            0 => String::new(),
            n => format!(
                ", {n} classes: {}",
                quote_list(target.classes.iter().map(String::as_str))
            ),
        };
        notes.push(Note::info(format!("task: {task}{classes}")));
        Ok((target, notes))
    }

    /// Number of network outputs: one a target or label, one for two classes, else one a class.
    pub fn outputs(&self) -> usize {
        match self.task {
            Task::Regression | Task::Multilabel => self.columns.len(),
            Task::Binary => 1,
            Task::Multiclass => self.classes.len(),
        }
    }

    /// The targets of `rows`: class indices, or values in the units of the file.
    ///
    /// A class text that differs from a known class by a full stop at its end is that class (the official
    /// test file of Adult writes `<=50K.` for `<=50K`).
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
                let mut values = vec![0.0; width * rows.len()];
                for (j, name) in self.columns.iter().enumerate() {
                    let numbers = numbers(table, find(table, name)?, self.task)?;
                    for (i, &row) in rows.iter().enumerate() {
                        values[i * width + j] = numbers[row];
                    }
                }
                Ok(Targets::Values { width, values })
            }
        }
    }

    fn encode_classes(&self, table: &Table, column: &Column, rows: &[usize]) -> Result<Targets> {
        let index: HashMap<&str, u32> = (self.classes.iter().map(String::as_str))
            .zip(0u32..)
            .collect();
        let class_of = |text: &str| {
            let dotted = || index.get(format!("{text}.").as_str());
            let bare = || text.strip_suffix('.').and_then(|bare| index.get(bare));
            let number = || index.get(number_text(text.parse().ok()?).as_str());
            let found = index
                .get(text)
                .or_else(bare)
                .or_else(dotted)
                .or_else(number);
            found.copied().unwrap_or(MISSING)
        };
        let mut classes: Vec<u32> = Vec::with_capacity(rows.len());
        match &column.data {
            ColumnData::Text(text) => {
                let of_level: Vec<u32> = text.levels.iter().map(|level| class_of(level)).collect();
                let class = |&row: &usize| {
                    let level = text.codes[row] as usize;
                    of_level.get(level).copied().unwrap_or(MISSING)
                };
                classes.extend(rows.iter().map(class));
            }
            ColumnData::Numeric(numbers) => {
                let mut known: HashMap<u64, u32> = HashMap::new();
                let mut class = |&row: &usize| {
                    let number = numbers[row];
                    *(known.entry(number.to_bits()))
                        .or_insert_with(|| class_of(&number_text(number)))
                };
                classes.extend(rows.iter().map(&mut class));
            }
            ColumnData::Block(_) => return Err(no_target(table, column)),
        }
        if let Some(i) = classes.iter().position(|&class| class == MISSING) {
            let known = quote_list(self.classes.iter().map(String::as_str));
            let expected = format!("one of the classes {known}");
            return Err(match column.text(rows[i]) {
                None => missing(table, column, rows[i]),
                Some(text) => {
                    Error::invalid(table.cell(rows[i], &column.name), quote(&text), expected)
                }
            });
        }
        Ok(Targets::Classes(classes))
    }
}

fn find<'a>(table: &'a Table, name: &str) -> Result<&'a Column> {
    table.column(name).ok_or_else(|| {
        let names = table.names();
        let found = format!("no column {}", quote(name));
        let mut remedy = did_you_mean(name, names.clone());
        if remedy.is_empty() {
            remedy = "choose the target among them".to_owned();
        }
        Error::invalid(
            table.place(),
            found,
            format!("one of {}", quote_list(names)),
        )
        .remedy(remedy)
    })
}

fn target_names(
    table: &Table,
    options: &TargetOptions,
    notes: &mut Vec<Note>,
) -> Result<Vec<String>> {
    if let Some(target) = &options.column {
        // A name may itself contain commas.
        if table.column(target).is_some() || !target.contains(',') {
            return Ok(vec![target.clone()]);
        }
        let names: Vec<String> = target
            .split(',')
            .map(|name| name.trim().to_owned())
            .collect();
        let distinct: HashSet<&String> = names.iter().collect();
        if distinct.len() < names.len() {
            let found = format!("targets {}", quote(target));
            return Err(Error::invalid(table.place(), found, "each column once"));
        }
        return Ok(names);
    }
    if !table.roles.target.is_empty() {
        return Ok(table.roles.target.clone());
    }
    if let [
        Column {
            data: ColumnData::Block(_),
            ..
        },
    ] = table.columns.as_slice()
    {
        return Err(Error::invalid(
            table.place(),
            "features without targets",
            "features and targets",
        )
        .remedy("give --labels, or an .npz file with X and y"));
    }
    let is = |name: &str, word: &str| name.eq_ignore_ascii_case(word);
    let coordinates = table.names().any(|name| is(name, "x"));
    let named: Vec<&str> = (table.names())
        .filter(|name| TARGET_NAMES.iter().any(|word| is(name, word)))
        .filter(|name| !(coordinates && is(name, "y")))
        .collect();
    let (name, why) = match (named.as_slice(), table.names().last()) {
        ([name], _) => (*name, "by its name"),
        (_, Some(last)) => (last, "the last column"),
        (_, None) => return Err(Error::invalid(table.place(), "no columns", "columns")),
    };
    notes.push(Note::info(format!(
        "target: {} ({why}; --target chooses another)",
        quote(name)
    )));
    Ok(vec![name.to_owned()])
}

fn infer(table: &Table, columns: &[&Column], notes: &mut Vec<Note>) -> Task {
    let [column] = columns else {
        return match table.roles.classes {
            Some(true) => Task::Multilabel,
            _ => Task::Regression,
        };
    };
    let classes = |count: usize| {
        if count == 2 {
            Task::Binary
        } else {
            Task::Multiclass
        }
    };
    match &column.data {
        ColumnData::Text(text) => classes(text.levels.len()),
        ColumnData::Block(_) => Task::Regression,
        ColumnData::Numeric(numbers) => {
            let count = distinct(numbers, MAX_INTEGER_CLASSES);
            match table.roles.classes {
                Some(true) => return classes(count),
                Some(false) => return Task::Regression,
                None => {}
            }
            let whole = numbers.iter().all(|x| x.is_nan() || x.fract() == 0.0);
            if whole && count == 2 {
                Task::Binary
            } else if whole && count <= MAX_INTEGER_CLASSES && count * ROWS_A_CLASS <= table.rows {
                notes.push(Note::info(format!(
                    "the {count} whole numbers in {} are taken as classes; --task regression takes them as amounts",
                    quote(&column.name)
                )));
                Task::Multiclass
            } else {
                Task::Regression
            }
        }
    }
}

/// Number of distinct values other than NaN, or a number above `limit` when there are more.
fn distinct(numbers: &[f64], limit: usize) -> usize {
    let mut seen = HashSet::new();
    for number in numbers.iter().filter(|number| !number.is_nan()) {
        // -0 and 0 are one value.
        seen.insert((number + 0.0).to_bits());
        if seen.len() > limit {
            break;
        }
    }
    seen.len()
}

fn classes(table: &Table, column: &Column, task: Task) -> Result<Vec<String>> {
    let place = || table.place().column(&column.name);
    let mut classes: Vec<String> = match &column.data {
        ColumnData::Block(_) => return Err(no_target(table, column)),
        ColumnData::Text(text) => text.levels.clone(),
        ColumnData::Numeric(numbers) => {
            let mut bits: Vec<f64> = numbers.iter().copied().filter(|x| !x.is_nan()).collect();
            bits.sort_unstable_by(f64::total_cmp);
            bits.dedup();
            if let Some(infinite) = numbers.iter().position(|x| x.is_infinite()) {
                let place = table.cell(infinite, &column.name);
                return Err(Error::invalid(place, "an infinite value", "a class"));
            }
            bits.into_iter().map(number_text).collect()
        }
    };
    let number = |text: &String| text.parse::<f64>().ok().filter(|x| !x.is_nan());
    if classes.iter().all(|class| number(class).is_some()) {
        classes.sort_by(|a, b| number(a).partial_cmp(&number(b)).unwrap_or(a.cmp(b)));
    } else if classes.iter().all(|class| truth(class).is_some()) {
        // The class that says yes comes last, and so is the positive one of two.
        classes.sort_by_key(|class| (truth(class), class.clone()));
    } else {
        classes.sort_unstable();
    }
    match (task, classes.as_slice()) {
        (_, []) => Err(missing(table, column, 0)),
        (_, [only]) => Err(Error::invalid(
            place(),
            format!("only the class {}", quote(only)),
            "at least two classes",
        )
        .remedy("choose another target or add rows of other classes")),
        (Task::Binary, more) if more.len() > 2 => {
            let found = format!("{} classes", more.len());
            Err(Error::invalid(place(), found, "two for the task binary")
                .remedy("choose the task multiclass"))
        }
        (_, all) if all.len() == table.rows && table.rows >= ROWS_TO_JUDGE => {
            let found = format!("{} different values in {} rows", all.len(), table.rows);
            Err(Error::invalid(place(), found, "classes that repeat")
                .remedy("choose another target"))
        }
        _ => Ok(classes),
    }
}

/// The numbers of a target column, all finite; for labels, 0 or 1.
fn numbers<'a>(table: &Table, column: &'a Column, task: Task) -> Result<&'a [f64]> {
    let expected = match task {
        Task::Multilabel => "0 or 1",
        _ => "a number",
    };
    let fits = |x: &f64| x.is_finite() && (task != Task::Multilabel || *x == 0.0 || *x == 1.0);
    match &column.data {
        ColumnData::Numeric(numbers) => match numbers.iter().position(|x| !fits(x)) {
            None => Ok(numbers),
            Some(row) if numbers[row].is_nan() => Err(missing(table, column, row)),
            Some(row) => {
                let found = quote(&column.text(row).unwrap_or_default());
                Err(
                    Error::invalid(table.cell(row, &column.name), found, expected)
                        .remedy("correct the cell or remove the row"),
                )
            }
        },
        ColumnData::Text(_) => Err(not_a_number(table, column)
            .unwrap_or_else(|| missing(table, column, 0))
            .remedy("correct the cell, or choose another target or task")),
        ColumnData::Block(_) => Err(no_target(table, column)),
    }
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
    let place = table.place().column(&column.name);
    Error::invalid(place, "several numbers a row", "a column of targets")
        .remedy("choose another target")
}
