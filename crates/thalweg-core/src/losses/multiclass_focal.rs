//! Focal loss of many classes, from logits: with p the softmax probability of the right class c, l
//! = −(1 − p)^γ·log p (Lin et al. 2017, p_t being that of a softmax). The margin m = z_c − log Σⱼ≠c
//! exp zⱼ has p = σ(m), so this is f(m) of the focal loss of two classes (`focal.rs`). With r the
//! softmax of the other classes alone and a direction v: ∂l/∂z_c = f′, ∂l/∂zⱼ = −f′·rⱼ; with ṁ =
//! v_c − ⟨r, v⟩ the Hessian times v is f″·ṁ at c, and −rⱼ·(f″·ṁ + f′·(vⱼ − ⟨r, v⟩)) at the others.
//!
//! Computed in double precision. γ = 0 is cross-entropy; row and class weights take the place of
//! the paper's α.

use super::focal::{Focal, GAMMA};
use super::{AnyLoss, Comparison, Link, Loss, LossKind, LossRows, TargetRows};
use crate::kernels::Scalar;
use crate::kernels::{math, simd::Portable};
use crate::registry::{Description, Entry};

/// See the module's text.
#[derive(Debug, Clone, Copy)]
pub struct MulticlassFocal(Focal);

impl LossKind for MulticlassFocal {
    fn link(&self) -> Link {
        Link::Softmax
    }

    fn comparison(&self) -> Comparison {
        Comparison::Classes
    }
}

/// m of a row; r goes into `r`, with 0 at the right class.
fn margin<T: Scalar>(z: &[T], class: usize, r: &mut [T]) -> f64 {
    let others = || (0..z.len()).filter(|j| *j != class);
    let largest = others().fold(f64::NEG_INFINITY, |most, j| most.max(z[j].to_f64()));
    let power = |j: usize| math::exp::<Portable, f64>(z[j].to_f64() - largest);
    let total: f64 = others().map(power).sum();
    r[class] = T::ZERO;
    for j in others() {
        r[j] = T::from_f64(power(j) / total);
    }
    z[class].to_f64() - largest - total.ln()
}

impl<T: Scalar> Loss<T> for MulticlassFocal {
    fn value_grad(&self, rows: LossRows<T>, dz: &mut [T]) -> f64 {
        let mut sum = 0.0;
        for (row, dz) in dz.chunks_exact_mut(rows.stride).take(rows.rows).enumerate() {
            dz.fill(T::ZERO);
            let (z, class) = rows.row(row);
            let weight = rows.weight(row).to_f64();
            let (value, slope) = self.0.of_margin(margin(z, class, dz));
            let slope = slope * weight * rows.scale;
            for dz in &mut *dz {
                *dz = T::from_f64(-slope * dz.to_f64());
            }
            dz[class] = T::from_f64(slope);
            sum += weight * value;
        }
        sum
    }

    fn hvp(&self, rows: LossRows<T>, direction: &[T], product: &mut [T]) {
        let directions = direction.chunks_exact(rows.stride);
        let products = product.chunks_exact_mut(rows.stride).zip(directions);
        for (row, (product, v)) in products.take(rows.rows).enumerate() {
            product.fill(T::ZERO);
            let (z, class) = rows.row(row);
            let m = margin(z, class, product);
            let v = &v[..rows.outputs];
            let mean: f64 = (product.iter().zip(v))
                .map(|(r, v)| r.to_f64() * v.to_f64())
                .sum();
            let scale = rows.weight(row).to_f64() * rows.scale;
            let (slope, curvature) = (self.0.of_margin(m).1, self.0.bend_of_margin(m));
            let straight = curvature * (v[class].to_f64() - mean);
            for (r, v) in product.iter_mut().zip(v) {
                let bent = straight + slope * (v.to_f64() - mean);
                *r = T::from_f64(-scale * r.to_f64() * bent);
            }
            product[class] = T::from_f64(scale * straight);
        }
    }
}

impl<T> LossRows<'_, T> {
    /// z and the class of a row.
    fn row(&self, row: usize) -> (&[T], usize) {
        let TargetRows::Classes(classes) = self.targets else {
            unreachable!("datasets are checked for what the loss compares with");
        };
        let z = &self.z[row * self.stride..][..self.outputs];
        (z, classes[row] as usize)
    }
}

pub(super) const ENTRY: Entry<Box<dyn AnyLoss>> = Entry {
    description: Description {
        name: "multiclass_focal",
        summary: "Softmax cross-entropy that turns away from what is answered well: for rare classes",
        equation: "l = −(1 − p)^γ·log p, p = softmax(z)[class]",
        source: "Lin et al. 2017",
        parameters: &[GAMMA],
    },
    build: |arguments, ()| Ok(Box::new(MulticlassFocal(Focal::new(arguments)))),
};
