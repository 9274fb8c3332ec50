//! From a request, a config and what the data are to a resolved config.

use std::path::{Path, PathBuf};

use serde_json::Value;
use thalweg_core::Isa;
use thalweg_core::error::Error;
use thalweg_core::losses::{Comparison, LOSSES, Link};
use thalweg_core::precision::Dtype;
use thalweg_core::registry::Choice;
use thalweg_core::solvers::{self, is_solver};
use thalweg_core::spec::{InSolver, Sampling, TrainingSpec};
use thalweg_data::{Note, Preprocessing, Source, Task};

use crate::config::{Config, DataConfig, FORMAT, IN_MEMORY, OutputBias};
use crate::error::{Result, input};
use crate::fields;
use crate::interval;
use crate::judging;
use crate::numbers;
use crate::preset::{self, Facts, Reason};
use crate::request::{Request, no_validation};
use crate::rows::RunRows;
use crate::smearing;
use crate::start::Start;
use crate::text::whole;

mod data;
mod ensemble;
mod network;
mod range;

pub(crate) use data::{borrowed, data, of_model};
pub(crate) use ensemble::{Beside, ensemble};

/// So that the config means the same in every folder.
fn make_absolute(config: &mut Config) -> Result<()> {
    let absolute = |path: &Path| {
        let fail = |error| input(format!("{}: {error}", path.display()));
        std::path::absolute(path).map_err(fail)
    };
    if config.data.source != IN_MEMORY {
        let in_utf8 = |path: PathBuf| {
            path.into_os_string().into_string().map_err(|path| {
                let found = path.display().to_string();
                Error::invalid("`data.source`", found, "a path in UTF-8")
            })
        };
        match Source::parse(&config.data.source)? {
            Source::Path(path) => config.data.source = in_utf8(absolute(&path)?)?,
            Source::Files(text) => {
                let files = text
                    .split(',')
                    .map(str::trim)
                    .filter(|file| !file.is_empty());
                let files = files.map(|file| Ok(in_utf8(absolute(Path::new(file))?)?));
                config.data.source = files.collect::<Result<Vec<_>>>()?.join(",");
            }
            Source::Stdin | Source::Builtin(_) => {}
        }
    }
    let data = &mut config.data;
    let paths = [
        &mut data.test,
        &mut data.validation,
        &mut data.read.labels,
        &mut config.initial_weights,
        &mut config.continue_from,
    ];
    for path in paths.into_iter().flatten() {
        *path = absolute(path)?;
    }
    Ok(())
}

/// A config with a reason for each choice of the preset, and notes on what was changed.
pub(crate) struct Resolved {
    pub config: Config,
    pub reasons: Vec<Reason>,
    pub notes: Vec<Note>,
}

/// The whole config: the request over the config `base` or, without one, over the preset. `file` is
/// where the base comes from, if it is a file.
pub(crate) fn config(
    request: &Request,
    base: Option<Config>,
    (preset, start): (preset::Chooser, &Start),
    file: Option<&Path>,
    data: DataConfig,
    rows: &RunRows,
) -> Result<Resolved> {
    let preprocessing = &rows.preprocessing;
    data::check_used(request, &data, rows)?;
    if let (Some(base), Some(path)) = (&base, file)
        && base.data == data
    {
        network::check_fits(&base.network, preprocessing, path)?;
    }
    let optimizer = request.optimizer()?;
    let widths = request.hidden();
    let facts = facts(request, rows, optimizer.as_ref(), widths.as_deref());
    let is_new = base.is_none();
    let has_other_data =
        (base.as_ref()).is_some_and(|base| base.continue_from.is_none() && base.data != data);
    let earlier_loss = base.as_ref().map(|base| base.network.loss.name.clone());
    if !request.has_network() {
        network::check_plain(request, base.as_ref().map(|base| &base.network))?;
    }
    let (mut config, mut reasons) = match base {
        Some(base) => (base, Vec::new()),
        None => chosen(&preset, &facts, &data),
    };
    config.data = data_of(data, preprocessing);
    if let (true, Some(limit)) = (is_new, config.data.fit.embed_above) {
        let least = config.data.fit.embed_least;
        preset::embedding(limit, least, &preprocessing.codes(), &mut reasons);
    }

    if has_other_data {
        numbers::forget_all(&mut config.network);
    }
    let of_start = start.apply(&mut config.network, rows, &mut reasons);
    let file = network::apply(request, &mut config.network, rows)?;
    if let Some(ensemble) = &mut config.ensemble {
        ensemble::fit_recipes(ensemble, request, has_other_data, rows)?;
    }
    loss(request, &mut config, is_new, rows, &mut reasons)?;
    let mut notes = training(request, &mut config, &facts, &mut reasons)?;
    let of_numbers = network::note_on_numbers(request, &config.network);
    notes.extend(of_numbers.into_iter().chain(of_start));
    set_image(&mut config, preprocessing)?;
    request.apply_weights(&mut config);
    // Where an output begins depends on what its loss makes of it.
    let has_new_loss = earlier_loss.is_none_or(|earlier| config.network.loss.name != earlier);
    config.output_bias = output_bias(request, &config, has_new_loss, &mut reasons);
    config.init_by_data |= request.has("init_by_data");
    make_absolute(&mut config)?;
    let located = |error| match &file {
        Some(file) => crate::Error::Settings(file.locate(error)),
        None => error.into(),
    };
    config.network = config.network.resolve().map_err(located)?;
    network::check_outputs(&config, preprocessing.output_width())?;
    notes.extend(range::check(&config.network, rows.train.view().targets)?);
    if is_new && !request.has("training.batches.block") {
        set_block(&mut config.training, rows.block);
    }
    config.training = config.training.resolve()?;
    notes.extend(note_on_sparse(&config.training, preprocessing)?);
    check_loss(facts.task, &config.network.loss)?;
    judging::resolve(request, &mut config, facts.task, facts.has_validation)?;
    config.format = FORMAT;
    check_patience(request, &config.data, &facts)?;
    reasons.retain(|reason| !request.chooses(reason.field));
    reasons.splice(0..0, preset.reason());
    Ok(Resolved {
        config,
        reasons,
        notes,
    })
}

/// Batches of rows on disk are drawn by blocks, where they are shuffled. A solver sees all rows at once.
fn set_block(training: &mut TrainingSpec, block: Option<usize>) {
    let is_shuffled = training.batches.sampling == Sampling::Uniform && training.shuffle;
    if is_shuffled && !is_solver(&training.optimizer) {
        training.batches.block = block;
    }
}

/// The size of the images that are augmented, if they are, where the network does not say it.
fn set_image(config: &mut Config, preprocessing: &Preprocessing) -> Result<()> {
    let (network, augment) = (&mut config.network, &config.training.augment);
    let is_image = |image: [usize; 3]| image.iter().product::<usize>() == network.inputs;
    if !augment.is_empty() && !network.image.is_some_and(is_image) {
        network.image = preprocessing.image()?;
    }
    Ok(())
}

/// A note where sparse rows are trained on by time and memory of all columns, and why.
fn note_on_sparse(training: &TrainingSpec, preprocessing: &Preprocessing) -> Result<Option<Note>> {
    if !preprocessing.is_sparse() {
        return Ok(None);
    }
    let chain = solvers::chain(training)?;
    let why = match chain.is_whole() || is_solver(&training.optimizer) {
        true => "needs the gradient of all weights at once",
        false if !chain.skips_zeros() => "also moves weights whose gradient is 0",
        false => return Ok(None),
    };
    Ok(Some(Note::info(format!(
        "sparse rows: an update takes time by all {} columns, and not by what is not 0 alone, because {chain} {why}; gd \
         and adagrad without penalties and averages do not",
        preprocessing.input_width()
    ))))
}

/// What a preset goes by.
fn facts<'a>(
    request: &Request,
    rows: &RunRows,
    optimizer: Option<&'a Choice>,
    hidden: Option<&'a [usize]>,
) -> Facts<'a> {
    Facts {
        task: rows.preprocessing.task(),
        rows: rows.train.rows(),
        has_validation: rows.validation.is_some(),
        refits: request.has("refit"),
        inputs: rows.preprocessing.input_width(),
        optimizer,
        epochs: request.count("training.epochs"),
        hidden,
        is_sparse: rows.preprocessing.is_sparse(),
    }
}

fn check_patience(request: &Request, data: &DataConfig, facts: &Facts) -> Result<()> {
    if request.has("training.patience") && !facts.has_validation {
        let remedy = format!("leave out `patience`, or {}", data.more_validation());
        return Err(no_validation(&remedy).into());
    }
    Ok(())
}

/// What the preset chooses, and why.
fn chosen(preset: &preset::Chooser, facts: &Facts, data: &DataConfig) -> (Config, Vec<Reason>) {
    let chosen = preset.choose(facts);
    let mut config = Config::new(data.clone(), chosen.network, chosen.training);
    config.or_linear = chosen.or_linear;
    config.judging.temperature = chosen.temperature;
    (config, chosen.reasons)
}

/// The fields of the data, with what was found by looking at them.
fn data_of(mut data: DataConfig, preprocessing: &Preprocessing) -> DataConfig {
    let task = preprocessing.task();
    data.target.column = Some(preprocessing.target.columns.join(","));
    data.target.task = Some(task);
    (data.read.columns).clone_from(&preprocessing.readings);
    if task != Task::Regression {
        data.fit.target_transform = None;
        data.fit.clamp = false;
    }
    data
}

/// The loss, the interval that may ask for it, and what both make of the targets.
fn loss(
    request: &Request,
    config: &mut Config,
    is_new: bool,
    rows: &RunRows,
    reasons: &mut Vec<Reason>,
) -> Result<()> {
    let earlier = (!is_new).then(|| config.network.loss.clone());
    match request.loss(earlier.as_ref())? {
        Some(loss) => config.network.loss = loss,
        None => choose(request, &mut config.network.loss, "loss", "network.loss")?,
    }
    config.interval = (request.get("interval").and_then(Value::as_f64)).or(config.interval);
    if let Some(coverage) = config.interval {
        check_interval(coverage, &config.data, rows)?;
        if is_new && !request.chooses("network.loss") {
            preset::interval(&config.network.loss, reasons);
        }
    }
    config.smearing |= request.has("smearing");
    if config.smearing {
        smearing::check(config, rows)?;
    }
    if is_new {
        let (fit, loss) = (&config.data.fit, &config.network.loss);
        preset::target(fit, loss, &rows.preprocessing, reasons);
    }
    Ok(())
}

/// Refuses an interval of what is no number, or without the rows to calibrate it on.
fn check_interval(coverage: f64, data: &DataConfig, rows: &RunRows) -> Result<()> {
    let refuse = |found: String, expected: String, remedy: &str| {
        let error = Error::invalid("`interval`", found, expected);
        Err(error.remedy(remedy).at("interval").into())
    };
    let task = rows.preprocessing.task();
    if task != Task::Regression {
        let remedy = "leave it out; `thalweg predict --proba` tells how sure a model of classes is";
        return refuse(format!("the task {task}"), "regression".to_owned(), remedy);
    }
    let (found, least) = (
        rows.validation.as_ref().map_or(0, interval::known_rows),
        interval::fewest_rows(coverage),
    );
    if found < least {
        let found = whole(found);
        let found = format!("{found} validation rows with a target, to calibrate {coverage} on");
        let remedy = format!("{}, or a smaller interval", data.more_validation());
        return refuse(found, format!("at least {}", whole(least)), &remedy);
    }
    Ok(())
}

/// Where the biases of the output layer start.
fn output_bias(
    request: &Request,
    config: &Config,
    has_new_loss: bool,
    reasons: &mut Vec<Reason>,
) -> OutputBias {
    let set = request.get("output_bias").cloned();
    let set = set.and_then(|value| serde_json::from_value(value).ok());
    match (&config.initial_weights, set, has_new_loss) {
        (Some(_), ..) => OutputBias::Zero,
        (None, Some(output_bias), _) => output_bias,
        (None, None, true) => preset::output_bias(&config.network.loss, reasons),
        (None, None, false) => config.output_bias,
    }
}

/// Puts the entry that the field at `path` names, if it is set, and its settings in the place of
/// `choice`.
fn choose(request: &Request, choice: &mut Choice, section: &str, path: &str) -> Result<()> {
    let chosen = request.choice(path).unwrap_or_else(|| choice.clone());
    *choice = request.with_settings(chosen, section)?;
    Ok(())
}

/// The training as the request changes it, and notes on that.
fn training(
    request: &Request,
    config: &mut Config,
    facts: &Facts,
    reasons: &mut Vec<Reason>,
) -> Result<Vec<Note>> {
    let mut notes = Vec::new();
    config.refit |= request.has("refit");
    config.or_linear |= request.has("or_linear");
    let training = &mut config.training;
    let earlier = training.optimizer.name.clone();
    for (choice, name) in [
        (&mut training.optimizer, "optimizer"),
        (&mut training.schedule, "schedule"),
        (&mut training.decay_schedule, "decay_schedule"),
        (&mut training.dropout_schedule, "dropout_schedule"),
    ] {
        choose(request, choice, name, &format!("training.{name}"))?;
    }
    let solves = is_solver(&training.optimizer);
    if solves {
        check_solver(request, &training.optimizer)?;
        training.schedule = Choice::new("constant");
        let unused = ["learning_rate", "schedule", "batch_size"];
        reasons.retain(|reason| !unused.iter().any(|name| reason.field.ends_with(name)));
    }
    if request.has("continue_from") && earlier != training.optimizer.name {
        let linear = config.network.layers.len() == 1;
        let (rate, why) = preset::learning_rate(&training.optimizer, linear);
        if !request.has("training.learning_rate") && !solves {
            notes.push(Note::info(format!(
                "`training.learning_rate` {rate}, {why}: that of the model, {}, was for {earlier}",
                training.learning_rate
            )));
        }
        training.learning_rate = rate;
    }
    let dtype = dtype(request, Some(training.dtype))?;
    request.apply_training(training)?;
    if request.text(fields::BATCH_SIZE) == Some(fields::ALL) {
        training.batch_size = facts.rows;
    }
    training.dtype = dtype;
    if training.batch_size > facts.rows && !solves {
        notes.push(Note::info(format!(
            "`training.batch_size` {} is more than there are rows to train on: all {} are one batch",
            training.batch_size, facts.rows
        )));
    }
    if training.dtype == Dtype::Bf16 && !Isa::detect().has_bf16() {
        notes.push(Note::info(
            "this CPU has no instruction for products of bf16 numbers: f32 would be faster",
        ));
    }
    Ok(notes)
}

/// Refuses what a solver, which finds its own steps on all rows at once, would leave without
/// effect.
fn check_solver(request: &Request, solver: &Choice) -> Result<()> {
    let unused = request.fields().find_map(|field| match field.solver {
        InSolver::Unused(why) => Some((field.path.as_str(), why)),
        _ => None,
    });
    let schedule =
        (request.has_settings("schedule")).then_some(("training.schedule", "finds its own steps"));
    match unused.or(schedule) {
        Some((path, why)) => {
            let name = path.trim_start_matches("training.");
            let found = format!("the solver {}, which {why}", solver.name);
            let error = Error::invalid(format!("`{name}`"), found, "an optimizer of mini-batches");
            let remedy = format!("leave out `{name}`, or choose another `optimizer`");
            Err(error.remedy(remedy).at(name).into())
        }
        None => Ok(()),
    }
}

/// The precision: the request's, that of solvers if one is named, or the base's.
pub(crate) fn dtype(request: &Request, base: Option<Dtype>) -> Result<Dtype> {
    let set = request.get("training.dtype").cloned();
    let set = set.and_then(|value| serde_json::from_value(value).ok());
    let is_solver = request
        .optimizer()?
        .is_some_and(|choice| is_solver(&choice));
    let double = is_solver.then_some(Dtype::F64);
    Ok(set.or(double).or(base).unwrap_or_default())
}

/// A loss goes with a task when its predictions are what the task asks for.
fn check_loss(task: Task, loss: &Choice) -> Result<()> {
    let fits = |choice: &Choice| {
        LOSSES.build(choice, &()).is_ok_and(|loss| {
            use Comparison::{Classes, DistributionOrClasses, LabelsOrBinary};
            use Comparison::{ProbabilitiesOrBinary, ValuesOrBinary};
            let of_two = matches!(loss.link(), Link::Sigmoid | Link::Margin);
            let of_many = matches!(loss.link(), Link::Softmax | Link::Scores);
            let comparison = loss.comparison();
            match task {
                Task::Regression => matches!(
                    loss.link(),
                    Link::Identity | Link::Exponential | Link::Quantiles(_)
                ),
                Task::Binary => matches!(
                    comparison,
                    ValuesOrBinary | ProbabilitiesOrBinary | LabelsOrBinary
                ),
                Task::Multiclass => {
                    of_many && matches!(comparison, DistributionOrClasses | Classes)
                }
                Task::Multilabel => of_two,
            }
        })
    };
    if fits(loss) {
        return Ok(());
    }
    let names = LOSSES
        .descriptions()
        .into_iter()
        .map(|description| description.name);
    let fitting: Vec<&str> = names.filter(|name| fits(&Choice::new(*name))).collect();
    let expected = format!("{} for the task {task}", fitting.join(" or "));
    let error = Error::invalid("loss", format!("`{}`", loss.name), expected);
    let is_of_amounts = LOSSES.build(loss, &()).is_ok_and(|loss| {
        matches!(
            loss.comparison(),
            Comparison::Values | Comparison::NonNegative
        )
    });
    Err(match is_of_amounts && task != Task::Regression {
        true => error.remedy("to predict amounts, set `data.target.task` to regression"),
        false => error,
    }
    .into())
}
