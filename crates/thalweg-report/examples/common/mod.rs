//! What the examples share: their arguments, where their pictures go, and short names for small problems.

#![allow(dead_code, reason = "every example uses a part of this")]

#[path = "../../../thalweg-core/tests/common/build.rs"]
mod build;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use thalweg::cpu;
use thalweg::data::{Loaded, PrepareOptions, Prepared, ReadOptions, Source};
use thalweg::dataset::{Dataset, Targets};
use thalweg::engine::{Batch, Engine};
use thalweg::observe::EpochReport;
use thalweg::optimizers::Time;
use thalweg::spec::{NetworkSpec, TrainingSpec};
use thalweg::train::Run;
use thalweg::train::{Flow, Observer};
use thalweg_report::plot::{Figure, Grid};

pub use build::*;

/// Errors end an example with their text.
pub type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

/// The arguments of an example.
pub struct Options {
    /// Fewer epochs, for tests.
    pub quick: bool,
    /// What to train on, where an example takes data.
    pub data: String,
    /// Where pictures go.
    pub plots: PathBuf,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            quick: false,
            data: "builtin:digits".into(),
            plots: [env!("CARGO_MANIFEST_DIR"), "../../target/plots"]
                .iter()
                .collect(),
        }
    }
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self> {
        let mut options = Self::default();
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{argument} has no value"));
            match argument.as_str() {
                "--quick" => options.quick = true,
                "--data" => options.data = value()?,
                "--plots" => options.plots = value()?.into(),
                _ => {
                    let usage = "expected --quick, --data DATA or --plots FOLDER";
                    return Err(format!("unknown argument `{argument}`: {usage}").into());
                }
            }
        }
        Ok(options)
    }
}

/// Runs an example with the arguments of the program and writes its picture, into `target/plots` unless told
/// otherwise. What goes wrong is told in a line.
pub fn main(name: &str, run: impl FnOnce(&Options) -> Result<Figure>) -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(error) => {
            eprintln!("{name}: {error}");
            return ExitCode::from(2);
        }
    };
    match run(&options).and_then(|figure| write(name, &figure, &options.plots)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{name}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn write(name: &str, figure: &Figure, folder: &Path) -> Result {
    let failed = |error| format!("cannot write a picture to {}: {error}", folder.display());
    std::fs::create_dir_all(folder).map_err(failed)?;
    let path = folder
        .canonicalize()
        .map_err(failed)?
        .join(format!("{name}.svg"));
    std::fs::write(&path, figure.svg()).map_err(failed)?;
    println!("\npicture: {}", path.display());
    Ok(())
}

/// An engine on one thread with these parameters.
pub fn engine_at(
    network: &NetworkSpec,
    training: &TrainingSpec,
    parameters: &[f64],
) -> thalweg::Result<Box<dyn Engine>> {
    let mut engine = cpu::engine(network, training, 1)?;
    engine.load(&state(parameters))?;
    Ok(engine)
}

/// Where full-batch steps of a constant rate lead: θ before the first step and after each, with its loss.
pub fn path(
    engine: &mut dyn Engine,
    data: &Dataset,
    rate: f64,
    steps: u64,
) -> thalweg::Result<Vec<(Vec<f64>, f64)>> {
    let batch = Batch::all(data);
    let mut path = Vec::new();
    for step in 1..=steps {
        let theta = engine.save_parameters()?;
        let loss = engine.step(&batch, Time::new(step, rate))?.loss;
        path.push((theta, loss));
    }
    path.push((engine.save_parameters()?, engine.evaluate(&batch, None)?));
    Ok(path)
}

/// The values of a path's steps over their numbers.
pub fn losses(path: &[(Vec<f64>, f64)]) -> Vec<(f64, f64)> {
    let losses = path.iter().enumerate();
    losses
        .map(|(step, (_, loss))| (step as f64, *loss))
        .collect()
}

/// The first two parameters of a path.
pub fn places(path: &[(Vec<f64>, f64)]) -> Vec<(f64, f64)> {
    path.iter().map(|(theta, _)| (theta[0], theta[1])).collect()
}

/// What a network of two inputs and one output answers over a square.
pub fn answers_over(engine: &mut dyn Engine, low: f64, high: f64) -> thalweg::Result<Grid> {
    let mut grid = Grid::of((low, high), (low, high), 81, |_, _| 0.0);
    let points = grid
        .x
        .iter()
        .flat_map(|x| grid.y.iter().map(move |y| [*x, *y]));
    grid.values = engine.predict(&features(2, points.flatten().collect()))?;
    Ok(grid)
}

/// The data of `--data`, and the same prepared as the command line would; a tenth of the rows to validate and, unless the
/// data have test rows of their own, a tenth to test.
pub fn read(options: &Options) -> Result<(Loaded, Prepared)> {
    let source = Source::parse(&options.data)?;
    let loaded = thalweg::data::read(&source, &ReadOptions::default())?;
    let prepared = thalweg::data::prepare(&loaded, None, None, &PrepareOptions::default())?;
    Ok((loaded, prepared))
}

/// The class of the largest output, row by row.
pub fn classes(
    engine: &mut dyn Engine,
    data: &Dataset,
    outputs: usize,
) -> thalweg::Result<Vec<u32>> {
    let answers = engine.predict(&data.features)?;
    let largest = |row: &[f64]| {
        let best = (0..outputs).max_by(|a, b| row[*a].total_cmp(&row[*b]));
        best.unwrap_or(0) as u32
    };
    Ok(answers.chunks(outputs).map(largest).collect())
}

/// The share of rows whose class is answered.
pub fn accuracy(engine: &mut dyn Engine, data: &Dataset, outputs: usize) -> Result<f64> {
    let answered = classes(engine, data, outputs)?;
    let Targets::Classes(expected) = &data.targets else {
        return Err("the data have no classes".into());
    };
    let right = answered
        .iter()
        .zip(expected)
        .filter(|(a, b)| a == b)
        .count();
    Ok(right as f64 / expected.len() as f64)
}

/// An observer that keeps what epochs tell.
#[derive(Default)]
pub struct Epochs(pub Vec<EpochReport>);

impl Observer for Epochs {
    fn epoch(&mut self, _: &mut Run, report: &EpochReport) -> thalweg::core::Result<Flow> {
        self.0.push(report.clone());
        Ok(Flow::Continue)
    }
}

impl Epochs {
    /// Training losses over epochs.
    pub fn training(&self) -> Vec<(f64, f64)> {
        let point = |report: &EpochReport| (report.epoch as f64, report.train_loss);
        self.0.iter().map(point).collect()
    }

    /// Validation losses over epochs.
    pub fn validation(&self) -> Vec<(f64, f64)> {
        let point = |report: &EpochReport| Some((report.epoch as f64, report.validation_loss?));
        self.0.iter().filter_map(point).collect()
    }
}
