//! LAMB: Adam's direction with decay, r = m̂/(√ŝ + ε) + λW, made as long as the layer's weights:
//! u = ‖W‖/‖r‖·r.
//!
//! The norms are those of a tensor of weights: one layer's W (a segment of the layer). Biases and
//! what normalizes have neither decay nor ratio. Where ‖W‖ or ‖r‖ is 0 the ratio is 1. φ of the
//! paper is the identity. Source: You et al. 2020.

use std::fmt;

use super::adam::{self, PARAMETERS};
use super::decay::{AddDecayed, weight_decay};
use super::{Chain, Scope, Stage, Strip, Transform};
use crate::kernels::{Scalar, reduce};
use crate::registry::{Description, Entry};

/// See the module's text.
#[derive(Debug, Clone, Copy)]
struct TrustRatio;

impl fmt::Display for TrustRatio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("trust_ratio")
    }
}

impl Stage for TrustRatio {
    fn scope(&self) -> Scope {
        Scope::Weights
    }

    fn is_whole(&self) -> bool {
        true
    }
}

impl<T: Scalar> Transform<T> for TrustRatio {
    fn apply(&self, strip: Strip<T>) {
        let norm = |values: &[T]| reduce::sum_of_squares(strip.isa, values).sqrt();
        let (w, r) = (norm(strip.p), norm(strip.u));
        if w > 0.0 && r > 0.0 {
            let ratio = T::from_f64(w / r);
            strip.u.iter_mut().for_each(|u| *u *= ratio);
        }
    }
}

pub(super) const ENTRY: Entry<Chain> = Entry {
    description: Description {
        name: "lamb",
        summary: "Adam's direction, as long as the layer's weights: for large batches",
        equation: "r = m̂/(√ŝ + ε) + λW; θ ← θ − η·‖W‖/‖r‖·r",
        source: "You et al. 2020",
        parameters: &[
            PARAMETERS[0],
            PARAMETERS[1],
            PARAMETERS[2],
            PARAMETERS[3],
            PARAMETERS[4],
            weight_decay(0.01),
        ],
    },
    build: |arguments, ()| {
        let stages = vec![
            adam::stage(arguments),
            Box::new(AddDecayed::new(arguments)),
            Box::new(TrustRatio),
        ];
        Ok(Chain::new(stages, 5e-3))
    },
};
