//! Penalties and decay, on weights only: not on biases, nor on what normalizes.
//!
//! - [`AddDecayed`]: u ← u + λ·θ. In front of an optimizer's rule this is the gradient of the
//!   penalty λ/2·‖W‖² (the usual meaning of L2) or, with m the rows of the mini-batch, of
//!   λ/(2m)·‖W‖² (the notes); behind it, it is decoupled weight decay (Loshchilov & Hutter 2019):
//!   θ ← θ − η·(u + λ·θ).
//! - [`AddSigns`]: u ← u + λ·sign θ, a subgradient of λ·‖W‖₁ with 0 at 0 (Tibshirani 1996). With L2
//!   beside it, this is the elastic net (Zou & Hastie 2005).

use std::fmt;

use super::{Constants, MAX_SLOTS, Rule, Scope, Stage, Time, number};
use crate::kernels::{Arch, Scalar};
use crate::registry::{Arguments, Domain, Parameter};

/// See the module's text.
#[derive(Debug, Clone, Copy)]
pub struct AddDecayed {
    /// λ.
    pub factor: f64,
    /// Which of them it is.
    pub form: Form,
}

/// What decay of weights is.
#[derive(Debug, Clone, Copy)]
pub enum Form {
    /// λ/2·‖W‖².
    Penalty,
    /// λ/(2m)·‖W‖².
    Shared,
    /// Behind an optimizer's rule; its λ follows a schedule.
    Decoupled,
}

impl AddDecayed {
    /// Decoupled decay by the setting of [`weight_decay`].
    pub(super) fn new(arguments: &Arguments) -> Self {
        Self {
            factor: arguments.number("weight_decay"),
            form: Form::Decoupled,
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
        let name = match self.form {
            Form::Penalty => "l2",
            Form::Shared => "l2_sum",
            Form::Decoupled => "decay",
        };
        write!(f, "{name}({:e})", self.factor)
    }
}

impl Stage for AddDecayed {
    fn scope(&self) -> Scope {
        Scope::Weights
    }

    /// λ, or λ/m.
    fn constants(&self, time: Time, rows: usize) -> Constants {
        let lambda = match self.form {
            Form::Penalty => self.factor,
            Form::Shared => self.factor / rows as f64,
            Form::Decoupled => self.factor * time.decay,
        };
        [lambda, 0.0, 0.0, 0.0]
    }

    fn is_decay(&self) -> bool {
        true
    }
}

impl Rule for AddDecayed {
    const SLOTS: usize = 0;

    #[inline(always)]
    fn update<A: Arch, T: Scalar>(
        self,
        [lambda, ..]: [T; 4],
        p: T,
        u: T,
        _: &mut [T; MAX_SLOTS],
    ) -> T {
        u + lambda * p
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
    fn scope(&self) -> Scope {
        Scope::Weights
    }

    /// λ.
    fn constants(&self, _: Time, _: usize) -> Constants {
        [self.factor, 0.0, 0.0, 0.0]
    }

    fn is_decay(&self) -> bool {
        true
    }
}

impl Rule for AddSigns {
    const SLOTS: usize = 0;

    #[inline(always)]
    fn update<A: Arch, T: Scalar>(
        self,
        [lambda, ..]: [T; 4],
        p: T,
        u: T,
        _: &mut [T; MAX_SLOTS],
    ) -> T {
        u + lambda * sign(p)
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
