//! Transposing a matrix in squares that fill registers.
//!
//! Zipping registers i and i + lanes/2 for every i turns the number of a register and a lane,
//! written in bits, by one place; after log₂ lanes rounds the two have changed places.

use super::isa::{Isa, Kernel};
use super::simd::{Arch, MOST_LANES, Scalar, Vector};

/// to\[j, i\] = from\[i, j\], both with the distance of their rows.
#[derive(Debug)]
pub struct Transpose<'a, T> {
    /// Rows and columns of `from`.
    pub rows: usize,
    /// See `rows`.
    pub columns: usize,
    /// Rows, `from_stride` apart.
    pub from: &'a [T],
    /// See `from`.
    pub from_stride: usize,
    /// Where the columns go, `to_stride` apart. Not a slice: others may write between them.
    pub to: *mut T,
    /// See `to`.
    pub to_stride: usize,
}

impl<T: Scalar> Transpose<'_, T> {
    /// Does it.
    ///
    /// # Safety
    /// `to` is valid for `columns` rows of `rows` values, `to_stride` apart, and the caller has
    /// exclusive access to them.
    ///
    /// # Panics
    /// If `from` is too short: a mistake in the plan, not in any input.
    pub unsafe fn run(self, isa: Isa) {
        let last = self.rows.saturating_sub(1) * self.from_stride;
        assert!(self.rows == 0 || self.from.len() >= last + self.columns);
        isa.run(self);
    }
}

impl<T: Scalar> Kernel for Transpose<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arch>(self) {
        let lanes = T::Vector::<A>::LANES;
        let whole = |count: usize| count - count % lanes;
        let (rows, columns) = (whole(self.rows), whole(self.columns));
        // SAFETY: `Transpose::run` has checked `from`, and its caller vouches for `to`.
        unsafe {
            let from = |i: usize, j: usize| self.from.as_ptr().add(i * self.from_stride + j);
            let to = |j: usize, i: usize| self.to.add(j * self.to_stride + i);
            for i in (0..rows).step_by(lanes) {
                for j in (0..columns).step_by(lanes) {
                    let mut x = [T::Vector::<A>::splat(T::ZERO); MOST_LANES];
                    for (k, x) in x[..lanes].iter_mut().enumerate() {
                        *x = T::Vector::<A>::load(from(i + k, j));
                    }
                    transpose::<A, T>(&mut x);
                    for (k, x) in x[..lanes].iter().enumerate() {
                        x.store(to(j + k, i));
                    }
                }
            }
            for i in 0..self.rows {
                let done = if i < rows { columns } else { 0 };
                for j in done..self.columns {
                    *to(j, i) = *from(i, j);
                }
            }
        }
    }
}

/// Transposes the first registers, as many as one has lanes.
#[inline(always)]
pub(super) fn transpose<A: Arch, T: Scalar>(x: &mut [T::Vector<A>; MOST_LANES]) {
    let lanes = T::Vector::<A>::LANES;
    for _ in 0..lanes.ilog2() {
        let old = *x;
        for i in 0..lanes / 2 {
            [x[2 * i], x[2 * i + 1]] = old[i].zip(old[i + lanes / 2]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_columns_on_every_path() {
        for isa in Isa::available() {
            for (rows, columns) in [(1, 1), (3, 40), (16, 16), (24, 33), (64, 7), (0, 5), (5, 0)] {
                let (from_stride, to_stride) = (columns + 3, rows + 2);
                let from: Vec<f32> = (0..rows * from_stride).map(|i| i as f32).collect();
                let mut to = vec![-1.0; columns * to_stride];
                let start = to.as_mut_ptr();
                let kernel = Transpose {
                    rows,
                    columns,
                    from: &from,
                    from_stride,
                    to: start,
                    to_stride,
                };
                // SAFETY: `to` has this many columns.
                unsafe { kernel.run(isa) };
                for (j, column) in to.chunks_exact(to_stride).enumerate() {
                    for (i, value) in column.iter().enumerate() {
                        let want = match i < rows {
                            true => from[i * from_stride + j],
                            false => -1.0,
                        };
                        assert_eq!(*value, want);
                    }
                }
            }
        }
    }
}
