//! Step decay: η(t) = η₀·γ^⌊e/s⌋ after e epochs.

use super::{Progress, Schedule};
use crate::registry::{Default, Description, Domain, Entry, Parameter};

/// See the module's text.
#[derive(Debug, Clone, Copy)]
struct StepDecay {
    gamma: f64,
    epochs: f64,
}

impl Schedule for StepDecay {
    fn factor(&self, progress: Progress) -> f64 {
        libm::pow(self.gamma, (progress.epochs() / self.epochs).floor())
    }
}

pub(super) const ENTRY: Entry<Box<dyn Schedule>> = Entry {
    description: Description {
        name: "step_decay",
        summary: "Falls by a factor every few epochs",
        equation: "η(t) = η₀·γ^⌊epochs/s⌋",
        source: "He et al. 2016",
        parameters: &[
            Parameter {
                name: "gamma",
                summary: "γ, the factor of a step",
                default: Default::Number(0.1),
                domain: Domain::Number {
                    low: 0.0,
                    high: 1.0,
                    open: (true, false),
                },
            },
            Parameter {
                name: "epochs",
                summary: "s, epochs between steps",
                default: Default::Number(10.0),
                domain: Domain::POSITIVE,
            },
        ],
    },
    build: |arguments, ()| {
        Ok(Box::new(StepDecay {
            gamma: arguments.number("gamma"),
            epochs: arguments.number("epochs"),
        }))
    },
};
