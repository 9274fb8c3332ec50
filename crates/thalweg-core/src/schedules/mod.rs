//! Schedules: the learning rate as a pure function of progress; decay and dropout likewise.
//!
//! A schedule gives a factor that multiplies the base rate. It keeps no state, so a resumed run
//! needs nothing but the step.

use crate::registry::entries;

entries! {
    /// All schedules.
    SCHEDULES: "schedule" => Box<dyn Schedule>;
    constant,
    exponential,
    step_decay,
    inverse_time,
    polynomial,
    cosine,
    cosine_restarts,
    linear_warmup,
    inverse_sqrt,
    one_cycle,
    coslog4,
    flat_cosine,
}

/// How far training has come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// Updates done before this one.
    pub step: u64,
    /// Updates of the whole run as planned.
    pub steps: u64,
    /// Updates of an epoch.
    pub steps_per_epoch: u64,
}

impl Progress {
    /// Fraction of the run that is done, from 0 to 1.
    pub fn fraction(self) -> f64 {
        (self.step as f64 / self.steps.max(1) as f64).min(1.0)
    }

    /// Epochs done, with the part of the current one.
    pub fn epochs(self) -> f64 {
        self.step as f64 / self.steps_per_epoch.max(1) as f64
    }
}

/// A learning-rate schedule.
pub trait Schedule: Send + Sync {
    /// What multiplies the base rate.
    fn factor(&self, progress: Progress) -> f64;
}
