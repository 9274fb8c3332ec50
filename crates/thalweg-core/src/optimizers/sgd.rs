//! Heavy-ball momentum: v ← βv + g; u = v, or with Nesterov's look-ahead u = g + βv. v₀ = 0.
//!
//! PyTorch's `SGD` with `dampening=0`. Compare `momentum`, the moving-average form of the notes.

use std::fmt;

use super::{Chain, MAX_SLOTS, Rule, Stage};
use crate::kernels::{Arch, Scalar};
use crate::registry::{Default, Description, Domain, Entry, Parameter};

/// See the module's text.
#[derive(Debug, Clone, Copy)]
pub(super) struct HeavyBall {
    pub momentum: f64,
    pub nesterov: bool,
}

impl fmt::Display for HeavyBall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = if self.nesterov {
            "nesterov"
        } else {
            "heavy_ball"
        };
        write!(f, "{name}({})", self.momentum)
    }
}

impl Stage for HeavyBall {
    fn skips_zeros(&self) -> bool {
        self.momentum == 0.0
    }
}

impl Rule for HeavyBall {
    const SLOTS: usize = 1;

    #[inline(always)]
    fn update<A: Arch, T: Scalar>(self, _: [T; 4], _: T, g: T, state: &mut [T; MAX_SLOTS]) -> T {
        let beta = T::from_f64(self.momentum);
        state[0] = beta * state[0] + g;
        if self.nesterov {
            g + beta * state[0]
        } else {
            state[0]
        }
    }
}

pub(super) const ENTRY: Entry<Chain> = Entry {
    description: Description {
        name: "sgd",
        summary: "Gradient descent with heavy-ball or Nesterov momentum",
        equation: "v ← βv + g; θ ← θ − η·v (nesterov: θ ← θ − η·(g + βv))",
        source: "Polyak 1964; Nesterov 1983; Sutskever et al. 2013",
        parameters: &[
            Parameter {
                name: "momentum",
                summary: "β",
                default: Default::Number(0.9),
                domain: Domain::DECAY,
            },
            Parameter {
                name: "nesterov",
                summary: "look ahead along v",
                default: Default::Flag(false),
                domain: Domain::Flag,
            },
        ],
    },
    build: |arguments, ()| {
        Ok(Chain::new(
            vec![Box::new(HeavyBall {
                momentum: arguments.number("momentum"),
                nesterov: arguments.flag("nesterov"),
            })],
            5e-2,
        ))
    },
};
