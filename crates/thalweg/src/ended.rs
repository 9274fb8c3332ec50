//! What is known of a run when it has ended.

use thalweg_core::Isa;
use thalweg_core::engine::ParameterInfo;
use thalweg_core::error::Error as EngineError;
use thalweg_core::search::Surface;
use thalweg_core::train::{Run, StoppedBy, Summary};
use thalweg_data::{Note, Table};

use crate::config::Config;
use crate::error::{Error, Result};
use crate::inspection::Inspection;
use crate::job::INTERRUPTED;
use crate::log::{End, Rows};
use crate::model::{Model, Outcome};
use crate::preset::Reason;
use crate::run_folder::RunFolder;

/// How a run ended.
pub struct Ended {
    /// The last event of the log: scores and why training ended.
    pub end: End,
    /// How training went.
    pub outcome: Outcome,
    /// The model of the best epoch; none if no epoch ended well.
    pub model: Option<Model>,
    /// What a report shows of the model, if the run was to be inspected.
    pub inspection: Option<Inspection>,
    /// The config that was trained.
    pub config: Config,
    /// Why the preset chose what it chose.
    pub reasons: Vec<Reason>,
    /// What should be known of the result.
    pub notes: Vec<Note>,
    /// ‖g‖ of the last epoch.
    pub gradient_norm: f64,
    /// Where training failed: what happened, and what to try.
    pub failure: Option<String>,
    /// Where the run wrote, if it did.
    pub folder: Option<RunFolder>,
    /// The epoch of the checkpoint that an interrupted run left.
    pub checkpoint: Option<usize>,
    /// The error surface of an exhaustive search, with the tensors of the network.
    pub surface: Option<(Surface, Vec<ParameterInfo>)>,
    /// Of an ensemble by folds a row for each row that trained, in the order of the table: its number,
    /// from 1, its fold, and what the member predicts that has not trained on it, as in
    /// [`CrossValidated::predictions`](crate::cross_validation::CrossValidated::predictions).
    pub out_of_fold: Option<Table>,
}

impl Ended {
    /// The model.
    ///
    /// # Errors
    /// [`Error::Diverged`] if training did.
    pub fn into_model(self) -> Result<Model> {
        match (self.failure, self.model) {
            (None, Some(model)) => Ok(model),
            (failure, _) => Err(Error::Diverged(
                failure.unwrap_or_else(|| "there is no model".to_owned()),
            )),
        }
    }

    /// Whether an observer ended the run: it can go on.
    pub fn is_interrupted(&self) -> bool {
        self.outcome.stopped_by == INTERRUPTED
    }
}

/// What is to be known where a run that began with the instructions `then` goes on with others.
pub(crate) fn other_instructions(then: &str) -> Option<String> {
    let now = Isa::detect().name();
    (then != now).then(|| {
        format!("note: it began with the instructions {then}; with {now} the last bits differ")
    })
}

/// How training ended. After a divergence the engine gets the weights of the best epoch, if there
/// is one: else `best_epoch` is 0.
pub(crate) fn outcome(
    result: thalweg_core::Result<Summary>,
    run: &mut Run,
    rows: Rows,
) -> Result<(Outcome, Option<EngineError>)> {
    let (last_epoch, mean_weight) = (Some(run.last_epoch()), run.mean_weight());
    let of = |epochs, best_epoch, stopped_by: &str| Outcome {
        epochs,
        last_epoch,
        best_epoch,
        stopped_by: stopped_by.to_owned(),
        rows,
        refit: None,
        mean_weight,
    };
    match result {
        Ok(summary) => {
            let stopped_by = match summary.stopped_by {
                StoppedBy::Observer => INTERRUPTED,
                other => other.name(),
            };
            Ok((of(summary.epochs, summary.best_epoch, stopped_by), None))
        }
        Err(error @ EngineError::Diverged { .. }) => {
            run.restore_best()?;
            let best_epoch = run.best().map_or(0, |best| best.epoch);
            Ok((of(run.epoch(), best_epoch, "diverged"), Some(error)))
        }
        Err(error) => Err(Error::from(error)),
    }
}
