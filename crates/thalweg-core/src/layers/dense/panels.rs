//! W in panels: the usual way.
//!
//! W has the layout of the forward product: panels of a few vectors' width over the units, and in a
//! panel one row for each input. Units are padded with zeros to whole vectors, which gradients keep
//! zero. The backward product wants panels over the inputs; these are the derived values, refreshed
//! tile by tile after each update. A tile of dW is some inputs' rows of one panel, so it is
//! contiguous in θ.

use super::{Sizes, Storage, TILE, WEIGHT};
use crate::kernels::gemm::{Layout, Product, Start, Strided};
use crate::kernels::transpose::Transpose;
use crate::layers::LayerScalar;
use crate::layers::{Tile, Weights};
use crate::shape::stride;

pub(super) struct Panels;

impl<T: LayerScalar> Storage<T> for Panels {
    fn weights(&self, sizes: Sizes) -> usize {
        sizes.inputs * sizes.padded_units
    }

    fn tiles(&self, sizes: Sizes) -> Vec<Tile> {
        let mut tiles = Vec::new();
        for column in (0..sizes.padded_units).step_by(sizes.panel) {
            let columns = sizes.panel.min(sizes.padded_units - column);
            // A multiple of 24 is a multiple of every register tile's height.
            let rows = (TILE / columns).next_multiple_of(24);
            tiles.extend((0..sizes.inputs).step_by(rows).map(|row| Tile {
                start: column * sizes.inputs + row * columns,
                segment: WEIGHT,
                row,
                rows: rows.min(sizes.inputs - row),
                column,
                columns,
            }));
        }
        tiles
    }

    fn position(&self, sizes: Sizes, unit: usize, input: usize) -> usize {
        let first = unit / sizes.panel * sizes.panel;
        let width = sizes.panel.min(sizes.padded_units - first);
        first * sizes.inputs + input * width + unit - first
    }

    fn derived(&self, sizes: Sizes) -> usize {
        if sizes.has_input_gradient {
            sizes.units * sizes.padded_inputs
        } else {
            0
        }
    }

    unsafe fn refresh(&self, sizes: Sizes, tile: &Tile, parameters: &[T], derived: *mut T) {
        if !sizes.has_input_gradient {
            return;
        }
        let units = tile.columns.min(sizes.units - tile.column);
        // Inputs of one panel at a time.
        let mut row = 0;
        while row < tile.rows {
            let input = tile.row + row;
            let panel = input / sizes.panel * sizes.panel;
            let width = sizes.panel.min(sizes.padded_inputs - panel);
            let rows = (panel + width - input).min(tile.rows - row);
            let start = panel * sizes.units + tile.column * width + input - panel;
            // SAFETY: the units are below `units` and the inputs below `inputs`, so this is inside the
            // matrix [units, inputs] that was planned; only this tile writes these elements.
            unsafe {
                Transpose {
                    rows,
                    columns: units,
                    from: &parameters[row * tile.columns..],
                    from_stride: tile.columns,
                    to: derived.add(start),
                    to_stride: width,
                }
                .run(sizes.isa);
            }
            row += rows;
        }
    }

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
        Product {
            rows,
            columns: sizes.padded_units,
            depth: sizes.inputs,
            a: Strided {
                data: x,
                row: stride(sizes.inputs),
                column: 1,
            },
            b: weights.parameters,
            b_layout: Layout::Panels,
            start: start.map_or(Start::Zero, Start::Row),
            c: y,
            c_layout: Layout::Rows(stride(sizes.units)),
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
                row: stride(sizes.units),
                column: 1,
            },
            b: weights.derived,
            b_layout: Layout::Panels,
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
        Product {
            rows: tile.rows,
            columns: tile.columns,
            depth: rows,
            a: Strided {
                data: &x[tile.row..],
                row: 1,
                column: stride(sizes.inputs),
            },
            b: &dz[tile.column..],
            b_layout: Layout::Rows(stride(sizes.units)),
            start: Start::Zero,
            c: dw,
            c_layout: Layout::Rows(tile.columns),
        }
        .run(sizes.isa);
    }
}
