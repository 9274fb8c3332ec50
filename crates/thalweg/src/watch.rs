//! Watches a run: an engine's observer that also hears how the run begins, and what it records.

use thalweg_core::observe::EpochReport;
use thalweg_core::train::{Flow, Observer, Position};

use crate::error::Result;
use crate::log::Start;
use crate::run_folder::RunFolder;

/// See the module's text.
pub trait Watch: Observer {
    /// Before the first step.
    ///
    /// # Errors
    /// Ends the run with the watch's error.
    fn begin(&mut self, _beginning: &Beginning) -> Result<()> {
        Ok(())
    }

    /// Before it begins, if recipes are raced: so many are trained, each for one of `part` parts of its epochs.
    fn race(&mut self, _recipes: usize, _part: usize) {}

    /// Lines that the log of the run has got: updates, or an epoch before [`Observer::epoch`].
    fn logged(&mut self, _lines: &str) {}

    /// After an epoch of a member of an ensemble, counted from 0, and now and then between: in the
    /// thread that trains the ensemble. Such a run has no calls as an observer.
    ///
    /// # Errors
    /// Ends the run with the watch's error.
    fn member(&mut self, _member: usize, _report: Option<&EpochReport>) -> Result<Flow> {
        Ok(Flow::Continue)
    }
}

/// Watches nothing.
impl Watch for () {}

/// How a run begins.
pub struct Beginning<'a> {
    /// What is trained on what.
    pub start: &'a Start<'a>,
    /// Where it begins: at 0, unless it goes on from another run.
    pub origin: Position,
    /// The last epoch, unless training stops earlier.
    pub last_epoch: usize,
    /// Updates of an epoch.
    pub steps_per_epoch: u64,
    /// What it goes on from, a line each.
    pub lines: &'a [String],
    /// Where it writes, its log up to here being there, if it does.
    pub folder: Option<&'a RunFolder>,
    /// Models that are trained, each for so many epochs at most.
    pub members: usize,
}
