//! Penalties and constraints on the weights, and bounds on the gradient.

use super::rule::{Field, Flag, InSolver, RuleKind, RunRule};
use crate::registry::{Default, Description, Domain, Parameter};

pub(super) const RULES: &[&RunRule] = &[
    &L2,
    &L2_SUM,
    &L1,
    &ELASTIC_NET,
    &WEIGHT_DECAY,
    &MAX_NORM,
    &CLIP_NORM,
    &CLIP_VALUE,
];

/// The heading of their arguments in help.
pub(super) const PENALTIES: &str = "Penalties and clipping";

const L1_FIELD: Field = Field::with_flag(
    "l1",
    Flag::new(
        "--l1",
        PENALTIES,
        "Penalty X·‖W‖₁ on the weights; with --l2, the elastic net",
    ),
    InSolver::Refused,
);

const L2_FIELD: Field = Field::with_flag(
    "l2",
    Flag::new("--l2", "Training", "Penalty X/2·‖W‖² on the weights"),
    InSolver::Used,
);

/// Penalty on the squares of the weights.
const L2: RunRule = RunRule {
    kind: RuleKind::Penalty,
    description: Description {
        name: "l2",
        summary: "Penalty on the squares of the weights, which keeps them small; biases and normalization are exempt",
        equation: "C + λ/2·‖W‖²; g ← g + λ·W",
        source: "Hoerl & Kennard 1970; Krogh & Hertz 1992",
        parameters: &[Parameter::new(
            "l2",
            "λ",
            Default::Number(0.0),
            Domain::NON_NEGATIVE,
        )],
    },
    fields: &[L2_FIELD],
};

/// The same, divided by the rows of the mini-batch.
const L2_SUM: RunRule = RunRule {
    kind: RuleKind::Penalty,
    description: Description {
        name: "l2_sum",
        summary: "The same divided by the rows m of the mini-batch: the form beside a sum over them",
        equation: "C + λ/(2m)·‖W‖²; g ← g + λ/m·W",
        source: "the lecture notes; Krogh & Hertz 1992",
        parameters: &[Parameter::new(
            "l2_sum",
            "λ",
            Default::Number(0.0),
            Domain::NON_NEGATIVE,
        )],
    },
    fields: &[Field::with_flag(
        "l2_sum",
        Flag::new(
            "--l2-sum",
            PENALTIES,
            "Penalty X/(2m)·‖W‖², m being the rows of the mini-batch",
        ),
        InSolver::Refused,
    )],
};

/// Penalty on the absolute values of the weights.
const L1: RunRule = RunRule {
    kind: RuleKind::Penalty,
    description: Description {
        name: "l1",
        summary: "Penalty on the absolute values of the weights, which brings many near 0; biases and normalization are exempt",
        equation: "C + λ·‖W‖₁; g ← g + λ·sign W, with 0 at 0",
        source: "Tibshirani 1996",
        parameters: &[Parameter::new(
            "l1",
            "λ",
            Default::Number(0.0),
            Domain::NON_NEGATIVE,
        )],
    },
    fields: &[L1_FIELD],
};

/// Both.
const ELASTIC_NET: RunRule = RunRule {
    kind: RuleKind::Penalty,
    description: Description {
        name: "elastic_net",
        summary: "l1 and l2 together",
        equation: "C + λ₁·‖W‖₁ + λ₂/2·‖W‖²",
        source: "Zou & Hastie 2005",
        parameters: &[
            Parameter::new("l1", "λ₁", Default::Number(0.0), Domain::NON_NEGATIVE),
            Parameter::new("l2", "λ₂", Default::Number(0.0), Domain::NON_NEGATIVE),
        ],
    },
    fields: &[L1_FIELD, L2_FIELD],
};

/// A setting of some optimizers, listed beside the penalties.
const WEIGHT_DECAY: RunRule = RunRule {
    kind: RuleKind::Penalty,
    description: Description {
        name: "weight_decay",
        summary: "Decoupled decay, beside the optimizer's step and not in its gradient: a setting of the optimizers that have it, such as adamw, lamb and lion; of weights only",
        equation: "θ ← θ − η·(u + λ·W)",
        source: "Loshchilov & Hutter 2019",
        parameters: &[Parameter::new(
            "weight_decay",
            "λ; its default is the optimizer's own",
            Default::Off,
            Domain::NON_NEGATIVE,
        )],
    },
    fields: &[Field::new("optimizer.weight_decay", InSolver::Used)],
};

/// See [`crate::constraints`].
const MAX_NORM: RunRule = RunRule {
    kind: RuleKind::Penalty,
    description: Description {
        name: "max_norm",
        summary: "Shortens the weights into each unit to a norm of at most c after every update; a layer may have another constraint, see constraints",
        equation: "w ← w·min(1, c/‖w‖)",
        source: "Srebro & Shraibman 2005; Srivastava et al. 2014",
        parameters: &[Parameter::new(
            "max_norm",
            "c",
            Default::Off,
            Domain::POSITIVE,
        )],
    },
    fields: &[Field::with_flag(
        "max_norm",
        Flag::new(
            "--max-norm",
            PENALTIES,
            "Shorten the weights into each unit to a norm of at most X",
        ),
        InSolver::Refused,
    )],
};

/// See [`crate::optimizers::Around::clip_norm`].
const CLIP_NORM: RunRule = RunRule {
    kind: RuleKind::Clipping,
    description: Description {
        name: "clip_norm",
        summary: "Shortens the whole gradient to a norm of at most c, before everything else; its direction stays",
        equation: "g ← g·min(1, c/‖g‖)",
        source: "Pascanu, Mikolov & Bengio 2013",
        parameters: &[Parameter::new(
            "clip_norm",
            "c",
            Default::Off,
            Domain::POSITIVE,
        )],
    },
    fields: &[Field::with_flag(
        "clip_norm",
        Flag::new(
            "--clip-norm",
            PENALTIES,
            "Shorten the whole gradient to a norm of at most X",
        ),
        InSolver::Refused,
    )],
};

/// See [`crate::optimizers::clip`].
const CLIP_VALUE: RunRule = RunRule {
    kind: RuleKind::Clipping,
    description: Description {
        name: "clip_value",
        summary: "Cuts every component of the gradient to at most c, after clipping by norm and before penalties",
        equation: "gᵢ ← min(max(gᵢ, −c), c)",
        source: "Mikolov 2012",
        parameters: &[Parameter::new(
            "clip_value",
            "c",
            Default::Off,
            Domain::POSITIVE,
        )],
    },
    fields: &[Field::with_flag(
        "clip_value",
        Flag::new(
            "--clip-value",
            PENALTIES,
            "Cut every component of the gradient to at most X",
        ),
        InSolver::Refused,
    )],
};
