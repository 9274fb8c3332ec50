//! Shows a training run: the bar, a line for some epochs, and Ctrl-C.

use std::time::{Duration, Instant};

use thalweg::fit::{Beginning, Watch};
use thalweg::log::Start;
use thalweg::text::{count, figure, whole};
use thalweg_core::average::Average;
use thalweg_core::engine::StepReport;
use thalweg_core::observe::EpochReport;
use thalweg_core::train::{Flow, Observer, Position, Run};

use crate::interrupt;
use crate::terminal::Terminal;

const BETWEEN_FRAMES: Duration = Duration::from_millis(80);
/// The share of an epoch from which on waiting for rows is shown.
const WAITING: f64 = 0.05;
/// About as many epochs get a line.
const LINES: usize = 20;

/// The observer.
pub struct Progress<'a> {
    terminal: &'a mut Terminal,
    /// The last epoch of the whole run, and where it began.
    epochs: usize,
    origin: Position,
    /// Updates of an epoch.
    steps_per_epoch: u64,
    /// Epochs of each member of an ensemble that are done.
    members: Vec<usize>,
    frame: Instant,
    last: Option<EpochReport>,
    /// What the bar shows.
    smoothed: Average,
}

impl<'a> Progress<'a> {
    /// For a run that has not begun.
    pub fn new(terminal: &'a mut Terminal) -> Self {
        Self {
            terminal,
            epochs: 0,
            origin: Position::default(),
            steps_per_epoch: 1,
            members: Vec::new(),
            frame: Instant::now(),
            last: None,
            smoothed: Average::with_window(50.0),
        }
    }

    fn line(&self, report: &EpochReport) {
        self.terminal.line(&self.words(report));
    }

    fn words(&self, report: &EpochReport) -> String {
        let width = self.epochs.to_string().len();
        let validation = report.validation_loss.map_or(String::new(), |loss| {
            let score = report.validation_score;
            let score = score.map_or(String::new(), |score| format!("  score {}", figure(score)));
            format!("  validation {}{score}", figure(loss))
        });
        let best = if report.is_best { "  best" } else { "" };
        let share = report.seconds_waiting.map_or(0.0, |s| s / report.seconds);
        let waiting = match share >= WAITING {
            true => format!("  {:.0} % waiting for rows", 100.0 * share),
            false => String::new(),
        };
        format!(
            "epoch {:>width$}/{}  train {}{validation}{best}{waiting}",
            report.epoch,
            self.epochs,
            figure(report.train_loss)
        )
    }

    /// Takes the bar away, and shows the last epoch if it had no line.
    pub fn finish(&mut self) {
        self.terminal.clear_bar();
        if let Some(report) = self.last.take() {
            self.line(&report);
        }
    }
}

impl Watch for Progress<'_> {
    fn begin(&mut self, beginning: &Beginning) -> thalweg::Result<()> {
        for line in beginning.lines {
            self.terminal.line(&thalweg::fields::paths_by_flags(line));
        }
        self.terminal.line(&headline(beginning.start));
        self.origin = beginning.origin;
        self.epochs = beginning.last_epoch;
        self.steps_per_epoch = beginning.steps_per_epoch;
        self.members = vec![0; beginning.members];
        let epochs = beginning.start.training.epochs as u64 * beginning.members as u64;
        self.terminal
            .start_bar(self.steps_per_epoch.saturating_mul(epochs));
        interrupt::listen(self.terminal.bar())
            .map_err(|error| thalweg::Error::Running(format!("signals: {error}")))
    }

    fn race(&mut self, recipes: usize, part: usize) {
        let share = match part {
            1 => "all".to_owned(),
            part => format!("1/{part}"),
        };
        let line = format!(
            "racing {}, each for {share} of its epochs",
            count(recipes, "recipe")
        );
        self.terminal.line(&line);
    }

    fn member(&mut self, member: usize, report: Option<&EpochReport>) -> thalweg::Result<Flow> {
        if let (Some(report), Some(epoch)) = (report, self.members.get_mut(member)) {
            *epoch = report.epoch;
            let done: usize = self.members.iter().sum();
            let name = format!("member {}", member + 1);
            let message = format!("{name}: epoch {}/{}", report.epoch, self.epochs);
            self.terminal.advance(done as u64, message);
            let epochs = self.epochs * self.members.len();
            if report.epoch == 1 || report.epoch.is_multiple_of(stride(epochs)) {
                let line = self.words(report);
                self.terminal.line(&format!("{name}  {line}"));
            }
        }
        Ok(interrupt::flow())
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
            let width = self.epochs.to_string().len();
            let message = format!("epoch {epoch:>width$}/{}  loss {loss}{rate}", self.epochs);
            self.terminal.advance(step, message);
        }
        Ok(interrupt::flow())
    }

    fn epoch(&mut self, _: &mut Run, report: &EpochReport) -> thalweg_core::Result<Flow> {
        self.last = Some(report.clone());
        if report.epoch == self.origin.epoch + 1 || report.epoch.is_multiple_of(stride(self.epochs))
        {
            self.line(report);
            self.last = None;
        }
        Ok(interrupt::flow())
    }
}

/// What is trained on what, in a line.
fn headline(start: &Start) -> String {
    format!(
        "{}, {}, {}, {}: {} to train, {} to validate, {}{} to test",
        start.task,
        count(start.inputs, "input"),
        count(start.outputs, "output"),
        count(start.parameters, "parameter"),
        count(start.rows.train, "row"),
        whole(start.rows.validation),
        match start.rows.calibration {
            0 => String::new(),
            rows => format!("{} to calibrate the interval, ", whole(rows)),
        },
        whole(start.rows.test)
    )
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
