//! When a run ends. Whatever comes first.

use serde::{Deserialize, Serialize};

use super::rule::{Field, Flag, InSolver, RuleKind, RunRule};
use crate::registry::{Default, Description, Domain, Parameter};

/// When training stops, beside `epochs` and `patience`. Whatever comes first.
#[derive(Debug, Clone, Copy, PartialEq, std::default::Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Stop {
    /// After this many updates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_steps: Option<u64>,
    /// After this many seconds of training.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_time: Option<f64>,
    /// After an epoch whose validation loss, or without validation rows training loss, is at most
    /// this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_loss: Option<f64>,
    /// After an update with ‖Δθ‖ at most this, unless its rate was 0, as schedules may begin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_change: Option<f64>,
    /// After an update in which the gradient of the loss had ‖g‖ at most this. Penalties do not
    /// count, so with them it never gets small; but a solver's gradient is that of all it
    /// minimizes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_gradient: Option<f64>,
}

pub(super) const RULES: &[&RunRule] = &[
    &MAX_STEPS,
    &MAX_TIME,
    &TARGET_LOSS,
    &MIN_CHANGE,
    &MIN_GRADIENT,
    &DIVERGED,
];

/// By the number of updates.
const MAX_STEPS: RunRule = RunRule {
    kind: RuleKind::Stopping,
    description: Description {
        name: "max_steps",
        summary: "Stops after this many updates, also in the middle of an epoch",
        equation: "i ≥ n",
        source: "Bishop 1995, section 7.4",
        parameters: &[Parameter::new(
            "max_steps",
            "n",
            Default::Off,
            Domain::Integer(1, i64::MAX),
        )],
    },
    fields: &[Field::with_flag(
        "stop.max_steps",
        Flag::new("--max-steps", "Stopping", "Stop after N updates"),
        InSolver::Used,
    )],
};

/// By the clock.
const MAX_TIME: RunRule = RunRule {
    kind: RuleKind::Stopping,
    description: Description {
        name: "max_time",
        summary: "Stops after this many seconds of training, evaluation not counted; the only rule that makes two equal runs differ",
        equation: "t ≥ T",
        source: "Bishop 1995, section 7.4",
        parameters: &[Parameter::new(
            "max_time",
            "T in seconds",
            Default::Off,
            Domain::POSITIVE,
        )],
    },
    fields: &[Field::with_flag(
        "stop.max_time",
        Flag::new("--max-time", "Stopping", "Stop after X seconds of training"),
        InSolver::Used,
    )],
};

/// By the loss.
const TARGET_LOSS: RunRule = RunRule {
    kind: RuleKind::Stopping,
    description: Description {
        name: "target_loss",
        summary: "Stops after an epoch with a validation loss (without validation rows, a training loss) low enough",
        equation: "L ≤ c",
        source: "Bishop 1995, section 7.4",
        parameters: &[Parameter::new(
            "target_loss",
            "c",
            Default::Off,
            Domain::FINITE,
        )],
    },
    fields: &[Field::with_flag(
        "stop.target_loss",
        Flag::new(
            "--target-loss",
            "Stopping",
            "Stop when the validation loss (without validation rows, the training loss) is at most X",
        ),
        InSolver::Used,
    )],
};

/// By the update.
const MIN_CHANGE: RunRule = RunRule {
    kind: RuleKind::Stopping,
    description: Description {
        name: "min_change",
        summary: "Stops after an update that hardly moved the parameters, unless its rate was 0",
        equation: "‖θ⁽ⁱ⁺¹⁾ − θ⁽ⁱ⁾‖ ≤ ε",
        source: "Dennis & Schnabel 1983, section 7.2",
        parameters: &[Parameter::new(
            "min_change",
            "ε",
            Default::Off,
            Domain::NON_NEGATIVE,
        )],
    },
    fields: &[Field::with_flag(
        "stop.min_change",
        Flag::new(
            "--min-change",
            "Stopping",
            "Stop when an update moves the weights, max-norm included, by at most X in all",
        ),
        InSolver::Used,
    )],
};

/// By the gradient.
const MIN_GRADIENT: RunRule = RunRule {
    kind: RuleKind::Stopping,
    description: Description {
        name: "min_gradient",
        summary: "Stops after an update whose gradient of the loss is small; penalties do not count, but to a solver",
        equation: "‖g‖ ≤ ε",
        source: "Nocedal & Wright 2006, chapter 3",
        parameters: &[Parameter::new(
            "min_gradient",
            "ε",
            Default::Off,
            Domain::NON_NEGATIVE,
        )],
    },
    fields: &[Field::with_flag(
        "stop.min_gradient",
        Flag::new(
            "--min-gradient",
            "Stopping",
            "Stop when the norm of the loss's gradient is at most X; penalties do not count, so with them it stays larger",
        ),
        InSolver::Used,
    )],
};

/// By a number that is not finite.
const DIVERGED: RunRule = RunRule {
    kind: RuleKind::Stopping,
    description: Description {
        name: "diverged",
        summary: "Always: stops with an error in the step in which loss, gradient or parameters are not finite; the model of the best epoch before is kept",
        equation: "L, g or θ is NaN or ±∞",
        source: "IEEE 754-2019",
        parameters: &[],
    },
    fields: &[],
};
