//! Adam: m ← β₁m + (1 − β₁)g, s ← β₂s + (1 − β₂)g², both corrected for their start at 0:
//! m̂ = m/(1 − β₁ᵗ), ŝ = s/(1 − β₂ᵗ); u = m̂/(√ŝ + ε).
//!
//! The form of the notes has ε inside the root, u = m̂/√(ŝ + ε) (`epsilon_inside = true`).

use std::fmt;

use super::{Chain, Constants, MAX_SLOTS, Rule, Stage, Time, bias_correction};
use crate::kernels::{Arch, Scalar};
use crate::registry::{Arguments, Default, Description, Domain, Entry, Parameter};

/// See the module's text.
#[derive(Debug, Clone, Copy)]
pub(super) struct ScaleByAdam {
    beta1: f64,
    beta2: f64,
    epsilon: f64,
    epsilon_inside: bool,
    log_betas: [f64; 2],
}

impl ScaleByAdam {
    pub(super) fn new(arguments: &Arguments) -> Self {
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

impl fmt::Display for ScaleByAdam {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "scale_by_adam({}, {})", self.beta1, self.beta2)
    }
}

impl Stage for ScaleByAdam {
    /// 1/(1 − β₁ᵗ) and 1/(1 − β₂ᵗ).
    fn constants(&self, time: Time) -> Constants {
        let [first, second] = self
            .log_betas
            .map(|log_beta| bias_correction(log_beta, time.step));
        [first, second, 0.0, 0.0]
    }
}

impl Rule for ScaleByAdam {
    const SLOTS: usize = 2;

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
        let s = beta2 * state[1] + T::from_f64(1.0 - self.beta2) * g * g;
        (state[0], state[1]) = (m, s);
        let (m, s) = (m * first, s * second);
        if self.epsilon_inside {
            m / (s + epsilon).sqrt()
        } else {
            m / (s.sqrt() + epsilon)
        }
    }
}

/// The parameters of Adam, for its own entry and for those built on it.
pub(super) const PARAMETERS: [Parameter; 4] = [
    Parameter {
        name: "beta1",
        summary: "β₁, how long gradients are remembered",
        default: Default::Number(0.9),
        domain: Domain::DECAY,
    },
    Parameter {
        name: "beta2",
        summary: "β₂, how long squared gradients are remembered",
        default: Default::Number(0.999),
        domain: Domain::DECAY,
    },
    Parameter {
        name: "epsilon",
        summary: "ε",
        default: Default::Number(1e-8),
        domain: Domain::POSITIVE,
    },
    Parameter {
        name: "epsilon_inside",
        summary: "√(ŝ + ε) in place of √ŝ + ε, as in the notes",
        default: Default::Flag(false),
        domain: Domain::Flag,
    },
];

pub(super) const ENTRY: Entry<Chain> = Entry {
    description: Description {
        name: "adam",
        summary: "Moving averages of gradient and squared gradient, corrected for their start",
        equation: "m ← β₁m + (1 − β₁)g; s ← β₂s + (1 − β₂)g²; θ ← θ − η·m̂/(√ŝ + ε)",
        source: "Kingma & Ba 2015",
        parameters: &PARAMETERS,
    },
    build: |arguments, ()| {
        Ok(Chain {
            stages: vec![Box::new(ScaleByAdam::new(arguments))],
            usual_rate: 2e-3,
        })
    },
};
