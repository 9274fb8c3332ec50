//! Numbers to network inputs.
//!
//! standard: z = (x − mean) / σ, with the population σ (divided by n), as scikit-learn's
//! StandardScaler. robust: r = (x − median) / (q75 − q25), then z = r / √(1 + (r/3)²), as RealMLP
//! (Holzmüller, Grinsztajn, Steinwart 2024); where the quartiles are equal, ½ (max − min) replaces
//! their distance. quantile: z is the normal number with the share of training rows below it that x
//! has, linear between the quantiles.

use serde::{Deserialize, Serialize};

use super::curve::Curve;
use super::left_out::LeftOut;
use super::ranks::Ranks;
use super::sorted::Sorted;

/// How numbers are scaled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scaling {
    /// Subtract the mean, divide by the standard deviation.
    #[default]
    Standard,
    /// Subtract the median, divide by the distance of the quartiles, compress outliers smoothly to
    /// within ±3.
    Robust,
    /// The quantiles of normal numbers, whatever the distribution.
    Quantile,
    /// As they are.
    None,
}

/// A fitted scaling of one column: z = (t(x) − center) · scale, compressed when `clip`; the inputs are
/// z, and with `indicator` 1 where the value was missing and 0 elsewhere.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Numeric {
    /// Replaces a missing value: the median of the training rows.
    pub fill: f64,
    /// t, where it is not x itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub curve: Option<Curve>,
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
    /// Whether all values of the training rows were 0 or 1, which words for true and false mean.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub zero_one: bool,
}

/// Fits a [`Numeric`] to values that come block by block, in one pass over all of them or more.
/// Values are kept for medians and quartiles alone.
#[derive(Debug)]
pub(crate) struct NumericFit {
    scaling: Scaling,
    /// Passes that are over.
    passes: u8,
    rows: usize,
    present: usize,
    first: f64,
    varies: bool,
    zero_one: bool,
    /// The least value, +∞ if there is none.
    pub least: f64,
    /// The largest value, −∞ if there is none.
    pub most: f64,
    /// Σ w and Σ w·x of the values present.
    weight: f64,
    sum: f64,
    /// Σ w·x/unit/Σw and Σ w·(x/unit − mean)².
    unit_sum: f64,
    squares: f64,
    squared: bool,
    kept: Vec<f64>,
    /// The weights of these, where values have some.
    kept_weights: Option<Vec<f64>>,
    /// Finds medians and quartiles of values that are not kept.
    ranks: Option<Ranks>,
    is_bounded: bool,
}

/// The quantiles that scalings have.
const QUANTILES: [f64; 5] = [0.0, 0.25, 0.5, 0.75, 1.0];

impl NumericFit {
    pub fn new(scaling: Scaling) -> Self {
        // The neutral element of addition.
        let zero = -0.0;
        Self {
            scaling,
            passes: 0,
            rows: 0,
            present: 0,
            first: f64::NAN,
            varies: false,
            zero_one: true,
            least: f64::INFINITY,
            most: f64::NEG_INFINITY,
            weight: zero,
            sum: zero,
            unit_sum: zero,
            squares: zero,
            squared: false,
            kept: Vec::new(),
            kept_weights: None,
            ranks: None,
            is_bounded: false,
        }
    }

    /// The same in more passes and without memory for each value, if `is_bounded`: but for values with weights, and
    /// for a scaling by all quantiles.
    pub fn bounded(self, is_bounded: bool) -> Self {
        Self { is_bounded, ..self }
    }

    /// Fits to values that can be passed over again.
    pub fn of(values: impl Iterator<Item = f64> + Clone, scaling: Scaling) -> Self {
        let mut fit = Self::new(scaling);
        fit.add(values.clone());
        while fit.end_pass() {
            fit.add(values.clone());
        }
        fit
    }

    /// Adds the values of a block, NaN where missing.
    pub fn add(&mut self, values: impl Iterator<Item = f64>) {
        self.extend(values.map(|x| (x, 1.0)));
    }

    /// The same with a weight for each value.
    pub fn add_weighted(&mut self, values: impl Iterator<Item = f64>, weights: Option<&[f32]>) {
        match weights {
            None => self.add(values),
            Some(weights) => {
                self.kept_weights.get_or_insert_default();
                self.extend(values.zip(weights.iter().map(|&weight| f64::from(weight))));
            }
        }
    }

    fn extend(&mut self, values: impl Iterator<Item = (f64, f64)>) {
        match self.passes {
            0 => self.survey(values),
            _ => self.measure(values.filter(|(x, _)| !x.is_nan())),
        }
    }

    /// The first pass.
    fn survey(&mut self, values: impl Iterator<Item = (f64, f64)>) {
        // Sums in variables of their own stay in registers.
        let (mut rows, mut present, mut first) = (self.rows, self.present, self.first);
        let (mut varies, mut zero_one) = (self.varies, self.zero_one);
        let (mut least, mut most) = (self.least, self.most);
        let (mut total, mut sum) = (self.weight, self.sum);
        for (x, weight) in values {
            rows += 1;
            if x.is_nan() {
                continue;
            }
            if present == 0 {
                first = x;
            }
            present += 1;
            varies |= x != first;
            zero_one &= x == 0.0 || x == 1.0;
            least = least.min(x);
            most = most.max(x);
            total += weight;
            sum += weight * x;
        }
        (self.rows, self.present, self.first) = (rows, present, first);
        (self.varies, self.zero_one) = (varies, zero_one);
        (self.least, self.most) = (least, most);
        (self.weight, self.sum) = (total, sum);
    }

    /// A later pass, of values that are not missing.
    fn measure(&mut self, values: impl Iterator<Item = (f64, f64)>) {
        let (unit, mean, total) = (self.unit(), self.unit_mean(), self.weight);
        let in_units = |x: f64| if unit == 1.0 { x } else { x / unit };
        if self.is_scaled_pass() {
            values.for_each(|(x, weight)| self.unit_sum += weight * (x / unit / total));
            return;
        }
        let keeps = self.keeps() && self.ranks.is_none();
        let mut squares = self.squares;
        if !keeps && self.ranks.is_none() && !self.squared {
            values.for_each(|(x, weight)| squares += weight * (in_units(x) - mean).powi(2));
            self.squares = squares;
            return;
        }
        for (x, weight) in values {
            if !self.squared {
                squares += weight * (in_units(x) - mean).powi(2);
            }
            if let Some(ranks) = &mut self.ranks {
                ranks.add(x);
            }
            if keeps {
                self.kept.push(x);
                (self.kept_weights.iter_mut()).for_each(|all| all.push(weight));
            }
        }
        self.squares = squares;
    }

    /// Ends a pass over all blocks; whether another one is needed.
    pub fn end_pass(&mut self) -> bool {
        let needs_more = self.scaling == Scaling::Standard || self.keeps();
        let (is_first, is_scaled) = (self.passes == 0, self.is_scaled_pass());
        let more = match &mut self.ranks {
            Some(ranks) if !is_scaled => ranks.end_pass(),
            _ => self.present > 0 && needs_more && (is_first || is_scaled),
        };
        if is_first && more && self.is_bounded && self.keeps() {
            let is_plain = self.kept_weights.is_none() && self.scaling != Scaling::Quantile;
            self.ranks = is_plain.then(|| Ranks::new(self.present, &QUANTILES));
        }
        self.squared |= !is_first && !is_scaled;
        self.passes += 1;
        more
    }

    /// Whether this pass takes the mean of values whose sum may overflow.
    fn is_scaled_pass(&self) -> bool {
        self.passes == 1 && self.unit() != 1.0
    }

    fn keeps(&self) -> bool {
        matches!(self.scaling, Scaling::Robust | Scaling::Quantile) || self.has_missing()
    }

    /// What values are divided by, so that they have squares.
    fn unit(&self) -> f64 {
        let largest = self.least.abs().max(self.most.abs());
        if self.present > 0 && largest > 1e150 {
            largest
        } else {
            1.0
        }
    }

    fn unit_mean(&self) -> f64 {
        match self.unit() == 1.0 {
            true => self.sum / self.total_weight(),
            false => self.unit_sum,
        }
    }

    /// Σ w, or 1 where there is nothing.
    fn total_weight(&self) -> f64 {
        if self.weight > 0.0 { self.weight } else { 1.0 }
    }

    fn has_missing(&self) -> bool {
        self.present < self.rows
    }

    /// Number of values that are not missing.
    pub fn present(&self) -> usize {
        self.present
    }

    /// Whether all values are the same.
    pub fn is_constant(&self) -> bool {
        !self.varies
    }

    /// The values that were kept for medians and quartiles, sorted.
    pub(super) fn sorted(&mut self) -> Sorted {
        Sorted::of(std::mem::take(&mut self.kept), self.kept_weights.take())
    }

    /// Mean and population standard deviation of the values present.
    pub fn mean_and_deviation(&self) -> (f64, f64) {
        let (unit, variance) = (self.unit(), self.squares / self.total_weight());
        (self.unit_mean() * unit, variance.sqrt() * unit)
    }

    /// The scaling; none for values that are all missing, or all the same and none missing.
    pub(super) fn finish(mut self) -> Result<Numeric, LeftOut> {
        let (constant, indicator) = (self.is_constant(), self.has_missing());
        match self.present {
            0 => return Err(LeftOut::Empty),
            _ if constant && !indicator => return Err(LeftOut::Constant),
            _ => {}
        }
        let (sorted, ranks) = (self.sorted(), self.ranks.take());
        let at = |q| match &ranks {
            Some(ranks) => ranks.quantile(q),
            None => sorted.quantile(q),
        };
        let (center, spread) = match self.scaling {
            Scaling::Standard => self.mean_and_deviation(),
            _ if constant => (self.first, 0.0),
            Scaling::Robust => {
                let quartiles = at(0.75) - at(0.25);
                let range = at(1.0) * 0.5 - at(0.0) * 0.5;
                (at(0.5), if quartiles > 0.0 { quartiles } else { range })
            }
            Scaling::Quantile | Scaling::None => (0.0, 1.0),
        };
        let scale = if constant { 0.0 } else { 1.0 / spread };
        let is_curved = self.scaling == Scaling::Quantile && !constant;
        Ok(Numeric {
            fill: if indicator { at(0.5) } else { center },
            curve: is_curved.then(|| Curve::quantiles(&sorted)),
            center,
            // A spread of less than 1e-308 has no finite reciprocal.
            scale: if scale.is_finite() { scale } else { 1.0 },
            clip: self.scaling == Scaling::Robust,
            indicator,
            zero_one: self.zero_one,
        })
    }
}

impl Numeric {
    /// The scaled value, the fill for NaN.
    #[inline]
    pub fn apply(&self, x: f64) -> f64 {
        let x = if x.is_nan() { self.fill } else { x };
        let x = self.curve.as_ref().map_or(x, |curve| curve.apply(x));
        let z = (x - self.center) * self.scale;
        match self.clip {
            // What single precision does not hold is no outlier, but a mistake to refuse.
            true if z.abs() > f64::from(f32::MAX) => f64::INFINITY,
            true => z / (1.0 + (z / 3.0).powi(2)).sqrt(),
            false => z,
        }
    }

    /// Whether [`apply`](Self::apply) is a fill and a linear function.
    pub fn is_linear(&self) -> bool {
        self.curve.is_none() && !self.clip
    }

    /// Number of network inputs: 1, or 2 with the indicator.
    pub fn width(&self) -> usize {
        1 + usize::from(self.indicator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fit(values: &[f64], scaling: Scaling) -> Result<Numeric, LeftOut> {
        NumericFit::of(values.iter().copied(), scaling).finish()
    }

    #[test]
    fn standard_scaling_divides_by_the_population_deviation() {
        // numpy: x = [1, 2, 3, 6]; x.mean() = 3; x.std() = sqrt(3.5)
        let numeric = fit(&[1.0, 2.0, 3.0, 6.0], Scaling::Standard).unwrap();
        assert_eq!(numeric.center, 3.0);
        assert!((numeric.apply(6.0) - 3.0 / 3.5f64.sqrt()).abs() < 1e-15);
        assert_eq!(numeric.width(), 1);
    }

    #[test]
    fn missing_values_become_the_median_and_an_indicator() {
        let numeric = fit(&[1.0, f64::NAN, 2.0, 9.0], Scaling::None).unwrap();
        assert_eq!(numeric.apply(f64::NAN), 2.0);
        assert_eq!(numeric.width(), 2);
    }

    #[test]
    fn robust_scaling_compresses_outliers() {
        // numpy: np.quantile([0, 1, 2, 3, 100], [.25, .5, .75]) = [1, 2, 3]
        let numeric = fit(&[0.0, 1.0, 2.0, 3.0, 100.0], Scaling::Robust).unwrap();
        assert_eq!((numeric.center, numeric.scale), (2.0, 0.5));
        assert!((numeric.apply(4.0) - 1.0 / (1.0f64 + 1.0 / 9.0).sqrt()).abs() < 1e-15);
        assert_eq!(numeric.apply(1e38), 3.0);
        assert!(numeric.apply(-1e39).is_infinite() && numeric.apply(f64::MAX).is_infinite());
        let mostly_equal = fit(&[0.0, 0.0, 0.0, 0.0, 4.0], Scaling::Robust).unwrap();
        assert_eq!(mostly_equal.scale, 0.5);
    }

    #[test]
    fn quantile_scaling_makes_any_distribution_normal() {
        // scipy.stats.norm.ppf of 1/8, 3/8, 1/2, 5/8 and 7/8.
        let ranks = [-1.150_349_380_376_008, -0.318_639_363_964_375_1];
        let numeric = fit(&[4.0, 1.0, 1e9, 2.0], Scaling::Quantile).unwrap();
        for (x, z) in [
            (1.0, ranks[0]),
            (2.0, ranks[1]),
            (4.0, -ranks[1]),
            (1e9, -ranks[0]),
        ] {
            assert!((numeric.apply(x) - z).abs() < 1e-14, "{x}");
        }
        assert!(numeric.apply(3.0).abs() < 1e-14);
        let missing = fit(&[4.0, 1.0, f64::NAN, 2.0, 3.0], Scaling::Quantile).unwrap();
        assert_eq!(
            (missing.apply(f64::NAN), missing.width()),
            (missing.apply(2.5), 2)
        );
    }

    #[test]
    fn whole_weights_are_repeated_values_and_equal_weights_are_none() {
        let values = [3.0, -1.0, f64::NAN, 0.25, 9.0, 2.0];
        let weights = [2.0f32, 1.0, 3.0, 5.0, 1.0, 4.0];
        let fit = |values: &[f64], weights: Option<&[f32]>, scaling| {
            let mut fit = NumericFit::new(scaling);
            fit.add_weighted(values.iter().copied(), weights);
            while fit.end_pass() {
                fit.add_weighted(values.iter().copied(), weights);
            }
            fit.finish().unwrap()
        };
        let repeated: Vec<f64> = (values.iter().zip(weights))
            .flat_map(|(value, weight)| vec![*value; weight as usize])
            .collect();
        for scaling in [Scaling::Standard, Scaling::Robust] {
            let (ours, theirs) = (
                fit(&values, Some(&weights), scaling),
                fit(&repeated, None, scaling),
            );
            assert_eq!(ours.fill, theirs.fill);
            assert!((ours.center - theirs.center).abs() < 1e-15);
            assert!((ours.scale - theirs.scale).abs() < 1e-15);
            let equal = fit(&values, Some(&[2.0; 6]), scaling);
            assert_eq!(equal, fit(&values, None, scaling));
        }
        // numpy: np.average([3, -1, 0.25, 9, 2], weights=[2, 1, 5, 1, 4]) = 1.7884615384615385
        let mean = fit(&values, Some(&weights), Scaling::Standard).center;
        assert!((mean - 1.788_461_538_461_538_5).abs() < 1e-15);
    }

    #[test]
    fn scalings_without_kept_values_are_the_same_to_the_bit() {
        let huge = [1e300, f64::NAN, -1e300, 1e308, 2.5];
        let many: Vec<f64> = (0..999u32).map(|i| f64::from(i * i % 977).ln()).collect();
        let missing = [many.as_slice(), &[f64::NAN, -0.0, 0.0]].concat();
        let finite: Vec<f64> = missing
            .into_iter()
            .filter(|x| *x != f64::NEG_INFINITY)
            .collect();
        for values in [&huge[..], &finite, &[f64::NAN, 1.0], &[f64::NAN]] {
            for scaling in [
                Scaling::Standard,
                Scaling::Robust,
                Scaling::None,
                Scaling::Quantile,
            ] {
                let mut bounded = NumericFit::new(scaling).bounded(true);
                loop {
                    bounded.add(values.iter().copied());
                    if !bounded.end_pass() {
                        break;
                    }
                }
                assert_eq!(
                    format!("{:?}", bounded.finish()),
                    format!("{:?}", fit(values, scaling)),
                    "{scaling:?}"
                );
            }
        }
    }

    #[test]
    fn columns_without_information_are_refused() {
        assert!(fit(&[5.0, 5.0], Scaling::Standard).is_err());
        assert!(fit(&[f64::NAN, f64::NAN], Scaling::Standard).is_err());
        let known_or_not = fit(&[5.0, f64::NAN], Scaling::Standard).unwrap();
        assert_eq!((known_or_not.apply(7.0), known_or_not.width()), (0.0, 2));
    }

    #[test]
    fn huge_values_do_not_overflow() {
        let numeric = fit(&[1e300, -1e300, 1e308], Scaling::Standard).unwrap();
        assert!(numeric.apply(1e308).is_finite());
    }
}
