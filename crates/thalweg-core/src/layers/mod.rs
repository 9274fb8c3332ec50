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

use crate::activations::{ActivationScalar, AnyActivation};
use crate::constraints::Constraint;
use crate::dataset::{FeaturesRef, Rows};
use crate::error::Result;
use crate::kernels::Isa;
use crate::random::Sequence;
use crate::registry::entries;
#[cfg(doc)]
use crate::shape::stride;

mod diagonal;
mod example;
mod facts;
mod network;
mod normalize;
mod normalized;
mod numbers;
mod one_row;
mod pack;
mod pool;
mod reparametrize;
mod second_order;
mod units;
mod vectors;
mod window;

pub use example::Example;
pub use facts::{Context, Facts, LayerPlan, Order, Role, Segment, Tile, WeightLayout};
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
    sparse,
    batch_ensemble,
    select,
    piecewise_linear,
    periodic,
    scale,
    parametric,
}

/// Whether layers of this name are dense: y = φ(x·Wᵀ + b), however the rows are stored.
pub fn is_dense(name: &str) -> bool {
    [dense::ENTRY, sparse::ENTRY]
        .iter()
        .any(|entry| entry.description.name == name)
}

pub(crate) use activation::Pointwise;
pub(crate) use dense::Stored;
pub use embedding::{MOST_LEVELS, usual_width};
pub(crate) use pack::Reorder;
pub(crate) use sparse::USUAL_NON_ZEROS;

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

/// The direction of a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From input to output.
    Forward,
    /// From the gradient of the output to that of the input.
    Backward,
}

/// A row block, as a layer sees it in a pass.
#[derive(Debug, Clone, Copy)]
pub struct Block<'a> {
    /// Instruction set.
    pub isa: Isa,
    /// Rows in the block.
    pub rows: usize,
    /// The network's input, of which the block has the rows `listed`, from `start` on.
    pub features: &'a FeaturesRef<'a>,
    /// See `features`.
    pub listed: &'a Rows<'a>,
    /// See `features`.
    pub start: usize,
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
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Mode {
    /// Training: layers that draw random numbers do, keyed by this seed and update.
    Training {
        /// Seed of the run.
        seed: u64,
        /// Updates including this one.
        step: u64,
        /// What multiplies the rate of dropout.
        dropout: f64,
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
