//! What the engine asks of a scalar: all that layers, losses and optimizers ask.

use crate::collective::AllReduce;
use crate::layers::LayerScalar;
use crate::losses::LossScalar;
use crate::optimizers::TransformScalar;

/// A scalar that the engine is compiled for.
pub trait Precision: LayerScalar + LossScalar + TransformScalar + AllReduce {}

impl<T: LayerScalar + LossScalar + TransformScalar + AllReduce> Precision for T {}
