//! A run as plain data, with everything resolved: what `config.toml` holds, and all that determines
//! a model.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thalweg_core::error::Error;
use thalweg_core::metrics::Threshold;
use thalweg_core::registry::Choice;
use thalweg_core::spec::{Batches, NetworkSpec, TrainingSpec};
use thalweg_data::error::quote;
use thalweg_data::{Extend, FitOptions, ReadOptions, SplitBy, SplitOptions, TargetOptions};

use crate::error::Error::Settings;
use crate::error::{Result, input};
use crate::format;
use crate::leaves::leaves;
use crate::network_file::NetworkFile;
use crate::toml_file::TomlFile;

/// A resolved run. The number of threads is not part of it, because results do not depend on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Version of the format: [`FORMAT`].
    #[serde(default)]
    pub format: u32,
    /// A model, a run folder or any safetensors file whose weights training starts from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial_weights: Option<PathBuf>,
    /// What tensors or layers of that file are called here: `THEIRS=OURS`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub weight_names: Vec<String>,
    /// A model, or the folder of a run, that training goes on from: its preprocessing and network
    /// hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub continue_from: Option<PathBuf>,
    /// Where the biases of the output layer start.
    #[serde(default)]
    pub output_bias: OutputBias,
    /// Whether the hidden layers begin with weights and biases that suit rows of the data.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub init_by_data: bool,
    /// What its rows add to the model that training goes on from.
    #[serde(default, skip_serializing_if = "Extend::is_nothing")]
    pub extend: Extend,
    /// Whether the recipe is trained once more on all rows, for the epochs that were best.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub refit: bool,
    /// How many models are averaged; absent for a single one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ensemble: Option<Ensemble>,
    /// Whether a linear model takes the place of the network where its validation loss is lower.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub or_linear: bool,
    /// The share of the targets that an interval around each prediction is to hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<f64>,
    /// Whether means are predicted of targets that are learned as logarithms, and not medians.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub smearing: bool,
    /// What is chosen by the validation rows.
    #[serde(default, skip_serializing_if = "Judging::is_default")]
    pub judging: Judging,
    /// Where rows come from and what becomes of them.
    pub data: DataConfig,
    /// The network.
    pub network: NetworkSpec,
    /// How it is trained.
    pub training: TrainingSpec,
}

/// The version of this format: newer ones are refused. Files without it are those from before it.
pub const FORMAT: u32 = 2;

/// The first format of which weights act fully at every batch size.
pub(crate) const FULL_WEIGHTS: u32 = 2;

/// Where the biases of the output layer start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum OutputBias {
    /// At 0.
    #[default]
    Zero,
    /// Where the network predicts the shares of the classes, or the mean of the targets.
    Prior,
}

/// Models whose predictions are averaged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ensemble {
    /// How many there are.
    pub members: usize,
    /// In what they differ.
    #[serde(default)]
    pub by: EnsembleBy,
    /// Into how many folds the rows are dealt; absent: as many as a recipe has members.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folds: Option<usize>,
    /// The recipes of equal parts of the members, one after another; none: all have that of the run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recipes: Vec<Recipe>,
}

/// A network, and how it is trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// The network.
    pub network: NetworkSpec,
    /// How it is trained; the seed is that of the member.
    pub training: TrainingSpec,
}

impl Ensemble {
    /// Members of each recipe.
    fn of_each(&self) -> usize {
        (self.members / self.recipes.len().max(1)).max(1)
    }

    /// Into how many folds the rows are dealt, if they are.
    pub fn folds(&self) -> Option<usize> {
        (self.by == EnsembleBy::Folds).then(|| self.folds.unwrap_or(self.of_each()))
    }

    /// The fold on which a member validates, if it has one.
    pub fn fold(&self, member: usize) -> Option<usize> {
        self.folds().map(|folds| member % folds)
    }

    /// Which of the recipes a member has.
    pub fn recipe(&self, member: usize) -> usize {
        member / self.of_each()
    }
}

/// In what the members of an ensemble differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum EnsembleBy {
    /// In their seeds alone.
    #[default]
    Seeds,
    /// In their rows too: each validates on a fold of its own and trains on the others.
    Folds,
}

/// What is chosen by the validation rows, and by what.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Judging {
    /// What chooses the best epoch and stops by patience; absent: the validation loss.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric: Option<Choice>,
    /// What chooses the probability from which class 1, or a label, is answered; absent: ½, or what
    /// the weights of classes ask for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<Threshold>,
    /// Whether probabilities have a temperature that is fitted on the validation rows.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub temperature: bool,
}

impl Judging {
    /// The name of the metric.
    pub(crate) fn metric_name(&self) -> Option<&str> {
        self.metric.as_ref().map(|metric| metric.name.as_str())
    }

    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Where rows come from and what becomes of them. Paths are absolute, so that the file works
/// anywhere.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// DATA, as on the command line.
    pub source: String,
    /// A file to test on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<PathBuf>,
    /// A file to watch training on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<PathBuf>,
    /// How files are read.
    #[serde(default)]
    pub read: ReadOptions,
    /// Target and task.
    #[serde(default)]
    pub target: TargetOptions,
    /// Rows kept for test and validation.
    #[serde(default)]
    pub split: SplitOptions,
    /// Preprocessing. Targets are never standardized for a loss of counts.
    #[serde(default)]
    pub fit: FitOptions,
}

/// The source of rows that a program lends to a run: no file has them.
pub const IN_MEMORY: &str = "(rows in memory)";

const HEAD: &str = "\
# Everything that determines this model. `thalweg train --config THIS_FILE` trains it again, bit for bit.\n\n";

#[derive(Deserialize)]
struct Versioned {
    format: Option<u64>,
}

impl DataConfig {
    /// How to get more validation rows.
    pub(crate) fn more_validation(&self) -> String {
        match &self.split.by {
            SplitBy::Column(column) => {
                format!(
                    "write \"validation\" in more rows of column {}",
                    quote(column)
                )
            }
            _ => "choose a larger `data.split.validation_fraction`".to_owned(),
        }
    }

    /// The rows of a source, with every option at its default.
    pub fn of(source: impl Into<String>) -> Self {
        Self {
            source: source.into(),
            test: None,
            validation: None,
            read: ReadOptions::default(),
            target: TargetOptions::default(),
            split: SplitOptions::default(),
            fit: FitOptions::default(),
        }
    }
}

impl Config {
    /// A run that begins anew, with the biases of the output layer at zero.
    pub fn new(data: DataConfig, network: NetworkSpec, training: TrainingSpec) -> Self {
        Self {
            format: FORMAT,
            initial_weights: None,
            weight_names: Vec::new(),
            continue_from: None,
            output_bias: OutputBias::Zero,
            init_by_data: false,
            extend: Extend::default(),
            refit: false,
            ensemble: None,
            or_linear: false,
            judging: Judging::default(),
            interval: None,
            smearing: false,
            data,
            network,
            training,
        }
    }

    /// Reads a config file, whose layers may have the short forms of a [`NetworkFile`].
    ///
    /// # Errors
    /// Names the file, the line, and what is not valid.
    pub fn read(path: &Path) -> Result<Self> {
        let file = TomlFile::read(path)?;
        // A newer file may have fields that are not known here.
        let Versioned { format } = file.parse()?;
        format::check(path.display(), format, FORMAT)?;
        let mut config: Self = file.parse()?;
        let network = NetworkFile::of_config(file.clone(), config.network.layers);
        config.network.layers = network.written_out()?;
        (config.network.resolve()).map_err(|error| Settings(network.locate(error)))?;
        (config.training.resolve()).map_err(|error| Settings(file.locate("training", error)))?;
        for recipe in config
            .ensemble
            .iter()
            .flat_map(|ensemble| &ensemble.recipes)
        {
            let checked = (recipe.network.resolve()).and(recipe.training.resolve().map(drop));
            checked.map_err(|error| Settings(file.locate("ensemble", error)))?;
        }
        if config.data.fit.embed_least == 0 {
            let error = Error::invalid("embed_least", "0", "a whole number ≥ 1").at("embed_least");
            return Err(Settings(file.locate("data.fit", error)));
        }
        Ok(config)
    }

    /// The network of a config file, as it is written there.
    pub fn network_file(path: &Path) -> Result<NetworkFile> {
        let file = TomlFile::read(path)?;
        let config: Self = file.parse()?;
        Ok(NetworkFile::of_config(file, config.network.layers))
    }

    /// The entries of everything but the network and the readings of columns that differ from
    /// their defaults: path, value, default if it has one.
    pub fn differences(&self) -> Vec<(String, String, Option<String>)> {
        let data = DataConfig::of(&self.data.source);
        let mut usual = leaves(&Self::new(
            data,
            self.network.clone(),
            TrainingSpec::default(),
        ));
        // Left out where all of it is at its default.
        let batches = leaves(&Batches::default()).into_iter();
        usual.extend(batches.map(|(path, value)| (format!("training.batches.{path}"), value)));
        let is_shown = |path: &str| {
            let hidden = ["format", "network.", "data.read.columns."];
            !hidden.iter().any(|hidden| path.starts_with(hidden))
        };
        let differs = |(path, value): (String, String)| {
            let default = usual.get(&path);
            (is_shown(&path) && default != Some(&value)).then(|| (path, value, default.cloned()))
        };
        leaves(self).into_iter().filter_map(differs).collect()
    }

    /// The contents of `config.toml`.
    pub fn to_toml(&self) -> Result<String> {
        let text = toml::to_string(self).map_err(|error| input(error.to_string()))?;
        Ok(format!("{HEAD}{text}"))
    }

    /// The first entry in which `other` differs, whatever their formats: its name, ours and theirs.
    pub fn difference(&self, other: &Self) -> Option<(String, String, String)> {
        let value = |config: &Self| {
            let format = FORMAT;
            let config = Self {
                format,
                ..config.clone()
            };
            serde_json::to_value(config).unwrap_or_default()
        };
        difference("", &value(self), &value(other))
    }
}

fn difference(
    name: &str,
    ours: &serde_json::Value,
    theirs: &serde_json::Value,
) -> Option<(String, String, String)> {
    use serde_json::Value::{Array, Null, Object};
    if ours == theirs {
        return None;
    }
    if let (Object(a), Object(b)) = (ours, theirs) {
        let of = |map: &serde_json::Map<_, _>, key: &String| map.get(key).cloned().unwrap_or(Null);
        return a.keys().chain(b.keys()).find_map(|key| {
            let name = if name.is_empty() {
                key.clone()
            } else {
                format!("{name}.{key}")
            };
            difference(&name, &of(a, key), &of(b, key))
        });
    }
    if let (Array(a), Array(b)) = (ours, theirs)
        && a.len() == b.len()
    {
        let pairs = a.iter().zip(b).enumerate();
        let mut each = pairs.map(|(index, (a, b))| difference(&format!("{name}.{index}"), a, b));
        return each.find_map(|found| found);
    }
    Some((name.to_owned(), ours.to_string(), theirs.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_that_of_the_entry_and_not_of_the_list_that_it_is_in() {
        let layers = |units: &[i64]| {
            let layers = units
                .iter()
                .map(|units| serde_json::json!({ "units": units }));
            serde_json::json!({ "network": { "layers": layers.collect::<Vec<_>>() } })
        };
        let told = |ours: &[i64], theirs: &[i64]| difference("", &layers(ours), &layers(theirs));
        assert_eq!(told(&[4, 3], &[4, 3]), None);
        let (name, ours, theirs) = told(&[4, 3], &[4, 5]).unwrap();
        assert_eq!(
            (&*name, &*ours, &*theirs),
            ("network.layers.1.units", "3", "5")
        );
        assert_eq!(told(&[4], &[4, 5]).unwrap().0, "network.layers");
    }
}
