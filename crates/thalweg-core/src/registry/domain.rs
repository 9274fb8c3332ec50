//! What a hyper-parameter may be.

use std::fmt;

use super::{AnyRegistry, Choice, Factors, Setting};
use crate::error::Result;

/// What a hyper-parameter may be.
#[derive(Debug, Clone, Copy)]
pub enum Domain {
    /// `true` or `false`.
    Flag,
    /// A whole number from the first to the second value.
    Integer(i64, i64),
    /// Whole numbers from the first to the second value, in order; at least one.
    Integers(i64, i64),
    /// The same, or `auto`: those that suit.
    IntegersOrAuto(i64, i64),
    /// A number in an interval; `open` leaves out the respective end.
    Number {
        /// Lower end.
        low: f64,
        /// Upper end.
        high: f64,
        /// Whether the lower and the upper end themselves are forbidden.
        open: (bool, bool),
    },
    /// Numbers in an interval without its ends, in order; at least one. Text with commas between
    /// them is read, too.
    Numbers(f64, f64),
    /// Finite numbers, in order, or `auto`: those that suit.
    NumbersOrAuto,
    /// Factors of tensors by these roles or by paths below `layers`: see [`Factors`].
    Factors(&'static [&'static str]),
    /// One of these words.
    Word(&'static [&'static str]),
    /// An entry of another registry (or of the same one, which is why it is a function), by its
    /// name or with settings of its own.
    Choice(fn() -> &'static dyn AnyRegistry),
    /// The same, or `auto`: the one that suits.
    ChoiceOrAuto(fn() -> &'static dyn AnyRegistry),
    /// Entries of a registry, in order; at least one.
    Choices(fn() -> &'static dyn AnyRegistry),
    /// An entry of the registry of that kind (`many`: a list of them), which is checked by those
    /// who know it.
    Named {
        /// In the singular, such as `optimizer`.
        kind: &'static str,
        /// Whether it is a list, which may be empty.
        many: bool,
    },
}

/// The word that leaves a [`Domain::ChoiceOrAuto`] or [`Domain::IntegersOrAuto`] to the entry that
/// asks.
pub const AUTO: &str = "auto";

impl Domain {
    /// Finite numbers.
    pub const FINITE: Domain = Domain::Number {
        low: f64::NEG_INFINITY,
        high: f64::INFINITY,
        open: (true, true),
    };
    /// Numbers ≥ 0.
    pub const NON_NEGATIVE: Domain = Domain::Number {
        low: 0.0,
        high: f64::INFINITY,
        open: (false, true),
    };
    /// Numbers > 0.
    pub const POSITIVE: Domain = Domain::Number {
        low: 0.0,
        high: f64::INFINITY,
        open: (true, true),
    };
    /// Decay rates of moving averages: 0 ≤ β < 1.
    pub const DECAY: Domain = Domain::Number {
        low: 0.0,
        high: 1.0,
        open: (false, true),
    };
    /// Fractions: 0 ≤ x ≤ 1.
    pub const FRACTION: Domain = Domain::Number {
        low: 0.0,
        high: 1.0,
        open: (false, false),
    };

    /// The registry that a choice is from.
    pub fn kind(self) -> Option<&'static dyn AnyRegistry> {
        match self {
            Domain::Choice(kind) | Domain::ChoiceOrAuto(kind) => Some(kind()),
            _ => None,
        }
    }

    /// Whether a number is in it.
    pub fn contains(self, x: f64) -> bool {
        matches!(self.admit(&Setting::Number(x)), Ok(Some(_)))
    }

    /// `setting` as this domain stores it (a whole number is a fine number, a choice has every
    /// setting that its entry has), or `None`.
    ///
    /// # Errors
    /// If it is a choice, and its entry or a setting of it is not valid.
    pub fn admit(self, setting: &Setting) -> Result<Option<Setting>> {
        let inside = |x: f64| match self {
            Domain::Number { low, high, open } => {
                (if open.0 { x > low } else { x >= low })
                    && (if open.1 { x < high } else { x <= high })
            }
            _ => false,
        };
        Ok(match (self, setting) {
            (Domain::Flag, Setting::Flag(_)) => Some(setting.clone()),
            (Domain::Integer(low, high), Setting::Integer(i)) if (low..=high).contains(i) => {
                Some(setting.clone())
            }
            (Domain::Number { .. }, Setting::Integer(i)) if inside(*i as f64) => {
                Some(Setting::Number(*i as f64))
            }
            (Domain::Number { .. }, Setting::Number(x)) if inside(*x) => Some(setting.clone()),
            (Domain::Word(words), Setting::Text(word)) if words.contains(&word.as_str()) => {
                Some(setting.clone())
            }
            (
                Domain::ChoiceOrAuto(_) | Domain::IntegersOrAuto(..) | Domain::NumbersOrAuto,
                Setting::Text(name),
            ) if name == AUTO => Some(setting.clone()),
            (Domain::NumbersOrAuto, _) => {
                Domain::Numbers(f64::NEG_INFINITY, f64::INFINITY).admit(setting)?
            }
            (
                Domain::Integers(low, high) | Domain::IntegersOrAuto(low, high),
                Setting::Integers(list),
            ) if !list.is_empty() && list.iter().all(|i| (low..=high).contains(i)) => {
                Some(setting.clone())
            }
            (Domain::Numbers(low, high), _) => {
                let inside = |list: &Vec<f64>| list.iter().all(|x| *x > low && *x < high);
                let numbers = numbers(setting).filter(|list| !list.is_empty() && inside(list));
                numbers.map(Setting::Numbers)
            }
            (Domain::Factors(roles), Setting::Text(text)) => {
                let is_name = |name: &str| roles.contains(&name) || name.starts_with("layers.");
                let factors = text.parse::<Factors>().ok();
                let factors = factors.filter(|factors| factors.names().all(is_name));
                factors.map(|factors| Setting::Text(factors.to_string()))
            }
            (Domain::Named { many: true, .. }, Setting::Choices(_)) => Some(setting.clone()),
            (Domain::Named { many: false, .. }, Setting::Text(_) | Setting::Choice(_)) => {
                Some(setting.clone())
            }
            (Domain::Choice(kind) | Domain::ChoiceOrAuto(kind), _) => match setting.choice() {
                Some(choice) => {
                    let kind = kind();
                    let description = kind.describe(&choice.name)?;
                    let resolved = description.resolve(kind.name(), &choice)?;
                    Some(resolved.into_choice().into())
                }
                None => None,
            },
            (Domain::Choices(kind), Setting::Choices(choices)) if !choices.is_empty() => {
                let kind = kind();
                let resolve = |(index, choice): (usize, &Choice)| {
                    let resolved = kind
                        .describe(&choice.name)
                        .and_then(|description| description.resolve(kind.name(), choice))
                        .map_err(|error| {
                            (error.within(format_args!("{} {}", kind.name(), index + 1)))
                                .at(&index.to_string())
                        })?;
                    Ok(resolved.into_choice())
                };
                let resolved = choices.iter().enumerate().map(resolve);
                Some(Setting::Choices(resolved.collect::<Result<_>>()?))
            }
            _ => None,
        })
    }
}

/// The numbers that a setting lists, as text with commas as well.
fn numbers(setting: &Setting) -> Option<Vec<f64>> {
    match setting {
        Setting::Numbers(list) => Some(list.clone()),
        Setting::Integers(list) => Some(list.iter().map(|&i| i as f64).collect()),
        Setting::Number(number) => Some(vec![*number]),
        Setting::Text(text) => (text.split(',').map(|part| part.trim().parse().ok())).collect(),
        _ => None,
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Domain::Flag => f.write_str("true or false"),
            Domain::Integer(low, i64::MAX) => write!(f, "a whole number ≥ {low}"),
            Domain::Integer(low, high) => write!(f, "a whole number from {low} to {high}"),
            Domain::Integers(low, high) => {
                write!(f, "a list of whole numbers from {low} to {high}")
            }
            Domain::IntegersOrAuto(low, high) => {
                write!(f, "auto or a list of whole numbers from {low} to {high}")
            }
            Domain::Number { low, high, open } => {
                let left = if open.0 { ">" } else { "≥" };
                let right = if open.1 { "<" } else { "≤" };
                match (low.is_finite(), high.is_finite()) {
                    (false, false) => f.write_str("a number"),
                    (false, true) => write!(f, "a number {right} {high}"),
                    (true, false) => write!(f, "a number {left} {low}"),
                    (true, true) => write!(f, "a number {left} {low} and {right} {high}"),
                }
            }
            Domain::Numbers(low, high) => {
                write!(f, "numbers > {low} and < {high}, with commas between them")
            }
            Domain::NumbersOrAuto => f.write_str("auto or a list of numbers"),
            Domain::Factors(roles) => {
                let roles = roles.join(", ");
                write!(
                    f,
                    "factors ≥ 0 by role ({roles}) or layer, such as weight=0.1,layers.2=0.5"
                )
            }
            Domain::Word(words) => f.write_str(&words.join(" or ")),
            Domain::Choice(kind) => write!(f, "an entry of `thalweg list {}`", kind().name()),
            Domain::ChoiceOrAuto(kind) => {
                write!(f, "auto or an entry of `thalweg list {}`", kind().name())
            }
            Domain::Choices(kind) => {
                write!(f, "a list of entries of `thalweg list {}`", kind().name())
            }
            Domain::Named { kind, many: false } => write!(f, "an entry of `thalweg list {kind}`"),
            Domain::Named { kind, many: true } => {
                write!(f, "a list of entries of `thalweg list {kind}`")
            }
        }
    }
}
