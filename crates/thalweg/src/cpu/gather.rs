//! Gathering: features, targets and weights of a row block come into the arena, while rows that will be wanted next
//! come near.

use super::deal;
use super::pass::{Pass, RowBlock};
use super::team::Member;
use crate::dataset::{Targets, Values};
use crate::engine::Rows;
use crate::kernels::gather::Gather;
use crate::layers::stride;
use crate::precision::Precision;

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
    /// The rows, in their order; none: nothing, or it has been written over.
    rows: Vec<u32>,
    /// Where their features lie.
    from: usize,
}

impl Ahead {
    /// For blocks of so many rows.
    pub fn with_capacity(rows: usize) -> Self {
        Self {
            rows: Vec::with_capacity(rows),
            from: 0,
        }
    }

    /// Whether there is something.
    #[cfg(test)]
    pub fn is_there(&self) -> bool {
        !self.rows.is_empty()
    }

    /// What was gathered will be written over.
    pub fn forget(&mut self) {
        self.rows.clear();
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
                None => self.gather_plain(self.batch.rows, block, next),
            }
        }
    }

    /// Where features begin, as a sign of the dataset that they are from.
    fn source(&self) -> usize {
        match &self.batch.features.values {
            Values::F32(from) => from.as_ptr() as usize,
            Values::F64(from) => from.as_ptr() as usize,
            Values::U8 { bytes, .. } => bytes.as_ptr() as usize,
        }
    }

    /// Whether the member of a block has gathered it ahead. It will not be there much longer.
    ///
    /// # Safety
    /// Nobody else works with what the member gathered ahead.
    unsafe fn is_gathered(&self, block: &RowBlock) -> bool {
        let (Some(ahead), Rows::Listed(rows)) = (self.ahead, self.batch.rows) else {
            return false;
        };
        // SAFETY: the caller's promise.
        let ahead = unsafe { &mut ahead.write(block.member..block.member + 1)[0] };
        let is_it = ahead.from == self.source() && ahead.rows == rows[block.rows.clone()];
        ahead.forget();
        is_it
    }

    /// Gathers what will be the member's first block of the next step, if that is to be as this one.
    ///
    /// # Safety
    /// The member has no more to do in the arena.
    pub(super) unsafe fn gather_ahead(&self, member: Member) {
        let (Some(ahead), Rows::Listed(upcoming)) = (self.ahead, self.batch.upcoming) else {
            return;
        };
        let count = self.batch.rows.len();
        let Some((next, after)) = upcoming.split_at_checked(count) else {
            return;
        };
        let size = self.plan.block_rows;
        let start = deal::share(self.blocks(), member.index, member.count()).start * size;
        let block = RowBlock {
            rows: start..count.min(start + size),
            place: member.index * size,
            room: self.plan.room(count.min(start + size) - start),
            member: member.index,
        };
        let all = self.batch.features.rows();
        let rows = &next[block.rows.clone()];
        if self.augmenting.is_some() || rows.iter().any(|row| *row as usize >= all) {
            return;
        }
        // SAFETY: the caller's promise.
        unsafe {
            let later = Upcoming(after.get(start..).unwrap_or_default());
            self.gather_plain(Rows::Listed(next), &block, later);
            let ahead = &mut ahead.write(member.index..member.index + 1)[0];
            ahead.from = self.source();
            ahead.rows.clear();
            ahead.rows.extend_from_slice(rows);
        }
    }

    /// See [`Pass::gather`]; the block is one of `rows`.
    ///
    /// # Safety
    /// Nobody else works on these rows of the arena.
    unsafe fn gather_plain(&self, rows: Rows, block: &RowBlock, next: Upcoming) {
        let width = self.plan.inputs;
        // SAFETY: the caller's promise.
        let (x, classes, values, weights) = unsafe {
            (
                self.arena.write(block.values(0, stride(width))),
                self.classes.write(block.places(1)),
                self.values.write(match self.batch.targets {
                    Some(Targets::Values { width, .. }) => block.places(*width),
                    _ => 0..0,
                }),
                self.weights.write(match self.batch.weights {
                    Some(_) => block.places(1),
                    None => 0..0,
                }),
            )
        };
        match &self.batch.features.values {
            Values::F32(from) => {
                self.gather_rows((rows, block, next), from, width, x, |v| {
                    T::from_f64(v.into())
                });
            }
            Values::F64(from) => self.gather_rows((rows, block, next), from, width, x, T::from_f64),
            Values::U8 {
                bytes,
                scale,
                offset,
            } => {
                let (scale, offset) = (T::from_f64((*scale).into()), T::from_f64((*offset).into()));
                let convert = |byte: u8| T::from_byte(byte) * scale + offset;
                self.gather_rows((rows, block, next), bytes, width, x, convert);
            }
        }
        match self.batch.targets {
            Some(Targets::Classes(from)) => {
                self.gather_rows((rows, block, next), from, 1, classes, |class| class);
            }
            Some(Targets::Values {
                width,
                values: from,
            }) => self.gather_rows((rows, block, next), from, *width, values, T::from_f64),
            None => {}
        }
        if let Some(from) = self.batch.weights {
            self.gather_rows((rows, block, next), from, 1, weights, |w| {
                T::from_f64(w.into())
            });
        }
    }

    /// One of the things that [`Pass::gather`] gathers; `to` has room for the block, evenly.
    fn gather_rows<S: Copy, U>(
        &self,
        (rows, block, next): (Rows, &RowBlock, Upcoming),
        from: &[S],
        width: usize,
        to: &mut [U],
        convert: impl Fn(S) -> U,
    ) {
        let stride = to.len() / block.rows.len();
        match rows {
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
