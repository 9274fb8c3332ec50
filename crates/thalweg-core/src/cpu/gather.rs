//! Gathering: features, targets and weights of a row block come into the arena, while rows that will be wanted next
//! come near.

use std::ops::Range;

use super::deal;
use super::pass::{Pass, RowBlock};
use super::precision::Precision;
use super::team::Member;
use crate::dataset::{TargetsRef, ValuesRef};
use crate::engine::{Batch, Rows};
use crate::kernels::gather::Gather;
use crate::shape::stride;

/// Rows that a member will gather after a block, where it is worth to ask for them: those that lie side by
/// side come by themselves.
#[derive(Debug, Clone, Copy)]
pub(super) struct Upcoming<'a>(&'a [u32]);

impl<'a> Upcoming<'a> {
    /// Nobody knows.
    pub const UNKNOWN: Self = Upcoming(&[]);

    /// `rows` from position `first` on.
    pub fn of(rows: Rows<'a>, first: usize) -> Self {
        match rows {
            Rows::Listed(rows) => Upcoming(rows.get(first..).unwrap_or_default()),
            Rows::Range(..) => Self::UNKNOWN,
        }
    }
}

/// What a member has gathered for its first row block of the next step, while the caller had still to do.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct Ahead {
    /// The pass that it is for: the arena is as it was left for no other.
    pass: u64,
    /// Where features, targets and weights come from, and the generation of what is there.
    sources: [usize; 3],
    generation: u64,
    /// The rows, in their order.
    rows: Vec<u32>,
}

impl Ahead {
    /// For blocks of so many rows.
    pub fn with_capacity(rows: usize) -> Self {
        Self {
            rows: Vec::with_capacity(rows),
            ..Self::default()
        }
    }

    /// Whether it is for this pass.
    #[cfg(test)]
    pub fn is_for(&self, pass: u64) -> bool {
        self.pass == pass
    }
}

impl<T: Precision> Pass<'_, T> {
    /// Copies features, targets and weights of a block into the arena, unless they are there, while those of `next` come
    /// near.
    ///
    /// # Safety
    /// Nobody else works on these rows of the arena, nor with what the member gathered ahead.
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

    /// Whether the member of a block has gathered it ahead, which it finds out once.
    ///
    /// # Safety
    /// Nobody else works with what the member gathered ahead.
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

    /// Gathers what will be the member's first block of the next step, if that is to be as this one.
    ///
    /// # Safety
    /// The member has no more to do in the arena, and nobody else reads there what it has left.
    pub(super) unsafe fn gather_ahead(&self, member: Member) {
        let own = deal::share(self.blocks(), member.index, member.count());
        let (Some(ahead), Rows::Listed(upcoming)) = (self.ahead, self.batch.upcoming) else {
            return;
        };
        let Some((rows, upcoming)) = upcoming.split_at_checked(self.batch.rows.len()) else {
            return;
        };
        if own.is_empty() || self.augmenting.is_some() {
            return;
        }
        let next = Pass {
            batch: Batch {
                rows: Rows::Listed(rows),
                upcoming: Rows::Listed(upcoming),
                ..self.batch
            },
            ..*self
        };
        let block = next.own_block(member, own.start);
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

    /// What a member will gather after the block `index` of its `own`.
    pub(super) fn upcoming(&self, own: &Range<usize>, index: usize) -> Upcoming<'_> {
        let size = self.plan.block_rows;
        match index + 1 {
            next if next < own.end => Upcoming::of(self.batch.rows, next * size),
            _ => Upcoming::of(self.batch.upcoming, own.start * size),
        }
    }

    /// See [`Pass::gather`].
    ///
    /// # Safety
    /// Nobody else works on these rows of the arena.
    unsafe fn gather_plain(&self, block: &RowBlock, next: Upcoming) {
        let width = self.plan.inputs;
        // SAFETY: the caller's promise.
        let (x, classes, values, weights) = unsafe {
            (
                self.arena.write(block.values(0, stride(width))),
                self.classes.write(block.places(1)),
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

    /// One of the things that [`Pass::gather`] gathers; `to` has room for the block, evenly.
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
