//! What a run keeps track of from epoch to epoch: its reports, the best epoch, the smoothed loss, plateaus.

use serde::{Deserialize, Serialize};

use crate::average::Average;
use crate::error::Result;
use crate::memory;
use crate::spec::Plateau;

/// What an epoch reports.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochReport {
    /// Epochs done, this one included.
    pub epoch: usize,
    /// Weighted mean loss of the epoch's rows, each in its batch, before that batch's update. Of a solver, what it
    /// minimizes, before its iteration; after it, if it was the last.
    pub train_loss: f64,
    /// Moving average of the batches' losses, over about the last 50: see [`crate::average`].
    pub smoothed_loss: f64,
    /// Weighted mean loss of the validation rows after the epoch, with the averaged parameters where such are
    /// kept.
    pub validation_loss: Option<f64>,
    /// What chooses the best epoch, where that is not the validation loss: see [`crate::train::Selection`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation_score: Option<f64>,
    /// Learning rate of the last update.
    #[serde(rename = "lr")]
    pub learning_rate: f64,
    /// Mean over the updates of the L2 norm of the gradient.
    pub gradient_norm: f64,
    /// Time of the epoch without evaluation.
    pub seconds: f64,
    /// Rows trained on per second of that time.
    pub rows_per_second: f64,
    /// Seconds of that time in which updates waited for rows, where these are read from disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds_waiting: Option<f64>,
    /// Whether this is the best epoch so far.
    #[serde(skip)]
    pub is_best: bool,
}

/// The best epoch so far.
#[derive(Debug, Clone, PartialEq)]
pub struct Best {
    /// Epochs that were done.
    pub epoch: usize,
    /// Its validation loss.
    pub loss: f64,
    /// Its score, where that chooses the epoch and not the loss.
    pub score: Option<f64>,
    /// θ, in the order of [`crate::engine::State::parameters`].
    pub parameters: Vec<f64>,
}

/// Remembers the best epoch by validation loss or score, and stops when none was better for some time.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EarlyStopping {
    /// Epochs without a better one before training stops.
    pub patience: Option<usize>,
    /// The best epoch so far.
    pub best: Option<Best>,
    /// Whether the larger of two scores is the better one.
    pub is_larger_better: bool,
}

impl Best {
    /// A copy.
    ///
    /// # Errors
    /// If there is not enough memory for it.
    pub(crate) fn copy(&self) -> Result<Self> {
        Ok(Self {
            parameters: memory::copy(&self.parameters)?,
            ..*self
        })
    }
}

impl EarlyStopping {
    /// Whether the score is better than all before, or the loss where there is no score.
    pub fn is_best(&self, loss: f64, score: Option<f64>) -> bool {
        let Some(best) = &self.best else {
            return true;
        };
        match (score, best.score) {
            (Some(score), Some(best)) if self.is_larger_better => score > best,
            (Some(score), Some(best)) => score < best,
            _ => loss < best.loss,
        }
    }

    /// Whether training should stop after `epoch`.
    pub fn is_out_of_patience(&self, epoch: usize) -> bool {
        match (&self.best, self.patience) {
            (Some(best), Some(patience)) => epoch.saturating_sub(best.epoch) >= patience,
            _ => false,
        }
    }
}

/// What watching a run remembers from epoch to epoch, so that a resumed run goes on as if it had not ended.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    /// Seconds of training.
    pub seconds: f64,
    /// The smoothed loss of batches.
    pub smoothed: Average,
    /// Reduction of the rate.
    pub reduction: PlateauState,
    /// Mean weight of the rows of the run that training began with, by which weights are divided; absent where rows
    /// have none, and in files of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean_weight: Option<f64>,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            seconds: 0.0,
            smoothed: Average::with_window(SMOOTHING),
            reduction: PlateauState::default(),
            mean_weight: None,
        }
    }
}

/// Batches that the smoothed loss looks back.
const SMOOTHING: f64 = 50.0;

/// State of the reduction of the rate on plateaus: see [`Plateau`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PlateauState {
    /// What multiplies the rate.
    pub factor: f64,
    /// The best loss so far.
    pub best: Option<f64>,
    /// Epochs since then, or since the last reduction.
    pub waited: usize,
}

impl Default for PlateauState {
    fn default() -> Self {
        Self {
            factor: 1.0,
            best: None,
            waited: 0,
        }
    }
}

impl PlateauState {
    /// Updates it with the loss of an epoch. The threshold is relative to |best|, so that it holds for losses below
    /// 0 too.
    pub fn epoch(&mut self, plateau: &Plateau, loss: f64) {
        let is_better = |best: f64| loss < best - plateau.threshold * best.abs();
        if self.best.is_none_or(is_better) {
            (self.best, self.waited) = (Some(loss), 0);
            return;
        }
        self.waited += 1;
        if self.waited > plateau.patience {
            self.factor = (self.factor * plateau.factor).max(plateau.least.min(self.factor));
            self.waited = 0;
        }
    }
}
