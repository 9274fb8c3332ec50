//! The format of a block file, version 1. All numbers are little-endian.
//!
//! A header of 48 bytes, then blocks of `block_rows` rows, the last one shorter. A row is its values, its targets (a
//! u32 for a class, else f64) and its weight (f32, if rows are weighted). Each block is followed by the CRC-32 of its number
//! (u32) and its rows.

use crate::dataset::{
    Dataset, DatasetRef, Features, FeaturesRef, Targets, TargetsRef, Values, ValuesRef,
};
use crate::error::{Error, Result};
use crate::memory;
use crate::source::{Schema, TargetKind};

const MAGIC: &[u8; 8] = b"thalwegB";
const VERSION: u32 = 1;
pub(super) const HEADER: usize = 48;
/// Bytes of a block.
const MOST: usize = u32::MAX as usize;
/// Bytes of a checksum.
pub(super) const CHECKSUM: usize = 4;

/// How values are stored.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ValueKind {
    /// Single precision.
    F32,
    /// Double precision.
    F64,
    /// Bytes: x = byte·scale + offset.
    U8 {
        /// Multiplies the byte.
        scale: f32,
        /// Is added after that.
        offset: f32,
    },
}

/// What a block file holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Layout {
    /// Values a row.
    pub width: usize,
    /// How they are stored.
    pub values: ValueKind,
    /// What the targets are.
    pub targets: TargetKind,
    /// Whether rows have weights.
    pub is_weighted: bool,
    /// Rows of a block; the last one may have fewer.
    pub block_rows: usize,
}

impl Layout {
    /// The layout for rows in memory; columns are stored in single precision.
    pub fn of<'a>(rows: impl Into<DatasetRef<'a>>, block_rows: usize) -> Self {
        let rows = rows.into();
        Self {
            width: rows.features.width,
            values: value_kind(rows.features),
            targets: target_kind(rows.targets),
            is_weighted: rows.weights.is_some(),
            block_rows,
        }
    }

    pub(super) fn schema(&self, rows: usize) -> Schema {
        Schema {
            rows,
            width: self.width,
            targets: self.targets,
            is_weighted: self.is_weighted,
        }
    }

    /// Bytes of a row.
    ///
    /// # Errors
    /// If the layout has no rows, or rows of no size or of more bytes than there can be.
    pub(super) fn record(&self) -> Result<usize> {
        let value = match self.values {
            ValueKind::F32 => 4,
            ValueKind::F64 => 8,
            ValueKind::U8 { .. } => 1,
        };
        let targets = match self.targets {
            TargetKind::Classes => Some(4),
            TargetKind::Values(width) => width.checked_mul(8),
        };
        let weight = if self.is_weighted { 4 } else { 0 };
        let bytes = (self.width.checked_mul(value))
            .and_then(|bytes| bytes.checked_add(targets?)?.checked_add(weight));
        let is_possible = |bytes: &usize| {
            let block = bytes.checked_mul(self.block_rows);
            (1..=MOST).contains(&self.width)
                && self.targets != TargetKind::Values(0)
                && block.is_some_and(|block| (1..=MOST).contains(&block))
        };
        bytes.filter(is_possible).ok_or_else(|| {
            let (width, rows) = (self.width, self.block_rows);
            let found = format!("{width} values a row and {rows} rows a block");
            Error::invalid(
                "block file",
                found,
                "at least one of each, and blocks below 4 GiB",
            )
        })
    }

    /// The bytes of the header of a file of so many rows.
    pub(super) fn header(&self, rows: u64) -> [u8; HEADER] {
        let (kind, scale, offset) = match self.values {
            ValueKind::F32 => (0u8, 1.0f32, 0.0f32),
            ValueKind::F64 => (1, 1.0, 0.0),
            ValueKind::U8 { scale, offset } => (2, scale, offset),
        };
        let (targets, target_width) = match self.targets {
            TargetKind::Classes => (0u8, 1),
            TargetKind::Values(width) => (1, width as u32),
        };
        let mut bytes = Vec::with_capacity(HEADER);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&[kind, targets, u8::from(self.is_weighted), 0]);
        bytes.extend_from_slice(&rows.to_le_bytes());
        for number in [self.width as u32, target_width, self.block_rows as u32] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend_from_slice(&scale.to_le_bytes());
        bytes.extend_from_slice(&offset.to_le_bytes());
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
        let mut header = [0; HEADER];
        header.copy_from_slice(&bytes);
        header
    }

    /// The layout and the number of rows in a header.
    ///
    /// # Errors
    /// If it is not the header of a finished block file, or one of another version.
    pub(super) fn from_header(header: &[u8; HEADER]) -> Result<(Self, u64)> {
        let damaged = |what: &str| Err(Error::Damaged(format!("block file: {what}")));
        if !header.starts_with(MAGIC) {
            return damaged("it is none, or was never finished");
        }
        let number = |at: usize| u32::from_le_bytes(array(&header[at..]));
        let version = number(8);
        if version != VERSION {
            let found = format!("version {version}");
            return Err(
                Error::invalid("block file", found, format!("version {VERSION}"))
                    .remedy("write the file again with this version"),
            );
        }
        if crc32fast::hash(&header[..HEADER - CHECKSUM]) != number(HEADER - CHECKSUM) {
            return damaged("the checksum of the header is wrong");
        }
        let real = |at: usize| f32::from_le_bytes(array(&header[at..]));
        let layout = Self {
            width: number(24) as usize,
            values: match header[12] {
                0 => ValueKind::F32,
                1 => ValueKind::F64,
                2 => ValueKind::U8 {
                    scale: real(36),
                    offset: real(40),
                },
                _ => return damaged("values of an unknown kind"),
            },
            targets: match header[13] {
                0 => TargetKind::Classes,
                1 => TargetKind::Values(number(28) as usize),
                _ => return damaged("targets of an unknown kind"),
            },
            is_weighted: header[14] != 0,
            block_rows: number(32) as usize,
        };
        Ok((layout, u64::from_le_bytes(array(&header[16..]))))
    }

    /// A buffer without rows.
    pub(super) fn buffer(&self) -> Dataset {
        Dataset {
            features: Features {
                width: self.width,
                values: match self.values {
                    ValueKind::F32 => Values::F32(Vec::new()),
                    ValueKind::F64 => Values::F64(Vec::new()),
                    ValueKind::U8 { scale, offset } => Values::U8 {
                        bytes: Vec::new(),
                        scale,
                        offset,
                    },
                },
            },
            targets: match self.targets {
                TargetKind::Classes => Targets::Classes(Vec::new()),
                TargetKind::Values(width) => Targets::Values {
                    width,
                    values: Vec::new(),
                },
            },
            weights: self.is_weighted.then(Vec::new),
        }
    }
}

/// How views store their values.
pub(super) fn value_kind(features: FeaturesRef) -> ValueKind {
    match features.values {
        ValuesRef::F32(_) | ValuesRef::Columns(_) | ValuesRef::Sparse(_) => ValueKind::F32,
        ValuesRef::F64(_) => ValueKind::F64,
        ValuesRef::U8 { scale, offset, .. } => ValueKind::U8 { scale, offset },
    }
}

/// What targets in memory are.
pub(super) fn target_kind(targets: TargetsRef) -> TargetKind {
    match targets {
        TargetsRef::Classes(_) => TargetKind::Classes,
        TargetsRef::Values { width, .. } => TargetKind::Values(width),
    }
}

/// The checksum of a block.
pub(super) fn checksum(number: usize, rows: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&(number as u32).to_le_bytes());
    hasher.update(rows);
    hasher.finalize()
}

/// Makes room for so many rows in a buffer.
pub(super) fn resize(buffer: &mut Dataset, rows: usize) -> Result<()> {
    let values = rows.saturating_mul(buffer.features.width);
    match &mut buffer.features.values {
        Values::F32(all) => grow(all, values)?,
        Values::F64(all) => grow(all, values)?,
        Values::U8 { bytes, .. } => grow(bytes, values)?,
        // A buffer is of a kind that a layout has.
        Values::Sparse(_) => {}
    }
    match &mut buffer.targets {
        Targets::Classes(classes) => grow(classes, rows)?,
        Targets::Values { width, values } => grow(values, rows.saturating_mul(*width))?,
    }
    buffer
        .weights
        .as_mut()
        .map_or(Ok(()), |weights| grow(weights, rows))
}

fn grow<T: Copy + Default>(values: &mut Vec<T>, length: usize) -> Result<()> {
    if length > values.capacity() {
        let mut larger = memory::room(length)?;
        larger.extend_from_slice(values);
        *values = larger;
    }
    values.resize(length, T::default());
    Ok(())
}

/// Reads a record into a row of a buffer.
pub(super) fn decode(record: &[u8], buffer: &mut Dataset, row: usize) {
    let width = buffer.features.width;
    let rest = match &mut buffer.features.values {
        Values::F32(to) => numbers(record, &mut to[row * width..][..width], f32::from_le_bytes),
        Values::F64(to) => numbers(record, &mut to[row * width..][..width], f64::from_le_bytes),
        Values::U8 { bytes: to, .. } => {
            let (own, rest) = record.split_at(width);
            to[row * width..][..width].copy_from_slice(own);
            rest
        }
        Values::Sparse(_) => record,
    };
    let rest = match &mut buffer.targets {
        Targets::Classes(to) => numbers(rest, &mut to[row..=row], u32::from_le_bytes),
        Targets::Values { width, values: to } => {
            numbers(rest, &mut to[row * *width..][..*width], f64::from_le_bytes)
        }
    };
    if let Some(to) = &mut buffer.weights {
        numbers(rest, &mut to[row..=row], f32::from_le_bytes);
    }
}

/// Reads as many numbers as there is room for; returns the bytes behind them.
fn numbers<'a, T, const N: usize>(bytes: &'a [u8], to: &mut [T], of: fn([u8; N]) -> T) -> &'a [u8] {
    let (own, rest) = bytes.split_at(to.len() * N);
    for (to, bytes) in to.iter_mut().zip(own.as_chunks::<N>().0) {
        *to = of(*bytes);
    }
    rest
}

/// The first bytes of a slice that has as many.
fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(&bytes[..N]);
    array
}
