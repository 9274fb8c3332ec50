//! Exponential linear unit: φ(z) = z for z > 0, else α(eᶻ − 1); φ′ = 1 or αeᶻ, φ″ = 0 or αeᶻ.
//!
//! At 0 the derivatives are those of the branch below, as in PyTorch. They are computed from z: y +
//! α would have lost all digits of αeᶻ where y rounds to −α.

use super::{AnyActivation, Function};
use crate::kernels::math;
use crate::kernels::{Arch, Scalar};
use crate::registry::{Default, Description, Domain, Entry, Parameter};

/// See the module's text.
#[derive(Debug, Clone, Copy)]
pub struct Elu {
    alpha: f64,
}

impl Function for Elu {
    const SLOPE_FROM_VALUE: bool = false;
    const INITIALIZER: &'static str = "he_uniform";

    #[inline(always)]
    fn value<A: Arch, T: Scalar>(self, z: T) -> T {
        if z > T::ZERO {
            z
        } else {
            T::from_f64(self.alpha) * math::exp_m1::<A, T>(z)
        }
    }

    #[inline(always)]
    fn slope<A: Arch, T: Scalar>(self, z: T) -> T {
        if z > T::ZERO {
            T::ONE
        } else {
            T::from_f64(self.alpha) * math::exp::<A, T>(z)
        }
    }

    #[inline(always)]
    fn curvature<A: Arch, T: Scalar>(self, z: T) -> T {
        if z > T::ZERO {
            T::ZERO
        } else {
            T::from_f64(self.alpha) * math::exp::<A, T>(z)
        }
    }
}

pub(super) const ENTRY: Entry<Box<dyn AnyActivation>> = Entry {
    description: Description {
        name: "elu",
        summary: "ReLU with a smooth bend to −α: means near 0",
        equation: "φ(z) = z if z > 0, else α(exp(z) − 1)",
        source: "Clevert, Unterthiner & Hochreiter 2016",
        parameters: &[Parameter {
            name: "alpha",
            summary: "α, minus the value at −∞",
            default: Default::Number(1.0),
            domain: Domain::NON_NEGATIVE,
        }],
    },
    build: |arguments, ()| {
        Ok(Box::new(Elu {
            alpha: arguments.number("alpha"),
        }))
    },
};
