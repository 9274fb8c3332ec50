//! Where the choice between f32 and f64 becomes a type.
//!
//! Entries of the registry are built without a precision and work in both: an `AnyLayer` is a `Layer<f32>`
//! and a `Layer<f64>`. Code that is generic over the precision asks [`Precision`] for its own view.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::activations::{Activation, AnyActivation};
use crate::kernels::Scalar;

use crate::layers::{AnyLayer, Layer, Stored};
use crate::losses::{AnyLoss, Loss};
use crate::optimizers::{AnyTransform, Transform};

/// The precision that a network is computed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Dtype {
    /// Single precision.
    #[default]
    F32,
    /// Double precision.
    F64,
    /// Single precision, but products of matrices take operands that are rounded to bf16: those of dense layers of
    /// more than four units that stand by themselves, not inside weight norm or spectral norm.
    Bf16,
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Dtype::F32 => "f32",
            Dtype::F64 => "f64",
            Dtype::Bf16 => "bf16",
        })
    }
}

impl Dtype {
    /// What parameters are stored in.
    pub fn storage(self) -> Self {
        match self {
            Dtype::F32 | Dtype::Bf16 => Dtype::F32,
            Dtype::F64 => Dtype::F64,
        }
    }
}

/// A scalar that the engine can be compiled for.
pub trait Precision: Scalar + Stored {
    /// The layer in this precision.
    fn layer(layer: &dyn AnyLayer) -> &dyn Layer<Self>;
    /// The activation in this precision.
    fn activation(activation: &dyn AnyActivation) -> &dyn Activation<Self>;
    /// The loss in this precision.
    fn loss(loss: &dyn AnyLoss) -> &dyn Loss<Self>;
    /// The optimizer stage in this precision.
    fn transform(transform: &dyn AnyTransform) -> &dyn Transform<Self>;
}

macro_rules! precision {
    ($float:ident) => {
        impl Precision for $float {
            fn layer(layer: &dyn AnyLayer) -> &dyn Layer<Self> {
                layer
            }
            fn activation(activation: &dyn AnyActivation) -> &dyn Activation<Self> {
                activation
            }
            fn loss(loss: &dyn AnyLoss) -> &dyn Loss<Self> {
                loss
            }
            fn transform(transform: &dyn AnyTransform) -> &dyn Transform<Self> {
                transform
            }
        }
    };
}
precision!(f32);
precision!(f64);
