//! Momentum as a moving average of gradients: v ← βv + (1 − β)g; u = v. v₀ = 0, no bias correction.
//!
//! The form of the notes. With the same β it moves 1 − β times as far as the heavy ball of `sgd`.

use std::fmt;

use super::{Chain, MAX_SLOTS, Rule, Stage};
use crate::kernels::{Arch, Scalar};
use crate::registry::{Default, Description, Domain, Entry, Parameter};

/// See the module's text.
#[derive(Debug, Clone, Copy)]
struct MovingAverage {
    beta: f64,
}

impl fmt::Display for MovingAverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "moving_average({})", self.beta)
    }
}

impl Stage for MovingAverage {}

impl Rule for MovingAverage {
    const SLOTS: usize = 1;

    #[inline(always)]
    fn update<A: Arch, T: Scalar>(self, _: [T; 4], _: T, g: T, state: &mut [T; MAX_SLOTS]) -> T {
        state[0] = T::from_f64(self.beta) * state[0] + T::from_f64(1.0 - self.beta) * g;
        state[0]
    }
}

pub(super) const ENTRY: Entry<Chain> = Entry {
    description: Description {
        name: "momentum",
        summary: "Gradient descent along the moving average of gradients",
        equation: "v ← βv + (1 − β)g; θ ← θ − η·v",
        source: "the lecture notes; Qian 1999",
        parameters: &[Parameter {
            name: "momentum",
            summary: "β",
            default: Default::Number(0.9),
            domain: Domain::DECAY,
        }],
    },
    build: |arguments, ()| {
        Ok(Chain::new(
            vec![Box::new(MovingAverage {
                beta: arguments.number("momentum"),
            })],
            5e-2,
        ))
    },
};
