//! `cargo xtask bench --breakdown`: where the time of a step goes, workload by workload, on one thread.
//!
//! Linux's `perf` samples a worker while it trains; samples are assigned to parts by their function. Loading and the
//! kernel do not count.

use std::fmt::Write;
use std::path::Path;

use thalweg_bench::{Limits, Workload};

use super::report::Machine;
use super::worker::Job;
use super::{Options, data};
use crate::Result;
use crate::process::{cargo, check, command, feed, output, target};

/// Parts of a step by substrings of function names; the first match counts.
const PARTS: [(&str, &[&str]); 11] = [
    (
        "products and convolutions",
        &["gemm::", "correlate::", "kernels::row::"],
    ),
    ("products of few units", &["dot::", "column_sums"]),
    ("pools, packs", &["pool::", "pack::"]),
    ("rounding to bf16", &["bf16::"]),
    ("gathering rows", &["gather", "memmove"]),
    ("activations", &["activations::"]),
    ("loss", &["losses::", "softmax::"]),
    (
        "optimizer and descent",
        &["optimizers::", "descend", "sum_of_squares"],
    ),
    ("derived weights", &["refresh"]),
    ("order of rows", &["shuffle", "core::order::", "random::"]),
    ("calls, checks, barriers", &["thalweg_core::"]),
];

/// Samples a second.
const RATE: &str = "4000";

/// Floating-point operations and rows that make a few seconds.
const WORK: (f64, f64) = (4e11, 6e7);

/// Measures every workload and writes `bench/BREAKDOWN.md`.
pub fn run(options: &Options) -> Result<()> {
    // A build of its own: v0 symbols name generic arguments.
    let folder = target().join("bench-breakdown");
    let mut build = cargo();
    build
        .args(["build", "--release", "--package", "xtask"])
        .env("RUSTFLAGS", "-C symbol-mangling-version=v0")
        .env("CARGO_TARGET_DIR", &folder);
    check(&mut build)?;
    let executable = folder.join("release").join("xtask");
    let machine = Machine::look(vec![Limits::measure(1, options.clock())], Vec::new())?;
    let written = machine.written_by("cargo xtask bench --breakdown");
    let parts = PARTS.map(|(part, _)| part).join(" | ");
    let mut text = format!(
        "# Where the time of a step goes\n\n{written}\nShares of the time of one thread, by sampling.\n\n\
         | workload | {parts} |\n|---|{}\n",
        "---|".repeat(PARTS.len())
    );
    for workload in options.workloads() {
        let shares = measure(workload, &executable, &folder, options.quick)?;
        let cells = shares.map(|share| format!(" {:.0} % |", 100.0 * share));
        let line = format!("| {} |{}", workload.name, cells.concat());
        println!("{line}");
        let _ = writeln!(text, "{line}");
    }
    options.write("BREAKDOWN.md", &text)
}

/// The share of each of [`PARTS`].
fn measure(
    workload: &Workload,
    executable: &Path,
    folder: &Path,
    quick: bool,
) -> Result<[f64; PARTS.len()]> {
    let (data, _) = data::prepare(workload, 1)?;
    let rows = workload.rows_of(quick);
    let job = Job::new(workload, &data, rows, 1).text()?;
    let flops = workload.flops_per_row() * rows as f64;
    let epochs = (WORK.0 / flops).min(WORK.1 / rows as f64).ceil().max(2.0) as usize;
    let samples = folder.join(format!("{}.perf", workload.name));
    let mut record = command("perf");
    record
        .args(["record", "--quiet", "--event", "cpu-clock", "--freq", RATE])
        .arg("--output")
        .arg(&samples)
        .arg("--")
        .arg(executable)
        .args(["bench-worker", &job]);
    let requests = "epoch\n".repeat(if quick { 2 } else { epochs });
    feed(&mut record, &requests).map_err(|error| format!("{error} (linux-tools has perf)"))?;
    let mut report = command("perf");
    report.args(["report", "--stdio", "--no-children", "--percent-limit", "0"]);
    report
        .args(["--fields", "overhead,symbol", "--input"])
        .arg(&samples);
    Ok(shares(&output(&mut report)?))
}

/// Reads lines such as `  56.29%  [.] <thalweg_core::…>::run`.
fn shares(report: &str) -> [f64; PARTS.len()] {
    let mut shares = [0.0; PARTS.len()];
    for line in report.lines() {
        let Some((percent, symbol)) = line.trim().split_once("%  [.] ") else {
            continue;
        };
        let fits = |names: &[&str]| names.iter().any(|name| symbol.contains(name));
        let part = PARTS.iter().position(|(_, names)| fits(names));
        if let (Some(part), Ok(percent)) = (part, percent.trim().parse::<f64>()) {
            shares[part] += percent;
        }
    }
    let total = shares.iter().sum::<f64>().max(f64::MIN_POSITIVE);
    shares.map(|share| share / total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_sorted_by_what_their_functions_do() {
        let report = "# comment\n\n    60.00%  [.] <Isa>::run::<thalweg_core::kernels::gemm::Tiles<f32>>\n\
                      \x20   20.00%  [.] thalweg_core::train::train\n    15.00%  [k] clear_page\n     5.00%  [.] main\n";
        let shares = shares(report);
        assert_eq!(shares[0], 0.75);
        assert_eq!(shares[PARTS.len() - 1], 0.25);
        assert_eq!(shares.iter().sum::<f64>(), 1.0);
    }
}
