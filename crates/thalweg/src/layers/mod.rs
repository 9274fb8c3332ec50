//! Layers: explicit forward and backward passes over row blocks.
//!
//! A layer owns no parameters and no buffers. It says once what it needs ([`Geometry`], [`Layer::plan`]);
//! the engine lays all of it out and hands it slices. In every buffer a row takes [`stride`] values; the
//! padding is zero in gradients, and in values some number on which nothing depends (finite wherever the
//! row is).

use std::fmt;

use crate::error::{Error, Result};
use crate::kernels::Isa;
use crate::precision::Dtype;
use crate::random::Sequence;
use crate::registry::entries;

entries! {
    /// All layers.
    LAYERS: "layer" => Box<dyn AnyLayer>, Place;
    dense,
}

pub(crate) use dense::Stored;

/// Where a layer stands in its network.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// Position, counted from 0.
    pub index: usize,
    /// What comes in.
    pub input: Shape,
    /// What the network is computed in.
    pub dtype: Dtype,
}

/// The shape of a row: an image, or a flat list of values, which is an image of one pixel.
///
/// Values of a row lie channel by channel, and in a channel line by line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Channels of an image; values of a list.
    pub channels: usize,
    /// Lines.
    pub height: usize,
    /// Pixels of a line.
    pub width: usize,
}

impl Shape {
    /// A flat list.
    pub fn flat(values: usize) -> Self {
        Self {
            channels: values,
            height: 1,
            width: 1,
        }
    }

    /// Values of a row.
    pub fn size(self) -> usize {
        self.channels * self.height * self.width
    }

    /// Whether it is a list.
    pub fn is_flat(self) -> bool {
        self.height * self.width == 1
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is_flat() {
            true => write!(f, "{}", self.channels),
            false => write!(f, "{}×{}×{}", self.channels, self.height, self.width),
        }
    }
}

/// Rows in buffers are padded to a multiple of this many values.
pub const ROW_MULTIPLE: usize = 16;

/// Values that a row of `width` values takes in a buffer.
pub fn stride(width: usize) -> usize {
    width.next_multiple_of(ROW_MULTIPLE)
}

/// A tensor of parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Name within the layer, such as `weight`.
    pub name: &'static str,
    /// Shape in files and reports, such as \[outputs, inputs\].
    pub shape: Vec<usize>,
    /// Whether penalties and weight decay act on it (not on biases).
    pub decays: bool,
}

impl Segment {
    /// Number of parameters.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What a layer is, whatever the precision.
pub trait Geometry: Send + Sync {
    /// What goes out.
    fn output(&self) -> Shape;
    /// Its parameters.
    fn segments(&self) -> Vec<Segment>;
    /// Draws the initial values of one segment, in the order of its shape.
    fn initialize(&self, segment: usize, random: &mut Sequence) -> Vec<f64>;
    /// Multiply-adds a row of the forward pass.
    fn cost(&self) -> usize;

    /// Refuses to be learned through, with the reason, where that cannot work.
    ///
    /// # Errors
    /// If there is no slope to descend.
    fn check_trainable(&self) -> Result<()> {
        Ok(())
    }

    /// Whether it puts out probabilities, which losses of logits must not be given.
    fn is_probability(&self) -> bool {
        false
    }
}

/// What a layer needs, in values of its precision.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// Parameters as the layer stores them, with padding: the length of its part of θ.
    pub parameters: usize,
    /// Values derived from the parameters after each update, such as transposed weights.
    pub derived: usize,
    /// Values a row kept from the forward to the backward pass and from there to the gradient, beside
    /// input and output.
    pub stash: usize,
    /// Contiguous pieces of the layer's part of θ whose gradients are computed on their own. They cover
    /// it without gaps; a piece lies within one segment, and those of a segment are neighbours.
    pub tiles: Vec<Tile>,
}

/// A contiguous piece of a layer's part of θ: consecutive rows of a matrix, or a part of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tile {
    /// Where it begins.
    pub start: usize,
    /// The segment that it belongs to.
    pub segment: usize,
    /// First row, number of rows, and first and number of columns, as the layer counts them.
    pub row: usize,
    /// See `row`.
    pub rows: usize,
    /// See `row`.
    pub column: usize,
    /// See `row`.
    pub columns: usize,
}

impl Tile {
    /// Number of parameters, with padding.
    pub fn len(&self) -> usize {
        self.rows * self.columns
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What holds for all layers in a pass over a row block.
#[derive(Debug, Clone, Copy)]
pub struct Block {
    /// Instruction set.
    pub isa: Isa,
    /// Rows in the block.
    pub rows: usize,
    /// Position of the first in the batch.
    pub first: usize,
    /// What the pass is for.
    pub mode: Mode,
}

/// What a pass is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// To learn: layers that behave at random do, by this seed and update.
    Training {
        /// Seed of the run.
        seed: u64,
        /// Updates including this one.
        step: u64,
    },
    /// To answer.
    Evaluation,
}

/// What the forward pass of a layer saw and put out.
#[derive(Debug, Clone, Copy)]
pub struct Trace<'a, T> {
    /// Input.
    pub x: &'a [T],
    /// Output.
    pub y: &'a [T],
}

/// A layer in the precision T.
pub trait Layer<T>: Geometry {
    /// Sizes, asked once.
    fn plan(&self, isa: Isa) -> Plan;

    /// Where parameter `index` of `segment` stands in the layer's part of θ.
    fn locate(&self, isa: Isa, segment: usize, index: usize) -> usize;

    /// Brings what is derived from the parameters of one tile up to date. Different tiles write different
    /// values.
    ///
    /// # Safety
    /// `derived` points to [`Plan::derived`] values, of which nobody else touches those of this tile.
    unsafe fn refresh(&self, isa: Isa, tile: &Tile, tile_parameters: &[T], derived: *mut T);

    /// x → y, for the rows of a block.
    fn forward(&self, block: Block, weights: Weights<T>, x: &[T], y: &mut [T], stash: &mut [T]);

    /// dy → dx for the rows of a block. `dy` and `stash` are changed into what [`Layer::gradient`] needs.
    /// `dx` is absent for the first layer.
    fn backward(
        &self,
        block: Block,
        weights: Weights<T>,
        trace: Trace<T>,
        stash: &mut [T],
        dy: &mut [T],
        dx: Option<&mut [T]>,
    );

    /// The gradient of one tile from all rows of the batch, added up in the order of the rows. It sees no
    /// parameters: others are being updated at the same time.
    fn gradient(
        &self,
        batch: Block,
        tile: &Tile,
        trace: Trace<T>,
        stash: &[T],
        dy: &[T],
        gradient: &mut [T],
    );
}

/// The parameters of a layer and what is derived from them.
#[derive(Debug, Clone, Copy)]
pub struct Weights<'a, T> {
    /// The layer's part of θ.
    pub parameters: &'a [T],
    /// See [`Plan::derived`].
    pub derived: &'a [T],
}

/// A layer in either precision.
pub trait AnyLayer: Layer<f32> + Layer<f64> {}
impl<L: Layer<f32> + Layer<f64>> AnyLayer for L {}

/// A network larger than this (8 GiB of weights in single precision) is taken for a slip of the pen.
const MOST_WEIGHTS: usize = 1 << 31;

/// Makes the layers of a network, each for the width that the one before it puts out.
///
/// # Errors
/// Names the layer that does not fit.
pub fn build(
    input: Shape,
    choices: &[crate::registry::Choice],
    dtype: Dtype,
) -> Result<Vec<Box<dyn AnyLayer>>> {
    let mut place = Place {
        index: 0,
        input,
        dtype,
    };
    let mut weights = 0usize;
    choices
        .iter()
        .map(|choice| {
            let layer = LAYERS
                .build(choice, &place)
                .map_err(|e| e.within(format_args!("layer {}", place.index + 1)))?;
            weights = weights.saturating_add(layer.cost());
            if weights > MOST_WEIGHTS {
                let found = format!("{weights} weights up to here");
                let subject = format!("layer {} ({})", place.index + 1, choice.name);
                return Err(Error::invalid(
                    subject,
                    found,
                    format!("at most {MOST_WEIGHTS}"),
                ));
            }
            place = Place {
                index: place.index + 1,
                input: layer.output(),
                dtype,
            };
            Ok(layer)
        })
        .collect()
}
