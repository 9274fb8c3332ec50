//! `thalweg cv`: how good a recipe is, by folds.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Map, Value, json};
use thalweg::CrossValidation;
use thalweg::cross_validation::{CrossValidated, Estimate, FoldScores};
use thalweg::text::{count, figure, whole};
use thalweg_data::Task;

use crate::exit::Result;
use crate::many::{Many, tell};
use crate::output;
use crate::parse::{folds, repeats};
use crate::summary::SHOWN;
use crate::terminal::Terminal;
use crate::wrap::columns;

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
    pub many: Many,

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
}

/// More folds get no line of their own.
const LINES: usize = 50;

/// The command.
pub fn run(args: &CvArgs) -> Result<()> {
    let (folds, repeats) = (args.folds.unwrap_or(5), args.repeat.unwrap_or(1));
    let (many, recipe) = (&args.many, &args.many.recipe);
    let mut terminal = many.terminal();
    let request = recipe.request()?;
    many.check(&[("--predictions", &args.predictions)])?;
    let cross = CrossValidation::new(request, folds)
        .base(recipe.base())
        .repeats(repeats)
        .threads(recipe.threads);
    let all = (folds.saturating_mul(repeats), "fold");
    let (result, seconds) = many.train(&mut terminal, "a cross-validation", all, &|listen| {
        cross.clone().run(listen)
    })?;
    show(&result, (folds, repeats), seconds, &terminal);
    if let Some(path) = &args.predictions {
        output::write_table(path, &result.predictions)?;
        let rows = count(result.predictions.rows, "row");
        let place = path.display();
        terminal.line(&format!("predictions for {rows} in {place}"));
    }
    let told = json(&result, (folds, repeats), seconds);
    many.leave(&terminal, &told, || {
        thalweg_report::cross_validation(&result.config.data.source, &told, &result)
    })
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
        whole(first.train),
        whole(first.validation),
        whole(first.test)
    ));
    for line in table(result, repeats) {
        terminal.line(&line);
    }
    tell(terminal, "chosen", &result.reasons, &result.notes);
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
            line(name, whole(fold.rows.test), epoch, &of)
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
