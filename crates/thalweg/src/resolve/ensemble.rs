//! Whether models are averaged, and what that leaves without meaning.

use thalweg_core::error::Error;
use thalweg_data::SplitBy;

use crate::config::{Config, DataConfig, Ensemble, EnsembleBy};
use crate::error::Result;
use crate::request::Request;

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
    let mut ensemble = base.and_then(|base| base.ensemble);
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
    Ok(ensemble)
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
