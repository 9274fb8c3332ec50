//! What changes the rate beside the schedule: the reduction on plateaus, and the linear scaling
//! rule.

use serde::{Deserialize, Serialize};

use super::rule::{Field, Flag, InSolver, MOST, RuleKind, RunRule};
use crate::registry::{Default, Description, Domain, Parameter};

/// Reduction of the rate: after `patience` epochs whose validation loss (without validation rows,
/// training loss) was not below (1 − `threshold`) of the best, the rate is multiplied by `factor`.
/// PyTorch's `ReduceLROnPlateau` with its defaults, relative threshold and no cooldown.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plateau {
    /// What multiplies the rate, between 0 and 1.
    #[serde(default = "Plateau::factor")]
    pub factor: f64,
    /// Epochs without improvement before a reduction.
    pub patience: usize,
    /// Relative improvement that counts.
    #[serde(default = "Plateau::threshold")]
    pub threshold: f64,
    /// Bound on the product of all reductions from below.
    #[serde(default)]
    pub least: f64,
}

const FACTOR: f64 = 0.1;
const THRESHOLD: f64 = 1e-4;
const WARMUP: f64 = 5.0;

impl Plateau {
    fn factor() -> f64 {
        FACTOR
    }

    fn threshold() -> f64 {
        THRESHOLD
    }

    /// With the other settings at their defaults.
    pub fn new(patience: usize) -> Self {
        Self {
            factor: FACTOR,
            patience,
            threshold: THRESHOLD,
            least: 0.0,
        }
    }
}

/// The linear scaling rule (Goyal et al. 2017): a rate η that was found for batches of B₀ rows
/// becomes η·B/B₀ for batches of B. The factor rises from 1 in a straight line over the first
/// `warmup` epochs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScaleRate {
    /// B₀.
    pub from_batch_size: usize,
    /// Epochs of the gradual warm-up.
    #[serde(default = "ScaleRate::warmup")]
    pub warmup: f64,
}

impl ScaleRate {
    fn warmup() -> f64 {
        WARMUP
    }

    /// From B₀, with a warm-up of 5 epochs.
    pub fn new(from_batch_size: usize) -> Self {
        Self {
            from_batch_size,
            warmup: WARMUP,
        }
    }

    /// The factor of the rate after this many epochs with batches of `batch_size` rows.
    pub fn factor(&self, batch_size: usize, epochs: f64) -> f64 {
        let ratio = batch_size as f64 / self.from_batch_size as f64;
        let done = if self.warmup > 0.0 {
            (epochs / self.warmup).min(1.0)
        } else {
            1.0
        };
        1.0 + (ratio - 1.0) * done
    }
}

pub(super) const RULES: &[&RunRule] = &[&REDUCE_ON_PLATEAU, &LINEAR_SCALING];

/// See [`Plateau`].
const REDUCE_ON_PLATEAU: RunRule = RunRule {
    kind: RuleKind::Rate,
    description: Description {
        name: "reduce_on_plateau",
        summary: "Reduces the rate when the validation loss (without validation rows, the training loss) stops improving",
        equation: "η ← γ·η after more than p epochs without L < L_best − τ·|L_best|",
        source: "PyTorch's ReduceLROnPlateau; He et al. 2016",
        parameters: &[
            Parameter::new("patience", "p", Default::Off, Domain::Integer(1, MOST)),
            Parameter::new(
                "factor",
                "γ",
                Default::Number(FACTOR),
                Domain::Number {
                    low: 0.0,
                    high: 1.0,
                    open: (true, true),
                },
            ),
            Parameter::new("threshold", "τ", Default::Number(THRESHOLD), Domain::DECAY),
            Parameter::new(
                "least",
                "bound on the product of all reductions from below",
                Default::Number(0.0),
                Domain::NON_NEGATIVE,
            ),
        ],
    },
    fields: &[
        Field::with_flag(
            "plateau.patience",
            Flag::new(
                "--reduce-on-plateau",
                "Rate",
                "Multiply the rate by 0.1 after more than N epochs without a better loss",
            ),
            InSolver::Refused,
        ),
        Field::with_flag(
            "plateau.factor",
            Flag::new("--plateau-factor", "Rate", "Multiply it by X instead"),
            InSolver::Used,
        ),
        Field::new("plateau.threshold", InSolver::Used),
        Field::new("plateau.least", InSolver::Used),
    ],
};

/// See [`ScaleRate`].
const LINEAR_SCALING: RunRule = RunRule {
    kind: RuleKind::Rate,
    description: Description {
        name: "linear_scaling",
        summary: "A rate that was found for batches of B₀ rows, for batches of B; reached by a gradual warm-up",
        equation: "η ← η·(1 + (B/B₀ − 1)·min(1, epochs/w))",
        source: "Krizhevsky 2014; Goyal et al. 2017",
        parameters: &[
            Parameter::new(
                "from_batch_size",
                "B₀",
                Default::Off,
                Domain::Integer(1, MOST),
            ),
            Parameter::new(
                "warmup",
                "w, epochs of the warm-up",
                Default::Number(WARMUP),
                Domain::NON_NEGATIVE,
            ),
        ],
    },
    fields: &[
        Field::with_flag(
            "scale_rate.from_batch_size",
            Flag::new(
                "--scale-lr-from",
                "Rate",
                "--lr is for batches of N rows: multiply it by batch size / N, with a warm-up",
            ),
            InSolver::Refused,
        ),
        Field::with_flag(
            "scale_rate.warmup",
            Flag::new(
                "--scale-lr-warmup",
                "Rate",
                "Epochs of that warm-up [default: 5]",
            ),
            InSolver::Used,
        ),
    ],
};
