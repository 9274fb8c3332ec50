//! Single values of arguments, and what is said of arguments that cannot be parsed.

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use thalweg_core::augmentations::AUGMENTATIONS;
use thalweg_core::precision::Dtype;
use thalweg_core::registry::{Choice, Setting, did_you_mean};
use thalweg_core::spec::{LastBatch, Reduction, Sampling};
use thalweg_data::{ClassWeight, Scaling};

use crate::args::Preset;
use thalweg::config::OutputBias;
use thalweg::text::short;

fn one_of<T: Copy>(text: &str, names: &[(&str, T)]) -> Result<T, String> {
    let found = names.iter().find(|(name, _)| *name == text);
    found.map(|(_, value)| *value).ok_or_else(|| {
        let names: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
        let remedy = did_you_mean(text, names.iter().copied());
        let remedy = if remedy.is_empty() {
            remedy
        } else {
            format!("; {remedy}")
        };
        format!("expected {}{remedy}", names.join(" or "))
    })
}

/// A value of `--class-weight`.
pub fn class_weight(text: &str) -> Result<ClassWeight, String> {
    one_of(text, &[("balanced", ClassWeight::Balanced)])
}

/// A value of `--preset`.
pub fn preset(text: &str) -> Result<Preset, String> {
    one_of(text, &[("auto", Preset::Auto)])
}

/// A value of `--scaling`.
pub fn scaling(text: &str) -> Result<Scaling, String> {
    let names = [
        ("standard", Scaling::Standard),
        ("robust", Scaling::Robust),
        ("none", Scaling::None),
    ];
    one_of(text, &names)
}

/// The categories above which a column is embedded; none: no column is.
#[derive(Debug, Clone, Copy)]
pub struct EmbedAbove(pub Option<usize>);

/// A value of `--embed-above`.
pub fn embed_above(text: &str) -> Result<EmbedAbove, String> {
    match (text, text.parse()) {
        ("none", _) => Ok(EmbedAbove(None)),
        (_, Ok(limit)) => Ok(EmbedAbove(Some(limit))),
        _ => Err("expected a whole number or none".to_owned()),
    }
}

/// A value of `--embed-least`.
pub fn embed_least(text: &str) -> Result<usize, String> {
    let rows = text.parse().ok().filter(|rows| *rows > 0);
    rows.ok_or_else(|| "expected a whole number ≥ 1".to_owned())
}

/// A value of `--dtype`.
pub fn dtype(text: &str) -> Result<Dtype, String> {
    one_of(
        text,
        &[
            ("f32", Dtype::F32),
            ("f64", Dtype::F64),
            ("bf16", Dtype::Bf16),
        ],
    )
}

/// A value of `--output-bias`.
pub fn output_bias(text: &str) -> Result<OutputBias, String> {
    one_of(
        text,
        &[("prior", OutputBias::Prior), ("zero", OutputBias::Zero)],
    )
}

/// A value of `--reduction`.
pub fn reduction(text: &str) -> Result<Reduction, String> {
    one_of(text, &[("mean", Reduction::Mean), ("sum", Reduction::Sum)])
}

/// A value of `--last-batch`.
pub fn last_batch(text: &str) -> Result<LastBatch, String> {
    let names = [
        ("keep", LastBatch::Keep),
        ("drop", LastBatch::Drop),
        ("weight", LastBatch::Weight),
    ];
    one_of(text, &names)
}

/// A value of `--sampling`.
pub fn sampling(text: &str) -> Result<Sampling, String> {
    let names = [
        ("uniform", Sampling::Uniform),
        ("stratified", Sampling::Stratified),
        ("balanced", Sampling::Balanced),
    ];
    one_of(text, &names)
}

/// A list of augmentations.
#[derive(Debug, Clone)]
pub struct Augment(pub Vec<Choice>);

/// A value of `--augment`: a value without name is that of the entry's first setting.
pub fn augmentations(text: &str) -> Result<Augment, String> {
    if text == "none" {
        return Ok(Augment(Vec::new()));
    }
    let choice = |part: &str| {
        let (name, value) = match part.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (part, None),
        };
        let described = AUGMENTATIONS.find(name).map_err(|e| e.to_string())?;
        let choice = Choice::new(name);
        let first = described.description.parameters.first();
        let choice = match (value, first) {
            (Some(value), Some(first)) => choice.with(first.name, Setting::parse(value)),
            _ => choice,
        };
        AUGMENTATIONS.resolve(&choice).map_err(|e| e.to_string())?;
        Ok(choice)
    };
    let list = text.split(',').map(|part| choice(part.trim()));
    list.collect::<Result<_, _>>().map(Augment)
}

/// A value of `--delimiter`.
pub fn delimiter(text: &str) -> Result<char, String> {
    match (text, text.chars().next(), text.chars().count()) {
        ("tab" | "\\t", _, _) => Ok('\t'),
        (_, Some(c), 1) => Ok(c),
        _ => Err("expected one character, or tab".to_owned()),
    }
}

/// A value of `--threads`.
pub fn threads(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|n| (1..=1024).contains(n));
    number.ok_or_else(|| "expected a whole number from 1 to 1024".to_owned())
}

/// A count of epochs or rows; of 0 the rule that it belongs to has its own word.
pub fn amount(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|n| *n <= u32::MAX as usize);
    number.ok_or_else(|| format!("expected a whole number from 1 to {}", u32::MAX))
}

/// A value of `--max-steps`, likewise.
pub fn steps(text: &str) -> Result<u64, String> {
    let number = text.parse().ok().filter(|n| *n <= i64::MAX as u64);
    number.ok_or_else(|| format!("expected a whole number from 1 to {}", i64::MAX))
}

/// A value of `--seed`: what a config file can hold.
pub fn seed(text: &str) -> Result<u64, String> {
    let number = text.parse().ok().filter(|n| *n <= i64::MAX as u64);
    number.ok_or_else(|| format!("expected a whole number from 0 to {}", i64::MAX))
}

/// A number. Its range is for the rule that it belongs to.
pub fn number(text: &str) -> Result<f64, String> {
    let number = text.parse();
    number.map_err(|_| "expected a number, such as 0.01 or 1e-3".to_owned())
}

/// The threads to use.
pub fn threads_or_all(threads: Option<usize>) -> usize {
    threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, |n| n.get().min(1024)))
}

/// What is said of an argument that is missing, or of a value that is none of its flag's: what was found and what is
/// expected.
fn misread(error: &clap::Error) -> Option<String> {
    let part = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    if let (ErrorKind::MissingRequiredArgument, Some(ContextValue::Strings(missing))) =
        (error.kind(), error.get(ContextKind::InvalidArg))
    {
        let missing = missing.join(" and ");
        return Some(format!(
            "found no {missing}, expected it beside the other arguments"
        ));
    }
    // `--seed <N>`.
    let argument = part(ContextKind::InvalidArg)?;
    let (flag, value) = argument.split_once(' ').unwrap_or((argument, "a value"));
    let found = part(ContextKind::InvalidValue)?;
    let found = match found.chars().all(|c| c.is_ascii_graphic()) && (1..=24).contains(&found.len())
    {
        true => found.to_owned(),
        false => format!("`{}`", short(found)),
    };
    Some(match (error.kind(), error.source()) {
        (ErrorKind::ValueValidation, Some(refusal)) => match refusal.to_string() {
            text if text.starts_with("expected ") => format!("{flag}: found {found}, {text}"),
            text => format!("{flag}: {text}"),
        },
        (ErrorKind::InvalidValue, _) => format!("{flag}: found no value, expected {value}"),
        (ErrorKind::TooManyValues, _) => format!("{flag}: found {found}, expected no value"),
        _ => return None,
    })
}

/// Prints help where it was asked for, and an error as one line.
pub fn report(error: &clap::Error) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp
        | ErrorKind::DisplayVersion
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            // Help may go to a reader that has gone.
            let _ = error.print();
            ExitCode::from(if error.use_stderr() { 2 } else { 0 })
        }
        _ => {
            let text = error.render().to_string();
            let parts: Vec<&str> = (text.lines().map(str::trim))
                .take_while(|line| !line.starts_with("Usage:"))
                .filter(|line| !line.is_empty() && !line.starts_with("For more information"))
                .map(|line| {
                    line.trim_start_matches("error: ")
                        .trim_start_matches("tip: ")
                })
                .collect();
            let line = misread(error).unwrap_or_else(|| parts.join("; ").replace("; [", " ["));
            let _ = writeln!(std::io::stderr(), "thalweg: {line}; see --help");
            ExitCode::from(2)
        }
    }
}
