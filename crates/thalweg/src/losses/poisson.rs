//! Poisson: minus the log-likelihood of counts y with the mean eᶻ, without the term log y! that no parameter moves:
//! l = eᶻ − y·z; ∂l/∂z = eᶻ − y, ∂²l/∂z² = eᶻ. Mean over the outputs of a row, as PyTorch's `PoissonNLLLoss`.
//!
//! The prediction is eᶻ. It is ∞ from z = 710 on, as the loss itself is: such a run is told to diverge.

use super::{AnyLoss, Comparison, Elementwise, Link};
use crate::kernels::{Arch, Scalar, math};
use crate::registry::{Description, Entry};

/// See the module's text.
#[derive(Debug, Clone, Copy)]
pub struct Poisson;

impl Elementwise for Poisson {
    const LINK: Link = Link::Exponential;
    const COMPARISON: Comparison = Comparison::NonNegative;
    const IS_MEAN: bool = true;

    #[inline(always)]
    fn value_slope<A: Arch, T: Scalar>(self, z: T, y: T) -> (T, T) {
        let mean = math::exp::<A, T>(z);
        (mean - y * z, mean - y)
    }

    #[inline(always)]
    fn curvature<A: Arch, T: Scalar>(self, z: T, _: T) -> T {
        math::exp::<A, T>(z)
    }
}

pub(super) const ENTRY: Entry<Box<dyn AnyLoss>> = Entry {
    description: Description {
        name: "poisson",
        summary: "Counts, or other numbers ≥ 0 whose noise grows with their mean",
        equation: "l = exp(z) − y·z",
        source: "Nelder & Wedderburn 1972",
        parameters: &[],
    },
    build: |_, ()| Ok(Box::new(Poisson)),
};
