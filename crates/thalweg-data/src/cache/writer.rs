//! Writing a cache: blocks of rows as they come, the header last.

use std::io::{Seek, SeekFrom, Write};

use super::layout::{Columns, Description, HEADER, Header};
use super::piece::{Joined, Piece};
use crate::error::{Error, Location, Result};

/// Writes rows into a cache, which is one only after [`Writer::finish`].
pub(crate) struct Writer<'a, W> {
    to: W,
    file: &'a str,
    columns: &'a Columns,
    described: Vec<u8>,
    block_rows: usize,
    /// Rows of the block that is not full yet.
    left: Joined,
    index: Vec<u8>,
    blocks: u32,
    rows: u64,
    at: u64,
    bytes: Vec<u8>,
}

impl<'a, W: Write + Seek> Writer<'a, W> {
    /// Begins a file.
    ///
    /// # Errors
    /// If writing fails.
    pub fn new(mut to: W, file: &'a str, description: &'a Description) -> Result<Self> {
        let described =
            serde_json::to_vec(description).map_err(|error| unwritable(file, error.into()))?;
        // No file that can be read before it is finished.
        to.write_all(&[0; HEADER])
            .and_then(|()| to.write_all(&described))
            .map_err(|error| unwritable(file, error))?;
        Ok(Self {
            at: (HEADER + described.len()) as u64,
            to,
            file,
            columns: &description.columns,
            described,
            block_rows: description.block_rows.max(1),
            left: Joined::new(file, &description.columns),
            index: Vec::new(),
            blocks: 0,
            rows: 0,
            bytes: Vec::new(),
        })
    }

    /// Appends rows.
    ///
    /// # Errors
    /// If they have other columns, or writing fails.
    pub fn write(&mut self, piece: Piece) -> Result<()> {
        let whole = match self.left.rows() {
            0 => piece,
            _ => {
                let left = std::mem::replace(&mut self.left, Joined::new(self.file, self.columns));
                let mut left = left;
                self.add(&mut left, piece)?;
                left.piece(self.columns)
            }
        };
        let count = whole.rows.len();
        let mut start = 0;
        while count - start >= self.block_rows {
            let rows: Vec<usize> = (start..start + self.block_rows).collect();
            self.block(&whole.keep(&rows))?;
            start += self.block_rows;
        }
        if start < count {
            let rows: Vec<usize> = (start..count).collect();
            let mut left = Joined::new(self.file, self.columns);
            self.add(&mut left, whole.keep(&rows))?;
            self.left = left;
        }
        Ok(())
    }

    fn add(&self, joined: &mut Joined, piece: Piece) -> Result<()> {
        match joined.add(piece) {
            true => Ok(()),
            false => Err(other_types(self.file)),
        }
    }

    fn block(&mut self, piece: &Piece) -> Result<()> {
        self.bytes.clear();
        piece.encode(self.blocks, &mut self.bytes);
        self.to
            .write_all(&self.bytes)
            .map_err(|error| unwritable(self.file, error))?;
        self.index.extend_from_slice(&self.at.to_le_bytes());
        self.index
            .extend_from_slice(&(piece.rows.len() as u32).to_le_bytes());
        self.blocks += 1;
        self.rows += piece.rows.len() as u64;
        self.at += self.bytes.len() as u64;
        Ok(())
    }

    /// Ends the file, and gives back what it was written to.
    ///
    /// # Errors
    /// If writing fails.
    pub fn finish(mut self) -> Result<W> {
        if self.left.rows() > 0 {
            let left = std::mem::replace(&mut self.left, Joined::new(self.file, self.columns));
            self.block(&left.piece(self.columns))?;
        }
        let header = Header {
            rows: self.rows,
            index: self.at,
            description: self.described.len() as u32,
            blocks: self.blocks,
        };
        let header = header.bytes(&[&self.described, &self.index]);
        (self.to.write_all(&self.index))
            .and_then(|()| self.to.seek(SeekFrom::Start(0)))
            .and_then(|_| self.to.write_all(&header))
            .and_then(|()| self.to.flush())
            .map_err(|error| unwritable(self.file, error))?;
        Ok(self.to)
    }
}

/// The error for rows of columns of several types, as of a source that changes.
pub(crate) fn other_types(file: &str) -> Error {
    let found = "rows whose columns have other types than those before";
    let error = Error::invalid(Location::file(file), found, "one type a column");
    error.remedy("run it again when nothing writes to the source")
}

/// The error for a cache that cannot be written.
pub(crate) fn unwritable(file: &str, error: std::io::Error) -> Error {
    let found = format!("a place that cannot be written ({error})");
    let error = Error::invalid(Location::file(file), found, "room for a cache");
    error.remedy("free space there, or choose another place")
}

/// The bytes of a cache of a few rows.
#[cfg(test)]
pub(crate) fn example() -> Vec<u8> {
    use super::origin::Origin;
    use crate::table::{Column, ColumnData, Table};

    let columns = [
        ("a", ColumnData::Numeric(vec![1.0, 2.5, -3e4])),
        ("b", ColumnData::texts(["x, y", "?", "z"])),
        ("c", ColumnData::texts(["yes", "no", "yes"])),
    ];
    let columns = columns.map(|(name, data)| Column {
        name: name.to_owned(),
        data,
    });
    let table = Table::without_lines("t".to_owned(), 3, columns.to_vec());
    let description = Description {
        columns: Columns::of(&table),
        block_rows: 2,
        shuffle: None,
        origin: Origin::default(),
    };
    let mut writer = Writer::new(std::io::Cursor::new(Vec::new()), "t", &description).unwrap();
    writer.write(Piece::new(table, 0)).unwrap();
    writer.finish().unwrap().into_inner()
}
