//! Uniform: W ~ U(low, high).

use super::Initializer;
use crate::error::Error;
use crate::random::Sequence;
use crate::registry::{Default, Description, Domain, Entry, Parameter};

/// Evenly between two numbers
#[derive(Debug, Clone, Copy)]
pub struct Uniform {
    low: f64,
    high: f64,
}

impl Initializer for Uniform {
    fn fill(&self, _: usize, _: usize, random: &mut Sequence, weights: &mut [f64]) {
        for weight in weights {
            *weight = self.low + (self.high - self.low) * random.uniform();
        }
    }
}

pub(super) const ENTRY: Entry<Box<dyn Initializer>> = Entry {
    description: Description {
        name: "uniform",
        summary: "Evenly between two numbers",
        equation: "W ~ U(low, high)",
        source: "PyTorch nn.init.uniform_",
        parameters: &[
            Parameter {
                name: "low",
                summary: "least weight",
                default: Default::Number(-0.05),
                domain: Domain::FINITE,
            },
            Parameter {
                name: "high",
                summary: "largest weight",
                default: Default::Number(0.05),
                domain: Domain::FINITE,
            },
        ],
    },
    build: |arguments, ()| {
        let (low, high) = (arguments.number("low"), arguments.number("high"));
        if low >= high {
            let found = format!("low = {low}, high = {high}");
            return Err(Error::invalid("initializer uniform", found, "low < high"));
        }
        Ok(Box::new(Uniform { low, high }))
    },
};
