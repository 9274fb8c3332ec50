//! Why a run ended.

use serde::{Deserialize, Serialize};

/// Why training ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoppedBy {
    /// All epochs were done.
    Epochs,
    /// The validation loss stopped improving.
    Patience,
    /// The step limit was reached.
    MaxSteps,
    /// The time limit was reached.
    MaxTime,
    /// The loss was low enough.
    TargetLoss,
    /// An update changed too little.
    MinChange,
    /// The gradient was small enough.
    MinGradient,
    /// A solver's gradient is within its tolerance, or it has solved for the minimum.
    Converged,
    /// A solver has evaluated every point of its grid.
    Searched,
    /// A solver's line search found no lower point, though the gradient is not that small.
    LineSearch,
    /// An observer stopped it.
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
