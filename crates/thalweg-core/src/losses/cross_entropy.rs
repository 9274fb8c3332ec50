//! Cross-entropy of a softmax, from logits: with target class c, or target probabilities y that sum
//! to 1, l = log Σⱼ exp zⱼ − z_c (or − Σⱼ yⱼ·zⱼ); ∂l/∂z = softmax(z) − y. With M = max z this is
//! computed as l = log Σⱼ exp(zⱼ − M) + (M − z_c), where nothing overflows and nothing cancels.
//! With p = softmax(z), the Hessian times v is p ⊙ (v − ⟨p, v⟩).
//!
//! Label smoothing ε takes (1 − ε)·y + ε/k for y, k the number of classes (Szegedy et al. 2016).

use super::{AnyLoss, Comparison, Link, Loss, LossKind, LossRows, TargetRows};
use crate::kernels::Scalar;
use crate::kernels::softmax::Softmax;
use crate::registry::{Default, Description, Domain, Entry, Parameter};

/// See the module's text.
#[derive(Debug, Clone, Copy)]
pub struct CrossEntropy {
    label_smoothing: f64,
}

impl LossKind for CrossEntropy {
    fn link(&self) -> Link {
        Link::Softmax
    }

    fn comparison(&self) -> Comparison {
        Comparison::DistributionOrClasses
    }
}

impl<T: Scalar> Loss<T> for CrossEntropy {
    fn value_grad(&self, rows: LossRows<T>, dz: &mut [T]) -> f64 {
        /// Rows that are worked on at a time.
        const CHUNK: usize = 64;
        let (mut largest, mut log_total) = ([T::ZERO; CHUNK], [T::ZERO; CHUNK]);
        let scale = T::from_f64(rows.scale);
        // y is smoothed to kept·y + spread.
        let kept = T::from_f64(1.0 - self.label_smoothing);
        let spread = T::from_f64(self.label_smoothing / rows.outputs as f64);
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
                let mut distance = match rows.targets {
                    TargetRows::Classes(classes) => {
                        let class = classes[row] as usize;
                        dz[class] -= kept * weight * scale;
                        kept * (largest - z[class])
                    }
                    TargetRows::Values(values) => {
                        let y = &values[row * rows.outputs..][..rows.outputs];
                        let mut distance = T::ZERO;
                        for ((dz, z), y) in dz.iter_mut().zip(z).zip(y) {
                            *dz -= kept * weight * scale * *y;
                            distance += *y * (largest - *z);
                        }
                        kept * distance
                    }
                };
                if self.label_smoothing > 0.0 {
                    for (dz, z) in dz.iter_mut().zip(z) {
                        *dz -= spread * weight * scale;
                        distance += spread * (largest - *z);
                    }
                }
                sum += (weight * (log_total[row - first] + distance)).to_f64();
            }
        }
        sum
    }

    fn hvp(&self, rows: LossRows<T>, direction: &[T], product: &mut [T]) {
        let (mut largest, mut log_total) = ([T::ZERO; 1], [T::ZERO; 1]);
        for row in 0..rows.rows {
            let whole = row * rows.stride..(row + 1) * rows.stride;
            let p = &mut product[whole.clone()];
            Softmax {
                outputs: rows.outputs,
                stride: rows.stride,
                z: &rows.z[whole.clone()],
                scale: T::ONE,
                weights: None,
                p: &mut *p,
                largest: &mut largest,
                log_total: &mut log_total,
            }
            .run(rows.isa);
            let v = &direction[whole][..rows.outputs];
            let mean: f64 = (p.iter().zip(v))
                .map(|(p, v)| p.to_f64() * v.to_f64())
                .sum();
            let scale = rows.weight(row).to_f64() * rows.scale;
            for (p, v) in p.iter_mut().zip(v) {
                *p = T::from_f64(scale * p.to_f64() * (v.to_f64() - mean));
            }
        }
    }
}

pub(super) const ENTRY: Entry<Box<dyn AnyLoss>> = Entry {
    description: Description {
        name: "cross_entropy",
        summary: "Softmax cross-entropy from logits: classes that exclude each other",
        equation: "l = log Σ exp z − z[class]",
        source: "Bridle 1990",
        parameters: &[Parameter {
            name: "label_smoothing",
            summary: "ε, the part of each target that goes to all classes alike",
            default: Default::Number(0.0),
            domain: Domain::FRACTION,
        }],
    },
    build: |arguments, ()| {
        Ok(Box::new(CrossEntropy {
            label_smoothing: arguments.number("label_smoothing"),
        }))
    },
};
