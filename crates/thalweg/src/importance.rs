//! Which columns a model relies on: how much worse its score gets when the values of a column are
//! permuted among the rows (permutation importance, Breiman 2001; Fisher, Rudin, Dominici 2019), and
//! the coefficients of a linear model in the units of the file.

use std::cmp::Ordering;
use std::ops::Range;

use serde::Serialize;
use thalweg_core::dataset::{DatasetRef, Features, FeaturesRef, Values, ValuesRef};
use thalweg_core::engine::{Batch, Engine, new_generation};
use thalweg_core::losses::Link;
use thalweg_core::metrics::is_better;
use thalweg_core::random::{Purpose, Stream};
use thalweg_core::registry::Description;
use thalweg_data::error::quote;
use thalweg_data::preprocess::Curve;
use thalweg_data::table::number_text;
use thalweg_data::{Preprocessing, Task};

use crate::error::{Result, input};
use crate::places::{Place, PlaceKind, Scale, places};
use crate::scores::{Judge, Scores};

/// How often each column is permuted.
pub const REPEATS: usize = 5;

/// What the catalogue says of it.
pub static DESCRIPTION: Description = Description {
    name: "importance",
    summary: "How much worse the metric gets on validation rows when a column is permuted, 5 times each (`thalweg importance`, `train --importance`)",
    equation: "M(X with column j permuted) − M(X), in the direction that is worse",
    source: "Breiman 2001; Fisher, Rudin & Dominici 2019",
    parameters: &[],
};

/// See the module's text.
#[derive(Debug, Clone, Serialize)]
pub struct Importance {
    /// What rows these are: `validation rows`.
    pub part: String,
    /// How many.
    pub rows: usize,
    /// The metric that gets worse.
    pub metric: &'static str,
    /// Its value with all columns as they are.
    pub score: f64,
    /// A row for each column, the most important first.
    pub columns: Vec<ColumnImportance>,
    /// Of a linear model, what a unit of each column adds to the output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coefficients: Option<Vec<Coefficient>>,
    /// What each value of a coefficient is of: the target, or the class whose log-odds it changes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<String>,
    /// Why a linear model has no coefficients in the units of the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_coefficients: Option<String>,
}

/// How much a column matters.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ColumnImportance {
    /// Its name.
    pub column: String,
    /// How much worse the metric gets without its order: mean over the permutations.
    pub importance: f64,
    /// Standard deviation over the permutations.
    pub deviation: f64,
    /// How much the loss rises: mean over the permutations.
    pub loss: f64,
}

/// What an input adds to the outputs of a linear model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Coefficient {
    /// The input: `age`, `sex=Male`; `intercept` for the constant.
    pub input: String,
    /// One value an output: the target for a unit of the column, or the log-odds of classes.
    pub values: Vec<f64>,
}

/// The importance of every column for the model in `engine`, on rows as the network sees them, by
/// `metric` if it is one of their scores, or else by the first. `name` says which rows these are.
///
/// # Errors
/// If the rows do not fit the network.
pub fn importance(
    engine: &mut dyn Engine,
    preprocessing: &Preprocessing,
    (judge, metric): (&Judge, Option<&str>),
    rows: DatasetRef,
    name: &str,
    seed: u64,
) -> Result<Importance> {
    if matches!(rows.features.values, ValuesRef::Sparse(_)) {
        return Err(input(format!(
            "{name}: sparse rows of {} columns, expected columns that can be permuted one by one",
            rows.features.width
        )));
    }
    let whole = judge.model(engine, rows)?;
    let mut metrics = whole.metrics.iter();
    let asked = metrics.find(|(name, _)| Some(*name) == metric);
    let Some(&(metric, score)) = asked.or(whole.metrics.first()) else {
        return Err(input(format!(
            "{name}: no metric is defined for these rows"
        )));
    };
    let sign = match is_better(metric, 1.0, 0.0)? {
        true => -1.0,
        false => 1.0,
    };
    let difference = |scores: &Scores| Some(sign * (scores.metric(metric)? - score));
    let places = places(preprocessing);
    let mut found = vec![(Vec::new(), Vec::new()); places.len()];
    permute_each(&places, rows, (seed, REPEATS), |place, permuted| {
        let mut predictions = Vec::new();
        let loss = engine.evaluate(&batch(permuted), Some(&mut predictions))?;
        let scores = judge.score(predictions, permuted)?;
        let (worse, losses) = &mut found[place];
        worse.extend(difference(&scores));
        losses.push(loss - whole.loss.unwrap_or(0.0));
        Ok(())
    })?;
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
    let of_place = |(place, (worse, losses)): (Place, (Vec<f64>, Vec<f64>))| {
        let importance = mean(&worse);
        let squares: Vec<f64> = worse.iter().map(|x| (x - importance).powi(2)).collect();
        ColumnImportance {
            column: place.name,
            importance,
            deviation: mean(&squares).sqrt(),
            loss: mean(&losses),
        }
    };
    let mut columns: Vec<ColumnImportance> = places.into_iter().zip(found).map(of_place).collect();
    columns.sort_by(by_importance);
    Ok(Importance {
        part: name.to_owned(),
        rows: rows.features.rows(),
        metric,
        score,
        columns,
        coefficients: None,
        outputs: Vec::new(),
        no_coefficients: None,
    })
}

/// All rows, which are others than those of any batch before.
pub(crate) fn batch(rows: DatasetRef<'_>) -> Batch<'_> {
    Batch {
        generation: new_generation(),
        ..Batch::all(rows)
    }
}

/// Calls `look` with the number of each place and rows whose values there are permuted, `repeats` times each.
pub(crate) fn permute_each(
    places: &[Place],
    rows: DatasetRef,
    (seed, repeats): (u64, usize),
    mut look: impl FnMut(usize, DatasetRef) -> Result<()>,
) -> Result<()> {
    let count = rows.features.rows();
    let mut permuted = Permuted::of(rows.features);
    for (index, Place { inputs, .. }) in places.iter().enumerate() {
        for repeat in 0..repeats {
            let mut order: Vec<usize> = (0..count).collect();
            // No other stream of this purpose has such substreams.
            let substream = 1 + (index * repeats + repeat) as u64;
            Stream::new(seed, Purpose::Split, substream)
                .sequence()
                .shuffle(&mut order);
            permuted.permute(inputs, &order);
            let permuted = DatasetRef {
                features: permuted.changed.view(),
                ..rows
            };
            look(index, permuted)?;
        }
        permuted.permute(inputs, &(0..count).collect::<Vec<_>>());
    }
    Ok(())
}

/// The most important first.
fn by_importance(a: &ColumnImportance, b: &ColumnImportance) -> Ordering {
    (b.importance.total_cmp(&a.importance)).then(b.loss.total_cmp(&a.loss))
}

/// Features of which some are permuted, row-major.
struct Permuted<'a> {
    original: FeaturesRef<'a>,
    changed: Features,
}

impl<'a> Permuted<'a> {
    fn of(original: FeaturesRef<'a>) -> Self {
        let all = || (0..original.rows()).flat_map(|row| original.row(row));
        let values = match original.values {
            ValuesRef::F64(_) => Values::F64(all().collect()),
            // All others have values of single precision.
            _ => Values::F32(all().map(|x| x as f32).collect()),
        };
        let width = original.width;
        Self {
            original,
            changed: Features { width, values },
        }
    }

    /// Gives each row the inputs of the row that `order` has in its place.
    fn permute(&mut self, inputs: &Range<usize>, order: &[usize]) {
        let (original, width) = (self.original, self.original.width);
        let cells = (order.iter().enumerate())
            .flat_map(|(row, from)| inputs.clone().map(move |input| (row, *from, input)));
        for (row, from, input) in cells {
            let (value, to) = (original.value(from, input), row * width + input);
            match &mut self.changed.values {
                Values::F32(values) => values[to] = value as f32,
                Values::F64(values) => values[to] = value,
                _ => {}
            }
        }
    }
}

/// The coefficients of a linear layer, `weights` by outputs and inputs, in the units of the file.
///
/// # Errors
/// Says what is no linear function of what the file has, if an input or a target is none.
pub fn coefficients(
    preprocessing: &Preprocessing,
    weights: &[f64],
    biases: &[f64],
) -> std::result::Result<Vec<Coefficient>, String> {
    let (outputs, inputs) = (preprocessing.output_width(), preprocessing.input_width());
    check_affine(preprocessing)?;
    if weights.len() != outputs * inputs {
        return Err("the layer does not read every column".to_owned());
    }
    let unit = |output| match preprocessing.task() {
        Task::Regression => {
            preprocessing.in_user_units(output, 1.0) - preprocessing.in_user_units(output, 0.0)
        }
        _ => 1.0,
    };
    let mut constants: Vec<f64> = (0..outputs)
        .map(|output| {
            let bias = biases.get(output).copied().unwrap_or(0.0);
            match preprocessing.task() {
                Task::Regression => preprocessing.in_user_units(output, bias),
                _ => bias,
            }
        })
        .collect();
    let names = preprocessing.input_names();
    let mut all = Vec::new();
    for place in places(preprocessing) {
        for (index, input) in place.inputs.enumerate() {
            // The first input of a number is scaled, the others are 0 or 1.
            let (center, scale) = match place.kind {
                PlaceKind::Number(scale) if index == 0 => (scale.center, scale.scale),
                _ => (0.0, 1.0),
            };
            let values: Vec<f64> = (0..outputs)
                .map(|output| weights[output * inputs + input] * scale * unit(output))
                .collect();
            for (constant, value) in constants.iter_mut().zip(&values) {
                *constant -= center * value;
            }
            let name = names.get(input).cloned().unwrap_or_default();
            all.push(Coefficient {
                input: name,
                values,
            });
        }
    }
    all.push(Coefficient {
        input: "intercept".to_owned(),
        values: constants,
    });
    Ok(all)
}

/// What the values of a coefficient are of, for outputs of this link.
pub(crate) fn outputs(preprocessing: &Preprocessing, link: &Link) -> Vec<String> {
    let target = &preprocessing.target;
    match (
        preprocessing.task(),
        &target.classes[..],
        &target.quantiles[..],
    ) {
        (Task::Binary, [_, class], _) => vec![class.clone()],
        (_, [], quantiles @ [_, _, ..]) => {
            let one = |name: &String, quantile: &f64| format!("{name}_q{}", number_text(*quantile));
            let each = |name| quantiles.iter().map(move |quantile| one(name, quantile));
            target.columns.iter().flat_map(each).collect()
        }
        (_, [], _) => match link {
            Link::Exponential => target
                .columns
                .iter()
                .map(|name| format!("ln {name}"))
                .collect(),
            _ => target.columns.clone(),
        },
        (_, classes, _) => classes.to_vec(),
    }
}

/// Says what is no linear function of what the file has.
fn check_affine(preprocessing: &Preprocessing) -> std::result::Result<(), String> {
    let names = &preprocessing.target.columns;
    let mut scalings = preprocessing.target_scaling.iter().zip(names);
    let curved = scalings.find(|(scaling, _)| scaling.curve != Curve::Identity);
    if let Some((scaling, name)) = curved {
        return Err(format!(
            "target {} is learned by {}, and no linear function of the columns",
            quote(name),
            match scaling.curve {
                Curve::Log { .. } => "its logarithm",
                Curve::Quantile { .. } => "its quantiles",
                Curve::Bent { .. } | Curve::Identity => "a curve that bends outliers",
            }
        ));
    }
    for place in places(preprocessing) {
        let why = match place.kind {
            PlaceKind::Number(Scale { bends: true, .. }) => "bends at outliers",
            PlaceKind::Number(_) if place.curve.is_some() => "is scaled by its quantiles",
            PlaceKind::Codes => "is read as codes",
            PlaceKind::Number(_) | PlaceKind::Categories => continue,
        };
        return Err(format!("column {} {why}", quote(&place.name)));
    }
    Ok(())
}
