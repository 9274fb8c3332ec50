//! How a network is trained: the spec, and the declarations of the fields that are in none of its
//! tables.

use serde::{Deserialize, Serialize};

use super::batches::{Batches, Reduction};
use super::factors::Parametrization;
use super::penalties::PENALTIES;
use super::rate::{Plateau, ScaleRate};
use super::rule::{Field, Flag, InSolver, MOST, RuleKind, RunRule};
use super::stop::Stop;
use crate::precision::Dtype;
use crate::registry::{Choice, Default, Description, Domain, Factors, Parameter};

/// How a network is trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingSpec {
    /// Base learning rate η₀.
    pub learning_rate: f64,
    /// Rows of a mini-batch.
    pub batch_size: usize,
    /// Passes over the training rows, unless training stops earlier; iterations of a solver.
    pub epochs: usize,
    /// Epochs without a better validation loss after which training stops; absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patience: Option<usize>,
    /// What the gradient is of: the mean over the rows of the batch, or the sum.
    #[serde(default)]
    pub reduction: Reduction,
    /// λ of the penalty λ/2·‖W‖².
    #[serde(default)]
    pub l2: f64,
    /// λ of the penalty λ/(2m)·‖W‖², m being the rows of the mini-batch.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub l2_sum: f64,
    /// λ of the penalty λ·‖W‖₁; with `l2`, the elastic net.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub l1: f64,
    /// Bound c on the norm of the weights into a unit, ‖w‖ ≤ c.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_norm: Option<f64>,
    /// Bound c on the norm of the whole gradient, ‖g‖ ≤ c.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip_norm: Option<f64>,
    /// Bound c on every component of the gradient, |gᵢ| ≤ c.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip_value: Option<f64>,
    /// ρ of sharpness-aware minimization: two gradients an update.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sam: Option<f64>,
    /// β of the moving average of the parameters that is evaluated and kept in place of the last
    /// parameters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ema: Option<f64>,
    /// Whether rows are shuffled.
    pub shuffle: bool,
    /// Seed of all randomness.
    pub seed: u64,
    /// Precision of all computations.
    pub dtype: Dtype,
    /// How gradients become updates, or the solver.
    pub optimizer: Choice,
    /// How the learning rate changes.
    pub schedule: Choice,
    /// How the λ of decoupled decay changes: a factor, as of the rate.
    #[serde(default = "constant", skip_serializing_if = "is_constant")]
    pub decay_schedule: Choice,
    /// How the rate of dropout changes: a factor, as of the learning rate.
    #[serde(default = "constant", skip_serializing_if = "is_constant")]
    pub dropout_schedule: Choice,
    /// Factors on the learning rate of tensors, by role or layer.
    #[serde(default, skip_serializing_if = "Factors::is_empty")]
    pub rate_factors: Factors,
    /// Factors on the decay of tensors, by role or layer.
    #[serde(default, skip_serializing_if = "Factors::is_empty")]
    pub decay_factors: Factors,
    /// How rates follow the sizes of layers.
    #[serde(default, skip_serializing_if = "is_default")]
    pub parametrization: Parametrization,
    /// How rows become mini-batches.
    #[serde(default, skip_serializing_if = "is_default")]
    pub batches: Batches,
    /// When training stops, beside `epochs` and `patience`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub stop: Stop,
    /// Reduction of the rate when the loss stops improving.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plateau: Option<Plateau>,
    /// The linear scaling rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_rate: Option<ScaleRate>,
    /// Random changes of training rows, in this order: see [`crate::augmentations`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub augment: Vec<Choice>,
}

fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

fn is_default<T: std::default::Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn constant() -> Choice {
    Choice::new("constant")
}

fn is_constant(schedule: &Choice) -> bool {
    *schedule == constant()
}

/// Plain gradient descent in single precision, one epoch of batches of 32 shuffled rows at rate
/// 0.01.
impl std::default::Default for TrainingSpec {
    fn default() -> Self {
        Self {
            learning_rate: 0.01,
            batch_size: 32,
            epochs: 1,
            patience: None,
            l2: 0.0,
            reduction: Reduction::default(),
            l2_sum: 0.0,
            l1: 0.0,
            max_norm: None,
            clip_norm: None,
            clip_value: None,
            sam: None,
            ema: None,
            shuffle: true,
            seed: 0,
            dtype: Dtype::F32,
            optimizer: Choice::new("gd"),
            schedule: constant(),
            decay_schedule: constant(),
            dropout_schedule: constant(),
            rate_factors: Factors::default(),
            decay_factors: Factors::default(),
            parametrization: Parametrization::default(),
            batches: Batches::default(),
            stop: Stop::default(),
            plateau: None,
            scale_rate: None,
            augment: Vec::new(),
        }
    }
}

pub(super) const RULES: &[&RunRule] = &[
    &REDUCTION,
    &SAM,
    &EMA,
    &BATCH_SIZE,
    &SHUFFLE,
    &LEARNING_RATE,
    &EPOCHS,
    &PATIENCE,
    &OPTIMIZER,
    &SCHEDULE,
    &DECAY_SCHEDULE,
    &DROPOUT_SCHEDULE,
    &AUGMENT,
    &DTYPE,
    &SEED,
];

/// See [`Reduction`].
const REDUCTION: RunRule = RunRule {
    kind: RuleKind::Gradient,
    description: Description {
        name: "reduction",
        summary: "The gradient is of the mean over the rows of the batch, or of their sum, which needs a smaller rate the larger the batch; losses are reported as means",
        equation: "mean: g = Σ w·∇l / m of m rows; sum: g = Σ w·∇l; weights of mean 1 over all training rows",
        source: "the lecture notes; Robbins & Monro 1951",
        parameters: &[Parameter::new(
            "reduction",
            "which of them",
            Default::Text("mean"),
            Domain::Word(&["mean", "sum"]),
        )],
    },
    fields: &[Field::with_flag(
        "reduction",
        Flag::new(
            "--reduction",
            "Training",
            "What the gradient is of: the mean over the rows of a batch, or the sum, which needs a smaller rate the larger the batch [default: mean]",
        ),
        InSolver::Refused,
    )],
};

/// See [`crate::optimizers::Around::sam`].
const SAM: RunRule = RunRule {
    kind: RuleKind::Gradient,
    description: Description {
        name: "sam",
        summary: "Sharpness-aware minimization around any optimizer: the gradient is taken at a distance of ρ uphill, so each update takes two",
        equation: "g ← ∇C(θ + ρ·∇C(θ)/‖∇C(θ)‖)",
        source: "Foret et al. 2021",
        parameters: &[Parameter::new("sam", "ρ", Default::Off, Domain::POSITIVE)],
    },
    fields: &[Field::with_flag(
        "sam",
        Flag::new(
            "--sam",
            PENALTIES,
            "Sharpness-aware minimization: take the gradient at a distance of X uphill",
        ),
        InSolver::Refused,
    )],
};

/// See [`crate::average`].
const EMA: RunRule = RunRule {
    kind: RuleKind::Average,
    description: Description {
        name: "ema",
        summary: "Moving average of the parameters, which is evaluated and kept in place of the last parameters",
        equation: "θ̄ ← β·θ̄ + (1 − β)·θ after every update; the model has θ̄/(1 − βᵗ)",
        source: "Polyak & Juditsky 1992; Tarvainen & Valpola 2017",
        parameters: &[Parameter::new("ema", "β", Default::Off, Domain::DECAY)],
    },
    fields: &[Field::with_flag(
        "ema",
        Flag::new(
            "--ema",
            PENALTIES,
            "Evaluate and keep a moving average of the weights, of which X remains at each update",
        ),
        InSolver::Refused,
    )],
};

/// How many rows a batch has.
const BATCH_SIZE: RunRule = RunRule {
    kind: RuleKind::Batch,
    description: Description {
        name: "batch_size",
        summary: "Rows of a mini-batch: 1 is stochastic gradient descent, all rows are batch gradient descent",
        equation: "g = 1/B·Σ ∇l over B rows; ⌈N/B⌉ updates an epoch",
        source: "Robbins & Monro 1951; Goodfellow, Bengio & Courville 2016, chapter 8",
        parameters: &[Parameter::new(
            "batch_size",
            "B; `thalweg train` chooses it by the number of rows",
            Default::Integer(32),
            Domain::Integer(1, MOST),
        )],
    },
    fields: &[Field::with_flag(
        "batch_size",
        Flag::new("--batch-size", "Training", "Rows of a mini-batch, or all"),
        InSolver::Unused("sees all rows at once"),
    )],
};

/// Whether rows are shuffled.
const SHUFFLE: RunRule = RunRule {
    kind: RuleKind::Batch,
    description: Description {
        name: "shuffle",
        summary: "Rows in a random order, or in the order of the file",
        equation: "batch k has the rows π(kB), …, π(kB + B − 1) of a random permutation π",
        source: "Fisher & Yates 1938; Bottou 2009",
        parameters: &[Parameter::new(
            "shuffle",
            "whether π is random; else it is the identity",
            Default::Flag(true),
            Domain::Flag,
        )],
    },
    fields: &[Field::with_flag(
        "shuffle",
        Flag::new(
            "--no-shuffle",
            "Training",
            "Take the rows in the order of the file",
        ),
        InSolver::Unused("sees all rows at once"),
    )],
};

/// The base of all schedules.
const LEARNING_RATE: RunRule = RunRule {
    kind: RuleKind::Rate,
    description: Description {
        name: "learning_rate",
        summary: "The rate that schedules and the rules below multiply",
        equation: "θ ← θ − η·u",
        source: "Robbins & Monro 1951",
        parameters: &[Parameter::new(
            "learning_rate",
            "η; `thalweg train` chooses it by the optimizer",
            Default::Number(0.01),
            Domain::POSITIVE,
        )],
    },
    fields: &[Field::with_flag(
        "learning_rate",
        Flag::new("--lr", "Training", "Learning rate"),
        InSolver::Unused("finds its own steps"),
    )],
};

/// By the number of epochs.
const EPOCHS: RunRule = RunRule {
    kind: RuleKind::Stopping,
    description: Description {
        name: "epochs",
        summary: "Stops after this many passes over the rows; a solver, after this many iterations",
        equation: "updates = N·⌈rows/B⌉",
        source: "Bishop 1995, section 7.4",
        parameters: &[Parameter::new(
            "epochs",
            "N; `thalweg train` chooses it by the number of rows",
            Default::Integer(1),
            Domain::Integer(1, MOST),
        )],
    },
    fields: &[Field::with_flag(
        "epochs",
        Flag::new("--epochs", "Training", "Passes over the rows"),
        InSolver::Used,
    )],
};

/// By the validation loss: early stopping.
const PATIENCE: RunRule = RunRule {
    kind: RuleKind::Stopping,
    description: Description {
        name: "patience",
        summary: "Early stopping: stops when the validation loss did not improve on its best for this many epochs, and restores the weights of the best",
        equation: "epoch − argmin L_val ≥ p; θ ← θ of the best epoch",
        source: "Prechelt 1998",
        parameters: &[Parameter::new(
            "patience",
            "p; `thalweg train` takes a quarter of the epochs, at least 10",
            Default::Off,
            Domain::Integer(1, MOST),
        )],
    },
    fields: &[Field::with_flag(
        "patience",
        Flag::new(
            "--patience",
            "Training",
            "Epochs without a better validation loss before training stops",
        ),
        InSolver::Used,
    )],
};

/// How gradients become updates.
const OPTIMIZER: RunRule = RunRule {
    kind: RuleKind::Run,
    description: Description {
        name: "optimizer",
        summary: "How gradients become updates: see optimizers",
        equation: "θ ← θ − η·u(g)",
        source: "see optimizers",
        parameters: &[Parameter::new(
            "optimizer",
            "which of them",
            Default::Text("gd"),
            Domain::Named {
                kind: "optimizer",
                many: false,
            },
        )],
    },
    fields: &[Field::with_flag(
        "optimizer",
        Flag::new("--optimizer", "Training", "How gradients become updates"),
        InSolver::Used,
    )],
};

/// How the learning rate changes.
const SCHEDULE: RunRule = RunRule {
    kind: RuleKind::Run,
    description: Description {
        name: "schedule",
        summary: "How the learning rate changes: see schedules",
        equation: "η_t = η·s(t)",
        source: "see schedules",
        parameters: &[Parameter::new(
            "schedule",
            "which of them",
            Default::Text("constant"),
            Domain::Named {
                kind: "schedule",
                many: false,
            },
        )],
    },
    fields: &[Field::with_flag(
        "schedule",
        Flag::new("--schedule", "Training", "How the learning rate changes"),
        InSolver::Unused("finds its own steps"),
    )],
};

/// The parameter of a schedule beside that of the rate.
const fn other_schedule(name: &'static str) -> Parameter {
    let domain = Domain::Named {
        kind: "schedule",
        many: false,
    };
    Parameter::new(name, "which of them", Default::Text("constant"), domain)
}

/// How decay changes.
const DECAY_SCHEDULE: RunRule = RunRule {
    kind: RuleKind::Run,
    description: Description {
        name: "decay_schedule",
        summary: "How the λ of decoupled decay changes: see schedules",
        equation: "λ_t = λ·s(t)",
        source: "Holzmüller, Grinsztajn & Steinwart 2024 (RealMLP)",
        parameters: &[other_schedule("decay_schedule")],
    },
    fields: &[Field::with_flag(
        "decay_schedule",
        Flag::new(
            "--decay-schedule",
            "Training",
            "How weight decay changes: a schedule, such as flat_cosine",
        ),
        InSolver::Refused,
    )],
};

/// How dropout changes.
const DROPOUT_SCHEDULE: RunRule = RunRule {
    kind: RuleKind::Run,
    description: Description {
        name: "dropout_schedule",
        summary: "How the rate of dropout changes: see schedules",
        equation: "p_t = p·s(t)",
        source: "Holzmüller, Grinsztajn & Steinwart 2024 (RealMLP)",
        parameters: &[other_schedule("dropout_schedule")],
    },
    fields: &[Field::with_flag(
        "dropout_schedule",
        Flag::new(
            "--dropout-schedule",
            "Training",
            "How dropout changes: a schedule, such as flat_cosine",
        ),
        InSolver::Refused,
    )],
};

/// See [`crate::augmentations`].
const AUGMENT: RunRule = RunRule {
    kind: RuleKind::Run,
    description: Description {
        name: "augment",
        summary: "Random changes of training rows, in the order of the list: see augmentations",
        equation: "x ← a(x), a new in every epoch",
        source: "see augmentations",
        parameters: &[Parameter::new(
            "augment",
            "the list",
            Default::Off,
            Domain::Named {
                kind: "augmentation",
                many: true,
            },
        )],
    },
    fields: &[Field::with_flag(
        "augment",
        Flag::new(
            "--augment",
            "Batches",
            "Change training rows at random: NAME or NAME=VALUE of `thalweg list augmentations`, such as flip,shift=2,noise=0.1,mixup=0.2; or none",
        ),
        InSolver::Refused,
    )],
};

/// See [`Dtype`].
const DTYPE: RunRule = RunRule {
    kind: RuleKind::Run,
    description: Description {
        name: "dtype",
        summary: "Precision of all computations: single, double, or single with the operands of matrix products rounded to bf16",
        equation: "x ← round(x) to 24, 53 or 8 bits",
        source: "IEEE 754-2019",
        parameters: &[Parameter::new(
            "dtype",
            "which of them; solvers need f64",
            Default::Text("f32"),
            Domain::Word(&["f32", "f64", "bf16"]),
        )],
    },
    fields: &[Field::with_flag(
        "dtype",
        Flag::new(
            "--dtype",
            "Training",
            "Precision: f32, f64, or bf16 (f32 with products of rounded numbers) [default: f32]",
        ),
        InSolver::Used,
    )],
};

/// The key of all random numbers.
const SEED: RunRule = RunRule {
    kind: RuleKind::Run,
    description: Description {
        name: "seed",
        summary: "Seed of splits, initial weights, shuffles, masks and augmentations: the same seed gives the same model",
        equation: "Philox4×32-10 with the seed as its key",
        source: "Salmon et al. 2011",
        parameters: &[Parameter::new(
            "seed",
            "the key",
            Default::Integer(0),
            Domain::Integer(0, i64::MAX),
        )],
    },
    fields: &[Field::with_flag(
        "seed",
        Flag::new(
            "--seed",
            "Training",
            "Seed of splits, weights and shuffles [default: 0]",
        ),
        InSolver::Used,
    )],
};
