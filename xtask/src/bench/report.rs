//! What a run says, on the terminal and in `bench/RESULTS.md`.

use std::fmt::{self, Write};

use thalweg_bench::products::Rates;
use thalweg_bench::trainer::Rate;
use thalweg_bench::{Limits, Peer, Workload, machine};
use thalweg_core::precision::Dtype;

use super::goals::{Reached, mark};
use super::startup::{self, Startup};
use super::{Outcome, Series};
use crate::Result;
use crate::process::{command, output};

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
        let Self {
            processor,
            limits,
            versions,
            ..
        } = self;
        writeln!(
            f,
            "{processor}, {} threads; {}",
            limits.threads,
            versions.join(", ")
        )?;
        let limits = self.by_threads.iter().map(|limits| {
            let Limits { threads, f32_gflops, f64_gflops, bf16_gflops, gigabytes, least: [f32_least, f64_least, bf16_least, gigabytes_least] } = limits;
            format!(
                "on {threads}: {f32_gflops:.0} GFLOP/s (f32; {f32_least:.0} in the slowest of its runs), {f64_gflops:.0} (f64; {f64_least:.0}), {bf16_gflops:.0} (bf16; {bf16_least:.0}), {gigabytes:.1} GB/s read from memory ({gigabytes_least:.1})"
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

/// One contestant's line, in the words of both reports.
struct Line<'a> {
    one: &'a Series,
    rate: Rate,
    /// Its median time by Thalweg's, and the same of the fastest epochs.
    ratio: f64,
    best_ratio: f64,
    goal: String,
}

fn lines<'a>(outcome: &'a Outcome, machine: &Machine) -> Vec<Line<'a>> {
    let Outcome {
        workload,
        rows,
        series,
        ..
    } = outcome;
    let thalweg = series.first().map(|thalweg| thalweg.seconds);
    let ours = thalweg.map_or(f64::NAN, |seconds| seconds.median);
    let our_best = thalweg.map_or(f64::NAN, |seconds| seconds.fastest);
    let rate = |workload: &Workload, seconds| Rate::new(workload, *rows, seconds, &machine.limits);
    let reached = Reached {
        workload,
        rate: rate(workload, ours),
        rows: *rows,
        seconds: ours,
        threads: machine.limits.threads,
    };
    let line = |one: &'a Series| {
        // Peers have single precision, and its peak.
        let dtype = if one.peer.is_none() {
            workload.dtype
        } else {
            Dtype::F32
        };
        let ratio = one.seconds.median / ours;
        Line {
            one,
            rate: rate(
                &Workload {
                    dtype,
                    ..**workload
                },
                one.seconds.median,
            ),
            ratio,
            best_ratio: one.seconds.fastest / our_best,
            goal: reached.cell(one.peer, ratio),
        }
    };
    series.iter().map(line).collect()
}

/// `49,984; 8-16-2; 32`, and the precision if it is another one than the peers'.
fn shape(workload: &Workload, rows: usize) -> String {
    let dtype = match workload.dtype {
        Dtype::F32 => String::new(),
        other => format!("; {other:?}").to_lowercase(),
    };
    format!(
        "{}; {}; {}{dtype}",
        thousands(rows as f64),
        workload.shape(),
        workload.batch
    )
}

/// What [`Outcome::stolen`] says.
fn kept_by_the_host(stolen: f64) -> String {
    format!(
        "the host kept {:.0} % of the processors' time",
        100.0 * stolen
    )
}

/// One workload, as printed on the terminal.
pub fn outcome(outcome: &Outcome, machine: &Machine) -> String {
    let Outcome { workload, rows, .. } = outcome;
    let mut text = format!("\n{} ({})\n", workload.name, shape(workload, *rows));
    for Line {
        one,
        rate,
        ratio,
        best_ratio,
        goal,
    } in lines(outcome, machine)
    {
        let seconds = one.seconds;
        let _ = writeln!(
            text,
            "  {:<26} {:>9.2} ms ({:.2}–{:.2}) {:>12.0} rows/s {:>9.2} µs/step {:>6.1} GFLOP/s ({:>2.0} %) {:>5.1} GB/s ({:>2.0} %)  loss {:.5}  time / Thalweg's {ratio:.2} ({best_ratio:.2})  {goal}",
            contestant(one.peer),
            seconds.median * 1e3,
            seconds.fastest * 1e3,
            seconds.slowest * 1e3,
            rate.rows_per_second,
            rate.step_us,
            rate.gflops,
            100.0 * rate.gflops_share,
            rate.gigabytes,
            100.0 * rate.gigabytes_share,
            one.loss,
        );
    }
    if let Some(stolen) = outcome.stolen {
        let _ = writeln!(text, "  {}", kept_by_the_host(stolen));
    }
    for name in outcome.unlearned() {
        let _ = writeln!(
            text,
            "  {name} does not learn what the others learn: its speed does not count"
        );
    }
    text.pop();
    text
}

/// The rates of products, a line a size.
pub fn products(all: &[Rates], machine: &Machine) -> String {
    let mut text = "\
| rows × inputs × units | threads | y = x·Wᵀ | dx = dz·W | dW = dzᵀ·x |
|---|---|---|---|---|
"
    .to_owned();
    for Rates {
        sizes,
        threads,
        forward,
        input_gradient,
        weight_gradient,
    } in all
    {
        let peak = machine.peak(*threads);
        let cells = [forward, input_gradient, weight_gradient]
            .map(|rate| format!("{rate:.0} ({:.0} %)", 100.0 * rate / peak));
        let _ = writeln!(
            text,
            "| {} × {} × {} | {threads} | {} |",
            sizes.rows,
            sizes.inputs,
            sizes.units,
            cells.join(" | ")
        );
    }
    text
}

/// Whole processes.
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
        let goal = match k {
            0 => format!("≤ {} s {}", startup::GOAL, mark(ours <= startup::GOAL)),
            _ => String::new(),
        };
        let ratio = if k == 0 {
            "–".to_owned()
        } else {
            format!("{:.2}", seconds.median / ours)
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
Everyone trains the same network from the same initial parameters on the same rows, reshuffled every epoch, \
with the same optimizer (Adam at 1e-3; plain gradient descent at 0.5 for the linear models), ReLU, and softmax \
cross-entropy or, with one output, the logistic loss, on all threads. All compute in single precision; a \
workload whose Thalweg side computes in another one says so, and its peers still have single precision; such \
workloads are left out where the processor has no instructions for them. Pixels are bytes, which Thalweg converts as it \
gathers rows; peers get them as numbers in single precision, converted before the clock starts (JAX was slower with the \
conversion in its graph). Row counts are whole batches. Contestants are processes that take turns, one at work at a time; the first epoch of \
each is not counted (how many are measured stands with the data below). JAX runs the whole epoch, reshuffling \
included, as one compiled scan, and goals that name JAX mean this; on a CPU its shuffle, a sort, is a large part \
of the epochs of small networks, so a second row has NumPy draw the order, within the measured time. scikit-learn's `MLPClassifier` is its own fit loop, timed epoch by epoch; \
PyTorch is eager with fused Adam.

scikit-learn's `SGDClassifier` has no mini-batches: its epoch is one `partial_fit`, which updates after every \
row (as many updates as rows, at 0.002). It does more updates and gets to the same loss; its loss is that after \
the epoch, of the others the mean over the epoch.

- *rows/s*: from the median epoch; in brackets the slowest and the fastest epoch.
- *×*: Thalweg's rate over this peer's in the same run; in brackets that of the fastest epochs, which a busy host \
disturbed least. Ratios hold across machines; times do not.
- *µs/step*: the median epoch's time by its number of mini-batches, reshuffling and all else included.
- *GFLOP/s*: rows/s · (6P − 2·d₀·d₁), P the number of weights, of convolutions times their positions; in brackets the share of the peak that this \
machine reached on all threads in a loop of multiply-adds.
- *GB/s*: rows/s · (4·d₀ + 8), of pixels d₀ + 8 (peers, who have numbers, read 4·d₀ + 8): every epoch reads each row's features, class and place in the order once; in \
brackets the share of the rate at which all threads read 512 MB in order. Small data come from the caches, so \
only where rows are many and cheap is this the bound.
- *loss*: mean training loss over the last epoch, after equally many epochs. Orders of rows differ, so the \
last digits do.
- *goal*: what the project holds itself to, and whether this run reached it (✓) or not (–). In a peer's line \
it is about the first ×. The bound's time is the larger one of operations / peak and bytes / reading rate.
- *the host kept*: on a virtual machine, the share of the time with work to do in which the host let a processor \
wait (`steal` in `/proc/stat`), over all contestants. A team of threads loses more by it than one.
";

const PRODUCTS: &str = "\
GFLOP/s of the three products of a dense layer, and their share of the multiply-add peak of as many threads in \
the same run. A dense layer without activation is run through the library's `Layer` as a step runs it (row \
blocks of 64, gradient tile by tile), every thread with a layer of its own; the best of three. What a whole \
step loses against this goes to the loss, the optimizer, gathering rows, and waiting.
";

const STARTUPS: &str = "\
Whole processes, from starting to the model being there, in turns: median of five (fastest–slowest). The first \
line is what a user types: it chooses network, schedule and epochs itself, watches a validation part, and \
writes the run folder. The second does the work of the Python process: the same network, optimizer, rate, batch \
size and number of epochs on nine tenths of the digits. Each holds out its own tenth, so accuracies are of \
different rows.
";

/// The whole of `bench/RESULTS.md`.
pub fn results(
    outcomes: &[Outcome],
    measured: &[Rates],
    startups: &[Startup],
    machine: &Machine,
) -> String {
    let mut text = format!(
        "# Speed beside peers\n\n{}\n\
         | workload (rows; layers; batch) | contestant | rows/s | × | µs/step | GFLOP/s | GB/s | loss | goal |\n\
         |---|---|---|---|---|---|---|---|---|\n",
        machine.written_by("cargo xtask bench"),
    );
    for outcome in outcomes {
        let Outcome { workload, rows, .. } = outcome;
        for (
            k,
            Line {
                one,
                rate,
                ratio,
                best_ratio,
                goal,
            },
        ) in lines(outcome, machine).into_iter().enumerate()
        {
            let speed = |seconds: f64| thousands(*rows as f64 / seconds);
            let (label, ratio) = match k {
                0 => (
                    format!("{} ({})", workload.name, shape(workload, *rows)),
                    "–".to_owned(),
                ),
                _ => (String::new(), format!("{ratio:.2} ({best_ratio:.2})")),
            };
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
    }
    let _ = writeln!(text, "\n{HOW_TO_READ}\nData:\n");
    for Outcome {
        workload,
        source,
        epochs,
        stolen,
        ..
    } in outcomes
    {
        let _ = write!(
            text,
            "- {}: {source}; {epochs} epochs measured",
            workload.name
        );
        if let Some(stolen) = stolen {
            let _ = write!(text, "; {}", kept_by_the_host(*stolen));
        }
        text.push('\n');
    }
    let _ = writeln!(
        text,
        "\n## Start to finished model\n\n{}\n{STARTUPS}\n## Products\n\n{}\n{PRODUCTS}",
        self::startups(startups),
        products(measured, machine)
    );
    text.pop();
    text
}

/// 12,725,300
pub fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (k, digit) in digits.chars().enumerate() {
        if k > 0 && (digits.len() - k).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
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
            stolen: Some(0.034),
            series: vec![series(None, 0.01, 0.5), series(Some(Peer::Jax), 0.04, 0.51)],
        };
        assert!(outcome.unlearned().is_empty());
        let limits = |threads, f32_gflops, gigabytes| Limits {
            threads,
            f32_gflops,
            f64_gflops: f32_gflops / 2.0,
            bf16_gflops: 2.0 * f32_gflops,
            gigabytes,
            ..Limits::default()
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
        let text = results(&[outcome], &[], &[], &machine);
        for row in [
            "| table-tiny (49,984; 8-16-2; 32) | Thalweg | 4,998,400 (4,544,000–5,553,778) | – | 6.40 | 3.5 (1 %) | 0.2 (0 %) | 0.50000 |  |",
            "|  | JAX | 1,249,600 (1,136,000–1,388,444) | 4.00 (4.00) | 25.61 | 0.9 (0 %) | 0.0 (0 %) | 0.51000 | ≥ 13 × – |",
            "- table-tiny: a test; 3 epochs measured; the host kept 3 % of the processors' time",
        ] {
            assert!(text.contains(row), "{row}\nis not in\n{text}");
        }
    }

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!(thousands(999.0), "999");
        assert_eq!(thousands(12_725_300.0), "12,725,300");
    }
}
