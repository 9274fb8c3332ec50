//! A loss of the user's own: a closure that states value and gradient of one row.
//!
//! It is no entry of the registry, as it has no name that a file could carry: give it to
//! [`cpu::engine_with_loss`](crate::cpu::engine_with_loss). Its value may be negative.

use super::{Comparison, Link, Loss, LossKind, LossRows, TargetRows};
use crate::kernels::Scalar;
use crate::registry::Description;

/// Its description in lists.
pub const CUSTOM: Description = Description {
    name: "custom",
    summary: "A loss of your own: a closure, for programs that use the library; no name for a file",
    equation: "l(z, y) and ∂l/∂z of a row, as the closure states them; it may be negative",
    source: "`losses::Custom`, given to `cpu::engine_with_loss`",
    parameters: &[],
};

/// What a row should be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Target<'a> {
    /// One number for each output.
    Values(&'a [f64]),
    /// A class index.
    Class(usize),
}

/// `loss(z, target, dz)` returns l of one row and writes ∂l/∂z into `dz`, both in double precision
/// and without the row's weight.
///
/// Second derivatives are differences of that gradient: l″·v to about 9 digits where l is smooth.
///
/// ```
/// use thalweg_core::losses::{Comparison, Custom, Link, Target};
/// // The log-cosh loss.
/// let loss = Custom::new(Link::Identity, Comparison::Values, |z, target, dz| {
///     let Target::Values(y) = target else { unreachable!("it compares with values") };
///     for j in 0..z.len() {
///         dz[j] = (z[j] - y[j]).tanh();
///     }
///     (0..z.len()).map(|j| (z[j] - y[j]).cosh().ln()).sum()
/// });
/// ```
pub struct Custom<F> {
    link: Link,
    comparison: Comparison,
    loss: F,
}

impl<F: Fn(&[f64], Target, &mut [f64]) -> f64 + Send + Sync> Custom<F> {
    /// A loss that compares with what `comparison` says, and whose logits `link` turns into
    /// predictions.
    pub fn new(link: Link, comparison: Comparison, loss: F) -> Self {
        Self {
            link,
            comparison,
            loss,
        }
    }

    /// Calls `each` with the row, its z, its target and room for its dz.
    fn rows<T: Scalar>(
        &self,
        rows: LossRows<T>,
        mut each: impl FnMut(usize, &mut [f64], Target, &mut [f64]),
    ) {
        /// Outputs up to which nothing is allocated.
        const FEW: usize = 64;
        let (mut few, mut many) = ([0.0; 3 * FEW], Vec::new());
        let room = match rows.outputs {
            0..=FEW => &mut few[..3 * rows.outputs],
            outputs => {
                many.resize(3 * outputs, 0.0);
                &mut many[..]
            }
        };
        let (z, rest) = room.split_at_mut(rows.outputs);
        let (y, dz) = rest.split_at_mut(rows.outputs);
        for row in 0..rows.rows {
            for (z, from) in z.iter_mut().zip(&rows.z[row * rows.stride..]) {
                *z = from.to_f64();
            }
            let target = match rows.targets {
                TargetRows::Values(values) => {
                    for (y, from) in y.iter_mut().zip(&values[row * rows.outputs..]) {
                        *y = from.to_f64();
                    }
                    Target::Values(y)
                }
                TargetRows::Classes(classes) => Target::Class(classes[row] as usize),
            };
            dz.fill(0.0);
            each(row, z, target, dz);
        }
    }
}

impl<F: Send + Sync> LossKind for Custom<F> {
    fn link(&self) -> Link {
        self.link
    }

    fn comparison(&self) -> Comparison {
        self.comparison
    }
}

impl<T, F> Loss<T> for Custom<F>
where
    T: Scalar,
    F: Fn(&[f64], Target, &mut [f64]) -> f64 + Send + Sync,
{
    fn value_grad(&self, rows: LossRows<T>, dz: &mut [T]) -> f64 {
        dz[..rows.rows * rows.stride].fill(T::ZERO);
        let mut sum = 0.0;
        self.rows(rows, |row, z, target, slope| {
            let weight = rows.weight(row).to_f64();
            sum += weight * (self.loss)(z, target, slope);
            for (dz, slope) in dz[row * rows.stride..].iter_mut().zip(&*slope) {
                *dz = T::from_f64(weight * rows.scale * slope);
            }
        });
        sum
    }

    fn hvp(&self, rows: LossRows<T>, direction: &[T], product: &mut [T]) {
        product[..rows.rows * rows.stride].fill(T::ZERO);
        let largest = |row: &[T]| {
            row.iter()
                .fold(0.0, |most: f64, v| most.max(v.to_f64().abs()))
        };
        self.rows(rows, |row, z, target, slope| {
            let whole = row * rows.stride..row * rows.stride + rows.outputs;
            let v = &direction[whole.clone()];
            if largest(v) == 0.0 {
                return;
            }
            // The cube root of the precision balances the error of the difference and that of
            // rounding.
            let h = 6e-6 * (1.0 + largest(&rows.z[whole.clone()])) / largest(v);
            let scale = rows.weight(row).to_f64() * rows.scale / (2.0 * h);
            let mut moved = |by: f64, sign: f64| {
                for (z, v) in z.iter_mut().zip(v) {
                    *z += by * v.to_f64();
                }
                slope.fill(0.0);
                (self.loss)(z, target, slope);
                for (product, slope) in product[whole.clone()].iter_mut().zip(&*slope) {
                    *product += T::from_f64(sign * scale * slope);
                }
            };
            moved(h, 1.0);
            moved(-2.0 * h, -1.0);
        });
    }
}
