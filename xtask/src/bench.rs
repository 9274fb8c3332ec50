//! `cargo xtask bench`: Thalweg beside its peers, alone by size (`--scaling`) or by function (`--breakdown`), and beside
//! an older build of itself (`--against`).
//!
//! Every contestant is a process that holds its data and trains one epoch when asked (the line protocol of
//! `bench/peers/protocol.py`). They take turns, and only one works at a time, so that a slow spell of the machine
//! affects all of them. The first round warms up and is not counted.

mod against;
mod breakdown;
mod contestant;
mod data;
pub mod reading;
mod report;
mod scaling;
mod startup;
pub mod worker;

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use thalweg_bench::products::{Rates, SIZES};
use thalweg_bench::{Clock, Epoch, Limits, Peer, Spread, WORKLOADS, Workload, workloads};
use thalweg_core::precision::Dtype;

use contestant::Contestant;
use report::Machine;
use worker::Job;

use crate::Result;
use crate::process::{cargo, check, command, root, target};
use crate::python::Environment;

/// Pause after every turn: thread pools spin for a while before they sleep (OpenBLAS about 0.1 s), and
/// would take a core from the next contestant.
const REST: Duration = Duration::from_millis(250);

/// What is measured.
#[derive(Debug, Default, PartialEq)]
enum Task {
    #[default]
    Peers,
    PeersWithTorch,
    Scaling,
    Breakdown,
    Reading,
    /// With the path of the older `xtask`.
    Against(String),
}

/// What follows `bench` on the command line.
#[derive(Debug, Default)]
struct Options {
    task: Task,
    only: Option<&'static Workload>,
    quick: bool,
}

impl Options {
    fn parse(words: &[&str]) -> Result<Self> {
        let mut options = Self::default();
        let mut words = words.iter();
        while let Some(&word) = words.next() {
            let task = match word {
                "--quick" => {
                    options.quick = true;
                    continue;
                }
                "--only" => {
                    let name = words.next().copied().unwrap_or_default();
                    let found = workloads::find(name).map_err(|error| error.to_string())?;
                    options.only = Some(found);
                    continue;
                }
                "--scaling" => Task::Scaling,
                "--breakdown" => Task::Breakdown,
                "--reading" => Task::Reading,
                "--with" if words.next() == Some(&"torch") => Task::PeersWithTorch,
                "--against" => Task::Against((*words.next().unwrap_or(&"")).to_owned()),
                _ => {
                    return Err(format!(
                        "bench: `{word}` is not understood; see `cargo xtask help`"
                    ));
                }
            };
            if options.task != Task::Peers {
                return Err(format!(
                    "bench: `{word}` cannot be combined with what stands before it"
                ));
            }
            options.task = task;
        }
        if options.task == Task::Scaling && options.only.is_some() {
            return Err("bench: --scaling has networks of its own; leave out --only".to_owned());
        }
        Ok(options)
    }

    /// The workload named, or all that this machine has instructions for.
    fn workloads(&self) -> Vec<&'static Workload> {
        let native = WORKLOADS.iter().filter(|one| one.is_native());
        self.only.map_or_else(|| native.collect(), |one| vec![one])
    }

    /// Measured epochs, after one to warm up: more where they are short, fewer where they are long.
    fn epochs(&self, workload: &Workload) -> usize {
        let is_short = workload.rows as f64 * workload.flops_per_row() < 1e9;
        match self.quick {
            true => 2,
            false if workload.rows > 1_000_000 => 5,
            false if is_short && workload.rows < 200_000 => 15,
            false => 7,
        }
    }

    fn clock(&self) -> Clock {
        match self.quick {
            true => Clock::Quick,
            false => Clock::Full,
        }
    }

    /// Whether a file of results may be written.
    fn is_full(&self) -> bool {
        !self.quick && self.only.is_none()
    }

    /// Writes results into `bench/NAME` after a full run.
    fn write(&self, name: &str, text: &str) -> Result<()> {
        if !self.is_full() {
            println!("\nnot a full run: bench/{name} stays as it is");
            return Ok(());
        }
        let path = root().join("bench").join(name);
        std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
        println!("\nwrote bench/{name}");
        Ok(())
    }
}

/// Measures and prints. A full run starts itself again from a release build; a quick one shows that everything runs.
pub fn run(words: &[&str]) -> Result<()> {
    let options = Options::parse(words)?;
    let needs_release = cfg!(debug_assertions) && !options.quick;
    let mut build = cargo();
    build.args(["build", "--package", "xtask", "--package", "thalweg-cli"]);
    if needs_release {
        check(build.arg("--release"))?;
        let release = target().join("release").join("xtask");
        return check(Command::new(release).arg("bench").args(words));
    }
    if options.quick && options.task == Task::Peers {
        check(&mut build)?;
    }
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    match &options.task {
        Task::Peers | Task::PeersWithTorch => peers(&options, threads),
        Task::Scaling => scaling::run(&options, threads),
        Task::Breakdown => breakdown::run(&options),
        Task::Reading => {
            let python = Environment::prepare("bench-venv", "bench/requirements.txt")?;
            let section = reading::measure(&python, options.quick)?;
            println!("{section}");
            match options.is_full() {
                true => replace_reading(&section, &Machine::of_reading(&python)?),
                false => Ok(()),
            }
        }
        Task::Against(old) => against::run(old, &options, threads),
    }
}

/// Writes the section on reading into `bench/RESULTS.md`.
fn replace_reading(section: &str, measured: &str) -> Result<()> {
    let path = root().join("bench/RESULTS.md");
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    let text = std::fs::read_to_string(&path).map_err(failed)?;
    std::fs::write(
        &path,
        report::with_reading(&text, &format!("{measured}\n{section}")),
    )
    .map_err(failed)?;
    println!("wrote the section on reading of bench/RESULTS.md");
    Ok(())
}

/// The `xtask` that runs, which is also Thalweg as a contestant.
fn executable() -> Result<PathBuf> {
    std::env::current_exe().map_err(|error| format!("xtask: {error}"))
}

/// All measured epochs of one contestant on one workload, the warm-up left out.
struct Series {
    /// Thalweg where there is none.
    peer: Option<Peer>,
    seconds: Spread,
    /// Mean training loss of the last epoch; all contestants have trained equally many.
    loss: f64,
}

/// A workload as it was run.
struct Outcome {
    workload: &'static Workload,
    rows: usize,
    epochs: usize,
    source: String,
    /// Thalweg first.
    series: Vec<Series>,
}

impl Outcome {
    /// Contestants that do not do the same work: their loss is above the best by more than 15 % and by more than
    /// 0.5 % of the loss of a guess.
    fn unlearned(&self) -> Vec<&'static str> {
        let losses = self.series.iter().map(|one| one.loss);
        let best = losses.fold(f64::MAX, f64::min);
        let guess = (self.workload.classes() as f64).ln();
        let behind = self
            .series
            .iter()
            .filter(|one| one.loss > 1.15 * best + 0.005 * guess);
        behind.map(|one| report::contestant(one.peer)).collect()
    }
}

/// Everyone on every workload, whole processes, and products.
fn peers(options: &Options, threads: usize) -> Result<()> {
    let with_torch = options.task == Task::PeersWithTorch;
    let (folder, pins) = match with_torch {
        true => ("bench-torch-venv", "bench/requirements-torch.txt"),
        false => ("bench-venv", "bench/requirements.txt"),
    };
    let python = Environment::prepare(folder, pins)?;
    let mut packages = vec!["jax", "optax", "scikit-learn", "numpy", "polars", "pyarrow"];
    packages.extend(with_torch.then_some("torch"));

    let clock = options.clock();
    let counts: &[usize] = if threads == 1 { &[1] } else { &[1, threads] };
    let limits = counts
        .iter()
        .map(|&threads| Limits::measure(threads, clock));
    let machine = Machine::look(limits.collect(), python.versions(&packages)?)?;
    let mut products = Vec::new();
    for sizes in SIZES {
        for &threads in counts {
            let rates = Rates::measure(sizes, threads, clock).map_err(|error| error.to_string())?;
            products.push(rates);
        }
    }
    let products = report::products(&products, &machine);
    println!("{machine}\n\n{products}\n{}", report::HEAD);
    let mut outcomes = Vec::new();
    for workload in options.workloads() {
        let outcome = measure(workload, options, &python, threads)?;
        print!("{}", report::rows(&outcome, &machine));
        outcomes.push(outcome);
    }
    let startups = match options.only {
        None => startup::measure(&python, if options.quick { 1 } else { 5 })?,
        Some(_) => Vec::new(),
    };
    let startups = report::startups(&startups);
    println!("\n{startups}");
    let reading = match options.only {
        None => reading::measure(&python, options.quick)?,
        Some(_) => String::new(),
    };
    println!("\n{reading}");
    for outcome in &outcomes {
        let (unlearned, name) = (outcome.unlearned(), outcome.workload.name);
        if options.is_full() && !unlearned.is_empty() {
            return Err(format!(
                "{name}: {} did not reach the loss of the others, so bench/RESULTS.md stays as it is",
                unlearned.join(", ")
            ));
        }
    }
    options.write(
        "RESULTS.md",
        &report::with_reading(
            &report::results(&outcomes, &products, &startups, &machine),
            &reading,
        ),
    )
}

/// Starts every contestant of a workload, and gives them their turns.
fn measure(
    workload: &'static Workload,
    options: &Options,
    python: &Environment,
    threads: usize,
) -> Result<Outcome> {
    let (folder, source) = data::prepare(workload, threads)?;
    let rows = workload.rows_of(options.quick);
    let thalweg = |workload: &Workload| -> Result<Command> {
        let mut process = command(executable()?);
        process.args([
            "bench-worker",
            &Job::new(workload, &folder, rows, threads).text()?,
        ]);
        Ok(process)
    };
    let script = |script: &str, host_order: bool| -> Result<Command> {
        let mut job = Job::new(workload, &folder, rows, threads);
        job.host_order = host_order;
        let mut process = python.python();
        process.args([&format!("bench/peers/{script}"), &job.text()?]);
        process.env("OMP_NUM_THREADS", threads.to_string());
        Ok(process)
    };
    let mut contestants = vec![(None, Contestant::start("Thalweg", thalweg(workload)?)?)];
    for &peer in workload.peers {
        let process = match peer {
            Peer::Jax => script("jax_peer.py", false)?,
            Peer::JaxHostOrder => script("jax_peer.py", true)?,
            Peer::MlpClassifier => script("scikit_learn_peer.py", false)?,
            Peer::SgdClassifier => script("scikit_learn_sgd_peer.py", false)?,
            Peer::PyTorch if options.task == Task::PeersWithTorch => {
                script("torch_peer.py", false)?
            }
            Peer::PyTorch => continue,
            Peer::ThalwegF32 => thalweg(&Workload {
                dtype: Dtype::F32,
                ..*workload
            })?,
        };
        let name = report::contestant(Some(peer));
        contestants.push((Some(peer), Contestant::start(name, process)?));
    }

    let epochs = options.epochs(workload);
    let mut rounds: Vec<Vec<Epoch>> = contestants.iter().map(|_| Vec::new()).collect();
    for _ in 0..=epochs {
        for ((_, contestant), epochs) in contestants.iter_mut().zip(&mut rounds) {
            epochs.push(contestant.epoch()?);
            std::thread::sleep(REST);
        }
    }
    let series = contestants.iter().zip(rounds).map(|((peer, _), epochs)| {
        let seconds: Vec<f64> = epochs.iter().skip(1).map(|epoch| epoch.seconds).collect();
        Series {
            peer: *peer,
            seconds: Spread::of(&seconds),
            loss: epochs.last().map_or(f64::NAN, |epoch| epoch.loss),
        }
    });
    let series = series.collect();
    Ok(Outcome {
        workload,
        rows,
        epochs,
        source,
        series,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contestant_that_does_not_learn_is_named() {
        let series = |peer, loss| Series {
            peer,
            seconds: Spread::of(&[1.0]),
            loss,
        };
        let outcome = |series| Outcome {
            workload: workloads::find("stochastic").unwrap(),
            rows: 5000,
            epochs: 1,
            source: String::new(),
            series,
        };
        let peers = [
            series(None, 0.9),
            series(Some(Peer::Jax), 0.5),
            series(Some(Peer::PyTorch), 0.52),
        ];
        assert_eq!(outcome(peers.into()).unlearned(), ["Thalweg"]);
        let peers = [series(None, 0.02), series(Some(Peer::Jax), 0.01)];
        assert_eq!(outcome(peers.into()).unlearned(), ["Thalweg"]);
    }

    #[test]
    fn options_that_contradict_each_other_are_refused() {
        assert_eq!(
            Options::parse(&["--scaling", "--quick"]).unwrap().task,
            Task::Scaling
        );
        for words in [
            &["--scaling", "--with", "torch"][..],
            &["--scaling", "--only", "lenet5"],
            &["--fast"],
        ] {
            assert!(Options::parse(words).is_err(), "{words:?}");
        }
        let error = Options::parse(&["--only", "table-tini"]).unwrap_err();
        assert!(error.contains("did you mean `table-tiny`?"), "{error}");
    }
}
