//! Adagrad: each parameter's step divided by a norm of all its gradients so far.
//!
//! By default as PyTorch and the paper: S ← S + g²; u = g/(√S + ε). The form of the notes takes the
//! root of the mean, σ = √(S/t); u = g/(σ + ε) (`mean = true`). S₀ = 0. A parameter whose gradient
//! was always 0 stays, also with ε = 0. Source: Duchi, Hazan & Singer 2011; the lecture notes.

use std::fmt;

use super::{Chain, Constants, MAX_SLOTS, Rule, Stage, Time, flag, number};
use crate::kernels::{Arch, Scalar};
use crate::registry::{Description, Domain, Entry};

/// See the module's text.
#[derive(Debug, Clone, Copy)]
struct ScaleByHistory {
    epsilon: f64,
    mean: bool,
}

impl fmt::Display for ScaleByHistory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = if self.mean { "mean" } else { "sum" };
        write!(f, "scale_by_root_{name}")
    }
}

impl Stage for ScaleByHistory {
    fn skips_zeros(&self) -> bool {
        true
    }

    /// What S is divided by.
    fn constants(&self, time: Time, _: usize) -> Constants {
        [
            if self.mean { time.step as f64 } else { 1.0 },
            0.0,
            0.0,
            0.0,
        ]
    }
}

impl Rule for ScaleByHistory {
    const SLOTS: usize = 1;

    #[inline(always)]
    fn update<A: Arch, T: Scalar>(
        self,
        [count, ..]: [T; 4],
        _: T,
        g: T,
        state: &mut [T; MAX_SLOTS],
    ) -> T {
        state[0] += g * g;
        let history = if self.mean {
            state[0] / count
        } else {
            state[0]
        };
        let scale = history.sqrt() + T::from_f64(self.epsilon);
        if scale > T::ZERO { g / scale } else { T::ZERO }
    }
}

pub(super) const ENTRY: Entry<Chain> = Entry {
    description: Description {
        name: "adagrad",
        summary: "Each parameter's step divided by the root of its summed squared gradients",
        equation: "S ← S + g²; θ ← θ − η·g/(√S + ε) (mean: √(S/t))",
        source: "Duchi, Hazan & Singer 2011; the lecture notes",
        parameters: &[
            number("epsilon", "ε", 1e-10, Domain::NON_NEGATIVE),
            flag("mean", "√(S/t) in place of √S, as in the notes"),
        ],
    },
    build: |arguments, ()| {
        let mean = arguments.flag("mean");
        let stage = ScaleByHistory {
            epsilon: arguments.number("epsilon"),
            mean,
        };
        // The mean form does not slow down by itself.
        Ok(Chain::new(
            vec![Box::new(stage)],
            if mean { 2e-3 } else { 2e-2 },
        ))
    },
};
