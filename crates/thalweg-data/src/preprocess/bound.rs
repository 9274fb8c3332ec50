//! A fitted preprocessing bound to a table: features, targets and weights of any of its rows.

use std::collections::{HashMap, HashSet};

use thalweg_core::dataset::{Dataset, Features, Targets, Values};
use thalweg_core::memory::prefer_huge_pages;

use super::bind::{BoundColumn, bind};
use super::column::check_single;
use super::dense;
use super::element::Element;
use super::sparse;
use super::target::beyond;
use super::unseen::Unseen;
use super::{Dtype, Encoding, InputColumn, Preprocessing};
use crate::error::{Error, Location, Note, Result, did_you_mean, quote, quote_list};
use crate::part::Part;
use crate::table::{Column, ColumnData, Table, gather};
use crate::target::Task;
use crate::text::whole;
use crate::threads;
use crate::weights::row_weights;

/// A raw table, or a block of one, whose columns are bound to the inputs of a preprocessing.
/// Categories are looked up once for all that is made of its rows.
///
/// Rows are indices below `table.rows`; they may repeat and come in any order.
pub struct Bound<'a> {
    preprocessing: &'a Preprocessing,
    table: &'a Table,
    /// The raw column of each input.
    raw: Vec<&'a Column>,
    columns: Vec<BoundColumn<'a>>,
}

impl Preprocessing {
    /// Binds a raw table, whose columns may come in any order.
    ///
    /// # Errors
    /// When columns are missing, images have another size, or a numeric column holds text or
    /// infinities.
    pub fn bind<'a>(&'a self, table: &'a Table) -> Result<Bound<'a>> {
        let raw = self.columns_of(table)?;
        let inputs = self.inputs.iter().zip(&raw);
        let columns = threads::map(threads::for_rows(table.rows), inputs, |(input, column)| {
            bind(table, column, &input.encoding)
        });
        let columns = columns.into_iter().collect::<Result<_>>()?;
        Ok(Bound {
            preprocessing: self,
            table,
            raw,
            columns,
        })
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
                    encoding:
                        Encoding::Image { .. } | Encoding::Matrix { .. } | Encoding::Sparse { .. },
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
                n => format!("{} columns", whole(n)),
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

impl Bound<'_> {
    /// What should be known of the columns as a whole: which are not used, but for those that are `kept` for another
    /// purpose, and whether sparse ones seem to be shifted.
    pub fn notes(&self, kept: &[String]) -> Vec<Note> {
        let shifted = match (&self.columns[..], &self.preprocessing.inputs[..]) {
            ([BoundColumn::Sparse(all, _)], [input]) => match input.encoding {
                Encoding::Sparse {
                    hashed: false,
                    first: Some(first),
                    ..
                } => sparse::note_on_first(all.view(), first),
                _ => None,
            },
            _ => None,
        };
        self.unused(kept).into_iter().chain(shifted).collect()
    }

    fn unused(&self, kept: &[String]) -> Option<Note> {
        let used: HashSet<&str> = self.raw.iter().map(|column| column.name.as_str()).collect();
        let extra: Vec<&str> = (self.table.names())
            .filter(|name| !used.contains(name) && !self.preprocessing.is_no_feature(name))
            .filter(|name| !kept.iter().any(|kept| kept == name))
            .filter(|name| self.table.roles.names.as_deref() != Some(name))
            .collect();
        let file = Location::file(&self.table.file);
        let text = "columns that the model does not know are ignored:";
        (!extra.is_empty()).then(|| Note::info(format!("{file}: {text} {}", quote_list(extra))))
    }

    /// What is unknown in each categorical column of `rows`.
    pub fn unseen(&self, rows: &[usize]) -> Vec<Unseen> {
        let inputs = self.preprocessing.inputs.iter();
        (inputs.zip(&self.raw).zip(&self.columns))
            .filter_map(|((input, raw), column)| Unseen::find(input, raw, column, rows))
            .collect()
    }

    /// Writes the network's inputs for a block of rows into `values`, row-major.
    ///
    /// # Errors
    /// Names the first cell that is too large to be an input of this type.
    ///
    /// # Panics
    /// If `values` does not hold the inputs of that many rows.
    pub fn write<T: Element>(&self, rows: &[usize], values: &mut [T]) -> Result<()> {
        let width = self.preprocessing.input_width();
        assert_eq!(values.len(), rows.len() * width, "a buffer of another size");
        values.fill(T::default());
        let bad = dense::write(&self.columns, width, rows, values);
        bad.map_or(Ok(()), |at| Err(self.not_finite(rows, at)))
    }

    /// The error for an input that is not finite, at this index of the inputs of `rows`.
    fn not_finite(&self, rows: &[usize], at: usize) -> Error {
        let width = self.preprocessing.input_width().max(1);
        let (row, mut input) = (rows[at / width], at % width);
        let of_input = |(one, _): &(&InputColumn, &&Column)| {
            let inputs = one.encoding.width();
            let is_it = input < inputs;
            input = input.wrapping_sub(inputs);
            is_it
        };
        let mut columns = self.preprocessing.inputs.iter().zip(&self.raw);
        let found = columns.find(of_input).map(|(_, raw)| raw);
        let name = found.map_or("", |raw| raw.name.as_str());
        let cell = found.and_then(|raw| raw.text(row)).unwrap_or_default();
        let expected = "a number that is finite as an input of the network";
        Error::invalid(self.table.cell(row, name), quote(&cell), expected)
            .remedy("correct the cell or leave it empty")
    }

    /// The network's inputs for `rows`. Bytes of images stay bytes if they are to become f32.
    ///
    /// # Errors
    /// When they do not fit into memory.
    pub fn features(&self, rows: &[usize], dtype: Dtype) -> Result<Features> {
        let width = self.preprocessing.input_width();
        if let (Dtype::F32, [BoundColumn::Image(block, scale, offset)]) = (dtype, &self.columns[..])
            && let Values::U8 { bytes, .. } = &block.values
        {
            let values = Values::U8 {
                bytes: gather(bytes, width, rows),
                scale: *scale as f32,
                offset: *offset as f32,
            };
            return Ok(Features { width, values });
        }
        if let [BoundColumn::Sparse(all, scales)] = &self.columns[..] {
            let values = sparse::gather(all.view(), scales, rows, dtype)
                .map_err(|at| self.not_finite(rows, at))?;
            let values = Values::Sparse(values);
            return Ok(Features { width, values });
        }
        let values = match dtype {
            Dtype::F32 | Dtype::Bf16 => Values::F32(self.dense(rows)?),
            Dtype::F64 => Values::F64(self.dense(rows)?),
        };
        Ok(Features { width, values })
    }

    fn dense<T: Element>(&self, rows: &[usize]) -> Result<Vec<T>> {
        let width = self.preprocessing.input_width();
        let count = rows.len().checked_mul(width);
        let is_too_much = |count| Vec::<T>::new().try_reserve_exact(count).is_err();
        if count.is_none_or(is_too_much) {
            let rows = rows.len();
            let [rows, width] = [rows, width].map(whole);
            let found = format!("{rows} rows of {width} inputs, which do not fit into memory");
            return Err(Error::invalid(Location::default(), found, "fewer of them")
                .remedy("leave out text columns of many categories, or use fewer rows"));
        }
        // Zeros of the system: the threads that write pages are the first to touch them.
        let mut values = vec![T::default(); rows.len() * width];
        prefer_huge_pages(&mut values);
        match dense::write(&self.columns, width, rows, &mut values) {
            None => Ok(values),
            Some(at) => Err(self.not_finite(rows, at)),
        }
    }

    /// Features and targets of a part of the table, to evaluate on: regression targets
    /// standardized, row weights where the table has them.
    ///
    /// # Errors
    /// As [`Self::features`] and [`crate::Target::encode`], and when all weights are 0.
    pub fn dataset(&self, part: Part<'_>, dtype: Dtype) -> Result<Dataset> {
        self.weighted(part, dtype, None)
    }

    /// As [`Self::dataset`], with the class weights multiplied into the row weights: the rows to
    /// train on.
    ///
    /// # Errors
    /// As [`Self::dataset`].
    pub fn training_dataset(&self, part: Part<'_>, dtype: Dtype) -> Result<Dataset> {
        if dtype != Dtype::F64 {
            // Scaled they may fit, but by a scale that is theirs alone.
            let threads = threads::for_rows(self.table.rows);
            let raw = self.raw.iter();
            threads::map(threads, raw, |column| check_single(self.table, column))
                .into_iter()
                .collect::<Result<()>>()?;
        }
        self.weighted(part, dtype, self.preprocessing.class_weights.as_deref())
    }

    fn weighted(
        &self,
        part: Part<'_>,
        dtype: Dtype,
        class_weights: Option<&[f64]>,
    ) -> Result<Dataset> {
        let features = self.features(&part.rows, dtype)?;
        let mut targets = match part.targets {
            Some(targets) => targets,
            None => self.preprocessing.target.encode(self.table, &part.rows)?,
        };
        if let (Targets::Values { width, values }, Task::Regression) =
            (&mut targets, self.preprocessing.task())
        {
            self.scale_targets(&part.rows, *width, values)?;
            self.check_targets(&part.rows, *width, values, dtype)?;
            // A target stands there once for each of its quantiles.
            let each = self.preprocessing.target.each();
            if each > 1 {
                let repeat = |y: &f64| std::iter::repeat_n(*y, each);
                *values = values.iter().flat_map(repeat).collect();
                *width *= each;
            }
        }
        let name = self.preprocessing.sample_weight.as_deref();
        let mut weights = row_weights(self.table, name, &part.rows)?;
        if let (Some(of_class), Targets::Classes(classes)) = (class_weights, &targets) {
            let weights = weights.get_or_insert_with(|| vec![1.0; classes.len()]);
            for (weight, &class) in weights.iter_mut().zip(classes) {
                *weight *= of_class.get(class as usize).copied().unwrap_or(1.0) as f32;
            }
        }
        self.check_weights(part.name, weights.as_deref())?;
        Ok(Dataset {
            features,
            targets,
            weights,
        })
    }

    /// Regression targets of `rows` to what the network learns.
    fn scale_targets(&self, rows: &[usize], width: usize, values: &mut [f64]) -> Result<()> {
        let Preprocessing {
            target,
            target_scaling,
            ..
        } = self.preprocessing;
        for (&row, values) in rows.iter().zip(values.chunks_mut(width.max(1))) {
            for ((value, scaling), name) in
                (values.iter_mut().zip(target_scaling)).zip(&target.columns)
            {
                if !scaling.curve.takes(*value) {
                    return Err(beyond(&scaling.curve, self.table, row, name, *value));
                }
                *value = scaling.apply(*value);
            }
        }
        Ok(())
    }

    /// Refuses a target that is too large for the network.
    fn check_targets(
        &self,
        rows: &[usize],
        width: usize,
        values: &[f64],
        dtype: Dtype,
    ) -> Result<()> {
        let fits = |x: &f64| match dtype {
            // One of several that is missing.
            _ if x.is_nan() => true,
            Dtype::F64 => x.is_finite(),
            Dtype::F32 | Dtype::Bf16 => (*x as f32).is_finite(),
        };
        let Some(at) = values.iter().position(|x| !fits(x)) else {
            return Ok(());
        };
        let row = rows[at / width.max(1)];
        let name = &self.preprocessing.target.columns[at % width.max(1)];
        let cell = self.table.column(name).and_then(|column| column.text(row));
        let expected = "a number that is finite as a target of the network";
        let error = Error::invalid(
            self.table.cell(row, name),
            quote(&cell.unwrap_or_default()),
            expected,
        );
        Err(error.remedy("correct the cell or remove the row"))
    }

    /// Refuses a part of which no row counts.
    fn check_weights(&self, part: &str, weights: Option<&[f32]>) -> Result<()> {
        let (Some(name), Some(weights)) = (&self.preprocessing.sample_weight, weights) else {
            return Ok(());
        };
        if weights.is_empty() || weights.iter().any(|&weight| weight > 0.0) {
            return Ok(());
        }
        let location = self.table.location().column(name);
        let found = format!("a weight of 0 for all {part} ({})", weights.len());
        let error = Error::invalid(location, found, "at least one weight above 0");
        let remedy = "correct the weights, choose other rows or another `data.fit.sample_weight`";
        Err(error.remedy(remedy))
    }
}
