//! Choosing target columns, task and classes where no option sets them.

use std::cmp::Ordering;
use std::collections::HashSet;

use super::labelled::{doubt, words_as_classes};
use super::{Target, TargetOptions, Task, find, is_of_truths, missing, no_target, not_a_number};
use thalweg_core::dataset::Targets;

use crate::error::{Error, Note, Result, quote, quote_list};
use crate::reading::{ReadAs, Reading};
use crate::stray::{StrayCells, spelled_numbers};
use crate::table::{Column, ColumnData, Table, TextColumn, number_text, truth, truth_word};
use crate::text::whole;

/// Names that mark a column as the target when no target is given.
const TARGET_NAMES: [&str; 4] = ["target", "label", "class", "y"];
/// Integers with at most this many distinct values are treated as classes.
const MAX_INTEGER_CLASSES: usize = 20;
/// Numbers must repeat this often on average to be treated as classes.
const ROWS_A_CLASS: usize = 3;
/// With at least this many rows, texts that never repeat are not classes.
const ROWS_TO_JUDGE: usize = 20;

impl Target {
    /// Finds target, task and classes, and encodes the target of every row of the table.
    ///
    /// # Errors
    /// When the column does not exist, holds missing values, infinities, or text where numbers are
    /// needed, when there is one class only, or fewer than two rows.
    pub fn choose(table: &Table, options: &TargetOptions) -> Result<(Self, Targets, Vec<Note>)> {
        let mut notes = Vec::new();
        let names = target_names(table, options, &mut notes)?;
        let columns: Vec<&Column> = (names.iter())
            .map(|name| find(table, name))
            .collect::<Result<_>>()?;
        if table.columns.len() == columns.len() {
            return Err(Error::invalid(
                table.location(),
                "only target columns",
                "at least one column of features",
            )
            .remedy("choose another target"));
        }
        if table.rows < 2 {
            let error = Error::invalid(table.location(), "1 row", "at least 2 rows to train on");
            return Err(error.remedy("check that this is the right file"));
        }
        let task = match options.task {
            Some(task) => task,
            None => infer(table, &columns, &mut notes)?,
        };
        let mut target = Self {
            columns: names,
            task,
            classes: Vec::new(),
            quantiles: Vec::new(),
            labels: Vec::new(),
        };
        match (task, columns.as_slice()) {
            (Task::Binary | Task::Multiclass, [column]) => {
                target.classes = classes(table, column, task)?;
            }
            (Task::Binary | Task::Multiclass, _) => {
                let found = format!("{} target columns", columns.len());
                return Err(Error::invalid(
                    table.location(),
                    found,
                    format!("one for the task {task}"),
                )
                .remedy("set `data.target.task` to multilabel or regression"));
            }
            (Task::Multilabel, _) => target.labels = spelled_labels(&columns),
            _ => {}
        }
        if let ([column], false) = (columns.as_slice(), target.classes.is_empty()) {
            notes.extend(doubt(&column.name, &target.classes));
            notes.extend(words_as_classes(column).first().map(|word| {
                let (word, name) = (quote(word), quote(&column.name));
                let text = "is a class; `data.read.missing` makes it a missing value";
                Note::info(format!("column {name}: {word} {text}"))
            }));
        }
        let targets = target.encode(table, &table.all_rows())?;
        let classes = match target.classes.len() {
            0 => String::new(),
            n => format!(
                ", {n} classes: {}",
                quote_list(target.classes.iter().map(String::as_str))
            ),
        };
        notes.push(Note::info(format!("task: {task}{classes}")));
        if let Targets::Values { width, values } = &targets {
            if task == Task::Multilabel {
                notes.extend(constant_labels(&target.columns, *width, values));
            }
            notes.extend(note_on_missing(values));
        }
        Ok((target, targets, notes))
    }
}

/// A warning for each label that all rows have, or none.
fn constant_labels(names: &[String], width: usize, values: &[f64]) -> Vec<Note> {
    let is_constant = |index: usize| {
        let column = values.iter().skip(index).step_by(width);
        let mut known = column.filter(|value| !value.is_nan());
        known
            .next()
            .is_some_and(|first| known.all(|value| value == first))
    };
    let constant = names
        .iter()
        .enumerate()
        .filter(|(index, _)| is_constant(*index));
    let text = "is the same in all rows: it has no AUC";
    (constant.map(|(_, name)| Note::warning(format!("label {} {text}", quote(name))))).collect()
}

fn note_on_missing(values: &[f64]) -> Option<Note> {
    let missing = values.iter().filter(|value| value.is_nan()).count();
    let text =
        "values of the targets are missing: they count neither in the loss nor in the scores";
    (missing > 0).then(|| {
        Note::info(format!(
            "{} of {} {text}",
            whole(missing),
            whole(values.len())
        ))
    })
}

/// The last column, but for those without name and values, which delimiters at the ends of lines make.
fn last_column(table: &Table) -> Option<&str> {
    let is_none = |(j, column): &(usize, &Column)| {
        let is_empty = !(0..table.rows).any(|row| column.is_present(row));
        table.rows > 0 && is_empty && column.name == format!("column_{}", j + 1)
    };
    let columns = || table.columns.iter().enumerate().rev();
    let last = columns().find(|column| !is_none(column));
    last.or_else(|| columns().next())
        .map(|(_, column)| column.name.as_str())
}

/// The target columns: of the options, of the format, by name, or the last one.
pub(crate) fn target_names(
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
            return Err(Error::invalid(table.location(), found, "each column once"));
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
            table.location(),
            "features without targets",
            "features and targets",
        )
        .remedy("give `data.read.labels`, or an .npz file with X and y"));
    }
    let is = |name: &str, word: &str| name.eq_ignore_ascii_case(word);
    let coordinates = table.names().any(|name| is(name, "x"));
    let named: Vec<&str> = (table.names())
        .filter(|name| TARGET_NAMES.iter().any(|word| is(name, word)))
        .filter(|name| !(coordinates && is(name, "y")))
        .collect();
    let (name, why) = match (named.as_slice(), last_column(table)) {
        ([name], _) => (*name, "by its name"),
        (_, Some(last)) => (last, "the last column"),
        (_, None) => return Err(Error::invalid(table.location(), "no columns", "columns")),
    };
    notes.push(Note::info(format!(
        "target: {} ({why}; `data.target.column` chooses another)",
        quote(name)
    )));
    Ok(vec![name.to_owned()])
}

fn infer(table: &Table, columns: &[&Column], notes: &mut Vec<Note>) -> Result<Task> {
    let [column] = columns else {
        // Also of fractions, as one-hot arrays are.
        if !columns.iter().all(is_label) {
            return Ok(Task::Regression);
        }
        if table.roles.classes != Some(true) {
            let names = quote_list(columns.iter().map(|column| column.name.as_str()));
            notes.push(Note::info(format!(
                "the targets {names} hold 0 and 1, or words for false and true, alone: each is a label \
                 of its own; set `data.target.task` to regression to predict amounts"
            )));
        }
        return Ok(Task::Multilabel);
    };
    let numbers = match &column.data {
        ColumnData::Block(_) | ColumnData::Time(_) => return Ok(Task::Regression),
        ColumnData::Text(text) => {
            let numbers = spelled_numbers(text);
            check_stray(table, column, &numbers)?;
            check_amounts(table, column, text)?;
            // Among fractions, leading zeros do not make a code; where a format has types, texts
            // of many numbers are rather amounts.
            let fractions = numbers.iter().any(|x| x.is_finite() && x.fract() != 0.0);
            let unsaid = table.roles.classes != Some(true) && !is_said(table, column);
            let many = table.has_types && number_task(&numbers) == Task::Regression;
            if unsaid && (fractions || many) && not_a_number(table, column).is_none() {
                return Ok(Task::Regression);
            }
            return Ok(class_task(
                text.levels.len() + words_as_classes(column).len(),
            ));
        }
        ColumnData::Numeric(numbers) => numbers,
    };
    let count = distinct(numbers, MAX_INTEGER_CLASSES);
    match table.roles.classes {
        Some(true) => return Ok(class_task(count)),
        Some(false) => return Ok(Task::Regression),
        None => {}
    }
    let task = number_task(numbers);
    if task == Task::Multiclass {
        notes.push(Note::info(format!(
            "the {count} whole numbers in {} are treated as classes; set `data.target.task` to regression to predict amounts",
            quote(&column.name)
        )));
    }
    Ok(task)
}

/// Whether all that is there in a column is 0 or 1, or a word for false or true.
fn is_label(column: &&Column) -> bool {
    match &column.data {
        ColumnData::Numeric(numbers) => {
            let mut known = numbers.iter().filter(|x| !x.is_nan()).peekable();
            known.peek().is_some() && known.all(|&x| x == 0.0 || x == 1.0)
        }
        ColumnData::Text(text) => is_of_truths(text),
        ColumnData::Block(_) | ColumnData::Time(_) => false,
    }
}

/// How each column spells false and true; nothing if all hold 0 and 1.
fn spelled_labels(columns: &[&Column]) -> Vec<[String; 2]> {
    let words = |column: &&Column| {
        let ColumnData::Text(text) = &column.data else {
            return None;
        };
        let mut rows = vec![0; text.levels.len()];
        for code in &text.codes {
            if let Some(rows) = rows.get_mut(*code as usize) {
                *rows += 1;
            }
        }
        let spelled = |truth: bool| {
            let levels = text.levels.iter().zip(&rows);
            let same = levels.filter(|(level, _)| truth_word(level) == Some(truth));
            same.max_by_key(|(_, rows)| **rows)
                .map(|(level, _)| level.clone())
        };
        Some([spelled(false)?, spelled(true)?])
    };
    let all: Vec<_> = columns.iter().map(words).collect();
    let numbers = || ["0", "1"].map(str::to_owned);
    match all.iter().any(Option::is_some) {
        true => all
            .into_iter()
            .map(|words| words.unwrap_or_else(numbers))
            .collect(),
        false => Vec::new(),
    }
}

fn class_task(count: usize) -> Task {
    if count == 2 {
        Task::Binary
    } else {
        Task::Multiclass
    }
}

/// The task for numbers, NaN where missing: classes if they are whole, few, and repeat.
fn number_task(numbers: &[f64]) -> Task {
    let count = distinct(numbers, MAX_INTEGER_CLASSES);
    let whole = numbers.iter().all(|x| x.is_nan() || x.fract() == 0.0);
    let repeat = count <= MAX_INTEGER_CLASSES && count * ROWS_A_CLASS <= numbers.len();
    match whole && (count == 2 || repeat) {
        true => class_task(count),
        false => Task::Regression,
    }
}

/// Refuses a column of amounts that a few stray cells would turn into a class for each amount.
fn check_stray(table: &Table, column: &Column, numbers: &[f64]) -> Result<()> {
    let mut stray = StrayCells::default();
    stray.add(table, column);
    stray.check()?;
    match stray.few() {
        Some(stray)
            if table.roles.classes != Some(true) && number_task(numbers) == Task::Regression =>
        {
            let expected = format!(
                "a number, as in {} of {} cells",
                whole(stray.cells - stray.count),
                whole(stray.cells)
            );
            let error = Error::invalid(stray.location.clone(), quote(stray.text), expected);
            Err(error.remedy(
                "correct the cell or remove the row; with `data.target.task` multiclass every value is a class",
            ))
        }
        _ => Ok(()),
    }
}

/// Refuses a column of texts that are amounts for people, such as `12 kg`: every amount would be a
/// class. Codes and what the user calls categories are classes.
fn check_amounts(table: &Table, column: &Column, text: &TextColumn) -> Result<()> {
    let amount = |level: &&String| {
        let digits = level.trim_start_matches(|c: char| !c.is_alphanumeric());
        digits.starts_with(|c: char| c.is_ascii_digit())
    };
    let amounts = text.levels.iter().filter(amount).count();
    let few = text.levels.len() <= MAX_INTEGER_CLASSES || 4 * amounts < 3 * text.levels.len();
    if few || is_said(table, column) || table.roles.classes == Some(true) {
        return Ok(());
    }
    let is_odd = |row: &usize| {
        column
            .text(*row)
            .is_some_and(|text| text.parse::<f64>().is_err())
    };
    let Some(row) = (0..table.rows).find(is_odd) else {
        return Ok(());
    };
    let found = quote(&column.text(row).unwrap_or_default());
    let expected = "numbers, or at most 20 different texts";
    let remedy = "write numbers alone, add words for a missing value to `data.read.missing`, or the \
                  column to `data.read.categorical` to make a class of each text";
    Err(Error::invalid(table.cell(row, &column.name), found, expected).remedy(remedy))
}

/// Whether a reading says that a column holds texts.
fn is_said(table: &Table, column: &Column) -> bool {
    let is_text = |reading: &Reading| reading.kind == ReadAs::Text;
    table.readings.get(&column.name).is_some_and(is_text)
}

/// Number of distinct values other than NaN, or a number above `limit` when there are more.
fn distinct(numbers: &[f64], limit: usize) -> usize {
    // So few that none is hashed.
    let mut seen: Vec<f64> = Vec::new();
    for number in numbers.iter().filter(|number| !number.is_nan()) {
        if !seen.contains(number) {
            seen.push(*number);
        }
        if seen.len() > limit {
            break;
        }
    }
    seen.len()
}

fn classes(table: &Table, column: &Column, task: Task) -> Result<Vec<String>> {
    let location = || table.location().column(&column.name);
    let mut classes: Vec<String> = match &column.data {
        ColumnData::Block(_) | ColumnData::Time(_) => return Err(no_target(table, column)),
        ColumnData::Text(text) => {
            let words = words_as_classes(column).into_iter().map(str::to_owned);
            text.levels.iter().cloned().chain(words).collect()
        }
        ColumnData::Numeric(numbers) => {
            let mut bits: Vec<f64> = numbers.iter().copied().filter(|x| !x.is_nan()).collect();
            bits.sort_unstable_by(f64::total_cmp);
            bits.dedup();
            if let Some(infinite) = numbers.iter().position(|x| x.is_infinite()) {
                let location = table.cell(infinite, &column.name);
                return Err(Error::invalid(location, "an infinite value", "a class"));
            }
            bits.into_iter().map(number_text).collect()
        }
    };
    let number = |text: &String| text.parse::<f64>().ok().filter(|x| !x.is_nan());
    if classes.iter().all(|class| number(class).is_some()) {
        // 00123 and 123 are equal numbers but two classes.
        classes.sort_by(|a, b| {
            let by_value = number(a).partial_cmp(&number(b));
            by_value.unwrap_or(Ordering::Equal).then_with(|| a.cmp(b))
        });
    } else if classes.iter().all(|class| truth(class).is_some()) {
        // The class that means true comes last, and so is the positive one of two.
        classes.sort_by_key(|class| (truth(class), class.clone()));
    } else {
        classes.sort_unstable();
    }
    match (task, classes.as_slice()) {
        (_, []) => Err(missing(table, column, 0)),
        (_, [only]) => Err(Error::invalid(
            location(),
            format!("only the class {}", quote(only)),
            "at least two classes",
        )
        .remedy("choose another target or add rows of other classes")),
        (Task::Binary, more) if more.len() > 2 => {
            let found = format!("{} classes", more.len());
            Err(Error::invalid(location(), found, "two for the task binary")
                .remedy("set `data.target.task` to multiclass"))
        }
        (_, all) if all.len() == table.rows && table.rows >= ROWS_TO_JUDGE => {
            let found = format!(
                "{} different values in {} rows",
                whole(all.len()),
                whole(table.rows)
            );
            Err(Error::invalid(location(), found, "classes that repeat")
                .remedy("choose another target"))
        }
        _ => Ok(classes),
    }
}
