//! W unit by unit: for a few units, such as the one output of a linear model.
//!
//! Padding one unit to a vector would waste most of each product. Here vectors run along the
//! inputs: the forward product is dot products, the gradient a sum of a few rows of x, and the
//! backward product reads W as it is stored, so nothing is derived. Inputs are padded with zeros to
//! whole vectors.

use super::{Sizes, Storage, TILE, WEIGHT};
use crate::kernels::dot::{Dots, WeightedSums};
use crate::kernels::gemm::{Layout, Product, Start, Strided};
use crate::layers::LayerScalar;
use crate::layers::{Tile, Weights};
use crate::shape::stride;

pub(super) struct UnitRows;

impl<T: LayerScalar> Storage<T> for UnitRows {
    fn has_unit_rows(&self) -> bool {
        true
    }

    fn weights(&self, sizes: Sizes) -> usize {
        sizes.units * sizes.padded_inputs
    }

    fn tiles(&self, sizes: Sizes) -> Vec<Tile> {
        let inputs = sizes.padded_inputs;
        let tile = |row, rows, column, columns| Tile {
            start: row * inputs + column,
            segment: WEIGHT,
            row,
            rows,
            column,
            columns,
        };
        if sizes.units * inputs <= TILE {
            return vec![tile(0, sizes.units, 0, inputs)];
        }
        let columns = |unit| {
            (0..inputs)
                .step_by(TILE)
                .map(move |column| tile(unit, 1, column, TILE.min(inputs - column)))
        };
        (0..sizes.units).flat_map(columns).collect()
    }

    fn position(&self, sizes: Sizes, unit: usize, input: usize) -> usize {
        unit * sizes.padded_inputs + input
    }

    fn derived(&self, _: Sizes) -> usize {
        0
    }

    unsafe fn refresh(&self, _: Sizes, _: &Tile, _: &[T], _: *mut T) {}

    fn forward(
        &self,
        sizes: Sizes,
        rows: usize,
        weights: Weights<T>,
        start: Option<&[T]>,
        x: &[T],
        y: &mut [T],
        _: &mut [T],
    ) {
        Dots {
            rows,
            units: sizes.units,
            columns: sizes.padded_inputs,
            x,
            x_stride: stride(sizes.inputs),
            w: weights.parameters,
            start,
            y,
            y_stride: sizes.row,
        }
        .run(sizes.isa);
    }

    fn backward(
        &self,
        sizes: Sizes,
        rows: usize,
        weights: Weights<T>,
        _: &[T],
        dz: &[T],
        dx: Option<&mut [T]>,
        _: &mut [T],
    ) {
        let Some(dx) = dx else { return };
        Product {
            rows,
            columns: sizes.padded_inputs,
            depth: sizes.units,
            a: Strided {
                data: dz,
                row: sizes.row,
                column: 1,
            },
            b: weights.parameters,
            b_layout: Layout::Rows(sizes.padded_inputs),
            start: Start::Zero,
            c: dx,
            c_layout: Layout::Rows(stride(sizes.inputs)),
        }
        .run(sizes.isa);
    }

    fn gradient(
        &self,
        sizes: Sizes,
        rows: usize,
        tile: &Tile,
        x: &[T],
        dz: &[T],
        _: &[T],
        dw: &mut [T],
    ) {
        WeightedSums {
            rows,
            units: tile.rows,
            columns: tile.columns,
            factors: &dz[tile.row..],
            factors_stride: sizes.row,
            x: &x[tile.column..],
            x_stride: stride(sizes.inputs),
            sums: &mut *dw,
        }
        .run(sizes.isa);
        // The padding of x may hold anything; that of W stays 0.
        let inputs = sizes.inputs.saturating_sub(tile.column).min(tile.columns);
        for row in dw.chunks_exact_mut(tile.columns) {
            row[inputs..].fill(T::ZERO);
        }
    }
}
