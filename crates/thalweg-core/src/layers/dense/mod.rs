//! Dense layer: y = φ(x·Wᵀ + b).
//!
//! Shapes: x \[rows, inputs\], W \[units, inputs\], b \[units\], y \[rows, units\]. Backward, with
//! dz = dy ⊙ φ′(z): dx = dz·W, dW = dzᵀ·x, db = Σ dz over the rows (the loss has divided by the
//! batch already).
//!
//! The layout of W in θ, and with it how the three products are computed, depends on the number of
//! units and on the dtype: see `panels.rs` for the usual case, `unit_rows.rs` for a few units, and
//! `pair_panels.rs` for bf16.

mod members;
mod one_row;
mod pair_panels;
mod panels;
mod unit_rows;

pub(super) use members::Members;

use super::units::{self, Units, WEIGHT};
use super::{
    Block, Context, Example, Facts, Geometry, Layer, LayerPlan, OneRow, Part, SecondOrder, Segment,
    Tile, Trace, WeightLayout, Weights,
};
use crate::activations::{AnyActivation, RowShape};
use crate::constraints::Constraint;
use crate::error::Result;
use crate::kernels::Isa;
use crate::layers::LayerScalar;
use crate::precision::Dtype;
use crate::random::Sequence;
use crate::registry::{Arguments, Description, Entry};
use crate::shape::{Shape, stride};

/// About this many parameters make a tile: enough to hide the cost of a call, few enough that the
/// optimizer finds them in the first-level cache.
const TILE: usize = 3072;
/// Up to this many units are stored unit by unit.
const FEW_UNITS: usize = 4;
const BIAS: usize = 1;

/// See the module's text.
pub struct Dense {
    inputs: usize,
    units: Units,
    is_first: bool,
    dtype: Dtype,
    keeps_input: bool,
    /// Values from one row of the output to the next.
    row: usize,
}

/// Sizes in one precision and instruction set.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    isa: Isa,
    units: usize,
    inputs: usize,
    /// Units and inputs, padded to whole vectors.
    padded_units: usize,
    padded_inputs: usize,
    /// Columns of a panel.
    panel: usize,
    /// Whether the gradient of the inputs is wanted.
    has_input_gradient: bool,
    /// Values of a row in the stash.
    stash: usize,
    /// Values of a row of the output.
    row: usize,
}

/// A way to store W and to compute with it. `weights.parameters` is W here, without the bias.
pub trait Storage<T> {
    /// Whether the rows of a tile are units, and not inputs.
    fn has_unit_rows(&self) -> bool {
        false
    }
    /// Length of W with padding.
    fn weights(&self, sizes: Sizes) -> usize;
    /// See [`LayerPlan::tiles`], for W alone.
    fn tiles(&self, sizes: Sizes) -> Vec<Tile>;
    /// Position of the weight of an input in a unit.
    fn position(&self, sizes: Sizes, unit: usize, input: usize) -> usize;
    /// See [`LayerPlan::derived`].
    fn derived(&self, sizes: Sizes) -> usize;
    /// See [`LayerPlan::stash`]; its part of a row's stash comes first.
    fn stash(&self, _: Sizes) -> usize {
        0
    }
    /// See [`Layer::refresh`], for a tile of W.
    ///
    /// # Safety
    /// As there.
    unsafe fn refresh(&self, sizes: Sizes, tile: &Tile, parameters: &[T], derived: *mut T);
    /// y = start + x·Wᵀ.
    #[expect(clippy::too_many_arguments, reason = "the operands of a product")]
    fn forward(
        &self,
        sizes: Sizes,
        rows: usize,
        weights: Weights<T>,
        start: Option<&[T]>,
        x: &[T],
        y: &mut [T],
        stash: &mut [T],
    );
    /// dx = dz·W, if that is wanted.
    #[expect(clippy::too_many_arguments, reason = "the operands of a product")]
    fn backward(
        &self,
        sizes: Sizes,
        rows: usize,
        weights: Weights<T>,
        x: &[T],
        dz: &[T],
        dx: Option<&mut [T]>,
        stash: &mut [T],
    );
    /// A tile of dW = dzᵀ·x.
    #[expect(clippy::too_many_arguments, reason = "the operands of a product")]
    fn gradient(
        &self,
        sizes: Sizes,
        rows: usize,
        tile: &Tile,
        x: &[T],
        dz: &[T],
        stash: &[T],
        dw: &mut [T],
    );
}

/// A precision whose products may be of bf16 numbers.
pub trait Stored: Sized + 'static {
    /// The storage for many units when they are.
    const BF16: &'static dyn Storage<Self>;
}

impl Stored for f32 {
    const BF16: &'static dyn Storage<f32> = &pair_panels::PairPanels;
}

impl Stored for f64 {
    /// bf16 computes in single precision, so it is not a case here.
    const BF16: &'static dyn Storage<f64> = &panels::Panels;
}

impl Dense {
    fn build(arguments: &Arguments, context: &Context) -> Result<Part> {
        let (inputs, count) = (context.input.size(), arguments.integer("units"));
        let units = Units::read(arguments, count, vec![count, inputs])?;
        Ok(Part::layer(Dense {
            inputs,
            row: match context.is_last && count <= FEW_UNITS {
                true => count,
                false => stride(count),
            },
            is_first: !context.has_gradient,
            dtype: context.dtype,
            keeps_input: units.activation::<f32>().keeps_input(),
            units,
        }))
    }

    fn sizes<T: LayerScalar>(&self, isa: Isa) -> Sizes {
        let lanes = isa.lanes::<T>();
        let sizes = Sizes {
            isa,
            units: self.units.count,
            inputs: self.inputs,
            padded_units: self.units.count.next_multiple_of(lanes),
            padded_inputs: self.inputs.next_multiple_of(lanes),
            panel: isa.panel::<T>(),
            has_input_gradient: !self.is_first,
            stash: 0,
            row: self.row,
        };
        let stash = match self.dtype {
            Dtype::Bf16 => self.storage::<T>().stash(sizes),
            Dtype::F32 | Dtype::F64 => 0,
        };
        Sizes {
            stash: stash + self.kept(),
            ..sizes
        }
    }

    /// Values of a row that the activation wants back: z, at the end of the row's stash.
    fn kept(&self) -> usize {
        if self.keeps_input { self.row } else { 0 }
    }

    fn has_few_units(&self) -> bool {
        self.units.count <= FEW_UNITS
    }

    fn storage<T: LayerScalar>(&self) -> &'static dyn Storage<T> {
        if self.has_few_units() {
            &unit_rows::UnitRows
        } else if self.dtype == Dtype::Bf16 {
            T::BF16
        } else {
            &panels::Panels
        }
    }

    /// W with what is derived from it, and the bias.
    fn split<'a, T: LayerScalar>(
        &self,
        sizes: Sizes,
        weights: Weights<'a, T>,
    ) -> (Weights<'a, T>, Option<&'a [T]>) {
        let bias = if self.units.has_bias {
            sizes.padded_units
        } else {
            0
        };
        let (parameters, bias) = weights.parameters.split_at(weights.parameters.len() - bias);
        let derived = weights.derived;
        (
            Weights {
                parameters,
                derived,
            },
            self.units.has_bias.then_some(bias),
        )
    }

    fn rows(&self) -> RowShape {
        RowShape {
            width: self.units.count,
            stride: self.row,
        }
    }
}

impl Geometry for Dense {
    fn facts(&self) -> Facts {
        Facts {
            output_stride: self.row,
            is_probability: self.units.activation.is_probability(),
            ..Facts::new(Shape::flat(self.units.count), self.units.weights())
        }
    }

    fn segments(&self) -> Vec<Segment> {
        self.units.segments()
    }

    fn initialize(&self, segment: usize, random: &mut Sequence) -> Vec<f64> {
        self.units.initialize(segment, self.units.count, random)
    }

    fn constraint(&self, segment: usize) -> Option<&dyn Constraint> {
        self.units.constraint(segment)
    }

    fn check_trainable(&self) -> Result<()> {
        self.units.activation.check_trainable()
    }

    fn second_order(&self) -> Option<SecondOrder<'_>> {
        Some(SecondOrder::Bilinear)
    }

    fn take_activation(&mut self) -> Option<Box<dyn AnyActivation>> {
        self.keeps_input = false;
        // The activation reads the output, as layers do.
        self.row = stride(self.units.count);
        Some(self.units.take_activation())
    }
}

impl<T: LayerScalar> Layer<T> for Dense {
    fn plan(&self, isa: Isa) -> LayerPlan {
        let (sizes, storage) = (self.sizes::<T>(isa), self.storage::<T>());
        let weights = storage.weights(sizes);
        let bias = self.units.has_bias.then_some(Tile {
            start: weights,
            segment: BIAS,
            row: 0,
            rows: 1,
            column: 0,
            columns: sizes.padded_units,
        });
        LayerPlan {
            parameters: weights + bias.as_ref().map_or(0, Tile::len),
            derived: storage.derived(sizes),
            stash: sizes.stash,
            tiles: storage.tiles(sizes).into_iter().chain(bias).collect(),
        }
    }

    fn locate(&self, isa: Isa, segment: usize, index: usize) -> usize {
        let (sizes, storage) = (self.sizes::<T>(isa), self.storage::<T>());
        match segment {
            WEIGHT => storage.position(sizes, index / self.inputs, index % self.inputs),
            _ => storage.weights(sizes) + index,
        }
    }

    unsafe fn refresh(&self, isa: Isa, tile: &Tile, tile_parameters: &[T], derived: *mut T) {
        if tile.segment == WEIGHT {
            // SAFETY: the caller's promise.
            unsafe {
                self.storage::<T>()
                    .refresh(self.sizes::<T>(isa), tile, tile_parameters, derived);
            }
        }
    }

    fn forward(&self, block: Block, weights: Weights<T>, x: &[T], y: &mut [T], stash: &mut [T]) {
        let (sizes, storage) = (self.sizes::<T>(block.isa), self.storage::<T>());
        let (weights, bias) = self.split(sizes, weights);
        storage.forward(sizes, block.rows, weights, bias, x, y, stash);
        let width = self.row;
        let y = &mut y[..block.rows * width];
        let kept = self.kept();
        if kept > 0 {
            for (stash, y) in stash
                .chunks_exact_mut(sizes.stash)
                .zip(y.chunks_exact(width))
            {
                stash[sizes.stash - kept..].copy_from_slice(y);
            }
        }
        self.units
            .activation::<T>()
            .forward(block.isa, self.rows(), y);
    }

    fn backward(
        &self,
        block: Block,
        weights: Weights<T>,
        trace: Trace<T>,
        stash: &mut [T],
        dy: &mut [T],
        dx: Option<&mut [T]>,
    ) {
        let (sizes, storage) = (self.sizes::<T>(block.isa), self.storage::<T>());
        let activation = self.units.activation::<T>();
        let width = self.row;
        let dz = &mut dy[..block.rows * width];
        let kept = self.kept();
        if kept == 0 {
            activation.backward(block.isa, self.rows(), trace.y, dz);
        } else if kept == sizes.stash {
            activation.backward(block.isa, self.rows(), stash, dz);
        } else {
            for (stash, dz) in stash
                .chunks_exact(sizes.stash)
                .zip(dz.chunks_exact_mut(width))
            {
                activation.backward(block.isa, self.rows(), &stash[sizes.stash - kept..], dz);
            }
        }
        let (weights, _) = self.split(sizes, weights);
        storage.backward(sizes, block.rows, weights, trace.x, dz, dx, stash);
    }

    fn gradient(
        &self,
        batch: Block,
        tile: &Tile,
        _: &[T],
        trace: Trace<T>,
        stash: &[T],
        dz: &[T],
        gradient: &mut [T],
    ) {
        let sizes = self.sizes::<T>(batch.isa);
        if tile.segment == WEIGHT {
            self.storage::<T>()
                .gradient(sizes, batch.rows, tile, trace.x, dz, stash, gradient);
            return;
        }
        (self.units).bias_gradient(batch.isa, batch.rows, self.row, dz, gradient);
    }

    fn one_row(&self) -> Option<&dyn OneRow<T>> {
        self.takes_one_row().then_some(self)
    }

    fn weight_layout(&self, tile: &Tile) -> Option<WeightLayout> {
        if tile.segment != WEIGHT {
            return None;
        }
        let rows = tile.row..tile.row + tile.rows;
        let columns = tile.column..tile.column + tile.columns;
        Some(if self.storage::<T>().has_unit_rows() {
            WeightLayout {
                units: rows,
                inputs: columns.start..columns.end.min(self.inputs),
                unit_stride: tile.columns,
                input_stride: 1,
            }
        } else {
            WeightLayout {
                units: columns.start..columns.end.min(self.units.count),
                inputs: rows,
                unit_stride: 1,
                input_stride: tile.columns,
            }
        })
    }
}

pub(super) const ENTRY: Entry<Part, Context> = Entry {
    description: Description {
        name: "dense",
        summary: "Every unit sees every input",
        equation: "y = φ(x·Wᵀ + b)",
        source: "Rumelhart, Hinton & Williams 1986",
        parameters: units::DENSE,
    },
    build: Dense::build,
};

pub(super) const EXAMPLES: &[Example] = &[
    Example::list(r#"[{"name": "dense", "units": 5, "activation": "identity"}]"#).first(),
    Example::list(r#"[{"name": "dense", "units": 5, "activation": "tanh"}]"#),
    Example::list(
        r#"[{"name": "dense", "units": 2, "activation": "softplus"}, {"name": "dense", "units": 70, "activation": "tanh"}]"#,
    ),
    Example::list(r#"[{"name": "dense", "units": 17, "activation": "sigmoid", "bias": false}]"#),
];
