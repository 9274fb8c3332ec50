//! The tables of a run, for the terminal and for `bench/RESULTS.md`.

use std::fmt::{self, Write};

use thalweg::text::whole;
use thalweg_bench::products::Rates;
use thalweg_bench::trainer::Rate;
use thalweg_bench::{Goal, Limits, Peer, Workload, machine};
use thalweg_core::precision::Dtype;

use super::Outcome;
use super::startup::{self, Startup};
use crate::Result;
use crate::process::{command, output};
use crate::python::Environment;

/// Where the numbers come from.
pub struct Machine {
    processor: String,
    /// By number of threads; all threads last.
    by_threads: Vec<Limits>,
    /// Of all threads.
    pub limits: Limits,
    versions: Vec<String>,
    date: String,
    commit: String,
}

impl Machine {
    /// Asks the machine.
    pub fn look(by_threads: Vec<Limits>, mut versions: Vec<String>) -> Result<Self> {
        let line = |program: &str, arguments: &[&str]| {
            let printed = output(command(program).args(arguments));
            printed.map_or("unknown".to_owned(), |text| text.trim().to_owned())
        };
        versions.insert(0, format!("thalweg {}", env!("CARGO_PKG_VERSION")));
        versions.push(line("rustc", &["--version"]));
        Ok(Self {
            processor: machine::processor(),
            limits: *by_threads.last().ok_or("no limits were measured")?,
            by_threads,
            versions,
            date: line("date", &["-u", "+%Y-%m-%d"]),
            commit: line("git", &["rev-parse", "--short", "HEAD"]),
        })
    }

    /// What stands above times of reading alone.
    pub fn of_reading(python: &Environment) -> Result<String> {
        let versions = python.versions(&["polars", "pyarrow"])?.join(", ");
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let line = |program: &str, arguments: &[&str]| {
            let printed = output(command(program).args(arguments));
            printed.map_or("unknown".to_owned(), |text| text.trim().to_owned())
        };
        let date = line("date", &["-u", "+%Y-%m-%d"]);
        let commit = line("git", &["rev-parse", "--short", "HEAD"]);
        let processor = machine::processor();
        Ok(format!(
            "Written by `cargo xtask bench --reading`, {date} (commit {commit}). {processor}, {threads} threads; {versions}.\n"
        ))
    }

    /// `Written by … on …`.
    pub fn written_by(&self, task: &str) -> String {
        let Self { date, commit, .. } = self;
        format!("Written by `{task}`, {date} (commit {commit}). {self}.\n")
    }

    /// The peak of as many threads in single precision.
    fn peak(&self, threads: usize) -> f64 {
        let found = self
            .by_threads
            .iter()
            .find(|limits| limits.threads == threads);
        found.map_or(f64::NAN, |limits| limits.f32_gflops)
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (threads, versions) = (self.limits.threads, self.versions.join(", "));
        writeln!(f, "{}, {threads} threads; {versions}", self.processor)?;
        let limits = self.by_threads.iter().map(|limits| {
            let Limits { threads, f32_gflops, f64_gflops, bf16_gflops, gigabytes } = limits;
            format!(
                "on {threads}: {f32_gflops:.0} GFLOP/s (f32), {f64_gflops:.0} (f64), {bf16_gflops:.0} (bf16), \
                 {gigabytes:.1} GB/s read from memory"
            )
        });
        write!(
            f,
            "Limits measured {}",
            limits.collect::<Vec<_>>().join("; ")
        )
    }
}

/// The name of a contestant; Thalweg where there is no peer.
pub fn contestant(peer: Option<Peer>) -> &'static str {
    match peer {
        None => "Thalweg",
        Some(Peer::Jax) => "JAX",
        Some(Peer::JaxHostOrder) => "JAX, order by NumPy",
        Some(Peer::MlpClassifier) => "scikit-learn",
        Some(Peer::SgdClassifier) => "scikit-learn SGDClassifier",
        Some(Peer::PyTorch) => "PyTorch",
        Some(Peer::ThalwegF32) => "Thalweg in f32",
    }
}

/// A goal in words.
fn goal(goal: &Goal) -> String {
    match *goal {
        Goal::Ratio(peer, least) => format!("{least} × {}", contestant(Some(peer))),
        Goal::Step(most) => format!("{most} µs a step"),
        Goal::Epochs(1, most) => format!("an epoch in {most} s on 2 cores"),
        Goal::Epochs(epochs, most) => format!("{epochs} epochs in {most} s on 2 cores"),
        Goal::Bound(most) => format!("{most} × the time of its bound"),
    }
}

/// Of the table of workloads.
pub const HEAD: &str = "\
| workload (rows; layers; batch) | contestant | rows/s | × | µs/step | GFLOP/s | GB/s | loss | goal |
|---|---|---|---|---|---|---|---|---|";

/// A workload's rows in it, one a contestant.
pub fn rows(outcome: &Outcome, machine: &Machine) -> String {
    let Outcome {
        workload,
        rows,
        series,
        ..
    } = outcome;
    let ours = series[0].seconds;
    let mut text = String::new();
    for one in series {
        // Peers have single precision, and its peak.
        let dtype = if one.peer.is_none() {
            workload.dtype
        } else {
            Dtype::F32
        };
        let of = Workload {
            dtype,
            ..**workload
        };
        let rate = Rate::new(&of, *rows, one.seconds.median, &machine.limits);
        let (label, ratio, goal) = match one.peer {
            None => {
                let goals: Vec<String> = workload.goals.iter().map(goal).collect();
                (label(workload, *rows), "–".to_owned(), goals.join("; "))
            }
            Some(_) => {
                let (median, fastest) = (
                    one.seconds.median / ours.median,
                    one.seconds.fastest / ours.fastest,
                );
                (
                    String::new(),
                    format!("{median:.2} ({fastest:.2})"),
                    String::new(),
                )
            }
        };
        let speed = |seconds: f64| thousands(*rows as f64 / seconds);
        let _ = writeln!(
            text,
            "| {label} | {} | {} ({}–{}) | {ratio} | {:.2} | {:.1} ({:.0} %) | {:.1} ({:.0} %) | {:.5} | {goal} |",
            contestant(one.peer),
            speed(one.seconds.median),
            speed(one.seconds.slowest),
            speed(one.seconds.fastest),
            rate.step_us,
            rate.gflops,
            100.0 * rate.gflops_share,
            rate.gigabytes,
            100.0 * rate.gigabytes_share,
            one.loss,
        );
    }
    text
}

/// `table-tiny (49,984; 8-16-2; 32)`, and the precision if it is another one than the peers'.
fn label(workload: &Workload, rows: usize) -> String {
    let dtype = match workload.dtype {
        Dtype::F32 => String::new(),
        other => format!("; {other:?}").to_lowercase(),
    };
    let Workload { name, batch, .. } = workload;
    format!(
        "{name} ({}; {}; {batch}{dtype})",
        thousands(rows as f64),
        workload.shape()
    )
}

/// The table of products.
pub fn products(all: &[Rates], machine: &Machine) -> String {
    let mut text = "\
| rows × inputs × units | threads | y = x·Wᵀ | dx = dz·W | dW = dzᵀ·x |
|---|---|---|---|---|
"
    .to_owned();
    for Rates {
        sizes: [rows, inputs, units],
        threads,
        gflops,
    } in all
    {
        let peak = machine.peak(*threads);
        let cells = gflops.map(|rate| format!("{rate:.0} ({:.0} %)", 100.0 * rate / peak));
        let cells = cells.join(" | ");
        let _ = writeln!(
            text,
            "| {rows} × {inputs} × {units} | {threads} | {cells} |"
        );
    }
    text
}

/// The table of whole processes.
pub fn startups(all: &[Startup]) -> String {
    let mut text = "\
| process | seconds | × | test accuracy | goal |
|---|---|---|---|---|
"
    .to_owned();
    let ours = all.first().map_or(f64::NAN, |first| first.seconds.median);
    for (
        k,
        Startup {
            what,
            seconds,
            accuracy,
        },
    ) in all.iter().enumerate()
    {
        let (ratio, goal) = match k {
            0 => ("–".to_owned(), startup::GOAL),
            _ => (format!("{:.2}", seconds.median / ours), ""),
        };
        let _ = writeln!(
            text,
            "| {what} | {:.2} ({:.2}–{:.2}) | {ratio} | {accuracy:.4} | {goal} |",
            seconds.median, seconds.fastest, seconds.slowest
        );
    }
    text
}

const HOW_TO_READ: &str = "\
All contestants train the same network from the same initial parameters on the same rows, reshuffled every epoch, \
on all threads: Adam at 1e-3, or plain gradient descent at 0.5 for linear models; ReLU; softmax cross-entropy or, with \
one output, the logistic loss. All compute in single precision unless the row says bf16, where Thalweg alone does; \
such rows are left out where the processor has no bf16 instructions. Pixels are bytes, which Thalweg converts as it \
gathers rows; peers get them as single-precision numbers, converted before the clock starts. Row counts are whole \
batches. Contestants are processes that take turns, one at a time; the first epoch of each is not counted.

JAX runs the whole epoch, reshuffling included, as one compiled scan; goals that name JAX mean this. Its shuffle, a \
sort, is a large part of the epochs of small networks on a CPU, so in a second row NumPy draws the order, within the \
measured time. scikit-learn's `MLPClassifier` is its own fit loop, timed epoch by epoch. PyTorch is eager with fused \
Adam. scikit-learn's `SGDClassifier` updates after every row, at 0.002; its loss is that after the epoch, of the \
others the mean over the epoch.

- *rows/s*: of the median epoch; in brackets the slowest and the fastest epoch.
- *×*: Thalweg's rate over this peer's in the same run; in brackets that of the fastest epochs, which a busy host \
disturbs least. Ratios hold across machines; times do not.
- *µs/step*: the median epoch's time by its number of mini-batches.
- *GFLOP/s*: rows/s · (6P − 2·d₀·d₁), P the number of weights, of convolutions times their positions; in brackets \
the share of the peak that all threads reached in a loop of multiply-adds.
- *GB/s*: rows/s · (4·d₀ + 8), of pixels d₀ + 8: every epoch reads each row's features, class and place in the order \
once; in brackets the share of the rate at which all threads read 512 MB in order. Small data come from the caches.
- *loss*: mean training loss over the last epoch, after equally many epochs. Orders of rows differ, and so do the \
last digits.
- *goal*: what the project aims at. The bound's time is the larger one of operations / peak and bytes / reading rate.
";

const PRODUCTS: &str = "\
GFLOP/s of the three products of a dense layer, and their share of the multiply-add peak of as many threads in \
the same run. A dense layer without activation is run through the library's `Layer` as a step runs it (row \
blocks of 64, gradient tile by tile), every thread with a layer of its own; the best of three. What a whole \
step loses against this is the loss, the optimizer, gathering rows, and waiting.
";

const STARTUPS: &str = "\
Whole processes, from start to model, in turns: median of five (fastest–slowest). The first line is what a user \
types: network, schedule and epochs are chosen, a validation part is watched, the run folder is written. The second \
does the work of the Python process: the same network, optimizer, rate, batch size and number of epochs on nine \
tenths of the digits. Each holds out a tenth of its own, so accuracies are of different rows.
";

/// The whole of `bench/RESULTS.md`, with the tables of products and processes.
pub fn results(outcomes: &[Outcome], products: &str, startups: &str, machine: &Machine) -> String {
    let tables: String = outcomes
        .iter()
        .map(|outcome| rows(outcome, machine))
        .collect();
    let sources = outcomes.iter().map(|outcome| {
        let Outcome {
            workload,
            source,
            epochs,
            ..
        } = outcome;
        format!("- {}: {source}; {epochs} epochs measured\n", workload.name)
    });
    let sources: String = sources.collect();
    format!(
        "# Speed beside peers\n\n{}\n{HEAD}\n{tables}\n{HOW_TO_READ}\nData:\n\n{sources}\n\
         ## Start to finished model\n\n{startups}\n{STARTUPS}\n## Products\n\n{products}\n{PRODUCTS}",
        machine.written_by("cargo xtask bench")
    )
}

const READING: &str = "## Reading files\n";

/// Results with this section on reading, in its place or at the end.
pub fn with_reading(results: &str, section: &str) -> String {
    let (before, rest) = results.split_once(READING).unwrap_or((results, ""));
    let after = rest.find("\n## ").map_or("", |at| &rest[at + 1..]);
    format!(
        "{}\n\n{READING}\n{}\n{}{after}",
        before.trim_end(),
        section.trim(),
        if after.is_empty() { "" } else { "\n" }
    )
}

/// 12,725,300
pub fn thousands(number: f64) -> String {
    whole(number.round() as usize)
}

#[cfg(test)]
mod tests {
    use super::super::Series;
    use super::*;
    use thalweg_bench::{Spread, workloads};

    #[test]
    fn results_have_a_row_for_every_contestant_with_its_ratio() {
        let series = |peer, seconds: f64, loss| Series {
            peer,
            seconds: Spread::of(&[0.9 * seconds, seconds, 1.1 * seconds]),
            loss,
        };
        let outcome = Outcome {
            workload: workloads::find("table-tiny").unwrap(),
            rows: 49_984,
            epochs: 3,
            source: "a test".to_owned(),
            series: vec![series(None, 0.01, 0.5), series(Some(Peer::Jax), 0.04, 0.51)],
        };
        let limits = |threads, f32_gflops, gigabytes| Limits {
            threads,
            f32_gflops,
            f64_gflops: f32_gflops / 2.0,
            bf16_gflops: 2.0 * f32_gflops,
            gigabytes,
        };
        let by_threads = vec![limits(1, 250.0, 20.0), limits(2, 500.0, 40.0)];
        let machine = Machine {
            processor: "CPU".to_owned(),
            limits: by_threads[1],
            by_threads,
            versions: Vec::new(),
            date: "2000-01-01".to_owned(),
            commit: "abc".to_owned(),
        };
        let text = results(&[outcome], "", "", &machine);
        for row in [
            "| table-tiny (49,984; 8-16-2; 32) | Thalweg | 4,998,400 (4,544,000–5,553,778) | – | 6.40 | 3.5 (1 %) | 0.2 (0 %) | 0.50000 | 13 × JAX |",
            "|  | JAX | 1,249,600 (1,136,000–1,388,444) | 4.00 (4.00) | 25.61 | 0.9 (0 %) | 0.0 (0 %) | 0.51000 |  |",
            "- table-tiny: a test; 3 epochs measured",
        ] {
            assert!(text.contains(row), "{row}\nis not in\n{text}");
        }
    }

    #[test]
    fn the_section_on_reading_is_replaced_or_added() {
        let once = with_reading("# Speed\n\n## Products\n\nrows\n", "old");
        assert_eq!(
            once,
            "# Speed\n\n## Products\n\nrows\n\n## Reading files\n\nold\n"
        );
        assert_eq!(with_reading(&once, "new"), once.replace("old", "new"));
        let between = once.clone() + "\n## More\n\nrows\n";
        assert_eq!(with_reading(&between, "new"), between.replace("old", "new"));
    }

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!(thousands(999.0), "999");
        assert_eq!(thousands(12_725_300.0), "12,725,300");
    }
}
