//! AdamW: Adam with decoupled weight decay, θ ← θ − η·(m̂/(√ŝ + ε) + λθ); biases do not decay.

use super::Chain;
use super::adam::{PARAMETERS, ScaleByAdam};
use super::decay::AddDecayed;
use crate::registry::{Default, Description, Domain, Entry, Parameter};

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
            Parameter {
                name: "weight_decay",
                summary: "λ",
                default: Default::Number(0.01),
                domain: Domain::NON_NEGATIVE,
            },
        ],
    },
    build: |arguments, ()| {
        Ok(Chain {
            stages: vec![
                Box::new(ScaleByAdam::new(arguments)),
                Box::new(AddDecayed {
                    name: "decay",
                    factor: arguments.number("weight_decay"),
                }),
            ],
            usual_rate: 2e-3,
        })
    },
};
