//! What a user may choose: validated by the registries, as early as possible.

use thalweg::activations::ACTIVATIONS;
use thalweg::error::Error;
use thalweg::losses::{Comparison, LOSSES, Link};
use thalweg::optimizers::OPTIMIZERS;
use thalweg::registry::{Choice, Setting, unknown};
use thalweg::schedules::SCHEDULES;
use thalweg_data::Task;

use crate::args::TrainArgs;
use crate::exit::Result;
use crate::network_file::NetworkFile;

/// What can be refused before any file is read.
pub fn check(args: &TrainArgs) -> Result<()> {
    for (flag, value) in [
        ("--epochs", args.epochs),
        ("--batch-size", args.batch_size),
        ("--patience", args.patience),
    ] {
        if value == Some(0) {
            return Err(Error::invalid(flag, "0", "a whole number ≥ 1").into());
        }
    }
    if let Some(lr) = args.lr.filter(|lr| !(lr.is_finite() && *lr > 0.0)) {
        return Err(Error::invalid("--lr", lr.to_string(), "a number > 0").into());
    }
    if let Some(l2) = args.l2.filter(|l2| !(l2.is_finite() && *l2 >= 0.0)) {
        return Err(Error::invalid("--l2", l2.to_string(), "a number ≥ 0").into());
    }
    if let Some(rate) = args.dropout.filter(|rate| !(0.0..1.0).contains(rate)) {
        return Err(Error::invalid("--dropout", rate.to_string(), "a number ≥ 0 and < 1").into());
    }
    if args.dropout.is_some() && args.hidden.as_deref() == Some("none") {
        let error = Error::invalid("--dropout", "no hidden layers", "at least one");
        return Err(error.remedy("leave out --dropout").into());
    }
    if let Some(path) = &args.network {
        NetworkFile::read(path)?;
    }
    if let Some(name) = &args.activation {
        ACTIVATIONS.find(name)?;
    }
    for (name, section) in [
        (&args.loss, "loss"),
        (&args.optimizer, "optimizer"),
        (&args.schedule, "schedule"),
    ] {
        if let Some(name) = name {
            validate(
                section,
                &with_settings(Choice::new(name), section, &args.set)?,
            )?;
        }
    }
    with_settings(Choice::new(""), "", &args.set)?;
    hidden(args)?;
    if args.no_validation && args.patience.is_some() {
        let error = Error::invalid(
            "--patience",
            "no validation rows to watch",
            "a validation part",
        );
        return Err(error
            .remedy("leave out --patience or --no-validation")
            .into());
    }
    Ok(())
}

/// Refuses an instruction set in `THALWEG_CPU` that this machine does not have.
pub fn check_cpu() -> Result<()> {
    let Some(wish) = std::env::var_os("THALWEG_CPU").filter(|wish| !wish.is_empty()) else {
        return Ok(());
    };
    let names: Vec<&str> = thalweg::Isa::available().map(thalweg::Isa::name).collect();
    if names.iter().any(|name| wish == *name) {
        return Ok(());
    }
    let expected = format!("{}, which this machine has", names.join(" or "));
    Err(Error::invalid("THALWEG_CPU", format!("{wish:?}"), expected).into())
}

fn validate(section: &str, choice: &Choice) -> Result<()> {
    match section {
        "loss" => LOSSES.resolve(choice)?,
        "optimizer" => OPTIMIZERS.resolve(choice)?,
        _ => SCHEDULES.resolve(choice)?,
    };
    Ok(())
}

/// The widths of `--hidden`.
pub fn hidden(args: &TrainArgs) -> Result<Option<Vec<usize>>> {
    let Some(text) = &args.hidden else {
        return Ok(None);
    };
    if text == "none" {
        return Ok(Some(Vec::new()));
    }
    let width = |part: &str| part.trim().parse().ok().filter(|&width: &usize| width > 0);
    match text.split(',').map(width).collect() {
        Some(widths) => Ok(Some(widths)),
        None => Err(Error::invalid(
            "--hidden",
            format!("`{text}`"),
            "widths ≥ 1 such as 128,64, or none",
        )
        .into()),
    }
}

/// The choice with the `--set SECTION.NAME=VALUE` of its section.
pub fn with_settings(mut choice: Choice, section: &str, settings: &[String]) -> Result<Choice> {
    for setting in settings {
        let parts = setting
            .split_once('=')
            .and_then(|(name, value)| Some((name.split_once('.')?, value)));
        let Some(((of, name), value)) = parts else {
            let error = Error::invalid(
                "--set",
                format!("`{setting}`"),
                "NAME=VALUE such as optimizer.beta1=0.9",
            );
            return Err(error.into());
        };
        if !["loss", "optimizer", "schedule"].contains(&of) {
            return Err(unknown("--set", of, ["loss", "optimizer", "schedule"]).into());
        }
        if of == section {
            choice = choice.with(name, Setting::parse(value));
        }
    }
    Ok(choice)
}

/// A loss goes with a task when its predictions are what the task asks for.
pub fn check_loss(task: Task, loss: &Choice) -> Result<()> {
    let fits = |choice: &Choice| {
        LOSSES.build(choice, &()).is_ok_and(|loss| match task {
            Task::Regression => loss.link() == Link::Identity,
            Task::Binary => {
                loss.link() == Link::Sigmoid
                    && loss.comparison() == Comparison::ProbabilitiesOrBinary
            }
            Task::Multiclass => {
                loss.link() == Link::Softmax
                    && loss.comparison() == Comparison::DistributionOrClasses
            }
            Task::Multilabel => loss.link() == Link::Sigmoid,
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
    Err(Error::invalid("loss", format!("`{}`", loss.name), expected).into())
}
