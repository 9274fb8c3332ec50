//! File formats: one file each, and one line in [`FORMATS`].

pub mod csv;
pub mod idx;
pub mod npy;
pub mod npz;
mod zip;

use std::path::Path;

use thalweg_core::registry::{Choice, Description, Entry, Registry};

use crate::error::{Error, Place, Result, did_you_mean, quote};
use crate::input::Input;
use crate::source::{Loaded, ReadOptions};

/// How files of a format are recognized and read.
pub struct Format {
    /// Endings of file names, before `.gz`.
    pub endings: &'static [&'static str],
    /// Whether a file with these first bytes is surely of this format.
    pub recognizes: fn(&[u8]) -> bool,
    /// Reads a file.
    pub read: fn(Input, &ReadOptions) -> Result<Loaded>,
}

/// All formats; the last is taken for text that no other format recognizes.
pub static FORMATS: Registry<&'static Format> = Registry {
    kind: "format",
    entries: &[&idx::ENTRY, &npy::ENTRY, &npz::ENTRY, &csv::ENTRY],
};

/// The name, summary and file endings of every format.
pub fn list() -> Vec<(&'static str, &'static str, &'static [&'static str])> {
    let entries = FORMATS.entries.iter().copied();
    entries
        .filter_map(|entry| {
            let Description { name, summary, .. } = entry.description;
            Some((name, summary, build(entry)?.endings))
        })
        .collect()
}

/// Reads a file in the format that the options name, or that its first bytes or its name tell.
pub fn read(input: Input, options: &ReadOptions) -> Result<Loaded> {
    (find(&input, options)?.read)(input, options)
}

fn build(entry: &'static Entry<&'static Format>) -> Option<&'static Format> {
    let arguments = (entry.description).resolve("format", &Choice::new(entry.description.name));
    arguments
        .and_then(|arguments| (entry.build)(&arguments, &()))
        .ok()
}

fn find(input: &Input, options: &ReadOptions) -> Result<&'static Format> {
    let all = || FORMATS.entries.iter().copied();
    let names = || all().map(|entry| entry.description.name);
    if let Some(name) = &options.format {
        let entry = all().find(|entry| entry.description.name == name);
        return entry.and_then(build).ok_or_else(|| {
            Error::invalid(
                Place::default(),
                format!("format {}", quote(name)),
                format!("one of {}", names().collect::<Vec<_>>().join(", ")),
            )
            .remedy(did_you_mean(name, names()))
        });
    }
    let formats = || all().filter_map(build);
    if let Some(format) = formats().find(|format| (format.recognizes)(&input.head)) {
        return Ok(format);
    }
    let lower = input.file.to_lowercase();
    let plain = lower.strip_suffix(".gz").unwrap_or(&lower);
    let ending = Path::new(plain).extension().unwrap_or_default();
    let named = formats().find(|format| format.endings.iter().any(|e| ending == *e));
    let text = !input.head.contains(&0);
    match named.or(formats().next_back().filter(|_| text)) {
        Some(format) => Ok(format),
        None => Err(Error::invalid(
            Place::file(input.file.clone()),
            "binary data of no known format",
            format!("one of {}", names().collect::<Vec<_>>().join(", ")),
        )
        .remedy("convert the file")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_is_listed_with_its_endings() {
        let list = list();
        assert_eq!(list.len(), FORMATS.entries.len());
        for (name, summary, endings) in list {
            assert!(!summary.is_empty() && !endings.is_empty(), "{name}");
        }
    }
}
