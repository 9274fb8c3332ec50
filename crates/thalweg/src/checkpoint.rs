//! What a run needs to go on: the state at the end of an epoch, in a file like a model file.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use thalweg_core::engine::{ParameterInfo, State};
use thalweg_core::error::Error;
use thalweg_core::model_file::ModelFile;
use thalweg_core::observe::{Best, Memory};
use thalweg_core::train::{Checkpoint, EpochSums, Position};
use thalweg_data::Preprocessing;

use crate::config::{self, Config};
use crate::error::{Result, input};
use crate::format;
use crate::log;
use crate::model::{metadata, tensors, values};
use crate::provenance::other_columns;
use crate::run_folder::{CHECKPOINT, RunFolder};

/// The contents of the file beside its tensors.
#[derive(Serialize, Deserialize)]
struct Header {
    kind: String,
    epoch: usize,
    step: u64,
    origin: Position,
    slots: usize,
    best: Option<BestHeader>,
    memory: Memory,
    #[serde(default)]
    sums: EpochSums,
    config: Config,
    /// As fitted: other data would give another.
    preprocessing: Preprocessing,
}

#[derive(Serialize, Deserialize)]
struct BestHeader {
    epoch: usize,
    loss: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    score: Option<f64>,
}

/// What a checkpoint belongs to.
#[derive(Clone, Copy)]
pub struct Owner<'a> {
    /// The run.
    pub config: &'a Config,
    /// What was fitted to its data.
    pub preprocessing: &'a Preprocessing,
    /// The tensors of its network.
    pub parameters: &'a [ParameterInfo],
}

const BEST: &str = "best.";

fn slot(index: usize) -> String {
    format!("slots.{index}.")
}

impl Owner<'_> {
    /// The bytes of a checkpoint file.
    pub fn to_bytes(self, checkpoint: &Checkpoint) -> Result<Vec<u8>> {
        let header = Header {
            kind: "checkpoint".to_owned(),
            epoch: checkpoint.epoch,
            step: checkpoint.step,
            origin: checkpoint.origin,
            slots: checkpoint.state.slots.len(),
            best: checkpoint.best.as_ref().map(|best| BestHeader {
                epoch: best.epoch,
                loss: best.loss,
                score: best.score,
            }),
            memory: checkpoint.memory,
            sums: checkpoint.sums,
            config: self.config.clone(),
            preprocessing: self.preprocessing.clone(),
        };
        let mut all = tensors("", self.parameters, &checkpoint.state.parameters)?;
        for (index, values) in checkpoint.state.slots.iter().enumerate() {
            all.extend(tensors(&slot(index), self.parameters, values)?);
        }
        if let Some(best) = &checkpoint.best {
            all.extend(tensors(BEST, self.parameters, &best.parameters)?);
        }
        let metadata = metadata(&header)?;
        let file = ModelFile {
            format: format::lowest(&metadata),
            dtype: self.config.training.dtype,
            tensors: all,
            metadata,
        };
        Ok(file.to_bytes()?)
    }

    /// The checkpoint of a folder, if there is one and it belongs to this run.
    pub fn read(self, folder: &RunFolder) -> Result<Option<Checkpoint>> {
        let remedy = "remove it to begin anew, or train into another `options.output`";
        let Some(stored) = Stored::read(folder, remedy)? else {
            return Ok(None);
        };
        let name = &stored.name;
        if let Some((entry, theirs, ours)) = stored.header.config.difference(self.config) {
            let error = Error::invalid(format!("{name}: {entry}"), theirs, ours);
            return Err(error
                .remedy("train with these settings into another `options.output`")
                .into());
        }
        if let Some(found) = self.preprocessing.difference(&stored.header.preprocessing) {
            let (before, data) = (log::provenance(folder), &self.config.data);
            return Err(other_columns(before.as_ref(), data, found, folder).into());
        }
        stored.checkpoint(self.parameters).map(Some)
    }
}

/// A checkpoint file of any run.
pub struct Stored {
    name: String,
    remedy: &'static str,
    header: Header,
    file: ModelFile,
}

impl Stored {
    /// The checkpoint of a folder, if there is one; `remedy` is what to do if it is damaged.
    pub fn read(folder: &RunFolder, remedy: &'static str) -> Result<Option<Self>> {
        let path = folder.file(CHECKPOINT);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(input(format!("{}: {error}", path.display()))),
        };
        let name = path.display().to_string();
        let fail = |error: Error| input(format!("{name}: {error}; {remedy}"));
        let file = ModelFile::from_bytes(&bytes, format::NEWEST).map_err(|error| match error {
            Error::Unsupported(_) => input(format!("{name}: {error}")),
            error => fail(error),
        })?;
        // A newer config may have fields that are not known here.
        let of_config = file
            .metadata
            .get("config")
            .and_then(|config| config["format"].as_u64());
        format::check(&name, of_config, config::FORMAT)?;
        let header = serde_json::from_value(Value::Object(file.metadata.clone()))
            .map_err(|error| fail(Error::Damaged(error.to_string())))?;
        Ok(Some(Self {
            name,
            remedy,
            header,
            file,
        }))
    }

    /// The run that it belongs to.
    pub fn config(&self) -> &Config {
        &self.header.config
    }

    /// What was fitted to the data of that run.
    pub fn preprocessing(&self) -> &Preprocessing {
        &self.header.preprocessing
    }

    /// Its contents, for a network of these tensors.
    pub fn checkpoint(&self, parameters: &[ParameterInfo]) -> Result<Checkpoint> {
        let Self {
            name,
            remedy,
            header,
            file,
        } = self;
        let fail = |error: Error| input(format!("{name}: {error}; {remedy}"));
        let read = |prefix: &str| values(file, prefix, parameters).map_err(fail);
        Ok(Checkpoint {
            epoch: header.epoch,
            step: header.step,
            origin: header.origin,
            state: State {
                parameters: read("")?,
                slots: (0..header.slots)
                    .map(|index| read(&slot(index)))
                    .collect::<Result<_>>()?,
            },
            best: match header.best {
                Some(BestHeader { epoch, loss, score }) => Some(Best {
                    epoch,
                    loss,
                    score,
                    parameters: read(BEST)?,
                }),
                None => None,
            },
            memory: header.memory,
            sums: header.sums,
        })
    }
}
