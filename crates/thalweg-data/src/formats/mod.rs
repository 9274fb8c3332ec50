//! File formats: one file each, and one line in [`FORMATS`].

mod csv;
mod format;
mod idx;
mod npy;
mod npz;
#[cfg(test)]
mod tests;

use std::path::Path;

use thalweg_core::registry::Description;

pub use format::{Folder, Format};

use crate::error::{Error, Location, Result, did_you_mean, quote};
use crate::input::Input;
use crate::loaded::Loaded;
use crate::options::ReadOptions;

/// All formats; the last one is used for text that no other format recognizes.
pub static FORMATS: &[&Format] = &[&idx::FORMAT, &npy::FORMAT, &npz::FORMAT, &csv::FORMAT];

/// The descriptions of all formats.
pub fn descriptions() -> Vec<&'static Description> {
    FORMATS.iter().map(|format| &format.description).collect()
}

/// What can be read, for help texts: `a file (idx, …, csv; also gzipped) or a folder of the four
/// MNIST-named files`.
pub fn help() -> String {
    let folders = folders().map(|folder| format!(" or a folder of {}", folder.summary));
    let folders: String = folders.collect();
    format!("A file ({}; also gzipped){folders}", names().join(", "))
}

/// Reads a file in the format that the options name; else in the one that its first bytes or its
/// name show.
///
/// # Errors
/// If no format fits, or the file is damaged.
pub fn read(input: Input, options: &ReadOptions) -> Result<Loaded> {
    (find(&input, options)?.read)(input, options)
}

/// Reads a folder as one data set.
///
/// # Errors
/// If no format recognizes it, or a file is damaged.
pub fn read_folder(path: &Path) -> Result<Loaded> {
    match folders().find(|folder| (folder.recognizes)(path)) {
        Some(folder) => (folder.read)(path),
        None => {
            let location = Location::file(path.display().to_string());
            let found = "a folder of no known format";
            Err(Error::invalid(location, found, help()).remedy("give the file itself"))
        }
    }
}

fn folders() -> impl Iterator<Item = &'static Folder> {
    FORMATS.iter().filter_map(|format| format.folder.as_ref())
}

fn names() -> Vec<&'static str> {
    let name = |format: &&Format| format.description.name;
    FORMATS.iter().map(name).collect()
}

fn find(input: &Input, options: &ReadOptions) -> Result<&'static Format> {
    let mut formats = FORMATS.iter().copied();
    let expected = || format!("one of {}", names().join(", "));
    if let Some(name) = &options.format {
        let named = formats.find(|format| format.description.name == name);
        let error = || Error::invalid(Location::field("data.read.format"), quote(name), expected());
        return named.ok_or_else(|| error().remedy(did_you_mean(name, names())));
    }
    let lower = input.file.to_lowercase();
    let plain = lower.strip_suffix(".gz").unwrap_or(&lower);
    let ending = Path::new(plain).extension().unwrap_or_default();
    let is_text = !input.head.contains(&0);
    (formats
        .clone()
        .find(|format| (format.recognizes)(&input.head)))
    .or_else(|| formats.find(|format| format.endings.iter().any(|e| ending == *e)))
    .or(FORMATS.last().copied().filter(|_| is_text))
    .ok_or_else(|| {
        let location = Location::file(input.file.clone());
        let found = "binary data of no known format";
        Error::invalid(location, found, expected()).remedy("convert the file")
    })
}
