//! `bench/QUALITY.md` and its picture, from stored runs.

use std::fmt::Write;

use thalweg_report::plot::{Figure, Panel};

use super::aggregate::{Comparison, median};
use super::runs::{Run, Runs, Store};

/// All that may be compared, ours first.
const CONTESTANTS: [&str; 10] = [
    "best",
    "auto",
    "fast",
    "linear",
    "mlp",
    "boosting",
    "realmlp-td-s",
    "realmlp-td",
    "realmlp-td-4",
    "tabm",
];

const KINDS: [(&str, &str); 2] = [
    ("tune", "tables that recipes were chosen on"),
    ("check", "tables that chose nothing"),
];

/// The text of `bench/QUALITY.md`.
pub fn text(
    runs: &Runs,
    stores: &[(&str, Store)],
    slowdown: Option<f64>,
    ablated: &[(String, Comparison)],
) -> String {
    let mut text = HEAD.to_owned();
    for (name, store) in stores {
        let _ = writeln!(text, "- {name}: {}", store.words());
    }
    if let Some(slowdown) = slowdown {
        let _ = writeln!(
            text,
            "\nSeconds of peers are those that are stored times {slowdown:.3}: so much longer three fits of RealMLP-TD-S took \
             beside the runs of Thalweg."
        );
    }
    let contestants = runs.contestants(&CONTESTANTS);
    let ours: Vec<&str> = contestants
        .iter()
        .copied()
        .filter(|name| is_ours(name))
        .collect();
    text += COMPARED;
    for our in &ours {
        for their in contestants.iter().filter(|their| {
            let own = [("auto", "fast"), ("best", "auto")];
            !ours.contains(their) || own.contains(&(our, their))
        }) {
            for (kind, _) in KINDS {
                if let Some(found) = Comparison::of(runs, our, their, &runs.tables(kind)) {
                    text += &row(our, their, kind, &found);
                }
            }
        }
    }
    for (kind, about) in KINDS {
        let _ = writeln!(text, "\n## Errors: {about}\n");
        text += ERRORS;
        text += &table(runs, &runs.tables(kind), &contestants, "–", |run| {
            Some(run.error)
        });
    }
    text += PLANTED;
    let over_floor = |run: &Run| Some(run.error / run.floor?);
    text += &table(runs, &runs.tables("planted"), &contestants, "–", over_floor);
    text += CALIBRATION;
    let all: Vec<&str> = KINDS
        .iter()
        .flat_map(|(kind, _)| runs.tables(kind))
        .collect();
    let classes: Vec<&str> = all
        .iter()
        .copied()
        .filter(|table| is_of_classes(runs, table))
        .collect();
    text += &table(runs, &classes, &contestants, "mean", |run| run.calibration);
    text += SECONDS;
    text += &table(runs, &all, &contestants, "median", |run| {
        Some(run.seconds())
    });
    if !ablated.is_empty() {
        text += ABLATION;
        for (part, found) in ablated {
            let (low, high) = found.interval;
            let _ = writeln!(
                text,
                "| {part} | {:+.1} | {low:+.1} to {high:+.1} | {} of {} |",
                found.mean,
                found.tables - found.wins,
                found.tables
            );
        }
    }
    text
}

/// What the runs without a part say beside those of `auto`: parts with their comparisons.
pub fn ablated(runs: &Runs, without: Store) -> Vec<(String, Comparison)> {
    let parts = without.contestants();
    let tables = runs.tables("tune");
    let all = runs.with(without);
    let compare = |part: String| {
        let found = Comparison::of(&all, &part, "auto", &tables)?;
        Some((part, found))
    };
    parts.into_iter().filter_map(compare).collect()
}

fn is_ours(name: &str) -> bool {
    ["best", "auto", "fast"].contains(&name)
}

fn is_of_classes(runs: &Runs, table: &str) -> bool {
    let found = CONTESTANTS
        .iter()
        .find_map(|name| runs.of(name, table).next());
    found.is_some_and(|run| run.calibration.is_some())
}

/// A comparison as a row of the first table.
fn row(our: &str, their: &str, kind: &str, found: &Comparison) -> String {
    let Comparison {
        tables,
        mean,
        interval: (low, high),
        wins,
        worse,
        time,
    } = found;
    let worse = match worse.as_slice() {
        [] => "none".to_owned(),
        names => names.join(", "),
    };
    format!(
        "| {our} | {their} | {kind} | {mean:+.1} | {low:+.1} to {high:+.1} | {wins} of {tables} | {worse} | {} |\n",
        figure(*time)
    )
}

/// A row a table and a column a contestant: means over seeds, the least in bold; a last row over all tables.
fn table(
    runs: &Runs,
    tables: &[&str],
    contestants: &[&str],
    last: &str,
    of: impl Fn(&Run) -> Option<f64>,
) -> String {
    let mut text = format!(
        "| table | {} |\n|---|{}\n",
        contestants.join(" | "),
        "---|".repeat(contestants.len())
    );
    let value = |name: &str, table: &str| runs.mean(name, table, |run| of(run).unwrap_or(f64::NAN));
    for table in tables {
        let values: Vec<Option<f64>> = contestants.iter().map(|name| value(name, table)).collect();
        let best = values
            .iter()
            .flatten()
            .copied()
            .fold(f64::INFINITY, f64::min);
        let cell = |value: &Option<f64>| match value {
            Some(value) if *value == best => format!("**{}**", figure(*value)),
            Some(value) => figure(*value),
            None => "–".to_owned(),
        };
        let cells: Vec<String> = values.iter().map(cell).collect();
        let _ = writeln!(text, "| {table} | {} |", cells.join(" | "));
    }
    let total = |name: &&str| {
        let values: Option<Vec<f64>> = tables.iter().map(|table| value(name, table)).collect();
        match (values, last) {
            (Some(values), "mean") => figure(values.iter().sum::<f64>() / values.len() as f64),
            (Some(values), _) => figure(median(values)),
            (None, _) => "–".to_owned(),
        }
    };
    if last != "–" {
        let cells: Vec<String> = contestants.iter().map(total).collect();
        let _ = writeln!(text, "| {last} | {} |", cells.join(" | "));
    }
    text
}

/// Four digits that mean something.
fn figure(value: f64) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    if value == 0.0 {
        return "0".to_owned();
    }
    let digits = (3 - value.abs().log10().floor() as i32).clamp(0, 8);
    format!("{value:.0$}", digits as usize)
}

/// The error relative to the best against seconds: geometric means over the tables that all have.
pub fn picture(runs: &Runs) -> String {
    let contestants = runs.contestants(&CONTESTANTS);
    let mut figure = Figure::new("Error beside the best contestant's, and CPU seconds of a fit");
    for (kind, about) in KINDS {
        let tables: Vec<&str> = (runs.tables(kind).into_iter())
            .filter(|table| {
                contestants
                    .iter()
                    .all(|name| runs.of(name, table).next().is_some())
            })
            .collect();
        let error =
            |name: &str, table: &str| runs.mean(name, table, Run::floored).unwrap_or(f64::NAN);
        let mut panel = Panel::new(
            "CPU seconds (geometric mean)",
            "error / best (geometric mean)",
        )
        .title(format!("{} {about}", tables.len()))
        .log_x()
        .log_y();
        for name in &contestants {
            let geometric = |of: &dyn Fn(&str) -> f64| {
                let sum: f64 = tables.iter().map(|table| of(table).ln()).sum();
                (sum / tables.len().max(1) as f64).exp()
            };
            let best = |table: &str| {
                contestants
                    .iter()
                    .map(|name| error(name, table))
                    .fold(f64::INFINITY, f64::min)
            };
            let seconds =
                geometric(&|table| runs.mean(name, table, Run::seconds).unwrap_or(f64::NAN));
            let relative = geometric(&|table| error(name, table) / best(table));
            panel = panel.points(*name, [(seconds, relative)]);
        }
        figure = figure.panel(panel);
    }
    figure.svg()
}

const HEAD: &str = "\
# How good models are without any setting

Written by `cargo xtask quality` from the runs stored in [quality](quality); nothing here is set by hand.
Tables, splits and scorer: `peers/quality`. Each contestant gets the same files: at most 5,000 rows to learn from, one in
five of them to validate on, and up to 10,000 test rows; seeds 0, 1, 2 (seeds 0 and 1 for the contestants that take
minutes) draw other rows, uci-10fold has its own folds. Errors are root mean squared errors, 1 − area under the ROC curve
for two classes, and the share of wrong answers for more; one scorer (NumPy) computes them from predictions of all sides.
Thalweg gets the table, the target and its task, no other setting but the preset: `thalweg train … --preset NAME`;
`best` deals all rows to learn from into folds itself.
Peers: `linear` ridge or logistic regression with the penalty chosen by folds; `mlp` scikit-learn's with early stopping,
both behind one-hot and standardized columns; `boosting` scikit-learn's histogram gradient boosting with early stopping;
`realmlp-td-s`, `realmlp-td` those of pytabkit as published (two classes: epoch by cross-entropy and no label smoothing, as
its authors advise where the area under the curve counts); `realmlp-td-4` the mean of four of the latter, one a fold, on five
tables; `tabm` pytabkit's TabM with its defaults, on the tables that it finished.
Seconds are CPU seconds (user + system) of one thread on a machine that does other work too: those of the whole process
for Thalweg, reading and writing included, those of `fit` alone for peers. Seconds of runs by a build without
optimization are left out (–): they say nothing.

";

const COMPARED: &str = "
![Error relative to the best against seconds](quality.svg)

## Beside each other

Mean of 100·ln(error ratio) over tables: −5 is 5 % less error than the peer's. The interval is a 95 % bootstrap over
tables and their seeds. Worse: tables on which the mean over seeds is above twice its standard error. Time: median over
tables of the peer's CPU seconds per one of ours.

| ours | peer | tables | error ratio | interval | lower on | worse than noise on | time |
|---|---|---|---|---|---|---|---|
";

const ERRORS: &str = "Means over seeds; the least in bold.\n\n";

const PLANTED: &str = "
## Planted problems

RMSE over that of a perfect model, which is the noise (a tenth of the signal's deviation): 1.1 is 10 % above it.

";

const CALIBRATION: &str = "
## Calibration

Expected calibration error: 15 bins of the probability of the likeliest class.

";

const SECONDS: &str = "
## CPU seconds of a fit

";

const ABLATION: &str = "
## What each part of `auto` brings

`auto` with one part taken out beside `auto`, over the tables to tune on: +5 is 5 % more error without the part.

| without | error ratio | interval | worse on |
|---|---|---|---|
";
