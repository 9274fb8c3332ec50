//! What should be known of how columns are read.

use super::cell::is_amount;
use super::dates;
use super::evidence::Evidence;
use super::numbers;
use super::stored::{ReadAs, Reading};
use crate::error::{Note, quote, quote_list};
use crate::options::ReadOptions;
use crate::table::{Column, ColumnData, Kind, Table, TextColumn, truth_word};
use crate::text::whole;

const PERCENT: &str = "%";

/// A column, how it is read, and whether that was found by looking.
pub(super) type Found = (String, Reading, bool);

/// A warning for each column of texts that would be one of dates but for a few cells, one of numbers but for
/// two notations or units, or one of truth values but for other words.
pub(super) fn doubts(table: &Table) -> Vec<Note> {
    let doubt = |column: &Column| {
        let ColumnData::Text(text) = &column.data else {
            return None;
        };
        if table.readings.contains_key(&column.name) {
            return None;
        }
        let evidence = Evidence::of(text);
        let as_categories = |found: String, remedy: &str| {
            let (place, name) = (table.location(), quote(&column.name));
            Note::warning(format!("{place}: column {name}: {found}; {remedy}"))
        };
        let two = |[one, other]: [&str; 2], what: &str, remedy: &str| {
            let (one, other) = (quote(one), quote(other));
            let found =
                format!("{one} and {other} are {what}, so the column is read as categories");
            as_categories(found, remedy)
        };
        (words_of_truth(column, text).map(|found| as_categories(found, "write each in one way")))
            .or_else(|| {
                numbers::two_notations(&evidence)
                    .map(|cells| two(cells, "numbers in two notations", "write all in one"))
            })
            .or_else(|| {
                numbers::two_units(&evidence).map(|cells| {
                    two(
                        cells,
                        "numbers in two units",
                        "write all in one; `data.read.numeric` reads each without its unit",
                    )
                })
            })
            .or_else(|| {
                let remedy = "write all in one, as in 2024-12-31";
                dates::two_orders(&evidence).map(|cells| two(cells, "dates in two orders", remedy))
            })
            .or_else(|| odd_date(table, column, text, &evidence))
    };
    table.columns.iter().filter_map(doubt).collect()
}

fn words_of_truth(column: &Column, text: &TextColumn) -> Option<String> {
    let of = |is: bool| {
        let levels = text.levels.iter().map(String::as_str);
        quote_list(levels.filter(|level| truth_word(level) == Some(is)))
    };
    let are_truths = text.levels.iter().all(|level| truth_word(level).is_some());
    let is_mixed = are_truths && text.levels.len() > 2 && column.kind() == Kind::Categorical;
    let found = || {
        format!(
            "{} mean true, {} false, and each is a category",
            of(true),
            of(false)
        )
    };
    is_mixed.then(found)
}

fn odd_date(
    table: &Table,
    column: &Column,
    text: &TextColumn,
    evidence: &Evidence<'_>,
) -> Option<Note> {
    let (level, rows) = dates::odd(evidence)?;
    let row = text.codes.iter().position(|&code| code as usize == level)?;
    let (place, found) = (table.cell(row, &column.name), quote(&text.levels[level]));
    let [dates, all] = [evidence.rows() - rows, evidence.rows()].map(whole);
    Some(Note::warning(format!(
        "{place}: {dates} of {all} cells are dates, {found} is none, so the column is read as \
         categories; correct the cell, or add it to `data.read.missing`"
    )))
}

/// A warning for each column of shares whose cells have no `%` here, where those of training had it; 0 needs none.
pub(super) fn unmarked(table: &Table, options: &ReadOptions) -> Vec<Note> {
    let warning = |column: &Column| {
        let reading = options.columns.get(&column.name)?;
        if !reading.marks.iter().any(|mark| mark == PERCENT) {
            return None;
        }
        let row = match &column.data {
            ColumnData::Numeric(numbers) => {
                numbers.iter().position(|x| !x.is_nan() && *x != 0.0)?
            }
            ColumnData::Text(text) => {
                let is_bare =
                    |cell: &String| is_amount(cell) && !cell.contains(PERCENT) && cell != "0";
                let level = text.levels.iter().position(is_bare)? as u32;
                text.codes.iter().position(|code| *code == level)?
            }
            ColumnData::Time(_) | ColumnData::Block(_) => return None,
        };
        let (place, cell) = (table.cell(row, &column.name), column.text(row)?);
        Some(Note::warning(format!(
            "{place}: {} has no %, which the cells of training have; it is read as {cell} %",
            quote(&cell)
        )))
    };
    table.columns.iter().filter_map(warning).collect()
}

/// The first cell with `%` of each column that was plain in training, with its place; read as numbers, it is worth a warning.
pub(super) fn newly_marked(table: &Table, options: &ReadOptions) -> Vec<(String, String)> {
    let found = |column: &Column| {
        let (ColumnData::Text(text), None) = (&column.data, options.columns.get(&column.name))
        else {
            return None;
        };
        let is_one = |cell: &String| cell.contains(PERCENT) && is_amount(cell);
        let level = text.levels.iter().position(is_one)?;
        let row = text.codes.iter().position(|code| *code as usize == level)?;
        let (place, cell) = (table.cell(row, &column.name), &text.levels[level]);
        let number = cell.replace(PERCENT, "");
        let warning = format!(
            "{place}: {} has %, which the cells of training have not; it is read as {}: divide by 100 if those \
             are fractions",
            quote(cell),
            number.trim()
        );
        Some((column.name.clone(), warning))
    };
    match options.expected {
        Some(_) => table.columns.iter().filter_map(found).collect(),
        None => Vec::new(),
    }
}

/// What should be known of the readings that were found by looking.
pub(super) fn notes(found: &[Found], options: &ReadOptions) -> Vec<Note> {
    let mut notes = Vec::new();
    let mut seen: Vec<Reading> = Vec::new();
    let shape = |reading: &Reading| Reading {
        why: match reading.kind {
            // Codes may be so for several reasons.
            ReadAs::Text => reading
                .why
                .split_once("\" ")
                .map_or("", |(_, why)| why)
                .to_owned(),
            _ => String::new(),
        },
        ..reading.clone()
    };
    for (_, reading, looked) in found {
        if !looked || seen.contains(&shape(reading)) {
            continue;
        }
        seen.push(shape(reading));
        let like = |(_, other, looked): &&Found| *looked && shape(other) == shape(reading);
        let names: Vec<&str> = found
            .iter()
            .filter(like)
            .map(|(name, ..)| &**name)
            .collect();
        notes.push(note(&names, reading, options));
    }
    notes
}

fn note(names: &[&str], reading: &Reading, options: &ReadOptions) -> Note {
    let columns = match names {
        [_] => "column",
        _ => "columns",
    };
    let (names, why) = (quote_list(names.iter().copied()), &reading.why);
    let missing = reading.missing.iter().map(String::as_str);
    let missing = match reading.missing.as_slice() {
        [] => String::new(),
        _ => format!("; missing where {}", quote_list(missing)),
    };
    let take_back = "; `data.read.not_missing` takes that back";
    match reading.kind {
        ReadAs::Text => {
            let remedy = "`data.read.numeric` reads numbers";
            Note::info(format!("{columns} {names} read as text: {why}; {remedy}"))
        }
        ReadAs::Dates => {
            let text = format!("{columns} {names} read as dates: {why}{missing}");
            match why.ends_with("do not tell") {
                _ if !missing.is_empty() => Note::warning(format!("{text}{take_back}")),
                true => Note::warning(format!("{text}; `data.read.date` COL=dmy says otherwise")),
                false if reading.why.ends_with(dates::OF_DAY) => {
                    Note::info(format!("{text}; `data.read.numeric` reads lengths of time"))
                }
                false => Note::info(format!("{text}; `data.read.categorical` keeps the texts")),
            }
        }
        ReadAs::Numbers => {
            let text = format!("{columns} {names} read as numbers: {why}{missing}");
            match (missing.as_str(), options.decimal) {
                ("", None) if reading.decimal == ',' || reading.thousands.is_some() => {
                    let remedy = "`data.read.decimal` and `data.read.thousands` set the signs";
                    Note::info(format!("{text}; {remedy}"))
                }
                ("", _) => Note::info(format!("{text}; `data.read.categorical` keeps the texts")),
                _ => Note::warning(format!("{text}{take_back}")),
            }
        }
    }
}
