//! GELU by tanh: φ(z) = ½z(1 + tanh(√(2/π)(z + c·z³))) = z·σ(v), c = 0.044715, v = 2√(2/π)·z(1 +
//! c·z²); φ′ = σ + z·σ′·v′, φ″ = σ′·(2v′ + z·v″) + z·σ″·v′².
//!
//! v is computed to twice double precision, because an error in it becomes a relative error of σ(v)
//! below 0.

use super::{AnyActivation, Function};
use crate::kernels::math;
use crate::kernels::{Arch, Scalar};
use crate::registry::{Description, Entry};

/// See the module's text.
#[derive(Debug, Clone, Copy)]
pub struct GeluTanh;

impl Function for GeluTanh {
    const SLOPE_FROM_VALUE: bool = false;
    const INITIALIZER: &'static str = "he_uniform";

    #[inline(always)]
    fn value<A: Arch, T: Scalar>(self, z: T) -> T {
        let Parts {
            z: bounded, sigma, ..
        } = parts::<A, T>(z);
        // Beyond the bound above σ is 1.
        let z = if z.to_f64() > bounded {
            z.to_f64()
        } else {
            bounded
        };
        T::from_f64(z * sigma)
    }

    #[inline(always)]
    fn slope<A: Arch, T: Scalar>(self, z: T) -> T {
        let Parts {
            z,
            sigma,
            slope,
            first,
            ..
        } = parts::<A, T>(z);
        T::from_f64(sigma + z * slope * first)
    }

    #[inline(always)]
    fn curvature<A: Arch, T: Scalar>(self, z: T) -> T {
        let Parts {
            z,
            sigma,
            slope,
            first,
            second,
        } = parts::<A, T>(z);
        let bend = slope * (1.0 - 2.0 * sigma);
        T::from_f64(slope * (2.0 * first + z * second) + z * bend * first * first)
    }
}

/// 2√(2/π) and c, and what f64 leaves out of them.
const K: (f64, f64) = (1.5957691216057308, -9.96930880911092e-17);
const C: (f64, f64) = (0.044_715, 2.1960211427085595e-18);

/// z within where σ′(v) is not 0, σ(v), σ′(v), v′, v″.
struct Parts {
    z: f64,
    sigma: f64,
    slope: f64,
    first: f64,
    second: f64,
}

#[inline(always)]
fn parts<A: Arch, T: Scalar>(z: T) -> Parts {
    let z = z.to_f64();
    let z = if z > 30.0 { 30.0 } else { z };
    let z = if z < -30.0 { -30.0 } else { z };
    // v + error = k·z·(1 + c·z²).
    let (square, square_error) = math::two_product::<A>(z, z);
    let (bent, bent_error) = math::two_product::<A>(C.0, square);
    let bent_error = bent_error + C.0 * square_error + C.1 * square;
    let sum = 1.0 + bent;
    let virtual_bent = sum - 1.0;
    let sum_error = (1.0 - (sum - virtual_bent)) + (bent - virtual_bent) + bent_error;
    let (scaled, scaled_error) = math::two_product::<A>(K.0, z);
    let scaled_error = scaled_error + K.1 * z;
    let (v, error) = math::two_product::<A>(scaled, sum);
    let error = error + scaled * sum_error + scaled_error * sum;
    // e^{−|v + error|}.
    let away = if v < 0.0 { -error } else { error };
    let e = math::exp::<A, f64>(-v.abs()) * (1.0 - away);
    let d = 1.0 + e;
    Parts {
        z,
        sigma: if v < 0.0 { e / d } else { 1.0 / d },
        slope: e / (d * d),
        first: K.0 * (1.0 + 3.0 * C.0 * square),
        second: K.0 * 6.0 * C.0 * z,
    }
}

pub(super) const ENTRY: Entry<Box<dyn AnyActivation>> = Entry {
    description: Description {
        name: "gelu_tanh",
        summary: "GELU with Φ approximated by tanh, as in GPT-2",
        equation: "φ(z) = ½z(1 + tanh(√(2/π)(z + 0.044715z³)))",
        source: "Hendrycks & Gimpel 2016",
        parameters: &[],
    },
    build: |_, ()| Ok(Box::new(GeluTanh)),
};
