//! Mean squared error: l = (1/k) Σⱼ (zⱼ − yⱼ)² over the k outputs of a row; ∂l/∂zⱼ = (2/k)(zⱼ −
//! yⱼ), ∂²l/∂zⱼ² = 2/k.
//!
//! The mean goes over rows and outputs, as in PyTorch's `MSELoss`.

use super::{AnyLoss, Comparison, Elementwise, Link};
use crate::kernels::{Arch, Scalar};
use crate::registry::{Description, Entry};

/// See the module's text.
#[derive(Debug, Clone, Copy)]
pub struct MeanSquaredError;

impl Elementwise for MeanSquaredError {
    const LINK: Link = Link::Identity;
    const COMPARISON: Comparison = Comparison::ValuesOrBinary;
    const IS_MEAN: bool = true;

    #[inline(always)]
    fn value_slope<A: Arch, T: Scalar>(self, z: T, y: T) -> (T, T) {
        let error = z - y;
        (error * error, error + error)
    }

    #[inline(always)]
    fn curvature<A: Arch, T: Scalar>(self, _: T, _: T) -> T {
        T::from_f64(2.0)
    }
}

pub(super) const ENTRY: Entry<Box<dyn AnyLoss>> = Entry {
    description: Description {
        name: "mse",
        summary: "Mean over rows and outputs of the squared error: the usual choice for regression",
        equation: "l = (1/k) Σ (z − y)²",
        source: "Gauss 1809",
        parameters: &[],
    },
    build: |_, ()| Ok(Box::new(MeanSquaredError)),
};
