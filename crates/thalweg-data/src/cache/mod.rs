//! Tables on disk: typed columns in blocks of rows, each with its checksums, in the order of the source or in
//! a random one. A cache is made once, in bounded memory, and read by blocks and columns.
//!
//! What is in it is in `layout.rs`; the guarantee of its order, in `shuffled.rs`; how it is made, in `ingest/`.

mod column;
mod growing;
pub(crate) mod layout;
pub(crate) mod origin;
pub(crate) mod piece;
pub(crate) mod writer;

use std::fs::File;
use std::io::ErrorKind::UnexpectedEof;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;

#[cfg(test)]
pub(crate) use writer::example;

use crate::error::{Error, Location, Note, Result, quote};
use crate::lines::Lines;
use crate::table::{Column, Table};
use crate::text::shell_word;
use growing::Growing;
use layout::{Beginning, Columns, Description, ENTRY, HEADER, Header, MAGIC};
use origin::Origin;
use piece::{Directory, Joined, Piece, Reading, directory_bytes};

/// Whether a file is a cache, whole or not.
pub fn is_cache_file(path: &Path) -> bool {
    let mut head = [0; MAGIC.len()];
    let mut read = || File::open(path).and_then(|mut file| file.read_exact(&mut head));
    // The first bytes of a pipe would be lost.
    path.is_file() && read().is_ok() && is_cache(&head)
}

/// The CRC-32 of some bytes, of which names of caches are made.
pub fn checksum(bytes: &[u8]) -> u32 {
    crc32fast::hash(bytes)
}

/// Whether a file that begins so is a cache.
pub(crate) fn is_cache(head: &[u8]) -> bool {
    head.starts_with(MAGIC)
}

/// An open cache. Its blocks are checked when they are read.
#[derive(Debug)]
pub struct Cache<R> {
    from: R,
    /// The file, as the user named it.
    file: String,
    /// What it was made of, if it knows, which messages on its rows name with the lines there.
    source: String,
    description: Description,
    rows: u64,
    /// Where each block begins, and its rows.
    blocks: Vec<(u64, u32)>,
    end: u64,
    bytes: Vec<u8>,
}

/// The source, or the file itself where none is known.
fn named(source: &str, file: &str) -> String {
    let name = if source.is_empty() { file } else { source };
    name.to_owned()
}

impl<R: Read + Seek> Cache<R> {
    /// Opens a cache.
    ///
    /// # Errors
    /// If the file is no cache, of another version, damaged, or shorter than it should be.
    pub fn open(mut from: R, file: &str) -> Result<Self> {
        let damaged = |what: &str| Err(damaged(file, what));
        let reading = |error| Error::reading(file, error);
        let length = from.seek(SeekFrom::End(0)).map_err(reading)?;
        from.seek(SeekFrom::Start(0)).map_err(reading)?;
        let mut header = [0; HEADER];
        if length < HEADER as u64 {
            return damaged("it has no header");
        }
        from.read_exact(&mut header).map_err(reading)?;
        let (numbers, checksum) = match Header::read(&header) {
            Beginning::Cache(numbers, checksum) => (numbers, checksum),
            Beginning::Unfinished => return damaged("it is none, or was never finished"),
            Beginning::OtherVersion(version) => {
                let location = Location::file(file);
                let found = format!("a cache of version {version}");
                let expected = format!("version {}", layout::VERSION);
                return Err(Error::invalid(location, found, expected).remedy(format!(
                    "make it anew with this program, by {}",
                    of_unknown_source(file)
                )));
            }
        };
        let index = u64::from(numbers.blocks) * ENTRY as u64;
        let description = u64::from(numbers.description);
        if HEADER as u64 + description > numbers.index
            || numbers.index.checked_add(index) != Some(length)
        {
            return damaged("its length is not what its header says");
        }
        let mut take = |at: u64, count: u64| {
            let mut bytes = Vec::new();
            from.seek(SeekFrom::Start(at))?;
            from.by_ref().take(count).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        let described = take(HEADER as u64, description).map_err(reading)?;
        let index = take(numbers.index, index).map_err(reading)?;
        if numbers.checksum(&header, &[&described, &index]) != checksum {
            return damaged("the checksum of its header is wrong");
        }
        let Ok(description) = serde_json::from_slice::<Description>(&described) else {
            return damaged("its description cannot be read");
        };
        let entry = |bytes: &[u8; ENTRY]| {
            let [a, b, c, d, e, f, g, h, rest @ ..] = *bytes;
            (
                u64::from_le_bytes([a, b, c, d, e, f, g, h]),
                u32::from_le_bytes(rest),
            )
        };
        let blocks: Vec<(u64, u32)> = index.as_chunks::<ENTRY>().0.iter().map(entry).collect();
        let all: u64 = blocks.iter().map(|(_, rows)| u64::from(*rows)).sum();
        if all != numbers.rows {
            return damaged("its blocks have other rows than it");
        }
        Ok(Self {
            from,
            file: file.to_owned(),
            source: named(&description.origin.source, file),
            description,
            rows: numbers.rows,
            blocks,
            end: numbers.index,
            bytes: Vec::new(),
        })
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows as usize
    }

    /// Number of blocks.
    pub fn blocks(&self) -> usize {
        self.blocks.len()
    }

    /// Rows of a block.
    pub fn block_rows(&self, block: usize) -> usize {
        self.blocks[block].1 as usize
    }

    /// Values of all rows, about.
    pub(crate) fn cells(&self) -> u64 {
        let of_row = |column: &layout::ColumnInfo| match &column.kind {
            layout::Kind::Block { values, .. } if values == "sparse" => self.row_bytes() / 4,
            // A byte is an eighth of a number in a table.
            layout::Kind::Block { shape, values } => {
                let width = shape.iter().map(|n| *n as u64).product::<u64>();
                if values == "bytes" { width / 4 } else { width }
            }
            _ => 1,
        };
        self.rows * self.description.columns.all.iter().map(of_row).sum::<u64>()
    }

    /// Bytes of a row, on average.
    pub fn row_bytes(&self) -> u64 {
        self.end / self.rows.max(1)
    }

    /// Reads all blocks.
    ///
    /// # Errors
    /// As [`Self::block`].
    pub fn check(&mut self) -> Result<()> {
        (0..self.blocks()).try_for_each(|block| self.piece(block, None).map(drop))
    }

    /// The seed of the order of its rows; none where it is that of the source.
    pub fn shuffle(&self) -> Option<u64> {
        self.description.shuffle
    }

    /// Some of its columns.
    pub(crate) fn columns_of(&self, columns: &[usize]) -> Columns {
        let all = &self.description.columns;
        Columns {
            all: columns.iter().map(|at| all.all[*at].clone()).collect(),
            ..all.clone()
        }
    }

    /// What it was made of.
    pub(crate) fn origin(&self) -> &Origin {
        &self.description.origin
    }

    /// A table without rows: its columns, and what belongs to all rows.
    ///
    /// # Errors
    /// If the first block is damaged.
    pub fn schema(&mut self) -> Result<Table> {
        Ok(self.block(0, None)?.keep(&[]))
    }

    /// Whether it is what an ingest of this origin would make: read in the same way, or by the readings that were
    /// decided for it, which the config of a run has.
    pub(crate) fn is_of(&self, origin: &Origin) -> bool {
        let decided = &self.description.columns.readings;
        self.origin().makes_the_same(origin, decided)
    }

    /// What it was made of, and how that has changed since, if it has.
    pub fn stale(&self) -> Option<String> {
        let (path, how) = self.description.origin.changed()?;
        let source = quote(&self.description.origin.source);
        Some(format!(
            "it was made of {source}, and {} {how} since",
            path.display()
        ))
    }

    /// The command that makes it anew.
    pub fn command(&self) -> String {
        self.description.origin.command(&self.file)
    }

    /// The rows of a block: all columns, or those of these indices.
    ///
    /// # Errors
    /// If it cannot be read or is damaged.
    pub fn block(&mut self, block: usize, columns: Option<&[usize]>) -> Result<Table> {
        Ok(self.piece(block, columns)?.table)
    }

    fn piece(&mut self, block: usize, columns: Option<&[usize]>) -> Result<Piece> {
        let (start, rows) = self.blocks[block];
        let count = self.description.columns.all.len();
        let next = self
            .blocks
            .get(block + 1)
            .map_or(self.end, |(start, _)| *start);
        let (file, origin) = (&self.file, &self.description.origin);
        let wrong =
            |what: String| damaged_of(file, origin, &format!("{what} of block {block} is wrong"));
        // It has lost bytes since it was opened.
        let unread = |error: std::io::Error| match error.kind() {
            UnexpectedEof => wrong("the length".to_owned()),
            _ => Error::reading(file, error),
        };
        let directory_length = directory_bytes(count) as u64;
        read(&mut self.from, start, directory_length, &mut self.bytes).map_err(unread)?;
        let directory = Directory::read(block as u32, &self.bytes)
            .filter(|directory| {
                directory
                    .length()
                    .and_then(|length| length.checked_add(start + directory_length))
                    == Some(next)
            })
            .ok_or_else(|| wrong("the directory".to_owned()))?;
        let mut reading = Reading::new(&self.source, &self.description.columns, rows as usize);
        let each = 0..count;
        let wanted: Vec<usize> = columns.map_or_else(|| each.collect(), <[usize]>::to_vec);
        for segment in std::iter::once(0).chain(wanted.into_iter().map(|column| column + 1)) {
            let (at, length) = directory.place(segment);
            read(
                &mut self.from,
                start + directory_length + at,
                length,
                &mut self.bytes,
            )
            .map_err(unread)?;
            let taken = directory
                .fits(segment, &self.bytes)
                .then(|| reading.take(segment, &self.bytes))
                .flatten();
            if taken.is_none() {
                let what = match segment.checked_sub(1) {
                    None => "the checksum of the rows".to_owned(),
                    Some(column) => format!(
                        "the checksum of column {}",
                        quote(&self.description.columns.all[column].name)
                    ),
                };
                return Err(wrong(what));
            }
        }
        Ok(reading.piece())
    }

    /// Some columns of all rows.
    ///
    /// # Errors
    /// As [`Self::block`].
    pub(crate) fn columns(&mut self, columns: &[usize]) -> Result<Table> {
        let mut all: Vec<Growing> = columns.iter().map(|_| Growing::default()).collect();
        let (mut lines, mut numbers) = (Vec::with_capacity(self.rows()), Vec::new());
        for block in 0..self.blocks.len() {
            let piece = self.piece(block, Some(columns))?;
            let table = piece.table;
            lines.extend((0..table.rows).map(|row| table.number(row) as u32));
            if table.sources.is_some() {
                numbers.extend(piece.rows);
            }
            let pairs = all.iter_mut().zip(table.columns);
            if !pairs.fold(true, |fits, (all, column)| all.add(column.data) && fits) {
                return Err(damaged_of(&self.file, self.origin(), SEVERAL_KINDS));
            }
        }
        let described = &self.description.columns;
        let mut table = described.table(&self.source, self.rows());
        let lines = lines.iter().map(|line| u64::from(*line));
        table.lines = Some(Lines::of(lines, described.are_rows));
        table.sources = described.files.of_rows(&numbers);
        table.columns = (columns.iter().zip(all))
            .map(|(&column, data)| Column {
                name: described.all[column].name.clone(),
                data: data.finish(),
            })
            .collect();
        Ok(table)
    }

    /// Blocks of about so many rows together, in their order.
    pub(crate) fn groups(&self, rows: usize) -> Vec<Range<usize>> {
        let each = (rows / self.description.block_rows.max(1)).max(1);
        let starts = (0..self.blocks.len()).step_by(each);
        starts
            .map(|start| start..self.blocks.len().min(start + each))
            .collect()
    }

    /// A warning where its source has changed.
    pub(crate) fn note_on_source(&self) -> Option<Note> {
        let how = self.stale()?;
        Some(Note::warning(format!(
            "{}: {how}; {} makes it anew",
            self.file,
            self.command()
        )))
    }

    /// The rows of these blocks.
    ///
    /// # Errors
    /// As [`Self::block`].
    pub fn table(&mut self, blocks: Range<usize>) -> Result<Table> {
        let mut joined = Joined::new(&self.source, &self.description.columns);
        for block in blocks {
            let piece = self.piece(block, None)?;
            if !joined.add(piece) {
                return Err(damaged_of(&self.file, self.origin(), SEVERAL_KINDS));
            }
        }
        Ok(joined.piece(&self.description.columns).table)
    }
}

/// Reads so many bytes; no more are believed than are there.
fn read<R: Read + Seek>(
    from: &mut R,
    at: u64,
    count: u64,
    bytes: &mut Vec<u8>,
) -> std::io::Result<()> {
    bytes.clear();
    from.seek(SeekFrom::Start(at))?;
    from.take(count).read_to_end(bytes)?;
    match bytes.len() as u64 == count {
        true => Ok(()),
        false => Err(UnexpectedEof.into()),
    }
}

/// The command that makes a cache anew that does not say of what it is.
fn of_unknown_source(file: &str) -> String {
    format!("`thalweg convert DATA {}`", shell_word(file))
}

const SEVERAL_KINDS: &str = "its blocks have columns of several kinds";

/// The error for a cache that is not whole, of which it is known what it was made of.
fn damaged_of(file: &str, origin: &Origin, what: &str) -> Error {
    let command = origin.command(file);
    damaged(file, what).remedy(format!("make it anew by {command}"))
}

/// The error for a cache that is not whole.
fn damaged(file: &str, what: &str) -> Error {
    let found = format!("a damaged cache ({what})");
    let error = Error::invalid(Location::file(file), found, "a whole one");
    error.remedy(format!("make it anew by {}", of_unknown_source(file)))
}
