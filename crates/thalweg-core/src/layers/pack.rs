//! From rows to packs and back: see [`Order`]. The engine inserts it between layers of different
//! orders; the backward pass converts gradients the other way.

use super::{Block, Facts, Geometry, Layer, Order, SecondOrder, Tile, Trace, Weights};
use crate::kernels::pack::{self, Packing};
use crate::layers::LayerScalar;
use crate::shape::{Shape, stride};

/// Puts rows of this shape in that order; they come in the other one.
pub(crate) struct Reorder {
    pub shape: Shape,
    pub into: Order,
}

impl Geometry for Reorder {
    fn facts(&self) -> Facts {
        Facts {
            order: Order::Any,
            ..Facts::new(self.shape, 0)
        }
    }

    fn second_order(&self) -> Option<SecondOrder<'_>> {
        Some(SecondOrder::Linear)
    }
}

impl<T: LayerScalar> Layer<T> for Reorder {
    fn forward(&self, block: Block, _: Weights<T>, x: &[T], y: &mut [T], _: &mut [T]) {
        let way = match self.into {
            Order::Packs => Packing::Pack,
            _ => Packing::Unpack,
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
            Order::Packs => Packing::Unpack,
            _ => Packing::Pack,
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
