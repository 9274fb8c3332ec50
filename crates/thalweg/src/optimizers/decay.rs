//! Decay of weights: u ← u + λ·θ, for weights only, not for biases.
//!
//! In front of an optimizer's rule this is the gradient of the penalty λ/2·‖W‖² (the usual meaning of L2);
//! behind it, it is decoupled weight decay (Loshchilov & Hutter 2019): θ ← θ − η·(u + λ·θ).

use std::fmt;

use super::{MAX_SLOTS, Rule, Stage};
use crate::kernels::{Arch, Scalar};

/// See the module's text.
#[derive(Debug, Clone, Copy)]
pub struct AddDecayed {
    /// What reports call it.
    pub name: &'static str,
    /// λ.
    pub factor: f64,
}

impl fmt::Display for AddDecayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({:e})", self.name, self.factor)
    }
}

impl Stage for AddDecayed {
    fn is_decay(&self) -> bool {
        true
    }
}

impl Rule for AddDecayed {
    const SLOTS: usize = 0;

    #[inline(always)]
    fn update<A: Arch, T: Scalar>(self, _: [T; 4], p: T, u: T, _: &mut [T; MAX_SLOTS]) -> T {
        u + T::from_f64(self.factor) * p
    }
}
