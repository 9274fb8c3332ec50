//! Targets to what the network learns, and back: z = (t(y) − center) / scale, with an increasing
//! curve t, so that orders and quantiles stay what they are.
//!
//! A mean of logarithms is the logarithm of a median. Smearing (Duan 1983) makes means of them: with the
//! factor s, the mean of exp(t(y) − t(ŷ)) over rows that did not train, y + shift = s·(ŷ + shift).

use serde::{Deserialize, Serialize};

use super::curve::Curve;
use super::sorted::{Sorted, normal_quantile};

/// How a regression target becomes what the network learns, as fitted on the training rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TargetScaling {
    /// Is subtracted from t(y): its mean or median over the training rows.
    #[serde(rename = "mean")]
    pub center: f64,
    /// Divides the difference: the population standard deviation of t(y), or the distance of its
    /// quartiles in standard normal units; 1 where it does not vary.
    #[serde(rename = "deviation")]
    pub scale: f64,
    /// t.
    #[serde(default, skip_serializing_if = "Curve::is_identity")]
    pub curve: Curve,
    /// The least and the largest y of the training rows, beyond which nothing is predicted; absent
    /// where predictions have no bounds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<[f64; 2]>,
    /// s, which makes means of predicted medians.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub smearing: Option<f64>,
}

impl Default for TargetScaling {
    /// Leaves the target as it is.
    fn default() -> Self {
        Self {
            center: 0.0,
            scale: 1.0,
            curve: Curve::Identity,
            range: None,
            smearing: None,
        }
    }
}

impl TargetScaling {
    /// z of a target y; NaN of NaN, which stands for a missing one.
    pub fn apply(&self, y: f64) -> f64 {
        (self.curve.apply(y) - self.center) / self.scale
    }

    /// The target of z, at most the largest number. No range bounds what is true.
    pub fn invert(&self, z: f64) -> f64 {
        let t = z * self.scale + self.center;
        match self.curve {
            Curve::Identity => t,
            _ => self.curve.invert(t).clamp(f64::MIN, f64::MAX),
        }
    }

    fn within_range(&self, y: f64) -> f64 {
        match self.range {
            Some([least, _]) if y < least => least,
            Some([_, most]) if y > most => most,
            _ => y,
        }
    }
}

impl TargetScaling {
    /// What is predicted for z: its target, or with smearing the mean around it, within the range if
    /// there is one. The tangent of a logarithm is for targets alone: where no target is below 0, no
    /// prediction is.
    pub fn predict(&self, z: f64) -> f64 {
        let Curve::Log {
            shift,
            tangent_below,
        } = self.curve
        else {
            return self.within_range(self.invert(z));
        };
        let y = Curve::log(shift).invert(z * self.scale + self.center);
        let y = self
            .smearing
            .map_or(y, |factor| factor * (y + shift) - shift);
        let least = tangent_below.map_or(f64::MIN, |_| 0.0);
        self.within_range(y.clamp(least, f64::MAX))
    }

    /// The mean of exp(t(y) − t(ŷ)) over z of targets and of predictions, with their weights; none
    /// of a curve that is no logarithm, and of no rows.
    pub fn smear(&self, rows: impl Iterator<Item = (f64, f64, f64)>) -> Option<f64> {
        let Curve::Log { .. } = self.curve else {
            return None;
        };
        let (mut sum, mut total) = (0.0, 0.0);
        for (y, predicted, weight) in rows.filter(|(y, ..)| !y.is_nan()) {
            sum += weight * (self.scale * (y - predicted)).exp();
            total += weight;
        }
        Some(sum / total).filter(|factor| factor.is_finite())
    }
}

/// The median and the distance of the quartiles of sorted values in standard normal units. Where
/// the quartiles are equal, quantiles farther out take their place; none if those are equal too.
pub(super) fn robust(sorted: &Sorted) -> Option<(f64, f64)> {
    let at = |q| sorted.quantile(q);
    let spread = |q: f64| (at(1.0 - q) - at(q)) / (2.0 * normal_quantile(1.0 - q));
    let mut spreads = [0.25, 0.05, 0.01].into_iter().map(spread);
    let spread = spreads.find(|spread| *spread > 0.0)?;
    Some((at(0.5), spread))
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
    fn every_curve_is_inverted_within_and_beyond_the_training_rows() {
        let training = sorted((1..500).map(|i| f64::from(i * i % 97) + 0.5));
        let tangent = Curve::Log {
            shift: 0.0,
            tangent_below: Some(0.5),
        };
        for curve in [
            Curve::Identity,
            Curve::log(0.0),
            Curve::log(1.0),
            tangent.clone(),
            Curve::Bent {
                center: 1.0,
                scale: 0.25,
            },
            Curve::quantiles(&training),
        ] {
            let scaling = TargetScaling {
                center: 1.5,
                scale: 0.3,
                curve,
                range: None,
                smearing: None,
            };
            let mut before = f64::NEG_INFINITY;
            for y in [-3.0, 0.0, 1e-3, 0.5, 1.0, 7.25, 96.0, 1e4] {
                if scaling.curve.takes(y) {
                    let z = scaling.apply(y);
                    assert!(z > before, "{scaling:?} at {y}");
                    let back = scaling.invert(z);
                    assert!(
                        (back - y).abs() < 1e-9 * (1.0 + y.abs()),
                        "{scaling:?}: {back}"
                    );
                    before = z;
                }
            }
        }
        assert!(!Curve::log(0.0).takes(0.0) && Curve::log(1.0).takes(0.0));
        assert!(!Curve::log(1.0).takes(-1.0) && tangent.takes(-1.0));
        let far = TargetScaling {
            curve: Curve::log(0.0),
            ..TargetScaling::default()
        };
        assert_eq!(far.invert(1e4), f64::MAX);
        let bounded = TargetScaling {
            range: Some([-2.0, 5.0]),
            ..TargetScaling::default()
        };
        assert_eq!(
            [-3.0, 4.5, 7.0].map(|z| bounded.predict(z)),
            [-2.0, 4.5, 5.0]
        );
        assert_eq!(bounded.invert(7.0), 7.0, "a true target is what it is");
        assert!(bounded.predict(f64::NAN).is_nan());
    }

    #[test]
    fn smearing_makes_the_mean_of_a_log_normal_target() {
        // exp(μ + σ²/2), from the quantiles of the distribution.
        let (mean, deviation, n) = (1.0, 0.8, 20_000);
        let scaling = TargetScaling {
            center: 0.5,
            scale: 2.0,
            curve: Curve::log(0.0),
            ..TargetScaling::default()
        };
        let predicted = (mean - 0.5) / 2.0;
        let rows = normal(n).map(|z| ((mean + deviation * z - 0.5) / 2.0, predicted, 1.0));
        let factor = scaling.smear(rows.chain([(f64::NAN, 7.0, 1.0)])).unwrap();
        let smeared = TargetScaling {
            smearing: Some(factor),
            ..scaling
        };
        let truth = f64::exp(mean + 0.5 * deviation * deviation);
        assert!((smeared.predict(predicted) - truth).abs() < 1e-3 * truth);
        assert!((smeared.invert(predicted) - f64::exp(mean)).abs() < 1e-12);
        // Of a target that was nowhere negative no prediction is, however far out.
        for shift in [0.0, 1.0] {
            let tangent_below = Some(1.0 - shift);
            let curve = Curve::Log {
                shift,
                tangent_below,
            };
            let scaling = TargetScaling {
                curve,
                ..TargetScaling::default()
            };
            assert!(scaling.predict(-50.0) >= 0.0 && scaling.invert(-50.0) < 0.0);
            assert_eq!(scaling.predict(1.5), scaling.invert(1.5));
        }
        let plain = TargetScaling::default();
        assert_eq!(plain.smear([(1.0, 2.0, 1.0)].into_iter()), None);
    }

    #[test]
    fn robust_scales_are_those_of_normal_numbers_whatever_the_outliers() {
        let outliers = (0..10).map(|_| 1e9);
        let (center, scale) =
            robust(&sorted(normal(990).map(|z| 5.0 + 2.0 * z).chain(outliers))).unwrap();
        assert!(
            (center - 5.0).abs() < 0.05 && (scale - 2.0).abs() < 0.05,
            "{center} {scale}"
        );
        // Half of the values are equal.
        let zeros = (0..600).map(|_| 0.0);
        let (center, scale) = robust(&sorted(zeros.chain(normal(400)))).unwrap();
        assert!(center == 0.0 && scale > 0.1, "{scale}");
        assert_eq!(robust(&sorted([1.0; 7])), None);
    }

    #[test]
    fn quantile_curves_make_any_target_normal() {
        let values = sorted(normal(3000).map(|z| (2.0 * z).exp()));
        let curve = Curve::quantiles(&values);
        for (y, z) in values.values().iter().zip(normal(3000)) {
            // Between the outermost points it is a line.
            assert!((curve.apply(*y) - z).abs() < 0.15, "{y}");
        }
        let Curve::Quantile { values, scores } = Curve::quantiles(&sorted([2.0, 2.0, 2.0, 5.0]))
        else {
            unreachable!("it is a quantile curve")
        };
        assert_eq!(values, [2.0, 5.0]);
        assert!((scores[0] - normal_quantile(0.375)).abs() < 1e-15);
    }
}
