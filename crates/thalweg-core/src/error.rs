//! What can go wrong inside the engine, as values that a caller can print in one line.

use std::fmt;

/// The result of anything in this crate that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure of the engine. Every variant prints as one line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The caller asked for something that does not exist or does not fit.
    #[error("{0}")]
    Invalid(Box<Invalid>),
    /// A loss or a gradient stopped being a finite number.
    #[error(
        "training diverged: the {quantity} became {value} in step {step} (epoch {epoch}){}",
        at(*rate)
    )]
    Diverged {
        /// Steps taken when it happened, counted from 1.
        step: u64,
        /// Epoch in which it happened, counted from 1.
        epoch: usize,
        /// What was not finite: `loss`, `gradient norm`, `largest parameter` or `validation loss`.
        quantity: &'static str,
        /// Its value.
        value: f64,
        /// Learning rate of that step, if it had one.
        rate: Option<f64>,
    },
    /// A model, checkpoint or block file is not what it claims to be.
    #[error("damaged file: {0}")]
    Damaged(String),
    /// A model or checkpoint file is of a newer format.
    #[error("{0}")]
    Unsupported(String),
    /// Reading or writing failed.
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

fn at(rate: Option<f64>) -> String {
    // Four digits, as people write them: 0.9341, 1e-7 and 3e29.
    let figure = |rate: f64| {
        let rounded: f64 = format!("{rate:.3e}").parse().unwrap_or(rate);
        match (1e-4..1e6).contains(&rounded.abs()) {
            true => rounded.to_string(),
            false => format!("{rounded:e}"),
        }
    };
    rate.map_or(String::new(), |rate| {
        format!(" at learning rate {}", figure(rate))
    })
}

/// What was found, what was expected, and what to do: the parts of one clear line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// What the message is about, such as `optimizer` or `layer 3 (dense)`.
    pub subject: String,
    /// What was found.
    pub found: String,
    /// What was expected.
    pub expected: String,
    /// What to do about it; may be empty.
    pub remedy: String,
    /// The field that it is about, as a path, outermost first, as `layers`, `2`, `activation`,
    /// `alpha`; as far as it is known. A program that read settings from a file finds the line by
    /// it.
    pub place: Vec<String>,
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: found {}, expected {}",
            self.subject, self.found, self.expected
        )?;
        if !self.remedy.is_empty() {
            write!(f, "; {}", self.remedy)?;
        }
        Ok(())
    }
}

impl Error {
    /// An [`Invalid`] without a remedy.
    pub fn invalid(
        subject: impl Into<String>,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) -> Self {
        Error::Invalid(Box::new(Invalid {
            subject: subject.into(),
            found: found.into(),
            expected: expected.into(),
            remedy: String::new(),
            place: Vec::new(),
        }))
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        if let Error::Invalid(invalid) = &mut self {
            invalid.remedy = remedy.into();
        }
        self
    }

    /// Puts names in front of its place: those of the tables and lists, separated by dots, that it
    /// is in.
    #[must_use]
    pub fn at(mut self, outer: &str) -> Self {
        if let Error::Invalid(invalid) = &mut self {
            let outer = outer.split('.').map(str::to_owned);
            invalid.place.splice(0..0, outer);
        }
        self
    }

    /// Puts `outer` in front of the subject: `optimizer adam` → `config: optimizer adam`.
    #[must_use]
    pub fn within(mut self, outer: impl fmt::Display) -> Self {
        if let Error::Invalid(invalid) = &mut self {
            invalid.subject = format!("{outer}: {}", invalid.subject);
        }
        self
    }

    /// Says of which layer of a network it is, counted from 0: `layer dense: activation` → `layer 3
    /// (dense): activation`.
    #[must_use]
    pub(crate) fn of_layer(mut self, index: usize, name: &str) -> Self {
        if let Error::Invalid(invalid) = &mut self {
            let layer = format!("layer {} ({name})", index + 1);
            let own = format!("layer {name}");
            let rest = [own.as_str(), "layer"].into_iter().find_map(|own| {
                let rest = invalid.subject.strip_prefix(own)?;
                (rest.is_empty() || rest.starts_with(':')).then_some(rest)
            });
            invalid.subject = match rest {
                Some(rest) => format!("{layer}{rest}"),
                None => format!("{layer}: {}", invalid.subject),
            };
        }
        self.at(&format!("layers.{index}"))
    }
}
