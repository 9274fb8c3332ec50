//! `thalweg compare`: runs beside one another.

use std::io::{self, IsTerminal, Write};

use serde_json::Value;
use thalweg::text::{count, figure};

use crate::args::CompareArgs;
use crate::exit::Result;
use crate::output;
use crate::wrap;

/// The parts of the rows that a run may be scored on, the first that it has being the one to judge by.
const PARTS: [&str; 3] = ["test", "validation", "train"];

/// So many settings of layers in which runs differ have a line each.
const FEW: usize = 4;

/// The curves on a terminal: columns and lines at most, and the columns beside the drawing.
const CURVES: (usize, usize) = (90, 16);
const MARGIN: usize = 16;

/// The command.
pub fn run(args: &CompareArgs) -> Result<()> {
    let (page, data) = thalweg_report::comparison(&args.runs)?;
    if let Some(path) = &args.report {
        for run in &args.runs {
            output::check_run("--report", path, run)?;
        }
        output::write(path, page.as_bytes())?;
    }
    let mut out = io::stdout().lock();
    if args.json {
        return Ok(writeln!(out, "{data}")?);
    }
    let runs = data["runs"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    wrap::print(
        &mut out,
        scores(runs).into_iter().chain(differences(&data, runs)),
    )?;
    if io::stdout().is_terminal() {
        let columns = wrap::size().0.min(CURVES.0).saturating_sub(MARGIN);
        let curves = thalweg_report::in_characters(&data, columns, CURVES.1);
        wrap::print(&mut out, curves.map(|curves| format!("\n{curves}")))?;
    }
    Ok(())
}

/// A column for each run: its scores with their intervals, epochs and seconds.
fn scores(runs: &[Value]) -> Vec<String> {
    let mut names: Vec<&String> = Vec::new();
    for (name, _) in runs
        .iter()
        .filter_map(judged)
        .flat_map(|(_, scores)| scores)
    {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let head = ["run", "judged on", "epochs", "seconds"].map(str::to_owned);
    let head = head
        .into_iter()
        .chain(names.iter().map(|name| (*name).clone()))
        .collect();
    let row = |run: &Value| {
        let end = &run["end"];
        let text = |value: &Value| value.as_u64().map_or("–".to_owned(), |n| n.to_string());
        let seconds = end["seconds"].as_f64().map_or("–".to_owned(), figure);
        let (part, scores) =
            judged(run).map_or(("–", None), |(part, scores)| (part, Some(scores)));
        let cell = |name: &&String| {
            let value = scores.and_then(|scores| scores.get(name.as_str())?.as_f64());
            value.map_or("–".to_owned(), |value| with_interval(value, name, end))
        };
        let name = run["name"].as_str().unwrap_or_default().to_owned();
        [name, part.to_owned(), text(&end["epochs"]), seconds]
            .into_iter()
            .chain(names.iter().map(cell))
            .collect()
    };
    let of_runs: Vec<Vec<String>> = [head].into_iter().chain(runs.iter().map(row)).collect();
    let line = |i: usize| of_runs.iter().map(|cells| cells[i].clone()).collect();
    wrap::columns(&(0..of_runs[0].len()).map(line).collect::<Vec<_>>())
}

/// The scores that a run is judged by.
fn judged(run: &Value) -> Option<(&'static str, &serde_json::Map<String, Value>)> {
    PARTS
        .into_iter()
        .find_map(|part| Some((part, run["end"][part].as_object()?)))
}

fn with_interval(value: f64, metric: &str, end: &Value) -> String {
    let intervals = end["intervals"].as_array().into_iter().flatten();
    let mut of_metric = intervals.filter(|interval| interval["metric"] == metric);
    match of_metric.next() {
        Some(interval) => {
            let bound = |name: &str| interval[name].as_f64().map_or("–".to_owned(), figure);
            format!("{} [{}, {}]", figure(value), bound("low"), bound("high"))
        }
        None => figure(value),
    }
}

/// A line for each setting in which the runs differ; the layers have one together, if they differ in many.
fn differences(data: &Value, runs: &[Value]) -> Vec<String> {
    let all = data["differences"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    if all.is_empty() {
        return vec![String::new(), "all settings are the same".to_owned()];
    }
    let head = ["setting".to_owned()]
        .into_iter()
        .chain(
            runs.iter()
                .map(|run| run["name"].as_str().unwrap_or_default().to_owned()),
        )
        .collect();
    let row = |difference: &Value| {
        let values = difference["values"].as_array().into_iter().flatten();
        let value = |value: &Value| thalweg::text::short(value.as_str().unwrap_or("–"));
        [difference["name"].as_str().unwrap_or_default().to_owned()]
            .into_iter()
            .chain(values.map(value))
            .collect()
    };
    let of_layers = |difference: &&Value| {
        let name = difference["name"].as_str().unwrap_or_default();
        name.starts_with("network.layers.")
    };
    let folded = all.iter().filter(of_layers).count();
    let mut rows: Vec<Vec<String>> = vec![head];
    if folded > FEW {
        let name = ["network.layers".to_owned()].into_iter();
        rows.push(name.chain(runs.iter().map(layers)).collect());
    }
    let shown = all.iter().filter(|one| folded <= FEW || !of_layers(one));
    rows.extend(shown.map(row));
    let mut lines = vec![String::new()];
    lines.extend(wrap::columns(&rows));
    if folded > FEW {
        let settings = count(folded, "setting");
        lines.push(format!(
            "{settings} of layers differ: --report FILE shows each"
        ));
    }
    lines
}

/// The layers of a run in short: how many, and the units of those that have some.
fn layers(run: &Value) -> String {
    let all = run["start"]["network"]["layers"].as_array();
    let all = all.map(Vec::as_slice).unwrap_or_default();
    let units = all.iter().filter_map(|layer| layer["units"].as_u64());
    let units: Vec<String> = units.map(|units| units.to_string()).collect();
    format!("{}, {}", count(all.len(), "layer"), units.join("-"))
}
