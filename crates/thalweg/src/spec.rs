//! What a network and a training run are, as plain data that the command line, config files, the model
//! file and every engine share.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::layers::{self, LAYERS, Shape};
use crate::losses::LOSSES;
use crate::optimizers::{Chain, OPTIMIZERS};
use crate::precision::Dtype;
use crate::registry::{Choice, Setting};
use crate::schedules::SCHEDULES;

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
        activation: &str,
        outputs: usize,
        loss: Choice,
    ) -> Self {
        let dense =
            |units: usize| Choice::new("dense").with("units", Setting::Integer(units as i64));
        let activation = Setting::Text(activation.to_owned());
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
            Some([channels, height, width]) => Shape {
                channels,
                height,
                width,
            },
            None => Shape::flat(self.inputs),
        }
    }

    /// The same with every default written out, validated: all names exist, all settings are in range,
    /// all layers fit.
    ///
    /// # Errors
    /// Names the layer, setting or loss that does not fit.
    pub fn resolve(&self) -> Result<Self> {
        if self.inputs == 0 {
            return Err(Error::invalid("network", "no inputs", "at least 1"));
        }
        if self.layers.is_empty() {
            return Err(Error::invalid(
                "network",
                "no layers",
                "at least an output layer",
            ));
        }
        if self.shape().size() != self.inputs {
            let found = format!("images of {} for {} inputs", self.shape(), self.inputs);
            return Err(Error::invalid(
                "network",
                found,
                "channels · lines · pixels = inputs",
            ));
        }
        layers::build(self.shape(), &self.layers)?;
        let resolve = |choice| Ok(LAYERS.resolve(choice)?.into_choice());
        Ok(Self {
            inputs: self.inputs,
            image: self.image,
            layers: self.layers.iter().map(resolve).collect::<Result<_>>()?,
            loss: LOSSES.resolve(&self.loss)?.into_choice(),
        })
    }
}

/// The most rows of a batch, epochs, and epochs of patience: rows are counted in 32 bits.
const MOST: usize = u32::MAX as usize;

/// How a network is trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingSpec {
    /// Base learning rate η₀.
    pub learning_rate: f64,
    /// Rows of a mini-batch.
    pub batch_size: usize,
    /// Passes over the training rows, unless training stops earlier.
    pub epochs: usize,
    /// Epochs without a better validation loss after which training stops; absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patience: Option<usize>,
    /// λ of the penalty λ/2·‖W‖².
    #[serde(default)]
    pub l2: f64,
    /// Whether rows are shuffled before every epoch.
    pub shuffle: bool,
    /// Seed of all randomness.
    pub seed: u64,
    /// Precision of all computations.
    pub dtype: Dtype,
    /// How gradients become updates.
    pub optimizer: Choice,
    /// How the learning rate changes.
    pub schedule: Choice,
}

impl TrainingSpec {
    /// The same with every default written out, validated.
    ///
    /// # Errors
    /// Names what does not fit.
    pub fn resolve(&self) -> Result<Self> {
        let rate = self.learning_rate;
        if !(rate.is_finite() && rate > 0.0) {
            return Err(Error::invalid(
                "learning rate",
                rate.to_string(),
                "a number > 0",
            ));
        }
        let counts = [
            ("batch size", Some(self.batch_size)),
            ("epochs", Some(self.epochs)),
            ("patience", self.patience),
        ];
        for (name, count) in counts {
            if let Some(count) = count.filter(|count| !(1..=MOST).contains(count)) {
                let expected = format!("a whole number from 1 to {MOST}");
                return Err(Error::invalid(name, count.to_string(), expected));
            }
        }
        if !(self.l2.is_finite() && self.l2 >= 0.0) {
            return Err(Error::invalid("l2", self.l2.to_string(), "a number ≥ 0"));
        }
        Chain::build(&self.optimizer, self.l2)?;
        SCHEDULES.build(&self.schedule, &())?;
        Ok(Self {
            optimizer: OPTIMIZERS.resolve(&self.optimizer)?.into_choice(),
            schedule: SCHEDULES.resolve(&self.schedule)?.into_choice(),
            ..self.clone()
        })
    }
}
