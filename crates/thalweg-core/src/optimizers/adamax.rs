//! Adamax, Adam with the largest gradient in place of the mean square: m ← β₁m + (1 − β₁)g; s ←
//! max(β₂s, |g| + ε); u = m/((1 − β₁ᵗ)·s). m₀ = s₀ = 0. PyTorch's place of ε; the paper has none.

use std::fmt;

use super::adam::{BETA1, BETA2, EPSILON};
use super::{Chain, Constants, MAX_SLOTS, Rule, Stage, Time, bias_correction};
use crate::kernels::{Arch, Scalar};
use crate::registry::{Description, Entry};

/// See the module's text.
#[derive(Debug, Clone, Copy)]
struct ScaleByAdamax {
    beta1: f64,
    beta2: f64,
    epsilon: f64,
}

impl fmt::Display for ScaleByAdamax {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "scale_by_adamax({}, {})", self.beta1, self.beta2)
    }
}

impl Stage for ScaleByAdamax {
    /// 1/(1 − β₁ᵗ).
    fn constants(&self, time: Time, _: usize) -> Constants {
        [
            bias_correction(libm::log(self.beta1), time.step),
            0.0,
            0.0,
            0.0,
        ]
    }
}

impl Rule for ScaleByAdamax {
    const SLOTS: usize = 2;

    #[inline(always)]
    fn update<A: Arch, T: Scalar>(
        self,
        [first, ..]: [T; 4],
        _: T,
        g: T,
        state: &mut [T; MAX_SLOTS],
    ) -> T {
        let (beta1, rest) = (T::from_f64(self.beta1), T::from_f64(1.0 - self.beta1));
        let m = beta1 * state[0] + rest * g;
        let s = (T::from_f64(self.beta2) * state[1]).maximum(g.abs() + T::from_f64(self.epsilon));
        (state[0], state[1]) = (m, s);
        m * first / s
    }
}

pub(super) const ENTRY: Entry<Chain> = Entry {
    description: Description {
        name: "adamax",
        summary: "Adam with the largest recent gradient in place of the mean square",
        equation: "m ← β₁m + (1 − β₁)g; s ← max(β₂s, |g| + ε); θ ← θ − η·m̂/s",
        source: "Kingma & Ba 2015, section 7",
        parameters: &[BETA1, BETA2, EPSILON],
    },
    build: |arguments, ()| {
        let stage = ScaleByAdamax {
            beta1: arguments.number("beta1"),
            beta2: arguments.number("beta2"),
            epsilon: arguments.number("epsilon"),
        };
        Ok(Chain::new(vec![Box::new(stage)], 4e-3))
    },
};
