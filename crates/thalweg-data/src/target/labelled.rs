//! Rows without a target, and words for "missing" that are classes.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::find;
use crate::error::{Error, Note, Result, quote, quote_list};
use crate::first_row::FirstRow;
use crate::table::{Column, ColumnData, Table, truth_word};
use crate::text::whole;

/// A word for "missing" is a class of a text target where at least one row in so many has it.
const ROWS_A_WORD: usize = 20;

/// The words for "missing" that are classes of a target of texts: those that are frequent.
pub(super) fn words_as_classes(column: &Column) -> Vec<&str> {
    let ColumnData::Text(text) = &column.data else {
        return Vec::new();
    };
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    if !text.words.is_empty() {
        let words = (0..text.codes.len()).filter_map(|row| text.word(row));
        words.for_each(|word| *counts.entry(word).or_default() += 1);
    }
    let is_class = |count: &usize| *count > 1 && count * ROWS_A_WORD >= text.codes.len();
    counts
        .into_iter()
        .filter(|(_, count)| is_class(count))
        .map(|(word, _)| word)
        .collect()
}

/// The table without the rows that lack all of the targets `names`, and a warning that counts them.
/// Of a model, `classes` say which words for "missing" are classes.
///
/// # Errors
/// When a target does not exist, or more than half of the rows lack all of them.
pub fn labelled<'a>(
    table: &'a Table,
    names: &[String],
    classes: Option<&[String]>,
) -> Result<(Cow<'a, Table>, Option<Note>)> {
    let has_target = has_target(table, names, classes)?;
    let mut unlabelled = Unlabelled::default();
    (0..table.rows)
        .filter(|row| !has_target[*row])
        .for_each(|row| unlabelled.add(table, row, names));
    Ok(match unlabelled.note(table, names, table.rows)? {
        None => (Cow::Borrowed(table), None),
        note => {
            let kept: Vec<usize> = (0..table.rows).filter(|&row| has_target[row]).collect();
            (Cow::Owned(table.keep(&kept)), note)
        }
    })
}

/// Whether each row of a table has any of the targets `names`.
///
/// # Errors
/// When a target does not exist.
pub(crate) fn has_target(
    table: &Table,
    names: &[String],
    classes: Option<&[String]>,
) -> Result<Vec<bool>> {
    let mut has_any = vec![false; table.rows];
    for name in names {
        let column = find(table, name)?;
        let words = words_as_classes(column);
        let is_class = |word: &str| match classes {
            Some(classes) => classes.iter().any(|class| class == word),
            None => words.contains(&word),
        };
        let word = |row| match &column.data {
            ColumnData::Text(text) => text.word(row),
            _ => None,
        };
        for (row, has) in has_any.iter_mut().enumerate() {
            *has |= column.is_present(row) || word(row).is_some_and(is_class);
        }
    }
    Ok(has_any)
}

/// Counts rows that lack all targets.
#[derive(Debug, Default)]
pub(crate) struct Unlabelled {
    count: usize,
    first: FirstRow,
}

impl Unlabelled {
    /// Adds a row of a table.
    pub fn add(&mut self, table: &Table, row: usize, names: &[String]) {
        let column = match names {
            [name] => Some(name.as_str()),
            _ => None,
        };
        self.first.add(table, row, column);
        self.count += 1;
    }

    /// A warning, if there are any, of all rows of the file of a table.
    ///
    /// # Errors
    /// When there are more than half.
    pub fn note(self, table: &Table, names: &[String], rows: usize) -> Result<Option<Note>> {
        let (left, place) = (self.count, self.first.location);
        let columns = quote_list(names.iter().map(String::as_str));
        let [lost, all] = [left, rows].map(whole);
        if 2 * left > rows {
            let found = format!("{lost} of {all} rows without a target in {columns}");
            let expected = "a target in at least half of the rows";
            let remedy = "choose another target, remove the rows without one, or add a word that is a \
                          class to `data.read.not_missing`";
            return Err(Error::invalid(table.location(), found, expected).remedy(remedy));
        }
        let (are, first) = match left {
            0 => return Ok(None),
            1 => ("rows is", ""),
            _ => ("rows are", ", this one first"),
        };
        let text =
            format!("{place}: {lost} of {all} {are} left out{first}: no target in {columns}");
        Ok(Some(Note::warning(text)))
    }
}

/// With fewer classes, numbers with a unit may be sizes on offer.
const CLASSES_OF_AMOUNTS: usize = 5;

/// A warning on classes that may be meant otherwise.
pub(super) fn doubt(column: &str, classes: &[String]) -> Option<Note> {
    let name = quote(column);
    let text = if let Some(near) = near_equal(classes) {
        let differ = "differ in case, spaces or a full stop alone";
        let near = quote_list(near);
        format!("the classes {near} {differ}; make them one in the file if they are one")
    } else if classes.len() > 2 && classes.iter().all(|class| truth_word(class).is_some()) {
        let of = |truth| {
            let classes = classes.iter().map(String::as_str);
            quote_list(classes.filter(|class| truth_word(class) == Some(truth)))
        };
        let [yes, no] = [true, false].map(of);
        format!("the classes {yes} mean true, {no} false; write each in one way if they are two")
    } else if classes.len() >= CLASSES_OF_AMOUNTS && has_unit(classes) {
        let first = quote(&classes[0]);
        format!("the classes are amounts such as {first}; write numbers alone to predict amounts")
    } else {
        return None;
    };
    Some(Note::warning(format!("column {name}: {text}")))
}

/// Classes that differ in case, spaces or a full stop at the end.
fn near_equal(classes: &[String]) -> Option<Vec<&str>> {
    let mut same: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for class in classes {
        let words: Vec<&str> = class.trim_end_matches('.').split_whitespace().collect();
        same.entry(words.concat().to_lowercase())
            .or_default()
            .push(class);
    }
    let groups = same.into_values().filter(|group| group.len() > 1);
    let near: Vec<&str> = groups.flatten().collect();
    (!near.is_empty()).then_some(near)
}

/// Whether all classes are numbers with one and the same unit, as `3 kg`.
fn has_unit(classes: &[String]) -> bool {
    let unit = |class: &String| {
        let end = class.find(|c: char| !c.is_ascii_digit() && !".,".contains(c))?;
        let (number, unit) = class.split_at(end);
        (!number.is_empty()).then(|| unit.trim().to_owned())
    };
    let units: BTreeSet<Option<String>> = classes.iter().map(unit).collect();
    units.len() == 1 && !units.contains(&None)
}
