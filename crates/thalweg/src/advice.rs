//! Advice on a run that diverged or learned nothing: what is out of proportion, what to try,
//! and what is left.

use thalweg_core::error::Error;
use thalweg_core::registry::{Choice, Setting};
use thalweg_core::solvers::is_solver;
use thalweg_core::train::StoppedBy;

use crate::config::Config;
use crate::preset;
use crate::run_folder::RunFolder;

/// What happened, what to try, and what is left; `before` updates were done when the run began.
pub fn diverged(
    error: &Error,
    config: &Config,
    before: u64,
    has_model: bool,
    folder: Option<&RunFolder>,
) -> String {
    let is_first = matches!(
        error,
        Error::Diverged { step, quantity: "loss", .. } if *step == before + 1
    );
    let by_solver = is_solver(&config.training.optimizer);
    // What a solver minimizes has its penalty from the start.
    let remedy = match smaller_setting(config) {
        Some(remedy) if by_solver || !is_first => remedy,
        _ if is_first => {
            "that was before the first update: look at the values of the columns (`thalweg info DATA`) and at the \
             weights that it began with"
                .to_owned()
        }
        _ if by_solver => "try a penalty such as `training.l2` 1e-3, or another `training.optimizer`".to_owned(),
        _ => smaller_rate(config),
    };
    let is_in =
        |what: &str| folder.map_or(what.to_owned(), |folder| format!("{what} is in {folder}"));
    let left = match has_model {
        true => is_in("the model of the best epoch before that"),
        false => format!(
            "no epoch ended well, so there is no model; {}",
            is_in("the log")
        ),
    };
    format!("{error}; {remedy}; {left}")
}

/// The rate to try is the preset's for this optimizer, or a tenth of the one that failed if that is
/// smaller.
fn smaller_rate(config: &Config) -> String {
    let linear = config.network.layers.len() == 1;
    let (usual, _) = preset::learning_rate(&config.training.optimizer, linear);
    let rate = usual.min(config.training.learning_rate / 10.0);
    let digits = (2.0 - rate.log10().floor()).clamp(0.0, 300.0) as usize;
    let rate = format!("{rate:.digits$}");
    format!(
        "try `training.learning_rate` {}",
        rate.trim_end_matches('0')
    )
}

/// What to try when training ended well, for the reason `stopped_by`, and the model is no better
/// than a constant.
pub fn useless(config: &Config, stopped_by: Option<StoppedBy>) -> String {
    let training = &config.training;
    if let Some(remedy) = smaller_setting(config) {
        return remedy;
    }
    let bounds = [
        ("`training.max_norm`", training.max_norm, 0.05, 3.0),
        ("`training.clip_norm`", training.clip_norm, 1e-6, 1.0),
        ("`training.clip_value`", training.clip_value, 1e-6, 1.0),
    ];
    for (field, bound, least, usual) in bounds {
        if let Some(bound) = bound.filter(|bound| *bound < least) {
            return format!("{field} {bound:e} is out of proportion: try {field} {usual}");
        }
    }
    let setting = |layer: &Choice, name: &str| layer.settings.get(name).cloned();
    let layers = &config.network.layers;
    let rates = layers
        .iter()
        .filter_map(|layer| match setting(layer, "rate") {
            Some(Setting::Number(rate)) if layer.name == "dropout" => Some(rate),
            _ => None,
        });
    if let Some(rate) = rates.into_iter().find(|rate| *rate > 0.9) {
        return format!("dropout of {rate} leaves next to nothing: try `mlp.dropout` 0.1");
    }
    let is_alike = |layer: &Choice| {
        let initializer = setting(layer, "initializer").and_then(|setting| setting.choice());
        initializer.is_some_and(|choice| ["zeros", "constant"].contains(&choice.name.as_str()))
    };
    if layers.len() > 1 && layers.iter().any(is_alike) {
        return "units that begin alike stay alike: try another `mlp.initializer`".to_owned();
    }
    if is_solver(&training.optimizer) {
        return "look at the columns, or try another `training.optimizer`".to_owned();
    }
    let (usual, _) = preset::learning_rate(&training.optimizer, layers.len() == 1);
    match (training.learning_rate, stopped_by) {
        (rate, _) if rate < usual / 30.0 => {
            format!(
                "`training.learning_rate` {rate:e} is small: try `training.learning_rate` {usual}"
            )
        }
        (rate, _) if rate > usual => smaller_rate(config),
        (_, Some(StoppedBy::MaxSteps)) => {
            "training was over early: raise `training.stop.max_steps`".to_owned()
        }
        (_, Some(StoppedBy::MaxTime)) => {
            "training was over early: raise `training.stop.max_time`".to_owned()
        }
        (_, Some(StoppedBy::Patience)) => {
            "look at the columns (`thalweg info DATA`), or raise `training.patience`".to_owned()
        }
        _ => "look at the columns (`thalweg info DATA`), or try more `training.epochs`".to_owned(),
    }
}

/// The distance of SAM above which it leaves the weights behind that it looks around.
const FAR: f64 = 100.0;

/// The setting that is out of proportion, if there is one. A penalty is where it would move the
/// weights by more than themselves in an update at the preset's rate (η·λ > 1), so that no smaller
/// rate is the remedy.
fn smaller_setting(config: &Config) -> Option<String> {
    let training = &config.training;
    let (usual, _) = preset::learning_rate(&training.optimizer, false);
    let most = 1.0 / usual.min(1.0);
    let decay = match training.optimizer.settings.get("weight_decay") {
        Some(Setting::Number(decay)) => *decay,
        Some(Setting::Integer(decay)) => *decay as f64,
        _ => 0.0,
    };
    let rows = training.batch_size as f64;
    let all = [
        ("`training.sam` ", training.sam.unwrap_or(0.0), FAR, "0.05"),
        ("`training.l2` ", training.l2, most, "1e-4"),
        ("`training.l1` ", training.l1, most, "1e-5"),
        ("`training.l2_sum` ", training.l2_sum, most * rows, "1e-2"),
        ("`optimizer.weight_decay` ", decay, most, "0.01"),
    ];
    let (field, value, _, usual) = all.into_iter().find(|(_, value, most, _)| value > most)?;
    Some(format!(
        "{field}{value:e} is out of proportion: try {field}{usual}"
    ))
}
