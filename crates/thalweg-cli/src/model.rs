//! A trained model: network, preprocessing and how it came about, to a file and back.
//!
//! The file says nothing that differs between equal runs: no times, paths or thread counts.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use thalweg::cpu;
use thalweg::engine::{Engine, ParameterInfo, State};
use thalweg::error::Error;
use thalweg::model_file::{ModelFile, Tensor};
use thalweg::spec::{NetworkSpec, TrainingSpec};
use thalweg_data::Preprocessing;

use crate::exit::{Failure, Result};
use crate::log::Rows;
use crate::run_folder::MODEL;

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
    /// Epochs done.
    pub epochs: usize,
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
        let tensors = tensors("", &engine.parameters(), &engine.save().parameters);
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
        let path = if path.is_dir() {
            path.join(MODEL)
        } else {
            path.to_owned()
        };
        let bytes = std::fs::read(&path).map_err(|error| {
            Failure::input(format!(
                "{}: cannot be read: {error}; give a model file or a run folder",
                path.display()
            ))
        })?;
        Self::from_bytes(&bytes, path)
    }

    /// Reads the bytes of the model file at `path`.
    pub fn from_bytes(bytes: &[u8], path: PathBuf) -> Result<Self> {
        let name = path.display().to_string();
        let fail = |error: Error| Failure::input(format!("{name}: {error}"));
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

    /// An engine with the model's weights.
    pub fn engine(&self, threads: usize) -> Result<Box<dyn Engine>> {
        let Description {
            network, training, ..
        } = &self.description;
        let mut engine = cpu::engine(network, training, threads)?;
        self.load_into(&mut *engine)?;
        Ok(engine)
    }

    /// Gives the model's weights to an engine of the same network.
    pub fn load_into(&self, engine: &mut dyn Engine) -> Result<()> {
        let parameters = values(&self.file, "", &engine.parameters())
            .map_err(|error| Failure::input(error.within(self.path.display())))?;
        Ok(engine.load(&State {
            parameters,
            slots: Vec::new(),
        })?)
    }
}

/// `value` as the metadata of a file.
pub fn metadata(value: &impl Serialize) -> Result<Map<String, Value>> {
    match serde_json::to_value(value) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err(Failure::Running(
            "model file: the metadata are no object".to_owned(),
        )),
        Err(error) => Err(Failure::Running(format!("model file: {error}"))),
    }
}

/// A flat vector as tensors, their names prefixed.
pub fn tensors(prefix: &str, parameters: &[ParameterInfo], values: &[f64]) -> Vec<Tensor> {
    let mut rest = values;
    let mut take = |info: &ParameterInfo| {
        let (values, after) = rest.split_at(info.shape.iter().product::<usize>().min(rest.len()));
        rest = after;
        Tensor {
            name: format!("{prefix}{}", info.name),
            shape: info.shape.clone(),
            values: values.to_vec(),
        }
    };
    parameters.iter().map(&mut take).collect()
}

/// The flat vector of a file's tensors.
pub fn values(
    file: &ModelFile,
    prefix: &str,
    parameters: &[ParameterInfo],
) -> Result<Vec<f64>, Error> {
    let mut all = Vec::new();
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
