//! Step: φ(z) = 1 for z ≥ 0, else 0 (NaN stays NaN): the neuron of McCulloch and Pitts.
//!
//! For predictions with given weights. Its slope is 0 wherever it has one, so that nothing reaches
//! the layers before it; a perceptron is trained by its own loss, which needs no step.

use super::{AnyActivation, Function};
use crate::kernels::{Arch, Scalar};
use crate::registry::{Description, Entry};

/// See the module's text.
#[derive(Debug, Clone, Copy)]
pub struct Step;

impl Function for Step {
    const SLOPE_FROM_VALUE: bool = true;
    const UNTRAINABLE: Option<&'static str> =
        Some("the activation step, whose slope is 0 everywhere");

    #[inline(always)]
    fn value<A: Arch, T: Scalar>(self, z: T) -> T {
        let step = if z < T::ZERO { T::ZERO } else { T::ONE };
        // Only NaN is not.
        if z.abs() >= T::ZERO { step } else { z }
    }

    #[inline(always)]
    fn slope<A: Arch, T: Scalar>(self, _: T) -> T {
        T::ZERO
    }

    #[inline(always)]
    fn curvature<A: Arch, T: Scalar>(self, _: T) -> T {
        T::ZERO
    }
}

pub(super) const ENTRY: Entry<Box<dyn AnyActivation>> = Entry {
    description: Description {
        name: "step",
        summary: "1 from 0 on, else 0: for predictions only: it is not differentiable",
        equation: "φ(z) = 1 if z ≥ 0, else 0",
        source: "McCulloch & Pitts 1943",
        parameters: &[],
    },
    build: |_, ()| Ok(Box::new(Step)),
};
