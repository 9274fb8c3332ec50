//! Normalization of each row by itself, in groups of channels: what layer, group and instance norm
//! share.
//!
//! y = γ·x̂ + β with x̂ = (x − μ)/√(σ² + ε), where μ and σ² are mean and variance over the values
//! of a group. Backward, with g = γ·dy: dx = (g − mean g − x̂·mean(g·x̂))/√(σ² + ε), means over the
//! group; dγ = Σ dy·x̂ and dβ = Σ dy over the rows (and over the positions of a channel that share
//! them).

mod tangent;

use super::{
    Block, Facts, Geometry, Layer, LayerPlan, Role, SecondOrder, Segment, Tile, Trace, Weights,
    vectors,
};
use crate::error::{Error, Result};
use crate::kernels::{Isa, moments};
use crate::layers::LayerScalar;
use crate::random::Sequence;
use crate::registry::{Default, Domain, Parameter};
use crate::shape::{Shape, stride};

const GAMMA: usize = 0;

/// See the module's text.
pub(super) struct RowNorm {
    pub shape: Shape,
    /// Groups of a row, of equal size.
    pub groups: usize,
    /// γ and β: none, for each channel, or for each value.
    pub affine: Affine,
    pub epsilon: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Affine {
    None,
    Channels,
    Values,
}

/// The setting ε.
pub(super) const EPSILON: Parameter = Parameter {
    name: "epsilon",
    summary: "ε",
    default: Default::Number(1e-5),
    domain: Domain::POSITIVE,
};

/// Whether there are γ and β.
pub(super) const AFFINE: Parameter = Parameter {
    name: "affine",
    summary: "whether there are γ and β",
    default: Default::Flag(true),
    domain: Domain::Flag,
};

/// Refuses groups of a single value, of which nothing but β would be left.
pub(super) fn check_groups(name: &str, shape: Shape, groups: usize) -> Result<()> {
    if shape.size() > groups {
        return Ok(());
    }
    let error = Error::invalid(format!("layer {name}"), "a single value", "at least two");
    Err(error.remedy("a value less its mean is 0: normalize more values together, or leave it out"))
}

impl RowNorm {
    /// How many of γ there are.
    fn count(&self) -> usize {
        match self.affine {
            Affine::None => 0,
            Affine::Channels => self.shape.channels,
            Affine::Values => self.shape.size(),
        }
    }

    /// Neighbouring values that share their γ.
    fn share(&self) -> usize {
        match self.affine {
            Affine::Channels => self.shape.area(),
            _ => 1,
        }
    }

    fn group(&self) -> usize {
        self.shape.size() / self.groups
    }

    /// γ and β of value `i` of a row.
    fn affine<'a, T: LayerScalar>(
        &self,
        parameters: &'a [T],
    ) -> impl Fn(usize) -> (T, T) + use<'a, T> {
        let (count, share) = (self.count(), self.share());
        let beta = vectors::padded(count);
        move |i| match count {
            0 => (T::ONE, T::ZERO),
            _ => (parameters[i / share], parameters[beta + i / share]),
        }
    }
}

impl Geometry for RowNorm {
    fn facts(&self) -> Facts {
        Facts::new(self.shape, 4 * self.shape.size())
    }

    fn segments(&self) -> Vec<Segment> {
        if self.affine == Affine::None {
            return Vec::new();
        }
        ["weight", "bias"]
            .map(|name| Segment::new(name, vec![self.count()], Role::Other))
            .to_vec()
    }

    fn initialize(&self, segment: usize, _: &mut Sequence) -> Vec<f64> {
        vec![if segment == GAMMA { 1.0 } else { 0.0 }; self.count()]
    }

    fn second_order(&self) -> Option<SecondOrder<'_>> {
        Some(SecondOrder::Own(self))
    }
}

impl<T: LayerScalar> Layer<T> for RowNorm {
    fn plan(&self, _: Isa) -> LayerPlan {
        // μ and 1/√(σ² + ε) of each group.
        vectors::plan(&self.segments(), stride(2 * self.groups))
    }

    fn locate(&self, _: Isa, segment: usize, index: usize) -> usize {
        vectors::locate(&self.segments(), segment, index)
    }

    fn forward(&self, block: Block, weights: Weights<T>, x: &[T], y: &mut [T], stash: &mut [T]) {
        let (row, group) = (stride(self.shape.size()), self.group());
        let affine = self.affine(weights.parameters);
        let rows = x.chunks_exact(row).zip(y.chunks_exact_mut(row));
        let rows = rows.zip(stash.chunks_exact_mut(stride(2 * self.groups)));
        for ((x, y), stash) in rows.take(block.rows) {
            for k in 0..self.groups {
                let range = k * group..(k + 1) * group;
                let (mean, squares) = moments::moments(block.isa, &x[range.clone()]);
                let inverse = 1.0 / (squares / group as f64 + self.epsilon).sqrt();
                let (mean, inverse) = (T::from_f64(mean), T::from_f64(inverse));
                (stash[2 * k], stash[2 * k + 1]) = (mean, inverse);
                for i in range {
                    let (gamma, beta) = affine(i);
                    y[i] = (x[i] - mean) * inverse * gamma + beta;
                }
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
        let Some(dx) = dx else { return };
        let (row, group) = (stride(self.shape.size()), self.group());
        let affine = self.affine(weights.parameters);
        let rows = trace.x.chunks_exact(row).zip(dy.chunks_exact(row));
        let rows = rows.zip(stash.chunks_exact(stride(2 * self.groups)));
        for (((x, dy), stash), dx) in rows.zip(dx.chunks_exact_mut(row)).take(block.rows) {
            for k in 0..self.groups {
                let range = k * group..(k + 1) * group;
                let (mean, inverse) = (stash[2 * k], stash[2 * k + 1]);
                for i in range.clone() {
                    dx[i] = affine(i).0 * dy[i];
                }
                let (x, dx) = (&x[range.clone()], &mut dx[range]);
                let [sum, product] = moments::gradient_sums(block.isa, dx, x, mean.to_f64());
                let size = group as f64;
                let inverse_square = inverse.to_f64() * inverse.to_f64();
                let slope = T::from_f64(product * inverse_square / size);
                let mean_g = T::from_f64(sum / size);
                for (dx, x) in dx.iter_mut().zip(x) {
                    *dx = (*dx - mean_g - (*x - mean) * slope) * inverse;
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
        trace: Trace<T>,
        stash: &[T],
        dy: &[T],
        gradient: &mut [T],
    ) {
        gradient.fill(T::ZERO);
        let (row, group, share) = (stride(self.shape.size()), self.group(), self.share());
        let places = tile.within(self.count());
        let rows = trace.x.chunks_exact(row).zip(dy.chunks_exact(row));
        let rows = rows.zip(stash.chunks_exact(stride(2 * self.groups)));
        for ((x, dy), stash) in rows.take(batch.rows) {
            for (gradient, place) in gradient.iter_mut().zip(places.clone()) {
                let range = place * share..(place + 1) * share;
                let k = range.start / group;
                let (x, dy) = (&x[range.clone()], &dy[range]);
                let (mean, inverse) = (stash[2 * k].to_f64(), stash[2 * k + 1].to_f64());
                let [sum, product] = match share {
                    1 => [dy[0].to_f64(), dy[0].to_f64() * (x[0].to_f64() - mean)],
                    _ => moments::gradient_sums(batch.isa, dy, x, mean),
                };
                *gradient += T::from_f64(match tile.segment {
                    GAMMA => product * inverse,
                    _ => sum,
                });
            }
        }
    }
}
