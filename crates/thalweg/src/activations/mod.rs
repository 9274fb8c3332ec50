//! Activations: functions of one number, applied to every value that a layer puts out.
//!
//! A file here states a [`Function`]: its value and its slope. Vector code for both precisions, in place
//! over the values of a row block, comes from that.

use crate::kernels::{Arch, Isa, Kernel, Scalar};
use crate::registry::entries;

entries! {
    /// All activations.
    ACTIVATIONS: "activation" => Box<dyn AnyActivation>;
    identity,
    relu,
    sigmoid,
    tanh,
}

/// An activation as its file states it.
pub trait Function: Copy + Send + Sync + 'static {
    /// Whether the slope is exact from the value y = φ(z); otherwise it is computed from z, which then
    /// has to be kept.
    const SLOPE_FROM_VALUE: bool;
    /// Whether φ changes nothing, so that there is nothing to do.
    const IS_IDENTITY: bool = false;
    /// The initializer that suits weights in front of it.
    const INITIALIZER: &'static str = "glorot_uniform";
    /// φ(z).
    fn value<A: Arch, T: Scalar>(self, z: T) -> T;
    /// φ′, from y or from z: see [`Function::SLOPE_FROM_VALUE`].
    fn slope<A: Arch, T: Scalar>(self, at: T) -> T;
}

/// An activation as layers use it, in the precision T.
pub trait Activation<T>: Send + Sync {
    /// Whether [`Activation::backward`] wants z and not y.
    fn keeps_input(&self) -> bool;
    /// z → φ(z), in place.
    fn forward(&self, isa: Isa, values: &mut [T]);
    /// dy → dz = dy·φ′, in place; `at` holds y, or z if that is kept.
    fn backward(&self, isa: Isa, at: &[T], gradient: &mut [T]);
}

/// An activation in either precision.
pub trait AnyActivation: Activation<f32> + Activation<f64> {
    /// The name of the initializer that suits weights in front of it.
    fn initializer(&self) -> &'static str;
}

impl<F: Function> AnyActivation for F {
    fn initializer(&self) -> &'static str {
        F::INITIALIZER
    }
}

impl<T: Scalar, F: Function> Activation<T> for F {
    fn keeps_input(&self) -> bool {
        !F::SLOPE_FROM_VALUE
    }

    fn forward(&self, isa: Isa, values: &mut [T]) {
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

    fn backward(&self, isa: Isa, at: &[T], gradient: &mut [T]) {
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
}
