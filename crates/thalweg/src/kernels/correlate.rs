//! Correlations: the products of a convolution, without laying out its windows.
//!
//! An image whose lines follow each other with padding between them turns every shift of a window into a
//! shift along one line of memory. So forward and backward pass are C = A·B where row p of B is the image
//! from some offset on, and the gradient is a table of dot products of one image with shifts of another. Both
//! keep a register tile of sums as `gemm` does. The order of additions in an element depends on the
//! lengths alone.

use super::isa::{Isa, Kernel};
use super::simd::{Arch, Scalar, Vector};

/// One step of a reduction: where its value of A stands, counted from the beginning of a row, and where its
/// row of B begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// In A.
    pub a: usize,
    /// In B.
    pub b: usize,
}

/// C\[i, p\] = start\[i\] + Σ over steps A\[i·a_row + step.a\]·B\[step.b + p\].
#[derive(Debug)]
pub struct Correlation<'a, T> {
    /// Rows of C.
    pub rows: usize,
    /// Columns of C; each row is written, and B read, up to the next whole vector.
    pub length: usize,
    /// The reduction, in order.
    pub steps: &'a [Step],
    /// Left operand.
    pub a: &'a [T],
    /// Distance of its rows.
    pub a_row: usize,
    /// Right operand.
    pub b: &'a [T],
    /// What a row starts from; nothing is 0.
    pub start: Option<&'a [T]>,
    /// Result.
    pub c: &'a mut [T],
    /// Distance of its rows, at least as long as they are written.
    pub c_row: usize,
}

impl<T: Scalar> Correlation<'_, T> {
    /// Computes C.
    ///
    /// # Panics
    /// If an operand is too short for the sizes given: a mistake in the plan, not in any input.
    pub fn run(self, isa: Isa) {
        if self.rows == 0 || self.length == 0 {
            return;
        }
        let length = self.length.next_multiple_of(isa.lanes::<T>());
        let last = (self.rows - 1) * self.a_row;
        let of = |place: fn(&Step) -> usize| self.steps.iter().map(place).max().unwrap_or(0);
        if !self.steps.is_empty() {
            assert!(self.a.len() > last + of(|step| step.a));
            assert!(self.b.len() >= of(|step| step.b) + length);
        }
        assert!(self.c_row >= length || self.rows == 1);
        assert!(self.c.len() >= (self.rows - 1) * self.c_row + length);
        assert!(self.start.is_none_or(|start| start.len() >= self.rows));
        isa.run(self);
    }

    /// `M` rows and `V` vectors of C from row `i` and column `p` on.
    ///
    /// # Safety
    /// They are there.
    #[inline(always)]
    unsafe fn tile<A: Arch, const M: usize, const V: usize>(&mut self, i: usize, p: usize) {
        let lanes = T::Vector::<A>::LANES;
        // SAFETY: `run` has checked the operands for all rows and columns.
        unsafe {
            let mut sum = [[T::Vector::<A>::splat(T::ZERO); V]; M];
            if let Some(start) = self.start {
                for (m, sum) in sum.iter_mut().enumerate() {
                    *sum = [T::Vector::<A>::splat(*start.get_unchecked(i + m)); V];
                }
            }
            let (a, b) = (self.a.as_ptr().add(i * self.a_row), self.b.as_ptr().add(p));
            for step in self.steps {
                let row: [T::Vector<A>; V] =
                    std::array::from_fn(|v| T::Vector::<A>::load(b.add(step.b + v * lanes)));
                let a = a.add(step.a);
                for (m, sum) in sum.iter_mut().enumerate() {
                    let value = T::Vector::<A>::splat(*a.add(m * self.a_row));
                    for (sum, row) in sum.iter_mut().zip(row) {
                        *sum = value.mul_add(row, *sum);
                    }
                }
            }
            let c = self.c.as_mut_ptr().add(i * self.c_row + p);
            for (m, sum) in sum.iter().enumerate() {
                for (v, sum) in sum.iter().enumerate() {
                    sum.store(c.add(m * self.c_row + v * lanes));
                }
            }
        }
    }

    /// All rows of `V` vectors of C from column `p` on.
    ///
    /// # Safety
    /// They are there.
    #[inline(always)]
    unsafe fn strip<A: Arch, const M: usize, const V: usize>(&mut self, p: usize) {
        let mut i = 0;
        // SAFETY: each tile covers rows that are left.
        unsafe {
            while i + M <= self.rows {
                self.tile::<A, M, V>(i, p);
                i += M;
            }
            if M > 4 && i + 4 <= self.rows {
                self.tile::<A, 4, V>(i, p);
                i += 4;
            }
            if i + 2 <= self.rows {
                self.tile::<A, 2, V>(i, p);
                i += 2;
            }
            if i < self.rows {
                self.tile::<A, 1, V>(i, p);
            }
        }
    }
}

impl<T: Scalar> Kernel for Correlation<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arch>(mut self) {
        let lanes = T::Vector::<A>::LANES;
        let (mut p, mut vectors) = (0, self.length.div_ceil(lanes));
        // SAFETY: the strips cover the vectors that there are.
        unsafe {
            while vectors > 0 {
                let taken = match vectors {
                    4.. if A::PANEL_VECTORS == 4 => {
                        self.strip::<A, 6, 4>(p);
                        4
                    }
                    2.. => {
                        self.strip::<A, 6, 2>(p);
                        2
                    }
                    _ => {
                        self.strip::<A, 6, 1>(p);
                        1
                    }
                };
                p += taken * lanes;
                vectors -= taken;
            }
        }
    }
}

/// Offsets that [`Overlaps`] has sums for at a time.
const CHUNK: usize = 24;
/// The most units of [`Overlaps`].
pub const UNITS: usize = 4;

/// C\[i, k\] = Σ over rows, in order, and positions p of A\[i·a_unit + p\]·B\[offset(k) + p\] in the row.
#[derive(Debug)]
pub struct Overlaps<'a, T> {
    /// Rows of the batch.
    pub rows: usize,
    /// Distance of rows, in both operands.
    pub row: usize,
    /// Units i, at most [`UNITS`].
    pub units: usize,
    /// Positions; both operands are read up to the next whole vector, where A is 0 and B finite.
    pub length: usize,
    /// Left operand, from unit 0 of the first row on.
    pub a: &'a [T],
    /// Distance of units in it.
    pub a_unit: usize,
    /// Right operand, of the first row on.
    pub b: &'a [T],
    /// The offsets into it are `b` of these.
    pub steps: &'a [Step],
    /// Result, units × steps.
    pub c: &'a mut [T],
}

impl<T: Scalar> Overlaps<'_, T> {
    /// Computes C.
    ///
    /// # Panics
    /// If an operand is too short for the sizes given: a mistake in the plan, not in any input.
    pub fn run(self, isa: Isa) {
        let length = self.length.next_multiple_of(isa.lanes::<T>());
        assert!(self.units <= UNITS && self.c.len() >= self.units * self.steps.len());
        self.c[..self.units * self.steps.len()].fill(T::ZERO);
        if self.rows == 0 || self.units == 0 || self.steps.is_empty() {
            return;
        }
        let last = (self.rows - 1) * self.row;
        let offset = self.steps.iter().map(|step| step.b).max().unwrap_or(0);
        assert!(self.a.len() >= last + (self.units - 1) * self.a_unit + length);
        assert!(self.b.len() >= last + offset + length);
        isa.run(self);
    }

    /// `M` units and `N` offsets of one row, added to `sums`.
    ///
    /// # Safety
    /// `a` points to the first of the units and `b` to a row of the right operand.
    #[inline(always)]
    unsafe fn tile<A: Arch, const M: usize, const N: usize>(
        &self,
        a: *const T,
        b: *const T,
        steps: &[Step],
        sums: &mut [[T::Vector<A>; CHUNK]],
        first: usize,
    ) {
        let lanes = T::Vector::<A>::LANES;
        let mut sum: [[T::Vector<A>; N]; M] =
            std::array::from_fn(|m| std::array::from_fn(|n| sums[m][first + n]));
        let b: [*const T; N] = std::array::from_fn(|n| b.wrapping_add(steps[first + n].b));
        for p in (0..self.length).step_by(lanes) {
            // SAFETY: `run` has checked the operands up to the last vector.
            unsafe {
                let a: [T::Vector<A>; M] =
                    std::array::from_fn(|m| T::Vector::<A>::load(a.add(m * self.a_unit + p)));
                for n in 0..N {
                    let b = T::Vector::<A>::load(b[n].add(p));
                    for m in 0..M {
                        sum[m][n] = a[m].mul_add(b, sum[m][n]);
                    }
                }
            }
        }
        for m in 0..M {
            sums[m][first..first + N].copy_from_slice(&sum[m]);
        }
    }

    /// `M` units from `unit` on.
    #[inline(always)]
    fn units<A: Arch, const M: usize>(&mut self, unit: usize) {
        let zero = T::Vector::<A>::splat(T::ZERO);
        let wide = if A::PANEL_VECTORS == 4 { 6 } else { 2 };
        for start in (0..self.steps.len()).step_by(CHUNK) {
            let steps = &self.steps[start..self.steps.len().min(start + CHUNK)];
            let mut sums = [[zero; CHUNK]; M];
            for row in 0..self.rows {
                // SAFETY: in bounds, as `run` has checked.
                let (a, b) = unsafe {
                    (
                        self.a.as_ptr().add(row * self.row + unit * self.a_unit),
                        self.b.as_ptr().add(row * self.row),
                    )
                };
                let mut first = 0;
                // SAFETY: as above; the tiles cover the steps that are left.
                unsafe {
                    while wide == 6 && first + 6 <= steps.len() {
                        self.tile::<A, M, 6>(a, b, steps, &mut sums, first);
                        first += 6;
                    }
                    while first + 2 <= steps.len() {
                        self.tile::<A, M, 2>(a, b, steps, &mut sums, first);
                        first += 2;
                    }
                    if first < steps.len() {
                        self.tile::<A, M, 1>(a, b, steps, &mut sums, first);
                    }
                }
            }
            for (m, sums) in sums.iter().enumerate() {
                let c = (unit + m) * self.steps.len() + start;
                for (c, sum) in self.c[c..].iter_mut().zip(&sums[..steps.len()]) {
                    *c = sum.sum();
                }
            }
        }
    }
}

impl<T: Scalar> Kernel for Overlaps<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arch>(mut self) {
        match self.units {
            4 => self.units::<A, 4>(0),
            3 => self.units::<A, 3>(0),
            2 => self.units::<A, 2>(0),
            _ => self.units::<A, 1>(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, Stream};

    fn random<T: Scalar>(length: usize, substream: u64) -> Vec<T> {
        let mut sequence = Stream::new(1, Purpose::Synthesize, substream).sequence();
        (0..length)
            .map(|_| T::from_f64(sequence.normal()))
            .collect()
    }

    fn steps(count: usize) -> Vec<Step> {
        let step = |k| Step {
            a: (5 * k) % 61,
            b: (7 * k) % 53,
        };
        (0..count).map(step).collect()
    }

    fn near(got: f64, terms: impl Iterator<Item = f64>, tolerance: f64) -> bool {
        let (sum, scale) = terms.fold((0.0, 0.0), |(sum, scale), term| {
            (sum + term, scale + f64::abs(term))
        });
        (got - sum).abs() <= tolerance * scale.max(1e-3)
    }

    fn correlate<T: Scalar>(isa: Isa, tolerance: f64) {
        for rows in 1..=13 {
            for length in [1usize, 3, 16, 17, 40, 64, 65, 100, 131] {
                let steps = steps(7 + rows);
                let c_row = length.next_multiple_of(16);
                let (a, b) = (random::<T>(61 * 13, 1), random::<T>(60 + c_row, 2));
                let start = random::<T>(rows, 3);
                let mut c = vec![T::from_f64(f64::NAN); rows * c_row];
                Correlation {
                    rows,
                    length,
                    steps: &steps,
                    a: &a,
                    a_row: 61,
                    b: &b,
                    start: Some(&start),
                    c: &mut c,
                    c_row,
                }
                .run(isa);
                for i in 0..rows {
                    for p in 0..length {
                        let term =
                            |step: &Step| a[i * 61 + step.a].to_f64() * b[step.b + p].to_f64();
                        let terms = steps.iter().map(term).chain([start[i].to_f64()]);
                        assert!(near(c[i * c_row + p].to_f64(), terms, tolerance));
                    }
                }
            }
        }
    }

    fn overlap<T: Scalar>(isa: Isa, tolerance: f64) {
        for units in 1..=UNITS {
            for length in [1, 8, 17, 64, 70] {
                for count in [1, 2, 5, 6, 13, 24, 25, 50] {
                    let (rows, row, a_unit) = (3, 500, 100);
                    let steps = steps(count);
                    let (mut a, b) = (random::<T>(rows * row, 4), random::<T>(rows * row, 5));
                    for a in a.chunks_exact_mut(a_unit) {
                        a[length..].fill(T::ZERO);
                    }
                    let mut c = vec![T::from_f64(f64::NAN); units * count];
                    Overlaps {
                        rows,
                        row,
                        units,
                        length,
                        a: &a,
                        a_unit,
                        b: &b,
                        steps: &steps,
                        c: &mut c,
                    }
                    .run(isa);
                    for i in 0..units {
                        for (k, step) in steps.iter().enumerate() {
                            let terms = (0..rows).flat_map(|r| {
                                let (a, b) = (&a[r * row + i * a_unit..], &b[r * row + step.b..]);
                                (0..length).map(|p| a[p].to_f64() * b[p].to_f64())
                            });
                            assert!(near(c[i * count + k].to_f64(), terms, tolerance));
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn every_tile_agrees_with_the_naive_sums_on_every_path() {
        for isa in Isa::available() {
            correlate::<f32>(isa, 1e-6);
            correlate::<f64>(isa, 1e-14);
            overlap::<f32>(isa, 1e-6);
            overlap::<f64>(isa, 1e-14);
        }
    }
}
