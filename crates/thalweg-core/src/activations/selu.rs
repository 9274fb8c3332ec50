//! Scaled exponential linear unit: φ(z) = λz for z > 0, else λα(eᶻ − 1), with the λ and α that keep
//! mean 0 and variance 1 from layer to layer behind LeCun's weights; φ′ = λ or λαeᶻ, φ″ = 0 or
//! λαeᶻ.
//!
//! At 0 the derivatives are those of the branch below, as in PyTorch.

use super::{AnyActivation, Function};
use crate::kernels::math;
use crate::kernels::{Arch, Scalar};
use crate::registry::{Description, Entry};

/// See the module's text.
#[derive(Debug, Clone, Copy)]
pub struct Selu;

const LAMBDA: f64 = 1.0507009873554805;
/// λα.
const LAMBDA_ALPHA: f64 = 1.7580993408473768;

impl Function for Selu {
    const SLOPE_FROM_VALUE: bool = false;
    const INITIALIZER: &'static str = "lecun_normal";

    #[inline(always)]
    fn value<A: Arch, T: Scalar>(self, z: T) -> T {
        if z > T::ZERO {
            T::from_f64(LAMBDA) * z
        } else {
            T::from_f64(LAMBDA_ALPHA) * math::exp_m1::<A, T>(z)
        }
    }

    #[inline(always)]
    fn slope<A: Arch, T: Scalar>(self, z: T) -> T {
        if z > T::ZERO {
            T::from_f64(LAMBDA)
        } else {
            T::from_f64(LAMBDA_ALPHA) * math::exp::<A, T>(z)
        }
    }

    #[inline(always)]
    fn curvature<A: Arch, T: Scalar>(self, z: T) -> T {
        if z > T::ZERO {
            T::ZERO
        } else {
            T::from_f64(LAMBDA_ALPHA) * math::exp::<A, T>(z)
        }
    }
}

pub(super) const ENTRY: Entry<Box<dyn AnyActivation>> = Entry {
    description: Description {
        name: "selu",
        summary: "ELU scaled so that mean 0 and variance 1 persist through deep networks",
        equation: "φ(z) = λz if z > 0, else λα(exp(z) − 1), λ = 1.0507, α = 1.6733",
        source: "Klambauer et al. 2017",
        parameters: &[],
    },
    build: |_, ()| Ok(Box::new(Selu)),
};
