//! Solvers: optimizers that see all training rows at once, and find their own steps.
//!
//! They minimize C(θ), the weighted mean loss over the training rows plus λ/2·‖W‖² (`l2`), and work in double
//! precision. An iteration counts as an epoch. What they remember is saved like the slots of other optimizers.

use crate::error::{Error, Result};
use crate::layers;
use crate::registry::{Domain, Parameter, Setting, entries};
use crate::spec::{NetworkSpec, TrainingSpec};

mod line_search;
mod objective;
mod optimizer;
mod vector;

pub use exhaustive::surface;
pub use objective::{Objective, Point};
pub use optimizer::{
    OPTIMIZERS_AND_SOLVERS, OptimizersAndSolvers, chain, descriptions, is_solver, resolve,
    usual_rate,
};

entries! {
    /// All solvers.
    SOLVERS: "optimizer" => Box<dyn Solver>;
    lbfgs,
    newton_cg,
    closed_form,
    exhaustive,
}

/// The result of an iteration of a solver.
#[derive(Debug, Clone, PartialEq)]
pub enum Advance {
    /// The next point.
    To(Point),
    /// The minimum, solved for in one iteration: the run is over.
    Solved(Point),
    /// The lowest of all points that the solver looks at, now that it has seen every one.
    Searched(Point),
    /// The gradient is within the tolerance: the run is over.
    Converged,
    /// The gradient is not small yet, but no lower point was found downhill; often rounding is as large as what is
    /// left to gain.
    Stuck,
}

impl From<Option<Point>> for Advance {
    /// What a line search found.
    fn from(found: Option<Point>) -> Self {
        found.map_or(Advance::Stuck, Advance::To)
    }
}

/// An algorithm that minimizes an [`Objective`].
pub trait Solver: Send {
    /// One iteration.
    ///
    /// # Errors
    /// If the objective is not one that it can minimize.
    fn advance(&mut self, objective: &mut Objective, from: &Point) -> Result<Advance>;

    /// What it remembers, in vectors as long as θ.
    ///
    /// # Errors
    /// If there is not enough memory for a copy.
    fn save(&self) -> Result<Vec<Vec<f64>>> {
        Ok(Vec::new())
    }

    /// Goes back to what was saved for a θ of so many parameters.
    ///
    /// # Errors
    /// If that is of another network or solver.
    fn load(&mut self, saved: &[Vec<f64>], _parameters: usize) -> Result<()> {
        match saved {
            [] => Ok(()),
            _ => Err(unfit(saved.len(), "none")),
        }
    }
}

/// Whether a solver, if the optimizer is one, can minimize this network's loss. Both specs are resolved.
///
/// # Errors
/// Says what does not fit.
pub(crate) fn check(network: &NetworkSpec, training: &TrainingSpec) -> Result<()> {
    if is_solver(&training.optimizer) {
        let nodes = layers::build(network.shape(), &network.layers, training.dtype)?;
        for (index, node) in nodes.iter().enumerate() {
            if node
                .part
                .layers()
                .iter()
                .any(|layer| layer.has_constraint())
            {
                let subject = format!("optimizer {}", training.optimizer.name);
                let (number, name) = (index + 1, &network.layers[index].name);
                let found = format!("the constraint of layer {number} ({name})");
                return Err(Error::invalid(subject, found, "loss and l2 alone")
                    .remedy("leave the constraint out, or choose another `optimizer`")
                    .at(&format!("layers.{index}.constraint")));
            }
            if !node.part.layers().iter().all(|layer| layer.is_stationary()) {
                let subject = format!("optimizer {}", training.optimizer.name);
                let (number, name) = (index + 1, &network.layers[index].name);
                let found = format!("layer {number} ({name})");
                let expected = "layers that compute the same at every update";
                return Err(Error::invalid(subject, found, expected)
                    .remedy("leave the layer out, or choose another `optimizer`")
                    .at(&format!("layers.{index}")));
            }
        }
    }
    if training.optimizer.name == exhaustive::ENTRY.description.name {
        return check_count(network, training);
    }
    if training.optimizer.name != closed_form::ENTRY.description.name {
        return Ok(());
    }
    let identity = Setting::Text("identity".to_owned());
    match &network.layers[..] {
        [layer] if !layers::is_dense(&layer.name) => Err(closed_form::not_linear(&layer.name)),
        [layer] if layer.settings.get("activation") != Some(&identity) => {
            Err(closed_form::not_linear("an activation"))
        }
        [_] if !["mse", "half_mse"].contains(&network.loss.name.as_str()) => Err(
            closed_form::not_linear(&format!("the loss {}", network.loss.name)),
        ),
        [_] => Ok(()),
        layers => Err(closed_form::not_linear(&format!("{} layers", layers.len()))),
    }
}

/// Whether the network has few enough parameters for an exhaustive search.
fn check_count(network: &NetworkSpec, training: &TrainingSpec) -> Result<()> {
    let nodes = layers::build(network.shape(), &network.layers, training.dtype)?;
    let layers = nodes.iter().flat_map(|node| node.part.layers());
    let segments = layers.flat_map(|layer| layer.segments());
    match segments.map(|segment| segment.len()).sum() {
        count if count > exhaustive::MOST => Err(exhaustive::too_many(count)),
        _ => Ok(()),
    }
}

fn unfit(found: usize, expected: &str) -> Error {
    Error::invalid("checkpoint", format!("{found} vectors"), expected)
}

/// ‖∇C‖ at which a solver is done.
const TOLERANCE: Parameter = Parameter {
    name: "tolerance",
    summary: "‖∇C‖ at which it is done",
    default: crate::registry::Default::Number(1e-10),
    domain: Domain::NON_NEGATIVE,
};
