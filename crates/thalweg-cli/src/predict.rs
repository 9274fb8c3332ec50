//! `thalweg predict`: a model's predictions, in the format of the output's ending.

use std::io::{self, Write};

use thalweg::predictions::Columns;
use thalweg_core::Error;
use thalweg_data::{Source, Task, formats};

use crate::args::PredictArgs;
use crate::exit::Result;
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
    let options = args.read.options(None)?;
    let predictions = match args.spread {
        true => model.predict_with_spread(&args.data, options, &args.keep)?,
        false => model.predict_keeping(&args.data, options, &args.keep)?,
    };
    for note in &predictions.notes {
        let _ = terminal::note(&note.to_string());
    }
    let columns = match args.proba {
        true => Columns::Probabilities,
        false => Columns::Answers,
    };
    match output {
        None => {
            let mut output = io::BufWriter::new(io::stdout().lock());
            predictions.write_csv(&mut output, columns)?;
            Ok(output.flush()?)
        }
        Some(path) => {
            let name = path.to_string_lossy();
            let bytes = match formats::check_written(&name).is_ok() {
                true => formats::write(&predictions.table(columns), &name)?,
                false => {
                    let mut bytes = Vec::new();
                    predictions.write_csv(&mut bytes, columns)?;
                    bytes
                }
            };
            output::write(path, &bytes)
        }
    }
}
