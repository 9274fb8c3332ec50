//! AdamW: Adam with decoupled weight decay, θ ← θ − η·(m̂/(√ŝ + ε) + λθ); biases do not decay.

use super::Chain;
use super::adam::{self, PARAMETERS};
use super::decay::{AddDecayed, weight_decay};
use crate::registry::{Description, Entry};

pub(super) const ENTRY: Entry<Chain> = Entry {
    description: Description {
        name: "adamw",
        summary: "Adam with decoupled weight decay",
        equation: "θ ← θ − η·(m̂/(√ŝ + ε) + λθ)",
        source: "Loshchilov & Hutter 2019",
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
        let stages = vec![adam::stage(arguments), Box::new(AddDecayed::new(arguments))];
        Ok(Chain::new(stages, 2e-3))
    },
};
