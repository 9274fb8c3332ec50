//! Whether models are averaged, and what that leaves without meaning.

use thalweg_core::error::Error;
use thalweg_data::SplitBy;

use crate::config::{Config, DataConfig, Ensemble, EnsembleBy};
use crate::error::Result;
use crate::numbers;
use crate::preset;
use crate::request::Request;
use crate::rows::RunRows;

use super::network;

/// What of a run has no place beside an ensemble, whatever its rows.
pub(crate) struct Beside {
    /// Whether the rows are lent by a program.
    pub is_borrowed: bool,
    /// Whether the checkpoint is to stay.
    pub keeps_checkpoint: bool,
    /// Whether updates are to be recorded.
    pub logs_steps: bool,
    /// Whether the loss is none of the catalogue.
    pub has_own_loss: bool,
}

/// The ensemble that is asked for, if one is; its folds go into how rows are split.
///
/// # Errors
/// Names the field that has no meaning beside it.
pub(crate) fn ensemble(
    request: &Request,
    base: Option<&Config>,
    data: &mut DataConfig,
    beside: &Beside,
) -> Result<Option<Ensemble>> {
    data.split.validation_folds = None;
    let mut ensemble = base.and_then(|base| base.ensemble.clone());
    if base.is_none() && preset::best::is_asked(request) {
        ensemble = Some(preset::best::ensemble(request, data, beside.is_borrowed)?);
    }
    if request.has("ensemble.members") || ensemble.is_some() {
        request.apply("ensemble", &mut ensemble)?;
    }
    let Some(asked) = ensemble else {
        return Ok(None);
    };
    if asked.members < 2 {
        let error = Error::invalid("`ensemble.members`", asked.members.to_string(), "2 or more");
        return Err(error.at("ensemble.members").into());
    }
    check_recipes(request, &asked)?;
    let is_set = |path: &str| request.has(path);
    let refit = is_set("refit") || base.is_some_and(|base| base.refit);
    let goes_on = is_set("continue_from") || base.is_some_and(|base| base.continue_from.is_some());
    refuse_any([
        (
            "refit",
            refit,
            "members are trained once; by folds every row trains",
        ),
        ("continue_from", goes_on, "members begin anew"),
        (
            "or_linear",
            is_set("or_linear"),
            "members are networks of one kind",
        ),
        (
            "options.keep_checkpoint",
            beside.keeps_checkpoint,
            "an ensemble is not continued",
        ),
        (
            "options.log_steps",
            beside.logs_steps,
            "the log has the epochs of members",
        ),
        (
            "options.loss",
            beside.has_own_loss,
            "each member needs a loss of its own",
        ),
    ])?;
    if asked.by == EnsembleBy::Folds {
        let fraction = "data.split.validation_fraction";
        let is_split = data.split.by != SplitBy::Random;
        refuse_any([
            (
                "data.validation",
                data.validation.is_some(),
                "each row validates in its fold",
            ),
            (fraction, is_set(fraction), "each row validates in its fold"),
            (
                "data.split.by",
                is_split,
                "folds are dealt; group them by `data.split.group`",
            ),
            (
                "ensemble.by",
                beside.is_borrowed,
                "rows in memory have members by seeds alone",
            ),
        ])?;
        data.split.validation_folds = asked.folds();
    }
    Ok(Some(asked))
}

/// Refuses to change one of several recipes, and members that cannot be equal parts of them.
fn check_recipes(request: &Request, ensemble: &Ensemble) -> Result<()> {
    let count = ensemble.recipes.len();
    if count == 0 {
        return Ok(());
    }
    let of_recipes = |path: &str| {
        let tables = ["mlp.", "network.", "training."];
        path != "training.seed" && tables.iter().any(|table| path.starts_with(table))
    };
    let changed = request.fields().find(|field| of_recipes(&field.path));
    let (path, found) = match changed {
        Some(field) => (
            field.path.as_str(),
            "a config of several recipes".to_owned(),
        ),
        None if !ensemble.members.is_multiple_of(count) => (
            "ensemble.members",
            format!("{} members of {count} recipes", ensemble.members),
        ),
        None => return Ok(()),
    };
    let error = Error::invalid(
        format!("`{path}`"),
        found,
        "as many members of each, as it is",
    );
    let remedy = "leave it out, or change the recipes in the config file";
    Err(error.remedy(remedy).at(path).into())
}

/// Fits the recipes of an ensemble to rows, which may be of other data than those that it was written for.
pub(super) fn fit_recipes(
    ensemble: &mut Ensemble,
    request: &Request,
    has_other_data: bool,
    rows: &RunRows,
) -> Result<()> {
    for recipe in &mut ensemble.recipes {
        if has_other_data {
            numbers::forget_all(&mut recipe.network);
        }
        network::apply(request, &mut recipe.network, rows)?;
        recipe.network = recipe.network.resolve()?;
        recipe.training = recipe.training.resolve()?;
    }
    Ok(())
}

/// Refuses the first that is there: (path, whether it is there, why not).
fn refuse_any<const N: usize>(all: [(&str, bool, &str); N]) -> Result<()> {
    match all.into_iter().find(|(_, is_there, _)| *is_there) {
        Some((path, _, why)) => {
            let error = Error::invalid(format!("`{path}`"), "an ensemble beside it", "one of them");
            let remedy = format!("leave it out: {why}");
            Err(error.remedy(remedy).at(path).into())
        }
        None => Ok(()),
    }
}
