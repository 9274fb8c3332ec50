//! Normal: W ~ N(mean, deviation²).

use super::Initializer;
use crate::random::Sequence;
use crate::registry::{Default, Description, Domain, Entry, Parameter};

/// Normally distributed around a number
#[derive(Debug, Clone, Copy)]
pub struct Normal {
    mean: f64,
    deviation: f64,
}

impl Initializer for Normal {
    fn fill(&self, _: usize, _: usize, random: &mut Sequence, weights: &mut [f64]) {
        for weight in weights {
            *weight = self.mean + self.deviation * random.normal();
        }
    }
}

pub(super) const ENTRY: Entry<Box<dyn Initializer>> = Entry {
    description: Description {
        name: "normal",
        summary: "Normally distributed around a number",
        equation: "W ~ N(mean, deviation²)",
        source: "PyTorch nn.init.normal_",
        parameters: &[
            Parameter {
                name: "mean",
                summary: "mean of the weights",
                default: Default::Number(0.0),
                domain: Domain::FINITE,
            },
            Parameter {
                name: "deviation",
                summary: "their standard deviation",
                default: Default::Number(0.05),
                domain: Domain::NON_NEGATIVE,
            },
        ],
    },
    build: |arguments, ()| {
        Ok(Box::new(Normal {
            mean: arguments.number("mean"),
            deviation: arguments.number("deviation"),
        }))
    },
};
