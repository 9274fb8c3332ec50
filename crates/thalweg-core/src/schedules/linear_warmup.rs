//! Linear warm-up in front of another schedule: η(t) = η₀·(k + 1)/w·f(t) in update k of the first
//! w, then η₀·f(t), where w is a fraction of the run and f the other schedule.

use super::{Progress, SCHEDULES, Schedule};
use crate::error::Error;
use crate::registry::{Default, Description, Domain, Entry, Parameter};

/// See the module's text.
struct LinearWarmup {
    fraction: f64,
    then: Box<dyn Schedule>,
}

impl Schedule for LinearWarmup {
    fn factor(&self, progress: Progress) -> f64 {
        let updates = (self.fraction * progress.steps as f64).round().max(1.0);
        let ramp = ((progress.step + 1) as f64 / updates).min(1.0);
        ramp * self.then.factor(progress)
    }
}

pub(super) const ENTRY: Entry<Box<dyn Schedule>> = Entry {
    description: Description {
        name: "linear_warmup",
        summary: "Rises in a straight line at the beginning, then follows another schedule",
        equation: "η(t) = η₀·min(1, (k + 1)/w)·f(t)",
        source: "Goyal et al. 2017",
        parameters: &[
            Parameter {
                name: "fraction",
                summary: "part of the run that warms up",
                default: Default::Number(0.05),
                domain: Domain::FRACTION,
            },
            Parameter {
                name: "then",
                summary: "the schedule that follows",
                default: Default::Text("constant"),
                domain: Domain::Choice(|| &SCHEDULES),
            },
        ],
    },
    build: |arguments, ()| {
        let then = arguments.choice("then");
        if then.name == "linear_warmup" {
            return Err(Error::invalid(
                "schedule linear_warmup",
                "then = linear_warmup",
                "a schedule without a warm-up of its own",
            ));
        }
        Ok(Box::new(LinearWarmup {
            fraction: arguments.number("fraction"),
            then: SCHEDULES.build(&then, &())?,
        }))
    },
};
