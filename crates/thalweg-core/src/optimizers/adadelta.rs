//! Adadelta: s ← ρs + (1 − ρ)g²; u = √(d + ε)/√(s + ε)·g; d ← ρd + (1 − ρ)u². s₀ = d₀ = 0.
//!
//! The step has the unit of θ, so the usual rate is 1. Source: Zeiler 2012.

use std::fmt;

use super::{Chain, MAX_SLOTS, Rule, Stage, number};
use crate::kernels::{Arch, Scalar};
use crate::registry::{Description, Domain, Entry};

/// See the module's text.
#[derive(Debug, Clone, Copy)]
struct ScaleByAdadelta {
    rho: f64,
    epsilon: f64,
}

impl fmt::Display for ScaleByAdadelta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "scale_by_adadelta({})", self.rho)
    }
}

impl Stage for ScaleByAdadelta {}

impl Rule for ScaleByAdadelta {
    const SLOTS: usize = 2;

    #[inline(always)]
    fn update<A: Arch, T: Scalar>(self, _: [T; 4], _: T, g: T, state: &mut [T; MAX_SLOTS]) -> T {
        let (rho, rest) = (T::from_f64(self.rho), T::from_f64(1.0 - self.rho));
        let epsilon = T::from_f64(self.epsilon);
        let s = rho * state[0] + rest * g * g;
        let u = (state[1] + epsilon).sqrt() / (s + epsilon).sqrt() * g;
        *state = [s, rho * state[1] + rest * u * u, state[2], state[3]];
        u
    }
}

pub(super) const ENTRY: Entry<Chain> = Entry {
    description: Description {
        name: "adadelta",
        summary: "RMSprop with steps in the unit of the parameters",
        equation: "s ← ρs + (1 − ρ)g²; u = √(d + ε)/√(s + ε)·g; d ← ρd + (1 − ρ)u²; θ ← θ − η·u",
        source: "Zeiler 2012",
        parameters: &[
            number(
                "rho",
                "ρ, how long squares are remembered",
                0.9,
                Domain::DECAY,
            ),
            number("epsilon", "ε", 1e-6, Domain::POSITIVE),
        ],
    },
    build: |arguments, ()| {
        let stage = ScaleByAdadelta {
            rho: arguments.number("rho"),
            epsilon: arguments.number("epsilon"),
        };
        Ok(Chain::new(vec![Box::new(stage)], 1.0))
    },
};
