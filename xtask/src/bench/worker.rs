//! Thalweg as a contestant: `xtask bench-worker JOB` speaks the line protocol of `bench/peers/protocol.py`.

use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thalweg_bench::{Trainer, Workload, workloads};
use thalweg_core::precision::Dtype;

use super::data;
use crate::Result;

/// The job of a contestant, as JSON. Older builds read it as well (`bench --against`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// The workload.
    pub name: String,
    /// The folder of its data.
    pub folder: PathBuf,
    /// The rest repeats the workload for peers, who do not know it by name.
    pub rows: usize,
    pub layers: Vec<usize>,
    /// Convolutions before the dense layers: channels and edge of the window.
    pub convolutions: Vec<(usize, usize)>,
    pub batch: usize,
    pub optimizer: String,
    pub learning_rate: f64,
    pub dtype: Dtype,
    pub threads: usize,
    /// Whether NumPy draws the order of rows, and not what JAX compiles.
    pub host_order: bool,
}

impl Job {
    /// Training of the first `rows` rows of a workload.
    pub fn new(workload: &Workload, folder: &Path, rows: usize, threads: usize) -> Self {
        Self {
            name: workload.name.to_owned(),
            folder: folder.to_owned(),
            rows,
            layers: workload.layers.to_vec(),
            convolutions: (workload.convolutions.iter())
                .map(|one| (one.channels, one.kernel))
                .collect(),
            batch: workload.batch,
            optimizer: workload.optimizer.to_owned(),
            learning_rate: workload.learning_rate,
            dtype: workload.dtype,
            threads,
            host_order: false,
        }
    }

    /// The JSON text.
    pub fn text(&self) -> Result<String> {
        serde_json::to_string(self).map_err(|error| error.to_string())
    }
}

/// Loads the data, prints `ready`, and trains an epoch for every line `epoch` until the input ends.
pub fn serve(job: &str) -> Result<()> {
    let job: Job = serde_json::from_str(job).map_err(|error| format!("bench-worker: {error}"))?;
    let failed = |error: thalweg_core::Error| error.to_string();
    let workload = &Workload {
        dtype: job.dtype,
        ..*workloads::find(&job.name).map_err(failed)?
    };
    let data = data::load(&job.folder, job.rows, workload)?;
    let mut trainer =
        Trainer::new(workload, &data.dataset, &data.initial, job.threads).map_err(failed)?;

    let mut answers = std::io::stdout().lock();
    let mut answer = |line: &str| {
        writeln!(answers, "{line}")
            .and_then(|()| answers.flush())
            .map_err(|error| error.to_string())
    };
    answer("ready")?;
    for request in std::io::stdin().lock().lines() {
        if request.map_err(|error| error.to_string())?.trim() != "epoch" {
            break;
        }
        let epoch = trainer.epoch().map_err(failed)?;
        answer(&serde_json::to_string(&epoch).map_err(|error| error.to_string())?)?;
    }
    Ok(())
}
