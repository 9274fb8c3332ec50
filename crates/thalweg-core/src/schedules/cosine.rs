//! Cosine: η(t) = η₀·(f + (1 − f)·½(1 + cos πt)) for t from 0 to 1 over the run.

use super::{Progress, Schedule};
use crate::registry::{Default, Description, Domain, Entry, Parameter};

/// See the module's text.
#[derive(Debug, Clone, Copy)]
struct Cosine {
    floor: f64,
}

impl Schedule for Cosine {
    fn factor(&self, progress: Progress) -> f64 {
        let wave = 0.5 * (1.0 + libm::cos(std::f64::consts::PI * progress.fraction()));
        self.floor + (1.0 - self.floor) * wave
    }
}

pub(super) const ENTRY: Entry<Box<dyn Schedule>> = Entry {
    description: Description {
        name: "cosine",
        summary: "Falls slowly, then fast, then slowly, to a floor at the end of the run",
        equation: "η(t) = η₀·(f + (1 − f)·½(1 + cos πt))",
        source: "Loshchilov & Hutter 2017",
        parameters: &[Parameter {
            name: "floor",
            summary: "f, the factor at the end",
            default: Default::Number(0.0),
            domain: Domain::FRACTION,
        }],
    },
    build: |arguments, ()| {
        Ok(Box::new(Cosine {
            floor: arguments.number("floor"),
        }))
    },
};
