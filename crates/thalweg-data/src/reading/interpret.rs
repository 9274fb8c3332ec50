//! Every column of a table read as the options, a model or the evidence say.

use super::cell::{Number, is_unit, number};
use super::dates;
use super::durations;
use super::evidence::Evidence;
use super::extremes::{Extremes, marker};
use super::notation::Notation;
use super::notes::{Found, doubts, newly_marked, notes, unmarked};
use super::numbers::{self, Hints};
use super::stored::{DateOrder, ReadAs, Reading};
use crate::error::{Error, Location, Note, Result, did_you_mean, quote, quote_list};
use crate::loaded::Loaded;
use crate::options::ReadOptions;
use crate::table::{Column, ColumnData, Kind, Table, number_text, text_of_numbers};
use crate::threads;

/// So many texts of each column are looked at for the decimal sign of the file.
const LEVELS_FOR_SIGN: usize = 1000;

/// So many different texts may be codes such as `1.10`.
const MOST_CODES: usize = 20;

/// Reads the columns of all tables; the test part as the training part.
pub(crate) fn interpret(loaded: &mut Loaded, options: &ReadOptions) -> Result<()> {
    check_names(&loaded.train, options)?;
    loaded.notes.extend(unmarked(&loaded.train, options));
    let marked = newly_marked(&loaded.train, options);
    let readings = read_table(&mut loaded.train, options)?;
    let is_number = |name: &String| {
        let mut of_numbers = readings
            .iter()
            .filter(|(_, one, _)| one.kind == ReadAs::Numbers);
        of_numbers.any(|(other, ..)| other == name)
    };
    let marked = marked.into_iter().filter(|(name, _)| is_number(name));
    loaded
        .notes
        .extend(marked.map(|(_, warning)| Note::warning(warning)));
    loaded.notes.extend(notes(&readings, options));
    loaded.notes.extend(doubts(&loaded.train));
    if let Some(test) = &mut loaded.test {
        let mut options = options.clone();
        options.columns.extend(
            readings
                .into_iter()
                .map(|(name, reading, _)| (name, reading)),
        );
        read_table(test, &options)?;
    }
    Ok(())
}

fn read_table(table: &mut Table, options: &ReadOptions) -> Result<Vec<Found>> {
    let hints = Hints {
        decimal: options.decimal,
        thousands: options.thousands,
        likely: table.decimal.or_else(|| likely(texts(table))),
        kept: &options.not_missing,
    };
    let threads = threads::for_rows(table.rows);
    let (whole, mut all) = (&*table, Vec::new());
    let read = |column: &Column| read_column(whole, column, options, hints);
    let found = threads::map(threads, whole.columns.iter(), read);
    for (j, found) in found.into_iter().enumerate() {
        let (read, looked) = found?;
        if let Some((data, reading)) = read {
            let column = &mut table.columns[j];
            if let Some(data) = data {
                column.data = data;
            }
            table.readings.insert(column.name.clone(), reading.clone());
            all.push((column.name.clone(), reading, looked));
        }
    }
    Ok(all)
}

/// Reads a column, and whether by looking.
fn read_column(
    table: &Table,
    column: &Column,
    options: &ReadOptions,
    hints: Hints<'_>,
) -> Result<(Option<Read>, bool)> {
    if let Some(asked) = asked(&column.name, options)? {
        let as_asked = |(data, reading)| {
            let asked = true;
            (data, Reading { asked, ..reading })
        };
        let read = demanded(table, column, asked, hints)?;
        return Ok((read.map(as_asked), false));
    }
    let before = options.columns.get(&column.name);
    match before.or_else(|| table.readings.get(&column.name)) {
        None if matches!(column.data, ColumnData::Time(_)) => {
            let reading = Reading::of(ReadAs::Dates, "the format says so");
            Ok((Some((None, reading)), false))
        }
        Some(reading) => Ok((Some(known(table, column, reading)?), false)),
        None => Ok((look(column, hints, table.has_types), true)),
    }
}

/// What an option says of a column.
#[derive(Clone, Copy)]
pub(super) enum Asked {
    Text,
    Numbers,
    Dates(Option<DateOrder>),
}

pub(super) fn asked(name: &str, options: &ReadOptions) -> Result<Option<Asked>> {
    let has = |names: &[String]| names.iter().any(|other| other == name);
    let date = options.date.iter().find_map(|entry| {
        let (column, order) = date_entry(entry);
        (column == name).then_some(order)
    });
    let text = has(&options.categorical).then_some(Asked::Text);
    let numbers = has(&options.numeric).then_some(Asked::Numbers);
    let mut all = [text, numbers, date.map(Asked::Dates)]
        .into_iter()
        .flatten();
    let first = all.next();
    if all.next().is_some() {
        let location = Location::default().column(name);
        let found = "a column that is to be read in two ways";
        let fields = "`data.read.categorical`, `data.read.numeric` and `data.read.date`";
        return Err(Error::invalid(
            location,
            found,
            format!("it in one of {fields}"),
        ));
    }
    Ok(first)
}

/// `when` or `when=dmy`.
fn date_entry(entry: &str) -> (&str, Option<DateOrder>) {
    let orders = [
        ("=ymd", DateOrder::Ymd),
        ("=dmy", DateOrder::Dmy),
        ("=mdy", DateOrder::Mdy),
    ];
    let of = |(suffix, order): &(&str, DateOrder)| Some((entry.strip_suffix(suffix)?, *order));
    match orders.iter().find_map(of) {
        Some((name, order)) => (name, Some(order)),
        None => (entry, None),
    }
}

/// Whether every column of the options exists.
fn check_names(table: &Table, options: &ReadOptions) -> Result<()> {
    let names = (options
        .categorical
        .iter()
        .chain(&options.numeric)
        .map(String::as_str))
    .chain(options.date.iter().map(|entry| date_entry(entry).0));
    for name in names {
        if table.column(name).is_none() {
            let expected = format!("one of {}", quote_list(table.names()));
            let found = format!("no column {}", quote(name));
            let remedy = did_you_mean(name, table.names());
            return Err(Error::invalid(table.location(), found, expected).remedy(remedy));
        }
    }
    Ok(())
}

type Read = (Option<ColumnData>, Reading);

/// Reads a column as an option demands.
fn demanded(
    table: &Table,
    column: &Column,
    asked: Asked,
    hints: Hints<'_>,
) -> Result<Option<Read>> {
    let owned;
    let evidence = match (asked, &column.data) {
        (_, ColumnData::Block(_)) => {
            let location = table.location().column(&column.name);
            return Err(Error::invalid(
                location,
                "several numbers a row",
                "one value a row",
            ));
        }
        (Asked::Numbers | Asked::Dates(_), ColumnData::Time(_)) => return Ok(None),
        (_, ColumnData::Text(text)) => Some(Evidence::of(text)),
        (Asked::Dates(_), ColumnData::Numeric(numbers)) => {
            owned = text_of_numbers(numbers);
            Some(Evidence::of(&owned))
        }
        _ => None,
    };
    let reading = asked_reading(asked, evidence.as_ref(), hints);
    known(table, column, &reading).map(Some)
}

/// How a column of these texts, or of numbers, is read where an option says as what.
pub(super) fn asked_reading(
    asked: Asked,
    evidence: Option<&Evidence>,
    hints: Hints<'_>,
) -> Reading {
    let why = "as asked for";
    match (asked, evidence) {
        (Asked::Text, _) => Reading::of(ReadAs::Text, why),
        (Asked::Numbers, None) => Reading::of(ReadAs::Numbers, why),
        (Asked::Numbers, Some(evidence)) => match numbers::look(evidence, hints) {
            Some(found) if found.reading.kind == ReadAs::Numbers => found.reading,
            _ if let Some(found) = durations::asked(evidence, hints.kept) => found.reading,
            _ => {
                let notation = numbers::notation(evidence, hints).unwrap_or(Notation::PLAIN);
                Reading {
                    decimal: notation.decimal,
                    thousands: notation.thousands,
                    ..Reading::of(ReadAs::Numbers, why)
                }
            }
        },
        (Asked::Dates(order), evidence) => {
            let looked = evidence.and_then(|evidence| dates::look(evidence, hints.kept));
            let found =
                looked.map_or_else(|| Reading::of(ReadAs::Dates, why), |(_, reading)| reading);
            Reading {
                order: Some(order.or(found.order).unwrap_or(DateOrder::Ymd)),
                why: why.to_owned(),
                ..found
            }
        }
    }
}

/// Reads a column as it was read before.
pub(super) fn known(table: &Table, column: &Column, reading: &Reading) -> Result<Read> {
    let is_missing = |cell: &str| reading.missing.iter().any(|missing| missing == cell);
    let data = match (reading.kind, &column.data) {
        (ReadAs::Text, ColumnData::Numeric(numbers)) => {
            Some(ColumnData::Text(text_of_numbers(numbers)))
        }
        (ReadAs::Numbers, ColumnData::Numeric(numbers)) if !reading.missing.is_empty() => {
            let value = |x: &f64| {
                if is_missing(&number_text(*x)) {
                    f64::NAN
                } else {
                    *x
                }
            };
            Some(ColumnData::Numeric(numbers.iter().map(value).collect()))
        }
        (ReadAs::Numbers, ColumnData::Text(text)) => {
            // A column that never had thousands may have them in another file.
            let other = if reading.decimal == ',' { '.' } else { ',' };
            let notation = Notation::new(reading.decimal, reading.thousands.or(Some(other)));
            let units: Vec<&String> = reading.marks.iter().filter(|mark| is_unit(mark)).collect();
            let is_in_unit = |number: &Number| {
                let mut own = number.units.iter();
                units.is_empty() || own.all(|unit| units.iter().any(|known| known == unit))
            };
            let lengths = durations::Form::of(&reading.marks);
            let value = |cell: &str| match (is_missing(cell), lengths) {
                (true, _) => Some(f64::NAN),
                (false, Some(form)) => form.read(cell),
                (false, None) => number(cell, notation)
                    .filter(is_in_unit)
                    .map(|number| number.value),
            };
            let values: Vec<Option<f64>> = text.levels.iter().map(|cell| value(cell)).collect();
            if let Some(error) = misfit(table, column, &values, "a number", reading) {
                return Err(error);
            }
            let of_code = |&code: &u32| values.get(code as usize).copied().flatten();
            let numbers = text.codes.iter().map(of_code);
            Some(ColumnData::Numeric(
                numbers.map(|x| x.unwrap_or(f64::NAN)).collect(),
            ))
        }
        (ReadAs::Dates, ColumnData::Text(_) | ColumnData::Numeric(_)) => {
            let column = match &column.data {
                ColumnData::Numeric(numbers) => &Column {
                    name: column.name.clone(),
                    data: ColumnData::Text(text_of_numbers(numbers)),
                },
                _ => column,
            };
            let ColumnData::Text(text) = &column.data else {
                return Ok((None, reading.clone()));
            };
            // A file with types has dates of no order.
            let order = reading.order.or_else(|| dates::order_of(&text.levels));
            let order = order.unwrap_or(DateOrder::Ymd);
            let value = |cell: &str| match is_missing(cell) {
                true => Some(f64::NAN),
                false => dates::read(cell, order),
            };
            let values: Vec<Option<f64>> = text.levels.iter().map(|cell| value(cell)).collect();
            if let Some(error) = misfit(table, column, &values, "a date", reading) {
                return Err(error);
            }
            let of_code = |&code: &u32| values.get(code as usize).copied().flatten();
            let seconds = text.codes.iter().map(of_code);
            Some(ColumnData::Time(
                seconds.map(|x| x.unwrap_or(f64::NAN)).collect(),
            ))
        }
        _ => None,
    };
    Ok((data, reading.clone()))
}

/// The error for the first cell without a value.
fn misfit(
    table: &Table,
    column: &Column,
    values: &[Option<f64>],
    expected: &str,
    reading: &Reading,
) -> Option<Error> {
    let ColumnData::Text(text) = &column.data else {
        return None;
    };
    let is_misfit = |&code: &u32| values.get(code as usize).is_some_and(Option::is_none);
    let row = text.codes.iter().position(is_misfit)?;
    let found = quote(&column.text(row)?);
    let as_before = match reading.why.split_once(" is ") {
        Some((example, _)) if example.starts_with('"') => format!(", written as {example}"),
        _ => String::new(),
    };
    let location = table.cell(row, &column.name);
    let error = Error::invalid(location, found.clone(), format!("{expected}{as_before}"));
    let remedy = "correct the cell, or add it to `data.read.missing` if it means a missing value";
    Some(error.remedy(remedy))
}

/// Reads a column by looking at it; where the format has types, texts that are plain numbers stay
/// texts.
fn look(column: &Column, hints: Hints<'_>, has_types: bool) -> Option<Read> {
    match &column.data {
        ColumnData::Text(text) if column.kind() == Kind::Categorical => {
            let looked = look_at(&Evidence::of(text), hints, has_types)?;
            let values = |values: &[f64]| text.by_level(f64::NAN, values);
            let data = match &looked {
                Looked::Numbers(found) if found.reading.kind == ReadAs::Text => None,
                Looked::Numbers(found) => Some(ColumnData::Numeric(values(&found.values))),
                Looked::Dates(seconds, _) => Some(ColumnData::Time(values(seconds))),
            };
            Some((data, looked.reading()))
        }
        ColumnData::Numeric(numbers) => {
            let (marker, reading) = marker(&Extremes::of(numbers)?, hints)?;
            let value = |x: &f64| if *x == marker { f64::NAN } else { *x };
            let data = ColumnData::Numeric(numbers.iter().map(value).collect());
            Some((Some(data), reading))
        }
        _ => None,
    }
}

/// What a look at texts finds: their values and how they are read.
pub(super) enum Looked {
    Numbers(numbers::Found),
    Dates(Vec<f64>, Reading),
}

impl Looked {
    pub fn reading(self) -> Reading {
        match self {
            Looked::Numbers(found) => found.reading,
            Looked::Dates(_, reading) => reading,
        }
    }
}

/// Reads texts by looking at them; where the format has types, texts that are plain numbers stay texts, but for many
/// different ones with a fraction each, which are no codes.
pub(super) fn look_at(evidence: &Evidence, hints: Hints<'_>, has_types: bool) -> Option<Looked> {
    let are_fractions = || {
        let levels = evidence.levels;
        levels.len() > MOST_CODES && levels.iter().all(|cell| cell.contains('.'))
    };
    let is_meant = |reading: &Reading| !has_types || reading.is_marked() || are_fractions();
    let found = numbers::look(evidence, hints).filter(|found| is_meant(&found.reading));
    if let Some(found) = found {
        return Some(Looked::Numbers(found));
    }
    if let Some(found) = durations::look(evidence, hints.kept) {
        return Some(Looked::Numbers(found));
    }
    let (seconds, reading) = dates::look(evidence, hints.kept)?;
    Some(Looked::Dates(seconds, reading))
}

/// The distinct texts of each column of text.
fn texts(table: &Table) -> impl Iterator<Item = &[String]> {
    table
        .columns
        .iter()
        .filter_map(|column| match &column.data {
            ColumnData::Text(text) => Some(text.levels.as_slice()),
            _ => None,
        })
}

/// The decimal sign of the columns that leave no doubt: those that read the same whichever sign is
/// taken for the likelier.
pub(super) fn likely<'a>(columns: impl Iterator<Item = &'a [String]>) -> Option<char> {
    let (mut commas, mut points) = (0, 0);
    for levels in columns {
        let shown = &levels[..levels.len().min(LEVELS_FOR_SIGN)];
        let evidence = Evidence::counted(shown, vec![1; shown.len()]);
        let with = |likely| {
            let hints = Hints {
                likely: Some(likely),
                ..Hints::default()
            };
            numbers::look(&evidence, hints).map(|found| found.reading)
        };
        let Some(reading) = with('.') else { continue };
        if with(',') == Some(reading.clone()) {
            commas += usize::from(reading.decimal == ',');
            points += usize::from(reading.decimal == '.' && reading.thousands == Some(','));
        }
    }
    (commas > points).then_some(',')
}
