//! What a network and a training run are, as plain data that the command line, config files, the model
//! file and every engine share.

use serde::{Deserialize, Serialize};

use crate::precision::Dtype;
use crate::registry::{Choice, Setting};
use crate::shape::Shape;

pub(crate) mod batches;
pub(crate) mod rate;
mod rule;
pub(crate) mod stop;

pub use batches::{Batches, LastBatch, Reduction, Sampling};
pub use rate::{Plateau, ScaleRate};
pub use rule::{RunRule, Said};
pub use stop::Stop;

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
    /// A multi-layer perceptron: dense layers of the widths `hidden` with one activation, and a linear
    /// output layer. No hidden layers make a linear model.
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

/// The most rows of a batch, epochs, and epochs of patience: rows are counted in 32 bits.
const MOST: i64 = u32::MAX as i64;

/// How a network is trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingSpec {
    /// Base learning rate η₀.
    pub learning_rate: f64,
    /// Rows of a mini-batch.
    pub batch_size: usize,
    /// Passes over the training rows, unless training stops earlier. Iterations of a solver.
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
    /// The most that the weights into a unit may measure, ‖w‖ ≤ c.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_norm: Option<f64>,
    /// The most that the whole gradient may measure, ‖g‖ ≤ c.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip_norm: Option<f64>,
    /// The most that a component of the gradient may measure, |gᵢ| ≤ c.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip_value: Option<f64>,
    /// ρ of sharpness-aware minimization: two gradients an update.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sam: Option<f64>,
    /// β of the moving average of the parameters that is evaluated and kept in place of the last ones.
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
    /// How rows become mini-batches.
    #[serde(default, skip_serializing_if = "is_default")]
    pub batches: Batches,
    /// When training stops, beside `epochs` and `patience`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub stop: Stop,
    /// Reduction of the rate when the loss stops getting better.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plateau: Option<Plateau>,
    /// The linear scaling rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_rate: Option<ScaleRate>,
    /// How training rows are changed at random, in this order: see [`crate::augmentations`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub augment: Vec<Choice>,
}

fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Plain gradient descent in single precision, one epoch of batches of 32 shuffled rows at rate 0.01.
impl Default for TrainingSpec {
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
            schedule: Choice::new("constant"),
            batches: Batches::default(),
            stop: Stop::default(),
            plateau: None,
            scale_rate: None,
            augment: Vec::new(),
        }
    }
}
