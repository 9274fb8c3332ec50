//! Perceptron: l = max(0, −s·z); ∂l/∂z = −s where s·z ≤ 0, else 0; ∂²l/∂z² = 0.
//!
//! At z = 0 the row counts as answered wrongly, so that weights of 0 are left; with batches of one
//! row and learning rate 1 this is the perceptron's rule.
//!
//! Classes 0 and 1 become s = −1 and 1. The sign of z decides; there are no probabilities. Several
//! outputs are labels that are independent of each other; the loss is their mean.

use super::{AnyLoss, Comparison, Elementwise, Link};
use crate::kernels::{Arch, Scalar};
use crate::registry::{Description, Entry};

/// See the module's text.
#[derive(Debug, Clone, Copy)]
pub struct Perceptron;

impl Elementwise for Perceptron {
    const LINK: Link = Link::Margin;
    const COMPARISON: Comparison = Comparison::LabelsOrBinary;
    const IS_MEAN: bool = true;

    #[inline(always)]
    fn value_slope<A: Arch, T: Scalar>(self, z: T, y: T) -> (T, T) {
        let sign = y + y - T::ONE;
        let lack = -(sign * z);
        if lack < T::ZERO {
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
        name: "perceptron",
        summary: "The perceptron's rule: pulls on what is answered wrongly, and on nothing else",
        equation: "l = max(0, −s·z), s = ±1",
        source: "Rosenblatt 1958",
        parameters: &[],
    },
    build: |_, ()| Ok(Box::new(Perceptron)),
};
