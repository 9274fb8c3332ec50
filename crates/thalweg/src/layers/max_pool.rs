//! Maximum over windows: y = max of the pixels that the window sees, for each channel.
//!
//! The gradient goes to the first of the largest pixels, in the order of the lines. What pads the image is
//! never the largest. Source: Ranzato, Huang, Boureau & LeCun 2007.

use super::window::{KERNEL, PADDING, POOL_STRIDE, Window};
use super::{
    Block, Geometry, Layer, Part, Place, Plan, Segment, Shape, Tile, Trace, Weights, stride,
};
use crate::kernels::{Isa, Scalar};
use crate::precision::Precision;
use crate::random::Sequence;
use crate::registry::{Description, Entry};

/// See the module's text.
struct MaxPool {
    input: Shape,
    window: Window,
}

/// The place of the largest pixel of every window of a channel, told to `visit(output, input)`.
fn largest<T: Scalar>(window: Window, shape: Shape, x: &[T], mut visit: impl FnMut(usize, usize)) {
    let (mut at, mut best) = (0, 0);
    let mut is_first = true;
    window.visit(shape, |output, input| {
        if is_first || output != at {
            if !is_first {
                visit(at, best);
            }
            (is_first, at, best) = (false, output, input);
        }
        // NaN is larger than everything, so that a diverging run is seen.
        let (new, old) = (x[input], x[best]);
        if new > old || (new.partial_cmp(&new).is_none() && old.partial_cmp(&old).is_some()) {
            best = input;
        }
    });
    visit(at, best);
}

impl Geometry for MaxPool {
    fn output(&self) -> Shape {
        self.window.output(self.input.channels)
    }

    fn segments(&self) -> Vec<Segment> {
        Vec::new()
    }

    fn initialize(&self, _: usize, _: &mut Sequence) -> Vec<f64> {
        Vec::new()
    }

    fn cost(&self) -> usize {
        self.output().size() * self.window.kernel * self.window.kernel
    }
}

impl<T: Precision> Layer<T> for MaxPool {
    fn plan(&self, _: Isa) -> Plan {
        // The place of the pixel that each output is.
        Plan {
            stash: stride(self.output().size()),
            ..Plan::default()
        }
    }

    fn locate(&self, _: Isa, _: usize, index: usize) -> usize {
        index
    }

    unsafe fn refresh(&self, _: Isa, _: &Tile, _: &[T], _: *mut T) {}

    fn forward(&self, block: Block, _: Weights<T>, x: &[T], y: &mut [T], stash: &mut [T]) {
        let (input, output) = (self.input, self.output());
        let rows = x.chunks_exact(stride(input.size()));
        let rows = rows.zip(y.chunks_exact_mut(stride(output.size())));
        let rows = rows.zip(stash.chunks_exact_mut(stride(output.size())));
        for ((x, y), stash) in rows.take(block.rows) {
            let channels = x
                .chunks_exact(input.area())
                .zip(y.chunks_exact_mut(output.area()));
            let channels = channels.zip(stash.chunks_exact_mut(output.area()));
            for ((x, y), stash) in channels.take(input.channels) {
                largest(self.window, input, x, |output, place| {
                    y[output] = x[place];
                    stash[output] = T::from_f64(place as f64);
                });
            }
        }
    }

    fn backward(
        &self,
        block: Block,
        _: Weights<T>,
        _: Trace<T>,
        stash: &mut [T],
        dy: &mut [T],
        dx: Option<&mut [T]>,
    ) {
        let Some(dx) = dx else { return };
        let (input, output) = (self.input, self.output());
        let rows = dx.chunks_exact_mut(stride(input.size()));
        let rows = rows.zip(dy.chunks_exact(stride(output.size())));
        let rows = rows.zip(stash.chunks_exact(stride(output.size())));
        for ((dx, dy), stash) in rows.take(block.rows) {
            dx.fill(T::ZERO);
            let channels = dx
                .chunks_exact_mut(input.area())
                .zip(dy.chunks_exact(output.area()));
            let channels = channels.zip(stash.chunks_exact(output.area()));
            for ((dx, dy), stash) in channels.take(input.channels) {
                for (dy, place) in dy.iter().zip(stash) {
                    dx[place.to_f64() as usize] += *dy;
                }
            }
        }
    }

    fn gradient(&self, _: Block, _: &Tile, _: &[T], _: Trace<T>, _: &[T], _: &[T], _: &mut [T]) {}
}

pub(super) const ENTRY: Entry<Part, Place> = Entry {
    description: Description {
        name: "max_pool",
        summary: "The largest pixel of every window",
        equation: "y[c, i, j] = max x[c, i·stride + a − padding, j·stride + b − padding] over 0 ≤ a, b < kernel",
        source: "Ranzato et al. 2007",
        parameters: &[KERNEL, POOL_STRIDE, PADDING],
    },
    build: |arguments, place| {
        Ok(Part::layer(MaxPool {
            input: place.input,
            window: Window::new("max_pool", arguments, place.input)?,
        }))
    },
};
