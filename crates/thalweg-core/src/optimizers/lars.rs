//! LARS: the rate of each layer's weights follows their norm. With the penalty λ/2·‖W‖² inside,
//! u = c·‖W‖/(‖g‖ + λ‖W‖ + ε)·(g + λW), then heavy-ball momentum v ← βv + u. v₀ = 0.
//!
//! The norms are those of a tensor of weights: one layer's W (a segment of the layer). Biases and
//! what normalizes have neither penalty nor ratio: u = g. Where ‖W‖ or ‖g‖ is 0 the ratio is 1. The
//! paper has the rate inside v; here it multiplies v, so a schedule acts at once. Source: You,
//! Gitman & Ginsburg 2017.

use std::fmt;

use super::decay::weight_decay;
use super::sgd::HeavyBall;
use super::{Chain, Constants, Scope, Stage, Strip, Time, Transform, number};
use crate::kernels::{Scalar, reduce};
use crate::registry::{Description, Domain, Entry};

/// See the module's text.
#[derive(Debug, Clone, Copy)]
struct LayerRate {
    trust: f64,
    decay: f64,
    epsilon: f64,
}

impl fmt::Display for LayerRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "layer_rate({})", self.trust)
    }
}

impl Stage for LayerRate {
    fn scope(&self) -> Scope {
        Scope::Weights
    }

    fn is_whole(&self) -> bool {
        true
    }

    /// λ.
    fn constants(&self, time: Time, _: usize) -> Constants {
        [self.decay * time.decay, 0.0, 0.0, 0.0]
    }

    fn is_decay(&self) -> bool {
        true
    }
}

impl<T: Scalar> Transform<T> for LayerRate {
    fn apply(&self, strip: Strip<T>) {
        let norm = |values: &[T]| reduce::sum_of_squares(strip.isa, values).sqrt();
        let (w, g) = (norm(strip.p), norm(strip.u));
        let [lambda, ..] = strip.constants;
        let ratio = if w > 0.0 && g > 0.0 {
            self.trust * w / (g + lambda * w + self.epsilon)
        } else {
            1.0
        };
        let (ratio, decay) = (T::from_f64(ratio), T::from_f64(lambda));
        for (u, p) in strip.u.iter_mut().zip(strip.p) {
            *u = ratio * (*u + decay * *p);
        }
    }
}

pub(super) const ENTRY: Entry<Chain> = Entry {
    description: Description {
        name: "lars",
        summary: "Momentum with a rate for each layer that follows the norm of its weights",
        equation: "u = c·‖W‖/(‖g‖ + λ‖W‖ + ε)·(g + λW); v ← βv + u; θ ← θ − η·v",
        source: "You, Gitman & Ginsburg 2017",
        parameters: &[
            number("momentum", "β", 0.9, Domain::DECAY),
            number("trust", "c, the trust coefficient", 1e-2, Domain::POSITIVE),
            number("epsilon", "ε", 1e-8, Domain::NON_NEGATIVE),
            weight_decay(0.0),
        ],
    },
    build: |arguments, ()| {
        let rate = LayerRate {
            trust: arguments.number("trust"),
            decay: arguments.number("weight_decay"),
            epsilon: arguments.number("epsilon"),
        };
        let ball = HeavyBall {
            momentum: arguments.number("momentum"),
            nesterov: false,
        };
        Ok(Chain::new(vec![Box::new(rate), Box::new(ball)], 5e-2))
    },
};
