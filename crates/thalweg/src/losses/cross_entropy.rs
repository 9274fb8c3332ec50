//! Cross-entropy of a softmax, from logits: with target class c, or target probabilities y that sum to 1,
//! l = log Σⱼ exp zⱼ − z_c (or − Σⱼ yⱼ·zⱼ); ∂l/∂z = softmax(z) − y. With M = max z this is computed as
//! l = log Σⱼ exp(zⱼ − M) + (M − z_c), where nothing overflows and nothing cancels.

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
        Comparison::DistributionOrClasses
    }
}

impl<T: Precision> Loss<T> for CrossEntropy {
    fn value_grad(&self, rows: LossRows<T>, dz: &mut [T]) -> f64 {
        /// Rows that are worked on at a time.
        const CHUNK: usize = 64;
        let (mut largest, mut log_total) = ([T::ZERO; CHUNK], [T::ZERO; CHUNK]);
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
                largest: &mut largest[..count],
                log_total: &mut log_total[..count],
            }
            .run(rows.isa);
            for row in first..first + count {
                let weight = rows.weight(row);
                let z = &rows.z[row * rows.stride..][..rows.outputs];
                let dz = &mut dz[row * rows.stride..][..rows.outputs];
                let largest = largest[row - first];
                // Σ y·(largest − z), which is exact where it matters; and y off the gradient.
                let distance = match rows.targets {
                    TargetRows::Classes(classes) => {
                        let class = classes[row] as usize;
                        dz[class] -= weight * scale;
                        largest - z[class]
                    }
                    TargetRows::Values(values) => {
                        let y = &values[row * rows.outputs..][..rows.outputs];
                        let mut distance = T::ZERO;
                        for ((dz, z), y) in dz.iter_mut().zip(z).zip(y) {
                            *dz -= weight * scale * *y;
                            distance += *y * (largest - *z);
                        }
                        distance
                    }
                };
                sum += (weight * (log_total[row - first] + distance)).to_f64();
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
