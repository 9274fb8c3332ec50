//! Maximum over windows: y = max of the pixels that the window sees, for each channel.
//!
//! The gradient goes to the first of the largest pixels, in the order of the lines. What pads the
//! image is never the largest; NaN is larger than everything, so that a diverging run is seen.
//! Source: Ranzato, Huang, Boureau & LeCun 2007.

use super::pool::Pool;
use super::window::{KERNEL, PADDING, POOL_STRIDE, Window};
use super::{Context, Example, Part};
use crate::kernels::pool::Pooling;
use crate::kernels::simd::{Arch, Scalar, Vector};
use crate::registry::{Description, Entry};

/// See the module's text.
#[derive(Debug, Clone, Copy)]
struct Largest;

impl Pooling for Largest {
    const START: f64 = f64::NEG_INFINITY;

    #[inline(always)]
    fn see<T: Scalar, A: Arch>(self, so_far: T::Vector<A>, x: T::Vector<A>) -> T::Vector<A> {
        so_far.max_or_nan(x)
    }

    #[inline(always)]
    fn finish<T: Scalar, A: Arch>(self, all: T::Vector<A>) -> T::Vector<A> {
        all
    }

    #[inline(always)]
    fn share<T: Scalar, A: Arch>(
        self,
        x: T::Vector<A>,
        y: T::Vector<A>,
        dy: T::Vector<A>,
    ) -> [T::Vector<A>; 2] {
        let part = x.where_equal(y, dy);
        [part, part.mul_add(T::Vector::<A>::splat(-T::ONE), dy)]
    }
}

pub(super) const ENTRY: Entry<Part, Context> = Entry {
    description: Description {
        name: "max_pool",
        summary: "The largest pixel of every window",
        equation: "y[c, i, j] = max x[c, i·stride + a − padding, j·stride + b − padding] over 0 ≤ a, b < kernel",
        source: "Ranzato et al. 2007",
        parameters: &[KERNEL, POOL_STRIDE, PADDING],
    },
    build: |arguments, context| {
        Ok(Part::layer(Pool {
            input: context.input,
            window: Window::new("max_pool", arguments, context.input)?,
            rule: Largest,
        }))
    },
};

pub(super) const EXAMPLES: &[Example] = &[
    Example::image(r#"[{"name": "max_pool", "kernel": 2}]"#).kinked(),
    Example::image(r#"[{"name": "max_pool", "kernel": 3}]"#).kinked(),
    Example::image(r#"[{"name": "max_pool", "kernel": 3, "stride": 1, "padding": 1}]"#).kinked(),
    Example::image(r#"[{"name": "max_pool", "kernel": 2}, {"name": "conv2d", "channels": 3, "kernel": 2, "activation": "tanh"}]"#).first().kinked(),
];
