//! Dense layer over sparse rows: y = φ(x·Wᵀ + b), where most of x is 0 and only the rest is read.
//!
//! It reads the features of the rows itself, as they are stored ([`crate::sparse`]), so it is the
//! first layer. Forward adds up the weights of the inputs that are not 0; dW = dzᵀ·x has values at
//! these inputs alone. W is stored input by input, all units of an input side by side. Rows that
//! are stored dense are searched for what is not 0.
//!
//! Sums go along the inputs, and in dW along the rows, in their order: values are those of `dense`
//! up to rounding. Products are not rounded to bf16.

use super::units::{self, Units, WEIGHT};
use super::{
    Block, Context, Example, Facts, Geometry, Layer, LayerPlan, Part, SecondOrder, Segment, Site,
    Tangent, Tile, Trace, Weights,
};
use crate::activations::{AnyActivation, RowShape};
use crate::constraints::Constraint;
use crate::error::{Error, Result};
use crate::kernels::Isa;
use crate::kernels::marks::WORD;
use crate::kernels::sparse::{Backward, Forward, NARROW, NonZeros};
use crate::layers::LayerScalar;
use crate::random::Sequence;
use crate::registry::{Arguments, Description, Entry};
use crate::shape::{Shape, stride};

/// What a row is taken to have, where plans need a number before there are rows.
pub(crate) const USUAL_NON_ZEROS: usize = 32;
/// About this many parameters make a tile: few tiles, because each looks at every row.
const TILE: usize = 16384;
/// Inputs are padded to whole cache lines.
const LINE: usize = 16;
const BIAS: usize = 1;

/// See the module's text.
struct Sparse {
    inputs: usize,
    units: Units,
    keeps_input: bool,
    /// Values from one row of the output to the next.
    row: usize,
}

impl Sparse {
    fn build(arguments: &Arguments, context: &Context) -> Result<Part> {
        if context.index > 0 || !context.input.is_flat() {
            let found = "it behind another layer or on an image";
            let expected = "it as the first layer, on a list of numbers";
            let error = Error::invalid("layer sparse", found, expected);
            return Err(error.remedy("use `dense`"));
        }
        let (inputs, count) = (context.input.size(), arguments.integer("units"));
        let units = Units::read(arguments, count, vec![count, inputs])?;
        Ok(Part::layer(Sparse {
            inputs,
            row: match context.is_last && count <= NARROW {
                true => count,
                false => stride(count),
            },
            keeps_input: units.activation::<f32>().keeps_input(),
            units,
        }))
    }

    /// Weights of an input, with padding.
    fn width<T: LayerScalar>(&self, isa: Isa) -> usize {
        match self.units.count <= NARROW {
            true => self.units.count,
            false => self.units.count.next_multiple_of(isa.lanes::<T>()),
        }
    }

    /// Length of W.
    fn weights<T: LayerScalar>(&self, isa: Isa) -> usize {
        self.inputs.next_multiple_of(LINE) * self.width::<T>(isa)
    }

    fn rows(&self) -> RowShape {
        RowShape {
            width: self.units.count,
            stride: self.row,
        }
    }
}

impl Geometry for Sparse {
    fn facts(&self) -> Facts {
        Facts {
            output_stride: self.row,
            is_probability: self.units.activation.is_probability(),
            reads_features: true,
            ..Facts::new(
                Shape::flat(self.units.count),
                self.inputs.min(USUAL_NON_ZEROS) * self.units.count,
            )
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
        Some(SecondOrder::Own(self))
    }

    fn take_activation(&mut self) -> Option<Box<dyn AnyActivation>> {
        self.keeps_input = false;
        // The activation reads the output, as layers do.
        self.row = stride(self.units.count);
        Some(self.units.take_activation())
    }
}

impl<T: LayerScalar> Layer<T> for Sparse {
    fn plan(&self, isa: Isa) -> LayerPlan {
        let (width, weights) = (self.width::<T>(isa), self.weights::<T>(isa));
        let (inputs, rows) = (
            weights / width,
            // No two tiles share a word of marks.
            (TILE / width).next_multiple_of(WORD).max(WORD),
        );
        let tile = |row: usize| Tile {
            start: row * width,
            segment: WEIGHT,
            row,
            rows: rows.min(inputs - row),
            column: 0,
            columns: width,
        };
        let bias = self.units.has_bias.then(|| Tile {
            start: weights,
            segment: BIAS,
            row: 0,
            rows: 1,
            column: 0,
            columns: self.units.count.next_multiple_of(isa.lanes::<T>()),
        });
        LayerPlan {
            parameters: weights + bias.as_ref().map_or(0, Tile::len),
            derived: 0,
            stash: if self.keeps_input { self.row } else { 0 },
            tiles: (0..inputs).step_by(rows).map(tile).chain(bias).collect(),
        }
    }

    fn locate(&self, isa: Isa, segment: usize, index: usize) -> usize {
        match segment {
            WEIGHT => index % self.inputs * self.width::<T>(isa) + index / self.inputs,
            _ => self.weights::<T>(isa) + index,
        }
    }

    fn forward(&self, block: Block, weights: Weights<T>, _: &[T], y: &mut [T], stash: &mut [T]) {
        let (weights, bias) = weights.parameters.split_at(self.weights::<T>(block.isa));
        let y = &mut y[..block.rows * self.row];
        Forward {
            non_zeros: non_zeros(block),
            width: self.width::<T>(block.isa),
            weights,
            start: self.units.has_bias.then_some(bias),
            y: &mut *y,
            stride: self.row,
        }
        .run(block.isa);
        if self.keeps_input {
            stash[..y.len()].copy_from_slice(y);
        }
        let activation = self.units.activation::<T>();
        activation.forward(block.isa, self.rows(), y);
    }

    fn backward(
        &self,
        block: Block,
        _: Weights<T>,
        trace: Trace<T>,
        stash: &mut [T],
        dy: &mut [T],
        _: Option<&mut [T]>,
    ) {
        let at = if self.keeps_input { stash } else { trace.y };
        let dz = &mut dy[..block.rows * self.row];
        let activation = self.units.activation::<T>();
        activation.backward(block.isa, self.rows(), at, dz);
    }

    fn gradient(
        &self,
        batch: Block,
        tile: &Tile,
        _: &[T],
        _: Trace<T>,
        _: &[T],
        dz: &[T],
        gradient: &mut [T],
    ) {
        if tile.segment != WEIGHT {
            return (self.units).bias_gradient(batch.isa, batch.rows, self.row, dz, gradient);
        }
        gradient.fill(T::ZERO);
        Backward {
            non_zeros: non_zeros(batch),
            columns: tile.row..tile.row + tile.rows,
            width: tile.columns,
            rows: batch.rows,
            dz,
            stride: self.row,
            gradient,
            ranks: None,
        }
        .run(batch.isa);
    }
}

fn non_zeros(block: Block<'_>) -> NonZeros<'_> {
    NonZeros {
        features: *block.features,
        rows: block.listed.part(block.start..block.start + block.rows),
    }
}

/// The features are given, so that ẋ = 0, and ẏ = x·Ẇᵀ + ḃ.
impl Tangent for Sparse {
    fn forward(&self, site: Site, y_dot: &mut [f64], [stash, _]: [&mut [f64]; 2]) {
        Layer::<f64>::forward(self, site.block, site.direction, &[], y_dot, stash);
    }

    fn backward(&self, _: Site, _: [&mut [f64]; 2], _: [&mut [f64]; 2], _: &mut [f64]) {}

    fn gradient(
        &self,
        site: Site,
        tile: &Tile,
        _: [&[f64]; 2],
        [_, dy_dot]: [&[f64]; 2],
        gradient: &mut [f64],
    ) {
        Layer::<f64>::gradient(
            self,
            site.block,
            tile,
            &[],
            site.trace,
            &[],
            dy_dot,
            gradient,
        );
    }
}

pub(super) const ENTRY: Entry<Part, Context> = Entry {
    description: Description {
        name: "sparse",
        summary: "A dense layer that reads what is not 0 of sparse rows; the first layer",
        equation: "y = φ(x·Wᵀ + b)",
        source: "as dense; rows in CSR: Saad 2003, §3.4",
        parameters: units::DENSE,
    },
    build: Sparse::build,
};

pub(super) const EXAMPLES: &[Example] = &[
    Example::list(r#"[{"name": "sparse", "units": 5, "activation": "tanh"}]"#).first(),
    Example::list(
        r#"[{"name": "sparse", "units": 2, "activation": "softplus"}, {"name": "dense", "units": 4, "activation": "tanh"}]"#,
    )
    .first(),
    Example::list(r#"[{"name": "sparse", "units": 40, "activation": "silu", "bias": false}]"#)
        .first(),
];
