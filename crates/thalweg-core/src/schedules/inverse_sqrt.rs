//! Inverse square root with warm-up: η(t) = η₀·√w·min(1/√(k + 1), (k + 1)/w^{3/2}) in update k, so
//! that the rate rises in a straight line to η₀ in update w and falls as 1/√k from there; w is a
//! fraction of the run.

use super::{Progress, Schedule};
use crate::registry::{Default, Description, Domain, Entry, Parameter};

/// See the module's text.
#[derive(Debug, Clone, Copy)]
struct InverseSqrt {
    warmup: f64,
}

impl Schedule for InverseSqrt {
    fn factor(&self, progress: Progress) -> f64 {
        let warmup = (self.warmup * progress.steps as f64).round().max(1.0);
        let step = (progress.step + 1) as f64;
        (step / warmup).min((warmup / step).sqrt())
    }
}

pub(super) const ENTRY: Entry<Box<dyn Schedule>> = Entry {
    description: Description {
        name: "inverse_sqrt",
        summary: "Rises in a straight line, then falls as 1/√k",
        equation: "η(t) = η₀·min((k + 1)/w, √(w/(k + 1)))",
        source: "Vaswani et al. 2017",
        parameters: &[Parameter {
            name: "warmup",
            summary: "part of the run that warms up",
            default: Default::Number(0.1),
            domain: Domain::FRACTION,
        }],
    },
    build: |arguments, ()| {
        Ok(Box::new(InverseSqrt {
            warmup: arguments.number("warmup"),
        }))
    },
};
