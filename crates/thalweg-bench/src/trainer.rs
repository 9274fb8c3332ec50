//! Trains a workload epoch by epoch and measures the time.

use std::time::Instant;

use serde::{Deserialize, Serialize};
use thalweg_core::cpu;
use thalweg_core::dataset::Dataset;
use thalweg_core::error::Result;
use thalweg_core::observe::EpochReport;
use thalweg_core::train::{Flow, Observer};
use thalweg_core::train::{Run, train};

use crate::machine::Limits;
use crate::workloads::Workload;

/// A measured epoch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// Its time, reshuffling included.
    pub seconds: f64,
    /// Mean training loss over the epoch's batches, each before its update.
    pub loss: f64,
}

/// A workload in training. Between epochs its threads sleep.
pub struct Trainer<'a>(Run<'a>);

impl<'a> Trainer<'a> {
    /// Makes the network and loads its initial parameters.
    ///
    /// # Errors
    /// If the engine refuses the workload or the data.
    pub fn new(
        workload: &Workload,
        dataset: &'a Dataset,
        initial: &[f64],
        threads: usize,
    ) -> Result<Self> {
        let training = workload.training();
        let mut engine = cpu::engine(&workload.network()?, &training, threads)?;
        engine.load_parameters(initial)?;
        Ok(Self(Run::new(engine, &training, dataset, None)?))
    }

    /// Trains one epoch over all rows.
    ///
    /// # Errors
    /// If it diverges.
    pub fn epoch(&mut self) -> Result<Epoch> {
        let start = Instant::now();
        let mut one = OneEpoch(f64::NAN);
        train(&mut self.0, &mut one)?;
        Ok(Epoch {
            seconds: start.elapsed().as_secs_f64(),
            loss: one.0,
        })
    }
}

/// Stops a run after an epoch and keeps its loss.
struct OneEpoch(f64);

impl Observer for OneEpoch {
    fn epoch(&mut self, _: &mut Run, report: &EpochReport) -> Result<Flow> {
        self.0 = report.train_loss;
        Ok(Flow::Stop)
    }
}

/// The spread of some times, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// The shortest.
    pub fastest: f64,
    /// The middle one, or the mean of the two in the middle.
    pub median: f64,
    /// The longest.
    pub slowest: f64,
}

impl Spread {
    /// Of these times; not a number where there are none.
    pub fn of(seconds: &[f64]) -> Self {
        let mut sorted = seconds.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |k: usize| sorted.get(k).copied().unwrap_or(f64::NAN);
        let (count, middle) = (sorted.len(), sorted.len() / 2);
        let median = if count % 2 == 1 {
            at(middle)
        } else {
            (at(middle.wrapping_sub(1)) + at(middle)) / 2.0
        };
        Self {
            fastest: at(0),
            median,
            slowest: at(count.wrapping_sub(1)),
        }
    }
}

/// What limits the rate of a workload on a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Bound {
    /// Floating-point operations.
    Arithmetic,
    /// Reading the rows.
    Memory,
}

/// A rate of rows in the units of its limits.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Rate {
    /// Rows a second.
    pub rows_per_second: f64,
    /// Microseconds a step.
    pub step_us: f64,
    /// 10⁹ floating-point operations a second.
    pub gflops: f64,
    /// The share of the time that they would take at the machine's peak, each layer in its precision.
    pub gflops_share: f64,
    /// 10⁹ bytes of rows a second.
    pub gigabytes: f64,
    /// Their share of the machine's rate of reading memory.
    pub gigabytes_share: f64,
    /// The limit with the larger share.
    pub bound: Bound,
}

impl Rate {
    /// The rate of a workload that takes `seconds` for `rows` rows.
    pub fn new(workload: &Workload, rows: usize, seconds: f64, limits: &Limits) -> Self {
        let rate = rows as f64 / seconds;
        let gflops = rate * workload.flops_per_row() / 1e9;
        let gigabytes = rate * workload.bytes_per_row() / 1e9;
        let layers = workload.flops_by_layer().into_iter();
        let at_peak: f64 = layers
            .map(|(dtype, flops)| flops / (1e9 * limits.gflops(dtype)))
            .sum();
        let gflops_share = rate * at_peak;
        let gigabytes_share = gigabytes / limits.gigabytes;
        let bound = if gigabytes_share > gflops_share {
            Bound::Memory
        } else {
            Bound::Arithmetic
        };
        Self {
            rows_per_second: rate,
            step_us: 1e6 * workload.batch as f64 / rate,
            gflops,
            gflops_share,
            gigabytes,
            gigabytes_share,
            bound,
        }
    }

    /// The share of the limit that is the bound.
    pub fn share_of_bound(&self) -> f64 {
        self.gflops_share.max(self.gigabytes_share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Data;
    use crate::workloads::find;
    use thalweg_core::precision::Dtype;

    #[test]
    fn the_median_and_the_spread_are_of_the_measured_epochs() {
        let spread = |seconds: &[f64]| {
            let Spread {
                fastest,
                median,
                slowest,
            } = Spread::of(seconds);
            (fastest, median, slowest)
        };
        assert_eq!(spread(&[3.0, 1.0, 2.0]), (1.0, 2.0, 3.0));
        assert_eq!(spread(&[4.0, 1.0, 2.0, 3.0]), (1.0, 2.5, 4.0));
        assert!(Spread::of(&[]).median.is_nan());
    }

    #[test]
    fn every_small_workload_learns() {
        for name in ["table-small", "step-overhead", "logistic"] {
            let workload = find(name).unwrap();
            let data = Data::synthesize(workload, workload.rows_of(true), 1);
            let mut trainer = Trainer::new(workload, &data.dataset, &data.initial, 1).unwrap();
            let losses: Vec<f64> = (0..20).map(|_| trainer.epoch().unwrap().loss).collect();
            assert!(losses[19] < 0.9 * losses[0], "{name}: {losses:?}");
        }
    }

    #[test]
    fn the_bound_is_the_limit_that_comes_first() {
        let limits = Limits {
            threads: 1,
            f32_gflops: 100.0,
            f64_gflops: 50.0,
            bf16_gflops: 200.0,
            gigabytes: 10.0,
        };
        let rate = |name, seconds| Rate::new(find(name).unwrap(), 1000, seconds, &limits);
        let logistic = rate("logistic", 1e-5);
        assert_eq!(logistic.bound, Bound::Memory);
        // 10⁸ rows/s of 30 features, a class and a place, 4 bytes each.
        assert!((logistic.gigabytes - 12.8).abs() < 1e-9);
        assert!((logistic.gflops - 12.0).abs() < 1e-9);
        assert!((logistic.share_of_bound() - 1.28).abs() < 1e-9);
        assert!((logistic.step_us - 2.56).abs() < 1e-9);
        assert_eq!(rate("mnist-wide", 1.0).bound, Bound::Arithmetic);
        // A single unit has no bf16 products.
        let single = Workload {
            dtype: Dtype::Bf16,
            ..*find("logistic").unwrap()
        };
        let share = Rate::new(&single, 1000, 1e-5, &limits).gflops_share;
        assert!((share - logistic.gflops_share).abs() < 1e-12);
    }
}
