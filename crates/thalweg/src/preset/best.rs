//! `--preset best`: an ensemble of the recipes that win a race (`race.rs`). Here is what is raced: the
//! recipe of `auto`, or that of `fast` where it takes its place, and others beside it.

use std::borrow::Cow;

use thalweg_core::error::Error;
use thalweg_core::registry::{Choice, Setting};
use thalweg_core::spec::NetworkSpec;
use thalweg_data::SplitBy;

use super::{Facts, fast};
use crate::config::{Config, DataConfig, Ensemble, EnsembleBy, Recipe};
use crate::error::Result;
use crate::numbers;
use crate::or_linear;
use crate::request::Request;
use crate::rows::RunRows;
use crate::selection;

/// Members of the ensemble: what the race, about four trainings, leaves of the budget, an even number.
const MEMBERS: std::ops::RangeInclusive<usize> = 4..=16;
const RACE: usize = 4;
/// Default budget, in full trainings.
const TRAININGS: f64 = 10.0;
/// Deviation of the frequencies of the periodic embedding: some periods within a column.
const FREQUENCIES: f64 = 0.6;
const PENALTY: f64 = 1e-3;
/// Of the weights of the recipe `l2 penalty`.
const SHRINKAGE: f64 = 3e-4;

/// What a race and the trainings after it may cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Budget {
    /// In trainings in full.
    Trainings(f64),
    /// In seconds.
    Seconds(f64),
}

/// Whether a request asks for this preset.
pub(crate) fn is_asked(request: &Request) -> bool {
    request.text("preset") == Some("best")
}

/// What may be spent, if anything is to be raced.
///
/// # Errors
/// If the budget is neither a number of trainings nor one of seconds, or has nothing to be spent on.
pub(crate) fn budget(request: &Request) -> Result<Option<Budget>> {
    let text = request.text("budget");
    let expected = "a number of trainings from 6 on, or seconds such as 60s";
    let refuse = |found: &str, expected: &str| {
        let error = Error::invalid("`budget`", found, expected);
        Err(error.at("budget").into())
    };
    if !is_asked(request) {
        return match text {
            Some(_) => refuse("another preset", "`preset` best beside it"),
            None => Ok(None),
        };
    }
    let Some(text) = text else {
        return Ok(Some(Budget::Trainings(TRAININGS)));
    };
    let (number, is_time) = match text.strip_suffix('s') {
        Some(number) => (number, true),
        None => (text, false),
    };
    match number.parse::<f64>() {
        Ok(seconds) if is_time && seconds.is_finite() && seconds > 0.0 => {
            Ok(Some(Budget::Seconds(seconds)))
        }
        Ok(count) if !is_time && count.is_finite() && count >= 6.0 => {
            Ok(Some(Budget::Trainings(count)))
        }
        _ => refuse(&format!("{text:?}"), expected),
    }
}

/// The ensemble of a race: members by folds where the rows may be dealt.
///
/// # Errors
/// Names a field that leaves nothing to race, or no rows to judge it on.
pub(crate) fn ensemble(
    request: &Request,
    data: &DataConfig,
    is_borrowed: bool,
) -> Result<Ensemble> {
    let fraction = "data.split.validation_fraction";
    let is_none = request.get(fraction).and_then(|value| value.as_f64()) == Some(0.0);
    let sections = [
        "optimizer",
        "schedule",
        "loss",
        "initializer",
        "activation",
        "embed_numbers",
    ];
    let is_own = |path: &str| {
        let (of_all, tables) = (["training.seed", "training.dtype"], ["mlp.", "training."]);
        let is_of_recipe = tables.iter().any(|table| path.starts_with(table));
        is_of_recipe && !of_all.contains(&path) || super::OF_ONE_PIECE.contains(&path)
    };
    let mut given = request.fields().map(|field| field.path.as_str());
    let given = match sections
        .iter()
        .find(|section| request.has_settings(section))
    {
        Some(_) => Some("setting"),
        None if request.has_network() => Some("mlp.file"),
        None => given.find(|path| is_own(path)),
    };
    if let Some(path) = given.or(is_none.then_some(fraction)) {
        let expected =
            "none beside `preset` best, which compares networks and rates on validation rows";
        let error = Error::invalid(format!("`{path}`"), "a setting", expected);
        let remedy = format!("leave out `{path}`, or take `ensemble.members` without it");
        return Err(error.remedy(remedy).at(path).into());
    }
    let trainings = match budget(request)? {
        Some(Budget::Trainings(trainings)) => trainings as usize,
        _ => 0,
    };
    let members = trainings.saturating_sub(RACE) / 2 * 2;
    let has_own = data.validation.is_some() || request.has(fraction) || is_borrowed;
    Ok(Ensemble {
        members: members.clamp(*MEMBERS.start(), *MEMBERS.end()),
        by: match data.split.by == SplitBy::Random && !has_own {
            true => EnsembleBy::Folds,
            false => EnsembleBy::Seeds,
        },
        folds: None,
        recipes: Vec::new(),
    })
}

/// A recipe with its name.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    pub name: Cow<'static, str>,
    pub recipe: Recipe,
}

/// What is raced: the recipe of the config first, and those of which it differs from them.
///
/// # Errors
/// If a recipe does not suit the rows.
pub(crate) fn portfolio(config: &Config, rows: &RunRows) -> Result<Vec<Candidate>> {
    let own = Recipe {
        network: config.network.clone(),
        training: config.training.clone(),
    };
    let candidate = |name: &'static str, recipe| Candidate {
        name: name.into(),
        recipe,
    };
    let changed = |name, change: &dyn Fn(&mut NetworkSpec)| {
        let mut recipe = own.clone();
        change(&mut recipe.network);
        candidate(name, recipe)
    };
    let linear = or_linear::linear(config, rows, PENALTY);
    let linear = Recipe {
        network: linear.network,
        training: linear.training,
    };
    let mut all = vec![
        candidate("auto", own.clone()),
        changed("scale only", &|network| {
            network.layers.retain(|layer| !numbers::embeds(layer));
        }),
        changed("periodic", &periodic),
        changed("wide", &|network| widen(network, |units| 2 * units)),
        candidate("no dropout", without_dropout(&own, 0.0)),
        candidate("l2 penalty", without_dropout(&own, SHRINKAGE)),
        candidate("plain", plain(config, rows)),
        candidate("linear", linear),
    ];
    for candidate in &mut all {
        let recipe = &mut candidate.recipe;
        numbers::fill_all(&mut recipe.network, rows)?;
        recipe.network = recipe.network.resolve()?;
        recipe.training = recipe.training.resolve()?;
    }
    let mut different: Vec<Candidate> = Vec::new();
    for candidate in all {
        if different
            .iter()
            .all(|other| other.recipe != candidate.recipe)
        {
            different.push(candidate);
        }
    }
    Ok(different)
}

/// A recipe on the columns (places) that are kept.
///
/// # Errors
/// If it does not suit the rows.
pub(crate) fn on_columns(
    candidate: &Candidate,
    kept: &[bool],
    rows: &RunRows,
) -> Result<Candidate> {
    let mut recipe = candidate.recipe.clone();
    selection::keep(&mut recipe.network, kept, rows)?;
    recipe.network = recipe.network.resolve()?;
    let (some, all) = (kept.iter().filter(|is_kept| **is_kept).count(), kept.len());
    Ok(Candidate {
        name: format!("{} on {some} of {all} columns", candidate.name).into(),
        recipe,
    })
}

/// The embedding of numbers by cosines in the place of the piecewise-linear one.
fn periodic(network: &mut NetworkSpec) {
    let embeddings = network
        .layers
        .iter_mut()
        .filter(|layer| numbers::embeds(layer));
    for layer in embeddings {
        *layer = Choice::new("periodic")
            .with("sigma", Setting::Number(FREQUENCIES))
            .with("width", Setting::Integer(3));
    }
}

/// Without dropout, of which signals without much noise have more harm than use; with a penalty on the weights, where
/// few of many columns matter.
fn without_dropout(recipe: &Recipe, l2: f64) -> Recipe {
    let mut recipe = recipe.clone();
    recipe
        .network
        .layers
        .retain(|layer| layer.name != "dropout");
    recipe.training.l2 = l2;
    recipe
}

/// Other widths of the hidden layers.
fn widen(network: &mut NetworkSpec, units: impl Fn(i64) -> i64) {
    let dense = network
        .layers
        .iter_mut()
        .filter(|layer| layer.name == "dense");
    let mut dense: Vec<&mut Choice> = dense.collect();
    dense.pop();
    for layer in dense {
        if let Some(Setting::Integer(own)) = layer.settings.get("units") {
            let units = Setting::Integer(units(*own));
            layer.settings.insert("units".to_owned(), units);
        }
    }
}

/// The recipe of `fast`, on inputs as they are; an embedding of categories stays.
fn plain(config: &Config, rows: &RunRows) -> Recipe {
    let fast = fast::choose(&Facts {
        task: rows.preprocessing.task(),
        rows: rows.train.rows(),
        inputs: config.network.inputs,
        has_validation: true,
        refits: false,
        optimizer: None,
        epochs: None,
        hidden: None,
        is_sparse: false,
    });
    let mut network = NetworkSpec {
        inputs: config.network.inputs,
        image: config.network.image,
        loss: config.network.loss.clone(),
        ..fast.network
    };
    let categories = config
        .network
        .layers
        .first()
        .filter(|layer| layer.name == "embedding");
    if let (Some(last), Some(own)) = (network.layers.last_mut(), config.network.layers.last()) {
        let units = own.settings.get("units").cloned();
        last.settings
            .extend(units.map(|units| ("units".to_owned(), units)));
    }
    network.layers.splice(..0, categories.cloned());
    let mut training = fast.training;
    training.dtype = config.training.dtype;
    training.seed = config.training.seed;
    Recipe { network, training }
}
