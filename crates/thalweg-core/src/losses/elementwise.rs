//! Losses that treat every output by itself: from value, slope and curvature of one output to those
//! of row blocks.

use super::{Comparison, Link, Loss, LossKind, LossRows, TargetRows};
use crate::kernels::gather::clear;
use crate::kernels::{Arch, Kernel, Scalar};

/// A loss that treats every output by itself, as its file states it.
pub trait Elementwise: Copy + Send + Sync + 'static {
    /// See [`LossKind::link`].
    const LINK: Link;
    /// See [`LossKind::comparison`].
    const COMPARISON: Comparison;
    /// Whether a row's loss is the mean over its outputs and not their sum.
    const IS_MEAN: bool;
    /// See [`LossKind::is_robust`].
    const IS_ROBUST: bool = false;
    /// l and ∂l/∂z of one output.
    fn value_slope<A: Arch, T: Scalar>(self, z: T, y: T) -> (T, T);
    /// ∂²l/∂z² of one output; 0 at kinks.
    fn curvature<A: Arch, T: Scalar>(self, z: T, y: T) -> T;
}

impl<E: Elementwise> LossKind for E {
    fn link(&self) -> Link {
        E::LINK
    }

    fn comparison(&self) -> Comparison {
        E::COMPARISON
    }

    fn is_robust(&self) -> bool {
        E::IS_ROBUST
    }

    fn masks_missing(&self) -> bool {
        true
    }
}

impl<T: Scalar, E: Elementwise> Loss<T> for E {
    fn value_grad(&self, rows: LossRows<T>, dz: &mut [T]) -> f64 {
        struct Work<'a, E, T>(E, LossRows<'a, T>, &'a mut [T]);
        impl<E: Elementwise, T: Scalar> Kernel for Work<'_, E, T> {
            type Output = f64;
            #[inline(always)]
            fn run<A: Arch>(self) -> f64 {
                let Work(loss, rows, dz) = self;
                let share = share::<E>(rows.outputs);
                rows.sum_outputs(dz, share, |z, y| loss.value_slope::<A, T>(z, y))
            }
        }
        rows.isa.run(Work(*self, rows, dz))
    }

    fn hvp(&self, rows: LossRows<T>, direction: &[T], product: &mut [T]) {
        struct Work<'a, E, T>(E, LossRows<'a, T>, &'a [T], &'a mut [T]);
        impl<E: Elementwise, T: Scalar> Kernel for Work<'_, E, T> {
            type Output = ();
            #[inline(always)]
            fn run<A: Arch>(self) {
                let Work(loss, rows, direction, product) = self;
                let scale = T::from_f64(rows.scale * share::<E>(rows.outputs));
                product[..rows.rows * rows.stride].fill(T::ZERO);
                for row in 0..rows.rows {
                    let weight = rows.weight(row) * scale;
                    for output in 0..rows.outputs {
                        let at = row * rows.stride + output;
                        let y = rows.target(row, output);
                        let curvature = match is_missing(y) {
                            true => T::ZERO,
                            false => loss.curvature::<A, T>(rows.z[at], y),
                        };
                        product[at] = weight * curvature * direction[at];
                    }
                }
            }
        }
        rows.isa.run(Work(*self, rows, direction, product));
    }
}

/// What multiplies the loss of an output, so that a row's is the mean or the sum over its outputs.
fn share<E: Elementwise>(outputs: usize) -> f64 {
    if E::IS_MEAN {
        1.0 / outputs as f64
    } else {
        1.0
    }
}

impl<T: Scalar> LossRows<'_, T> {
    /// What an output should be. Class indices count as 0 and 1.
    #[inline(always)]
    fn target(&self, row: usize, output: usize) -> T {
        match self.targets {
            TargetRows::Values(values) => values[row * self.outputs + output],
            TargetRows::Classes(classes) => T::from_f64(f64::from(classes[row])),
        }
    }

    /// Σ w·l over the rows, where `term` gives value and slope of one output from z and target, and
    /// `share` multiplies both. Outputs of several rows are processed together, so that few outputs
    /// a row fill vectors too.
    #[inline(always)]
    fn sum_outputs(&self, dz: &mut [T], share: f64, term: impl Fn(T, T) -> (T, T)) -> f64 {
        /// Outputs processed together, and partial sums of their values.
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
                copy_columns(
                    (&self.z[row_values(first, end)], self.stride, column),
                    (&mut z[..width], outputs.len(), 0),
                    outputs.len(),
                );
                match self.targets {
                    TargetRows::Values(values) => copy_columns(
                        (
                            &values[first * self.outputs..end * self.outputs],
                            self.outputs,
                            column,
                        ),
                        (&mut y[..width], outputs.len(), 0),
                        outputs.len(),
                    ),
                    // Class indices count as 0 and 1.
                    TargetRows::Classes(classes) => {
                        let number = |class: &u32| T::from_f64(f64::from(*class));
                        let classes = &classes[first..end];
                        match outputs.len() {
                            1 => {
                                for (y, class) in y.iter_mut().zip(classes) {
                                    *y = number(class);
                                }
                            }
                            outputs => {
                                for (y, class) in y.chunks_exact_mut(outputs).zip(classes) {
                                    y.fill(number(class));
                                }
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
                    (z[i], y[i]) = match is_missing(y[i]) {
                        true => (T::ZERO, T::ZERO),
                        false => (value * w[i], slope * w[i] * scale),
                    };
                }
                for chunk in z[..width].chunks(SUMS) {
                    for (sum, value) in sums.iter_mut().zip(chunk) {
                        *sum += value.to_f64();
                    }
                }
                let dz = &mut dz[row_values(first, end)];
                if column == 0 {
                    clear(dz, self.stride, self.outputs);
                }
                copy_columns(
                    (&y[..width], outputs.len(), 0),
                    (dz, self.stride, column),
                    outputs.len(),
                );
            }
        }
        sums.iter().sum::<f64>() * share
    }
}

/// NaN stands for a missing target.
#[inline(always)]
pub(super) fn is_missing<T: Scalar>(y: T) -> bool {
    y.partial_cmp(&y).is_none()
}

/// Copies `width` columns from one matrix to another, both with their strides and the first of the
/// columns.
#[inline(always)]
fn copy_columns<T: Copy>(
    (from, from_stride, from_column): (&[T], usize, usize),
    (to, to_stride, to_column): (&mut [T], usize, usize),
    width: usize,
) {
    if from_stride == width && to_stride == width {
        to.copy_from_slice(from);
        return;
    }
    let rows = from.chunks_exact(from_stride);
    for (to, from) in to.chunks_exact_mut(to_stride).zip(rows) {
        for (to, from) in to[to_column..][..width]
            .iter_mut()
            .zip(&from[from_column..])
        {
            *to = *from;
        }
    }
}
