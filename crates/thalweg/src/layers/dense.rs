//! Dense layer: y = φ(x·Wᵀ + b).
//!
//! Shapes: x \[rows, inputs\], W \[units, inputs\], b \[units\], y \[rows, units\].
//! Backward, with dz = dy ⊙ φ′(z): dx = dz·W, dW = dzᵀ·x, db = Σ dz over the rows (the loss has divided by
//! the batch already).
//!
//! W lives packed for the forward product: panels of a few vectors' width over the units, and in a panel
//! one row for each input; units are padded with zeros to whole vectors, which gradients keep zero. The
//! backward product wants panels over the inputs; these are the layer's derived values, brought up to date
//! tile by tile after each update. A tile of dW is some inputs' rows of one panel, so it is contiguous in θ.

use super::{AnyLayer, Block, Geometry, Layer, Place, Plan, Segment, Tile, Weights, stride};
use crate::activations::{ACTIVATIONS, AnyActivation};
use crate::error::Result;
use crate::initializers::{INITIALIZERS, Initializer};
use crate::kernels::Isa;
use crate::kernels::gemm::{Layout, Product, Start, Strided};
use crate::precision::Precision;
use crate::random::Sequence;
use crate::registry::{Arguments, Choice, Default, Description, Domain, Entry, Parameter};

/// About this many parameters make a tile: enough to hide the cost of a call, few enough that the
/// optimizer finds them in the first-level cache.
const TILE: usize = 3072;
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

/// Sizes in values of one precision.
struct Packing {
    /// Units, padded to whole vectors.
    units: usize,
    /// Inputs, padded likewise.
    inputs: usize,
    /// Width of a full panel.
    panel: usize,
}

impl Dense {
    fn build(arguments: &Arguments, place: &Place) -> Result<Box<dyn AnyLayer>> {
        let activation = arguments.text("activation");
        let initializer = match arguments.text("initializer") {
            "auto" if activation == "relu" => "he_uniform",
            "auto" => "glorot_uniform",
            name => name,
        };
        Ok(Box::new(Dense {
            inputs: place.inputs,
            units: arguments.integer("units"),
            has_bias: arguments.flag("bias"),
            is_first: place.index == 0,
            activation: ACTIVATIONS.build(&Choice::new(activation), &())?,
            initializer: INITIALIZERS.build(&Choice::new(initializer), &())?,
        }))
    }

    fn packing<T: Precision>(&self, isa: Isa) -> Packing {
        let lanes = isa.lanes::<T>();
        Packing {
            units: self.units.next_multiple_of(lanes),
            inputs: self.inputs.next_multiple_of(lanes),
            panel: isa.panel::<T>(),
        }
    }

    /// Where the bias begins in the layer's part of θ.
    fn bias_start(&self, packing: &Packing) -> usize {
        self.inputs * packing.units
    }

    fn activation<T: Precision>(&self) -> &dyn crate::activations::Activation<T> {
        T::activation(&*self.activation)
    }
}

impl Packing {
    /// Position of (row, column) in a matrix of `rows` rows packed over `columns`.
    fn position(&self, row: usize, column: usize, rows: usize, columns: usize) -> usize {
        let first = column / self.panel * self.panel;
        first * rows + row * self.panel.min(columns - first) + column - first
    }
}

impl Geometry for Dense {
    fn outputs(&self) -> usize {
        self.units
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
        [weight].into_iter().chain(self.has_bias.then_some(bias)).collect()
    }

    fn initialize(&self, segment: usize, random: &mut Sequence) -> Vec<f64> {
        match segment {
            WEIGHT => {
                let mut weights = vec![0.0; self.units * self.inputs];
                self.initializer.fill(self.inputs, self.units, random, &mut weights);
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
        let packing = self.packing::<T>(isa);
        let mut tiles = Vec::new();
        for column in (0..packing.units).step_by(packing.panel) {
            let columns = packing.panel.min(packing.units - column);
            // A multiple of 24 is a multiple of every register tile's height.
            let rows = (TILE / columns).next_multiple_of(24);
            tiles.extend((0..self.inputs).step_by(rows).map(|row| Tile {
                start: column * self.inputs + row * columns,
                segment: WEIGHT,
                row,
                rows: rows.min(self.inputs - row),
                column,
                columns,
            }));
        }
        let bias = if self.has_bias { packing.units } else { 0 };
        if self.has_bias {
            tiles.push(Tile {
                start: self.bias_start(&packing),
                segment: BIAS,
                row: 0,
                rows: 1,
                column: 0,
                columns: bias,
            });
        }
        Plan {
            parameters: self.bias_start(&packing) + bias,
            derived: if self.is_first { 0 } else { self.units * packing.inputs },
            stash: if self.activation::<T>().keeps_input() { stride(self.units) } else { 0 },
            tiles,
        }
    }

    fn locate(&self, isa: Isa, segment: usize, index: usize) -> usize {
        let packing = self.packing::<T>(isa);
        match segment {
            WEIGHT => {
                let (unit, input) = (index / self.inputs, index % self.inputs);
                packing.position(input, unit, self.inputs, packing.units)
            }
            _ => self.bias_start(&packing) + index,
        }
    }

    unsafe fn refresh(&self, isa: Isa, tile: &Tile, tile_parameters: &[T], derived: *mut T) {
        if tile.segment != WEIGHT || self.is_first {
            return;
        }
        let packing = self.packing::<T>(isa);
        let units = tile.columns.min(self.units - tile.column);
        for (input, values) in (tile.row..).zip(tile_parameters.chunks_exact(tile.columns)) {
            let panel = input / packing.panel * packing.panel;
            let width = packing.panel.min(packing.inputs - panel);
            let start = panel * self.units + tile.column * width + input - panel;
            for (unit, value) in values[..units].iter().enumerate() {
                // SAFETY: the unit is below `units` and `input` below `inputs`, so this is inside the
                // matrix [units, inputs] that was planned; only this tile writes these elements.
                unsafe { *derived.add(start + unit * width) = *value };
            }
        }
    }

    fn forward(&self, block: Block, weights: Weights<T>, x: &[T], y: &mut [T], stash: &mut [T]) {
        let packing = self.packing::<T>(block.isa);
        let bias = self.bias_start(&packing);
        Product {
            rows: block.rows,
            columns: packing.units,
            depth: self.inputs,
            a: Strided { data: x, row: stride(self.inputs), column: 1 },
            b: weights.parameters,
            b_layout: Layout::Panels,
            start: if self.has_bias { Start::Row(&weights.parameters[bias..]) } else { Start::Zero },
            c: y,
            c_layout: Layout::Rows(stride(self.units)),
        }
        .run(block.isa);
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
        y: &[T],
        stash: &[T],
        dy: &mut [T],
        dx: Option<&mut [T]>,
    ) {
        let packing = self.packing::<T>(block.isa);
        let activation = self.activation::<T>();
        let at = if activation.keeps_input() { stash } else { y };
        activation.backward(block.isa, at, &mut dy[..block.rows * stride(self.units)]);
        if let Some(dx) = dx {
            Product {
                rows: block.rows,
                columns: packing.inputs,
                depth: self.units,
                a: Strided { data: dy, row: stride(self.units), column: 1 },
                b: weights.derived,
                b_layout: Layout::Panels,
                start: Start::Zero,
                c: dx,
                c_layout: Layout::Rows(stride(self.inputs)),
            }
            .run(block.isa);
        }
    }

    fn gradient(&self, batch: Block, tile: &Tile, x: &[T], dz: &[T], gradient: &mut [T]) {
        let one = [T::ONE];
        let a = if tile.segment == WEIGHT {
            Strided { data: &x[tile.row..], row: 1, column: stride(self.inputs) }
        } else {
            Strided { data: &one, row: 1, column: 0 }
        };
        Product {
            rows: tile.rows,
            columns: tile.columns,
            depth: batch.rows,
            a,
            b: &dz[tile.column..],
            b_layout: Layout::Rows(stride(self.units)),
            start: Start::Zero,
            c: gradient,
            c_layout: Layout::Rows(tile.columns),
        }
        .run(batch.isa);
    }
}

pub(super) const ENTRY: Entry<Box<dyn AnyLayer>, Place> = Entry {
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
                domain: Domain::Name("activations"),
            },
            Parameter {
                name: "bias",
                summary: "whether there is a b",
                default: Default::Flag(true),
                domain: Domain::Flag,
            },
            Parameter {
                name: "initializer",
                summary: "of W; auto is he_uniform before relu, else glorot_uniform",
                default: Default::Text("auto"),
                domain: Domain::Name("initializers"),
            },
        ],
    },
    build: Dense::build,
};
