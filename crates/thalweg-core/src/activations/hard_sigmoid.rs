//! Hard sigmoid: φ(z) = min(max((z + 3)/6, 0), 1); φ′ = 1/6 for −3 < z < 3, else 0 (also at the
//! kinks).
//!
//! Two rectified linear units make one: 6φ(z) = max(0, z + 3) − max(0, z − 3). Conventions of
//! PyTorch.

use super::{AnyActivation, Function};
use crate::kernels::{Arch, Scalar};
use crate::registry::{Description, Entry};

/// See the module's text.
#[derive(Debug, Clone, Copy)]
pub struct HardSigmoid;

impl Function for HardSigmoid {
    const SLOPE_FROM_VALUE: bool = true;
    const IS_PROBABILITY: bool = true;

    #[inline(always)]
    fn value<A: Arch, T: Scalar>(self, z: T) -> T {
        let y = (z + T::from_f64(3.0)) / T::from_f64(6.0);
        let y = if y < T::ZERO { T::ZERO } else { y };
        if y > T::ONE { T::ONE } else { y }
    }

    #[inline(always)]
    fn slope<A: Arch, T: Scalar>(self, y: T) -> T {
        if y > T::ZERO && y < T::ONE {
            T::from_f64(1.0 / 6.0)
        } else {
            T::ZERO
        }
    }

    #[inline(always)]
    fn curvature<A: Arch, T: Scalar>(self, _: T) -> T {
        T::ZERO
    }
}

pub(super) const ENTRY: Entry<Box<dyn AnyActivation>> = Entry {
    description: Description {
        name: "hard_sigmoid",
        summary: "Straight line between 0 at −3 and 1 at 3: a sigmoid without an exponential",
        equation: "φ(z) = min(max((z + 3)/6, 0), 1)",
        source: "Courbariaux et al. 2015",
        parameters: &[],
    },
    build: |_, ()| Ok(Box::new(HardSigmoid)),
};
