//! Rows in a file that is read block by block, and never held as a whole.
//!
//! Where the order of the rows is one of blocks ([`Batches::block`](crate::spec::Batches::block), best as large as
//! those of the file), the blocks of a window are held, and each block is read once an epoch. In any other order rows
//! are read one by one, which is right and slow. The first of a block verifies the block and keeps a checksum of each of
//! its rows (4 bytes), which every later read of a row is compared with.
//!
//! ```
//! use std::io::Cursor;
//! use thalweg_core::dataset::{DatasetRef, FeaturesRef, TargetsRef};
//! use thalweg_core::engine::Batch;
//! use thalweg_core::source::RowSource;
//! use thalweg_core::source::block_file::{BlockFile, BlockWriter, Layout};
//!
//! let rows = DatasetRef {
//!     features: FeaturesRef::f32(2, &[0.0, 1.0, 2.0, 3.0]),
//!     targets: TargetsRef::Classes(&[0, 1]),
//!     weights: None,
//! };
//! let mut writer = BlockWriter::new(Cursor::new(Vec::new()), Layout::of(rows, 4096))?;
//! writer.write(&Batch::all(rows))?;
//! let file = BlockFile::open(writer.finish()?)?;
//! assert_eq!(file.schema().rows, 2);
//! # Ok::<(), thalweg_core::Error>(())
//! ```

mod ahead;
mod layout;
mod sparse;
mod writer;

pub use layout::{Layout, ValueKind};
pub use sparse::{SparseFile, SparseIndex, SparseWriter};
pub use writer::BlockWriter;

use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::time::{Duration, Instant};

use super::{Request, RowSource, Schema};
use crate::dataset::Dataset;
use crate::engine::{Batch, Rows, new_generation};
use crate::error::{Error, Result};
use crate::memory;
use ahead::Ahead;
use layout::{CHECKSUM, HEADER};

/// No slot holds the block.
const NOWHERE: u32 = u32::MAX;

/// See the module's text.
pub struct BlockFile<R> {
    from: R,
    layout: Layout,
    rows: usize,
    /// Bytes of a row.
    record: usize,
    /// Slots of a block each, then rows that are read for a single request.
    buffer: Dataset,
    generation: u64,
    /// The block in each slot.
    slots: Vec<usize>,
    /// The slot of each block.
    slot_of: Vec<u32>,
    /// Rows of a slot: of a block, or of a file that is shorter.
    slot_rows: usize,
    /// The CRC-32 of each row, once rows are read singly, of the blocks that are verified.
    checksums: Vec<u32>,
    is_verified: Vec<bool>,
    /// The block that was read last, as bytes.
    bytes: Vec<u8>,
    last_read: Option<usize>,
    /// Where the rows of a request, and those after them, are in the buffer.
    positions: Vec<u32>,
    blocks_read: u64,
    /// Time in which blocks were read, checked and decoded, or waited for.
    waited: Duration,
    /// Reads the blocks of the next window meanwhile.
    ahead: Option<Ahead>,
}

impl<R: Read + Seek + Send> BlockFile<R> {
    /// Opens a file; its blocks are checked when they are read.
    ///
    /// # Errors
    /// If it is no block file, of another version, damaged, or shorter than it should be.
    pub fn open(mut from: R) -> Result<Self> {
        let length = from.seek(SeekFrom::End(0))?;
        from.seek(SeekFrom::Start(0))?;
        let mut header = [0; HEADER];
        if length < HEADER as u64 {
            return Err(Error::Damaged("block file: it has no header".into()));
        }
        from.read_exact(&mut header)?;
        let (layout, rows) = Layout::from_header(&header)?;
        let record = layout.record()?;
        let blocks = rows.div_ceil(layout.block_rows as u64);
        let expected = u128::from(rows) * record as u128
            + u128::from(blocks) * CHECKSUM as u128
            + HEADER as u128;
        if u128::from(length) != expected {
            let what = format!("block file: {length} bytes where {rows} rows take {expected}");
            return Err(Error::Damaged(what));
        }
        let (rows, blocks) = (rows as usize, blocks as usize);
        Ok(Self {
            from,
            layout,
            rows,
            record,
            buffer: layout.buffer(),
            generation: new_generation(),
            slots: Vec::new(),
            slot_of: memory::collect(std::iter::repeat_n(NOWHERE, blocks))?,
            slot_rows: layout.block_rows.min(rows).max(1),
            checksums: Vec::new(),
            is_verified: Vec::new(),
            bytes: memory::room(record * layout.block_rows.min(rows) + CHECKSUM)?,
            last_read: None,
            positions: Vec::new(),
            blocks_read: 0,
            waited: Duration::ZERO,
            ahead: None,
        })
    }

    /// The same, and a thread reads the blocks of the next window from `ahead`, another reader of the file.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_ahead(from: R, ahead: R) -> Result<Self>
    where
        R: 'static,
    {
        Ok(Self {
            ahead: Ahead::new(ahead),
            ..Self::open(from)?
        })
    }

    /// What the file holds.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Blocks in memory, rows that were read by themselves included: also the most there ever were.
    pub fn held_blocks(&self) -> usize {
        self.buffer.rows().div_ceil(self.slot_rows) + 1
    }

    /// Whole blocks that were read so far.
    pub fn blocks_read(&self) -> u64 {
        self.blocks_read
    }

    /// The rows of a block.
    fn block(&self, number: usize) -> Range<usize> {
        let start = number * self.layout.block_rows;
        start..self.rows.min(start + self.layout.block_rows)
    }

    /// Where a row begins in the file.
    fn place(&self, row: usize) -> SeekFrom {
        let checksums = row / self.layout.block_rows * CHECKSUM;
        SeekFrom::Start((HEADER + checksums) as u64 + row as u64 * self.record as u64)
    }

    /// Reads a block into `bytes`, unless it is there.
    fn read(&mut self, number: usize) -> Result<()> {
        if self.last_read == Some(number) {
            return Ok(());
        }
        self.last_read = None;
        if (self.ahead.as_mut()).is_some_and(|ahead| ahead.take(number, &mut self.bytes)) {
            self.last_read = Some(number);
            self.blocks_read += 1;
            return Ok(());
        }
        let rows = self.block(number);
        self.bytes.resize(rows.len() * self.record + CHECKSUM, 0);
        let place = self.place(rows.start);
        self.from.seek(place)?;
        self.from.read_exact(&mut self.bytes)?;
        let (records, stored) = self.bytes.split_at(rows.len() * self.record);
        if layout::checksum(number, records).to_le_bytes() != stored {
            let what = format!(
                "block file: the checksum of block {number} (rows {} to {}) is wrong",
                rows.start,
                rows.end - 1
            );
            return Err(Error::Damaged(what));
        }
        self.last_read = Some(number);
        self.blocks_read += 1;
        Ok(())
    }

    /// Copies the rows of `from` in the block of `bytes` to row `to` of the buffer and those after it.
    fn decode(&mut self, from: Range<usize>, to: usize) {
        let start = from.start % self.layout.block_rows;
        let records = self
            .bytes
            .chunks_exact(self.record)
            .skip(start)
            .take(from.len());
        for (record, row) in records.zip(to..) {
            layout::decode(record, &mut self.buffer, row);
        }
    }

    /// Makes room for so many rows behind the slots.
    fn make_room(&mut self, rows: usize) -> Result<usize> {
        let first = self.slots.len() * self.slot_rows;
        if first + rows > self.buffer.rows() {
            layout::resize(&mut self.buffer, first + rows)?;
        }
        Ok(first)
    }

    /// Makes room for the blocks of a window, so that no later window of as many takes memory.
    fn make_room_for(&mut self, window: &[Range<usize>]) -> Result<()> {
        let size = self.layout.block_rows;
        let blocks = window
            .iter()
            .map(|rows| rows.end.div_ceil(size) - rows.start / size);
        let blocks = blocks.sum::<usize>().min(self.slot_of.len());
        self.slots.reserve(blocks.saturating_sub(self.slots.len()));
        let rows = blocks * self.slot_rows;
        match rows > self.buffer.rows() {
            true => layout::resize(&mut self.buffer, rows),
            false => Ok(()),
        }
    }

    /// Puts a block into a slot: one whose block is not in the window, or a new one.
    fn hold(&mut self, number: usize, window: &[Range<usize>]) -> Result<()> {
        let begun = Instant::now();
        self.read(number)?;
        let is_wanted = |block: Range<usize>| {
            window
                .iter()
                .any(|rows| rows.start < block.end && block.start < rows.end)
        };
        let free = (self.slots.iter()).position(|block| !is_wanted(self.block(*block)));
        let slot = match free {
            Some(slot) => {
                self.slot_of[self.slots[slot]] = NOWHERE;
                self.slots[slot] = number;
                slot
            }
            None => {
                let rows = (self.slots.len() + 1).saturating_mul(self.slot_rows);
                if u32::try_from(rows).is_err() {
                    let found = format!("a window of {rows} rows");
                    return Err(Error::invalid(
                        "block file",
                        found,
                        "a smaller `batches.block`",
                    ));
                }
                self.make_room(self.slot_rows)?;
                self.slots.push(number);
                self.slots.len() - 1
            }
        };
        self.slot_of[number] = slot as u32;
        self.generation = new_generation();
        self.decode(self.block(number), slot * self.slot_rows);
        self.waited += begun.elapsed();
        Ok(())
    }

    /// Where a row is, if a slot holds it.
    fn position(&self, row: usize) -> Option<u32> {
        let rows = self.layout.block_rows;
        let slot = *self.slot_of.get(row / rows)?;
        (slot != NOWHERE).then(|| slot * self.slot_rows as u32 + (row % rows) as u32)
    }

    /// Reads consecutive rows to behind the slots.
    fn range(&mut self, rows: Range<usize>) -> Result<Range<usize>> {
        let first = self.make_room(rows.len())?;
        self.generation = new_generation();
        let mut start = rows.start;
        while start < rows.end {
            let number = start / self.layout.block_rows;
            let end = rows.end.min(self.block(number).end);
            self.read(number)?;
            self.decode(start..end, first + start - rows.start);
            start = end;
        }
        Ok(first..first + rows.len())
    }

    /// Finds the rows of a list, or reads them; their positions are the first ones.
    fn list(&mut self, request: &Request) -> Result<()> {
        self.make_room_for(request.window)?;
        for row in request.rows.iter() {
            let is_in_window = || request.window.iter().any(|rows| rows.contains(&row));
            if self.position(row).is_none() && is_in_window() {
                self.hold(row / self.layout.block_rows, request.window)?;
            }
        }
        self.positions.clear();
        self.positions.reserve(2 * request.rows.len());
        let mut single = 0;
        for row in request.rows.iter() {
            let position = match self.position(row) {
                Some(position) => position,
                None => {
                    let position = self.make_room(request.rows.len())? + single;
                    single += 1;
                    self.read_row(row, position)?;
                    position as u32
                }
            };
            self.positions.push(position);
        }
        if single > 0 {
            self.generation = new_generation();
        }
        // As many as may be gathered ahead.
        for row in request.upcoming.iter().take(request.rows.len()) {
            match self.position(row) {
                Some(position) => self.positions.push(position),
                None => break,
            }
        }
        Ok(())
    }

    /// Has the blocks of the next window read that no slot holds.
    fn ask_ahead(&mut self, request: &Request) {
        let Some(mut ahead) = self.ahead.take() else {
            return;
        };
        let size = self.layout.block_rows;
        ahead.retain(|number| {
            let block = self.block(number);
            let is_in = |rows: &Range<usize>| rows.start < block.end && block.start < rows.end;
            request.window.iter().chain(request.next).any(is_in)
        });
        for rows in request.next {
            for number in rows.start / size..rows.end.div_ceil(size) {
                if self.slot_of[number] == NOWHERE {
                    let length = self.block(number).len() * self.record + CHECKSUM;
                    ahead.ask(number, self.place(self.block(number).start), length);
                }
            }
        }
        self.ahead = Some(ahead);
    }

    /// Verifies a block and keeps the checksums of its rows, unless that was done.
    fn verify(&mut self, number: usize) -> Result<()> {
        if self.checksums.is_empty() {
            self.checksums = memory::collect(std::iter::repeat_n(0, self.rows))?;
            self.is_verified = memory::collect(std::iter::repeat_n(false, self.slot_of.len()))?;
        }
        if !self.is_verified[number] {
            self.read(number)?;
            let rows = self.block(number);
            let records = self.bytes.chunks_exact(self.record);
            for (checksum, record) in self.checksums[rows].iter_mut().zip(records) {
                *checksum = crc32fast::hash(record);
            }
            self.is_verified[number] = true;
        }
        Ok(())
    }

    /// Reads a row by itself to a place in the buffer.
    fn read_row(&mut self, row: usize, position: usize) -> Result<()> {
        let begun = Instant::now();
        self.verify(row / self.layout.block_rows)?;
        self.last_read = None;
        self.bytes.resize(self.record, 0);
        let place = self.place(row);
        self.from.seek(place)?;
        self.from.read_exact(&mut self.bytes)?;
        if crc32fast::hash(&self.bytes) != self.checksums[row] {
            let what = format!("block file: row {row} changed while the file was read");
            return Err(Error::Damaged(what));
        }
        layout::decode(&self.bytes, &mut self.buffer, position);
        self.waited += begun.elapsed();
        Ok(())
    }
}

impl<R: Read + Seek + Send> RowSource for BlockFile<R> {
    fn schema(&self) -> Schema {
        self.layout.schema(self.rows)
    }

    fn batch<'a>(&'a mut self, request: Request<'a>) -> Result<Batch<'a>> {
        if let Some(row) = request.rows.iter().find(|row| *row >= self.rows) {
            let expected = format!("rows below {}", self.rows);
            return Err(Error::invalid("block file", format!("row {row}"), expected));
        }
        let (rows, upcoming) = match request.rows {
            Rows::Range(start, end) => {
                let rows = self.range(start..end.max(start))?;
                (Rows::Range(rows.start, rows.end), Rows::NONE)
            }
            Rows::Listed(listed) => {
                self.list(&request)?;
                self.ask_ahead(&request);
                let (rows, upcoming) = self.positions.split_at(listed.len());
                (Rows::Listed(rows), Rows::Listed(upcoming))
            }
        };
        Ok(Batch {
            upcoming,
            generation: self.generation,
            ..Batch::new(&self.buffer, rows)
        })
    }

    fn chunk(&self) -> usize {
        self.layout.block_rows.min(self.rows)
    }

    fn waited(&self) -> Option<Duration> {
        Some(self.waited)
    }
}
