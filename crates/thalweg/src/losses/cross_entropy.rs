//! Cross-entropy of a softmax, from logits: with target class c, or target probabilities y that sum to 1,
//! l = log Σⱼ exp zⱼ − z_c (or − Σⱼ yⱼ·zⱼ); ∂l/∂z = softmax(z) − y.
//!
//! The largest logit is taken off before exponentials, so nothing overflows.

use super::{AnyLoss, Comparison, Link, Loss, LossKind, LossRows, TargetRows};
use crate::kernels::{Arch, Kernel, math};
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

/// Values of a row that are worked on together.
const CHUNK: usize = 16;

/// Folds a chunk to one value by halves, which compilers do in a few vector instructions.
#[inline(always)]
fn fold<T: Copy>(mut chunk: [T; CHUNK], combine: impl Fn(T, T) -> T) -> T {
    let mut half = CHUNK / 2;
    while half > 0 {
        for i in 0..half {
            chunk[i] = combine(chunk[i], chunk[i + half]);
        }
        half /= 2;
    }
    chunk[0]
}

impl<T: Precision> Loss<T> for CrossEntropy {
    fn value_grad(&self, rows: LossRows<T>, dz: &mut [T]) -> f64 {
        rows.isa.run(Work(rows, dz))
    }
}

struct Work<'a, T>(LossRows<'a, T>, &'a mut [T]);

impl<T: Precision> Kernel for Work<'_, T> {
    type Output = f64;

    #[inline(always)]
    fn run<A: Arch>(self) -> f64 {
        let Work(rows, dz) = self;
        let lowest = T::from_f64(f64::NEG_INFINITY);
        let mut sum = 0.0;
        for row in 0..rows.rows {
            let z = &rows.z[row * rows.stride..][..rows.stride];
            let dz = &mut dz[row * rows.stride..][..rows.stride];
            // The padding of `z` is not defined: −∞ there makes its exponentials 0.
            for (chunk, (z, dz)) in
                z.chunks_exact(CHUNK).zip(dz.chunks_exact_mut(CHUNK)).enumerate()
            {
                let outputs = rows.outputs - chunk * CHUNK;
                for j in 0..CHUNK {
                    dz[j] = if j < outputs { z[j] } else { lowest };
                }
            }
            let mut largest = [lowest; CHUNK];
            for chunk in dz.chunks_exact(CHUNK) {
                for j in 0..CHUNK {
                    largest[j] = largest[j].maximum(chunk[j]);
                }
            }
            let largest = fold(largest, T::maximum);
            let mut total = [T::ZERO; CHUNK];
            for chunk in dz.chunks_exact_mut(CHUNK) {
                for j in 0..CHUNK {
                    chunk[j] = math::exp::<A, T>(chunk[j] - largest);
                    total[j] += chunk[j];
                }
            }
            let total = fold(total, |a, b| a + b);

            let weight = rows.weight(row);
            let scale = weight * T::from_f64(rows.scale);
            let normalize = scale / total;
            for dz in &mut *dz {
                *dz *= normalize;
            }
            let expected = match rows.targets {
                TargetRows::Classes(classes) => {
                    let class = classes[row] as usize;
                    dz[class] -= scale;
                    z[class]
                }
                TargetRows::Values(values) => {
                    let y = &values[row * rows.outputs..][..rows.outputs];
                    let mut expected = T::ZERO;
                    for ((dz, z), y) in dz.iter_mut().zip(z).zip(y) {
                        *dz -= scale * *y;
                        expected += *y * *z;
                    }
                    expected
                }
            };
            let value = total.ln::<A>() + (largest - expected);
            sum += (weight * value).to_f64();
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
