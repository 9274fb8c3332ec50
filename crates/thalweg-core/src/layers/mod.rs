//! Layers: explicit forward and backward passes over row blocks.
//!
//! A layer owns no parameters and no buffers. It states its sizes once ([`Facts`],
//! [`Layer::plan`]); the engine allocates everything and passes slices. In every buffer a row has
//! [`stride`] values (the last layer may pack its few outputs: [`Facts::output_stride`]). The
//! padding is zero in gradients; in values it is arbitrary, and finite wherever the row is.
//!
//! # To write a layer
//!
//! One file with the equation, a type that is a [`Geometry`] and a [`Layer`], an `ENTRY`, and
//! `EXAMPLES` that the tests over the registry check (derivatives of both orders, threads, resume);
//! one line in `entries!` below. [`Layer::forward`], [`Layer::backward`] and [`Layer::gradient`]
//! are the mathematics, and all that most layers need. The methods that have a default are for
//! layers that
//! - couple the rows of a batch: [`Facts::statistics`], [`Layer::coupled`],
//! - compute with something that takes all parameters at once: [`Facts::prepared`],
//!   [`Layer::prepare`],
//! - keep values that are not trained: [`Segment::tracked`], [`Layer::track`],
//! - have second derivatives: [`Geometry::second_order`], one line for a layer that is linear or
//!   bilinear, and [`Geometry::take_activation`] where an activation is fused into it.

use std::borrow::Cow;
use std::ops::Range;

use crate::activations::{ActivationScalar, AnyActivation};
use crate::constraints::Constraint;
use crate::error::Result;
use crate::kernels::Isa;
use crate::precision::Dtype;
use crate::random::Sequence;
use crate::registry::entries;
use crate::shape::{Shape, stride};

mod example;
mod network;
mod normalize;
mod normalized;
mod one_row;
mod pack;
mod pool;
mod reparametrize;
mod second_order;
mod units;
mod vectors;
mod window;

pub use example::Example;
pub use network::{Node, Part, build};
pub use one_row::OneRow;
pub use second_order::{SecondOrder, Site, Tangent};

entries! {
    /// All layers.
    LAYERS: "layer" => Part, Context;
    with
    /// Networks around each layer, by its name: usage, and what the tests over the registry check.
    EXAMPLES: Example;
    dense,
    conv2d,
    max_pool,
    average_pool,
    global_average_pool,
    flatten,
    unflatten,
    activation,
    dropout,
    batch_norm,
    layer_norm,
    group_norm,
    instance_norm,
    weight_norm,
    spectral_norm,
    residual,
    embedding,
}

pub(crate) use activation::Pointwise;
pub(crate) use dense::Stored;
pub use embedding::{MOST_LEVELS, usual_width};
pub(crate) use pack::Reorder;

/// The position of a layer in its network, and what the network is computed in.
#[derive(Debug, Clone, Copy)]
pub struct Context {
    /// Position among the layers that compute something, counted from 0, blocks unfolded.
    pub index: usize,
    /// The shape of its input.
    pub input: Shape,
    /// What the network is computed in.
    pub dtype: Dtype,
    /// Whether a layer before it is trained, so that the gradient of its input is needed.
    pub has_gradient: bool,
    /// Whether it is the last of the network: the loss alone reads its output.
    pub is_last: bool,
}

/// A tensor of parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Name within the layer, such as `weight`.
    pub name: Cow<'static, str>,
    /// Shape in files and reports, such as \[outputs, inputs\].
    pub shape: Vec<usize>,
    /// Its role in the layer.
    pub role: Role,
    /// Whether penalties and weight decay act on it: on all but [`Role::Other`].
    pub decays: bool,
    /// Whether it is learned by gradients, and not by [`Layer::track`]; gradients are asked for no
    /// other.
    pub is_trained: bool,
}

/// The role of a tensor of parameters in its layer, by which optimizers, penalties and constraints
/// select it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The weights into each unit, a row for each.
    Weights,
    /// As [`Role::Weights`], with lengths that are [`Role::Lengths`]: their own have no effect.
    Directions,
    /// The length of each unit's weights.
    Lengths,
    /// An embedding table: a vector for each category.
    Table,
    /// Biases, parameters of normalization, what is not trained.
    Other,
}

impl Role {
    /// Whether it is a matrix that multiplies the inputs.
    pub fn is_matrix(self) -> bool {
        matches!(self, Role::Weights | Role::Directions)
    }

    /// Whether constraints act on the norm of each row: the weights of a unit, or the vector of a
    /// category.
    pub fn is_constrained(self) -> bool {
        matches!(self, Role::Weights | Role::Lengths | Role::Table)
    }
}

impl Segment {
    /// A tensor.
    pub fn new(name: impl Into<Cow<'static, str>>, shape: Vec<usize>, role: Role) -> Self {
        Self {
            name: name.into(),
            shape,
            role,
            decays: role != Role::Other,
            is_trained: true,
        }
    }

    /// The same, updated by [`Layer::track`].
    #[must_use]
    pub fn tracked(self) -> Self {
        Self {
            is_trained: false,
            ..self
        }
    }

    /// Number of parameters.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What never changes of a layer: the engine asks once, when it makes its plan.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Facts {
    /// The shape of its output.
    pub output: Shape,
    /// Values from one row of the output to the next in buffers: [`stride`], except where no layer
    /// reads them.
    pub output_stride: usize,
    /// The order of the rows that it reads and writes.
    pub order: Order,
    /// Multiply-adds per row of the forward pass.
    pub cost: usize,
    /// How often a row uses a parameter: once, or at every position of an image.
    pub reuse: usize,
    /// Numbers that [`Layer::prepare`] computes before a pass.
    pub prepared: usize,
    /// Length of the per-block statistics that are reduced over the batch ([`Coupled`]); 0: rows
    /// are independent.
    pub statistics: usize,
    /// The smallest batch that it can learn from.
    pub least_rows: usize,
    /// Whether its inputs are codes of categories, between which nothing can be interpolated.
    pub takes_codes: bool,
    /// Whether it draws random numbers, so that it computes another function of θ at every update.
    pub is_random: bool,
    /// Whether its outputs are probabilities, which losses of logits must not read.
    pub is_probability: bool,
}

impl Facts {
    /// Those of a layer of rows that are independent, with nothing out of the ordinary.
    pub fn new(output: Shape, cost: usize) -> Self {
        Self {
            output,
            output_stride: stride(output.size()),
            order: Order::Rows,
            cost,
            reuse: 1,
            prepared: 0,
            statistics: 0,
            least_rows: 1,
            takes_codes: false,
            is_random: false,
            is_probability: false,
        }
    }
}

/// What a layer is, whatever the precision.
pub trait Geometry: Send + Sync {
    /// See [`Facts`].
    fn facts(&self) -> Facts;

    /// Its parameters.
    fn segments(&self) -> Vec<Segment> {
        Vec::new()
    }

    /// Draws the initial values of one segment, in the order of its shape.
    fn initialize(&self, _segment: usize, _random: &mut Sequence) -> Vec<f64> {
        Vec::new()
    }

    /// Draws the initial values of all segments, each from its own sequence.
    fn initialize_all(&self, random: &dyn Fn(usize) -> Sequence) -> Vec<Vec<f64>> {
        (0..self.segments().len())
            .map(|segment| self.initialize(segment, &mut random(segment)))
            .collect()
    }

    /// The constraint on the weights of a segment after every update; none: that of the run.
    fn constraint(&self, _segment: usize) -> Option<&dyn Constraint> {
        None
    }

    /// Whether it can read a row of the network's input.
    ///
    /// # Errors
    /// Names what was found and what was expected.
    fn check_input(&self, _row: &mut dyn Iterator<Item = f64>) -> Result<()> {
        Ok(())
    }

    /// Whether it is differentiable.
    ///
    /// # Errors
    /// Says why it cannot be trained.
    fn check_trainable(&self) -> Result<()> {
        Ok(())
    }

    /// How Hessian-vector products go through it, if they can; without an activation that
    /// [`Geometry::take_activation`] takes.
    fn second_order(&self) -> Option<SecondOrder<'_>> {
        None
    }

    /// Removes the activation that is fused into it and returns it, if there is one.
    fn take_activation(&mut self) -> Option<Box<dyn AnyActivation>> {
        None
    }
}

/// The order of the rows of a block in memory. Between layers that differ the engine inserts a
/// conversion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Row-major, each row of [`stride`] values.
    Rows,
    /// In packs of as many rows as a vector has lanes: [`stride`] vectors, one for each value. In
    /// lanes beyond the last row, gradients are 0.
    Packs,
    /// Either: the layer is elementwise.
    Any,
}

/// The direction of a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From input to output.
    Forward,
    /// From the gradient of the output to that of the input.
    Backward,
}

/// Sizes of a layer, in values of its precision.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LayerPlan {
    /// Length of its part of θ: the parameters as it stores them, with padding.
    pub parameters: usize,
    /// Values derived from the parameters after each update, such as transposed weights.
    pub derived: usize,
    /// Values per row kept from the forward pass to the backward pass and the gradient, besides
    /// input and output.
    pub stash: usize,
    /// Contiguous pieces of the layer's part of θ whose gradients are computed on their own. They
    /// cover it without gaps; a piece is within one segment, and those of a segment are contiguous.
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

/// A row block, as a layer sees it in a pass.
#[derive(Debug, Clone, Copy)]
pub struct Block<'a> {
    /// Instruction set.
    pub isa: Isa,
    /// Rows in the block.
    pub rows: usize,
    /// Position of the first in the batch.
    pub first: usize,
    /// What the pass is for.
    pub mode: Mode,
    /// Values that a row takes in the stash.
    pub stash: usize,
    /// What [`Layer::prepare`] computed.
    pub prepared: &'a [f64],
    /// Statistics of the batch ([`Coupled`]): of the forward pass, then of the backward pass. Empty
    /// where there are none; unspecified where an evaluation has no backward pass.
    pub batch: &'a [f64],
}

impl Block<'_> {
    /// Packs that hold the rows: see [`Order::Packs`].
    pub(crate) fn packs<T: LayerScalar>(&self) -> usize {
        self.rows.div_ceil(self.isa.lanes::<T>())
    }
}

/// The purpose of a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Training: layers that draw random numbers do, keyed by this seed and update.
    Training {
        /// Seed of the run.
        seed: u64,
        /// Updates including this one.
        step: u64,
    },
    /// Evaluation and prediction: nothing is drawn, and rows are independent.
    Evaluation,
}

/// Input and output of a layer in the forward pass.
#[derive(Debug, Clone, Copy)]
pub struct Trace<'a, T> {
    /// Input.
    pub x: &'a [T],
    /// Output.
    pub y: &'a [T],
}

/// A layer in the precision T.
pub trait Layer<T>: Geometry {
    /// Sizes, asked once. Those of a layer without parameters and without a stash by default.
    fn plan(&self, _isa: Isa) -> LayerPlan {
        LayerPlan::default()
    }

    /// Position of parameter `index` of `segment` in the layer's part of θ.
    fn locate(&self, _isa: Isa, _segment: usize, index: usize) -> usize {
        index
    }

    /// Refreshes what is derived from the parameters of one tile. Different tiles write different
    /// values.
    ///
    /// # Safety
    /// `derived` points to [`LayerPlan::derived`] values, and the caller has exclusive access to
    /// those of this tile.
    unsafe fn refresh(&self, _isa: Isa, _tile: &Tile, _tile_parameters: &[T], _derived: *mut T) {}

    /// x → y, for the rows of a block.
    fn forward(&self, block: Block, weights: Weights<T>, x: &[T], y: &mut [T], stash: &mut [T]);

    /// dy → dx for the rows of a block. `dy` and `stash` are changed into what [`Layer::gradient`]
    /// needs. `dx` is absent for the first layer.
    fn backward(
        &self,
        block: Block,
        weights: Weights<T>,
        trace: Trace<T>,
        stash: &mut [T],
        dy: &mut [T],
        dx: Option<&mut [T]>,
    );

    /// The gradient of one tile, summed over the rows of the batch in their order (where rows are
    /// independent, also of one block). Of the parameters it reads the tile's `own` alone: others
    /// are being updated at the same time.
    fn gradient(
        &self,
        _batch: Block,
        _tile: &Tile,
        _own: &[T],
        _trace: Trace<T>,
        _stash: &[T],
        _dy: &[T],
        _gradient: &mut [T],
    ) {
    }

    /// Computes what takes all parameters at once, such as a norm, before a pass.
    fn prepare(&self, _isa: Isa, _mode: Mode, _parameters: &[T], _prepared: &mut [f64]) {}

    /// After a step, updates a tile that is not trained.
    fn track(&self, _batch: Block, _tile: &Tile, _values: &mut [T]) {}

    /// The statistics of a layer that couples the rows of a batch.
    fn coupled(&self) -> Option<&dyn Coupled<T>> {
        None
    }

    /// The fast path of a single row, where there is one.
    fn one_row(&self) -> Option<&dyn OneRow<T>> {
        None
    }

    /// Of a layer whose output is linear in its `weight`: the layout of the weights of a tile.
    fn weight_layout(&self, _tile: &Tile) -> Option<WeightLayout> {
        None
    }
}

/// A layer that couples the rows of a batch through statistics: each row block writes partial
/// statistics, and after a barrier every thread reduces them in the order of the blocks. They have
/// [`Facts::statistics`] numbers.
pub trait Coupled<T> {
    /// Partial statistics of these rows, before the forward pass of a step.
    fn summarize(&self, block: Block, x: &[T], statistics: &mut [f64]);

    /// Partial statistics of these rows, before the backward pass of a step.
    fn summarize_gradient(
        &self,
        block: Block,
        weights: Weights<T>,
        trace: Trace<T>,
        dy: &[T],
        statistics: &mut [f64],
    );

    /// Reduces the statistics of all row blocks, in the order of the rows, to those of the batch.
    fn combine(
        &self,
        direction: Direction,
        blocks: &mut dyn Iterator<Item = &[f64]>,
        total: &mut [f64],
    );
}

/// The layout of the weights of a tile: weight (unit, input) is at
/// `(unit − units.start)·unit_stride + (input − inputs.start)·input_stride`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WeightLayout {
    /// The units (output channels) of the tile.
    pub units: Range<usize>,
    /// The inputs of a unit that are in the tile.
    pub inputs: Range<usize>,
    /// Distance between units.
    pub unit_stride: usize,
    /// Distance between inputs.
    pub input_stride: usize,
}

/// The parameters of a layer and what is derived from them.
#[derive(Debug, Clone, Copy)]
pub struct Weights<'a, T> {
    /// The layer's part of θ.
    pub parameters: &'a [T],
    /// See [`LayerPlan::derived`].
    pub derived: &'a [T],
}

/// A layer in either precision.
pub trait AnyLayer: Layer<f32> + Layer<f64> {}
impl<L: Layer<f32> + Layer<f64>> AnyLayer for L {}

impl dyn AnyLayer + '_ {
    /// Whether some segment is learned by gradients.
    pub fn is_trained(&self) -> bool {
        self.segments().iter().any(|segment| segment.is_trained)
    }

    /// Whether it computes the same function of θ at every update.
    pub fn is_stationary(&self) -> bool {
        !self.facts().is_random && self.segments().iter().all(|segment| segment.is_trained)
    }

    /// Whether some segment has a constraint of its own.
    pub fn has_constraint(&self) -> bool {
        let own = |segment| self.constraint(segment).is_some_and(|own| !own.is_none());
        (0..self.segments().len()).any(own)
    }
}

/// A scalar with which layers compute.
pub trait LayerScalar: ActivationScalar + Stored {
    /// The same object, as one for this scalar.
    fn layer(layer: &dyn AnyLayer) -> &dyn Layer<Self>;
}

impl LayerScalar for f32 {
    fn layer(layer: &dyn AnyLayer) -> &dyn Layer<Self> {
        layer
    }
}

impl LayerScalar for f64 {
    fn layer(layer: &dyn AnyLayer) -> &dyn Layer<Self> {
        layer
    }
}
