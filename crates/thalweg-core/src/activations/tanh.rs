//! Hyperbolic tangent: φ(z) = tanh z, φ′ = 1 − tanh² z.
//!
//! The slope is computed from z as 4e^{−2|z|}/(1 + e^{−2|z|})², right also where tanh rounds to ±1.

use super::{AnyActivation, Function};
use crate::kernels::math;
use crate::kernels::{Arch, Scalar};
use crate::registry::{Description, Entry};

/// Hyperbolic tangent: values between −1 and 1
#[derive(Debug, Clone, Copy)]
pub struct Tanh;

impl Function for Tanh {
    const SLOPE_FROM_VALUE: bool = false;

    #[inline(always)]
    fn value<A: Arch, T: Scalar>(self, z: T) -> T {
        math::tanh::<A, T>(z)
    }

    #[inline(always)]
    fn slope<A: Arch, T: Scalar>(self, z: T) -> T {
        math::tanh_slope::<A, T>(z)
    }

    #[inline(always)]
    fn curvature<A: Arch, T: Scalar>(self, z: T) -> T {
        let two = T::from_f64(2.0);
        -two * math::tanh::<A, T>(z) * math::tanh_slope::<A, T>(z)
    }
}

pub(super) const ENTRY: Entry<Box<dyn AnyActivation>> = Entry {
    description: Description {
        name: "tanh",
        summary: "Hyperbolic tangent: values between −1 and 1",
        equation: "φ(z) = tanh(z)",
        source: "LeCun et al. 1998",
        parameters: &[],
    },
    build: |_, ()| Ok(Box::new(Tanh)),
};
