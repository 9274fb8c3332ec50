//! Thalweg as a contestant: `xtask bench-worker NAME DATA ROWS LAYERS BATCH THREADS` speaks the line protocol
//! of `bench/peers/protocol.py`.

use std::io::{BufRead, Write};
use std::path::Path;
use std::time::Instant;

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

/// Compiles the network of `workload` from `data.initial` and returns what trains one epoch over all rows
/// (Adam 1e-3, batches of `workload.batch`, reshuffled) and gives the mean loss over its batches.
fn epochs(
    workload: &Workload,
    data: Data,
    _threads: usize,
) -> Result<impl FnMut() -> Result<f64> + use<>> {
    placeholder(workload.layers.to_vec(), data)
}

/// Stands in until the engine can train: the loss of the initial network, without learning.
fn placeholder(layers: Vec<usize>, data: Data) -> Result<impl FnMut() -> Result<f64>> {
    Ok(move || {
        let mut total = 0.0;
        for (row, &class) in data.features.chunks_exact(layers[0]).zip(&data.classes) {
            let mut x = row.to_vec();
            for (k, (weight, bias)) in data.initial.iter().enumerate() {
                let outputs = weight.chunks_exact(layers[k]).zip(bias);
                let last = k + 2 == layers.len();
                x = outputs
                    .map(|(w, b)| w.iter().zip(&x).map(|(w, x)| w * x).sum::<f32>() + b)
                    .map(|z| if last { z } else { z.max(0.0) })
                    .collect();
            }
            let top = x.iter().copied().fold(f32::MIN, f32::max);
            let sum: f32 = x.iter().map(|z| (z - top).exp()).sum();
            total += f64::from(sum.ln() + top - x[class as usize]);
        }
        Ok(total / data.classes.len() as f64)
    })
}
