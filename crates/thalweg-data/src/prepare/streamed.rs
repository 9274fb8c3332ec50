//! From a cache to datasets on disk: what `prepare` does, with memory for some columns at a time.
//!
//! The rows of a cache are the rows of a table in the same order, so the split and everything that is fitted are the
//! same, to the last bit. Target, weights and what the split looks at are held for all rows; so are the values of a
//! column of which a median is taken.

use std::cell::RefCell;
use std::fs::File;
use std::path::Path;

use super::on_disk::{Placed, Sink};
use super::{PrepareOptions, target_of, usable, weights_and_targets, without};
use crate::cache::Cache;
use crate::error::{Error, Location, Note, Result};
use crate::ingest::usual_block;
use crate::part::Part;
use crate::preprocess::Blocks;
use crate::preprocess::{Dtype, Preprocessing};
use crate::split::{Split, SplitBy, SplitOptions, split, split_table};
use crate::table::{Column, ColumnData, Table};
use crate::target::Target;
use thalweg_core::dataset::Dataset;

/// Names of the parts, and their numbers among the parts of a row.
const PARTS: [&str; 3] = ["training rows", "validation rows", "test rows"];
/// Rows that are in no part.
const NONE: u8 = 3;
/// Bytes of a sample, and the most of its rows.
const SAMPLE_BYTES: usize = 8 << 20;
const SAMPLE_ROWS: usize = 50_000;

/// How rows are kept on disk.
#[derive(Debug, Clone)]
pub struct Streaming<'a> {
    /// Rows of a block, those of the order of the rows; none for about 1 MiB.
    pub block_rows: Option<usize>,
    /// Bytes of memory that may be taken, about.
    pub memory: u64,
    /// Where files go.
    pub folder: &'a Path,
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
    /// Rows of a block.
    pub block_rows: usize,
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
    let (target, split) = rows.divide(fitted, [validation, test], options, &mut notes)?;
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
    let width = preprocessing.input_width() as u64;
    let value = if options.dtype == Dtype::F64 { 8 } else { 4 };
    let row_bytes = width * value + 12;
    let block_rows = how.block_rows.unwrap_or_else(|| usual_block(row_bytes));
    let [train, own_validation, own_test] =
        rows.write(&preprocessing, options.dtype, how, block_rows, row_bytes)?;
    let train = train
        .ok_or_else(|| Error::invalid(Location::default(), "no training rows", "at least one"))?;
    let mut part = |own: Option<&Table>, drawn, name| match own {
        None => Ok(drawn),
        Some(table) => in_memory(&preprocessing, table, name, options.dtype, &mut notes).map(Some),
    };
    let validation = part(validation, own_validation, PARTS[1])?;
    let test = part(test, own_test, PARTS[2])?;
    Ok(Streamed {
        preprocessing,
        train,
        validation,
        test,
        split,
        block_rows,
        notes,
    })
}

/// The rows of a table of its own.
fn in_memory(
    preprocessing: &Preprocessing,
    table: &Table,
    name: &'static str,
    dtype: Dtype,
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
    notes.extend(bound.unused(&[]));
    Ok(Placed::InMemory(
        bound.dataset(Part::new(name, table.all_rows()), dtype)?,
    ))
}

/// The rows of a cache, each in a part.
struct RowsOfCache {
    cache: RefCell<Cache<File>>,
    schema: Table,
    part_of: Vec<u8>,
    /// Columns that every pass reads.
    always: Vec<usize>,
    at_once: usize,
}

impl Blocks for RowsOfCache {
    fn table(&self) -> &Table {
        &self.schema
    }

    fn each(
        &self,
        columns: &[&str],
        visit: &mut dyn FnMut(&Table, &Part<'_>) -> Result<()>,
    ) -> Result<()> {
        let mut wanted = self.indices(columns.iter().copied());
        wanted.extend(&self.always);
        wanted.sort_unstable();
        wanted.dedup();
        self.each_block(Some(&wanted), &mut |table, part_of| {
            let is_training = |row: &usize| part_of[*row] == 0;
            let rows: Vec<usize> = (0..table.rows).filter(is_training).collect();
            visit(table, &Part::new(PARTS[0], rows))
        })
    }

    fn columns_at_once(&self) -> usize {
        self.at_once
    }
}

impl RowsOfCache {
    fn new(mut cache: Cache<File>) -> Result<Self> {
        Ok(Self {
            schema: cache.schema()?,
            cache: RefCell::new(cache),
            part_of: Vec::new(),
            always: Vec::new(),
            at_once: usize::MAX,
        })
    }

    fn indices<'a>(&self, names: impl Iterator<Item = &'a str>) -> Vec<usize> {
        let index = |name: &str| {
            self.schema
                .columns
                .iter()
                .position(|column| column.name == name)
        };
        names.filter_map(index).collect()
    }

    /// Visits the blocks with the parts of their rows.
    fn each_block(
        &self,
        columns: Option<&[usize]>,
        visit: &mut dyn FnMut(&Table, &[u8]) -> Result<()>,
    ) -> Result<()> {
        let (mut cache, mut start) = (self.cache.borrow_mut(), 0);
        for block in 0..cache.blocks() {
            let table = cache.block(block, columns)?;
            visit(&table, &self.part_of[start..start + table.rows])?;
            start += table.rows;
        }
        Ok(())
    }

    /// Chooses the target and decides in which part each row is, by the columns that say so alone.
    fn divide(
        &mut self,
        fitted: Option<&Preprocessing>,
        [validation, test]: [Option<&Table>; 2],
        options: &PrepareOptions,
        notes: &mut Vec<Note>,
    ) -> Result<(Target, Split)> {
        let (weights, names) = weights_and_targets(fitted, &self.schema, options)?;
        if self.schema.columns.len() == names.len() {
            let error = Error::invalid(
                self.schema.location(),
                "only target columns",
                "at least one column of features",
            );
            return Err(error.remedy("choose another target"));
        }
        let looked_at = (names.iter())
            .chain(&weights)
            .chain(options.split.columns())
            .map(String::as_str);
        let looked_at = self.indices(looked_at);
        let all = self.cache.borrow_mut().columns(&looked_at)?;
        let count = all.rows;
        let left = match usable(
            &all,
            weights.as_deref(),
            &names,
            fitted.map(Preprocessing::classes),
            notes,
        )? {
            std::borrow::Cow::Borrowed(_) => None,
            std::borrow::Cow::Owned(left) => Some(left),
        };
        // Of a table without lines, the kept rows have numbers, counted from 1.
        let kept: Option<Vec<u32>> = (left.as_ref()).map(|left| {
            (0..left.rows)
                .map(|row| left.number(row) as u32 - 1)
                .collect()
        });
        let mut table = left.unwrap_or(all);
        // Stands for the features, which are not looked at.
        table.columns.push(Column {
            name: String::new(),
            data: ColumnData::Numeric(Vec::new()),
        });
        let (target, targets) = target_of(fitted, &table, options, notes)?;
        let given = |part: Option<&Table>, fraction| part.map_or(fraction, |_| 0.0);
        let by = SplitOptions {
            test_fraction: given(test, options.split.test_fraction),
            validation_fraction: given(validation, options.split.validation_fraction),
            ..options.split.clone()
        };
        let (mut split, more) = match (&by.by, &by.group) {
            (SplitBy::Random | SplitBy::Ordered, None) => {
                drop(table);
                split(&targets, &by)?
            }
            _ => split_table(&table, &target, &targets, &by)?,
        };
        notes.extend(more);
        self.part_of = vec![NONE; count];
        for (part, rows) in [&split.train, &split.validation, &split.test]
            .into_iter()
            .enumerate()
        {
            for &row in rows {
                let row = kept.as_ref().map_or(row, |kept| kept[row] as usize);
                self.part_of[row] = part as u8;
            }
        }
        split.train = Vec::new();
        if let Some(kept) = &kept {
            let in_cache = |row: &mut usize| *row = kept[*row] as usize;
            let held_out = split.validation.iter_mut().chain(&mut split.test);
            held_out.for_each(in_cache);
        }
        Ok((target, split))
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
        let bytes = self.part_of.len() as u64 * if weights.is_some() { 16 } else { 8 };
        self.at_once = (memory / 2 / bytes.max(1)).clamp(1, 1 << 16) as usize;
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
        let mut counts = [0usize; 4];
        self.part_of
            .iter()
            .for_each(|part| counts[*part as usize] += 1);
        let sink = |part: usize, name: &str| match part > 0
            && counts[part] as u64 * row_bytes <= how.memory / 4
        {
            true => Ok(Sink::Memory(None)),
            false => Sink::on_disk(how.folder, name, block_rows),
        };
        let mut sinks = [sink(0, "train")?, sink(1, "validation")?, sink(2, "test")?];
        let most = (SAMPLE_BYTES / row_bytes as usize).clamp(1, SAMPLE_ROWS);
        let mut seen = [0usize; 3];
        self.each_block(None, &mut |table, part_of| {
            let bound = preprocessing.bind(table)?;
            for (part, name) in PARTS.into_iter().enumerate() {
                let rows: Vec<usize> = (0..table.rows)
                    .filter(|row| part_of[*row] == part as u8)
                    .collect();
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
                let sampled = (!sampled.is_empty())
                    .then(|| dataset(sampled))
                    .transpose()?;
                sinks[part].add(dataset(rows)?, sampled)?;
            }
            Ok(())
        })?;
        let [train, validation, test] = sinks;
        Ok([train.finish()?, validation.finish()?, test.finish()?])
    }
}
