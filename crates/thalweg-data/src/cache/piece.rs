//! Some rows of a table with their numbers in the source, and the bytes of them.
//!
//! A directory of segments, each with its length (u64) and CRC-32 (u32), then the CRC-32 of the directory and
//! the number of the piece; then the segments: the rows, and a column each. So a reader takes the columns that
//! it wants, and believes none that is damaged.

use super::column::{decode, encode, values};
use super::growing::Growing;
use super::layout::Columns;
use crate::lines::Lines;
use crate::table::{Column, Table};

/// Bytes of a segment in the directory.
const ENTRY: usize = 12;

/// Rows of a table, in any order.
#[derive(Debug, Clone)]
pub(crate) struct Piece {
    pub table: Table,
    /// The number of each row in the source, counted from 0.
    pub rows: Vec<u32>,
}

impl Piece {
    /// A table whose first row is this one of the source.
    pub fn new(mut table: Table, first: u32) -> Self {
        let rows = (first..first.saturating_add(table.rows as u32)).collect();
        let lines = &mut table.lines;
        lines.get_or_insert_with(|| Lines::rows_from(first.into()));
        Self { table, rows }
    }

    /// Some of its rows.
    pub fn keep(&self, rows: &[usize]) -> Self {
        Self {
            table: self.table.keep(rows),
            rows: rows.iter().map(|&row| self.rows[row]).collect(),
        }
    }

    /// Appends the bytes of the piece with this number.
    pub fn encode(&self, number: u32, to: &mut Vec<u8>) {
        let columns = &self.table.columns;
        let start = to.len();
        let directory = (1 + columns.len()) * ENTRY;
        to.resize(start + directory + 4, 0);
        let mut entries = Vec::with_capacity(directory);
        let mut end = |to: &mut Vec<u8>, from: usize| {
            entries.extend_from_slice(&((to.len() - from) as u64).to_le_bytes());
            entries.extend_from_slice(&crc32fast::hash(&to[from..]).to_le_bytes());
        };
        let from = to.len();
        for (row, &number) in self.rows.iter().enumerate() {
            to.extend_from_slice(&number.to_le_bytes());
            to.extend_from_slice(&(self.table.number(row) as u32).to_le_bytes());
        }
        end(to, from);
        for column in columns {
            let from = to.len();
            encode(&column.data, to);
            end(to, from);
        }
        let checksum = checksum(number, &entries);
        to[start..start + directory].copy_from_slice(&entries);
        to[start + directory..start + directory + 4].copy_from_slice(&checksum.to_le_bytes());
    }
}

/// The checksum of a directory.
fn checksum(number: u32, entries: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&number.to_le_bytes());
    hasher.update(entries);
    hasher.finalize()
}

/// Bytes of the directory of a piece of so many columns.
pub(crate) fn directory_bytes(columns: usize) -> usize {
    (1 + columns) * ENTRY + 4
}

/// The segments of a piece: length and checksum of each, the rows first.
pub(crate) struct Directory(Vec<(u64, u32)>);

impl Directory {
    /// The directory of the piece with this number; none if it is damaged.
    pub fn read(number: u32, bytes: &[u8]) -> Option<Self> {
        let (entries, stored) = bytes.split_last_chunk::<4>()?;
        if checksum(number, entries) != u32::from_le_bytes(*stored) {
            return None;
        }
        let entry = |bytes: &[u8; ENTRY]| {
            let (length, checksum) = bytes.split_first_chunk::<8>()?;
            Some((
                u64::from_le_bytes(*length),
                u32::from_le_bytes(checksum.try_into().ok()?),
            ))
        };
        let entries: Option<Vec<_>> = entries.as_chunks::<ENTRY>().0.iter().map(entry).collect();
        entries.map(Self)
    }

    /// Bytes of all segments; none if no file has as many.
    pub fn length(&self) -> Option<u64> {
        self.0
            .iter()
            .try_fold(0u64, |sum, (length, _)| sum.checked_add(*length))
    }

    /// Where a segment begins behind the directory, and its bytes.
    pub fn place(&self, segment: usize) -> (u64, u64) {
        let before = self.0[..segment].iter().map(|(length, _)| length).sum();
        (before, self.0[segment].0)
    }

    /// Whether the bytes are those of the segment.
    pub fn fits(&self, segment: usize, bytes: &[u8]) -> bool {
        crc32fast::hash(bytes) == self.0[segment].1
    }
}

/// The rows and columns of a piece as they are read.
pub(crate) struct Reading<'a> {
    pub columns: &'a Columns,
    pub rows: usize,
    pub table: Table,
    pub numbers: Vec<u32>,
}

impl<'a> Reading<'a> {
    /// A piece of so many rows without columns.
    pub fn new(file: &str, columns: &'a Columns, rows: usize) -> Self {
        Self {
            table: columns.table(file, rows),
            numbers: Vec::new(),
            columns,
            rows,
        }
    }

    /// Takes the segment of rows, or that of a column; none if it is not one.
    pub fn take(&mut self, segment: usize, bytes: &[u8]) -> Option<()> {
        let Some(column) = segment.checked_sub(1) else {
            let pairs = values(bytes, self.rows, |bytes: [u8; 8]| {
                let pair = u64::from_le_bytes(bytes);
                (pair as u32, (pair >> 32) as u32)
            })?;
            let mut lines = Lines::numbers(self.columns.are_rows);
            (pairs.iter().enumerate())
                .for_each(|(row, (_, line))| lines.push(row, u64::from(*line)));
            self.table.lines = Some(lines);
            self.numbers = pairs.into_iter().map(|(number, _)| number).collect();
            self.table.sources = self.columns.files.of_rows(&self.numbers);
            return Some(());
        };
        let described = &self.columns.all[column];
        let data = decode(bytes, self.rows, described.is_time())?;
        described.fits(&data).then(|| {
            self.table.columns.push(Column {
                name: described.name.clone(),
                data,
            });
        })
    }

    pub fn piece(self) -> Piece {
        Piece {
            table: self.table,
            rows: self.numbers,
        }
    }
}

/// Pieces one after the other.
pub(crate) struct Joined {
    table: Table,
    are_rows: bool,
    columns: Vec<Growing>,
    rows: Vec<u32>,
}

impl Joined {
    /// None yet, of these columns.
    pub fn new(file: &str, columns: &Columns) -> Self {
        Self {
            table: columns.table(file, 0),
            are_rows: columns.are_rows,
            columns: columns.all.iter().map(|_| Growing::default()).collect(),
            rows: Vec::new(),
        }
    }

    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// Adds a piece; whether its columns are of the same kinds.
    #[must_use]
    pub fn add(&mut self, piece: Piece) -> bool {
        let (before, table) = (self.rows.len(), piece.table);
        let lines = self
            .table
            .lines
            .get_or_insert_with(|| Lines::numbers(self.are_rows));
        (0..table.rows).for_each(|row| lines.push(before + row, table.number(row)));
        self.rows.extend(piece.rows);
        match (&mut self.table.sources, table.sources) {
            (Some(all), Some(more)) => all.rows.extend(more.rows),
            (all, more) => *all = more.filter(|_| before == 0),
        }
        let pairs = self.columns.iter_mut().zip(table.columns);
        pairs.fold(true, |fits, (all, column)| all.add(column.data) && fits)
    }

    /// The whole.
    pub fn piece(mut self, columns: &Columns) -> Piece {
        let named = columns.all.iter().zip(self.columns);
        self.table.columns = named
            .map(|(column, data)| Column {
                name: column.name.clone(),
                data: data.finish(),
            })
            .collect();
        self.table.rows = self.rows.len();
        Piece {
            table: self.table,
            rows: self.rows,
        }
    }
}
