//! Mean squared error: l = (1/k) Σⱼ (zⱼ − yⱼ)² over the k outputs of a row; ∂l/∂zⱼ = (2/k)(zⱼ − yⱼ).
//!
//! The mean goes over rows and outputs, as in PyTorch's `MSELoss`.

use super::{AnyLoss, Comparison, Link, Loss, LossKind, LossRows};
use crate::kernels::{Arch, Kernel};
use crate::precision::Precision;
use crate::registry::{Description, Entry};

/// See the module's text.
#[derive(Debug, Clone, Copy)]
pub struct MeanSquaredError;

impl LossKind for MeanSquaredError {
    fn link(&self) -> Link {
        Link::Identity
    }

    fn comparison(&self) -> Comparison {
        Comparison::Values
    }
}

impl<T: Precision> Loss<T> for MeanSquaredError {
    fn value_grad(&self, rows: LossRows<T>, dz: &mut [T]) -> f64 {
        struct Work<'a, T>(LossRows<'a, T>, &'a mut [T]);
        impl<T: Precision> Kernel for Work<'_, T> {
            type Output = f64;
            #[inline(always)]
            fn run<A: Arch>(self) -> f64 {
                let Work(rows, dz) = self;
                let share = 1.0 / rows.outputs as f64;
                rows.sum_outputs(dz, share, |z, y| {
                    let error = z - y;
                    (error * error, error + error)
                })
            }
        }
        rows.isa.run(Work(rows, dz))
    }
}

pub(super) const ENTRY: Entry<Box<dyn AnyLoss>> = Entry {
    description: Description {
        name: "mse",
        summary: "Mean over rows and outputs of the squared error: the usual choice for regression",
        equation: "l = (1/k) Σ (z − y)²",
        source: "Gauss 1809",
        parameters: &[],
    },
    build: |_, ()| Ok(Box::new(MeanSquaredError)),
};
