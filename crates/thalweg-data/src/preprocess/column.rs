//! Fitting one column: what it becomes, or why the network does not see it.

use std::fmt;

use thalweg_core::dataset::Values;

use super::{Encoding, FitOptions, Numeric, Scaling};
use crate::error::{Error, Location, Note, Result, quote};
use crate::table::{Block, Column, ColumnData, Kind, Table, TextColumn, truth};
use crate::target::{TargetOptions, target_names};

/// Texts that never repeat in this many rows are identifiers.
const ROWS_TO_JUDGE: usize = 10;
/// Columns of these names that count the rows are identifiers.
const COUNTER_NAMES: [&str; 8] = [
    "id",
    "index",
    "instant",
    "row",
    "no",
    "rownames",
    "unnamed: 0",
    "column_1",
];

/// The most codes of a column: f32 holds every whole number up to this one.
const MOST_CODES: usize = 1 << 24;

/// Why the network does not see a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum LeftOut {
    Constant,
    Empty,
    Identifier,
    RowNumber,
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            LeftOut::Constant => "constant in the training rows",
            LeftOut::Empty => "no value in the training rows",
            LeftOut::Identifier => "every value is a different text",
            LeftOut::RowNumber => "it counts the rows",
        })
    }
}

/// The encoding of a column, or why it is left out.
pub(super) fn encoding(
    table: &Table,
    column: &Column,
    options: &FitOptions,
    rows: &[usize],
    notes: &mut Vec<Note>,
) -> Result<Result<Encoding, LeftOut>> {
    let why = |values: &[f64]| match values.iter().find(|x| !x.is_nan()) {
        None => LeftOut::Empty,
        Some(_) => LeftOut::Constant,
    };
    Ok(match &column.data {
        ColumnData::Numeric(numbers) => {
            check_finite(table, column, numbers)?;
            if counts_rows(&column.name, numbers) {
                return Ok(Err(LeftOut::RowNumber));
            }
            let values: Vec<f64> = rows.iter().map(|&row| numbers[row]).collect();
            let numeric = Numeric::fit(&values, options.scaling);
            numeric.map(Encoding::Numeric).ok_or_else(|| why(&values))
        }
        ColumnData::Text(text) if column.kind() == Kind::Boolean => {
            let truths = truths(text);
            let values: Vec<f64> = rows.iter().map(|&row| truths[row]).collect();
            let numeric = Numeric::fit(&values, Scaling::None).map(|mut numeric| {
                // The median of as many true as false is neither.
                numeric.fill = numeric.fill.floor();
                numeric
            });
            numeric.map(Encoding::Boolean).ok_or_else(|| why(&values))
        }
        ColumnData::Text(text) => categorical(column, text, options, rows, notes)?,
        ColumnData::Block(block) => block_encoding(table, column, block, options, rows)?,
    })
}

/// 1 and 0 for true and false, NaN for missing.
pub(super) fn truths(text: &TextColumn) -> Vec<f64> {
    let value = |level: &String| truth(level).map_or(f64::NAN, |t| f64::from(u8::from(t)));
    let of_level: Vec<f64> = text.levels.iter().map(value).collect();
    let truth = |&code: &u32| of_level.get(code as usize).copied().unwrap_or(f64::NAN);
    text.codes.iter().map(truth).collect()
}

pub(super) fn check_finite(table: &Table, column: &Column, numbers: &[f64]) -> Result<()> {
    match numbers.iter().position(|x| x.is_infinite()) {
        None => Ok(()),
        Some(row) => Err(Error::invalid(
            table.cell(row, &column.name),
            "an infinite value",
            "a finite number",
        )
        .remedy("correct the cell or leave it empty")),
    }
}

/// Whether a column is called like a row number and is one: n, n + 1, n + 2, ….
fn counts_rows(name: &str, numbers: &[f64]) -> bool {
    numbers.len() >= ROWS_TO_JUDGE
        && COUNTER_NAMES
            .iter()
            .any(|word| name.eq_ignore_ascii_case(word))
        && matches!(numbers.first(), Some(0.0 | 1.0))
        && numbers.windows(2).all(|pair| pair[1] == pair[0] + 1.0)
}

/// What fitting would say of the columns of many categories, if all rows were training rows and the target the one that
/// is chosen where none is named.
pub fn notes_on_categories(table: &Table, options: &FitOptions) -> Vec<Note> {
    let mut notes = Vec::new();
    let target = target_names(table, &TargetOptions::default(), &mut Vec::new());
    let target = target.unwrap_or_default();
    let rows = table.all_rows();
    let is_input = |column: &&Column| !target.contains(&column.name);
    for column in table.columns.iter().filter(is_input) {
        if let (ColumnData::Text(text), Kind::Categorical) = (&column.data, column.kind()) {
            // Too many codes for a column are refused where they are made.
            let _ = categorical(column, text, options, &rows, &mut notes);
        }
    }
    notes
}

fn categorical(
    column: &Column,
    text: &TextColumn,
    options: &FitOptions,
    rows: &[usize],
    notes: &mut Vec<Note>,
) -> Result<Result<Encoding, LeftOut>> {
    let mut counts = vec![0usize; text.levels.len()];
    let mut present = 0;
    for &row in rows {
        if let Some(count) = counts.get_mut(text.codes[row] as usize) {
            *count += 1;
            present += 1;
        }
    }
    let mut levels: Vec<(usize, &str)> = (counts.into_iter().zip(&text.levels))
        .filter(|&(count, _)| count > 0)
        .map(|(count, level)| (count, level.as_str()))
        .collect();
    match levels.len() {
        0 => return Ok(Err(LeftOut::Empty)),
        1 if present == rows.len() => return Ok(Err(LeftOut::Constant)),
        n if n == present && n >= ROWS_TO_JUDGE => {
            return Ok(Err(LeftOut::Identifier));
        }
        _ => {}
    }
    if let Some(codes) = codes(column, &levels, options, notes)? {
        return Ok(Ok(codes));
    }
    // The most frequent first; the text decides ties, so that the order of the rows does not matter.
    levels.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
    if levels.len() > options.max_categories {
        notes.push(Note::info(format!(
            "column {} has {} categories: the {} most frequent keep an input each, the rest share one",
            quote(&column.name),
            levels.len(),
            options.max_categories
        )));
        levels.truncate(options.max_categories);
    }
    let mut levels: Vec<String> = levels
        .into_iter()
        .map(|(_, level)| level.to_owned())
        .collect();
    levels.sort_unstable();
    Ok(Ok(Encoding::Categorical { levels }))
}

/// Rows for each category below which a column of codes is worth a run without it. On 8,000 rows whose target did not
/// depend on the column, RMSE rose from 0.221 to 0.248 at 2 rows a category, and from 0.224 to 0.247 at 32; where it did
/// (by 0.3, beside noise of 0.22), it fell from 0.367 to 0.346 at 2, and from 0.367 to 0.252 at
/// 32. So a column of rare categories may well be worth its codes; that cannot be seen without trying.
const FEW_ROWS: usize = 20;

/// The column as codes, if it has enough categories for an embedding. What comes in fewer training rows than it takes
/// is as unknown as what never comes, so that these rows teach the vector of the unknown.
fn codes(
    column: &Column,
    levels: &[(usize, &str)],
    options: &FitOptions,
    notes: &mut Vec<Note>,
) -> Result<Option<Encoding>> {
    let frequent = || (levels.iter()).filter(|(count, _)| *count >= options.embed_least);
    let number = frequent().count();
    if options.embed_above.is_none_or(|limit| number <= limit) {
        return Ok(None);
    }
    check_codes(&column.name, number + 1)?;
    let rows: usize = frequent().map(|(count, _)| count).sum();
    if rows < FEW_ROWS * number {
        let name = quote(&column.name);
        notes.push(Note::info(format!(
            "column {name} has {number} categories with a code, of about {} rows each, which may be memorized: \
             compare with a run that has {name} in `data.fit.drop`",
            (rows as f64 / number as f64).round()
        )));
    }
    let mut levels: Vec<String> = frequent().map(|(_, level)| (*level).to_owned()).collect();
    levels.sort_unstable();
    Ok(Some(Encoding::Codes { levels }))
}

/// Refuses codes that a number of single precision does not hold.
fn check_codes(name: &str, codes: usize) -> Result<()> {
    if codes <= MOST_CODES {
        return Ok(());
    }
    let found = format!("{codes} categories");
    let expected = format!("at most {MOST_CODES}, which single precision represents exactly");
    Err(
        Error::invalid(Location::default().column(name), found, expected)
            .remedy("add the column to `data.fit.drop`, or group its categories"),
    )
}

/// Bytes and tensors of several dimensions are images: one scale for all values. The rows of a matrix are
/// scaled location by location.
fn block_encoding(
    table: &Table,
    column: &Column,
    block: &Block,
    options: &FitOptions,
    rows: &[usize],
) -> Result<Result<Encoding, LeftOut>> {
    let width = block.width();
    let bytes = matches!(block.values, Values::U8 { .. });
    if !bytes {
        check_block(table, column, block, rows, block.shape.len() > 1)?;
    }
    if !bytes && block.shape.len() == 1 {
        let mut places = Vec::with_capacity(width);
        let mut values = vec![0.0; rows.len()];
        for j in 0..width {
            for (value, &row) in values.iter_mut().zip(rows) {
                *value = block.value(row * width + j);
            }
            places.push(Numeric::fit(&values, options.scaling));
        }
        let encoding = Encoding::Matrix { places };
        return Ok(if encoding.width() > 0 {
            Ok(encoding)
        } else {
            Err(LeftOut::Constant)
        });
    }
    let (mut scale, mut offset) = (if bytes { 1.0 / 255.0 } else { 1.0 }, 0.0);
    if options.scaling != Scaling::None {
        let each = || {
            rows.iter()
                .flat_map(|&row| (row * width..(row + 1) * width).map(|i| block.value(i)))
        };
        let n = (rows.len() as f64 * width as f64).max(1.0);
        let mean = each().sum::<f64>() / n;
        let deviation = (each().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt();
        if deviation == 0.0 || !deviation.is_finite() {
            return Ok(Err(LeftOut::Constant));
        }
        (scale, offset) = (1.0 / deviation, -mean / deviation);
    }
    Ok(Ok(Encoding::Image {
        shape: block.shape.clone(),
        scale,
        offset,
    }))
}

/// Refuses infinities, and missing values too where they cannot be filled.
pub(super) fn check_block(
    table: &Table,
    column: &Column,
    block: &Block,
    rows: &[usize],
    missing_too: bool,
) -> Result<()> {
    let width = block.width();
    let bad = |i: usize| {
        let x = block.value(i);
        x.is_infinite() || (missing_too && x.is_nan())
    };
    for &row in rows {
        if let Some(j) = (0..width).find(|j| bad(row * width + j)) {
            let location = table.cell(row, &format!("{}[{j}]", column.name));
            let found = if block.value(row * width + j).is_nan() {
                "NaN"
            } else {
                "an infinite value"
            };
            return Err(
                Error::invalid(location, found, "a finite number").remedy("correct the array")
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_that_single_precision_confuses_are_refused() {
        assert_eq!(((1u32 << 24) + 1) as f32, (1u32 << 24) as f32);
        check_codes("word", 1 << 24).unwrap();
        let error = check_codes("word", (1 << 24) + 1).unwrap_err().to_string();
        assert!(
            error.contains("16777217 categories, expected at most 16777216"),
            "{error}"
        );
    }
}
