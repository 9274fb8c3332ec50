//! Gathering: features, targets and weights of a row block are copied into the arena, while rows
//! that are needed next are prefetched.

use std::ops::Range;

use super::{Forward, Pass, RowBlock, Upcoming, row_block};
use crate::cpu::precision::Precision;
use crate::cpu::queues;
use crate::cpu::team::Member;
use crate::dataset::{TargetsRef, ValuesRef};
use crate::engine::{Batch, Rows};
use crate::kernels::gather::Gather;
use crate::kernels::sparse::AHEAD;
use crate::shape::stride;
use crate::sparse::CsrRef;

impl<T: Precision> Pass<'_, T> {
    /// Copies features, targets and weights of a block into the arena, unless they are there, and
    /// prefetches those of `next`.
    ///
    /// # Safety
    /// No other thread works on these rows of the arena, nor on the member's block gathered ahead.
    pub(super) unsafe fn gather(&self, block: &RowBlock, next: Upcoming) {
        // SAFETY: the caller's promise.
        unsafe {
            match self.augmenting {
                Some(augmenting) => self.gather_augmented(block, augmenting),
                None if self.is_gathered(block) => {}
                None => self.gather_plain(block, next),
            }
        }
    }

    /// Where features, targets and weights come from.
    fn sources(&self) -> [usize; 3] {
        let features = match self.batch.features.values {
            ValuesRef::F32(values) => values.as_ptr().addr(),
            ValuesRef::F64(values) => values.as_ptr().addr(),
            ValuesRef::U8 { bytes, .. } => bytes.as_ptr().addr(),
            ValuesRef::Columns(columns) => columns.as_ptr().addr(),
            ValuesRef::Sparse(rows) => rows.columns().as_ptr().addr(),
        };
        let targets = self.batch.targets.map_or(0, |targets| match targets {
            TargetsRef::Classes(classes) => classes.as_ptr().addr(),
            TargetsRef::Values { values, .. } => values.as_ptr().addr(),
        });
        let weights = self
            .batch
            .weights
            .map_or(0, |weights| weights.as_ptr().addr());
        [features, targets, weights]
    }

    /// Whether the member of a block has gathered it ahead; asked once.
    ///
    /// # Safety
    /// No other thread works on the member's block gathered ahead.
    unsafe fn is_gathered(&self, block: &RowBlock) -> bool {
        let (Some(ahead), Rows::Listed(rows)) = (self.ahead, self.batch.rows) else {
            return false;
        };
        // SAFETY: the caller's promise.
        let ahead = unsafe { &mut ahead.write(block.member..block.member + 1)[0] };
        let is_for = std::mem::take(&mut ahead.pass);
        is_for == self.number
            && ahead.sources == self.sources()
            && ahead.generation == self.batch.generation
            && ahead.rows == rows[block.rows.clone()]
    }

    /// Gathers the member's first block of the next step, if the rows of that step are known.
    ///
    /// # Safety
    /// The member is done with the arena, and no other thread reads the rows that it has left
    /// there.
    pub unsafe fn gather_ahead(&self, member: Member) {
        let own = queues::share(self.blocks(), member.index, member.count());
        let (Some(ahead), Rows::Listed(upcoming)) = (self.ahead, self.batch.upcoming) else {
            return;
        };
        let count = self.batch.rows.len();
        let Some((rows, upcoming)) = upcoming.split_at_checked(count) else {
            return;
        };
        if own.is_empty() || self.augmenting.is_some() {
            return;
        }
        let batch = Batch {
            rows: Rows::Listed(rows),
            upcoming: Rows::Listed(upcoming),
            ..*self.batch
        };
        let next = Forward {
            batch: &batch,
            ..self.forward
        };
        let blocking = self.plan.blocking;
        let block = row_block(self.plan, blocking, count, own.start, member.index);
        let (all, rows) = (self.batch.features.rows(), &rows[block.rows.clone()]);
        if rows.iter().any(|row| *row as usize >= all) {
            return;
        }
        // SAFETY: the caller's promise.
        unsafe {
            next.gather_plain(&block, next.upcoming(&own, own.start));
            let ahead = &mut ahead.write(member.index..member.index + 1)[0];
            ahead.pass = self.number + 1;
            ahead.sources = self.sources();
            ahead.generation = self.batch.generation;
            ahead.rows.clear();
            ahead.rows.extend_from_slice(rows);
        }
    }
}

impl<T: Precision> Forward<'_, T> {
    /// The rows that a member will gather after the block `index` of its `own`.
    pub(super) fn upcoming(&self, own: &Range<usize>, index: usize) -> Upcoming<'_> {
        let size = self.plan.blocking.rows;
        match index + 1 {
            next if next < own.end => Upcoming::of(self.batch.rows, next * size),
            _ => Upcoming::of(self.batch.upcoming, own.start * size),
        }
    }

    /// Copies features, targets and weights of a block into the arena, and prefetches those of
    /// `next`.
    ///
    /// # Safety
    /// No other thread works on these rows of the arena.
    pub(super) unsafe fn gather_plain(&self, block: &RowBlock, next: Upcoming) {
        let width = match self.plan.gathers_features {
            true => self.plan.inputs,
            false => 0,
        };
        // SAFETY: the caller's promise.
        let (x, classes, values, weights) = unsafe {
            (
                self.arena.write(block.values(0, stride(width))),
                self.classes.write(match self.batch.targets {
                    Some(TargetsRef::Classes(_)) => block.places(1),
                    _ => 0..0,
                }),
                self.values.write(match self.batch.targets {
                    Some(TargetsRef::Values { width, .. }) => block.places(width),
                    _ => 0..0,
                }),
                self.weights.write(match self.batch.weights {
                    Some(_) => block.places(1),
                    None => 0..0,
                }),
            )
        };
        match self.batch.features.values {
            ValuesRef::Sparse(from) if width == 0 => prefetch_rows(from, next),
            _ if width == 0 => {}
            ValuesRef::F32(from) => {
                self.gather_rows(block, next, from, width, x, |v| T::from_f64(v.into()));
            }
            ValuesRef::F64(from) => self.gather_rows(block, next, from, width, x, T::from_f64),
            ValuesRef::U8 {
                bytes,
                scale,
                offset,
            } => {
                let (scale, offset) = (T::from_f64(scale.into()), T::from_f64(offset.into()));
                let convert = |byte: u8| T::from_byte(byte) * scale + offset;
                self.gather_rows(block, next, bytes, width, x, convert);
            }
            ValuesRef::Columns(columns) => {
                for (j, column) in columns.iter().enumerate() {
                    let rows = x.chunks_exact_mut(stride(width)).zip(block.rows.clone());
                    for (to, position) in rows {
                        to[j] = T::from_f64(column[self.batch.rows.at(position)].into());
                    }
                }
            }
            ValuesRef::Sparse(from) => {
                let rows = x.chunks_exact_mut(stride(width)).zip(block.rows.clone());
                for (to, position) in rows {
                    to.fill(T::ZERO);
                    for (column, value) in from.entries(self.batch.rows.at(position)) {
                        to[column] = T::from_f64(value);
                    }
                }
            }
        }
        match self.batch.targets {
            Some(TargetsRef::Classes(from)) => {
                self.gather_rows(block, next, from, 1, classes, |class| class);
            }
            Some(TargetsRef::Values {
                width,
                values: from,
            }) => self.gather_rows(block, next, from, width, values, T::from_f64),
            None => {}
        }
        if let Some(from) = self.batch.weights {
            self.gather_rows(block, next, from, 1, weights, |w| T::from_f64(w.into()));
        }
    }

    /// Gathers one array; each row of the block takes an equal part of `to`.
    fn gather_rows<S: Copy, U>(
        &self,
        block: &RowBlock,
        next: Upcoming,
        from: &[S],
        width: usize,
        to: &mut [U],
        convert: impl Fn(S) -> U,
    ) {
        let stride = to.len() / block.rows.len();
        match self.batch.rows {
            Rows::Listed(rows) => Gather {
                from,
                width,
                rows: rows[block.rows.clone()].iter().map(|row| *row as usize),
                next: next.0,
                to,
                stride,
                convert,
            }
            .run(self.isa),
            Rows::Range(start, _) => Gather {
                from,
                width,
                rows: start + block.rows.start..,
                next: next.0,
                to,
                stride,
                convert,
            }
            .run(self.isa),
        }
    }
}

/// Prefetches the first sparse rows of `next`; the others are, when these are read.
fn prefetch_rows(from: CsrRef, next: Upcoming) {
    let next = || next.0.iter().map(|row| *row as usize);
    next()
        .take(3 * AHEAD)
        .for_each(|row| from.prefetch_start(row));
    next().take(2 * AHEAD).for_each(|row| from.prefetch(row));
}
