//! What a run says, on the terminal and in `bench/RESULTS.md`.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use super::{Outcome, Series};
use crate::process::{command, output};

/// Where the numbers come from.
pub struct Machine {
    model: String,
    threads: usize,
    /// GFLOP/s by number of threads.
    peaks: BTreeMap<usize, f64>,
    versions: Vec<String>,
    date: String,
    commit: String,
}

impl Machine {
    /// Asks the machine.
    pub fn look(threads: usize, peaks: BTreeMap<usize, f64>, mut versions: Vec<String>) -> Self {
        let line = |program: &str, arguments: &[&str]| {
            let printed = output(command(program).args(arguments));
            printed.map_or("unknown".to_owned(), |text| text.trim().to_owned())
        };
        let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpu
            .lines()
            .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
            .map_or("unknown CPU".to_owned(), |(_, name)| name.trim().to_owned());
        versions.insert(0, format!("thalweg {}", env!("CARGO_PKG_VERSION")));
        versions.push(line("rustc", &["--version"]));
        Self {
            model,
            threads,
            peaks,
            versions,
            date: line("date", &["-u", "+%Y-%m-%d"]),
            commit: line("git", &["rev-parse", "--short", "HEAD"]),
        }
    }

    /// Peak of all threads together, GFLOP/s.
    fn peak(&self) -> f64 {
        self.peaks.get(&self.threads).copied().unwrap_or(f64::NAN)
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{}, {} threads; {}",
            self.model,
            self.threads,
            self.versions.join(", ")
        )?;
        let peaks: Vec<String> = (self.peaks.iter())
            .map(|(threads, peak)| format!("{peak:.0} GFLOP/s on {threads}"))
            .collect();
        write!(f, "fp32 peak measured: {}", peaks.join(", "))
    }
}

impl Series {
    /// (smallest, median, largest)
    fn spread(&self) -> (f64, f64, f64) {
        let mut sorted = self.seconds.clone();
        sorted.sort_by(f64::total_cmp);
        let (Some(&low), Some(&high)) = (sorted.first(), sorted.last()) else {
            return (f64::NAN, f64::NAN, f64::NAN);
        };
        let middle = sorted.len() / 2;
        let median = if sorted.len() % 2 == 1 {
            sorted[middle]
        } else {
            (sorted[middle - 1] + sorted[middle]) / 2.0
        };
        (low, median, high)
    }
}

/// One workload, as printed on the terminal.
pub fn outcome(outcome: &Outcome, machine: &Machine) -> String {
    let Outcome {
        workload,
        rows,
        source,
        series,
    } = outcome;
    let mut text = format!(
        "\n{}: {rows} rows, {}, batch {} ({source})\n",
        workload.name,
        workload.layers_text().replace(',', "-"),
        workload.batch
    );
    let ours = series
        .first()
        .map_or(f64::NAN, |thalweg| thalweg.spread().1);
    for one in series {
        let (low, median, high) = one.spread();
        let rate = *rows as f64 / median;
        let gigaflops = rate * workload.flops_per_row() as f64 / 1e9;
        let _ = writeln!(
            text,
            "  {:<13} {:>9.2} ms ({:.2}–{:.2})  {:>12.0} rows/s  {gigaflops:>6.1} GFLOP/s ({:>4.1} %)  loss {:.5}  time / Thalweg's {:.2}",
            one.contestant,
            median * 1e3,
            low * 1e3,
            high * 1e3,
            rate,
            100.0 * gigaflops / machine.peak(),
            one.loss,
            median / ours,
        );
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

const HOW_TO_READ: &str = "\
Everyone trains the same network from the same initial parameters on the same rows, reshuffled every epoch, \
with Adam at 1e-3, ReLU and softmax cross-entropy in single precision, on all threads. Row counts are whole \
batches. Contestants are processes that take turns, one at work at a time; the first epoch of each is not \
counted. JAX runs the whole epoch, reshuffling included, as one compiled scan; scikit-learn is its own fit \
loop, timed epoch by epoch; PyTorch is eager with fused Adam.

- *rows/s*: from the median epoch; in brackets the slowest and the fastest epoch.
- *×*: Thalweg's rate over this peer's in the same run. Ratios hold across machines; times do not.
- *GFLOP/s*: rows/s · (6P − 2·d₀·d₁), P the number of weights; in brackets the share of the fp32 peak that \
this machine reached on all threads in a loop of multiply-adds.
- *loss*: mean training loss over the last epoch, after equally many epochs. Orders of rows differ, so the \
last digits do.
";

/// The whole of `bench/RESULTS.md`.
pub fn results(outcomes: &[Outcome], machine: &Machine, epochs: usize) -> String {
    let mut text = format!(
        "# Speed beside peers\n\nWritten by `cargo xtask bench`, {} (commit {}). {machine}.\n\n\
         {epochs} measured epochs each, after one to warm up.\n\n\
         | workload (rows; layers; batch) | contestant | rows/s | × | GFLOP/s | loss |\n\
         |---|---|---|---|---|---|\n",
        machine.date, machine.commit,
    );
    for Outcome {
        workload,
        rows,
        series,
        ..
    } in outcomes
    {
        let ours = series
            .first()
            .map_or(f64::NAN, |thalweg| thalweg.spread().1);
        let layers = workload.layers_text().replace(',', "-");
        for (k, one) in series.iter().enumerate() {
            let (low, median, high) = one.spread();
            let rate = |seconds: f64| thousands(*rows as f64 / seconds);
            let gigaflops = *rows as f64 / median * workload.flops_per_row() as f64 / 1e9;
            let label = if k == 0 {
                format!(
                    "{} ({}; {layers}; {})",
                    workload.name,
                    thousands(*rows as f64),
                    workload.batch
                )
            } else {
                String::new()
            };
            let ratio = if k == 0 {
                "–".to_owned()
            } else {
                format!("{:.2}", median / ours)
            };
            let _ = writeln!(
                text,
                "| {label} | {} | {} ({}–{}) | {ratio} | {gigaflops:.1} ({:.0} %) | {:.5} |",
                one.contestant,
                rate(median),
                rate(high),
                rate(low),
                100.0 * gigaflops / machine.peak(),
                one.loss,
            );
        }
    }
    let _ = writeln!(text, "\n## How to read it\n\n{HOW_TO_READ}");
    let _ = writeln!(text, "Data:\n");
    for Outcome {
        workload, source, ..
    } in outcomes
    {
        let _ = writeln!(text, "- {}: {source}", workload.name);
    }
    text
}

/// 12,725,300
fn thousands(number: f64) -> String {
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

    #[test]
    fn the_median_and_the_spread_are_of_the_measured_epochs() {
        let series = |seconds: &[f64]| {
            let (contestant, seconds) = ("", seconds.to_vec());
            Series {
                contestant,
                seconds,
                loss: 0.0,
            }
            .spread()
        };
        assert_eq!(series(&[3.0, 1.0, 2.0]), (1.0, 2.0, 3.0));
        assert_eq!(series(&[4.0, 1.0, 2.0, 3.0]), (1.0, 2.5, 4.0));
    }

    #[test]
    fn results_have_a_row_for_every_contestant_with_its_ratio() {
        let series = |contestant, seconds: f64, loss| Series {
            contestant,
            seconds: vec![0.9 * seconds, seconds, 1.1 * seconds],
            loss,
        };
        let outcome = Outcome {
            workload: super::super::workloads::find("table-tiny").unwrap(),
            rows: 49_984,
            source: "a test".to_owned(),
            series: vec![series("Thalweg", 0.01, 0.5), series("JAX", 0.04, 0.51)],
        };
        assert!(outcome.unlearned().is_empty());
        let machine = Machine {
            model: "CPU".to_owned(),
            threads: 2,
            peaks: BTreeMap::from([(1, 250.0), (2, 500.0)]),
            versions: Vec::new(),
            date: "2000-01-01".to_owned(),
            commit: "abc".to_owned(),
        };
        let text = results(&[outcome], &machine, 3);
        for row in [
            "| table-tiny (49,984; 8-16-2; 32) | Thalweg | 4,998,400 (4,544,000–5,553,778) | – | 3.5 (1 %) | 0.50000 |",
            "|  | JAX | 1,249,600 (1,136,000–1,388,444) | 4.00 | 0.9 (0 %) | 0.51000 |",
        ] {
            assert!(text.contains(row), "{row}\nis not in\n{text}");
        }
    }

    #[test]
    fn who_does_not_learn_is_named() {
        let series = |contestant, loss| Series {
            contestant,
            seconds: vec![1.0],
            loss,
        };
        let outcome = Outcome {
            workload: super::super::workloads::find("stochastic").unwrap(),
            rows: 5000,
            source: String::new(),
            series: vec![
                series("Thalweg", 0.9),
                series("JAX", 0.5),
                series("PyTorch", 0.52),
            ],
        };
        assert_eq!(outcome.unlearned(), ["Thalweg"]);
    }

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!(thousands(999.0), "999");
        assert_eq!(thousands(12_725_300.0), "12,725,300");
    }
}
