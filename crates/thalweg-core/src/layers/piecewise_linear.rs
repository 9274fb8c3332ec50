//! Piecewise-linear embedding of numbers: y = (x, e₁, e₂, …), the inputs as they are, and for each
//! embedded column the vector eⱼ = Wⱼ·ple(xⱼ).
//!
//! Of the bins of a column, with edges b₀ < b₁ < … < b_B, ple(x) has 1 for those below x, 0 for
//! those above, and v = (x − b_k)/(b_{k+1} − b_k) for the bin k that x is in; beyond the outer edges
//! the outer bins go on. So e = Σ_{t<k} W\[t\] + v·W\[k\], a continuous function with a bend at each
//! edge. Source: Gorishniy, Rubachev & Babenko 2022, On Embeddings for Numerical Features.
//!
//! The sums over t < k are kept with the weights (derived values), and the gradient of W adds up dy
//! by bins first, so a row costs the length of e for each column, however many bins there are:
//! dW\[t\] = Σ dy over the rows of bins above t + Σ v·dy over those of bin t;
//! dxⱼ = dy + W\[k\]·dy/(b_{k+1} − b_k). W is drawn from U(±1/√B).

use std::ops::Range;

use super::numbers::{COLUMNS, WIDTH, columns};
use super::{
    Block, Context, Example, Facts, Geometry, Layer, LayerPlan, Part, Role, SecondOrder, Segment,
    Site, Tangent, Tile, Trace, Weights, vectors,
};
use crate::error::{Error, Result};
use crate::kernels::{Arch, Isa, Kernel};
use crate::layers::LayerScalar;
use crate::random::Sequence;
use crate::registry::{AUTO, Arguments, Default, Description, Domain, Entry, Parameter};
use crate::shape::{Shape, stride};

/// Inner edges are compared this many at a time.
const COMPARED: usize = 16;
/// About this many parameters make a tile.
const TILE: usize = 3072;

/// See the module's text.
struct PiecewiseLinear {
    inputs: usize,
    /// Length of e.
    width: usize,
    columns: Vec<Column>,
    /// The columns of each tile.
    tiles: Vec<Range<usize>>,
    edges: Vec<f64>,
}

/// An embedded column.
struct Column {
    input: usize,
    bins: usize,
    /// Its edges.
    edges: Range<usize>,
    /// Where W begins in the layer's part of θ, and its bins among all of them.
    start: usize,
    first_bin: usize,
    /// Where its derived values begin: the inner edges, then a record for each bin.
    derived: usize,
    /// Where e begins in a row that goes out.
    output: usize,
}

/// Derived values of a column, and its place in the stash of a row: bin and v.
struct View<'a, T> {
    inner: &'a [T],
    records: &'a [T],
}

/// A bin: its lower edge, 1/width, the sum of W below it, and W.
struct Record<'a, T> {
    edge: T,
    slope: T,
    sum: &'a [T],
    weight: &'a [T],
}

impl Column {
    /// Inner edges, padded with ∞.
    fn inner(&self) -> usize {
        (self.bins - 1).next_multiple_of(COMPARED)
    }

    /// Length of its derived values, for vectors of this width.
    fn derived_length(&self, width: usize) -> usize {
        (self.inner() + self.bins * record(width)).next_multiple_of(COMPARED)
    }

    fn view<'a, T>(&self, derived: &'a [T]) -> View<'a, T> {
        let (inner, records) = derived[self.derived..].split_at(self.inner());
        View { inner, records }
    }
}

/// Length of a record for vectors of this width.
const fn record(width: usize) -> usize {
    2 + 2 * width
}

impl<'a, T: LayerScalar> View<'a, T> {
    /// The bin that x is in.
    #[inline(always)]
    fn bin(&self, x: T) -> usize {
        let mut bin = 0u32;
        for edges in self.inner.chunks_exact(COMPARED) {
            for edge in edges {
                bin += u32::from(x >= *edge);
            }
        }
        bin as usize
    }

    #[inline(always)]
    fn record(&self, bin: usize, width: usize) -> Record<'a, T> {
        let values = &self.records[bin * record(width)..][..record(width)];
        Record {
            edge: values[0],
            slope: values[1],
            sum: &values[2..][..width],
            weight: &values[2 + width..],
        }
    }
}

/// to ← to + factor·values.
#[inline(always)]
fn add<T: LayerScalar>(to: &mut [T], values: &[T], factor: T) {
    for (to, value) in to.iter_mut().zip(values) {
        *to += factor * *value;
    }
}

/// Σ dy·weight.
#[inline(always)]
fn product<T: LayerScalar>(dy: &[T], weight: &[T]) -> T {
    let pairs = dy.iter().zip(weight);
    pairs.fold(T::ZERO, |sum, (dy, weight)| sum + *dy * *weight)
}

/// Bin and v of a column, as the stash of a row has them.
#[inline(always)]
fn place<T: LayerScalar>(stash: &[T], column: usize) -> (usize, T) {
    (stash[2 * column].to_f64() as usize, stash[2 * column + 1])
}

impl PiecewiseLinear {
    fn build(arguments: &Arguments, context: &Context) -> Result<Part> {
        let refuse = |found: String, expected: &str| {
            Error::invalid("layer piecewise_linear", found, expected)
        };
        let inputs = columns("piecewise_linear", arguments, context)?;
        let counts = arguments.integers("counts").unwrap_or_default();
        let edges = arguments.numbers("edges");
        if counts.len() != inputs.len() {
            let found = format!("{} counts for {} columns", counts.len(), inputs.len());
            return Err(refuse(found, "one for each").at("counts"));
        }
        let wanted: usize = counts.iter().map(|bins| bins + 1).sum();
        if edges.len() != wanted {
            let found = format!("{} edges", edges.len());
            let expected = format!("{wanted}: one more than bins for each column");
            return Err(refuse(found, &expected).at("edges"));
        }
        let width = arguments.integer("width");
        let mut layer = Self {
            inputs: context.input.size(),
            width,
            columns: Vec::new(),
            tiles: Vec::new(),
            edges: edges.to_vec(),
        };
        let (mut edge, mut start, mut first_bin, mut derived) = (0, 0, 0, 0);
        for (number, (input, bins)) in inputs.into_iter().zip(counts).enumerate() {
            let own = edge..edge + bins + 1;
            if let Some(pair) = edges[own.clone()]
                .windows(2)
                .find(|pair| pair[0] >= pair[1])
            {
                let found = format!("{} before {} in column {}", pair[0], pair[1], number + 1);
                return Err(refuse(found, "edges that ascend").at("edges"));
            }
            let column = Column {
                input,
                bins,
                edges: own,
                start,
                first_bin,
                derived,
                output: layer.inputs + number * width,
            };
            edge += bins + 1;
            start += vectors::padded(bins * width);
            first_bin += bins;
            derived += column.derived_length(width);
            match layer.tiles.last_mut() {
                Some(tile) if start - layer.columns[tile.start].start <= TILE => tile.end += 1,
                _ => layer.tiles.push(number..number + 1),
            }
            layer.columns.push(column);
        }
        Ok(Part::layer(layer))
    }

    fn output(&self) -> Shape {
        Shape::flat(self.inputs + self.columns.len() * self.width)
    }

    /// Length of the parameters and of the derived values.
    fn lengths(&self) -> (usize, usize) {
        self.columns.last().map_or((0, 0), |last| {
            let parameters = last.start + vectors::padded(last.bins * self.width);
            (parameters, last.derived + last.derived_length(self.width))
        })
    }

    fn stash(&self) -> usize {
        stride(2 * self.columns.len())
    }

    /// Adds to the gradient of a tile, for each row and column, dy times the factor of the bin that
    /// `of` makes of its bin and v.
    fn add_by_bin<T: LayerScalar>(
        &self,
        rows: usize,
        tile: &Tile,
        [dy, stash]: [&[T]; 2],
        gradient: &mut [T],
        of: impl Fn(usize, T) -> Option<(usize, T)>,
    ) {
        let columns = self.tiles[tile.row].clone();
        self.each_row(rows, dy, stash, |_, dy, stash| {
            for (number, column) in columns.clone().zip(&self.columns[columns.clone()]) {
                let (bin, v) = place(stash, number);
                if let Some((bin, factor)) = of(bin, v) {
                    let at = column.start - tile.column + bin * self.width;
                    add(
                        &mut gradient[at..][..self.width],
                        &dy[column.output..],
                        factor,
                    );
                }
            }
        });
    }

    /// Calls `add` with each row of a batch, its dy and its stash.
    fn each_row<T>(
        &self,
        rows: usize,
        dy: &[T],
        stash: &[T],
        mut add: impl FnMut(usize, &[T], &[T]),
    ) {
        let dy = dy.chunks_exact(stride(self.output().size()));
        let pairs = dy.zip(stash.chunks_exact(self.stash()));
        for (row, (dy, stash)) in pairs.take(rows).enumerate() {
            add(row, dy, stash);
        }
    }
}

impl Geometry for PiecewiseLinear {
    fn facts(&self) -> Facts {
        let output = self.output();
        Facts::new(output, output.size() + self.columns.len() * self.width)
    }

    fn segments(&self) -> Vec<Segment> {
        let bins = self.columns.iter().map(|column| column.bins).sum();
        vec![Segment::new("weight", vec![bins, self.width], Role::Curves)]
    }

    fn initialize(&self, _: usize, random: &mut Sequence) -> Vec<f64> {
        let draw = |column: &Column| {
            let bound = (column.bins as f64).sqrt().recip();
            let count = column.bins * self.width;
            let draw = |_| bound * (2.0 * random.uniform() - 1.0);
            (0..count).map(draw).collect::<Vec<f64>>()
        };
        self.columns.iter().flat_map(draw).collect()
    }

    fn second_order(&self) -> Option<SecondOrder<'_>> {
        Some(SecondOrder::Own(self))
    }
}

/// x → y of a block.
struct Embed<'a, T> {
    layer: &'a PiecewiseLinear,
    rows: usize,
    derived: &'a [T],
    x: &'a [T],
    y: &'a mut [T],
    stash: &'a mut [T],
}

impl<T: LayerScalar> Kernel for Embed<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arch>(self) {
        let (layer, width) = (self.layer, self.layer.width);
        let x = self.x.chunks_exact(stride(layer.inputs));
        let y = self.y.chunks_exact_mut(stride(layer.output().size()));
        let rows = x.zip(y).zip(self.stash.chunks_exact_mut(layer.stash()));
        for ((x, y), stash) in rows.take(self.rows) {
            y[..layer.inputs].copy_from_slice(&x[..layer.inputs]);
            y[layer.output().size()..].fill(T::ZERO);
            for (column, stash) in layer.columns.iter().zip(stash.chunks_exact_mut(2)) {
                let (x, view) = (x[column.input], column.view(self.derived));
                let bin = view.bin(x);
                let record = view.record(bin, width);
                let v = (x - record.edge) * record.slope;
                (stash[0], stash[1]) = (T::from_f64(bin as f64), v);
                let parts = record.sum.iter().zip(record.weight);
                for (e, (sum, weight)) in y[column.output..][..width].iter_mut().zip(parts) {
                    *e = *sum + v * *weight;
                }
            }
        }
    }
}

impl<T: LayerScalar> Layer<T> for PiecewiseLinear {
    fn plan(&self, _: Isa) -> LayerPlan {
        let (parameters, derived) = self.lengths();
        let tile = |(row, columns): (usize, &Range<usize>)| {
            let start = self.columns[columns.start].start;
            let next = self.columns.get(columns.end);
            let end = next.map_or(parameters, |column| column.start);
            Tile {
                start,
                segment: 0,
                row,
                rows: 1,
                column: start,
                columns: end - start,
            }
        };
        LayerPlan {
            parameters,
            derived,
            stash: self.stash(),
            tiles: self.tiles.iter().enumerate().map(tile).collect(),
        }
    }

    fn locate(&self, _: Isa, _: usize, index: usize) -> usize {
        let bin = index / self.width;
        let column = self
            .columns
            .partition_point(|column| column.first_bin <= bin)
            - 1;
        let column = &self.columns[column];
        column.start + index - column.first_bin * self.width
    }

    unsafe fn refresh(&self, _: Isa, tile: &Tile, own: &[T], derived: *mut T) {
        for column in &self.columns[self.tiles[tile.row].clone()] {
            let length = column.derived_length(self.width);
            // SAFETY: the derived values of a column belong to its tile alone.
            let values =
                unsafe { std::slice::from_raw_parts_mut(derived.add(column.derived), length) };
            let (inner, records) = values.split_at_mut(column.inner());
            let edges = &self.edges[column.edges.clone()];
            inner.fill(T::from_f64(f64::INFINITY));
            for (inner, edge) in inner.iter_mut().zip(&edges[1..column.bins]) {
                *inner = T::from_f64(*edge);
            }
            let weights = own[column.start - tile.column..].chunks_exact(self.width);
            let mut before: Option<(&[T], &[T])> = None;
            let records = records.chunks_exact_mut(record(self.width));
            for ((values, weight), pair) in records.zip(weights).zip(edges.windows(2)) {
                let [low, high] = [pair[0], pair[1]].map(|edge| T::from_f64(edge));
                let slope = (high - low).to_f64().recip();
                values[0] = low;
                // Edges that are one number in this precision have nothing between them.
                values[1] = T::from_f64(if slope.is_finite() { slope } else { 0.0 });
                let (sum, own) = values[2..].split_at_mut(self.width);
                own.copy_from_slice(weight);
                match before {
                    None => sum.fill(T::ZERO),
                    Some((sums, weights)) => {
                        sum.copy_from_slice(sums);
                        add(sum, weights, T::ONE);
                    }
                }
                before = Some((&*sum, &*own));
            }
        }
    }

    fn forward(&self, block: Block, weights: Weights<T>, x: &[T], y: &mut [T], stash: &mut [T]) {
        block.isa.run(Embed {
            layer: self,
            rows: block.rows,
            derived: weights.derived,
            x,
            y,
            stash,
        });
    }

    fn backward(
        &self,
        block: Block,
        weights: Weights<T>,
        _: Trace<T>,
        stash: &mut [T],
        dy: &mut [T],
        dx: Option<&mut [T]>,
    ) {
        let Some(dx) = dx else { return };
        let row = stride(self.inputs);
        self.each_row(block.rows, dy, stash, |index, dy, stash| {
            let dx = &mut dx[index * row..][..row];
            dx[..self.inputs].copy_from_slice(&dy[..self.inputs]);
            dx[self.inputs..].fill(T::ZERO);
            for (number, column) in self.columns.iter().enumerate() {
                let (bin, _) = place(stash, number);
                let record = column.view(weights.derived).record(bin, self.width);
                dx[column.input] += record.slope * product(&dy[column.output..], record.weight);
            }
        });
    }

    fn gradient(
        &self,
        batch: Block,
        tile: &Tile,
        _: &[T],
        _: Trace<T>,
        stash: &[T],
        dy: &[T],
        gradient: &mut [T],
    ) {
        gradient.fill(T::ZERO);
        // dy belongs to all bins below that of its row: here to the next one below.
        self.add_by_bin(batch.rows, tile, [dy, stash], gradient, |bin, _| {
            Some((bin.checked_sub(1)?, T::ONE))
        });
        let columns = &self.columns[self.tiles[tile.row].clone()];
        for column in columns {
            let own = &mut gradient[column.start - tile.column..];
            for at in (0..(column.bins - 1) * self.width).rev() {
                let above = own[at + self.width];
                own[at] += above;
            }
        }
        self.add_by_bin(batch.rows, tile, [dy, stash], gradient, |bin, v| {
            Some((bin, v))
        });
    }
}

/// ė = Σ_{t<k} Ẇ\[t\] + v·Ẇ\[k\] + v̇·W\[k\], v̇ = ẋ/(b_{k+1} − b_k);
/// at the edges v̈ is 0.
impl Tangent for PiecewiseLinear {
    fn forward(&self, site: Site, y_dot: &mut [f64], [stash, stash_dot]: [&mut [f64]; 2]) {
        let Site { block, trace, .. } = site;
        Layer::<f64>::forward(self, block, site.direction, trace.x, y_dot, stash);
        let (input, output) = (stride(self.inputs), stride(self.output().size()));
        for row in 0..block.rows {
            let y_dot = &mut y_dot[row * output..][..output];
            let x_dot = &site.x_dot[row * input..][..input];
            let stash = &stash[row * self.stash()..][..self.stash()];
            let stash_dot = &mut stash_dot[row * self.stash()..][..self.stash()];
            y_dot[..self.inputs].fill(0.0);
            stash_dot.copy_from_slice(stash);
            for (number, column) in self.columns.iter().enumerate() {
                let (bin, _) = place(stash, number);
                let record = column.view(site.weights.derived).record(bin, self.width);
                let x_dot = if site.moves { x_dot[column.input] } else { 0.0 };
                let v_dot = record.slope * x_dot;
                stash_dot[2 * number + 1] = v_dot;
                add(
                    &mut y_dot[column.output..][..self.width],
                    record.weight,
                    v_dot,
                );
            }
            if site.moves {
                y_dot[..self.inputs].copy_from_slice(&x_dot[..self.inputs]);
            }
        }
    }

    fn backward(
        &self,
        site: Site,
        [stash, _]: [&mut [f64]; 2],
        [dy, dy_dot]: [&mut [f64]; 2],
        dx_dot: &mut [f64],
    ) {
        let Site { block, trace, .. } = site;
        let dx = Some(&mut *dx_dot);
        Layer::<f64>::backward(self, block, site.weights, trace, stash, dy_dot, dx);
        let row = stride(self.inputs);
        self.each_row(block.rows, dy, stash, |index, dy, stash| {
            for (number, column) in self.columns.iter().enumerate() {
                let (bin, _) = place(stash, number);
                let [own, along] = [site.weights, site.direction]
                    .map(|weights| column.view(weights.derived).record(bin, self.width));
                dx_dot[index * row + column.input] +=
                    own.slope * product(&dy[column.output..], along.weight);
            }
        });
    }

    fn gradient(
        &self,
        site: Site,
        tile: &Tile,
        [stash, stash_dot]: [&[f64]; 2],
        [dy, dy_dot]: [&[f64]; 2],
        gradient: &mut [f64],
    ) {
        let Site { block, trace, .. } = site;
        Layer::<f64>::gradient(self, block, tile, &[], trace, stash, dy_dot, gradient);
        self.add_by_bin(block.rows, tile, [dy, stash_dot], gradient, |bin, v_dot| {
            Some((bin, v_dot))
        });
    }
}

pub(super) const ENTRY: Entry<Part, Context> = Entry {
    description: Description {
        name: "piecewise_linear",
        summary: "Numbers with a learned piecewise-linear vector of each beside them, bent at quantiles; in front of all but an embedding of categories",
        equation: "y = (x, e₁, e₂, …), eⱼ = Σ_{t<k} W[t] + (xⱼ − b_k)/(b_{k+1} − b_k)·W[k] for xⱼ in bin k of its column",
        source: "Gorishniy, Rubachev & Babenko 2022",
        parameters: &[
            WIDTH,
            Parameter {
                name: "bins",
                summary: "at most so many bins a column, of equal shares of the training rows, where counts and edges are left to the data",
                default: Default::Integer(16),
                domain: Domain::Integer(2, 1024),
            },
            COLUMNS,
            Parameter {
                name: "counts",
                summary: "bins of each column; auto leaves them to the data of a run",
                default: Default::Text(AUTO),
                domain: Domain::IntegersOrAuto(1, 1024),
            },
            Parameter {
                name: "edges",
                summary: "the edges of the bins, column after column, one more than bins for each; auto leaves them to the data of a run",
                default: Default::Text(AUTO),
                domain: Domain::NumbersOrAuto,
            },
        ],
    },
    build: PiecewiseLinear::build,
};

pub(super) const EXAMPLES: &[Example] = &[
    Example::list(
        r#"[{"name": "piecewise_linear", "width": 2, "columns": [4, 0, 1], "counts": [3, 1, 18],
        "edges": [-0.93, -0.31, 0.22, 0.87, -0.5, 0.5, -0.99, -0.91, -0.83, -0.71, -0.62, -0.53, -0.41, -0.33, -0.21, -0.13, 0.011,
        0.12, 0.23, 0.34, 0.41, 0.52, 0.63, 0.78, 0.89]}, {"name": "dense", "units": 4, "activation": "tanh"}]"#,
    )
    .first(),
    Example::list(
        r#"[{"name": "piecewise_linear", "columns": [5, 2], "counts": [2, 4], "edges": [-0.4, 0.1, 0.7, -0.8, -0.3, 0.05, 0.33, 0.9]}]"#,
    )
    .kinked(),
];
