//! Where the rows of a run come from: memory, slices of the caller, or a file that is read block by block.
//!
//! A source gives rows by their numbers. Their order is not the source's: it is that of a [`RowOrder`](crate::order::RowOrder), so that every source gives the same batches and a run the same
//! bits. A [`Dataset`](crate::dataset::Dataset) is a source, as are borrowed rows, a
//! [`DatasetRef`](crate::dataset::DatasetRef), and a [`BlockFile`](block_file::BlockFile).
//!
//! ```
//! use thalweg_core::cpu;
//! use thalweg_core::dataset::{DatasetRef, FeaturesRef, TargetsRef};
//! use thalweg_core::registry::Choice;
//! use thalweg_core::spec::{NetworkSpec, TrainingSpec};
//! use thalweg_core::train::{Run, train};
//!
//! let (x, y) = ([0.0f32, 1.0, 2.0, 3.0], [1.0, 3.0, 5.0, 7.0]);
//! let rows = DatasetRef {
//!     features: FeaturesRef::f32(1, &x),
//!     targets: TargetsRef::Values { width: 1, values: &y },
//!     weights: None,
//! };
//! let network = NetworkSpec::mlp(1, &[], "relu", 1, Choice::new("mse"));
//! let spec = TrainingSpec { epochs: 3, ..TrainingSpec::default() };
//! let mut run = Run::with_sources(cpu::engine(&network, &spec, 1)?, &spec, Box::new(rows), None)?;
//! train(&mut run, &mut ())?;
//! # Ok::<(), thalweg_core::Error>(())
//! ```

pub mod block_file;
mod memory;
pub mod scan;

use std::ops::Range;
use std::time::Duration;

use crate::engine::{Batch, Rows};
use crate::error::Result;

/// What a source has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schema {
    /// Number of rows.
    pub rows: usize,
    /// Values a row.
    pub width: usize,
    /// What the targets are.
    pub targets: TargetKind,
    /// Whether rows have weights.
    pub is_weighted: bool,
}

/// What the targets of a source are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetKind {
    /// A class a row.
    Classes,
    /// So many numbers a row.
    Values(usize),
}

/// Rows that are asked of a source.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Which rows, in their order.
    pub rows: Rows<'a>,
    /// The rows of the next requests, as far as they are known: a hint.
    pub upcoming: Rows<'a>,
    /// The blocks of rows that this and the next requests draw from, where these are few: what is worth keeping in
    /// memory. Empty where rows may be any.
    pub window: &'a [Range<usize>],
    /// The blocks of rows after these, as far as they are known: what is worth reading ahead.
    pub next: &'a [Range<usize>],
}

impl Request<'_> {
    /// Consecutive rows.
    pub fn range(rows: Range<usize>) -> Self {
        Self {
            rows: Rows::Range(rows.start, rows.end),
            upcoming: Rows::NONE,
            window: &[],
            next: &[],
        }
    }
}

/// Rows with targets, by number. The same number is the same row in every request.
pub trait RowSource: Send {
    /// What it has.
    fn schema(&self) -> Schema;

    /// The rows of a request. A batch may hold them anywhere in its buffers; if the contents of these buffers change
    /// between requests, so does [`Batch::generation`].
    ///
    /// # Errors
    /// If they cannot be read.
    fn batch<'a>(&'a mut self, request: Request<'a>) -> Result<Batch<'a>>;

    /// Rows to request at once when all rows are read in their order.
    fn chunk(&self) -> usize {
        self.schema().rows
    }

    /// The time that requests have waited so far until rows were read; none of a source that has its rows.
    fn waited(&self) -> Option<Duration> {
        None
    }
}

impl<S: RowSource + ?Sized> RowSource for &mut S {
    fn schema(&self) -> Schema {
        (**self).schema()
    }

    fn batch<'a>(&'a mut self, request: Request<'a>) -> Result<Batch<'a>> {
        (**self).batch(request)
    }

    fn chunk(&self) -> usize {
        (**self).chunk()
    }

    fn waited(&self) -> Option<Duration> {
        (**self).waited()
    }
}
