//! Flat, then cosine: η(t) = η₀ up to a fraction s of the run, then η₀·(f + (1 − f)·½(1 + cos πr))
//! with r = (t − s)/(1 − s) from 0 to 1.

use super::{Progress, Schedule};
use crate::registry::{Default, Description, Domain, Entry, Parameter};

/// See the module's text.
#[derive(Debug, Clone, Copy)]
struct FlatCosine {
    flat: f64,
    floor: f64,
}

impl Schedule for FlatCosine {
    fn factor(&self, progress: Progress) -> f64 {
        let beyond = progress.fraction() - self.flat;
        if beyond <= 0.0 {
            return 1.0;
        }
        let wave = 0.5 * (1.0 + libm::cos(std::f64::consts::PI * beyond / (1.0 - self.flat)));
        self.floor + (1.0 - self.floor) * wave
    }
}

pub(super) const ENTRY: Entry<Box<dyn Schedule>> = Entry {
    description: Description {
        name: "flat_cosine",
        summary: "Constant for the first part of the run, then a cosine to a floor at its end",
        equation: "η(t) = η₀ for t ≤ s; then η₀·(f + (1 − f)·½(1 + cos π(t − s)/(1 − s)))",
        source: "Holzmüller, Grinsztajn & Steinwart 2024 (RealMLP, for dropout and decay)",
        parameters: &[
            Parameter {
                name: "flat",
                summary: "s, the fraction of the run that is flat",
                default: Default::Number(0.5),
                domain: Domain::DECAY,
            },
            Parameter {
                name: "floor",
                summary: "f, the factor at the end",
                default: Default::Number(0.0),
                domain: Domain::FRACTION,
            },
        ],
    },
    build: |arguments, ()| {
        Ok(Box::new(FlatCosine {
            flat: arguments.number("flat"),
            floor: arguments.number("floor"),
        }))
    },
};
