//! Single values of arguments, and what is said of arguments that cannot be parsed.

use std::io::Write;
use std::process::ExitCode;

use clap::error::ErrorKind;
use thalweg::precision::Dtype;
use thalweg::spec::{LastBatch, Reduction, Sampling};
use thalweg_data::Scaling;

use crate::config::OutputBias;

fn one_of<T: Copy>(text: &str, names: &[(&str, T)]) -> Result<T, String> {
    let found = names.iter().find(|(name, _)| *name == text);
    found.map(|(_, value)| *value).ok_or_else(|| {
        let names: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
        format!("expected {}", names.join(" or "))
    })
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

/// The threads to use.
pub fn threads_or_all(threads: Option<usize>) -> usize {
    threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, |n| n.get().min(1024)))
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
            let _ = writeln!(
                std::io::stderr(),
                "thalweg: {}; see --help",
                parts.join("; ").replace("; [", " [")
            );
            ExitCode::from(2)
        }
    }
}
