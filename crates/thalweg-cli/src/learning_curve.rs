//! `thalweg learning-curve`: how scores change with the rows that there are to learn from.

use std::time::Instant;

use clap::Args;
use serde_json::json;
use thalweg::LearningCurve;
use thalweg::cross_validation::Event;
use thalweg::learning_curve::{Curve, Point, PointScore, REPEATS, SHARES};
use thalweg::text::{columns, count, figure};
use thalweg_data::Task;
use thalweg_plot::Panel;

use crate::exit::{Failure, Result};
use crate::interrupt;
use crate::parse::{repeats, share};
use crate::recipe::Recipe;
use crate::summary::{SHOWN, choices};
use crate::terminal::Terminal;

#[derive(Args)]
#[command(after_help = "\
Each share of the rows that do not test trains and validates, as if there were no others; all are tested \
on the same rows. A smaller share is a part of a larger one, of each class alike; with --split ordered it \
is the latest rows. Models are trained side by side, one a thread. ± is the standard error over the draws.

Examples:
  thalweg learning-curve builtin:digits
  thalweg learning-curve houses.csv --target price --shares 0.1,0.3,1
  thalweg learning-curve houses.csv --repeat 5 --json")]
pub struct LearningCurveArgs {
    #[command(flatten)]
    pub recipe: Recipe,

    /// Shares of the rows that do not test [default: 0.0625,0.125,0.25,0.5,1]
    #[arg(long, value_name = "X,Y", help_heading = "Curve", value_delimiter = ',', value_parser = share)]
    pub shares: Vec<f64>,
    /// How many times each share is drawn [default: 3]
    #[arg(long, value_name = "R", help_heading = "Curve", allow_negative_numbers = true, value_parser = repeats)]
    pub repeat: Option<usize>,
    /// Print errors only
    #[arg(short, long, help_heading = "Run")]
    pub quiet: bool,
    /// Print the result as one line of JSON on standard output, all else on standard error
    #[arg(long, help_heading = "Run")]
    pub json: bool,
}

/// The picture in characters, on a terminal.
const TEXT: (usize, usize) = (64, 16);

/// The command.
pub fn run(args: &LearningCurveArgs) -> Result<()> {
    let mut terminal = Terminal::new(args.quiet, args.json);
    let repeats = args.repeat.unwrap_or(REPEATS);
    let shares = match args.shares.as_slice() {
        [] => SHARES.to_vec(),
        shares => shares.to_vec(),
    };
    let all = shares.len() * repeats;
    let curve = LearningCurve::new(args.recipe.request()?)
        .base(args.recipe.base())
        .shares(shares)
        .repeats(repeats)
        .threads(args.recipe.threads);
    let start = Instant::now();
    terminal.start_bar(all as u64);
    interrupt::listen(terminal.bar())
        .map_err(|error| thalweg::Error::Running(format!("signals: {error}")))?;
    let result = curve.run(&|event| {
        match event {
            Event::Note(note) => terminal.note(note),
            Event::Trained(over) => {
                let message = format!("{over} of {}", count(all, "model"));
                terminal.advance(over as u64, message);
            }
            Event::Step => {}
        }
        interrupt::flow()
    })?;
    terminal.clear_bar();
    let seconds = start.elapsed().as_secs_f64();
    let Some(curve) = result else {
        let text = "interrupted; a learning curve leaves nothing: begin anew";
        return Err(Failure::Interrupted(text.to_owned()));
    };
    show(&curve, repeats, seconds, &terminal);
    terminal.json(&json!({
        "event": "learning_curve",
        "task": curve.config.data.target.task,
        "test_rows": curve.tested,
        "repeats": repeats,
        "points": curve.points,
        "network": curve.config.network,
        "training": curve.config.training,
        "seconds": seconds,
    }))
}

fn show(curve: &Curve, repeats: usize, seconds: f64, terminal: &Terminal) {
    let task = curve.config.data.target.task.unwrap_or(Task::Regression);
    terminal.line(&format!(
        "{task}, each share drawn {repeats}×, tested on {}, in {seconds:.2} s\n",
        count(curve.tested, "row")
    ));
    table(curve).iter().for_each(|line| terminal.line(line));
    if let (true, Some(panel)) = (terminal.is_seen(), panel(curve)) {
        terminal.line("");
        terminal.line(&panel.text(TEXT.0, TEXT.1));
    }
    if !curve.reasons.is_empty() {
        terminal.line("\nchosen for all rows:");
        for line in choices(&curve.reasons) {
            terminal.line(&line);
        }
    }
    terminal.line("");
    curve.notes.iter().for_each(|note| terminal.note(note));
}

/// The scores of a point that are shown: the first, and the loss.
fn shown(point: &Point) -> impl Iterator<Item = &PointScore> {
    let known = |score: &&PointScore| SHOWN.contains(&score.name.as_str());
    let metrics = point.scores.iter().filter(known).take(1);
    metrics.chain(point.scores.iter().filter(|score| score.name == "loss"))
}

fn table(curve: &Curve) -> Vec<String> {
    let cell = |value: Option<f64>| value.map_or("–".to_owned(), figure);
    let mut head = vec!["share".to_owned(), "rows".to_owned()];
    for score in curve.points.first().into_iter().flat_map(shown) {
        head.extend([format!("test {}", score.name), "±".to_owned()]);
        head.extend([format!("train {}", score.name), "linear".to_owned()]);
    }
    let line = |point: &Point| {
        let of = |score: &PointScore| {
            let all = [
                Some(score.test),
                score.standard_error,
                score.train,
                score.linear_model,
            ];
            all.map(cell)
        };
        let first = [figure(point.share), point.rows.to_string()].into_iter();
        first.chain(shown(point).flat_map(of)).collect()
    };
    let lines: Vec<Vec<String>> = (std::iter::once(head))
        .chain(curve.points.iter().map(line))
        .collect();
    columns(&lines)
}

/// The first score over the rows.
fn panel(curve: &Curve) -> Option<Panel> {
    let name = &shown(curve.points.last()?).next()?.name;
    let points = |of: &dyn Fn(&PointScore) -> Option<f64>| {
        let at = |point: &Point| {
            let mut scores = point.scores.iter();
            let score = scores.find(|score| score.name == *name)?;
            Some((point.rows as f64, of(score)?))
        };
        curve.points.iter().filter_map(at).collect::<Vec<_>>()
    };
    let panel = Panel::new("rows", name)
        .log_x()
        .line("test", points(&|score| Some(score.test)))
        .line("train", points(&|score| score.train));
    let linear = points(&|score| score.linear_model);
    Some(match linear.is_empty() {
        true => panel,
        false => panel.line("linear model, test", linear),
    })
}
