//! `--continue`: training goes on from a model, on new rows.
//!
//! The model decides what rows mean (columns, classes, scaling) and what the network is; how it is
//! trained is taken from it too, unless arguments say otherwise. Where its run folder has a
//! checkpoint (`--keep-checkpoint`), training goes on from there, with the optimizer's memory; else
//! from the model's weights, with a fresh optimizer.

use std::path::{Path, PathBuf};

use thalweg_core::engine::{ParameterInfo, State};
use thalweg_core::error::Error;
use thalweg_core::initializers::output_bias;
use thalweg_core::observe::Memory;
use thalweg_core::spec::TrainingSpec;
use thalweg_core::train::{Checkpoint, EpochSums, Position};

use crate::checkpoint::Stored;
use crate::config::{Config, DataConfig};
use crate::error::Result;
use crate::model::{Description, Model};
use crate::run_folder::RunFolder;

/// What a run goes on from.
pub struct Continuation {
    path: PathBuf,
    model: Model,
    stored: Option<Stored>,
}

impl Continuation {
    /// Reads a model file, or the folder of a run with what it has of a checkpoint.
    pub fn read(path: &Path) -> Result<Self> {
        let model = Model::load(path)?;
        let remedy = "remove it to go on from the model's weights";
        let stored = match path.is_dir() {
            true => Stored::read(&RunFolder::at(path), remedy)?,
            false => None,
        };
        let fits = |stored: &Stored| {
            stored.config().network == model.description().network
                && *stored.preprocessing() == model.description().preprocessing
        };
        if stored.as_ref().is_some_and(|stored| !fits(stored)) {
            let name = path.display().to_string();
            let error = Error::invalid(name, "a checkpoint of another model", "that of the model");
            return Err(error.remedy(remedy).into());
        }
        Ok(Self {
            path: path.to_owned(),
            model,
            stored,
        })
    }

    /// The description of the model.
    pub fn description(&self) -> &Description {
        self.model.description()
    }

    /// What stands in place of a config file: the model's settings, and this data part as the model
    /// wants it.
    pub fn config(&self, mut data: DataConfig) -> Config {
        let Description {
            network,
            training,
            preprocessing,
            missing,
            not_missing,
            judging,
            ..
        } = self.description();
        data.read.missing.extend(missing.iter().cloned());
        data.read.not_missing.extend(not_missing.iter().cloned());
        data.target.column = Some(preprocessing.target.columns.join(","));
        data.target.task = Some(preprocessing.task());
        Config {
            continue_from: Some(self.path.clone()),
            judging: judging.clone(),
            ..Config::new(data, network.clone(), training.clone())
        }
    }

    /// Refuses a config whose network is not that of the model.
    pub fn check(&self, config: &Config) -> Result<()> {
        let (ours, theirs) = (&config.network, &self.description().network);
        if ours == theirs {
            return Ok(());
        }
        let found = match (ours.loss == theirs.loss, ours.layers == theirs.layers) {
            (false, _) => format!("the loss {}", ours.loss),
            (_, false) => "other layers".to_owned(),
            _ => format!("{} inputs", ours.inputs),
        };
        let subject = format!("`continue_from` {}", self.path.display());
        let error = Error::invalid(subject, found, "the network of the model");
        Err(error
            .remedy("leave that to the model, or train a new one from its `initial_weights`")
            .into())
    }

    /// Where training goes on, for a network of these tensors, and a line about it.
    pub fn checkpoint(
        &self,
        training: &TrainingSpec,
        parameters: &[ParameterInfo],
    ) -> Result<(Checkpoint, String)> {
        let name = self.path.display();
        if let Some(stored) = &self.stored {
            let mut checkpoint = stored.checkpoint(parameters)?;
            let mut how = "with its optimizer's memory".to_owned();
            if let Some(difference) = difference(&stored.config().training, training) {
                (checkpoint.state.slots, checkpoint.step) = (Vec::new(), 0);
                how = format!("with a fresh optimizer: its memory was of {difference}");
            }
            let line = format!("continues {name} after epoch {}, {how}", checkpoint.epoch);
            return Ok((checkpoint, line));
        }
        let Description {
            outcome,
            network,
            prior_shift,
            ..
        } = self.description();
        let epoch = outcome.epochs;
        let mut values = self.model.parameters(parameters)?;
        // Training goes on where it was before the correction of probabilities.
        if let (Some(shift), Some((biases, _))) = (prior_shift, output_bias(parameters, network)?) {
            let biases = values[biases].iter_mut();
            biases.zip(shift).for_each(|(bias, shift)| *bias -= shift);
        }
        let checkpoint = Checkpoint {
            epoch,
            step: 0,
            origin: Position::default(),
            state: State {
                parameters: values,
                slots: Vec::new(),
            },
            best: None,
            memory: Memory {
                mean_weight: outcome.mean_weight,
                ..Memory::default()
            },
            sums: EpochSums::default(),
        };
        let line = format!("continues {name} from its weights, with a fresh optimizer");
        Ok((checkpoint, line))
    }
}

/// The first setting by which the optimizer's memory would mean something else in `new` than in
/// `old`, as `old` has it.
fn difference(old: &TrainingSpec, new: &TrainingSpec) -> Option<String> {
    let (theirs, ours) = (&old.optimizer, &new.optimizer);
    if theirs.name != ours.name {
        return Some(theirs.name.clone());
    }
    let mut settings = theirs.settings.iter();
    if let Some((name, value)) =
        settings.find(|(name, value)| ours.settings.get(*name) != Some(value))
    {
        return Some(format!("{}({name}={value})", theirs.name));
    }
    if old.ema != new.ema {
        return Some(match old.ema {
            Some(beta) => format!("the average of `training.ema` {beta}"),
            None => "a run without `training.ema`".to_owned(),
        });
    }
    // Slots are as large as gradients, which are those of a mean or of a sum.
    (old.reduction != new.reduction).then(|| "gradients of another `training.reduction`".to_owned())
}
