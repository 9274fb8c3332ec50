//! Where rows come from, and what becomes of them.

use thalweg_core::error::Error;
use thalweg_core::precision::Dtype;
use thalweg_core::solvers::is_solver;
use thalweg_data::error::quote;
use thalweg_data::{Source, SplitBy, TargetTransform, Task};

use crate::config::{Config, DataConfig, IN_MEMORY};
use crate::continuation::Continuation;
use crate::error::Result;
use crate::model::Description;
use crate::preset;
use crate::request::Request;
use crate::rows::RunRows;

/// Where rows come from: the request over the config over the defaults.
pub fn data(request: &Request, base: Option<&Config>) -> Result<DataConfig> {
    let mut data = match (base, &request.source) {
        (Some(base), _) => base.data.clone(),
        (None, Some(source)) => DataConfig::of(source),
        (None, None) => {
            let error = Error::invalid(
                "`data.source`",
                "nothing",
                "a file, a folder, or builtin:digits",
            );
            return Err(error
                .remedy(
                    "or give `options.base` FILE, or `options.resume` with `options.output` DIR",
                )
                .into());
        }
    };
    if let Some(source) = &request.source {
        data.source.clone_from(source);
    }
    Source::parse(&data.source)?;
    request.apply("data", &mut data)?;
    if let Some(seed) = request.get("training.seed").and_then(|seed| seed.as_u64()) {
        data.split.seed = seed;
    }
    data.fit.embed_above = embed_above(request, base, &data)?;
    // A config that has none is from before there was a choice.
    if base.is_none() && data.fit.standardize_target && data.fit.target_transform.is_none() {
        data.fit.target_transform = Some(TargetTransform::Auto);
    }
    check_fractions(&data)?;
    check_column_of_parts(request, &data)?;
    Ok(data)
}

/// A column that names the parts leaves fractions without effect.
fn check_column_of_parts(request: &Request, data: &DataConfig) -> Result<()> {
    let SplitBy::Column(name) = &data.split.by else {
        return Ok(());
    };
    let paths = ["data.split.test_fraction", "data.split.validation_fraction"];
    // A fraction of 0 means that there are no such rows.
    let sets = |path: &&str| request.get(path).and_then(|value| value.as_f64()) > Some(0.0);
    match paths.into_iter().find(sets) {
        Some(path) => {
            let found = format!("beside the column {}, which names the parts", quote(name));
            let error = Error::invalid(format!("`{path}`"), found, "one of them");
            let remedy = format!("leave out `{path}` or `data.split.by`");
            Err(error.remedy(remedy).at(path).into())
        }
        None => Ok(()),
    }
}

/// The data part of a config whose rows a program lends.
pub fn borrowed(request: &Request) -> Result<DataConfig> {
    // Such rows are taken as they are.
    let is_for_tables =
        |path: &str| path.starts_with("data.fit.") || path.starts_with("data.read.");
    if let Some(field) = request.fields().find(|field| is_for_tables(&field.path)) {
        let expected = "rows of a file, which alone are read and fitted";
        let error = Error::invalid(format!("`{}`", field.path), "borrowed rows", expected);
        let remedy = "leave it out; weights of rows and classes go in with the rows";
        return Err(error.remedy(remedy).at(&field.path).into());
    }
    let mut data = DataConfig::of(IN_MEMORY);
    request.apply("data", &mut data)?;
    (data.split.test_fraction, data.split.validation_fraction) = (0.0, 0.0);
    Ok(data)
}

/// The config of a continued run: the settings of the model, and the rows that the request names.
pub fn of_model(request: &Request, model: &Continuation) -> Result<Config> {
    let mut data = data(request, None)?;
    let Description {
        training, outcome, ..
    } = model.description();
    // What was trained without such rows goes on without them.
    if outcome.rows.validation == 0 && !request.has("data.split.validation_fraction") {
        data.split.validation_fraction = 0.0;
    }
    if outcome.rows.test == 0 && !request.has("data.split.test_fraction") {
        data.split.test_fraction = 0.0;
    }
    if !request.has("training.seed") {
        data.split.seed = training.seed;
    }
    let mut config = model.config(data);
    // A linear model that took a network's place answers in its precision.
    if is_solver(&config.training.optimizer) {
        config.training.dtype = Dtype::F64;
    }
    request.apply("extend", &mut config.extend)?;
    Ok(config)
}

/// Above how many categories columns become codes: what the request or the config has, else the
/// preset. Never for a network that does not begin with an embedding: a linear one, or one of
/// layers without it.
fn embed_above(
    request: &Request,
    base: Option<&Config>,
    data: &DataConfig,
) -> Result<Option<usize>> {
    if request.has("data.fit.embed_above") {
        return Ok(data.fit.embed_above);
    }
    let embeds = match request.network()? {
        Some(file) => file.embeds(),
        None => request.hidden().is_none_or(|widths| !widths.is_empty()),
    };
    let usual = base.map_or(Some(preset::EMBED_ABOVE), |base| base.data.fit.embed_above);
    Ok(usual.filter(|_| embeds))
}

fn check_fractions(data: &DataConfig) -> Result<()> {
    let of = |file: bool, fraction: f64| if file { 0.0 } else { fraction };
    let test = of(data.test.is_some(), data.split.test_fraction);
    let validation = of(data.validation.is_some(), data.split.validation_fraction);
    let paths = ["data.split.test_fraction", "data.split.validation_fraction"];
    for (path, fraction) in paths.into_iter().zip([test, validation]) {
        if !(0.0..1.0).contains(&fraction) {
            let expected = "a number ≥ 0 and < 1";
            let error = Error::invalid(format!("`{path}`"), fraction.to_string(), expected);
            return Err(error.at(path).into());
        }
    }
    if test + validation >= 1.0 {
        let expected = format!("less than 1 together with `{}` {validation}", paths[1]);
        let error = Error::invalid(format!("`{}`", paths[0]), test.to_string(), expected);
        return Err(error.remedy("leave rows to train on").into());
    }
    Ok(())
}

/// Refuses what the data would leave without effect.
pub fn check_used(request: &Request, data: &DataConfig, rows: &RunRows) -> Result<()> {
    if request.has("refit") && rows.validation.is_none() && rows.test.is_none() {
        let expected = "rows that are not trained on";
        let error = Error::invalid("`refit`", "no validation and no test rows", expected);
        return Err(error.remedy("leave out `refit`").at("refit").into());
    }
    if request.has("or_linear") && rows.validation.is_none() {
        let expected = "validation rows, which choose between the two";
        let error = Error::invalid("`or_linear`", "no validation rows", expected);
        let remedy = format!("leave out `or_linear`, or {}", data.more_validation());
        return Err(error.remedy(remedy).at("or_linear").into());
    }
    let task = rows.preprocessing.task();
    if data.fit.class_weight.is_some() && !matches!(task, Task::Binary | Task::Multiclass) {
        let found = format!("the task {task}");
        let path = "data.fit.class_weight";
        let error = Error::invalid(format!("`{path}`"), found, "binary or multiclass");
        let remedy = "leave it out, or choose another `data.target.task`";
        return Err(error.remedy(remedy).at(path).into());
    }
    let mut of_numbers = ["data.fit.target_transform", "data.fit.clamp"].into_iter();
    if let Some(path) = of_numbers.find(|path| request.has(path))
        && task != Task::Regression
    {
        let found = format!("the task {task}");
        let error = Error::invalid(format!("`{path}`"), found, "regression");
        let remedy = "leave it out, or choose another `data.target.task`";
        return Err(error.remedy(remedy).at(path).into());
    }
    let targets = &rows.preprocessing.target.columns;
    if let Some(name) = data.fit.drop.iter().find(|name| targets.contains(name)) {
        let found = format!("the target {}", quote(name));
        let expected = "columns that are not the target";
        let error = Error::invalid("`data.fit.drop`", found, expected);
        let remedy = "keep it, or choose another column by `data.target.column`";
        return Err(error.remedy(remedy).at("data.fit.drop").into());
    }
    let is_official = rows.has_own_test && data.test.is_none();
    let path = "data.split.test_fraction";
    if request.has(path) && is_official {
        let found = format!("{} with its own test part", data.source);
        let error = Error::invalid(format!("`{path}`"), found, "data without one");
        return Err(error.remedy(format!("leave out `{path}`")).at(path).into());
    }
    Ok(())
}
