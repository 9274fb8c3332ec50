//! Poisson: minus the log-likelihood of counts y with the mean eᶻ, without the term log y! that no
//! parameter moves: l = eᶻ − y·z; ∂l/∂z = eᶻ − y, ∂²l/∂z² = eᶻ. Mean over the outputs of a row, as
//! PyTorch's `PoissonNLLLoss`.
//!
//! Numbers hold eᶻ up to z = 88 in single precision. So that the loss is finite, and its gradient
//! still leads back, wherever a step may have thrown z, eᶻ is continued beyond z = 64 by its
//! tangent: e⁶⁴·(1 + z − 64), with the slope e⁶⁴ and no curvature, in either precision. Value and
//! slope are continuous and the loss stays convex; no mean of counts approaches e⁶⁴ = 6·10²⁷. The
//! prediction is eᶻ itself, at most the largest number.

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
        let (inside, beyond) = split(z);
        let slope = math::exp::<A, T>(inside);
        (slope + slope * beyond - y * z, slope - y)
    }

    #[inline(always)]
    fn curvature<A: Arch, T: Scalar>(self, z: T, _: T) -> T {
        let (inside, beyond) = split(z);
        let bend = math::exp::<A, T>(inside);
        if beyond > T::ZERO { T::ZERO } else { bend }
    }
}

/// The logit above which the loss continues as its tangent.
const STRAIGHT: f64 = 64.0;

/// z as far as eᶻ goes, and how far it is beyond. NaN stays NaN.
#[inline(always)]
fn split<T: Scalar>(z: T) -> (T, T) {
    let straight = T::from_f64(STRAIGHT);
    if z > straight {
        (straight, z - straight)
    } else {
        (z, T::ZERO)
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
