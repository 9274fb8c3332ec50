//! `cargo xtask bench --scaling`: how Thalweg's time grows with width, depth, batch, rows and threads.

use std::fmt::Write;

use thalweg_bench::trainer::Rate;
use thalweg_bench::workloads::{self, RowKind};
use thalweg_bench::{Clock, Data, Limits, Spread, Trainer, Workload};
use thalweg_core::precision::Dtype;
use thalweg_report::plot::{Figure, Panel};

use super::Options;
use super::report::{Machine, thousands};
use crate::Result;
use crate::process::root;

/// A quantity that is varied.
struct Sweep {
    /// Its name, and the label of the axis.
    name: &'static str,
    axis: &'static str,
    /// What is held constant.
    about: &'static str,
    points: Vec<Point>,
}

/// A network with its batch, rows and threads.
struct Point {
    x: usize,
    layers: Vec<usize>,
    batch: usize,
    rows: usize,
    threads: usize,
}

/// A measured point.
struct Measured {
    x: usize,
    rows: usize,
    rate: Rate,
}

const INPUTS: usize = 64;
const OUTPUTS: usize = 10;
const BATCH: usize = 256;

/// Operations of an epoch where the number of rows is free: about 0.1 s.
const EPOCH_FLOPS: f64 = 3e10;

impl Point {
    fn new(x: usize, hidden: &[usize], batch: usize, threads: usize) -> Self {
        let layers = [&[INPUTS], hidden, &[OUTPUTS]].concat();
        let weights: usize = layers.windows(2).map(|pair| pair[0] * pair[1]).sum();
        let steps = EPOCH_FLOPS / (6 * weights * batch) as f64;
        let rows = batch * (steps as usize).clamp(8, 5000);
        Self {
            x,
            layers,
            batch,
            rows,
            threads,
        }
    }
}

fn sweeps(threads: usize, clock: Clock) -> Vec<Sweep> {
    let powers = |from: u32, to: u32| (from..=to).map(|k| 1usize << k);
    let sweep = |name, axis, about, points: Vec<Point>| Sweep {
        name,
        axis,
        about,
        points,
    };
    let mut all = vec![
        sweep(
            "width",
            "units of each of two hidden layers",
            "64-w-w-10, batch 256, all threads",
            powers(4, 11)
                .map(|w| Point::new(w, &[w, w], BATCH, threads))
                .collect(),
        ),
        sweep(
            "depth",
            "hidden layers of 128 units",
            "64-128-…-128-10, batch 256, all threads",
            powers(0, 4)
                .map(|d| Point::new(d, &vec![128; d], BATCH, threads))
                .collect(),
        ),
        sweep(
            "batch",
            "rows of a mini-batch",
            "64-128-128-10, all threads",
            powers(0, 12)
                .map(|b| Point::new(b, &[128, 128], b, threads))
                .collect(),
        ),
        sweep(
            "rows",
            "rows of the data",
            "64-32-10, batch 256, all threads",
            [1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000]
                .map(|rows| Point {
                    rows,
                    ..Point::new(rows, &[32], BATCH, threads)
                })
                .into(),
        ),
        sweep(
            "threads",
            "threads",
            "64-512-512-10, batch 256",
            (1..=threads)
                .map(|t| Point::new(t, &[512, 512], BATCH, t))
                .collect(),
        ),
    ];
    if clock == Clock::Quick {
        for sweep in &mut all {
            sweep.points.truncate(3);
            for point in &mut sweep.points {
                point.rows = point.rows.min(4 * point.batch.max(64));
            }
        }
    }
    all
}

/// Measures all sweeps; a full run writes `bench/SCALING.md` and its pictures.
pub fn run(options: &Options, threads: usize) -> Result<()> {
    let clock = options.clock();
    let limits: Vec<Limits> = (1..=threads).map(|t| Limits::measure(t, clock)).collect();
    let machine = Machine::look(limits.clone(), Vec::new())?;
    println!("{machine}");
    let mut text = format!(
        "# How speed scales\n\n{}\n{HOW_TO_READ}",
        machine.written_by("cargo xtask bench --scaling")
    );
    for sweep in sweeps(threads, clock) {
        let points = sweep.points.iter();
        let measured = points.map(|point| measure(point, &limits[point.threads - 1], clock));
        let measured = measured.collect::<Result<Vec<_>>>()?;
        let picture = format!("scaling-{}.svg", sweep.name);
        let section = section(&sweep, &measured, &picture);
        print!("{section}");
        text += &section;
        if options.is_full() {
            let path = root().join("bench").join(picture);
            std::fs::write(&path, plot(&sweep, &measured, &machine.limits))
                .map_err(|error| format!("{}: {error}", path.display()))?;
        }
    }
    options.write("SCALING.md", &text)
}

/// The median epoch of at least three, after one to warm up.
fn measure(point: &Point, limits: &Limits, clock: Clock) -> Result<Measured> {
    let failed = |error: thalweg_core::Error| error.to_string();
    let base = workloads::find("table-medium").map_err(failed)?;
    let workload = Workload {
        // A few networks for the life of the process.
        layers: point.layers.clone().leak(),
        batch: point.batch,
        rows: point.rows,
        kind: RowKind::Planted,
        dtype: Dtype::F32,
        ..*base
    };
    let data = Data::synthesize(&workload, point.rows, limits.threads);
    let mut trainer =
        Trainer::new(&workload, &data.dataset, &data.initial, limits.threads).map_err(failed)?;
    trainer.epoch().map_err(failed)?;
    let (epochs, patience) = match clock {
        Clock::Full => (3, 1.0),
        Clock::Quick => (1, 0.0),
    };
    let mut seconds: Vec<f64> = Vec::new();
    while seconds.len() < epochs || seconds.iter().sum::<f64>() < patience {
        seconds.push(trainer.epoch().map_err(failed)?.seconds);
    }
    let rate = Rate::new(&workload, point.rows, Spread::of(&seconds).median, limits);
    // The last batch may be short.
    let steps = point.rows.div_ceil(point.batch) as f64;
    let step_us = 1e6 * point.rows as f64 / rate.rows_per_second / steps;
    Ok(Measured {
        x: point.x,
        rows: point.rows,
        rate: Rate { step_us, ..rate },
    })
}

const HOW_TO_READ: &str = "\
Thalweg alone, training with Adam, ReLU and softmax cross-entropy in single precision; one quantity is varied at a \
time. Times are those of the median epoch, reshuffling included, divided by its mini-batches or rows; at least three \
epochs and one second are measured, after one to warm up. GFLOP/s count the products of forward and backward pass; in \
brackets, and as the dashed line of the pictures, is the multiply-add peak that as many threads reached in the \
same run. Both axes of the pictures are logarithmic.

What to expect: the time of a step is constant where fixed costs dominate (small widths and batches), and \
proportional to the operations where products do; the time of a row grows only when the rows exceed the caches.
";

fn section(sweep: &Sweep, measured: &[Measured], picture: &str) -> String {
    let Sweep {
        name, axis, about, ..
    } = sweep;
    let title = name[..1].to_uppercase() + &name[1..];
    let mut text = format!(
        "\n## {title}\n\n{about}\n\n![Time and GFLOP/s by {axis}]({picture})\n\n\
         | {axis} | rows of an epoch | µs/step | µs/row | GFLOP/s |\n|---|---|---|---|---|\n"
    );
    for Measured { x, rows, rate } in measured {
        let _ = writeln!(
            text,
            "| {} | {} | {:.2} | {:.4} | {:.1} ({:.0} %) |",
            thousands(*x as f64),
            thousands(*rows as f64),
            rate.step_us,
            1e6 / rate.rows_per_second,
            rate.gflops,
            100.0 * rate.gflops_share
        );
    }
    text
}

fn plot(sweep: &Sweep, measured: &[Measured], limits: &Limits) -> String {
    let series = |y: fn(&Rate) -> f64| {
        measured
            .iter()
            .map(|one| (one.x as f64, y(&one.rate)))
            .collect::<Vec<_>>()
    };
    let panel = |y| Panel::new(sweep.axis, y).log_x().log_y();
    let time = panel("time, µs")
        .line("a step", series(|rate| rate.step_us))
        .line("a row", series(|rate| 1e6 / rate.rows_per_second));
    let rate = panel("GFLOP/s")
        .line("", series(|rate| rate.gflops))
        .level("peak", limits.f32_gflops);
    Figure::new(sweep.about).panel(time).panel(rate).svg()
}
