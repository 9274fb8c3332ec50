//! Hinge: l = max(0, 1 − s·z); ∂l/∂z = −s where s·z < 1, else 0; ∂²l/∂z² = 0. With `l2`, a support
//! vector machine.
//!
//! Classes 0 and 1 become s = −1 and 1. The sign of z decides; there are no probabilities. Several
//! outputs are labels that are independent of each other; the loss is their mean.

use super::{AnyLoss, Comparison, Elementwise, Link};
use crate::kernels::{Arch, Scalar};
use crate::registry::{Description, Entry};

/// See the module's text.
#[derive(Debug, Clone, Copy)]
pub struct Hinge;

impl Elementwise for Hinge {
    const LINK: Link = Link::Margin;
    const COMPARISON: Comparison = Comparison::LabelsOrBinary;
    const IS_MEAN: bool = true;

    #[inline(always)]
    fn value_slope<A: Arch, T: Scalar>(self, z: T, y: T) -> (T, T) {
        let sign = y + y - T::ONE;
        let lack = T::ONE - sign * z;
        // NaN stays NaN.
        if lack <= T::ZERO {
            (T::ZERO, T::ZERO)
        } else {
            (lack, -sign)
        }
    }

    #[inline(always)]
    fn curvature<A: Arch, T: Scalar>(self, _: T, _: T) -> T {
        T::ZERO
    }
}

pub(super) const ENTRY: Entry<Box<dyn AnyLoss>> = Entry {
    description: Description {
        name: "hinge",
        summary: "Two classes by a margin: with `l2` a linear support vector machine",
        equation: "l = max(0, 1 − s·z), s = ±1",
        source: "Cortes & Vapnik 1995",
        parameters: &[],
    },
    build: |_, ()| Ok(Box::new(Hinge)),
};
