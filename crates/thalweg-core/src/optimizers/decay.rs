//! Penalties and decay, on weights only: not on biases, nor on what normalizes.
//!
//! - [`AddDecayed`]: u ← u + λ·θ. In front of an optimizer's rule this is the gradient of the penalty λ/2·‖W‖²
//!   (the usual meaning of L2); behind it, it is decoupled weight decay (Loshchilov & Hutter 2019):
//!   θ ← θ − η·(u + λ·θ).
//! - [`AddShared`]: u ← u + λ/m·θ, the gradient of λ/(2m)·‖W‖² with m the rows of the mini-batch (the notes).
//! - [`AddSigns`]: u ← u + λ·sign θ, a subgradient of λ·‖W‖₁ with 0 at 0 (Tibshirani 1996). With L2 beside it,
//!   this is the elastic net (Zou & Hastie 2005).

use std::fmt;

use super::{Constants, MAX_SLOTS, Part, Rule, Stage, Time, number};
use crate::kernels::{Arch, Scalar};
use crate::registry::{Arguments, Default, Description, Domain, Parameter, Setting};
use crate::spec::{RunRule, Said};

/// See the module's text.
#[derive(Debug, Clone, Copy)]
pub struct AddDecayed {
    /// What reports call it.
    pub name: &'static str,
    /// λ.
    pub factor: f64,
}

impl AddDecayed {
    /// Decoupled decay by the setting of [`weight_decay`].
    pub(super) fn new(arguments: &Arguments) -> Self {
        Self {
            name: "decay",
            factor: arguments.number("weight_decay"),
        }
    }
}

/// The λ of decoupled decay.
pub(super) const fn weight_decay(default: f64) -> Parameter {
    number(
        "weight_decay",
        "λ of decoupled decay, of weights only",
        default,
        Domain::NON_NEGATIVE,
    )
}

impl fmt::Display for AddDecayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({:e})", self.name, self.factor)
    }
}

impl Stage for AddDecayed {
    fn part(&self) -> Part {
        Part::Weights
    }
}

impl Rule for AddDecayed {
    const SLOTS: usize = 0;

    #[inline(always)]
    fn update<A: Arch, T: Scalar>(self, _: [T; 4], p: T, u: T, _: &mut [T; MAX_SLOTS]) -> T {
        u + T::from_f64(self.factor) * p
    }
}

/// See the module's text.
#[derive(Debug, Clone, Copy)]
pub struct AddShared {
    /// λ.
    pub factor: f64,
}

impl fmt::Display for AddShared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "l2_sum({:e})", self.factor)
    }
}

impl Stage for AddShared {
    fn part(&self) -> Part {
        Part::Weights
    }

    /// λ/m.
    fn constants(&self, _: Time, rows: usize) -> Constants {
        [self.factor / rows as f64, 0.0, 0.0, 0.0]
    }
}

impl Rule for AddShared {
    const SLOTS: usize = 0;

    #[inline(always)]
    fn update<A: Arch, T: Scalar>(
        self,
        [share, ..]: [T; 4],
        p: T,
        u: T,
        _: &mut [T; MAX_SLOTS],
    ) -> T {
        u + share * p
    }
}

/// See the module's text.
#[derive(Debug, Clone, Copy)]
pub struct AddSigns {
    /// λ.
    pub factor: f64,
}

impl fmt::Display for AddSigns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "l1({:e})", self.factor)
    }
}

impl Stage for AddSigns {
    fn part(&self) -> Part {
        Part::Weights
    }
}

impl Rule for AddSigns {
    const SLOTS: usize = 0;

    #[inline(always)]
    fn update<A: Arch, T: Scalar>(self, _: [T; 4], p: T, u: T, _: &mut [T; MAX_SLOTS]) -> T {
        u + T::from_f64(self.factor) * sign(p)
    }
}

/// −1, 0 or 1.
#[inline(always)]
pub(super) fn sign<T: Scalar>(x: T) -> T {
    if x > T::ZERO {
        T::ONE
    } else if x < T::ZERO {
        -T::ONE
    } else {
        T::ZERO
    }
}

/// λ of a penalty.
const fn lambda(name: &'static str, summary: &'static str) -> Parameter {
    number(name, summary, 0.0, Domain::NON_NEGATIVE)
}

const SAID_L2: Said = Said {
    field: "l2",
    flag: Some("--l2"),
    value: |spec| Some(Setting::Number(spec.l2)),
};

const SAID_L1: Said = Said {
    field: "l1",
    flag: Some("--l1"),
    value: |spec| Some(Setting::Number(spec.l1)),
};

/// See [`AddDecayed`].
pub(crate) const L2: RunRule = RunRule {
    description: Description {
        name: "l2",
        summary: "Penalty on the squares of the weights, which keeps them small; of biases and what normalizes, none",
        equation: "C + λ/2·‖W‖²; g ← g + λ·W",
        source: "Hoerl & Kennard 1970; Krogh & Hertz 1992",
        parameters: &[lambda("l2", "λ")],
    },
    said: &[SAID_L2],
};

/// See [`AddShared`].
pub(crate) const L2_SUM: RunRule = RunRule {
    description: Description {
        name: "l2_sum",
        summary: "The same divided by the rows m of the mini-batch: the form beside a sum over them",
        equation: "C + λ/(2m)·‖W‖²; g ← g + λ/m·W",
        source: "the lecture notes; Krogh & Hertz 1992",
        parameters: &[lambda("l2_sum", "λ")],
    },
    said: &[Said {
        field: "l2_sum",
        flag: Some("--l2-sum"),
        value: |spec| Some(Setting::Number(spec.l2_sum)),
    }],
};

/// See [`AddSigns`].
pub(crate) const L1: RunRule = RunRule {
    description: Description {
        name: "l1",
        summary: "Penalty on the sizes of the weights, which brings many near 0; of biases and what normalizes, none",
        equation: "C + λ·‖W‖₁; g ← g + λ·sign W, with 0 at 0",
        source: "Tibshirani 1996",
        parameters: &[lambda("l1", "λ")],
    },
    said: &[SAID_L1],
};

/// Both.
pub(crate) const ELASTIC_NET: RunRule = RunRule {
    description: Description {
        name: "elastic_net",
        summary: "l1 and l2 together",
        equation: "C + λ₁·‖W‖₁ + λ₂/2·‖W‖²",
        source: "Zou & Hastie 2005",
        parameters: &[lambda("l1", "λ₁"), lambda("l2", "λ₂")],
    },
    said: &[SAID_L1, SAID_L2],
};

/// See [`AddDecayed`].
pub(crate) const WEIGHT_DECAY: RunRule = RunRule {
    description: Description {
        name: "weight_decay",
        summary: "Decoupled decay, beside the optimizer's step and not in its gradient: a setting of the optimizers that \
                  have it, such as adamw, lamb and lion; of weights only",
        equation: "θ ← θ − η·(u + λ·W)",
        source: "Loshchilov & Hutter 2019",
        parameters: &[Parameter {
            name: "weight_decay",
            summary: "λ; its default is the optimizer's own",
            default: Default::Off,
            domain: Domain::NON_NEGATIVE,
        }],
    },
    said: &[Said {
        field: "optimizer.weight_decay",
        flag: Some("--set optimizer.weight_decay"),
        value: |spec| spec.optimizer.settings.get("weight_decay").cloned(),
    }],
};
