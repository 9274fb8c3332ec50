//! What may watch a run, look at it, and stop it.

use super::Run;
use crate::engine::StepReport;
use crate::error::Result;
use crate::observe::EpochReport;

/// Whether training goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// It does.
    Continue,
    /// It ends here.
    Stop,
}

/// Is called after every update and epoch, and has the run for itself meanwhile: it may evaluate, take gradients and
/// products with the Hessian, read parameters, or take a checkpoint. None of that changes how training goes on; what it
/// loads into the engine does.
pub trait Observer {
    /// After every update.
    ///
    /// # Errors
    /// Ends the run with the observer's error.
    fn step(&mut self, _run: &mut Run, _report: &StepReport) -> Result<Flow> {
        Ok(Flow::Continue)
    }

    /// After every epoch.
    ///
    /// # Errors
    /// Ends the run with the observer's error.
    fn epoch(&mut self, _run: &mut Run, _report: &EpochReport) -> Result<Flow> {
        Ok(Flow::Continue)
    }
}

/// An observer that does nothing.
impl Observer for () {}
