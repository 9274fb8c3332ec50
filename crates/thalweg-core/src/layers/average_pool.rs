//! Mean over windows: y = Σ of the pixels that the window sees / kernel², for each channel. What
//! pads the image counts as zeros, as in PyTorch. dx spreads dy / kernel² over the window.
//!
//! Source: LeCun, Bottou, Bengio & Haffner 1998 (there with a learned factor).

use super::pool::Pool;
use super::window::{KERNEL, PADDING, POOL_STRIDE, Window};
use super::{Context, Example, Part};
use crate::kernels::pool::Pooling;
use crate::kernels::simd::{Arch, Scalar, Vector};
use crate::registry::{Description, Entry};

/// The mean over this many pixels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mean(pub usize);

impl Mean {
    #[inline(always)]
    fn of<T: Scalar, A: Arch>(self, sum: T::Vector<A>) -> T::Vector<A> {
        let factor = T::ONE / T::from_f64(self.0 as f64);
        sum.mul_add(
            T::Vector::<A>::splat(factor),
            T::Vector::<A>::splat(T::ZERO),
        )
    }
}

impl Pooling for Mean {
    const START: f64 = 0.0;

    #[inline(always)]
    fn see<T: Scalar, A: Arch>(self, so_far: T::Vector<A>, x: T::Vector<A>) -> T::Vector<A> {
        so_far.add(x)
    }

    #[inline(always)]
    fn finish<T: Scalar, A: Arch>(self, all: T::Vector<A>) -> T::Vector<A> {
        self.of::<T, A>(all)
    }

    #[inline(always)]
    fn share<T: Scalar, A: Arch>(
        self,
        _: T::Vector<A>,
        _: T::Vector<A>,
        dy: T::Vector<A>,
    ) -> [T::Vector<A>; 2] {
        [self.of::<T, A>(dy), dy]
    }
}

pub(super) const ENTRY: Entry<Part, Context> = Entry {
    description: Description {
        name: "average_pool",
        summary: "The mean pixel of every window",
        equation: "y[c, i, j] = 1/kernel²·Σ x[c, i·stride + a − padding, j·stride + b − padding] over 0 ≤ a, b < kernel",
        source: "LeCun et al. 1998",
        parameters: &[KERNEL, POOL_STRIDE, PADDING],
    },
    build: |arguments, context| {
        let window = Window::new("average_pool", arguments, context.input)?;
        Ok(Part::layer(Pool {
            input: context.input,
            window,
            rule: Mean(window.kernel * window.kernel),
        }))
    },
};

pub(super) const EXAMPLES: &[Example] = &[
    Example::image(r#"[{"name": "average_pool", "kernel": 2}]"#),
    Example::image(r#"[{"name": "average_pool", "kernel": 3}]"#),
    Example::image(r#"[{"name": "average_pool", "kernel": 3, "stride": 1, "padding": 1}]"#),
    Example::image(r#"[{"name": "average_pool", "kernel": 2}, {"name": "conv2d", "channels": 3, "kernel": 2, "activation": "tanh"}]"#).first(),
];
