//! Half squared error: l = ½ Σⱼ (zⱼ − yⱼ)² over the outputs of a row; ∂l/∂zⱼ = zⱼ − yⱼ.
//!
//! Summed over outputs, averaged over rows. Behind a last layer with a sigmoid activation it is the error
//! of the notes' house-price exercise.

use super::{AnyLoss, Comparison, Link, Loss, LossKind, LossRows};
use crate::kernels::{Arch, Kernel};
use crate::precision::Precision;
use crate::registry::{Description, Entry};

/// See the module's text.
#[derive(Debug, Clone, Copy)]
pub struct HalfSquaredError;

impl LossKind for HalfSquaredError {
    fn link(&self) -> Link {
        Link::Identity
    }

    fn comparison(&self) -> Comparison {
        Comparison::ValuesOrBinary
    }
}

impl<T: Precision> Loss<T> for HalfSquaredError {
    fn value_grad(&self, rows: LossRows<T>, dz: &mut [T]) -> f64 {
        struct Work<'a, T>(LossRows<'a, T>, &'a mut [T]);
        impl<T: Precision> Kernel for Work<'_, T> {
            type Output = f64;
            #[inline(always)]
            fn run<A: Arch>(self) -> f64 {
                let Work(rows, dz) = self;
                rows.sum_outputs(dz, 1.0, |z, y| {
                    let error = z - y;
                    (T::from_f64(0.5) * error * error, error)
                })
            }
        }
        rows.isa.run(Work(rows, dz))
    }
}

pub(super) const ENTRY: Entry<Box<dyn AnyLoss>> = Entry {
    description: Description {
        name: "half_mse",
        summary: "Half the squared error, summed over outputs: its gradient is the error itself",
        equation: "l = ½ Σ (z − y)²",
        source: "Gauss 1809",
        parameters: &[],
    },
    build: |_, ()| Ok(Box::new(HalfSquaredError)),
};
