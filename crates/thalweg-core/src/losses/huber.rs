//! Huber: with the error e = z − y, l = ½e² for |e| ≤ δ, else δ(|e| − ½δ); mean over the k outputs
//! of a row. ∂l/∂z = e, or ±δ; ∂²l/∂z² = 1, or 0.
//!
//! δ is in the units of the targets as the network sees them: the program standardizes them by
//! default. As PyTorch's `HuberLoss`. Source: Huber 1964.

use super::{AnyLoss, Comparison, Elementwise, Link};
use crate::kernels::{Arch, Scalar};
use crate::registry::{Default, Description, Domain, Entry, Parameter};

/// See the module's text.
#[derive(Debug, Clone, Copy)]
pub struct Huber {
    delta: f64,
}

impl Elementwise for Huber {
    const LINK: Link = Link::Identity;
    const COMPARISON: Comparison = Comparison::Values;
    const IS_MEAN: bool = true;
    const IS_ROBUST: bool = true;

    #[inline(always)]
    fn value_slope<A: Arch, T: Scalar>(self, z: T, y: T) -> (T, T) {
        let (error, delta) = (z - y, T::from_f64(self.delta));
        let half = T::from_f64(0.5);
        let size = error.abs();
        if size > delta {
            let slope = if error < T::ZERO { -delta } else { delta };
            (delta * (size - half * delta), slope)
        } else {
            (half * error * error, error)
        }
    }

    #[inline(always)]
    fn curvature<A: Arch, T: Scalar>(self, z: T, y: T) -> T {
        if (z - y).abs() > T::from_f64(self.delta) {
            T::ZERO
        } else {
            T::ONE
        }
    }
}

pub(super) const ENTRY: Entry<Box<dyn AnyLoss>> = Entry {
    description: Description {
        name: "huber",
        summary: "Squared error near the target, absolute error far from it: bounds the pull of outliers",
        equation: "l = ½e² if |e| ≤ δ, else δ(|e| − ½δ), e = z − y",
        source: "Huber 1964",
        parameters: &[Parameter {
            name: "delta",
            summary: "δ, the error from which on it is linear, in deviations of a scaled target",
            default: Default::Number(1.0),
            domain: Domain::POSITIVE,
        }],
    },
    build: |arguments, ()| {
        Ok(Box::new(Huber {
            delta: arguments.number("delta"),
        }))
    },
};
