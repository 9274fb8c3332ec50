//! An activation as a layer of its own: y = φ(x), value by value, or of a row as a whole (softmax).
//! dx = dy·∂y/∂x.

use super::{
    Block, Context, Example, Facts, Geometry, Layer, Order, Part, SecondOrder, Site, Tangent, Tile,
    Trace, Weights,
};
use crate::activations::{ACTIVATIONS, Activation, AnyActivation, RowShape};
use crate::error::Result;
use crate::layers::LayerScalar;
use crate::registry::{Default, Description, Domain, Entry, Parameter};
use crate::shape::{Shape, stride};

/// See the module's text.
pub(crate) struct Pointwise {
    pub shape: Shape,
    pub activation: Box<dyn AnyActivation>,
}

impl Pointwise {
    /// Values of a block: of its rows, or whatever lanes its packs have.
    fn values(&self, block: Block, room: usize) -> usize {
        match self.activation.couples_values() {
            true => block.rows * stride(self.shape.size()),
            false => room,
        }
    }

    fn rows(&self) -> RowShape {
        let width = self.shape.size();
        RowShape {
            width,
            stride: stride(width),
        }
    }

    /// The activation, and what its derivatives are computed from.
    fn at<'a, T: LayerScalar>(&self, trace: Trace<'a, T>) -> (&dyn Activation<T>, &'a [T]) {
        let activation = T::activation(&*self.activation);
        match activation.keeps_input() {
            true => (activation, trace.x),
            false => (activation, trace.y),
        }
    }
}

impl Geometry for Pointwise {
    fn facts(&self) -> Facts {
        Facts {
            order: match self.activation.couples_values() {
                true => Order::Rows,
                false => Order::Any,
            },
            is_probability: self.activation.is_probability(),
            ..Facts::new(self.shape, self.shape.size())
        }
    }

    fn check_trainable(&self) -> Result<()> {
        self.activation.check_trainable()
    }

    fn second_order(&self) -> Option<SecondOrder<'_>> {
        Some(SecondOrder::Own(self))
    }
}

impl<T: LayerScalar> Layer<T> for Pointwise {
    fn forward(&self, block: Block, _: Weights<T>, x: &[T], y: &mut [T], _: &mut [T]) {
        let values = self.values(block, x.len());
        y[..values].copy_from_slice(&x[..values]);
        T::activation(&*self.activation).forward(block.isa, self.rows(), &mut y[..values]);
    }

    fn backward(
        &self,
        block: Block,
        _: Weights<T>,
        trace: Trace<T>,
        _: &mut [T],
        dy: &mut [T],
        dx: Option<&mut [T]>,
    ) {
        let Some(dx) = dx else { return };
        let (activation, at) = self.at(trace);
        let values = self.values(block, dy.len());
        dx[..values].copy_from_slice(&dy[..values]);
        activation.backward(block.isa, self.rows(), at, &mut dx[..values]);
    }

    fn gradient(&self, _: Block, _: &Tile, _: &[T], _: Trace<T>, _: &[T], _: &[T], _: &mut [T]) {}
}

/// ẏ = J·ẋ and dẋ = J·dẏ + J̇·dy.
impl Tangent for Pointwise {
    fn forward(&self, site: Site, y_dot: &mut [f64], _: [&mut [f64]; 2]) {
        let values = self.values(site.block, y_dot.len());
        let (activation, at) = self.at(site.trace);
        y_dot[..values].copy_from_slice(&site.x_dot[..values]);
        activation.backward(site.block.isa, self.rows(), at, &mut y_dot[..values]);
    }

    fn backward(
        &self,
        site: Site,
        _: [&mut [f64]; 2],
        [dy, dy_dot]: [&mut [f64]; 2],
        dx_dot: &mut [f64],
    ) {
        let values = self.values(site.block, dx_dot.len());
        let (activation, at) = self.at(site.trace);
        let (isa, dx_dot) = (site.block.isa, &mut dx_dot[..values]);
        dx_dot.copy_from_slice(&dy_dot[..values]);
        activation.backward(isa, self.rows(), at, dx_dot);
        activation.add_curvature(isa, self.rows(), at, dy, site.x_dot, dx_dot);
    }

    fn gradient(&self, _: Site, _: &Tile, _: [&[f64]; 2], _: [&[f64]; 2], _: &mut [f64]) {}
}

pub(super) const ENTRY: Entry<Part, Context> = Entry {
    description: Description {
        name: "activation",
        summary: "An activation at a place of its own, such as after a normalization",
        equation: "y = φ(x)",
        source: "Ioffe & Szegedy 2015",
        parameters: &[Parameter {
            name: "activation",
            summary: "φ",
            default: Default::Required,
            domain: Domain::Choice(|| &ACTIVATIONS),
        }],
    },
    build: |arguments, context| {
        Ok(Part::layer(Pointwise {
            shape: context.input,
            activation: ACTIVATIONS.build(&arguments.choice("activation"), &())?,
        }))
    },
};

pub(super) const EXAMPLES: &[Example] = &[
    Example::list(r#"[{"name": "activation", "activation": "tanh"}]"#),
    Example::image(r#"[{"name": "activation", "activation": "sigmoid"}, {"name": "conv2d", "channels": 3, "kernel": 2, "activation": "tanh"}]"#).first(),
];
