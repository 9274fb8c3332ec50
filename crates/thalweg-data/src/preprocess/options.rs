//! What a user chooses about the preprocessing.

use serde::{Deserialize, Serialize};

use super::numeric::Scaling;

/// How to fit; every field has a default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FitOptions {
    /// How numbers are scaled.
    pub scaling: Scaling,
    /// Whether regression targets are standardized inside the model.
    pub standardize_target: bool,
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
}

impl Default for FitOptions {
    fn default() -> Self {
        Self {
            scaling: Scaling::default(),
            standardize_target: true,
            max_categories: 100,
            embed_above: None,
            embed_least: 2,
            drop: Vec::new(),
            sample_weight: None,
            class_weight: None,
        }
    }
}

/// Weights of the classes while training; they multiply row weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClassWeight {
    /// n / (classes · rows of the class), as in scikit-learn.
    Balanced,
}
