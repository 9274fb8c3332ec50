//! The training loop.

mod epoch;

use epoch::Sums;
use serde::{Deserialize, Serialize};

use crate::average;
use crate::batches;
use crate::dataset::Dataset;
use crate::engine::{Batch, Engine, State};
use crate::error::{Error, Result};
use crate::memory;
use crate::observe::{Best, EarlyStopping, EpochReport, Flow, Memory, Observer};
use crate::schedules::{Progress, SCHEDULES, Schedule};
use crate::solvers::{SOLVERS, Solver, is_solver};
use crate::spec::TrainingSpec;

/// A training run: an engine, its data, and how far it has come.
pub struct Run<'a> {
    engine: Box<dyn Engine>,
    training: &'a Dataset,
    validation: Option<&'a Dataset>,
    spec: TrainingSpec,
    schedule: Box<dyn Schedule>,
    /// Rows in the order of this epoch.
    order: Vec<u32>,
    /// Where it began: at 0, unless it goes on from another run.
    origin: Position,
    /// Epochs done, those before the origin included.
    epoch: usize,
    /// Updates done, those before the origin included.
    step: u64,
    early_stopping: EarlyStopping,
    memory: Memory,
    /// For optimizers that see all rows at once.
    solver: Option<Box<dyn Solver>>,
    /// Whether the engine is as an epoch left it.
    is_between_epochs: bool,
}

/// Why training ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoppedBy {
    /// All epochs were done.
    Epochs,
    /// The validation loss did not get better any more.
    Patience,
    /// As many updates as were wanted.
    MaxSteps,
    /// The time was over.
    MaxTime,
    /// The loss was low enough.
    TargetLoss,
    /// An update changed too little.
    MinChange,
    /// The gradient was small enough.
    MinGradient,
    /// A solver's gradient got as small as was wanted, or it has worked out the minimum.
    Converged,
    /// A solver has seen every point of its grid.
    Searched,
    /// A solver's line search found no lower point, though the gradient is not that small.
    LineSearch,
    /// An observer asked for it.
    Observer,
}

impl StoppedBy {
    /// Its name in logs and files.
    pub fn name(self) -> &'static str {
        match self {
            StoppedBy::Epochs => "epochs",
            StoppedBy::Patience => "patience",
            StoppedBy::MaxSteps => "max_steps",
            StoppedBy::MaxTime => "max_time",
            StoppedBy::TargetLoss => "target_loss",
            StoppedBy::MinChange => "min_change",
            StoppedBy::MinGradient => "min_gradient",
            StoppedBy::Converged => "converged",
            StoppedBy::Searched => "searched",
            StoppedBy::LineSearch => "line_search",
            StoppedBy::Observer => "observer",
        }
    }
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

/// How far a run had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Position {
    /// Epochs done.
    pub epoch: usize,
    /// Updates done.
    pub step: u64,
}

/// Everything that a run needs to go on where it was.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// Epochs done.
    pub epoch: usize,
    /// Updates done.
    pub step: u64,
    /// Where the run began: see [`Run::continue_from`].
    pub origin: Position,
    /// Parameters and slots.
    pub state: State,
    /// The best epoch so far.
    pub best: Option<Best>,
    /// What else the run remembers.
    pub memory: Memory,
}

/// Trains until the epochs are done, patience is over, another reason of [`crate::spec::Stop`] is there, or the
/// observer says stop before it; then goes back to the parameters of the best epoch if there are validation rows, and to
/// the averaged parameters if such are kept. An epoch that ends early counts.
///
/// # Errors
/// [`Error::Diverged`] in the step where the loss, the gradient or a parameter stops being finite; if it is
/// the loss, the engine has the parameters from before that step. [`Run::best`] has those of the best epoch.
pub fn train(run: &mut Run, observer: &mut dyn Observer) -> Result<Summary> {
    // A resumed run may have been out of patience when it was interrupted.
    if run.early_stopping.is_out_of_patience(run.epoch) {
        return run.finish(StoppedBy::Patience);
    }
    while run.epoch < run.last_epoch() {
        run.is_between_epochs = false;
        let (sums, stopped_by) = match run.solver.is_some() {
            true => run.iterate(observer)?,
            false => run.batches(observer)?,
        };
        if stopped_by == Some(StoppedBy::Observer) {
            return run.finish(StoppedBy::Observer);
        }
        run.epoch += 1;
        run.is_between_epochs = stopped_by.is_none();
        let report = run.judge(sums)?;
        let flow = observer.epoch(run, &report)?;
        // Of a run that is over nobody can stop anything.
        if let Some(stopped_by) = stopped_by.or_else(|| run.stops_after_epoch(&report)) {
            return run.finish(stopped_by);
        }
        if flow == Flow::Stop {
            return run.finish(StoppedBy::Observer);
        }
    }
    run.finish(StoppedBy::Epochs)
}

impl<'a> Run<'a> {
    /// A run that has not begun. `engine` was made from `spec`.
    ///
    /// # Errors
    /// If the spec is not valid, a layer cannot be learned through, or a dataset does not fit the network or is
    /// empty.
    pub fn new(
        engine: Box<dyn Engine>,
        spec: &TrainingSpec,
        training: &'a Dataset,
        validation: Option<&'a Dataset>,
    ) -> Result<Self> {
        let spec = spec.resolve()?;
        engine.check_trainable()?;
        for dataset in [Some(training), validation].into_iter().flatten() {
            engine.check(&Batch::all(dataset), 0)?;
            let rows = dataset.rows();
            if rows == 0 || u32::try_from(rows).is_err() {
                return Err(Error::invalid(
                    "dataset",
                    format!("{rows} rows"),
                    format!("1 to {}", u32::MAX),
                ));
            }
        }
        if Batch::all(training).total_weight() == 0.0 {
            let expected = "one that is not 0";
            return Err(Error::invalid("weights", "0 for every row", expected));
        }
        batches::check(&spec, training)?;
        let mut order = Vec::with_capacity(training.rows());
        memory::prefer_huge_pages(&mut order);
        order.extend(0..training.rows() as u32);
        Ok(Self {
            engine,
            training,
            validation,
            schedule: SCHEDULES.build(&spec.schedule, &())?,
            order,
            origin: Position::default(),
            epoch: 0,
            step: 0,
            early_stopping: EarlyStopping {
                patience: spec.patience,
                best: None,
            },
            memory: Memory::default(),
            solver: (is_solver(&spec.optimizer))
                .then(|| SOLVERS.build(&spec.optimizer, &()))
                .transpose()?,
            is_between_epochs: true,
            spec,
        })
    }

    /// The engine.
    pub fn engine(&mut self) -> &mut dyn Engine {
        &mut *self.engine
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
        match self.solver {
            Some(_) => 1,
            None => batches::count(&self.spec, self.training.rows()) as u64,
        }
    }

    /// The rows in the order of the last epoch that began; batches are cut from its beginning.
    pub fn order(&self) -> &[u32] {
        &self.order
    }

    /// The best epoch so far by validation loss.
    pub fn best(&self) -> Option<&Best> {
        self.early_stopping.best.as_ref()
    }

    /// What [`Run::resume`] needs; `None` in the middle of an epoch, after one that ended early, and after [`train`]
    /// went back to the best epoch. [`Observer::epoch`] is the place to ask for it.
    ///
    /// # Errors
    /// If there is not enough memory for it.
    pub fn checkpoint(&self) -> Result<Option<Checkpoint>> {
        if !self.is_between_epochs {
            return Ok(None);
        }
        let mut state = self.engine.save()?;
        if let Some(solver) = &self.solver {
            state.slots = solver.save()?;
        }
        Ok(Some(Checkpoint {
            epoch: self.epoch,
            step: self.step,
            origin: self.origin,
            state,
            best: self.best().map(Best::copy).transpose()?,
            memory: self.memory,
        }))
    }

    /// Goes on from a checkpoint of a run with the same spec and data, to the same bits.
    ///
    /// # Errors
    /// If the checkpoint is of another network or optimizer.
    pub fn resume(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        let parameters = checkpoint.state.parameters.len();
        if let Some(best) = &checkpoint.best
            && (best.parameters.len() != parameters || best.epoch > checkpoint.epoch)
        {
            let found = format!("epoch {} with {} values", best.epoch, best.parameters.len());
            let expected = format!(
                "{parameters} values of an epoch before {}",
                checkpoint.epoch
            );
            return Err(Error::invalid(
                "best epoch of the checkpoint",
                found,
                expected,
            ));
        }
        self.restore(checkpoint)?;
        self.origin = checkpoint.origin;
        self.early_stopping.best = checkpoint.best.as_ref().map(Best::copy).transpose()?;
        Ok(())
    }

    /// Goes on from a checkpoint of another run, on any rows, for the spec's number of further epochs.
    ///
    /// Counts of epochs and updates go on, and with them orders of rows, other randomness, the optimizer's
    /// corrections and the schedule, which sees a run of all epochs together, each as long as one of this run. The
    /// smoothed loss and the reduction of the rate go on too. The best epoch, patience, `max_steps` and `max_time`
    /// begin anew.
    ///
    /// On the rows of the earlier run, with its spec but for `epochs`, this gives the bits of one run of all epochs
    /// wherever the rate does not depend on the number of epochs (`constant`, `exponential`, `inverse_time`, … in
    /// epochs or updates), no earlier epoch is the best, and the checkpoint has the optimizer's slots. A checkpoint
    /// without slots starts them anew; its step should then be 0.
    ///
    /// # Errors
    /// If the checkpoint is of another network or optimizer.
    pub fn continue_from(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        self.restore(checkpoint)?;
        self.origin = Position {
            epoch: checkpoint.epoch,
            step: checkpoint.step,
        };
        self.memory.seconds = 0.0;
        self.early_stopping.best = None;
        Ok(())
    }

    /// Takes parameters, slots, memory and counts from a checkpoint.
    fn restore(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        let State { parameters, slots } = &checkpoint.state;
        match &mut self.solver {
            Some(solver) => {
                self.engine.load_parameters(parameters)?;
                solver.load(slots, parameters.len())?;
            }
            None => self.engine.load(&checkpoint.state)?,
        }
        self.memory = checkpoint.memory;
        self.is_between_epochs = true;
        self.epoch = checkpoint.epoch;
        self.step = checkpoint.step;
        Ok(())
    }

    /// Takes the parameters of the best epoch, if there is one.
    ///
    /// # Errors
    /// If the engine refuses them.
    pub fn restore_best(&mut self) -> Result<()> {
        let Some(best) = &self.early_stopping.best else {
            return Ok(());
        };
        self.is_between_epochs = false;
        self.engine.load_parameters(&best.parameters)
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

    /// Evaluates on the validation rows and remembers the epoch if it is the best.
    fn judge(&mut self, sums: Sums) -> Result<EpochReport> {
        let seconds = sums.start.elapsed().as_secs_f64();
        self.memory.seconds += seconds;
        let latest = match self.validation {
            Some(_) => self.take_average()?,
            None => None,
        };
        let validation_loss = match self.validation {
            Some(rows) => Some(self.engine.evaluate(&Batch::all(rows), None)?),
            None => None,
        };
        let gradient_norm = sums.norm / sums.steps as f64;
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
                    rate: self.solver.is_none().then_some(sums.rate),
                });
            }
        }
        let is_best = validation_loss.is_some_and(|loss| self.early_stopping.is_best(loss));
        if let (true, Some(loss)) = (is_best, validation_loss) {
            self.early_stopping.best = Some(Best {
                epoch: self.epoch,
                loss,
                parameters: self.engine.save_parameters()?,
            });
        }
        if let Some(latest) = latest {
            self.engine.load(&latest)?;
        }
        let train_loss = sums.loss / sums.weight;
        if let Some(plateau) = &self.spec.plateau {
            let loss = validation_loss.unwrap_or(train_loss);
            self.memory.reduction.epoch(plateau, loss);
        }
        Ok(EpochReport {
            epoch: self.epoch,
            train_loss,
            smoothed_loss: self.memory.smoothed.value().unwrap_or(train_loss),
            validation_loss,
            learning_rate: sums.rate,
            gradient_norm,
            seconds,
            rows_per_second: sums.rows as f64 / seconds,
            is_best,
        })
    }

    /// Why the run ends after an epoch, if it does.
    fn stops_after_epoch(&self, report: &EpochReport) -> Option<StoppedBy> {
        let loss = report.validation_loss.unwrap_or(report.train_loss);
        if (self.spec.stop.target_loss).is_some_and(|target| loss <= target) {
            return Some(StoppedBy::TargetLoss);
        }
        if self.early_stopping.is_out_of_patience(self.epoch) {
            return Some(StoppedBy::Patience);
        }
        (self.epoch >= self.last_epoch()).then_some(StoppedBy::Epochs)
    }

    fn finish(&mut self, stopped_by: StoppedBy) -> Result<Summary> {
        if self.best().is_none() && self.step > 0 && self.take_average()?.is_some() {
            self.is_between_epochs = false;
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
