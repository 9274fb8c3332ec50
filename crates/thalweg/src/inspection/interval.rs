//! How far a score could be another one on other rows of the same kind.
//!
//! accuracy of rows that count alike: Wilson's interval for a share, which holds at 0 and 1 too. All
//! others: the bootstrap, which draws as many rows with replacement, again and again, and takes the
//! middle 95 % of the scores. Of many rows it draws from a part, and the distances from the score
//! shrink by √(part / rows) (the m-out-of-n bootstrap; Bickel, Götze, van Zwet 1997).

use serde::Serialize;
use thalweg_core::metrics::{Answers, score};
use thalweg_core::random::{Purpose, Stream};

use super::judged::Judged;
use crate::error::Result;

/// Draws.
const DRAWS: usize = 400;
/// Rows times outputs of a draw: bounds the cost to about 0.1 s.
const VALUES: usize = 10_000;
const MOST_ROWS: usize = 1_000;
const FEWEST_ROWS: usize = 100;
/// Of more outputs a single score takes too long to be drawn so often.
const MOST_OUTPUTS: usize = 50;
/// The normal quantile of 97.5 %.
const Z: f64 = 1.959_963_984_540_054;

/// The 95 % confidence interval of a metric.
#[derive(Debug, Clone, Serialize)]
pub struct Interval {
    /// The metric.
    pub metric: &'static str,
    /// Its value on the rows.
    pub value: f64,
    /// 2.5 % of such scores are below.
    pub low: f64,
    /// 2.5 % are above.
    pub high: f64,
}

/// The metrics with an interval: each takes its time in every draw.
const JUDGED: [&str; 6] = ["rmse", "mae", "r2", "accuracy", "auc", "f1"];

/// The values of these metrics, where they are defined.
fn judge(answers: &Answers) -> Vec<(&'static str, f64)> {
    let value = |name| Some((name, score(name, answers)?));
    JUDGED.into_iter().filter_map(value).collect()
}

/// An interval for each of these metrics that is defined on most draws; none for a single row. Of
/// very many classes the accuracy alone has one.
pub(super) fn intervals(judged: &Judged, seed: u64) -> Result<Vec<Interval>> {
    let rows = judged.rows;
    if rows < 2 {
        return Ok(Vec::new());
    }
    let all = judge(&judged.answers(judged.weights.as_deref())?);
    let room = (VALUES / judged.outputs.max(1)).clamp(FEWEST_ROWS, MOST_ROWS);
    let part = rows.min(room);
    let shrink = (part as f64 / rows as f64).sqrt();
    let mut random = Stream::new(seed, Purpose::Resample, 0).sequence();
    let mut order: Vec<u32> = (0..rows as u32).collect();
    if part < rows {
        for place in 0..part {
            let other = place + random.below((rows - place) as u32) as usize;
            order.swap(place, other);
        }
        order.truncate(part);
    }
    let judged_part = judged.part(&order);
    let mut weights = vec![0f32; part];
    let mut draws: Vec<Vec<f64>> = vec![Vec::new(); all.len()];
    let drawn = if judged.outputs <= MOST_OUTPUTS {
        DRAWS
    } else {
        0
    };
    for _ in 0..drawn {
        weights.fill(0.0);
        for _ in 0..part {
            let row = random.below(part as u32) as usize;
            weights[row] += judged_part.weight(row) as f32;
        }
        for (name, value) in judge(&judged_part.answers(Some(&weights))?) {
            if let Some(metric) = all.iter().position(|(other, _)| *other == name) {
                draws[metric].extend(Some(value).filter(|value| value.is_finite()));
            }
        }
    }
    let interval = |(&(metric, value), draws): (&(&'static str, f64), &mut Vec<f64>)| {
        if metric == "accuracy" && judged.weights.is_none() {
            let (low, high) = wilson(value, rows as f64);
            return Some(Interval {
                metric,
                value,
                low,
                high,
            });
        }
        let (low, high) = middle(draws, value, shrink)?;
        Some(Interval {
            metric,
            value,
            low,
            high,
        })
    };
    Ok(all.iter().zip(&mut draws).filter_map(interval).collect())
}

/// Wilson's interval of the share `p` of `n` rows.
pub(super) fn wilson(p: f64, n: f64) -> (f64, f64) {
    let z2 = Z * Z / n;
    let center = (p + z2 / 2.0) / (1.0 + z2);
    let half = Z / (1.0 + z2) * (p * (1.0 - p) / n + z2 / (4.0 * n)).sqrt();
    ((center - half).max(0.0), (center + half).min(1.0))
}

/// The middle 95 % of the draws, moved from their mean to the value and shrunk, if the draws are of a
/// part.
fn middle(draws: &mut [f64], value: f64, shrink: f64) -> Option<(f64, f64)> {
    if draws.len() < DRAWS / 2 {
        return None;
    }
    draws.sort_unstable_by(f64::total_cmp);
    let at = |share: f64| draws[((draws.len() - 1) as f64 * share).round() as usize];
    let (low, high) = (at(0.025), at(0.975));
    if low == high {
        // Draws that all score alike do not know how far others are.
        return None;
    }
    if shrink == 1.0 {
        return Some((low.min(value), high.max(value)));
    }
    let center = draws.iter().sum::<f64>() / draws.len() as f64;
    let moved = |bound: f64| value + (bound - center) * shrink;
    Some((moved(low).min(value), moved(high).max(value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wilsons_interval_is_that_of_the_literature() {
        // statsmodels: proportion_confint(81, 263, method="wilson"); Newcombe 1998, table I.
        let (low, high) = wilson(81.0 / 263.0, 263.0);
        assert!(
            (low - 0.2553).abs() < 5e-5 && (high - 0.3662).abs() < 5e-5,
            "{low} {high}"
        );
        let (low, high) = wilson(1.0, 20.0);
        assert!((low - 0.8389).abs() < 5e-5 && high == 1.0, "{low} {high}");
    }
}
