//! Rows on their way into a random order: kept on disk by the bucket of their key, taken back a bucket at a time.

use std::io::ErrorKind::UnexpectedEof;
use std::io::{Read, Seek, SeekFrom, Write};

use crate::cache::layout::Columns;
use crate::cache::piece::{Directory, Joined, Piece, Reading, directory_bytes};
use crate::cache::writer::{other_types, unwritable};
use crate::error::{Error, Location, Result};
use crate::shuffled::{Keys, bucket};

/// See the module's text.
pub(super) struct Spill<'a, F> {
    to: F,
    file: &'a str,
    columns: &'a Columns,
    keys: Keys,
    /// Of each bucket, where its pieces begin, and their number and rows.
    pieces: Vec<Vec<(u64, u32, usize)>>,
    at: u64,
    count: u32,
    bytes: Vec<u8>,
}

impl<'a, F: Read + Write + Seek> Spill<'a, F> {
    /// Nothing yet, for an order by this seed.
    pub fn new(to: F, file: &'a str, columns: &'a Columns, seed: u64, buckets: usize) -> Self {
        Self {
            to,
            file,
            columns,
            keys: Keys::new(seed),
            pieces: vec![Vec::new(); buckets.max(1)],
            at: 0,
            count: 0,
            bytes: Vec::new(),
        }
    }

    /// Adds rows.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn add(&mut self, piece: &Piece) -> Result<()> {
        let mut of_bucket: Vec<Vec<usize>> = vec![Vec::new(); self.pieces.len()];
        for (at, &row) in piece.rows.iter().enumerate() {
            of_bucket[bucket(self.keys.of(u64::from(row)), self.pieces.len())].push(at);
        }
        self.bytes.clear();
        for (pieces, rows) in self.pieces.iter_mut().zip(of_bucket) {
            if !rows.is_empty() {
                pieces.push((self.at + self.bytes.len() as u64, self.count, rows.len()));
                piece.keep(&rows).encode(self.count, &mut self.bytes);
                self.count += 1;
            }
        }
        self.at += self.bytes.len() as u64;
        self.to
            .write_all(&self.bytes)
            .map_err(|error| unwritable(self.file, error))
    }

    /// The rows of each bucket in their order.
    ///
    /// # Errors
    /// If they cannot be read, are not what was written, or `visit` fails.
    pub fn each(mut self, mut visit: impl FnMut(Piece) -> Result<()>) -> Result<()> {
        for pieces in std::mem::take(&mut self.pieces) {
            let mut joined = Joined::new(self.file, self.columns);
            for (at, number, rows) in pieces {
                let piece = self.read(at, number, rows)?;
                if !joined.add(piece) {
                    return Err(other_types(self.file));
                }
            }
            let piece = joined.piece(self.columns);
            let mut order: Vec<(u64, u32, usize)> = (piece.rows.iter().zip(0..))
                .map(|(&row, at)| (self.keys.of(u64::from(row)), row, at))
                .collect();
            order.sort_unstable();
            let order: Vec<usize> = order.into_iter().map(|(_, _, at)| at).collect();
            visit(piece.keep(&order))?;
        }
        Ok(())
    }

    fn read(&mut self, at: u64, number: u32, rows: usize) -> Result<Piece> {
        let changed = || {
            let found = "rows on disk that are not those that were written there";
            let expected = "a disk that keeps what it is given";
            let error = Error::invalid(Location::file(self.file), found, expected);
            error.remedy("run it again, or with the cache on another disk")
        };
        let fail = |error: std::io::Error| match error.kind() {
            UnexpectedEof => changed(),
            _ => Error::reading(self.file, error),
        };
        let directory = directory_bytes(self.columns.all.len());
        self.bytes.resize(directory, 0);
        self.to.seek(SeekFrom::Start(at)).map_err(fail)?;
        self.to.read_exact(&mut self.bytes).map_err(fail)?;
        let directory = Directory::read(number, &self.bytes).ok_or_else(changed)?;
        let mut reading = Reading::new(self.file, self.columns, rows);
        for segment in 0..=self.columns.all.len() {
            let (_, length) = directory.place(segment);
            self.bytes.resize(length as usize, 0);
            self.to.read_exact(&mut self.bytes).map_err(fail)?;
            let taken = directory
                .fits(segment, &self.bytes)
                .then(|| reading.take(segment, &self.bytes));
            taken.flatten().ok_or_else(changed)?;
        }
        Ok(reading.piece())
    }
}
