//! Maximum over windows: y = max of the pixels that the window sees, for each channel.
//!
//! The gradient goes to the first of the largest pixels, in the order of the lines. What pads the image is
//! never the largest. Source: Ranzato, Huang, Boureau & LeCun 2007.

use super::window::{KERNEL, PADDING, POOL_STRIDE, Window};
use super::{
    Block, Geometry, Layer, Part, Place, Plan, SecondOrder, Segment, Shape, Site, Tangent, Tile,
    Trace, Weights, stride,
};
use crate::kernels::{Arch, Isa, Kernel, Scalar};
use crate::precision::Precision;
use crate::random::Sequence;
use crate::registry::{Description, Entry};

/// See the module's text.
struct MaxPool {
    input: Shape,
    window: Window,
}

/// One channel of an image: y is the largest pixel of every window, and `place` says which it is.
struct Largest<'a, T> {
    window: Window,
    shape: Shape,
    x: &'a [T],
    y: &'a mut [T],
    place: &'a mut [T],
}

impl<T: Scalar> Kernel for Largest<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arch>(self) {
        let window = self.window;
        match (window.kernel, window.stride, window.padding) {
            (2, 2, 0) => self.tiles::<2>(),
            (3, 3, 0) => self.tiles::<3>(),
            _ => self.any(),
        }
    }
}

/// The larger of two pixels with their places; the first if they are equal. NaN is larger than everything, so that
/// a diverging run is seen.
#[inline(always)]
fn larger<T: Scalar>(old: (T, T), new: (T, T)) -> (T, T) {
    let is_larger = new.0 > old.0 || new.0.partial_cmp(&new.0).is_none();
    match is_larger {
        true => new,
        false => old,
    }
}

impl<T: Scalar> Largest<'_, T> {
    /// Windows of a fixed size side by side.
    #[inline(always)]
    fn tiles<const K: usize>(self) {
        let (width, outputs) = (self.shape.width, self.window.width);
        let lines = self.y.chunks_exact_mut(outputs);
        let lines = lines.zip(self.place.chunks_exact_mut(outputs));
        for (line, (y, place)) in lines.enumerate() {
            let start = line * K * width;
            let x: [&[T]; K] = std::array::from_fn(|a| &self.x[start + a * width..][..K * outputs]);
            let mut at = T::from_f64(start as f64);
            let offset = |a: usize, b: usize| T::from_f64((a * width + b) as f64);
            for (j, (y, place)) in y.iter_mut().zip(place).enumerate() {
                let mut best = (x[0][K * j], at);
                for (a, x) in x.iter().enumerate() {
                    for (b, x) in x[K * j..][..K].iter().enumerate() {
                        best = larger(best, (*x, at + offset(a, b)));
                    }
                }
                (*y, *place) = best;
                at += T::from_f64(K as f64);
            }
        }
    }

    /// Windows of any size.
    #[inline(always)]
    fn any(self) {
        let Largest {
            window,
            shape,
            x,
            y,
            place,
        } = self;
        for (output, (y, place)) in y.iter_mut().zip(&mut *place).enumerate() {
            let first = window.first(shape, output);
            (*y, *place) = (x[first], T::from_f64(first as f64));
        }
        let step = T::from_f64(window.stride as f64);
        window.runs(shape, |outputs, first| {
            let x = x[first..].iter().step_by(window.stride);
            let outputs = y[outputs.clone()].iter_mut().zip(&mut place[outputs]);
            let mut at = T::from_f64(first as f64);
            for ((y, place), x) in outputs.zip(x) {
                (*y, *place) = larger((*y, *place), (*x, at));
                at += step;
            }
        });
    }
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

    fn second_order(&self) -> Option<SecondOrder<'_>> {
        Some(SecondOrder::Own(self))
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
                block.isa.run(Largest {
                    window: self.window,
                    shape: input,
                    x,
                    y,
                    place: stash,
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

/// Which pixel is the largest does not change: ẏ is the same pixel of ẋ.
impl Tangent for MaxPool {
    fn forward(&self, site: Site, y_dot: &mut [f64], [stash, _]: [&mut [f64]; 2]) {
        let (input, output) = (self.input, self.output());
        let rows = site.x_dot.chunks_exact(stride(input.size()));
        let rows = rows.zip(y_dot.chunks_exact_mut(stride(output.size())));
        let rows = rows.zip(stash.chunks_exact(stride(output.size())));
        for ((x, y), stash) in rows.take(site.block.rows) {
            let channels = x
                .chunks_exact(input.area())
                .zip(y.chunks_exact_mut(output.area()));
            let channels = channels.zip(stash.chunks_exact(output.area()));
            for ((x, y), stash) in channels.take(input.channels) {
                for (y, place) in y.iter_mut().zip(stash) {
                    *y = x[*place as usize];
                }
            }
        }
    }

    fn backward(
        &self,
        site: Site,
        [stash, _]: [&mut [f64]; 2],
        [_, dy_dot]: [&mut [f64]; 2],
        dx_dot: &mut [f64],
    ) {
        Layer::<f64>::backward(
            self,
            site.block,
            site.weights,
            site.trace,
            stash,
            dy_dot,
            Some(dx_dot),
        );
    }

    fn gradient(&self, _: Site, _: &Tile, _: [&[f64]; 2], _: [&[f64]; 2], _: &mut [f64]) {}
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
