//! `thalweg importance`: which columns a model relies on.

use std::io::{self, Write};

use thalweg::importance::Importance;
use thalweg::text::{count, figure, short};
use thalweg_core::Error;
use thalweg_data::Source;

use crate::args::ImportanceArgs;
use crate::exit::Result;
use crate::output;
use crate::terminal;
use crate::wrap;

/// The command.
pub fn run(args: &ImportanceArgs) -> Result<()> {
    let model = args.threads.load(&args.model)?;
    if let Some(path) = &args.report {
        // Without DATA nothing but the files of the run is read.
        let data = Source::parse(args.data.as_deref().unwrap_or("builtin:iris"))?;
        output::check("--report", path, Some(model.path()), &data)?;
    }
    let (importance, notes) = match &args.data {
        Some(data) => {
            let options = args.read.options()?;
            model.importance_of_source(data, options, args.seed)?
        }
        None if args.read.is_given() => {
            let found = "how DATA is read, and no DATA";
            return Err(Error::invalid("importance", found, "both")
                .remedy("give DATA")
                .into());
        }
        None => model.importance_of_run(args.seed)?,
    };
    for note in &notes {
        let _ = terminal::note(&note.to_string());
    }
    if let Some(path) = &args.report {
        let data = args.data.as_deref().unwrap_or("the rows of its run");
        let page = thalweg_report::importance(&model, data, &importance, &notes);
        output::write(path, page.as_bytes())?;
    }
    let mut output = io::stdout().lock();
    if args.json {
        serde_json::to_writer(&mut output, &importance).map_err(io::Error::from)?;
        return Ok(writeln!(output)?);
    }
    Ok(wrap::print(&mut output, lines(&importance))?)
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
    lines.extend(wrap::columns(
        &[head].into_iter().chain(of_columns).collect::<Vec<_>>(),
    ));
    if let Some(coefficients) = &importance.coefficients {
        lines.push("coefficients, in the units of the file:".to_owned());
        let head = importance.outputs.iter().map(|output| short(output));
        let head: Vec<String> = [String::new()].into_iter().chain(head).collect();
        let of_inputs = (coefficients.iter()).map(|coefficient| {
            let values = coefficient.values.iter().map(|value| figure(*value));
            [short(&coefficient.input)]
                .into_iter()
                .chain(values)
                .collect()
        });
        lines.extend(wrap::columns(
            &[head].into_iter().chain(of_inputs).collect::<Vec<_>>(),
        ));
    }
    if let Some(why) = &importance.no_coefficients {
        lines.push(format!("no coefficients in the units of the file: {why}"));
    }
    lines
}
