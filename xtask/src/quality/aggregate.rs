//! Two contestants beside each other over several tables: 100·ln(error / error), so that −5 is 5 % less.

use thalweg_core::random::{Purpose, Stream};

use super::runs::{Run, Runs};

/// Resamples of a bootstrap interval.
const RESAMPLES: usize = 4000;

/// One contestant beside another.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// Tables that both have.
    pub tables: usize,
    /// Mean over tables of the mean over seeds.
    pub mean: f64,
    /// 95 %, by bootstrap over tables and over the seeds of each.
    pub interval: (f64, f64),
    /// Tables on which the first has the lower error in the mean.
    pub wins: usize,
    /// Tables on which it is worse by more than twice the standard error over the seeds.
    pub worse: Vec<String>,
    /// Median over tables: CPU seconds of the second per one of the first.
    pub time: f64,
}

impl Comparison {
    /// `ours` beside `theirs` on the tables and seeds that both have; none if there are no such.
    pub fn of(runs: &Runs, ours: &str, theirs: &str, tables: &[&str]) -> Option<Self> {
        let mut ratios = Vec::new();
        let (mut worse, mut times) = (Vec::new(), Vec::new());
        for &table in tables {
            let pairs: Vec<(&Run, &Run)> = (runs.of(ours, table))
                .filter_map(|our| {
                    let mut others = runs.of(theirs, table);
                    Some((our, others.find(|their| their.seed == our.seed)?))
                })
                .collect();
            if pairs.is_empty() {
                continue;
            }
            let ratio =
                |(our, their): &(&Run, &Run)| 100.0 * (our.floored() / their.floored()).ln();
            let of_seeds: Vec<f64> = pairs.iter().map(ratio).collect();
            if mean(&of_seeds) > 2.0 * standard_error(&of_seeds) {
                worse.push(table.to_owned());
            }
            let cpu =
                |of: fn(&(&Run, &Run)) -> f64| mean(&pairs.iter().map(of).collect::<Vec<_>>());
            times.push(cpu(|pair| pair.1.seconds()) / cpu(|pair| pair.0.seconds()));
            ratios.push(of_seeds);
        }
        (!ratios.is_empty()).then(|| Self {
            tables: ratios.len(),
            mean: mean_of_means(&ratios),
            interval: interval(&ratios),
            wins: ratios.iter().filter(|seeds| mean(seeds) < 0.0).count(),
            worse,
            time: median(times),
        })
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn mean_of_means(ratios: &[Vec<f64>]) -> f64 {
    mean(&ratios.iter().map(|seeds| mean(seeds)).collect::<Vec<_>>())
}

/// Of the mean; infinite for a single value, which shows no noise.
fn standard_error(values: &[f64]) -> f64 {
    let centre = mean(values);
    let squares: f64 = values.iter().map(|x| (x - centre).powi(2)).sum();
    let count = values.len() as f64;
    match values.len() {
        0 | 1 => f64::INFINITY,
        _ => (squares / (count - 1.0) / count).sqrt(),
    }
}

/// Of an odd number of values the middle one, else the mean of the two; what is no number is left out.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.retain(|value| !value.is_nan());
    values.sort_by(f64::total_cmp);
    let (low, high) = ((values.len().max(1) - 1) / 2, values.len() / 2);
    match values.get(low).zip(values.get(high)) {
        Some((a, b)) => (a + b) / 2.0,
        None => f64::NAN,
    }
}

/// The bootstrap interval of the mean of means: tables are drawn with replacement, then seeds of each.
fn interval(ratios: &[Vec<f64>]) -> (f64, f64) {
    let mut random = Stream::new(16, Purpose::Resample, 0).sequence();
    let mut draw = |count: usize| random.below(count as u32) as usize;
    let mut means: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            let mut sum = 0.0;
            for _ in 0..ratios.len() {
                let seeds = &ratios[draw(ratios.len())];
                let drawn: f64 = (0..seeds.len()).map(|_| seeds[draw(seeds.len())]).sum();
                sum += drawn / seeds.len() as f64;
            }
            sum / ratios.len() as f64
        })
        .collect();
    means.sort_by(f64::total_cmp);
    let at = |share: f64| means[(share * (RESAMPLES - 1) as f64).round() as usize];
    (at(0.025), at(0.975))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(contestant: &str, table: &str, seed: u64, error: f64, cpu: f64) -> Run {
        Run {
            contestant: contestant.to_owned(),
            table: table.to_owned(),
            kind: "tune".to_owned(),
            task: "regression".to_owned(),
            seed,
            error,
            calibration: None,
            tests: 100,
            cpu,
            unoptimized: false,
            floor: None,
        }
    }

    #[test]
    fn only_tables_and_seeds_that_both_have_are_compared() {
        let e = std::f64::consts::E;
        let runs = Runs::from(vec![
            run("a", "t", 0, 1.0, 2.0),
            run("a", "t", 1, 9.0, 2.0),
            run("a", "u", 0, 1.0, 2.0),
            run("a", "v", 0, 1.0, 2.0),
            run("b", "t", 0, e, 8.0),
            run("b", "u", 0, 1.0 / e / e, 4.0),
        ]);
        let found = Comparison::of(&runs, "a", "b", &["t", "u", "v"]).unwrap();
        assert_eq!((found.tables, found.wins, found.time), (2, 1, 3.0));
        assert!((found.mean - 50.0).abs() < 1e-9, "{found:?}");
        // Half of four resamples has the same table twice, a quarter each of the two.
        assert_eq!(found.interval, (-100.0, 200.0));
        // A single seed shows no noise, so that nothing is beyond it.
        assert!(found.worse.is_empty(), "{found:?}");
        assert_eq!(Comparison::of(&runs, "a", "c", &["t"]), None);
    }

    #[test]
    fn worse_is_what_the_spread_over_seeds_does_not_explain() {
        let of = |ours: [f64; 3]| {
            let mut runs = Vec::new();
            for (seed, error) in ours.into_iter().enumerate() {
                runs.push(run("a", "t", seed as u64, error, 1.0));
                runs.push(run("b", "t", seed as u64, 1.0, 1.0));
            }
            Comparison::of(&Runs::from(runs), "a", "b", &["t"])
                .unwrap()
                .worse
        };
        assert_eq!(of([1.1, 1.12, 1.09]), ["t"]);
        assert!(of([0.9, 1.3, 1.0]).is_empty());
        assert!(of([0.9, 0.8, 0.9]).is_empty());
    }

    #[test]
    fn errors_of_classes_below_half_a_row_are_equal() {
        let classes = |error| Run {
            task: "binary".to_owned(),
            ..run("a", "t", 0, error, 1.0)
        };
        assert_eq!(classes(0.0).floored(), 0.005);
        assert_eq!(classes(1e-9).floored(), 0.005);
        assert_eq!(classes(0.2).floored(), 0.2);
        assert_eq!(run("a", "t", 0, 1e-9, 1.0).floored(), 1e-9);
    }

    #[test]
    fn a_median_is_the_middle() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(Vec::new()).is_nan());
    }
}
