//! The seam between training and devices: a whole step, not an operation on tensors.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::dataset::{
    Dataset, DatasetRef, Features, FeaturesRef, Targets, TargetsRef, Values, ValuesRef,
};
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
            Rows::Range(start, end) => end.saturating_sub(*start),
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
    pub features: FeaturesRef<'a>,
    /// What it should answer; absent for predictions.
    pub targets: Option<TargetsRef<'a>>,
    /// Weight of each row of the features, if they differ.
    pub weights: Option<&'a [f32]>,
    /// Which rows of these.
    pub rows: Rows<'a>,
    /// The rows of the batches after this one, one after the other, if known, so that they can be prefetched and
    /// gathered ahead. No result depends on them, as long as `generation` keeps its promise.
    pub upcoming: Rows<'a>,
    /// Names the contents of features, targets and weights: whoever changes what a buffer holds gives its next
    /// batch another number, such as one of [`new_generation`]. 0 for rows that stay as they are.
    pub generation: u64,
}

/// A number for [`Batch::generation`] that no other buffer of the program has.
pub fn new_generation() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    1 + LAST.fetch_add(1, Ordering::Relaxed)
}

impl<'a> Batch<'a> {
    /// Rows of a dataset.
    pub fn new(dataset: impl Into<DatasetRef<'a>>, rows: Rows<'a>) -> Self {
        let dataset = dataset.into();
        Self {
            features: dataset.features,
            targets: Some(dataset.targets),
            weights: dataset.weights,
            rows,
            upcoming: Rows::NONE,
            generation: 0,
        }
    }

    /// All rows of a dataset.
    pub fn all(dataset: impl Into<DatasetRef<'a>>) -> Self {
        let dataset = dataset.into();
        Self::new(dataset, Rows::Range(0, dataset.features.rows()))
    }

    /// All rows, for predictions.
    pub fn unlabelled(features: impl Into<FeaturesRef<'a>>) -> Self {
        let features = features.into();
        Self {
            features,
            targets: None,
            weights: None,
            rows: Rows::Range(0, features.rows()),
            upcoming: Rows::NONE,
            generation: 0,
        }
    }

    /// Whether every row exists. Those to come are a hint, which may be of rows that there are not.
    fn is_inside(&self, rows: usize) -> bool {
        match self.rows {
            Rows::Range(start, end) => start <= end && end <= rows,
            // Without an early end, so that it is a few vector instructions.
            Rows::Listed(listed) => {
                let is_inside = |row: &u32| (*row as usize) < rows;
                listed.iter().fold(true, |all, row| all & is_inside(row))
            }
        }
    }

    /// Checks that the batch fits a network of these sizes. Costs a look at each row's number.
    ///
    /// # Errors
    /// Says what does not fit.
    pub(crate) fn check(&self, inputs: usize, outputs: usize, most: usize) -> Result<()> {
        let refuse =
            |found: String, expected: String| Err(Error::invalid("batch", found, expected));
        if self.features.width != inputs {
            return refuse(
                format!("{} features a row", self.features.width),
                format!("{inputs}, as the network takes"),
            );
        }
        let count = self.rows.len();
        if count > most {
            return refuse(format!("{count} rows"), format!("at most {most}"));
        }
        let rows = self.features.rows();
        if !self.is_inside(rows) {
            return refuse(
                "a row that does not exist".into(),
                format!("rows below {rows}"),
            );
        }
        if let ValuesRef::Columns(columns) = self.features.values
            && (columns.len() != inputs || columns.iter().any(|column| column.len() != rows))
        {
            return refuse(
                format!("{} columns of different lengths", columns.len()),
                format!("{inputs} of the same length"),
            );
        }
        if self.weights.is_some_and(|weights| weights.len() != rows) {
            return refuse(
                "weights of other rows".into(),
                format!("one for each of {rows} rows"),
            );
        }
        match self.targets {
            Some(targets) if targets.rows() != rows => refuse(
                format!("{} targets", targets.rows()),
                format!("one for each of {rows} rows"),
            ),
            Some(TargetsRef::Values { width, .. }) if width != outputs => refuse(
                format!("{width} target values a row"),
                format!("{outputs}, as the network puts out"),
            ),
            _ => Ok(()),
        }
    }

    /// The same for a batch to learn from: there are rows, and they have targets.
    ///
    /// # Errors
    /// Says what does not fit.
    pub(crate) fn check_training(&self, inputs: usize, outputs: usize, most: usize) -> Result<()> {
        self.check(inputs, outputs, most)?;
        if self.rows.is_empty() || self.targets.is_none() {
            let expected = "rows with targets to learn from";
            return Err(Error::invalid("batch", "none", expected));
        }
        Ok(())
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
    /// ‖Δθ‖, by how much θ moved, where the run stops by it.
    pub change: Option<f64>,
}

/// A tensor of parameters, as files and reports know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterInfo {
    /// Name, such as `layers.0.weight`.
    pub name: String,
    /// Shape, such as \[outputs, inputs\].
    pub shape: Vec<usize>,
    /// Whether penalties and weight decay act on it.
    pub decays: bool,
    /// Whether it is learned by gradients; else its layer tracks it, as batch norm does its running statistics.
    pub is_trained: bool,
}

/// Everything about an engine that training changes: parameters and optimizer slots, each tensor after
/// the other in the order of [`Engine::parameters`], row-major.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct State {
    /// θ.
    pub parameters: Vec<f64>,
    /// The optimizer's slots, each as long as θ; the last is the average of θ where one is kept.
    pub slots: Vec<Vec<f64>>,
}

/// A network on a device.
///
/// Nothing outside an engine knows where its memory lies or in what order. Results do not depend on the
/// number of threads.
pub trait Engine: Send {
    /// Threads that work on a step.
    fn threads(&self) -> usize;

    /// Forward, backward and update over one batch of at most the planned size.
    ///
    /// # Panics
    /// If a class index is not one of the network's: see [`Engine::check`].
    ///
    /// # Errors
    /// [`Error::Invalid`] if the batch does not fit the network.
    /// [`Error::Diverged`] if the loss is not finite; the parameters are then as before the step. Also if a
    /// gradient or a parameter is not finite although the loss is; go back to a saved state then.
    fn step(&mut self, batch: &Batch, time: Time) -> Result<StepReport>;

    /// Loss and gradient in training of the rows as they are, without augmentation and without an update; the
    /// gradient in the order of [`State::parameters`].
    fn loss_and_gradient(&mut self, batch: &Batch) -> Result<(f64, Vec<f64>)>;

    /// The same for what the network answers: the loss is that of [`Engine::evaluate`], with running statistics and
    /// nothing dropped, and the gradient is that loss's (of the sum, where the run asks for that). Error surfaces and critical points of a trained network are
    /// those of this function, which does not change from update to update.
    fn evaluation_gradient(&mut self, batch: &Batch) -> Result<(f64, Vec<f64>)>;

    /// The loss of the rows, and for each of `vectors` the product ∇²L·v, exact in double precision whatever the
    /// engine's own, at its θ and of the function whose gradient [`Engine::loss_and_gradient`] gives: with the
    /// statistics of these rows, the dropout masks of update 1, and the reduction of the run.
    ///
    /// `vectors` holds one or more of them, one after the other, each in the order of [`State::parameters`]; so does
    /// what comes back. Values and gradients of the rows are computed once for all of them, which is the way to have
    /// the columns of a whole Hessian. Values that are not trained count as 0 in v and are 0 in the product. At kinks
    /// φ″ is 0 (and φ′(0) = 0 for ReLU), and a maximum stays where it is.
    ///
    /// A dataset of more rows than a batch takes several calls: Σw·product / Σw over its batches (w the weight of a
    /// batch's rows) is the product with the Hessian of the mean loss. Where layers couple rows (batch norm), that is
    /// the mean of the batches' losses, each with its own statistics.
    ///
    /// The first call makes a second network in double precision beside the engine, with its memory; steps and
    /// parameters stay as they are.
    ///
    /// # Errors
    /// As [`Engine::loss_and_gradient`] and [`Engine::check_second_order`], and if the length of `vectors` is not that
    /// of one or more θ, or there is not enough memory.
    fn hvp(&mut self, batch: &Batch, vectors: &[f64]) -> Result<(f64, Vec<f64>)>;

    /// The weighted mean loss over any number of rows, and into `predictions`, if given, what the network
    /// answers for each of them (through the loss's link), row-major.
    fn evaluate(&mut self, batch: &Batch, predictions: Option<&mut Vec<f64>>) -> Result<f64>;

    /// What the network answers for each row (through the loss's link), row-major.
    fn predict(&mut self, features: &Features) -> Result<Vec<f64>>;

    /// The tensors of parameters.
    fn parameters(&self) -> Vec<ParameterInfo>;

    /// A copy of what training has changed.
    ///
    /// # Errors
    /// If there is not enough memory for it.
    fn save(&self) -> Result<State>;

    /// Goes back to a saved state. Without slots they start anew.
    ///
    /// # Errors
    /// If the lengths are those of another network or optimizer, or there is not enough memory.
    fn load(&mut self, state: &State) -> Result<()>;

    /// A copy of θ alone: the parameters that [`Engine::save`] gives.
    ///
    /// # Errors
    /// If there is not enough memory for it.
    fn save_parameters(&self) -> Result<Vec<f64>>;

    /// Goes to these parameters, in the order of [`State::parameters`]; slots start anew.
    ///
    /// # Errors
    /// As [`Engine::load`].
    fn load_parameters(&mut self, parameters: &[f64]) -> Result<()>;

    /// Checks that every layer can be learned through, which no answer needs.
    ///
    /// # Errors
    /// Names the layer that cannot, and why.
    fn check_trainable(&self) -> Result<()>;

    /// Checks that Hessian-vector products can go through every layer.
    ///
    /// # Errors
    /// Names the layer that has no second derivatives.
    fn check_second_order(&self) -> Result<()>;

    /// Checks that a dataset fits the network: width, kind of targets, class indices.
    ///
    /// # Errors
    /// Says what does not fit.
    fn check(&self, dataset: &Dataset) -> Result<()>;
}

/// See [`Engine::check`]. `fits` tells whether a number is finite in the engine's precision.
pub(crate) fn check(
    dataset: &Dataset,
    inputs: usize,
    outputs: usize,
    comparison: Comparison,
    fits: impl Fn(f64) -> bool,
) -> Result<()> {
    Batch::all(dataset).check(inputs, outputs, usize::MAX)?;
    let rows = dataset.rows();
    let refuse = |subject: &str, found: String, expected: &str| {
        Err(Error::invalid(subject, found, expected))
    };
    let (length, strange) = match &dataset.features.values {
        Values::F32(values) => (values.len(), values.iter().position(|v| !fits((*v).into()))),
        Values::F64(values) => (values.len(), values.iter().position(|v| !fits(*v))),
        Values::U8 { bytes, .. } => (bytes.len(), None),
    };
    if length != rows * inputs {
        let found = format!("{length} values for rows of {inputs}");
        return refuse("features", found, "whole rows");
    }
    if let Some(position) = strange {
        let found = format!("a value that is not finite in row {}", position / inputs);
        return refuse("features", found, "finite numbers");
    }
    if let Some(weights) = &dataset.weights {
        if weights.iter().any(|w| !(w.is_finite() && *w >= 0.0)) {
            return refuse("weights", "one that is not".into(), "finite numbers ≥ 0");
        }
        if rows > 0 && weights.iter().all(|w| *w == 0.0) {
            return refuse("weights", "0 for every row".into(), "one that is not 0");
        }
    }
    check_targets(&dataset.targets, outputs, comparison, fits)
}

fn check_targets(
    targets: &Targets,
    outputs: usize,
    comparison: Comparison,
    fits: impl Fn(f64) -> bool,
) -> Result<()> {
    let refuse = |found: String, expected: String| Err(Error::invalid("targets", found, expected));
    match (targets, comparison) {
        (Targets::Values { values, .. }, comparison) => {
            if let Some(value) = values.iter().find(|value| !fits(**value)) {
                return refuse(value.to_string(), "finite numbers".into());
            }
            let probability = |value: &f64| (0.0..=1.0).contains(value);
            let is_distribution = |row: &[f64]| (row.iter().sum::<f64>() - 1.0).abs() < 1e-6;
            let label = |value: &f64| *value == 0.0 || *value == 1.0;
            match comparison {
                Comparison::NonNegative => match values.iter().find(|value| **value < 0.0) {
                    Some(value) => refuse(value.to_string(), "numbers ≥ 0".into()),
                    None => Ok(()),
                },
                Comparison::LabelsOrBinary => match values.iter().find(|value| !label(value)) {
                    Some(value) => refuse(value.to_string(), "labels 0 and 1".into()),
                    None => Ok(()),
                },
                Comparison::Classes => refuse(
                    "numbers".into(),
                    "classes, which this loss compares with".into(),
                ),
                Comparison::ProbabilitiesOrBinary | Comparison::DistributionOrClasses
                    if !values.iter().all(probability) =>
                {
                    refuse("a value outside [0, 1]".into(), "probabilities".into())
                }
                Comparison::DistributionOrClasses
                    if !values.chunks(outputs.max(1)).all(is_distribution) =>
                {
                    refuse(
                        "a row that does not add up to 1".into(),
                        "probabilities".into(),
                    )
                }
                _ => Ok(()),
            }
        }
        (Targets::Classes(_), Comparison::Values | Comparison::NonNegative) => refuse(
            "classes".into(),
            "numbers, which this loss compares with".into(),
        ),
        (Targets::Classes(classes), Comparison::DistributionOrClasses | Comparison::Classes) => {
            match classes.iter().find(|class| **class as usize >= outputs) {
                Some(class) => refuse(format!("class {class}"), format!("classes below {outputs}")),
                None => Ok(()),
            }
        }
        (Targets::Classes(_), _) if outputs != 1 => refuse(
            format!("classes for {outputs} outputs"),
            "a single output for two classes".into(),
        ),
        (Targets::Classes(classes), _) => match classes.iter().find(|class| **class >= 2) {
            Some(class) => refuse(format!("class {class}"), "classes 0 and 1".into()),
            None => Ok(()),
        },
    }
}
