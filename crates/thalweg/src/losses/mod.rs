//! Losses: value and gradient together, from what the last layer puts out.
//!
//! Convention for all: the loss of a batch is the weighted mean over its rows, Σ wᵢ·lᵢ / Σ wᵢ, and the
//! gradient is that of this mean. Losses for probabilities take logits; the *link* turns logits into what
//! users see.

use crate::kernels::Isa;
use crate::precision::Precision;
use crate::registry::entries;

entries! {
    /// All losses.
    LOSSES: "loss" => Box<dyn AnyLoss>;
    mse,
    half_mse,
    logistic,
    cross_entropy,
}

/// What turns the last layer's values into predictions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// The values themselves.
    Identity,
    /// σ of each value: independent probabilities.
    Sigmoid,
    /// exp z / Σ exp z: probabilities of classes that exclude each other.
    Softmax,
}

/// What a loss compares with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// One number for each output.
    Values,
    /// One number for each output; or classes 0 and 1, with a single output.
    ValuesOrBinary,
    /// One output a class, with class indices or with a probability for each class.
    ValuesOrClasses,
}

/// The targets of a row block.
#[derive(Debug, Clone, Copy)]
pub enum TargetRows<'a, T> {
    /// Row-major, `outputs` a row.
    Values(&'a [T]),
    /// One a row.
    Classes(&'a [u32]),
}

/// What a loss needs to know of a row block.
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
    /// What the last layer put out.
    pub z: &'a [T],
    /// What it should be.
    pub targets: TargetRows<'a, T>,
    /// Weight of each row, if they differ.
    pub weights: Option<&'a [T]>,
    /// 1/Σw over the whole batch: multiplies the gradient.
    pub scale: f64,
}

impl<T: Precision> LossRows<'_, T> {
    /// Weight of a row.
    #[inline(always)]
    pub fn weight(&self, row: usize) -> T {
        self.weights.map_or(T::ONE, |weights| weights[row])
    }

    /// Target of one output of a row; class indices count as 0 and 1.
    #[inline(always)]
    pub fn target(&self, row: usize, output: usize) -> T {
        match self.targets {
            TargetRows::Values(values) => values[row * self.outputs + output],
            TargetRows::Classes(classes) => T::from_f64(f64::from(classes[row])),
        }
    }

    /// For losses that treat every output by itself: Σ w·l over the rows, where `term` gives value and
    /// slope of one output from z and target, and `share` multiplies both.
    #[inline(always)]
    pub(crate) fn sum_outputs(
        &self,
        dz: &mut [T],
        share: f64,
        term: impl Fn(T, T) -> (T, T),
    ) -> f64 {
        let scale = T::from_f64(self.scale * share);
        let mut sum = 0.0;
        for row in 0..self.rows {
            let z = &self.z[row * self.stride..][..self.outputs];
            let (dz, padding) = dz[row * self.stride..][..self.stride].split_at_mut(self.outputs);
            padding.fill(T::ZERO);
            let weight = self.weight(row);
            let mut value = T::ZERO;
            for (output, (z, dz)) in z.iter().zip(dz).enumerate() {
                let (l, slope) = term(*z, self.target(row, output));
                value += l;
                *dz = slope * weight * scale;
            }
            sum += (value * weight).to_f64();
        }
        sum * share
    }
}

/// What a loss is, whatever the precision.
pub trait LossKind: Send + Sync {
    /// What turns the last layer's values into predictions.
    fn link(&self) -> Link;
    /// What it compares with.
    fn comparison(&self) -> Comparison;
}

/// A loss in the precision T.
pub trait Loss<T>: LossKind {
    /// Σ w·l over the rows of a block, and into `dz` the gradient of the batch's weighted mean; 0 into its
    /// padding, where a pass that diverged may have left what is not a number.
    fn value_grad(&self, rows: LossRows<T>, dz: &mut [T]) -> f64;
}

/// A loss in either precision.
pub trait AnyLoss: Loss<f32> + Loss<f64> {}
impl<L: Loss<f32> + Loss<f64>> AnyLoss for L {}

impl Link {
    /// Applies the link to one row, in double precision.
    pub fn apply(self, row: &mut [f64]) {
        use crate::kernels::{math, simd::Portable};
        match self {
            Link::Identity => {}
            Link::Sigmoid => {
                for value in row {
                    *value = math::sigmoid::<Portable, f64>(*value);
                }
            }
            Link::Softmax => {
                let max = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let mut sum = 0.0;
                for value in &mut *row {
                    *value = math::exp::<Portable, f64>(*value - max);
                    sum += *value;
                }
                for value in row {
                    *value /= sum;
                }
            }
        }
    }
}
