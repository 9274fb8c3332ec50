//! The training loop.

mod checkpoint;
mod epoch;
mod observer;
mod stopped_by;

pub use checkpoint::{Checkpoint, Position};
pub use epoch::EpochSums;
pub use observer::{Flow, Observer};
pub use stopped_by::StoppedBy;

use std::time::Instant;

use crate::average;
use crate::dataset::Dataset;
use crate::engine::{Engine, State};
use crate::error::Result;
use crate::memory;
use crate::observe::{Best, EarlyStopping, Memory};
use crate::order::RowOrder;
use crate::schedules::{Progress, SCHEDULES, Schedule};
use crate::solvers::{SOLVERS, Solver, is_solver};
use crate::source::{RowSource, Schema, scan};
use crate::spec::{Sampling, TrainingSpec};

/// A training run: an engine, its rows, and how far it has come.
pub struct Run<'a> {
    engine: Box<dyn Engine>,
    training: Box<dyn RowSource + 'a>,
    validation: Option<Box<dyn RowSource + 'a>>,
    spec: TrainingSpec,
    schedule: Box<dyn Schedule>,
    decay_schedule: Box<dyn Schedule>,
    dropout_schedule: Box<dyn Schedule>,
    order: RowOrder,
    /// Σ w of the training rows.
    weight: f64,
    steps_per_epoch: u64,
    /// Where it began: at 0, unless it goes on from another run.
    origin: Position,
    /// Epochs done, those before the origin included.
    epoch: usize,
    /// Updates done, those before the origin included.
    step: u64,
    /// The epoch that is under way.
    sums: EpochSums,
    /// While it trains: when that began or was resumed, later by what did not count as training.
    clock: Option<Instant>,
    early_stopping: EarlyStopping,
    /// What chooses the best epoch in the place of the validation loss.
    selection: Option<Selection<'a>>,
    memory: Memory,
    /// For optimizers that see all rows at once.
    solver: Option<Box<dyn Solver>>,
    /// Whether a run can go on from the engine's state.
    is_resumable: bool,
    /// Why the last epoch ended early, if it did.
    ended_by: Option<StoppedBy>,
}

/// The score of what the network predicts for the validation rows, row-major; or why there is none.
pub type Scorer<'a> = Box<dyn FnMut(&[f64]) -> Result<f64> + 'a>;

/// What chooses the best epoch, and stops by patience, in the place of the validation loss.
pub struct Selection<'a> {
    /// Whether a larger score is the better one.
    pub is_larger_better: bool,
    /// How good an epoch is.
    pub score: Scorer<'a>,
}

/// How training went.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// Epochs done.
    pub epochs: usize,
    /// Updates done.
    pub steps: u64,
    /// The epoch whose parameters the engine now has.
    pub best_epoch: usize,
    /// Why it ended.
    pub stopped_by: StoppedBy,
}

/// Trains until the epochs are done, patience is over, another reason of [`crate::spec::Stop`] is there, or the
/// observer stops it; then goes back to the parameters of the best epoch if there are validation rows, and to the
/// averaged parameters if such are kept. An epoch that ends early counts.
///
/// # Errors
/// [`Error::Diverged`](crate::Error::Diverged) in the step where the loss, the gradient or a parameter stops being
/// finite; if it is the loss, the engine has the parameters from before that step. [`Run::best`] has those of the best
/// epoch. Those of the sources and of the observer.
pub fn train(run: &mut Run, observer: &mut dyn Observer) -> Result<Summary> {
    let outcome = run_epochs(run, observer);
    // What follows until the next call is not training.
    run.stop_clock();
    outcome
}

fn run_epochs(run: &mut Run, observer: &mut dyn Observer) -> Result<Summary> {
    // A resumed run may have been out of patience when it was interrupted.
    if let Some(stopped_by) = run.out_of_patience() {
        return run.finish(stopped_by);
    }
    while run.epoch < run.last_epoch() {
        run.clock = Some(Instant::now());
        while !run.is_epoch_over() {
            let report = run.update()?;
            if observer.step(run, &report)? == Flow::Stop {
                return run.finish(StoppedBy::Observer);
            }
        }
        let report = run.end_epoch()?;
        let flow = observer.epoch(run, &report)?;
        // A stop request after the last epoch has no effect.
        if let Some(stopped_by) = run.stops_after_epoch(&report) {
            return run.finish(stopped_by);
        }
        if flow == Flow::Stop {
            return run.finish(StoppedBy::Observer);
        }
    }
    run.finish(StoppedBy::Epochs)
}

impl<'a> Run<'a> {
    /// A run over rows in memory that has not begun. `engine` was made from `spec`.
    ///
    /// # Errors
    /// As [`Run::with_sources`].
    pub fn new(
        engine: Box<dyn Engine>,
        spec: &TrainingSpec,
        training: &'a Dataset,
        validation: Option<&'a Dataset>,
    ) -> Result<Self> {
        let boxed = |dataset: &'a Dataset| -> Box<dyn RowSource + 'a> { Box::new(dataset) };
        Self::with_sources(engine, spec, boxed(training), validation.map(boxed))
    }

    /// A run over the rows of any sources that has not begun. `engine` was made from `spec`.
    ///
    /// # Errors
    /// If the spec is not valid, a layer is not differentiable, or rows cannot be read, do not fit the network or are
    /// none.
    pub fn with_sources(
        engine: Box<dyn Engine>,
        spec: &TrainingSpec,
        mut training: Box<dyn RowSource + 'a>,
        mut validation: Option<Box<dyn RowSource + 'a>>,
    ) -> Result<Self> {
        let spec = spec.resolve()?;
        engine.check_trainable()?;
        let weight = scan::check(&*engine, &mut *training)?;
        if let Some(validation) = &mut validation {
            scan::check(&*engine, &mut **validation)?;
        }
        let classes = match spec.batches.sampling {
            Sampling::Uniform => None,
            Sampling::Stratified | Sampling::Balanced => scan::classes(&mut *training)?,
        };
        let Schema {
            rows, is_weighted, ..
        } = training.schema();
        let order = RowOrder::new(&spec, rows, classes, engine.threads())?;
        let solver = (is_solver(&spec.optimizer))
            .then(|| SOLVERS.build(&spec.optimizer, &()))
            .transpose()?;
        Ok(Self {
            engine,
            training,
            validation,
            schedule: SCHEDULES.build(&spec.schedule, &())?,
            decay_schedule: SCHEDULES.build(&spec.decay_schedule, &())?,
            dropout_schedule: SCHEDULES.build(&spec.dropout_schedule, &())?,
            weight,
            steps_per_epoch: match solver {
                Some(_) => 1,
                None => order.batches() as u64,
            },
            order,
            origin: Position::default(),
            epoch: 0,
            step: 0,
            sums: EpochSums::default(),
            clock: None,
            early_stopping: EarlyStopping {
                patience: spec.patience,
                ..EarlyStopping::default()
            },
            selection: None,
            memory: Memory {
                mean_weight: is_weighted.then_some(weight / rows as f64),
                ..Memory::default()
            },
            solver,
            is_resumable: true,
            ended_by: None,
            spec,
        })
    }

    /// Chooses the best epoch by a score of the validation rows. Before the first epoch.
    pub fn select_by(&mut self, selection: Selection<'a>) {
        self.early_stopping.is_larger_better = selection.is_larger_better;
        self.selection = Some(selection);
    }

    /// The engine.
    pub fn engine(&mut self) -> &mut dyn Engine {
        &mut *self.engine
    }

    /// Lends the engine with the training rows and those for validation, to evaluate them or to take gradients. The
    /// time that it takes does not count as training.
    pub fn look<R>(
        &mut self,
        look: impl FnOnce(&mut dyn Engine, &mut dyn RowSource, Option<&mut dyn RowSource>) -> R,
    ) -> R {
        let start = Instant::now();
        let validation = (self.validation.as_mut()).map(|rows| &mut **rows as &mut dyn RowSource);
        let seen = look(&mut *self.engine, &mut *self.training, validation);
        if let Some(clock) = &mut self.clock {
            *clock += start.elapsed();
        }
        seen
    }

    /// Ends the run and gives the engine back.
    pub fn into_engine(self) -> Box<dyn Engine> {
        self.engine
    }

    /// Epochs done.
    pub fn epoch(&self) -> usize {
        self.epoch
    }

    /// Updates done.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// The epoch that is under way, or zeros between epochs.
    pub fn sums(&self) -> &EpochSums {
        &self.sums
    }

    /// Where it began: at 0, unless it goes on from another run.
    pub fn origin(&self) -> Position {
        self.origin
    }

    /// The last epoch, unless training stops earlier.
    pub fn last_epoch(&self) -> usize {
        self.origin.epoch.saturating_add(self.spec.epochs)
    }

    /// Updates of an epoch.
    pub fn steps_per_epoch(&self) -> u64 {
        self.steps_per_epoch
    }

    /// Mean weight of the rows of the run that training began with, by which weights are divided; none where rows have
    /// no weights.
    pub fn mean_weight(&self) -> Option<f64> {
        self.memory.mean_weight
    }

    /// The order of the rows.
    pub fn order(&mut self) -> &mut RowOrder {
        &mut self.order
    }

    /// The best epoch so far by validation loss.
    pub fn best(&self) -> Option<&Best> {
        self.early_stopping.best.as_ref()
    }

    /// Takes the parameters of the best epoch, if there is one.
    ///
    /// # Errors
    /// If the engine refuses them.
    pub fn restore_best(&mut self) -> Result<()> {
        let Some(best) = &self.early_stopping.best else {
            return Ok(());
        };
        self.is_resumable = false;
        self.engine.load_parameters(&best.parameters)
    }

    /// Seconds of training in the epoch that is under way.
    fn seconds(&self) -> f64 {
        let since = |clock: Instant| clock.elapsed().as_secs_f64();
        self.sums.seconds + self.clock.map_or(0.0, since)
    }

    fn stop_clock(&mut self) {
        self.sums.seconds = self.seconds();
        self.clock = None;
    }

    fn progress(&self) -> Progress {
        let steps_per_epoch = self.steps_per_epoch();
        // Epochs before the origin count as if they had been as long as those of this run.
        let before = steps_per_epoch.saturating_mul(self.origin.epoch as u64);
        let own = steps_per_epoch.saturating_mul(self.spec.epochs as u64);
        Progress {
            step: before.saturating_add(self.step - self.origin.step),
            steps: before.saturating_add(own.min(self.spec.stop.max_steps.unwrap_or(u64::MAX))),
            steps_per_epoch,
        }
    }

    /// Takes the averaged parameters, if such are kept; gives what was there instead.
    fn take_average(&mut self) -> Result<Option<State>> {
        let Some(beta) = self.spec.ema else {
            return Ok(None);
        };
        let state = self.engine.save()?;
        let correction = average::correction(beta, self.step);
        let average = state.slots.last().map_or(&[][..], Vec::as_slice);
        let mut parameters = memory::copy(&state.parameters)?;
        // Values that are not trained stay as the latest step left them.
        let trained = (self.engine.parameters().into_iter()).flat_map(|info| {
            let length = info.shape.iter().product();
            std::iter::repeat_n(info.is_trained, length)
        });
        for ((value, average), _) in
            (parameters.iter_mut().zip(average).zip(trained)).filter(|(_, is_trained)| *is_trained)
        {
            *value = average * correction;
        }
        self.engine.load_parameters(&parameters)?;
        Ok(Some(state))
    }

    fn finish(&mut self, stopped_by: StoppedBy) -> Result<Summary> {
        if self.best().is_none() && self.step > 0 && self.take_average()?.is_some() {
            self.is_resumable = false;
        }
        self.restore_best()?;
        Ok(Summary {
            epochs: self.epoch,
            steps: self.step,
            best_epoch: self.best().map_or(self.epoch, |best| best.epoch),
            stopped_by,
        })
    }
}
