//! Averages that no field sets: what `thalweg list` shows of [`crate::average`] and of the loss in
//! the log.

use super::rule::{RuleKind, RunRule};
use crate::registry::{Default, Description, Domain, Parameter};

pub(super) const RULES: &[&RunRule] = &[&AVERAGE, &SMOOTHED_LOSS];

/// See [`crate::average::Average`].
const AVERAGE: RunRule = RunRule {
    kind: RuleKind::Average,
    description: Description {
        name: "average",
        summary: "Exponentially weighted average of a sequence, corrected for its start at 0; weights fall to 1/e in \
                  about 1/(1 − β) steps. In the library, thalweg_core::average::Average; the moments of Adam are such \
                  averages",
        equation: "v ← β·v + (1 − β)·x; v̂ = v/(1 − βᵗ)",
        source: "Roberts 1959; Kingma & Ba 2015, section 3",
        parameters: &[Parameter::new(
            "beta",
            "β, how much of the past remains",
            Default::Required,
            Domain::DECAY,
        )],
    },
    fields: &[],
};

/// The smoothed training loss of an epoch's report.
const SMOOTHED_LOSS: RunRule = RunRule {
    kind: RuleKind::Average,
    description: Description {
        name: "smoothed_loss",
        summary: "Always: the average of the losses of about the last 50 batches, in each epoch's line of the log",
        equation: "L̄ ← β·L̄ + (1 − β)·L after every update, β = 1 − 1/50; reported as L̄/(1 − βᵗ)",
        source: "Roberts 1959",
        parameters: &[],
    },
    fields: &[],
};
