//! Thalweg as a contestant: `xtask bench-worker NAME DATA ROWS LAYERS BATCH THREADS` speaks the line protocol
//! of `bench/peers/protocol.py`.

use std::io::{BufRead, Write};
use std::path::Path;
use std::time::Instant;

use thalweg::dataset::{Targets, Values};

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
/// Between epochs its threads must sleep: the others are being timed.
fn epochs(
    workload: &'static Workload,
    data: Data,
    _threads: usize,
) -> Result<impl FnMut() -> Result<f64>> {
    Ok(placeholder(workload.layers, data))
}

/// Stands in until the engine can train: the loss of the initial network, without learning.
fn placeholder(layers: &'static [usize], data: Data) -> impl FnMut() -> Result<f64> {
    move || {
        let (Values::F32(features), Targets::Classes(classes)) =
            (&data.dataset.features.values, &data.dataset.targets)
        else {
            return Err("the data are not single precision with classes".to_owned());
        };
        let mut total = 0.0;
        for (row, &class) in features.chunks_exact(layers[0]).zip(classes) {
            let mut x: Vec<f64> = row.iter().copied().map(f64::from).collect();
            let mut rest = data.initial.as_slice();
            for pair in layers.windows(2) {
                let (weight, after) = rest.split_at(pair[0] * pair[1]);
                let (bias, after) = after.split_at(pair[1]);
                rest = after;
                x = weight
                    .chunks_exact(pair[0])
                    .zip(bias)
                    .map(|(w, b)| w.iter().zip(&x).map(|(w, x)| w * x).sum::<f64>() + b)
                    .map(|z| if rest.is_empty() { z } else { z.max(0.0) })
                    .collect();
            }
            let top = x.iter().copied().fold(f64::MIN, f64::max);
            let sum: f64 = x.iter().map(|z| (z - top).exp()).sum();
            total += sum.ln() + top - x[class as usize];
        }
        Ok(total / classes.len() as f64)
    }
}
