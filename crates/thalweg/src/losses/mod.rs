//! Losses: value and gradient together, from what the last layer puts out.
//!
//! Convention for all: the loss of a batch is the weighted mean over its rows, Σ wᵢ·lᵢ / Σ wᵢ, and the
//! gradient is that of this mean. Losses for probabilities take logits; the *link* turns logits into what
//! users see.

use crate::kernels::{Arch, Isa, Kernel, Scalar};
use crate::layers::ROW_MULTIPLE;
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
    /// One probability for each output; or classes 0 and 1, with a single output.
    ProbabilitiesOrBinary,
    /// One output a class: class indices, or probabilities that add up to 1.
    DistributionOrClasses,
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

/// A loss that treats every output by itself, as its file states it.
pub trait Elementwise: Copy + Send + Sync + 'static {
    /// See [`LossKind::link`].
    const LINK: Link;
    /// See [`LossKind::comparison`].
    const COMPARISON: Comparison;
    /// Whether a row's loss is the mean over its outputs and not their sum.
    const IS_MEAN: bool;
    /// l and ∂l/∂z of one output.
    fn value_slope<A: Arch, T: Scalar>(self, z: T, y: T) -> (T, T);
}

impl<E: Elementwise> LossKind for E {
    fn link(&self) -> Link {
        E::LINK
    }

    fn comparison(&self) -> Comparison {
        E::COMPARISON
    }
}

impl<T: Precision, E: Elementwise> Loss<T> for E {
    fn value_grad(&self, rows: LossRows<T>, dz: &mut [T]) -> f64 {
        struct Work<'a, E, T>(E, LossRows<'a, T>, &'a mut [T]);
        impl<E: Elementwise, T: Precision> Kernel for Work<'_, E, T> {
            type Output = f64;
            #[inline(always)]
            fn run<A: Arch>(self) -> f64 {
                let Work(loss, rows, dz) = self;
                let share = if E::IS_MEAN {
                    1.0 / rows.outputs as f64
                } else {
                    1.0
                };
                rows.sum_outputs(dz, share, |z, y| loss.value_slope::<A, T>(z, y))
            }
        }
        rows.isa.run(Work(*self, rows, dz))
    }
}

impl<T: Precision> LossRows<'_, T> {
    /// Σ w·l over the rows, where `term` gives value and slope of one output from z and target, and `share`
    /// multiplies both. Outputs of several rows are worked on side by side, so that few outputs a row fill
    /// vectors too.
    #[inline(always)]
    fn sum_outputs(&self, dz: &mut [T], share: f64, term: impl Fn(T, T) -> (T, T)) -> f64 {
        /// Outputs side by side, and partial sums of their values.
        const WIDTH: usize = 64;
        const SUMS: usize = 8;
        let scale = T::from_f64(self.scale * share);
        let (mut z, mut y, mut w) = ([T::ZERO; WIDTH], [T::ZERO; WIDTH], [T::ONE; WIDTH]);
        let mut sums = [0.0; SUMS];
        let columns = WIDTH.min(self.outputs).max(1);
        let row_values = |from: usize, to: usize| from * self.stride..to * self.stride;
        for first in (0..self.rows).step_by(WIDTH / columns) {
            let end = self.rows.min(first + WIDTH / columns);
            for column in (0..self.outputs).step_by(columns) {
                let outputs = column..self.outputs.min(column + columns);
                let width = (end - first) * outputs.len();
                // Each row's share of z and y, and its weight.
                let mut parts = z[..width].chunks_exact_mut(outputs.len());
                for (z, row) in
                    (&mut parts).zip(self.z[row_values(first, end)].chunks_exact(self.stride))
                {
                    copy(z, &row[outputs.clone()]);
                }
                let mut parts = y[..width].chunks_exact_mut(outputs.len());
                match self.targets {
                    TargetRows::Values(values) => {
                        for (y, row) in (&mut parts)
                            .zip(values[first * self.outputs..].chunks_exact(self.outputs))
                        {
                            copy(y, &row[outputs.clone()]);
                        }
                    }
                    // Class indices count as 0 and 1.
                    TargetRows::Classes(classes) => {
                        for (y, class) in (&mut parts).zip(&classes[first..]) {
                            let class = T::from_f64(f64::from(*class));
                            for y in y {
                                *y = class;
                            }
                        }
                    }
                }
                if let Some(weights) = self.weights {
                    for (w, weight) in w.chunks_exact_mut(outputs.len()).zip(&weights[first..end]) {
                        w.fill(*weight);
                    }
                }
                for i in 0..width {
                    let (value, slope) = term(z[i], y[i]);
                    z[i] = value * w[i];
                    y[i] = slope * w[i] * scale;
                }
                for chunk in z[..width].chunks(SUMS) {
                    for (sum, value) in sums.iter_mut().zip(chunk) {
                        *sum += value.to_f64();
                    }
                }
                let rows = dz[row_values(first, end)].chunks_exact_mut(self.stride);
                for (row, slopes) in rows.zip(y[..width].chunks_exact(outputs.len())) {
                    if column == 0 {
                        clear(row);
                    }
                    copy(&mut row[outputs.clone()], slopes);
                }
            }
        }
        sums.iter().sum::<f64>() * share
    }
}

/// 0 into a row; a row of one line without a call.
#[inline(always)]
pub(crate) fn clear<T: Scalar>(row: &mut [T]) {
    match row.as_chunks_mut::<ROW_MULTIPLE>() {
        ([line], []) => *line = [T::ZERO; _],
        _ => row.fill(T::ZERO),
    }
}

/// `copy_from_slice`, which is a call, but for a single value.
#[inline(always)]
fn copy<T: Copy>(to: &mut [T], from: &[T]) {
    match (&mut *to, from) {
        ([to], [from]) => *to = *from,
        _ => to.copy_from_slice(from),
    }
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
