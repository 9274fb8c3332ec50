//! Focal loss of two classes, from logits: with s = ±1 for the classes 1 and 0, m = s·z, p = σ(m)
//! the probability of what is right and q = 1 − p, l = −q^γ·log p. With L = −log p: ∂l/∂z =
//! −s·q^γ(γpL + q), ∂²l/∂z² = p·q^γ(γ²pL + 2γq − γqL + q).
//!
//! L and log q come from softplus, so nothing overflows. γ = 0 is the logistic loss. Row and class
//! weights take the place of the paper's α. Several outputs are labels that are independent of each
//! other; the loss is their mean. Classes that exclude each other have a loss of their own,
//! `multiclass_focal.rs`.

use super::{AnyLoss, Comparison, Elementwise, Link};
use crate::kernels::{Arch, Scalar, math, simd::Portable};
use crate::registry::{Arguments, Default, Description, Domain, Entry, Parameter};

/// See the module's text.
#[derive(Debug, Clone, Copy)]
pub struct Focal {
    gamma: f64,
}

impl Elementwise for Focal {
    const LINK: Link = Link::Sigmoid;
    const COMPARISON: Comparison = Comparison::LabelsOrBinary;
    const IS_MEAN: bool = true;

    #[inline(always)]
    fn value_slope<A: Arch, T: Scalar>(self, z: T, y: T) -> (T, T) {
        let sign = y + y - T::ONE;
        let Parts { loss, p, q, power } = self.parts::<A, T>(sign * z);
        let gamma = T::from_f64(self.gamma);
        (power * loss, -(sign * power * (gamma * p * loss + q)))
    }

    #[inline(always)]
    fn curvature<A: Arch, T: Scalar>(self, z: T, y: T) -> T {
        let sign = y + y - T::ONE;
        let Parts { loss, p, q, power } = self.parts::<A, T>(sign * z);
        let gamma = T::from_f64(self.gamma);
        let bend = gamma * (gamma * p * loss + (q + q) - q * loss) + q;
        p * power * bend
    }
}

/// γ.
pub(super) const GAMMA: Parameter = Parameter {
    name: "gamma",
    summary: "γ: the larger, the less easy rows count",
    default: Default::Number(2.0),
    domain: Domain::NON_NEGATIVE,
};

/// L = −log p, p, q and q^γ.
struct Parts<T> {
    loss: T,
    p: T,
    q: T,
    power: T,
}

impl Focal {
    pub(super) fn new(arguments: &Arguments) -> Self {
        Self {
            gamma: arguments.number(GAMMA.name),
        }
    }

    /// Value and slope at the margin m, which is ∞ where there is one class alone.
    pub(super) fn of_margin(self, m: f64) -> (f64, f64) {
        self.value_slope::<Portable, f64>(m.min(f64::MAX), 1.0)
    }

    /// Second derivative at the margin m.
    pub(super) fn bend_of_margin(self, m: f64) -> f64 {
        self.curvature::<Portable, f64>(m.min(f64::MAX), 1.0)
    }

    #[inline(always)]
    fn parts<A: Arch, T: Scalar>(self, m: T) -> Parts<T> {
        let exponent = T::from_f64(-self.gamma) * math::softplus::<A, T>(m);
        Parts {
            loss: math::softplus::<A, T>(-m),
            p: math::sigmoid::<A, T>(m),
            q: math::sigmoid::<A, T>(-m),
            power: math::exp::<A, T>(exponent),
        }
    }
}

pub(super) const ENTRY: Entry<Box<dyn AnyLoss>> = Entry {
    description: Description {
        name: "focal",
        summary: "Binary cross-entropy that turns away from what is answered well: for rare classes",
        equation: "l = −(1 − p)^γ·log p, p = σ(s·z)",
        source: "Lin et al. 2017",
        parameters: &[GAMMA],
    },
    build: |arguments, ()| Ok(Box::new(Focal::new(arguments))),
};
