//! When a run ends. Whatever comes first.

use serde::{Deserialize, Serialize};

use super::rule::{RunRule, Said};
use super::{MOST, batches::count};
use crate::registry::{Default, Description, Domain, Parameter, Setting};

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
    /// After an epoch whose validation loss, or without validation rows training loss, is at most this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_loss: Option<f64>,
    /// After an update with ‖Δθ‖ at most this, unless its rate was 0, as schedules may begin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_change: Option<f64>,
    /// After an update in which the gradient of the loss had ‖g‖ at most this. Penalties do not count, so with
    /// them it never gets small; but a solver's gradient is that of all it minimizes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_gradient: Option<f64>,
}

/// By the number of epochs.
pub(crate) const EPOCHS: RunRule = RunRule {
    description: Description {
        name: "epochs",
        summary: "Stops when every row was seen so many times; a solver, after so many iterations",
        equation: "updates = N·⌈rows/B⌉",
        source: "Bishop 1995, section 7.4",
        parameters: &[Parameter {
            name: "epochs",
            summary: "N; `thalweg train` chooses it by the number of rows",
            default: Default::Integer(1),
            domain: Domain::Integer(1, MOST),
        }],
    },
    said: &[Said {
        field: "epochs",
        flag: Some("--epochs"),
        value: |spec| Some(count(spec.epochs)),
    }],
};

/// By the number of updates.
pub(crate) const MAX_STEPS: RunRule = RunRule {
    description: Description {
        name: "max_steps",
        summary: "Stops after so many updates, also in the middle of an epoch",
        equation: "i ≥ n",
        source: "Bishop 1995, section 7.4",
        parameters: &[Parameter {
            name: "max_steps",
            summary: "n",
            default: Default::Off,
            domain: Domain::Integer(1, i64::MAX),
        }],
    },
    said: &[Said {
        field: "stop.max_steps",
        flag: Some("--max-steps"),
        value: |spec| {
            let steps = spec.stop.max_steps?;
            Some(Setting::Integer(i64::try_from(steps).unwrap_or(i64::MAX)))
        },
    }],
};

/// By the clock.
pub(crate) const MAX_TIME: RunRule = RunRule {
    description: Description {
        name: "max_time",
        summary: "Stops after so many seconds of training, evaluation not counted; the only rule by which two runs differ",
        equation: "t ≥ T",
        source: "Bishop 1995, section 7.4",
        parameters: &[Parameter {
            name: "max_time",
            summary: "T in seconds",
            default: Default::Off,
            domain: Domain::POSITIVE,
        }],
    },
    said: &[Said {
        field: "stop.max_time",
        flag: Some("--max-time"),
        value: |spec| spec.stop.max_time.map(Setting::Number),
    }],
};

/// By the loss.
pub(crate) const TARGET_LOSS: RunRule = RunRule {
    description: Description {
        name: "target_loss",
        summary: "Stops after an epoch with a validation loss (without validation rows, a training loss) low enough",
        equation: "L ≤ c",
        source: "Bishop 1995, section 7.4",
        parameters: &[Parameter {
            name: "target_loss",
            summary: "c",
            default: Default::Off,
            domain: Domain::FINITE,
        }],
    },
    said: &[Said {
        field: "stop.target_loss",
        flag: Some("--target-loss"),
        value: |spec| spec.stop.target_loss.map(Setting::Number),
    }],
};

/// By the validation loss: early stopping.
pub(crate) const PATIENCE: RunRule = RunRule {
    description: Description {
        name: "patience",
        summary: "Early stopping: stops when the validation loss was not below its best for so many epochs, and goes back \
                  to the weights of the best",
        equation: "epoch − argmin L_val ≥ p; θ ← θ of the best epoch",
        source: "Prechelt 1998",
        parameters: &[Parameter {
            name: "patience",
            summary: "p; `thalweg train` takes a quarter of the epochs, at least 10",
            default: Default::Off,
            domain: Domain::Integer(1, MOST),
        }],
    },
    said: &[Said {
        field: "patience",
        flag: Some("--patience"),
        value: |spec| spec.patience.map(count),
    }],
};

/// By the update.
pub(crate) const MIN_CHANGE: RunRule = RunRule {
    description: Description {
        name: "min_change",
        summary: "Stops after an update that hardly moved the parameters, unless its rate was 0",
        equation: "‖θ⁽ⁱ⁺¹⁾ − θ⁽ⁱ⁾‖ ≤ ε",
        source: "Dennis & Schnabel 1983, section 7.2",
        parameters: &[Parameter {
            name: "min_change",
            summary: "ε",
            default: Default::Off,
            domain: Domain::NON_NEGATIVE,
        }],
    },
    said: &[Said {
        field: "stop.min_change",
        flag: Some("--min-change"),
        value: |spec| spec.stop.min_change.map(Setting::Number),
    }],
};

/// By the gradient.
pub(crate) const MIN_GRADIENT: RunRule = RunRule {
    description: Description {
        name: "min_gradient",
        summary: "Stops after an update whose gradient of the loss is small; penalties do not count, but to a solver",
        equation: "‖g‖ ≤ ε",
        source: "Nocedal & Wright 2006, chapter 3",
        parameters: &[Parameter {
            name: "min_gradient",
            summary: "ε",
            default: Default::Off,
            domain: Domain::NON_NEGATIVE,
        }],
    },
    said: &[Said {
        field: "stop.min_gradient",
        flag: Some("--min-gradient"),
        value: |spec| spec.stop.min_gradient.map(Setting::Number),
    }],
};

/// By what is no number any more.
pub(crate) const DIVERGED: RunRule = RunRule {
    description: Description {
        name: "diverged",
        summary: "Always: stops with an error in the step where loss, gradient or parameters are not finite; what is kept \
                  is the model of the best epoch before",
        equation: "L, g or θ is NaN or ±∞",
        source: "IEEE 754-2019",
        parameters: &[],
    },
    said: &[],
};
