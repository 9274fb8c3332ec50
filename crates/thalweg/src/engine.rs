//! The seam between training and devices: a whole step, not an operation on tensors.

use crate::dataset::{Dataset, Features, Targets, Values};
use crate::error::{Error, Result};
use crate::losses::Comparison;
use crate::optimizers::Time;

/// Which rows of a dataset.
#[derive(Debug, Clone, Copy)]
pub enum Rows<'a> {
    /// `start .. end`.
    Range(usize, usize),
    /// These, in this order.
    Listed(&'a [u32]),
}

impl Rows<'_> {
    /// No rows.
    pub const NONE: Self = Rows::Range(0, 0);

    /// Number of rows.
    #[inline]
    pub fn len(&self) -> usize {
        match self {
            Rows::Range(start, end) => end - start,
            Rows::Listed(rows) => rows.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The row of the dataset at a position.
    #[inline]
    pub fn at(&self, position: usize) -> usize {
        match self {
            Rows::Range(start, _) => start + position,
            Rows::Listed(rows) => rows[position] as usize,
        }
    }
}

/// Rows for one step or one evaluation.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    /// What the network sees.
    pub features: &'a Features,
    /// What it should answer; absent for predictions.
    pub targets: Option<&'a Targets>,
    /// Weight of each row of the dataset, if they differ.
    pub weights: Option<&'a [f32]>,
    /// Which rows.
    pub rows: Rows<'a>,
    /// The rows of the batch after this one, if known, so that they can be brought near in time. A hint.
    pub upcoming: Rows<'a>,
}

impl<'a> Batch<'a> {
    /// Rows of a dataset.
    pub fn new(dataset: &'a Dataset, rows: Rows<'a>) -> Self {
        Self {
            features: &dataset.features,
            targets: Some(&dataset.targets),
            weights: dataset.weights.as_deref(),
            rows,
            upcoming: Rows::NONE,
        }
    }

    /// All rows of a dataset.
    pub fn all(dataset: &'a Dataset) -> Self {
        Self::new(dataset, Rows::Range(0, dataset.rows()))
    }

    /// All rows, for predictions.
    pub fn unlabelled(features: &'a Features) -> Self {
        Self {
            features,
            targets: None,
            weights: None,
            rows: Rows::Range(0, features.rows()),
            upcoming: Rows::NONE,
        }
    }

    /// Σ of the weights of the rows.
    pub fn total_weight(&self) -> f64 {
        match self.weights {
            None => self.rows.len() as f64,
            Some(weights) => (0..self.rows.len())
                .map(|i| f64::from(weights[self.rows.at(i)]))
                .sum(),
        }
    }
}

/// What a step tells.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepReport {
    /// Weighted mean loss of the batch, before the update.
    pub loss: f64,
    /// ‖∇‖ of that loss (L2 norm over all parameters), without penalties.
    pub gradient_norm: f64,
}

/// A tensor of parameters, as files and reports know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterInfo {
    /// Name, such as `layers.0.weight`.
    pub name: String,
    /// Shape, such as \[outputs, inputs\].
    pub shape: Vec<usize>,
}

/// Everything about an engine that training changes: parameters and optimizer slots, each tensor after
/// the other in the order of [`Engine::parameters`], row-major.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct State {
    /// θ.
    pub parameters: Vec<f64>,
    /// The optimizer's slots, each as long as θ.
    pub slots: Vec<Vec<f64>>,
}

/// A network on a device.
///
/// Nothing outside an engine knows where its memory lies or in what order. Results do not depend on the
/// number of threads.
pub trait Engine: Send {
    /// Forward, backward and update over one batch of at most the planned size.
    ///
    /// # Errors
    /// [`Error::Diverged`] if the loss is not finite; the parameters are then as before the step. Also if a
    /// gradient is not finite although the loss is; that part of the parameters is then as before the step.
    fn step(&mut self, batch: &Batch, time: Time) -> Result<StepReport>;

    /// Loss and gradient without an update; the gradient in the order of [`State::parameters`].
    fn loss_and_gradient(&mut self, batch: &Batch) -> Result<(f64, Vec<f64>)>;

    /// The weighted mean loss over any number of rows, and into `predictions`, if given, what the network
    /// answers for each of them (through the loss's link), row-major.
    fn evaluate(&mut self, batch: &Batch, predictions: Option<&mut Vec<f64>>) -> Result<f64>;

    /// What the network answers for each row (through the loss's link), row-major.
    fn predict(&mut self, features: &Features) -> Result<Vec<f64>>;

    /// The tensors of parameters.
    fn parameters(&self) -> Vec<ParameterInfo>;

    /// A copy of what training has changed.
    fn save(&self) -> State;

    /// Goes back to a saved state. Without slots they start anew.
    ///
    /// # Errors
    /// If the lengths are those of another network or optimizer.
    fn load(&mut self, state: &State) -> Result<()>;

    /// Checks that a dataset fits the network: width, kind of targets, class indices.
    ///
    /// # Errors
    /// Says what does not fit.
    fn check(&self, dataset: &Dataset) -> Result<()>;
}

/// See [`Engine::check`].
pub(crate) fn check(
    dataset: &Dataset,
    inputs: usize,
    outputs: usize,
    comparison: Comparison,
) -> Result<()> {
    if dataset.features.width != inputs {
        return Err(Error::invalid(
            "dataset",
            format!("{} features a row", dataset.features.width),
            format!("{inputs}, as the network takes"),
        ));
    }
    let rows = dataset.rows();
    if dataset.targets.rows() != rows {
        return Err(Error::invalid(
            "dataset",
            format!("{} targets", dataset.targets.rows()),
            format!("one for each of {rows} rows"),
        ));
    }
    if let Some(weights) = &dataset.weights
        && (weights.len() != rows || weights.iter().any(|w| !(w.is_finite() && *w >= 0.0)))
    {
        return Err(Error::invalid(
            "dataset",
            format!("{} weights", weights.len()),
            format!("a finite number ≥ 0 for each of {rows} rows"),
        ));
    }
    let strange = match &dataset.features.values {
        Values::F32(values) => values.iter().position(|value| !value.is_finite()),
        Values::F64(values) => values.iter().position(|value| !value.is_finite()),
        Values::U8 { .. } => None,
    };
    if let Some(position) = strange {
        return Err(Error::invalid(
            "features",
            format!("a value that is not finite in row {}", position / inputs),
            "finite numbers",
        ));
    }
    let refuse = |found: String, expected: String| Err(Error::invalid("targets", found, expected));
    match (&dataset.targets, comparison) {
        (Targets::Values { width, .. }, _) if *width != outputs => refuse(
            format!("{width} numbers a row"),
            format!("{outputs}, as the network puts out"),
        ),
        (Targets::Values { values, .. }, _) => match values.iter().find(|v| !v.is_finite()) {
            Some(value) => refuse(value.to_string(), "finite numbers".into()),
            None => Ok(()),
        },
        (Targets::Classes(_), Comparison::Values) => refuse(
            "classes".into(),
            "numbers, which this loss compares with".into(),
        ),
        (Targets::Classes(_), Comparison::ValuesOrBinary) if outputs != 1 => refuse(
            format!("classes for {outputs} outputs"),
            "a single output for two classes".into(),
        ),
        (Targets::Classes(classes), comparison) => {
            let count = if comparison == Comparison::ValuesOrBinary {
                2
            } else {
                outputs
            };
            match classes.iter().find(|class| **class as usize >= count) {
                Some(class) => refuse(format!("class {class}"), format!("classes below {count}")),
                None => Ok(()),
            }
        }
    }
}
