//! Cross-entropy of a softmax, from logits: with target class c, or target probabilities y that sum to 1,
//! l = log Σⱼ exp zⱼ − z_c (or − Σⱼ yⱼ·zⱼ); ∂l/∂z = softmax(z) − y.
//!
//! The largest logit is taken off before exponentials, so nothing overflows.

use super::{AnyLoss, Comparison, Link, Loss, LossKind, LossRows, TargetRows};
use crate::kernels::softmax::Softmax;
use crate::precision::Precision;
use crate::registry::{Description, Entry};

/// See the module's text.
#[derive(Debug, Clone, Copy)]
pub struct CrossEntropy;

impl LossKind for CrossEntropy {
    fn link(&self) -> Link {
        Link::Softmax
    }

    fn comparison(&self) -> Comparison {
        Comparison::ValuesOrClasses
    }
}

impl<T: Precision> Loss<T> for CrossEntropy {
    fn value_grad(&self, rows: LossRows<T>, dz: &mut [T]) -> f64 {
        /// Rows for which log Σ exp z is kept at a time.
        const CHUNK: usize = 64;
        let mut log_sum_exp = [T::ZERO; CHUNK];
        let scale = T::from_f64(rows.scale);
        let mut sum = 0.0;
        for first in (0..rows.rows).step_by(CHUNK) {
            let count = CHUNK.min(rows.rows - first);
            let block = first * rows.stride..(first + count) * rows.stride;
            Softmax {
                outputs: rows.outputs,
                stride: rows.stride,
                z: &rows.z[block.clone()],
                scale,
                weights: rows.weights.map(|weights| &weights[first..first + count]),
                p: &mut dz[block],
                log_sum_exp: &mut log_sum_exp[..count],
            }
            .run(rows.isa);
            for (row, log_sum_exp) in (first..first + count).zip(&log_sum_exp) {
                let weight = rows.weight(row);
                let z = &rows.z[row * rows.stride..][..rows.outputs];
                let dz = &mut dz[row * rows.stride..][..rows.outputs];
                // Σ y·z, and y off the gradient.
                let expected = match rows.targets {
                    TargetRows::Classes(classes) => {
                        let class = classes[row] as usize;
                        dz[class] -= weight * scale;
                        z[class]
                    }
                    TargetRows::Values(values) => {
                        let y = &values[row * rows.outputs..][..rows.outputs];
                        let mut expected = T::ZERO;
                        for ((dz, z), y) in dz.iter_mut().zip(z).zip(y) {
                            *dz -= weight * scale * *y;
                            expected += *y * *z;
                        }
                        expected
                    }
                };
                sum += (weight * (*log_sum_exp - expected)).to_f64();
            }
        }
        sum
    }
}

pub(super) const ENTRY: Entry<Box<dyn AnyLoss>> = Entry {
    description: Description {
        name: "cross_entropy",
        summary: "Softmax cross-entropy from logits: classes that exclude each other",
        equation: "l = log Σ exp z − z[class]",
        source: "Bridle 1990",
        parameters: &[],
    },
    build: |_, ()| Ok(Box::new(CrossEntropy)),
};
