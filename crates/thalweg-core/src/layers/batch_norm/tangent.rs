//! Second derivatives of batch normalization, through the statistics of the batch: for each channel
//! ẏ = γ̇·x̂ + γ·x̂˙ + β̇, dγ̇ = Σ (dẏ·x̂ + dy·x̂˙), dβ̇ = Σ dẏ; with g = γ·dy the rest is in
//! `normalized.rs`.
//!
//! Partial statistics of a row block: Σ ẋ and Σ x̂·ẋ of each channel forward, dβ̇ and dγ̇ backward.

use super::super::Tile;
use super::super::normalized::{Means, Normalized};
use super::super::second_order::{Site, Tangent};
use super::{BETA, BatchNorm, GAMMA, Summary};
use crate::shape::stride;

impl BatchNorm {
    /// The second way's sums: Σ ẋ and Σ x̂·ẋ, or dβ̇ and dγ̇.
    fn sums<'a>(&self, site: Site<'a>, is_backward: bool) -> Summary<'a> {
        Summary {
            channels: self.channels(),
            numbers: &site.batch[if is_backward {
                self.statistics_count()
            } else {
                0
            }..],
        }
    }

    /// A channel; before the batch's sums are known, `sums` is none.
    fn channel(&self, site: Site, sums: Option<Summary>, channel: usize) -> Normalized {
        let batch = self.batch(site.block);
        let (mean, inverse) = self.statistics(batch, site.weights.parameters, channel);
        let of = |part: usize| match (batch, sums) {
            (Some(batch), Some(sums)) => sums.part(part)[channel] / batch.count(),
            // Statistics that are no batch's do not move.
            _ => 0.0,
        };
        Normalized {
            mean,
            inverse,
            mean_dot: of(0),
            slope_dot: of(1),
        }
    }

    /// Calls `visit(channel, place)` for every value of the rows of a block, channel by channel.
    fn each(&self, site: Site, mut visit: impl FnMut(usize, usize)) {
        let (row, area) = (stride(self.shape.size()), self.shape.area());
        for channel in 0..self.channels() {
            for first in (0..site.block.rows).map(|r| r * row + channel * area) {
                (first..first + area).for_each(|place| visit(channel, place));
            }
        }
    }

    /// All channels, with the batch's sums.
    fn normalized(&self, site: Site) -> Vec<Normalized> {
        let sums = Some(self.sums(site, false));
        (0..self.channels())
            .map(|channel| self.channel(site, sums, channel))
            .collect()
    }
}

impl Tangent for BatchNorm {
    fn summarize(&self, site: Site, summary: &mut [f64]) {
        summary.fill(0.0);
        let channels = self.channels();
        let (sums, products) = summary[1..].split_at_mut(channels);
        let normalized: Vec<Normalized> = (0..channels)
            .map(|channel| self.channel(site, None, channel))
            .collect();
        self.each(site, |channel, i| {
            let [normal, _] = normalized[channel].value(site.trace.x[i], 0.0);
            sums[channel] += site.x_dot[i];
            products[channel] += normal * site.x_dot[i];
        });
    }

    fn forward(&self, site: Site, y_dot: &mut [f64], _: [&mut [f64]; 2]) {
        let normalized = self.normalized(site);
        let gamma = self.segment(site.weights.parameters, GAMMA);
        let of = |segment| self.segment(site.direction.parameters, segment);
        let (gamma_dot, beta_dot) = (of(GAMMA), of(BETA));
        self.each(site, |c, i| {
            let [normal, moved] = normalized[c].value(site.trace.x[i], site.x_dot[i]);
            y_dot[i] = gamma_dot[c] * normal + gamma[c] * moved + beta_dot[c];
        });
    }

    fn summarize_gradient(&self, site: Site, [dy, dy_dot]: [&[f64]; 2], summary: &mut [f64]) {
        summary.fill(0.0);
        let (sums, products) = summary[1..].split_at_mut(self.channels());
        let normalized = self.normalized(site);
        self.each(site, |c, i| {
            let [normal, moved] = normalized[c].value(site.trace.x[i], site.x_dot[i]);
            sums[c] += dy_dot[i];
            products[c] += dy_dot[i] * normal + dy[i] * moved;
        });
    }

    fn backward(
        &self,
        site: Site,
        _: [&mut [f64]; 2],
        [dy, dy_dot]: [&mut [f64]; 2],
        dx_dot: &mut [f64],
    ) {
        dx_dot[..site.block.rows * stride(self.shape.size())].fill(0.0);
        let normalized = self.normalized(site);
        let gamma = self.segment(site.weights.parameters, GAMMA);
        let gamma_dot = self.segment(site.direction.parameters, GAMMA);
        let (sums, sums_dot) = (self.gradients(site.block), self.sums(site, true));
        let means: Vec<Means> = (0..self.channels())
            .map(|c| {
                let product = |part: usize| {
                    let (sum, sum_dot) = (sums.part(part)[c], sums_dot.part(part)[c]);
                    [gamma[c] * sum, gamma_dot[c] * sum + gamma[c] * sum_dot]
                };
                let ([g, g_dot], [product, product_dot]) = (product(0), product(1));
                let sums = Means {
                    g,
                    product,
                    g_dot,
                    product_dot,
                };
                match self.batch(site.block) {
                    Some(batch) => sums.over(batch.count()),
                    None => Means::default(),
                }
            })
            .collect();
        self.each(site, |c, i| {
            let g_dot = gamma_dot[c] * dy[i] + gamma[c] * dy_dot[i];
            let x = [site.trace.x[i], site.x_dot[i]];
            dx_dot[i] = normalized[c].gradient(x, [gamma[c] * dy[i], g_dot], means[c]);
        });
    }

    fn gradient(
        &self,
        site: Site,
        tile: &Tile,
        _: [&[f64]; 2],
        _: [&[f64]; 2],
        gradient: &mut [f64],
    ) {
        gradient.fill(0.0);
        let part = if tile.segment == BETA { 0 } else { 1 };
        let channels = tile.within(self.channels());
        let sums = &self.sums(site, true).part(part)[channels];
        gradient[..sums.len()].copy_from_slice(sums);
    }
}
