//! `thalweg predict`: a model's answers as CSV.

use std::io::{self, Write};

use thalweg_core::losses::{LOSSES, Link};
use thalweg_data::table::number_text;
use thalweg_data::{Preprocessing, Source, Task};

use crate::args::PredictArgs;
use crate::exit::{Failure, Result};
use crate::output;
use crate::parse::threads_or_all;
use thalweg::load::load_for;
use thalweg::model::Model;

/// The command.
pub fn run(args: &PredictArgs) -> Result<()> {
    let model = Model::read(&args.model)?;
    let preprocessing = &model.description.preprocessing;
    if args.proba && preprocessing.task() == Task::Regression {
        let error = thalweg_core::Error::invalid(
            "--proba",
            "a regression model",
            "a model of classes or labels",
        );
        return Err(error.into());
    }
    let loss = &model.description.network.loss;
    let link = LOSSES.build(loss, &())?.link();
    // Of 0 and 1, squared error learns the mean, which is the probability of 1.
    let has_probabilities = link.makes_probabilities()
        || (link == Link::Identity && model.description.network.ends_in_probabilities()?);
    if args.proba && !has_probabilities {
        let found = format!(
            "a model of the loss {}, which knows no probabilities",
            loss.name
        );
        let error = thalweg_core::Error::invalid(
            "--proba",
            found,
            "one of logistic or cross_entropy, or a sigmoid at the end",
        );
        return Err(error.remedy("leave out --proba").into());
    }
    let output = args
        .output
        .as_deref()
        .filter(|path| path.as_os_str() != "-");
    if let Some(path) = output {
        output::check(path, &model.path, &Source::parse(&args.data)?)?;
    }
    let loaded = load_for(
        preprocessing,
        &model.description.missing,
        &args.data,
        args.read.options(None),
    )?;
    let table = &loaded.train;
    let dtype = model.description.training.dtype;
    let (rows, bound) = (table.all_rows(), preprocessing.bind(table)?);
    let features = bound.features(&rows, dtype)?;
    let (unused, unseen) = (bound.unused(), bound.unseen(&rows));
    for note in loaded.notes.iter().chain(&unused).chain(&unseen) {
        let _ = writeln!(io::stderr(), "{note}");
    }
    let predictions = model
        .engine(threads_or_all(args.threads))?
        .predict(&features)?;
    let answers = Answers {
        link,
        preprocessing,
        predictions: &predictions,
        proba: args.proba,
    };
    match output {
        None => {
            let mut output = io::BufWriter::new(io::stdout().lock());
            answers.write(&mut output)?;
            Ok(output.flush()?)
        }
        Some(path) => {
            let mut bytes = Vec::new();
            answers.write(&mut bytes)?;
            output::write(path, &bytes)
        }
    }
}

/// What the network put out, and how it is to be written.
struct Answers<'a> {
    link: Link,
    preprocessing: &'a Preprocessing,
    predictions: &'a [f64],
    proba: bool,
}

impl Answers<'_> {
    fn write(&self, output: &mut impl Write) -> Result<(), Failure> {
        let header: Vec<String> = self.header().iter().map(|name| cell(name)).collect();
        writeln!(output, "{}", header.join(","))?;
        for row in self
            .predictions
            .chunks(self.preprocessing.output_width().max(1))
        {
            let cells: Vec<String> = self.cells(row).iter().map(|text| cell(text)).collect();
            writeln!(output, "{}", cells.join(","))?;
        }
        Ok(())
    }

    /// The names of the targets; of probabilities of classes `TARGET=CLASS`.
    fn header(&self) -> Vec<String> {
        let target = &self.preprocessing.target;
        match (self.proba, target.columns.as_slice()) {
            (true, [name]) if !target.classes.is_empty() => target
                .classes
                .iter()
                .map(|class| format!("{name}={class}"))
                .collect(),
            (_, names) => names.to_vec(),
        }
    }

    fn cells(&self, row: &[f64]) -> Vec<String> {
        let class = |index: usize| {
            self.preprocessing
                .class(index)
                .unwrap_or_default()
                .to_owned()
        };
        match (self.preprocessing.task(), self.proba, row) {
            (Task::Regression, ..) => {
                let number = |(j, &value)| number_text(self.preprocessing.in_user_units(j, value));
                row.iter().enumerate().map(number).collect()
            }
            (Task::Binary, true, [p]) => vec![number_text(1.0 - p), number_text(*p)],
            (_, true, _) => row.iter().copied().map(number_text).collect(),
            (Task::Multilabel, false, _) => row
                .iter()
                .map(|&p| if p >= self.link.threshold() { "1" } else { "0" }.to_owned())
                .collect(),
            (Task::Binary | Task::Multiclass, false, _) => {
                vec![class(self.link.class(row))]
            }
        }
    }
}

/// A cell of CSV, quoted where it must be.
fn cell(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}
