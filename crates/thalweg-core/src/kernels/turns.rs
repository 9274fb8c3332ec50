//! Sine and cosine of 2πt, t in turns, for loops that compilers turn into vector code.
//!
//! t = n + r with a whole n and |r| ≤ ½, exactly, so that large t lose nothing but their own digits.
//! Then both are sin 2πu with |u| ≤ ¼: cos 2πr of u = ¼ − |r|; sin 2πr of u = r, or of ½ − |r| with
//! the sign of r. sin 2πu by its Taylor polynomial, of degree 13 for f32 (remainder 7e-10) and 21 for
//! f64 (1e-18).

use super::simd::{Arch, Scalar};

/// (−1)ⁿ·(2π)^{2n+1}/(2n + 1)!, n = 0, 1, …
const SINE: [f64; 11] = {
    const TURN: f64 = 2.0 * std::f64::consts::PI;
    let mut terms = [TURN; 11];
    let mut n = 1;
    while n < terms.len() {
        let k = (2 * n) as f64;
        terms[n] = -terms[n - 1] * TURN * TURN / (k * (k + 1.0));
        n += 1;
    }
    terms
};
/// Terms that f32 needs.
const SINGLE: usize = 7;

/// sin 2πu for |u| ≤ ¼.
#[inline(always)]
fn quarter<A: Arch, T: Scalar>(u: T) -> T {
    let terms = match size_of::<T>() {
        4 => SINGLE,
        _ => SINE.len(),
    };
    let square = u * u;
    let mut sum = T::from_f64(SINE[terms - 1]);
    for term in SINE[..terms - 1].iter().rev() {
        sum = sum.mul_add::<A>(square, T::from_f64(*term));
    }
    sum * u
}

/// cos 2πt and sin 2πt, for |t| < 2²¹ (f64: 2⁵⁰); bounded beyond that.
#[inline(always)]
pub fn cos_sin<A: Arch, T: Scalar>(t: T) -> (T, T) {
    // Adding 1.5·2^mantissa rounds to an integer in the lowest bits.
    let round = T::from_f64(match size_of::<T>() {
        4 => 1.5 * (1u64 << 23) as f64,
        _ => 1.5 * (1u64 << 52) as f64,
    });
    let (quarter_turn, half) = (T::from_f64(0.25), T::from_f64(0.5));
    let r = t - ((t + round) - round);
    let r = if r > half { half } else { r };
    let r = if r < -half { -half } else { r };
    let size = r.abs();
    let cos = quarter::<A, T>(quarter_turn - size);
    let folded = half - size;
    let folded = if folded < size { folded } else { size };
    let sin = quarter::<A, T>(folded);
    (cos, if r < T::ZERO { -sin } else { sin })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::{Isa, Kernel};

    struct Both<T>(T);

    impl<T: Scalar> Kernel for Both<T> {
        type Output = (T, T);
        #[inline(always)]
        fn run<A: Arch>(self) -> (T, T) {
            cos_sin::<A, T>(self.0)
        }
    }

    #[test]
    fn they_are_those_of_libm_in_both_precisions() {
        let points = (-4000..4000).map(|i| f64::from(i) / 321.0);
        for isa in Isa::available() {
            for t in points.clone().chain([0.0, 0.25, 0.5, 0.75, 1e5 + 0.125]) {
                let angle = 2.0 * std::f64::consts::PI * (t - t.floor());
                let (cos, sin) = isa.run(Both(t));
                assert!((cos - libm::cos(angle)).abs() < 2e-15, "cos of {t}: {cos}");
                assert!((sin - libm::sin(angle)).abs() < 2e-15, "sin of {t}: {sin}");
                let single = t as f32;
                let exact = f64::from(single);
                let angle = 2.0 * std::f64::consts::PI * (exact - exact.floor());
                let (cos, sin) = isa.run(Both(single));
                assert!(
                    (f64::from(cos) - libm::cos(angle)).abs() < 3e-7,
                    "cos of {t}: {cos}"
                );
                assert!(
                    (f64::from(sin) - libm::sin(angle)).abs() < 3e-7,
                    "sin of {t}: {sin}"
                );
            }
            for beyond in [1e30f32, -1e30, f32::MAX] {
                let (cos, sin) = isa.run(Both(beyond));
                assert!(
                    cos.abs() <= 1.001 && sin.abs() <= 1.001,
                    "{beyond}: {cos}, {sin}"
                );
            }
        }
    }
}
