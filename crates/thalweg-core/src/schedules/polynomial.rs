//! Polynomial: η(t) = η₀·(f + (1 − f)·(1 − t)^q) for t from 0 to 1 over the run; q = 1 is a
//! straight line.

use super::{Progress, Schedule};
use crate::registry::{Default, Description, Domain, Entry, Parameter};

/// See the module's text.
#[derive(Debug, Clone, Copy)]
struct Polynomial {
    power: f64,
    floor: f64,
}

impl Schedule for Polynomial {
    fn factor(&self, progress: Progress) -> f64 {
        let rest = libm::pow(1.0 - progress.fraction(), self.power);
        self.floor + (1.0 - self.floor) * rest
    }
}

pub(super) const ENTRY: Entry<Box<dyn Schedule>> = Entry {
    description: Description {
        name: "polynomial",
        summary: "Falls to a floor at the end of the run, in a straight line or a power of it",
        equation: "η(t) = η₀·(f + (1 − f)(1 − t)^q)",
        source: "Liu, Rabinovich & Berg 2016",
        parameters: &[
            Parameter {
                name: "power",
                summary: "q",
                default: Default::Number(1.0),
                domain: Domain::POSITIVE,
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
        Ok(Box::new(Polynomial {
            power: arguments.number("power"),
            floor: arguments.number("floor"),
        }))
    },
};
