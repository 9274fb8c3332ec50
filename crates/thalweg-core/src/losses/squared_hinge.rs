//! Squared hinge: l = max(0, 1 − s·z)²; ∂l/∂z = −2s·max(0, 1 − s·z); ∂²l/∂z² = 2 where s·z < 1,
//! else 0.
//!
//! Classes 0 and 1 become s = −1 and 1. The sign of z decides; there are no probabilities. Several
//! outputs are labels that are independent of each other; the loss is their mean.

use super::{AnyLoss, Comparison, Elementwise, Link};
use crate::kernels::{Arch, Scalar};
use crate::registry::{Description, Entry};

/// See the module's text.
#[derive(Debug, Clone, Copy)]
pub struct SquaredHinge;

impl Elementwise for SquaredHinge {
    const LINK: Link = Link::Margin;
    const COMPARISON: Comparison = Comparison::LabelsOrBinary;
    const IS_MEAN: bool = true;

    #[inline(always)]
    fn value_slope<A: Arch, T: Scalar>(self, z: T, y: T) -> (T, T) {
        let sign = y + y - T::ONE;
        let lack = T::ONE - sign * z;
        let lack = if lack < T::ZERO { T::ZERO } else { lack };
        (lack * lack, -(sign * (lack + lack)))
    }

    #[inline(always)]
    fn curvature<A: Arch, T: Scalar>(self, z: T, y: T) -> T {
        let sign = y + y - T::ONE;
        if sign * z < T::ONE {
            T::from_f64(2.0)
        } else {
            T::ZERO
        }
    }
}

pub(super) const ENTRY: Entry<Box<dyn AnyLoss>> = Entry {
    description: Description {
        name: "squared_hinge",
        summary: "Two classes by a margin, smooth: the loss of liblinear's linear support vector machine",
        equation: "l = max(0, 1 − s·z)², s = ±1",
        source: "Fan et al. 2008 (liblinear)",
        parameters: &[],
    },
    build: |_, ()| Ok(Box::new(SquaredHinge)),
};
