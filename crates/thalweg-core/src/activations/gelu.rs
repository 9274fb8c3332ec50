//! Gaussian error linear unit: φ(z) = z·Φ(z), Φ and φ₀ the standard normal distribution and its
//! density; φ′ = Φ(z) + z·φ₀(z), φ″ = (2 − z²)·φ₀(z).
//!
//! Computed in double precision, whose digits outlast the zero of φ′ near −0.75.

use super::{AnyActivation, Function};
use crate::kernels::normal;
use crate::kernels::{Arch, Scalar};
use crate::registry::{Description, Entry};

/// See the module's text.
#[derive(Debug, Clone, Copy)]
pub struct Gelu;

impl Function for Gelu {
    const SLOPE_FROM_VALUE: bool = false;
    const INITIALIZER: &'static str = "he_uniform";

    #[inline(always)]
    fn value<A: Arch, T: Scalar>(self, z: T) -> T {
        let (bounded, below, _) = parts::<A, T>(z);
        // Beyond the bound above Φ is 1.
        let z = if z.to_f64() > bounded {
            z.to_f64()
        } else {
            bounded
        };
        T::from_f64(z * below)
    }

    #[inline(always)]
    fn slope<A: Arch, T: Scalar>(self, z: T) -> T {
        let (z, below, density) = parts::<A, T>(z);
        T::from_f64(below + z * density)
    }

    #[inline(always)]
    fn curvature<A: Arch, T: Scalar>(self, z: T) -> T {
        let (z, _, density) = parts::<A, T>(z);
        T::from_f64((2.0 - z * z) * density)
    }
}

/// z within where φ₀ is not 0, Φ(z), φ₀(z).
#[inline(always)]
fn parts<A: Arch, T: Scalar>(z: T) -> (f64, f64, f64) {
    let z = z.to_f64();
    let z = if z > normal::END { normal::END } else { z };
    let z = if z < -normal::END { -normal::END } else { z };
    let (tail, density) = normal::tail::<A>(z.abs());
    (z, if z < 0.0 { tail } else { 1.0 - tail }, density)
}

pub(super) const ENTRY: Entry<Box<dyn AnyActivation>> = Entry {
    description: Description {
        name: "gelu",
        summary: "z times the normal probability of being below z: usual in transformers",
        equation: "φ(z) = z·Φ(z)",
        source: "Hendrycks & Gimpel 2016",
        parameters: &[],
    },
    build: |_, ()| Ok(Box::new(Gelu)),
};
