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
use crate::fit::Ended;
use crate::log::Log;
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

/// Writes model and last event of a run. `failure` is the file that could not be written while it
/// went on, and `kept` the state that it had then.
///
/// # Errors
/// If there is not enough memory for the bytes of the model.
pub(crate) fn leave(
    ended: &mut Ended,
    (folder, log): (&RunFolder, &mut Log),
    failure: Option<String>,
    kept: Option<(&Owner, &Checkpoint)>,
) -> Result<()> {
    let bytes = (ended.model.as_ref())
        .map(|model| model.to_bytes())
        .transpose()?;
    let model = bytes.map(|bytes| model(folder, &bytes));
    if let (Some(_), Some((owner, checkpoint)), None) = (&failure, kept, ended.checkpoint) {
        let written = folder.write(CHECKPOINT, &owner.to_bytes(checkpoint)?);
        ended.checkpoint = written.ok().map(|()| checkpoint.epoch);
    }
    let logged = log.write(&ended.end).err().map(|error| error.to_string());
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
    if let Some(what) = failure.or(failed).or(logged) {
        let goes_on = match ended.checkpoint {
            Some(epoch) => goes_on(epoch),
            None => "begins anew".to_owned(),
        };
        ended.failure = Some(format!(
            "{what}; {left}; `thalweg train --resume --out {folder}` {goes_on} once there is room"
        ));
    }
    Ok(())
}

/// Where a run goes on from a checkpoint of this epoch.
pub fn goes_on(epoch: usize) -> String {
    match epoch {
        0 => "goes on within epoch 1".to_owned(),
        epoch => format!("goes on after epoch {epoch}"),
    }
}

/// Writes a model into its folder or, where that fails, to where temporary files are; says where.
fn model(folder: &RunFolder, bytes: &[u8]) -> io::Result<PathBuf> {
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
        let path = model(&run, b"bytes").unwrap();
        assert!(path.starts_with(std::env::temp_dir()));
        assert_eq!(fs::read(&path).unwrap(), b"bytes");
        fs::remove_file(&path).unwrap();
        let run = RunFolder::at(folder.path());
        assert_eq!(model(&run, b"bytes").unwrap(), run.file(MODEL));
    }
}
