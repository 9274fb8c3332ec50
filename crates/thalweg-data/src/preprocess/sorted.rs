//! Sorted values with their weights, and their quantiles.

/// Sorted values with their weights, where they have some.
#[derive(Debug, Default)]
pub(super) struct Sorted {
    values: Vec<f64>,
    weights: Option<Vec<f64>>,
}

impl Sorted {
    pub fn of(mut values: Vec<f64>, weights: Option<Vec<f64>>) -> Self {
        let Some(weights) = weights else {
            values.sort_unstable_by(f64::total_cmp);
            return Self {
                values,
                weights: None,
            };
        };
        let mut pairs: Vec<(f64, f64)> = values.into_iter().zip(weights).collect();
        pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (values, weights) = pairs.into_iter().unzip();
        Self {
            values,
            weights: Some(weights),
        }
    }

    /// The values, ascending.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The values, ascending, each with its weight.
    pub fn weighted(&self) -> impl Iterator<Item = (f64, f64)> + Clone {
        let weight = |i: usize| self.weights.as_ref().map_or(1.0, |weights| weights[i]);
        let values = self.values.iter().enumerate();
        values.map(move |(i, &value)| (value, weight(i)))
    }

    /// Changes every value by an increasing function.
    pub fn change(&mut self, function: impl Fn(f64) -> f64) {
        self.values.iter_mut().for_each(|x| *x = function(*x));
    }

    /// Mean and population standard deviation.
    pub fn mean_and_deviation(&self) -> (f64, f64) {
        let total: f64 = self.weighted().map(|(_, w)| w).sum();
        let mean = self.weighted().map(|(x, w)| w * x).sum::<f64>() / total;
        let squares = self.weighted().map(|(x, w)| w * (x - mean).powi(2));
        (mean, (squares.sum::<f64>() / total).sqrt())
    }

    /// Quantile, linear between neighbours (NumPy's default). A value of weight w counts as w/u
    /// values, u the least weight: whole weights, a 1 among them, are repeated values.
    pub fn quantile(&self, q: f64) -> f64 {
        let Some(weights) = &self.weights else {
            return quantile(&self.values, q);
        };
        let unit = weights.iter().copied().fold(f64::INFINITY, f64::min);
        let at = q * (weights.iter().sum::<f64>() - unit);
        let mut end = 0.0;
        for (i, (&value, weight)) in self.values.iter().zip(weights).enumerate() {
            end += weight;
            match self.values.get(i + 1) {
                Some(&next) if at >= end || next == value => {}
                Some(&next) if at > end - unit => {
                    return value + (next - value) * ((at - (end - unit)) / unit);
                }
                _ => return value,
            }
        }
        f64::NAN
    }
}

/// The quantiles at 0, 1/bins, 2/bins, …, 1 of values, weighted where they have weights: the edges
/// of bins of equal shares. Edges of values that repeat often may be equal.
pub fn quantile_edges(values: Vec<f64>, weights: Option<Vec<f64>>, bins: usize) -> Vec<f64> {
    let sorted = Sorted::of(values, weights);
    let edge = |number| sorted.quantile(number as f64 / bins as f64);
    (0..=bins).map(edge).collect()
}

/// Quantile of sorted values, linear between neighbours (NumPy's default).
fn quantile(sorted: &[f64], q: f64) -> f64 {
    let at = q * sorted.len().saturating_sub(1) as f64;
    let (low, high) = (at.floor() as usize, at.ceil() as usize);
    match (sorted.get(low), sorted.get(high)) {
        (Some(&a), Some(&b)) => between(a, b, at - low as f64),
        _ => f64::NAN,
    }
}

/// What lies this share of the way from `a` to `b`.
pub(crate) fn between(a: f64, b: f64, share: f64) -> f64 {
    match b - a {
        _ if a == b => a,
        // Of numbers near both ends of f64.
        width if width.is_infinite() => a * (1.0 - share) + b * share,
        width => a + width * share,
    }
}

/// The value below which the standard normal distribution has the share `p`, by bisection.
pub(super) fn normal_quantile(p: f64) -> f64 {
    let below = |z: f64| 0.5 * libm::erfc(-z / std::f64::consts::SQRT_2);
    let (mut low, mut high) = (-40.0, 40.0);
    for _ in 0..64 {
        let middle = 0.5 * (low + high);
        match below(middle) < p {
            true => low = middle,
            false => high = middle,
        }
    }
    0.5 * (low + high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_at_both_ends_of_f64_have_a_finite_median() {
        assert_eq!(quantile(&[-1e308, 1e308], 0.5), 0.0);
        assert_eq!(quantile(&[-1.5e308, 1.5e308], 0.75), 7.5e307);
    }

    #[test]
    fn edges_are_quantiles_and_whole_weights_repeat_values() {
        // numpy: np.quantile([3, -1, 0.25, 9, 2, 2], [0, .25, .5, .75, 1])
        let values = vec![3.0, -1.0, 0.25, 9.0, 2.0, 2.0];
        let edges = quantile_edges(values, None, 4);
        assert_eq!(edges, [-1.0, 0.6875, 2.0, 2.75, 9.0]);
        let values = vec![3.0, -1.0, 0.25, 9.0, 2.0];
        let weights = vec![1.0, 1.0, 1.0, 1.0, 2.0];
        assert_eq!(quantile_edges(values, Some(weights), 4), edges);
    }

    #[test]
    fn quantiles_of_the_normal_distribution_are_those_of_published_tables() {
        // scipy.stats.norm.ppf
        for (p, z) in [
            (0.5, 0.0),
            (0.75, 0.674_489_750_196_081_7),
            (0.975, 1.959_963_984_540_054),
            (0.001, -3.090_232_306_167_813_5),
        ] {
            assert!((normal_quantile(p) - z).abs() < 1e-14, "{p}");
        }
    }
}
