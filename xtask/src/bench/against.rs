//! `cargo xtask bench --against OLD`: this build beside an older one, every workload on one core and on two.
//!
//! `OLD` is the `xtask` of the older build. Both train the same rows from the same parameters, pinned to the same cores,
//! turn by turn; each turn gives a ratio of times. What is reported is their median with an interval of at least 95 %
//! by order statistics, and the ratio of instructions, which a busy machine does not change.

use std::path::{Path, PathBuf};
use std::process::Command;

use thalweg_bench::{RowKind, Spread, Workload};
use thalweg_core::precision::Dtype;

use super::contestant::Contestant;
use super::worker::Job;
use super::{Options, data, executable};
use crate::Result;
use crate::process::{command, feed};

/// Turns of each build.
const TURNS: usize = 21;
/// Epochs are repeated until a turn has taken this many seconds.
const TURN: f64 = 0.12;
/// Floating-point operations of an epoch, at most.
const FLOPS: f64 = 1e10;
/// The same where instructions are counted by an emulator, and bytes of features.
const EMULATED: (f64, f64) = (2e8, 6.4e7);
/// The least ratio of speeds, and the largest of instructions, that are no loss.
const LEAST_SPEED: f64 = 0.99;
const MOST_INSTRUCTIONS: f64 = 1.01;

/// Prints a line for each workload and number of cores; a loss is an error.
pub fn run(old: &str, options: &Options, threads: usize) -> Result<()> {
    let old = std::fs::canonicalize(old).map_err(|error| format!("bench: `{old}`: {error}"))?;
    let builds = [old, executable()?];
    let counter = Counter::find();
    println!(
        "new against old, the median of {TURNS} turns; instructions by {}\n\n\
         {:<17}{:>5}{:>14}{:>14}{:>9}{:>18}{:>14}",
        counter.as_ref().map_or(
            "nothing: neither perf nor valgrind counts here",
            Counter::name
        ),
        "workload",
        "cores",
        "old µs/step",
        "new µs/step",
        "speed",
        "95 % interval",
        "instructions"
    );
    let mut losses = Vec::new();
    for workload in options.workloads() {
        let (folder, _) = data::prepare(workload, threads)?;
        let instructions = match &counter {
            Some(counter) => counter.ratio(&builds, workload, &folder)?,
            None => None,
        };
        if instructions.is_some_and(|ratio| ratio > MOST_INSTRUCTIONS) {
            losses.push(format!("{} (instructions)", workload.name));
        }
        let rows = rows_for(workload, FLOPS).min(workload.rows_of(options.quick));
        for cores in 1..=threads.min(2) {
            let job = Job::new(workload, &folder, rows, cores).text()?;
            let turns = if options.quick { 3 } else { TURNS };
            let measured = measure(&builds, &job, cores, turns)?;
            let step = |seconds: f64| 1e6 * seconds * workload.batch as f64 / rows as f64;
            let [least, most] = interval(&measured.ratios);
            let speed = Spread::of(&measured.ratios).median;
            println!(
                "{:<17}{cores:>5}{:>14.2}{:>14.2}{speed:>9.3}{:>18}{:>14}{}",
                workload.name,
                step(measured.seconds[0]),
                step(measured.seconds[1]),
                format!("{least:.3}–{most:.3}"),
                instructions.map_or("–".to_owned(), |ratio| format!("{ratio:.4}")),
                if measured.are_equal {
                    ""
                } else {
                    "  other losses"
                },
            );
            if speed < LEAST_SPEED {
                losses.push(format!("{} on {cores}", workload.name));
            }
        }
    }
    match losses.is_empty() || options.quick {
        true => Ok(()),
        false => Err(format!("bench: slower than before: {}", losses.join(", "))),
    }
}

/// Whole batches, at least two, of at most so many operations.
fn rows_for(workload: &Workload, flops: f64) -> usize {
    let batches = flops / workload.flops_per_row() / workload.batch as f64;
    workload
        .rows
        .min((batches as usize).max(2) * workload.batch)
}

struct Measured {
    /// Medians of an epoch's time.
    seconds: [f64; 2],
    /// Old time / new time, turn by turn.
    ratios: Vec<f64>,
    /// Whether both had the same losses in all epochs.
    are_equal: bool,
}

/// Turn by turn, after one to warm up; who begins alternates.
fn measure(builds: &[PathBuf; 2], job: &str, cores: usize, turns: usize) -> Result<Measured> {
    let start = |name, build: &Path| Contestant::start(name, pinned(build, job, cores));
    let mut contestants = [start("old", &builds[0])?, start("new", &builds[1])?];
    let mut times = [Vec::new(), Vec::new()];
    let mut losses = [Vec::new(), Vec::new()];
    let mut epochs = 1;
    for turn in 0..=turns {
        for side in [turn % 2, 1 - turn % 2] {
            let mut seconds = 0.0;
            for _ in 0..epochs {
                let epoch = contestants[side].epoch()?;
                seconds += epoch.seconds;
                losses[side].push(epoch.loss);
            }
            times[side].push(seconds / epochs as f64);
        }
        if turn == 0 {
            epochs = (TURN / times[0][0].max(times[1][0]))
                .ceil()
                .clamp(1.0, 1000.0) as usize;
        }
    }
    let [old, new] = times.map(|times| times[1..].to_vec());
    Ok(Measured {
        seconds: [Spread::of(&old).median, Spread::of(&new).median],
        ratios: old.iter().zip(&new).map(|(old, new)| old / new).collect(),
        are_equal: losses[0] == losses[1],
    })
}

/// A worker that may use the first cores alone.
fn pinned(build: &Path, job: &str, cores: usize) -> Command {
    let mut process = command("taskset");
    process.args(["--cpu-list", &format!("0-{}", cores - 1)]);
    process.arg(build).args(["bench-worker", job]);
    process
}

/// The interval between two order statistics that covers the median with a probability of at least 95 %: the
/// number of values below it is binomial with p = 1/2.
fn interval(values: &[f64]) -> [f64; 2] {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let count = sorted.len();
    let (mut chance, mut tail, mut rank) = (0.5f64.powi(count as i32), 0.0, 0);
    while tail + chance <= 0.025 {
        tail += chance;
        rank += 1;
        chance *= (count + 1 - rank) as f64 / rank as f64;
    }
    let below = rank.max(1) - 1;
    [sorted[below], sorted[count - 1 - below]]
}

/// What counts the instructions of a process.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Counter {
    /// The processor's counters.
    Perf,
    /// An emulator, without AVX-512.
    Valgrind,
}

impl Counter {
    fn find() -> Option<Self> {
        [Self::Perf, Self::Valgrind].into_iter().find(|counter| {
            let mut process = counter.command();
            counter.count(process.arg("true"), 0).is_ok()
        })
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Perf => "perf",
            Self::Valgrind => "valgrind, which has no AVX-512",
        }
    }

    fn command(self) -> Command {
        let words = match self {
            Self::Perf => "perf stat --field-separator , --event instructions:u",
            Self::Valgrind => {
                "valgrind --tool=cachegrind --cache-sim=no --cachegrind-out-file=/dev/null"
            }
        };
        let mut words = words.split(' ');
        let mut process = command(words.next().unwrap_or_default());
        process.args(words);
        process
    }

    /// New instructions by old ones of two epochs on one thread; `None` for what an emulator cannot do in short time.
    fn ratio(
        self,
        builds: &[PathBuf; 2],
        workload: &Workload,
        folder: &Path,
    ) -> Result<Option<f64>> {
        let mut rows = rows_for(workload, FLOPS);
        if self == Self::Valgrind {
            let bytes = match workload.kind {
                RowKind::Pixels => workload.layers[0],
                RowKind::Planted => 4 * workload.layers[0],
            };
            rows = rows_for(workload, EMULATED.0);
            if workload.dtype == Dtype::Bf16 || (bytes * workload.rows) as f64 > EMULATED.1 {
                return Ok(None);
            }
        }
        let job = Job::new(workload, folder, rows, 1).text()?;
        let mut counts = [0.0; 2];
        for (count, build) in counts.iter_mut().zip(builds) {
            let after = |epochs: usize| {
                let mut process = self.command();
                process.arg(build).args(["bench-worker", &job]);
                self.count(&mut process, epochs)
            };
            // Without loading and the first epoch.
            *count = after(3)? - after(1)?;
        }
        Ok(Some(counts[1] / counts[0]))
    }

    /// The instructions of a process that is asked for so many epochs, as the counter prints them.
    fn count(self, process: &mut Command, epochs: usize) -> Result<f64> {
        let ended = feed(process, &"epoch\n".repeat(epochs))?;
        let text = String::from_utf8_lossy(&ended.stderr);
        self.parse(&text)
            .ok_or_else(|| format!("no count of instructions in `{}`", text.trim()))
    }

    fn parse(self, text: &str) -> Option<f64> {
        text.lines().find_map(|line| match self {
            Self::Perf => line.split_once(",,instructions")?.0.trim().parse().ok(),
            Self::Valgrind => {
                let count = line
                    .split_once("I refs:")
                    .or_else(|| line.split_once("I   refs:"))?
                    .1;
                count.trim().replace(',', "").parse().ok()
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_leaves_out_what_the_binomial_distribution_allows() {
        let values: Vec<f64> = (1..=21).map(f64::from).collect();
        // P(at most 5 of 21 heads) = 0.013, P(at most 6) = 0.039.
        assert_eq!(interval(&values), [6.0, 16.0]);
        // P(none of 6) = 0.016, P(at most 1) = 0.109; of 5, P(none) = 0.031.
        assert_eq!(interval(&values[..6]), [1.0, 6.0]);
        assert_eq!(interval(&values[..5]), [1.0, 5.0]);
        // P(at most 1 of 9) = 0.0195.
        assert_eq!(interval(&values[..9]), [2.0, 8.0]);
    }

    #[test]
    fn counts_are_read_from_both_counters() {
        let perf = "\n123456,,instructions:u,2045,100.00,,\n";
        assert_eq!(Counter::Perf.parse(perf), Some(123_456.0));
        assert_eq!(
            Counter::Perf.parse("<not supported>,,instructions:u,0,100.00,,\n"),
            None
        );
        let valgrind = "==1== Cachegrind\n==1== \n==1== I   refs:      1,234,567\n";
        assert_eq!(Counter::Valgrind.parse(valgrind), Some(1_234_567.0));
    }
}
