//! `thalweg learning-curve`: how scores change with the rows that there are to learn from.

use clap::Args;
use serde_json::json;
use thalweg::LearningCurve;
use thalweg::learning_curve::{Curve, Point, PointScore, REPEATS, SHARES};
use thalweg::text::{count, figure, whole};
use thalweg_data::Task;
use thalweg_report::plot::Panel;

use crate::exit::Result;
use crate::many::{Many, tell};
use crate::parse::{repeats, share};
use crate::summary::SHOWN;
use crate::terminal::Terminal;
use crate::wrap::columns;

#[derive(Args)]
#[command(after_help = "\
Each share of the rows that do not test trains and validates, as if there were no others; all are tested \
on the same rows. A smaller share is a part of a larger one, of each class alike; with --split ordered it \
is the latest rows. Models are trained side by side, one a thread. ± is the standard error over the draws.

Examples:
  thalweg learning-curve builtin:digits
  thalweg learning-curve houses.csv --target price --shares 0.1,0.3,1
  thalweg learning-curve houses.csv --repeat 5 --report houses.html")]
pub struct LearningCurveArgs {
    #[command(flatten)]
    pub many: Many,

    /// Shares of the rows that do not test [default: 0.0625,0.125,0.25,0.5,1]
    #[arg(long, value_name = "X,Y", help_heading = "Curve", value_delimiter = ',', value_parser = share)]
    pub shares: Vec<f64>,
    /// How many times each share is drawn [default: 3]
    #[arg(long, value_name = "R", help_heading = "Curve", allow_negative_numbers = true, value_parser = repeats)]
    pub repeat: Option<usize>,
}

/// The picture in characters, on a terminal.
const TEXT: (usize, usize) = (64, 16);

/// The command.
pub fn run(args: &LearningCurveArgs) -> Result<()> {
    let (many, recipe) = (&args.many, &args.many.recipe);
    let mut terminal = many.terminal();
    let repeats = args.repeat.unwrap_or(REPEATS);
    let shares = match args.shares.as_slice() {
        [] => SHARES.to_vec(),
        shares => shares.to_vec(),
    };
    let all = (shares.len() * repeats, "model");
    let learning = LearningCurve::new(recipe.request()?)
        .base(recipe.base())
        .shares(shares)
        .repeats(repeats)
        .threads(recipe.threads);
    many.check(&[])?;
    let (curve, seconds) = many.train(&mut terminal, "a learning curve", all, &|listen| {
        learning.clone().run(listen)
    })?;
    show(&curve, repeats, seconds, &terminal);
    let told = json!({
        "event": "learning_curve",
        "task": curve.config.data.target.task,
        "test_rows": curve.tested,
        "repeats": repeats,
        "points": curve.points,
        "network": curve.config.network,
        "training": curve.config.training,
        "seconds": seconds,
    });
    many.leave(&terminal, &told, || {
        thalweg_report::learning_curve(&curve.config.data.source, &told, &curve)
    })
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
        terminal.line(panel.text(TEXT.0, TEXT.1).trim_end());
    }
    tell(
        terminal,
        "chosen for all rows",
        &curve.reasons,
        &curve.notes,
    );
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
        let first = [figure(point.share), whole(point.rows)].into_iter();
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
