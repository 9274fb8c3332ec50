//! Single values of arguments, and messages for arguments that cannot be parsed.

use std::error::Error;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use thalweg::fields::{FIELDS, Values};
use thalweg::registry::Domain;
use thalweg::text::short;
use thalweg_core::Isa;
use thalweg_core::precision::Dtype;
use thalweg_core::registry::did_you_mean;

use crate::exit;

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

/// What the tensors of an exported file are called.
#[derive(Clone, Copy)]
pub enum Layout {
    /// As in `torch.nn.Sequential`.
    Torch,
}

/// A value of `--layout`.
pub fn layout(text: &str) -> Result<Layout, String> {
    one_of(text, &[("torch", Layout::Torch)])
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

/// A value of `--memory`.
pub fn size(text: &str) -> Result<u64, String> {
    thalweg::budget::parse(text)
}

/// A value of `--threads`.
pub fn threads(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|n| (1..=1024).contains(n));
    number.ok_or_else(|| "expected a whole number from 1 to 1024".to_owned())
}

/// A value of `--folds`.
pub fn folds(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|n| *n >= 2);
    number.ok_or_else(|| "expected a whole number from 2 on".to_owned())
}

/// A value of `--repeat`.
pub fn repeats(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|n| (1..=1000).contains(n));
    number.ok_or_else(|| "expected a whole number from 1 to 1000".to_owned())
}

/// A value of `--shares`.
pub fn share(text: &str) -> Result<f64, String> {
    let share = text.trim().parse().ok().filter(|x| *x > 0.0 && *x <= 1.0);
    share.ok_or_else(|| "expected numbers above 0 and at most 1".to_owned())
}

/// Refuses an instruction set in `THALWEG_CPU` that this machine does not have.
pub fn check_cpu() -> exit::Result<()> {
    let Some(wish) = std::env::var_os("THALWEG_CPU").filter(|wish| !wish.is_empty()) else {
        return Ok(());
    };
    let names: Vec<&str> = Isa::available().map(Isa::name).collect();
    if names.iter().any(|name| wish == *name) {
        return Ok(());
    }
    let expected = format!("{}, which this machine has", names.join(" or "));
    Err(thalweg_core::Error::invalid("THALWEG_CPU", format!("{wish:?}"), expected).into())
}

/// The message for an argument that is missing, or for a value that is none of its flag's: what was
/// found and what is expected.
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
    let words = (FIELDS.iter())
        .filter(|field| field.flag.is_some_and(|known| known.name == flag))
        .find_map(|field| match field.values {
            Values::In(domain @ Domain::Word(_)) => Some(domain.to_string()),
            _ => None,
        });
    let value = words.as_deref().unwrap_or(value);
    let found = part(ContextKind::InvalidValue)?;
    let is_plain = found.chars().all(|c| c.is_ascii_graphic()) && !found.ends_with(',');
    let found = match is_plain && (1..=24).contains(&found.len()) {
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
            exit::Failure::Input(format!("{line}; see --help")).report()
        }
    }
}
