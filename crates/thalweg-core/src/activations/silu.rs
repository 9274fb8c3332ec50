//! SiLU (swish): φ(z) = z·σ(z). With e = e^{−|z|}: φ′ = (1 + e(1 + z))/(1 + e)² for z ≥ 0, and for
//! z < 0 e(e + 1 + z)/(1 + e)², where σ + zσ′ would cancel; φ″ = 2σ′ + zσ″.
//!
//! Derivatives are computed in double precision, whose digits outlast the zero of φ′ near −1.28.

use super::{AnyActivation, Function};
use crate::kernels::math;
use crate::kernels::{Arch, Scalar};
use crate::registry::{Description, Entry};

/// See the module's text.
#[derive(Debug, Clone, Copy)]
pub struct Silu;

impl Function for Silu {
    const SLOPE_FROM_VALUE: bool = false;
    const INITIALIZER: &'static str = "he_uniform";

    #[inline(always)]
    fn value<A: Arch, T: Scalar>(self, z: T) -> T {
        // Where σ is 0, z may be −∞.
        let low = T::from_f64(-1000.0);
        let bounded = if z < low { low } else { z };
        bounded * math::sigmoid::<A, T>(z)
    }

    #[inline(always)]
    fn slope<A: Arch, T: Scalar>(self, z: T) -> T {
        let z = bound(z);
        let e = math::exp::<A, f64>(-z.abs());
        let d = 1.0 + e;
        let numerator = if z < 0.0 {
            e * (e + (1.0 + z))
        } else {
            1.0 + e * (1.0 + z)
        };
        T::from_f64(numerator / (d * d))
    }

    #[inline(always)]
    fn curvature<A: Arch, T: Scalar>(self, z: T) -> T {
        let z = bound(z);
        let curvature =
            2.0 * math::sigmoid_slope::<A, f64>(z) + z * math::sigmoid_curvature::<A, f64>(z);
        T::from_f64(curvature)
    }
}

/// z where e^{−|z|} is 0 beyond.
#[inline(always)]
fn bound<T: Scalar>(z: T) -> f64 {
    let z = z.to_f64();
    let z = if z > 1000.0 { 1000.0 } else { z };
    if z < -1000.0 { -1000.0 } else { z }
}

pub(super) const ENTRY: Entry<Box<dyn AnyActivation>> = Entry {
    description: Description {
        name: "silu",
        summary: "z times its sigmoid: a smooth ReLU that dips below 0",
        equation: "φ(z) = z·σ(z)",
        source: "Elfwing, Uchibe & Doya 2018",
        parameters: &[],
    },
    build: |_, ()| Ok(Box::new(Silu)),
};
