//! Dense layers of the members of an ensemble side by side: y_g = x_g·Wᵀ with one W for all, or
//! y_g = x_g·W_gᵀ + b_g. In a row every member's values begin [`stride`] values apart.
//!
//! With one W a row of k members is k rows of a plain product; with W of their own the products take
//! a member after the other, of rows k times as far apart. W is stored in panels (`panels.rs`), that
//! of one member behind the other. Products are in the precision of the parameters, also for bf16.

use super::panels::Panels;
use super::{BIAS, Sizes, Storage};
use crate::constraints::Constraint;
use crate::error::Result;
use crate::kernels::Isa;
use crate::kernels::gemm::{Layout, Product, Start, Strided};
use crate::layers::units::{Units, WEIGHT};
use crate::layers::{
    Block, Facts, Geometry, Layer, LayerPlan, LayerScalar, SecondOrder, Segment, Tile, Trace,
    Weights,
};
use crate::random::Sequence;
use crate::registry::Arguments;
use crate::shape::{Shape, stride};

/// See the module's text.
pub struct Members {
    members: usize,
    inputs: usize,
    /// Of one matrix.
    units: Units,
    /// How many of them there are: one, or one a member.
    matrices: usize,
    has_input_gradient: bool,
}

/// How the rows of a block are rows of one product.
#[derive(Clone, Copy)]
struct Rows {
    rows: usize,
    /// Distance of two rows of x and of y.
    x: usize,
    y: usize,
}

impl Members {
    /// Of the settings of a layer, without its activation; shared weights have no bias here.
    pub fn build(
        arguments: &Arguments,
        members: usize,
        inputs: usize,
        has_input_gradient: bool,
    ) -> Result<Self> {
        let (count, is_shared) = (arguments.integer("units"), arguments.flag("shared"));
        let mut units = Units::read(arguments, count, vec![count, inputs])?;
        units.take_activation();
        units.has_bias &= !is_shared;
        Ok(Self {
            members,
            inputs,
            units,
            matrices: if is_shared { 1 } else { members },
            has_input_gradient,
        })
    }

    fn sizes<T: LayerScalar>(&self, isa: Isa) -> Sizes {
        let lanes = isa.lanes::<T>();
        Sizes {
            isa,
            units: self.units.count,
            inputs: self.inputs,
            padded_units: self.units.count.next_multiple_of(lanes),
            padded_inputs: self.inputs.next_multiple_of(lanes),
            panel: isa.panel::<T>(),
            has_input_gradient: self.has_input_gradient,
            stash: 0,
            row: stride(self.units.count),
        }
    }

    /// Lengths of a matrix in θ and among the derived values, and of a bias.
    fn lengths<T: LayerScalar>(&self, sizes: Sizes) -> [usize; 3] {
        let bias = if self.units.has_bias {
            sizes.padded_units
        } else {
            0
        };
        [
            Storage::<T>::weights(&Panels, sizes),
            Storage::<T>::derived(&Panels, sizes),
            bias,
        ]
    }

    fn rows(&self, rows: usize) -> Rows {
        // Members between two rows of a matrix, which take a row together.
        let apart = self.matrices;
        Rows {
            rows: rows * self.members / apart,
            x: apart * stride(self.inputs),
            y: apart * stride(self.units.count),
        }
    }
}

impl Geometry for Members {
    fn facts(&self) -> Facts {
        let uses = self.members / self.matrices;
        Facts {
            members: Some(self.members),
            reuse: uses,
            ..Facts::new(
                Shape::flat(self.members * stride(self.units.count)),
                self.members * self.units.weights(),
            )
        }
    }

    fn segments(&self) -> Vec<Segment> {
        let mut segments = self.units.segments();
        for segment in &mut segments {
            segment.shape[0] *= self.matrices;
        }
        segments
    }

    fn initialize(&self, segment: usize, random: &mut Sequence) -> Vec<f64> {
        let mut draw = || self.units.initialize(segment, self.units.count, random);
        (0..self.matrices).flat_map(|_| draw()).collect()
    }

    fn constraint(&self, segment: usize) -> Option<&dyn Constraint> {
        self.units.constraint(segment)
    }

    fn second_order(&self) -> Option<SecondOrder<'_>> {
        Some(SecondOrder::Bilinear)
    }
}

impl<T: LayerScalar> Layer<T> for Members {
    fn plan(&self, isa: Isa) -> LayerPlan {
        let sizes = self.sizes::<T>(isa);
        let [weights, derived, bias] = self.lengths::<T>(sizes);
        let of_matrix = |matrix: usize| {
            let tiles = Storage::<T>::tiles(&Panels, sizes).into_iter();
            tiles.map(move |tile| Tile {
                start: matrix * weights + tile.start,
                ..tile
            })
        };
        let biases = self.units.has_bias.then_some(Tile {
            start: self.matrices * weights,
            segment: BIAS,
            row: 0,
            rows: 1,
            column: 0,
            columns: self.matrices * bias,
        });
        LayerPlan {
            parameters: self.matrices * (weights + bias),
            derived: self.matrices * derived,
            stash: 0,
            tiles: (0..self.matrices)
                .flat_map(of_matrix)
                .chain(biases)
                .collect(),
        }
    }

    fn locate(&self, isa: Isa, segment: usize, index: usize) -> usize {
        let sizes = self.sizes::<T>(isa);
        let [weights, _, bias] = self.lengths::<T>(sizes);
        let (unit, input) = match segment {
            WEIGHT => (index / self.inputs, index % self.inputs),
            _ => (index, 0),
        };
        let (matrix, unit) = (unit / self.units.count, unit % self.units.count);
        match segment {
            WEIGHT => matrix * weights + Storage::<T>::position(&Panels, sizes, unit, input),
            _ => self.matrices * weights + matrix * bias + unit,
        }
    }

    unsafe fn refresh(&self, isa: Isa, tile: &Tile, tile_parameters: &[T], derived: *mut T) {
        if tile.segment != WEIGHT {
            return;
        }
        let sizes = self.sizes::<T>(isa);
        let [weights, length, _] = self.lengths::<T>(sizes);
        let matrix = tile.start / weights;
        // SAFETY: the derived values of this matrix lie there; the rest is the caller's promise.
        unsafe {
            let derived = derived.add(matrix * length);
            Storage::<T>::refresh(&Panels, sizes, tile, tile_parameters, derived);
        }
    }

    fn forward(&self, block: Block, weights: Weights<T>, x: &[T], y: &mut [T], _: &mut [T]) {
        let (sizes, rows) = (self.sizes::<T>(block.isa), self.rows(block.rows));
        let [length, _, bias] = self.lengths::<T>(sizes);
        let (matrices, biases) = weights.parameters.split_at(self.matrices * length);
        for matrix in 0..self.matrices {
            Product {
                rows: rows.rows,
                columns: sizes.padded_units,
                depth: self.inputs,
                a: Strided {
                    data: &x[matrix * stride(self.inputs)..],
                    row: rows.x,
                    column: 1,
                },
                b: &matrices[matrix * length..][..length],
                b_layout: Layout::Panels,
                start: match bias {
                    0 => Start::Zero,
                    _ => Start::Row(&biases[matrix * bias..][..bias]),
                },
                c: &mut y[matrix * sizes.row..],
                c_layout: Layout::Rows(rows.y),
            }
            .run(block.isa);
        }
    }

    fn backward(
        &self,
        block: Block,
        weights: Weights<T>,
        _: Trace<T>,
        _: &mut [T],
        dy: &mut [T],
        dx: Option<&mut [T]>,
    ) {
        let Some(dx) = dx else { return };
        let (sizes, rows) = (self.sizes::<T>(block.isa), self.rows(block.rows));
        let [_, length, _] = self.lengths::<T>(sizes);
        for matrix in 0..self.matrices {
            Product {
                rows: rows.rows,
                columns: sizes.padded_inputs,
                depth: self.units.count,
                a: Strided {
                    data: &dy[matrix * sizes.row..],
                    row: rows.y,
                    column: 1,
                },
                b: &weights.derived[matrix * length..][..length],
                b_layout: Layout::Panels,
                start: Start::Zero,
                c: &mut dx[matrix * stride(self.inputs)..],
                c_layout: Layout::Rows(rows.x),
            }
            .run(block.isa);
        }
    }

    fn gradient(
        &self,
        batch: Block,
        tile: &Tile,
        _: &[T],
        trace: Trace<T>,
        _: &[T],
        dy: &[T],
        gradient: &mut [T],
    ) {
        let (sizes, rows) = (self.sizes::<T>(batch.isa), self.rows(batch.rows));
        let [length, _, bias] = self.lengths::<T>(sizes);
        if tile.segment == BIAS {
            gradient.fill(T::ZERO);
            for dy in dy.chunks_exact(rows.y).take(rows.rows) {
                let members = dy.chunks_exact(sizes.row);
                for (gradient, dy) in gradient.chunks_exact_mut(bias).zip(members) {
                    for (gradient, dy) in gradient.iter_mut().zip(&dy[..self.units.count]) {
                        *gradient += *dy;
                    }
                }
            }
            return;
        }
        let matrix = tile.start / length;
        Product {
            rows: tile.rows,
            columns: tile.columns,
            depth: rows.rows,
            a: Strided {
                data: &trace.x[matrix * stride(self.inputs) + tile.row..],
                row: 1,
                column: rows.x,
            },
            b: &dy[matrix * sizes.row + tile.column..],
            b_layout: Layout::Rows(rows.y),
            start: Start::Zero,
            c: gradient,
            c_layout: Layout::Rows(tile.columns),
        }
        .run(batch.isa);
    }
}
