//! What the batches of a run are, and what the gradient of one is.

use serde::{Deserialize, Serialize};

use super::rule::{Field, Flag, InSolver, MOST, RuleKind, RunRule};
use crate::registry::{Default, Description, Domain, Parameter};

/// What the gradient of a batch of m rows is: Σ w·∇l / m, or the sum alone. Weights have a mean of 1
/// over the training rows.
///
/// Losses are reported as weighted means in either case. The sum's gradient is m times as large, so
/// a learning rate η for the mean is η/m for the sum: the sum's rate has to be made smaller for
/// larger batches, and rows of a short last batch count as all others. A penalty such as `l2` stays
/// as it is beside either.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, std::default::Default)]
#[serde(rename_all = "snake_case")]
pub enum Reduction {
    /// The sum over the batch, divided by its rows.
    #[default]
    Mean,
    /// The weighted sum.
    Sum,
}

/// How rows become mini-batches.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Batches {
    /// Whether rows are shuffled again before every epoch; else once, and the batches stay what
    /// they are.
    pub reshuffle: bool,
    /// What becomes of a last batch with fewer rows.
    pub last: LastBatch,
    /// How rows are drawn.
    pub sampling: Sampling,
    /// Rows of a block. Blocks of consecutive rows are permuted, and rows are shuffled within
    /// windows of a few blocks, so that a file can be read block by block. Absent: one shuffle of
    /// all rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub block: Option<usize>,
    /// Groups of rows into which every batch is cut, each with a gradient of its own; absent: one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups: Option<usize>,
}

impl Batches {
    /// What multiplies the rate of a batch with this many rows of `size`.
    pub(crate) fn weight(&self, rows: usize, size: usize) -> f64 {
        match self.last {
            LastBatch::Weight => rows as f64 / size as f64,
            _ => 1.0,
        }
    }
}

impl std::default::Default for Batches {
    fn default() -> Self {
        Self {
            reshuffle: true,
            last: LastBatch::Keep,
            sampling: Sampling::Uniform,
            block: None,
            groups: None,
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
    /// Every row once an epoch; each batch has the classes about in the proportions of the data:
    /// see `order.rs`.
    Stratified,
    /// As many rows of each class in a batch, up to rounding: rows of rare classes come several
    /// times an epoch.
    Balanced,
}

pub(super) const RULES: &[&RunRule] = &[&RESHUFFLE, &LAST, &SAMPLING, &BLOCK, &GROUPS];

/// Whether batches change from epoch to epoch.
const RESHUFFLE: RunRule = RunRule {
    kind: RuleKind::Batch,
    description: Description {
        name: "reshuffle",
        summary: "Rows shuffled before every epoch, or once: a fixed partition into batches",
        equation: "a new permutation π in every epoch; fixed: that of the first for all",
        source: "Bottou 2009; Mishchenko, Khaled & Richtárik 2020",
        parameters: &[Parameter::new(
            "reshuffle",
            "whether there is a new order in every epoch",
            Default::Flag(true),
            Domain::Flag,
        )],
    },
    fields: &[Field::with_flag(
        "batches.reshuffle",
        Flag::new(
            "--no-reshuffle",
            "Batches",
            "Shuffle once, and keep the same mini-batches in every epoch",
        ),
        InSolver::Refused,
    )],
};

/// What becomes of the last batch.
const LAST: RunRule = RunRule {
    kind: RuleKind::Batch,
    description: Description {
        name: "last_batch",
        summary: "A last batch of m < B rows is kept, dropped unless it is the only one, or weighted: a rate by which each row counts the same",
        equation: "keep: ⌈N/B⌉ batches; drop: ⌊N/B⌋ batches; weight: η·m/B in the last",
        source: "the lecture notes; Goodfellow, Bengio & Courville 2016, chapter 8",
        parameters: &[Parameter::new(
            "last_batch",
            "which of them",
            Default::Text("keep"),
            Domain::Word(&["keep", "drop", "weight"]),
        )],
    },
    fields: &[Field::with_flag(
        "batches.last",
        Flag::new(
            "--last-batch",
            "Batches",
            "What becomes of a last, short batch: keep, drop or weight (a smaller rate) [default: keep]",
        ),
        InSolver::Refused,
    )],
};

/// How rows are drawn.
const SAMPLING: RunRule = RunRule {
    kind: RuleKind::Batch,
    description: Description {
        name: "sampling",
        summary: "Uniform: every row once an epoch; stratified: each batch has the classes in the proportions of the data; balanced: as many rows of each class, those of rare ones several times",
        equation: "stratified: row k of the n of a class at position (k + u)/n, u random; balanced: positions given to the classes in turn",
        source: "Madow & Madow 1944 (stratified); Shen, Lin & Huang 2016 (balanced)",
        parameters: &[Parameter::new(
            "sampling",
            "which of them",
            Default::Text("uniform"),
            Domain::Word(&["uniform", "stratified", "balanced"]),
        )],
    },
    fields: &[Field::with_flag(
        "batches.sampling",
        Flag::new(
            "--sampling",
            "Batches",
            "How rows are drawn: uniform, stratified or balanced by class [default: uniform]",
        ),
        InSolver::Refused,
    )],
};

/// Whether the order of rows is one that a file can be read in block by block.
const BLOCK: RunRule = RunRule {
    kind: RuleKind::Batch,
    description: Description {
        name: "block",
        summary: "Blocks of consecutive rows permuted, and rows shuffled within every eight of them, so that a file that does not fit in memory is read block by block; else one shuffle of all rows",
        equation: "π = a permutation of blocks, then one of the rows of each window of 8 blocks",
        source: "Meng, Chen, Wang, Ma & Liu 2019",
        parameters: &[Parameter::new(
            "block",
            "rows of a block",
            Default::Off,
            Domain::Integer(1, MOST),
        )],
    },
    fields: &[Field::with_flag(
        "batches.block",
        Flag::new(
            "--shuffle-block",
            "Batches",
            "Shuffle blocks of N consecutive rows, and rows within every eight of them; else all rows",
        ),
        InSolver::Refused,
    )],
};

/// Into how many groups a batch is cut.
const GROUPS: RunRule = RunRule {
    kind: RuleKind::Batch,
    description: Description {
        name: "groups",
        summary: "Cuts every batch into groups of rows, each with a gradient of its own, added up along a fixed tree: one process or several end in the same bits, and a step takes the memory of one group",
        equation: "g = Σ gₖ over the groups k, as a balanced binary tree",
        source: "Demmel & Nguyen 2015 (reproducible summation)",
        parameters: &[Parameter::new(
            "groups",
            "their number: a multiple of the number of processes",
            Default::Off,
            Domain::Integer(1, MOST),
        )],
    },
    fields: &[Field::with_flag(
        "batches.groups",
        Flag::new(
            "--batch-groups",
            "Batches",
            "Cut every batch into N groups of rows, whose gradients are added in a fixed order, for one process or several",
        ),
        InSolver::Refused,
    )],
};
