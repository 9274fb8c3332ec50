//! `log.jsonl`: what happened, one JSON object a line.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::PathBuf;

use serde::Serialize;
use serde_json::Value;
use thalweg_core::observe::EpochReport;
use thalweg_core::spec::{NetworkSpec, TrainingSpec};
use thalweg_data::Task;

use crate::error::{Result, input};
use crate::format;
use crate::health::Layer;
use crate::importance::Importance;
use crate::inspection::interval::Interval;
use crate::interval::PredictionInterval;
use crate::provenance::Provenance;
use crate::run_folder::{LOG, RunFolder, named, unwritable};
use crate::scores::Scores;

/// The version of this format: newer ones are refused. Logs without it are those from before it.
pub const FORMAT: u32 = 1;

/// The first line.
#[derive(Serialize)]
pub struct Start<'a> {
    /// `start`, `step`, `epoch` or `end`.
    pub event: &'static str,
    /// Version of the log's format: [`FORMAT`].
    pub format: u32,
    /// Version of this crate.
    pub version: &'static str,
    /// Where the rows come from.
    pub data: &'a str,
    /// The task.
    pub task: Task,
    /// Rows of each part.
    pub rows: Rows,
    /// Values a row that the network takes.
    pub inputs: usize,
    /// Values a row that it puts out.
    pub outputs: usize,
    /// Parameters of the network.
    pub parameters: usize,
    /// Threads; results do not depend on it.
    pub threads: usize,
    /// The instruction set, on which bits depend.
    pub cpu: &'static str,
    /// The network.
    pub network: &'a NetworkSpec,
    /// How it is trained.
    pub training: &'a TrainingSpec,
    /// What it was begun on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provenance: Option<&'a Provenance>,
}

/// How many rows each part has.
#[derive(Debug, Clone, Copy, Serialize, serde::Deserialize)]
pub struct Rows {
    /// Rows to train on.
    pub train: usize,
    /// Rows to watch training on.
    pub validation: usize,
    /// Rows for the final test.
    pub test: usize,
    /// Rows that calibrate an interval and nothing else.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub calibration: usize,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// A line for each epoch.
#[derive(Serialize)]
pub struct Epoch<'a> {
    /// `start`, `step`, `epoch` or `end`.
    pub event: &'static str,
    #[serde(flatten)]
    /// What the epoch reports.
    pub report: &'a EpochReport,
    /// The layers after the epoch, where they were looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layers: Option<Vec<Layer>>,
}

/// A line for an update, where updates are recorded.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Step {
    /// `step`.
    pub event: &'static str,
    /// Updates done, this one included.
    pub step: u64,
    /// The epoch it belongs to, from 1.
    pub epoch: usize,
    /// Mean loss of its batch, before it.
    pub loss: f64,
    /// Its learning rate.
    pub lr: f64,
    /// L2 norm of its gradient.
    pub gradient_norm: f64,
}

/// The last line, and the result of `--json`.
#[derive(Default, Serialize)]
pub struct End {
    /// `start`, `step`, `epoch` or `end`.
    pub event: &'static str,
    /// Epochs done.
    pub epochs: usize,
    /// The epoch whose weights the model has; none without a model.
    pub best_epoch: Option<usize>,
    /// Why training ended.
    pub stopped_by: String,
    /// Seconds of training.
    pub seconds: f64,
    /// Scores on the training rows.
    pub train: Option<Scores>,
    /// Scores on the validation rows.
    pub validation: Option<Scores>,
    /// Scores on the test rows.
    pub test: Option<Scores>,
    /// Scores of the best constant prediction on the test rows, or else the validation or training
    /// rows.
    pub best_constant: Option<Scores>,
    /// The 95 % confidence intervals of the scores on the rows that the best constant is scored on, if the
    /// run was inspected.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub intervals: Vec<Interval>,
    /// Scores of a linear model on the same rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub linear_model: Option<Scores>,
    /// Models that were raced on the validation rows, the one that was taken among them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub raced: Vec<Raced>,
    /// Rows that the recipe was trained on anew, for `best_epoch` epochs; the scores are those of
    /// the model before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refit: Option<usize>,
    /// Which columns the model relies on, where that was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub importance: Option<Importance>,
    /// The members of an ensemble.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ensemble: Vec<MemberEnd>,
    /// The run folder, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub out: Option<String>,
    /// The interval around its predictions.
    #[serde(skip)]
    pub interval: Option<PredictionInterval>,
    /// The loss of the final model that is no finite number: there is no model.
    #[serde(skip)]
    pub not_finite: Option<(&'static str, f64)>,
    /// Whether the training rows were predicted much better after the epoch that was chosen.
    #[serde(skip)]
    pub kept_learning: bool,
}

/// A model that was raced on the validation rows.
#[derive(Debug, Clone, Serialize)]
pub struct Raced {
    /// What it is.
    pub name: String,
    /// Its loss there.
    pub validation_loss: Option<f64>,
    /// Epochs that it was trained for, where all were trained for the race alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epochs: Option<usize>,
    /// Seconds that this took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// Whether it is the model of the run, or its recipe that of members of its ensemble.
    pub is_taken: bool,
}

impl Raced {
    pub(crate) fn new(name: String, validation_loss: Option<f64>) -> Self {
        Self {
            name,
            validation_loss,
            epochs: None,
            seconds: None,
            is_taken: false,
        }
    }
}

/// How a member of an ensemble did.
#[derive(Debug, Clone, Serialize)]
pub struct MemberEnd {
    /// Which of them, from 0.
    pub member: usize,
    /// Its seed.
    pub seed: u64,
    /// Epochs done.
    pub epochs: usize,
    /// The epoch whose weights it has.
    pub best_epoch: usize,
    /// Why its training ended.
    pub stopped_by: String,
    /// Its own loss on the validation rows, of folds on those of its own.
    pub validation_loss: Option<f64>,
    /// Its own loss on the test rows.
    pub test_loss: Option<f64>,
}

/// The open file.
pub struct Log {
    file: File,
    path: PathBuf,
    /// What was written last.
    lines: String,
}

/// The log of a resumed run, and what it recorded.
pub struct Resumed {
    /// The open file.
    pub log: Log,
    /// What the epochs that stay took.
    pub seconds: f64,
    /// Whether updates were recorded.
    pub has_steps: bool,
    /// The instruction set that the run began with.
    pub cpu: Option<String>,
}

impl Log {
    fn of(file: File, path: PathBuf) -> Self {
        let lines = String::new();
        Self { file, path, lines }
    }

    /// Begins a log; what was there before is gone.
    pub fn create(folder: &RunFolder) -> io::Result<Self> {
        let path = folder.file(LOG);
        let file = File::create(&path)?;
        Ok(Self::of(file, path))
    }

    /// Opens a log to go on after `epochs` epochs and `steps` updates: later lines are cut off.
    pub fn resume(folder: &RunFolder, epochs: usize, steps: u64) -> Result<Resumed> {
        let path = folder.file(LOG);
        let text = std::fs::read_to_string(&path).map_err(|error| {
            input(format!(
                "{}: cannot be read: {error}; put the run's log back, or train into another `options.output`",
                path.display()
            ))
        })?;
        if let Some(start) = text
            .lines()
            .next()
            .and_then(|line| serde_json::from_str::<Value>(line).ok())
        {
            format::check(path.display(), start["format"].as_u64(), FORMAT)?;
        }
        let (mut kept, mut seconds, mut cpu, mut has_steps) = (String::new(), 0.0, None, false);
        for line in text.lines() {
            // The last line may be half written.
            let Ok(event) = serde_json::from_str::<Value>(line) else {
                break;
            };
            let is_before = |name: &str, last: u64| event[name].as_u64().is_some_and(|n| n <= last);
            let keep = match event["event"].as_str() {
                Some("start") => true,
                Some("step") => is_before("step", steps),
                Some("epoch") => is_before("epoch", epochs as u64),
                _ => false,
            };
            if keep {
                has_steps |= event["event"] == "step";
                kept.push_str(line);
                kept.push('\n');
                cpu = cpu.or(event["cpu"].as_str().map(str::to_owned));
                seconds += event["seconds"].as_f64().unwrap_or(0.0);
            }
        }
        let file = folder
            .write(LOG, kept.as_bytes())
            .and_then(|()| OpenOptions::new().append(true).open(&path))
            .map_err(|error| unwritable(&path, &error))?;
        Ok(Resumed {
            log: Self::of(file, path),
            seconds,
            has_steps,
            cpu,
        })
    }

    /// Adds a line each, in one piece, and gives them.
    ///
    /// # Errors
    /// Names the file.
    pub fn write(&mut self, events: &[impl Serialize]) -> io::Result<&str> {
        self.lines.clear();
        for event in events {
            self.lines.push_str(&serde_json::to_string(event)?);
            self.lines.push('\n');
        }
        let written = self.file.write_all(self.lines.as_bytes());
        written.map_err(|error| named(&self.path, &error))?;
        Ok(&self.lines)
    }
}

/// What the run in a folder was begun on, if its log says so: those of earlier versions do not.
pub(crate) fn provenance(folder: &RunFolder) -> Option<Provenance> {
    let mut line = String::new();
    let file = File::open(folder.file(LOG)).ok()?;
    BufReader::new(file).read_line(&mut line).ok()?;
    let start: Value = serde_json::from_str(&line).ok()?;
    serde_json::from_value(start.get("provenance")?.clone()).ok()
}

/// The last event of a folder's log, if it has ended.
///
/// # Errors
/// If the log is of a newer format.
pub fn end(folder: &RunFolder) -> Result<Option<Value>> {
    let path = folder.file(LOG);
    let Ok(text) = std::fs::read_to_string(&path) else {
        return Ok(None);
    };
    let event = |line: Option<&str>| serde_json::from_str::<Value>(line?).ok();
    if let Some(start) = event(text.lines().next()) {
        format::check(path.display(), start["format"].as_u64(), FORMAT)?;
    }
    let last = event(text.lines().next_back());
    Ok(last.filter(|last| last["event"] == "end"))
}
