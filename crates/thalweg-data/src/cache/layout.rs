//! The format of a cache file, version 1. All numbers are little-endian.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `thalwegT` |
//! | 4 | version |
//! | 4 | CRC-32 of the next 24 bytes, the description and the index |
//! | 8 | number of rows |
//! | 8 | where the index begins |
//! | 4 | bytes of the description |
//! | 4 | number of blocks |
//! | … | description: JSON |
//! | … | blocks, each a `piece` of rows |
//! | … | index: of each block where it begins (u64) and its rows (u32) |
//!
//! The header is written last: no file is a cache before it is finished.

use serde::{Deserialize, Serialize};
use thalweg_core::dataset::Values;

use super::origin::Origin;
use crate::block::to_f64;
use crate::error::{Error, Result, quote};
use crate::lines::{Files, Lines};
use crate::reading::Readings;
use crate::table::{Block, Column, ColumnData, Roles, Table, text_of_numbers};

pub(crate) const MAGIC: &[u8; 8] = b"thalwegT";
pub(crate) const VERSION: u32 = 1;
/// Bytes of the header.
pub(crate) const HEADER: usize = 40;
/// Bytes of a block in the index.
pub(crate) const ENTRY: usize = 12;

/// The columns of a cache, and what belongs to all of its rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Columns {
    /// In the order of the source.
    pub all: Vec<ColumnInfo>,
    /// Targets and weights, where the format of the source marks them.
    pub roles: Roles,
    /// The decimal sign that the source suggests.
    pub decimal: Option<char>,
    /// How columns were read.
    pub readings: Readings,
    /// Whether rows have numbers in the source, and not lines.
    pub are_rows: bool,
    /// Whether the format of the source has types.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub has_types: bool,
    /// The files of rows that come from several.
    #[serde(default, skip_serializing_if = "Files::is_empty")]
    pub files: Files,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ColumnInfo {
    pub name: String,
    pub kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Numbers,
    Text,
    Time,
    /// Several numbers a row of this shape: `f32`, `f64`, `bytes` or `sparse`.
    Block {
        shape: Vec<usize>,
        values: String,
    },
}

/// What a cache holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Description {
    pub columns: Columns,
    /// Rows of every block but the last.
    pub block_rows: usize,
    /// The seed of the order of the rows; none where it is that of the source.
    pub shuffle: Option<u64>,
    /// What it was made of.
    pub origin: Origin,
}

/// The name of values in the description.
pub(crate) fn name_of(values: &Values) -> &'static str {
    match values {
        Values::F32(_) => "f32",
        Values::F64(_) => "f64",
        Values::U8 { .. } => "bytes",
        Values::Sparse(_) => "sparse",
    }
}

impl ColumnInfo {
    fn of(name: &str, data: &ColumnData) -> Self {
        Self {
            name: name.to_owned(),
            kind: match data {
                ColumnData::Numeric(_) => Kind::Numbers,
                ColumnData::Text(_) => Kind::Text,
                ColumnData::Time(_) => Kind::Time,
                ColumnData::Block(block) => Kind::Block {
                    shape: block.shape.clone(),
                    values: name_of(&block.values).to_owned(),
                },
            },
        }
    }

    pub fn is_time(&self) -> bool {
        self.kind == Kind::Time
    }

    /// Whether the values are of this column.
    pub fn fits(&self, data: &ColumnData) -> bool {
        match (&self.kind, data) {
            (Kind::Numbers, ColumnData::Numeric(_))
            | (Kind::Text, ColumnData::Text(_))
            | (Kind::Time, ColumnData::Time(_)) => true,
            (Kind::Block { shape, values }, ColumnData::Block(block)) => {
                *shape == block.shape && values == name_of(&block.values)
            }
            _ => false,
        }
    }
}

impl Columns {
    /// Values of a row: a column of several counts as many.
    pub fn width(&self) -> usize {
        let width = |column: &ColumnInfo| match &column.kind {
            Kind::Block { shape, .. } => shape.iter().product(),
            Kind::Numbers | Kind::Text | Kind::Time => 1,
        };
        self.all.iter().map(width).sum()
    }

    /// Those of a table.
    pub fn of(table: &Table) -> Self {
        let each = |column: &crate::table::Column| ColumnInfo::of(&column.name, &column.data);
        Self {
            all: table.columns.iter().map(each).collect(),
            roles: table.roles.clone(),
            decimal: table.decimal,
            readings: table.readings.clone(),
            are_rows: table.lines.as_ref().is_none_or(Lines::are_rows),
            has_types: table.has_types,
            files: Files::default(),
        }
    }

    /// A table with the columns in this order.
    ///
    /// # Errors
    /// If a column is missing.
    pub fn arranged(&self, mut table: Table) -> Result<Table> {
        let mut columns = Vec::with_capacity(self.all.len());
        for column in &self.all {
            let Some(at) = table
                .columns
                .iter()
                .position(|other| other.name == column.name)
            else {
                let found = format!("no column {}", quote(&column.name));
                let expected = "the columns of the first pass";
                let error = Error::invalid(table.location(), found, expected);
                return Err(error.remedy("run it again when nothing writes to the file"));
            };
            columns.push(table.columns.swap_remove(at));
        }
        table.columns = columns;
        Ok(table)
    }

    /// Adds the columns that a table of a format with types has not, as missing values.
    pub fn fill_up(&self, table: &mut Table) {
        for info in &self.all {
            if table.column(&info.name).is_none() {
                table.columns.push(Column {
                    name: info.name.clone(),
                    data: ColumnData::Numeric(vec![f64::NAN; table.rows]),
                });
            }
        }
    }

    /// Gives values the types that they have here where they are the same values: missing ones have any, and numbers of a
    /// block may become f64. Columns are in the order that they have here.
    pub fn fit(&self, table: &mut Table) {
        for (info, column) in self.all.iter().zip(&mut table.columns) {
            if info.fits(&column.data) {
                continue;
            }
            let is_missing =
                matches!(&column.data, ColumnData::Numeric(all) if all.iter().all(|x| x.is_nan()));
            let missing = |width: usize| vec![f64::NAN; table.rows * width];
            column.data = match (&info.kind, &column.data) {
                (Kind::Text, _) if is_missing => ColumnData::Text(text_of_numbers(&missing(1))),
                (Kind::Time, _) if is_missing => ColumnData::Time(missing(1)),
                (Kind::Block { shape, .. }, _) if is_missing => ColumnData::Block(Block {
                    values: Values::F64(missing(shape.iter().product())),
                    shape: shape.clone(),
                }),
                (Kind::Block { values, .. }, ColumnData::Block(block)) if values == "f64" => {
                    ColumnData::Block(Block {
                        values: Values::F64(to_f64(&block.values)),
                        shape: block.shape.clone(),
                    })
                }
                (_, _) => continue,
            };
        }
    }

    /// The first column of a table whose values are not of its kind here.
    pub fn misfit<'a>(&self, table: &'a Table) -> Option<&'a str> {
        let mut pairs = self.all.iter().zip(&table.columns);
        pairs
            .find(|(column, other)| !column.fits(&other.data))
            .map(|(_, other)| other.name.as_str())
    }

    /// A table of so many rows that has no columns yet.
    pub fn table(&self, file: &str, rows: usize) -> Table {
        Table {
            roles: self.roles.clone(),
            decimal: self.decimal,
            readings: self.readings.clone(),
            has_types: self.has_types,
            ..Table::without_lines(file.to_owned(), rows, Vec::new())
        }
    }
}

/// The header, as numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub rows: u64,
    pub index: u64,
    pub description: u32,
    pub blocks: u32,
}

/// What the beginning of a file is.
pub(crate) enum Beginning {
    Cache(Header, u32),
    OtherVersion(u32),
    Unfinished,
}

impl Header {
    /// The bytes of a header, with the checksum of what they and `others` are.
    pub fn bytes(&self, others: &[&[u8]]) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[16..24].copy_from_slice(&self.rows.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.index.to_le_bytes());
        bytes[32..36].copy_from_slice(&self.description.to_le_bytes());
        bytes[36..].copy_from_slice(&self.blocks.to_le_bytes());
        let checksum = self.checksum(&bytes, others);
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        bytes[12..16].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// Reads the beginning of a file.
    pub fn read(bytes: &[u8; HEADER]) -> Beginning {
        let number = |at: usize| {
            u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        let long = |at: usize| u64::from(number(at + 4)) << 32 | u64::from(number(at));
        match (bytes.starts_with(MAGIC), number(8)) {
            (false, _) => Beginning::Unfinished,
            (true, VERSION) => Beginning::Cache(
                Self {
                    rows: long(16),
                    index: long(24),
                    description: number(32),
                    blocks: number(36),
                },
                number(12),
            ),
            (true, other) => Beginning::OtherVersion(other),
        }
    }

    /// The checksum of the numbers of a header and what belongs to it.
    pub fn checksum(&self, header: &[u8; HEADER], others: &[&[u8]]) -> u32 {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&header[16..]);
        others.iter().for_each(|bytes| hasher.update(bytes));
        hasher.finalize()
    }
}
