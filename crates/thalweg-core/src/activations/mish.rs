//! Mish: φ(z) = z·t with t = tanh(log(1 + eᶻ)). With n = eᶻ and w = n² + 2n: t = w/(w + 2),
//! t′ = 4n(1 + n)/(w + 2)², t″ = 4n(2 + 2n − 3n² − 2n³)/(w + 2)³; φ′ = t + z·t′, φ″ = 2t′ + z·t″.
//!
//! Computed in double precision, whose digits outlast the zero of φ′ near −1.19.

use super::{AnyActivation, Function};
use crate::kernels::math;
use crate::kernels::{Arch, Scalar};
use crate::registry::{Description, Entry};

/// See the module's text.
#[derive(Debug, Clone, Copy)]
pub struct Mish;

impl Function for Mish {
    const SLOPE_FROM_VALUE: bool = false;
    const INITIALIZER: &'static str = "he_uniform";

    #[inline(always)]
    fn value<A: Arch, T: Scalar>(self, z: T) -> T {
        let (bounded, n) = bound::<A, T>(z);
        let w = n * (n + 2.0);
        // Beyond the bound above t is 1.
        let z = if z.to_f64() > bounded {
            z.to_f64()
        } else {
            bounded
        };
        T::from_f64(z * (w / (w + 2.0)))
    }

    #[inline(always)]
    fn slope<A: Arch, T: Scalar>(self, z: T) -> T {
        let (z, n) = bound::<A, T>(z);
        let w = n * (n + 2.0);
        let d = w + 2.0;
        T::from_f64(w / d + z * (4.0 * n * (1.0 + n) / (d * d)))
    }

    #[inline(always)]
    fn curvature<A: Arch, T: Scalar>(self, z: T) -> T {
        let (z, n) = bound::<A, T>(z);
        let d = n * (n + 2.0) + 2.0;
        let first = 4.0 * n * (1.0 + n) / (d * d);
        let second = 4.0 * n * (2.0 + n * (2.0 - n * (3.0 + 2.0 * n))) / (d * d * d);
        T::from_f64(2.0 * first + z * second)
    }
}

/// z between where t is 0 and where it is 1 (and n⁶ finite), and n.
#[inline(always)]
fn bound<A: Arch, T: Scalar>(z: T) -> (f64, f64) {
    let z = z.to_f64();
    let z = if z > 40.0 { 40.0 } else { z };
    let z = if z < -1000.0 { -1000.0 } else { z };
    (z, math::exp::<A, f64>(z))
}

pub(super) const ENTRY: Entry<Box<dyn AnyActivation>> = Entry {
    description: Description {
        name: "mish",
        summary: "z times the tanh of its softplus: a smooth ReLU that dips below 0",
        equation: "φ(z) = z·tanh(log(1 + exp(z)))",
        source: "Misra 2019",
        parameters: &[],
    },
    build: |_, ()| Ok(Box::new(Mish)),
};
