//! Whether a column of text is one of numbers, on the evidence of all its cells.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::cell::{Number, is_amount, number};
use super::evidence::Evidence;
use super::markers::are_markers;
use super::notation::Notation;
use super::stored::{ReadAs, Reading};
use crate::csv::builder::is_code;
use crate::error::quote;
use crate::table::{ColumnData, number_text};
use crate::text::whole;

/// With fewer there is no telling.
const VALUES_TO_JUDGE: usize = 20;
/// So many different texts show whether it is worth to look at all.
const PROBE: usize = 300;

/// With fewer different amounts, two units may be two kinds.
const UNITS_TO_JUDGE: usize = 5;
/// At most one row in so many is no amount by mistake.
const ROWS_PER_ODD: usize = 20;

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
    let notation = notation(evidence, hints);
    // A sign that is set is not that of columns where all cells have the other one.
    let is_set = hints.decimal.is_some() || hints.thousands.is_some();
    let reads_all = |one: Notation| {
        evidence
            .levels
            .iter()
            .all(|cell| number(cell, one).is_some())
    };
    let notation = match is_set && !notation.is_some_and(reads_all) && reads_all(Notation::PLAIN) {
        true => Notation::PLAIN,
        false => notation?,
    };
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
        || !are_markers(evidence, &markers, numbers.len() - markers.len())
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

/// The numbers of a column, whatever stands around them: NaN where a cell is none, and no values where none
/// may be one.
pub(crate) fn amounts(data: &ColumnData, likely: Option<char>) -> Cow<'_, [f64]> {
    let text = match data {
        ColumnData::Numeric(numbers) => return Cow::Borrowed(numbers),
        ColumnData::Text(text) => text,
        ColumnData::Time(_) | ColumnData::Block(_) => return Cow::default(),
    };
    let hints = Hints {
        likely,
        ..Hints::default()
    };
    let value = |cell: &str, notation| number(cell, notation).map_or(f64::NAN, |one| one.value);
    match notation(&Evidence::of(text), hints) {
        Some(notation) => text
            .map_levels(f64::NAN, |cell| value(cell, notation))
            .into(),
        None => Cow::default(),
    }
}

/// A cell with the unit of most and one with another or none, where nearly all cells are numbers.
pub fn two_units<'a>(evidence: &Evidence<'a>) -> Option<[&'a str; 2]> {
    let notation = notation(evidence, Hints::default())?;
    let levels = evidence.levels;
    let all: Vec<Option<Number>> = levels.iter().map(|cell| number(cell, notation)).collect();
    let odd = evidence.rows_where(|i| all[i].is_none());
    if levels.len() < UNITS_TO_JUDGE || ROWS_PER_ODD * odd > evidence.rows() {
        return None;
    }
    let mut most = all.clone();
    one_unit(evidence, &mut most);
    let one = most
        .iter()
        .position(|one| one.as_ref().is_some_and(|one| !one.units.is_empty()))?;
    let other = (0..levels.len()).find(|&i| all[i].is_some() && most[i].is_none())?;
    Some([&levels[one], &levels[other]])
}

/// Two cells that are numbers in two notations, where nearly all cells are numbers in one of some.
pub fn two_notations<'a>(evidence: &Evidence<'a>) -> Option<[&'a str; 2]> {
    let levels = evidence.levels;
    let is_none = |cell: &&String| !is_amount(cell);
    // Most texts are no numbers at all.
    let probe = levels.iter().take(PROBE);
    if levels.len() < VALUES_TO_JUDGE
        || 20 * probe.filter(is_none).count() > levels.len().min(PROBE)
    {
        return None;
    }
    let in_notation = |one: Notation| levels.iter().position(|cell| number(cell, one).is_none());
    let one = &levels[in_notation(Notation::PLAIN)?];
    let other = levels
        .iter()
        .find(|cell| cell.contains('.') && number(cell, Notation::PLAIN).is_some())?;
    let both = levels.iter().all(|cell| is_amount(cell)) && one.contains(',');
    both.then_some([one, other])
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
    let reads = |one: &Notation, cell: &String| number(cell, *one).is_some();
    candidates.retain(|one| {
        let probe = evidence.levels.iter().take(probed);
        4 * probe.filter(|cell| reads(one, cell)).count() >= probed
    });
    let mut best = (0, None);
    for one in candidates {
        let rows = evidence.rows_where(|i| reads(&one, &evidence.levels[i]));
        if rows > best.0 {
            best = (rows, Some(one));
        }
    }
    best.1
}

/// Among several units (some with `%` and some without, `$` beside `€`) only the most frequent one
/// is of numbers, and 0, which is the same in all.
fn one_unit(evidence: &Evidence<'_>, numbers: &mut [Option<Number>]) {
    let mut rows: BTreeMap<Vec<&str>, usize> = BTreeMap::new();
    for (number, count) in numbers.iter().zip(evidence.counts()) {
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
            .is_some_and(|number| number.value != 0.0 && Some(number.units.clone()) != most)
        {
            *number = None;
        }
    }
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
    let is_inexact = |number: &Option<Number>| number.as_ref().is_some_and(|one| one.inexact);
    if let Some((cell, _)) = cells().find(|(_, number)| is_inexact(number)) {
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
        let value = number_text(number.value);
        let [read, rows] = [read, evidence.rows()].map(whole);
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
