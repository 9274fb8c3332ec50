//! A trained model: network, preprocessing and how it came about, to a file and back.
//!
//! The file says nothing that differs between equal runs: no times, paths or thread counts.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use thalweg_core::cpu;
use thalweg_core::engine::{Engine, ParameterInfo};
use thalweg_core::error::Error;
use thalweg_core::memory;
use thalweg_core::model_file::{ModelFile, Tensor};
use thalweg_core::spec::{NetworkSpec, TrainingSpec};
use thalweg_data::Preprocessing;

use crate::error::{Result, input, running};
use crate::log::Rows;
use crate::run_folder::{CONFIG, MODEL};

/// What a model file says beside its tensors.
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
    /// How training went.
    pub outcome: Outcome,
    /// Loss and metrics of each part.
    pub metrics: Map<String, Value>,
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
}

/// A model file that was read.
#[derive(Debug)]
pub struct Model {
    /// Where it was.
    pub path: PathBuf,
    /// What it says.
    pub description: Description,
    file: ModelFile,
}

impl Description {
    /// The bytes of the model file.
    pub fn to_bytes(&self, engine: &dyn Engine) -> Result<Vec<u8>> {
        let tensors = tensors("", &engine.parameters(), &engine.save_parameters()?)?;
        let file = ModelFile {
            dtype: self.training.dtype,
            tensors,
            metadata: metadata(self)?,
        };
        Ok(file.to_bytes()?)
    }
}

impl Model {
    /// Reads a model file, or that of a run folder.
    pub fn read(path: &Path) -> Result<Self> {
        let path = match path.is_dir() {
            true if path.join(CONFIG).exists() && !path.join(MODEL).exists() => {
                let error =
                    Error::invalid(path.display().to_string(), "a run without a model", MODEL);
                let goes_on = format!(
                    "`thalweg train --resume --out {}` goes on with it",
                    path.display()
                );
                return Err(error.remedy(goes_on).into());
            }
            true => path.join(MODEL),
            false => path.to_owned(),
        };
        let bytes = std::fs::read(&path).map_err(|error| {
            input(format!(
                "{}: cannot be read: {error}; give a model file or a run folder",
                path.display()
            ))
        })?;
        Self::from_bytes(&bytes, path)
    }

    /// Reads the bytes of the model file at `path`.
    pub fn from_bytes(bytes: &[u8], path: PathBuf) -> Result<Self> {
        let name = path.display().to_string();
        let fail = |error: Error| input(format!("{name}: {error}"));
        // The header of a model file, after its length, is a JSON object.
        if bytes.get(8) != Some(&b'{') {
            return Err(input(format!(
                "{name}: not a model file; give the model.safetensors of a run, or its folder"
            )));
        }
        let file = ModelFile::from_bytes(bytes).map_err(fail)?;
        if file.metadata.get("kind").and_then(Value::as_str) != Some("model") {
            return Err(Error::invalid(&name, "a checkpoint", "a model")
                .remedy("finish the run by --resume")
                .into());
        }
        let description = serde_json::from_value(Value::Object(file.metadata.clone()))
            .map_err(|error| fail(Error::Damaged(error.to_string())))?;
        Ok(Self {
            path,
            description,
            file,
        })
    }

    /// An engine with the model's weights, for answers.
    pub fn engine(&self, threads: usize) -> Result<Box<dyn Engine>> {
        let Description {
            network,
            training,
            outcome,
            ..
        } = &self.description;
        let training = TrainingSpec {
            dtype: training.dtype,
            batch_size: for_rows(training, outcome.rows.train).batch_size,
            ..TrainingSpec::default()
        };
        let mut engine = cpu::engine_to_load(network, &training, threads)?;
        self.load_into(&mut *engine)?;
        Ok(engine)
    }

    /// Gives the model's weights to an engine of the same network.
    pub fn load_into(&self, engine: &mut dyn Engine) -> Result<()> {
        let parameters = self.parameters(&engine.parameters())?;
        Ok(engine.load_parameters(&parameters)?)
    }

    /// The model's weights, for a network of these tensors.
    pub fn parameters(&self, parameters: &[ParameterInfo]) -> Result<Vec<f64>> {
        values(&self.file, "", parameters).map_err(|error| input(error.within(self.path.display())))
    }
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

/// The same training with batches that the rows can fill: what the engine is planned for. The config keeps what was
/// asked, for runs on more rows that go on from this one.
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
        };
        let outcome = Outcome {
            epochs: 1,
            last_epoch: Some(1),
            best_epoch: 1,
            stopped_by: "epochs".into(),
            rows,
        };
        let description = Description {
            kind: "model".into(),
            network,
            training,
            preprocessing: prepared.preprocessing,
            missing: Vec::new(),
            outcome,
            metrics: Map::new(),
        };
        description.to_bytes(&*engine).unwrap()
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
