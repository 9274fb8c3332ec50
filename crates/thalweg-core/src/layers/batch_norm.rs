//! Batch normalization: y = γ·x̂ + β with x̂ = (x − μ)/√(σ² + ε), for each channel.
//!
//! In training μ and σ² = M/n are mean and variance of the channel over *all* n values that the
//! batch has of it (rows × positions, every row counting the same whatever its weight); in
//! evaluation they are the running statistics, moving averages over the training steps: μ̄ ← (1 −
//! m)·μ̄ + m·μ, σ̄² ← (1 − m)·σ̄² + m·M/(n − 1). Backward: dβ = Σ dy, dγ = Σ dy·x̂, dx = γ/√(σ² +
//! ε)·(dy − dβ/n − x̂·dγ/n).
//!
//! Source: Ioffe & Szegedy 2015; momentum m and the unbiased running variance as in PyTorch. Row
//! blocks write their (n, μ, M), which are put together in the order of the rows (Chan, Golub &
//! LeVeque 1983).
//!
//! One value has no variance: a batch size that leaves a single value a channel is refused, and a
//! last short batch of this kind is normalized by the running statistics, which it leaves as they
//! are.

mod tangent;

use super::{
    Block, Context, Coupled, Direction, Example, Facts, Geometry, Layer, LayerPlan, Mode, Part,
    Role, SecondOrder, Segment, Tile, Trace, Weights, vectors,
};
use crate::kernels::{Isa, moments};
use crate::layers::LayerScalar;
use crate::random::Sequence;
use crate::registry::{Default, Description, Domain, Entry, Parameter};
use crate::shape::{Shape, stride};

const GAMMA: usize = 0;
const BETA: usize = 1;
const RUNNING_MEAN: usize = 2;
const RUNNING_VARIANCE: usize = 3;

/// See the module's text.
struct BatchNorm {
    shape: Shape,
    momentum: f64,
    epsilon: f64,
}

/// Places in the summary of the forward pass: n, then for each channel μ, M, and 1/√(σ² + ε) once
/// the whole batch is known. That of the backward pass has Σ dy and Σ dy·x̂ of each channel.
#[derive(Clone, Copy)]
struct Summary<'a> {
    channels: usize,
    numbers: &'a [f64],
}

impl<'a> Summary<'a> {
    fn count(self) -> f64 {
        self.numbers[0]
    }

    fn part(self, index: usize) -> &'a [f64] {
        &self.numbers[1 + index * self.channels..][..self.channels]
    }
}

impl BatchNorm {
    fn channels(&self) -> usize {
        self.shape.channels
    }

    fn start(&self, segment: usize) -> usize {
        segment * vectors::padded(self.channels())
    }

    fn segment<'a, T>(&self, parameters: &'a [T], segment: usize) -> &'a [T] {
        &parameters[self.start(segment)..][..self.channels()]
    }

    /// The batch's summary of the forward pass, if there is one to normalize by.
    fn batch<'a>(&self, block: Block<'a>) -> Option<Summary<'a>> {
        let summary = Summary {
            channels: self.channels(),
            numbers: block.batch,
        };
        (block.mode != Mode::Evaluation && summary.count() > 1.0).then_some(summary)
    }

    /// The batch's summary of the backward pass.
    fn gradients<'a>(&self, block: Block<'a>) -> Summary<'a> {
        Summary {
            channels: self.channels(),
            numbers: &block.batch[self.statistics_count()..],
        }
    }

    /// See [`Facts::statistics`].
    fn statistics_count(&self) -> usize {
        1 + 3 * self.channels()
    }

    /// μ and 1/√(σ² + ε) of a channel.
    fn statistics<T: LayerScalar>(
        &self,
        batch: Option<Summary>,
        parameters: &[T],
        channel: usize,
    ) -> (f64, f64) {
        let of = |segment| self.segment(parameters, segment)[channel].to_f64();
        match batch {
            Some(batch) => (batch.part(0)[channel], batch.part(2)[channel]),
            None => (
                of(RUNNING_MEAN),
                1.0 / (of(RUNNING_VARIANCE) + self.epsilon).sqrt(),
            ),
        }
    }

    /// Rows of a channel.
    fn rows<'a, T>(
        &self,
        block: Block,
        x: &'a [T],
        channel: usize,
    ) -> impl Iterator<Item = &'a [T]> {
        let area = self.shape.area();
        x.chunks_exact(stride(self.shape.size()))
            .take(block.rows)
            .map(move |row| &row[channel * area..][..area])
    }
}

impl Geometry for BatchNorm {
    fn facts(&self) -> Facts {
        Facts {
            statistics: self.statistics_count(),
            least_rows: if self.shape.area() == 1 { 2 } else { 1 },
            ..Facts::new(self.shape, 4 * self.shape.size())
        }
    }

    fn segments(&self) -> Vec<Segment> {
        let segment = |name| Segment::new(name, vec![self.channels()], Role::Other);
        vec![
            segment("weight"),
            segment("bias"),
            segment("running_mean").tracked(),
            segment("running_var").tracked(),
        ]
    }

    fn initialize(&self, segment: usize, _: &mut Sequence) -> Vec<f64> {
        let value = match segment {
            GAMMA | RUNNING_VARIANCE => 1.0,
            _ => 0.0,
        };
        vec![value; self.channels()]
    }

    fn second_order(&self) -> Option<SecondOrder<'_>> {
        Some(SecondOrder::Own(self))
    }
}

impl<T: LayerScalar> Layer<T> for BatchNorm {
    fn plan(&self, _: Isa) -> LayerPlan {
        vectors::plan(&self.segments(), 0)
    }

    fn locate(&self, _: Isa, segment: usize, index: usize) -> usize {
        self.start(segment) + index
    }

    fn forward(&self, block: Block, weights: Weights<T>, x: &[T], y: &mut [T], _: &mut [T]) {
        let (batch, row) = (self.batch(block), stride(self.shape.size()));
        let of = |segment| self.segment(weights.parameters, segment);
        let (gamma, beta, area) = (of(GAMMA), of(BETA), self.shape.area());
        let rows = y.chunks_exact_mut(row).zip(x.chunks_exact(row));
        for (y, x) in rows.take(block.rows) {
            if let (true, Some(batch)) = (self.shape.area() == 1, batch) {
                let statistics = batch.part(0).iter().zip(batch.part(2));
                let affine = gamma.iter().zip(beta);
                let values = y.iter_mut().zip(x).zip(statistics).zip(affine);
                for (((y, x), (mean, inverse)), (gamma, beta)) in values {
                    let scale = *gamma * T::from_f64(*inverse);
                    *y = (*x - T::from_f64(*mean)) * scale + *beta;
                }
                continue;
            }
            let channels = y.chunks_exact_mut(area).zip(x.chunks_exact(area));
            for (channel, (y, x)) in channels.take(self.channels()).enumerate() {
                let (mean, inverse) = self.statistics(batch, weights.parameters, channel);
                let (mean, scale) = (T::from_f64(mean), gamma[channel] * T::from_f64(inverse));
                for (y, x) in y.iter_mut().zip(x) {
                    *y = (*x - mean) * scale + beta[channel];
                }
            }
        }
    }

    fn backward(
        &self,
        block: Block,
        weights: Weights<T>,
        trace: Trace<T>,
        _: &mut [T],
        dy: &mut [T],
        dx: Option<&mut [T]>,
    ) {
        let Some(dx) = dx else { return };
        let (batch, row) = (self.batch(block), stride(self.shape.size()));
        let sums = self.gradients(block);
        let (gamma, area) = (self.segment(weights.parameters, GAMMA), self.shape.area());
        let rows = dy.chunks_exact(row).zip(trace.x.chunks_exact(row));
        for (dx, (dy, x)) in dx.chunks_exact_mut(row).zip(rows).take(block.rows) {
            if let (true, Some(batch)) = (self.shape.area() == 1, batch) {
                let n = batch.count();
                let statistics = batch.part(0).iter().zip(batch.part(2));
                let totals = sums.part(0).iter().zip(sums.part(1)).zip(gamma);
                let values = dx.iter_mut().zip(dy.iter().zip(x));
                for (((dx, (dy, x)), (mean, inverse)), ((sum, product), gamma)) in
                    values.zip(statistics).zip(totals)
                {
                    let normal = (*x - T::from_f64(*mean)) * T::from_f64(inverse * product / n);
                    let centred = *dy - T::from_f64(sum / n) - normal;
                    *dx = *gamma * T::from_f64(*inverse) * centred;
                }
                dx[self.channels()..].fill(T::ZERO);
                continue;
            }
            let channels = dy.chunks_exact(area).zip(x.chunks_exact(area));
            let channels = dx.chunks_exact_mut(area).zip(channels);
            for (channel, (dx, (dy, x))) in channels.take(self.channels()).enumerate() {
                let (mean, inverse) = self.statistics(batch, weights.parameters, channel);
                // dβ/n, and dγ/n·1/√(σ² + ε); statistics that are no batch's do not depend on x.
                let (mean_dy, slope) = batch.map_or((0.0, 0.0), |batch| {
                    let n = batch.count();
                    let slope = sums.part(1)[channel] * inverse / n;
                    (sums.part(0)[channel] / n, slope)
                });
                let scale = gamma[channel] * T::from_f64(inverse);
                let [mean, mean_dy, slope] = [mean, mean_dy, slope].map(T::from_f64);
                for ((dx, dy), x) in dx.iter_mut().zip(dy).zip(x) {
                    *dx = scale * (*dy - mean_dy - (*x - mean) * slope);
                }
            }
            dx[self.shape.size()..].fill(T::ZERO);
        }
    }

    fn gradient(
        &self,
        batch: Block,
        tile: &Tile,
        _: &[T],
        _: Trace<T>,
        _: &[T],
        _: &[T],
        gradient: &mut [T],
    ) {
        gradient.fill(T::ZERO);
        let sums = self
            .gradients(batch)
            .part(if tile.segment == BETA { 0 } else { 1 });
        let channels = tile.within(self.channels());
        for (gradient, sum) in gradient.iter_mut().zip(&sums[channels]) {
            *gradient = T::from_f64(*sum);
        }
    }

    fn coupled(&self) -> Option<&dyn Coupled<T>> {
        Some(self)
    }

    fn track(&self, batch: Block, tile: &Tile, values: &mut [T]) {
        let Some(summary) = self.batch(batch) else {
            return;
        };
        let n = summary.count();
        let channels = tile.within(self.channels());
        for (value, channel) in values.iter_mut().zip(channels) {
            let new = match tile.segment {
                RUNNING_MEAN => summary.part(0)[channel],
                _ => summary.part(1)[channel] / (n - 1.0),
            };
            let old = value.to_f64();
            *value = T::from_f64((1.0 - self.momentum) * old + self.momentum * new);
        }
    }
}

impl<T: LayerScalar> Coupled<T> for BatchNorm {
    fn summarize(&self, block: Block, x: &[T], summary: &mut [f64]) {
        let channels = self.channels();
        let (count, rest) = summary.split_at_mut(1);
        let (means, rest) = rest.split_at_mut(channels);
        let squares = &mut rest[..channels];
        count[0] = (block.rows * self.shape.area()) as f64;
        if self.shape.area() == 1 {
            let rows = || x.chunks_exact(stride(channels)).take(block.rows);
            means.fill(0.0);
            squares.fill(0.0);
            for row in rows() {
                for (mean, x) in means.iter_mut().zip(row) {
                    *mean += x.to_f64();
                }
            }
            means.iter_mut().for_each(|mean| *mean /= count[0]);
            for row in rows() {
                for ((square, mean), x) in squares.iter_mut().zip(&*means).zip(row) {
                    *square += (x.to_f64() - mean) * (x.to_f64() - mean);
                }
            }
            return;
        }
        for channel in 0..channels {
            // As blocks are put together, so are the rows of a block.
            let (mut n, mut mean, mut square) = (0.0, 0.0, 0.0);
            for row in self.rows(block, x, channel) {
                let (row_mean, row_square) = moments::moments(block.isa, row);
                let more = row.len() as f64;
                let difference = row_mean - mean;
                mean += difference * more / (n + more);
                square += row_square + difference * difference * n * more / (n + more);
                n += more;
            }
            (means[channel], squares[channel]) = (mean, square);
        }
    }

    fn summarize_gradient(
        &self,
        block: Block,
        weights: Weights<T>,
        trace: Trace<T>,
        dy: &[T],
        summary: &mut [f64],
    ) {
        let (batch, channels) = (self.batch(block), self.channels());
        summary.fill(0.0);
        let (sums, products) = summary[1..].split_at_mut(channels);
        if let (true, Some(batch)) = (self.shape.area() == 1, batch) {
            let row = stride(channels);
            let rows = dy.chunks_exact(row).zip(trace.x.chunks_exact(row));
            for (dy, x) in rows.take(block.rows) {
                let totals = sums.iter_mut().zip(&mut *products).zip(batch.part(0));
                for (((sum, product), mean), (dy, x)) in totals.zip(dy.iter().zip(x)) {
                    *sum += dy.to_f64();
                    *product += dy.to_f64() * (x.to_f64() - mean);
                }
            }
            for (product, inverse) in products.iter_mut().zip(batch.part(2)) {
                *product *= inverse;
            }
            return;
        }
        for channel in 0..channels {
            let (mean, inverse) = self.statistics(batch, weights.parameters, channel);
            let rows = self.rows(block, dy, channel);
            for (dy, x) in rows.zip(self.rows(block, trace.x, channel)) {
                let [sum, product] = moments::gradient_sums(block.isa, dy, x, mean);
                sums[channel] += sum;
                products[channel] += product * inverse;
            }
        }
    }

    fn combine(
        &self,
        direction: Direction,
        blocks: &mut dyn Iterator<Item = &[f64]>,
        total: &mut [f64],
    ) {
        let channels = self.channels();
        total.fill(0.0);
        for block in blocks {
            if direction == Direction::Backward {
                for (total, part) in total.iter_mut().zip(block) {
                    *total += part;
                }
                continue;
            }
            let (n, more) = (total[0], block[0]);
            let sum = n + more;
            for c in 1..=channels {
                let difference = block[c] - total[c];
                total[c] += difference * more / sum;
                total[channels + c] +=
                    block[channels + c] + difference * difference * n * more / sum;
            }
            total[0] = sum;
        }
        if direction == Direction::Forward {
            for c in 1..=channels {
                let variance = total[channels + c] / total[0];
                total[2 * channels + c] = 1.0 / (variance + self.epsilon).sqrt();
            }
        }
    }
}

pub(super) const ENTRY: Entry<Part, Context> = Entry {
    description: Description {
        name: "batch_norm",
        summary: "Normalizes every channel over the batch; needs batches of several rows",
        equation: "y = γ·(x − μ)/√(σ² + ε) + β, μ and σ² over the batch; running averages in evaluation",
        source: "Ioffe & Szegedy 2015",
        parameters: &[
            Parameter {
                name: "momentum",
                summary: "how much a batch moves the running statistics",
                default: Default::Number(0.1),
                domain: Domain::FRACTION,
            },
            Parameter {
                name: "epsilon",
                summary: "ε",
                default: Default::Number(1e-5),
                domain: Domain::POSITIVE,
            },
        ],
    },
    build: |arguments, context| {
        Ok(Part::layer(BatchNorm {
            shape: context.input,
            momentum: arguments.number("momentum"),
            epsilon: arguments.number("epsilon"),
        }))
    },
};

pub(super) const EXAMPLES: &[Example] = &[
    Example::list(r#"[{"name": "batch_norm"}]"#),
    Example::image(r#"[{"name": "batch_norm"}]"#),
    Example::image(
        r#"[{"name": "batch_norm"}, {"name": "conv2d", "channels": 3, "kernel": 2, "activation": "tanh"}, {"name": "batch_norm"}]"#,
    ),
    Example::list(
        r#"[{"name": "batch_norm"}, {"name": "dense", "units": 5, "activation": "tanh"}]"#,
    )
    .first(),
];
