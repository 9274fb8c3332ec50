//! From rows to packs and back: see [`Order`]. What stands between layers that want their input otherwise than
//! the layer before puts it out; the gradient takes the way back.

use super::{
    Block, Geometry, Layer, Order, Plan, SecondOrder, Segment, Shape, Tile, Trace, Weights, stride,
};
use crate::kernels::Isa;
use crate::kernels::pack::{self, Way};
use crate::layers::LayerScalar;
use crate::random::Sequence;

/// Puts rows of this shape in that order; they come in the other one.
pub(crate) struct Reorder {
    pub shape: Shape,
    pub into: Order,
}

impl Geometry for Reorder {
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
        0
    }

    fn order(&self) -> Order {
        Order::Any
    }

    fn second_order(&self) -> Option<SecondOrder<'_>> {
        Some(SecondOrder::Linear)
    }
}

impl<T: LayerScalar> Layer<T> for Reorder {
    fn plan(&self, _: Isa) -> Plan {
        Plan::default()
    }

    fn locate(&self, _: Isa, _: usize, index: usize) -> usize {
        index
    }

    unsafe fn refresh(&self, _: Isa, _: &Tile, _: &[T], _: *mut T) {}

    fn forward(&self, block: Block, _: Weights<T>, x: &[T], y: &mut [T], _: &mut [T]) {
        let way = match self.into {
            Order::Packs => Way::Pack,
            _ => Way::Unpack,
        };
        pack::copy(block.isa, way, block.rows, stride(self.shape.size()), x, y);
    }

    fn backward(
        &self,
        block: Block,
        _: Weights<T>,
        _: Trace<T>,
        _: &mut [T],
        dy: &mut [T],
        dx: Option<&mut [T]>,
    ) {
        let Some(dx) = dx else { return };
        let way = match self.into {
            Order::Packs => Way::Unpack,
            _ => Way::Pack,
        };
        pack::copy(
            block.isa,
            way,
            block.rows,
            stride(self.shape.size()),
            dy,
            dx,
        );
    }

    fn gradient(&self, _: Block, _: &Tile, _: &[T], _: Trace<T>, _: &[T], _: &[T], _: &mut [T]) {}
}
