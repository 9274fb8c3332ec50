//! Writing a block file, from rows in any number of pieces.

use std::io::{Seek, SeekFrom, Write};

use super::layout::{self, HEADER, Layout};
use crate::dataset::{TargetsRef, ValuesRef};
use crate::engine::{Batch, check_shape};
use crate::error::{Error, Result};
use crate::memory;

/// Writes rows into a block file, which is one only after [`BlockWriter::finish`].
pub struct BlockWriter<W> {
    to: W,
    layout: Layout,
    /// Bytes of a row.
    record: usize,
    /// The block that is not full yet.
    block: Vec<u8>,
    rows: u64,
}

impl<W: Write + Seek> BlockWriter<W> {
    /// Begins a file.
    ///
    /// # Errors
    /// If the layout has no rows or no values, or writing fails.
    pub fn new(mut to: W, layout: Layout) -> Result<Self> {
        let record = layout.record()?;
        // No file that can be read before it is finished.
        to.write_all(&[0; HEADER])?;
        Ok(Self {
            to,
            layout,
            record,
            block: memory::room(record * layout.block_rows)?,
            rows: 0,
        })
    }

    /// Appends the rows of a batch, without those of weight 0, which are as good as absent: no batch,
    /// no statistic of a batch and no split is to count them.
    ///
    /// # Errors
    /// If they are not as the layout says, or writing fails.
    pub fn write(&mut self, batch: &Batch) -> Result<()> {
        let refuse = |found: &str| {
            Err(Error::invalid(
                "block file",
                found,
                "rows as its layout says",
            ))
        };
        let Some(targets) = batch.targets else {
            return refuse("rows without targets");
        };
        let is_same = batch.features.width == self.layout.width
            && layout::value_kind(batch.features) == self.layout.values
            && layout::target_kind(targets) == self.layout.targets
            && batch.weights.is_some() == self.layout.is_weighted;
        if !is_same {
            return refuse("rows of another kind");
        }
        let width = self.layout.width;
        let outputs = match targets {
            TargetsRef::Values { width, .. } => width,
            TargetsRef::Classes(_) => 1,
        };
        check_shape(batch, width, outputs)?;
        let counts = |row: &usize| batch.weights.is_none_or(|weights| weights[*row] != 0.0);
        for row in batch.rows.iter().filter(counts) {
            let block = &mut self.block;
            let values = row * width..(row + 1) * width;
            match batch.features.values {
                ValuesRef::F32(from) => put(block, &from[values], f32::to_le_bytes),
                ValuesRef::F64(from) => put(block, &from[values], f64::to_le_bytes),
                ValuesRef::U8 { bytes, .. } => block.extend_from_slice(&bytes[values]),
                ValuesRef::Columns(columns) => {
                    columns
                        .iter()
                        .for_each(|column| put(block, &column[row..=row], f32::to_le_bytes));
                }
                ValuesRef::Sparse(_) => {
                    (batch.features.row(row))
                        .for_each(|value| put(block, &[value as f32], f32::to_le_bytes));
                }
            }
            match targets {
                TargetsRef::Classes(from) => put(block, &from[row..=row], u32::to_le_bytes),
                TargetsRef::Values { width, values } => {
                    put(block, &values[row * width..][..width], f64::to_le_bytes);
                }
            }
            if let Some(weights) = batch.weights {
                put(block, &weights[row..=row], f32::to_le_bytes);
            }
            self.rows += 1;
            if self.block.len() == self.record * self.layout.block_rows {
                self.end_block()?;
            }
        }
        Ok(())
    }

    /// Ends the file, and gives back what it was written to.
    ///
    /// # Errors
    /// If writing fails.
    pub fn finish(mut self) -> Result<W> {
        if !self.block.is_empty() {
            self.end_block()?;
        }
        self.to.seek(SeekFrom::Start(0))?;
        self.to.write_all(&self.layout.header(self.rows))?;
        self.to.flush()?;
        Ok(self.to)
    }

    fn end_block(&mut self) -> Result<()> {
        let number = (self.rows - 1) as usize / self.layout.block_rows;
        let checksum = layout::checksum(number, &self.block);
        self.to.write_all(&self.block)?;
        self.to.write_all(&checksum.to_le_bytes())?;
        self.block.clear();
        Ok(())
    }
}

fn put<T: Copy, const N: usize>(to: &mut Vec<u8>, from: &[T], bytes: fn(T) -> [u8; N]) {
    from.iter()
        .for_each(|value| to.extend_from_slice(&bytes(*value)));
}
