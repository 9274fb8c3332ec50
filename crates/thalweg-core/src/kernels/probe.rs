//! What the machine itself can do, in the instruction set that the kernels use: the yardsticks of
//! benchmarks.
//!
//! Arithmetic: independent multiply-adds in registers, x ← a·x + b. Twelve accumulators hide the
//! latency of a fused multiply-add (4 cycles × 2 a cycle = 8 in flight); x converges to b/(1 − a),
//! so no number becomes infinite or subnormal. Memory: the sum of a slice, which is as fast as it
//! can be read.
//!
//! Each function does its work on the calling thread; who calls it on how many threads, and the
//! clock, are in `thalweg-bench`.

use std::hint::black_box;

use super::isa::{Isa, Kernel};
use super::simd::{Arch, Scalar, Vector};

const ACCUMULATORS: usize = 12;

/// Runs `iterations` rounds of the products of bf16 pairs, where they are an instruction; returns
/// the number of floating-point operations, 0 where they are not.
pub fn bf16_dots(isa: Isa, iterations: usize) -> usize {
    struct Dots(usize, f32);
    impl Kernel for Dots {
        type Output = usize;
        #[inline(always)]
        fn run<A: Arch>(self) -> usize {
            // The bits of a pair (1, 1): sums grow to 2²⁴ and stay there.
            let ones = A::F32::splat(f32::from_bits(0x3f80_3f80));
            let mut x = black_box([A::F32::splat(self.1); ACCUMULATORS]);
            for _ in 0..self.0 {
                for x in &mut x {
                    // SAFETY: the instruction is there: see below.
                    *x = unsafe { A::dot_pairs(ones, ones, *x) };
                }
            }
            black_box(x.map(A::F32::sum));
            4 * A::F32::LANES * ACCUMULATORS * self.0
        }
    }
    if !isa.has_bf16() {
        return 0;
    }
    isa.run(Dots(iterations, black_box(0.0)))
}

/// Runs `iterations` rounds of multiply-adds in T; returns the number of floating-point operations.
pub fn multiply_adds<T: Scalar>(isa: Isa, iterations: usize) -> usize {
    struct MultiplyAdds<T>(usize, [T; 3]);
    impl<T: Scalar> Kernel for MultiplyAdds<T> {
        type Output = usize;
        #[inline(always)]
        fn run<A: Arch>(self) -> usize {
            let MultiplyAdds(iterations, numbers) = self;
            let [start, a, b] = numbers.map(T::Vector::<A>::splat);
            let mut x = black_box([start; ACCUMULATORS]);
            for _ in 0..iterations {
                for x in &mut x {
                    *x = x.mul_add(a, b);
                }
            }
            black_box(x.map(T::Vector::<A>::sum));
            2 * T::Vector::<A>::LANES * ACCUMULATORS * iterations
        }
    }
    let numbers = black_box([1.0, 0.5, 0.25]).map(T::from_f64);
    isa.run(MultiplyAdds(iterations, numbers))
}

/// Reads all of `words` in order; returns their sum modulo 2⁶⁴.
pub fn read(isa: Isa, words: &[u64]) -> u64 {
    struct Read<'a>(&'a [u64]);
    impl Kernel for Read<'_> {
        type Output = u64;
        #[inline(always)]
        fn run<A: Arch>(self) -> u64 {
            // Compilers make this a loop over several vectors.
            self.0.iter().fold(0, |sum, word| sum.wrapping_add(*word))
        }
    }
    isa.run(Read(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_read_on_every_path() {
        for isa in Isa::available() {
            for length in [0, 1, 31, 32, 33, 1000] {
                let words: Vec<u64> = (0..length).map(|i| i * i + (i << 60)).collect();
                let mut sum = 0u128;
                for word in &words {
                    sum += u128::from(*word);
                }
                assert_eq!(read(isa, &words), sum as u64, "{isa:?} {length}");
            }
        }
    }

    #[test]
    fn operations_are_counted_by_lanes() {
        for isa in Isa::available() {
            let expected = 2 * isa.lanes::<f32>() * ACCUMULATORS * 10;
            assert_eq!(multiply_adds::<f32>(isa, 10), expected, "{isa:?}");
            assert_eq!(2 * multiply_adds::<f64>(isa, 10), expected, "{isa:?}");
            let pairs = if isa.has_bf16() { 2 * expected } else { 0 };
            assert_eq!(bf16_dots(isa, 10), pairs, "{isa:?}");
        }
    }
}
