//! What can go wrong with a run: the request or its input, or the run itself.

use std::fmt;

/// The result of anything in this crate that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure of a run. Every variant prints as one line; fields of a config stand in backticks.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The engine refuses what it was given, or failed while it ran.
    #[error(transparent)]
    Engine(#[from] thalweg_core::Error),
    /// The data are not as they should be.
    #[error(transparent)]
    Data(#[from] thalweg_data::Error),
    /// A file or a request is not as it should be: where, what was found, what to do.
    #[error("{0}")]
    Input(String),
    /// A setting in a file is not as it should be: the fields are those of the file.
    #[error("{0}")]
    Settings(thalweg_core::Error),
    /// Training diverged: what happened, and what to try. The model of the best epoch before that is
    /// in [`Ended::model`](crate::fit::Ended::model).
    #[error("{0}")]
    Diverged(String),
    /// Something failed while the run went on, such as a disk that is full.
    #[error("{0}")]
    Running(String),
}

impl Error {
    /// Whether the request or its input is at fault, and not the run: another request is the
    /// remedy.
    pub fn is_input(&self) -> bool {
        match self {
            Error::Engine(error) => matches!(
                error,
                thalweg_core::Error::Invalid(_)
                    | thalweg_core::Error::Damaged(_)
                    | thalweg_core::Error::Unsupported(_)
            ),
            Error::Data(_) | Error::Input(_) | Error::Settings(_) => true,
            Error::Running(_) | Error::Diverged(_) => false,
        }
    }

    /// The field of a config that is at fault, outermost name first; empty where it is not known.
    pub fn place(&self) -> &[String] {
        match self {
            Error::Engine(thalweg_core::Error::Invalid(invalid))
            | Error::Settings(thalweg_core::Error::Invalid(invalid)) => &invalid.place,
            _ => &[],
        }
    }
}

/// Bad input, in one line.
pub(crate) fn input(line: impl fmt::Display) -> Error {
    Error::Input(line.to_string())
}

/// A failure of the run itself, in one line.
pub(crate) fn running(line: impl fmt::Display) -> Error {
    Error::Running(line.to_string())
}
