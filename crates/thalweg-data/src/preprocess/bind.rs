//! Raw columns of a table bound to their encodings, and checked against them.

use std::borrow::Cow;
use std::collections::HashMap;

use thalweg_core::dataset::Values;
use thalweg_core::sparse::Csr;

use super::column::{check_block, check_finite};
use super::sparse::check_sparse;
use super::{DateParts, Encoding, Numeric};
use crate::csv::builder::{is_code, is_inexact};
use crate::error::{Error, Result, quote};
use crate::reading::date_text;
use crate::stray::spelled_numbers;
use crate::table::{Block, Column, ColumnData, Table, TextColumn, number_text, truth_word};
use crate::target::not_a_number;

/// A raw column of a table bound to its encoding.
pub(super) enum BoundColumn<'a> {
    Numbers(Cow<'a, [f64]>, &'a Numeric),
    /// For each row of the table the input that is 1.
    OneHot(Vec<u32>, usize),
    /// For each row of the table its code.
    Codes(Vec<u32>),
    Dates(&'a [f64], &'a DateParts),
    Image(&'a Block, f64, f64),
    Matrix(&'a Block, &'a [Option<Numeric>]),
    /// The rows, and what multiplies each column, if anything does.
    Sparse(&'a Csr, &'a [f64]),
}

/// Binds a column, or explains why it does not fit its encoding.
pub(super) fn bind<'a>(
    table: &Table,
    column: &'a Column,
    encoding: &'a Encoding,
) -> Result<BoundColumn<'a>> {
    let mismatch = |found: &str, expected: &str| Err(mismatch(table, column, found, expected));
    match (encoding, &column.data) {
        (Encoding::Numeric(numeric), ColumnData::Numeric(numbers)) => {
            check_finite(table, column, numbers)?;
            Ok(BoundColumn::Numbers(Cow::Borrowed(numbers), numeric))
        }
        (Encoding::Numeric(numeric), ColumnData::Text(text)) => match not_a_number(table, column) {
            Some(_) if numeric.zero_one && text.levels.iter().all(|l| truth_word(l).is_some()) => {
                Ok(BoundColumn::Numbers(Cow::Owned(truths(text)), numeric))
            }
            Some(error) => {
                Err(error.remedy("correct the cell; the model knows this column as numeric"))
            }
            None => {
                let numbers = spelled_numbers(text);
                check_finite(table, column, &numbers)?;
                Ok(BoundColumn::Numbers(Cow::Owned(numbers), numeric))
            }
        },
        (Encoding::Boolean(numeric), ColumnData::Text(text)) => {
            let numbers = Cow::Owned(truths(text));
            check_truths(table, column, &numbers)?;
            Ok(BoundColumn::Numbers(numbers, numeric))
        }
        (Encoding::Boolean(numeric), ColumnData::Numeric(numbers)) => {
            check_truths(table, column, numbers)?;
            Ok(BoundColumn::Numbers(Cow::Borrowed(numbers), numeric))
        }
        (Encoding::Date(parts), ColumnData::Time(seconds)) => {
            Ok(BoundColumn::Dates(seconds, parts))
        }
        (_, ColumnData::Block(_)) if !encoding.is_of_blocks() => {
            mismatch("several numbers a row", "one value a row")
        }
        (Encoding::Categorical { levels }, _) => Ok(BoundColumn::OneHot(
            categories(column, levels, |slot| slot),
            levels.len() + 1,
        )),
        (Encoding::Codes { levels }, _) => {
            let other = levels.len() as u32;
            let code = |slot| if slot == other { 0 } else { slot + 1 };
            Ok(BoundColumn::Codes(categories(column, levels, code)))
        }
        (
            Encoding::Image { .. } | Encoding::Matrix { .. } | Encoding::Sparse { .. },
            ColumnData::Block(block),
        ) => bind_block(table, column, block, encoding),
        (Encoding::Image { .. } | Encoding::Matrix { .. } | Encoding::Sparse { .. }, _) => {
            mismatch(
                "one value a row",
                &format!("{} values a row", encoding.width()),
            )
        }
        (Encoding::Date(_), _) => mismatch("values that are no dates", "dates"),
        (_, ColumnData::Time(_)) => mismatch("dates", "numbers, or true and false"),
        (_, ColumnData::Block(_)) => mismatch("several numbers a row", "one value a row"),
    }
}

/// Binds a column of several numbers a row.
fn bind_block<'a>(
    table: &Table,
    column: &Column,
    block: &'a Block,
    encoding: &'a Encoding,
) -> Result<BoundColumn<'a>> {
    let (width, rows) = (block.width(), table.all_rows());
    match encoding {
        Encoding::Image {
            shape,
            scale,
            offset,
        } => {
            if width != encoding.width() {
                let found = format!("rows of shape {:?}", block.shape);
                return Err(mismatch(table, column, &found, &format!("shape {shape:?}")));
            }
            if !matches!(block.values, Values::U8 { .. }) {
                check_block(table, column, block, &rows, true)?;
            }
            Ok(BoundColumn::Image(block, *scale, *offset))
        }
        Encoding::Sparse {
            width: expected,
            scales,
            ..
        } if width == *expected => match block.sparse() {
            Some(rows) => {
                check_sparse(table, column, rows.view())?;
                Ok(BoundColumn::Sparse(rows, scales))
            }
            None => Err(mismatch(table, column, "dense rows", "sparse rows")),
        },
        Encoding::Matrix { places } if width == places.len() => {
            check_block(table, column, block, &rows, false)?;
            Ok(BoundColumn::Matrix(block, places))
        }
        _ => {
            let found = format!("{width} values a row");
            let expected = match encoding {
                Encoding::Matrix { places } => places.len().to_string(),
                Encoding::Sparse { width, .. } => width.to_string(),
                _ => "one value a row".to_owned(),
            };
            Err(mismatch(table, column, &found, &expected))
        }
    }
}

fn mismatch(table: &Table, column: &Column, found: &str, expected: &str) -> Error {
    let location = table.location().column(&column.name);
    Error::invalid(location, found, expected).remedy("give data like those of the training")
}

/// Refuses a cell that is neither true nor false nor missing.
fn check_truths(table: &Table, column: &Column, numbers: &[f64]) -> Result<()> {
    let fits = |x: &f64| *x == 0.0 || *x == 1.0;
    let misfit = |row: &usize| !fits(&numbers[*row]) && column.is_present(*row);
    let Some(row) = (0..numbers.len()).find(misfit) else {
        return Ok(());
    };
    let found = quote(&column.text(row).unwrap_or_default());
    let location = table.cell(row, &column.name);
    let error = Error::invalid(location, found, "true or false, yes or no");
    Err(error.remedy("correct the cell or leave it empty"))
}

/// 1 and 0 for true and false, NaN for missing and any other text.
fn truths(text: &TextColumn) -> Vec<f64> {
    let value = |level: &str| truth_word(level).map_or(f64::NAN, |t| f64::from(u8::from(t)));
    text.map_levels(f64::NAN, value)
}

/// For each row of a column what `of_slot` makes of the index of its category in `levels`; the
/// number of levels stands for all others and for missing values.
fn categories(column: &Column, levels: &[String], of_slot: impl Fn(u32) -> u32) -> Vec<u32> {
    let other = levels.len() as u32;
    let index: HashMap<&str, u32> = levels.iter().map(String::as_str).zip(0..).collect();
    // Programs write 250 as 250.0, and 10^20 as 1e20, too; 00250 is another code, and so is an
    // integer of which f64 lacks digits.
    let is_another = |text: &str| is_code(text) || is_inexact(text.trim_end_matches(".0"));
    let spelled = |text: &str| {
        let number: f64 = text.parse().ok().filter(|_| !is_another(text))?;
        let short = || (number.abs() >= 1e16).then(|| format!("{number:e}"));
        let known = index.get(number_text(number).as_str());
        known.or_else(|| index.get(short()?.as_str()))
    };
    let same_truth = |text: &str| {
        let [a, b] = levels else { return None };
        let (a, b, text) = (truth_word(a)?, truth_word(b)?, truth_word(text)?);
        (a != b).then_some(if text == a { &0 } else { &1 })
    };
    let slot = |text: &str| {
        let known = index.get(text).or_else(|| spelled(text));
        known.or_else(|| same_truth(text)).copied()
    };
    let category = |text: &str| of_slot(slot(text).unwrap_or(other));
    match &column.data {
        ColumnData::Text(text) => text.map_levels(of_slot(other), category),
        ColumnData::Numeric(numbers) => {
            let mut known: HashMap<u64, u32> = HashMap::new();
            let mut of_number = |x: &f64| {
                let of_text = || category(&number_text(*x));
                *known.entry(x.to_bits()).or_insert_with(of_text)
            };
            numbers.iter().map(&mut of_number).collect()
        }
        ColumnData::Time(seconds) => {
            let mut known: HashMap<u64, u32> = HashMap::new();
            let mut of_time = |x: &f64| {
                let of_text = || match x.is_nan() {
                    true => of_slot(other),
                    false => category(&date_text(*x)),
                };
                *known.entry(x.to_bits()).or_insert_with(of_text)
            };
            seconds.iter().map(&mut of_time).collect()
        }
        ColumnData::Block(_) => Vec::new(),
    }
}
