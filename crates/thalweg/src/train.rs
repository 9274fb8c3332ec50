//! The training loop.

use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::dataset::Dataset;
use crate::engine::{Batch, Engine, Rows, State, StepReport};
use crate::error::{Error, Result};
use crate::observe::{Best, EarlyStopping, EpochReport, Flow, Observer};
use crate::optimizers::Time;
use crate::random::{Purpose, Stream};
use crate::schedules::{Progress, SCHEDULES, Schedule};
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
    /// Epochs done.
    epoch: usize,
    /// Updates done.
    step: u64,
    early_stopping: EarlyStopping,
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
    /// An observer asked for it.
    Observer,
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

/// Everything that a run needs to go on where it was.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// Epochs done.
    pub epoch: usize,
    /// Parameters and slots.
    pub state: State,
    /// The best epoch so far.
    pub best: Option<Best>,
}

/// Trains until the epochs are done, patience is over, or the observer says stop; then goes back to the
/// parameters of the best epoch if there are validation rows.
///
/// # Errors
/// [`Error::Diverged`] in the step where the loss, the gradient or a parameter stops being finite; if it is
/// the loss, the engine has the parameters from before that step. [`Run::best`] has those of the best epoch.
pub fn train(run: &mut Run, observer: &mut dyn Observer) -> Result<Summary> {
    // A resumed run may have been out of patience when it was interrupted.
    if run.early_stopping.is_out_of_patience(run.epoch) {
        return run.finish(StoppedBy::Patience);
    }
    while run.epoch < run.spec.epochs {
        run.shuffle();
        run.is_between_epochs = false;
        let mut sums = Sums::default();
        let mut batches = run.order.chunks(run.spec.batch_size).peekable();
        while let Some(rows) = batches.next() {
            let progress = run.progress();
            run.step += 1;
            let time = Time {
                step: run.step,
                rate: run.spec.learning_rate * run.schedule.factor(progress),
            };
            let batch = Batch {
                upcoming: batches.peek().map_or(Rows::NONE, |rows| Rows::Listed(rows)),
                ..Batch::new(run.training, Rows::Listed(rows))
            };
            let report = (run.engine.step(&batch, time)).map_err(|e| in_epoch(e, run.epoch + 1))?;
            sums.add(&batch, time.rate, &report);
            if observer.step(run.step, &report) == Flow::Stop {
                return run.finish(StoppedBy::Observer);
            }
        }
        run.epoch += 1;
        run.is_between_epochs = true;
        let report = run.judge(sums)?;
        if observer.epoch(run, &report)? == Flow::Stop {
            return run.finish(StoppedBy::Observer);
        }
        if run.early_stopping.is_out_of_patience(run.epoch) {
            return run.finish(StoppedBy::Patience);
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
            engine.check(dataset)?;
            let rows = dataset.rows();
            if rows == 0 || u32::try_from(rows).is_err() {
                return Err(Error::invalid(
                    "dataset",
                    format!("{rows} rows"),
                    format!("1 to {}", u32::MAX),
                ));
            }
        }
        Ok(Self {
            engine,
            training,
            validation,
            schedule: SCHEDULES.build(&spec.schedule, &())?,
            order: (0..training.rows() as u32).collect(),
            epoch: 0,
            step: 0,
            early_stopping: EarlyStopping {
                patience: spec.patience,
                best: None,
            },
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

    /// Updates of an epoch.
    pub fn steps_per_epoch(&self) -> u64 {
        self.order.len().div_ceil(self.spec.batch_size) as u64
    }

    /// The best epoch so far by validation loss.
    pub fn best(&self) -> Option<&Best> {
        self.early_stopping.best.as_ref()
    }

    /// What [`Run::resume`] needs; `None` in the middle of an epoch and after [`train`] went back to the
    /// best epoch. [`Observer::epoch`] is the place to ask for it.
    pub fn checkpoint(&self) -> Option<Checkpoint> {
        self.is_between_epochs.then(|| Checkpoint {
            epoch: self.epoch,
            state: self.engine.save(),
            best: self.early_stopping.best.clone(),
        })
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
        self.engine.load(&checkpoint.state)?;
        self.is_between_epochs = true;
        self.epoch = checkpoint.epoch;
        self.step = checkpoint.epoch as u64 * self.steps_per_epoch();
        self.early_stopping.best.clone_from(&checkpoint.best);
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
        self.engine.load(&State {
            parameters: best.parameters.clone(),
            slots: Vec::new(),
        })
    }

    fn progress(&self) -> Progress {
        let steps_per_epoch = self.steps_per_epoch();
        Progress {
            step: self.step,
            steps: steps_per_epoch.saturating_mul(self.spec.epochs as u64),
            steps_per_epoch,
        }
    }

    /// Puts the rows into the order of the epoch that begins: a function of seed and epoch alone.
    fn shuffle(&mut self) {
        if self.spec.shuffle {
            for (row, place) in self.order.iter_mut().enumerate() {
                *place = row as u32;
            }
            Stream::new(self.spec.seed, Purpose::Shuffle, self.epoch as u64)
                .sequence()
                .shuffle(&mut self.order);
        }
    }

    /// Evaluates on the validation rows and remembers the epoch if it is the best.
    fn judge(&mut self, sums: Sums) -> Result<EpochReport> {
        let seconds = sums.start.elapsed().as_secs_f64();
        let validation_loss = match self.validation {
            Some(rows) => Some(self.engine.evaluate(&Batch::all(rows), None)?),
            None => None,
        };
        if let Some(value) = validation_loss.filter(|loss| !loss.is_finite()) {
            return Err(Error::Diverged {
                step: self.step,
                epoch: self.epoch,
                quantity: "validation loss",
                value,
                rate: sums.rate,
            });
        }
        let is_best = validation_loss.is_some_and(|loss| self.early_stopping.is_best(loss));
        if let (true, Some(loss)) = (is_best, validation_loss) {
            self.early_stopping.best = Some(Best {
                epoch: self.epoch,
                loss,
                parameters: self.engine.save().parameters,
            });
        }
        Ok(EpochReport {
            epoch: self.epoch,
            train_loss: sums.loss / sums.weight,
            validation_loss,
            learning_rate: sums.rate,
            gradient_norm: sums.norm / sums.steps as f64,
            seconds,
            rows_per_second: sums.rows as f64 / seconds,
            is_best,
        })
    }

    fn finish(&mut self, stopped_by: StoppedBy) -> Result<Summary> {
        self.restore_best()?;
        Ok(Summary {
            epochs: self.epoch,
            steps: self.step,
            best_epoch: self.best().map_or(self.epoch, |best| best.epoch),
            stopped_by,
        })
    }
}

/// Sums over the updates of an epoch.
struct Sums {
    start: Instant,
    rows: usize,
    weight: f64,
    steps: usize,
    loss: f64,
    norm: f64,
    rate: f64,
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
