//! Softplus: φ(z) = log(1 + eᶻ) = max(0, z) + log(1 + e^{−|z|}); φ′ = σ, φ″ = σ(1 − σ).

use super::{AnyActivation, Function};
use crate::kernels::math;
use crate::kernels::{Arch, Scalar};
use crate::registry::{Description, Entry};

/// See the module's text.
#[derive(Debug, Clone, Copy)]
pub struct Softplus;

impl Function for Softplus {
    const SLOPE_FROM_VALUE: bool = false;
    const INITIALIZER: &'static str = "he_uniform";

    #[inline(always)]
    fn value<A: Arch, T: Scalar>(self, z: T) -> T {
        math::softplus::<A, T>(z)
    }

    #[inline(always)]
    fn slope<A: Arch, T: Scalar>(self, z: T) -> T {
        math::sigmoid::<A, T>(z)
    }

    #[inline(always)]
    fn curvature<A: Arch, T: Scalar>(self, z: T) -> T {
        math::sigmoid_slope::<A, T>(z)
    }
}

pub(super) const ENTRY: Entry<Box<dyn AnyActivation>> = Entry {
    description: Description {
        name: "softplus",
        summary: "Smooth ReLU",
        equation: "φ(z) = log(1 + exp(z))",
        source: "Dugas et al. 2001",
        parameters: &[],
    },
    build: |_, ()| Ok(Box::new(Softplus)),
};
