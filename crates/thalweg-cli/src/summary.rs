//! The summary after training: how good, beside the best constant; what was chosen, and why.

use thalweg::fields::field;
use thalweg::fit::Ended;
use thalweg::log::{MemberEnd, Raced};
use thalweg::model::Outcome;
use thalweg::preset::Reason;
use thalweg::scores::{Scores, TargetScores};
use thalweg::text::{count, figure, short};
use thalweg::train::StoppedBy;

use crate::terminal::Terminal;
use crate::wrap::{self, columns};

/// Prints how training ended, the scores of every part, and the choices if there were any.
pub fn print(terminal: &Terminal, ended: &Ended) {
    let end = &ended.end;
    match end.ensemble.as_slice() {
        [] => terminal.line(&ending(&ended.outcome, end.seconds, ended.gradient_norm)),
        members => terminal.line(&together(members, ended)),
    }
    let parts = [
        ("test", &end.test),
        ("linear model", &end.linear_model),
        ("best constant", &end.best_constant),
        ("validation", &end.validation),
        ("train", &end.train),
    ];
    let named = parts.into_iter().filter_map(|(name, scores)| {
        let scores = scores.as_ref()?;
        let rows = match name {
            "linear model" | "best constant" => String::new(),
            _ => format!(" ({})", count(scores.rows, "row")),
        };
        Some((format!("{name}{rows}"), scores))
    });
    terminal.line("");
    let judging = &ended.config.judging;
    let chosen_by = judging.metric.as_ref().map(|metric| metric.name.as_str());
    for line in table(&named.collect::<Vec<_>>(), chosen_by) {
        terminal.line(&line);
    }
    raced(&end.raced)
        .iter()
        .for_each(|line| terminal.line(line));
    if let (Some(_), Some(model)) = (judging.threshold, &ended.model) {
        let judged = [&end.test, &end.validation, &end.train]
            .into_iter()
            .flatten();
        let matrix = judged
            .filter_map(|scores| scores.confusion.as_deref())
            .next();
        let classes = model.description().preprocessing.classes();
        for line in matrix.iter().flat_map(|matrix| confusion(matrix, classes)) {
            terminal.line(&line);
        }
    }
    let judged = [&end.test, &end.validation, &end.train];
    if let Some(scores) = judged.into_iter().find_map(Option::as_ref) {
        targets(scores).iter().for_each(|line| terminal.line(line));
    }
    if !ended.reasons.is_empty() {
        terminal.line("\nchosen:");
        for line in choices(&ended.reasons) {
            terminal.line(&line);
        }
    }
    terminal.line("");
}

/// The models that were raced, below an empty line: in a line or, where their cost is known, in a table.
fn raced(raced: &[Raced]) -> Vec<String> {
    let loss = |one: &Raced| one.validation_loss.map_or("–".to_owned(), figure);
    if raced.is_empty() {
        return Vec::new();
    }
    if raced.iter().all(|one| one.seconds.is_none()) {
        let one = |one: &Raced| {
            let taken = if one.is_taken { ", taken" } else { "" };
            format!("{} {}{taken}", one.name, loss(one))
        };
        let all: Vec<String> = raced.iter().map(one).collect();
        return vec![format!("\nraced by validation loss: {}", all.join("; "))];
    }
    let head = ["raced", "epochs", "validation loss", "seconds", ""].map(str::to_owned);
    let row = |one: &Raced| {
        let taken = if one.is_taken { "taken" } else { "" };
        vec![
            one.name.clone(),
            one.epochs
                .map_or("–".to_owned(), |epochs| figure(epochs as f64)),
            loss(one),
            one.seconds
                .map_or("–".to_owned(), |seconds| format!("{seconds:.2}")),
            taken.to_owned(),
        ]
    };
    let rows: Vec<Vec<String>> = std::iter::once(head.to_vec())
        .chain(raced.iter().map(row))
        .collect();
    std::iter::once(String::new())
        .chain(columns(&rows))
        .collect()
}

/// How training ended, in a line. The norm of the gradient is that of the last epoch.
fn ending(outcome: &Outcome, seconds: f64, gradient_norm: f64) -> String {
    let why = match StoppedBy::of_name(&outcome.stopped_by) {
        Some(StoppedBy::Epochs) => String::new(),
        Some(reason @ StoppedBy::LineSearch) => {
            let words = reason.words();
            format!(
                " ({words}, with a gradient of norm {})",
                figure(gradient_norm)
            )
        }
        Some(reason) => format!(" ({})", reason.words()),
        // Interrupted or diverged.
        None => format!(" ({})", outcome.stopped_by),
    };
    let weights = match outcome.rows.validation {
        0 => String::new(),
        _ => format!("; weights of epoch {}, the best", outcome.best_epoch),
    };
    format!(
        "{} of {} epochs{why} in {} s{weights}",
        figure(outcome.epochs as f64),
        figure(outcome.last_epoch.unwrap_or(outcome.epochs) as f64),
        match seconds < 0.01 {
            true => "less than 0.01".to_owned(),
            false => format!("{seconds:.2}"),
        }
    )
}

/// What the members did, and what averaging them brings, in a line.
fn together(members: &[MemberEnd], ended: &Ended) -> String {
    let epochs: Vec<String> = (members.iter())
        .map(|member| format!("{}", member.best_epoch))
        .collect();
    let ensemble = ended.config.ensemble.as_ref();
    let by = match ensemble.and_then(|ensemble| ensemble.folds()) {
        Some(_) => "folds",
        None => "seeds",
    };
    let end = &ended.end;
    let (scores, of): (_, fn(&MemberEnd) -> Option<f64>) = match &end.test {
        Some(test) => (Some(test), |member| member.test_loss),
        None => (end.validation.as_ref(), |member| member.validation_loss),
    };
    let losses: Option<Vec<f64>> = members.iter().map(of).collect();
    let beside = losses.zip(scores.and_then(|scores| scores.loss));
    let beside = beside.map_or(String::new(), |(losses, loss)| {
        let mean = losses.iter().sum::<f64>() / losses.len() as f64;
        format!(
            "; loss {}, of a member {} in the mean",
            figure(loss),
            figure(mean)
        )
    });
    format!(
        "{} by {by} in {:.2} s of training; weights of epochs {}{beside}",
        count(members.len(), "member"),
        end.seconds,
        epochs.join(", ")
    )
}

/// Metrics that a summary shows beside the one that chose the epoch; `thalweg evaluate` shows all.
pub const SHOWN: [&str; 7] = ["rmse", "mae", "r2", "accuracy", "auc", "f1", "coverage"];

/// Scores as a table: a row for each part, a column for each metric.
fn table(parts: &[(String, &Scores)], chosen_by: Option<&str>) -> Vec<String> {
    let mut names: Vec<&str> = Vec::new();
    for (_, scores) in parts {
        for (name, _) in &scores.metrics {
            let is_shown = SHOWN.contains(name) || chosen_by == Some(*name);
            if is_shown && !names.contains(name) {
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
    let row = |(part, scores): &(String, &Scores)| {
        let metric = |name: &&str| {
            scores
                .metrics
                .iter()
                .find(|(n, _)| n == name)
                .map(|(_, value)| *value)
        };
        let values = names.iter().map(metric).chain([scores.loss]).map(cell);
        [part.clone()].into_iter().chain(values).collect()
    };
    let rows: Vec<Vec<String>> = [head].into_iter().chain(parts.iter().map(row)).collect();
    columns(&rows)
}

/// Of several targets or labels, the metrics of each, below an empty line.
pub fn targets(scores: &Scores) -> Vec<String> {
    /// More are in the JSON alone.
    const MOST: usize = 30;
    let names: Vec<&str> = scores.metrics.iter().map(|(name, _)| *name).collect();
    let row = |target: &TargetScores| {
        let value = |name: &&str| target.metrics.iter().find(|(n, _)| n == name);
        let cell = |name| value(name).map_or("–".to_owned(), |(_, value)| figure(*value));
        let name = std::iter::once(short(&target.name));
        name.chain(names.iter().map(cell)).collect()
    };
    let head = ["target"].iter().chain(&names);
    let head: Vec<String> = head.map(|name| (*name).to_owned()).collect();
    let each = scores.targets.iter().take(MOST).map(row);
    match scores.targets.is_empty() {
        true => Vec::new(),
        false => {
            let rows: Vec<Vec<String>> = std::iter::once(head).chain(each).collect();
            std::iter::once(String::new())
                .chain(columns(&rows))
                .collect()
        }
    }
}

/// A reason stands beside its choice if there is so much room on the terminal; else those of choices of
/// more than so many characters stand below them.
const REASON: usize = 40;
const CHOICE: usize = 20;

/// What the preset chose, a line each.
pub fn choices(reasons: &[Reason]) -> Vec<String> {
    let name = |reason: &Reason| field(reason.field).and_then(|field| field.flag_name());
    let width = |text: &dyn Fn(&Reason) -> usize| reasons.iter().map(text).max().unwrap_or(0);
    let flag = width(&|reason| name(reason).map_or(0, str::len));
    let length = |reason: &Reason| reason.choice.chars().count();
    let most = match wrap::width() >= flag + width(&length) + REASON {
        true => usize::MAX,
        false => CHOICE,
    };
    let choice = width(&|reason| Some(length(reason)).filter(|n| *n <= most).unwrap_or(0));
    let lines = |reason: &Reason| {
        let name = name(reason).unwrap_or_default();
        let below = match length(reason) > most {
            true => format!("\n{}", " ".repeat(flag + choice + 6)),
            false => String::new(),
        };
        let chosen = &reason.choice;
        format!(
            "  --{name:<flag$}  {chosen:<choice$}{below}  {}",
            reason.why
        )
    };
    reasons.iter().map(lines).collect()
}

/// The confusion matrix: a row for each true class, a column for each predicted one.
pub fn confusion(matrix: &[Vec<f64>], classes: &[String]) -> Vec<String> {
    let short = |text: &String| {
        text.chars()
            .filter(|c| !c.is_control())
            .take(16)
            .collect::<String>()
    };
    let head = ["true \\ predicted".to_owned()]
        .into_iter()
        .chain(classes.iter().map(short))
        .collect();
    let mut rows: Vec<Vec<String>> = vec![head];
    for (class, counts) in classes.iter().zip(matrix) {
        let cells = counts.iter().map(|count| figure(*count));
        rows.push([short(class)].into_iter().chain(cells).collect());
    }
    [String::new()].into_iter().chain(columns(&rows)).collect()
}
