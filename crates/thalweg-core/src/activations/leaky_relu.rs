//! Leaky rectified linear unit: φ(z) = z for z > 0, else a·z; φ′ = 1 for z > 0, else a (also at the
//! kink).

use super::{AnyActivation, Function};
use crate::kernels::{Arch, Scalar};
use crate::registry::{Default, Description, Domain, Entry, Parameter};

/// See the module's text.
#[derive(Debug, Clone, Copy)]
pub struct LeakyRelu {
    negative_slope: f64,
}

impl Function for LeakyRelu {
    const SLOPE_FROM_VALUE: bool = true;
    const INITIALIZER: &'static str = "he_uniform";

    #[inline(always)]
    fn value<A: Arch, T: Scalar>(self, z: T) -> T {
        if z > T::ZERO {
            z
        } else {
            T::from_f64(self.negative_slope) * z
        }
    }

    #[inline(always)]
    fn slope<A: Arch, T: Scalar>(self, y: T) -> T {
        if y > T::ZERO {
            T::ONE
        } else {
            T::from_f64(self.negative_slope)
        }
    }

    #[inline(always)]
    fn curvature<A: Arch, T: Scalar>(self, _: T) -> T {
        T::ZERO
    }
}

pub(super) const ENTRY: Entry<Box<dyn AnyActivation>> = Entry {
    description: Description {
        name: "leaky_relu",
        summary: "ReLU that lets a little through below 0, so that no unit dies",
        equation: "φ(z) = z if z > 0, else a·z",
        source: "Maas et al. 2013",
        parameters: &[Parameter {
            name: "negative_slope",
            summary: "a, the slope below 0",
            default: Default::Number(0.01),
            domain: Domain::NON_NEGATIVE,
        }],
    },
    build: |arguments, ()| {
        Ok(Box::new(LeakyRelu {
            negative_slope: arguments.number("negative_slope"),
        }))
    },
};
