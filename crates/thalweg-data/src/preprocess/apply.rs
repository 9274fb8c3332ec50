//! Applying a fitted preprocessing to a table: columns are found by name, checked, and written row by row
//! into one dense matrix.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use thalweg::dataset::{Dataset, Features, Targets, Values};

use super::fit::{check_block, check_finite, truths};
use super::{Encoding, InputColumn, Numeric, Preprocessing};
use crate::error::{Error, Note, Place, Result, did_you_mean, quote, quote_list};
use crate::table::{Block, Column, ColumnData, MISSING, Table, TextColumn, number_text, truth};
use crate::target::{Task, not_a_number};

/// Rows that are written together: few enough for the cache, enough to go down each column in runs.
const ROW_BLOCK: usize = 256;

/// Floating-point type of dense features.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dtype {
    /// Single precision. Images of bytes stay bytes.
    #[default]
    F32,
    /// Double precision.
    F64,
}

/// A raw column of a table bound to its encoding.
enum Bound<'a> {
    Numbers(Cow<'a, [f64]>, &'a Numeric),
    /// For each row of the table the input that is 1.
    OneHot(Vec<u32>, usize),
    Image(&'a Block, f64, f64),
    Matrix(&'a Block, &'a [Option<Numeric>]),
}

impl Preprocessing {
    /// The network's inputs for `rows` of a raw table, whose columns may come in any order. Notes name
    /// columns that are not used.
    ///
    /// # Errors
    /// When columns are missing, images have another size, or a numeric column holds text or infinities.
    pub fn features(
        &self,
        table: &Table,
        rows: &[usize],
        dtype: Dtype,
    ) -> Result<(Features, Vec<Note>)> {
        let columns = self.columns_of(table)?;
        let mut notes = Vec::new();
        let used = |name: &str| columns.iter().any(|column| column.name == name);
        let extra: Vec<&str> = (table.names())
            .filter(|name| !used(name) && !self.is_no_feature(name))
            .collect();
        if !extra.is_empty() {
            let text = format!(
                "{}: columns that the model does not know are ignored: {}",
                Place::file(&table.file),
                quote_list(extra)
            );
            notes.push(Note::info(text));
        }
        let width = self.input_width();
        if let (
            [
                InputColumn {
                    encoding: Encoding::Image { scale, offset, .. },
                    ..
                },
            ],
            [column],
            Dtype::F32,
        ) = (self.inputs.as_slice(), columns.as_slice(), dtype)
            && let ColumnData::Block(block) = &column.data
            && let Values::U8 { bytes, .. } = &block.values
            && block.width() == width
        {
            let bytes = gather(bytes, width, rows);
            let (scale, offset) = (*scale as f32, *offset as f32);
            let values = Values::U8 {
                bytes,
                scale,
                offset,
            };
            return Ok((Features { width, values }, notes));
        }
        let mut bound = Vec::with_capacity(columns.len());
        for (input, column) in self.inputs.iter().zip(columns) {
            bound.push(bind(table, column, &input.encoding, rows)?);
        }
        let values = match dtype {
            Dtype::F32 => Values::F32(dense(&bound, width, rows, |x| {
                (x as f32).clamp(f32::MIN, f32::MAX)
            })?),
            Dtype::F64 => Values::F64(dense(&bound, width, rows, |x| x.clamp(f64::MIN, f64::MAX))?),
        };
        Ok((Features { width, values }, notes))
    }

    /// Features and targets of `rows`, to evaluate on: regression targets standardized, row weights where
    /// the table has them.
    ///
    /// # Errors
    /// As [`Self::features`] and [`crate::Target::encode`].
    pub fn dataset(
        &self,
        table: &Table,
        rows: &[usize],
        dtype: Dtype,
    ) -> Result<(Dataset, Vec<Note>)> {
        let (features, notes) = self.features(table, rows, dtype)?;
        let mut targets = self.target.encode(table, rows)?;
        if let (Targets::Values { width, values }, Task::Regression) =
            (&mut targets, self.target.task)
        {
            for row in values.chunks_mut((*width).max(1)) {
                for (value, scaling) in row.iter_mut().zip(&self.target_scaling) {
                    *value = (*value - scaling.mean) / scaling.deviation;
                }
            }
        }
        let weights = self.row_weights(table, rows)?;
        Ok((
            Dataset {
                features,
                targets,
                weights,
            },
            notes,
        ))
    }

    /// As [`Self::dataset`], with the class weights multiplied into the row weights: the rows to train on.
    ///
    /// # Errors
    /// As [`Self::dataset`], and when all weights are 0.
    pub fn training_dataset(
        &self,
        table: &Table,
        rows: &[usize],
        dtype: Dtype,
    ) -> Result<(Dataset, Vec<Note>)> {
        let (mut dataset, notes) = self.dataset(table, rows, dtype)?;
        if let (Some(of_class), Targets::Classes(classes)) = (&self.class_weights, &dataset.targets)
        {
            let weights = dataset
                .weights
                .get_or_insert_with(|| vec![1.0; classes.len()]);
            for (weight, &class) in weights.iter_mut().zip(classes) {
                *weight *= of_class.get(class as usize).copied().unwrap_or(1.0) as f32;
            }
        }
        if let (Some(name), Some(weights)) = (&self.sample_weight, &dataset.weights)
            && !weights.iter().any(|&weight| weight > 0.0)
        {
            let place = table.place().column(name);
            return Err(Error::invalid(
                place,
                "no weight above 0",
                "rows that count",
            ));
        }
        Ok((dataset, notes))
    }

    fn row_weights(&self, table: &Table, rows: &[usize]) -> Result<Option<Vec<f32>>> {
        let column = self
            .sample_weight
            .as_ref()
            .and_then(|name| table.column(name));
        let Some(column) = column else {
            return Ok(None);
        };
        let fail = |row: usize| {
            let found = column
                .text(row)
                .map_or("a missing value".to_owned(), |text| quote(&text));
            Error::invalid(
                table.cell(row, &column.name),
                found,
                "a weight: a finite number ≥ 0",
            )
            .remedy("correct the cell or choose another --sample-weight")
        };
        let ColumnData::Numeric(numbers) = &column.data else {
            return Err(not_a_number(table, column).unwrap_or_else(|| fail(0)));
        };
        let fits = |row: &usize| numbers[*row] >= 0.0 && (numbers[*row] as f32).is_finite();
        match rows.iter().find(|row| !fits(row)) {
            Some(&row) => Err(fail(row)),
            None => Ok(Some(rows.iter().map(|&row| numbers[row] as f32).collect())),
        }
    }

    /// The raw column of each input.
    fn columns_of<'a>(&self, table: &'a Table) -> Result<Vec<&'a Column>> {
        let by_name: HashMap<&str, &Column> = table
            .columns
            .iter()
            .map(|column| (column.name.as_str(), column))
            .collect();
        let is_block = |column: &&Column| matches!(column.data, ColumnData::Block(_));
        // Formats name their only block differently (`pixels`, `X`); it is the same thing.
        if let (
            [
                InputColumn {
                    encoding: Encoding::Image { .. } | Encoding::Matrix { .. },
                    ..
                },
            ],
            [block],
        ) = (
            self.inputs.as_slice(),
            table
                .columns
                .iter()
                .filter(is_block)
                .collect::<Vec<_>>()
                .as_slice(),
        ) {
            return Ok(vec![block]);
        }
        let mut columns = Vec::with_capacity(self.inputs.len());
        let mut absent = Vec::new();
        for input in &self.inputs {
            match by_name.get(input.name.as_str()) {
                Some(column) => columns.push(*column),
                None => absent.push(input.name.as_str()),
            }
        }
        let Some(first) = absent.first() else {
            return Ok(columns);
        };
        let unknown = table
            .names()
            .filter(|name| self.inputs.iter().all(|input| input.name != *name));
        let suggestion = did_you_mean(first, unknown);
        let found = format!(
            "{} columns without {}",
            table.columns.len(),
            quote_list(absent.iter().copied())
        );
        let expected = "every column that the model was trained on";
        Err(
            Error::invalid(table.place(), found, expected).remedy(match suggestion.as_str() {
                "" => "add the columns, or give a file like the training file",
                suggestion => suggestion,
            }),
        )
    }
}

fn bind<'a>(
    table: &Table,
    column: &'a Column,
    encoding: &'a Encoding,
    rows: &[usize],
) -> Result<Bound<'a>> {
    let mismatch = |found: String, expected: String| {
        let place = table.place().column(&column.name);
        Err(Error::invalid(place, found, expected).remedy("give data like those of the training"))
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
            None => Ok(Bound::Numbers(Cow::Owned(parsed(text)), numeric)),
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
        (Encoding::Categorical { levels }, ColumnData::Text(text)) => {
            let slot = slots(levels);
            let of_level: Vec<u32> = text.levels.iter().map(|level| slot(level)).collect();
            let other = levels.len() as u32;
            let of_code = |&code: &u32| of_level.get(code as usize).copied().unwrap_or(other);
            Ok(Bound::OneHot(
                text.codes.iter().map(of_code).collect(),
                levels.len() + 1,
            ))
        }
        (Encoding::Categorical { levels }, ColumnData::Numeric(numbers)) => {
            let slot = slots(levels);
            let mut known: HashMap<u64, u32> = HashMap::new();
            let of_number =
                |x: &f64| *(known.entry(x.to_bits())).or_insert_with(|| slot(&number_text(*x)));
            Ok(Bound::OneHot(
                numbers.iter().map(of_number).collect(),
                levels.len() + 1,
            ))
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

/// The numbers that a text column spells, NaN elsewhere.
fn parsed(text: &TextColumn) -> Vec<f64> {
    let of_level: Vec<f64> = text
        .levels
        .iter()
        .map(|l| l.parse().unwrap_or(f64::NAN))
        .collect();
    let number = |&code: &u32| of_level.get(code as usize).copied().unwrap_or(f64::NAN);
    text.codes.iter().map(number).collect()
}

/// The input of a category's text; the last for all others.
fn slots(levels: &[String]) -> impl Fn(&str) -> u32 {
    debug_assert!((levels.len() as u64) < u64::from(MISSING));
    let other = levels.len() as u32;
    let index: HashMap<&str, u32> = levels.iter().map(String::as_str).zip(0..).collect();
    move |text| index.get(text).copied().unwrap_or(other)
}

fn gather<T: Copy>(values: &[T], width: usize, rows: &[usize]) -> Vec<T> {
    let mut gathered = Vec::with_capacity(rows.len() * width);
    for &row in rows {
        gathered.extend_from_slice(&values[row * width..(row + 1) * width]);
    }
    gathered
}

/// Writes all inputs of all rows, row-major.
fn dense<T: Copy + Default>(
    bound: &[Bound<'_>],
    width: usize,
    rows: &[usize],
    convert: impl Fn(f64) -> T,
) -> Result<Vec<T>> {
    let mut values = Vec::new();
    let count = rows.len().checked_mul(width);
    if count.is_none_or(|count| values.try_reserve_exact(count).is_err()) {
        let found = format!(
            "{} rows of {width} inputs, which do not fit into memory",
            rows.len()
        );
        return Err(Error::invalid(Place::default(), found, "fewer of them")
            .remedy("leave out text columns of many categories, or use fewer rows"));
    }
    values.resize(rows.len() * width, T::default());
    let one = convert(1.0);
    for (rows, values) in rows
        .chunks(ROW_BLOCK)
        .zip(values.chunks_mut((ROW_BLOCK * width).max(1)))
    {
        let mut first = 0;
        for bound in bound {
            let outputs = values.chunks_mut(width.max(1)).map(|row| &mut row[first..]);
            let each = rows.iter().zip(outputs);
            match bound {
                Bound::Numbers(numbers, numeric) => {
                    for (&row, output) in each {
                        write(output, numbers[row], numeric, &convert, one);
                    }
                    first += numeric.width();
                }
                Bound::OneHot(slots, count) => {
                    for (&row, output) in each {
                        output[slots[row] as usize] = one;
                    }
                    first += count;
                }
                Bound::Image(block, scale, offset) => {
                    let count = block.width();
                    for (&row, output) in each {
                        for (j, output) in output.iter_mut().take(count).enumerate() {
                            *output = convert(block.value(row * count + j) * scale + offset);
                        }
                    }
                    first += count;
                }
                Bound::Matrix(block, places) => {
                    for (&row, output) in each {
                        let mut at = 0;
                        for (j, numeric) in places.iter().enumerate() {
                            if let Some(numeric) = numeric {
                                let x = block.value(row * places.len() + j);
                                write(&mut output[at..], x, numeric, &convert, one);
                                at += numeric.width();
                            }
                        }
                    }
                    first += places.iter().flatten().map(Numeric::width).sum::<usize>();
                }
            }
        }
    }
    Ok(values)
}

#[inline]
fn write<T: Copy>(output: &mut [T], x: f64, numeric: &Numeric, convert: impl Fn(f64) -> T, one: T) {
    output[0] = convert(numeric.apply(x));
    if numeric.indicator && x.is_nan() {
        output[1] = one;
    }
}
