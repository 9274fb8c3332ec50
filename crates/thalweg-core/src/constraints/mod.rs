//! Constraints: what the weights into each unit of a layer must satisfy after every update. Of a
//! weight-normalized layer that is its lengths, which are the norms; of an embedding, the vector of
//! each category.
//!
//! A layer may name its own; without one, that of the run holds ([`TrainingSpec::max_norm`]).
//! Biases and what normalizes are never constrained.
//!
//! [`TrainingSpec::max_norm`]: crate::spec::TrainingSpec::max_norm

use crate::error::Result;
use crate::registry::{AUTO, Arguments, Default, Domain, Parameter, entries};

entries! {
    /// All constraints.
    CONSTRAINTS: "constraint" => Box<dyn Constraint>;
    max_norm,
    none,
}

pub(crate) use max_norm::MaxNorm;

/// Moves the weights into a unit to where they satisfy it, along their own direction.
pub trait Constraint: Send + Sync {
    /// What multiplies weights whose norm ‖w‖ is `norm`.
    fn factor(&self, norm: f64) -> f64;

    /// Whether it leaves all weights as they are.
    fn is_none(&self) -> bool {
        false
    }
}

/// The setting by which a layer names its constraint.
pub(crate) const CONSTRAINT: Parameter = Parameter {
    name: "constraint",
    summary: "on the weights into each unit; auto is that of the run",
    default: Default::Text(AUTO),
    domain: Domain::ChoiceOrAuto(|| &CONSTRAINTS),
};

/// The constraint of a layer, if it names one.
pub(crate) fn of(arguments: &Arguments) -> Result<Option<Box<dyn Constraint>>> {
    match arguments.choice(CONSTRAINT.name) {
        choice if choice.name == AUTO => Ok(None),
        choice => CONSTRAINTS.build(&choice, &()).map(Some),
    }
}
