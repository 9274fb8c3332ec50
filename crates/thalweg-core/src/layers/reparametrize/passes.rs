//! The passes of a layer whose weights are scaled: see the module above.

use super::{GAIN, LEAST_NORM, Norm, Reparametrized, WEIGHT};
use crate::kernels::Isa;
use crate::layers::LayerScalar;
use crate::layers::{
    Block, Layer, LayerPlan, Mode, Order, Tile, Trace, WeightLayout, Weights, vectors,
};
use crate::shape::stride;

impl Reparametrized {
    /// Positions of an output channel, in all rows of a pack.
    fn area<T: LayerScalar>(&self, isa: Isa) -> usize {
        self.facts.output.size() / self.units * self.lanes::<T>(isa)
    }

    /// Rows that are interleaved: a pack counts as one row with that many times the positions.
    fn lanes<T: LayerScalar>(&self, isa: Isa) -> usize {
        match self.facts.order {
            Order::Packs => isa.lanes::<T>(),
            Order::Rows | Order::Any => 1,
        }
    }

    /// How many such rows there are.
    fn row_count<T: LayerScalar>(&self, block: Block) -> usize {
        block.rows.div_ceil(self.lanes::<T>(block.isa))
    }

    /// What they take in the stash of the inner layer, and as the output.
    fn widths<T: LayerScalar>(&self, isa: Isa) -> [usize; 2] {
        [self.inner::<T>(isa).stash, stride(self.facts.output.size())]
            .map(|width| width * self.lanes::<T>(isa))
    }

    /// c\[i\].
    fn factor(&self, block: Block, unit: usize) -> f64 {
        match self.norm {
            Norm::Weight => block.prepared[unit],
            Norm::Spectral => 1.0 / block.prepared[0],
        }
    }

    /// Calls `visit(unit, input, weight)` for all of V.
    fn each<T: LayerScalar>(&self, isa: Isa, v: &[T], mut visit: impl FnMut(usize, usize, f64)) {
        let layer = T::layer(&*self.inner);
        for tile in &self.inner::<T>(isa).tiles {
            let Some(matrix) = layer.weight_layout(tile) else {
                continue;
            };
            let own = &v[tile.start..][..tile.len()];
            each_of(&matrix, |unit, input, place| {
                visit(unit, input, own[place].to_f64())
            });
        }
    }

    /// The stash of a row beside the inner layer's: a, of which the backward pass makes dz·a of
    /// each unit (and of all units, for spectral norm), and dz.
    fn stash<'a, T: LayerScalar>(&self, block: Block, stash: &'a [T], row: usize) -> [&'a [T]; 2] {
        let [inner, width] = self.widths::<T>(block.isa);
        let start = row * block.stash * self.lanes::<T>(block.isa) + inner;
        [&stash[start..][..width], &stash[start + width..][..width]]
    }

    /// P of a unit, or ΣP for spectral norm as unit 0, after the backward pass.
    fn product<T: LayerScalar>(&self, block: Block, stash: &[T], unit: usize) -> f64 {
        (0..self.row_count::<T>(block))
            .map(|row| self.stash(block, stash, row)[0][unit].to_f64())
            .sum()
    }
}

/// Calls `visit(unit, input, place)` for the weights of a tile.
fn each_of(matrix: &WeightLayout, mut visit: impl FnMut(usize, usize, usize)) {
    for (i, unit) in matrix.units.clone().enumerate() {
        for (j, input) in matrix.inputs.clone().enumerate() {
            visit(
                unit,
                input,
                i * matrix.unit_stride + j * matrix.input_stride,
            );
        }
    }
}

impl<T: LayerScalar> Layer<T> for Reparametrized {
    fn plan(&self, isa: Isa) -> LayerPlan {
        let plan = T::layer(&*self.inner).plan(isa);
        let own = self.own();
        let starts = vectors::starts(&own);
        let base = self.inner::<T>(isa).parameters;
        let tiles = (own.iter().enumerate())
            .flat_map(|(i, s)| vectors::tiles(i + 1, base + starts[i], s.len()));
        LayerPlan {
            parameters: base + starts[own.len()],
            stash: plan.stash + 2 * stride(self.facts.output.size()),
            tiles: plan.tiles.into_iter().chain(tiles).collect(),
            ..plan
        }
    }

    fn locate(&self, isa: Isa, segment: usize, index: usize) -> usize {
        match segment {
            WEIGHT => T::layer(&*self.inner).locate(isa, WEIGHT, index),
            _ => {
                let base = self.inner::<T>(isa).parameters;
                base + vectors::locate(&self.own(), segment - 1, index)
            }
        }
    }

    unsafe fn refresh(&self, isa: Isa, tile: &Tile, tile_parameters: &[T], derived: *mut T) {
        if tile.segment == WEIGHT {
            // SAFETY: the caller's promise; what is derived is the inner layer's alone.
            unsafe { T::layer(&*self.inner).refresh(isa, tile, tile_parameters, derived) };
        }
    }

    fn prepare(&self, isa: Isa, mode: Mode, parameters: &[T], prepared: &mut [f64]) {
        match self.norm {
            Norm::Weight => {
                let (factors, norms) = prepared.split_at_mut(self.units);
                norms.fill(0.0);
                self.each(isa, parameters, |unit, _, v| norms[unit] += v * v);
                let gains = self.vector(isa, parameters, "gain");
                for ((factor, norm), gain) in factors.iter_mut().zip(norms).zip(gains) {
                    *norm = norm.sqrt().max(LEAST_NORM);
                    *factor = gain.to_f64() / *norm;
                }
            }
            Norm::Spectral => {
                let left = self.vector(isa, parameters, "left");
                let right = self.vector(isa, parameters, "right");
                for (new, old) in prepared[1..].iter_mut().zip(left.iter().chain(right)) {
                    *new = old.to_f64();
                }
                let iterations = usize::from(mode != Mode::Evaluation);
                self.iterate(prepared, iterations, |visit| {
                    self.each(isa, parameters, &mut *visit);
                });
            }
        }
    }

    fn forward(&self, block: Block, weights: Weights<T>, x: &[T], y: &mut [T], stash: &mut [T]) {
        let inner = self.inner::<T>(block.isa);
        let ([kept, width], area) = (self.widths::<T>(block.isa), self.area::<T>(block.isa));
        let of_inner = Weights {
            parameters: &weights.parameters[..inner.parameters],
            ..weights
        };
        T::layer(&*self.inner).forward(block, of_inner, x, y, stash);
        let bias = self.vector(block.isa, weights.parameters, "bias");
        let rows = y
            .chunks_exact_mut(width)
            .zip(stash.chunks_exact_mut(block.stash * self.lanes::<T>(block.isa)));
        for (y, stash) in rows.take(self.row_count::<T>(block)) {
            stash[kept..][..width].copy_from_slice(y);
            for (unit, y) in y.chunks_exact_mut(area).take(self.units).enumerate() {
                let factor = T::from_f64(self.factor(block, unit));
                let bias = bias.get(unit).copied().unwrap_or(T::ZERO);
                y.iter_mut().for_each(|y| *y = *y * factor + bias);
            }
        }
    }

    fn backward(
        &self,
        block: Block,
        weights: Weights<T>,
        trace: Trace<T>,
        stash: &mut [T],
        dy: &mut [T],
        dx: Option<&mut [T]>,
    ) {
        let inner = self.inner::<T>(block.isa);
        let ([kept, width], area) = (self.widths::<T>(block.isa), self.area::<T>(block.isa));
        let rows = dy
            .chunks_exact_mut(width)
            .zip(stash.chunks_exact_mut(block.stash * self.lanes::<T>(block.isa)));
        for (dy, stash) in rows.take(self.row_count::<T>(block)) {
            let (a, dz) = stash[kept..][..2 * width].split_at_mut(width);
            dz.copy_from_slice(dy);
            let mut total = 0.0;
            for unit in 0..self.units {
                let range = unit * area..(unit + 1) * area;
                let pairs = a[range.clone()].iter().zip(&dz[range]);
                let product: f64 = pairs.map(|(a, dz)| a.to_f64() * dz.to_f64()).sum();
                // Places up to this unit's first have been read.
                a[unit] = T::from_f64(product);
                total += product;
            }
            if self.norm == Norm::Spectral {
                a[0] = T::from_f64(total);
            }
            for (unit, dy) in dy.chunks_exact_mut(area).take(self.units).enumerate() {
                let factor = T::from_f64(self.factor(block, unit));
                dy.iter_mut().for_each(|dy| *dy *= factor);
            }
        }
        let of_inner = Weights {
            parameters: &weights.parameters[..inner.parameters],
            ..weights
        };
        T::layer(&*self.inner).backward(block, of_inner, trace, stash, dy, dx);
    }

    fn gradient(
        &self,
        batch: Block,
        tile: &Tile,
        own: &[T],
        trace: Trace<T>,
        stash: &[T],
        dy: &[T],
        gradient: &mut [T],
    ) {
        if tile.segment == WEIGHT {
            let layer = T::layer(&*self.inner);
            layer.gradient(batch, tile, own, trace, stash, dy, gradient);
            let Some(matrix) = layer.weight_layout(tile) else {
                return;
            };
            match self.norm {
                Norm::Weight => {
                    for unit in matrix.units.clone() {
                        let norm = batch.prepared[self.units + unit];
                        let factor = self.factor(batch, unit) / (norm * norm);
                        let factor = T::from_f64(factor * self.product(batch, stash, unit));
                        let of_unit = WeightLayout {
                            units: unit..unit + 1,
                            ..matrix.clone()
                        };
                        let first = (unit - matrix.units.start) * matrix.unit_stride;
                        each_of(&of_unit, |_, _, place| {
                            gradient[first + place] -= factor * own[first + place];
                        });
                    }
                }
                Norm::Spectral => {
                    let sigma = batch.prepared[0];
                    let factor = self.product(batch, stash, 0) / (sigma * sigma);
                    let (left, right) = batch.prepared[1..].split_at(self.units);
                    each_of(&matrix, |unit, input, place| {
                        gradient[place] -= T::from_f64(factor * left[unit] * right[input]);
                    });
                }
            }
            return;
        }
        gradient.fill(T::ZERO);
        if self.norm == Norm::Spectral && matches!(tile.segment, 1 | 2) {
            return;
        }
        let is_gain = self.norm == Norm::Weight && tile.segment == GAIN;
        let area = self.area::<T>(batch.isa);
        let units = tile.within(self.units);
        for (gradient, unit) in gradient.iter_mut().zip(units) {
            *gradient = T::from_f64(if is_gain {
                self.product(batch, stash, unit) / batch.prepared[self.units + unit]
            } else {
                let sum = |row| {
                    let [_, dz] = self.stash(batch, stash, row);
                    let dz = dz[unit * area..][..area].iter();
                    dz.map(|dz| dz.to_f64()).sum::<f64>()
                };
                (0..self.row_count::<T>(batch)).map(sum).sum()
            });
        }
    }

    fn track(&self, batch: Block, tile: &Tile, values: &mut [T]) {
        let length = if tile.segment == 1 {
            self.units
        } else {
            self.fan_in
        };
        let start = if tile.segment == 1 { 1 } else { 1 + self.units };
        let new = &batch.prepared[start..][..length][tile.column..];
        for (value, new) in values.iter_mut().zip(new) {
            *value = T::from_f64(*new);
        }
    }
}
