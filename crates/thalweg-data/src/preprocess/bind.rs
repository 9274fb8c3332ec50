//! Raw columns of a table bound to their encodings, and checked against them.

use std::borrow::Cow;
use std::collections::HashMap;

use super::column::{check_block, check_finite, truths};
use super::{Encoding, Numeric};
use crate::error::{Error, Result, quote};
use crate::odd::spelled_numbers;
use crate::table::{Block, Column, ColumnData, Table, number_text, truth};
use crate::target::not_a_number;

/// A raw column of a table bound to its encoding.
pub(super) enum Bound<'a> {
    Numbers(Cow<'a, [f64]>, &'a Numeric),
    /// For each row of the table the input that is 1.
    OneHot(Vec<u32>, usize),
    /// For each row of the table its code.
    Codes(Vec<u32>),
    Image(&'a Block, f64, f64),
    Matrix(&'a Block, &'a [Option<Numeric>]),
}

/// Binds a column, or explains why it does not fit its encoding.
pub(super) fn bind<'a>(
    table: &Table,
    column: &'a Column,
    encoding: &'a Encoding,
    rows: &[usize],
) -> Result<Bound<'a>> {
    let mismatch = |found: String, expected: String| {
        let location = table.location().column(&column.name);
        Err(Error::invalid(location, found, expected)
            .remedy("give data like those of the training"))
    };
    match (encoding, &column.data) {
        (Encoding::Numeric(numeric), ColumnData::Numeric(numbers)) => {
            check_finite(table, column, numbers)?;
            Ok(Bound::Numbers(Cow::Borrowed(numbers), numeric))
        }
        (Encoding::Numeric(numeric), ColumnData::Text(text)) => match not_a_number(table, column) {
            Some(error) => {
                Err(error.remedy("correct the cell; the model knows this column as numeric"))
            }
            None => {
                let numbers = spelled_numbers(text);
                check_finite(table, column, &numbers)?;
                Ok(Bound::Numbers(Cow::Owned(numbers), numeric))
            }
        },
        (Encoding::Boolean(numeric), ColumnData::Text(text)) => {
            let unknown = text.levels.iter().position(|level| truth(level).is_none());
            let row =
                unknown.and_then(|level| text.codes.iter().position(|&c| c as usize == level));
            if let Some(row) = row {
                let found = quote(&column.text(row).unwrap_or_default());
                return Err(Error::invalid(
                    table.cell(row, &column.name),
                    found,
                    "true or false, yes or no",
                )
                .remedy("correct the cell or leave it empty"));
            }
            Ok(Bound::Numbers(Cow::Owned(truths(text)), numeric))
        }
        (Encoding::Boolean(numeric), ColumnData::Numeric(numbers)) => {
            let fits = |x: &f64| x.is_nan() || *x == 0.0 || *x == 1.0;
            if let Some(row) = numbers.iter().position(|x| !fits(x)) {
                let found = quote(&column.text(row).unwrap_or_default());
                return Err(Error::invalid(
                    table.cell(row, &column.name),
                    found,
                    "true or false, yes or no",
                ));
            }
            Ok(Bound::Numbers(Cow::Borrowed(numbers), numeric))
        }
        (Encoding::Categorical { levels }, ColumnData::Text(_) | ColumnData::Numeric(_)) => Ok(
            Bound::OneHot(categories(column, levels, |slot| slot), levels.len() + 1),
        ),
        (Encoding::Codes { levels }, ColumnData::Text(_) | ColumnData::Numeric(_)) => {
            let other = levels.len() as u32;
            let code = |slot| if slot == other { 0 } else { slot + 1 };
            Ok(Bound::Codes(categories(column, levels, code)))
        }
        (
            Encoding::Image {
                shape,
                scale,
                offset,
            },
            ColumnData::Block(block),
        ) => {
            if block.width() != encoding.width() {
                return mismatch(
                    format!("rows of shape {:?}", block.shape),
                    format!("shape {shape:?}"),
                );
            }
            check_block(table, column, block, rows, true)?;
            Ok(Bound::Image(block, *scale, *offset))
        }
        (Encoding::Matrix { places }, ColumnData::Block(block)) => {
            if block.width() != places.len() {
                return mismatch(
                    format!("{} values a row", block.width()),
                    places.len().to_string(),
                );
            }
            check_block(table, column, block, rows, false)?;
            Ok(Bound::Matrix(block, places))
        }
        (_, ColumnData::Block(_)) => mismatch(
            "several numbers a row".to_owned(),
            "one value a row".to_owned(),
        ),
        (Encoding::Image { .. } | Encoding::Matrix { .. }, _) => mismatch(
            "one value a row".to_owned(),
            format!("{} values a row", encoding.width()),
        ),
    }
}

/// For each row of a column what `of_slot` makes of the index of its category in `levels`; the number of levels stands
/// for all others and for missing values.
fn categories(column: &Column, levels: &[String], of_slot: impl Fn(u32) -> u32) -> Vec<u32> {
    let slot = slots(levels);
    match &column.data {
        ColumnData::Text(text) => {
            let of_level: Vec<u32> = text.levels.iter().map(|l| of_slot(slot(l))).collect();
            let other = of_slot(levels.len() as u32);
            let of_code = |&code: &u32| of_level.get(code as usize).copied().unwrap_or(other);
            text.codes.iter().map(of_code).collect()
        }
        ColumnData::Numeric(numbers) => {
            let mut known: HashMap<u64, u32> = HashMap::new();
            let mut of_number = |x: &f64| {
                let of_text = || of_slot(slot(&number_text(*x)));
                *known.entry(x.to_bits()).or_insert_with(of_text)
            };
            numbers.iter().map(&mut of_number).collect()
        }
        ColumnData::Block(_) => Vec::new(),
    }
}

/// The input of a category's text; the last for all others.
fn slots(levels: &[String]) -> impl Fn(&str) -> u32 {
    let other = levels.len() as u32;
    let index: HashMap<&str, u32> = levels.iter().map(String::as_str).zip(0..).collect();
    move |text| index.get(text).copied().unwrap_or(other)
}
