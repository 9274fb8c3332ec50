//! From a cache to datasets on disk: what `prepare` does, with memory for some columns at a time.
//!
//! The rows of a cache are the rows of a table in the same order, so the split and everything that is fitted are the
//! same, to the last bit. Held for all rows are their parts, and the values of a column of which a median is taken.

use std::fs::File;
use std::path::Path;

use super::on_disk::{Placed, Sink};
use super::rows_of_cache::{PARTS, RowsOfCache, rows_where};
use super::{PrepareOptions, usable, without};
use crate::cache::Cache;
use crate::error::{Error, Location, Note, Result};
use crate::ingest::usual_block;
use crate::part::Part;
use crate::preprocess::{Dtype, Preprocessing, Scaling};
use crate::split::{Split, group_numbers};
use crate::table::Table;
use crate::target::Target;
use thalweg_core::dataset::Dataset;

/// Bytes of a sample, and the most of its rows.
const SAMPLE_BYTES: usize = 8 << 20;
const SAMPLE_ROWS: usize = 50_000;
/// Blocks of rows that an epoch holds: two windows, and one that is read ahead.
const BLOCKS: u64 = 24;

/// Refuses rows of a table as the network sees them, by their cells.
pub type Check<'a> = dyn Fn(&Preprocessing, &Dataset, &Table) -> Result<()> + 'a;

/// How rows are kept on disk.
#[derive(Clone)]
pub struct Streaming<'a> {
    /// Rows of a block, those of the order of the rows; none for about 1 MiB.
    pub block_rows: Option<usize>,
    /// Bytes of memory that may be taken, about.
    pub memory: u64,
    /// Where files go.
    pub folder: &'a Path,
    /// Whether training rows are read from the device in every epoch, and leave nothing in the system's page cache.
    pub direct: bool,
    /// What a run does not take, which each block is looked at for.
    pub check: &'a Check<'a>,
}

/// Parts of a table that does not fit into memory.
#[derive(Debug)]
pub struct Streamed {
    /// Raw columns to network inputs and back.
    pub preprocessing: Preprocessing,
    /// The rows to train on, on disk.
    pub train: Placed,
    /// The rows to validate on.
    pub validation: Option<Placed>,
    /// The rows for the final test.
    pub test: Option<Placed>,
    /// Which rows these are, of parts in memory alone.
    pub split: Split,
    /// Whether validation rows, and test rows, have a table of their own.
    pub own: [bool; 2],
    /// The group of each validation row, counted from 0, where rows have groups.
    pub validation_groups: Option<Vec<usize>>,
    /// Rows of a block.
    pub block_rows: usize,
    /// Bytes of the blocks that an epoch holds at once, about.
    pub held: u64,
    /// What the user should know.
    pub notes: Vec<Note>,
}

/// Chooses the target, splits, fits the preprocessing, and writes the training rows to disk; validation and test rows
/// too, where they are more than a quarter of the memory. `validation` and `test` are tables of their own.
///
/// # Errors
/// As [`prepare`](super::prepare), and if files cannot be written.
pub fn prepare_streamed(
    cache: Cache<File>,
    fitted: Option<&Preprocessing>,
    [validation, test]: [Option<&Table>; 2],
    options: &PrepareOptions,
    how: &Streaming,
) -> Result<Streamed> {
    let mut notes = Vec::new();
    let mut rows = RowsOfCache::new(cache)?;
    let target = rows.divide(fitted, [validation, test], options, &mut notes)?;
    rows.hold_columns(&target, fitted, options, how.memory);
    let preprocessing = match fitted {
        Some(fitted) => fitted.clone(),
        None => {
            let (fitted, more) =
                Preprocessing::fit(&rows, target, &without(&options.fit, &options.split))?;
            notes.extend(more);
            fitted
        }
    };
    let row_bytes = rows.input_bytes(&preprocessing, options.dtype);
    let block_rows = how.block_rows.unwrap_or_else(|| usual_block(row_bytes));
    let [train, own_validation, own_test] =
        rows.write(&preprocessing, options.dtype, how, block_rows, row_bytes)?;
    let train = train
        .ok_or_else(|| Error::invalid(Location::default(), "no training rows", "at least one"))?;
    let train_rows = rows.part_of.counts()[0];
    let split = Split {
        train: Vec::new(),
        validation: rows.held(1, own_validation.as_ref()),
        test: rows.held(2, own_test.as_ref()),
    };
    let own = [validation, test].map(|table| table.is_some());
    let own_groups = |own: &Table| group_numbers(own, &own.all_rows(), &options.split);
    let validation_groups = validation.map_or(rows.validation_groups.take(), own_groups);
    let mut part = |own: Option<&Table>, drawn, name| match own {
        None => Ok(drawn),
        Some(table) => {
            let to = (name, options.dtype, how.check);
            in_memory(&preprocessing, table, to, &mut notes).map(Some)
        }
    };
    let validation = part(validation, own_validation, PARTS[1])?;
    let test = part(test, own_test, PARTS[2])?;
    Ok(Streamed {
        preprocessing,
        train,
        validation,
        test,
        split,
        own,
        validation_groups,
        block_rows,
        held: (BLOCKS * block_rows as u64).min(2 * train_rows as u64) * row_bytes,
        notes,
    })
}

/// The rows of a table of its own.
fn in_memory(
    preprocessing: &Preprocessing,
    table: &Table,
    (name, dtype, check): (&'static str, Dtype, &Check),
    notes: &mut Vec<Note>,
) -> Result<Placed> {
    let (weights, targets) = (
        preprocessing.sample_weight.as_deref(),
        &preprocessing.target.columns,
    );
    let table = usable(
        table,
        weights,
        targets,
        Some(preprocessing.classes()),
        notes,
    )?;
    let bound = preprocessing.bind(&table)?;
    notes.extend(bound.notes(&[]));
    let rows = bound.dataset(Part::new(name, table.all_rows()), dtype)?;
    check(preprocessing, &rows, &table)?;
    Ok(Placed::InMemory(rows))
}

impl RowsOfCache {
    /// Bytes of a row as the network sees it, about; of sparse rows those that one has in the cache.
    fn input_bytes(&self, preprocessing: &Preprocessing, dtype: Dtype) -> u64 {
        let value = if dtype == Dtype::F64 { 8 } else { 4 };
        match preprocessing.is_sparse() {
            true => self.cache.borrow().row_bytes(),
            false => preprocessing.input_width() as u64 * value + 12,
        }
    }

    /// Decides how many columns are fitted in a pass.
    fn hold_columns(
        &mut self,
        target: &Target,
        fitted: Option<&Preprocessing>,
        options: &PrepareOptions,
        memory: u64,
    ) {
        let weights = fitted.map_or_else(
            || {
                options
                    .fit
                    .sample_weight
                    .as_ref()
                    .or(self.schema.roles.weights.as_ref())
                    .cloned()
            },
            |fitted| fitted.sample_weight.clone(),
        );
        self.always = self.indices(target.columns.iter().chain(&weights).map(String::as_str));
        /// Of counting digits.
        const COUNTING: u64 = 6 << 20;
        let rows = self.part_of.rows() as u64;
        let bytes = match (&weights, options.fit.scaling) {
            (Some(_), _) => 16 * rows,
            (None, Scaling::Quantile) => 8 * rows,
            _ => COUNTING.min(8 * rows),
        };
        self.at_once = (memory / 2 / bytes.max(1)).clamp(1, 1 << 16) as usize;
    }

    /// The rows of a part, if it is in memory.
    fn held(&self, part: u8, placed: Option<&Placed>) -> Vec<usize> {
        match placed {
            Some(Placed::InMemory(_)) => self.part_of.rows_of(part),
            // A sample has no numbers.
            _ => Vec::new(),
        }
    }

    /// Writes the rows of every part.
    fn write(
        &self,
        preprocessing: &Preprocessing,
        dtype: Dtype,
        how: &Streaming,
        block_rows: usize,
        row_bytes: u64,
    ) -> Result<[Option<Placed>; 3]> {
        let counts = self.part_of.counts();
        let sink = |part: usize, name: &str| match part > 0
            && counts[part] as u64 * row_bytes <= how.memory / 4
        {
            true => Ok(Sink::Memory(None)),
            false => Sink::on_disk((how.folder, how.direct), name, dtype, block_rows),
        };
        let mut sinks = [sink(0, "train")?, sink(1, "validation")?, sink(2, "test")?];
        let most = (SAMPLE_BYTES / row_bytes as usize).clamp(1, SAMPLE_ROWS);
        let mut seen = [0usize; 3];
        self.each_usable(None, &mut |table, parts| {
            let bound = preprocessing.bind(table)?;
            for (part, name) in PARTS.into_iter().enumerate() {
                let rows = rows_where(parts, |of| usize::from(of) == part);
                if rows.is_empty() {
                    continue;
                }
                let stride = counts[part].div_ceil(most);
                let sampled = rows
                    .iter()
                    .enumerate()
                    .filter(|(at, _)| (seen[part] + at).is_multiple_of(stride));
                let sampled: Vec<usize> = sampled.map(|(_, row)| *row).collect();
                seen[part] += rows.len();
                let dataset = |rows: Vec<usize>| -> Result<Dataset> {
                    match part {
                        0 => bound.training_dataset(Part::new(name, rows), dtype),
                        _ => bound.dataset(Part::new(name, rows), dtype),
                    }
                };
                let rows = dataset(rows)?;
                (how.check)(preprocessing, &rows, table)?;
                let sampled = (!sampled.is_empty())
                    .then(|| dataset(sampled))
                    .transpose()?;
                sinks[part].add(rows, sampled)?;
            }
            Ok(())
        })?;
        let [train, validation, test] = sinks;
        Ok([train.finish()?, validation.finish()?, test.finish()?])
    }
}
