//! W in panels, with products of bf16 numbers: parameters, activations, gradients and sums are in
//! single precision; what enters a product is rounded to bf16.
//!
//! θ holds W as `panels.rs` does. Operands are pairs along the reduction (see `kernels/bf16.rs`),
//! so every product has its own copy of them: W in pairs of inputs for y = x·Wᵀ and in pairs of
//! units for dx = dz·W, both derived after each update; x and dz in pairs of neighbouring values
//! for these two products, and in pairs of rows for dW = dzᵀ·x. Copies of x and dz are kept in the
//! stash: rows 2k and 2k + 1 of the batch share the first part of row 2k's, [x in pairs of rows |
//! dz in pairs of rows]; behind it each row has [dz in pairs of units]. In the forward pass [x in
//! pairs of inputs] is at the very beginning.

use super::panels::Panels;
use super::{Sizes, Storage};
use crate::kernels::bf16::Pairing;
use crate::kernels::gemm::{Layout, Product, Start, Strided};
use crate::layers::{Tile, Weights};
use crate::shape::stride;

pub(super) struct PairPanels;

impl Sizes {
    /// Pairs of inputs, and of units.
    fn input_pairs(self) -> usize {
        self.inputs.div_ceil(2)
    }

    fn unit_pairs(self) -> usize {
        self.units.div_ceil(2)
    }

    /// Where the parts of a row's stash begin: dz in pairs of rows, dz in pairs of units, the end.
    fn parts(self) -> [usize; 3] {
        let row_pairs = stride(self.inputs);
        let unit_pairs = row_pairs + stride(self.units);
        let length = if self.has_input_gradient {
            stride(self.unit_pairs())
        } else {
            0
        };
        [row_pairs, unit_pairs, unit_pairs + length]
    }
}

impl Storage<f32> for PairPanels {
    fn weights(&self, sizes: Sizes) -> usize {
        Storage::<f32>::weights(&Panels, sizes)
    }

    fn tiles(&self, sizes: Sizes) -> Vec<Tile> {
        Storage::<f32>::tiles(&Panels, sizes)
    }

    fn position(&self, sizes: Sizes, unit: usize, input: usize) -> usize {
        Storage::<f32>::position(&Panels, sizes, unit, input)
    }

    fn derived(&self, sizes: Sizes) -> usize {
        let transposed = match sizes.has_input_gradient {
            true => sizes.unit_pairs() * sizes.padded_inputs,
            false => 0,
        };
        sizes.input_pairs() * sizes.padded_units + transposed
    }

    fn stash(&self, sizes: Sizes) -> usize {
        sizes.parts()[2]
    }

    unsafe fn refresh(&self, sizes: Sizes, tile: &Tile, parameters: &[f32], derived: *mut f32) {
        // Tiles begin at even inputs and units, so that no pair belongs to two of them.
        let start = tile.column * sizes.input_pairs() + tile.row / 2 * tile.columns;
        let length = tile.rows.div_ceil(2) * tile.columns;
        Pairing {
            rows: tile.rows,
            width: tile.columns,
            from: parameters,
            from_stride: tile.columns,
            // SAFETY: the pairs of this tile, in the matrix [input pairs, units] of panels.
            to: unsafe { std::slice::from_raw_parts_mut(derived.add(start), length) },
            to_stride: tile.columns,
        }
        .rows(sizes.isa);
        if !sizes.has_input_gradient {
            return;
        }
        let transposed = sizes.input_pairs() * sizes.padded_units;
        let pairs = (tile.column + tile.columns).min(sizes.units).div_ceil(2) - tile.column / 2;
        let mut row = [0.0; 64];
        for (input, values) in (tile.row..).zip(parameters.chunks_exact(tile.columns)) {
            Pairing {
                rows: 1,
                width: 2 * pairs,
                from: values,
                from_stride: 0,
                to: &mut row,
                to_stride: 0,
            }
            .columns(sizes.isa);
            let panel = input / sizes.panel * sizes.panel;
            let width = sizes.panel.min(sizes.padded_inputs - panel);
            let first = panel * sizes.unit_pairs() + tile.column / 2 * width + input - panel;
            for (unit_pair, pair) in row[..pairs].iter().enumerate() {
                // SAFETY: inside the matrix [unit pairs, inputs] that was planned behind the other one; only
                // this tile writes these elements.
                unsafe { *derived.add(transposed + first + unit_pair * width) = *pair };
            }
        }
    }

    fn forward(
        &self,
        sizes: Sizes,
        rows: usize,
        weights: Weights<f32>,
        start: Option<&[f32]>,
        x: &[f32],
        y: &mut [f32],
        stash: &mut [f32],
    ) {
        Pairing {
            rows,
            width: sizes.inputs,
            from: x,
            from_stride: stride(sizes.inputs),
            to: stash,
            to_stride: sizes.stash,
        }
        .columns(sizes.isa);
        Product {
            rows,
            columns: sizes.padded_units,
            depth: sizes.input_pairs(),
            a: Strided {
                data: stash,
                row: sizes.stash,
                column: 1,
            },
            b: weights.derived,
            b_layout: Layout::Panels,
            start: start.map_or(Start::Zero, Start::Row),
            c: y,
            c_layout: Layout::Rows(stride(sizes.units)),
        }
        .run_pairs(sizes.isa);
    }

    fn backward(
        &self,
        sizes: Sizes,
        rows: usize,
        weights: Weights<f32>,
        x: &[f32],
        dz: &[f32],
        dx: Option<&mut [f32]>,
        stash: &mut [f32],
    ) {
        let [dz_rows, dz_units, _] = sizes.parts();
        for (from, width, at) in [(x, sizes.inputs, 0), (dz, sizes.units, dz_rows)] {
            Pairing {
                rows,
                width: stride(width),
                from,
                from_stride: stride(width),
                to: &mut stash[at..],
                to_stride: 2 * sizes.stash,
            }
            .rows(sizes.isa);
        }
        let Some(dx) = dx else { return };
        Pairing {
            rows,
            width: sizes.units,
            from: dz,
            from_stride: stride(sizes.units),
            to: &mut stash[dz_units..],
            to_stride: sizes.stash,
        }
        .columns(sizes.isa);
        Product {
            rows,
            columns: sizes.padded_inputs,
            depth: sizes.unit_pairs(),
            a: Strided {
                data: &stash[dz_units..],
                row: sizes.stash,
                column: 1,
            },
            b: &weights.derived[sizes.input_pairs() * sizes.padded_units..],
            b_layout: Layout::Panels,
            start: Start::Zero,
            c: dx,
            c_layout: Layout::Rows(stride(sizes.inputs)),
        }
        .run_pairs(sizes.isa);
    }

    fn gradient(
        &self,
        sizes: Sizes,
        rows: usize,
        tile: &Tile,
        _: &[f32],
        _: &[f32],
        stash: &[f32],
        dw: &mut [f32],
    ) {
        Product {
            rows: tile.rows,
            columns: tile.columns,
            depth: rows.div_ceil(2),
            a: Strided {
                data: &stash[tile.row..],
                row: 1,
                column: 2 * sizes.stash,
            },
            b: &stash[sizes.parts()[0] + tile.column..],
            b_layout: Layout::Rows(2 * sizes.stash),
            start: Start::Zero,
            c: dw,
            c_layout: Layout::Rows(tile.columns),
        }
        .run_pairs(sizes.isa);
    }
}
