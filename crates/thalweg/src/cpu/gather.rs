//! Gathering: features, targets and weights of a row block come into the arena, while rows that will be wanted next
//! come near.

use super::pass::{Pass, RowBlock};
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

impl<T: Precision> Pass<'_, T> {
    /// Copies features, targets and weights of a block into the arena, while those of `next` come near.
    ///
    /// # Safety
    /// Nobody else works on these rows of the arena.
    pub(super) unsafe fn gather(&self, block: &RowBlock, next: Upcoming) {
        if let Some(augmenting) = self.augmenting {
            // SAFETY: the caller's promise.
            return unsafe { self.gather_augmented(block, augmenting) };
        }
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
                self.gather_rows(block, next, from, width, x, |v| T::from_f64(v.into()));
            }
            Values::F64(from) => self.gather_rows(block, next, from, width, x, T::from_f64),
            Values::U8 {
                bytes,
                scale,
                offset,
            } => {
                let (scale, offset) = (T::from_f64((*scale).into()), T::from_f64((*offset).into()));
                let convert = |byte: u8| T::from_byte(byte) * scale + offset;
                self.gather_rows(block, next, bytes, width, x, convert);
            }
        }
        match self.batch.targets {
            Some(Targets::Classes(from)) => {
                self.gather_rows(block, next, from, 1, classes, |class| class);
            }
            Some(Targets::Values {
                width,
                values: from,
            }) => self.gather_rows(block, next, from, *width, values, T::from_f64),
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
