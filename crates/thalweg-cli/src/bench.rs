//! `thalweg bench`: how fast this machine trains, beside what it could do at most.

use serde::Serialize;
use thalweg_bench::trainer::{Bound, Rate};
use thalweg_bench::{
    Clock, Data, Limits, Spread, Trainer, WORKLOADS, Workload, machine, workloads,
};
use thalweg_core::Isa;
use thalweg_core::precision::Dtype;

use crate::args::BenchArgs;
use crate::exit::Result;
use crate::terminal::Terminal;
use thalweg::threads::threads_or_all;

/// A workload is trained for at least so many epochs and seconds, and at most so many epochs.
const EPOCHS: usize = 5;
const SECONDS: f64 = 1.0;
const MOST_EPOCHS: usize = 200;
const QUICK_EPOCHS: usize = 2;

/// The result of `--json`.
#[derive(Serialize)]
struct Report {
    version: &'static str,
    processor: String,
    cpu: &'static str,
    threads: usize,
    quick: bool,
    limits: Limits,
    workloads: Vec<Line>,
}

/// A workload as it was measured.
#[derive(Serialize)]
struct Line {
    #[serde(flatten)]
    workload: Workload,
    /// Rows that were trained on: fewer than the workload has in a quick run.
    measured_rows: usize,
    epochs: usize,
    seconds: Spread,
    /// By the median epoch.
    rate: Rate,
    loss: f64,
}

/// The command.
pub fn run(args: &BenchArgs) -> Result<()> {
    let named = match &args.only {
        Some(name) => std::slice::from_ref(workloads::find(name)?),
        None => WORKLOADS,
    };
    let chosen: Vec<Workload> = (named.iter())
        .map(|workload| Workload {
            dtype: args.dtype.unwrap_or(workload.dtype),
            ..*workload
        })
        .filter(|workload| workload.is_native() || args.only.is_some() || args.dtype.is_some())
        .collect();
    let threads = threads_or_all(args.threads.threads);
    let mut terminal = Terminal::new(false, args.json);
    terminal.start_spinner();
    terminal.say("measuring what the machine can do");
    let clock = if args.quick {
        Clock::Quick
    } else {
        Clock::Full
    };
    let mut report = Report {
        version: env!("CARGO_PKG_VERSION"),
        processor: machine::processor(),
        cpu: Isa::detect().name(),
        threads,
        quick: args.quick,
        limits: Limits::measure(threads, clock),
        workloads: Vec::new(),
    };
    for line in head(&report, &chosen) {
        terminal.line(&line);
    }
    for workload in &chosen {
        let line = measure(workload, args.quick, &report.limits, &terminal)?;
        terminal.line(&row(&line));
        report.workloads.push(line);
    }
    terminal.clear_bar();
    if args.quick {
        terminal.note(&"note: a quick run shows that everything works; its rates say little");
    }
    terminal.json(&report)
}

/// One epoch to warm up, then epochs until they are enough.
fn measure(workload: &Workload, quick: bool, limits: &Limits, terminal: &Terminal) -> Result<Line> {
    let rows = workload.rows_of(quick);
    terminal.say(&format!("{}: making rows", workload.name));
    let data = Data::synthesize(workload, rows, limits.threads);
    let mut trainer = Trainer::new(workload, &data.dataset, &data.initial, limits.threads)?;
    let mut loss = trainer.epoch()?.loss;
    let mut seconds: Vec<f64> = Vec::new();
    let is_enough = |seconds: &[f64]| match quick {
        true => seconds.len() == QUICK_EPOCHS,
        false => {
            let all: f64 = seconds.iter().sum();
            seconds.len() >= EPOCHS && (all >= SECONDS || seconds.len() == MOST_EPOCHS)
        }
    };
    while !is_enough(&seconds) {
        terminal.say(&format!("{}: epoch {}", workload.name, seconds.len() + 1));
        let epoch = trainer.epoch()?;
        seconds.push(epoch.seconds);
        loss = epoch.loss;
    }
    let spread = Spread::of(&seconds);
    Ok(Line {
        workload: *workload,
        measured_rows: rows,
        epochs: seconds.len(),
        seconds: spread,
        rate: Rate::new(workload, rows, spread.median, limits),
        loss,
    })
}

/// What stands above the rows.
fn head(report: &Report, chosen: &[Workload]) -> Vec<String> {
    let Report {
        processor,
        cpu,
        threads,
        limits,
        ..
    } = report;
    let plural = if *threads == 1 { "" } else { "s" };
    let mut dtypes: Vec<Dtype> = chosen.iter().map(|workload| workload.dtype).collect();
    dtypes.sort_by_key(|dtype| name(*dtype));
    dtypes.dedup();
    let peaks: Vec<String> = (dtypes.iter())
        .map(|&dtype| format!("{:.0} ({})", limits.gflops(dtype), name(dtype)))
        .collect();
    vec![
        format!("{processor}, {cpu}, {threads} thread{plural}"),
        format!(
            "at most {} GFLOP/s of multiply-adds, {:.0} GB/s read from memory",
            peaks.join(" or "),
            limits.gigabytes
        ),
        String::new(),
        format!(
            "{:<17}{:<24}{:>5}{:>10}{:>19}{:>10}{:>9}{:>7}{:>7}{:>7}",
            "workload",
            "network",
            "batch",
            "rows/s",
            "slowest–fastest",
            "µs/step",
            "GFLOP/s",
            "share",
            "GB/s",
            "share"
        ),
    ]
}

/// A row of the table; bytes only where they are the bound.
fn row(line: &Line) -> String {
    let Line {
        workload,
        measured_rows,
        seconds,
        rate,
        ..
    } = line;
    let at = |seconds: f64| short(*measured_rows as f64 / seconds);
    let range = format!("{}–{}", at(seconds.slowest), at(seconds.fastest));
    let percent = |share: f64| format!("{:.0} %", 100.0 * share);
    let (gigabytes, share) = match rate.bound {
        Bound::Memory => (
            format!("{:.1}", rate.gigabytes),
            percent(rate.gigabytes_share),
        ),
        Bound::Arithmetic => ("–".to_owned(), "–".to_owned()),
    };
    format!(
        "{:<17}{:<24}{:>5}{:>10}{:>19}{:>10.2}{:>9.1}{:>7}{:>7}{:>7}",
        workload.name,
        workload.shape(),
        workload.batch,
        short(rate.rows_per_second),
        range,
        rate.step_us,
        rate.gflops,
        percent(rate.gflops_share),
        gigabytes,
        share
    )
}

/// `1.41 M`, `508 k`: three digits.
fn short(rate: f64) -> String {
    let (scaled, unit) = match rate {
        _ if rate >= 1e9 => (rate / 1e9, " G"),
        _ if rate >= 1e6 => (rate / 1e6, " M"),
        _ if rate >= 1e3 => (rate / 1e3, " k"),
        _ => (rate, ""),
    };
    let decimals = match scaled {
        _ if scaled >= 100.0 => 0,
        _ if scaled >= 10.0 => 1,
        _ => 2,
    };
    format!("{scaled:.decimals$}{unit}")
}

fn name(dtype: Dtype) -> String {
    format!("{dtype:?}").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn rates_have_three_digits() {
        let shown = [12_725_300.0, 507_595.0, 1_414_827.0, 9_908.0, 12.0, 2.5e9].map(short);
        assert_eq!(
            shown,
            ["12.7 M", "508 k", "1.41 M", "9.91 k", "12.0", "2.50 G"]
        );
    }
}
