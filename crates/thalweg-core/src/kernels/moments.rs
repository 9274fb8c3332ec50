//! Sums for normalizations, in double precision and in an order that depends on the length alone.

use super::isa::{Isa, Kernel};
use super::simd::{Arch, Scalar};

/// Independent partial sums.
const LANES: usize = 16;

/// Adds up `terms(i)` for i < length.
#[inline(always)]
fn add_up<const N: usize>(length: usize, terms: impl Fn(usize) -> [f64; N]) -> [f64; N] {
    let mut sums = [[0.0; N]; LANES];
    let whole = length - length % LANES;
    for start in (0..whole).step_by(LANES) {
        for (lane, sums) in sums.iter_mut().enumerate() {
            for (sum, term) in sums.iter_mut().zip(terms(start + lane)) {
                *sum += term;
            }
        }
    }
    for (i, sums) in (whole..length).zip(&mut sums) {
        for (sum, term) in sums.iter_mut().zip(terms(i)) {
            *sum += term;
        }
    }
    let mut half = LANES / 2;
    while half > 0 {
        let (left, right) = sums.split_at_mut(half);
        for (left, right) in left.iter_mut().zip(right) {
            for (left, right) in left.iter_mut().zip(right) {
                *left += *right;
            }
        }
        half /= 2;
    }
    sums[0]
}

/// Mean and Σ (x − mean)² of at least one value.
pub fn moments<T: Scalar>(isa: Isa, x: &[T]) -> (f64, f64) {
    struct Moments<'a, T>(&'a [T]);
    impl<T: Scalar> Kernel for Moments<'_, T> {
        type Output = (f64, f64);
        #[inline(always)]
        fn run<A: Arch>(self) -> (f64, f64) {
            let x = self.0;
            let [sum] = add_up(x.len(), |i| [x[i].to_f64()]);
            let mean = sum / x.len() as f64;
            let [squares] = add_up(x.len(), |i| {
                let d = x[i].to_f64() - mean;
                [d * d]
            });
            (mean, squares)
        }
    }
    isa.run(Moments(x))
}

/// Σ g and Σ g·(x − mean).
///
/// # Panics
/// If the slices are not of one length.
pub fn gradient_sums<T: Scalar>(isa: Isa, g: &[T], x: &[T], mean: f64) -> [f64; 2] {
    struct Sums<'a, T>(&'a [T], &'a [T], f64);
    impl<T: Scalar> Kernel for Sums<'_, T> {
        type Output = [f64; 2];
        #[inline(always)]
        fn run<A: Arch>(self) -> [f64; 2] {
            let Sums(g, x, mean) = self;
            add_up(g.len(), |i| {
                let g = g[i].to_f64();
                [g, g * (x[i].to_f64() - mean)]
            })
        }
    }
    assert_eq!(g.len(), x.len());
    isa.run(Sums(g, x, mean))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_right_for_every_tail_on_every_path() {
        for isa in Isa::available() {
            for length in 1..100u32 {
                let x: Vec<f64> = (0..length).map(|i| 3.0 * f64::from(i) + 1e3).collect();
                let g: Vec<f64> = (0..length).map(|i| f64::from(i % 7) - 2.0).collect();
                let n = f64::from(length);
                let (mean, squares) = moments(isa, &x);
                // Of 0, 3, …, 3(n − 1): mean 3(n − 1)/2, squares 9·n(n² − 1)/12.
                assert!((mean - 1e3 - 1.5 * (n - 1.0)).abs() < 1e-10);
                assert!((squares - 0.75 * n * (n * n - 1.0)).abs() <= 1e-9 * squares.max(1.0));
                let sums = gradient_sums(isa, &g, &x, 1e3);
                let plain: f64 = g.iter().sum();
                let product: f64 = g.iter().zip(&x).map(|(g, x)| g * (x - 1e3)).sum();
                assert!((sums[0] - plain).abs() < 1e-12 && (sums[1] - product).abs() < 1e-9);
            }
        }
    }
}
