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
use thalweg_core::model_file::Tensor;
use thalweg_core::observe::Memory;
use thalweg_core::registry::Choice;
use thalweg_core::spec::{NetworkSpec, TrainingSpec};
use thalweg_core::train::{Checkpoint, EpochSums, Position};
use thalweg_data::{Note, Preprocessing, Task};

use crate::checkpoint::Stored;
use crate::config::{Config, DataConfig};
use crate::error::Result;
use crate::model::{Description, Model, Outcome};
use crate::network_file::MEMBERS;
use crate::numbers;
use crate::run_folder::RunFolder;
use crate::smearing;
use crate::temperature;

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
        model.refuse_ensemble("continue_from", "train it anew, with all rows")?;
        let remedy = "remove it to go on from the model's weights";
        let stored = match path.is_dir() {
            true => Stored::read(&RunFolder::at(path), remedy)?,
            false => None,
        };
        let fits = |stored: &Stored| {
            stored.config().network == model.description().network
                && *stored.preprocessing() == smearing::without(&model.description().preprocessing)
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

    /// Its preprocessing, without what the validation rows of its run added.
    pub fn preprocessing(&self) -> Preprocessing {
        smearing::without(&self.description().preprocessing)
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
            text,
            judging,
            ..
        } = self.description();
        data.read.missing.extend(missing.iter().cloned());
        data.read.before.clone_from(text);
        data.read.not_missing.extend(not_missing.iter().cloned());
        data.target.column = Some(preprocessing.target.columns.join(","));
        data.target.task = Some(preprocessing.task());
        Config {
            continue_from: Some(self.path.clone()),
            judging: judging.clone(),
            interval: self
                .description()
                .interval
                .as_ref()
                .map(|interval| interval.coverage),
            smearing: preprocessing
                .target_scaling
                .iter()
                .any(|one| one.smearing.is_some()),
            ..Config::new(data, network.clone(), training.clone())
        }
    }

    /// Refuses a config whose network is not that of the model.
    pub fn check(&self, config: &Config) -> Result<()> {
        let (ours, theirs) = (&config.network, &self.extended(config));
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

    /// The network of the model with what the rows of a config add to it.
    fn extended(&self, config: &Config) -> NetworkSpec {
        let mut network = self.description().network.clone();
        if config.extend.columns {
            network.inputs = config.network.inputs;
        }
        if config.extend.classes {
            let last = network.layers.last_mut();
            if let (Some(theirs), Some(ours)) = (last, config.network.layers.last())
                && let Some(units) = ours.settings.get("units")
            {
                theirs.settings.insert("units".to_owned(), units.clone());
            }
            if self.is_grown_from_two(config) {
                network.loss.clone_from(&config.network.loss);
            }
        }
        network
    }

    /// Of two classes a model has one output, of more a distribution: where rows add a class, the loss
    /// changes with the `task`.
    pub fn fit_loss(&self, config: &mut Config, task: Task) {
        let is_new = task != self.description().preprocessing.task();
        if is_new && config.extend.classes && config.network.loss.name == "logistic" {
            config.network.loss = Choice::new("cross_entropy");
        }
    }

    /// Whether the one output of two classes becomes one for each of several.
    fn is_grown_from_two(&self, config: &Config) -> bool {
        let of_two = self.description().preprocessing.task() == Task::Binary;
        of_two && config.data.target.task == Some(Task::Multiclass)
    }

    /// Where training goes on for a network that the rows have extended: from the model's weights in
    /// `drawn`, which has those of the new outputs.
    ///
    /// # Errors
    /// Names the tensor that is no part of the extended one, or the layer that takes no more inputs.
    pub fn grown(
        &self,
        config: &Config,
        parameters: &[ParameterInfo],
        mut drawn: Vec<f64>,
    ) -> Result<(Checkpoint, String)> {
        self.check_grows(config)?;
        let mut rest = &mut drawn[..];
        let is_from_two = self.is_grown_from_two(config);
        for info in parameters {
            let (values, after) = rest.split_at_mut(info.shape.iter().product());
            rest = after;
            let found = self
                .model
                .tensors()
                .iter()
                .find(|tensor| tensor.name == info.name);
            if !found.is_some_and(|tensor| grow(tensor, &info.shape, values, is_from_two)) {
                let place = format!("{}: {}", self.path.display(), info.name);
                let shape = found.map(|tensor| &tensor.shape[..]).unwrap_or_default();
                let expected = format!("a part of {:?}", info.shape);
                return Err(Error::invalid(place, format!("{shape:?}"), expected).into());
            }
        }
        let first = usize::from(is_from_two);
        self.take_back_shift(&mut drawn, parameters, &config.network, first)?;
        let name = self.path.display();
        let line = format!("continues {name} from its weights, with a fresh optimizer");
        Ok((self.beginning_at(drawn), line))
    }

    /// Refuses more inputs in front of layers that put values of their own behind them, or a factor
    /// before each; and more of either for members, whose tensors lie one behind the other.
    fn check_grows(&self, config: &Config) -> Result<()> {
        let ours = &config.network;
        let (field, expected) = match ours.inputs == self.description().network.inputs {
            true => ("extend.classes", "one whose last layer is a dense one"),
            false => (
                "extend.columns",
                "one whose first dense layer reads the inputs",
            ),
        };
        let is_fixed = |layer: &&Choice| {
            let has_values = numbers::embeds(layer) || layer.name == "scale";
            layer.name == MEMBERS || (has_values && field == "extend.columns")
        };
        let Some(layer) = ours.layers.iter().find(is_fixed) else {
            return Ok(());
        };
        let found = format!("a network with the layer {}", layer.name);
        let error = Error::invalid(format!("`{field}`"), found, expected).at(field);
        Err(error.remedy("leave it out, or train a new model").into())
    }

    fn beginning_at(&self, parameters: Vec<f64>) -> Checkpoint {
        Checkpoint {
            epoch: self.description().outcome.epochs,
            step: 0,
            origin: Position::default(),
            state: State {
                parameters,
                slots: Vec::new(),
            },
            best: None,
            memory: Memory {
                mean_weight: self.description().outcome.mean_weight,
                ..Memory::default()
            },
            sums: EpochSums::default(),
        }
    }

    /// Training goes on where it was before the temperature and the correction of probabilities, which
    /// is of the outputs from `first` on.
    fn take_back_shift(
        &self,
        values: &mut [f64],
        parameters: &[ParameterInfo],
        network: &NetworkSpec,
        first: usize,
    ) -> Result<()> {
        if let Some(temperature) = self.description().temperature {
            temperature::multiply_logits(values, parameters, network, temperature)?;
        }
        let shift = self.description().prior_shift.as_ref();
        if let (Some(shift), Some((biases, _))) = (shift, output_bias(parameters, network)?) {
            let biases = values[biases].iter_mut().skip(first);
            let each = biases.zip(shift.iter().cycle());
            each.for_each(|(bias, shift)| *bias -= shift);
        }
        Ok(())
    }

    /// A note where a run that began after the epoch `origin` leaves the model as it was; then the best
    /// epoch is that of the model.
    pub(crate) fn not_better(&self, outcome: &mut Outcome, origin: usize) -> Option<Note> {
        if outcome.rows.validation == 0 || outcome.best_epoch != origin || origin == 0 {
            return None;
        }
        outcome.best_epoch = self.description().outcome.best_epoch;
        (outcome.epochs > origin).then(|| {
            Note::info(format!(
                "no epoch after {origin} is better on the validation rows than {}: the weights are those of its \
                 epoch {}",
                self.path.display(),
                outcome.best_epoch
            ))
        })
    }

    /// The model's weights as they were trained, for a network of these tensors.
    pub fn weights(&self, parameters: &[ParameterInfo]) -> Result<Vec<f64>> {
        let mut values = self.model.parameters(parameters)?;
        let network = &self.description().network;
        self.take_back_shift(&mut values, parameters, network, 0)?;
        Ok(values)
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
        let checkpoint = self.beginning_at(self.weights(parameters)?);
        let line = format!("continues {name} from its weights, with a fresh optimizer");
        Ok((checkpoint, line))
    }
}

/// Copies a tensor into a larger one: its rows into the first rows, of which further columns are 0;
/// of two classes, the one row becomes the second, and the first is 0: the same probabilities.
fn grow(from: &Tensor, shape: &[usize], into: &mut [f64], is_from_two: bool) -> bool {
    let (old, new) = match (&from.shape[..], shape) {
        (old, new) if old == new => {
            into.copy_from_slice(&from.values);
            return true;
        }
        ([rows, columns], [more, wider]) => ([*rows, *columns], [*more, *wider]),
        ([rows], [more]) => ([*rows, 1], [*more, 1]),
        _ => return false,
    };
    if new[0] < old[0] || new[1] < old[1] {
        return false;
    }
    let first = usize::from(is_from_two && old[0] == 1);
    for (row, into) in into.chunks_mut(new[1]).enumerate().take(first + old[0]) {
        into.fill(0.0);
        if let Some(row) = row.checked_sub(first) {
            into[..old[1]].copy_from_slice(&from.values[row * old[1]..][..old[1]]);
        }
    }
    true
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
