//! `cargo xtask bench`: Thalweg beside its peers on the same data, in turns; with `--scaling`, Thalweg alone.
//!
//! Every contestant is a process that holds its data and trains one epoch when asked (the line protocol of
//! `bench/peers/protocol.py`). They take turns, A B C A B C …, and only one works at a time, so that a slow
//! spell of the machine falls on all of them. The first round warms up and is not counted. What Thalweg's
//! side is, and the limits of the machine, are `thalweg-bench`'s.

mod breakdown;
mod contestant;
mod data;
mod goals;
mod report;
pub mod scaling;
mod startup;
mod stolen;
pub mod worker;

use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thalweg_bench::products::{Rates, SIZES};
use thalweg_bench::{Clock, Epoch, Limits, Peer, Spread, WORKLOADS, Workload, workloads};
use thalweg_core::precision::Dtype;

use contestant::Contestant;
use stolen::Ticks;
use worker::Job;

use crate::Result;
use crate::process::{cargo, check, command, output, root, target};
use crate::python::Environment;

/// Pause after every turn: thread pools spin for a while before they sleep (OpenBLAS about 0.1 s), and
/// would take a core from the next contestant.
const REST: Duration = Duration::from_millis(250);

/// What the user asked for.
#[derive(Debug, Default)]
pub struct Options {
    torch: bool,
    scaling: bool,
    breakdown: bool,
    only: Option<&'static Workload>,
    quick: bool,
}

impl Options {
    /// Reads the words after `bench`.
    pub fn parse(words: &[&str]) -> Result<Self> {
        let mut options = Self::default();
        let mut words = words.iter();
        while let Some(&word) = words.next() {
            match word {
                "--quick" => options.quick = true,
                "--scaling" => options.scaling = true,
                "--breakdown" => options.breakdown = true,
                "--with" if words.next() == Some(&"torch") => options.torch = true,
                "--only" => {
                    let name = words.next().copied().unwrap_or_default();
                    let found = workloads::find(name).map_err(|error| error.to_string())?;
                    options.only = Some(found);
                }
                _ => {
                    return Err(format!(
                        "bench: `{word}` is not understood; see `cargo xtask help`"
                    ));
                }
            }
        }
        if options.scaling && (options.torch || options.only.is_some()) {
            return Err("bench: --scaling is Thalweg alone, on networks of its own".to_owned());
        }
        if options.breakdown && (options.torch || options.scaling) {
            return Err("bench: --breakdown is Thalweg alone".to_owned());
        }
        Ok(options)
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
    /// The share of the processors' time that the host took meanwhile, where it is known.
    stolen: Option<f64>,
    /// Thalweg first.
    series: Vec<Series>,
}

impl Outcome {
    /// Contestants whose loss is far above the best one's, by 15 % and by 0.5 % of the loss of a guess (losses near 0
    /// differ by half of that between orders of the same rows): they do not
    /// do the same work.
    fn unlearned(&self) -> Vec<&'static str> {
        let best = self
            .series
            .iter()
            .map(|one| one.loss)
            .fold(f64::MAX, f64::min);
        let guess = (self.workload.classes() as f64).ln();
        let behind = self
            .series
            .iter()
            .filter(|one| one.loss > 1.15 * best + 0.005 * guess);
        behind.map(|one| report::contestant(one.peer)).collect()
    }
}

/// What the machine and the products of a dense layer reach: what `xtask bench-limits` prints.
#[derive(Debug, Serialize, Deserialize)]
pub struct Measured {
    /// On one thread and on all.
    limits: Vec<Limits>,
    /// Each size on one thread and on all.
    products: Vec<Rates>,
}

/// Prints [`Measured`] as JSON: `xtask bench-limits THREADS full|quick`, from a release build.
pub fn print_limits(threads: &str, clock: &str) -> Result<()> {
    let threads: usize = threads
        .parse()
        .map_err(|_| format!("bench-limits: `{threads}` is no number"))?;
    let clock = if clock == "quick" {
        Clock::Quick
    } else {
        Clock::Full
    };
    let counts: &[usize] = if threads == 1 { &[1] } else { &[1, threads] };
    let mut measured = Measured {
        limits: Vec::new(),
        products: Vec::new(),
    };
    for &threads in counts {
        measured.limits.push(Limits::measure(threads, clock));
    }
    for &sizes in SIZES {
        for &threads in counts {
            let rates = Rates::measure(sizes, threads, clock).map_err(|error| error.to_string())?;
            measured.products.push(rates);
        }
    }
    println!(
        "{}",
        serde_json::to_string(&measured).map_err(|error| error.to_string())?
    );
    Ok(())
}

/// Measures, prints, and on a full run writes `bench/RESULTS.md` or `bench/SCALING.md`.
pub fn run(options: &Options) -> Result<()> {
    if options.breakdown {
        return breakdown::run(options.only, options.quick);
    }
    let mut build = cargo();
    build.args([
        "build",
        "--release",
        "--package",
        "xtask",
        "--package",
        "thalweg-cli",
    ]);
    check(&mut build)?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let executable = target().join("release").join("xtask");
    let clock = if options.quick { "quick" } else { "full" };
    if options.scaling {
        return check(command(&executable).args(["bench-scaling", clock]));
    }
    let (folder, pins) = if options.torch {
        ("bench-torch-venv", "bench/requirements-torch.txt")
    } else {
        ("bench-venv", "bench/requirements.txt")
    };
    let python = Environment::prepare(folder, pins)?;
    let mut packages = vec!["jax", "optax", "scikit-learn", "numpy"];
    if options.torch {
        packages.push("torch");
    }

    let told = output(command(&executable).args(["bench-limits", &threads.to_string(), clock]))?;
    let measured: Measured = serde_json::from_str(&told)
        .map_err(|error| format!("bench-limits printed `{told}`: {error}"))?;
    let machine = report::Machine::look(measured.limits, python.versions(&packages)?)?;
    println!(
        "{machine}\n\n{}",
        report::products(&measured.products, &machine)
    );

    let chosen: Vec<&Workload> = options.only.map_or(
        WORKLOADS.iter().filter(|one| one.is_native()).collect(),
        |one| vec![one],
    );
    let mut outcomes = Vec::new();
    for workload in chosen {
        let outcome = measure(workload, options, &python, &executable, threads)?;
        println!("{}", report::outcome(&outcome, &machine));
        outcomes.push(outcome);
    }
    let startups = match options.only {
        None => startup::measure(&python, if options.quick { 1 } else { 5 })?,
        Some(_) => Vec::new(),
    };
    if !startups.is_empty() {
        println!("\n{}", report::startups(&startups));
    }
    if options.quick || options.only.is_some() {
        println!("\nnot a full run: bench/RESULTS.md stays as it is");
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
    let text = report::results(&outcomes, &measured.products, &startups, &machine);
    std::fs::write(&results, text).map_err(|error| format!("{}: {error}", results.display()))?;
    println!("\nwrote bench/RESULTS.md");
    Ok(())
}

/// Starts everyone who trains the workload, and gives them their turns.
fn measure(
    workload: &'static Workload,
    options: &Options,
    python: &Environment,
    executable: &Path,
    threads: usize,
) -> Result<Outcome> {
    let (folder, source) = data::prepare(workload, threads)?;
    let rows = workload.rows_of(options.quick);
    let job = Job::new(workload, &folder, rows, threads).text()?;
    let mut thalweg = command(executable);
    thalweg.arg("bench-worker").arg(&job);
    let mut contestants = vec![(None, Contestant::start("Thalweg", thalweg)?)];
    for &peer in workload.peers {
        let script = match peer {
            Peer::Jax | Peer::JaxHostOrder => "bench/peers/jax_peer.py",
            Peer::MlpClassifier => "bench/peers/scikit_learn_peer.py",
            Peer::SgdClassifier => "bench/peers/scikit_learn_sgd_peer.py",
            Peer::PyTorch if options.torch => "bench/peers/torch_peer.py",
            Peer::PyTorch => continue,
            Peer::ThalwegF32 => "",
        };
        let mut process;
        if peer == Peer::ThalwegF32 {
            let single = Workload {
                dtype: Dtype::F32,
                ..*workload
            };
            process = command(executable);
            let job = Job::new(&single, &folder, rows, threads).text()?;
            process.args(["bench-worker", &job]);
        } else {
            process = python.python();
            let mut job = Job::new(workload, &folder, rows, threads);
            job.host_order = peer == Peer::JaxHostOrder;
            process
                .args([script, &job.text()?])
                .env("OMP_NUM_THREADS", threads.to_string());
        }
        let name = report::contestant(Some(peer));
        contestants.push((Some(peer), Contestant::start(name, process)?));
    }

    let epochs = options.epochs(workload);
    let start = Ticks::now();
    let mut rounds: Vec<Vec<Epoch>> = contestants.iter().map(|_| Vec::new()).collect();
    for _ in 0..=epochs {
        for ((_, contestant), epochs) in contestants.iter_mut().zip(&mut rounds) {
            epochs.push(contestant.epoch()?);
            std::thread::sleep(REST);
        }
    }
    let stolen = Ticks::now()
        .zip(start)
        .map(|(end, start)| end.stolen_since(start));
    let series = contestants.iter().zip(rounds).map(|((peer, _), epochs)| {
        let seconds: Vec<f64> = epochs.iter().skip(1).map(|epoch| epoch.seconds).collect();
        Series {
            peer: *peer,
            seconds: Spread::of(&seconds),
            loss: epochs.last().map_or(f64::NAN, |epoch| epoch.loss),
        }
    });
    Ok(Outcome {
        workload,
        rows,
        epochs,
        source,
        stolen,
        series: series.collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_does_not_learn_is_named() {
        let series = |peer, loss| Series {
            peer,
            seconds: Spread::of(&[1.0]),
            loss,
        };
        let outcome = Outcome {
            workload: workloads::find("stochastic").unwrap(),
            rows: 5000,
            epochs: 1,
            source: String::new(),
            stolen: None,
            series: vec![
                series(None, 0.9),
                series(Some(Peer::Jax), 0.5),
                series(Some(Peer::PyTorch), 0.52),
            ],
        };
        assert_eq!(outcome.unlearned(), ["Thalweg"]);
        let outcome = Outcome {
            series: vec![series(None, 0.02), series(Some(Peer::Jax), 0.01)],
            ..outcome
        };
        assert_eq!(outcome.unlearned(), ["Thalweg"]);
    }

    #[test]
    fn options_that_contradict_each_other_are_refused() {
        assert!(Options::parse(&["--scaling", "--quick"]).unwrap().scaling);
        assert!(Options::parse(&["--scaling", "--with", "torch"]).is_err());
        let error = Options::parse(&["--only", "table-tini"]).unwrap_err();
        assert!(error.contains("did you mean `table-tiny`?"), "{error}");
    }
}
