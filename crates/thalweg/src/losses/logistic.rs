//! Logistic loss (binary cross-entropy), from logits: with σ the sigmoid and target y in [0, 1],
//! l = −y log σ(z) − (1 − y) log(1 − σ(z)) = max(z, 0) − y·z + log(1 + e^{−|z|}); ∂l/∂z = σ(z) − y.
//!
//! With several outputs (multi-label) the mean over them, as in PyTorch's `BCEWithLogitsLoss`.

use super::{AnyLoss, Comparison, Link, Loss, LossKind, LossRows};
use crate::kernels::{Arch, Kernel, math};
use crate::precision::Precision;
use crate::registry::{Description, Entry};

/// See the module's text.
#[derive(Debug, Clone, Copy)]
pub struct Logistic;

impl LossKind for Logistic {
    fn link(&self) -> Link {
        Link::Sigmoid
    }

    fn comparison(&self) -> Comparison {
        Comparison::ProbabilitiesOrBinary
    }
}

impl<T: Precision> Loss<T> for Logistic {
    fn value_grad(&self, rows: LossRows<T>, dz: &mut [T]) -> f64 {
        struct Work<'a, T>(LossRows<'a, T>, &'a mut [T]);
        impl<T: Precision> Kernel for Work<'_, T> {
            type Output = f64;
            #[inline(always)]
            fn run<A: Arch>(self) -> f64 {
                let Work(rows, dz) = self;
                let share = 1.0 / rows.outputs as f64;
                rows.sum_outputs(dz, share, |z, y| {
                    let e = math::exp::<A, T>(-z.abs());
                    let tail = e / (T::ONE + e);
                    // σ − y from the small tail of σ, so that it does not vanish where σ rounds to 1.
                    let slope = if z < T::ZERO {
                        tail - y
                    } else {
                        (T::ONE - y) - tail
                    };
                    let value = z.maximum(T::ZERO) - y * z + math::ln_1p::<A, T>(e);
                    (value, slope)
                })
            }
        }
        rows.isa.run(Work(rows, dz))
    }
}

pub(super) const ENTRY: Entry<Box<dyn AnyLoss>> = Entry {
    description: Description {
        name: "logistic",
        summary: "Binary cross-entropy from logits: two classes, or several independent labels",
        equation: "l = max(z, 0) − y·z + log(1 + exp(−|z|))",
        source: "Cox 1958",
        parameters: &[],
    },
    build: |_, ()| Ok(Box::new(Logistic)),
};
