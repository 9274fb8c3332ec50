//! Adam: m ← β₁m + (1 − β₁)g, s ← β₂s + (1 − β₂)g², both corrected for their start at 0:
//! m̂ = m/(1 − β₁ᵗ), ŝ = s/(1 − β₂ᵗ); u = m̂/(√ŝ + ε).
//!
//! The form of the notes has ε inside the root, u = m̂/√(ŝ + ε) (`epsilon_inside = true`). AMSGrad
//! (Reddi, Kale & Kumar 2018; `amsgrad = true`) takes for s the largest s so far, as PyTorch does
//! before the correction. Source: Kingma & Ba 2015.

use std::fmt;

use super::{AnyTransform, Chain, Constants, MAX_SLOTS, Rule, Stage, Time};
use super::{bias_correction, flag, number};
use crate::kernels::{Arch, Scalar};
use crate::registry::{Arguments, Description, Domain, Entry, Parameter};

/// See the module's text.
#[derive(Debug, Clone, Copy)]
struct ScaleByAdam<const AMSGRAD: bool> {
    beta1: f64,
    beta2: f64,
    epsilon: f64,
    epsilon_inside: bool,
    log_betas: [f64; 2],
}

impl<const AMSGRAD: bool> ScaleByAdam<AMSGRAD> {
    fn new(arguments: &Arguments) -> Self {
        let (beta1, beta2) = (arguments.number("beta1"), arguments.number("beta2"));
        Self {
            beta1,
            beta2,
            log_betas: [beta1, beta2].map(libm::log),
            epsilon: arguments.number("epsilon"),
            epsilon_inside: arguments.flag("epsilon_inside"),
        }
    }
}

/// The stage for the settings of [`PARAMETERS`].
pub(super) fn stage(arguments: &Arguments) -> Box<dyn AnyTransform> {
    match arguments.flag("amsgrad") {
        true => Box::new(ScaleByAdam::<true>::new(arguments)),
        false => Box::new(ScaleByAdam::<false>::new(arguments)),
    }
}

impl<const AMSGRAD: bool> fmt::Display for ScaleByAdam<AMSGRAD> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = if AMSGRAD { "amsgrad" } else { "adam" };
        write!(f, "scale_by_{name}({}, {})", self.beta1, self.beta2)
    }
}

impl<const AMSGRAD: bool> Stage for ScaleByAdam<AMSGRAD> {
    /// 1/(1 − β₁ᵗ) and 1/(1 − β₂ᵗ).
    fn constants(&self, time: Time, _: usize) -> Constants {
        let [first, second] = self
            .log_betas
            .map(|log_beta| bias_correction(log_beta, time.step));
        [first, second, 0.0, 0.0]
    }
}

impl<const AMSGRAD: bool> Rule for ScaleByAdam<AMSGRAD> {
    const SLOTS: usize = if AMSGRAD { 3 } else { 2 };

    #[inline(always)]
    fn update<A: Arch, T: Scalar>(
        self,
        [first, second, ..]: [T; 4],
        _: T,
        g: T,
        state: &mut [T; MAX_SLOTS],
    ) -> T {
        let (beta1, beta2) = (T::from_f64(self.beta1), T::from_f64(self.beta2));
        let epsilon = T::from_f64(self.epsilon);
        let m = beta1 * state[0] + T::from_f64(1.0 - self.beta1) * g;
        let mut s = beta2 * state[1] + T::from_f64(1.0 - self.beta2) * g * g;
        (state[0], state[1]) = (m, s);
        if AMSGRAD {
            s = s.maximum(state[2]);
            state[2] = s;
        }
        let (m, s) = (m * first, s * second);
        if self.epsilon_inside {
            m / (s + epsilon).sqrt()
        } else {
            m / (s.sqrt() + epsilon)
        }
    }
}

/// β₁.
pub(super) const BETA1: Parameter = number(
    "beta1",
    "β₁, how long gradients are remembered",
    0.9,
    Domain::DECAY,
);
/// β₂.
pub(super) const BETA2: Parameter = number(
    "beta2",
    "β₂, how long squared gradients are remembered",
    0.999,
    Domain::DECAY,
);
/// ε.
pub(super) const EPSILON: Parameter = number("epsilon", "ε", 1e-8, Domain::POSITIVE);

/// The parameters of Adam, for its own entry and for those built on it.
pub(super) const PARAMETERS: [Parameter; 5] = [
    BETA1,
    BETA2,
    EPSILON,
    flag(
        "epsilon_inside",
        "√(ŝ + ε) in place of √ŝ + ε, as in the notes",
    ),
    flag("amsgrad", "divide by the largest s so far"),
];

pub(super) const ENTRY: Entry<Chain> = Entry {
    description: Description {
        name: "adam",
        summary: "Moving averages of gradient and squared gradient, corrected for their start",
        equation: "m ← β₁m + (1 − β₁)g; s ← β₂s + (1 − β₂)g²; θ ← θ − η·m̂/(√ŝ + ε)",
        source: "Kingma & Ba 2015",
        parameters: &PARAMETERS,
    },
    build: |arguments, ()| Ok(Chain::new(vec![stage(arguments)], 2e-3)),
};
