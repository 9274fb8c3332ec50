//! Mean over windows: y = Σ of the pixels that the window sees / kernel², for each channel. What pads the
//! image counts as zeros, as in PyTorch. dx spreads dy / kernel² over the window.
//!
//! Source: LeCun, Bottou, Bengio & Haffner 1998 (there with a learned factor).

use super::window::{KERNEL, PADDING, POOL_STRIDE, Window};
use super::{
    Block, Geometry, Layer, Part, Place, Plan, SecondOrder, Segment, Shape, Tile, Trace, Weights,
    stride,
};
use crate::kernels::Isa;
use crate::precision::Precision;
use crate::random::Sequence;
use crate::registry::{Description, Entry};

/// See the module's text.
pub(super) struct AveragePool {
    pub input: Shape,
    pub window: Window,
    /// Pixels that a mean is over.
    pub pixels: usize,
}

impl Geometry for AveragePool {
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
        self.output().size() * self.pixels
    }

    fn second_order(&self) -> Option<SecondOrder<'_>> {
        Some(SecondOrder::Linear)
    }
}

impl<T: Precision> Layer<T> for AveragePool {
    fn plan(&self, _: Isa) -> Plan {
        Plan::default()
    }

    fn locate(&self, _: Isa, _: usize, index: usize) -> usize {
        index
    }

    unsafe fn refresh(&self, _: Isa, _: &Tile, _: &[T], _: *mut T) {}

    fn forward(&self, block: Block, _: Weights<T>, x: &[T], y: &mut [T], _: &mut [T]) {
        let (input, output) = (self.input, self.output());
        let factor = T::ONE / T::from_f64(self.pixels as f64);
        let rows = x.chunks_exact(stride(input.size()));
        let rows = rows.zip(y.chunks_exact_mut(stride(output.size())));
        for (x, y) in rows.take(block.rows) {
            y.fill(T::ZERO);
            let channels = x
                .chunks_exact(input.area())
                .zip(y.chunks_exact_mut(output.area()));
            for (x, y) in channels.take(input.channels) {
                self.window.runs(input, |outputs, first| {
                    let x = x[first..].iter().step_by(self.window.stride);
                    for (y, x) in y[outputs].iter_mut().zip(x) {
                        *y += *x;
                    }
                });
                y.iter_mut().for_each(|y| *y *= factor);
            }
        }
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
        let (input, output) = (self.input, self.output());
        let factor = T::ONE / T::from_f64(self.pixels as f64);
        let rows = dx.chunks_exact_mut(stride(input.size()));
        let rows = rows.zip(dy.chunks_exact(stride(output.size())));
        for (dx, dy) in rows.take(block.rows) {
            dx.fill(T::ZERO);
            let channels = dx
                .chunks_exact_mut(input.area())
                .zip(dy.chunks_exact(output.area()));
            for (dx, dy) in channels.take(input.channels) {
                self.window.runs(input, |outputs, first| {
                    let dx = dx[first..].iter_mut().step_by(self.window.stride);
                    for (dx, dy) in dx.zip(&dy[outputs]) {
                        *dx += *dy * factor;
                    }
                });
            }
        }
    }

    fn gradient(&self, _: Block, _: &Tile, _: &[T], _: Trace<T>, _: &[T], _: &[T], _: &mut [T]) {}
}

pub(super) const ENTRY: Entry<Part, Place> = Entry {
    description: Description {
        name: "average_pool",
        summary: "The mean pixel of every window",
        equation: "y[c, i, j] = 1/kernel²·Σ x[c, i·stride + a − padding, j·stride + b − padding] over 0 ≤ a, b < kernel",
        source: "LeCun et al. 1998",
        parameters: &[KERNEL, POOL_STRIDE, PADDING],
    },
    build: |arguments, place| {
        let window = Window::new("average_pool", arguments, place.input)?;
        Ok(Part::layer(AveragePool {
            input: place.input,
            window,
            pixels: window.kernel * window.kernel,
        }))
    },
};
