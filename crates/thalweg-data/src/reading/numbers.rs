//! Whether a column of text is one of numbers, on the evidence of all its cells.

use std::collections::BTreeMap;

use super::cell::{Number, number};
use super::evidence::Evidence;
use super::notation::Notation;
use super::stored::{ReadAs, Reading};
use crate::csv::builder::{is_code, is_inexact};
use crate::error::quote;
use crate::table::number_text;

/// So many different texts show whether it is worth to look at all.
const PROBE: usize = 300;
/// With fewer different numbers beside it, a repeated word may be a category among codes.
const NUMBERS_BESIDE_A_WORD: usize = 20;
/// More different texts for "missing" are none.
const MOST_MARKERS: usize = 3;

/// A column that is one of numbers.
#[derive(Debug)]
pub struct Found {
    /// The number of each text, NaN where it means "missing".
    pub values: Vec<f64>,
    pub reading: Reading,
}

/// What the options and other columns say of the decimal sign.
#[derive(Debug, Clone, Copy, Default)]
pub struct Hints<'a> {
    pub decimal: Option<char>,
    pub thousands: Option<char>,
    /// Which sign is likelier where the cells of a column do not tell.
    pub likely: Option<char>,
    /// Cells that do not mean "missing".
    pub kept: &'a [String],
}

/// Reads a column by looking; `None` if it is text.
pub fn look(evidence: &Evidence<'_>, hints: Hints<'_>) -> Option<Found> {
    let notation = notation(evidence, hints)?;
    let mut numbers: Vec<Option<Number>> = (evidence.levels.iter())
        .map(|cell| number(cell, notation))
        .collect();
    one_unit(evidence, &mut numbers);
    let is_number = |i: usize| numbers[i].is_some();
    let read = evidence.rows_where(is_number);
    let markers: Vec<usize> = (0..numbers.len()).filter(|&i| !is_number(i)).collect();
    let is_kept = |&i: &usize| hints.kept.contains(&evidence.levels[i]);
    if 2 * read <= evidence.rows()
        || markers.iter().any(is_kept)
        || !are_markers(evidence, &markers, &numbers)
    {
        return None;
    }
    if let Some(why) = code(evidence, &numbers) {
        let reading = Reading::of(ReadAs::Text, why);
        let values = Vec::new();
        return Some(Found { values, reading });
    }
    let missing = markers
        .iter()
        .map(|&i| evidence.levels[i].clone())
        .collect();
    let reading = Reading {
        missing,
        ..as_found(evidence, notation, &numbers, read)
    };
    let values = numbers
        .iter()
        .map(|n| n.as_ref().map_or(f64::NAN, |n| n.value))
        .collect();
    Some(Found { values, reading })
}

/// The notation that reads most rows; of equal ones the likelier.
pub fn notation(evidence: &Evidence<'_>, hints: Hints<'_>) -> Option<Notation> {
    let likely = hints.decimal.or(hints.likely);
    let mut candidates: Vec<Notation> = match (hints.decimal, hints.thousands) {
        (Some(decimal), Some(thousands)) => vec![Notation::new(decimal, Some(thousands))],
        (decimal, thousands) => Notation::ALL
            .into_iter()
            .filter(|one| decimal.is_none_or(|decimal| one.decimal == decimal))
            .filter(|one| thousands.is_none_or(|thousands| one.thousands == Some(thousands)))
            .collect(),
    };
    candidates.sort_by_key(|one| likely.is_some_and(|likely| one.decimal != likely));
    let probed = evidence.levels.len().min(PROBE);
    let reads = |one: &Notation, levels: usize| {
        let counts = evidence.levels.iter().zip(&evidence.counts).take(levels);
        let read = counts.filter(|(cell, _)| number(cell, *one).is_some());
        read.fold((0, 0), |(levels, rows), (_, count)| {
            (levels + 1, rows + count)
        })
    };
    candidates.retain(|one| 4 * reads(one, probed).0 >= probed);
    let mut best = (0, None);
    for one in candidates {
        let rows = reads(&one, evidence.levels.len()).1;
        if rows > best.0 {
            best = (rows, Some(one));
        }
    }
    best.1
}

/// Among several units (some with `%` and some without, `$` beside `€`) only the most frequent one
/// is of numbers.
fn one_unit(evidence: &Evidence<'_>, numbers: &mut [Option<Number>]) {
    let mut rows: BTreeMap<Vec<&str>, usize> = BTreeMap::new();
    for (number, count) in numbers.iter().zip(&evidence.counts) {
        if let Some(number) = number {
            *rows.entry(number.units.clone()).or_default() += count;
        }
    }
    let is_currency = |unit: &[&'static str]| unit != ["%"];
    // An amount without its currency is one of the same currency.
    let currencies = rows.keys().filter(|unit| !unit.is_empty()).count();
    if currencies == 1 && rows.keys().all(|unit| unit.is_empty() || is_currency(unit)) {
        return;
    }
    let most = rows
        .iter()
        .max_by_key(|(_, count)| **count)
        .map(|(unit, _)| unit.clone());
    for number in numbers.iter_mut() {
        if number
            .as_ref()
            .is_some_and(|number| Some(number.units.clone()) != most)
        {
            *number = None;
        }
    }
}

/// Whether texts among numbers mean "missing": no letters and digits, an error of a spreadsheet, or
/// one word that is repeated among amounts.
fn are_markers(evidence: &Evidence<'_>, markers: &[usize], numbers: &[Option<Number>]) -> bool {
    let amounts = numbers.iter().flatten().count();
    let is_marker = |&i: &usize| {
        let cell = evidence.levels[i].as_str();
        let sign = !cell.contains(char::is_alphanumeric);
        let digits = cell.contains(|c: char| c.is_ascii_digit());
        let word = !digits && evidence.counts[i] > 1 && amounts >= NUMBERS_BESIDE_A_WORD;
        sign || is_spreadsheet_error(cell) || (word && markers.len() == 1)
    };
    markers.len() <= MOST_MARKERS && markers.iter().all(is_marker)
}

fn is_spreadsheet_error(cell: &str) -> bool {
    const ERRORS: [&str; 7] = [
        "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#NULL!", "#N/A!",
    ];
    ERRORS.contains(&cell)
}

/// Why plain numbers are codes, if they are.
fn code(evidence: &Evidence<'_>, numbers: &[Option<Number>]) -> Option<String> {
    let cells = || {
        evidence
            .levels
            .iter()
            .zip(numbers)
            .filter(|(_, n)| n.is_some())
    };
    if let Some((cell, _)) = cells().find(|(cell, _)| is_inexact(cell)) {
        return Some(format!(
            "{} has more digits than a number keeps",
            quote(cell)
        ));
    }
    let zero = cells().find(|(cell, _)| is_code(cell))?.0;
    let with_zero = evidence.rows_where(|i| numbers[i].is_some() && is_code(&evidence.levels[i]));
    let digits = |cell: &str| cell.bytes().all(|b| b.is_ascii_digit());
    let one_width = cells().all(|(cell, _)| digits(cell) && cell.len() == zero.len());
    let most = 2 * with_zero > evidence.rows_where(|i| numbers[i].is_some());
    let why = || format!("{} has leading zeros, as in codes", quote(zero));
    (most || one_width).then(why)
}

fn as_found(
    evidence: &Evidence<'_>,
    notation: Notation,
    numbers: &[Option<Number>],
    read: usize,
) -> Reading {
    let all = || numbers.iter().flatten();
    let mut marks: Vec<String> = all()
        .flat_map(|number| &number.symbols)
        .map(|&symbol| symbol.to_owned())
        .collect();
    marks.sort_unstable();
    marks.dedup();
    // The cell that shows most.
    let shows = |number: &Number| {
        2 * number.symbols.len() + usize::from(number.grouped) + usize::from(number.fractional)
    };
    let cells = evidence.levels.iter().zip(numbers);
    let shown = cells.filter_map(|(cell, number)| Some((cell, number.as_ref()?)));
    let best = shown.rev().max_by_key(|(_, number)| shows(number));
    let why = best.map_or(String::new(), |(cell, number)| {
        let (value, rows) = (number_text(number.value), evidence.rows());
        match value == *cell {
            true => format!("{read} of {rows} cells are"),
            false => format!("{} is {value}; {read} of {rows} cells are so", quote(cell)),
        }
    });
    Reading {
        decimal: match all().any(|number| number.fractional || number.grouped) {
            true => notation.decimal,
            false => '.',
        },
        thousands: notation
            .thousands
            .filter(|_| all().any(|number| number.grouped)),
        marks,
        ..Reading::of(ReadAs::Numbers, why)
    }
}
