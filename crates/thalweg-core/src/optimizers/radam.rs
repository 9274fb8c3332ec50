//! RAdam, Adam that does not divide before the mean square can be trusted: with m, s as in Adam, ρ∞
//! = 2/(1 − β₂) − 1 and ρ = ρ∞ − 2tβ₂ᵗ/(1 − β₂ᵗ), u = m̂·r/(√s + ε)·√(1 − β₂ᵗ) with r = √[(ρ − 4)(ρ
//! − 2)ρ∞ / ((ρ∞ − 4)(ρ∞ − 2)ρ)] where ρ > `threshold`, else u = m̂.
//!
//! The threshold is 4 in the paper, and 5 in its authors' code and in PyTorch.

use std::fmt;

use super::adam::{BETA1, BETA2, EPSILON};
use super::decay::{AddDecayed, weight_decay};
use super::{Chain, Constants, MAX_SLOTS, Rule, Stage, Time, bias_correction, number};
use crate::kernels::{Arch, Scalar};
use crate::registry::{Description, Domain, Entry};

/// See the module's text.
#[derive(Debug, Clone, Copy)]
struct ScaleByRadam {
    beta1: f64,
    beta2: f64,
    epsilon: f64,
    threshold: f64,
}

impl fmt::Display for ScaleByRadam {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "scale_by_radam({}, {})", self.beta1, self.beta2)
    }
}

impl Stage for ScaleByRadam {
    /// 1/(1 − β₁ᵗ), and r·√(1 − β₂ᵗ) or, where there is no division, 0.
    fn constants(&self, time: Time, _: usize) -> Constants {
        let t = time.step as f64;
        let inverse = bias_correction(libm::log(self.beta2), time.step);
        let limit = 2.0 / (1.0 - self.beta2) - 1.0;
        let length = limit - 2.0 * t * libm::pow(self.beta2, t) * inverse;
        let scale = if length > self.threshold {
            let rectified =
                (length - 4.0) * (length - 2.0) * limit / ((limit - 4.0) * (limit - 2.0) * length);
            (rectified / inverse).sqrt()
        } else {
            0.0
        };
        [
            bias_correction(libm::log(self.beta1), time.step),
            scale,
            0.0,
            0.0,
        ]
    }
}

impl Rule for ScaleByRadam {
    const SLOTS: usize = 2;

    #[inline(always)]
    fn update<A: Arch, T: Scalar>(
        self,
        [first, scale, ..]: [T; 4],
        _: T,
        g: T,
        state: &mut [T; MAX_SLOTS],
    ) -> T {
        let (beta1, beta2) = (T::from_f64(self.beta1), T::from_f64(self.beta2));
        let m = beta1 * state[0] + T::from_f64(1.0 - self.beta1) * g;
        let s = beta2 * state[1] + T::from_f64(1.0 - self.beta2) * g * g;
        (state[0], state[1]) = (m, s);
        if scale > T::ZERO {
            m * first * scale / (s.sqrt() + T::from_f64(self.epsilon))
        } else {
            m * first
        }
    }
}

pub(super) const ENTRY: Entry<Chain> = Entry {
    description: Description {
        name: "radam",
        summary: "Adam that begins as momentum, until its mean square can be trusted",
        equation: "θ ← θ − η·m̂·r/(√ŝ + ε) where ρ > 5, else θ ← θ − η·m̂",
        source: "Liu et al. 2020",
        parameters: &[
            BETA1,
            BETA2,
            EPSILON,
            number(
                "threshold",
                "ρ above which it divides; 4 in the paper",
                5.0,
                Domain::Number {
                    low: 4.0,
                    high: f64::INFINITY,
                    open: (false, true),
                },
            ),
            weight_decay(0.0),
        ],
    },
    build: |arguments, ()| {
        let stage = ScaleByRadam {
            beta1: arguments.number("beta1"),
            beta2: arguments.number("beta2"),
            epsilon: arguments.number("epsilon"),
            threshold: arguments.number("threshold"),
        };
        let stages: Vec<Box<dyn super::AnyTransform>> =
            vec![Box::new(stage), Box::new(AddDecayed::new(arguments))];
        Ok(Chain::new(stages, 5e-3))
    },
};
