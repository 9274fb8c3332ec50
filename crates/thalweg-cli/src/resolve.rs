//! From arguments, a config file and what the data are to a resolved config.

use std::path::Path;

use thalweg::Isa;
use thalweg::error::Error;
use thalweg::layers::{self, LAYERS};
use thalweg::losses::{Comparison, LOSSES};
use thalweg::optimizers::is_solver;
use thalweg::precision::Dtype;
use thalweg::registry::{AUTO, Choice, Kind, Setting};
use thalweg::spec::{NetworkSpec, TrainingSpec};
use thalweg_data::error::quote;
use thalweg_data::{
    ClassWeight, Note, Prepared, Preprocessing, Scaling, Source, SplitOptions, Task,
};

use crate::args::TrainArgs;
use crate::choices::{check_loss, has_settings, hidden, with_settings};
use crate::config::{Config, DataConfig, OutputBias};
use crate::exit::{Failure, Result};
use crate::network_file::{EMBEDDING, NetworkFile, embedding};
use crate::parse::EmbedAbove;
use crate::preset::{self, Facts, Reason};

/// Where rows come from: the arguments over the config file over the defaults.
pub fn data(args: &TrainArgs, base: Option<&Config>) -> Result<DataConfig> {
    let mut data = match (base, &args.data) {
        (Some(base), _) => base.data.clone(),
        (None, Some(source)) => DataConfig {
            source: source.clone(),
            test: None,
            validation: None,
            read: Default::default(),
            target: Default::default(),
            split: SplitOptions::default(),
            fit: Default::default(),
        },
        (None, None) => {
            let error = Error::invalid("DATA", "nothing", "a file, a folder, or builtin:digits");
            return Err(error
                .remedy("or give --config FILE, or --resume with --out DIR")
                .into());
        }
    };
    if let Some(source) = &args.data {
        Source::parse(source)?;
        data.source.clone_from(source);
    }
    if let Some(path) = &args.test {
        data.test = Some(path.clone());
    }
    if let Some(fraction) = args.test_fraction {
        (data.test, data.split.test_fraction) = (None, fraction);
    }
    if let Some(path) = &args.validation {
        data.validation = Some(path.clone());
    }
    if let Some(fraction) = args.validation_fraction {
        (data.validation, data.split.validation_fraction) = (None, fraction);
    }
    if args.no_validation {
        (data.validation, data.split.validation_fraction) = (None, 0.0);
    }
    args.read.apply(&mut data.read);
    if let Some(path) = &args.labels {
        data.read.labels = Some(path.clone());
    }
    if args.target.is_some() {
        data.target.column.clone_from(&args.target);
        data.target.task = None;
    }
    data.target.task = args.task.or(data.target.task);
    data.split.seed = args.seed.unwrap_or(data.split.seed);
    if !args.drop.is_empty() {
        data.fit.drop.clone_from(&args.drop);
    }
    if args.sample_weight.is_some() {
        data.fit.sample_weight.clone_from(&args.sample_weight);
    }
    if args.class_weight.is_some() {
        data.fit.class_weight = Some(ClassWeight::Balanced);
    }
    data.fit.embed_above = embed_above(args, base)?;
    data.fit.scaling = args.scaling.unwrap_or(data.fit.scaling);
    if args.no_standardize {
        (data.fit.scaling, data.fit.standardize_target) = (Scaling::None, false);
    }
    // Counts stay counts.
    let loss = (args.loss.clone().map(Choice::new)).or(base.map(|base| base.network.loss.clone()));
    let is_of_counts = |loss: &Choice| {
        LOSSES
            .build(loss, &())
            .is_ok_and(|loss| loss.comparison() == Comparison::NonNegative)
    };
    if loss.is_some_and(|loss| is_of_counts(&loss)) {
        data.fit.standardize_target = false;
    }
    check_fractions(&data)?;
    Ok(data)
}

/// Above how many categories columns become codes: what the arguments or the config file say, else the preset.
/// Never for a network that does not begin with an embedding: a linear one, or one of a file without it.
fn embed_above(args: &TrainArgs, base: Option<&Config>) -> Result<Option<usize>> {
    if let Some(EmbedAbove(limit)) = args.embed_above {
        return Ok(limit);
    }
    let embeds = match &args.network {
        Some(path) => NetworkFile::read(path)?.embeds(),
        None => args.hidden.as_deref() != Some("none"),
    };
    let usual = base.map_or(Some(preset::EMBED_ABOVE), |base| base.data.fit.embed_above);
    Ok(usual.filter(|_| embeds))
}

fn check_fractions(data: &DataConfig) -> Result<()> {
    let test = if data.test.is_some() {
        0.0
    } else {
        data.split.test_fraction
    };
    let validation = if data.validation.is_some() {
        0.0
    } else {
        data.split.validation_fraction
    };
    for (flag, fraction) in [
        ("--test-fraction", test),
        ("--validation-fraction", validation),
    ] {
        if !(0.0..1.0).contains(&fraction) {
            return Err(Error::invalid(flag, fraction.to_string(), "a number ≥ 0 and < 1").into());
        }
    }
    if test + validation >= 1.0 {
        let found = format!("{} together", test + validation);
        let error = Error::invalid(
            "--test-fraction and --validation-fraction",
            found,
            "less than 1",
        );
        return Err(error.remedy("leave rows to train on").into());
    }
    Ok(())
}

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
    if let (true, Some(limit)) = (is_new, config.data.fit.embed_above) {
        preset::embedding(limit, &codes, &mut reasons);
    }
    let network = &mut config.network;
    network.inputs = preprocessing.input_width();
    match &args.network {
        Some(path) => {
            let file = NetworkFile::read(path)?;
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
    if training.batch_size > facts.rows {
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
    config.output_bias = match (&config.initial_weights, args.output_bias, is_new) {
        (Some(_), ..) => OutputBias::Zero,
        (None, Some(output_bias), _) => output_bias,
        (None, None, true) => preset::output_bias(&config.network.loss, &mut reasons),
        (None, None, false) => config.output_bias,
    };
    make_absolute(&mut config)?;
    config.network = config.network.resolve()?;
    check_outputs(&config, preprocessing.output_width())?;
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

/// The same training with batches that the rows can fill: what the engine is planned for. The config keeps what was
/// asked, for runs on more rows that go on from this one.
pub fn for_rows(training: &TrainingSpec, rows: usize) -> TrainingSpec {
    TrainingSpec {
        batch_size: training.batch_size.min(rows.max(1)),
        ..training.clone()
    }
}

/// Refuses what a solver, which finds its own steps on all rows at once, would leave without effect.
fn check_solver(args: &TrainArgs, solver: &Choice) -> Result<()> {
    let has_schedule = args.schedule.is_some() || has_settings("schedule", &args.set);
    let given = [
        ("--lr", args.lr.is_some()),
        ("--schedule", has_schedule),
        ("--no-shuffle", args.no_shuffle),
    ];
    match given.iter().find(|(_, is_given)| *is_given) {
        Some((flag, _)) => {
            let found = format!("the solver {}, which finds its own steps", solver.name);
            let error = Error::invalid(*flag, found, "an optimizer of mini-batches");
            let remedy = format!("leave out {flag}, or choose another --optimizer");
            Err(error.remedy(remedy).into())
        }
        None => Ok(()),
    }
}

/// Refuses to change the hidden layers of a network that are not all alike: it would reach some of them alone.
fn check_plain(args: &TrainArgs, network: Option<&NetworkSpec>) -> Result<()> {
    let is_alike =
        |layer: &Choice| ["dense", "dropout", "embedding"].contains(&layer.name.as_str());
    let other = network.and_then(|network| network.layers.iter().find(|layer| !is_alike(layer)));
    let is_linear = args.hidden.is_none()
        && network.is_some_and(|network| {
            network
                .layers
                .iter()
                .filter(|layer| layer.name == "dense")
                .count()
                <= 1
        });
    let has_settings = |section| has_settings(section, &args.set);
    let given = [
        ("--activation", args.activation.is_some()),
        ("--dropout", args.dropout.is_some()),
        ("--initializer", args.initializer.is_some()),
        ("--set activation.…", has_settings("activation")),
        ("--set initializer.…", has_settings("initializer")),
        ("--hidden", args.hidden.is_some()),
    ];
    let of_hidden = ["--activation", "--dropout", "--set activation.…"];
    match (other, given.iter().find(|(_, is_given)| *is_given)) {
        (None, Some((flag, _))) if is_linear && of_hidden.contains(flag) => {
            let error = Error::invalid(*flag, "a network without hidden layers", "hidden layers");
            Err(error.remedy("give --hidden too, or leave it out").into())
        }
        (Some(layer), Some((flag, _))) => {
            let found = format!("a network with the layer {}", layer.name);
            let error = Error::invalid(*flag, found, "dense layers alone");
            let remedy = "write it into the layers of the config, or of a file for --network";
            Err(error.remedy(remedy).into())
        }
        _ => Ok(()),
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

/// Refuses what the data would leave without effect.
fn check_used(args: &TrainArgs, data: &DataConfig, prepared: &Prepared) -> Result<()> {
    let task = prepared.preprocessing.task();
    if data.fit.class_weight.is_some() && !matches!(task, Task::Binary | Task::Multiclass) {
        let found = format!("the task {task}");
        let error = Error::invalid("--class-weight", found, "binary or multiclass");
        return Err(error
            .remedy("leave it out, or choose another --task")
            .into());
    }
    let targets = &prepared.preprocessing.target.columns;
    if let Some(name) = data.fit.drop.iter().find(|name| targets.contains(name)) {
        let found = format!("the target {}", quote(name));
        let error = Error::invalid("--drop", found, "columns that are not the target");
        let remedy = "keep it, or choose another column by --target";
        return Err(error.remedy(remedy).into());
    }
    // A part of the table would be in the split.
    let is_official =
        prepared.test.is_some() && prepared.split.test.is_empty() && data.test.is_none();
    if args.test_fraction.is_some() && is_official {
        let found = format!("{} with its own test part", data.source);
        let error = Error::invalid("--test-fraction", found, "data without one");
        return Err(error.remedy("leave out --test-fraction").into());
    }
    Ok(())
}

/// Refuses a network of a config file that does not fit the data of the same file. Other data, by
/// arguments, get a network that fits.
fn check_fits(network: &NetworkSpec, preprocessing: &Preprocessing, path: &Path) -> Result<()> {
    let units = network
        .layers
        .last()
        .map(|layer| layer.settings.get("units"));
    let units = match units {
        Some(Some(Setting::Integer(units))) => *units as usize,
        _ => preprocessing.output_width(),
    };
    for (entry, found, expected) in [
        (
            "network.inputs",
            network.inputs,
            preprocessing.input_width(),
        ),
        (
            "units of the last layer",
            units,
            preprocessing.output_width(),
        ),
    ] {
        if found != expected {
            let place = format!("{}: {entry}", path.display());
            let expected = format!("{expected}, as the data and the task ask for");
            let error = Error::invalid(place, found.to_string(), expected);
            return Err(error.remedy("correct it, or the data section").into());
        }
    }
    let codes = preprocessing.codes();
    let wanted = (!codes.is_empty()).then(|| embedding(&codes));
    let (found, expected) = (embedded(network), wanted.as_ref().and_then(levels));
    if found != expected {
        let tell = |levels: Option<Setting>| match levels {
            Some(levels) => format!("an embedding of {levels} codes"),
            None => "no embedding".to_owned(),
        };
        let place = format!("{}: layer 1", path.display());
        let expected = format!("{}, as the data ask for", tell(expected));
        let error = Error::invalid(place, tell(found), expected);
        return Err(error.remedy("correct it, or data.fit.embed_above").into());
    }
    Ok(())
}

/// Refuses a network that puts out other than what the task asks for.
fn check_outputs(config: &Config, expected: usize) -> Result<()> {
    let network = &config.network;
    let nodes = layers::build(network.shape(), &network.layers, config.training.dtype)?;
    let found = nodes
        .last()
        .map_or(network.inputs, |node| node.output.size());
    if found != expected {
        let found = format!("a network of {found} outputs");
        let expected = format!("{expected}, as the data and the task ask for");
        let error = Error::invalid("network", found, expected);
        return Err(error.remedy("give --network, or another --config").into());
    }
    Ok(())
}

/// Hidden layers of these widths, or those that are there, with the activation, the dropout and the initializer of the
/// arguments; an output layer that fits.
fn shape(
    network: &mut NetworkSpec,
    args: &TrainArgs,
    widths: Option<&[usize]>,
    outputs: usize,
) -> Result<()> {
    let dense = |units: usize| Choice::new("dense").with("units", Setting::Integer(units as i64));
    let last = network.layers.pop().unwrap_or_else(|| dense(outputs));
    let dropout = network
        .layers
        .iter()
        .find(|layer| layer.name == "dropout")
        .cloned();
    let dropout = match args.dropout {
        Some(rate) => Some(Choice::new("dropout").with("rate", Setting::Number(rate))),
        None => dropout.filter(|_| widths.is_some()),
    };
    if let Some(widths) = widths {
        let model = network
            .layers
            .iter()
            .find(|layer| layer.name == "dense")
            .cloned();
        let model = model.unwrap_or_else(|| dense(1).with("activation", "relu".into()));
        let layer = |&units: &usize| {
            let units = Setting::Integer(units as i64);
            model.clone().with("units", units)
        };
        network.layers = widths.iter().map(layer).collect();
        network.image = None;
    }
    for layer in &mut network.layers {
        change(layer, "activation", &args.activation, &args.set)?;
    }
    if let Some(dropout) = dropout {
        network.layers.retain(|layer| layer.name != "dropout");
        let layers = network.layers.drain(..).collect::<Vec<Choice>>();
        for layer in layers {
            let is_hidden = layer.name == "dense";
            network.layers.push(layer);
            network.layers.extend(is_hidden.then(|| dropout.clone()));
        }
    }
    network.layers.push(match last.name.as_str() {
        "dense" => last.with("units", Setting::Integer(outputs as i64)),
        _ => last,
    });
    for layer in &mut network.layers {
        change(layer, "initializer", &args.initializer, &args.set)?;
    }
    Ok(())
}

/// Begins the network with an embedding of the columns of codes, if there are any; one that is there for just these
/// stays as it is.
fn embed(network: &mut NetworkSpec, codes: &[(&str, usize)]) {
    let wanted = (!codes.is_empty()).then(|| embedding(codes));
    let is_there = embedded(network).is_some();
    if embedded(network) != wanted.as_ref().and_then(levels) {
        network.layers.splice(0..usize::from(is_there), wanted);
    }
}

/// How many codes each column has that the network embeds, if it embeds any.
fn embedded(network: &NetworkSpec) -> Option<Setting> {
    let first = network.layers.first()?;
    (first.name == EMBEDDING).then(|| levels(first)).flatten()
}

fn levels(layer: &Choice) -> Option<Setting> {
    layer.settings.get("levels").cloned()
}

/// Gives a layer the choice `name` for its setting `section`, if it has one, with what `--set` says of it.
fn change(
    layer: &mut Choice,
    section: &str,
    name: &Option<String>,
    settings: &[String],
) -> Result<()> {
    let description = LAYERS.describe(&layer.name)?;
    let parameter = (description.parameters.iter()).find(|parameter| parameter.name == section);
    let Some(parameter) = parameter else {
        return Ok(());
    };
    if name.is_none() && !has_settings(section, settings) {
        return Ok(());
    }
    let given = (layer.settings.get(section).cloned()).or_else(|| parameter.default.setting());
    let choice = match name {
        Some(name) => Choice::new(name),
        None => given
            .and_then(|given| given.choice())
            .unwrap_or_else(|| Choice::new(AUTO)),
    };
    let choice = with_settings(choice, section, settings)?;
    layer.settings.insert(section.to_owned(), choice.into());
    Ok(())
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
