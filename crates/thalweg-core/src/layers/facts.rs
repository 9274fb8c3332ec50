//! Plain data about layers: what surrounds one, its tensors, its facts, its sizes.

use std::borrow::Cow;
use std::ops::Range;

#[cfg(doc)]
use super::{Coupled, Layer};
use crate::precision::Dtype;
use crate::shape::{Shape, stride};

/// The position of a layer in its network, and what the network is computed in.
#[derive(Debug, Clone, Copy)]
pub struct Context {
    /// Position among the layers that compute something, counted from 0, blocks unfolded.
    pub index: usize,
    /// The shape of its input.
    pub input: Shape,
    /// The members of an ensemble among which its input is divided: see [`Facts::members`].
    pub members: usize,
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
    /// Whether penalties and weight decay act on it: not on [`Role::Bias`] and [`Role::Other`].
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
    /// What embeds numbers.
    Curves,
    /// A factor for each value.
    Scale,
    /// What is added to each unit.
    Bias,
    /// Parameters of normalization, what is not trained.
    Other,
}

impl Role {
    /// The name by which factors on rate and decay select it; empty for [`Role::Other`].
    pub fn name(self) -> &'static str {
        match self {
            Role::Weights | Role::Directions | Role::Lengths => "weight",
            Role::Table | Role::Curves => "embedding",
            Role::Scale => "scale",
            Role::Bias => "bias",
            Role::Other => "",
        }
    }

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
            decays: !matches!(role, Role::Bias | Role::Other),
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

    /// The same, on which neither penalties nor weight decay act.
    #[must_use]
    pub fn undecayed(self) -> Self {
        Self {
            decays: false,
            ..self
        }
    }

    /// Number of parameters.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Inputs of a unit, of a matrix with a row for each unit.
    pub fn fan_in(&self) -> usize {
        self.shape.iter().skip(1).product()
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
    /// The members of an ensemble among which its output is divided, that of one behind that of the
    /// other. None: as its input, unless it mixes values.
    pub members: Option<usize>,
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
    /// Whether it reads the features of the rows itself ([`Block::features`](super::Block::features)),
    /// which are then copied nowhere.
    pub reads_features: bool,
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
            members: None,
            cost,
            reuse: 1,
            prepared: 0,
            statistics: 0,
            least_rows: 1,
            takes_codes: false,
            reads_features: false,
            is_random: false,
            is_probability: false,
        }
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
    /// Its columns among `length`, without padding.
    pub fn within(&self, length: usize) -> Range<usize> {
        self.column..length.min(self.column + self.columns)
    }

    /// Number of parameters, with padding.
    pub fn len(&self) -> usize {
        self.rows * self.columns
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
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
