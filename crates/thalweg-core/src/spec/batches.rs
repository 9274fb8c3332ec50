//! What the batches of a run are, and what the gradient of one is.

use serde::{Deserialize, Serialize};

use super::MOST;
use super::rule::{RunRule, Said};
use crate::registry::{Default, Description, Domain, Parameter, Setting};

/// What the gradient is of.
///
/// Losses are told as means in either case. The sum's gradient is Σw times as large (the rows of the batch, where
/// none has a weight), so a learning rate η for the mean is η/Σw for the sum: the sum's rate has to be made smaller
/// for larger batches, and rows of a short last batch keep their pull. A penalty such as `l2` stays as it is beside
/// either.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, std::default::Default)]
#[serde(rename_all = "snake_case")]
pub enum Reduction {
    /// The weighted mean over the rows of the batch.
    #[default]
    Mean,
    /// The weighted sum.
    Sum,
}

/// How rows become mini-batches.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Batches {
    /// Whether rows are shuffled again before every epoch; else once, and the batches stay what they are.
    pub reshuffle: bool,
    /// What becomes of a last batch with fewer rows.
    pub last: LastBatch,
    /// How rows are drawn.
    pub sampling: Sampling,
}

impl std::default::Default for Batches {
    fn default() -> Self {
        Self {
            reshuffle: true,
            last: LastBatch::Keep,
            sampling: Sampling::Uniform,
        }
    }
}

/// What becomes of a last batch with fewer rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LastBatch {
    /// It is a batch like any other.
    Keep,
    /// It is left out, unless it is the only one.
    Drop,
    /// Its rate is multiplied by its rows / `batch_size`, so that each row counts the same.
    Weight,
}

/// How rows are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sampling {
    /// Every row once an epoch, in any order.
    Uniform,
    /// Every row once an epoch; each batch has the classes about in the proportions of the data: see
    /// `batches.rs`.
    Stratified,
    /// As many rows of each class in a batch, up to rounding: rows of rare classes come several times an epoch.
    Balanced,
}

/// What a batch's gradient is of.
pub(crate) const REDUCTION: RunRule = RunRule {
    description: Description {
        name: "reduction",
        summary: "What the gradient is of: the mean over the rows of the batch, or their sum, which asks for a smaller \
                  rate the larger the batch; losses are told as means",
        equation: "mean: g = Σ w·∇l / Σ w; sum: g = Σ w·∇l",
        source: "the lecture notes; Robbins & Monro 1951",
        parameters: &[Parameter {
            name: "reduction",
            summary: "which of them",
            default: Default::Text("mean"),
            domain: Domain::Word(&["mean", "sum"]),
        }],
    },
    said: &[Said {
        field: "reduction",
        flag: Some("--reduction"),
        value: |spec| {
            Some(match spec.reduction {
                Reduction::Mean => "mean".into(),
                Reduction::Sum => "sum".into(),
            })
        },
    }],
};

/// How many rows a batch has.
pub(crate) const BATCH_SIZE: RunRule = RunRule {
    description: Description {
        name: "batch_size",
        summary: "Rows of a mini-batch: 1 is stochastic gradient descent, all rows are batch gradient descent",
        equation: "g = 1/B·Σ ∇l over B rows; ⌈N/B⌉ updates an epoch",
        source: "Robbins & Monro 1951; Goodfellow, Bengio & Courville 2016, chapter 8",
        parameters: &[Parameter {
            name: "batch_size",
            summary: "B; `thalweg train` chooses it by the number of rows",
            default: Default::Integer(32),
            domain: Domain::Integer(1, MOST),
        }],
    },
    said: &[Said {
        field: "batch_size",
        flag: Some("--batch-size"),
        value: |spec| Some(count(spec.batch_size)),
    }],
};

/// Whether rows are shuffled.
pub(crate) const SHUFFLE: RunRule = RunRule {
    description: Description {
        name: "shuffle",
        summary: "Rows in a random order, or as they stand in the file",
        equation: "batch k has the rows π(kB), …, π(kB + B − 1) of a random permutation π",
        source: "Fisher & Yates 1938; Bottou 2009",
        parameters: &[Parameter {
            name: "shuffle",
            summary: "whether π is random; else it is the identity",
            default: Default::Flag(true),
            domain: Domain::Flag,
        }],
    },
    said: &[Said {
        field: "shuffle",
        flag: Some("--no-shuffle"),
        value: |spec| Some(Setting::Flag(spec.shuffle)),
    }],
};

/// Whether batches change from epoch to epoch.
pub(crate) const RESHUFFLE: RunRule = RunRule {
    description: Description {
        name: "reshuffle",
        summary: "Rows shuffled before every epoch, or once: a fixed partition into batches",
        equation: "a new permutation π in every epoch; fixed: that of the first for ever",
        source: "Bottou 2009; Mishchenko, Khaled & Richtárik 2020",
        parameters: &[Parameter {
            name: "reshuffle",
            summary: "whether there is a new order in every epoch",
            default: Default::Flag(true),
            domain: Domain::Flag,
        }],
    },
    said: &[Said {
        field: "batches.reshuffle",
        flag: Some("--no-reshuffle"),
        value: |spec| Some(Setting::Flag(spec.batches.reshuffle)),
    }],
};

/// What becomes of the last batch.
pub(crate) const LAST: RunRule = RunRule {
    description: Description {
        name: "last_batch",
        summary: "A last batch of m < B rows is kept, dropped unless it is the only one, or weighted: a rate by which \
                  each row counts the same",
        equation: "keep: ⌈N/B⌉ batches; drop: ⌊N/B⌋ batches; weight: η·m/B in the last",
        source: "the lecture notes; Goodfellow, Bengio & Courville 2016, chapter 8",
        parameters: &[Parameter {
            name: "last_batch",
            summary: "which of them",
            default: Default::Text("keep"),
            domain: Domain::Word(&["keep", "drop", "weight"]),
        }],
    },
    said: &[Said {
        field: "batches.last",
        flag: Some("--last-batch"),
        value: |spec| {
            Some(match spec.batches.last {
                LastBatch::Keep => "keep".into(),
                LastBatch::Drop => "drop".into(),
                LastBatch::Weight => "weight".into(),
            })
        },
    }],
};

/// How rows are drawn.
pub(crate) const SAMPLING: RunRule = RunRule {
    description: Description {
        name: "sampling",
        summary: "Uniform: every row once an epoch; stratified: so that each batch has the classes as the data have them; \
                  balanced: as many rows of each class, those of rare ones several times",
        equation: "stratified: row k of the n of a class at the place (k + u)/n, u random; balanced: places dealt to the \
                   classes in turn",
        source: "Madow & Madow 1944 (stratified); Shen, Lin & Huang 2016 (balanced)",
        parameters: &[Parameter {
            name: "sampling",
            summary: "which of them",
            default: Default::Text("uniform"),
            domain: Domain::Word(&["uniform", "stratified", "balanced"]),
        }],
    },
    said: &[Said {
        field: "batches.sampling",
        flag: Some("--sampling"),
        value: |spec| {
            Some(match spec.batches.sampling {
                Sampling::Uniform => "uniform".into(),
                Sampling::Stratified => "stratified".into(),
                Sampling::Balanced => "balanced".into(),
            })
        },
    }],
};

/// A count as a setting; one that is too large for a number is told as it is.
pub(super) fn count(count: usize) -> Setting {
    match i64::try_from(count) {
        Ok(count) => Setting::Integer(count),
        Err(_) => Setting::Text(count.to_string()),
    }
}
