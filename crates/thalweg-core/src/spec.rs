//! What a network and a training run are, as plain data that the command line, config files, the model
//! file and every engine share.

use serde::{Deserialize, Serialize};

use crate::augmentations;
use crate::error::{Error, Result};
use crate::layers::{self, LAYERS, Shape};
use crate::losses::LOSSES;
use crate::optimizers;
use crate::precision::Dtype;
use crate::registry::{Choice, Domain, Setting};
use crate::rules;
use crate::schedules::SCHEDULES;

pub(crate) mod batches;
pub(crate) mod rate;
pub(crate) mod stop;

pub use batches::{Batches, LastBatch, Reduction, Sampling};
pub use rate::{Plateau, ScaleRate};
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

    /// Whether its last layer puts out probabilities, as behind a sigmoid.
    ///
    /// # Errors
    /// If a layer does not fit.
    pub fn ends_in_probabilities(&self) -> Result<bool> {
        let nodes = layers::build(self.shape(), &self.layers, Dtype::default())?;
        Ok((nodes.iter()).fold(false, |input, node| node.part.is_probability(input)))
    }

    /// The same with every default written out, validated: all names exist, all settings are in range,
    /// all layers fit.
    ///
    /// # Errors
    /// Names the layer, setting or loss that does not fit.
    pub fn resolve(&self) -> Result<Self> {
        if self.inputs == 0 {
            return Err(Error::invalid("network", "no inputs", "at least 1").at("inputs"));
        }
        if self.layers.is_empty() {
            return Err(Error::invalid(
                "network",
                "no layers",
                "at least an output layer",
            ));
        }
        let values = |image: [usize; 3]| image.iter().try_fold(1usize, |a, b| a.checked_mul(*b));
        if self
            .image
            .is_some_and(|image| values(image) != Some(self.inputs))
        {
            let found = format!("images of {} for {} inputs", self.shape(), self.inputs);
            let expected = "channels · lines · pixels = inputs";
            return Err(Error::invalid("network", found, expected).at("image"));
        }
        let ends_in_probabilities = self.ends_in_probabilities()?;
        let of_loss = |error: Error| error.at("loss");
        let loss = LOSSES.build(&self.loss, &()).map_err(of_loss)?;
        if loss.takes_logits() && ends_in_probabilities {
            let last = self.layers.len() - 1;
            let (name, loss) = (&self.layers[last].name, &self.loss.name);
            let subject = format!("layer {} ({name}) and loss {loss}", last + 1);
            let found = "probabilities for a loss that takes logits";
            return Err(Error::invalid(subject, found, "a linear last layer")
                .remedy("leave out its activation: the loss has its own")
                .at(&format!("layers.{last}.activation")));
        }
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

impl TrainingSpec {
    /// The same with every default written out, validated.
    ///
    /// # Errors
    /// Names what does not fit.
    pub fn resolve(&self) -> Result<Self> {
        let rate = self.learning_rate;
        if !Domain::POSITIVE.contains(rate) {
            let expected = Domain::POSITIVE.to_string();
            let error = Error::invalid("learning rate", rate.to_string(), expected);
            return Err(error.at("learning_rate"));
        }
        rules::check(self)?;
        self.check_batches()?;
        let of_optimizer = |error: Error| error.at("optimizer");
        let optimizer = optimizers::resolve(&self.optimizer).map_err(of_optimizer)?;
        if optimizers::is_solver(&optimizer) {
            self.check_solver()?;
        }
        let schedule = (SCHEDULES.build(&self.schedule, &()))
            .and_then(|_| SCHEDULES.resolve(&self.schedule))
            .map_err(|error| error.at("schedule"))?;
        let augment = augmentations::resolve(&self.augment);
        Ok(Self {
            optimizer,
            schedule: schedule.into_choice(),
            augment: augment.map_err(|error| error.at("augment"))?,
            ..self.clone()
        })
    }

    /// What would count rows twice, or never show some of them.
    fn check_batches(&self) -> Result<()> {
        let Batches {
            reshuffle,
            last,
            sampling,
        } = self.batches;
        if last == LastBatch::Weight && self.reduction == Reduction::Sum {
            let found =
                "`weight` with the gradient of the sum, where every row counts the same already";
            let error = Error::invalid("last batch", found, "one of them").at("batches.last");
            return Err(error.remedy("keep the last batch, or choose the reduction mean"));
        }
        if sampling == Sampling::Balanced && !(self.shuffle && reshuffle) {
            let found = "`balanced` with the same rows of frequent classes in every epoch";
            let expected = "rows shuffled before every epoch";
            let error = Error::invalid("sampling", found, expected).at("batches.sampling");
            return Err(error.remedy("let rows be shuffled, or choose stratified"));
        }
        Ok(())
    }

    /// Solvers see all rows at once, minimize mean loss and `l2` alone, and find their own steps.
    fn check_solver(&self) -> Result<()> {
        if self.dtype != Dtype::F64 {
            let subject = format!("optimizer {}", self.optimizer.name);
            let found = format!("precision {}", self.dtype);
            return Err(Error::invalid(subject, found, "precision f64").remedy("add --dtype f64"));
        }
        if self.reduction == Reduction::Sum {
            let subject = format!("optimizer {}", self.optimizer.name);
            let error = Error::invalid(subject, "reduction `sum`", "reduction `mean`");
            return Err(error.remedy("solvers minimize the mean loss over all rows: choose mean"));
        }
        let plain = Batches::default();
        let refused = [
            ("l1", self.l1 != 0.0),
            ("l2_sum", self.l2_sum != 0.0),
            ("max_norm", self.max_norm.is_some()),
            ("clip_norm", self.clip_norm.is_some()),
            ("clip_value", self.clip_value.is_some()),
            ("sam", self.sam.is_some()),
            ("ema", self.ema.is_some()),
            ("plateau", self.plateau.is_some()),
            ("scale_rate", self.scale_rate.is_some()),
            ("no_reshuffle", !self.batches.reshuffle),
            ("last_batch", self.batches.last != plain.last),
            ("sampling", self.batches.sampling != plain.sampling),
            ("augment", !self.augment.is_empty()),
        ];
        match refused.iter().find(|(_, is_set)| *is_set) {
            Some((name, _)) => {
                let subject = format!("optimizer {}", self.optimizer.name);
                let error = Error::invalid(subject, format!("`{name}`"), "loss and l2 alone");
                Err(error.remedy(format!("leave out {name}, or choose another optimizer")))
            }
            None => Ok(()),
        }
    }
}
