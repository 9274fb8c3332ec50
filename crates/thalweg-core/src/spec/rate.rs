//! What changes the rate beside the schedule: the reduction on plateaus, and the linear scaling rule.

use serde::{Deserialize, Serialize};

use super::rule::{RunRule, Said};
use super::{MOST, batches::count};
use crate::registry::{Default, Description, Domain, Parameter, Setting};

/// Reduction of the rate: after `patience` epochs whose validation loss (without validation rows, training loss)
/// was not below (1 − `threshold`) of the best, the rate is multiplied by `factor`. PyTorch's
/// `ReduceLROnPlateau` with its defaults, relative threshold and no cooldown.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plateau {
    /// What multiplies the rate, between 0 and 1.
    #[serde(default = "Plateau::factor")]
    pub factor: f64,
    /// Epochs that are waited.
    pub patience: usize,
    /// What counts as better, relatively.
    #[serde(default = "Plateau::threshold")]
    pub threshold: f64,
    /// The least that all reductions together leave of the rate.
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

/// The linear scaling rule (Goyal et al. 2017): a rate η that was found for batches of B₀ rows becomes η·B/B₀
/// for batches of B. The factor rises from 1 in a straight line over the first `warmup` epochs.
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

    /// What multiplies the rate after so many epochs with batches of `batch_size` rows.
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

/// See [`Plateau`].
pub(crate) const REDUCE_ON_PLATEAU: RunRule = RunRule {
    description: Description {
        name: "reduce_on_plateau",
        summary: "Reduces the rate when the validation loss (without validation rows, the training loss) gets no better",
        equation: "η ← γ·η after more than p epochs without L < L_best − τ·|L_best|",
        source: "PyTorch's ReduceLROnPlateau; He et al. 2016",
        parameters: &[
            Parameter {
                name: "patience",
                summary: "p",
                default: Default::Off,
                domain: Domain::Integer(1, MOST),
            },
            Parameter {
                name: "factor",
                summary: "γ",
                default: Default::Number(FACTOR),
                domain: Domain::Number {
                    low: 0.0,
                    high: 1.0,
                    open: (true, true),
                },
            },
            Parameter {
                name: "threshold",
                summary: "τ",
                default: Default::Number(THRESHOLD),
                domain: Domain::DECAY,
            },
            Parameter {
                name: "least",
                summary: "the least that all reductions together leave of the rate, as a factor",
                default: Default::Number(0.0),
                domain: Domain::NON_NEGATIVE,
            },
        ],
    },
    said: &[
        Said {
            field: "plateau.patience",
            flag: Some("--reduce-on-plateau"),
            value: |spec| Some(count(spec.plateau?.patience)),
        },
        Said {
            field: "plateau.factor",
            flag: Some("--plateau-factor"),
            value: |spec| Some(Setting::Number(spec.plateau?.factor)),
        },
        Said {
            field: "plateau.threshold",
            flag: None,
            value: |spec| Some(Setting::Number(spec.plateau?.threshold)),
        },
        Said {
            field: "plateau.least",
            flag: None,
            value: |spec| Some(Setting::Number(spec.plateau?.least)),
        },
    ],
};

/// See [`ScaleRate`].
pub(crate) const LINEAR_SCALING: RunRule = RunRule {
    description: Description {
        name: "linear_scaling",
        summary: "A rate that was found for batches of B₀ rows, for batches of B; reached by a gradual warm-up",
        equation: "η ← η·(1 + (B/B₀ − 1)·min(1, epochs/w))",
        source: "Krizhevsky 2014; Goyal et al. 2017",
        parameters: &[
            Parameter {
                name: "from_batch_size",
                summary: "B₀",
                default: Default::Off,
                domain: Domain::Integer(1, MOST),
            },
            Parameter {
                name: "warmup",
                summary: "w, epochs of the warm-up",
                default: Default::Number(WARMUP),
                domain: Domain::NON_NEGATIVE,
            },
        ],
    },
    said: &[
        Said {
            field: "scale_rate.from_batch_size",
            flag: Some("--scale-lr-from"),
            value: |spec| Some(count(spec.scale_rate?.from_batch_size)),
        },
        Said {
            field: "scale_rate.warmup",
            flag: Some("--scale-lr-warmup"),
            value: |spec| Some(Setting::Number(spec.scale_rate?.warmup)),
        },
    ],
};
