//! Softmax of many rows: p = eᶻ/Σ eᶻ, and log Σ eᶻ beside it, as max z + log Σ e^(z − max z).
//!
//! Each row is shifted by its largest value, so nothing overflows. Three sweeps over rows that stay
//! in the first-level cache: shift, exponentiate (one flat loop), normalize.

use super::gather::clear;
use super::isa::{Isa, Kernel};
use super::math;
use super::simd::{Arch, Scalar, Vector};

/// Rows that are swept together.
const ROWS: usize = 64;

/// Rows of logits: `outputs` of every `stride` values, `stride` a multiple of [`Softmax::MULTIPLE`]
/// where there are more than a few outputs.
#[derive(Debug)]
pub struct Softmax<'a, T> {
    /// Values of a row that count; the others are padding, finite in `z` and 0 in `p` afterwards.
    pub outputs: usize,
    /// Values that a row takes.
    pub stride: usize,
    /// Logits.
    pub z: &'a [T],
    /// Multiplies the probabilities of all rows.
    pub scale: T,
    /// Multiplies those of each row, if given.
    pub weights: Option<&'a [T]>,
    /// Receives scale·weight·softmax(z).
    pub p: &'a mut [T],
    /// Receives the largest logit of each row.
    pub largest: &'a mut [T],
    /// Receives log Σ exp(z − largest) of each row. The two are not added up: log Σ exp z − z of
    /// some class would cancel.
    pub log_total: &'a mut [T],
}

impl<T: Scalar> Softmax<'_, T> {
    /// What strides are multiples of: the lanes of the widest vector.
    pub const MULTIPLE: usize = 16;

    /// Computes them, one row for each element of `log_total`.
    ///
    /// # Panics
    /// If a slice is too short: a mistake of the caller, not of any input.
    pub fn run(mut self, isa: Isa) {
        let rows = self.log_total.len();
        assert_eq!(self.largest.len(), rows);
        assert!(self.outputs <= self.stride && self.outputs + Self::MULTIPLE > self.stride);
        assert!(self.z.len() >= rows * self.stride && self.p.len() >= rows * self.stride);
        assert!(self.weights.is_none_or(|weights| weights.len() >= rows));
        if self.outputs <= FEW && rows == 1 {
            // A vector of one number waits for that number to come from memory.
            isa.run(ByOutput::<T, 1>(self));
        } else if self.outputs <= FEW && rows <= FEW_ROWS {
            isa.run(ByOutput::<T, FEW_ROWS>(self));
        } else if self.outputs <= FEW {
            isa.run(ByOutput::<T, ROWS>(self));
        } else {
            assert!(self.stride.is_multiple_of(Self::MULTIPLE));
            isa.run(&mut self);
        }
    }
}

/// Up to this many outputs are worked on output by output, so that vectors are full of rows.
const FEW: usize = 4;
/// Rows that are swept together then, if there are no more.
const FEW_ROWS: usize = 16;

/// The same, with vectors along up to `WIDTH` rows at a time; of a single one, without vectors.
struct ByOutput<'a, T, const WIDTH: usize>(Softmax<'a, T>);

impl<T: Scalar, const WIDTH: usize> Kernel for ByOutput<'_, T, WIDTH> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arch>(self) {
        let Softmax {
            outputs,
            stride,
            z,
            scale,
            weights,
            p,
            largest,
            log_total,
        } = self.0;
        let parts = largest.chunks_mut(WIDTH).zip(log_total.chunks_mut(WIDTH));
        for (first, (largest_part, log_part)) in (0..).step_by(WIDTH).zip(parts) {
            let rows = log_part.len();
            let block = first * stride..(first + rows) * stride;
            let (z, p) = (&z[block.clone()], &mut p[block]);
            // Whole vectors; values beyond the rows are computed and not used.
            let width = rows.next_multiple_of(16).min(WIDTH);
            let mut e = [[T::ZERO; WIDTH]; FEW];
            let e = &mut e[..outputs];
            for (output, e) in e.iter_mut().enumerate() {
                for (e, z) in e.iter_mut().zip(z.chunks_exact(stride)) {
                    *e = z[output];
                }
            }
            let (mut most, mut total, mut factor) = (e[0], [T::ZERO; WIDTH], [scale; WIDTH]);
            for e in &e[1..] {
                for (most, e) in most[..width].iter_mut().zip(e) {
                    *most = e.maximum(*most);
                }
            }
            for e in &mut *e {
                for i in 0..width {
                    e[i] = math::exp::<A, T>(e[i] - most[i]);
                    total[i] += e[i];
                }
            }
            if let Some(weights) = weights {
                for (factor, weight) in factor.iter_mut().zip(&weights[first..first + rows]) {
                    *factor = *weight * scale;
                }
            }
            for (factor, total) in factor[..width].iter_mut().zip(&total) {
                *factor /= *total;
            }
            clear(p, stride, outputs);
            for (i, row) in p.chunks_exact_mut(stride).enumerate() {
                for (p, e) in row.iter_mut().zip(&*e) {
                    *p = e[i] * factor[i];
                }
            }
            for total in &mut total[..width] {
                *total = total.ln::<A>();
            }
            largest_part.copy_from_slice(&most[..rows]);
            log_part.copy_from_slice(&total[..rows]);
        }
    }
}

impl<T: Scalar> Kernel for &mut Softmax<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arch>(self) {
        let lanes = T::Vector::<A>::LANES;
        let minus_infinity = T::from_f64(f64::NEG_INFINITY);
        // Added to the last values of a row: 0, and −∞ in the padding, where exp then gives 0.
        let mut mask = [T::ZERO; 16];
        mask[self.outputs - (self.stride - 16)..].fill(minus_infinity);
        let parts = self
            .largest
            .chunks_mut(ROWS)
            .zip(self.log_total.chunks_mut(ROWS));
        for (first, (largest, totals)) in (0..).step_by(ROWS).zip(parts) {
            let rows = totals.len();
            let block = first * self.stride..(first + rows) * self.stride;
            let (z, p) = (&self.z[block.clone()], &mut self.p[block]);
            let row = |row: usize| (row * self.stride..(row + 1) * self.stride).step_by(lanes);
            // SAFETY: rows are whole vectors inside the block, and the mask is 16 values long.
            unsafe {
                for (i, row_largest) in largest.iter_mut().enumerate() {
                    let mut largest = T::Vector::<A>::splat(minus_infinity);
                    let last = (i + 1) * self.stride - 16;
                    for at in row(i) {
                        let mut value = T::Vector::<A>::load(z.as_ptr().add(at));
                        if at >= last {
                            value = value.add(T::Vector::<A>::load(mask.as_ptr().add(at - last)));
                        }
                        value.store(p.as_mut_ptr().add(at));
                        largest = value.max(largest);
                    }
                    let largest = largest.largest();
                    *row_largest = largest;
                    for at in row(i) {
                        let value = T::Vector::<A>::load(p.as_ptr().add(at));
                        value
                            .add(T::Vector::<A>::splat(-largest))
                            .store(p.as_mut_ptr().add(at));
                    }
                }
                for p in &mut *p {
                    *p = math::exp::<A, T>(*p);
                }
                for (i, row_total) in totals.iter_mut().enumerate() {
                    let mut total = T::Vector::<A>::splat(T::ZERO);
                    for at in row(i) {
                        total = total.add(T::Vector::<A>::load(p.as_ptr().add(at)));
                    }
                    *row_total = total.sum();
                    let weight = self.weights.map_or(T::ONE, |weights| weights[first + i]);
                    let factor = T::Vector::<A>::splat(weight * self.scale / *row_total);
                    for at in row(i) {
                        let value = T::Vector::<A>::load(p.as_ptr().add(at));
                        value
                            .mul_add(factor, T::Vector::<A>::splat(T::ZERO))
                            .store(p.as_mut_ptr().add(at));
                    }
                }
            }
            for total in totals {
                *total = total.ln::<A>();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_probabilities_on_every_path() {
        for isa in Isa::available() {
            for outputs in 1usize..=40 {
                for rows in [1, 3, 16, 17, 64, 65] {
                    let stride = outputs.next_multiple_of(16);
                    let logit = |i: usize| ((i * 37 % 101) as f64 - 50.0) * 0.3;
                    let z: Vec<f64> = (0..rows * stride).map(logit).collect();
                    let weights: Vec<f64> = (0..rows).map(|row| row as f64 + 0.5).collect();
                    let mut p = vec![f64::NAN; rows * stride];
                    let mut largest = vec![0.0; rows];
                    let mut log_total = vec![0.0; rows];
                    Softmax {
                        outputs,
                        stride,
                        z: &z,
                        scale: 2.0,
                        weights: Some(&weights),
                        p: &mut p,
                        largest: &mut largest,
                        log_total: &mut log_total,
                    }
                    .run(isa);
                    for row in 0..rows {
                        let z = &z[row * stride..][..outputs];
                        let p = &p[row * stride..][..stride];
                        let total: f64 = z.iter().map(|z| z.exp()).sum();
                        assert!((largest[row] + log_total[row] - total.ln()).abs() < 1e-12);
                        for (p, z) in p.iter().zip(z) {
                            let want = 2.0 * weights[row] * z.exp() / total;
                            assert!((p - want).abs() <= 1e-14 * want.abs().max(1.0));
                        }
                        assert!(p[outputs..].iter().all(|p| *p == 0.0));
                    }
                }
            }
        }
    }
}
