//! What a declaration of a field is made of: a rule of the run, its fields, and their arguments.

use crate::registry::{Description, Parameter};

/// The most rows of a batch, epochs, and epochs of patience: rows are counted in 32 bits.
pub(super) const MOST: i64 = u32::MAX as i64;

/// One idea of a training run and the fields that set it, such as a penalty or a reason to stop.
#[derive(Debug, Clone, Copy)]
pub struct RunRule {
    /// What `thalweg list` shows it under.
    pub kind: RuleKind,
    /// What it is. Its parameters have the ranges and the defaults of the fields.
    pub description: Description,
    /// The field of each parameter of the description, in their order. Empty for what nothing sets.
    pub fields: &'static [Field],
}

/// The kinds of rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleKind {
    /// Penalties and constraints on the weights.
    Penalty,
    /// Bounds on the gradient.
    Clipping,
    /// What the gradient is of, and where it is taken.
    Gradient,
    /// Moving averages.
    Average,
    /// How rows become mini-batches.
    Batch,
    /// The learning rate, beside schedules.
    Rate,
    /// When a run ends.
    Stopping,
    /// The algorithm, its precision and its randomness.
    Run,
}

impl RuleKind {
    /// All kinds, in the order in which they are listed.
    pub const ALL: [RuleKind; 8] = [
        RuleKind::Penalty,
        RuleKind::Clipping,
        RuleKind::Gradient,
        RuleKind::Average,
        RuleKind::Batch,
        RuleKind::Rate,
        RuleKind::Stopping,
        RuleKind::Run,
    ];

    /// Its name in the plural and in the singular.
    pub fn names(self) -> [&'static str; 2] {
        match self {
            RuleKind::Penalty => ["penalties", "penalty"],
            RuleKind::Clipping => ["clipping", "clipping"],
            RuleKind::Gradient => ["gradients", "gradient"],
            RuleKind::Average => ["averages", "average"],
            RuleKind::Batch => ["batches", "batch"],
            RuleKind::Rate => ["rates", "rate"],
            RuleKind::Stopping => ["stopping", "stopping"],
            RuleKind::Run => ["runs", "run"],
        }
    }
}

/// A field of [`TrainingSpec`](super::TrainingSpec).
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Its path by the names of a config file, below `training`: dots lead into tables, as in
    /// `stop.max_steps`.
    pub path: &'static str,
    /// The argument of `thalweg train`, if there is one.
    pub flag: Option<Flag>,
    /// What it is to a solver.
    pub solver: InSolver,
}

/// An argument of `thalweg train`.
#[derive(Debug, Clone, Copy)]
pub struct Flag {
    /// With its dashes.
    pub name: &'static str,
    /// The heading that help shows it under.
    pub heading: &'static str,
    /// One line of help, in which [`Field::placeholder`] stands for the value.
    pub help: &'static str,
}

impl Flag {
    /// An argument.
    pub const fn new(name: &'static str, heading: &'static str, help: &'static str) -> Self {
        Self {
            name,
            heading,
            help,
        }
    }
}

/// What a field is to a solver, which sees all rows at once, finds its own steps, and minimizes the
/// mean loss and `l2`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InSolver {
    /// It has its effect.
    Used,
    /// It has none, because the solver replaces it as described: setting it is an error of the
    /// command line, while a spec, which always has some value, may have any.
    Unused(&'static str),
    /// A spec is refused if it differs from its default.
    Refused,
}

impl RunRule {
    /// Its parameters, each with its field; none of a rule that nothing sets.
    pub fn settings(&self) -> impl Iterator<Item = (&'static Parameter, &'static Field)> {
        self.description.parameters.iter().zip(self.fields)
    }
}

impl Field {
    /// One that only a config file sets.
    pub const fn new(path: &'static str, solver: InSolver) -> Self {
        Self {
            path,
            flag: None,
            solver,
        }
    }

    /// One with an argument.
    pub const fn with_flag(path: &'static str, flag: Flag, solver: InSolver) -> Self {
        Self {
            path,
            flag: Some(flag),
            solver,
        }
    }

    /// How the command line sets it: by its flag, or as a setting of the optimizer; `None` if it
    /// cannot.
    pub fn argument(&self) -> Option<String> {
        match self.flag {
            Some(flag) => Some(flag.name.to_owned()),
            None => (self.path.starts_with("optimizer.")).then(|| format!("--set {}", self.path)),
        }
    }
}
