//! What a network and a training run are, as plain data that the command line, config files, the
//! model file and every engine share.

use serde::{Deserialize, Serialize};

use crate::registry::{Choice, Setting};
use crate::shape::Shape;

mod averages;
mod batches;
mod factors;
mod field;
mod penalties;
mod rate;
mod rule;
mod stop;
mod training;

pub use batches::{Batches, LastBatch, Reduction, Sampling};
pub use factors::Parametrization;
pub use rate::{Plateau, ScaleRate};
pub use rule::{Field, Flag, InSolver, RuleKind, RunRule};
pub use stop::Stop;
pub use training::TrainingSpec;

/// A network: its layers in order, and the loss that its output is judged by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkSpec {
    /// Values a row that come in.
    pub inputs: usize,
    /// Their shape, if they are an image: channels, lines, pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<[usize; 3]>,
    /// The loss.
    pub loss: Choice,
    /// The layers, the output layer included.
    pub layers: Vec<Choice>,
}

impl NetworkSpec {
    /// A multi-layer perceptron: dense layers of the widths `hidden` with one activation, and a
    /// linear output layer. No hidden layers make a linear model.
    pub fn mlp(
        inputs: usize,
        hidden: &[usize],
        activation: impl Into<Setting>,
        outputs: usize,
        loss: Choice,
    ) -> Self {
        let dense =
            |units: usize| Choice::new("dense").with("units", Setting::Integer(units as i64));
        let activation = activation.into();
        let layers = (hidden.iter())
            .map(|&units| dense(units).with("activation", activation.clone()))
            .chain([dense(outputs)])
            .collect();
        Self {
            inputs,
            image: None,
            loss,
            layers,
        }
    }

    /// The shape of what comes in.
    pub fn shape(&self) -> Shape {
        match self.image {
            Some(image) => Shape::image(image),
            None => Shape::flat(self.inputs),
        }
    }
}
