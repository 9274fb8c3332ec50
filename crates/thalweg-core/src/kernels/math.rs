//! exp, log and their relatives for f32 and f64, written so that compilers turn a loop over them
//! into vector code: no branches, no tables, no calls.
//!
//! exp: x = n·ln 2 + r with |r| ≤ ½ ln 2, then eˣ = 2ⁿ·eʳ and eʳ − 1 by its Taylor polynomial, of
//! degree 7 for f32 (remainder 6e-9) and 13 for f64 (4e-18). log: x = 2ᵏ·m with m in [√½, √2), then
//! log m = 2 artanh(s), s = (m − 1)/(m + 1), by its series in s².

use super::simd::{Arch, Scalar};

/// 1/k! for k = 13 down to 1: coefficients of eʳ − 1 in Horner's order.
const INVERSE_FACTORIALS: [f64; 13] = [
    1.0 / 6_227_020_800.0,
    1.0 / 479_001_600.0,
    1.0 / 39_916_800.0,
    1.0 / 3_628_800.0,
    1.0 / 362_880.0,
    1.0 / 40_320.0,
    1.0 / 5_040.0,
    1.0 / 720.0,
    1.0 / 120.0,
    1.0 / 24.0,
    1.0 / 6.0,
    1.0 / 2.0,
    1.0,
];

macro_rules! scalar {
    (
        $float:ident, $bits:ident, $associated:ident,
        mantissa: $mantissa:literal, bias: $bias:literal,
        ln2: ($ln2_high:expr, $ln2_low:expr),
        domain: ($low:expr, $high:expr),
        taylor: $degree:literal, artanh: $terms:literal
    ) => {
        impl Scalar for $float {
            type Vector<A: Arch> = A::$associated;
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const EXP_DOMAIN: (Self, Self) = ($low, $high);

            #[inline(always)]
            fn from_f64(x: f64) -> Self {
                x as $float
            }
            #[inline(always)]
            fn from_byte(x: u8) -> Self {
                $float::from(x)
            }
            #[inline(always)]
            fn to_f64(self) -> f64 {
                f64::from(self)
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                $float::sqrt(self)
            }
            #[inline(always)]
            fn abs(self) -> Self {
                $float::abs(self)
            }
            #[inline(always)]
            fn flush(self) -> Self {
                // By bits, because a comparison of numbers may itself be slow.
                let magnitude = self.to_bits() << 1;
                if magnitude < $float::MIN_POSITIVE.to_bits() << 1 {
                    0.0
                } else {
                    self
                }
            }
            #[inline(always)]
            fn mul_add<A: Arch>(self, b: Self, c: Self) -> Self {
                if A::FMA {
                    $float::mul_add(self, b, c)
                } else {
                    self * b + c
                }
            }

            #[inline(always)]
            fn exp_parts<A: Arch>(self) -> (Self, Self) {
                // Adding 1.5·2^mantissa rounds to an integer in the lowest bits.
                const ROUND: $float = 1.5 * (1u64 << $mantissa) as $float;
                let x = if self < $low { $low } else { self };
                let x = if x > $high { $high } else { x };
                let shifted = Scalar::mul_add::<A>(x, std::$float::consts::LOG2_E, ROUND);
                let n = shifted - ROUND;
                let r = Scalar::mul_add::<A>(n, -$ln2_high, x);
                let r = Scalar::mul_add::<A>(n, -$ln2_low, r);
                let mut p = INVERSE_FACTORIALS[13 - $degree] as $float;
                for coefficient in &INVERSE_FACTORIALS[14 - $degree..] {
                    p = Scalar::mul_add::<A>(p, r, *coefficient as $float);
                }
                let exponent = shifted.to_bits().wrapping_add($bias - 1);
                (p * r, $float::from_bits(exponent << $mantissa))
            }

            #[inline(always)]
            fn ln<A: Arch>(self) -> Self {
                // Moves the mantissa's wrap from 1 to √½, so that log m stays small around x = 1.
                const SPLIT: $bits = std::$float::consts::FRAC_1_SQRT_2.to_bits();
                let raised = self.to_bits().wrapping_sub(SPLIT);
                // An integer below 2^mantissa, made a float without a conversion instruction.
                let exponent = (raised >> $mantissa) ^ (1 << ($bits::BITS - 1 - $mantissa));
                const UNIT: $float = (1u64 << $mantissa) as $float;
                let k = $float::from_bits(UNIT.to_bits() | exponent)
                    - (UNIT + (1u64 << ($bits::BITS - 1 - $mantissa)) as $float);
                let m = $float::from_bits((raised & ((1 << $mantissa) - 1)).wrapping_add(SPLIT));
                let s = (m - 1.0) / (m + 1.0);
                let s2 = s * s;
                let mut p = 2.0 / (2 * $terms + 1) as $float;
                for term in (1..$terms).rev() {
                    p = Scalar::mul_add::<A>(p, s2, 2.0 / (2 * term + 1) as $float);
                }
                let tail = Scalar::mul_add::<A>(k, $ln2_low, s * s2 * p);
                let y = Scalar::mul_add::<A>(k, $ln2_high, s + s + tail);
                if self.is_nan() { self } else { y }
            }
        }
    };
}

scalar!(
    f32, u32, F32,
    mantissa: 23, bias: 127,
    ln2: (0.693_359_4_f32, -2.121_944_4e-4_f32),
    domain: (-86.643_394, 88.722_84),
    taylor: 7, artanh: 5
);
scalar!(
    f64, u64, F64,
    mantissa: 52, bias: 1023,
    ln2: (6.931_471_803_691_238e-1_f64, 1.908_214_929_270_587_7e-10_f64),
    domain: (-707.703_271_351_704_2, 709.782_712_893_384),
    taylor: 13, artanh: 11
);

/// eˣ. 0 where it would be below twice the smallest normal number, ∞ above the largest number.
#[inline(always)]
pub fn exp<A: Arch, T: Scalar>(x: T) -> T {
    let (p, half) = x.exp_parts::<A>();
    let y = p.mul_add::<A>(half, half);
    let y = y + y;
    let y = if x < T::EXP_DOMAIN.0 { T::ZERO } else { y };
    if x > T::EXP_DOMAIN.1 {
        T::from_f64(f64::INFINITY)
    } else {
        y
    }
}

/// eˣ − 1, accurate near 0, for x up to the logarithm of the largest number.
#[inline(always)]
pub fn exp_m1<A: Arch, T: Scalar>(x: T) -> T {
    let (p, half) = x.exp_parts::<A>();
    let y = p.mul_add::<A>(half, half - T::from_f64(0.5));
    y + y
}

/// log(1 + x) for x in [0, ∞), accurate near 0.
#[inline(always)]
pub fn ln_1p<A: Arch, T: Scalar>(x: T) -> T {
    // log(u) for u = 1 + x rounded, corrected by what the rounding lost: x − (u − 1).
    let u = T::ONE + x;
    let lost = x - (u - T::ONE);
    u.ln::<A>() + lost / u
}

/// σ(x) = 1/(1 + e⁻ˣ).
#[inline(always)]
pub fn sigmoid<A: Arch, T: Scalar>(x: T) -> T {
    let e = exp::<A, T>(-x.abs());
    let numerator = if x < T::ZERO { e } else { T::ONE };
    // Keeps NaN: neither comparison holds for it, but e is NaN.
    numerator / (T::ONE + e)
}

/// σ′(x) = e^{−|x|}/(1 + e^{−|x|})², right also where σ(x) rounds to 1.
#[inline(always)]
pub fn sigmoid_slope<A: Arch, T: Scalar>(x: T) -> T {
    let e = exp::<A, T>(-x.abs());
    // (1 + e)² with one rounding that counts.
    let square = e.mul_add::<A>(e + T::from_f64(2.0), T::ONE);
    e / square
}

/// tanh(x) = (e^{2|x|} − 1)/(e^{2|x|} + 1), with the sign of x.
#[inline(always)]
pub fn tanh<A: Arch, T: Scalar>(x: T) -> T {
    let a = x.abs();
    // Beyond 20 the quotient is 1 in both precisions, and e^{2|x|} stays finite.
    let limit = T::from_f64(20.0);
    let a = if a > limit { limit } else { a };
    let e = exp_m1::<A, T>(a + a);
    let y = e / (e + T::from_f64(2.0));
    if x < T::ZERO { -y } else { y }
}

/// tanh′(x) = 4e^{−2|x|}/(1 + e^{−2|x|})², right also where tanh(x) rounds to ±1.
#[inline(always)]
pub fn tanh_slope<A: Arch, T: Scalar>(x: T) -> T {
    T::from_f64(4.0) * sigmoid_slope::<A, T>(x + x)
}

/// σ″(x) = σ′(x)·(1 − 2σ(x)), from 1 − 2σ(x) = −tanh(x/2).
#[inline(always)]
pub fn sigmoid_curvature<A: Arch, T: Scalar>(x: T) -> T {
    -sigmoid_slope::<A, T>(x) * tanh::<A, T>(T::from_f64(0.5) * x)
}

/// log(1 + eˣ), the smooth max(0, x).
#[inline(always)]
pub fn softplus<A: Arch, T: Scalar>(x: T) -> T {
    let tail = ln_1p::<A, T>(exp::<A, T>(-x.abs()));
    // NaN comes from the tail.
    tail + if x > T::ZERO { x } else { T::ZERO }
}

/// (p, e) with p + e = a·b exactly: Dekker 1971 where multiply-adds are not fused. Not for |a|, |b|
/// near the ends of the range.
#[inline(always)]
pub fn two_product<A: Arch>(a: f64, b: f64) -> (f64, f64) {
    let p = a * b;
    if A::FMA {
        return (p, f64::mul_add(a, b, -p));
    }
    let split = |x: f64| {
        let shifted = ((1u32 << 27) as f64 + 1.0) * x;
        let high = shifted - (shifted - x);
        (high, x - high)
    };
    let ((a1, a2), (b1, b2)) = (split(a), split(b));
    (p, ((a1 * b1 - p) + a1 * b2 + a2 * b1) + a2 * b2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::simd::Portable;

    /// Error in units in the last place of the f32 result.
    fn ulps(got: f32, want: f64) -> f64 {
        let spacing = f64::from(f32::from_bits((want as f32).abs().to_bits() + 1))
            - f64::from((want as f32).abs());
        (f64::from(got) - want).abs() / spacing
    }

    fn grid(low: f64, high: f64) -> impl Iterator<Item = f32> {
        (0..=200_000).map(move |i| (low + (high - low) * f64::from(i) / 200_000.0) as f32)
    }

    #[test]
    fn single_precision_functions_are_within_four_ulps() {
        let check = |name: &str, worst: f64| assert!(worst <= 4.0, "{name}: {worst} ulp");
        let worst = |low, high, f: fn(f32) -> f32, exact: fn(f64) -> f64| {
            grid(low, high)
                .map(|x| ulps(f(x), exact(f64::from(x))))
                .fold(0.0, f64::max)
        };
        check("exp", worst(-86.6, 88.7, exp::<Portable, f32>, f64::exp));
        check(
            "exp_m1",
            worst(-20.0, 60.0, exp_m1::<Portable, f32>, f64::exp_m1),
        );
        check("ln_1p", worst(0.0, 1e4, ln_1p::<Portable, f32>, f64::ln_1p));
        check("ln_1p", worst(0.0, 1.0, ln_1p::<Portable, f32>, f64::ln_1p));
        check("ln", worst(1e-6, 3.0, Scalar::ln::<Portable>, f64::ln));
        check("tanh", worst(-12.0, 12.0, tanh::<Portable, f32>, f64::tanh));
        let sigmoid_exact = |x: f64| 1.0 / (1.0 + (-x).exp());
        check(
            "sigmoid",
            worst(-80.0, 80.0, sigmoid::<Portable, f32>, sigmoid_exact),
        );
        let slope_exact = |x: f64| (-x.abs()).exp() / (1.0 + (-x.abs()).exp()).powi(2);
        check(
            "sigmoid'",
            worst(-80.0, 80.0, sigmoid_slope::<Portable, f32>, slope_exact),
        );
    }

    #[test]
    fn double_precision_functions_agree_with_the_standard_library() {
        for i in -70_000..=70_000 {
            let x = f64::from(i) * 0.01;
            let relative = |got: f64, want: f64| ((got - want) / want).abs();
            assert!(
                relative(exp::<Portable, f64>(x), x.exp()) < 5e-16,
                "exp({x})"
            );
            if x > 0.0 {
                assert!(
                    relative(Scalar::ln::<Portable>(x), f64::ln(x)) < 5e-16 || x == 1.0,
                    "ln({x})"
                );
                assert!(
                    relative(ln_1p::<Portable, f64>(x), x.ln_1p()) < 5e-16,
                    "ln_1p({x})"
                );
            }
            if x != 0.0 {
                assert!(
                    relative(tanh::<Portable, f64>(x), x.tanh()) < 1e-15,
                    "tanh({x})"
                );
                assert!(
                    relative(exp_m1::<Portable, f64>(x), x.exp_m1()) < 1e-15,
                    "exp_m1({x})"
                );
            }
        }
    }

    #[test]
    fn the_sigmoid_slope_survives_saturation() {
        // The figure of the worked example "house price": σ′(21).
        assert!(
            (sigmoid_slope::<Portable, f64>(21.0) / 7.582_560_416_412_86e-10 - 1.0).abs() < 1e-14
        );
        assert!(sigmoid_slope::<Portable, f32>(21.0) > 7.5e-10);
    }

    #[test]
    fn subnormal_numbers_are_flushed_and_no_others() {
        for x in [
            0.0,
            -0.0,
            1.0,
            f32::MIN_POSITIVE,
            -f32::MIN_POSITIVE,
            f32::MAX,
        ] {
            assert_eq!(x.flush(), x);
        }
        for x in [f32::from_bits(1), f32::MIN_POSITIVE.next_down(), -1e-40] {
            assert_eq!(x.flush(), 0.0);
        }
        assert_eq!(f32::NEG_INFINITY.flush(), f32::NEG_INFINITY);
        assert!(f32::NAN.flush().is_nan() && f64::NAN.flush().is_nan());
        assert_eq!(f64::MIN_POSITIVE.flush(), f64::MIN_POSITIVE);
        assert_eq!(f64::MIN_POSITIVE.next_down().flush(), 0.0);
    }

    #[test]
    fn extremes_are_finite_where_the_function_is() {
        for x in [f64::INFINITY, 1e308, 800.0] {
            assert_eq!(sigmoid::<Portable, f64>(x), 1.0);
            assert_eq!(sigmoid::<Portable, f64>(-x), 0.0);
            assert_eq!(sigmoid_slope::<Portable, f64>(x), 0.0);
            assert_eq!(tanh::<Portable, f64>(x), 1.0);
            assert_eq!(tanh::<Portable, f64>(-x), -1.0);
            assert_eq!(exp::<Portable, f64>(x), f64::INFINITY);
            assert_eq!(exp::<Portable, f64>(-x), 0.0);
            assert_eq!(exp::<Portable, f32>(x as f32), f32::INFINITY);
            assert_eq!(exp::<Portable, f32>(-x as f32), 0.0);
        }
        assert!(exp::<Portable, f64>(f64::NAN).is_nan());
        assert!(sigmoid::<Portable, f32>(f32::NAN).is_nan());
        assert!(tanh::<Portable, f32>(f32::NAN).is_nan());
    }
}
