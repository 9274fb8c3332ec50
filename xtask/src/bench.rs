//! `cargo xtask bench`: Thalweg beside its peers on the same data, in turns.
//!
//! Every contestant is a process that holds its data and trains one epoch when asked (the line protocol of
//! `bench/peers/protocol.py`). They take turns, A B C A B C …, and only one works at a time, so that a slow
//! spell of the machine falls on all of them. The first round warms up and is not counted.

mod contestant;
mod data;
pub mod peak;
mod report;
pub mod worker;
mod workloads;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use contestant::{Contestant, Epoch};
use workloads::{WORKLOADS, Workload};

use crate::Result;
use crate::process::{cargo, check, command, output, root, target};
use crate::python::Environment;

/// Pause after every turn: thread pools spin for a while before they sleep (OpenBLAS about 0.1 s), and
/// would take a core from the next contestant.
const REST: Duration = Duration::from_millis(250);

/// What the user asked for.
pub struct Options {
    torch: bool,
    only: Option<&'static Workload>,
    quick: bool,
}

impl Options {
    /// Reads the words after `bench`.
    pub fn parse(words: &[&str]) -> Result<Self> {
        let mut options = Self {
            torch: false,
            only: None,
            quick: false,
        };
        let mut words = words.iter();
        while let Some(&word) = words.next() {
            match word {
                "--quick" => options.quick = true,
                "--with" if words.next() == Some(&"torch") => options.torch = true,
                "--only" => {
                    let name = words.next().copied().unwrap_or_default();
                    options.only = Some(workloads::find(name)?);
                }
                _ => {
                    return Err(format!(
                        "bench: `{word}` is not understood; see `cargo xtask help`"
                    ));
                }
            }
        }
        Ok(options)
    }

    /// Measured epochs, after one to warm up.
    fn epochs(&self) -> usize {
        if self.quick { 2 } else { 5 }
    }
}

/// All measured epochs of one contestant on one workload, the warm-up left out.
struct Series {
    contestant: &'static str,
    seconds: Vec<f64>,
    /// Mean training loss of the last epoch; all contestants have trained equally many.
    loss: f64,
}

/// A workload as it was run.
struct Outcome {
    workload: &'static Workload,
    rows: usize,
    source: String,
    /// Thalweg first.
    series: Vec<Series>,
}

impl Outcome {
    /// Contestants whose loss is far above the best one's: they do not do the same work.
    fn unlearned(&self) -> Vec<&'static str> {
        let best = self
            .series
            .iter()
            .map(|one| one.loss)
            .fold(f64::MAX, f64::min);
        let behind = self
            .series
            .iter()
            .filter(|one| one.loss > 1.15 * best + 0.02);
        behind.map(|one| one.contestant).collect()
    }
}

/// Measures, prints, and on a full run writes `bench/RESULTS.md`.
pub fn run(options: &Options) -> Result<()> {
    check(cargo().args(["build", "--release", "--package", "xtask"]))?;
    let (folder, pins) = if options.torch {
        ("bench-torch-venv", "bench/requirements-torch.txt")
    } else {
        ("bench-venv", "bench/requirements.txt")
    };
    let python = Environment::prepare(folder, pins)?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let executable = target().join("release").join("xtask");

    let mut peaks = BTreeMap::new();
    for count in [1, threads] {
        let mut measure = command(&executable);
        let printed = output(measure.args(["bench-peak", &count.to_string()]))?;
        let gigaflops = printed.trim().parse::<f64>();
        peaks.insert(
            count,
            gigaflops.map_err(|_| format!("bench-peak printed `{printed}`"))?,
        );
    }

    let mut packages = vec!["jax", "optax", "scikit-learn", "numpy"];
    if options.torch {
        packages.push("torch");
    }
    let machine = report::Machine::look(threads, peaks, python.versions(&packages)?);
    println!("{machine}");

    let chosen: Vec<&Workload> = options
        .only
        .map_or(WORKLOADS.iter().collect(), |one| vec![one]);
    let mut outcomes = Vec::new();
    for workload in chosen {
        let outcome = measure(workload, options, &python, &executable, threads)?;
        println!("{}", report::outcome(&outcome, &machine));
        outcomes.push(outcome);
    }
    if options.quick || options.only.is_some() {
        println!("not a full run: bench/RESULTS.md stays as it is");
        return Ok(());
    }
    if let Some(outcome) = outcomes
        .iter()
        .find(|outcome| !outcome.unlearned().is_empty())
    {
        return Err(format!(
            "{}: not everyone learned the same (see the losses), so bench/RESULTS.md stays as it is",
            outcome.workload.name
        ));
    }
    let results = root().join("bench").join("RESULTS.md");
    std::fs::write(
        &results,
        report::results(&outcomes, &machine, options.epochs()),
    )
    .map_err(|error| format!("{}: {error}", results.display()))?;
    println!("wrote bench/RESULTS.md");
    Ok(())
}

fn measure(
    workload: &'static Workload,
    options: &Options,
    python: &Environment,
    executable: &Path,
    threads: usize,
) -> Result<Outcome> {
    let folder = prepare(workload, python)?;
    let rows = workload.rows_of(options.quick);
    let job = |data: &Path| {
        [
            data.display().to_string(),
            rows.to_string(),
            workload.layers_text(),
            workload.batch.to_string(),
            threads.to_string(),
        ]
    };
    let mut thalweg = command(executable);
    thalweg
        .arg("bench-worker")
        .arg(workload.name)
        .args(job(&folder));
    let mut contestants = vec![Contestant::start("Thalweg", thalweg)?];
    for (name, script) in [
        ("JAX", "bench/peers/jax_peer.py"),
        ("scikit-learn", "bench/peers/scikit_learn_peer.py"),
        ("PyTorch", "bench/peers/torch_peer.py"),
    ] {
        if name == "PyTorch" && !options.torch {
            continue;
        }
        let mut peer = python.python();
        peer.arg(script)
            .args(job(&folder))
            .env("OMP_NUM_THREADS", threads.to_string());
        contestants.push(Contestant::start(name, peer)?);
    }

    let mut rounds: Vec<Vec<Epoch>> = contestants.iter().map(|_| Vec::new()).collect();
    for _ in 0..=options.epochs() {
        for (contestant, epochs) in contestants.iter_mut().zip(&mut rounds) {
            epochs.push(contestant.epoch()?);
            std::thread::sleep(REST);
        }
    }
    let series = contestants
        .iter()
        .zip(rounds)
        .map(|(contestant, epochs)| Series {
            contestant: contestant.name,
            seconds: epochs.iter().skip(1).map(|epoch| epoch.seconds).collect(),
            loss: epochs.last().map_or(f64::NAN, |epoch| epoch.loss),
        });
    let source = std::fs::read_to_string(folder.join("source.txt")).unwrap_or_default();
    Ok(Outcome {
        workload,
        rows,
        source: source.trim().to_owned(),
        series: series.collect(),
    })
}

/// The folder of the workload's data, made once.
fn prepare(workload: &Workload, python: &Environment) -> Result<PathBuf> {
    let folder = target().join("bench-data").join(workload.name);
    // Written last, so that its presence means that the rest is there.
    if !folder.join("source.txt").exists() {
        let mut make = python.python();
        make.args(["bench/data.py", workload.name, &workload.rows.to_string()]);
        check(make.arg(workload.layers_text()).arg(&folder))?;
    }
    Ok(folder)
}
