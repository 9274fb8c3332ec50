//! Logistic loss (binary cross-entropy), from logits: with σ the sigmoid and target y in [0, 1],
//! l = −y log σ(z) − (1 − y) log(1 − σ(z)) = max(z, 0) − y·z + log(1 + e^{−|z|}); ∂l/∂z = σ(z) − y,
//! ∂²l/∂z² = σ(z)(1 − σ(z)).
//!
//! With several outputs (multi-label) the mean over them, as in PyTorch's `BCEWithLogitsLoss`.
//!
//! Label smoothing ε takes (1 − ε)·y + ε/2 for y, as of two classes (Szegedy et al. 2016).

use super::{AnyLoss, Comparison, Elementwise, Link};
use crate::kernels::{Arch, Scalar, math};
use crate::registry::{Default, Description, Domain, Entry, Parameter};

/// See the module's text.
#[derive(Debug, Clone, Copy)]
pub struct Logistic {
    label_smoothing: f64,
}

impl Elementwise for Logistic {
    const LINK: Link = Link::Sigmoid;
    const COMPARISON: Comparison = Comparison::ProbabilitiesOrBinary;
    const IS_MEAN: bool = true;

    #[inline(always)]
    fn value_slope<A: Arch, T: Scalar>(self, z: T, y: T) -> (T, T) {
        let y =
            T::from_f64(1.0 - self.label_smoothing) * y + T::from_f64(0.5 * self.label_smoothing);
        let e = math::exp::<A, T>(-z.abs());
        let value = z.maximum(T::ZERO) - y * z + math::ln_1p::<A, T>(e);
        // σ − y from the small tail of σ, so that it does not vanish where σ rounds to 1.
        let tail = e / (T::ONE + e);
        let slope = if z < T::ZERO {
            tail - y
        } else {
            (T::ONE - y) - tail
        };
        (value, slope)
    }

    #[inline(always)]
    fn curvature<A: Arch, T: Scalar>(self, z: T, _: T) -> T {
        math::sigmoid_slope::<A, T>(z)
    }
}

pub(super) const ENTRY: Entry<Box<dyn AnyLoss>> = Entry {
    description: Description {
        name: "logistic",
        summary: "Binary cross-entropy from logits: two classes, or several independent labels",
        equation: "l = max(z, 0) − y·z + log(1 + exp(−|z|))",
        source: "Cox 1958",
        parameters: &[Parameter {
            name: "label_smoothing",
            summary: "ε, the part of each target that goes to both classes alike",
            default: Default::Number(0.0),
            domain: Domain::FRACTION,
        }],
    },
    build: |arguments, ()| {
        Ok(Box::new(Logistic {
            label_smoothing: arguments.number("label_smoothing"),
        }))
    },
};
