//! The standard normal distribution, in double precision: Φ(−a) = ½ erfc(a/√2) and φ(a) =
//! e^{−a²/2}/√(2π), a ≥ 0.
//!
//! Φ(−a) = e^{−a²/2}·g(a), where (1 + a)·2g(a) is smooth and between 0.79 and 1 from 0 to ∞. It is
//! taken as a polynomial in t = (a − 5)/(a + 5), fitted at the Chebyshev points of [−1, 1] with 50
//! digits (Shepherd & Laframboise 1981 do so for erfc); what it leaves out is below 1e-17. Nothing
//! here branches, so that compilers turn a loop over it into vector code.

use super::math::exp;
use super::simd::{Arch, Scalar};

/// (1 + a)·2g(a) = Σ cₖ tᵏ, c₂₃ first.
const COEFFICIENTS: [f64; 24] = [
    -7.631632525101621e-10,
    -5.644154458054039e-10,
    8.802319245428437e-09,
    7.254746326764077e-09,
    -6.190403511586354e-08,
    -5.257241017970958e-08,
    3.9255619840152103e-07,
    2.5575644364176036e-07,
    -2.6148972038472573e-06,
    -1.406928936706511e-07,
    1.8119649362513133e-05,
    -1.979219551855961e-05,
    -0.00010721516222974435,
    0.0003646682902328769,
    1.5583194818677984e-05,
    -0.00335214468910894,
    0.013044001335567792,
    -0.030340830805029726,
    0.049073926487357304,
    -0.052802085932616614,
    0.020004704770458764,
    0.062060736851927416,
    -0.18310456366801808,
    0.9230316597000755,
];

/// 1/√(2π).
const DENSITY_AT_ZERO: f64 = 0.398_942_280_401_432_7;

/// Beyond it both are below the smallest number.
pub const END: f64 = 40.0;

/// (Φ(−a), φ(a)) for a ≥ 0.
#[inline(always)]
pub fn tail<A: Arch>(a: f64) -> (f64, f64) {
    let a = if a > END { END } else { a };
    // a² = high² + (a − high)(a + high), with a high that has half the digits, so that its square
    // is exact: an error in the argument of exp would become a relative error of the result.
    const SPLIT: f64 = (1u32 << 27) as f64 + 1.0;
    let shifted = SPLIT * a;
    let high = shifted - (shifted - a);
    let rest = 0.5 * (a - high) * (a + high);
    let correction = 1.0 - rest * (1.0 - rest * (0.5 - rest * (1.0 / 6.0)));
    let bell = exp::<A, f64>(-0.5 * high * high) * correction;
    let t = (a - 5.0) / (a + 5.0);
    let mut p = COEFFICIENTS[0];
    for coefficient in &COEFFICIENTS[1..] {
        p = Scalar::mul_add::<A>(p, t, *coefficient);
    }
    (bell * p / (a + a + 2.0), DENSITY_AT_ZERO * bell)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::simd::Portable;

    #[test]
    fn tails_are_those_of_published_tables() {
        // Abramowitz & Stegun 1964, tables 26.1 and 26.2.
        for (a, value) in [
            (0.0, 0.5),
            (1.0, 0.158_655_253_931_457_05),
            (2.0, 0.022_750_131_948_179_21),
            (5.0, 2.866_515_718_791_939e-7),
            (10.0, 7.619_853_024_160_527e-24),
        ] {
            let (got, _) = tail::<Portable>(a);
            assert!((got / value - 1.0).abs() < 1e-15, "{a}: {got:e}");
        }
        assert_eq!(tail::<Portable>(f64::INFINITY), (0.0, 0.0));
        assert!(tail::<Portable>(f64::NAN).0.is_nan());
    }

    #[test]
    fn the_tail_falls_by_the_density() {
        // Simpson's rule over [a, a + h] shares no code with the polynomial.
        let h = 1e-3;
        for i in 0..6000 {
            let a = f64::from(i) * h;
            let at = |x: f64| tail::<Portable>(x).1;
            let b = a + h;
            let area = (b - a) / 6.0 * (at(a) + 4.0 * at((a + b) / 2.0) + at(b));
            let fall = tail::<Portable>(a).0 - tail::<Portable>(b).0;
            assert!(
                (fall - area).abs() < 1e-15 * tail::<Portable>(a).0 + 1e-12 * area,
                "{a}"
            );
        }
    }
}
