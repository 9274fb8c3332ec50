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
    /// All reasons.
    pub const ALL: [Self; 11] = [
        StoppedBy::Epochs,
        StoppedBy::Patience,
        StoppedBy::MaxSteps,
        StoppedBy::MaxTime,
        StoppedBy::TargetLoss,
        StoppedBy::MinChange,
        StoppedBy::MinGradient,
        StoppedBy::Converged,
        StoppedBy::Searched,
        StoppedBy::LineSearch,
        StoppedBy::Observer,
    ];

    /// Its name in logs and files, and its words for a reader.
    const fn texts(self) -> [&'static str; 2] {
        match self {
            StoppedBy::Epochs => ["epochs", "all epochs done"],
            StoppedBy::Patience => ["patience", "the validation loss stopped improving"],
            StoppedBy::MaxSteps => ["max_steps", "step limit reached"],
            StoppedBy::MaxTime => ["max_time", "time limit reached"],
            StoppedBy::TargetLoss => ["target_loss", "target loss reached"],
            StoppedBy::MinChange => ["min_change", "an update changed too little"],
            StoppedBy::MinGradient => ["min_gradient", "the gradient is small enough"],
            StoppedBy::Converged => ["converged", "converged"],
            StoppedBy::Searched => ["searched", "every point of the grid was tried"],
            StoppedBy::LineSearch => ["line_search", "no lower point was found"],
            StoppedBy::Observer => ["observer", "stopped by an observer"],
        }
    }

    /// Its name in logs and files.
    pub fn name(self) -> &'static str {
        self.texts()[0]
    }

    /// The reason in words, such as `step limit reached`.
    pub fn words(self) -> &'static str {
        self.texts()[1]
    }

    /// The reason of this name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }
}
