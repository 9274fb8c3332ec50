//! The rate of the three products of a dense layer: y = x·Wᵀ, dx = dz·W and dW = dzᵀ·x.
//!
//! A dense layer without activation is run through [`Layer`] as a step runs it: row blocks of 64 forward and
//! back, the gradient tile by tile over all rows of the batch. Nothing but the products and the loops around
//! them is timed; every thread has a layer of its own.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use thalweg_core::Isa;
use thalweg_core::error::{Error, Result};
use thalweg_core::layers::{self, AnyLayer, Block, Layer, Mode, Part, Plan, Trace, Weights};
use thalweg_core::precision::Dtype;
use thalweg_core::registry::{Choice, Setting};
use thalweg_core::shape::{Shape, stride};

use crate::machine::{Clock, together};

/// Sizes of a layer and its batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sizes {
    /// Rows of the batch.
    pub rows: usize,
    /// Values that come in.
    pub inputs: usize,
    /// Values that go out.
    pub units: usize,
}

/// Layers of the workloads, and a square one.
pub const SIZES: &[Sizes] = &[
    Sizes {
        rows: 128,
        inputs: 784,
        units: 128,
    },
    Sizes {
        rows: 256,
        inputs: 784,
        units: 512,
    },
    Sizes {
        rows: 256,
        inputs: 512,
        units: 512,
    },
    Sizes {
        rows: 256,
        inputs: 128,
        units: 128,
    },
    Sizes {
        rows: 128,
        inputs: 32,
        units: 32,
    },
    Sizes {
        rows: 32,
        inputs: 8,
        units: 16,
    },
];

/// 10⁹ operations a second of each product, all threads together.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rates {
    /// What was measured.
    pub sizes: Sizes,
    /// Threads, each with a layer of its own.
    pub threads: usize,
    /// y = x·Wᵀ.
    pub forward: f64,
    /// dx = dz·W.
    pub input_gradient: f64,
    /// dW = dzᵀ·x.
    pub weight_gradient: f64,
}

impl Rates {
    /// Measures them in single precision.
    ///
    /// # Errors
    /// If there is no such layer.
    pub fn measure(sizes: Sizes, threads: usize, clock: Clock) -> Result<Self> {
        let bench = Bench::new(sizes)?;
        let rate = |product| {
            let patience = match clock {
                Clock::Full => Duration::from_millis(60),
                Clock::Quick => Duration::from_millis(1),
            };
            let room = || bench.room();
            let run = |room: &mut Room| bench.repeat(product, patience, room);
            (0..3)
                .map(|_| together(threads, room, run))
                .fold(0.0, f64::max)
                / 1e9
        };
        Ok(Self {
            sizes,
            threads,
            forward: rate(Product::Forward),
            input_gradient: rate(Product::InputGradient),
            weight_gradient: rate(Product::WeightGradient),
        })
    }
}

#[derive(Debug, Clone, Copy)]
enum Product {
    Forward,
    InputGradient,
    WeightGradient,
}

/// Rows of a block, as the CPU engine cuts them.
const BLOCK_ROWS: usize = 64;

struct Bench {
    sizes: Sizes,
    layer: Box<dyn AnyLayer>,
    plan: Plan,
}

impl Bench {
    fn new(sizes: Sizes) -> Result<Self> {
        let dense =
            |units: usize| Choice::new("dense").with("units", Setting::Integer(units as i64));
        // The second layer of two: the first would have no gradient of its input.
        let built = layers::build(
            Shape::flat(1),
            &[dense(sizes.inputs), dense(sizes.units)],
            Dtype::F32,
        )?;
        let Some(Part::Layer(layer)) = built.into_iter().next_back().map(|node| node.part) else {
            return Err(Error::invalid("layer", "none", "a dense layer"));
        };
        let plan = Layer::<f32>::plan(&*layer, Isa::detect());
        Ok(Self { sizes, layer, plan })
    }

    /// Memory for the operands of one thread.
    fn room(&self) -> Room {
        let Sizes {
            rows,
            inputs,
            units,
        } = self.sizes;
        let tiles = self.plan.tiles.iter().map(layers::Tile::len);
        Room {
            parameters: Lines::new(self.plan.parameters),
            derived: Lines::new(self.plan.derived),
            x: Lines::new(rows * stride(inputs)),
            y: Lines::new(rows * stride(units)),
            dy: Lines::new(rows * stride(units)),
            dx: Lines::new(rows * stride(inputs)),
            stash: Lines::new(rows * self.plan.stash),
            gradient: Lines::new(tiles.max().unwrap_or(0)),
        }
    }

    /// Repeats a product over the whole batch until some time is over; returns the operations done.
    fn repeat(&self, product: Product, patience: Duration, room: &mut Room) -> usize {
        let Sizes {
            rows,
            inputs,
            units,
        } = self.sizes;
        let (x_stride, y_stride) = (stride(inputs), stride(units));
        let weights = Weights {
            parameters: room.parameters.slice(),
            derived: room.derived.slice(),
        };
        let (x, y, dy) = (room.x.slice(), room.y.slice(), room.dy.slice());
        let (dx, stash, gradient) = (room.dx.slice(), room.stash.slice(), room.gradient.slice());
        let stash_stride = self.plan.stash;
        let layer: &dyn Layer<f32> = &*self.layer;
        let block = |first: usize, rows: usize| Block {
            isa: Isa::detect(),
            rows,
            first,
            mode: Mode::Evaluation,
            stash: stash_stride,
            prepared: &[],
            batch: &[],
        };
        let start = Instant::now();
        let mut passes = 0;
        // The first pass brings everything near; it counts, among hundreds.
        while passes == 0 || start.elapsed() < patience {
            if let Product::WeightGradient = product {
                for tile in self.plan.tiles.iter().filter(|tile| tile.segment == 0) {
                    let gradient = &mut gradient[..tile.len()];
                    let own = &weights.parameters[tile.start..][..tile.len()];
                    let trace = Trace { x, y };
                    layer.gradient(block(0, rows), tile, own, trace, stash, dy, gradient);
                }
            }
            for first in (0..rows).step_by(BLOCK_ROWS) {
                let count = BLOCK_ROWS.min(rows - first);
                let place = |stride: usize| first * stride..(first + count) * stride;
                let x = &x[place(x_stride)];
                let (y, dy) = (&mut y[place(y_stride)], &mut dy[place(y_stride)]);
                let (dx, stash) = (&mut dx[place(x_stride)], &mut stash[place(stash_stride)]);
                let block = block(first, count);
                match product {
                    Product::Forward => layer.forward(block, weights, x, y, stash),
                    Product::InputGradient => {
                        layer.backward(block, weights, Trace { x, y }, stash, dy, Some(dx));
                    }
                    Product::WeightGradient => {}
                }
            }
            passes += 1;
        }
        passes * 2 * rows * inputs * units
    }
}

/// See [`Bench::room`].
struct Room {
    parameters: Lines,
    derived: Lines,
    x: Lines,
    y: Lines,
    dy: Lines,
    dx: Lines,
    stash: Lines,
    gradient: Lines,
}

/// Numbers from the beginning of a cache line on, as the engine's buffers have them.
struct Lines {
    values: Vec<f32>,
    length: usize,
}

impl Lines {
    fn new(length: usize) -> Self {
        let values = (0..length + 16)
            .map(|k| 0.01 + (k % 7) as f32 * 0.001)
            .collect();
        Self { values, length }
    }

    fn slice(&mut self) -> &mut [f32] {
        let offset = self.values.as_ptr().align_offset(64).min(16);
        &mut self.values[offset..offset + self.length]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_of_a_pass_are_two_a_multiply_add() {
        let sizes = Sizes {
            rows: 70,
            inputs: 9,
            units: 17,
        };
        let bench = Bench::new(sizes).unwrap();
        for product in [
            Product::Forward,
            Product::InputGradient,
            Product::WeightGradient,
        ] {
            assert_eq!(
                bench.repeat(product, Duration::ZERO, &mut bench.room()),
                2 * 70 * 9 * 17
            );
        }
    }
}
