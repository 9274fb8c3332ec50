//! Numbers to network inputs.
//!
//! standard: z = (x − mean) / σ, with the population σ (divided by n), as scikit-learn's StandardScaler.
//! robust: r = (x − median) / (q75 − q25), then z = r / √(1 + (r/3)²), as RealMLP (Holzmüller, Grinsztajn,
//! Steinwart 2024); where the quartiles are equal, ½ (max − min) replaces their distance.

use serde::{Deserialize, Serialize};

use super::left_out::LeftOut;

/// Values beyond this one have no square.
const HUGE: f64 = 1e150;

/// How numbers are scaled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scaling {
    /// Subtract the mean, divide by the standard deviation.
    #[default]
    Standard,
    /// Subtract the median, divide by the distance of the quartiles, compress outliers smoothly to within ±3.
    Robust,
    /// As they are.
    None,
}

/// A fitted scaling of one column: z = (x − center) · scale, compressed when `clip`; the inputs are z, and with
/// `indicator` 1 where the value was missing and 0 elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Numeric {
    /// Replaces a missing value: the median of the training rows.
    pub fill: f64,
    /// Is subtracted.
    pub center: f64,
    /// Multiplies the difference.
    pub scale: f64,
    /// Whether outliers are compressed to within ±3: z / √(1 + (z/3)²).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub clip: bool,
    /// Whether a second input marks missing values (if some training row has one).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub indicator: bool,
}

/// Fits a [`Numeric`] to values that come block by block, in one pass over all of them or two. Values are kept only
/// for medians and quartiles, and where their squares overflow.
#[derive(Debug)]
pub(super) struct NumericFit {
    scaling: Scaling,
    second_pass: bool,
    rows: usize,
    present: usize,
    first: f64,
    varies: bool,
    pub least: f64,
    pub most: f64,
    sum: f64,
    squares: f64,
    kept: Vec<f64>,
}

impl NumericFit {
    pub fn new(scaling: Scaling) -> Self {
        Self {
            scaling,
            second_pass: false,
            rows: 0,
            present: 0,
            first: f64::NAN,
            varies: false,
            least: f64::INFINITY,
            most: f64::NEG_INFINITY,
            // The neutral element of addition.
            sum: -0.0,
            squares: -0.0,
            kept: Vec::new(),
        }
    }

    /// Adds the values of a block, NaN where missing.
    pub fn add(&mut self, values: impl Iterator<Item = f64>) {
        if self.second_pass {
            let (mean, keeps) = (self.mean(), self.keeps());
            for x in values.filter(|x| !x.is_nan()) {
                self.squares += (x - mean).powi(2);
                if keeps {
                    self.kept.push(x);
                }
            }
            return;
        }
        for x in values {
            self.rows += 1;
            if x.is_nan() {
                continue;
            }
            if self.present == 0 {
                self.first = x;
            }
            self.present += 1;
            self.varies |= x != self.first;
            self.least = self.least.min(x);
            self.most = self.most.max(x);
            self.sum += x;
        }
    }

    /// Ends a pass over all blocks; whether another one is needed.
    pub fn end_pass(&mut self) -> bool {
        let first = !self.second_pass;
        self.second_pass = true;
        first && self.present > 0 && (self.scaling == Scaling::Standard || self.keeps())
    }

    fn keeps(&self) -> bool {
        self.scaling == Scaling::Robust || self.has_missing() || self.is_huge()
    }

    /// Whether values have no square.
    fn is_huge(&self) -> bool {
        self.least.abs().max(self.most.abs()) > HUGE
    }

    fn has_missing(&self) -> bool {
        self.present < self.rows
    }

    fn is_informative(&self) -> bool {
        self.present > 0 && (self.varies || self.has_missing())
    }

    /// Whether all values are the same.
    pub fn is_constant(&self) -> bool {
        !self.varies
    }

    fn mean(&self) -> f64 {
        self.sum / self.present.max(1) as f64
    }

    /// Mean and population standard deviation of the values present.
    pub fn mean_and_deviation(&self) -> (f64, f64) {
        match self.is_huge() {
            true => mean_and_deviation(&self.kept),
            false => {
                let variance = self.squares / self.present.max(1) as f64;
                (self.mean(), variance.sqrt())
            }
        }
    }

    /// The scaling; none for values that are all missing, or all the same and none missing.
    pub fn finish(mut self) -> Result<Numeric, LeftOut> {
        if !self.is_informative() {
            return Err(match self.present {
                0 => LeftOut::Empty,
                _ => LeftOut::Constant,
            });
        }
        let (constant, indicator) = (self.is_constant(), self.has_missing());
        let (center, spread) = match self.scaling {
            Scaling::Standard => self.mean_and_deviation(),
            _ if constant => (self.first, 0.0),
            Scaling::Robust => {
                self.kept.sort_unstable_by(f64::total_cmp);
                let at = |q| quantile(&self.kept, q);
                let quartiles = at(0.75) - at(0.25);
                let range = at(1.0) * 0.5 - at(0.0) * 0.5;
                let spread = if quartiles > 0.0 { quartiles } else { range };
                (at(0.5), spread)
            }
            Scaling::None => (0.0, 1.0),
        };
        let scale = if constant { 0.0 } else { 1.0 / spread };
        let fill = if indicator {
            self.kept.sort_unstable_by(f64::total_cmp);
            quantile(&self.kept, 0.5)
        } else {
            center
        };
        Ok(Numeric {
            fill,
            center,
            // A spread of less than 1e-308 has no finite reciprocal.
            scale: if scale.is_finite() { scale } else { 1.0 },
            clip: self.scaling == Scaling::Robust,
            indicator,
        })
    }
}

impl Numeric {
    /// Fits to the training values, NaN where missing.
    pub(super) fn fit(values: &[f64], scaling: Scaling) -> Result<Self, LeftOut> {
        let mut fit = NumericFit::new(scaling);
        loop {
            fit.add(values.iter().copied());
            if !fit.end_pass() {
                return fit.finish();
            }
        }
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
    let largest = values
        .iter()
        .fold(0.0f64, |largest, x| largest.max(x.abs()));
    let unit = if largest > HUGE { largest } else { 1.0 };
    let mean = match unit == 1.0 {
        true => values.iter().sum::<f64>() / n,
        false => values.iter().map(|x| x / unit / n).sum::<f64>(),
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
    fn robust_scaling_compresses_outliers() {
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
        assert!(Numeric::fit(&[5.0, 5.0], Scaling::Standard).is_err());
        assert!(Numeric::fit(&[f64::NAN, f64::NAN], Scaling::Standard).is_err());
        let known_or_not = Numeric::fit(&[5.0, f64::NAN], Scaling::Standard).unwrap();
        assert_eq!((known_or_not.apply(7.0), known_or_not.width()), (0.0, 2));
    }

    #[test]
    fn huge_values_do_not_overflow() {
        let numeric = Numeric::fit(&[1e300, -1e300, 1e308], Scaling::Standard).unwrap();
        assert!(numeric.apply(1e308).is_finite());
    }
}
