//! Where rows come from, and what becomes of them.

use thalweg_core::error::Error;
use thalweg_data::error::quote;
use thalweg_data::{Prepared, Scaling, Source, SplitOptions, Task};

use crate::args::TrainArgs;
use crate::exit::Result;
use crate::parse::EmbedAbove;
use thalweg::config::{Config, DataConfig};
use thalweg::continuation::Continuation;
use thalweg::model::Description;
use thalweg::network_file::NetworkFile;
use thalweg::preset;

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
    data.fit.class_weight = args.class_weight.or(data.fit.class_weight);
    data.fit.embed_above = embed_above(args, base)?;
    data.fit.embed_least = args.embed_least.unwrap_or(data.fit.embed_least);
    data.fit.scaling = args.scaling.unwrap_or(data.fit.scaling);
    if args.no_standardize {
        (data.fit.scaling, data.fit.standardize_target) = (Scaling::None, false);
    }
    check_fractions(&data)?;
    Ok(data)
}

/// The config of a run that goes on from a model: its settings, and the data of the arguments.
pub fn of_model(args: &TrainArgs, model: &Continuation) -> Result<Config> {
    let mut data = data(args, None)?;
    let Description {
        training, outcome, ..
    } = model.description();
    // What was trained without such rows goes on without them.
    if outcome.rows.validation == 0 && args.validation_fraction.is_none() {
        data.split.validation_fraction = 0.0;
    }
    if outcome.rows.test == 0 && args.test_fraction.is_none() {
        data.split.test_fraction = 0.0;
    }
    data.split.seed = args.seed.unwrap_or(training.seed);
    Ok(model.config(data))
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

/// Refuses what the data would leave without effect.
pub fn check_used(args: &TrainArgs, data: &DataConfig, prepared: &Prepared) -> Result<()> {
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
