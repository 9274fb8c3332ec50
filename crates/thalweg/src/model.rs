//! A trained model: network, preprocessing and how it came about, to a file and back.
//!
//! The file holds nothing that differs between equal runs: no times, paths or thread counts.

mod answers;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use thalweg_core::cpu::{self, Predictor};
use thalweg_core::dataset::DatasetRef;
use thalweg_core::engine::{Engine, ParameterInfo};
use thalweg_core::error::Error;
use thalweg_core::memory;
use thalweg_core::metrics::Decision;
use thalweg_core::model_file::{ModelFile, Tensor};
use thalweg_core::spec::{NetworkSpec, TrainingSpec};
use thalweg_data::{Preprocessing, TextOptions};

use crate::averaged::Averaged;
use crate::config::Judging;
use crate::error::{Result, input, running};
use crate::fingerprint::Fingerprint;
use crate::format;
use crate::interval::PredictionInterval;
use crate::log::Rows;
use crate::origin::Origin;
use crate::ranges::Ranges;
use crate::run_folder::{CONFIG, MODEL, unwritable, write_atomically};
use crate::scores::{Judge, Scores};
use crate::smearing;
use crate::threads::threads_or_all;

/// The contents of a model file beside its tensors.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Description {
    /// `model`.
    pub kind: String,
    /// The network.
    pub network: NetworkSpec,
    /// How it was trained.
    pub training: TrainingSpec,
    /// Raw columns to inputs and back: columns, classes, target.
    pub preprocessing: Preprocessing,
    /// Cells of text files that mean "missing".
    #[serde(default)]
    pub missing: Vec<String>,
    /// Cells that do not, although they usually do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_missing: Vec<String>,
    /// How text files are read that do not tell.
    #[serde(default, skip_serializing_if = "TextOptions::is_empty")]
    pub text: TextOptions,
    /// How training went.
    pub outcome: Outcome,
    /// The interval around its predictions, where one was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<PredictionInterval>,
    /// Loss and metrics of each part.
    pub metrics: Map<String, Value>,
    /// By which training rows are recognized; not in files of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<Fingerprint>,
    /// The models before whose training rows it learned too, and that see rows in another way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub origins: Vec<Origin>,
    /// Between which values the training rows lie; not in files of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ranges: Option<Ranges>,
    /// What was added to the biases of the output layer after training, so that probabilities are by the
    /// true shares of the classes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prior_shift: Option<Vec<f64>>,
    /// What the logits of the last layer were divided by after that, where a temperature was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// How classes and labels are answered.
    #[serde(default, skip_serializing_if = "Decision::is_likeliest")]
    pub decision: Decision,
    /// What the validation rows chose.
    #[serde(default)]
    pub judging: Judging,
    /// The networks of the recipes of an ensemble; none where all members have `network`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub networks: Vec<NetworkSpec>,
    /// The members of an ensemble, whose tensors are `members.M.…`; none of a single model.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<EnsembleMember>,
}

impl Description {
    /// What a run that begins with this model knows of the rows that it was trained on.
    pub(crate) fn as_origins(&self) -> Vec<Origin> {
        let own = self.fingerprint.clone().map(|fingerprint| Origin {
            preprocessing: smearing::without(&self.preprocessing),
            dtype: self.training.dtype,
            fingerprint,
        });
        own.into_iter()
            .chain(self.origins.iter().cloned())
            .collect()
    }
}

/// A member of an ensemble.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EnsembleMember {
    /// The seed of its training.
    pub seed: u64,
    /// The fold that it validated on, from 0, where members have folds of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fold: Option<usize>,
    /// Which of the recipes of the ensemble it has, from 0.
    #[serde(default, skip_serializing_if = "is_first")]
    pub recipe: usize,
    /// How its training went.
    pub outcome: Outcome,
}

fn is_first(recipe: &usize) -> bool {
    *recipe == 0
}

/// How training went.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outcome {
    /// Epochs done, those of the model that it went on from included.
    pub epochs: usize,
    /// The last epoch, had nothing stopped the run; not in files of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_epoch: Option<usize>,
    /// The epoch whose weights these are.
    pub best_epoch: usize,
    /// Why training ended.
    pub stopped_by: String,
    /// Rows of each part.
    pub rows: Rows,
    /// Rows that the recipe was trained on anew, for `best_epoch` epochs; absent where it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refit: Option<usize>,
    /// Mean weight of the rows of the run that training began with, by which weights are divided;
    /// absent where rows have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean_weight: Option<f64>,
}

/// A trained model: it predicts rows, and goes into a file and back.
///
/// It is shared freely among threads; what it predicts does not depend on how many there are.
pub struct Model {
    description: Description,
    file: ModelFile,
    /// Where it was read from; empty for one that was not.
    path: PathBuf,
    threads: Option<usize>,
    /// One, or one a member.
    predictors: OnceLock<Vec<Predictor>>,
}

/// Scores of each part, as a model file has them.
#[derive(Serialize)]
pub(crate) struct Metrics<'a> {
    pub train: &'a Option<Scores>,
    pub validation: &'a Option<Scores>,
    pub test: &'a Option<Scores>,
    pub best_constant: &'a Option<Scores>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub linear_model: &'a Option<Scores>,
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Model")
            .field("path", &self.path)
            .field("description", &self.description)
            .finish_non_exhaustive()
    }
}

impl Model {
    /// The parameters of an engine, with their description.
    pub(crate) fn new(description: Description, engine: &dyn Engine) -> Result<Self> {
        let metadata = metadata(&description)?;
        let file = ModelFile {
            format: format::lowest(&metadata),
            dtype: description.training.dtype,
            tensors: tensors("", &engine.parameters(), &engine.save_parameters()?)?,
            metadata,
        };
        Ok(Self::of(description, file, PathBuf::new()))
    }

    fn of(description: Description, file: ModelFile, path: PathBuf) -> Self {
        Self {
            description,
            file,
            path,
            threads: None,
            predictors: OnceLock::new(),
        }
    }

    /// Reads a model file, or that of a run folder.
    ///
    /// # Errors
    /// If there is none, or it is damaged or of a newer format.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path_of(path.as_ref())?;
        let bytes = std::fs::read(&path).map_err(|error| {
            input(format!(
                "{}: cannot be read: {error}; give a model file or a run folder",
                path.display()
            ))
        })?;
        Self::from_bytes(&bytes, path)
    }

    /// Reads the bytes of the model file at `path`.
    ///
    /// # Errors
    /// If they are no whole model file, or of a newer format.
    pub fn from_bytes(bytes: &[u8], path: PathBuf) -> Result<Self> {
        let name = path.display().to_string();
        let fail = |error: Error| input(format!("{name}: {error}"));
        // The header of a model file, after its length, is a JSON object.
        if bytes.get(8) != Some(&b'{') {
            return Err(input(format!(
                "{name}: not a model file; give the model.safetensors of a run, or its folder"
            )));
        }
        let file = ModelFile::from_bytes(bytes, format::NEWEST).map_err(fail)?;
        if file.metadata.get("kind").and_then(Value::as_str) != Some("model") {
            return Err(Error::invalid(&name, "a checkpoint", "a model")
                .remedy("finish the run by `options.resume`")
                .into());
        }
        let description = serde_json::from_value(Value::Object(file.metadata.clone()))
            .map_err(|error| fail(Error::Damaged(error.to_string())))?;
        Ok(Self::of(description, file, path))
    }

    /// The bytes of the model file.
    ///
    /// # Errors
    /// If there is not enough memory for them.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        Ok(self.file.to_bytes()?)
    }

    /// Writes the model file whole: a failure leaves what was there.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        write_atomically(path, &self.to_bytes()?).map_err(|error| unwritable(path, &error))
    }

    /// The same with so many threads for predictions of many rows; else all of the machine's.
    #[must_use]
    pub fn with_threads(mut self, threads: usize) -> Self {
        self.threads = Some(threads);
        self
    }

    /// Threads for predictions of many rows, if they are set.
    pub(crate) fn threads(&self) -> Option<usize> {
        self.threads
    }

    /// Refuses an ensemble where a single network is needed.
    ///
    /// # Errors
    /// Names the field that needs it, and says what to do.
    pub(crate) fn refuse_ensemble(&self, field: &str, remedy: &str) -> Result<()> {
        let count = self.description.members.len();
        if count == 0 {
            return Ok(());
        }
        let found = format!("an ensemble of {count} members");
        let subject = format!("`{field}` {}", self.path.display());
        let error = Error::invalid(subject, found, "a single network");
        Err(error.remedy(remedy).at(field).into())
    }

    /// What the model is, and how it came about.
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// Where it was read from; empty for one that was not.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The loss and the metrics of rows as the network sees them.
    ///
    /// # Errors
    /// If the rows do not fit the model.
    pub fn evaluate<'a>(&self, rows: impl Into<DatasetRef<'a>>) -> Result<Scores> {
        let mut engine = self.engine(threads_or_all(self.threads))?;
        self.judge()?.model(&mut *engine, rows.into())
    }

    /// What scores the model.
    pub(crate) fn judge(&self) -> Result<Judge<'_>> {
        let description = &self.description;
        let judge = Judge::new(&description.preprocessing, &description.network.loss)?;
        let judge = judge.deciding(description.decision.clone());
        Ok(judge.with_interval(description.interval.clone()))
    }

    /// An engine with the model's weights.
    ///
    /// # Errors
    /// If the file has other tensors than its network.
    pub fn engine(&self, threads: usize) -> Result<Box<dyn Engine>> {
        self.engine_for(threads, None)
    }

    /// The same in which rows with targets are answered by the member, of an ensemble, that `held_out`
    /// has for each of them.
    pub(crate) fn engine_for(
        &self,
        threads: usize,
        held_out: Option<Vec<usize>>,
    ) -> Result<Box<dyn Engine>> {
        let Description {
            network, members, ..
        } = &self.description;
        // Members work at the same time.
        let share = (threads / members.len().max(1)).max(1);
        let mut engine: Box<dyn Engine> = match members.len() {
            0 => self.bare(0, share)?,
            count => {
                let all = (0..count).map(|member| self.bare(member, share));
                let all = Averaged::new(all.collect::<Result<_>>()?, &network.loss, threads)?;
                let folds = members.iter().filter_map(|member| member.fold).max();
                match held_out {
                    Some(held_out) => {
                        Box::new(all.held_out(held_out, folds.map_or(1, |last| last + 1)))
                    }
                    None => Box::new(all),
                }
            }
        };
        self.load_into(&mut *engine)?;
        Ok(engine)
    }

    /// The network of a member, or of a single model.
    fn network_of(&self, member: usize) -> &NetworkSpec {
        let Description {
            network,
            networks,
            members,
            ..
        } = &self.description;
        let of = |member: &EnsembleMember| networks.get(member.recipe);
        members.get(member).and_then(of).unwrap_or(network)
    }

    /// An engine for the weights of a member, or of a single model.
    fn bare(&self, member: usize, threads: usize) -> Result<Box<dyn Engine>> {
        let Description {
            training, outcome, ..
        } = &self.description;
        let training = TrainingSpec {
            dtype: training.dtype,
            batch_size: for_rows(training, outcome.rows.train).batch_size,
            ..TrainingSpec::default()
        };
        Ok(cpu::engine_to_load(
            self.network_of(member),
            &training,
            threads,
        )?)
    }

    /// Gives the model's weights to an engine of the same network.
    ///
    /// # Errors
    /// If the engine has other tensors.
    pub fn load_into(&self, engine: &mut dyn Engine) -> Result<()> {
        let parameters = self.parameters(&engine.parameters())?;
        Ok(engine.load_parameters(&parameters)?)
    }

    /// The tensors of its file.
    pub(crate) fn tensors(&self) -> &[Tensor] {
        &self.file.tensors
    }

    /// The model's weights, for a network of these tensors.
    ///
    /// # Errors
    /// If the model has other tensors.
    pub fn parameters(&self, parameters: &[ParameterInfo]) -> Result<Vec<f64>> {
        self.own_parameters("", parameters)
    }

    /// Those of tensors whose names have a prefix.
    fn own_parameters(&self, prefix: &str, parameters: &[ParameterInfo]) -> Result<Vec<f64>> {
        let values = values(&self.file, prefix, parameters);
        values.map_err(|error| input(error.within(self.path.display())))
    }
}

/// The model file at `path`, or that of the run folder there.
pub(crate) fn path_of(path: &Path) -> Result<PathBuf> {
    Ok(match path.is_dir() {
        true if path.join(CONFIG).exists() && !path.join(MODEL).exists() => {
            let name = path.display().to_string();
            let error = Error::invalid(&name, "a run without a model", MODEL);
            let goes_on = format!("`thalweg train --resume --out {name}` goes on with it");
            return Err(error.remedy(goes_on).into());
        }
        true => path.join(MODEL),
        false => path.to_owned(),
    })
}

/// `value` as the metadata of a file.
pub fn metadata(value: &impl Serialize) -> Result<Map<String, Value>> {
    match serde_json::to_value(value) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err(running("model file: the metadata are no object".to_owned())),
        Err(error) => Err(running(format!("model file: {error}"))),
    }
}

/// A flat vector as tensors, their names prefixed.
pub fn tensors(prefix: &str, parameters: &[ParameterInfo], values: &[f64]) -> Result<Vec<Tensor>> {
    let mut rest = values;
    let mut take = |info: &ParameterInfo| {
        let (values, after) = rest.split_at(info.shape.iter().product::<usize>().min(rest.len()));
        rest = after;
        Ok(Tensor {
            name: format!("{prefix}{}", info.name),
            shape: info.shape.clone(),
            values: memory::collect(values.iter().copied())?,
        })
    };
    parameters.iter().map(&mut take).collect()
}

/// The flat vector of a file's tensors.
pub fn values(
    file: &ModelFile,
    prefix: &str,
    parameters: &[ParameterInfo],
) -> Result<Vec<f64>, Error> {
    let sizes = (parameters.iter()).map(|info| info.shape.iter().product::<usize>());
    let mut all = memory::room(sizes.sum())?;
    for info in parameters {
        let name = format!("{prefix}{}", info.name);
        match file.tensor(&name) {
            Some(tensor) if tensor.shape == info.shape => all.extend_from_slice(&tensor.values),
            found => {
                let found = found.map_or("no tensor".to_owned(), |tensor| {
                    format!("shape {:?}", tensor.shape)
                });
                return Err(
                    Error::invalid(name, found, format!("shape {:?}", info.shape))
                        .remedy("give a model of the same network"),
                );
            }
        }
    }
    Ok(all)
}

/// The same training with batches that the rows can fill: what the engine is planned for. The
/// config keeps what was asked, for runs on more rows that go on from this one.
pub fn for_rows(training: &TrainingSpec, rows: usize) -> TrainingSpec {
    TrainingSpec {
        batch_size: training.batch_size.min(rows.max(1)),
        ..training.clone()
    }
}

#[cfg(test)]
mod tests {
    use thalweg_core::registry::Choice;
    use thalweg_data::{PrepareOptions, ReadOptions, Source, prepare, read};

    use super::*;

    fn bytes() -> Vec<u8> {
        let source = Source::parse("builtin:iris").unwrap();
        let loaded = read(&source, &ReadOptions::default()).unwrap();
        let prepared = prepare(&loaded, None, None, &PrepareOptions::default()).unwrap();
        let network = NetworkSpec::mlp(4, &[8], "relu", 3, Choice::new("cross_entropy"));
        let training = TrainingSpec {
            learning_rate: 0.1,
            batch_size: 8,
            optimizer: Choice::new("adam"),
            ..TrainingSpec::default()
        };
        let engine = cpu::engine(&network, &training, 1).unwrap();
        let rows = Rows {
            train: 120,
            validation: 15,
            test: 15,
            calibration: 0,
        };
        let outcome = Outcome {
            epochs: 1,
            last_epoch: Some(1),
            best_epoch: 1,
            stopped_by: "epochs".into(),
            rows,
            refit: None,
            mean_weight: None,
        };
        let description = Description {
            kind: "model".into(),
            network,
            training,
            preprocessing: prepared.preprocessing,
            missing: Vec::new(),
            not_missing: Vec::new(),
            text: TextOptions::default(),
            outcome,
            interval: None,
            metrics: Map::new(),
            fingerprint: None,
            origins: Vec::new(),
            ranges: None,
            prior_shift: None,
            temperature: None,
            decision: Decision::Likeliest,
            judging: Judging::default(),
            networks: Vec::new(),
            members: Vec::new(),
        };
        Model::new(description, &*engine)
            .unwrap()
            .to_bytes()
            .unwrap()
    }

    #[test]
    fn no_damaged_header_and_no_truncated_file_is_taken_for_another_model() {
        let whole = bytes();
        let read = |bytes: &[u8]| Model::from_bytes(bytes, "m".into());
        let contents = |model: &Model| {
            (
                model.file.metadata.clone(),
                model.engine(1).unwrap().save().unwrap(),
            )
        };
        let intact = contents(&read(&whole).unwrap());
        let header = 8 + u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
        let flipped = (0..header).flat_map(|position| {
            [0x01, 0x80, 0xff].map(|mask| {
                let mut damaged = whole.clone();
                damaged[position] ^= mask;
                damaged
            })
        });
        let cut = (0..whole.len().min(4096)).map(|length| whole[..length].to_vec());
        for damaged in flipped.chain(cut) {
            match read(&damaged) {
                Err(error) if error.is_input() => {
                    assert!(!error.to_string().contains(char::is_control), "{error}");
                }
                // Another last digit can be another way to write the same number.
                Ok(model) => assert_eq!(contents(&model), intact),
                Err(other) => panic!("{other:?}"),
            }
        }
    }
}
