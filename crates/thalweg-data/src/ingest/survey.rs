//! What a first look at a file finds of its columns, by which it is decided how they are read.
//!
//! It keeps the distinct texts of a column, so many at most: how a column is read is decided on these.

use std::collections::HashMap;

use crate::cache::layout::{ColumnInfo, Columns, Kind};
use crate::error::{Error, Note, Result, quote};
use crate::options::ReadOptions;
use crate::reading::{Evidence, Extremes, ReadAs, Readings, Seen, decide};
use crate::table::{ColumnData, Roles, Table};

/// Distinct texts of a column that are kept.
const TEXTS: usize = 1 << 16;

/// All columns of the rows so far.
#[derive(Debug, Default)]
pub(super) struct Survey {
    columns: Vec<Surveyed>,
    decimal: Option<char>,
    has_types: bool,
    pub rows: u64,
}

#[derive(Debug, Default)]
struct Surveyed {
    name: String,
    has_numbers: bool,
    has_texts: bool,
    extremes: Extremes,
    texts: HashMap<String, u32>,
    counts: Vec<usize>,
}

impl Survey {
    /// Adds rows of the same columns, in any order of these.
    ///
    /// # Errors
    /// If they have other columns.
    pub fn add(&mut self, table: &Table) -> Result<()> {
        if self.columns.is_empty() {
            let named = |name: &str| Surveyed {
                name: name.to_owned(),
                ..Surveyed::default()
            };
            self.columns = table.names().map(named).collect();
            (self.decimal, self.has_types) = (table.decimal, table.has_types);
        }
        let known = |name: &&str| self.columns.iter().any(|column| column.name == **name);
        let missing = self
            .columns
            .iter()
            .find(|column| table.column(&column.name).is_none());
        let found = match (missing, table.names().find(|name| !known(name))) {
            (Some(column), _) => format!("no column {}", quote(&column.name)),
            (None, Some(name)) => format!("the column {}", quote(name)),
            (None, None) => String::new(),
        };
        if !found.is_empty() {
            let error = Error::invalid(table.location(), found, "the columns of the file before");
            return Err(error.remedy("give files with the same columns"));
        }
        self.rows += table.rows as u64;
        for surveyed in &mut self.columns {
            match table.column(&surveyed.name).map(|column| &column.data) {
                Some(ColumnData::Numeric(numbers)) => {
                    surveyed.has_numbers |= numbers.iter().any(|x| !x.is_nan());
                    surveyed.extremes.add(numbers);
                }
                Some(ColumnData::Text(text)) => {
                    surveyed.has_texts |= !text.levels.is_empty();
                    surveyed.add_texts(&text.levels, Evidence::of(text).counts());
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The columns, read so.
    pub fn columns(&self, readings: &Readings, are_rows: bool) -> Columns {
        let info = |column: &Surveyed| {
            let kind = match readings.get(&column.name).map(|reading| reading.kind) {
                Some(ReadAs::Text) => Kind::Text,
                Some(ReadAs::Dates) => Kind::Time,
                Some(ReadAs::Numbers) => Kind::Numbers,
                None if column.has_texts => Kind::Text,
                None => Kind::Numbers,
            };
            ColumnInfo {
                name: column.name.clone(),
                kind,
            }
        };
        Columns {
            all: self.columns.iter().map(info).collect(),
            roles: Roles::default(),
            decimal: self.decimal,
            readings: readings.clone(),
            are_rows,
            has_types: self.has_types,
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
        let seen = |column: &Surveyed| match column.has_texts {
            true => Seen::Texts(column.levels(), column.counts.clone()),
            false => Seen::Numbers(column.extremes.clone()),
        };
        let seen = self
            .columns
            .iter()
            .map(|column| (column.name.as_str(), seen(column)));
        let seen: Vec<(&str, Seen)> = seen.collect();
        decide(&seen, self.decimal, options)
    }

    /// Bytes of a row of typed columns in memory.
    pub fn row_bytes(&self) -> u64 {
        let bytes = |column: &Surveyed| if column.has_texts { 4 } else { 8 };
        self.columns.iter().map(bytes).sum::<u64>() + 8
    }
}

impl Surveyed {
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
