//! Records a run while it goes on: its log and its checkpoints.

use std::io;
use std::time::{Duration, Instant};

use thalweg_core::engine::StepReport;
use thalweg_core::error::{Error, Result};
use thalweg_core::observe::EpochReport;
use thalweg_core::train::{Checkpoint, Flow, Observer, Run};

use crate::checkpoint::Owner;
use crate::health::Health;
use crate::log::{Epoch, Log, Step};
use crate::run_folder::{CHECKPOINT, RunFolder};
use crate::thinning::is_recorded;
use crate::watch::Watch;

/// Checkpoints are at least this far apart, and writing them takes a small part of the time.
const BETWEEN_CHECKPOINTS: Duration = Duration::from_secs(2);
const CHECKPOINT_SHARE: u32 = 20;
/// Updates between looks at the clock take about this long, and are at most so many.
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);
const MOST_STRIDE: u32 = 1 << 14;
/// Updates for each doubling of a run that are recorded, and how many are written at once.
const STEPS: u64 = 256;
const STEPS_AT_ONCE: usize = 128;

/// Where a run is recorded.
pub(crate) struct Files<'a> {
    pub folder: &'a RunFolder,
    pub log: Log,
}

/// The observer: it hands everything on to `inner`.
pub(crate) struct Recorder<'a> {
    pub files: Option<Files<'a>>,
    pub owner: Owner<'a>,
    pub inner: &'a mut dyn Watch,
    /// Seconds of training, earlier parts of the run included.
    pub seconds: f64,
    /// The epoch of the checkpoint in the folder, if there is one.
    pub checkpoint: Option<usize>,
    /// Whether the last epoch's checkpoint is wanted in the end, and that checkpoint.
    pub keeps: bool,
    pub kept: Option<Checkpoint>,
    /// The layers that are looked at, if they are.
    pub health: Option<Health>,
    /// The updates to record, if they are.
    pub steps: Option<Steps>,
    /// ‖g‖ of the last epoch.
    pub gradient_norm: f64,
    /// The training loss of the best epoch and of the last.
    losses: [f64; 2],
    /// The file that could not be written, and why: the run ended there.
    pub failure: Option<String>,
    saved: Instant,
    pause: Duration,
    /// When the clock was last looked at, and when next.
    looked: Instant,
    looks: Looks,
}

/// Updates that are recorded and not yet written.
pub(crate) struct Steps(Vec<Step>);

impl Default for Steps {
    fn default() -> Self {
        Self(Vec::with_capacity(STEPS_AT_ONCE))
    }
}

impl Steps {
    /// Takes in the last update; whether there is no room for another.
    fn add(&mut self, run: &Run, report: &StepReport) -> bool {
        if is_recorded(run.step(), STEPS) {
            self.0.push(Step {
                event: "step",
                step: run.step(),
                epoch: run.epoch() + 1,
                loss: report.loss,
                lr: run.sums().learning_rate,
                gradient_norm: report.gradient_norm,
            });
        }
        self.0.len() >= STEPS_AT_ONCE
    }
}

/// Looks at the clock about every [`BETWEEN_LOOKS`]: an update may take less time than a look.
struct Looks {
    /// Updates between looks, and until the next.
    stride: u32,
    until: u32,
}

impl Looks {
    /// Counts an update; whether it is time to look.
    #[inline]
    fn is_next(&mut self) -> bool {
        self.until -= 1;
        self.until == 0
    }

    /// Takes that so much time has passed since the last look.
    fn look(&mut self, since: Duration) {
        self.stride = match since < BETWEEN_LOOKS {
            true => (2 * self.stride).min(MOST_STRIDE),
            false => (self.stride / 2).max(1),
        };
        self.until = self.stride;
    }
}

impl<'a> Recorder<'a> {
    pub fn new(
        files: Option<Files<'a>>,
        owner: Owner<'a>,
        inner: &'a mut dyn Watch,
        seconds: f64,
    ) -> Self {
        Self {
            files,
            owner,
            inner,
            seconds,
            checkpoint: None,
            keeps: false,
            kept: None,
            health: None,
            steps: None,
            gradient_norm: f64::NAN,
            losses: [f64::NAN; 2],
            failure: None,
            saved: Instant::now(),
            looked: Instant::now(),
            looks: Looks {
                stride: 1,
                until: 1,
            },
            pause: BETWEEN_CHECKPOINTS,
        }
    }

    /// Whether the training loss fell much further after the best epoch.
    pub fn kept_learning(&self) -> bool {
        const MUCH: f64 = 0.2;
        let [best, last] = self.losses;
        best - last > MUCH * best.abs()
    }

    /// Whether it is time to look at the clock.
    #[inline]
    fn is_look(&mut self) -> bool {
        if !self.looks.is_next() {
            return false;
        }
        let since = self.looked.elapsed();
        self.looked += since;
        self.looks.look(since);
        true
    }

    /// Writes the updates that are recorded.
    fn write_steps(&mut self) -> Result<()> {
        if let (Some(files), Some(Steps(steps))) = (&mut self.files, &mut self.steps)
            && !steps.is_empty()
        {
            self.inner.logged(files.log.write(steps)?);
            steps.clear();
        }
        Ok(())
    }

    /// Where a file cannot be written the run ends, as if it were interrupted: with what it has, and
    /// with the state to go on from, which may be written when there is room.
    fn recorded(&mut self, run: &Run, flow: Flow, written: Result<()>) -> Result<Flow> {
        match written {
            Ok(()) => Ok(flow),
            Err(Error::Io(error)) => {
                self.failure = Some(error.to_string());
                self.kept = run.checkpoint()?;
                Ok(Flow::Stop)
            }
            Err(other) => Err(other),
        }
    }

    fn save(&mut self, run: &Run) -> Result<()> {
        let start = Instant::now();
        let (Some(files), Some(checkpoint)) = (&self.files, run.checkpoint()?) else {
            return Ok(());
        };
        let bytes = self.owner.to_bytes(&checkpoint).map_err(io::Error::other)?;
        files.folder.write(CHECKPOINT, &bytes)?;
        self.checkpoint = Some(checkpoint.epoch);
        self.saved = Instant::now();
        self.pause = BETWEEN_CHECKPOINTS.max(start.elapsed() * CHECKPOINT_SHARE);
        Ok(())
    }
}

impl Observer for Recorder<'_> {
    fn step(&mut self, run: &mut Run, report: &StepReport) -> Result<Flow> {
        let flow = self.inner.step(run, report)?;
        if self.files.is_none() {
            return Ok(flow);
        }
        let is_full = self
            .steps
            .as_mut()
            .is_some_and(|steps| steps.add(run, report));
        if let Some(health) = &self.health {
            health.before_update(run)?;
        }
        let is_look = self.is_look();
        if !(is_full || is_look || flow == Flow::Stop) {
            return Ok(flow);
        }
        let mut written = self.write_steps();
        // Behind the last update of an epoch its end saves, which knows the update that was watched.
        let is_within = run.sums().steps < run.steps_per_epoch();
        if flow == Flow::Stop || (is_within && is_look && self.saved.elapsed() >= self.pause) {
            written = written.and_then(|()| self.save(run));
        }
        self.recorded(run, flow, written)
    }

    fn epoch(&mut self, run: &mut Run, report: &EpochReport) -> Result<Flow> {
        self.seconds += report.seconds;
        self.gradient_norm = report.gradient_norm;
        self.losses[1] = report.train_loss;
        if report.is_best {
            self.losses[0] = report.train_loss;
        }
        let mut layers = None;
        if let Some(health) = &self.health {
            layers = health.after_epoch(run)?;
            health.before_update(run)?;
        }
        let event = Epoch {
            event: "epoch",
            report,
            layers,
        };
        let mut logged = self.write_steps();
        if let (Ok(()), Some(files)) = (&logged, &mut self.files) {
            match files.log.write(&[event]) {
                Ok(line) => self.inner.logged(line),
                Err(error) => logged = Err(error.into()),
            }
        }
        let mut flow = self.inner.epoch(run, report)?;
        flow = self.recorded(run, flow, logged)?;
        if self.failure.is_none() && (flow == Flow::Stop || self.saved.elapsed() >= self.pause) {
            let saved = self.save(run);
            flow = self.recorded(run, flow, saved)?;
        }
        if self.keeps && self.failure.is_none() {
            self.kept = run.checkpoint()?;
        }
        Ok(flow)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_is_looked_at_about_every_ten_milliseconds() {
        for (update, most_looks) in [(1, 100), (100, 150), (3_000, 500), (50_000, 1 << 20)] {
            let update = Duration::from_micros(update);
            let mut looks = Looks {
                stride: 1,
                until: 1,
            };
            let (mut since, mut count, mut longest) = (Duration::ZERO, 0, Duration::ZERO);
            let updates = Duration::from_secs(1).as_nanos() / update.as_nanos();
            for _ in 0..updates {
                since += update;
                if looks.is_next() {
                    longest = longest.max(since);
                    looks.look(since);
                    (since, count) = (Duration::ZERO, count + 1);
                }
            }
            assert!(
                (20..=most_looks).contains(&count),
                "{count} looks at {update:?}"
            );
            assert!(
                longest <= update.max(2 * BETWEEN_LOOKS),
                "{longest:?} at {update:?}"
            );
        }
    }
}
