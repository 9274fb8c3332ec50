//! What a run leaves when it ends, also on a disk that is full.
//!
//! Room for the model is reserved when training begins. Where a file cannot be written all the same,
//! the run ends with the model that it has, and says how it goes on.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;

use thalweg_core::precision::Dtype;
use thalweg_core::train::Checkpoint;

use crate::checkpoint::Owner;
use crate::error::Result;
use crate::log::{End, Log};
use crate::model::Model;
use crate::run_folder::{CHECKPOINT, MODEL, RunFolder, unwritable, write_atomically};

/// What else a model file holds beside tensors and preprocessing: scores, settings and names.
const REST: usize = 1 << 13;

/// A file of zeros in the place of the model to come.
pub(crate) struct Room {
    path: PathBuf,
}

impl Room {
    /// Reserves room for the model of a run.
    ///
    /// # Errors
    /// If there is not enough.
    pub fn reserve(folder: &RunFolder, owner: &Owner) -> Result<Self> {
        let values: usize = (owner.parameters.iter())
            .map(|info| info.shape.iter().product::<usize>())
            .sum();
        let text = serde_json::to_vec(&(owner.preprocessing, &owner.config.network));
        let texts = text.map_or(0, |text| text.len());
        let room = Self {
            path: folder.file(".room.tmp"),
        };
        let bytes = match owner.config.training.dtype {
            Dtype::F64 => 8,
            Dtype::F32 | Dtype::Bf16 => 4,
        };
        let mut left = values * bytes + 2 * texts + REST;
        let written = File::create(&room.path).and_then(|mut file| {
            let zeros = [0; 1 << 16];
            while left > 0 {
                let size = left.min(zeros.len());
                file.write_all(&zeros[..size])?;
                left -= size;
            }
            Ok(())
        });
        match written {
            Ok(()) => Ok(room),
            Err(error) => Err(unwritable(&folder.file(MODEL), &error)),
        }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        // What stays behind is written over by the run that goes on.
        let _ = fs::remove_file(&self.path);
    }
}

/// How a run left its folder.
pub(crate) struct Left {
    /// The epoch of the checkpoint that is there.
    pub checkpoint: Option<usize>,
    /// The file that could not be written, and what to do.
    pub failure: Option<String>,
}

/// Writes model and last event of a run. `failure` is the file that could not be written while it
/// went on, `checkpoint` the epoch of the checkpoint that is there, and `kept` the state to go on
/// from where there is none.
///
/// # Errors
/// If there is not enough memory for the bytes of the model.
pub(crate) fn leave(
    model: Option<&Model>,
    (folder, log, end): (&RunFolder, &mut Log, &End),
    failure: Option<String>,
    mut checkpoint: Option<usize>,
    kept: Option<(&Owner, &Checkpoint)>,
) -> Result<Left> {
    let bytes = model.map(Model::to_bytes).transpose()?;
    let model = bytes.map(|bytes| write_model(folder, &bytes));
    if let (Some(_), Some((owner, kept)), None) = (&failure, kept, checkpoint) {
        let written = folder.write(CHECKPOINT, &owner.to_bytes(kept)?);
        checkpoint = written.ok().map(|()| kept.epoch);
    }
    let logged = log.write(&[end]).err().map(|error| error.to_string());
    let (left, failed) = match model {
        None => ("there is no model yet".to_owned(), None),
        Some(Ok(path)) if path == folder.file(MODEL) => {
            (format!("the best model so far is in {folder}"), None)
        }
        Some(Ok(path)) => {
            let path = path.display();
            let left = format!("the best model so far is in {path}, for {folder} has no room");
            (left, Some(folder.file(MODEL).display().to_string()))
        }
        Some(Err(error)) => ("the model is lost".to_owned(), Some(error.to_string())),
    };
    let goes_on = checkpoint.map_or("begins anew".to_owned(), goes_on);
    let failure = failure.or(failed).or(logged).map(|what| {
        format!(
            "{what}; {left}; `thalweg train --resume --out {folder}` {goes_on} once there is room"
        )
    });
    Ok(Left {
        checkpoint,
        failure,
    })
}

/// Where a run goes on from a checkpoint of this epoch.
pub fn goes_on(epoch: usize) -> String {
    match epoch {
        0 => "goes on within epoch 1".to_owned(),
        epoch => format!("goes on after epoch {epoch}"),
    }
}

/// Writes a model into its folder or, where that fails, to where temporary files are; says where.
fn write_model(folder: &RunFolder, bytes: &[u8]) -> io::Result<PathBuf> {
    let path = folder.file(MODEL);
    folder.write(MODEL, bytes).map(|()| path).or_else(|error| {
        let elsewhere = std::env::temp_dir().join(format!("{}-{MODEL}", std::process::id()));
        let written = write_atomically(&elsewhere, bytes);
        written
            .map(|()| elsewhere)
            .map_err(|other| io::Error::new(error.kind(), format!("{error}; {other}")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_without_room_in_its_folder_is_written_elsewhere() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunFolder::at(&folder.path().join("gone"));
        let path = write_model(&run, b"bytes").unwrap();
        assert!(path.starts_with(std::env::temp_dir()));
        assert_eq!(fs::read(&path).unwrap(), b"bytes");
        fs::remove_file(&path).unwrap();
        let run = RunFolder::at(folder.path());
        assert_eq!(write_model(&run, b"bytes").unwrap(), run.file(MODEL));
    }
}
