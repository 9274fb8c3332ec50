//! Lion: u = sign(β₁m + (1 − β₁)g), then m ← β₂m + (1 − β₂)g; decoupled decay. m₀ = 0, sign 0 = 0.
//! Source: Chen et al. 2023.

use std::fmt;

use super::decay::{AddDecayed, sign, weight_decay};
use super::{Chain, MAX_SLOTS, Rule, Stage, number};
use crate::kernels::{Arch, Scalar};
use crate::registry::{Description, Domain, Entry};

/// See the module's text.
#[derive(Debug, Clone, Copy)]
struct SignOfAverage {
    beta1: f64,
    beta2: f64,
}

impl fmt::Display for SignOfAverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sign_of_average({}, {})", self.beta1, self.beta2)
    }
}

impl Stage for SignOfAverage {}

impl Rule for SignOfAverage {
    const SLOTS: usize = 1;

    #[inline(always)]
    fn update<A: Arch, T: Scalar>(self, _: [T; 4], _: T, g: T, state: &mut [T; MAX_SLOTS]) -> T {
        let average = |beta: f64| T::from_f64(beta) * state[0] + T::from_f64(1.0 - beta) * g;
        let u = sign(average(self.beta1));
        state[0] = average(self.beta2);
        u
    }
}

pub(super) const ENTRY: Entry<Chain> = Entry {
    description: Description {
        name: "lion",
        summary: "The sign of an average of gradients: every parameter moves by η",
        equation: "θ ← θ − η·(sign(β₁m + (1 − β₁)g) + λθ); m ← β₂m + (1 − β₂)g",
        source: "Chen et al. 2023",
        parameters: &[
            number(
                "beta1",
                "β₁, the average's weight in the update",
                0.9,
                Domain::DECAY,
            ),
            number(
                "beta2",
                "β₂, how long gradients are remembered",
                0.99,
                Domain::DECAY,
            ),
            weight_decay(0.0),
        ],
    },
    build: |arguments, ()| {
        let stage = SignOfAverage {
            beta1: arguments.number("beta1"),
            beta2: arguments.number("beta2"),
        };
        let stages: Vec<Box<dyn super::AnyTransform>> =
            vec![Box::new(stage), Box::new(AddDecayed::new(arguments))];
        Ok(Chain::new(stages, 1e-3))
    },
};

#[cfg(test)]
mod tests {
    use super::super::testing::follows;
    use super::*;
    use crate::registry::Setting;

    #[test]
    fn updates_are_those_of_the_equations() {
        let settings = [
            ("beta1", Setting::Number(0.8)),
            ("weight_decay", Setting::Number(0.1)),
        ];
        follows(&ENTRY, &settings, |_, rate, p, g, state| {
            let u = 0.8 * state[0] + (1.0 - 0.8) * g;
            state[0] = 0.99 * state[0] + (1.0 - 0.99) * g;
            p - rate * (u.signum() + 0.1 * p)
        });
    }
}
