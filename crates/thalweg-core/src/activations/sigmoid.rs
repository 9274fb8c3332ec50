//! Sigmoid: φ(z) = σ(z) = 1/(1 + e⁻ᶻ), φ′ = σ(1 − σ), φ″ = σ(1 − σ)(1 − 2σ).
//!
//! The slope is computed from z as e^{−|z|}/(1 + e^{−|z|})²: from the value it would vanish
//! wherever σ rounds to 1, from z = 17 on in single precision.

use super::{AnyActivation, Function};
use crate::kernels::math;
use crate::kernels::{Arch, Scalar};
use crate::registry::{Description, Entry};

/// Logistic function: values between 0 and 1
#[derive(Debug, Clone, Copy)]
pub struct Sigmoid;

impl Function for Sigmoid {
    const SLOPE_FROM_VALUE: bool = false;
    const IS_PROBABILITY: bool = true;

    #[inline(always)]
    fn value<A: Arch, T: Scalar>(self, z: T) -> T {
        math::sigmoid::<A, T>(z)
    }

    #[inline(always)]
    fn slope<A: Arch, T: Scalar>(self, z: T) -> T {
        math::sigmoid_slope::<A, T>(z)
    }

    #[inline(always)]
    fn curvature<A: Arch, T: Scalar>(self, z: T) -> T {
        math::sigmoid_curvature::<A, T>(z)
    }
}

pub(super) const ENTRY: Entry<Box<dyn AnyActivation>> = Entry {
    description: Description {
        name: "sigmoid",
        summary: "Logistic function: values between 0 and 1",
        equation: "φ(z) = 1/(1 + exp(−z))",
        source: "Verhulst 1845",
        parameters: &[],
    },
    build: |_, ()| Ok(Box::new(Sigmoid)),
};
