//! Which rows make the mini-batches of an epoch: an order of row numbers that is cut into batches.
//!
//! The order is a function of (seed, epoch, spec, number of rows, classes), so a resumed run needs no state. Without
//! reshuffling it is that of epoch 0 in every epoch: a fixed partition.
//!
//! - Stratified: the k-th of the n rows of a class, in random order, gets the key (k + u)/n with one random u a class,
//!   and rows are sorted by key (systematic sampling, Madow & Madow 1944). A batch has the classes in the proportions of
//!   the data up to one row of each; with many small classes, whose rounding adds up, it may be further from them.
//! - Balanced: positions go to the classes in turn, and a class gives its rows in random order, from the beginning again
//!   after the last.
//! - Blocks: blocks of consecutive rows are permuted, and the rows of every [`WINDOW`] blocks are shuffled together.
//!   Only a window is listed at a time, and whoever reads the rows needs no more of them than that.

use std::ops::Range;

use crate::engine::Rows;
use crate::error::{Error, Result};
use crate::memory;
use crate::random::{Purpose, Sequence, Stream};
use crate::shuffle::shuffle;
use crate::source::Request;
use crate::spec::{LastBatch, Sampling, TrainingSpec};

/// Blocks whose rows are shuffled together.
pub const WINDOW: usize = 8;
/// Rows of a block where rows stay in their order.
const SEQUENTIAL: usize = 1 << 13;
/// Substreams of the permutation of blocks and of windows, beyond those of [`shuffle`].
const BLOCKS: u64 = 1 << 20;
const WINDOWS: u64 = 1 << 30;

/// See the module's text.
///
/// ```
/// use thalweg_core::order::RowOrder;
/// use thalweg_core::spec::TrainingSpec;
///
/// let spec = TrainingSpec { batch_size: 4, shuffle: false, ..TrainingSpec::default() };
/// let mut order = RowOrder::new(&spec, 10, None, 1)?;
/// assert_eq!(order.batches(), 3);
/// assert_eq!(order.batch(0, 2).rows.len(), 2);
/// # Ok::<(), thalweg_core::Error>(())
/// ```
pub struct RowOrder {
    spec: TrainingSpec,
    rows: usize,
    threads: usize,
    /// The class of each row, where rows are sampled by class.
    classes: Vec<u32>,
    /// Rows of a block; all of them where there is a single window.
    block: usize,
    /// The epoch whose order is listed.
    epoch: Option<usize>,
    /// The blocks in the order of the epoch.
    blocks: Vec<u32>,
    /// Rows in order, from position `first` of the epoch on.
    listed: Vec<u32>,
    first: usize,
    /// Windows that were listed so far.
    windows: usize,
    /// The blocks of rows that are listed, and for each the position at which its window ends.
    window: Vec<Range<usize>>,
    ends: Vec<usize>,
    /// The blocks of rows of the window after the last that is listed.
    next: Vec<Range<usize>>,
}

impl RowOrder {
    /// The order of so many rows, shuffled on up to so many threads. `spec` is resolved; `classes` has the class of
    /// each row, where rows have classes and the spec samples by them.
    ///
    /// # Errors
    /// If the spec samples by class and there are no classes, or there is not enough memory.
    pub fn new(
        spec: &TrainingSpec,
        rows: usize,
        classes: Option<Vec<u32>>,
        threads: usize,
    ) -> Result<Self> {
        let is_uniform = spec.batches.sampling == Sampling::Uniform;
        let classes = match (is_uniform, classes) {
            (true, _) => Vec::new(),
            (false, Some(classes)) => classes,
            (false, None) => {
                let path = "batches.sampling";
                let found = "targets that are numbers";
                let error = Error::invalid(format!("`{path}`"), found, "classes").at(path);
                return Err(error.remedy(format!("set `{path}` to uniform")));
            }
        };
        let block = match spec.batches.block {
            Some(block) if is_uniform => block.min(rows),
            None if is_uniform && !spec.shuffle => SEQUENTIAL.min(rows),
            _ => rows,
        };
        let blocks = rows.div_ceil(block.max(1));
        let window = block.saturating_mul(WINDOW).min(rows);
        let mut listed = memory::room(window.saturating_add(spec.batch_size.min(rows)))?;
        memory::prefer_huge_pages(&mut listed);
        Ok(Self {
            spec: spec.clone(),
            rows,
            threads,
            classes,
            block,
            epoch: None,
            blocks: memory::collect(0..blocks as u32)?,
            listed,
            first: 0,
            windows: 0,
            window: Vec::with_capacity(2 * WINDOW),
            ends: Vec::with_capacity(2 * WINDOW),
            next: Vec::with_capacity(WINDOW),
        })
    }

    /// Batches of an epoch.
    pub fn batches(&self) -> usize {
        let size = self.spec.batch_size;
        match self.spec.batches.last {
            LastBatch::Drop if self.rows >= size => self.rows / size,
            _ => self.rows.div_ceil(size),
        }
    }

    /// The rows of a batch, both counted from 0: any batch of any epoch, most cheaply one after the other.
    ///
    /// # Panics
    /// If the epoch has no such batch.
    #[inline]
    pub fn batch(&mut self, epoch: usize, batch: usize) -> Request<'_> {
        let start = batch * self.spec.batch_size;
        let end = self.rows.min(start + self.spec.batch_size);
        let epoch = if self.spec.batches.reshuffle {
            epoch
        } else {
            0
        };
        if self.epoch != Some(epoch) || start < self.first {
            self.begin(epoch);
        }
        while self.first + self.listed.len() < end {
            self.next_window(epoch, start);
        }
        let listed = &self.listed[start - self.first..];
        let (rows, upcoming) = listed.split_at(end - start);
        let from = match self.ends.is_empty() {
            true => 0,
            false => self.ends.partition_point(|end| *end <= start),
        };
        Request {
            rows: Rows::Listed(rows),
            upcoming: Rows::Listed(upcoming),
            window: &self.window[from..],
            next: &self.next,
        }
    }

    /// Goes to the beginning of an epoch.
    fn begin(&mut self, epoch: usize) {
        self.epoch = Some(epoch);
        (self.first, self.windows) = (0, 0);
        if self.block >= self.rows {
            // Its length stays: every place is written.
            self.listed.resize(self.rows, 0);
            return arrange(
                &self.spec,
                &self.classes,
                epoch,
                self.threads,
                &mut self.listed,
            );
        }
        self.listed.clear();
        self.window.clear();
        self.ends.clear();
        let blocks = self.blocks.iter_mut().zip(0..);
        blocks.for_each(|(block, number)| *block = number);
        if self.spec.shuffle {
            self.random(BLOCKS, epoch).shuffle(&mut self.blocks);
        }
    }

    /// Lists the next window. Rows before position `start` are no longer needed.
    fn next_window(&mut self, epoch: usize, start: usize) {
        let done = (start.saturating_sub(self.first)).min(self.listed.len());
        self.listed.drain(..done);
        self.first += done;
        let over = self.ends.partition_point(|end| *end <= start);
        self.window.drain(..over);
        self.ends.drain(..over);
        let before = self.listed.len();
        let (blocks, size, all) = (&self.blocks, self.block, self.rows);
        let of_window = |window: usize| {
            let blocks = blocks.iter().skip(window * WINDOW).take(WINDOW);
            blocks
                .map(|block| *block as usize * size)
                .map(|start| start..all.min(start + size))
        };
        for rows in of_window(self.windows) {
            self.listed.extend(rows.start as u32..rows.end as u32);
            self.window.push(rows);
        }
        self.next.clear();
        self.next.extend(of_window(self.windows + 1));
        if self.spec.shuffle {
            let mut random = self.random(WINDOWS + self.windows as u64, epoch);
            random.shuffle(&mut self.listed[before..]);
        }
        self.windows += 1;
        let end = self.first + self.listed.len();
        self.ends.resize(self.window.len(), end);
    }

    fn random(&self, number: u64, epoch: usize) -> Sequence {
        let substream = number << 32 | epoch as u64;
        Stream::new(self.spec.seed, Purpose::Shuffle, substream).sequence()
    }
}

/// Puts all rows into the order of an epoch.
fn arrange(spec: &TrainingSpec, classes: &[u32], epoch: usize, threads: usize, order: &mut [u32]) {
    let mut random = None;
    if spec.shuffle {
        random = Some(shuffle(spec.seed, epoch, threads, order));
    } else {
        order.iter_mut().zip(0..).for_each(|(to, row)| *to = row);
    }
    if spec.batches.sampling == Sampling::Uniform {
        return;
    }
    let most = classes.iter().max().map_or(0, |class| *class as usize + 1);
    let mut members: Vec<Vec<u32>> = vec![Vec::new(); most];
    for row in order.iter() {
        members[classes[*row as usize] as usize].push(*row);
    }
    members.retain(|rows| !rows.is_empty());
    if spec.batches.sampling == Sampling::Balanced {
        let count = members.len();
        for (position, row) in order.iter_mut().enumerate() {
            let rows = &members[position % count];
            *row = rows[position / count % rows.len()];
        }
        return;
    }
    let mut keyed: Vec<(f64, u32)> = Vec::with_capacity(order.len());
    for rows in &members {
        let start = random.as_mut().map_or(0.5, Sequence::uniform);
        let key = |k: usize| (k as f64 + start) / rows.len() as f64;
        keyed.extend(rows.iter().enumerate().map(|(k, row)| (key(k), *row)));
    }
    keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
    for (to, (_, row)) in order.iter_mut().zip(keyed) {
        *to = row;
    }
}
