//! Increasing functions of numbers, fitted to the training rows.
//!
//! log: t(y) = ln(y + shift). quantile: t maps the quantiles of the training rows to those of the
//! standard normal distribution, and is linear between them, as scikit-learn's QuantileTransformer.
//! bent: r = (y − center) / scale becomes ±(3 + ln(|r| − 2)) where |r| > 3.

use serde::{Deserialize, Serialize};

use super::sorted::{Sorted, normal_quantile};

/// An increasing function of a number.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Curve {
    /// t(y) = y.
    #[default]
    Identity,
    /// t(y) = ln(y + shift).
    Log {
        /// 0 or 1.
        shift: f64,
        /// Below this value t goes on along its tangent, so that it takes any number. Without it,
        /// only y > −shift is taken.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tangent_below: Option<f64>,
    },
    /// t(y) = y but for outliers, which come nearer: a squared error does not see how far they are.
    Bent {
        /// The median.
        center: f64,
        /// The distance of the quartiles in standard normal units.
        scale: f64,
    },
    /// Linear between these points, and beyond them with the slope from the first to the last.
    Quantile {
        /// Quantiles of the training rows, increasing.
        values: Vec<f64>,
        /// Those of the standard normal distribution.
        scores: Vec<f64>,
    },
}

impl Curve {
    /// ln(y + shift) for y > −shift.
    pub fn log(shift: f64) -> Self {
        let tangent_below = None;
        Curve::Log {
            shift,
            tangent_below,
        }
    }

    /// The name of the transform, but for that of values as they are.
    pub fn name(&self) -> Option<&'static str> {
        match self {
            Curve::Identity => None,
            Curve::Log { shift: 0.0, .. } => Some("log"),
            Curve::Log { .. } => Some("log1p"),
            Curve::Bent { .. } => Some("robust"),
            Curve::Quantile { .. } => Some("quantile"),
        }
    }

    pub(super) fn is_identity(&self) -> bool {
        *self == Curve::Identity
    }

    /// Whether t(y) is defined, as for NaN, which stands for a missing target.
    pub fn takes(&self, y: f64) -> bool {
        match self {
            Curve::Log {
                shift,
                tangent_below: None,
            } => y.is_nan() || y > -shift,
            _ => true,
        }
    }

    /// t(y).
    pub fn apply(&self, y: f64) -> f64 {
        match self {
            Curve::Identity => y,
            Curve::Log {
                shift,
                tangent_below,
            } => match tangent_below {
                Some(least) if y < *least => log(*least, *shift) + (y - least) / (least + shift),
                _ => log(y, *shift),
            },
            Curve::Bent { center, scale } => center + scale * bend((y - center) / scale),
            Curve::Quantile { values, scores } => interpolate(values, scores, y),
        }
    }

    /// The y that becomes t.
    pub fn invert(&self, t: f64) -> f64 {
        match self {
            Curve::Identity => t,
            Curve::Log {
                shift,
                tangent_below,
            } => match tangent_below.map(|least| (least, t - log(least, *shift))) {
                Some((least, rise)) if rise < 0.0 => least + rise * (least + shift),
                _ if *shift == 1.0 => t.exp_m1(),
                _ => t.exp() - shift,
            },
            Curve::Bent { center, scale } => center + scale * unbend((t - center) / scale),
            Curve::Quantile { values, scores } => interpolate(scores, values, t),
        }
    }

    /// The logarithm, if sorted values have a long tail to the right that it makes about as short
    /// as that of normal numbers; else the identity.
    pub(super) fn by_tails(sorted: &Sorted) -> Self {
        /// Fewer values tell too little about tails.
        const FEW: usize = 30;
        /// Distances from the median in halves of the quartile range: the 99 % quantile of normal
        /// numbers is at 3.4, of exponential ones at 5.6, of log-normal ones with σ = 1 at 9.6.
        const LONG: f64 = 8.0;
        const SHORT: f64 = 5.0;
        let least = match sorted.values() {
            all @ [least, ..] if *least >= 0.0 && all.len() >= FEW => *least,
            _ => return Curve::Identity,
        };
        let log = Curve::Log {
            shift: if least > 0.0 { 0.0 } else { 1.0 },
            tangent_below: Some(least),
        };
        // Without a distance there is no tail: of zeros that are half of the values.
        let tail = |curve: &Curve, quartile: f64, far: f64| {
            let from_median =
                |q| curve.apply(sorted.quantile(q)) - curve.apply(sorted.quantile(0.5));
            match from_median(far) {
                0.0 => 0.0,
                distance => distance / from_median(quartile),
            }
        };
        let is_long = tail(&Curve::Identity, 0.75, 0.99) > LONG;
        let ends = [(0.25, 0.01), (0.75, 0.99)];
        let is_short = |(quartile, far)| tail(&log, quartile, far) <= SHORT;
        match is_long && ends.into_iter().all(is_short) {
            true => log,
            false => Curve::Identity,
        }
    }

    /// From the quantiles of sorted values to those of the standard normal distribution. Equal
    /// values share the middle of their ranks.
    pub(super) fn quantiles(sorted: &Sorted) -> Self {
        /// The most points.
        const MOST: usize = 1000;
        let total: f64 = sorted.weighted().map(|(_, weight)| weight).sum();
        let all: Vec<(f64, f64)> = sorted.weighted().collect();
        let (mut points, mut below): (Vec<(f64, f64)>, f64) = (Vec::new(), 0.0);
        for equal in all.chunk_by(|a, b| a.0 == b.0) {
            let weight: f64 = equal.iter().map(|(_, weight)| weight).sum();
            points.push((equal[0].0, normal_quantile((below + 0.5 * weight) / total)));
            below += weight;
        }
        let last = points.len().saturating_sub(1);
        let places = last.clamp(1, MOST - 1);
        let mut each: Vec<usize> = (0..=places).map(|i| i * last / places).collect();
        each.dedup();
        let point = |index: usize| points[index];
        let (values, scores) = each.into_iter().map(point).unzip();
        Curve::Quantile { values, scores }
    }
}

fn log(y: f64, shift: f64) -> f64 {
    if shift == 1.0 {
        y.ln_1p()
    } else {
        (y + shift).ln()
    }
}

/// Where outliers begin, in deviations of normal numbers.
const OUTLIER: f64 = 3.0;

fn bend(r: f64) -> f64 {
    match r.abs() > OUTLIER {
        true => (OUTLIER + (r.abs() - OUTLIER).ln_1p()).copysign(r),
        false => r,
    }
}

fn unbend(r: f64) -> f64 {
    match r.abs() > OUTLIER {
        true => (OUTLIER + (r.abs() - OUTLIER).exp_m1()).copysign(r),
        false => r,
    }
}

/// The function through points with increasing coordinates.
fn interpolate(from: &[f64], to: &[f64], x: f64) -> f64 {
    let last = from.len().min(to.len()).saturating_sub(1);
    let (Some(first), Some(end)) = (from.first(), from.get(last)) else {
        return x;
    };
    let line = |a: usize, x0: f64, x1: f64, y0: f64, y1: f64| {
        let slope = if x1 > x0 { (y1 - y0) / (x1 - x0) } else { 1.0 };
        to[a] + (x - from[a]) * slope
    };
    match from.partition_point(|point| *point <= x) {
        0 => line(0, *first, *end, to[0], to[last]),
        next if next > last => line(last, *first, *end, to[0], to[last]),
        next => line(next - 1, from[next - 1], from[next], to[next - 1], to[next]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(values: impl IntoIterator<Item = f64>) -> Sorted {
        Sorted::of(values.into_iter().collect(), None)
    }

    /// Quantiles of the standard normal distribution, in place of a sample.
    fn normal(n: usize) -> impl Iterator<Item = f64> {
        (0..n).map(move |i| normal_quantile((i as f64 + 0.5) / n as f64))
    }

    #[test]
    fn the_logarithm_is_for_long_tails_that_it_shortens() {
        let by_tails =
            |values: &mut dyn Iterator<Item = f64>| Curve::by_tails(&sorted(values)).name();
        let n = 400;
        assert_eq!(by_tails(&mut normal(n).map(|z| 10.0 + z)), None);
        assert_eq!(by_tails(&mut normal(n).map(|z| (0.5 * z).exp())), None);
        assert_eq!(
            by_tails(&mut normal(n).map(|z| (1.5 * z).exp())),
            Some("log")
        );
        let counts = |z: f64| (20.0 * (1.5 * z).exp()).floor();
        assert_eq!(by_tails(&mut normal(n).map(counts)), Some("log1p"));
        // Most values are 0, and the others have a long tail.
        let inflated = |z: f64| (2.0 * z).exp_m1().max(0.0).floor();
        assert_eq!(by_tails(&mut normal(n).map(inflated)), Some("log1p"));
        // Where negative values are, and where a few are of another kind.
        assert_eq!(
            by_tails(&mut normal(n).map(|z| (1.5 * z).exp() - 1.0)),
            None
        );
        let stray = (0..8).map(|_| 999_999.0);
        assert_eq!(
            by_tails(&mut normal(n).map(|z| 20.0 + z).chain(stray)),
            None
        );
        assert_eq!(by_tails(&mut normal(20).map(|z| (2.0 * z).exp())), None);
    }
}
