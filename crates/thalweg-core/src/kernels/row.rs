//! A single row with a matrix in panels (see `gemm`). Every weight is read or written once, so
//! there is nothing to block: a product is summed up row by row of the matrix, in two chains so
//! that additions need not wait for each other, and an outer product is written row by row.

use super::gemm::Layout;
use super::isa::{Isa, Kernel};
use super::simd::{Arch, Scalar, Vector};

/// y\[j\] = start\[j\] + Σᵢ x\[i\]·b\[i, j\].
#[derive(Debug)]
pub struct RowProduct<'a, T> {
    /// Length of x.
    pub depth: usize,
    /// Length of y: a multiple of the lanes of a vector.
    pub columns: usize,
    /// The row.
    pub x: &'a [T],
    /// The matrix.
    pub b: &'a [T],
    /// How it is stored.
    pub b_layout: Layout,
    /// What is added to, if anything.
    pub start: Option<&'a [T]>,
    /// Result.
    pub y: &'a mut [T],
}

impl<T: Scalar> RowProduct<'_, T> {
    /// Computes the product.
    ///
    /// # Panics
    /// If a slice is too short for the sizes: a mistake in the plan, not in any input.
    #[inline]
    pub fn run(self, isa: Isa) {
        let end = match self.b_layout {
            Layout::Panels => self.depth * self.columns,
            Layout::Rows(stride) => self.depth.saturating_sub(1) * stride + self.columns,
        };
        assert!(self.b.len() >= end && self.x.len() >= self.depth);
        assert!(self.y.len() >= self.columns);
        assert!((self.start).is_none_or(|start| start.len() >= self.columns));
        assert_eq!(self.columns % isa.lanes::<T>(), 0);
        isa.run(self);
    }

    /// # Safety
    /// A panel of `V` vectors begins at column `first`; `run` has checked the lengths.
    #[inline(always)]
    unsafe fn panel<A: Arch, const V: usize>(&mut self, first: usize) {
        let lanes = T::Vector::<A>::LANES;
        let (offset, stride) = match self.b_layout {
            Layout::Panels => (first * self.depth, V * lanes),
            Layout::Rows(stride) => (first, stride),
        };
        // SAFETY: the caller's promise.
        unsafe {
            let load = |from: *const T| -> [T::Vector<A>; V] {
                std::array::from_fn(|j| T::Vector::<A>::load(from.add(j * lanes)))
            };
            let zero = [T::Vector::<A>::splat(T::ZERO); V];
            let start = self.start.map(|start| load(start.as_ptr().add(first)));
            let (mut even, mut odd) = (start.unwrap_or(zero), zero);
            let (x, b) = (self.x.as_ptr(), self.b.as_ptr().add(offset));
            let add = |i: usize, sums: &mut [T::Vector<A>; V]| {
                let x = T::Vector::<A>::splat(*x.add(i));
                for (sum, b) in sums.iter_mut().zip(load(b.add(i * stride))) {
                    *sum = x.mul_add(b, *sum);
                }
            };
            for i in (1..self.depth).step_by(2) {
                add(i - 1, &mut even);
                add(i, &mut odd);
            }
            if self.depth % 2 == 1 {
                add(self.depth - 1, &mut even);
            }
            let y = self.y.as_mut_ptr().add(first);
            for j in 0..V {
                even[j].add(odd[j]).store(y.add(j * lanes));
            }
        }
    }
}

impl<T: Scalar> Kernel for RowProduct<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arch>(mut self) {
        let lanes = T::Vector::<A>::LANES;
        for first in (0..self.columns).step_by(A::PANEL_VECTORS * lanes) {
            // SAFETY: `RowProduct::run` checked the lengths.
            unsafe {
                match ((self.columns - first) / lanes).min(A::PANEL_VECTORS) {
                    1 => self.panel::<A, 1>(first),
                    2 => self.panel::<A, 2>(first),
                    3 => self.panel::<A, 3>(first),
                    _ => self.panel::<A, 4>(first),
                }
            }
        }
    }
}

/// c\[i, j\] = x\[i\]·z\[j\], in panels.
#[derive(Debug)]
pub struct OuterProduct<'a, T> {
    /// A value for each row.
    pub x: &'a [T],
    /// A value for each column: whole vectors.
    pub z: &'a [T],
    /// Result.
    pub c: &'a mut [T],
}

impl<T: Scalar> OuterProduct<'_, T> {
    /// Computes the product.
    ///
    /// # Panics
    /// If the result is too short: a mistake in the plan, not in any input.
    #[inline]
    pub fn run(self, isa: Isa) {
        assert!(self.c.len() >= self.x.len() * self.z.len());
        assert_eq!(self.z.len() % isa.lanes::<T>(), 0);
        isa.run(self);
    }
}

impl<T: Scalar> Kernel for OuterProduct<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arch>(self) {
        let lanes = T::Vector::<A>::LANES;
        let zero = T::Vector::<A>::splat(T::ZERO);
        let mut to = self.c.as_mut_ptr();
        for z in self.z.chunks(A::PANEL_VECTORS * lanes) {
            for x in self.x {
                // SAFETY: `OuterProduct::run` checked that there is room for all rows of all panels.
                unsafe {
                    let x = T::Vector::<A>::splat(*x);
                    for at in (0..z.len()).step_by(lanes) {
                        let z = T::Vector::<A>::load(z.as_ptr().add(at));
                        x.mul_add(z, zero).store(to.add(at));
                    }
                    to = to.add(z.len());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_of_a_row_are_exact_on_small_integers_on_every_path() {
        let number = |i: usize| (i * 7 % 11) as f64 - 5.0;
        for isa in Isa::available() {
            for vectors in 1..=9 {
                for depth in [1, 2, 5, 8] {
                    let columns = vectors * isa.lanes::<f64>();
                    let x: Vec<f64> = (0..depth).map(number).collect();
                    let z: Vec<f64> = (3..3 + columns).map(number).collect();
                    let start: Vec<f64> = (1..=columns).map(number).collect();
                    let in_panels = |i: usize, j: usize| {
                        let first = j / isa.panel::<f64>() * isa.panel::<f64>();
                        let width = isa.panel::<f64>().min(columns - first);
                        first * depth + i * width + j - first
                    };
                    let mut c = vec![f64::NAN; depth * columns];
                    OuterProduct {
                        x: &x,
                        z: &z,
                        c: &mut c,
                    }
                    .run(isa);
                    for (i, x) in x.iter().enumerate() {
                        for (j, z) in z.iter().enumerate() {
                            assert_eq!(c[in_panels(i, j)], x * z);
                        }
                    }
                    let rows = columns + 3;
                    let place = |layout, i, j| match layout {
                        Layout::Panels => in_panels(i, j),
                        Layout::Rows(stride) => i * stride + j,
                    };
                    for b_layout in [Layout::Panels, Layout::Rows(rows)] {
                        for start in [None, Some(&start[..])] {
                            let b: Vec<f64> = (5..5 + depth * rows).map(number).collect();
                            let mut y = vec![f64::NAN; columns + 1];
                            RowProduct {
                                depth,
                                columns,
                                x: &x,
                                b: &b,
                                b_layout,
                                start,
                                y: &mut y,
                            }
                            .run(isa);
                            for j in 0..columns {
                                let sum: f64 =
                                    (0..depth).map(|i| x[i] * b[place(b_layout, i, j)]).sum();
                                assert_eq!(y[j], start.map_or(0.0, |start| start[j]) + sum);
                            }
                            assert!(y[columns].is_nan());
                        }
                    }
                }
            }
        }
    }
}
