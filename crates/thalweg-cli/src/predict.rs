//! `thalweg predict`: a model's predictions, in the format of the output's ending.

use std::io::{self, Write};

use thalweg::Model;
use thalweg::predictions::{Columns, Predictions};
use thalweg_core::Error;
use thalweg_data::{Note, Source, Task, formats};

use crate::args::PredictArgs;
use crate::exit::{Failure, Result};
use crate::output;
use crate::terminal;

/// The command.
pub fn run(args: &PredictArgs) -> Result<()> {
    let model = args.threads.load(&args.model)?;
    let description = model.description();
    if args.proba && description.preprocessing.task() == Task::Regression {
        let expected = "a model of classes or labels";
        return Err(Error::invalid("--proba", "a regression model", expected).into());
    }
    if args.proba && !model.has_probabilities()? {
        let loss = &description.network.loss.name;
        let found = format!("a model of the loss {loss}, which has no probabilities");
        let expected = "one of logistic or cross_entropy, or a sigmoid at the end";
        let error = Error::invalid("--proba", found, expected);
        return Err(error.remedy("leave out --proba").into());
    }
    let is_number = description.preprocessing.task() == Task::Regression;
    if args.spread && !args.proba && !is_number {
        let error = Error::invalid(
            "--spread",
            "answers of classes or labels",
            "--proba beside it",
        );
        return Err(error.into());
    }
    let output = args
        .output
        .as_deref()
        .filter(|path| path.as_os_str() != "-");
    if let Some(path) = output {
        output::check(
            "--output",
            path,
            Some(model.path()),
            &Source::parse(&args.data)?,
        )?;
        let name = path.to_string_lossy();
        if formats::is_of_another(&name) {
            formats::check_written(&name)?;
        }
    }
    let columns = match args.proba {
        true => Columns::Probabilities,
        false => Columns::Answers,
    };
    let is_other_format = output.is_some_and(|path| {
        let name = path.to_string_lossy();
        !name.to_lowercase().ends_with(".csv") && formats::check_written(&name).is_ok()
    });
    let mut failure = None;
    let written = match output {
        Some(path) if is_other_format => {
            let options = args.read.options(None)?;
            let predictions = match args.spread {
                true => model.predict_with_spread(&args.data, options, &args.keep())?,
                false => model.predict_keeping(&args.data, options, &args.keep())?,
            };
            predictions.notes.iter().for_each(show);
            let bytes = formats::write(&predictions.table(columns), &path.to_string_lossy())?;
            output::write(path, &bytes)
        }
        None => {
            write(&model, args, columns, io::stdout().lock(), &mut failure).map_err(Failure::from)
        }
        Some(path) => output::write_with(path, |file| {
            write(&model, args, columns, file, &mut failure)
        }),
    };
    failure.map_or(written, Err)
}

/// Writes predictions as CSV, piece by piece. What fails beside that goes into `failure`.
fn write(
    model: &Model,
    args: &PredictArgs,
    columns: Columns,
    to: impl Write,
    failure: &mut Option<Failure>,
) -> io::Result<()> {
    let (mut to, mut is_first) = (io::BufWriter::new(to), true);
    let mut unwritten = None;
    let predicted = args.read.options(None).and_then(|options| {
        let mut visit = |predictions: Predictions| {
            predictions.notes.iter().for_each(show);
            let written = match std::mem::take(&mut is_first) {
                true => predictions.write_csv(&mut to, columns),
                false => predictions.write_rows(&mut to, columns),
            };
            written.map_err(|error| {
                let told = thalweg::Error::Running(error.to_string());
                unwritten = Some(error);
                told
            })
        };
        Ok(model.predict_each(&args.data, options, (&args.keep(), args.spread), &mut visit)?)
    });
    match (unwritten, predicted) {
        (Some(error), _) => Err(error),
        (None, Ok(more)) => {
            more.iter().for_each(show);
            to.flush()
        }
        (None, Err(error)) => {
            *failure = Some(error);
            // What is in the buffer is no part of whole predictions.
            drop(to.into_parts());
            Err(io::Error::other("predictions ended"))
        }
    }
}

fn show(note: &Note) {
    let _ = terminal::note(&note.to_string());
}
