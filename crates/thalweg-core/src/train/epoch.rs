//! One epoch of a run: its updates, each a mini-batch or an iteration of the solver, and its end.

use serde::{Deserialize, Serialize};

use super::{Run, Selection, StoppedBy};
use crate::engine::{Engine, StepReport};
use crate::error::{Error, Result};
use crate::observe::{Best, EpochReport};
use crate::optimizers::Time;
use crate::schedules::Progress;
use crate::solvers::{Advance, Objective};
use crate::source::{RowSource, scan};

/// Sums over the updates of an epoch that is under way.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct EpochSums {
    /// Updates done.
    pub steps: u64,
    /// Rows of their batches.
    pub rows: usize,
    /// Σ w of these rows, each times the share of its targets that is not missing.
    pub weight: f64,
    /// Σ w·l, each row before the update of its batch.
    pub loss: f64,
    /// Σ ‖∇‖ over the updates.
    pub gradient_norm: f64,
    /// Learning rate of the last update.
    pub learning_rate: f64,
    /// Seconds of training until a checkpoint, or until the last call of [`train`](super::train) returned.
    pub seconds: f64,
    /// Seconds of these in which updates waited for rows.
    pub waiting: f64,
    /// Why the epoch ends with the last update, if it ends early.
    pub stopped_by: Option<StoppedBy>,
}

impl EpochSums {
    fn add(&mut self, rows: usize, weight: f64, rate: f64, report: &StepReport) {
        self.rows += rows;
        self.weight += weight;
        self.steps += 1;
        self.loss += report.loss * weight;
        self.gradient_norm += report.gradient_norm;
        self.learning_rate = rate;
    }
}

impl Run<'_> {
    /// Whether no update of the epoch is left.
    pub(super) fn is_epoch_over(&self) -> bool {
        self.sums.stopped_by.is_some() || self.sums.steps >= self.steps_per_epoch
    }

    /// The next update of the epoch.
    pub(super) fn update(&mut self) -> Result<StepReport> {
        self.is_resumable = false;
        let report = match self.solver.is_some() {
            true => self.iterate()?,
            false => self.mini_batch()?,
        };
        self.memory.smoothed.add(report.loss);
        if self.sums.stopped_by.is_none() {
            self.sums.stopped_by = self.stops_after(&report);
        }
        self.is_resumable = true;
        Ok(report)
    }

    /// An update with the next mini-batch.
    fn mini_batch(&mut self) -> Result<StepReport> {
        let progress = self.progress();
        let rate = self.rate(progress);
        let request = self.order.batch(self.epoch, self.sums.steps as usize);
        let rows = request.rows.len();
        let before = self.training.waited();
        let mut batch = self.training.batch(request)?;
        batch.mean_weight = self.memory.mean_weight.unwrap_or(1.0);
        self.step += 1;
        let time = Time {
            step: self.step,
            rate: rate * self.spec.batches.weight(rows, self.spec.batch_size),
            decay: self.decay_schedule.factor(progress),
            dropout: self.dropout_schedule.factor(progress),
        };
        let epoch = self.epoch + 1;
        let mut report = (self.engine.step(&batch, time)).map_err(|e| in_epoch(e, epoch))?;
        let (weight, known) = (batch.total_weight(), batch.known_weight());
        // Missing targets have no loss: the mean that is reported is that of the others.
        if 0.0 < known && known < weight {
            report.loss *= weight / known;
        }
        self.sums.add(rows, known, time.rate, &report);
        if let Some(before) = before
            && let Some(now) = self.training.waited()
        {
            self.sums.waiting += (now - before).as_secs_f64();
        }
        Ok(report)
    }

    /// An iteration of the solver, which is an epoch of one update.
    fn iterate(&mut self) -> Result<StepReport> {
        self.step += 1;
        let Some(solver) = &mut self.solver else {
            return Err(Error::invalid("optimizer", "no solver", "a solver"));
        };
        let mut objective = Objective::new(&mut *self.engine, &mut *self.training, &self.spec);
        let from = objective.here()?;
        let (to, end) = match solver.advance(&mut objective, &from)? {
            Advance::To(point) => (Some(point), None),
            Advance::Solved(point) => (Some(point), Some(StoppedBy::Converged)),
            Advance::Searched(point) => (Some(point), Some(StoppedBy::Searched)),
            Advance::Converged => (None, Some(StoppedBy::Converged)),
            Advance::Stuck => (None, Some(StoppedBy::LineSearch)),
        };
        // No iteration follows the last one that would report where it led.
        let reported = (to.as_ref()).filter(|_| end.is_some()).unwrap_or(&from);
        let report = StepReport {
            loss: reported.reported_loss,
            gradient_norm: reported.gradient.iter().map(|g| g * g).sum::<f64>().sqrt(),
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
        let (rows, rate) = (self.training.schema().rows, self.spec.learning_rate);
        self.sums.add(rows, self.weight, rate, &report);
        self.sums.stopped_by = end;
        Ok(report)
    }

    /// η of the next update.
    fn rate(&self, progress: Progress) -> f64 {
        let scale = self.spec.scale_rate.map_or(1.0, |scale| {
            scale.factor(self.spec.batch_size, progress.epochs())
        });
        self.spec.learning_rate
            * self.schedule.factor(progress)
            * self.memory.reduction.factor
            * scale
    }

    /// Why the run ends after an update, if it does.
    fn stops_after(&self, report: &StepReport) -> Option<StoppedBy> {
        let stop = &self.spec.stop;
        let is_small = |value: Option<f64>, bound: Option<f64>| {
            bound.is_some_and(|bound| value.is_some_and(|value| value <= bound))
        };
        if is_small(Some(report.gradient_norm), stop.min_gradient) {
            return Some(StoppedBy::MinGradient);
        }
        if self.sums.learning_rate != 0.0 && is_small(report.change, stop.min_change) {
            return Some(StoppedBy::MinChange);
        }
        if stop
            .max_steps
            .is_some_and(|steps| self.step - self.origin.step >= steps)
        {
            return Some(StoppedBy::MaxSteps);
        }
        let seconds = || self.memory.seconds + self.seconds();
        (stop.max_time.is_some_and(|limit| seconds() >= limit)).then_some(StoppedBy::MaxTime)
    }

    /// Ends the epoch: evaluates the validation rows, and remembers the epoch if it is the best.
    pub(super) fn end_epoch(&mut self) -> Result<EpochReport> {
        self.stop_clock();
        self.is_resumable = false;
        self.epoch += 1;
        let sums = std::mem::take(&mut self.sums);
        let seconds = sums.seconds;
        self.ended_by = sums.stopped_by;
        self.memory.seconds += seconds;
        let latest = match self.validation {
            Some(_) => self.take_average()?,
            None => None,
        };
        let engine = &mut *self.engine;
        let selection = self.selection.as_mut();
        let validation = (self.validation.as_mut())
            .map(|rows| validate(engine, &mut **rows, selection))
            .transpose();
        let best = (validation.as_ref().ok().copied().flatten())
            .filter(|(loss, score)| {
                let is_finite = loss.is_finite() && score.is_none_or(f64::is_finite);
                is_finite && self.early_stopping.is_best(*loss, *score)
            })
            .map(|(loss, score)| (loss, score, self.engine.save_parameters()));
        // Before any error: the engine keeps the state of the last update.
        if let Some(latest) = latest {
            self.engine.load(&latest)?;
        }
        let (validation_loss, validation_score) = match validation? {
            Some((loss, score)) => (Some(loss), score),
            None => (None, None),
        };
        let gradient_norm = sums.gradient_norm / sums.steps as f64;
        for (quantity, value) in [
            // Of a solver: its steps would be of length 0.
            ("gradient norm", Some(gradient_norm)),
            ("validation loss", validation_loss),
        ] {
            if let Some(value) = value.filter(|value| !value.is_finite()) {
                return Err(Error::Diverged {
                    step: self.step,
                    epoch: self.epoch,
                    quantity,
                    value,
                    rate: self.solver.is_none().then_some(sums.learning_rate),
                });
            }
        }
        let is_best = best.is_some();
        if let Some((loss, score, parameters)) = best {
            self.early_stopping.best = Some(Best {
                epoch: self.epoch,
                loss,
                score,
                parameters: parameters?,
            });
        }
        let train_loss = sums.loss / sums.weight;
        if let Some(plateau) = &self.spec.plateau {
            let loss = validation_loss.unwrap_or(train_loss);
            self.memory.reduction.epoch(plateau, loss);
        }
        self.is_resumable = self.ended_by.is_none();
        Ok(EpochReport {
            epoch: self.epoch,
            train_loss,
            smoothed_loss: self.memory.smoothed.value().unwrap_or(train_loss),
            validation_loss,
            validation_score,
            learning_rate: sums.learning_rate,
            gradient_norm,
            seconds,
            rows_per_second: sums.rows as f64 / seconds,
            seconds_waiting: self.training.waited().map(|_| sums.waiting),
            is_best,
        })
    }

    /// Why the run ends after an epoch, if it does.
    pub(super) fn stops_after_epoch(&mut self, report: &EpochReport) -> Option<StoppedBy> {
        let loss = report.validation_loss.unwrap_or(report.train_loss);
        let is_low = (self.spec.stop.target_loss).is_some_and(|target| loss <= target);
        (self.ended_by.take())
            .or(is_low.then_some(StoppedBy::TargetLoss))
            .or_else(|| self.out_of_patience())
            .or((self.epoch >= self.last_epoch()).then_some(StoppedBy::Epochs))
    }

    /// Whether the validation loss stopped improving.
    pub(super) fn out_of_patience(&self) -> Option<StoppedBy> {
        let is_out = self.early_stopping.is_out_of_patience(self.epoch);
        is_out.then_some(StoppedBy::Patience)
    }
}

/// The loss of the validation rows, and the score where one chooses the best epoch.
fn validate(
    engine: &mut dyn Engine,
    rows: &mut dyn RowSource,
    selection: Option<&mut Selection>,
) -> Result<(f64, Option<f64>)> {
    let Some(selection) = selection else {
        return Ok((scan::evaluate(engine, rows)?, None));
    };
    let mut all = Vec::new();
    let loss = scan::evaluate_each(engine, rows, |_, predictions| {
        all.extend_from_slice(predictions);
        Ok(())
    })?;
    Ok((loss, Some((selection.score)(&all)?)))
}

/// Engines count steps; the loop knows the epoch.
fn in_epoch(mut error: Error, number: usize) -> Error {
    if let Error::Diverged { epoch, .. } = &mut error {
        *epoch = number;
    }
    error
}
