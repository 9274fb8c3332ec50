//! Saving a run, and going on from what was saved: between epochs or in the middle of one.

use serde::{Deserialize, Serialize};

use super::{EpochSums, Run};
use crate::engine::State;
use crate::error::{Error, Result};
use crate::observe::{Best, Memory};

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
    /// What else the run keeps track of.
    pub memory: Memory,
    /// The epoch that is under way; zeros between epochs.
    pub sums: EpochSums,
}

impl Run<'_> {
    /// What [`Run::resume`] needs, between epochs or in the middle of one. `None` where a run is over: after an epoch
    /// that ended early, an update that failed, and after [`super::train`] went back to the best epoch. An
    /// [`super::Observer`] may take one at any call.
    ///
    /// # Errors
    /// If there is not enough memory for it.
    pub fn checkpoint(&self) -> Result<Option<Checkpoint>> {
        if !self.is_resumable {
            return Ok(None);
        }
        let mut state = self.engine.save()?;
        if let Some(solver) = &self.solver {
            state.slots = solver.save()?;
        }
        let mut sums = self.sums;
        if sums.steps > 0 {
            sums.seconds = self.seconds();
        }
        Ok(Some(Checkpoint {
            epoch: self.epoch,
            step: self.step,
            origin: self.origin,
            state,
            best: self.best().map(Best::copy).transpose()?,
            memory: self.memory,
            sums,
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
        let (found, most) = (checkpoint.sums.steps, self.steps_per_epoch());
        if found > most {
            let found = format!("{found} updates of an epoch");
            return Err(Error::invalid(
                "checkpoint",
                found,
                format!("at most {most}"),
            ));
        }
        self.restore(checkpoint)?;
        self.origin = checkpoint.origin;
        self.sums = checkpoint.sums;
        self.early_stopping.best = checkpoint.best.as_ref().map(Best::copy).transpose()?;
        Ok(())
    }

    /// Goes on from a checkpoint of another run, on any rows, for the spec's number of further epochs.
    ///
    /// Counts of epochs and updates go on, and with them orders of rows, other randomness, the optimizer's
    /// corrections and the schedule, which sees a run of all epochs together, each as long as one of this run. The
    /// smoothed loss, the reduction of the rate and the mean weight that weights are divided by go on too. The best epoch, patience, `max_steps` and `max_time`
    /// begin anew, and so does an epoch that was under way.
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
        self.sums = EpochSums::default();
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
        let of_rows = self.memory.mean_weight;
        self.memory = checkpoint.memory;
        self.memory.mean_weight = self.memory.mean_weight.or(of_rows);
        self.is_resumable = true;
        self.ended_by = None;
        self.epoch = checkpoint.epoch;
        self.step = checkpoint.step;
        Ok(())
    }
}
