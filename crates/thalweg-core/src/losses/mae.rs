//! Mean absolute error: l = (1/k) Σⱼ |zⱼ − yⱼ| over the k outputs of a row; ∂l/∂zⱼ = sign(zⱼ −
//! yⱼ)/k, 0 where they are equal; ∂²l/∂zⱼ² = 0.
//!
//! As PyTorch's `L1Loss`. Its minimum is the median.

use super::{AnyLoss, Comparison, Elementwise, Link};
use crate::kernels::{Arch, Scalar};
use crate::registry::{Description, Entry};

/// See the module's text.
#[derive(Debug, Clone, Copy)]
pub struct MeanAbsoluteError;

impl Elementwise for MeanAbsoluteError {
    const LINK: Link = Link::Identity;
    const COMPARISON: Comparison = Comparison::Values;
    const IS_MEAN: bool = true;
    const IS_ROBUST: bool = true;

    #[inline(always)]
    fn value_slope<A: Arch, T: Scalar>(self, z: T, y: T) -> (T, T) {
        let error = z - y;
        let sign = if error > T::ZERO { T::ONE } else { T::ZERO };
        let sign = if error < T::ZERO { -T::ONE } else { sign };
        (error.abs(), sign)
    }

    #[inline(always)]
    fn curvature<A: Arch, T: Scalar>(self, _: T, _: T) -> T {
        T::ZERO
    }
}

pub(super) const ENTRY: Entry<Box<dyn AnyLoss>> = Entry {
    description: Description {
        name: "mae",
        summary: "Mean absolute error: the median, which outliers do not move",
        equation: "l = (1/k) Σ |z − y|",
        source: "Boscovich 1757, Laplace 1793",
        parameters: &[],
    },
    build: |_, ()| Ok(Box::new(MeanAbsoluteError)),
};
