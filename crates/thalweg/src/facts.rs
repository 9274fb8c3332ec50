//! What the causes of a useless model are looked for in.

use thalweg_core::dataset::DatasetRef;
use thalweg_core::train::StoppedBy;

use crate::config::Config;
use crate::rows::RunRows;

/// What the causes look at.
pub(crate) struct Facts<'a> {
    pub config: &'a Config,
    pub rows: &'a RunRows<'a>,
    /// Why training ended.
    pub stopped_by: Option<StoppedBy>,
    /// Whether the training rows themselves are predicted no better than by a constant, and were not by
    /// the weights of a later epoch.
    pub fails_in_training: bool,
    /// Rows that are not trained on and are predicted no better, such as `test`.
    pub held_out: Option<(&'static str, DatasetRef<'a>)>,
    /// The largest share of units of a hidden layer that are 0 in every row.
    pub dead: f64,
    pub parameters: usize,
    /// Whether a linear model does better than a constant, if one was fitted.
    pub linear_is_better: Option<bool>,
    /// Whether it does better than the model, and well, on rows that are not trained on.
    pub linear_holds: bool,
    /// Whether those rows are of another level than the training rows.
    pub has_moved: bool,
    /// A column that counts the rows, without which those rows are predicted better.
    pub counter: Option<String>,
}
