//! Constant: every weight the same. Hidden units that start equal stay equal.

use super::Initializer;
use crate::random::Sequence;
use crate::registry::{Default, Description, Domain, Entry, Parameter};

/// All the same number: only for networks without hidden layers
#[derive(Debug, Clone, Copy)]
pub struct Constant {
    value: f64,
}

impl Initializer for Constant {
    fn fill(&self, _: usize, _: usize, _: &mut Sequence, weights: &mut [f64]) {
        weights.fill(self.value);
    }
}

pub(super) const ENTRY: Entry<Box<dyn Initializer>> = Entry {
    description: Description {
        name: "constant",
        summary: "All the same number: only for networks without hidden layers",
        equation: "W = value",
        source: "PyTorch nn.init.constant_",
        parameters: &[Parameter {
            name: "value",
            summary: "the number",
            default: Default::Number(0.0),
            domain: Domain::FINITE,
        }],
    },
    build: |arguments, ()| {
        Ok(Box::new(Constant {
            value: arguments.number("value"),
        }))
    },
};
