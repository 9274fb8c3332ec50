//! Half squared error: l = ½ Σⱼ (zⱼ − yⱼ)² over the outputs of a row; ∂l/∂zⱼ = zⱼ − yⱼ, ∂²l/∂zⱼ² =
//! 1.
//!
//! Summed over outputs, averaged over rows. Behind a last layer with a sigmoid activation it is the
//! error of the notes' house-price exercise.

use super::{AnyLoss, Comparison, Elementwise, Link};
use crate::kernels::{Arch, Scalar};
use crate::registry::{Description, Entry};

/// See the module's text.
#[derive(Debug, Clone, Copy)]
pub struct HalfSquaredError;

impl Elementwise for HalfSquaredError {
    const LINK: Link = Link::Identity;
    const COMPARISON: Comparison = Comparison::ValuesOrBinary;
    const IS_MEAN: bool = false;

    #[inline(always)]
    fn value_slope<A: Arch, T: Scalar>(self, z: T, y: T) -> (T, T) {
        let error = z - y;
        (T::from_f64(0.5) * error * error, error)
    }

    #[inline(always)]
    fn curvature<A: Arch, T: Scalar>(self, _: T, _: T) -> T {
        T::ONE
    }
}

pub(super) const ENTRY: Entry<Box<dyn AnyLoss>> = Entry {
    description: Description {
        name: "half_mse",
        summary: "Half the squared error, summed over outputs: its gradient is the error itself",
        equation: "l = ½ Σ (z − y)²",
        source: "Gauss 1809",
        parameters: &[],
    },
    build: |_, ()| Ok(Box::new(HalfSquaredError)),
};
