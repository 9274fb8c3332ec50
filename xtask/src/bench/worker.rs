//! Thalweg as a contestant: `xtask bench-worker NAME DATA ROWS LAYERS BATCH THREADS` speaks the line protocol
//! of `bench/peers/protocol.py`.

use std::io::{BufRead, Write};
use std::path::Path;
use std::time::Instant;

use thalweg::cpu;
use thalweg::dataset::Dataset;
use thalweg::engine::State;
use thalweg::observe::{EpochReport, Flow, Observer};
use thalweg::registry::Choice;
use thalweg::spec::{NetworkSpec, TrainingSpec};
use thalweg::train::{Run, train};

use super::contestant::Epoch;
use super::data::Data;
use super::workloads::{self, Workload};
use crate::Result;

/// Loads the job, says `ready`, and trains an epoch for every line `epoch` until the input ends.
pub fn serve(job: &[&str]) -> Result<()> {
    let &[name, folder, rows, _layers, _batch, threads] = job else {
        return Err("bench-worker: takes NAME DATA ROWS LAYERS BATCH THREADS".to_owned());
    };
    let count = |text: &str| {
        text.parse()
            .map_err(|_| format!("bench-worker: `{text}` is no number"))
    };
    let workload = workloads::find(name)?;
    let data = Data::load(Path::new(folder), count(rows)?, workload.layers)?;
    let mut epoch = epochs(workload, data, count(threads)?)?;

    let mut answers = std::io::stdout().lock();
    let mut say = |line: &str| {
        writeln!(answers, "{line}")
            .and_then(|()| answers.flush())
            .map_err(|error| error.to_string())
    };
    say("ready")?;
    for request in std::io::stdin().lock().lines() {
        if request.map_err(|error| error.to_string())?.trim() != "epoch" {
            break;
        }
        let start = Instant::now();
        let loss = epoch()?;
        let answer = Epoch {
            seconds: start.elapsed().as_secs_f64(),
            loss,
        };
        say(&serde_json::to_string(&answer).map_err(|error| error.to_string())?)?;
    }
    Ok(())
}

/// Compiles the network of `workload`, loads `data.initial` into it, and returns what trains one epoch over
/// all rows (Adam 1e-3, batches of `workload.batch`, reshuffled) and gives the mean loss over its batches.
/// Between epochs its threads sleep: the others are being timed.
fn epochs(
    workload: &'static Workload,
    data: Data,
    threads: usize,
) -> Result<impl FnMut() -> Result<f64>> {
    let failed = |error: thalweg::Error| error.to_string();
    let (&[inputs, ref hidden @ .., outputs], batch_size) = (workload.layers, workload.batch)
    else {
        return Err("bench-worker: a network needs inputs and outputs".to_owned());
    };
    let loss = Choice::new("cross_entropy");
    let network = NetworkSpec::mlp(inputs, hidden, "relu", outputs, loss);
    let spec = TrainingSpec {
        learning_rate: 1e-3,
        batch_size,
        epochs: 1_000_000,
        optimizer: Choice::new("adam"),
        ..TrainingSpec::default()
    };
    let mut engine = cpu::engine(&network, &spec, threads).map_err(failed)?;
    let initial = State {
        parameters: data.initial,
        slots: Vec::new(),
    };
    engine.load(&initial).map_err(failed)?;
    // The run lives as long as the process, and so do its rows.
    let dataset: &'static Dataset = Box::leak(Box::new(data.dataset));
    let mut run = Run::new(engine, &spec, dataset, None).map_err(failed)?;
    Ok(move || {
        let mut epoch = OneEpoch(f64::NAN);
        train(&mut run, &mut epoch).map_err(failed)?;
        Ok(epoch.0)
    })
}

/// Stops a run after an epoch and keeps its loss.
struct OneEpoch(f64);

impl Observer for OneEpoch {
    fn epoch(&mut self, _: &Run, report: &EpochReport) -> thalweg::Result<Flow> {
        self.0 = report.train_loss;
        Ok(Flow::Stop)
    }
}
