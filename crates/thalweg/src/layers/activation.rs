//! An activation as a layer of its own: y = φ(x), value by value, or of a row as a whole (softmax). dx = dy·∂y/∂x.

use super::{
    Block, Geometry, Layer, Order, Part, Place, Plan, Segment, Shape, Tile, Trace, Weights, stride,
};
use crate::activations::{ACTIVATIONS, AnyActivation, RowShape};
use crate::error::Result;
use crate::kernels::Isa;
use crate::precision::Precision;
use crate::random::Sequence;
use crate::registry::{Default, Description, Domain, Entry, Parameter};

/// See the module's text.
pub(super) struct Pointwise {
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
}

impl Geometry for Pointwise {
    fn output(&self) -> Shape {
        self.shape
    }

    fn segments(&self) -> Vec<Segment> {
        Vec::new()
    }

    fn initialize(&self, _: usize, _: &mut Sequence) -> Vec<f64> {
        Vec::new()
    }

    fn cost(&self) -> usize {
        self.shape.size()
    }

    fn order(&self) -> Order {
        match self.activation.couples_values() {
            true => Order::Rows,
            false => Order::Any,
        }
    }

    fn check_trainable(&self) -> Result<()> {
        self.activation.check_trainable()
    }

    fn is_probability(&self) -> bool {
        self.activation.is_probability()
    }
}

impl<T: Precision> Layer<T> for Pointwise {
    fn plan(&self, _: Isa) -> Plan {
        Plan::default()
    }

    fn locate(&self, _: Isa, _: usize, index: usize) -> usize {
        index
    }

    unsafe fn refresh(&self, _: Isa, _: &Tile, _: &[T], _: *mut T) {}

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
        let activation = T::activation(&*self.activation);
        let at = match activation.keeps_input() {
            true => trace.x,
            false => trace.y,
        };
        let values = self.values(block, dy.len());
        dx[..values].copy_from_slice(&dy[..values]);
        activation.backward(block.isa, self.rows(), at, &mut dx[..values]);
    }

    fn gradient(&self, _: Block, _: &Tile, _: &[T], _: Trace<T>, _: &[T], _: &[T], _: &mut [T]) {}
}

pub(super) const ENTRY: Entry<Part, Place> = Entry {
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
    build: |arguments, place| {
        Ok(Part::layer(Pointwise {
            shape: place.input,
            activation: ACTIVATIONS.build(&arguments.choice("activation"), &())?,
        }))
    },
};
