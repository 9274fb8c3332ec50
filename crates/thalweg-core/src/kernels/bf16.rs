//! bf16: single-precision numbers cut to 8 bits of mantissa, in pairs.
//!
//! Products of bf16 numbers go through an instruction that takes two steps of the reduction at once
//! (`vdpbf16ps`: c ← c + a₁·b₁ + a₀·b₀ with products exact and sums in single precision). So
//! operands are stored in *pairs* along the reduction. A pair fills 32 bits, as a single-precision
//! number does: buffers of f32 hold pairs, as bits that are never read as a number.

use super::isa::{Isa, Kernel};
use super::simd::Arch;

/// The two numbers as a pair, the first in the low half; rounded to nearest, ties to even; NaN
/// stays NaN.
#[inline(always)]
fn pair(first: f32, second: f32) -> f32 {
    f32::from_bits((round(second) & 0xffff_0000) | (round(first) >> 16))
}

/// Bits of which the upper half is x as bf16.
#[inline(always)]
fn round(x: f32) -> u32 {
    let bits = x.to_bits();
    // Past the middle between two neighbours the carry reaches the upper half.
    let nearest = bits.wrapping_add(0x7fff + (bits >> 16 & 1));
    let quiet = bits | 0x40_0000;
    if x.is_nan() { quiet } else { nearest }
}

/// The numbers of a pair.
#[inline(always)]
pub(super) fn unpair(pair: f32) -> (f32, f32) {
    let bits = pair.to_bits();
    (
        f32::from_bits(bits << 16),
        f32::from_bits(bits & 0xffff_0000),
    )
}

/// Rows of a matrix, and where their pairs go.
#[derive(Debug)]
pub struct Pairing<'a> {
    /// Rows of `from`.
    pub rows: usize,
    /// Values of a row that count.
    pub width: usize,
    /// Rows, `from_stride` apart.
    pub from: &'a [f32],
    /// See `from`.
    pub from_stride: usize,
    /// Rows of pairs, `to_stride` apart.
    pub to: &'a mut [f32],
    /// See `to`.
    pub to_stride: usize,
}

impl Pairing<'_> {
    /// Neighbours within a row: pair (i, k) is of values (i, 2k) and (i, 2k + 1); the last one
    /// takes a value from beyond the width if that is odd.
    ///
    /// # Panics
    /// If a slice is too short: a mistake in the plan, not in any input.
    pub fn columns(self, isa: Isa) {
        struct Columns<'a>(Pairing<'a>);
        impl Kernel for Columns<'_> {
            type Output = ();
            #[inline(always)]
            fn run<A: Arch>(self) {
                let Pairing {
                    rows,
                    width,
                    from,
                    from_stride,
                    to,
                    to_stride,
                } = self.0;
                let pairs = width.div_ceil(2);
                for row in 0..rows {
                    let from = &from[row * from_stride..][..2 * pairs];
                    let to = &mut to[row * to_stride..][..pairs];
                    for (to, [first, second]) in to.iter_mut().zip(from.as_chunks::<2>().0) {
                        *to = pair(*first, *second);
                    }
                }
            }
        }
        isa.run(Columns(self));
    }

    /// Neighbouring rows: pair (k, j) is of values (2k, j) and (2k + 1, j); 0 where there is no
    /// such row.
    ///
    /// # Panics
    /// If a slice is too short: a mistake in the plan, not in any input.
    pub fn rows(self, isa: Isa) {
        struct Rows<'a>(Pairing<'a>);
        impl Kernel for Rows<'_> {
            type Output = ();
            #[inline(always)]
            fn run<A: Arch>(self) {
                let Pairing {
                    rows,
                    width,
                    from,
                    from_stride,
                    to,
                    to_stride,
                } = self.0;
                for row in (0..rows).step_by(2) {
                    let to = &mut to[row / 2 * to_stride..][..width];
                    let first = &from[row * from_stride..][..width];
                    if row + 1 < rows {
                        let second = &from[(row + 1) * from_stride..][..width];
                        for ((to, first), second) in to.iter_mut().zip(first).zip(second) {
                            *to = pair(*first, *second);
                        }
                    } else {
                        for (to, first) in to.iter_mut().zip(first) {
                            *to = pair(*first, 0.0);
                        }
                    }
                }
            }
        }
        isa.run(Rows(self));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_rounded_to_the_nearest_of_eight_bits_ties_to_even() {
        let cases = [
            (1.0, 1.0),
            (-2.5, -2.5),
            (1.0 + 1.0 / 256.0, 1.0),
            (1.0 + 3.0 / 256.0, 1.0 + 4.0 / 256.0),
            (1.0 + 1.1 / 256.0, 1.0 + 2.0 / 256.0),
            (1.0 + 0.9 / 256.0, 1.0),
            (f32::MAX, f32::INFINITY),
            (f32::NEG_INFINITY, f32::NEG_INFINITY),
            (0.0, 0.0),
            (
                1e-40,
                f32::from_bits((1e-40f32.to_bits() + 0x8000) & 0xffff_0000),
            ),
        ];
        for (x, expected) in cases {
            assert_eq!(unpair(pair(x, 7.0)), (expected, 7.0), "{x}");
            assert_eq!(unpair(pair(7.0, x)), (7.0, expected), "{x}");
        }
        for bits in [0x7f80_0001, 0x7fff_ffff, 0xffff_ffff] {
            let (first, second) = unpair(pair(f32::from_bits(bits), f32::from_bits(bits)));
            assert!(first.is_nan() && second.is_nan());
        }
    }

    #[test]
    fn pairs_hold_their_numbers_on_every_path() {
        for isa in Isa::available() {
            for (rows, width) in (1..6).flat_map(|rows| (1..70).map(move |width| (rows, width))) {
                let (from_stride, to_stride) = (width + width % 2 + 2, width + 3);
                let value = |i: usize, j: usize| match i < rows {
                    true => (100 * i + j) as f32 / 4.0,
                    false => 0.0,
                };
                // Some of these need more than 8 bits; rounding has a test of its own.
                let bf16 = |x: f32| unpair(pair(x, 0.0)).0;
                let from: Vec<f32> = (0..rows)
                    .flat_map(|i| (0..from_stride).map(move |j| value(i, j)))
                    .collect();
                let run = |pair: for<'a> fn(Pairing<'a>, Isa)| {
                    let mut to = vec![0.0; rows * to_stride];
                    let pairing = Pairing {
                        rows,
                        width,
                        from: &from,
                        from_stride,
                        to: &mut to,
                        to_stride,
                    };
                    pair(pairing, isa);
                    to
                };
                let to = run(|pairing, isa| pairing.rows(isa));
                for (i, j) in (0..rows.div_ceil(2)).flat_map(|i| (0..width).map(move |j| (i, j))) {
                    let expected = (bf16(value(2 * i, j)), bf16(value(2 * i + 1, j)));
                    assert_eq!(unpair(to[i * to_stride + j]), expected);
                }
                let to = run(|pairing, isa| pairing.columns(isa));
                for (i, k) in (0..rows).flat_map(|i| (0..width / 2).map(move |k| (i, k))) {
                    let expected = (bf16(value(i, 2 * k)), bf16(value(i, 2 * k + 1)));
                    assert_eq!(unpair(to[i * to_stride + k]), expected);
                }
            }
        }
    }
}
