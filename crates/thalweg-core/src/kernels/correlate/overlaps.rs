//! The gradient of a convolution's weights: sums over all pixels of what a weight has seen times
//! what became of it, and the sum over the pixels alone, for the bias.

use std::ops::Range;

use crate::kernels::isa::{Isa, Kernel};
use crate::kernels::simd::{Arch, Scalar, Vector};

/// Weights that [`Overlaps`] has sums for at a time: two windows of 5×5.
const CHUNK: usize = 50;
/// The most units of [`Overlaps`].
pub const UNITS: usize = 4;
/// It takes about this many pixels of all units at a time, which stay in the first-level cache.
const STRIP: usize = 64;

/// C\[i, k\] = Σ over packs, in order, pixels and lanes A\[i, y, x\]·B\[offset(k) + y·step·line +
/// x·step] in the pack.
#[derive(Debug)]
pub struct Overlaps<'a, T> {
    /// Packs of the batch.
    pub packs: usize,
    /// Units i, at most [`UNITS`].
    pub units: usize,
    /// Lines and pixels of A; a channel follows the other.
    pub size: (usize, usize),
    /// How far a window moves, and pixels of a line in B.
    pub step: usize,
    /// See `step`.
    pub line: usize,
    /// Left operand, from unit 0 of the first pack on, and values from pack to pack.
    pub a: (&'a [T], usize),
    /// Right operand, of the first pack on, and values from pack to pack.
    pub b: (&'a [T], usize),
    /// The pixel of B where each window place begins.
    pub offsets: &'a [usize],
    /// Result, units × offsets.
    pub c: &'a mut [T],
}

impl<T: Scalar> Overlaps<'_, T> {
    /// Computes C.
    ///
    /// # Panics
    /// If an operand is too short for the sizes given: a mistake in the plan, not in any input.
    pub fn run(self, isa: Isa) {
        let lanes = isa.lanes::<T>();
        let (height, width) = self.size;
        let table = self.units * self.offsets.len();
        assert!(self.units <= UNITS && self.c.len() >= table);
        self.c[..table].fill(T::ZERO);
        if self.packs == 0 || table == 0 || height * width == 0 {
            return;
        }
        let last = self.packs - 1;
        let farthest = self.offsets.iter().max().copied().unwrap_or(0);
        let end = farthest + self.step * ((height - 1) * self.line + width - 1) + 1;
        assert!(self.a.0.len() >= last * self.a.1 + self.units * height * width * lanes);
        assert!(self.b.0.len() >= last * self.b.1 + end * lanes);
        isa.run(self);
    }

    /// `M` units and `N` offsets in some lines of one pack, added to `sums`.
    ///
    /// # Safety
    /// `a` points to the first of the units and `b` to a pack of the right operand.
    #[inline(always)]
    unsafe fn tile<A: Arch, const M: usize, const N: usize>(
        &self,
        (a, b): (*const T, *const T),
        lines: Range<usize>,
        offsets: &[usize],
        sums: &mut [[T::Vector<A>; CHUNK]; M],
        first: usize,
    ) {
        let lanes = T::Vector::<A>::LANES;
        let (height, width) = self.size;
        let mut sum: [[T::Vector<A>; N]; M] =
            std::array::from_fn(|m| std::array::from_fn(|n| sums[m][first + n]));
        let b: [*const T; N] = std::array::from_fn(|n| b.wrapping_add(offsets[first + n] * lanes));
        for y in lines {
            for x in 0..width {
                // SAFETY: `run` has checked the operands up to the last pixel.
                unsafe {
                    let pixel = (y * width + x) * lanes;
                    let a: [T::Vector<A>; M] = std::array::from_fn(|m| {
                        T::Vector::<A>::load(a.add(m * height * width * lanes + pixel))
                    });
                    let pixel = self.step * (y * self.line + x) * lanes;
                    for n in 0..N {
                        let b = T::Vector::<A>::load(b[n].add(pixel));
                        for m in 0..M {
                            sum[m][n] = a[m].mul_add(b, sum[m][n]);
                        }
                    }
                }
            }
        }
        for m in 0..M {
            sums[m][first..first + N].copy_from_slice(&sum[m]);
        }
    }

    /// `M` units.
    #[inline(always)]
    fn units<A: Arch, const M: usize>(&mut self) {
        let zero = T::Vector::<A>::splat(T::ZERO);
        let is_wide = A::PANEL_VECTORS == 4;
        let (height, width) = self.size;
        let strip = STRIP.div_ceil(width);
        for start in (0..self.offsets.len()).step_by(CHUNK) {
            let offsets = &self.offsets[start..self.offsets.len().min(start + CHUNK)];
            let mut sums = [[zero; CHUNK]; M];
            for pack in 0..self.packs {
                for y in (0..height).step_by(strip) {
                    let lines = y..height.min(y + strip);
                    let mut k = 0;
                    while k < offsets.len() {
                        let (lines, sums) = (lines.clone(), &mut sums);
                        // SAFETY: in bounds, as `run` has checked; the tiles cover the offsets that are left.
                        k += unsafe {
                            let at = (
                                self.a.0.as_ptr().add(pack * self.a.1),
                                self.b.0.as_ptr().add(pack * self.b.1),
                            );
                            match offsets.len() - k {
                                5.. if is_wide => {
                                    self.tile::<A, M, 5>(at, lines, offsets, sums, k);
                                    5
                                }
                                4 if is_wide => {
                                    self.tile::<A, M, 4>(at, lines, offsets, sums, k);
                                    4
                                }
                                2.. => {
                                    self.tile::<A, M, 2>(at, lines, offsets, sums, k);
                                    2
                                }
                                _ => {
                                    self.tile::<A, M, 1>(at, lines, offsets, sums, k);
                                    1
                                }
                            }
                        };
                    }
                }
            }
            for (m, sums) in sums.iter().enumerate() {
                let c = m * self.offsets.len() + start;
                for (c, sum) in self.c[c..].iter_mut().zip(&sums[..offsets.len()]) {
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
            4 => self.units::<A, 4>(),
            3 => self.units::<A, 3>(),
            2 => self.units::<A, 2>(),
            _ => self.units::<A, 1>(),
        }
    }
}

/// Σ of the lanes of all these vectors.
pub fn sum<T: Scalar>(isa: Isa, x: &[T]) -> T {
    struct Sum<'a, T>(&'a [T]);
    impl<T: Scalar> Kernel for Sum<'_, T> {
        type Output = T;
        #[inline(always)]
        fn run<A: Arch>(self) -> T {
            let lanes = T::Vector::<A>::LANES;
            let mut sums = [T::Vector::<A>::splat(T::ZERO); 4];
            for (k, x) in self.0.chunks_exact(lanes).enumerate() {
                // SAFETY: a chunk is a vector.
                let x = unsafe { T::Vector::<A>::load(x.as_ptr()) };
                sums[k % 4] = sums[k % 4].add(x);
            }
            sums[0].add(sums[1]).add(sums[2].add(sums[3])).sum()
        }
    }
    debug_assert!(x.len().is_multiple_of(isa.lanes::<T>()));
    isa.run(Sum(x))
}
