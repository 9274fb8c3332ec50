//! Advice on a run that diverged: what is out of proportion, what to try, and what is left. For one
//! that learned nothing, see `causes.rs`.

use thalweg_core::error::Error;
use thalweg_core::registry::Setting;
use thalweg_core::solvers::is_solver;

use crate::config::Config;
use crate::preset;
use crate::run_folder::RunFolder;
use crate::text::figure;

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
    let rate = match is_first {
        true => String::new(),
        false => rate(error, config),
    };
    format!("{error}{rate}; {remedy}; {left}")
}

/// Where the rate of a step is not the one that is set: that one, and what changed it.
fn rate(error: &Error, config: &Config) -> String {
    let (training, own) = (&config.training, config.training.learning_rate);
    let Error::Diverged {
        rate: Some(rate), ..
    } = error
    else {
        return String::new();
    };
    if (rate / own - 1.0).abs() < 1e-3 {
        return String::new();
    }
    let by = match training.schedule.name.as_str() {
        "constant" => "by reductions and scaling".to_owned(),
        name => format!("by `training.schedule` {name}"),
    };
    format!(
        ", which `training.learning_rate` {} has become {by}",
        figure(own).replace(',', "")
    )
}

/// The rate to try is the preset's for this optimizer, or a tenth of the one that failed if that is
/// smaller.
pub(crate) fn smaller_rate(config: &Config) -> String {
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

/// The distance of SAM above which it leaves the weights behind that it looks around.
const FAR: f64 = 100.0;

/// The setting that is out of proportion, if there is one. A penalty is where it would move the
/// weights by more than themselves in an update at the preset's rate (η·λ > 1), so that no smaller
/// rate is the remedy.
pub(crate) fn smaller_setting(config: &Config) -> Option<String> {
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
        "{field}{} is out of proportion: try {field}{usual}",
        figure(value)
    ))
}
