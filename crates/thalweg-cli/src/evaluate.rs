//! `thalweg evaluate`: how good a model is on rows whose targets are known.

use std::io::{self, Write};

use serde_json::Value;
use thalweg::scores::Scores;
use thalweg::text::{count, figure};
use thalweg_data::Source;

use crate::args::EvaluateArgs;
use crate::exit::Result;
use crate::output;
use crate::summary;
use crate::terminal;
use crate::wrap;

/// More classes make no readable matrix.
const CLASSES: usize = 20;

/// The command.
pub fn run(args: &EvaluateArgs) -> Result<()> {
    let model = args.threads.load(&args.model)?;
    if let Some(path) = &args.report {
        output::check(
            "--report",
            path,
            Some(model.path()),
            &Source::parse(&args.data)?,
        )?;
    }
    let options = args.read.options()?;
    let (scores, notes, inspection) = model.inspect_source(&args.data, options, args.inspect())?;
    for note in &notes {
        let _ = terminal::note(&note.to_string());
    }
    if let (Some(path), Some(inspection)) = (&args.report, &inspection) {
        let page = thalweg_report::evaluation(&model, &args.data, &scores, inspection, &notes);
        output::write(path, page.as_bytes())?;
    }
    let classes = model.description().preprocessing.classes();

    let mut out = io::stdout().lock();
    if args.json {
        let line = Line {
            rows: scores.rows,
            scores: &scores,
            confusion: scores.confusion.as_deref().map(counts),
        };
        serde_json::to_writer(&mut out, &line).map_err(io::Error::from)?;
        return Ok(writeln!(out)?);
    }
    writeln!(out, "{}", count(scores.rows, "row"))?;
    if let Some(loss) = scores.loss {
        writeln!(out, "{:<18}{}", "loss", figure(loss))?;
    }
    for (name, value) in &scores.metrics {
        writeln!(out, "{name:<18}{}", figure(*value))?;
    }
    wrap::print(&mut out, summary::targets(&scores))?;
    let matrix = scores.confusion.filter(|matrix| matrix.len() <= CLASSES);
    let matrix = matrix.map(|matrix| summary::confusion(&matrix, classes));
    Ok(wrap::print(&mut out, matrix.into_iter().flatten())?)
}

#[derive(serde::Serialize)]
struct Line<'a> {
    rows: usize,
    #[serde(flatten)]
    scores: &'a Scores,
    #[serde(skip_serializing_if = "Option::is_none")]
    confusion: Option<Vec<Vec<Value>>>,
}

/// Whole numbers as integers; sums of row weights may be others.
fn counts(matrix: &[Vec<f64>]) -> Vec<Vec<Value>> {
    let count = |&x: &f64| match x.fract() == 0.0 && x < 2f64.powi(53) {
        true => Value::from(x as u64),
        false => Value::from(x),
    };
    let row = |row: &Vec<f64>| row.iter().map(count).collect();
    matrix.iter().map(row).collect()
}
