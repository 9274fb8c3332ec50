//! Why a model is no better than a constant: the likeliest cause by checks that cost nothing, and
//! what to try. A cause is a row of [`CAUSES`]: where it applies, and a function that finds it.

use thalweg_core::dataset::{DatasetRef, TargetsRef};
use thalweg_core::registry::{Choice, Setting};
use thalweg_core::solvers::is_solver;
use thalweg_core::spec::Parametrization;
use thalweg_core::train::StoppedBy;
use thalweg_data::error::quote;
use thalweg_data::preprocess::{Curve, TargetScaling};
use thalweg_data::{Scaling, SplitBy};

use crate::advice::{smaller_rate, smaller_setting};
use crate::config::Config;
use crate::drift::{has_file, linear_instead, moved, order_of_rows};
use crate::facts::Facts;
use crate::places::{PlaceKind, places};
use crate::preset;
use crate::rows::RunRows;
use crate::text::{figure, whole};

/// Where a cause applies.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Where {
    Anywhere,
    InTraining,
    HeldOut,
}
use Where::{Anywhere, HeldOut, InTraining};

/// Says what is the matter and what to try.
type Cause = fn(&Facts) -> Option<String>;

/// The causes, the likeliest first.
const CAUSES: &[(Where, Cause)] = &[
    (Anywhere, constant_target),
    (Anywhere, one_trained_class),
    (Anywhere, out_of_proportion),
    (InTraining, bound),
    (InTraining, dropout),
    (InTraining, alike),
    (HeldOut, held_out_class),
    (Anywhere, unscaled),
    (HeldOut, far_inputs),
    (Anywhere, far_target),
    (InTraining, far_cell),
    (InTraining, deep_sigmoids),
    (InTraining, dead_units),
    (InTraining, solver),
    (InTraining, small_rate),
    (InTraining, moved),
    (InTraining, large_rate),
    (InTraining, over_early),
    (HeldOut, order_of_rows),
    (HeldOut, memory),
    (InTraining, few_updates),
    (InTraining, linear),
    (Anywhere, columns),
];

/// The likeliest cause, and what to try.
pub(crate) fn likeliest(facts: &Facts) -> String {
    let applies = |place: Where| match place {
        Anywhere => true,
        InTraining => facts.fails_in_training,
        HeldOut => !facts.fails_in_training && facts.held_out.is_some(),
    };
    let mut found = CAUSES.iter().filter(|(place, _)| applies(*place));
    found
        .find_map(|(_, cause)| cause(facts))
        .unwrap_or_default()
}

/// Causes that settings alone show, which are beyond doubt.
const SETTINGS: &[(Where, Cause)] = &[
    (Anywhere, out_of_proportion),
    (InTraining, bound),
    (InTraining, alike),
    (Anywhere, unscaled),
    (InTraining, deep_sigmoids),
    (InTraining, dead_units),
    (InTraining, small_rate),
    (InTraining, over_early),
];

/// A cause that is beyond doubt, and what to try.
pub(crate) fn certain(facts: &Facts) -> Option<String> {
    let mut found = SETTINGS
        .iter()
        .filter(|(place, _)| *place == Anywhere || facts.fails_in_training);
    found.find_map(|(_, cause)| cause(facts))
}

/// Nothing to learn: numbers that are all the same.
fn constant_target(facts: &Facts) -> Option<String> {
    let TargetsRef::Values { values, .. } = facts.rows.train.view().targets else {
        return None;
    };
    let mut known = values.iter().filter(|y| !y.is_nan());
    let first = known.next()?;
    known.all(|y| y == first).then(|| {
        "the target is the same in all training rows: choose another `data.target.column`"
            .to_owned()
    })
}

/// A penalty that outweighs a loss of about 1, or another setting beyond all measure.
fn out_of_proportion(facts: &Facts) -> Option<String> {
    let training = &facts.config.training;
    let decay = match training.optimizer.settings.get("weight_decay") {
        Some(Setting::Number(decay)) => *decay,
        Some(Setting::Integer(decay)) => *decay as f64,
        _ => 0.0,
    };
    let penalties = [
        ("`training.l2`", training.l2, 0.1, "1e-4"),
        ("`training.l1`", training.l1, 0.05, "1e-5"),
        (
            "`training.l2_sum`",
            training.l2_sum,
            0.1 * training.batch_size as f64,
            "1e-2",
        ),
        ("`training.optimizer.weight_decay`", decay, 1.0, "0.01"),
    ];
    smaller_setting(facts.config).or_else(|| {
        let (field, value, _, usual) =
            (penalties.into_iter()).find(|(_, value, most, _)| value > most)?;
        Some(format!(
            "{field} {value} leaves the weights next to nothing: try {field} {usual}"
        ))
    })
}

fn bound(facts: &Facts) -> Option<String> {
    let training = &facts.config.training;
    let bounds = [
        ("`training.max_norm`", training.max_norm, 0.05, 3.0),
        ("`training.clip_norm`", training.clip_norm, 1e-6, 1.0),
        ("`training.clip_value`", training.clip_value, 1e-6, 1.0),
    ];
    bounds.into_iter().find_map(|(field, bound, least, usual)| {
        let bound = bound.filter(|bound| *bound < least)?;
        Some(format!(
            "{field} {} is out of proportion: try {field} {usual}",
            figure(bound)
        ))
    })
}

fn dropout(facts: &Facts) -> Option<String> {
    let layers = &facts.config.network.layers;
    let rate = layers
        .iter()
        .filter(|layer| layer.name == "dropout")
        .find_map(|layer| match layer.settings.get("rate") {
            Some(Setting::Number(rate)) if *rate > 0.9 => Some(*rate),
            _ => None,
        })?;
    Some(format!(
        "dropout of {rate} leaves next to nothing: try `mlp.dropout` 0.1"
    ))
}

/// The entry that a setting of a layer names.
fn named(layer: &Choice, setting: &str) -> Option<String> {
    Some(layer.settings.get(setting)?.clone().choice()?.name)
}

fn alike(facts: &Facts) -> Option<String> {
    let layers = &facts.config.network.layers;
    let is_alike = |layer: &Choice| {
        named(layer, "initializer").is_some_and(|name| ["zeros", "constant"].contains(&&*name))
    };
    (layers.len() > 1 && layers.iter().any(is_alike))
        .then(|| "units that begin alike stay alike: try another `mlp.initializer`".to_owned())
}

/// Training rows of one class, where others are held out: rows that are sorted by the target.
fn one_trained_class(facts: &Facts) -> Option<String> {
    let only = |part: DatasetRef| match part.targets {
        TargetsRef::Classes(classes) => {
            let first = *classes.first()?;
            classes.iter().all(|class| *class == first).then_some(first)
        }
        TargetsRef::Values { .. } => None,
    };
    let class = only(facts.rows.train.view())?;
    let class = quote(
        facts
            .rows
            .preprocessing
            .class(class as usize)
            .unwrap_or_default(),
    );
    Some(format!(
        "all training rows are of class {class}, so that no other can be learned: {}",
        match facts.config.data.split.by {
            SplitBy::Random => "give rows of the other classes",
            _ => "try `data.split.by` random",
        }
    ))
}

fn held_out_class(facts: &Facts) -> Option<String> {
    let (name, part) = facts.held_out?;
    one_class(facts.config, facts.rows, name, part)
}

/// Says that the rows of the part `name` are all of one class, where the training rows have more.
pub(crate) fn one_class(
    config: &Config,
    rows: &RunRows,
    name: &str,
    part: DatasetRef,
) -> Option<String> {
    let only = |part: DatasetRef| match part.targets {
        TargetsRef::Classes(classes) => {
            let first = *classes.first()?;
            classes.iter().all(|class| *class == first).then_some(first)
        }
        TargetsRef::Values { .. } => None,
    };
    let class = only(part).filter(|_| only(rows.train.view()).is_none())?;
    let class = quote(rows.preprocessing.class(class as usize).unwrap_or_default());
    let try_it = match (has_file(config, rows, name), &config.data.split.by) {
        (true, _) => format!("draw them from DATA by `data.split.{name}_fraction` 0.1"),
        (false, SplitBy::Random) => format!("try a larger `data.split.{name}_fraction`"),
        (false, _) => "try `data.split.by` random".to_owned(),
    };
    Some(format!(
        "all {name} rows are of class {class}, which judges nothing: {try_it}"
    ))
}

/// Columns in units of the file that are far from 1, or far from each other.
fn unscaled(facts: &Facts) -> Option<String> {
    const LARGE: f64 = 10.0;
    const APART: f64 = 1e3;
    if facts.config.data.fit.scaling != Scaling::None || facts.rows.train.rows() == 0 {
        return None;
    }
    let largest = largest(facts.rows.train.view());
    let numbers = (places(&facts.rows.preprocessing).into_iter())
        .filter(|place| matches!(place.kind, PlaceKind::Number(_)))
        .map(|place| (place.name, largest[place.inputs.start]))
        .filter(|(_, most)| *most > 0.0);
    let of = |order: std::cmp::Ordering| {
        let farther = |a: &(String, f64), b: &(String, f64)| a.1.total_cmp(&b.1) == order;
        numbers
            .clone()
            .reduce(|a, b| if farther(&b, &a) { b } else { a })
    };
    let (least, most) = (
        of(std::cmp::Ordering::Less)?,
        of(std::cmp::Ordering::Greater)?,
    );
    (most.1 > LARGE || most.1 > APART * least.1).then(|| {
        format!(
            "columns stay in the units of the file, up to {} in column {}: standardize them by `data.fit.scaling` \
             standard",
            figure(most.1),
            quote(&most.0)
        )
    })
}

/// Inputs many times larger than any in training.
fn far_inputs(facts: &Facts) -> Option<String> {
    /// Rows with an input so many times as large as the largest of the training rows.
    const TIMES: f64 = 5.0;
    let (name, part) = facts.held_out?;
    let train = facts.rows.train.view();
    let times: Vec<f64> = (largest(part).iter().zip(largest(train)))
        .map(|(ours, theirs)| ours / theirs.max(1.0))
        .collect();
    let numbers = places(&facts.rows.preprocessing);
    let numbers = numbers
        .into_iter()
        .filter(|place| matches!(place.kind, PlaceKind::Number(_)));
    let (place, most) = numbers
        .map(|place| (place.name, times[place.inputs.start]))
        .max_by(|a, b| a.1.total_cmp(&b.1))?;
    (most > TIMES).then(|| {
        format!(
            "column {} of the {name} rows is up to {} times as far out as in training: look at these cells, or try \
             `data.fit.scaling` robust, which bends outliers",
            quote(&place),
            figure(most.round())
        )
    })
}

/// A target far from all others, which sets the scale of all.
fn far_target(facts: &Facts) -> Option<String> {
    const DEVIATIONS: f64 = 15.0;
    const QUARTILE_RANGES: f64 = 50.0;
    let TargetsRef::Values { width, values } = facts.rows.train.view().targets else {
        return None;
    };
    let scaling = &facts.rows.preprocessing.target_scaling;
    // Of outliers that are bent the scale is that of the others.
    let is_set = |scaling: &TargetScaling| {
        scaling.scale != 1.0 && !matches!(scaling.curve, Curve::Bent { .. })
    };
    let is_scaled = scaling.len() == width && scaling.iter().all(is_set);
    let largest = |(i, y): (usize, &f64)| (y.abs(), i);
    let known = values.iter().enumerate().filter(|(_, y)| !y.is_nan());
    let (most, index) = known.map(largest).max_by(|a, b| a.0.total_cmp(&b.0))?;
    let output = index % width;
    let value = facts
        .rows
        .preprocessing
        .in_user_units(output, values[index]);
    let column = values.iter().skip(output).step_by(width);
    let mut sorted: Vec<f64> = column.copied().filter(|y| !y.is_nan()).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let quarter = |quarter| {
        sorted
            .get(sorted.len() * quarter / 4)
            .copied()
            .unwrap_or(0.0)
    };
    let ranges = (values[index] - quarter(2)).abs() / (quarter(3) - quarter(1));
    let distance = match ranges.is_finite() && ranges > QUARTILE_RANGES {
        true => format!("{ranges:.0} quartile ranges from the median"),
        false => format!("{most:.0} deviations from the mean"),
    };
    let is_far = most > DEVIATIONS || (ranges.is_finite() && ranges > QUARTILE_RANGES);
    (is_scaled && is_far).then(|| {
        format!(
            "a target of {} is {distance}, and sets the scale of all: correct or remove the row, or try \
             `network.loss` huber with `data.fit.target_transform` robust",
            figure(value)
        )
    })
}

/// A cell far from all others of its column, beside which these are all alike.
fn far_cell(facts: &Facts) -> Option<String> {
    const DEVIATIONS: f64 = 15.0;
    let train = facts.rows.train.view();
    let places = places(&facts.rows.preprocessing);
    if places.is_empty() {
        return None;
    }
    let largest = largest(train);
    let (place, most) = (places.into_iter())
        .filter(|place| matches!(place.kind, PlaceKind::Number(_)))
        .map(|place| (place.name, largest[place.inputs.start]))
        .max_by(|a, b| a.1.total_cmp(&b.1))?;
    (most > DEVIATIONS).then(|| {
        format!(
            "column {} has a cell {most:.0} deviations from its mean, beside which all others are alike: correct it, \
             or try `data.fit.scaling` robust",
            quote(&place)
        )
    })
}

/// The largest absolute value of each input.
fn largest(rows: DatasetRef) -> Vec<f64> {
    let mut largest = vec![0.0f64; rows.features.width];
    for row in 0..rows.features.rows() {
        // Of sparse rows the others are 0.
        let visit = |column: usize, x: f64| largest[column] = largest[column].max(x.abs());
        rows.features.non_zeros(row, visit);
    }
    largest
}

/// Sigmoids, whose derivative is at most 1/4, so that next to no gradient comes through many.
fn deep_sigmoids(facts: &Facts) -> Option<String> {
    const MANY: usize = 4;
    let is_sigmoid = |layer: &&Choice| {
        let is = |name: String| ["sigmoid", "hard_sigmoid"].contains(&&*name);
        layer.name == "sigmoid" || named(layer, "activation").is_some_and(is)
    };
    let count = facts
        .config
        .network
        .layers
        .iter()
        .filter(is_sigmoid)
        .count();
    (count >= MANY).then(|| {
        format!(
            "next to no gradient comes through {count} layers of sigmoids: try `mlp.activation` relu"
        )
    })
}

fn dead_units(facts: &Facts) -> Option<String> {
    (facts.dead > 0.9).then(|| {
        format!(
            "{:.0} % of the units of a layer are 0 in every row and get no gradient: {}",
            100.0 * facts.dead,
            match facts.config.training.learning_rate > usual_rate(facts) {
                true => smaller_rate(facts.config),
                false => "try `mlp.activation` leaky_relu".to_owned(),
            }
        )
    })
}

fn solver(facts: &Facts) -> Option<String> {
    is_solver(&facts.config.training.optimizer)
        .then(|| "look at the columns, or try another `training.optimizer`".to_owned())
}

fn usual_rate(facts: &Facts) -> f64 {
    let is_linear = facts.config.network.layers.len() == 1;
    let training = &facts.config.training;
    match training.parametrization {
        Parametrization::Ntk => preset::rate_by_ntk(facts.rows.preprocessing.task()),
        _ => preset::learning_rate(&training.optimizer, is_linear).0,
    }
}

fn small_rate(facts: &Facts) -> Option<String> {
    let (rate, usual) = (facts.config.training.learning_rate, usual_rate(facts));
    (rate < usual / 30.0).then(|| {
        let rate = figure(rate);
        format!("`training.learning_rate` {rate} is small: try `training.learning_rate` {usual}")
    })
}

fn large_rate(facts: &Facts) -> Option<String> {
    (facts.config.training.learning_rate > usual_rate(facts)).then(|| smaller_rate(facts.config))
}

fn over_early(facts: &Facts) -> Option<String> {
    let field = match facts.stopped_by {
        Some(StoppedBy::MaxSteps) => "training.stop.max_steps",
        Some(StoppedBy::MaxTime) => "training.stop.max_time",
        _ => return None,
    };
    Some(format!("training was over early: raise `{field}`"))
}

/// More parameters than rows, and rows that are remembered rather than understood.
fn memory(facts: &Facts) -> Option<String> {
    let rows = facts.rows.train.rows();
    let remedy = match facts.config.network.layers.len() {
        1 => "try `training.l2` 0.1, or leave out columns by `data.fit.drop`",
        // The table has a linear model that is no better.
        _ if facts.linear_is_better == Some(false) => "try `training.l2` 0.01, or give more rows",
        _ => "try `mlp.hidden` none, or `training.l2` 0.01",
    };
    (facts.parameters > rows).then(|| {
        format!(
            "{} parameters remember {} training rows, and find nothing that holds for others: {remedy}",
            whole(facts.parameters),
            whole(rows)
        )
    })
}

/// A run of very few updates, none of which is a solver's.
fn few_updates(facts: &Facts) -> Option<String> {
    const FEW: usize = 100;
    let training = &facts.config.training;
    let batches = facts.rows.train.rows().div_ceil(training.batch_size.max(1));
    let updates = batches.saturating_mul(training.epochs);
    (facts.stopped_by == Some(StoppedBy::Epochs) && updates < FEW)
        .then(|| format!("{updates} updates are few: try more `training.epochs`"))
}

fn linear(facts: &Facts) -> Option<String> {
    (facts.linear_is_better == Some(true) && facts.config.network.layers.len() > 1)
        .then(|| format!("a linear model does better: {}", linear_instead(facts)))
}

/// When nothing else is found.
fn columns(facts: &Facts) -> Option<String> {
    let other = match facts.stopped_by {
        _ if !facts.fails_in_training => "give more rows",
        Some(StoppedBy::Patience) => "raise `training.patience`",
        _ => "try more `training.epochs`",
    };
    Some(format!(
        "look at the columns (`thalweg info DATA`), or {other}"
    ))
}
