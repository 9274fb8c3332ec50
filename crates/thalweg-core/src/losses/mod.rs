//! Losses: value and gradient together, and Hessian-vector products, from the output of the last
//! layer.
//!
//! Convention for all: the loss of rows is their weighted mean, Σ wᵢ·lᵢ / Σ wᵢ. An update divides
//! Σ wᵢ·∇lᵢ by the number of the batch's rows instead, with weights of mean 1 over the training rows
//! (by nothing where a run asks for the [sum](crate::spec::Reduction)), so that every batch size
//! descends the same objective: see [`Engine::step`](crate::engine::Engine::step). Losses for probabilities take logits; the [link](Link) turns
//! logits into what users see.
//!
//! # To write a loss
//!
//! One file with the equation, its value, slope and curvature (an [`Elementwise`], or a [`Loss`] of its
//! own), and an `ENTRY`; one line in `entries!` below. The tests over the registry compare its
//! derivatives of both orders with finite differences, for every kind of target that it takes.

mod custom;
mod elementwise;
mod link;
pub(crate) mod members;

pub use custom::{CUSTOM, Custom, Target};
pub use elementwise::Elementwise;
pub use link::Link;

use crate::kernels::{Isa, Scalar};
use crate::registry::entries;

entries! {
    /// All losses.
    LOSSES: "loss" => Box<dyn AnyLoss>;
    mse,
    half_mse,
    mae,
    huber,
    quantile,
    poisson,
    logistic,
    focal,
    hinge,
    squared_hinge,
    perceptron,
    cross_entropy,
    multiclass_hinge,
    multiclass_focal,
}

/// What a loss compares with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// One number for each output.
    Values,
    /// One number ≥ 0 for each output, such as a count.
    NonNegative,
    /// One number for each output; or classes 0 and 1, with a single output.
    ValuesOrBinary,
    /// One probability for each output; or classes 0 and 1, with a single output.
    ProbabilitiesOrBinary,
    /// 0 or 1 for each output; or classes 0 and 1, with a single output.
    LabelsOrBinary,
    /// One output a class: class indices, or probabilities that add up to 1.
    DistributionOrClasses,
    /// One output a class: class indices.
    Classes,
}

/// Some numbers: which they are, and what they are called.
pub type Numbers = (fn(f64) -> bool, &'static str);

impl Comparison {
    /// Which numbers an output is compared with, and what these are called; `None`: all finite ones.
    pub fn domain(self) -> Option<Numbers> {
        match self {
            Self::NonNegative => Some((|y| y >= 0.0, "numbers ≥ 0")),
            Self::LabelsOrBinary => Some((|y| y == 0.0 || y == 1.0, "labels 0 and 1")),
            Self::ProbabilitiesOrBinary | Self::DistributionOrClasses => {
                Some((|y| (0.0..=1.0).contains(&y), "probabilities from 0 to 1"))
            }
            Self::Values | Self::ValuesOrBinary | Self::Classes => None,
        }
    }
}

/// The targets of a row block.
#[derive(Debug, Clone, Copy)]
pub enum TargetRows<'a, T> {
    /// Row-major, `outputs` a row; NaN where one is missing, for a loss that
    /// [masks](LossKind::masks_missing) it.
    Values(&'a [T]),
    /// One a row.
    Classes(&'a [u32]),
}

/// A row block, as a loss sees it.
#[derive(Debug, Clone, Copy)]
pub struct LossRows<'a, T> {
    /// Instruction set.
    pub isa: Isa,
    /// Rows.
    pub rows: usize,
    /// Outputs a row.
    pub outputs: usize,
    /// Values that a row takes in `z` and `dz`; those beyond `outputs` are padding.
    pub stride: usize,
    /// Output of the last layer.
    pub z: &'a [T],
    /// The targets.
    pub targets: TargetRows<'a, T>,
    /// Weight of each row, if they differ.
    pub weights: Option<&'a [T]>,
    /// Multiplies Σ w·∇l: 1/Σw of the batch or, in an update, what [`Engine::step`](crate::engine::Engine::step) says.
    pub scale: f64,
}

impl<T: Scalar> LossRows<'_, T> {
    /// Weight of a row.
    #[inline(always)]
    pub fn weight(&self, row: usize) -> T {
        self.weights.map_or(T::ONE, |weights| weights[row])
    }
}

/// What a loss is, whatever the precision.
pub trait LossKind: Send + Sync {
    /// The link from the outputs of the last layer to predictions.
    fn link(&self) -> Link;
    /// What it compares with.
    fn comparison(&self) -> Comparison;

    /// Whether it takes the output of a linear layer, and not probabilities.
    fn takes_logits(&self) -> bool {
        self.link() != Link::Identity
    }

    /// Whether the slope of an output's loss is bounded, so that outliers among numbers do not
    /// decide what is learned.
    fn is_robust(&self) -> bool {
        false
    }

    /// Whether NaN among several targets of a row stands for one that is missing: it has neither
    /// loss nor slope, and the others count as they do without it.
    fn masks_missing(&self) -> bool {
        false
    }

    /// The quantiles that it predicts of every target, ascending; none if it predicts one number.
    fn quantiles(&self) -> &[f64] {
        &[]
    }
}

/// A loss in the precision T.
pub trait Loss<T>: LossKind {
    /// Σ w·l over the rows of a block, and into `dz` their gradients, times `scale`; 0
    /// into its padding, where a diverged pass may have left NaN.
    fn value_grad(&self, rows: LossRows<T>, dz: &mut [T]) -> f64;

    /// Into `product` the Hessian (of what the gradient is of) times `direction`, in the layout of
    /// z; 0 into the padding, whatever that of `direction` holds.
    fn hvp(&self, rows: LossRows<T>, direction: &[T], product: &mut [T]);
}

/// A loss in either precision.
pub trait AnyLoss: Loss<f32> + Loss<f64> {}
impl<L: Loss<f32> + Loss<f64>> AnyLoss for L {}

/// A scalar with which losses compute.
pub trait LossScalar: Scalar {
    /// The same object, as one for this scalar.
    fn loss(loss: &dyn AnyLoss) -> &dyn Loss<Self>;
}

impl LossScalar for f32 {
    fn loss(loss: &dyn AnyLoss) -> &dyn Loss<Self> {
        loss
    }
}

impl LossScalar for f64 {
    fn loss(loss: &dyn AnyLoss) -> &dyn Loss<Self> {
        loss
    }
}
