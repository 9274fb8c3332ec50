//! `thalweg cv`: how good a recipe is, by folds.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use serde_json::{Map, Value, json};
use thalweg::CrossValidation;
use thalweg::cross_validation::{CrossValidated, Estimate, Event, FoldScores};
use thalweg::text::{columns, count, figure};
use thalweg_data::{Source, Task};

use crate::exit::{Failure, Result};
use crate::interrupt;
use crate::output;
use crate::parse::{folds, repeats};
use crate::recipe::Recipe;
use crate::summary::{SHOWN, choices};
use crate::terminal::Terminal;

#[derive(Args)]
#[command(after_help = "\
The rows are dealt into folds: classes keep their proportions, rows of one --group stay together, and \
with --split ordered windows grow, each tested on the rows after it. A model is trained on the rows \
beside each fold, with preprocessing of its own, and tested on the fold; the fraction of validation rows \
is of the rows beside. Models are trained side by side, one a thread. With --test-fraction, --test or a \
column of parts, the test rows are in no fold and are not looked at. ± is the standard error \
√((1/J + test/train)·s²) of Nadeau & Bengio (2003) over J folds.

Examples:
  thalweg cv builtin:diabetes
  thalweg cv houses.csv --target price --folds 10 --repeat 3 --json
  thalweg cv visits.csv --group patient --predictions out-of-fold.csv
  thalweg cv load.csv --split ordered --folds 6 --report load.html
  # the recipe of a run
  thalweg cv --config runs/houses-1/config.toml")]
pub struct CvArgs {
    #[command(flatten)]
    pub recipe: Recipe,

    /// How many folds [default: 5]
    #[arg(long, value_name = "N", help_heading = "Folds", allow_negative_numbers = true, value_parser = folds)]
    pub folds: Option<usize>,
    /// How many times the rows are dealt, each time in another way [default: 1]
    #[arg(long, value_name = "R", help_heading = "Folds", allow_negative_numbers = true, value_parser = repeats)]
    pub repeat: Option<usize>,
    /// Where the predictions for each row go, by the model that has not seen it: CSV, or what the
    /// ending says
    #[arg(long, value_name = "FILE", help_heading = "Folds")]
    pub predictions: Option<PathBuf>,
    /// Write a page that shows scores, folds and predictions
    #[arg(long, value_name = "FILE", help_heading = "Run")]
    pub report: Option<PathBuf>,
    /// Print errors only
    #[arg(short, long, help_heading = "Run")]
    pub quiet: bool,
    /// Print the result as one line of JSON on standard output, all else on standard error
    #[arg(long, help_heading = "Run")]
    pub json: bool,
}

/// More folds get no line of their own.
const LINES: usize = 50;

/// The command.
pub fn run(args: &CvArgs) -> Result<()> {
    let (folds, repeats) = (args.folds.unwrap_or(5), args.repeat.unwrap_or(1));
    let mut terminal = Terminal::new(args.quiet, args.json);
    let request = args.recipe.request()?;
    for (flag, path) in [
        ("--predictions", &args.predictions),
        ("--report", &args.report),
    ] {
        if let (Some(path), Some(data)) = (path, &args.recipe.data) {
            output::check(flag, path, None, &Source::parse(data)?)?;
        }
    }
    let cross = CrossValidation::new(request, folds)
        .base(args.recipe.base())
        .repeats(repeats)
        .threads(args.recipe.threads);
    let all = folds.saturating_mul(repeats);
    let start = Instant::now();
    terminal.start_bar(all as u64);
    interrupt::listen(terminal.bar())
        .map_err(|error| thalweg::Error::Running(format!("signals: {error}")))?;
    let result = cross.run(&|event| {
        match event {
            Event::Note(note) => terminal.note(note),
            Event::Trained(over) => {
                let message = format!("{over} of {}", count(all, "fold"));
                terminal.advance(over as u64, message);
            }
            Event::Step => {}
        }
        interrupt::flow()
    })?;
    terminal.clear_bar();
    let seconds = start.elapsed().as_secs_f64();
    let Some(result) = result else {
        let text = "interrupted; a cross-validation leaves nothing: begin anew";
        return Err(Failure::Interrupted(text.to_owned()));
    };
    show(&result, (folds, repeats), seconds, &terminal);
    if let Some(path) = &args.predictions {
        output::write_table(path, &result.predictions)?;
        let rows = count(result.predictions.rows, "row");
        let place = path.display();
        terminal.line(&format!("predictions for {rows} in {place}"));
    }
    let told = json(&result, (folds, repeats), seconds);
    if let Some(path) = &args.report {
        let data = &result.config.data.source;
        let page = thalweg_report::cross_validation(data, &told, &result)?;
        output::write(path, page.as_bytes())?;
        terminal.line(&format!("report in {}", path.display()));
    }
    terminal.json(&told)
}

fn show(
    result: &CrossValidated,
    (folds, repeats): (usize, usize),
    seconds: f64,
    terminal: &Terminal,
) {
    let first = &result.folds[0].rows;
    let task = result.config.data.target.task.unwrap_or(Task::Regression);
    let times = match repeats {
        1 => String::new(),
        repeats => format!(", {repeats} times"),
    };
    let rows = result.predictions.rows;
    terminal.line(&format!(
        "{task}, {} in {folds} folds{times}, in {seconds:.2} s; fold 1: {} to train, {} to validate, {} to test\n",
        count(rows, "row"),
        first.train,
        first.validation,
        first.test
    ));
    for line in table(result, repeats) {
        terminal.line(&line);
    }
    if !result.reasons.is_empty() {
        terminal.line("\nchosen:");
        for line in choices(&result.reasons) {
            terminal.line(&line);
        }
    }
    terminal.line("");
    result.notes.iter().for_each(|note| terminal.note(note));
}

/// A row for each fold, and for the mean and its error beside a linear model and the best constant.
fn table(result: &CrossValidated, repeats: usize) -> Vec<String> {
    let judging = &result.config.judging;
    let chosen_by = judging.metric.as_ref().map(|metric| metric.name.as_str());
    let is_shown = |estimate: &&Estimate| {
        let name = estimate.name.as_str();
        SHOWN.contains(&name) || chosen_by == Some(name) || name == "loss"
    };
    let mut shown: Vec<&Estimate> = result.estimates.iter().filter(is_shown).collect();
    // The loss goes last, as in all tables of scores.
    shown.sort_by_key(|estimate| estimate.name == "loss");
    let cell = |value: Option<f64>| value.map_or("–".to_owned(), figure);
    let line =
        |name: String, rows: String, epoch: String, of: &dyn Fn(&Estimate) -> Option<f64>| {
            let values = shown.iter().map(|estimate| cell(of(estimate)));
            let first = [name, rows, epoch].into_iter();
            first.chain(values).collect::<Vec<String>>()
        };
    let names = shown.iter().map(|estimate| estimate.name.clone());
    let head = ["", "rows", "epoch"].map(str::to_owned).into_iter();
    let mut lines: Vec<Vec<String>> = vec![head.chain(names).collect()];
    if result.folds.len() <= LINES {
        lines.extend(result.folds.iter().enumerate().map(|(number, fold)| {
            let name = match repeats {
                1 => format!("fold {}", fold.fold),
                _ => format!("fold {}.{}", fold.repeat, fold.fold),
            };
            let epoch = fold.best_epoch.unwrap_or(fold.epochs).to_string();
            let of = |estimate: &Estimate| estimate.values[number];
            line(name, fold.rows.test.to_string(), epoch, &of)
        }));
    }
    let none = String::new;
    let mut add = |name: &str, of: &dyn Fn(&Estimate) -> Option<f64>| {
        if shown.iter().any(|estimate| of(estimate).is_some()) {
            lines.push(line(name.to_owned(), none(), none(), of));
        }
    };
    add("mean", &|estimate| Some(estimate.mean));
    add("±", &|estimate| estimate.standard_error);
    add("linear model", &|estimate| estimate.linear_model);
    add("best constant", &|estimate| estimate.best_constant);
    columns(&lines)
}

fn json(result: &CrossValidated, (folds, repeats): (usize, usize), seconds: f64) -> Value {
    let scores: Map<String, Value> = (result.estimates.iter())
        .map(|estimate| {
            let mut value = json!(estimate);
            if let Some(map) = value.as_object_mut() {
                map.remove("name");
            }
            (estimate.name.clone(), value)
        })
        .collect();
    let members: &[FoldScores] = &result.folds;
    json!({
        "event": "cv",
        "folds": folds,
        "repeats": repeats,
        "task": result.config.data.target.task,
        "rows": result.predictions.rows,
        "scores": scores,
        "members": members,
        "network": result.config.network,
        "training": result.config.training,
        "seconds": seconds,
    })
}
