//! The way to train from a program.

use std::path::PathBuf;

use serde_json::Value;
use thalweg_core::dataset::{DatasetRef, FeaturesRef, TargetsRef};
use thalweg_core::engine::StepReport;
use thalweg_core::losses::{AnyLoss, Link};
use thalweg_core::observe::EpochReport;
use thalweg_core::registry::{Choice, Setting};
use thalweg_core::train::{Flow, Observer, Run};
use thalweg_data::Note;

use crate::config::Config;
use crate::error::{Error, Result};
use crate::fit::{Ended, Watch};
use crate::job::{Base, Job, Options, Output};
use crate::model::Model;
use crate::request::Request;
use crate::rows::Borrowed;

/// Trains a model: from where, to what, and how. Everything that is not set is chosen by what the
/// data are.
///
/// ```
/// let model = thalweg::Trainer::from_file("builtin:iris").hidden(&[16]).epochs(30).fit()?;
/// let predictions = model.predict_file("builtin:iris")?;
/// assert_eq!(predictions.labels()[0], "setosa");
/// # Ok::<(), thalweg::Error>(())
/// ```
#[derive(Default)]
pub struct Trainer<'a> {
    request: Request,
    rows: Option<Borrowed<'a>>,
    options: Options,
    callbacks: Callbacks<'a>,
    /// The first setting that was refused.
    refused: Option<Error>,
}

/// Closures that watch a run.
#[derive(Default)]
struct Callbacks<'a> {
    step: Option<Box<OnStep<'a>>>,
    epoch: Option<Box<OnEpoch<'a>>>,
    note: Option<Box<OnNote<'a>>>,
}

type OnStep<'a> = dyn FnMut(u64, &StepReport) -> Flow + 'a;
type OnEpoch<'a> = dyn FnMut(&EpochReport) -> Flow + 'a;
type OnNote<'a> = dyn FnMut(&Note) + 'a;

impl<'a> Trainer<'a> {
    /// From a table or images: a file (CSV, IDX, `.npy`, `.npz`; also gzipped), a folder, or
    /// `builtin:NAME`.
    pub fn from_file(source: impl Into<String>) -> Self {
        let mut trainer = Self::default();
        trainer.request.source(source);
        trainer
    }

    /// From rows in memory, which are trained on as they are, without a copy: row-major features,
    /// and as targets a class a row (`&[u32]`), a number a row (`&[f64]`), or several.
    ///
    /// ```
    /// use thalweg::dataset::FeaturesRef;
    /// // y = x₁ XOR x₂.
    /// let (x, y) = ([0.0f32, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0], [0u32, 1, 1, 0]);
    /// let model = thalweg::Trainer::from_rows(FeaturesRef::f32(2, &x), &y[..])
    ///     .hidden(&[8])
    ///     .activation("tanh")
    ///     .optimizer("adam")
    ///     .learning_rate(0.05)
    ///     .epochs(500)
    ///     .fit()?;
    /// let probabilities = model.predict(FeaturesRef::f32(2, &x))?;
    /// assert!(probabilities[0] < 0.5 && probabilities[1] > 0.5);
    /// # Ok::<(), thalweg::Error>(())
    /// ```
    pub fn from_rows(features: FeaturesRef<'a>, targets: impl Into<TargetsRef<'a>>) -> Self {
        Self {
            rows: Some(Borrowed {
                train: dataset(features, targets.into()),
                validation: None,
                test: None,
            }),
            ..Self::default()
        }
    }

    /// A weight for each of the rows in memory.
    #[must_use]
    pub fn weights(mut self, weights: &'a [f32]) -> Self {
        if let Some(rows) = &mut self.rows {
            rows.train.weights = Some(weights);
        }
        self
    }

    /// Rows in memory to watch training on: the model is that of the best epoch on them.
    #[must_use]
    pub fn validate_on(
        mut self,
        features: FeaturesRef<'a>,
        targets: impl Into<TargetsRef<'a>>,
    ) -> Self {
        if let Some(rows) = &mut self.rows {
            rows.validation = Some(dataset(features, targets.into()));
        }
        self
    }

    /// From a config, whose rows and settings hold unless others are set.
    pub fn from_config(config: Config) -> Self {
        let mut trainer = Self::default();
        trainer.options.base = Base::Config(Box::new(config));
        trainer
    }

    /// The column to predict; several as `a,b`.
    #[must_use]
    pub fn target(self, column: &str) -> Self {
        self.set("data.target.column", column)
    }

    /// Widths of the hidden layers; none for a linear model.
    #[must_use]
    pub fn hidden(self, widths: &[usize]) -> Self {
        self.set("mlp.hidden", widths.to_vec())
    }

    /// The activation of the hidden layers.
    #[must_use]
    pub fn activation(self, name: &str) -> Self {
        self.set("mlp.activation", name)
    }

    /// The layers, by the names of `thalweg list layers`; the last may leave its `units` to the
    /// data.
    #[must_use]
    pub fn layers(mut self, layers: Vec<Choice>) -> Self {
        self.request.layers(layers);
        self
    }

    /// The loss, by its name.
    #[must_use]
    pub fn loss(self, name: &str) -> Self {
        self.set("network.loss", name)
    }

    /// A loss of your own, such as a [`Custom`](crate::losses::Custom) one.
    ///
    /// A file has no name for it: config and model file name the loss of the catalogue that makes
    /// the same predictions of the network's outputs.
    #[must_use]
    pub fn own_loss(mut self, loss: impl AnyLoss + 'static) -> Self {
        let same = match loss.link() {
            Link::Identity | Link::Quantiles(_) => "mse",
            Link::Exponential => "poisson",
            Link::Sigmoid => "logistic",
            Link::Softmax => "cross_entropy",
            Link::Margin => "hinge",
            Link::Scores => "multiclass_hinge",
        };
        self.options.loss = Some(Box::new(loss));
        self.loss(same)
    }

    /// How gradients become updates: a name, or a choice with settings.
    #[must_use]
    pub fn optimizer(self, optimizer: impl Into<Setting>) -> Self {
        let value = serde_json::to_value(optimizer.into()).unwrap_or_default();
        self.set("training.optimizer", value)
    }

    /// The learning rate.
    #[must_use]
    pub fn learning_rate(self, rate: f64) -> Self {
        self.set("training.learning_rate", rate)
    }

    /// Rows of a mini-batch.
    #[must_use]
    pub fn batch_size(self, rows: usize) -> Self {
        self.set("training.batch_size", rows)
    }

    /// Passes over the rows.
    #[must_use]
    pub fn epochs(self, epochs: usize) -> Self {
        self.set("training.epochs", epochs)
    }

    /// The seed of splits, weights and shuffles.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        self.set("training.seed", seed)
    }

    /// Sets any field, by its path in a config: see [`crate::fields`]. What is wrong with it is the
    /// error of [`Trainer::fit`].
    #[must_use]
    pub fn set(mut self, path: &str, value: impl Into<Value>) -> Self {
        let set = self.request.set(path, value);
        self.refused = self.refused.or(set.err());
        self
    }

    /// Sets a setting of an entry, such as `optimizer.beta1`, of loss, optimizer, schedule,
    /// activation or initializer.
    #[must_use]
    pub fn setting(mut self, name: &str, value: Setting) -> Self {
        let set = self.request.setting(name, value);
        self.refused = self.refused.or(set.err());
        self
    }

    /// Threads, on which results do not depend; else all of the machine's.
    #[must_use]
    pub fn threads(mut self, threads: usize) -> Self {
        self.options.threads = Some(threads);
        self
    }

    /// Writes config, log, checkpoints and model into this folder; without one nothing is written.
    #[must_use]
    pub fn folder(mut self, path: impl Into<PathBuf>) -> Self {
        self.options.output = Output::Folder(path.into());
        self
    }

    /// Records loss, rate and gradient norm of updates in the log of the folder.
    #[must_use]
    pub fn log_steps(mut self) -> Self {
        self.options.log_steps = true;
        self
    }

    /// Goes on with the run in the folder, if there is one, to the same result as without
    /// interruption.
    #[must_use]
    pub fn resume(mut self) -> Self {
        self.options.resume = true;
        self
    }

    /// Calls this after every update, with the number of updates so far.
    #[must_use]
    pub fn on_step(mut self, call: impl FnMut(u64, &StepReport) -> Flow + 'a) -> Self {
        self.callbacks.step = Some(Box::new(call));
        self
    }

    /// Calls this after every epoch, of an ensemble after every epoch of each member.
    ///
    /// ```
    /// use thalweg::train::Flow;
    /// let mut losses = Vec::new();
    /// thalweg::Trainer::from_file("builtin:iris")
    ///     .epochs(30)
    ///     .on_epoch(|epoch| {
    ///         losses.push(epoch.train_loss);
    ///         if epoch.train_loss < 0.3 { Flow::Stop } else { Flow::Continue }
    ///     })
    ///     .fit()?;
    /// assert!(losses.len() <= 30);
    /// # Ok::<(), thalweg::Error>(())
    /// ```
    #[must_use]
    pub fn on_epoch(mut self, call: impl FnMut(&EpochReport) -> Flow + 'a) -> Self {
        self.callbacks.epoch = Some(Box::new(call));
        self
    }

    /// Calls this with every note on the data and the choices.
    #[must_use]
    pub fn on_note(mut self, call: impl FnMut(&Note) + 'a) -> Self {
        self.callbacks.note = Some(Box::new(call));
        self
    }

    /// Trains, and gives the model.
    ///
    /// # Errors
    /// If a setting, the data or a file is not as it should be; [`Error::Diverged`] if
    /// training diverged.
    pub fn fit(self) -> Result<Model> {
        self.train()?.into_model()
    }

    /// Trains, and gives everything that is known of the run: scores, config, reasons, model.
    ///
    /// # Errors
    /// As [`Trainer::fit`], but for a divergence, which [`Ended::failure`] says.
    pub fn train(self) -> Result<Ended> {
        if let Some(error) = self.refused {
            return Err(error);
        }
        let mut callbacks = self.callbacks;
        let mut tell = |note: &Note| {
            if let Some(call) = &mut callbacks.note {
                call(note);
            }
        };
        let job = Job::open(&self.request, self.rows, self.options, &mut tell)?;
        job.train(&mut callbacks)
    }
}

fn dataset<'a>(features: FeaturesRef<'a>, targets: TargetsRef<'a>) -> DatasetRef<'a> {
    DatasetRef {
        features,
        targets,
        weights: None,
    }
}

impl Observer for Callbacks<'_> {
    fn step(&mut self, run: &mut Run, report: &StepReport) -> thalweg_core::Result<Flow> {
        let call = self.step.as_mut();
        Ok(call.map_or(Flow::Continue, |call| call(run.step(), report)))
    }

    fn epoch(&mut self, _: &mut Run, report: &EpochReport) -> thalweg_core::Result<Flow> {
        let call = self.epoch.as_mut();
        Ok(call.map_or(Flow::Continue, |call| call(report)))
    }
}

impl Watch for Callbacks<'_> {
    fn member(&mut self, _: usize, report: Option<&EpochReport>) -> Result<Flow> {
        let call = self.epoch.as_mut().zip(report);
        Ok(call.map_or(Flow::Continue, |(call, report)| call(report)))
    }
}
