//! RMSprop: s ← αs + (1 − α)g²; u = g/√s, with ε against division by zero.
//!
//! By default as PyTorch: s₀ = 0 and u = g/(√s + ε). The form of the notes starts from the first
//! gradient, σ₀ = |g₀| (`from_first_gradient = true`), and has ε inside the root, u = g/√(s + ε)
//! (`epsilon_inside = true`).
//!
//! Centred (Graves 2013): a ← αa + (1 − α)g, and the variance s − a² replaces s. With `momentum`,
//! v ← μv + u follows, and v is the update.

use std::fmt;

use super::sgd::HeavyBall;
use super::{AnyTransform, Chain, Constants, MAX_SLOTS, Rule, Stage, Time, flag, number};
use crate::error::Error;
use crate::kernels::{Arch, Scalar};
use crate::registry::{Arguments, Description, Domain, Entry};

/// See the module's text.
#[derive(Debug, Clone, Copy)]
struct ScaleByRms<const CENTERED: bool> {
    alpha: f64,
    epsilon: f64,
    epsilon_inside: bool,
    from_first_gradient: bool,
}

impl<const CENTERED: bool> ScaleByRms<CENTERED> {
    fn new(arguments: &Arguments) -> Self {
        Self {
            alpha: arguments.number("alpha"),
            epsilon: arguments.number("epsilon"),
            epsilon_inside: arguments.flag("epsilon_inside"),
            from_first_gradient: arguments.flag("from_first_gradient"),
        }
    }
}

impl<const CENTERED: bool> fmt::Display for ScaleByRms<CENTERED> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = if CENTERED { "deviation" } else { "rms" };
        write!(f, "scale_by_{name}({})", self.alpha)
    }
}

impl<const CENTERED: bool> Stage for ScaleByRms<CENTERED> {
    /// α and 1 − α of this step.
    fn constants(&self, time: Time, _: usize) -> Constants {
        if self.from_first_gradient && time.step == 1 {
            [0.0, 1.0, 0.0, 0.0]
        } else {
            [self.alpha, 1.0 - self.alpha, 0.0, 0.0]
        }
    }
}

impl<const CENTERED: bool> Rule for ScaleByRms<CENTERED> {
    const SLOTS: usize = if CENTERED { 2 } else { 1 };

    #[inline(always)]
    fn update<A: Arch, T: Scalar>(
        self,
        [alpha, rest, ..]: [T; 4],
        _: T,
        g: T,
        state: &mut [T; MAX_SLOTS],
    ) -> T {
        let epsilon = T::from_f64(self.epsilon);
        let mut s = alpha * state[0] + rest * g * g;
        state[0] = s;
        if CENTERED {
            let mean = alpha * state[1] + rest * g;
            state[1] = mean;
            // Rounding may leave less than nothing.
            s = (s - mean * mean).maximum(T::ZERO);
        }
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
            number(
                "alpha",
                "α, how long squared gradients are remembered",
                0.99,
                Domain::DECAY,
            ),
            number("epsilon", "ε", 1e-8, Domain::POSITIVE),
            flag(
                "epsilon_inside",
                "√(s + ε) in place of √s + ε, as in the notes",
            ),
            flag(
                "from_first_gradient",
                "s starts as the first g² and not from 0, as in the notes",
            ),
            flag(
                "centered",
                "divide by the standard deviation of the gradient",
            ),
            number(
                "momentum",
                "μ of the heavy ball that follows; 0: none",
                0.0,
                Domain::DECAY,
            ),
        ],
    },
    build: |arguments, ()| {
        let is_centered = arguments.flag("centered");
        if is_centered && arguments.flag("from_first_gradient") {
            let error = Error::invalid(
                "optimizer rmsprop",
                "centered with from_first_gradient",
                "one of them",
            );
            return Err(error.remedy("the variance of the first gradient alone is 0"));
        }
        let mut stages: Vec<Box<dyn AnyTransform>> = vec![match is_centered {
            true => Box::new(ScaleByRms::<true>::new(arguments)),
            false => Box::new(ScaleByRms::<false>::new(arguments)),
        }];
        let momentum = arguments.number("momentum");
        if momentum > 0.0 {
            stages.push(Box::new(HeavyBall {
                momentum,
                nesterov: false,
            }));
        }
        Ok(Chain::new(stages, 2e-3 * (1.0 - momentum)))
    },
};
