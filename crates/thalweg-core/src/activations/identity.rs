//! Identity: φ(z) = z, φ′ = 1.

use super::{AnyActivation, Function};
use crate::kernels::{Arch, Scalar};
use crate::registry::{Description, Entry};

/// The value itself: a linear layer
#[derive(Debug, Clone, Copy)]
pub struct Identity;

impl Function for Identity {
    const SLOPE_FROM_VALUE: bool = true;
    const IS_IDENTITY: bool = true;

    #[inline(always)]
    fn value<A: Arch, T: Scalar>(self, z: T) -> T {
        z
    }

    #[inline(always)]
    fn slope<A: Arch, T: Scalar>(self, _: T) -> T {
        T::ONE
    }

    #[inline(always)]
    fn curvature<A: Arch, T: Scalar>(self, _: T) -> T {
        T::ZERO
    }
}

pub(super) const ENTRY: Entry<Box<dyn AnyActivation>> = Entry {
    description: Description {
        name: "identity",
        summary: "The value itself: a linear layer",
        equation: "φ(z) = z",
        source: "Widrow & Hoff 1960",
        parameters: &[],
    },
    build: |_, ()| Ok(Box::new(Identity)),
};
