//! What a first look at a file finds of its columns, by which it is decided how they are read.
//!
//! It keeps the distinct texts of a column, so many at most: how a column is read is decided on these.

use std::collections::HashMap;

use super::several::Several;
use crate::cache::layout::{ColumnInfo, Columns, Kind};
use crate::error::{Error, Note, Result, quote};
use crate::lines::{Files, Lines};
use crate::options::{ExpectedColumns, ReadOptions};
use crate::reading::{Evidence, Extremes, ReadAs, Reading, Readings, Seen, decide};
use crate::table::{ColumnData, Roles, Table};

/// Distinct texts of a column that are kept.
const TEXTS: usize = 1 << 16;

/// All columns of the rows so far.
#[derive(Debug, Default)]
pub(super) struct Survey {
    columns: Vec<Surveyed>,
    /// Whether a piece may lack columns, as of JSON, whose rows name what they have.
    pub may_lack: bool,
    roles: Roles,
    decimal: Option<char>,
    has_types: bool,
    are_rows: bool,
    pub rows: u64,
    /// The first row of each file.
    files: Vec<(u64, String)>,
}

#[derive(Debug, Default)]
struct Surveyed {
    name: String,
    has_numbers: bool,
    has_texts: bool,
    has_times: bool,
    /// How the format says that it is read.
    known: Option<Reading>,
    extremes: Extremes,
    texts: HashMap<String, u32>,
    counts: Vec<usize>,
    several: Option<Several>,
}

impl Survey {
    /// No rows yet; pieces of a format with types may lack columns or not.
    pub fn new(may_lack: bool) -> Self {
        Self {
            may_lack,
            ..Self::default()
        }
    }

    /// Adds rows of the same columns, in any order of these.
    ///
    /// # Errors
    /// If they have other columns.
    pub fn add(&mut self, table: &Table) -> Result<()> {
        if self.columns.is_empty() {
            (self.decimal, self.has_types) = (table.decimal, table.has_types);
            self.roles = table.roles.clone();
            self.are_rows = table.lines.as_ref().is_none_or(Lines::are_rows);
        }
        let is_first = self.columns.is_empty();
        for name in table.names() {
            let is_known = self.columns.iter().any(|column| column.name == name);
            if !is_known && (is_first || self.may_lack) {
                self.columns.push(Surveyed {
                    name: name.to_owned(),
                    ..Surveyed::default()
                });
            } else if !is_known {
                return Err(misfit(table, format!("the column {}", quote(name))));
            }
        }
        let mut missing = self.columns.iter().map(|column| &column.name);
        if let Some(name) = missing.find(|name| !self.may_lack && table.column(name).is_none()) {
            return Err(misfit(table, format!("no column {}", quote(name))));
        }
        if self
            .files
            .last()
            .is_none_or(|(_, last)| *last != table.file)
        {
            self.files.push((self.rows, table.file.clone()));
        }
        self.rows += table.rows as u64;
        for surveyed in &mut self.columns {
            if let Some(column) = table.column(&surveyed.name) {
                surveyed.add(&column.data).map_err(|expected| {
                    let location = table.location().column(&surveyed.name);
                    let error = Error::invalid(location, "values of another kind", expected);
                    error.remedy("write the column in one way in all rows")
                })?;
                let known = table.readings.get(&surveyed.name);
                surveyed.known = surveyed.known.take().or_else(|| known.cloned());
            }
        }
        Ok(())
    }

    /// How a libsvm file is read again: as sparse rows of all its columns, or as a table of these.
    pub fn sparse(&self, options: &ReadOptions) -> Option<ExpectedColumns> {
        let mut columns = self.columns.iter();
        let Some(Several::Sparse(seen)) = columns.find_map(|column| column.several.as_ref()) else {
            return None;
        };
        let stays = match (options.sparse, options.hash_columns) {
            (Some(stays), _) => stays,
            (None, Some(_)) => true,
            (None, None) => seen.is_much_less(self.rows),
        };
        let names = self.columns.iter().map(|column| column.name.clone());
        Some(match stays {
            true => ExpectedColumns {
                names: names.collect(),
                sparse: Some(seen.width),
                ..ExpectedColumns::default()
            },
            false => ExpectedColumns {
                names: seen.columns().map(|column| column.to_string()).collect(),
                ..ExpectedColumns::default()
            },
        })
    }

    /// The columns, read so.
    pub fn columns(&self, readings: &Readings) -> Columns {
        let info = |column: &Surveyed| {
            let reading = readings.get(&column.name).map(|reading| reading.kind);
            let kind = match (&column.several, reading) {
                (Some(several), _) => several.kind(),
                (None, Some(ReadAs::Text)) => Kind::Text,
                (None, Some(ReadAs::Dates)) => Kind::Time,
                (None, Some(ReadAs::Numbers)) => Kind::Numbers,
                (None, None) if column.has_texts => Kind::Text,
                (None, None) => Kind::Numbers,
            };
            ColumnInfo {
                name: column.name.clone(),
                kind,
            }
        };
        Columns {
            all: self.columns.iter().map(info).collect(),
            roles: self.roles.clone(),
            decimal: self.decimal,
            readings: readings.clone(),
            are_rows: self.are_rows,
            has_types: self.has_types,
            files: match &self.files[..] {
                [_] => Files::default(),
                several => several.to_vec().into(),
            },
        }
    }

    /// The columns that were numbers in some rows and text in others, which are read again as they are spelled.
    pub fn mixed(&self) -> Vec<String> {
        let mixed = self
            .columns
            .iter()
            .filter(|column| column.has_numbers && column.has_texts);
        mixed.map(|column| column.name.clone()).collect()
    }

    /// The columns of text.
    pub fn texts(&self) -> Vec<String> {
        let texts = self.columns.iter().filter(|column| column.has_texts);
        texts.map(|column| column.name.clone()).collect()
    }

    /// How columns are read that are more than plain numbers or text.
    ///
    /// # Errors
    /// If the options name a column in two ways, or one that is not there.
    pub fn readings(&self, options: &ReadOptions) -> Result<(Readings, Vec<Note>)> {
        let seen = |column: &Surveyed| match (&column.known, column.has_times) {
            (Some(known), _) => Seen::Known(known.clone()),
            (None, true) => Seen::Known(Reading::of(ReadAs::Dates, "the format says so")),
            _ if column.has_texts => Seen::Texts(column.levels(), column.counts.clone()),
            _ => Seen::Numbers(column.extremes.clone()),
        };
        let single = self
            .columns
            .iter()
            .filter(|column| column.several.is_none());
        let seen = single.map(|column| (column.name.as_str(), seen(column)));
        let seen: Vec<(&str, Seen)> = seen.collect();
        decide(&seen, self.decimal, self.has_types, options)
    }

    /// Bytes of a row of typed columns in memory.
    pub fn row_bytes(&self) -> u64 {
        let bytes = |column: &Surveyed| match &column.several {
            Some(several) => several.row_bytes(self.rows),
            None if column.has_texts => 4,
            None => 8,
        };
        self.columns.iter().map(bytes).sum::<u64>() + 8
    }
}

/// The error for other columns than in the pieces before.
fn misfit(table: &Table, found: String) -> Error {
    let error = Error::invalid(table.location(), found, "the columns of the file before");
    error.remedy("give files with the same columns")
}

impl Surveyed {
    /// Adds values, or says what is expected.
    fn add(&mut self, data: &ColumnData) -> Result<(), &'static str> {
        match data {
            ColumnData::Numeric(numbers) => {
                self.has_numbers |= numbers.iter().any(|x| !x.is_nan());
                self.extremes.add(numbers);
            }
            ColumnData::Text(text) => {
                self.has_texts |= !text.levels.is_empty();
                self.add_texts(&text.levels, Evidence::of(text).counts());
            }
            ColumnData::Time(_) => self.has_times = true,
            ColumnData::Block(block) => match &mut self.several {
                Some(several) => several.add(block)?,
                none => *none = Some(Several::of(block)),
            },
        }
        let is_single = self.has_numbers || self.has_texts || self.has_times;
        match self.several.is_some() && is_single {
            true => Err("single values in all rows or lists in all rows"),
            false => Ok(()),
        }
    }

    fn add_texts(&mut self, levels: &[String], counts: &[usize]) {
        for (level, count) in levels.iter().zip(counts) {
            if let Some(code) = self.texts.get(level) {
                self.counts[*code as usize] += count;
            } else if self.counts.len() < TEXTS {
                self.texts.insert(level.clone(), self.counts.len() as u32);
                self.counts.push(*count);
            }
        }
    }

    /// The texts in the order of their first appearance.
    fn levels(&self) -> Vec<String> {
        let mut levels: Vec<(&u32, &String)> =
            self.texts.iter().map(|(text, code)| (code, text)).collect();
        levels.sort_unstable();
        levels.into_iter().map(|(_, text)| text.clone()).collect()
    }
}
