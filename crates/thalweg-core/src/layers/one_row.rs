//! The short way of a single row through a layer: for batches of one row, where a step is worth a
//! fraction of a microsecond and the calls between its parts would take most of it.

use super::{Trace, Weights};
use crate::kernels::Isa;

/// A layer that takes a single row by itself: what [`Layer`](super::Layer) does in a forward pass,
/// a backward pass and a gradient for each tile, in two calls. Rows and stash have the same layout.
pub trait OneRow<T> {
    /// x → y.
    fn forward(&self, isa: Isa, weights: Weights<T>, x: &[T], y: &mut [T], stash: &mut [T]);

    /// dy → dx, if that is wanted, and the gradient of all the layer's parameters, in the layout of
    /// θ, 0 in the padding. `dy` is changed.
    fn backward(
        &self,
        isa: Isa,
        weights: Weights<T>,
        trace: Trace<T>,
        stash: &[T],
        dy: &mut [T],
        dx: Option<&mut [T]>,
        gradient: &mut [T],
    );
}
