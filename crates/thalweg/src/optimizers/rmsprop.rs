//! RMSprop: s ← αs + (1 − α)g²; u = g/√s, with ε against division by zero.
//!
//! By default as PyTorch: s₀ = 0 and u = g/(√s + ε). The form of the notes starts from the first gradient,
//! σ₀ = |g₀| (`from_first_gradient = true`), and has ε inside the root, u = g/√(s + ε) (`epsilon_inside = true`).

use std::fmt;

use super::{Chain, Constants, MAX_SLOTS, Rule, Stage, Time};
use crate::kernels::{Arch, Scalar};
use crate::registry::{Default, Description, Domain, Entry, Parameter};

/// See the module's text.
#[derive(Debug, Clone, Copy)]
struct ScaleByRms {
    alpha: f64,
    epsilon: f64,
    epsilon_inside: bool,
    from_first_gradient: bool,
}

impl fmt::Display for ScaleByRms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "scale_by_rms({})", self.alpha)
    }
}

impl Stage for ScaleByRms {
    /// α and 1 − α of this step.
    fn constants(&self, time: Time) -> Constants {
        if self.from_first_gradient && time.step == 1 {
            [0.0, 1.0, 0.0, 0.0]
        } else {
            [self.alpha, 1.0 - self.alpha, 0.0, 0.0]
        }
    }
}

impl Rule for ScaleByRms {
    const SLOTS: usize = 1;

    #[inline(always)]
    fn update<A: Arch, T: Scalar>(
        self,
        [alpha, rest, ..]: [T; 4],
        _: T,
        g: T,
        state: &mut [T; MAX_SLOTS],
    ) -> T {
        let epsilon = T::from_f64(self.epsilon);
        let s = alpha * state[0] + rest * g * g;
        state[0] = s;
        if self.epsilon_inside {
            g / (s + epsilon).sqrt()
        } else {
            g / (s.sqrt() + epsilon)
        }
    }
}

pub(super) const ENTRY: Entry<Chain> = Entry {
    description: Description {
        name: "rmsprop",
        summary: "Each parameter's step divided by the root of its mean squared gradient",
        equation: "s ← αs + (1 − α)g²; θ ← θ − η·g/(√s + ε)",
        source: "Tieleman & Hinton 2012",
        parameters: &[
            Parameter {
                name: "alpha",
                summary: "α, how long squared gradients are remembered",
                default: Default::Number(0.99),
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
                summary: "√(s + ε) in place of √s + ε, as in the notes",
                default: Default::Flag(false),
                domain: Domain::Flag,
            },
            Parameter {
                name: "from_first_gradient",
                summary: "s starts as the first g² and not from 0, as in the notes",
                default: Default::Flag(false),
                domain: Domain::Flag,
            },
        ],
    },
    build: |arguments, ()| {
        Ok(Chain {
            stages: vec![Box::new(ScaleByRms {
                alpha: arguments.number("alpha"),
                epsilon: arguments.number("epsilon"),
                epsilon_inside: arguments.flag("epsilon_inside"),
                from_first_gradient: arguments.flag("from_first_gradient"),
            })],
            usual_rate: 2e-3,
        })
    },
};
