//! One epoch of a run: its mini-batches, or one iteration of its solver.

use std::time::Instant;

use super::{Run, StoppedBy};
use crate::batches;
use crate::engine::{Batch, Rows, StepReport};
use crate::error::{Error, Result};
use crate::observe::{Flow, Observer};
use crate::optimizers::Time;
use crate::solvers::{Advance, Objective};

impl Run<'_> {
    /// An epoch of mini-batches; why it ended early, if it did.
    pub(super) fn batches(
        &mut self,
        observer: &mut dyn Observer,
    ) -> Result<(Sums, Option<StoppedBy>)> {
        let threads = self.engine.threads();
        batches::arrange(
            &self.spec,
            self.training,
            self.epoch,
            threads,
            &mut self.order,
        );
        let order = std::mem::take(&mut self.order);
        let result = self.batches_in(&order, observer);
        self.order = order;
        result
    }

    fn batches_in(
        &mut self,
        order: &[u32],
        observer: &mut dyn Observer,
    ) -> Result<(Sums, Option<StoppedBy>)> {
        let mut sums = Sums::default();
        let count = batches::count(&self.spec, order.len());
        let size = self.spec.batch_size;
        for start in (0..count).map(|number| number * size) {
            let (rows, upcoming) = order[start..].split_at(size.min(order.len() - start));
            let rate = self.rate() * batches::weight(&self.spec, rows.len());
            self.step += 1;
            let time = Time {
                step: self.step,
                rate,
            };
            let batch = Batch {
                upcoming: Rows::Listed(upcoming),
                ..Batch::new(self.training, Rows::Listed(rows))
            };
            let epoch = self.epoch + 1;
            let report = (self.engine.step(&batch, time)).map_err(|e| in_epoch(e, epoch))?;
            sums.add(&batch, time.rate, &report);
            self.memory.smoothed.add(report.loss);
            if observer.step(self.step, &report) == Flow::Stop {
                return Ok((sums, Some(StoppedBy::Observer)));
            }
            if let Some(stopped_by) = self.stops_after(&report, &sums) {
                return Ok((sums, Some(stopped_by)));
            }
        }
        Ok((sums, None))
    }

    /// An iteration of the solver, which is an epoch of one update.
    pub(super) fn iterate(
        &mut self,
        observer: &mut dyn Observer,
    ) -> Result<(Sums, Option<StoppedBy>)> {
        let mut sums = Sums::default();
        self.step += 1;
        let (mut objective, solver) = match &mut self.solver {
            Some(solver) => (
                Objective::new(&mut *self.engine, self.training, &self.spec),
                solver,
            ),
            None => return Ok((sums, Some(StoppedBy::Converged))),
        };
        let from = objective.here()?;
        let (to, end) = match solver.advance(&mut objective, &from)? {
            Advance::To(point) => (Some(point), None),
            Advance::Solved(point) => (Some(point), Some(StoppedBy::Converged)),
            Advance::Searched(point) => (Some(point), Some(StoppedBy::Searched)),
            Advance::Converged => (None, Some(StoppedBy::Converged)),
            Advance::Stuck => (None, Some(StoppedBy::LineSearch)),
        };
        // After the last iteration none follows that would tell of where it led.
        let told = (to.as_ref()).filter(|_| end.is_some()).unwrap_or(&from);
        let report = StepReport {
            loss: told.loss,
            gradient_norm: told.gradient.iter().map(|g| g * g).sum::<f64>().sqrt(),
            change: to.as_ref().map(|to| {
                let pairs = to.parameters.iter().zip(&from.parameters);
                pairs.map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt()
            }),
        };
        objective.stay_at(&to.unwrap_or(from).parameters)?;
        if !report.loss.is_finite() {
            return Err(Error::Diverged {
                step: self.step,
                epoch: self.epoch + 1,
                quantity: "loss",
                value: report.loss,
                rate: None,
            });
        }
        sums.add(&Batch::all(self.training), self.spec.learning_rate, &report);
        self.memory.smoothed.add(report.loss);
        let stopped_by = match observer.step(self.step, &report) {
            Flow::Stop => Some(StoppedBy::Observer),
            Flow::Continue => end.or_else(|| self.stops_after(&report, &sums)),
        };
        Ok((sums, stopped_by))
    }

    /// η of the next update.
    fn rate(&self) -> f64 {
        let progress = self.progress();
        let scale = self.spec.scale_rate.map_or(1.0, |scale| {
            scale.factor(self.spec.batch_size, progress.epochs())
        });
        self.spec.learning_rate
            * self.schedule.factor(progress)
            * self.memory.reduction.factor
            * scale
    }

    /// Why the run ends after an update, if it does.
    fn stops_after(&self, report: &StepReport, sums: &Sums) -> Option<StoppedBy> {
        let stop = &self.spec.stop;
        let is_small = |value: Option<f64>, bound: Option<f64>| {
            bound.is_some_and(|bound| value.is_some_and(|value| value <= bound))
        };
        if is_small(Some(report.gradient_norm), stop.min_gradient) {
            return Some(StoppedBy::MinGradient);
        }
        if sums.rate != 0.0 && is_small(report.change, stop.min_change) {
            return Some(StoppedBy::MinChange);
        }
        if stop
            .max_steps
            .is_some_and(|steps| self.step - self.origin.step >= steps)
        {
            return Some(StoppedBy::MaxSteps);
        }
        let seconds = || self.memory.seconds + sums.start.elapsed().as_secs_f64();
        (stop.max_time.is_some_and(|limit| seconds() >= limit)).then_some(StoppedBy::MaxTime)
    }
}

/// Sums over the updates of an epoch.
pub(super) struct Sums {
    pub start: Instant,
    pub rows: usize,
    pub weight: f64,
    pub steps: usize,
    pub loss: f64,
    pub norm: f64,
    pub rate: f64,
}

impl Default for Sums {
    fn default() -> Self {
        Self {
            start: Instant::now(),
            rows: 0,
            weight: 0.0,
            steps: 0,
            loss: 0.0,
            norm: 0.0,
            rate: 0.0,
        }
    }
}

impl Sums {
    fn add(&mut self, batch: &Batch, rate: f64, report: &StepReport) {
        let weight = batch.total_weight();
        self.rows += batch.rows.len();
        self.weight += weight;
        self.steps += 1;
        self.loss += report.loss * weight;
        self.norm += report.gradient_norm;
        self.rate = rate;
    }
}

/// Engines count steps; the loop knows the epoch.
fn in_epoch(mut error: Error, number: usize) -> Error {
    if let Error::Diverged { epoch, .. } = &mut error {
        *epoch = number;
    }
    error
}
