//! One row through a dense layer: y = φ(x·Wᵀ + b); dx = dz·W, dW = dzᵀ·x, db = dz. W has the layout
//! of `panels.rs` or `unit_rows.rs` has it.

use super::Dense;
use crate::kernels::Isa;
use crate::kernels::dot::{Dots, WeightedSums};
use crate::kernels::gemm::Layout;
use crate::kernels::row::{OuterProduct, RowProduct};
use crate::layers::LayerScalar;
use crate::layers::{OneRow, Trace, Weights};
use crate::precision::Dtype;

impl Dense {
    /// Whether [`OneRow`] is a way through it: products are of unrounded numbers.
    pub(super) fn takes_one_row(&self) -> bool {
        self.dtype != Dtype::Bf16
    }
}

impl<T: LayerScalar> OneRow<T> for Dense {
    fn forward(&self, isa: Isa, weights: Weights<T>, x: &[T], y: &mut [T], stash: &mut [T]) {
        let sizes = self.sizes::<T>(isa);
        let (weights, start) = self.split(sizes, weights);
        if self.has_few_units() {
            Dots {
                rows: 1,
                units: sizes.units,
                columns: sizes.padded_inputs,
                x,
                x_stride: x.len(),
                w: weights.parameters,
                start,
                y_stride: y.len(),
                y: &mut *y,
            }
            .run(isa);
        } else {
            RowProduct {
                depth: sizes.inputs,
                columns: sizes.padded_units,
                x,
                b: weights.parameters,
                b_layout: Layout::Panels,
                start,
                y: &mut *y,
            }
            .run(isa);
        }
        if self.keeps_input {
            stash.copy_from_slice(y);
        }
        self.units.activation::<T>().forward(isa, self.rows(), y);
    }

    fn backward(
        &self,
        isa: Isa,
        weights: Weights<T>,
        Trace { x, y }: Trace<T>,
        stash: &[T],
        dz: &mut [T],
        dx: Option<&mut [T]>,
        gradient: &mut [T],
    ) {
        let sizes = self.sizes::<T>(isa);
        let at = if self.keeps_input { stash } else { y };
        self.units
            .activation::<T>()
            .backward(isa, self.rows(), at, dz);
        let (weights, bias) = self.split(sizes, weights);
        let (dw, db) = gradient.split_at_mut(weights.parameters.len());
        if bias.is_some() {
            let (db, padding) = db.split_at_mut(sizes.units);
            db.copy_from_slice(&dz[..sizes.units]);
            padding.fill(T::ZERO);
        }
        let (b, b_layout) = if self.has_few_units() {
            WeightedSums {
                rows: 1,
                units: sizes.units,
                columns: sizes.padded_inputs,
                factors: dz,
                factors_stride: dz.len(),
                x,
                x_stride: x.len(),
                sums: &mut *dw,
            }
            .run(isa);
            // The padding of x may hold anything; that of W stays 0.
            for row in dw.chunks_exact_mut(sizes.padded_inputs) {
                row[sizes.inputs..].fill(T::ZERO);
            }
            (weights.parameters, Layout::Rows(sizes.padded_inputs))
        } else {
            OuterProduct {
                x: &x[..sizes.inputs],
                z: &dz[..sizes.padded_units],
                c: dw,
            }
            .run(isa);
            (weights.derived, Layout::Panels)
        };
        if let Some(dx) = dx {
            RowProduct {
                depth: sizes.units,
                columns: sizes.padded_inputs,
                x: dz,
                b,
                b_layout,
                start: None,
                y: dx,
            }
            .run(isa);
        }
    }
}
