//! Dot products of rows with a few vectors.

use super::gather::clear;
use super::isa::{Isa, Kernel};
use super::simd::{Arch, MOST_LANES, Scalar, Vector};

/// Independent partial sums, so that additions do not wait for each other.
const SUMS: usize = 4;

/// y\[row, unit\] = start\[unit\] + Σⱼ x\[row, j\]·w\[unit, j\].
#[derive(Debug)]
pub struct Dots<'a, T> {
    /// Rows of x and y.
    pub rows: usize,
    /// Rows of w.
    pub units: usize,
    /// Length of the products: a multiple of the lanes of a vector.
    pub columns: usize,
    /// Rows, `x_stride` apart.
    pub x: &'a [T],
    /// See `x`.
    pub x_stride: usize,
    /// Vectors, `columns` apart.
    pub w: &'a [T],
    /// What is added to each unit's product, if anything.
    pub start: Option<&'a [T]>,
    /// Results, `y_stride` apart; 0 beyond the units.
    pub y: &'a mut [T],
    /// See `y`.
    pub y_stride: usize,
}

impl<T: Scalar> Dots<'_, T> {
    /// Computes the products.
    ///
    /// # Panics
    /// If a slice is too short for the sizes: a mistake in the plan, not in any input.
    pub fn run(mut self, isa: Isa) {
        assert_eq!(self.columns % isa.lanes::<T>(), 0);
        assert!(self.columns <= self.x_stride && self.x.len() >= self.rows * self.x_stride);
        assert!(self.w.len() >= self.units * self.columns && self.units <= self.y_stride);
        isa.run(&mut self);
    }
}

impl<T: Scalar> Kernel for &mut Dots<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arch>(self) {
        let lanes = T::Vector::<A>::LANES;
        let whole = self.rows - self.rows % lanes;
        clear(
            &mut self.y[..self.rows * self.y_stride],
            self.y_stride,
            self.units,
        );
        for unit in 0..self.units {
            let start = self.start.map_or(T::ZERO, |start| start[unit]);
            for first in (0..whole).step_by(lanes) {
                let mut products = [T::Vector::<A>::splat(T::ZERO); MOST_LANES];
                let products = &mut products[..lanes];
                let mut sums = [T::ZERO; MOST_LANES];
                // SAFETY: these rows and the unit are there, and no vector has more lanes than there are sums.
                unsafe {
                    self.add_products::<A>(unit, first, products);
                    T::Vector::<A>::sums(products).store(sums.as_mut_ptr());
                }
                let rows = self.y[first * self.y_stride..].chunks_exact_mut(self.y_stride);
                for (y, sum) in rows.zip(&sums[..lanes]) {
                    y[unit] = start + *sum;
                }
            }
            for row in whole..self.rows {
                let mut product = [T::Vector::<A>::splat(T::ZERO)];
                // SAFETY: the row and the unit are there.
                unsafe { self.add_products::<A>(unit, row, &mut product) };
                self.y[row * self.y_stride + unit] = start + product[0].sum();
            }
        }
    }
}

impl<T: Scalar> Dots<'_, T> {
    /// Adds to a vector for each row from `first` on the products with a unit, whose sum is wanted.
    ///
    /// # Safety
    /// These are rows of x, and the unit is one of w.
    #[inline(always)]
    unsafe fn add_products<A: Arch>(
        &self,
        unit: usize,
        first: usize,
        products: &mut [T::Vector<A>],
    ) {
        let w = self.w[unit * self.columns..].as_ptr();
        let x = self.x[first * self.x_stride..].as_ptr();
        for column in (0..self.columns).step_by(T::Vector::<A>::LANES) {
            // SAFETY: `Dots::run` checked that `columns` values of each are there.
            unsafe {
                let w = T::Vector::<A>::load(w.add(column));
                for (k, sum) in products.iter_mut().enumerate() {
                    let x = T::Vector::<A>::load(x.add(k * self.x_stride + column));
                    *sum = x.mul_add(w, *sum);
                }
            }
        }
    }
}

/// sum\[unit, j\] = Σ over rows of factors\[row, unit\]·x\[row, j\]: what [`Dots`] is to the
/// gradient.
#[derive(Debug)]
pub struct WeightedSums<'a, T> {
    /// Rows of `factors` and x.
    pub rows: usize,
    /// Sums.
    pub units: usize,
    /// Length of each: a multiple of the lanes of a vector.
    pub columns: usize,
    /// Rows, `factors_stride` apart, of one factor for each unit.
    pub factors: &'a [T],
    /// See `factors`.
    pub factors_stride: usize,
    /// Rows, `x_stride` apart.
    pub x: &'a [T],
    /// See `x`.
    pub x_stride: usize,
    /// Results, `columns` apart.
    pub sums: &'a mut [T],
}

impl<T: Scalar> WeightedSums<'_, T> {
    /// Computes the sums.
    ///
    /// # Panics
    /// If a slice is too short for the sizes: a mistake in the plan, not in any input.
    pub fn run(mut self, isa: Isa) {
        let last = self.rows.max(1) - 1;
        assert_eq!(self.columns % isa.lanes::<T>(), 0);
        assert!(self.rows == 0 || self.x.len() >= last * self.x_stride + self.columns);
        assert!(self.rows == 0 || self.factors.len() >= last * self.factors_stride + self.units);
        assert!(self.sums.len() >= self.units * self.columns);
        isa.run(&mut self);
    }
}

impl<T: Scalar> Kernel for &mut WeightedSums<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arch>(self) {
        let lanes = T::Vector::<A>::LANES;
        for unit in 0..self.units {
            for column in (0..self.columns).step_by(lanes) {
                // SAFETY: `WeightedSums::run` checked that all rows are there, and room for the sums.
                unsafe {
                    let term = |row: usize, sum: T::Vector<A>| {
                        let factor = *self.factors.as_ptr().add(row * self.factors_stride + unit);
                        let x = self.x.as_ptr().add(row * self.x_stride + column);
                        T::Vector::<A>::splat(factor).mul_add(T::Vector::<A>::load(x), sum)
                    };
                    let mut sums = [T::Vector::<A>::splat(T::ZERO); SUMS];
                    let whole = self.rows - self.rows % SUMS;
                    for row in (0..whole).step_by(SUMS) {
                        for (k, sum) in sums.iter_mut().enumerate() {
                            *sum = term(row + k, *sum);
                        }
                    }
                    for row in whole..self.rows {
                        sums[0] = term(row, sums[0]);
                    }
                    let [a, b, c, d] = sums;
                    let to = self.sums.as_mut_ptr().add(unit * self.columns + column);
                    a.add(b).add(c.add(d)).store(to);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dot_products_are_exact_on_small_integers_on_every_path() {
        for isa in Isa::available() {
            for vectors in 1..=11 {
                for (rows, units) in [(1, 1), (3, 2), (5, 4), (16, 1), (37, 3)] {
                    let columns = vectors * isa.lanes::<f64>();
                    let (x_stride, y_stride) = (columns + 3, 16);
                    let number = |i: usize| (i * 7 % 11) as f64 - 5.0;
                    let x: Vec<f64> = (0..rows * x_stride).map(number).collect();
                    let w: Vec<f64> = (0..units * columns).map(|i| number(i + 3)).collect();
                    let start: Vec<f64> = (0..units).map(number).collect();
                    let mut y = vec![f64::NAN; rows * y_stride];
                    Dots {
                        rows,
                        units,
                        columns,
                        x: &x,
                        x_stride,
                        w: &w,
                        start: Some(&start),
                        y: &mut y,
                        y_stride,
                    }
                    .run(isa);
                    for row in 0..rows {
                        for unit in 0..y_stride {
                            let product = |j| x[row * x_stride + j] * w[unit * columns + j];
                            let want = match unit < units {
                                true => start[unit] + (0..columns).map(product).sum::<f64>(),
                                false => 0.0,
                            };
                            assert_eq!(y[row * y_stride + unit], want);
                        }
                    }
                }
            }
        }
    }
}
