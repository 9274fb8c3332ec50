//! Sparse rows in a file that is read block by block.
//!
//! Rows differ in length, so the rows of a request are copied into a buffer of its own, from the blocks of the window,
//! which are held as bytes. A block is its kind (u32: 0 with a number for each column, 1 where all are 1), the end of every row
//! among the columns, the columns, the numbers, the targets and the weights, and the CRC-32 of its number and all of these.
//! Where blocks begin is not in the file: the [`SparseIndex`] of its writer says so.

use std::io::{Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::ahead::Ahead;
use super::layout::{CHECKSUM, checksum, target_kind};
use crate::dataset::{Dataset, DatasetRef, Features, Targets, TargetsRef, Values, ValuesRef};
use crate::engine::{Batch, Rows, new_generation};
use crate::error::{Error, Result};
use crate::source::{Request, RowSource, Schema, TargetKind};
use crate::sparse::{Csr, Numbers, NumbersRef};

/// The kind of a block whose numbers are all 1, which are not written.
const ONES: u32 = 1;

/// What a file of sparse rows holds, and where.
#[derive(Debug, Clone)]
pub struct SparseIndex(Arc<Index>);

#[derive(Debug)]
struct Index {
    schema: Schema,
    is_double: bool,
    /// Whether the numbers of all rows are 1.
    is_ones: bool,
    block_rows: usize,
    /// Where each block begins, and its bytes.
    blocks: Vec<(u64, usize)>,
}

/// Writes sparse rows in any number of pieces.
#[derive(Debug)]
pub struct SparseWriter<W> {
    to: W,
    at: u64,
    index: Index,
    /// The block that is not full yet.
    is_ones: bool,
    ends: Vec<u8>,
    columns: Vec<u8>,
    numbers: Vec<u8>,
    targets: Vec<u8>,
    weights: Vec<u8>,
}

impl<W: Write> SparseWriter<W> {
    /// A file for rows such as these, in blocks of so many.
    ///
    /// # Errors
    /// If these are no sparse rows, or a block has none.
    pub fn new<'a>(
        to: W,
        like: impl Into<DatasetRef<'a>>,
        is_double: bool,
        block_rows: usize,
    ) -> Result<Self> {
        let like = like.into();
        if block_rows == 0 || !matches!(like.features.values, ValuesRef::Sparse(_)) {
            return Err(refusal("dense rows, or none a block"));
        }
        let schema = Schema {
            rows: 0,
            width: like.features.width,
            targets: target_kind(like.targets),
            is_weighted: like.weights.is_some(),
        };
        Ok(Self {
            to,
            at: 0,
            index: Index {
                schema,
                is_double,
                is_ones: true,
                block_rows,
                blocks: Vec::new(),
            },
            is_ones: true,
            ends: Vec::new(),
            columns: Vec::new(),
            numbers: Vec::new(),
            targets: Vec::new(),
            weights: Vec::new(),
        })
    }

    /// Appends the rows of a batch, without those of weight 0, which are as good as absent.
    ///
    /// # Errors
    /// If they are not such as the first ones, or writing fails.
    pub fn write(&mut self, batch: &Batch) -> Result<()> {
        let schema = self.index.schema;
        let (ValuesRef::Sparse(from), Some(targets)) = (batch.features.values, batch.targets)
        else {
            return Err(refusal("dense rows, or rows without targets"));
        };
        if batch.features.width != schema.width
            || target_kind(targets) != schema.targets
            || batch.weights.is_some() != schema.is_weighted
        {
            return Err(refusal("rows of another kind"));
        }
        batch.check(schema.width, outputs(schema), usize::MAX)?;
        let counts = |row: &usize| batch.weights.is_none_or(|weights| weights[*row] != 0.0);
        for row in batch.rows.iter().filter(counts) {
            let (columns, numbers) = from.row(row);
            put(&mut self.columns, columns.iter().map(|x| x.to_le_bytes()));
            let end = (self.columns.len() / 4) as u32;
            self.ends.extend_from_slice(&end.to_le_bytes());
            self.is_ones &= numbers == NumbersRef::Ones;
            let numbers = (0..columns.len()).map(|index| numbers.at(index));
            match self.index.is_double {
                true => put(&mut self.numbers, numbers.map(f64::to_le_bytes)),
                false => put(
                    &mut self.numbers,
                    numbers.map(|number| (number as f32).to_le_bytes()),
                ),
            }
            match targets {
                TargetsRef::Classes(from) => {
                    self.targets.extend_from_slice(&from[row].to_le_bytes());
                }
                TargetsRef::Values { width, values } => {
                    let own = &values[row * width..][..width];
                    put(&mut self.targets, own.iter().map(|y| y.to_le_bytes()));
                }
            }
            if let Some(weights) = batch.weights {
                self.weights.extend_from_slice(&weights[row].to_le_bytes());
            }
            self.index.schema.rows += 1;
            if self.ends.len() / 4 == self.index.block_rows {
                self.end_block()?;
            }
        }
        Ok(())
    }

    /// Ends the file; what was written to, and what is where.
    ///
    /// # Errors
    /// If writing fails.
    pub fn finish(mut self) -> Result<(W, SparseIndex)> {
        if !self.ends.is_empty() {
            self.end_block()?;
        }
        self.to.flush()?;
        Ok((self.to, SparseIndex(Arc::new(self.index))))
    }

    fn end_block(&mut self) -> Result<()> {
        let kind = if self.is_ones { ONES } else { 0 };
        let mut bytes = kind.to_le_bytes().to_vec();
        if self.is_ones {
            self.numbers.clear();
        }
        self.index.is_ones &= self.is_ones;
        for part in [
            &mut self.ends,
            &mut self.columns,
            &mut self.numbers,
            &mut self.targets,
            &mut self.weights,
        ] {
            bytes.append(part);
        }
        let sum = checksum(self.index.blocks.len(), &bytes);
        bytes.extend_from_slice(&sum.to_le_bytes());
        self.index.blocks.push((self.at, bytes.len()));
        self.at += bytes.len() as u64;
        self.is_ones = true;
        Ok(self.to.write_all(&bytes)?)
    }
}

/// Sparse rows of a file as a source of batches.
pub struct SparseFile<R> {
    from: R,
    index: SparseIndex,
    /// Blocks that are held, with their numbers.
    held: Vec<(usize, Vec<u8>)>,
    /// The place of each block among these.
    place_of: Vec<Option<u32>>,
    /// The rows of the last request.
    buffer: Dataset,
    waited: Duration,
    /// Reads the blocks of the next window meanwhile.
    ahead: Option<Ahead>,
}

impl<R: Read + Seek + Send + 'static> SparseFile<R> {
    /// The rows of a file, which a thread reads ahead through `ahead`, another reader of it.
    pub fn open(from: R, ahead: R, index: &SparseIndex) -> Self {
        let Index {
            schema,
            is_double,
            is_ones,
            ..
        } = *index.0;
        let numbers = match (is_ones, is_double) {
            (true, _) => Numbers::Ones,
            (_, true) => Numbers::F64(Vec::new()),
            (_, false) => Numbers::F32(Vec::new()),
        };
        let targets = match schema.targets {
            TargetKind::Classes => Targets::Classes(Vec::new()),
            TargetKind::Values(width) => Targets::Values {
                width,
                values: Vec::new(),
            },
        };
        Self {
            from,
            held: Vec::new(),
            place_of: vec![None; index.0.blocks.len()],
            buffer: Dataset {
                features: Features {
                    width: schema.width,
                    values: Values::Sparse(Csr::empty(schema.width, numbers)),
                },
                targets,
                weights: schema.is_weighted.then(Vec::new),
            },
            waited: Duration::ZERO,
            ahead: Ahead::new(ahead),
            index: index.clone(),
        }
    }

    /// The rows of a block.
    fn block(&self, number: usize) -> Range<usize> {
        let start = number * self.index.0.block_rows;
        start..(start + self.index.0.block_rows).min(self.index.0.schema.rows)
    }

    /// Where a block is held: read into the place of one that is not in the window, if it is held nowhere.
    fn hold(&mut self, number: usize, window: &[Range<usize>]) -> Result<usize> {
        if let Some(place) = self.place_of[number] {
            return Ok(place as usize);
        }
        let begun = Instant::now();
        let is_free = |(number, _): &(usize, Vec<u8>)| !is_in(&self.block(*number), window);
        let place = match self.held.iter().position(is_free) {
            Some(place) => {
                self.place_of[self.held[place].0] = None;
                place
            }
            None => {
                self.held.push((number, Vec::new()));
                self.held.len() - 1
            }
        };
        let mut bytes = std::mem::take(&mut self.held[place].1);
        let read = self.read(number, &mut bytes);
        self.held[place] = (number, bytes);
        read?;
        self.place_of[number] = Some(place as u32);
        self.waited += begun.elapsed();
        Ok(place)
    }

    fn read(&mut self, number: usize, bytes: &mut Vec<u8>) -> Result<()> {
        if (self.ahead.as_mut()).is_some_and(|ahead| ahead.take(number, bytes)) {
            return Ok(());
        }
        let (start, length) = self.index.0.blocks[number];
        bytes.resize(length, 0);
        self.from.seek(SeekFrom::Start(start))?;
        self.from.read_exact(bytes)?;
        let (own, stored) = bytes.split_at(length - CHECKSUM);
        match checksum(number, own).to_le_bytes() == stored {
            true => Ok(()),
            false => Err(damaged(number)),
        }
    }

    /// Copies a row of a block that is held to the end of the buffer.
    fn copy(&mut self, place: usize, row: usize) -> Result<()> {
        let (number, bytes) = &self.held[place];
        let block = self.block(*number);
        let own = &bytes[..bytes.len() - CHECKSUM];
        Parts::of(own, block.len(), &self.index.0)
            .and_then(|parts| parts.copy(row - block.start, &mut self.buffer))
            .ok_or_else(|| damaged(*number))
    }

    /// Has the blocks of the next window read that are not held.
    fn ask_ahead(&mut self, request: &Request) {
        let Some(mut ahead) = self.ahead.take() else {
            return;
        };
        ahead.retain(|number| {
            let block = self.block(number);
            is_in(&block, request.window) || is_in(&block, request.next)
        });
        let size = self.index.0.block_rows;
        for rows in request.next {
            for number in rows.start / size..rows.end.div_ceil(size) {
                if self.place_of[number].is_none() {
                    let (start, length) = self.index.0.blocks[number];
                    ahead.ask(number, SeekFrom::Start(start), length);
                }
            }
        }
        self.ahead = Some(ahead);
    }
}

impl<R: Read + Seek + Send + 'static> RowSource for SparseFile<R> {
    fn schema(&self) -> Schema {
        self.index.0.schema
    }

    fn batch<'a>(&'a mut self, request: Request<'a>) -> Result<Batch<'a>> {
        let rows = self.index.0.schema.rows;
        if let Some(row) = request.rows.iter().find(|row| *row >= rows) {
            let expected = format!("rows below {rows}");
            return Err(Error::invalid(FILE, format!("row {row}"), expected));
        }
        clear(&mut self.buffer);
        for row in request.rows.iter() {
            let place = self.hold(row / self.index.0.block_rows, request.window)?;
            self.copy(place, row)?;
        }
        self.ask_ahead(&request);
        Ok(Batch {
            generation: new_generation(),
            ..Batch::new(&self.buffer, Rows::Range(0, request.rows.len()))
        })
    }

    fn chunk(&self) -> usize {
        self.index.0.block_rows.min(self.index.0.schema.rows)
    }

    fn waited(&self) -> Option<Duration> {
        Some(self.waited)
    }
}

/// The parts of a block.
struct Parts<'a> {
    ends: &'a [[u8; 4]],
    columns: &'a [[u8; 4]],
    /// None where all are 1.
    numbers: Option<&'a [u8]>,
    targets: &'a [u8],
    weights: &'a [[u8; 4]],
}

impl<'a> Parts<'a> {
    /// Those of a block of so many rows; none if its bytes are not one.
    fn of(bytes: &'a [u8], rows: usize, index: &Index) -> Option<Self> {
        let (kind, rest) = bytes.split_first_chunk::<4>()?;
        let (ends, rest) = rest.split_at_checked(4 * rows)?;
        let ends = ends.as_chunks::<4>().0;
        let entries = u32::from_le_bytes(*ends.last()?) as usize;
        let (columns, rest) = rest.split_at_checked(4 * entries)?;
        let (numbers, rest) = match u32::from_le_bytes(*kind) {
            ONES => (None, rest),
            _ => {
                let size = if index.is_double { 8 } else { 4 };
                let (numbers, rest) = rest.split_at_checked(size * entries)?;
                (Some(numbers), rest)
            }
        };
        let (targets, weights) = rest.split_at_checked(target_bytes(index.schema) * rows)?;
        Some(Self {
            ends,
            columns: columns.as_chunks::<4>().0,
            numbers,
            targets,
            weights: weights.as_chunks::<4>().0,
        })
    }

    /// Adds a row to a buffer; none if it is none.
    fn copy(&self, row: usize, to: &mut Dataset) -> Option<()> {
        let end = |row: usize| u32::from_le_bytes(self.ends[row]) as usize;
        let entries = row.checked_sub(1).map_or(0, end)..end(row);
        let columns = self.columns.get(entries.clone())?.iter();
        let columns = columns.map(|bytes| u32::from_le_bytes(*bytes));
        let Values::Sparse(rows) = &mut to.features.values else {
            return None;
        };
        let is_double = matches!(rows.view().numbers(), NumbersRef::F64(_));
        let is_row = match self.numbers {
            None => rows.push(columns, std::iter::repeat_n(1.0, entries.len())),
            Some(numbers) if is_double => {
                let own = numbers.as_chunks::<8>().0.get(entries)?.iter();
                rows.push(columns, own.map(|bytes| f64::from_le_bytes(*bytes)))
            }
            Some(numbers) => {
                let own = numbers.as_chunks::<4>().0.get(entries)?.iter();
                rows.push(columns, own.map(|bytes| f32::from_le_bytes(*bytes).into()))
            }
        };
        match &mut to.targets {
            Targets::Classes(to) => {
                to.push(u32::from_le_bytes(
                    *self.targets.as_chunks::<4>().0.get(row)?,
                ));
            }
            Targets::Values { width, values } => {
                let own = self
                    .targets
                    .as_chunks::<8>()
                    .0
                    .get(row * *width..(row + 1) * *width)?;
                values.extend(own.iter().map(|bytes| f64::from_le_bytes(*bytes)));
            }
        }
        if let Some(to) = &mut to.weights {
            to.push(f32::from_le_bytes(*self.weights.get(row)?));
        }
        is_row.then_some(())
    }
}

const FILE: &str = "file of sparse rows";

/// Whether a block has rows in a window.
fn is_in(block: &Range<usize>, window: &[Range<usize>]) -> bool {
    (window.iter()).any(|rows| rows.start < block.end && block.start < rows.end)
}

/// Values of a target.
fn outputs(schema: Schema) -> usize {
    match schema.targets {
        TargetKind::Classes => 1,
        TargetKind::Values(width) => width,
    }
}

/// Bytes of the targets of a row.
fn target_bytes(schema: Schema) -> usize {
    match schema.targets {
        TargetKind::Classes => 4,
        TargetKind::Values(width) => 8 * width,
    }
}

fn clear(buffer: &mut Dataset) {
    if let Values::Sparse(rows) = &mut buffer.features.values {
        rows.clear();
    }
    match &mut buffer.targets {
        Targets::Classes(all) => all.clear(),
        Targets::Values { values, .. } => values.clear(),
    }
    if let Some(weights) = &mut buffer.weights {
        weights.clear();
    }
}

fn put<const N: usize>(to: &mut Vec<u8>, from: impl Iterator<Item = [u8; N]>) {
    from.for_each(|bytes| to.extend_from_slice(&bytes));
}

fn refusal(found: &str) -> Error {
    Error::invalid(FILE, found, "sparse rows of one kind")
}

fn damaged(number: usize) -> Error {
    Error::Damaged(format!("{FILE}: the checksum of block {number} is wrong"))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    /// Rows of 0 to 6 numbers; those of the first block are all 1.
    fn rows(count: usize, targets: Targets) -> Dataset {
        let mut all = Csr::empty(50, Numbers::F32(Vec::new()));
        for row in 0..count {
            let columns = (0..row % 7).map(|at| (row % 5 + 8 * at) as u32);
            let number = |at: usize| {
                if row < 4 {
                    1.0
                } else {
                    (row * 7 + at) as f64 / 8.0
                }
            };
            assert!(all.push(columns, (0..row % 7).map(number)));
        }
        Dataset {
            features: Features {
                width: 50,
                values: Values::Sparse(all),
            },
            targets,
            weights: Some((0..count).map(|row| 1.0 + row as f32).collect()),
        }
    }

    fn written(rows: &Dataset, pieces: &[Range<usize>]) -> (Vec<u8>, SparseIndex) {
        let mut writer = SparseWriter::new(Vec::new(), rows, false, 4).unwrap();
        for piece in pieces {
            let batch = Batch::new(rows, Rows::Range(piece.start, piece.end));
            writer.write(&batch).unwrap();
        }
        writer.finish().unwrap()
    }

    /// What a network sees of the rows of a batch.
    fn seen(batch: &Batch) -> Vec<String> {
        let row = |row: usize| {
            let target = match batch.targets {
                Some(TargetsRef::Values { width, values }) => {
                    format!("{:?}", &values[row * width..][..width])
                }
                other => format!("{other:?}"),
            };
            let x: Vec<f64> = batch.features.row(row).collect();
            format!(
                "{x:?} {target} {:?}",
                batch.weights.map(|weights| weights[row])
            )
        };
        batch.rows.iter().map(row).collect()
    }

    #[test]
    fn rows_come_back_in_any_order_whatever_the_pieces_were() {
        let values = (0..46).map(f64::from).collect();
        let rows = rows(23, Targets::Values { width: 2, values });
        let expected = seen(&Batch::all(&rows));
        for pieces in [&[0..9, 9..23][..], &[0..1, 1..9, 9..9, 9..23]] {
            let (bytes, index) = written(&rows, pieces);
            let reader = || Cursor::new(bytes.clone());
            let mut file = SparseFile::open(reader(), reader(), &index);
            assert_eq!(file.schema().rows, 23);
            assert_eq!(
                seen(&file.batch(Request::range(3..17)).unwrap()),
                expected[3..17]
            );
            let order: Vec<u32> = (0..23).map(|at| at * 10 % 23).collect();
            for listed in order.chunks(5) {
                let request = Request {
                    rows: Rows::Listed(listed),
                    window: &[0..8, 12..16],
                    next: &[8..12, 16..23],
                    ..Request::range(0..0)
                };
                let of_memory = Batch::new(&rows, Rows::Listed(listed));
                assert_eq!(seen(&file.batch(request).unwrap()), seen(&of_memory));
            }
            assert!(file.batch(Request::range(20..24)).is_err());
        }
    }

    #[test]
    fn no_byte_of_a_block_may_be_another() {
        let rows = rows(
            9,
            Targets::Values {
                width: 1,
                values: vec![0.5; 9],
            },
        );
        let (bytes, index) = written(&rows, &[0..4, 4..9]);
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 4;
            let reader = || Cursor::new(changed.clone());
            let mut file = SparseFile::open(reader(), reader(), &index);
            let error = file.batch(Request::range(0..9)).unwrap_err();
            assert!(
                error.to_string().contains("the checksum of block"),
                "byte {at}: {error}"
            );
        }
    }
}
