//! Numbers to network inputs.
//!
//! standard: z = (x − mean) / σ, with the population σ (divided by n), as scikit-learn's StandardScaler.
//! robust: r = (x − median) / (q75 − q25), then z = r / √(1 + (r/3)²), as RealMLP (Holzmüller, Grinsztajn,
//! Steinwart 2024); where the quartiles are equal, ½ (max − min) takes the place of their distance.

use serde::{Deserialize, Serialize};

/// How numbers are scaled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scaling {
    /// Subtract the mean, divide by the standard deviation.
    #[default]
    Standard,
    /// Subtract the median, divide by the distance of the quartiles, bend outliers smoothly to within ±3.
    Robust,
    /// As they are.
    None,
}

/// A fitted scaling of one column: z = (x − center) · scale, bent when `clip`; the inputs are z, and 1 or 0
/// for "was missing" when `indicator`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Numeric {
    /// Takes the place of a missing value: the median of the training rows.
    pub fill: f64,
    /// Is subtracted.
    pub center: f64,
    /// Multiplies the difference.
    pub scale: f64,
    /// Whether outliers are bent to within ±3.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub clip: bool,
    /// Whether a second input says that the value was missing (when it was in some training row).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub indicator: bool,
}

impl Numeric {
    /// Fits to the training values, NaN where missing. `None` when they carry no information: all missing,
    /// or all the same and none missing.
    pub fn fit(values: &[f64], scaling: Scaling) -> Option<Self> {
        let mut present: Vec<f64> = values.iter().copied().filter(|x| !x.is_nan()).collect();
        let indicator = present.len() < values.len();
        let first = *present.first()?;
        let constant = present.iter().all(|&x| x == first);
        if constant && !indicator {
            return None;
        }
        let (center, spread) = match scaling {
            Scaling::Standard => mean_and_deviation(&present),
            _ if constant => (first, 0.0),
            Scaling::Robust => {
                present.sort_unstable_by(f64::total_cmp);
                let quartiles = quantile(&present, 0.75) - quantile(&present, 0.25);
                let range = quantile(&present, 1.0) * 0.5 - quantile(&present, 0.0) * 0.5;
                let spread = if quartiles > 0.0 { quartiles } else { range };
                (quantile(&present, 0.5), spread)
            }
            Scaling::None => (0.0, 1.0),
        };
        let scale = if constant { 0.0 } else { 1.0 / spread };
        let fill = if indicator {
            present.sort_unstable_by(f64::total_cmp);
            quantile(&present, 0.5)
        } else {
            center
        };
        Some(Self {
            fill,
            center,
            // A spread of less than 1e-308 has no finite reciprocal.
            scale: if scale.is_finite() { scale } else { 1.0 },
            clip: scaling == Scaling::Robust,
            indicator,
        })
    }

    /// The scaled value, the fill for NaN.
    #[inline]
    pub fn apply(&self, x: f64) -> f64 {
        let x = if x.is_nan() { self.fill } else { x };
        let z = (x - self.center) * self.scale;
        if self.clip {
            // Written for |z| → ∞, where z² overflows and the limit is ±3.
            let r = z / 3.0;
            if r.abs() > 1e100 {
                3.0 * r.signum()
            } else {
                z / (1.0 + r * r).sqrt()
            }
        } else {
            z
        }
    }

    /// Number of network inputs: 1, or 2 with the indicator.
    pub fn width(&self) -> usize {
        1 + usize::from(self.indicator)
    }
}

/// Mean and population standard deviation of finite values.
pub fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
    let n = values.len().max(1) as f64;
    // Values beyond 1e150 have no square.
    let largest = values
        .iter()
        .fold(0.0f64, |largest, x| largest.max(x.abs()));
    let unit = if largest > 1e150 { largest } else { 1.0 };
    let mean = values.iter().map(|x| x / unit / n).sum::<f64>();
    let mean = if unit == 1.0 {
        values.iter().sum::<f64>() / n
    } else {
        mean
    };
    let variance = values
        .iter()
        .map(|x| (x / unit - mean).powi(2))
        .sum::<f64>()
        / n;
    (mean * unit, variance.sqrt() * unit)
}

/// Quantile of sorted values, linear between neighbours (NumPy's default).
fn quantile(sorted: &[f64], q: f64) -> f64 {
    let at = q * sorted.len().saturating_sub(1) as f64;
    let (low, high) = (at.floor() as usize, at.ceil() as usize);
    match (sorted.get(low), sorted.get(high)) {
        (Some(&a), Some(&b)) if a == b => a,
        (Some(&a), Some(&b)) => a + (b - a) * (at - low as f64),
        _ => f64::NAN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standard_scaling_divides_by_the_population_deviation() {
        // numpy: x = [1, 2, 3, 6]; x.mean() = 3; x.std() = sqrt(3.5)
        let numeric = Numeric::fit(&[1.0, 2.0, 3.0, 6.0], Scaling::Standard).unwrap();
        assert_eq!(numeric.center, 3.0);
        assert!((numeric.apply(6.0) - 3.0 / 3.5f64.sqrt()).abs() < 1e-15);
        assert_eq!(numeric.width(), 1);
    }

    #[test]
    fn missing_values_become_the_median_and_an_indicator() {
        let numeric = Numeric::fit(&[1.0, f64::NAN, 2.0, 9.0], Scaling::None).unwrap();
        assert_eq!(numeric.apply(f64::NAN), 2.0);
        assert_eq!(numeric.width(), 2);
    }

    #[test]
    fn robust_scaling_bends_outliers() {
        // numpy: np.quantile([0, 1, 2, 3, 100], [.25, .5, .75]) = [1, 2, 3]
        let numeric = Numeric::fit(&[0.0, 1.0, 2.0, 3.0, 100.0], Scaling::Robust).unwrap();
        assert_eq!((numeric.center, numeric.scale), (2.0, 0.5));
        assert!((numeric.apply(4.0) - 1.0 / (1.0f64 + 1.0 / 9.0).sqrt()).abs() < 1e-15);
        assert_eq!(numeric.apply(f64::MAX), 3.0);
        let mostly_equal = Numeric::fit(&[0.0, 0.0, 0.0, 0.0, 4.0], Scaling::Robust).unwrap();
        assert_eq!(mostly_equal.scale, 0.5);
    }

    #[test]
    fn columns_without_information_are_refused() {
        assert!(Numeric::fit(&[5.0, 5.0], Scaling::Standard).is_none());
        assert!(Numeric::fit(&[f64::NAN, f64::NAN], Scaling::Standard).is_none());
        let known_or_not = Numeric::fit(&[5.0, f64::NAN], Scaling::Standard).unwrap();
        assert_eq!((known_or_not.apply(7.0), known_or_not.width()), (0.0, 2));
    }

    #[test]
    fn huge_values_do_not_overflow() {
        let numeric = Numeric::fit(&[1e300, -1e300, 1e308], Scaling::Standard).unwrap();
        assert!(numeric.apply(1e308).is_finite());
    }
}
