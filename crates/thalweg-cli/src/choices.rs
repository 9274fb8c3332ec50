//! What a user may choose: validated by the registries, as early as possible.

use thalweg_core::activations::ACTIVATIONS;
use thalweg_core::error::Error;
use thalweg_core::initializers::INITIALIZERS;
use thalweg_core::losses::{Comparison, LOSSES, Link};
use thalweg_core::registry::{AUTO, Choice, Kind, Setting, unknown};
use thalweg_core::schedules::SCHEDULES;
use thalweg_core::solvers::OPTIMIZERS_AND_SOLVERS;
use thalweg_core::spec::{RunRule, TrainingSpec};
use thalweg_data::Task;

use crate::args::TrainArgs;
use crate::exit::Result;
use thalweg::network_file::NetworkFile;

/// What can be refused before any file is read.
pub fn check(args: &TrainArgs) -> Result<()> {
    if let Some(rate) = args.dropout.filter(|rate| !(0.0..1.0).contains(rate)) {
        return Err(Error::invalid("--dropout", rate.to_string(), "a number ≥ 0 and < 1").into());
    }
    if args.dropout.is_some() && args.hidden.as_deref() == Some("none") {
        let error = Error::invalid("--dropout", "no hidden layers", "at least one");
        return Err(error.remedy("leave out --dropout").into());
    }
    let names_activation = args.activation.is_some() || has_settings("activation", &args.set);
    if names_activation && args.hidden.as_deref() == Some("none") {
        let error = Error::invalid("--activation", "no hidden layers", "at least one");
        return Err(error
            .remedy("leave out --activation and --set activation.…")
            .into());
    }
    if let Some(path) = &args.network {
        NetworkFile::read(path)?;
        let mut of_layers = ["activation", "initializer"].into_iter();
        if let Some(section) = of_layers.find(|section| has_settings(section, &args.set)) {
            let error = Error::invalid(
                "--set",
                format!("{section}.… with --network"),
                "one of them",
            );
            return Err(error.remedy("write it into the file of --network").into());
        }
    }
    for (name, section) in [
        (&args.loss, "loss"),
        (&args.optimizer, "optimizer"),
        (&args.schedule, "schedule"),
        (&args.activation, "activation"),
        (&args.initializer, "initializer"),
    ] {
        if let Some(name) = name.as_ref().filter(|name| *name != AUTO) {
            let choice = with_settings(Choice::new(name), section, &args.set)?;
            let kind = kind(section)?;
            let description = kind.describe(name).map_err(|error| named(error, section))?;
            description.resolve(kind.name(), &choice)?;
        }
    }
    for setting in &args.set {
        parts(setting)?;
    }
    let usual = TrainingSpec::default();
    let mut training = TrainingSpec {
        learning_rate: args.lr.unwrap_or(usual.learning_rate),
        epochs: args.epochs.unwrap_or(usual.epochs),
        batch_size: args.batch_size.unwrap_or(usual.batch_size),
        patience: args.patience,
        l2: args.l2.unwrap_or(usual.l2),
        ..usual
    };
    args.tuning.apply(&mut training);
    training.resolve().map_err(by_flag)?;
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

/// What is said of a name, as it is said of its flag.
fn named(mut error: Error, section: &str) -> Error {
    if let Error::Invalid(invalid) = &mut error {
        invalid.subject = format!("--{section}");
    }
    error
}

/// What is said of a field of the training, as it is said of its flag.
fn by_flag(mut error: Error) -> Error {
    if let Error::Invalid(invalid) = &mut error {
        let field = invalid.place.join(".");
        let mut fields = RunRule::all().flat_map(|rule| rule.fields);
        let named = fields.find(|known| known.path == field);
        if let Some(flag) = named.and_then(|field| field.argument()) {
            invalid.subject = flag;
        }
    }
    error
}

/// Refuses an instruction set in `THALWEG_CPU` that this machine does not have.
pub fn check_cpu() -> Result<()> {
    let Some(wish) = std::env::var_os("THALWEG_CPU").filter(|wish| !wish.is_empty()) else {
        return Ok(());
    };
    let names: Vec<&str> = thalweg_core::Isa::available()
        .map(thalweg_core::Isa::name)
        .collect();
    if names.iter().any(|name| wish == *name) {
        return Ok(());
    }
    let expected = format!("{}, which this machine has", names.join(" or "));
    Err(Error::invalid("THALWEG_CPU", format!("{wish:?}"), expected).into())
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

/// What `--set` knows settings of.
fn kind(section: &str) -> Result<&'static dyn Kind> {
    Ok(match section {
        "loss" => &LOSSES,
        "optimizer" => &OPTIMIZERS_AND_SOLVERS,
        "schedule" => &SCHEDULES,
        "activation" => &ACTIVATIONS,
        "initializer" => &INITIALIZERS,
        other => {
            let sections = ["loss", "optimizer", "schedule", "activation", "initializer"];
            return Err(unknown("--set", other, sections).into());
        }
    })
}

/// The section, the path and the value of a `--set SECTION.PATH=VALUE`.
fn parts(setting: &str) -> Result<(&str, &str, &str)> {
    let parts = setting
        .split_once('=')
        .and_then(|(name, value)| Some((name.split_once('.')?, value)));
    let Some(((section, path), value)) = parts else {
        let error = Error::invalid(
            "--set",
            format!("`{setting}`"),
            "NAME=VALUE such as optimizer.beta1=0.9",
        );
        return Err(error.into());
    };
    kind(section)?;
    Ok((section, path, value))
}

/// The choice with the `--set SECTION.PATH=VALUE` of its section, in their order.
pub fn with_settings(mut choice: Choice, section: &str, settings: &[String]) -> Result<Choice> {
    for setting in settings {
        let (of, path, value) = parts(setting)?;
        if of == section {
            choice.set(kind(section)?, path, Setting::parse(value))?;
        }
    }
    Ok(choice)
}

/// Whether any `--set` is of this section.
pub fn has_settings(section: &str, settings: &[String]) -> bool {
    settings
        .iter()
        .any(|setting| parts(setting).is_ok_and(|(of, ..)| of == section))
}

/// A loss goes with a task when its predictions are what the task asks for.
pub fn check_loss(task: Task, loss: &Choice) -> Result<()> {
    let fits = |choice: &Choice| {
        LOSSES.build(choice, &()).is_ok_and(|loss| {
            use Comparison::{Classes, DistributionOrClasses, LabelsOrBinary};
            use Comparison::{ProbabilitiesOrBinary, ValuesOrBinary};
            let of_two = matches!(loss.link(), Link::Sigmoid | Link::Margin);
            let of_many = matches!(loss.link(), Link::Softmax | Link::Scores);
            let comparison = loss.comparison();
            match task {
                Task::Regression => matches!(loss.link(), Link::Identity | Link::Exponential),
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
    Err(Error::invalid("loss", format!("`{}`", loss.name), expected).into())
}
