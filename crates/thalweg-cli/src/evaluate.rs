//! `thalweg evaluate`: how good a model is on rows whose answers are known.

use std::io::{self, Write};

use serde_json::Value;

use crate::args::EvaluateArgs;
use crate::exit::Result;
use crate::parse::threads_or_all;
use thalweg::load::load_for;
use thalweg::model::Model;
use thalweg::scores::{Judge, Scores};
use thalweg::text::{columns, count, figure};
use thalweg_data::Part;

/// More classes make no readable matrix.
const CLASSES: usize = 20;

/// The command.
pub fn run(args: &EvaluateArgs) -> Result<()> {
    let model = Model::read(&args.model)?;
    let description = &model.description;
    let preprocessing = &description.preprocessing;
    let loaded = load_for(
        preprocessing,
        &description.missing,
        &args.data,
        args.read.options(args.labels.as_deref()),
    )?;
    let table = &loaded.train;
    let dtype = description.training.dtype;
    let (rows, bound) = (table.all_rows(), preprocessing.bind(table)?);
    let dataset = bound.dataset(Part::new("rows", &rows[..]), dtype)?;
    let (unused, unseen) = (bound.unused(), bound.unseen(&rows));
    for note in loaded.notes.iter().chain(&unused).chain(&unseen) {
        let _ = writeln!(io::stderr(), "{note}");
    }
    let mut engine = model.engine(threads_or_all(args.threads))?;
    let scores =
        Judge::new(preprocessing, &description.network.loss)?.model(&mut *engine, &dataset)?;

    let mut output = io::stdout().lock();
    if args.json {
        let line = Line {
            rows: scores.rows,
            scores: &scores,
            confusion: scores.confusion.as_deref().map(counts),
        };
        serde_json::to_writer(&mut output, &line).map_err(io::Error::from)?;
        return Ok(writeln!(output)?);
    }
    writeln!(output, "{}", count(scores.rows, "row"))?;
    if let Some(loss) = scores.loss {
        writeln!(output, "{:<10}{}", "loss", figure(loss))?;
    }
    for (name, value) in &scores.metrics {
        writeln!(output, "{name:<10}{}", figure(*value))?;
    }
    let matrix = scores.confusion.filter(|matrix| matrix.len() <= CLASSES);
    for line in matrix
        .map(|matrix| confusion(&matrix, preprocessing.classes()))
        .iter()
        .flatten()
    {
        writeln!(output, "{line}")?;
    }
    Ok(())
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

/// The confusion matrix: a row for each class that is right, a column for each that was answered.
fn confusion(matrix: &[Vec<f64>], classes: &[String]) -> Vec<String> {
    let short = |text: &String| {
        text.chars()
            .filter(|c| !c.is_control())
            .take(16)
            .collect::<String>()
    };
    let head = ["truth \\ answer".to_owned()]
        .into_iter()
        .chain(classes.iter().map(short))
        .collect();
    let mut rows: Vec<Vec<String>> = vec![head];
    for (class, counts) in classes.iter().zip(matrix) {
        let cells = counts.iter().map(|&x| {
            if x.fract() == 0.0 {
                format!("{x:.0}")
            } else {
                figure(x)
            }
        });
        rows.push([short(class)].into_iter().chain(cells).collect());
    }
    [String::new()].into_iter().chain(columns(&rows)).collect()
}
