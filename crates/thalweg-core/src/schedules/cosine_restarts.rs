//! Cosine with restarts: cosine again and again, η(t) = η₀·(f + (1 − f)·½(1 + cos πp)) with p the
//! part done of the current cycle; cycle i takes period·growth^i epochs.

use super::{Progress, Schedule};
use crate::registry::{Default, Description, Domain, Entry, Parameter};

/// See the module's text.
#[derive(Debug, Clone, Copy)]
struct CosineRestarts {
    period: f64,
    growth: f64,
    floor: f64,
}

impl Schedule for CosineRestarts {
    fn factor(&self, progress: Progress) -> f64 {
        let cycles = progress.epochs() / self.period;
        let done = if self.growth == 1.0 {
            cycles - cycles.floor()
        } else {
            // Σ growth^j for j < i is (growth^i − 1)/(growth − 1). Rounding may miss a cycle's end
            // by one.
            let begin = |i: f64| (libm::pow(self.growth, i) - 1.0) / (self.growth - 1.0);
            let i =
                (libm::log(1.0 + cycles * (self.growth - 1.0)) / libm::log(self.growth)).floor();
            let i = if begin(i + 1.0) <= cycles { i + 1.0 } else { i };
            (cycles - begin(i)) / libm::pow(self.growth, i)
        };
        let wave = 0.5 * (1.0 + libm::cos(std::f64::consts::PI * done));
        self.floor + (1.0 - self.floor) * wave
    }
}

pub(super) const ENTRY: Entry<Box<dyn Schedule>> = Entry {
    description: Description {
        name: "cosine_restarts",
        summary: "Cosine again and again from the full rate: each end is a model",
        equation: "η(t) = η₀·(f + (1 − f)·½(1 + cos πp))",
        source: "Loshchilov & Hutter 2017 (SGDR)",
        parameters: &[
            Parameter {
                name: "period",
                summary: "epochs of the first cycle",
                default: Default::Number(10.0),
                domain: Domain::POSITIVE,
            },
            Parameter {
                name: "growth",
                summary: "what the next cycle is longer by",
                default: Default::Number(1.0),
                domain: Domain::Number {
                    low: 1.0,
                    high: f64::INFINITY,
                    open: (false, true),
                },
            },
            Parameter {
                name: "floor",
                summary: "f, the factor at the end of a cycle",
                default: Default::Number(0.0),
                domain: Domain::FRACTION,
            },
        ],
    },
    build: |arguments, ()| {
        Ok(Box::new(CosineRestarts {
            period: arguments.number("period"),
            growth: arguments.number("growth"),
            floor: arguments.number("floor"),
        }))
    },
};
