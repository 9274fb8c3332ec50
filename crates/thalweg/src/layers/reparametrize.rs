//! Layers whose weights are scaled by a norm: what weight norm and spectral norm share.
//!
//! The inner layer is linear without a bias, a = V·x. What goes out is z\[i\] = c\[i\]·a\[i\] + b\[i\] for each
//! unit (output channel) i, where the factors c depend on V through norms:
//! - weight norm: c\[i\] = g\[i\]/‖v_i‖. With P\[i\] = Σ dz\[i\]·a\[i\] over rows and positions,
//!   dg\[i\] = P\[i\]/‖v_i‖ and dV gets −c\[i\]·P\[i\]/‖v_i‖²·v_i;
//! - spectral norm: c = 1/σ with σ = uᵀVv, u and v taken as constants; dV gets −(Σ P)/σ²·u·vᵀ.
//!
//! Beside that dV is the inner layer's gradient at da = c ⊙ dz, and db\[i\] = Σ dz\[i\].
//! Norms take all of V, so they are prepared before each pass, by one thread, in double precision. The inner layer's
//! products are in single precision where the network's are of bf16 numbers.

use std::sync::OnceLock;

use super::activation::Pointwise;
use super::{
    AnyLayer, Block, Geometry, LAYERS, Layer, Matrix, Mode, Order, Part, Place, Plan, Role, Segment,
    Shape, Tile, Trace, Weights, stride, vectors,
};
use crate::activations::ACTIVATIONS;
use crate::constraints::Constraint;
use crate::error::{Error, Result};
use crate::kernels::Isa;
use crate::precision::Precision;
use crate::random::Sequence;
use crate::registry::{AUTO, Arguments, Choice, Default, Domain, Parameter, Setting};

const WEIGHT: usize = 0;
/// Of weight norm.
const GAIN: usize = 1;

/// Which norm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Norm {
    /// Of each unit's weights.
    Weight,
    /// The largest singular value of all weights.
    Spectral,
}

/// See the module's text.
struct Reparametrized {
    inner: Box<dyn AnyLayer>,
    norm: Norm,
    units: usize,
    /// Weights of a unit.
    fan_in: usize,
    has_bias: bool,
    /// The inner layer's part of θ and its tiles, once it is planned: in single and in double precision.
    planned: [OnceLock<Inner>; 2],
}

struct Inner {
    isa: Isa,
    parameters: usize,
    stash: usize,
    tiles: Vec<Tile>,
}

/// The layer that is normalized.
pub(super) const LAYER: Parameter = Parameter {
    name: "layer",
    summary: "the dense or conv2d layer whose weights are normalized",
    default: Default::Required,
    domain: Domain::Choice(|| &LAYERS),
};

/// Power iterations before the first step.
const FIRST_ITERATIONS: usize = 15;
/// Norms are taken for at least this.
const LEAST_NORM: f64 = 1e-12;

/// Makes the layer `name`.
pub(super) fn build(name: &str, norm: Norm, arguments: &Arguments, place: &Place) -> Result<Part> {
    let mut choice = arguments.choice("layer");
    if !["dense", "conv2d"].contains(&choice.name.as_str()) {
        let found = format!("layer = {}", choice.name);
        return Err(Error::invalid(
            format!("layer {name}"),
            found,
            "dense or conv2d",
        ));
    }
    let taken = |choice: &Choice, name: &str| choice.settings.get(name).cloned();
    if norm == Norm::Spectral
        && let Some(constraint) = taken(&choice, "constraint").and_then(|setting| setting.choice())
        && constraint.name != AUTO
    {
        let found = format!("constraint = {constraint} on the layer that it normalizes");
        let error = Error::invalid(format!("layer {name}"), found, "one of them");
        return Err(error.remedy("no unit's weights exceed a norm of 1: leave out the constraint"));
    }
    let has_bias = taken(&choice, "bias") != Some(Setting::Flag(false));
    let activation = taken(&choice, "activation").and_then(|setting| setting.choice());
    let activation = activation.unwrap_or_else(|| Choice::new("identity"));
    let activation = ACTIVATIONS.build(&activation, &())?;
    // The initializer that suits the activation, before that is taken out.
    let is_auto = taken(&choice, "initializer").is_none_or(|s| s == Setting::Text("auto".into()));
    if is_auto {
        let name = activation.initializer().to_owned();
        choice = choice.with("initializer", Setting::Text(name));
    }
    let choice = choice
        .with("bias", Setting::Flag(false))
        .with("activation", Setting::Text("identity".to_owned()));
    // What bf16 keeps in the stash has its place in a row of the inner layer's own.
    let place = Place {
        is_last: false,
        dtype: place.dtype.storage(),
        ..*place
    };
    let Part::Layer(inner) = LAYERS.build(&choice, &place)? else {
        unreachable!("a dense or convolutional layer is one layer");
    };
    let shape = inner.output();
    let weight = &inner.segments()[WEIGHT];
    let layer = Reparametrized {
        norm,
        units: weight.shape[0],
        fan_in: weight.len() / weight.shape[0],
        has_bias,
        planned: [OnceLock::new(), OnceLock::new()],
        inner,
    };
    Ok(Part::Sequence(vec![
        Part::layer(layer),
        Part::layer(Pointwise { shape, activation }),
    ]))
}

/// Makes `x` a unit vector.
fn normalize(x: &mut [f64]) {
    let norm = x.iter().map(|x| x * x).sum::<f64>().sqrt();
    x.iter_mut().for_each(|x| *x /= norm.max(LEAST_NORM));
}

impl Reparametrized {
    fn inner<T: Precision>(&self, isa: Isa) -> &Inner {
        let plan = || {
            let plan = T::layer(&*self.inner).plan(isa);
            Inner {
                isa,
                parameters: plan.parameters,
                stash: plan.stash,
                tiles: plan.tiles,
            }
        };
        let precision = usize::from(size_of::<T>() == size_of::<f64>());
        let inner = self.planned[precision].get_or_init(plan);
        assert_eq!(inner.isa, isa, "a layer is planned for one instruction set");
        inner
    }

    /// Segments beside V.
    fn own(&self) -> Vec<Segment> {
        let of = |name: &'static str, length, role| Segment::new(name, vec![length], role);
        let bias = (self.has_bias).then(|| of("bias", self.units, Role::Other));
        let norm = match self.norm {
            Norm::Weight => vec![of("gain", self.units, Role::Lengths)],
            Norm::Spectral => vec![
                of("left", self.units, Role::Other),
                of("right", self.fan_in, Role::Other),
            ],
        };
        norm.into_iter().chain(bias).collect()
    }

    /// A segment beside V.
    fn vector<'a, T: Precision>(&self, isa: Isa, parameters: &'a [T], name: &str) -> &'a [T] {
        let own = self.own_start(name);
        match own {
            Some((start, length)) => {
                &parameters[self.inner::<T>(isa).parameters + start..][..length]
            }
            None => &[],
        }
    }

    /// Place, among the segments beside V, and length of one.
    fn own_start(&self, name: &str) -> Option<(usize, usize)> {
        let line = vectors::padded(self.units);
        let bias = match self.norm {
            Norm::Weight => line,
            Norm::Spectral => line + vectors::padded(self.fan_in),
        };
        match name {
            "gain" | "left" => Some((0, self.units)),
            "right" => Some((line, self.fan_in)),
            _ => self.has_bias.then_some((bias, self.units)),
        }
    }

    /// Positions of an output channel, in all rows of a pack.
    fn area<T: Precision>(&self, isa: Isa) -> usize {
        self.inner.output().size() / self.units * self.lanes::<T>(isa)
    }

    /// Rows that lie in each other: a pack is as one row of as many positions more.
    fn lanes<T: Precision>(&self, isa: Isa) -> usize {
        match self.inner.order() {
            Order::Packs => isa.lanes::<T>(),
            Order::Rows | Order::Any => 1,
        }
    }

    /// How many such rows there are.
    fn row_count<T: Precision>(&self, block: Block) -> usize {
        block.rows.div_ceil(self.lanes::<T>(block.isa))
    }

    /// What they take in the stash of the inner layer, and as the output.
    fn widths<T: Precision>(&self, isa: Isa) -> [usize; 2] {
        [
            self.inner::<T>(isa).stash,
            stride(self.inner.output().size()),
        ]
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
    fn each<T: Precision>(&self, isa: Isa, v: &[T], mut visit: impl FnMut(usize, usize, f64)) {
        let layer = T::layer(&*self.inner);
        for tile in &self.inner::<T>(isa).tiles {
            let Some(matrix) = layer.matrix(tile) else {
                continue;
            };
            let own = &v[tile.start..][..tile.len()];
            each_of(&matrix, |unit, input, place| {
                visit(unit, input, own[place].to_f64())
            });
        }
    }

    /// The stash of a row beside the inner layer's: a, of which the backward pass makes dz·a of each unit (and of
    /// all units, for spectral norm), and dz.
    fn stash<'a, T: Precision>(&self, block: Block, stash: &'a [T], row: usize) -> [&'a [T]; 2] {
        let [inner, width] = self.widths::<T>(block.isa);
        let start = row * block.stash * self.lanes::<T>(block.isa) + inner;
        [&stash[start..][..width], &stash[start + width..][..width]]
    }

    /// P of a unit, or ΣP for spectral norm as unit 0, after the backward pass.
    fn product<T: Precision>(&self, block: Block, stash: &[T], unit: usize) -> f64 {
        (0..self.row_count::<T>(block))
            .map(|row| self.stash(block, stash, row)[0][unit].to_f64())
            .sum()
    }

    /// σ, u and v from the last u and v, after so many power iterations, given ways to multiply by V.
    fn iterate(
        &self,
        prepared: &mut [f64],
        iterations: usize,
        mut each: impl FnMut(&mut dyn FnMut(usize, usize, f64)),
    ) {
        let (sigma, rest) = prepared.split_at_mut(1);
        let (left, rest) = rest.split_at_mut(self.units);
        let (right, product) = rest.split_at_mut(self.fan_in);
        for _ in 0..iterations {
            left.fill(0.0);
            each(&mut |unit, input, w| left[unit] += w * right[input]);
            normalize(left);
            right.fill(0.0);
            each(&mut |unit, input, w| right[input] += w * left[unit]);
            normalize(right);
        }
        product.fill(0.0);
        each(&mut |unit, input, w| product[unit] += w * right[input]);
        sigma[0] = left.iter().zip(&*product).map(|(u, p)| u * p).sum();
    }
}

/// Calls `visit(unit, input, place)` for the weights of a tile.
fn each_of(matrix: &Matrix, mut visit: impl FnMut(usize, usize, usize)) {
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

impl Geometry for Reparametrized {
    fn output(&self) -> Shape {
        self.inner.output()
    }

    fn segments(&self) -> Vec<Segment> {
        let mut weight = self.inner.segments().swap_remove(WEIGHT);
        if self.norm == Norm::Weight {
            weight.role = Role::Directions;
        }
        [weight].into_iter().chain(self.own()).collect()
    }

    fn initialize(&self, segment: usize, random: &mut Sequence) -> Vec<f64> {
        match segment {
            WEIGHT => self.inner.initialize(WEIGHT, random),
            _ => vec![0.0; self.segments()[segment].len()],
        }
    }

    fn initialize_all(&self, random: &dyn Fn(usize) -> Sequence) -> Vec<Vec<f64>> {
        let weight = self.initialize(WEIGHT, &mut random(WEIGHT));
        let mut all = match self.norm {
            Norm::Weight => {
                let norm = |v: &[f64]| v.iter().map(|v| v * v).sum::<f64>().sqrt();
                vec![weight.chunks_exact(self.fan_in).map(norm).collect()]
            }
            Norm::Spectral => {
                let mut prepared = vec![0.0; self.prepared()];
                let mut normal = random(1);
                let right = 1 + self.units;
                for v in &mut prepared[right..right + self.fan_in] {
                    *v = normal.normal();
                }
                normalize(&mut prepared[right..right + self.fan_in]);
                self.iterate(&mut prepared, FIRST_ITERATIONS, |visit| {
                    for (i, w) in weight.iter().enumerate() {
                        visit(i / self.fan_in, i % self.fan_in, *w);
                    }
                });
                let left = prepared[1..right].to_vec();
                vec![left, prepared[right..right + self.fan_in].to_vec()]
            }
        };
        all.insert(WEIGHT, weight);
        all.extend(self.has_bias.then(|| vec![0.0; self.units]));
        all
    }

    fn cost(&self) -> usize {
        self.inner.cost()
    }

    fn reuse(&self) -> usize {
        self.inner.reuse()
    }

    fn order(&self) -> Order {
        self.inner.order()
    }

    /// ‖w_i‖ is |g\[i\]|.
    fn constraint(&self, segment: usize) -> Option<&dyn Constraint> {
        let is_length = self.norm == Norm::Weight && segment == GAIN;
        is_length.then(|| self.inner.constraint(WEIGHT)).flatten()
    }

    fn is_trained(&self, segment: usize) -> bool {
        self.norm == Norm::Weight || segment == WEIGHT || segment > 2
    }

    fn prepared(&self) -> usize {
        match self.norm {
            // c and ‖v‖ of each unit.
            Norm::Weight => 2 * self.units,
            // σ, u, v, V·v.
            Norm::Spectral => 1 + 2 * self.units + self.fan_in,
        }
    }
}

impl<T: Precision> Layer<T> for Reparametrized {
    fn plan(&self, isa: Isa) -> Plan {
        let plan = T::layer(&*self.inner).plan(isa);
        let own = self.own();
        let starts = vectors::starts(&own);
        let base = self.inner::<T>(isa).parameters;
        let tiles = (own.iter().enumerate())
            .flat_map(|(i, s)| vectors::tiles(i + 1, base + starts[i], s.len()));
        Plan {
            parameters: base + starts[own.len()],
            stash: plan.stash + 2 * stride(self.inner.output().size()),
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
            let Some(matrix) = layer.matrix(tile) else {
                return;
            };
            match self.norm {
                Norm::Weight => {
                    for unit in matrix.units.clone() {
                        let norm = batch.prepared[self.units + unit];
                        let factor = self.factor(batch, unit) / (norm * norm);
                        let factor = T::from_f64(factor * self.product(batch, stash, unit));
                        let of_unit = Matrix {
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
        if !self.is_trained(tile.segment) {
            return;
        }
        let is_gain = self.norm == Norm::Weight && tile.segment == GAIN;
        let area = self.area::<T>(batch.isa);
        let units = tile.column..self.units.min(tile.column + tile.columns);
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
