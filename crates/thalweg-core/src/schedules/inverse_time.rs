//! Inverse time (1/t decay): η(t) = η₀/(1 + k·e) after e epochs (with fractions of an epoch).

use super::{Progress, Schedule};
use crate::registry::{Default, Description, Domain, Entry, Parameter};

/// See the module's text.
#[derive(Debug, Clone, Copy)]
struct InverseTime {
    decay: f64,
}

impl Schedule for InverseTime {
    fn factor(&self, progress: Progress) -> f64 {
        1.0 / (1.0 + self.decay * progress.epochs())
    }
}

pub(super) const ENTRY: Entry<Box<dyn Schedule>> = Entry {
    description: Description {
        name: "inverse_time",
        summary: "Falls as 1/t: converges for noisy gradients in theory, slow in practice",
        equation: "η(t) = η₀/(1 + k·epochs)",
        source: "Robbins & Monro 1951",
        parameters: &[Parameter {
            name: "decay",
            summary: "k, per epoch",
            default: Default::Number(0.1),
            domain: Domain::NON_NEGATIVE,
        }],
    },
    build: |arguments, ()| {
        Ok(Box::new(InverseTime {
            decay: arguments.number("decay"),
        }))
    },
};
