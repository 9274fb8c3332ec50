//! The probability from which class 1, or a label, is answered, as validation rows choose it.
//!
//! Candidates are halfway between neighbouring scores, and beyond the largest and the least; of
//! equally good ones the largest is taken.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Answers;
use super::curve::{falling, totals};
use crate::error::Error;
use crate::registry::{Default, Description, Domain, Parameter};

/// Its description in lists.
pub const THRESHOLD: Description = Description {
    name: "threshold",
    summary: "The probability from which class 1, or a label, is answered: a number, or the best on the validation rows by f1, by youden (sensitivity + specificity), or by the costs of a wrong and of a missed 1, such as cost=1:50",
    equation: "max F1; max TPR − FPR; min Σ w·(a·[wrong 1] + b·[missed 1])",
    source: "Youden 1950; Elkan 2001; Lipton, Elkan & Naryanaswamy 2014",
    parameters: &[Parameter {
        name: "threshold",
        summary: "what chooses it; ½ where nothing does, or the odds of class weights",
        default: Default::Off,
        domain: Domain::Word(&["f1", "youden", "0.3", "cost=1:50"]),
    }],
};

/// What chooses a threshold.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Threshold {
    /// The largest F1.
    F1,
    /// The largest sensitivity + specificity.
    Youden,
    /// The least cost.
    Cost {
        /// Of a row that is answered with 1 and is none.
        wrong: f64,
        /// Of a row that is one and is not answered with 1.
        missed: f64,
    },
    /// This one.
    At(f64),
}

impl Threshold {
    /// The threshold for an output of answers that are probabilities; none where no row counts.
    pub fn choose(&self, answers: &Answers, output: usize) -> Option<f64> {
        if let Self::At(threshold) = self {
            return Some(*threshold);
        }
        let steps = falling(answers, output);
        let (positive, negative) = totals(&steps);
        let merit = |hits: f64, wrong: f64| match self {
            Self::F1 => 2.0 * hits / (hits + wrong + positive).max(f64::MIN_POSITIVE),
            Self::Youden => {
                let share = |part: f64, all: f64| if all > 0.0 { part / all } else { 0.0 };
                share(hits, positive) - share(wrong, negative)
            }
            Self::Cost {
                wrong: of_wrong,
                missed,
            } => -(of_wrong * wrong + missed * (positive - hits)),
            Self::At(_) => 0.0,
        };
        let highest = steps.first()?.score;
        // From beyond the largest score on none is answered with 1.
        let never = (0.5 * (highest + 1.0)).max(highest.next_up());
        let mut best = (merit(0.0, 0.0), never);
        let (mut hits, mut wrong) = (0.0, 0.0);
        for (step, next) in steps.iter().zip(steps[1..].iter().map(Some).chain([None])) {
            hits += step.positive;
            wrong += step.negative;
            let merit = merit(hits, wrong);
            if merit > best.0 {
                let below = next.map_or(0.0, |next| next.score);
                let halfway = below + 0.5 * (step.score - below);
                // Of neighbouring floating-point numbers there is nothing between.
                best = (merit, if halfway > below { halfway } else { step.score });
            }
        }
        Some(best.1)
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::F1 => f.write_str("f1"),
            Self::Youden => f.write_str("youden"),
            Self::Cost { wrong, missed } => write!(f, "cost={wrong}:{missed}"),
            Self::At(threshold) => write!(f, "{threshold}"),
        }
    }
}

impl From<Threshold> for String {
    fn from(threshold: Threshold) -> Self {
        threshold.to_string()
    }
}

impl std::str::FromStr for Threshold {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let cost = |text: &str| {
            let (wrong, missed) = text.strip_prefix("cost=")?.split_once(':')?;
            let read = |text: &str| {
                text.trim()
                    .parse()
                    .ok()
                    .filter(|x: &f64| *x > 0.0 && x.is_finite())
            };
            let (wrong, missed) = (read(wrong)?, read(missed)?);
            Some(Self::Cost { wrong, missed })
        };
        let at = |text: &str| {
            let threshold = text.parse().ok().filter(|x| (0.0..=1.0).contains(x));
            threshold.map(Self::At)
        };
        let found = match text {
            "f1" => Some(Self::F1),
            "youden" => Some(Self::Youden),
            text => cost(text).or_else(|| at(text)),
        };
        let expected = "f1, youden, a probability such as 0.3, or cost=A:B, the costs of a wrong and of a missed 1";
        found.ok_or_else(|| {
            Error::invalid("`judging.threshold`", format!("{text:?}"), expected)
                .at("judging.threshold")
        })
    }
}

impl TryFrom<String> for Threshold {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}
