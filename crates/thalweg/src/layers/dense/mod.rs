//! Dense layer: y = φ(x·Wᵀ + b).
//!
//! Shapes: x \[rows, inputs\], W \[units, inputs\], b \[units\], y \[rows, units\].
//! Backward, with dz = dy ⊙ φ′(z): dx = dz·W, dW = dzᵀ·x, db = Σ dz over the rows (the loss has divided by
//! the batch already).
//!
//! How W lies in θ, and with it the way in which the three products are computed, depends on the number of
//! units: see `panels.rs` for the usual case and `unit_rows.rs` for a few units.

mod panels;
mod unit_rows;

use super::{
    Block, Geometry, Layer, Matrix, Part, Place, Plan, Segment, Shape, Tile, Trace, Weights, stride,
};
use crate::activations::{ACTIVATIONS, AnyActivation};
use crate::error::Result;
use crate::initializers::{INITIALIZERS, Initializer};
use crate::kernels::Isa;
use crate::kernels::gemm::{Layout, Product, Start, Strided};
use crate::precision::Precision;
use crate::random::Sequence;
use crate::registry::{AUTO, Arguments, Choice, Default, Description, Domain, Entry, Parameter};

/// About this many parameters make a tile: enough to hide the cost of a call, few enough that the
/// optimizer finds them in the first-level cache.
const TILE: usize = 3072;
/// Up to this many units are stored unit by unit.
const FEW_UNITS: usize = 4;
const WEIGHT: usize = 0;
const BIAS: usize = 1;

/// See the module's text.
pub struct Dense {
    inputs: usize,
    units: usize,
    has_bias: bool,
    is_first: bool,
    activation: Box<dyn AnyActivation>,
    initializer: Box<dyn Initializer>,
}

/// Sizes in one precision and instruction set.
#[derive(Debug, Clone, Copy)]
struct Sizes {
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
}

/// A way to store W and to compute with it.
trait Storage<T: Precision> {
    /// Whether the rows of a tile are units, and not inputs.
    fn has_unit_rows(&self) -> bool {
        false
    }
    /// Length of W with padding.
    fn weights(&self, sizes: Sizes) -> usize;
    /// See [`Plan::tiles`], for W alone.
    fn tiles(&self, sizes: Sizes) -> Vec<Tile>;
    /// Where the weight of an input in a unit lies.
    fn position(&self, sizes: Sizes, unit: usize, input: usize) -> usize;
    /// See [`Plan::derived`].
    fn derived(&self, sizes: Sizes) -> usize;
    /// See [`Layer::refresh`], for a tile of W.
    ///
    /// # Safety
    /// As there.
    unsafe fn refresh(&self, sizes: Sizes, tile: &Tile, parameters: &[T], derived: *mut T);
    /// y = start + x·Wᵀ.
    fn forward(
        &self,
        sizes: Sizes,
        rows: usize,
        w: &[T],
        start: Option<&[T]>,
        x: &[T],
        y: &mut [T],
    );
    /// dx = dz·W.
    fn backward(&self, sizes: Sizes, rows: usize, weights: Weights<T>, dz: &[T], dx: &mut [T]);
    /// A tile of dW = dzᵀ·x.
    fn gradient(&self, sizes: Sizes, rows: usize, tile: &Tile, x: &[T], dz: &[T], dw: &mut [T]);
}

impl Dense {
    fn build(arguments: &Arguments, place: &Place) -> Result<Part> {
        let activation = ACTIVATIONS.build(&arguments.choice("activation"), &())?;
        let initializer = match arguments.choice("initializer") {
            choice if choice.name == AUTO => Choice::new(activation.initializer()),
            choice => choice,
        };
        Ok(Part::layer(Dense {
            inputs: place.input.size(),
            units: arguments.integer("units"),
            has_bias: arguments.flag("bias"),
            is_first: !place.has_gradient,
            activation,
            initializer: INITIALIZERS.build(&initializer, &())?,
        }))
    }

    fn sizes<T: Precision>(&self, isa: Isa) -> Sizes {
        let lanes = isa.lanes::<T>();
        Sizes {
            isa,
            units: self.units,
            inputs: self.inputs,
            padded_units: self.units.next_multiple_of(lanes),
            padded_inputs: self.inputs.next_multiple_of(lanes),
            panel: isa.panel::<T>(),
            has_input_gradient: !self.is_first,
        }
    }

    fn storage<T: Precision>(&self) -> &'static dyn Storage<T> {
        if self.units <= FEW_UNITS {
            &unit_rows::UnitRows
        } else {
            &panels::Panels
        }
    }

    fn activation<T: Precision>(&self) -> &dyn crate::activations::Activation<T> {
        T::activation(&*self.activation)
    }
}

impl Geometry for Dense {
    fn output(&self) -> Shape {
        Shape::flat(self.units)
    }

    fn segments(&self) -> Vec<Segment> {
        let weight = Segment {
            name: "weight",
            shape: vec![self.units, self.inputs],
            decays: true,
        };
        let bias = Segment {
            name: "bias",
            shape: vec![self.units],
            decays: false,
        };
        [weight]
            .into_iter()
            .chain(self.has_bias.then_some(bias))
            .collect()
    }

    fn initialize(&self, segment: usize, random: &mut Sequence) -> Vec<f64> {
        match segment {
            WEIGHT => {
                let mut weights = vec![0.0; self.units * self.inputs];
                self.initializer
                    .fill(self.inputs, self.units, random, &mut weights);
                weights
            }
            _ => vec![0.0; self.units],
        }
    }

    fn cost(&self) -> usize {
        self.inputs * self.units
    }
}

impl<T: Precision> Layer<T> for Dense {
    fn plan(&self, isa: Isa) -> Plan {
        let (sizes, storage) = (self.sizes::<T>(isa), self.storage::<T>());
        let weights = storage.weights(sizes);
        let bias = self.has_bias.then_some(Tile {
            start: weights,
            segment: BIAS,
            row: 0,
            rows: 1,
            column: 0,
            columns: sizes.padded_units,
        });
        Plan {
            parameters: weights + bias.as_ref().map_or(0, Tile::len),
            derived: storage.derived(sizes),
            stash: if self.activation::<T>().keeps_input() {
                stride(self.units)
            } else {
                0
            },
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
        if tile.segment == WEIGHT && !self.is_first {
            // SAFETY: the caller's promise.
            unsafe {
                self.storage::<T>()
                    .refresh(self.sizes::<T>(isa), tile, tile_parameters, derived);
            }
        }
    }

    fn forward(&self, block: Block, weights: Weights<T>, x: &[T], y: &mut [T], stash: &mut [T]) {
        let (sizes, storage) = (self.sizes::<T>(block.isa), self.storage::<T>());
        let (w, bias) = weights.parameters.split_at(storage.weights(sizes));
        storage.forward(sizes, block.rows, w, self.has_bias.then_some(bias), x, y);
        let activation = self.activation::<T>();
        let values = block.rows * stride(self.units);
        if activation.keeps_input() {
            stash[..values].copy_from_slice(&y[..values]);
        }
        activation.forward(block.isa, &mut y[..values]);
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
        let activation = self.activation::<T>();
        let at = if activation.keeps_input() {
            stash
        } else {
            trace.y
        };
        activation.backward(block.isa, at, &mut dy[..block.rows * stride(self.units)]);
        if let Some(dx) = dx {
            self.storage::<T>()
                .backward(self.sizes::<T>(block.isa), block.rows, weights, dy, dx);
        }
    }

    fn gradient(
        &self,
        batch: Block,
        tile: &Tile,
        _: &[T],
        trace: Trace<T>,
        _: &[T],
        dz: &[T],
        gradient: &mut [T],
    ) {
        let sizes = self.sizes::<T>(batch.isa);
        if tile.segment == WEIGHT {
            self.storage::<T>()
                .gradient(sizes, batch.rows, tile, trace.x, dz, gradient);
            return;
        }
        // db = 1ᵀ·dz.
        let one = [T::ONE];
        Product {
            rows: 1,
            columns: tile.columns,
            depth: batch.rows,
            a: Strided {
                data: &one,
                row: 1,
                column: 0,
            },
            b: dz,
            b_layout: Layout::Rows(stride(self.units)),
            start: Start::Zero,
            c: gradient,
            c_layout: Layout::Rows(tile.columns),
        }
        .run(batch.isa);
    }

    fn matrix(&self, tile: &Tile) -> Option<Matrix> {
        if tile.segment != WEIGHT {
            return None;
        }
        let rows = tile.row..tile.row + tile.rows;
        let columns = tile.column..tile.column + tile.columns;
        Some(if self.storage::<T>().has_unit_rows() {
            Matrix {
                units: rows,
                inputs: columns.start..columns.end.min(self.inputs),
                unit_stride: tile.columns,
                input_stride: 1,
            }
        } else {
            Matrix {
                units: columns.start..columns.end.min(self.units),
                inputs: rows,
                unit_stride: 1,
                input_stride: tile.columns,
            }
        })
    }
}

pub(super) const ENTRY: Entry<Part, Place> = Entry {
    description: Description {
        name: "dense",
        summary: "Every unit sees every input",
        equation: "y = φ(x·Wᵀ + b)",
        source: "Rumelhart, Hinton & Williams 1986",
        parameters: &[
            Parameter {
                name: "units",
                summary: "values a row that it puts out",
                default: Default::Required,
                domain: Domain::Integer(1, 1 << 24),
            },
            Parameter {
                name: "activation",
                summary: "φ",
                default: Default::Text("identity"),
                domain: Domain::Choice(|| &ACTIVATIONS),
            },
            Parameter {
                name: "bias",
                summary: "whether there is a b",
                default: Default::Flag(true),
                domain: Domain::Flag,
            },
            Parameter {
                name: "initializer",
                summary: "of W; auto is the one that suits the activation",
                default: Default::Text("auto"),
                domain: Domain::ChoiceOrAuto(|| &INITIALIZERS),
            },
        ],
    },
    build: Dense::build,
};
