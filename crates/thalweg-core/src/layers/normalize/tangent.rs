//! Second derivatives of row normalizations: y = γ·x̂ + β, ẏ = γ̇·x̂ + γ·x̂˙ + β̇, g = γ·dy, ġ =
//! γ̇·dy + γ·dẏ; dγ̇ = Σ (dẏ·x̂ + dy·x̂˙), dβ̇ = Σ dẏ. The rest is in `normalized.rs`.
//!
//! The first stash has μ and s of each group, the second E ẋ and p.

use super::super::Tile;
use super::super::normalized::{Means, Normalized};
use super::super::second_order::{Site, Tangent};
use super::{GAMMA, RowNorm};
use crate::shape::stride;

impl RowNorm {
    /// Group `k` of a row, given the row's stashes.
    fn group_at(&self, [stash, stash_dot]: [&[f64]; 2], k: usize) -> Normalized {
        Normalized {
            mean: stash[2 * k],
            inverse: stash[2 * k + 1],
            mean_dot: stash_dot[2 * k],
            slope_dot: stash_dot[2 * k + 1],
        }
    }

    /// Positions of the values of a row, and of the statistics of its groups.
    fn row(&self, row: usize) -> [std::ops::Range<usize>; 2] {
        [stride(self.shape.size()), stride(2 * self.groups)]
            .map(|width| row * width..(row + 1) * width)
    }
}

impl Tangent for RowNorm {
    fn forward(&self, site: Site, y_dot: &mut [f64], [stash, stash_dot]: [&mut [f64]; 2]) {
        let group = self.group();
        let gamma = self.affine(site.weights.parameters);
        let direction = self.affine(site.direction.parameters);
        for row in 0..site.block.rows {
            let [values, statistics] = self.row(row);
            let (x, x_dot) = (&site.trace.x[values.clone()], &site.x_dot[values.clone()]);
            let (y_dot, stash) = (&mut y_dot[values], &stash[statistics.clone()]);
            let stash_dot = &mut stash_dot[statistics];
            for k in 0..self.groups {
                let range = k * group..(k + 1) * group;
                let mean = |term: &dyn Fn(usize) -> f64| {
                    range.clone().map(term).sum::<f64>() / group as f64
                };
                let (center, inverse) = (stash[2 * k], stash[2 * k + 1]);
                stash_dot[2 * k] = mean(&|i| x_dot[i]);
                stash_dot[2 * k + 1] = mean(&|i| (x[i] - center) * inverse * x_dot[i]);
                let normalized = self.group_at([stash, stash_dot], k);
                for i in range {
                    let [normal, moved] = normalized.value(x[i], x_dot[i]);
                    let (change, shift) = match self.count() {
                        0 => (0.0, 0.0),
                        _ => direction(i),
                    };
                    y_dot[i] = change * normal + gamma(i).0 * moved + shift;
                }
            }
        }
    }

    fn backward(
        &self,
        site: Site,
        [stash, stash_dot]: [&mut [f64]; 2],
        dy: [&mut [f64]; 2],
        dx_dot: &mut [f64],
    ) {
        let group = self.group();
        let gamma = self.affine(site.weights.parameters);
        let direction = self.affine(site.direction.parameters);
        for row in 0..site.block.rows {
            let [values, statistics] = self.row(row);
            let [x, x_dot] = [site.trace.x, site.x_dot].map(|x| &x[values.clone()]);
            let [dy, dy_dot] = [&dy[0][values.clone()], &dy[1][values.clone()]];
            let stashes = [&stash[statistics.clone()], &stash_dot[statistics]];
            let dx_dot = &mut dx_dot[values];
            let slope = |i: usize| {
                let change = if self.count() == 0 {
                    0.0
                } else {
                    direction(i).0
                };
                [gamma(i).0 * dy[i], change * dy[i] + gamma(i).0 * dy_dot[i]]
            };
            for k in 0..self.groups {
                let normalized = self.group_at(stashes, k);
                let mut sums = Means::default();
                for i in k * group..(k + 1) * group {
                    let [normal, moved] = normalized.value(x[i], x_dot[i]);
                    let [g, g_dot] = slope(i);
                    sums.g += g;
                    sums.product += normal * g;
                    sums.g_dot += g_dot;
                    sums.product_dot += normal * g_dot + moved * g;
                }
                let means = sums.over(group as f64);
                for i in k * group..(k + 1) * group {
                    dx_dot[i] = normalized.gradient([x[i], x_dot[i]], slope(i), means);
                }
            }
            dx_dot[self.shape.size()..].fill(0.0);
        }
    }

    fn gradient(
        &self,
        site: Site,
        tile: &Tile,
        stash: [&[f64]; 2],
        dy: [&[f64]; 2],
        gradient: &mut [f64],
    ) {
        gradient.fill(0.0);
        let (group, share) = (self.group(), self.share());
        let places = tile.within(self.count());
        for row in 0..site.block.rows {
            let [values, statistics] = self.row(row);
            let [x, x_dot] = [site.trace.x, site.x_dot].map(|x| &x[values.clone()]);
            let [dy, dy_dot] = dy.map(|dy| &dy[values.clone()]);
            let stashes = stash.map(|stash| &stash[statistics.clone()]);
            for (gradient, place) in gradient.iter_mut().zip(places.clone()) {
                for i in place * share..(place + 1) * share {
                    let normalized = self.group_at(stashes, i / group);
                    let [normal, moved] = normalized.value(x[i], x_dot[i]);
                    *gradient += match tile.segment {
                        GAMMA => dy_dot[i] * normal + dy[i] * moved,
                        _ => dy_dot[i],
                    };
                }
            }
        }
    }
}
