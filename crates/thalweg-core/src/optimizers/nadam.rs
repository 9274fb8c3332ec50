//! NAdam, Adam with Nesterov's look-ahead: with μₜ = β₁(1 − ½·0.96^(t·ψ)) and m, s as in Adam, u =
//! [(1 − μₜ)/(1 − Πᵢ₌₁ᵗμᵢ)·g + μₜ₊₁/(1 − Πᵢ₌₁ᵗ⁺¹μᵢ)·m] / (√ŝ + ε). PyTorch's form; ψ is its
//! `momentum_decay`.

use std::fmt;

use super::adam::{BETA1, BETA2, EPSILON};
use super::decay::{AddDecayed, weight_decay};
use super::{Chain, Constants, MAX_SLOTS, Rule, Stage, Time, bias_correction, number};
use crate::kernels::{Arch, Scalar};
use crate::registry::{Description, Domain, Entry};

/// See the module's text.
#[derive(Debug, Clone, Copy)]
struct ScaleByNadam {
    beta1: f64,
    beta2: f64,
    epsilon: f64,
    /// 0.96^ψ.
    warmth: f64,
}

impl ScaleByNadam {
    /// μₜ, μₜ₊₁ and Πᵢ₌₁ᵗμᵢ, which is 0 once it is below the precision: a function of t alone.
    fn momenta(&self, t: u64) -> [f64; 3] {
        let mu = |power: f64| self.beta1 * (1.0 - 0.5 * power);
        let (mut product, mut power) = (1.0, 1.0);
        for _ in 0..t {
            power *= self.warmth;
            product *= mu(power);
            if product < 1e-20 {
                product = 0.0;
                break;
            }
        }
        let power = |t: u64| libm::pow(self.warmth, t as f64);
        [mu(power(t)), mu(power(t + 1)), product]
    }
}

impl fmt::Display for ScaleByNadam {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "scale_by_nadam({}, {})", self.beta1, self.beta2)
    }
}

impl Stage for ScaleByNadam {
    /// What multiplies g, m and s.
    fn constants(&self, time: Time, _: usize) -> Constants {
        let [now, next, product] = self.momenta(time.step);
        [
            (1.0 - now) / (1.0 - product),
            next / (1.0 - product * next),
            bias_correction(libm::log(self.beta2), time.step),
            0.0,
        ]
    }
}

impl Rule for ScaleByNadam {
    const SLOTS: usize = 2;

    #[inline(always)]
    fn update<A: Arch, T: Scalar>(
        self,
        [of_g, of_m, of_s, _]: [T; 4],
        _: T,
        g: T,
        state: &mut [T; MAX_SLOTS],
    ) -> T {
        let (beta1, beta2) = (T::from_f64(self.beta1), T::from_f64(self.beta2));
        let m = beta1 * state[0] + T::from_f64(1.0 - self.beta1) * g;
        let s = beta2 * state[1] + T::from_f64(1.0 - self.beta2) * g * g;
        (state[0], state[1]) = (m, s);
        (of_g * g + of_m * m) / ((s * of_s).sqrt() + T::from_f64(self.epsilon))
    }
}

pub(super) const ENTRY: Entry<Chain> = Entry {
    description: Description {
        name: "nadam",
        summary: "Adam with Nesterov's look-ahead",
        equation: "θ ← θ − η·((1 − μₜ)/(1 − Πμ)·g + μₜ₊₁/(1 − μₜ₊₁Πμ)·m)/(√ŝ + ε)",
        source: "Dozat 2016",
        parameters: &[
            BETA1,
            BETA2,
            EPSILON,
            number(
                "momentum_decay",
                "ψ, how soon μ rises to β₁",
                4e-3,
                Domain::NON_NEGATIVE,
            ),
            weight_decay(0.0),
        ],
    },
    build: |arguments, ()| {
        let stage = ScaleByNadam {
            beta1: arguments.number("beta1"),
            beta2: arguments.number("beta2"),
            epsilon: arguments.number("epsilon"),
            warmth: libm::pow(0.96, arguments.number("momentum_decay")),
        };
        let stages: Vec<Box<dyn super::AnyTransform>> =
            vec![Box::new(stage), Box::new(AddDecayed::new(arguments))];
        Ok(Chain::new(stages, 2e-3))
    },
};
