//! From choices to layers: what an entry puts into a network, and the shapes between.

#[cfg(doc)]
use super::Facts;
use super::{AnyLayer, Context, LAYERS, Segment};
use crate::error::{Error, Result};
use crate::precision::Dtype;
use crate::registry::Choice;
use crate::shape::Shape;

/// What an entry of the registry puts into a network.
pub enum Part {
    /// A layer that computes something.
    Layer(Box<dyn AnyLayer>),
    /// The same values in another shape.
    View(Shape),
    /// Several, one after the other.
    Sequence(Vec<Part>),
    /// y = f(x) + p(x), where p is the identity if it is absent.
    Residual {
        /// f.
        body: Vec<Node>,
        /// p.
        projection: Option<Box<Part>>,
    },
}

/// A part of a network, with its place in the description.
pub struct Node {
    /// What its tensors' names begin with, after the path of the block that it is in: `layers.2`,
    /// and in this block `layers.2.layers.0`.
    pub path: String,
    /// The part.
    pub part: Part,
    /// What comes in.
    pub input: Shape,
    /// What goes out.
    pub output: Shape,
    /// The members among which that is divided: see [`Facts::members`].
    pub members: usize,
}

impl Node {
    /// Values of one member that go out.
    pub fn outputs(&self) -> usize {
        self.output.size() / self.members
    }
}

impl Part {
    /// A layer.
    pub fn layer(layer: impl AnyLayer + 'static) -> Self {
        Part::Layer(Box::new(layer))
    }

    /// What goes out, given what comes in.
    pub fn output(&self, input: Shape) -> Shape {
        match self {
            Part::Layer(layer) => layer.facts().output,
            Part::View(shape) => *shape,
            Part::Sequence(parts) => parts.iter().fold(input, |shape, part| part.output(shape)),
            Part::Residual { body, .. } => body.last().map_or(input, |node| node.output),
        }
    }

    /// Whether probabilities go out, given whether such come in: see [`Facts::is_probability`].
    pub fn is_probability(&self, input: bool) -> bool {
        match self {
            Part::Layer(layer) => layer.facts().is_probability,
            Part::View(_) => input,
            Part::Sequence(parts) => (parts.iter()).fold(input, |is, part| part.is_probability(is)),
            Part::Residual { .. } => false,
        }
    }

    /// The layers in it, blocks unfolded, a projection after the body that it bridges.
    pub fn layers(&self) -> Vec<&dyn AnyLayer> {
        match self {
            Part::Layer(layer) => vec![&**layer],
            Part::View(_) => Vec::new(),
            Part::Sequence(parts) => parts.iter().flat_map(Part::layers).collect(),
            Part::Residual { body, projection } => (body.iter().map(|node| &node.part))
                .chain(projection.as_deref())
                .flat_map(Part::layers)
                .collect(),
        }
    }
}

/// The context after a part.
pub(super) fn after(context: Context, part: &Part) -> Context {
    let layers = part.layers();
    let (mut members, mut size) = (context.members, context.input.size());
    for layer in &layers {
        let facts = layer.facts();
        let mixes = |segment: &Segment| segment.role.is_matrix();
        let is_divided = size == facts.output.size() && !layer.segments().iter().any(mixes);
        members = (facts.members).unwrap_or(if is_divided { members } else { 1 });
        size = facts.output.size();
    }
    Context {
        index: context.index + layers.len(),
        input: part.output(context.input),
        members,
        has_gradient: context.has_gradient || layers.into_iter().any(|layer| layer.is_trained()),
        ..context
    }
}

/// A network larger than this (8 GiB of weights in single precision) is taken for a slip of the
/// pen.
pub(super) const MOST_WEIGHTS: usize = 1 << 31;

/// Makes the layers of a network, each for the output shape of the one before.
///
/// # Errors
/// Names the layer that does not fit.
pub fn build(input: Shape, choices: &[Choice], dtype: Dtype) -> Result<Vec<Node>> {
    let context = Context {
        index: 0,
        input,
        members: 1,
        dtype,
        has_gradient: false,
        is_last: false,
    };
    with_last(context, choices, choices.len())
}

/// The layers of a block, from some context on.
pub(super) fn nodes(context: Context, choices: &[Choice]) -> Result<Vec<Node>> {
    with_last(context, choices, 0)
}

/// The layers from some context on, of which that with the number `last`, counted from 1, is the
/// network's last.
fn with_last(mut context: Context, choices: &[Choice], last: usize) -> Result<Vec<Node>> {
    let mut weights = 0usize;
    let node = |(index, choice): (usize, &Choice)| {
        context.is_last = index + 1 == last;
        let part = LAYERS
            .build(choice, &context)
            .map_err(|error| error.of_layer(index, &choice.name))?;
        for layer in part.layers() {
            let sizes = layer.segments().into_iter().map(|segment| segment.len());
            weights = sizes.fold(weights, usize::saturating_add);
        }
        if weights > MOST_WEIGHTS {
            let found = format!("{weights} weights up to here");
            let subject = format!("layer {}", choice.name);
            let error = Error::invalid(subject, found, format!("at most {MOST_WEIGHTS}"));
            return Err(error.of_layer(index, &choice.name));
        }
        let input = context.input;
        context = after(context, &part);
        Ok(Node {
            path: format!("layers.{index}"),
            part,
            input,
            output: context.input,
            members: context.members,
        })
    };
    choices.iter().enumerate().map(node).collect()
}
