//! Applying a fitted preprocessing to a table: features, targets and weights of any selection of rows.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use thalweg_core::dataset::{Dataset, Features, Targets, Values};
use thalweg_core::memory::prefer_huge_pages;

use super::bind::{Bound, bind};
use super::dense::dense;
use super::{Dtype, Encoding, FitOptions, InputColumn, Preprocessing};
use crate::error::{Error, Location, Note, Result, did_you_mean, quote, quote_list};
use crate::odd::spelled_numbers;
use crate::table::{Column, ColumnData, Table};
use crate::target::{Task, not_a_number};

impl Preprocessing {
    /// The network's inputs for `rows` of a raw table, whose columns may come in any order. Notes name
    /// columns that are not used.
    ///
    /// Rows are indices below `table.rows`; they may repeat and come in any order.
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
        let used: HashSet<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        let extra: Vec<&str> = (table.names())
            .filter(|name| !used.contains(name) && !self.is_no_feature(name))
            .collect();
        if !extra.is_empty() {
            let text = format!(
                "{}: columns that the model does not know are ignored: {}",
                Location::file(&table.file),
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
            Dtype::F32 | Dtype::Bf16 => Values::F32(dense(&bound, width, rows, |x| {
                (x as f32).clamp(f32::MIN, f32::MAX)
            })?),
            Dtype::F64 => Values::F64(dense(&bound, width, rows, |x| x.clamp(f64::MIN, f64::MAX))?),
        };
        Ok((Features { width, values }, notes))
    }

    /// A note for each categorical column with values in `rows` that are no category of the model: they
    /// all count as the category "other".
    ///
    /// # Errors
    /// As [`Self::features`].
    pub fn unseen(&self, table: &Table, rows: &[usize]) -> Result<Vec<Note>> {
        let mut notes = Vec::new();
        for (input, column) in self.inputs.iter().zip(self.columns_of(table)?) {
            let (slots, other) = match bind(table, column, &input.encoding, rows)? {
                Bound::OneHot(slots, count) => (slots, count as u32 - 1),
                Bound::Codes(codes) => (codes, 0),
                _ => continue,
            };
            let is_unseen = |row: &&usize| slots[**row] == other && column.is_present(**row);
            let mut unseen = rows.iter().filter(is_unseen);
            let Some(&first) = unseen.next() else {
                continue;
            };
            let (count, of) = (1 + unseen.count(), rows.len());
            let hold = if count == 1 {
                "holds a value"
            } else {
                "hold values"
            };
            // Of very many categories the rarest are not kept, nor those for which there is one row.
            let why = match &input.encoding {
                Encoding::Categorical { levels }
                    if levels.len() < FitOptions::default().max_categories =>
                {
                    "that training never saw"
                }
                _ => "that training rarely or never saw",
            };
            let noun = if of == 1 { "row" } else { "rows" };
            notes.push(Note::info(format!(
                "column {}: {count} of {of} {noun} {hold} {why}, such as {}",
                quote(&column.name),
                quote(&column.text(first).unwrap_or_default())
            )));
        }
        Ok(notes)
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
        self.check_weights(table, &dataset, "training rows")?;
        Ok((dataset, notes))
    }

    /// Refuses a dataset of which no row counts; `rows` says which rows of the table these are.
    ///
    /// # Errors
    /// When all weights are 0.
    pub fn check_weights(&self, table: &Table, dataset: &Dataset, rows: &str) -> Result<()> {
        let (Some(name), Some(weights)) = (&self.sample_weight, &dataset.weights) else {
            return Ok(());
        };
        if weights.is_empty() || weights.iter().any(|&weight| weight > 0.0) {
            return Ok(());
        }
        let location = table.location().column(name);
        let found = format!("a weight of 0 for all {rows} ({})", weights.len());
        let error = Error::invalid(location, found, "at least one weight above 0");
        Err(error
            .remedy("correct the weights, choose other rows or another `data.fit.sample_weight`"))
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
            .remedy("correct the cell or choose another `data.fit.sample_weight`")
        };
        let numbers = match (&column.data, not_a_number(table, column)) {
            (ColumnData::Numeric(numbers), _) => Cow::Borrowed(numbers.as_slice()),
            (ColumnData::Text(text), None) => Cow::Owned(spelled_numbers(text)),
            (_, error) => return Err(error.unwrap_or_else(|| fail(0))),
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
            "{} without {}",
            match table.columns.len() {
                1 => "1 column".to_owned(),
                n => format!("{n} columns"),
            },
            quote_list(absent.iter().copied())
        );
        let expected = "every column that the model was trained on";
        Err(
            Error::invalid(table.location(), found, expected).remedy(match suggestion.as_str() {
                "" => "add the columns, or give a file like the training file",
                suggestion => suggestion,
            }),
        )
    }
}

fn gather<T: Copy>(values: &[T], width: usize, rows: &[usize]) -> Vec<T> {
    let mut gathered = Vec::with_capacity(rows.len() * width);
    prefer_huge_pages(&mut gathered);
    for &row in rows {
        gathered.extend_from_slice(&values[row * width..(row + 1) * width]);
    }
    gathered
}
