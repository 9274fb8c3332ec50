//! `thalweg importance`: which columns a model relies on.

use std::io::{self, Write};

use thalweg::Model;
use thalweg::fields::by_flags;
use thalweg::importance::Importance;
use thalweg::text::{columns, count, figure, short};

use crate::args::ImportanceArgs;
use crate::exit::Result;

/// The command.
pub fn run(args: &ImportanceArgs) -> Result<()> {
    let mut model = Model::load(&args.model)?;
    if let Some(threads) = args.threads {
        model = model.with_threads(threads);
    }
    let (importance, notes) = match &args.data {
        Some(data) => {
            let options = args.read.options(args.labels.as_deref())?;
            model.importance_of_source(data, options, args.seed)?
        }
        None => model.importance_of_run(args.seed)?,
    };
    for note in &notes {
        let _ = writeln!(io::stderr(), "{}", by_flags(&note.to_string()));
    }
    let mut output = io::stdout().lock();
    if args.json {
        serde_json::to_writer(&mut output, &importance).map_err(io::Error::from)?;
        return Ok(writeln!(output)?);
    }
    for line in lines(&importance) {
        writeln!(output, "{line}")?;
    }
    Ok(())
}

/// A table of the columns, and one of the coefficients, if there are any.
fn lines(importance: &Importance) -> Vec<String> {
    let Importance {
        part,
        rows,
        metric,
        score,
        ..
    } = importance;
    let mut lines = vec![
        format!(
            "{part} ({}): {metric} {}",
            count(*rows, "row"),
            figure(*score)
        ),
        format!("how much worse {metric} and loss get when a column is permuted:"),
    ];
    let head = ["", metric, "±", "loss"].map(str::to_owned).to_vec();
    let of_columns = importance.columns.iter().map(|column| {
        let figures = [column.importance, column.deviation, column.loss].map(figure);
        [short(&column.column)].into_iter().chain(figures).collect()
    });
    lines.extend(columns(
        &[head].into_iter().chain(of_columns).collect::<Vec<_>>(),
    ));
    if let Some(coefficients) = &importance.coefficients {
        lines.push("coefficients, in the units of the file:".to_owned());
        let rows: Vec<Vec<String>> = (coefficients.iter())
            .map(|coefficient| {
                let values = coefficient.values.iter().map(|value| figure(*value));
                [short(&coefficient.input)]
                    .into_iter()
                    .chain(values)
                    .collect()
            })
            .collect();
        lines.extend(columns(&rows));
    }
    lines
}
