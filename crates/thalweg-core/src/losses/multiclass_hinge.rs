//! Multiclass hinge: with the class c, l = max(0, 1 + maxⱼ≠c zⱼ − z_c); where positive, ∂l/∂z is 1
//! at the largest other class (the first among equals), −1 at c, else 0; ∂²l/∂z² = 0.
//!
//! The largest score decides; there are no probabilities.

use super::{AnyLoss, Comparison, Link, Loss, LossKind, LossRows, TargetRows};
use crate::kernels::Scalar;
use crate::registry::{Description, Entry};

/// See the module's text.
#[derive(Debug, Clone, Copy)]
pub struct MulticlassHinge;

impl LossKind for MulticlassHinge {
    fn link(&self) -> Link {
        Link::Scores
    }

    fn comparison(&self) -> Comparison {
        Comparison::Classes
    }
}

impl<T: Scalar> Loss<T> for MulticlassHinge {
    fn value_grad(&self, rows: LossRows<T>, dz: &mut [T]) -> f64 {
        let scale = T::from_f64(rows.scale);
        let TargetRows::Classes(classes) = rows.targets else {
            unreachable!("datasets are checked for what the loss compares with");
        };
        let z = rows.z.chunks_exact(rows.stride);
        let dz = dz.chunks_exact_mut(rows.stride);
        let mut sum = 0.0;
        for (row, ((z, dz), class)) in z.zip(dz).zip(classes).enumerate() {
            let class = *class as usize;
            let lead = |j: usize| (z[j] - z[class]).to_f64();
            let others = (0..rows.outputs).filter(|j| *j != class);
            let other = others.fold(None, |best, j| match best {
                Some(best) if lead(j) <= lead(best) || lead(best).is_nan() => Some(best),
                _ => Some(j),
            });
            dz.fill(T::ZERO);
            let Some(other) = other else { continue };
            let lack = 1.0 + lead(other);
            // NaN stays NaN, here and above.
            if lack <= 0.0 {
                continue;
            }
            let weight = rows.weight(row);
            dz[other] = weight * scale;
            dz[class] = -(weight * scale);
            sum += weight.to_f64() * lack;
        }
        sum
    }

    fn hvp(&self, rows: LossRows<T>, _: &[T], product: &mut [T]) {
        product[..rows.rows * rows.stride].fill(T::ZERO);
    }
}

pub(super) const ENTRY: Entry<Box<dyn AnyLoss>> = Entry {
    description: Description {
        name: "multiclass_hinge",
        summary: "Classes that exclude each other, by a margin over the best other class",
        equation: "l = max(0, 1 + max z[other] − z[class])",
        source: "Crammer & Singer 2001",
        parameters: &[],
    },
    build: |_, ()| Ok(Box::new(MulticlassHinge)),
};
