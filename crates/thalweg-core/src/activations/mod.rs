//! Activations: functions of the output of a layer, elementwise or of a whole row.
//!
//! A file here states a [`Function`] of one number: its value, slope and curvature. Vector code for
//! both precisions, in place over the values of a row block, comes from that. Softmax, which
//! couples the values of a row, is an [`Activation`] of its own.
//!
//! # To write an activation
//!
//! One file with the equation, a [`Function`], and an `ENTRY`; one line in `entries!` below. The tests
//! over the registry compare its derivatives with finite differences in every layer that fuses it.

use crate::error::{Error, Result};
use crate::kernels::{Arch, Isa, Kernel, Scalar};
use crate::registry::entries;

entries! {
    /// All activations.
    ACTIVATIONS: "activation" => Box<dyn AnyActivation>;
    identity,
    relu,
    leaky_relu,
    elu,
    selu,
    gelu,
    gelu_tanh,
    silu,
    mish,
    softplus,
    sigmoid,
    hard_sigmoid,
    tanh,
    softmax,
    step,
}

pub(crate) use identity::Identity;

/// An activation as its file states it.
pub trait Function: Copy + Send + Sync + 'static {
    /// Whether slope and curvature are exact from the value y = φ(z); otherwise they are computed
    /// from z, which then has to be kept.
    const SLOPE_FROM_VALUE: bool;
    /// Whether φ changes nothing, so that there is nothing to do.
    const IS_IDENTITY: bool = false;
    /// See [`AnyActivation::is_probability`].
    const IS_PROBABILITY: bool = false;
    /// Why φ is not differentiable in a useful way, if so.
    const UNTRAINABLE: Option<&'static str> = None;
    /// The initializer that suits weights in front of it.
    const INITIALIZER: &'static str = "glorot_uniform";
    /// φ(z).
    fn value<A: Arch, T: Scalar>(self, z: T) -> T;
    /// φ′, from y or from z: see [`Function::SLOPE_FROM_VALUE`].
    fn slope<A: Arch, T: Scalar>(self, at: T) -> T;
    /// φ″, from the same; 0 at kinks.
    fn curvature<A: Arch, T: Scalar>(self, at: T) -> T;
}

/// Layout of the rows of a block: `width` values of every `stride`; the others are padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowShape {
    /// Values of a row that count.
    pub width: usize,
    /// Values that a row takes.
    pub stride: usize,
}

/// An activation y = φ(z) as layers use it, in the precision T. Slices are whole rows. Its Jacobian
/// J = ∂y/∂z is symmetric.
pub trait Activation<T>: Send + Sync {
    /// Whether [`Activation::backward`] wants z and not y.
    fn keeps_input(&self) -> bool;
    /// z → φ(z), in place.
    fn forward(&self, isa: Isa, rows: RowShape, values: &mut [T]);
    /// dy → dz = J·dy, in place; `at` holds y, or z if that is kept. As J is symmetric, it also
    /// takes a direction of z to that of y, which is what the R-operator needs forward.
    fn backward(&self, isa: Isa, rows: RowShape, at: &[T], gradient: &mut [T]);
    /// The R-operator's second term: adds (∂J/∂z · `direction`)·dy to `sum`, where `direction` is
    /// that of z.
    fn add_curvature(
        &self,
        isa: Isa,
        rows: RowShape,
        at: &[T],
        dy: &[T],
        direction: &[T],
        sum: &mut [T],
    );
}

/// An activation in either precision.
pub trait AnyActivation: Activation<f32> + Activation<f64> {
    /// The name of the initializer that suits weights in front of it.
    fn initializer(&self) -> &'static str;

    /// Whether it treats a row as a whole, and not each value by itself.
    fn couples_values(&self) -> bool {
        false
    }

    /// Whether it makes probabilities of logits, so that losses of logits must not follow it.
    fn is_probability(&self) -> bool {
        false
    }

    /// Whether it can be trained through.
    ///
    /// # Errors
    /// If its slope is 0 everywhere.
    fn check_trainable(&self) -> Result<()> {
        Ok(())
    }
}

/// A scalar with which activations compute.
pub trait ActivationScalar: Scalar {
    /// The same object, as one for this scalar.
    fn activation(activation: &dyn AnyActivation) -> &dyn Activation<Self>;
}

impl ActivationScalar for f32 {
    fn activation(activation: &dyn AnyActivation) -> &dyn Activation<Self> {
        activation
    }
}

impl ActivationScalar for f64 {
    fn activation(activation: &dyn AnyActivation) -> &dyn Activation<Self> {
        activation
    }
}

impl<F: Function> AnyActivation for F {
    fn initializer(&self) -> &'static str {
        F::INITIALIZER
    }

    fn is_probability(&self) -> bool {
        F::IS_PROBABILITY
    }

    fn check_trainable(&self) -> Result<()> {
        match F::UNTRAINABLE {
            Some(reason) => Err(Error::invalid("training", reason, "a slope to descend")
                .remedy("take sigmoid or relu, or the loss perceptron behind a linear output")
                .at("activation")),
            None => Ok(()),
        }
    }
}

impl<T: Scalar, F: Function> Activation<T> for F {
    fn keeps_input(&self) -> bool {
        !F::SLOPE_FROM_VALUE
    }

    fn forward(&self, isa: Isa, _: RowShape, values: &mut [T]) {
        struct Forward<'a, F, T>(F, &'a mut [T]);
        impl<F: Function, T: Scalar> Kernel for Forward<'_, F, T> {
            type Output = ();
            #[inline(always)]
            fn run<A: Arch>(self) {
                for value in self.1 {
                    *value = self.0.value::<A, T>(*value);
                }
            }
        }
        if !F::IS_IDENTITY {
            isa.run(Forward(*self, values));
        }
    }

    fn backward(&self, isa: Isa, _: RowShape, at: &[T], gradient: &mut [T]) {
        struct Backward<'a, F, T>(F, &'a [T], &'a mut [T]);
        impl<F: Function, T: Scalar> Kernel for Backward<'_, F, T> {
            type Output = ();
            #[inline(always)]
            fn run<A: Arch>(self) {
                for (gradient, at) in self.2.iter_mut().zip(self.1) {
                    *gradient *= self.0.slope::<A, T>(*at);
                }
            }
        }
        if !F::IS_IDENTITY {
            isa.run(Backward(*self, at, gradient));
        }
    }

    fn add_curvature(
        &self,
        isa: Isa,
        _: RowShape,
        at: &[T],
        dy: &[T],
        direction: &[T],
        sum: &mut [T],
    ) {
        struct Curve<'a, F, T>(F, &'a [T], &'a [T], &'a [T], &'a mut [T]);
        impl<F: Function, T: Scalar> Kernel for Curve<'_, F, T> {
            type Output = ();
            #[inline(always)]
            fn run<A: Arch>(self) {
                let Curve(function, at, dy, direction, sum) = self;
                let given = at.iter().zip(dy).zip(direction);
                for (sum, ((at, dy), direction)) in sum.iter_mut().zip(given) {
                    *sum += function.curvature::<A, T>(*at) * *dy * *direction;
                }
            }
        }
        if !F::IS_IDENTITY {
            isa.run(Curve(*self, at, dy, direction, sum));
        }
    }
}
