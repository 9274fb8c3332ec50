//! What a user asks of a run. What is not set is chosen by what the data are, or taken from the
//! config or the model that the run starts from.

use std::path::PathBuf;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use thalweg_core::activations::ACTIVATIONS;
use thalweg_core::error::Error;
use thalweg_core::initializers::INITIALIZERS;
use thalweg_core::layers::LAYERS;
use thalweg_core::losses::LOSSES;
use thalweg_core::metrics::METRICS;
use thalweg_core::registry::{AUTO, AnyRegistry, Choice, Setting, did_you_mean, unknown};
use thalweg_core::schedules::SCHEDULES;
use thalweg_core::solvers::OPTIMIZERS_AND_SOLVERS;
use thalweg_core::spec::TrainingSpec;

use crate::config::Config;
use crate::error::{Result, input};
use crate::fields::{self, FIELDS, Field, Values, field};
use crate::interval;
use crate::network_file::NetworkFile;

/// Fields by their paths, settings of entries, and layers.
#[derive(Debug, Clone, Default)]
pub struct Request {
    given: Vec<(&'static Field, Value)>,
    /// Section, path and value, in their order.
    settings: Vec<(&'static Section, String, Setting)>,
    layers: Option<NetworkFile>,
    pub(crate) source: Option<String>,
}

/// What has settings that a request may change.
struct Section {
    name: &'static str,
    /// The field that names the entry.
    path: &'static str,
    kind: fn() -> &'static dyn AnyRegistry,
}

impl std::fmt::Debug for Section {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

static SECTIONS: [Section; 9] = [
    Section {
        name: "loss",
        path: "network.loss",
        kind: || &LOSSES,
    },
    Section {
        name: "metric",
        path: "judging.metric",
        kind: || &METRICS,
    },
    Section {
        name: "optimizer",
        path: "training.optimizer",
        kind: || &OPTIMIZERS_AND_SOLVERS,
    },
    Section {
        name: "schedule",
        path: "training.schedule",
        kind: || &SCHEDULES,
    },
    Section {
        name: "decay_schedule",
        path: "training.decay_schedule",
        kind: || &SCHEDULES,
    },
    Section {
        name: "dropout_schedule",
        path: "training.dropout_schedule",
        kind: || &SCHEDULES,
    },
    Section {
        name: "embed_numbers",
        path: "mlp.embed_numbers",
        kind: || &LAYERS,
    },
    Section {
        name: "activation",
        path: "mlp.activation",
        kind: || &ACTIVATIONS,
    },
    Section {
        name: "initializer",
        path: "mlp.initializer",
        kind: || &INITIALIZERS,
    },
];

impl Request {
    /// Sets the field at `path`, such as `training.learning_rate` or `data.split.seed`.
    ///
    /// # Errors
    /// If there is no such field, or it does not take this value.
    pub fn set(&mut self, path: &str, value: impl Into<Value>) -> Result<()> {
        let Some(field) = field(path) else {
            let paths = FIELDS.iter().map(|field| field.path.as_str());
            let error = Error::invalid("request", format!("field {path:?}"), "a field of a run");
            return Err(error.remedy(did_you_mean(path, paths)).into());
        };
        let value = value.into();
        (field.values.check(&value)).map_err(|expected| {
            let expected = expected.trim_start_matches("expected ").to_owned();
            Error::invalid(format!("`{path}`"), value.to_string(), expected).at(path)
        })?;
        self.give(field, value);
        Ok(())
    }

    /// Sets where rows come from: DATA, as on the command line.
    pub fn source(&mut self, source: impl Into<String>) {
        self.source = Some(source.into());
    }

    /// Sets a field to a value that its declaration has checked.
    pub fn give(&mut self, field: &'static Field, value: Value) {
        self.given.retain(|(other, _)| other.path != field.path);
        self.given.push((field, value));
    }

    /// Changes a setting of an entry: `optimizer.beta1`, `schedule.then.floor`, of loss, metric,
    /// optimizer, schedules, the embedding of numbers, activation or initializer.
    ///
    /// # Errors
    /// If there is no such section.
    pub fn setting(&mut self, name: &str, value: Setting) -> Result<()> {
        let Some((section, path)) = name.split_once('.') else {
            let expected = "a section and a name such as optimizer.beta1";
            return Err(Error::invalid("`setting`", format!("`{name}`"), expected).into());
        };
        let Some(section) = SECTIONS.iter().find(|known| known.name == section) else {
            let names = SECTIONS.iter().map(|section| section.name);
            return Err(unknown("`setting`", section, names.collect::<Vec<_>>()).into());
        };
        self.settings.push((section, path.to_owned(), value));
        Ok(())
    }

    /// Sets the layers, which may have the short forms of a [`NetworkFile`]; the last may leave its
    /// `units` to the data.
    pub fn layers(&mut self, layers: Vec<Choice>) {
        self.layers = Some(NetworkFile::of_layers(layers));
    }

    /// The network that a file or [`Request::layers`] states.
    ///
    /// # Errors
    /// As [`NetworkFile::read`].
    pub(crate) fn network(&self) -> Result<Option<NetworkFile>> {
        match (&self.layers, self.path("mlp.file")) {
            (Some(layers), _) => Ok(Some(layers.clone())),
            (None, Some(path)) => NetworkFile::read(&path).map(Some),
            (None, None) => Ok(None),
        }
    }

    pub(crate) fn has_network(&self) -> bool {
        self.layers.is_some() || self.has("mlp.file")
    }

    /// The value of a field, if it is set.
    pub fn get(&self, path: &str) -> Option<&Value> {
        let mut given = self.given.iter();
        given
            .find(|(field, _)| field.path == path)
            .map(|(_, value)| value)
    }

    /// The fields that are set.
    pub fn fields(&self) -> impl Iterator<Item = &'static Field> {
        self.given.iter().map(|(field, _)| *field)
    }

    /// Whether a field is set.
    pub fn has(&self, path: &str) -> bool {
        self.get(path).is_some()
    }

    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.get(path)?.as_str()
    }

    pub(crate) fn path(&self, path: &str) -> Option<PathBuf> {
        fields::path(self.get(path)?)
    }

    pub(crate) fn count(&self, path: &str) -> Option<usize> {
        usize::try_from(self.get(path)?.as_u64()?).ok()
    }

    /// The widths of the hidden layers, if they are set.
    pub(crate) fn hidden(&self) -> Option<Vec<usize>> {
        let widths = self.get("mlp.hidden")?.as_array()?.iter();
        widths
            .map(|width| usize::try_from(width.as_u64()?).ok())
            .collect()
    }

    /// The entry that a field names, if it is set.
    pub(crate) fn choice(&self, path: &str) -> Option<Choice> {
        serde_json::from_value::<Setting>(self.get(path)?.clone())
            .ok()?
            .choice()
    }

    /// The loss with its settings, over that of a config, if there is one; else one of the quantiles
    /// that an interval asks for.
    ///
    /// # Errors
    /// If a setting leads through one that does not exist.
    pub(crate) fn loss(&self, base: Option<&Choice>) -> Result<Option<Choice>> {
        let coverage = self.get("interval").and_then(Value::as_f64);
        let named = self.choice("network.loss").or_else(|| base.cloned());
        let choice = named.or_else(|| coverage.map(interval::loss));
        choice
            .map(|choice| self.with_settings(choice, "loss"))
            .transpose()
    }

    /// Whether any setting is of this section.
    pub(crate) fn has_settings(&self, section: &str) -> bool {
        self.settings.iter().any(|(of, ..)| of.name == section)
    }

    /// The choice with the settings of its section, in their order.
    pub(crate) fn with_settings(&self, mut choice: Choice, section: &str) -> Result<Choice> {
        for (of, path, setting) in &self.settings {
            if of.name == section {
                choice.set((of.kind)(), path, setting.clone())?;
            }
        }
        Ok(choice)
    }

    /// The optimizer, with its settings, if one is named.
    pub(crate) fn optimizer(&self) -> Result<Option<Choice>> {
        let named = self.choice("training.optimizer");
        named
            .map(|choice| self.with_settings(choice, "optimizer"))
            .transpose()
    }

    /// Whether the user chose what the field at `path` is.
    pub(crate) fn chooses(&self, path: &str) -> bool {
        let section = SECTIONS.iter().find(|section| section.path == path);
        let by_layers = ["mlp.hidden", "mlp.activation"].contains(&path) && self.has_network();
        let is_linear = path == "mlp.activation" && self.hidden().is_some_and(|all| all.is_empty());
        self.has(path)
            || section.is_some_and(|section| self.has_settings(section.name))
            || by_layers
            || is_linear
    }

    /// Sets what is given of the fields below `table`, over what is there.
    ///
    /// # Errors
    /// If a value is none of its field's.
    pub fn apply<T: Serialize + DeserializeOwned>(&self, table: &str, over: &mut T) -> Result<()> {
        let fail = |error: serde_json::Error| input(format!("{table}: {error}"));
        let mut tree = serde_json::to_value(&*over).map_err(fail)?;
        let below = |path: &str| Some(path.strip_prefix(table)?.strip_prefix('.')?.to_owned());
        let all = |tree: &mut Value, with_also: bool| -> Result<()> {
            for (field, value) in &self.given {
                let also = field.also.iter().filter(|_| with_also);
                for (path, json) in also {
                    if let Some(path) = below(path) {
                        put(tree, &path, serde_json::from_str(json).map_err(fail)?);
                    }
                }
                if let (false, Some(path)) = (with_also, below(&field.path)) {
                    put(tree, &path, value.clone());
                }
            }
            Ok(())
        };
        all(&mut tree, true)?;
        all(&mut tree, false)?;
        *over = serde_json::from_value(tree).map_err(fail)?;
        Ok(())
    }

    /// Sets where the weights start, if it is given.
    pub(crate) fn apply_weights(&self, config: &mut Config) {
        config.initial_weights = (self.path("initial_weights")).or(config.initial_weights.take());
        let names = self.get("weight_names").cloned();
        let names = names.and_then(|names| serde_json::from_value(names).ok());
        config.weight_names = names.unwrap_or(std::mem::take(&mut config.weight_names));
    }

    /// Sets what is given of the training, each value in its range.
    ///
    /// # Errors
    /// Names the field that is not in its range.
    pub(crate) fn apply_training(&self, training: &mut TrainingSpec) -> Result<()> {
        let below = |path: &'static str| path.strip_prefix("training.");
        // Tables come with the field that they require.
        let mut given: Vec<_> = self.given.iter().collect();
        given.sort_by_key(|(field, _)| field.requires.is_some());
        for (field, value) in given {
            let named = SECTIONS.iter().any(|section| section.path == field.path);
            if let (Some(path), false) = (below(&field.path), named) {
                // What it is depends on the data.
                if field.path == fields::BATCH_SIZE && value.as_str() == Some(fields::ALL) {
                    continue;
                }
                // An empty list is no setting.
                if path == "augment" && value.as_array().is_some_and(Vec::is_empty) {
                    training.augment.clear();
                    continue;
                }
                let setting = serde_json::from_value(value.clone())
                    .map_err(|error| input(format!("`{path}`: {error}")))?;
                training.set(path, setting)?;
            }
        }
        Ok(())
    }

    /// What can be refused before any file is read.
    ///
    /// # Errors
    /// Names the field that is not valid, or has no effect beside another.
    pub fn check(&self) -> Result<()> {
        self.check_pairs()?;
        let is_linear = self.hidden().is_some_and(|widths| widths.is_empty());
        for (path, section) in [("mlp.dropout", "dropout"), ("mlp.activation", "activation")] {
            if is_linear && (self.has(path) || self.has_settings(section)) {
                let error = Error::invalid(format!("`{path}`"), "no hidden layers", "at least one");
                return Err(error
                    .remedy(format!("leave out `{path}` and its settings"))
                    .into());
            }
        }
        if self.has_network() {
            self.network()?;
            let mut of_layers = ["activation", "initializer", "embed_numbers"].into_iter();
            if let Some(section) = of_layers.find(|section| self.has_settings(section)) {
                let found = format!("{section}.… with a network layer by layer");
                let error = Error::invalid("`setting`", found, "one of them");
                return Err(error.remedy("write it into the layers").into());
            }
        }
        for section in &SECTIONS {
            let named = self.choice(section.path);
            let is_entry = |choice: &Choice| ![AUTO, NONE].contains(&choice.name.as_str());
            if let Some(choice) = named.filter(is_entry) {
                let kind = (section.kind)();
                let description = kind.describe(&choice.name).map_err(|mut error| {
                    if let Error::Invalid(invalid) = &mut error {
                        invalid.subject = format!("`{}`", section.path);
                    }
                    error
                })?;
                let choice = self.with_settings(choice, section.name)?;
                description.resolve(kind.name(), &choice)?;
            }
        }
        let mut training = TrainingSpec::default();
        self.apply_training(&mut training)?;
        training.resolve()?;
        let fraction = "data.split.validation_fraction";
        let none = (self.given.iter())
            .find(|(field, value)| field.path == fraction && value.as_f64() == Some(0.0));
        if let (true, Some((field, _))) = (self.has("training.patience"), none) {
            let remedy = match field.values {
                Values::Switch(json) => format!("leave out `patience` or `{fraction}` {json}"),
                _ => format!("leave out `patience`, or choose a larger `{fraction}`"),
            };
            return Err(no_validation(&remedy).into());
        }
        Ok(())
    }

    /// Refuses fields beside which others have no place.
    fn check_pairs(&self) -> Result<()> {
        let has_model = self.has("continue_from");
        for (field, _) in &self.given {
            let path = &field.path;
            if field.of_model && has_model {
                let found = format!("`{path}` beside `continue_from`");
                let error = Error::invalid(format!("`{path}`"), found, "one of them");
                return Err(error.remedy("leave that to the model").into());
            }
            let excluded = |other: &&(&Field, Value)| {
                other
                    .0
                    .flag
                    .is_some_and(|flag| field.excludes.contains(&flag.name))
            };
            if let Some((other, _)) = self.given.iter().find(excluded) {
                let found = format!("`{path}` beside `{}`", other.path);
                return Err(Error::invalid("request", found, "one of them").into());
            }
            let missing = field.requires.as_ref().filter(|path| !self.has(path));
            if let Some(other) = missing {
                let found = format!("`{path}` without `{other}`");
                return Err(Error::invalid("request", found, "both").into());
            }
        }
        Ok(())
    }
}

/// The word for no entry.
pub(crate) const NONE: &str = "none";

/// Patience where no validation rows are.
pub(crate) fn no_validation(remedy: &str) -> Error {
    let expected = "a validation part";
    let error = Error::invalid("`patience`", "no validation rows to watch", expected);
    error.at("patience").remedy(remedy)
}

/// Puts a value at a path of a tree, whose tables are made where they are missing.
fn put(tree: &mut Value, path: &str, value: Value) {
    let mut table = tree;
    for name in path.split('.') {
        if !table.is_object() {
            *table = Value::Object(Map::new());
        }
        table = &mut table[name];
    }
    *table = value;
}
