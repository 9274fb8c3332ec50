//! The rate of the three products of a dense layer: y = x·Wᵀ, dx = dz·W and dW = dzᵀ·x.
//!
//! A dense layer without activation is run through [`Layer`] as a step runs it: row blocks of 64 forward and
//! back, the gradient tile by tile over all rows of the batch. Only the products and the loops around them are
//! timed; every thread has a layer of its own.

use std::time::{Duration, Instant};

use thalweg_core::Isa;
use thalweg_core::dataset::{FeaturesRef, Rows};
use thalweg_core::error::{Error, Result};
use thalweg_core::layers::{self, AnyLayer, Block, Layer, LayerPlan, Mode, Part, Trace, Weights};
use thalweg_core::precision::Dtype;
use thalweg_core::registry::{Choice, Setting};
use thalweg_core::shape::{Shape, stride};

use crate::machine::{Clock, together};

/// Rows of the batch, inputs, units: layers of the workloads, and a square one.
pub const SIZES: [[usize; 3]; 6] = [
    [128, 784, 128],
    [256, 784, 512],
    [256, 512, 512],
    [256, 128, 128],
    [128, 32, 32],
    [32, 8, 16],
];

/// The rate of each product in single precision, of all threads together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rates {
    /// Rows, inputs, units.
    pub sizes: [usize; 3],
    /// Threads, each with a layer of its own.
    pub threads: usize,
    /// 10⁹ operations a second of y = x·Wᵀ, dx = dz·W and dW = dzᵀ·x.
    pub gflops: [f64; 3],
}

impl Rates {
    /// Measures them: the best of three runs each.
    ///
    /// # Errors
    /// If there is no such layer.
    pub fn measure(sizes: [usize; 3], threads: usize, clock: Clock) -> Result<Self> {
        let bench = Bench::new(sizes)?;
        let patience = match clock {
            Clock::Full => Duration::from_millis(60),
            Clock::Quick => Duration::from_millis(1),
        };
        let gflops = PRODUCTS.map(|product| {
            let operands = || bench.operands();
            let run = |operands: &mut Operands| bench.repeat(product, patience, operands);
            let runs = (0..3).map(|_| together(threads, operands, run) / 1e9);
            runs.fold(0.0, f64::max)
        });
        Ok(Self {
            sizes,
            threads,
            gflops,
        })
    }
}

#[derive(Debug, Clone, Copy)]
enum Product {
    Forward,
    InputGradient,
    WeightGradient,
}

const PRODUCTS: [Product; 3] = [
    Product::Forward,
    Product::InputGradient,
    Product::WeightGradient,
];

/// Rows of a block, as the CPU engine cuts them.
const BLOCK_ROWS: usize = 64;

struct Bench {
    sizes: [usize; 3],
    layer: Box<dyn AnyLayer>,
    plan: LayerPlan,
}

impl Bench {
    fn new(sizes: [usize; 3]) -> Result<Self> {
        let [_, inputs, units] = sizes;
        let dense =
            |units: usize| Choice::new("dense").with("units", Setting::Integer(units as i64));
        // The second layer of two: the first would have no gradient of its input.
        let built = layers::build(Shape::flat(1), &[dense(inputs), dense(units)], Dtype::F32)?;
        let Some(Part::Layer(layer)) = built.into_iter().next_back().map(|node| node.part) else {
            return Err(Error::invalid("layer", "none", "a dense layer"));
        };
        let plan = Layer::<f32>::plan(&*layer, Isa::detect());
        Ok(Self { sizes, layer, plan })
    }

    /// The operands of one thread.
    fn operands(&self) -> Operands {
        let [rows, inputs, units] = self.sizes;
        let tiles = self.plan.tiles.iter().map(layers::Tile::len);
        Operands {
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

    /// Repeats a product over the whole batch for some time; returns the operations done.
    fn repeat(&self, product: Product, patience: Duration, operands: &mut Operands) -> usize {
        let [rows, inputs, units] = self.sizes;
        let (x_stride, y_stride) = (stride(inputs), stride(units));
        let weights = Weights {
            parameters: operands.parameters.slice(),
            derived: operands.derived.slice(),
        };
        let (x, y, dy) = (operands.x.slice(), operands.y.slice(), operands.dy.slice());
        let (dx, stash, gradient) = (
            operands.dx.slice(),
            operands.stash.slice(),
            operands.gradient.slice(),
        );
        let stash_stride = self.plan.stash;
        let layer: &dyn Layer<f32> = &*self.layer;
        let (features, listed) = (FeaturesRef::f32(0, &[]), Rows::NONE);
        let block = |first: usize, rows: usize| Block {
            isa: Isa::detect(),
            rows,
            features: &features,
            listed: &listed,
            start: 0,
            first,
            mode: Mode::Evaluation,
            stash: stash_stride,
            prepared: &[],
            batch: &[],
        };
        let start = Instant::now();
        let mut passes = 0;
        // The first pass, with cold caches, is one of hundreds.
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

/// Parameters, inputs and outputs, and their gradients, of one thread.
struct Operands {
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
        let bench = Bench::new([70, 9, 17]).unwrap();
        for product in PRODUCTS {
            let operations = bench.repeat(product, Duration::ZERO, &mut bench.operands());
            assert_eq!(operations, 2 * 70 * 9 * 17);
        }
    }
}
