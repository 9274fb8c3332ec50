//! What a user chooses about the preprocessing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::numeric::Scaling;
use crate::error::{Error, Location, Result, did_you_mean, quote, quote_list};

/// How to fit; every field has a default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FitOptions {
    /// How numbers are scaled.
    pub scaling: Scaling,
    /// Whether regression targets are standardized inside the model, where no `target_transform`
    /// says how.
    pub standardize_target: bool,
    /// What regression targets become inside the model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_transform: Option<TargetTransform>,
    /// Whether predictions of regression targets stay within the range of the training rows.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub clamp: bool,
    /// Whether the loss bounds the pull of outliers: no option, but what follows from the loss.
    #[serde(skip)]
    pub robust_loss: bool,
    /// The quantiles that the loss predicts of every number: as above.
    #[serde(skip)]
    pub quantiles: Vec<f64>,
    /// A column has at most this many inputs for its categories; the rarest share one.
    pub max_categories: usize,
    /// A column with more categories than this that come in `embed_least` rows becomes codes for an
    /// embedding, one for each of them, and inputs otherwise. Without it, no column becomes codes,
    /// which take a network that embeds them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub embed_above: Option<usize>,
    /// Training rows that a category needs for a code of its own; with fewer it is unknown.
    pub embed_least: usize,
    /// Columns that are not inputs of the network.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub drop: Vec<String>,
    /// The column of row weights.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample_weight: Option<String>,
    /// Weights of the classes while training.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class_weight: Option<ClassWeight>,
    /// Whether probabilities are corrected to the true shares of the classes after class weights or
    /// balanced sampling.
    #[serde(skip_serializing_if = "is_true")]
    pub prior_correction: bool,
}

fn is_true(flag: &bool) -> bool {
    *flag
}

impl Default for FitOptions {
    fn default() -> Self {
        Self {
            scaling: Scaling::default(),
            standardize_target: true,
            target_transform: None,
            clamp: false,
            robust_loss: false,
            quantiles: Vec::new(),
            max_categories: 100,
            embed_above: None,
            embed_least: 2,
            drop: Vec::new(),
            sample_weight: None,
            class_weight: None,
            prior_correction: true,
        }
    }
}

/// What a regression target becomes inside the model; predictions are in the units of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TargetTransform {
    /// It stays as it is.
    None,
    /// Mean 0 and deviation 1.
    Standard,
    /// Median 0, and the quartiles of normal numbers: outliers do not set the scale, and they are
    /// bent where the loss does not bound their pull.
    Robust,
    /// The logarithm, for targets above 0.
    Log,
    /// The logarithm of 1 + y, for targets above −1.
    Log1p,
    /// The quantiles of normal numbers.
    Quantile,
    /// The logarithm for a long tail that it shortens, else the target itself.
    Auto,
}

impl FitOptions {
    /// What the options make of regression targets.
    pub(super) fn transform(&self) -> TargetTransform {
        match (self.target_transform, self.standardize_target) {
            (Some(transform), _) => transform,
            (None, true) => TargetTransform::Standard,
            (None, false) => TargetTransform::None,
        }
    }

    /// Whether a transform that leaves it open scales by median and quartiles.
    pub(super) fn is_robust(&self) -> bool {
        self.robust_loss || self.scaling == Scaling::Robust
    }
}

/// Weights of the classes while training; they multiply row weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ClassWeight {
    /// W / (classes · W_k) for the weights W_k of the rows of class k, as in scikit-learn: all
    /// classes count the same.
    Balanced(Balanced),
    /// These; 1 for the classes that are not named.
    Of(BTreeMap<String, f64>),
}

/// The word `balanced`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Balanced {
    /// See [`ClassWeight::Balanced`].
    Balanced,
}

impl ClassWeight {
    /// See [`ClassWeight::Balanced`].
    pub const BALANCED: Self = Self::Balanced(Balanced::Balanced);

    /// The weight of each of `classes`, of which the training rows weigh `shares`.
    ///
    /// # Errors
    /// If a weight is of no class, or not a number above 0.
    pub(super) fn weights(&self, classes: &[String], shares: &[f64]) -> Result<Vec<f64>> {
        let named = match self {
            Self::Balanced(_) => {
                let total: f64 = shares.iter().sum();
                let present = shares.iter().filter(|share| **share > 0.0).count();
                let weight = |share: &f64| match *share > 0.0 {
                    true => total / (present as f64 * share),
                    false => 1.0,
                };
                return Ok(shares.iter().map(weight).collect());
            }
            Self::Of(named) => named,
        };
        let names = || classes.iter().map(String::as_str);
        for (name, weight) in named {
            let refuse = |found: String, expected: String| {
                Error::invalid(Location::field("data.fit.class_weight"), found, expected)
            };
            if !classes.contains(name) {
                let found = format!("the class {}", quote(name));
                let expected = format!("classes of the target: {}", quote_list(names()));
                return Err(refuse(found, expected).remedy(did_you_mean(name, names())));
            }
            // A row's weight, times that, is to be a number in single precision.
            if !(1e-30..=1e30).contains(weight) {
                let found = format!("{weight:?} for class {}", quote(name));
                return Err(refuse(
                    found,
                    "a number above 0, from 1e-30 to 1e30".to_owned(),
                ));
            }
        }
        let weight = |class| named.get(class).copied().unwrap_or(1.0);
        Ok(classes.iter().map(weight).collect())
    }
}
