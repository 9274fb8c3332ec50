//! Watches a training run: the log, the checkpoint, the bar, a line for some epochs, and Ctrl-C.

use std::io;
use std::time::{Duration, Instant};

use thalweg_core::average::Average;
use thalweg_core::engine::StepReport;
use thalweg_core::observe::EpochReport;
use thalweg_core::train::{Checkpoint, Position, Run};
use thalweg_core::train::{Flow, Observer};

use crate::interrupt;
use crate::terminal::Terminal;
use thalweg::checkpoint::Owner;
use thalweg::log::{Epoch, Log};
use thalweg::run_folder::{CHECKPOINT, RunFolder};
use thalweg::text::{count, figure};

/// Checkpoints are at least this far apart, and writing them takes a small part of the time.
const BETWEEN_CHECKPOINTS: Duration = Duration::from_secs(2);
const CHECKPOINT_SHARE: u32 = 20;
const BETWEEN_FRAMES: Duration = Duration::from_millis(80);
/// About as many epochs get a line.
const LINES: usize = 20;

/// The observer.
pub struct Progress<'a> {
    pub terminal: &'a Terminal,
    pub folder: &'a RunFolder,
    pub log: Log,
    pub owner: Owner<'a>,
    /// The last epoch of the whole run, and where it began.
    pub epochs: usize,
    origin: Position,
    /// Updates of an epoch.
    pub steps_per_epoch: u64,
    /// Seconds of training, earlier parts of the run included.
    pub seconds: f64,
    /// The epoch of the checkpoint in the folder, if there is one.
    pub checkpoint: Option<usize>,
    saved: Instant,
    pause: Duration,
    frame: Instant,
    last: Option<EpochReport>,
    /// What the bar shows.
    smoothed: Average,
    /// Whether the last epoch's checkpoint is wanted in the end, and that checkpoint.
    pub keeps: bool,
    pub kept: Option<Checkpoint>,
    /// ‖g‖ of the last epoch.
    pub gradient_norm: f64,
}

impl<'a> Progress<'a> {
    /// Begins to watch.
    pub fn new(
        terminal: &'a Terminal,
        folder: &'a RunFolder,
        log: Log,
        owner: Owner<'a>,
        run: &Run,
        seconds: f64,
    ) -> Self {
        Self {
            terminal,
            folder,
            log,
            owner,
            epochs: run.last_epoch(),
            origin: run.origin(),
            steps_per_epoch: run.steps_per_epoch(),
            seconds,
            checkpoint: None,
            saved: Instant::now(),
            pause: BETWEEN_CHECKPOINTS,
            frame: Instant::now(),
            last: None,
            smoothed: Average::with_window(50.0),
            keeps: false,
            kept: None,
            gradient_norm: f64::NAN,
        }
    }

    fn save(&mut self, run: &Run) -> thalweg_core::Result<()> {
        let start = Instant::now();
        let Some(checkpoint) = run.checkpoint()? else {
            return Ok(());
        };
        let bytes = self.owner.to_bytes(&checkpoint).map_err(io::Error::other)?;
        self.folder.write(CHECKPOINT, &bytes)?;
        self.checkpoint = Some(checkpoint.epoch);
        self.saved = Instant::now();
        self.pause = BETWEEN_CHECKPOINTS.max(start.elapsed() * CHECKPOINT_SHARE);
        Ok(())
    }

    fn line(&self, report: &EpochReport) {
        let width = self.epochs.to_string().len();
        let validation = report.validation_loss.map_or(String::new(), |loss| {
            format!("  validation {}", figure(loss))
        });
        let best = if report.is_best { "  best" } else { "" };
        self.terminal.line(&format!(
            "epoch {:>width$}/{}  train {}{validation}{best}",
            report.epoch,
            self.epochs,
            figure(report.train_loss)
        ));
    }

    /// Takes the bar away, and shows the last epoch if it had no line.
    pub fn finish(&mut self) {
        self.terminal.clear_bar();
        if let Some(report) = self.last.take() {
            self.line(&report);
        }
    }
}

impl Observer for Progress<'_> {
    fn step(&mut self, run: &mut Run, report: &StepReport) -> thalweg_core::Result<Flow> {
        self.smoothed.add(report.loss);
        if self.terminal.has_bar() && self.frame.elapsed() >= BETWEEN_FRAMES {
            self.frame = Instant::now();
            let rate = self.last.as_ref().map_or(String::new(), |last| {
                format!("  {}/s", count(last.rows_per_second as usize, "row"))
            });
            let step = run.step() - self.origin.step;
            let done = step.saturating_sub(1) / self.steps_per_epoch.max(1);
            let epoch = self.origin.epoch as u64 + done + 1;
            let loss = figure(self.smoothed.value().unwrap_or(report.loss));
            let message = format!("epoch {epoch}/{}  loss {loss}{rate}", self.epochs);
            self.terminal.advance(step, message);
        }
        Ok(flow())
    }

    fn epoch(&mut self, run: &mut Run, report: &EpochReport) -> thalweg_core::Result<Flow> {
        self.seconds += report.seconds;
        self.gradient_norm = report.gradient_norm;
        self.log.write(&Epoch {
            event: "epoch",
            report,
        })?;
        let flow = flow();
        if flow == Flow::Stop || self.saved.elapsed() >= self.pause {
            self.save(run)?;
        }
        if self.keeps {
            self.kept = run.checkpoint()?;
        }
        self.last = Some(report.clone());
        if report.epoch == self.origin.epoch + 1 || report.epoch.is_multiple_of(stride(self.epochs))
        {
            self.line(report);
            self.last = None;
        }
        Ok(flow)
    }
}

/// Ctrl-C ends the run.
fn flow() -> Flow {
    match interrupt::requested() {
        true => Flow::Stop,
        false => Flow::Continue,
    }
}

/// 1, 2, 5, 10, 20, 50, …: the smallest that leaves at most about [`LINES`] lines.
fn stride(epochs: usize) -> usize {
    let mut stride = 1;
    for factor in [2, 5, 10].iter().cycle() {
        if epochs / stride <= LINES {
            break;
        }
        let power = 10usize.pow(stride.ilog10());
        stride = factor * power;
    }
    stride
}

#[cfg(test)]
mod tests {
    use super::stride;

    #[test]
    fn long_runs_have_few_lines() {
        let strides = [1, 20, 21, 60, 100, 200, 1000, 1_000_000].map(stride);
        assert_eq!(strides, [1, 1, 2, 5, 5, 10, 50, 50_000]);
    }
}
