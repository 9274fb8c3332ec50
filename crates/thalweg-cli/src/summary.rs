//! The summary after training: how good, beside the best constant; what was chosen, and why.

use crate::terminal::Terminal;
use thalweg::model::Outcome;
use thalweg::preset::Reason;
use thalweg::scores::Scores;
use thalweg::text::{columns, count, figure};

/// What was judged, by the name of the part.
pub type Parts<'a> = Vec<(&'a str, &'a Scores)>;

/// How training ended, in a line. The norm of the gradient is that of the last epoch.
pub fn ending(outcome: &Outcome, seconds: f64, gradient_norm: f64) -> String {
    let stuck = format!(" (no lower point was found, with a gradient of norm {gradient_norm:.1e})");
    let why = match outcome.stopped_by.as_str() {
        "patience" => " (the validation loss got no better any more)",
        "max_steps" => " (as many updates as were wanted)",
        "max_time" => " (the time was over)",
        "target_loss" => " (the loss is as low as was wanted)",
        "min_change" => " (an update changed too little)",
        "min_gradient" => " (the gradient is small enough)",
        "converged" => " (converged)",
        "searched" => " (every point of the grid was tried)",
        "line_search" => &stuck,
        "interrupted" => " (interrupted)",
        "diverged" => " (diverged)",
        _ => "",
    };
    let weights = match outcome.rows.validation {
        0 => String::new(),
        _ => format!("; weights of epoch {}, the best", outcome.best_epoch),
    };
    format!(
        "{} of {} epochs{why} in {seconds:.2} s{weights}",
        outcome.epochs,
        outcome.last_epoch.unwrap_or(outcome.epochs)
    )
}

/// Scores as a table: a row for each part, a column for each metric.
pub fn table(parts: &Parts) -> Vec<String> {
    let mut names: Vec<&str> = Vec::new();
    for (_, scores) in parts {
        for (name, _) in &scores.metrics {
            if !names.contains(name) {
                names.push(name);
            }
        }
    }
    let head = [""]
        .iter()
        .chain(&names)
        .chain(&["loss"])
        .map(|name| (*name).to_owned())
        .collect();
    let cell = |value: Option<f64>| value.map_or("–".to_owned(), figure);
    let row = |(part, scores): &(&str, &Scores)| {
        let metric = |name: &&str| {
            scores
                .metrics
                .iter()
                .find(|(n, _)| n == name)
                .map(|(_, value)| *value)
        };
        let values = names.iter().map(metric).chain([scores.loss]).map(cell);
        [(*part).to_owned()].into_iter().chain(values).collect()
    };
    let rows: Vec<Vec<String>> = [head].into_iter().chain(parts.iter().map(row)).collect();
    columns(&rows)
}

/// What the preset chose, a line each.
pub fn choices(reasons: &[Reason]) -> Vec<String> {
    let width = |text: fn(&Reason) -> usize| reasons.iter().map(text).max().unwrap_or(0);
    let flag = width(|reason| reason.flag.len());
    let choice = width(|reason| reason.choice.chars().count());
    let line = |reason: &Reason| {
        format!(
            "  --{:<flag$}  {:<choice$}  {}",
            reason.flag, reason.choice, reason.why
        )
    };
    reasons.iter().map(line).collect()
}

/// Prints the table, and the choices if there were any.
pub fn print(terminal: &Terminal, parts: &Parts, reasons: &[Reason]) {
    terminal.line("");
    for line in table(parts) {
        terminal.line(&line);
    }
    if !reasons.is_empty() {
        terminal.line("\nchosen:");
        for line in choices(reasons) {
            terminal.line(&line);
        }
    }
    terminal.line("");
}

/// A part with its rows, as the table names it.
pub fn part(name: &str, scores: &Scores) -> String {
    format!("{name} ({})", count(scores.rows, "row"))
}
