//! Second derivatives: the R-operator, layer by layer, in double precision.
//!
//! For a direction θ̇ let ẋ be the derivative of a value x by r at θ + r·θ̇, r = 0. Differentiating
//! the forward and the backward pass by r gives ẋ → ẏ and dẏ → dẋ, and from them the part of ∇²L·θ̇
//! that belongs to the layer:
//! - y = W·x + b:  ẏ = W·ẋ + Ẇ·x + ḃ,  dẋ = Wᵀ·dẏ + Ẇᵀ·dy,  dẆ = dẏᵀ·x + dyᵀ·ẋ,  dḃ = Σ dẏ;
//! - y = φ(x): ẏ = J·ẋ, dẋ = J·dẏ + J̇·dy, with J = ∂y/∂x symmetric and J̇ its derivative along ẋ.
//!
//! At kinks φ″ is 0. Source: Pearlmutter 1994. [`Geometry::second_order`] states the kind of a
//! layer. Activations that are fused into a layer are split off first
//! ([`Geometry::take_activation`]), so that dense and convolutional layers are bilinear, and their
//! own products serve again: with (Ẇ, x, dẏ·W) and (W, ẋ, dy·Ẇ).

#[cfg(doc)]
use super::Geometry;
use super::{Block, Layer, Tile, Trace, Weights};

/// How the R-operator treats a layer.
#[derive(Clone, Copy)]
pub enum SecondOrder<'a> {
    /// y is linear in x, and there are no parameters.
    Linear,
    /// y is linear in x and in the first segment; a second one is added. [`Layer::backward`] leaves
    /// dy as it is.
    Bilinear,
    /// The layer has equations of its own.
    Own(&'a dyn Tangent),
}

/// A row block in the R-operator's pass.
#[derive(Clone, Copy)]
pub struct Site<'a> {
    /// As in the first pass.
    pub block: Block<'a>,
    /// θ.
    pub weights: Weights<'a, f64>,
    /// θ with nothing but the first segment.
    pub linear: Weights<'a, f64>,
    /// θ̇, which is 0 for values that are not trained.
    pub direction: Weights<'a, f64>,
    /// x and y.
    pub trace: Trace<'a, f64>,
    /// ẋ.
    pub x_dot: &'a [f64],
    /// Whether ẋ may differ from 0: a layer in front is trained.
    pub moves: bool,
    /// The batch's sums of [`Tangent::summarize`], then those of [`Tangent::summarize_gradient`].
    pub batch: &'a [f64],
}

/// The R-operator of a layer that is neither linear nor bilinear. The two stashes are that of the
/// first pass, as its backward part left it, and one of this pass; dy comes as the pair dy, dẏ.
pub trait Tangent {
    /// ẋ → ẏ, for the rows of a block.
    fn forward(&self, site: Site, y_dot: &mut [f64], stash: [&mut [f64]; 2]);

    /// dẏ → dẋ.
    fn backward(&self, site: Site, stash: [&mut [f64]; 2], dy: [&mut [f64]; 2], dx_dot: &mut [f64]);

    /// dẆ of one tile from all rows of the batch.
    fn gradient(
        &self,
        site: Site,
        tile: &Tile,
        stash: [&[f64]; 2],
        dy: [&[f64]; 2],
        gradient: &mut [f64],
    );

    /// Partial statistics of these rows before ẋ → ẏ; blocks are summed.
    fn summarize(&self, _site: Site, _summary: &mut [f64]) {}

    /// Partial statistics of these rows before dẏ → dẋ; blocks are summed.
    fn summarize_gradient(&self, _site: Site, _dy: [&[f64]; 2], _summary: &mut [f64]) {}
}

impl SecondOrder<'_> {
    /// ẋ → ẏ of `layer`.
    pub(crate) fn forward(
        self,
        layer: &dyn Layer<f64>,
        site: Site,
        y_dot: &mut [f64],
        [stash, stash_dot]: [&mut [f64]; 2],
    ) {
        match self {
            SecondOrder::Linear => {
                layer.forward(site.block, site.weights, site.x_dot, y_dot, stash_dot);
            }
            SecondOrder::Bilinear => {
                layer.forward(site.block, site.direction, site.trace.x, y_dot, stash);
                if site.moves {
                    let mut more = vec![0.0; y_dot.len()];
                    layer.forward(site.block, site.linear, site.x_dot, &mut more, stash_dot);
                    add(y_dot, &more);
                }
            }
            SecondOrder::Own(tangent) => tangent.forward(site, y_dot, [stash, stash_dot]),
        }
    }

    /// dẏ → dẋ of `layer`, if that is wanted.
    pub(crate) fn backward(
        self,
        layer: &dyn Layer<f64>,
        site: Site,
        [stash, stash_dot]: [&mut [f64]; 2],
        [dy, dy_dot]: [&mut [f64]; 2],
        mut dx_dot: Option<&mut [f64]>,
    ) {
        let along = Trace {
            x: site.x_dot,
            ..site.trace
        };
        match self {
            SecondOrder::Linear => {
                layer.backward(site.block, site.weights, along, stash_dot, dy_dot, dx_dot);
            }
            SecondOrder::Bilinear => {
                let dx = dx_dot.as_deref_mut();
                layer.backward(site.block, site.weights, site.trace, stash, dy_dot, dx);
                if let Some(dx_dot) = dx_dot {
                    let mut more = vec![0.0; dx_dot.len()];
                    let dx = Some(&mut more[..]);
                    layer.backward(site.block, site.direction, along, stash_dot, dy, dx);
                    add(dx_dot, &more);
                }
            }
            SecondOrder::Own(tangent) => {
                if let Some(dx_dot) = dx_dot {
                    tangent.backward(site, [stash, stash_dot], [dy, dy_dot], dx_dot);
                }
            }
        }
    }

    /// dẆ of one tile of `layer`.
    pub(crate) fn gradient(
        self,
        layer: &dyn Layer<f64>,
        site: Site,
        tile: &Tile,
        [stash, stash_dot]: [&[f64]; 2],
        [dy, dy_dot]: [&[f64]; 2],
        gradient: &mut [f64],
    ) {
        let Site { block, trace, .. } = site;
        let own = &site.weights.parameters[tile.start..][..tile.len()];
        match self {
            SecondOrder::Linear => {}
            SecondOrder::Bilinear => {
                layer.gradient(block, tile, own, trace, stash, dy_dot, gradient);
                if site.moves && tile.segment == 0 {
                    let mut more = vec![0.0; gradient.len()];
                    let along = Trace {
                        x: site.x_dot,
                        ..trace
                    };
                    layer.gradient(block, tile, own, along, stash_dot, dy, &mut more);
                    add(gradient, &more);
                }
            }
            SecondOrder::Own(tangent) => {
                tangent.gradient(site, tile, [stash, stash_dot], [dy, dy_dot], gradient);
            }
        }
    }
}

fn add(to: &mut [f64], from: &[f64]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to += from;
    }
}
