//! From arguments, a config file and what the data are to a resolved config.

use std::path::Path;

use thalweg_core::Isa;
use thalweg_core::error::Error;
use thalweg_core::precision::Dtype;
use thalweg_core::registry::Choice;
use thalweg_core::solvers::is_solver;
use thalweg_core::spec::{NetworkSpec, TrainingSpec};
use thalweg_data::{Note, Prepared, Source};

use crate::args::TrainArgs;
use crate::choices::{check_loss, has_settings, hidden, with_settings};
use crate::exit::{Failure, Result};
use thalweg::config::{Config, DataConfig, OutputBias};
use thalweg::network_file::NetworkFile;
use thalweg::preset::{self, Facts, Reason};

mod data;
mod network;

use data::check_used;
pub use data::{data, of_model};
use network::{check_fits, check_outputs, check_plain, embed, shape};

/// So that the config means the same in every folder.
fn make_absolute(config: &mut Config) -> Result<()> {
    let absolute = |path: &Path| {
        let fail = |error| Failure::input(format!("{}: {error}", path.display()));
        std::path::absolute(path).map_err(fail)
    };
    if let Source::Path(path) = Source::parse(&config.data.source)? {
        config.data.source = absolute(&path)?
            .into_os_string()
            .into_string()
            .map_err(|path| {
                Error::invalid("DATA", path.display().to_string(), "a path in UTF-8")
            })?;
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

/// The whole config: the arguments over the config file or, without one, over the preset. Reasons are given
/// for what the preset chose, and notes for what was changed.
pub fn config(
    args: &TrainArgs,
    base: Option<Config>,
    data: DataConfig,
    prepared: &Prepared,
) -> Result<(Config, Vec<Reason>, Vec<Note>)> {
    let mut notes = Vec::new();
    let preprocessing = &prepared.preprocessing;
    check_used(args, &data, prepared)?;
    if let (Some(base), Some(path)) = (&base, &args.config)
        && base.data == data
    {
        check_fits(&base.network, preprocessing, path)?;
    }
    if args.network.is_none() {
        check_plain(args, base.as_ref().map(|base| &base.network))?;
    }
    let widths = hidden(args)?;
    let optimizer = named_optimizer(args)?;
    let facts = Facts {
        task: preprocessing.task(),
        rows: prepared.train.rows(),
        has_validation: prepared.validation.is_some(),
        optimizer: optimizer.as_ref(),
        epochs: args.epochs,
        hidden: widths.as_deref(),
    };
    let is_new = base.is_none();
    let (mut config, mut reasons) = match base {
        Some(base) => (base, Vec::new()),
        None => from_preset(&facts, data.clone()),
    };
    config.data = data;
    config.data.target.column = Some(preprocessing.target.columns.join(","));
    config.data.target.task = Some(facts.task);

    let codes = preprocessing.codes();
    let fit = &config.data.fit;
    if let (true, Some(limit)) = (is_new, fit.embed_above) {
        preset::embedding(limit, fit.embed_least, &codes, &mut reasons);
    }
    let network = &mut config.network;
    let earlier_loss = network.loss.clone();
    network.inputs = preprocessing.input_width();
    let file = (args.network.as_deref())
        .map(NetworkFile::read)
        .transpose()?;
    match &file {
        Some(file) => {
            (network.image, network.layers) = file.resolve(
                &preprocessing.input_shape(),
                &codes,
                preprocessing.output_width(),
            )?;
        }
        None => {
            let outputs = preprocessing.output_width();
            shape(network, args, widths.as_deref(), outputs)?;
            embed(network, &codes);
        }
    }
    let choose = |choice: &mut Choice, name: &Option<String>, section| -> Result<()> {
        let chosen = name.as_ref().map_or_else(|| choice.clone(), Choice::new);
        *choice = with_settings(chosen, section, &args.set)?;
        Ok(())
    };
    choose(&mut network.loss, &args.loss, "loss")?;
    let linear = network.layers.len() == 1;
    let training = &mut config.training;
    let earlier = training.optimizer.name.clone();
    choose(&mut training.optimizer, &args.optimizer, "optimizer")?;
    choose(&mut training.schedule, &args.schedule, "schedule")?;
    if is_solver(&training.optimizer) {
        check_solver(args, &training.optimizer)?;
        training.schedule = Choice::new("constant");
        reasons.retain(|reason| !["lr", "schedule", "batch-size"].contains(&reason.flag));
    }
    if args.continue_from.is_some() && earlier != training.optimizer.name {
        let (rate, why) = preset::learning_rate(&training.optimizer, linear);
        if args.lr.is_none() && !is_solver(&training.optimizer) {
            notes.push(Note::info(format!(
                "--lr {rate}, {why}: that of the model, {}, was for {earlier}",
                training.learning_rate
            )));
        }
        training.learning_rate = rate;
    }
    training.learning_rate = args.lr.unwrap_or(training.learning_rate);
    training.batch_size = args.batch_size.unwrap_or(training.batch_size);
    if training.batch_size > facts.rows && !is_solver(&training.optimizer) {
        notes.push(Note::info(format!(
            "--batch-size {} is more than there are rows to train on: all {} are one batch",
            training.batch_size, facts.rows
        )));
    }
    training.epochs = args.epochs.unwrap_or(training.epochs);
    training.patience = args.patience.or(training.patience);
    training.l2 = args.l2.unwrap_or(training.l2);
    training.shuffle &= !args.no_shuffle;
    training.reduction = args.reduction.unwrap_or(training.reduction);
    training.seed = args.seed.unwrap_or(training.seed);
    training.dtype = dtype(args, Some(training.dtype))?;
    if training.dtype == Dtype::Bf16 && !Isa::detect().has_bf16() {
        notes.push(Note::info(
            "this CPU has no instruction for products of bf16 numbers: f32 would be faster",
        ));
    }
    args.tuning.apply(training);
    let is_image = |image: [usize; 3]| image.iter().product::<usize>() == network.inputs;
    if !training.augment.is_empty() && !network.image.is_some_and(is_image) {
        network.image = preprocessing.image()?;
    }
    if let Some(path) = &args.initial_weights {
        config.initial_weights = Some(path.clone());
    }
    // Where an output begins depends on what its loss makes of it.
    let has_new_loss = is_new || config.network.loss.name != earlier_loss.name;
    config.output_bias = match (&config.initial_weights, args.output_bias, has_new_loss) {
        (Some(_), ..) => OutputBias::Zero,
        (None, Some(output_bias), _) => output_bias,
        (None, None, true) => preset::output_bias(&config.network.loss, &mut reasons),
        (None, None, false) => config.output_bias,
    };
    make_absolute(&mut config)?;
    let located = |error| match &file {
        Some(file) => file.locate(error),
        None => error,
    };
    config.network = config.network.resolve().map_err(located)?;
    check_outputs(&config, preprocessing.output_width())?;
    notes.extend(thalweg::range::check(
        &config.network,
        &prepared.train.targets,
    )?);
    config.training = config.training.resolve()?;
    check_loss(facts.task, &config.network.loss)?;
    if args.patience.is_some() && !facts.has_validation {
        let error = Error::invalid(
            "--patience",
            "no validation rows to watch",
            "a validation part",
        );
        return Err(error
            .remedy("leave out --patience, or choose a larger --validation-fraction")
            .into());
    }
    reasons.retain(|reason| !is_set(args, reason.flag));
    Ok((config, reasons, notes))
}

/// Refuses what a solver, which finds its own steps on all rows at once, would leave without effect.
fn check_solver(args: &TrainArgs, solver: &Choice) -> Result<()> {
    let has_schedule = args.schedule.is_some() || has_settings("schedule", &args.set);
    let (steps, rows) = ("finds its own steps", "sees all rows at once");
    let given = [
        ("--lr", args.lr.is_some(), steps),
        ("--schedule", has_schedule, steps),
        ("--batch-size", args.batch_size.is_some(), rows),
        ("--no-shuffle", args.no_shuffle, rows),
    ];
    match given.iter().find(|(_, is_given, _)| *is_given) {
        Some((flag, _, why)) => {
            let found = format!("the solver {}, which {why}", solver.name);
            let error = Error::invalid(*flag, found, "an optimizer of mini-batches");
            let remedy = format!("leave out {flag}, or choose another --optimizer");
            Err(error.remedy(remedy).into())
        }
        None => Ok(()),
    }
}

/// The optimizer of the arguments, with its settings.
fn named_optimizer(args: &TrainArgs) -> Result<Option<Choice>> {
    let choice = |name| with_settings(Choice::new(name), "optimizer", &args.set);
    args.optimizer.as_ref().map(choice).transpose()
}

/// The precision: the argument's, that of solvers if one is named, or the base's.
pub fn dtype(args: &TrainArgs, base: Option<Dtype>) -> Result<Dtype> {
    let is_solver = named_optimizer(args)?.is_some_and(|choice| is_solver(&choice));
    let double = is_solver.then_some(Dtype::F64);
    Ok(args.dtype.or(double).or(base).unwrap_or_default())
}

fn from_preset(facts: &Facts, data: DataConfig) -> (Config, Vec<Reason>) {
    let preset = preset::auto(facts);
    let training = TrainingSpec {
        learning_rate: preset.learning_rate,
        batch_size: preset.batch_size,
        epochs: preset.epochs,
        patience: preset.patience,
        optimizer: preset.optimizer,
        schedule: preset.schedule,
        ..TrainingSpec::default()
    };
    // Inputs and outputs come from the data.
    let network = NetworkSpec::mlp(1, &preset.hidden, preset.activation, 1, preset.loss);
    (
        Config {
            initial_weights: None,
            continue_from: None,
            output_bias: OutputBias::Zero,
            data,
            network,
            training,
        },
        preset.reasons,
    )
}

/// Whether the user chose it.
fn is_set(args: &TrainArgs, flag: &str) -> bool {
    let has_settings = |section| has_settings(section, &args.set);
    match flag {
        "loss" => args.loss.is_some() || has_settings("loss"),
        "hidden" => args.hidden.is_some() || args.network.is_some(),
        "activation" => {
            args.activation.is_some()
                || has_settings("activation")
                || args.network.is_some()
                || args.hidden.as_deref() == Some("none")
        }
        "optimizer" => args.optimizer.is_some() || has_settings("optimizer"),
        "embed-above" => args.embed_above.is_some(),
        "output-bias" => args.output_bias.is_some(),
        "lr" => args.lr.is_some(),
        "schedule" => args.schedule.is_some() || has_settings("schedule"),
        "batch-size" => args.batch_size.is_some(),
        "epochs" => args.epochs.is_some(),
        "patience" => args.patience.is_some(),
        _ => false,
    }
}
