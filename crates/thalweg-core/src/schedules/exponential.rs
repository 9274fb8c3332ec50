//! Exponential decay: η(t) = η₀·γᵉ after e epochs (with fractions of an epoch).

use super::{Progress, Schedule};
use crate::registry::{Default, Description, Domain, Entry, Parameter};

/// See the module's text.
#[derive(Debug, Clone, Copy)]
struct Exponential {
    gamma: f64,
}

impl Schedule for Exponential {
    fn factor(&self, progress: Progress) -> f64 {
        libm::pow(self.gamma, progress.epochs())
    }
}

pub(super) const ENTRY: Entry<Box<dyn Schedule>> = Entry {
    description: Description {
        name: "exponential",
        summary: "Falls by the same factor every epoch",
        equation: "η(t) = η₀·γ^epochs",
        source: "the lecture notes",
        parameters: &[Parameter {
            name: "gamma",
            summary: "γ, the factor of an epoch",
            default: Default::Number(0.95),
            domain: Domain::Number {
                low: 0.0,
                high: 1.0,
                open: (true, false),
            },
        }],
    },
    build: |arguments, ()| {
        Ok(Box::new(Exponential {
            gamma: arguments.number("gamma"),
        }))
    },
};
