//! Goals in words, and whether a run reached them.

use thalweg_bench::trainer::Rate;
use thalweg_bench::{Goal, Peer, Workload};

/// A measured workload, as far as goals look at it.
pub struct Reached<'a> {
    pub workload: &'a Workload,
    /// Thalweg's rate, and its time of an epoch of this many rows.
    pub rate: Rate,
    pub rows: usize,
    pub seconds: f64,
    /// Threads that worked.
    pub threads: usize,
}

/// What goals of seconds are for.
const CORES: usize = 2;

impl Reached<'_> {
    /// The goals that are read in the line of `peer` (Thalweg's own where there is none), of which the time
    /// is `ratio` times Thalweg's: `≥ 2.1 ✓, …`.
    pub fn cell(&self, peer: Option<Peer>, ratio: f64) -> String {
        let goals = self.workload.goals.iter();
        let texts = goals.filter_map(|goal| {
            let (text, is_met) = match *goal {
                Goal::Ratio(of, least) if peer == Some(of) => {
                    (format!("≥ {least} ×"), ratio >= least)
                }
                Goal::Step(most) if peer.is_none() => {
                    (format!("≤ {most} µs a step"), self.rate.step_us <= most)
                }
                // A quick run has fewer rows: it is held to its part of the time.
                Goal::Epochs(epochs, most) if peer.is_none() => {
                    let share = self.rows as f64 / self.workload.rows as f64;
                    let took = epochs as f64 * self.seconds / share;
                    let of = match epochs {
                        1 => "an epoch".to_owned(),
                        _ => format!("for {epochs} epochs"),
                    };
                    let goal = format!("≤ {most} s {of} on {CORES} cores");
                    if self.threads != CORES {
                        return Some(format!("{goal} ({took:.2} s on {})", self.threads));
                    }
                    (format!("{goal} ({took:.2} s)"), took <= most)
                }
                Goal::Bound(most) if peer.is_none() => (
                    format!("≤ {most} × the bound's time"),
                    self.rate.share_of_bound() * most >= 1.0,
                ),
                _ => return None,
            };
            Some(format!("{text} {}", mark(is_met)))
        });
        texts.collect::<Vec<_>>().join(", ")
    }
}

/// ✓ or –.
pub fn mark(is_met: bool) -> &'static str {
    if is_met { "✓" } else { "–" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use thalweg_bench::{Limits, workloads};

    fn reached(name: &str, seconds: f64) -> Reached<'static> {
        let limits = Limits {
            threads: 1,
            f32_gflops: 500.0,
            f64_gflops: 250.0,
            bf16_gflops: 1000.0,
            gigabytes: 60.0,
            ..Limits::default()
        };
        let workload = workloads::find(name).unwrap();
        let rate = Rate::new(workload, workload.rows, seconds, &limits);
        Reached {
            workload,
            rate,
            rows: workload.rows,
            seconds,
            threads: 2,
        }
    }

    #[test]
    fn goals_stand_in_the_line_of_whom_they_compare_with() {
        let mnist = reached("mnist-mlp", 0.1);
        assert_eq!(mnist.cell(None, 1.0), "");
        assert_eq!(mnist.cell(Some(Peer::Jax), 2.1), "≥ 2.1 × ✓");
        assert_eq!(mnist.cell(Some(Peer::Jax), 2.09), "≥ 2.1 × –");
        assert_eq!(mnist.cell(Some(Peer::MlpClassifier), 9.0), "");
    }

    #[test]
    fn goals_of_time_are_thalwegs_own() {
        assert_eq!(
            reached("step-overhead", 312.0 * 2.9e-6).cell(None, 1.0),
            "≤ 3 µs a step ✓"
        );
        assert_eq!(
            reached("step-overhead", 312.0 * 3.1e-6).cell(None, 1.0),
            "≤ 3 µs a step –"
        );
        assert_eq!(
            reached("mlp-5m", 0.59).cell(None, 1.0),
            "≤ 0.6 s an epoch on 2 cores (0.59 s) ✓"
        );
        let mut lenet = reached("lenet5", 0.44);
        assert_eq!(
            lenet.cell(None, 1.0),
            "≤ 4.3 s for 10 epochs on 2 cores (4.40 s) –"
        );
        lenet.threads = 8;
        assert_eq!(
            lenet.cell(None, 1.0),
            "≤ 4.3 s for 10 epochs on 2 cores (4.40 s on 8)"
        );
        // 999,936 rows of 128 bytes at 60 GB/s are 2.1 ms.
        assert_eq!(
            reached("logistic", 6.3e-3).cell(None, 1.0),
            "≤ 3 × the bound's time ✓"
        );
        assert_eq!(
            reached("logistic", 6.5e-3).cell(None, 1.0),
            "≤ 3 × the bound's time –"
        );
    }
}
