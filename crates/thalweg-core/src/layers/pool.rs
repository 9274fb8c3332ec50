//! A layer that slides a window over every channel of an image: what pools share. Rows are in
//! packs.

use super::window::Window;
use super::{
    Block, Facts, Geometry, Layer, Order, SecondOrder, Site, Tangent, Tile, Trace, Weights,
};
use crate::kernels::pool::{self, Pooling, Windows};
use crate::layers::LayerScalar;
use crate::shape::{Shape, stride};

/// Pooling over the windows of an image.
pub(super) struct Pool<R> {
    pub input: Shape,
    pub window: Window,
    pub rule: R,
}

impl<R> Pool<R> {
    fn windows(&self) -> Windows {
        let Window {
            kernel,
            stride,
            padding,
            height,
            width,
        } = self.window;
        Windows {
            input: (self.input.height, self.input.width),
            output: (height, width),
            kernel,
            stride,
            padding,
        }
    }
}

impl<R> Pool<R> {
    fn output(&self) -> Shape {
        self.window.output(self.input.channels)
    }
}

impl<R: Pooling + Send + Sync> Geometry for Pool<R> {
    fn facts(&self) -> Facts {
        // What the window sees, of an image that may be smaller.
        let edge = |length: usize| self.window.kernel.min(length);
        let window = edge(self.input.height) * edge(self.input.width);
        Facts {
            order: Order::Packs,
            ..Facts::new(self.output(), self.output().size() * window)
        }
    }

    fn second_order(&self) -> Option<SecondOrder<'_>> {
        Some(SecondOrder::Own(self))
    }
}

impl<T: LayerScalar, R: Pooling + Send + Sync> Layer<T> for Pool<R> {
    fn forward(&self, block: Block, _: Weights<T>, x: &[T], y: &mut [T], _: &mut [T]) {
        let (lanes, output) = (block.isa.lanes::<T>(), self.output().size());
        let packs = x.chunks_exact(stride(self.input.size()) * lanes);
        let packs = packs.zip(y.chunks_exact_mut(stride(output) * lanes));
        for (x, y) in packs.take(block.packs::<T>()) {
            pool::forward(
                block.isa,
                self.windows(),
                self.input.channels,
                self.rule,
                x,
                y,
            );
            y[output * lanes..].fill(T::ZERO);
        }
    }

    fn backward(
        &self,
        block: Block,
        _: Weights<T>,
        trace: Trace<T>,
        _: &mut [T],
        dy: &mut [T],
        dx: Option<&mut [T]>,
    ) {
        let Some(dx) = dx else { return };
        let lanes = block.isa.lanes::<T>();
        let [inputs, outputs] = [self.input, self.output()].map(|s| stride(s.size()) * lanes);
        for pack in 0..block.packs::<T>() {
            let (input, output) = (
                pack * inputs..(pack + 1) * inputs,
                pack * outputs..(pack + 1) * outputs,
            );
            pool::backward(
                block.isa,
                self.windows(),
                self.input.channels,
                self.rule,
                (&trace.x[input.clone()], &trace.y[output.clone()]),
                &dy[output],
                &mut dx[input],
            );
        }
    }

    fn gradient(&self, _: Block, _: &Tile, _: &[T], _: Trace<T>, _: &[T], _: &[T], _: &mut [T]) {}
}

/// What a pixel's share of y is does not change: ẏ is the same sum of shares of ẋ, and dẋ comes
/// from dẏ as dx from dy.
impl<R: Pooling + Send + Sync> Tangent for Pool<R> {
    fn forward(&self, site: Site, y_dot: &mut [f64], _: [&mut [f64]; 2]) {
        let lanes = site.block.isa.lanes::<f64>();
        let [inputs, outputs] = [self.input, self.output()].map(|s| stride(s.size()) * lanes);
        y_dot.fill(0.0);
        for pack in 0..site.block.packs::<f64>() {
            let (input, output) = (
                pack * inputs..(pack + 1) * inputs,
                pack * outputs..(pack + 1) * outputs,
            );
            pool::tangent(
                site.block.isa,
                self.windows(),
                self.input.channels,
                self.rule,
                (&site.trace.x[input.clone()], &site.trace.y[output.clone()]),
                &site.x_dot[input],
                &mut y_dot[output],
            );
        }
    }

    fn backward(
        &self,
        site: Site,
        [stash, _]: [&mut [f64]; 2],
        [_, dy_dot]: [&mut [f64]; 2],
        dx_dot: &mut [f64],
    ) {
        let (block, weights, trace) = (site.block, site.weights, site.trace);
        Layer::<f64>::backward(self, block, weights, trace, stash, dy_dot, Some(dx_dot));
    }

    fn gradient(&self, _: Site, _: &Tile, _: [&[f64]; 2], _: [&[f64]; 2], _: &mut [f64]) {}
}
