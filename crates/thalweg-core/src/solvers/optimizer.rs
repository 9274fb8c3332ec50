//! What `optimizer` of a training run may name: an entry of [`OPTIMIZERS`], or one of [`SOLVERS`].

use super::SOLVERS;
use crate::error::Result;
use crate::optimizers::{Chain, OPTIMIZERS};
use crate::registry::{AnyRegistry, Choice, Description, unknown};
use crate::spec::TrainingSpec;

/// Whether a choice is a solver for the whole data at once, and not a chain of stages.
pub fn is_solver(choice: &Choice) -> bool {
    SOLVERS.find(&choice.name).is_ok()
}

/// The choice of an optimizer or solver with every default written out, validated.
///
/// # Errors
/// If it does not exist or a setting does not fit.
pub fn resolve(choice: &Choice) -> Result<Choice> {
    if is_solver(choice) {
        SOLVERS.build(choice, &())?;
        return Ok(SOLVERS.resolve(choice)?.into_choice());
    }
    OPTIMIZERS_AND_SOLVERS.describe(&choice.name)?;
    OPTIMIZERS.build(choice, &())?;
    Ok(OPTIMIZERS.resolve(choice)?.into_choice())
}

/// All that `optimizer` may name: [`OPTIMIZERS`] and [`SOLVERS`].
pub fn descriptions() -> Vec<&'static Description> {
    let mut all = OPTIMIZERS.descriptions();
    all.extend(SOLVERS.descriptions());
    all
}

/// All that `optimizer` may name.
pub static OPTIMIZERS_AND_SOLVERS: OptimizersAndSolvers = OptimizersAndSolvers;

/// See [`OPTIMIZERS_AND_SOLVERS`].
pub struct OptimizersAndSolvers;

impl AnyRegistry for OptimizersAndSolvers {
    fn name(&self) -> &'static str {
        "optimizer"
    }

    fn describe(&self, name: &str) -> Result<&'static Description> {
        let all = descriptions();
        let found = all.iter().copied().find(|entry| entry.name == name);
        found.ok_or_else(|| unknown("optimizer", name, all.iter().map(|entry| entry.name)))
    }
}

/// A learning rate that suits most networks with hidden layers; 1 for solvers, which find their own.
///
/// # Errors
/// As for [`resolve`].
pub fn usual_rate(choice: &Choice) -> Result<f64> {
    let choice = resolve(choice)?;
    if is_solver(&choice) {
        return Ok(1.0);
    }
    Ok(OPTIMIZERS.build(&choice, &())?.usual_rate)
}

/// The chain of a training run; that of a solver has no stages.
///
/// # Errors
/// As for [`resolve`].
pub fn chain(training: &TrainingSpec) -> Result<Chain> {
    match is_solver(&training.optimizer) {
        true => Ok(Chain::new(Vec::new(), 1.0)),
        false => Chain::build(training),
    }
}
