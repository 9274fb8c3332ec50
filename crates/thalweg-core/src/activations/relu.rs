//! Rectified linear unit: φ(z) = max(0, z); φ′ = 1 for z > 0, else 0 (also at the kink).
//!
//! NaN stays NaN, so that a diverging run is seen in the step where it happens.

use super::{AnyActivation, Function};
use crate::kernels::{Arch, Scalar};
use crate::registry::{Description, Entry};

/// Rectified linear unit: the usual choice for hidden layers
#[derive(Debug, Clone, Copy)]
pub struct Relu;

impl Function for Relu {
    const SLOPE_FROM_VALUE: bool = true;
    const INITIALIZER: &'static str = "he_uniform";

    #[inline(always)]
    fn value<A: Arch, T: Scalar>(self, z: T) -> T {
        if z < T::ZERO { T::ZERO } else { z }
    }

    #[inline(always)]
    fn slope<A: Arch, T: Scalar>(self, y: T) -> T {
        if y > T::ZERO { T::ONE } else { T::ZERO }
    }

    #[inline(always)]
    fn curvature<A: Arch, T: Scalar>(self, _: T) -> T {
        T::ZERO
    }
}

pub(super) const ENTRY: Entry<Box<dyn AnyActivation>> = Entry {
    description: Description {
        name: "relu",
        summary: "Rectified linear unit: the usual choice for hidden layers",
        equation: "φ(z) = max(0, z)",
        source: "Nair & Hinton 2010",
        parameters: &[],
    },
    build: |_, ()| Ok(Box::new(Relu)),
};
