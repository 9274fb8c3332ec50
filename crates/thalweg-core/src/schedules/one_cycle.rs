//! One cycle: from η₀/divisor by half a cosine up to η₀ over a fraction of the run, then by another
//! half down to η₀/(divisor·final_divisor) in its last update.
//!
//! Conventions of PyTorch's `OneCycleLR`, whose `max_lr` is η₀: of T updates, number fraction·T − 1
//! (from 0) has the peak, number T − 1 the end.

use super::{Progress, Schedule};
use crate::registry::{Default, Description, Domain, Entry, Parameter};

/// See the module's text.
#[derive(Debug, Clone, Copy)]
struct OneCycle {
    fraction: f64,
    divisor: f64,
    final_divisor: f64,
}

impl Schedule for OneCycle {
    fn factor(&self, progress: Progress) -> f64 {
        let step = progress.step as f64;
        let last = (progress.steps as f64 - 1.0).max(1.0);
        let peak = (self.fraction * progress.steps as f64 - 1.0).clamp(0.0, last);
        let start = 1.0 / self.divisor;
        let end = start / self.final_divisor;
        let wave = |done: f64| 0.5 * (1.0 + libm::cos(std::f64::consts::PI * done.clamp(0.0, 1.0)));
        if step < peak {
            1.0 + (start - 1.0) * wave(step / peak)
        } else {
            end + (1.0 - end) * wave((step - peak) / (last - peak).max(f64::MIN_POSITIVE))
        }
    }
}

pub(super) const ENTRY: Entry<Box<dyn Schedule>> = Entry {
    description: Description {
        name: "one_cycle",
        summary: "Rises, then falls far below where it began: fast training with large rates",
        equation: "cosine from η₀/d up to η₀, then down to η₀/(d·d′)",
        source: "Smith & Topin 2018",
        parameters: &[
            Parameter {
                name: "fraction",
                summary: "part of the run that rises",
                default: Default::Number(0.3),
                domain: Domain::FRACTION,
            },
            Parameter {
                name: "divisor",
                summary: "d: it begins at η₀/d",
                default: Default::Number(25.0),
                domain: Domain::POSITIVE,
            },
            Parameter {
                name: "final_divisor",
                summary: "d′: it ends at η₀/(d·d′)",
                default: Default::Number(1e4),
                domain: Domain::POSITIVE,
            },
        ],
    },
    build: |arguments, ()| {
        Ok(Box::new(OneCycle {
            fraction: arguments.number("fraction"),
            divisor: arguments.number("divisor"),
            final_divisor: arguments.number("final_divisor"),
        }))
    },
};
