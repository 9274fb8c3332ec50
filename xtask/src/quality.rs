//! `cargo xtask quality`: how good models are without any setting, beside peers.
//!
//! Tables, splits, peers and the one scorer are Python (`bench/peers/quality`); all contestants read the same files.
//! Runs are stored in `bench/quality/*.json`, those of peers once with versions and date, and `bench/QUALITY.md` with
//! its picture is written from these files alone.

mod aggregate;
mod cv;
mod report;
mod runs;

use std::process::Command;

use runs::{Runs, Store};

use crate::Result;
use crate::process::{cargo, check, root, target};
use crate::python::Environment;

const FOLDER: &str = "bench/quality";
const SEEDS: &str = "0,1,2";

/// What is run before the report is written.
#[derive(Debug, Clone, PartialEq)]
enum Task {
    /// Thalweg's presets of these names.
    Presets(String),
    /// The peers that are not stored yet; with names, these alone.
    Peers(String),
    /// `auto` with each of its parts taken out, on the tables to tune on.
    Ablation,
    /// `thalweg cv` beside scikit-learn's.
    Cv,
    /// Nothing.
    Report,
}

/// Presets that are compared anew, unless others are named.
const PRESETS: &str = "fast auto";
/// Peers in the order of their cost.
const PEERS: &str = "linear mlp boosting realmlp-td-s realmlp-td realmlp-td-4 tabm";
/// The peer that is timed again with every run of presets, on these tables.
const TIMED: &str = "realmlp-td-s";
const TIMED_ON: &str = "concrete,california,adult";

#[derive(Debug, Clone)]
struct Options {
    task: Task,
    tables: Option<String>,
    seeds: String,
    /// A build that is there, in the place of a release build.
    program: Option<String>,
}

impl Options {
    fn parse(words: &[&str]) -> Result<Self> {
        let mut options = Self {
            task: Task::Presets(PRESETS.to_owned()),
            tables: None,
            seeds: SEEDS.to_owned(),
            program: None,
        };
        let mut words = words.iter().copied();
        while let Some(word) = words.next() {
            let mut value = || {
                let value = words.next().filter(|value| !value.starts_with("--"));
                let missing = || format!("quality: `{word}` needs a value; see `cargo xtask help`");
                value.map(str::to_owned).ok_or_else(missing)
            };
            match word {
                "--presets" => options.task = Task::Presets(value()?.replace(',', " ")),
                "--peers" => options.task = Task::Peers(value()?.replace(',', " ")),
                "--ablation" => options.task = Task::Ablation,
                "--cv" => options.task = Task::Cv,
                "--report" => options.task = Task::Report,
                "--tables" => options.tables = Some(value()?),
                "--seeds" => options.seeds = value()?,
                "--program" => options.program = Some(value()?),
                _ => {
                    return Err(format!(
                        "quality: `{word}` is not understood; see `cargo xtask help`"
                    ));
                }
            }
        }
        Ok(options)
    }

    /// The path of the `thalweg` that is measured: a release build, unless one is given.
    fn program(&self) -> Result<String> {
        if let Some(program) = &self.program {
            return Ok(program.clone());
        }
        check(cargo().args(["build", "--release", "--package", "thalweg-cli"]))?;
        let program = target().join("release").join("thalweg");
        Ok(program.display().to_string())
    }
}

/// Runs what is asked for, and writes `bench/QUALITY.md`.
pub fn run(words: &[&str]) -> Result<()> {
    let options = Options::parse(words)?;
    match &options.task {
        Task::Presets(names) => presets(names, &options)?,
        Task::Peers(names) => peers(names, &options)?,
        Task::Ablation => ablation(&options)?,
        Task::Cv => cv(&options)?,
        Task::Report => {}
    }
    write()
}

/// The presets anew, by a release build.
fn presets(names: &str, options: &Options) -> Result<()> {
    let program = options.program()?;
    let contestant = |name| format!("{name}={program} --preset {name}");
    let contestants: Vec<String> = names.split(' ').map(contestant).collect();
    let mut scorer = scorer("quality-venv", "requirements.txt")?;
    run_in(&mut scorer, "thalweg.json", &contestants, options);
    check(scorer.arg("--again"))?;
    let mut timer = peer_scorer()?;
    let options = Options {
        tables: Some(TIMED_ON.to_owned()),
        seeds: "0".to_owned(),
        ..options.clone()
    };
    run_in(&mut timer, "timing.json", &[TIMED.to_owned()], &options);
    check(timer.arg("--again"))
}

fn peer_scorer() -> Result<Command> {
    scorer("quality-peers-venv", "requirements-peers.txt")
}

/// The peers of these names, or all; those of minutes on fewer seeds.
fn peers(names: &str, options: &Options) -> Result<()> {
    let names = if names == "all" { PEERS } else { names };
    for name in names.split(' ') {
        let mut scorer = peer_scorer()?;
        run_in(&mut scorer, "peers.json", &[name.to_owned()], options);
        check(&mut scorer)?;
    }
    Ok(())
}

/// `auto` without each of its parts, which `ablation.py` names, on the tables to tune on.
fn ablation(options: &Options) -> Result<()> {
    let contestant = format!("without={} --preset auto", options.program()?);
    let mut scorer = scorer("quality-venv", "requirements.txt")?;
    let tables = Some(options.tables.clone().unwrap_or("tune".to_owned()));
    let options = Options {
        tables,
        ..options.clone()
    };
    run_in(&mut scorer, "ablation.json", &[contestant], &options);
    check(scorer.arg("--again"))
}

/// `thalweg cv` beside scikit-learn's `cross_validate`.
fn cv(options: &Options) -> Result<()> {
    let requirements = "bench/peers/quality/requirements.txt";
    let mut python = Environment::prepare("quality-venv", requirements)?.python();
    python.arg("bench/peers/quality/cv.py");
    python.arg(root().join(FOLDER).join("cv.json"));
    check(
        python
            .arg(options.program()?)
            .args(["--seeds", &options.seeds]),
    )
}

/// `run.py` in its environment.
fn scorer(environment: &str, requirements: &str) -> Result<Command> {
    let requirements = format!("bench/peers/quality/{requirements}");
    let mut python = Environment::prepare(environment, &requirements)?.python();
    python.arg("bench/peers/quality/run.py");
    Ok(python)
}

fn run_in(scorer: &mut Command, store: &str, contestants: &[String], options: &Options) {
    scorer.arg(root().join(FOLDER).join(store));
    scorer.arg(target().join("quality-data"));
    scorer.args(contestants).args(["--seeds", &options.seeds]);
    if let Some(tables) = &options.tables {
        scorer.args(["--tables", tables]);
    }
}

/// Writes the results from what is stored.
fn write() -> Result<()> {
    let mut stores = Vec::new();
    for (name, file) in [("Thalweg", "thalweg.json"), ("peers", "peers.json")] {
        stores.extend(Store::read(file)?.map(|store| (name, store)));
    }
    let timing = Store::read("timing.json")?;
    let slowdown = timing
        .as_ref()
        .and_then(|timing| stores.last()?.1.slowdown(timing));
    if let Some((_, peers)) = stores.last_mut() {
        peers.take_longer(slowdown.unwrap_or(1.0));
    }
    stores.extend(timing.map(|timing| ("timed again", timing)));
    let compared = stores.iter().filter(|(name, _)| *name != "timed again");
    let runs = Runs::new(compared.map(|(_, store)| store.clone()));
    let without = Store::read("ablation.json")?;
    let ablated = without.map_or_else(Vec::new, |store| report::ablated(&runs, store));
    for (name, text) in [
        (
            "QUALITY.md",
            report::text(&runs, &stores, slowdown, &ablated) + &cv::section()?,
        ),
        ("quality.svg", report::picture(&runs)),
    ] {
        let path = root().join("bench").join(name);
        std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    println!("wrote bench/QUALITY.md");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_that_are_not_understood_are_refused() {
        let of = |words: &[&str]| Options::parse(words);
        let presets = |words| of(words).unwrap().task;
        assert_eq!(presets(&[]), Task::Presets("fast auto".to_owned()));
        let named = presets(&["--presets", "auto,best"]);
        assert_eq!(named, Task::Presets("auto best".to_owned()));
        let options = of(&["--peers", "linear,mlp", "--seeds", "0"]).unwrap();
        assert_eq!(options.task, Task::Peers("linear mlp".to_owned()));
        assert_eq!(options.seeds, "0");
        for words in [&["--tables"][..], &["--peers", "--report"], &["--fast"]] {
            assert!(of(words).is_err(), "{words:?}");
        }
    }
}
