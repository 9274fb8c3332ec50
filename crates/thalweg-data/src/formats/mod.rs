//! File formats: one file each, and one line in [`FORMATS`].

mod arff;
#[cfg(feature = "columnar")]
mod arrow;
mod cache;
mod csv;
mod format;
mod idx;
#[cfg(feature = "images")]
mod images;
mod jsonl;
mod libsvm;
mod npy;
mod npz;
#[cfg(test)]
mod packed_tests;
#[cfg(feature = "columnar")]
mod parquet;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod written_tests;

use std::path::Path;

use thalweg_core::registry::Description;

pub use format::{Chunks, Folder, Format, Writer};

pub(crate) use libsvm::{HASHED, is_sparse};

use crate::compression;
use crate::error::{Error, Location, Result, did_you_mean, quote};
use crate::foreign;
use crate::input::Input;
use crate::loaded::Loaded;
use crate::options::ReadOptions;
use crate::table::Table;
use crate::totals::Totals;

/// All formats; the last one is used for text that no other format recognizes.
pub static FORMATS: &[&Format] = &[
    &cache::FORMAT,
    &idx::FORMAT,
    &npy::FORMAT,
    &npz::FORMAT,
    #[cfg(feature = "columnar")]
    &parquet::FORMAT,
    #[cfg(feature = "columnar")]
    &arrow::FORMAT,
    #[cfg(feature = "images")]
    &images::FORMAT,
    &jsonl::FORMAT,
    &arff::FORMAT,
    &libsvm::FORMAT,
    &csv::FORMAT,
];

/// The descriptions of all formats.
pub fn descriptions() -> Vec<&'static Description> {
    FORMATS.iter().map(|format| &format.description).collect()
}

/// What can be read, for help texts: `a file (idx, …, csv; also compressed, …) or a folder of the
/// four MNIST-named files or …`.
pub fn help() -> String {
    let folders = folders().map(|folder| format!(" or a folder of {}", folder.summary));
    let folders: String = folders.collect();
    let compressed = "also compressed, or one in a ZIP archive";
    format!(
        "A file ({}; {compressed}){folders} or of files with the rows of one table",
        names().join(", ")
    )
}

/// Reads a file in the format that the options name; else in the one that its first bytes or its
/// name show.
///
/// # Errors
/// If no format fits, or the file is damaged.
pub fn read(input: Input, options: &ReadOptions) -> Result<Loaded> {
    let format = find(&input, options)?;
    check_sparse(format, &input, options)?;
    let mut loaded = (format.read)(input, options)?;
    if format.chunks.is_some_and(|chunks| chunks.sums) {
        let (table, notes) = Totals::new(options).without(loaded.train);
        loaded.train = table;
        loaded.notes.extend(notes);
    }
    Ok(loaded)
}

/// What reads a file in pieces, if it can be read so.
///
/// # Errors
/// If no format fits, or the file begins as none of its format.
pub(crate) fn chunks(mut input: Input, options: &ReadOptions) -> Result<Option<Chunks>> {
    let format = find(&input, options)?;
    check_sparse(format, &input, options)?;
    Ok(match format.chunks {
        Some(chunks) if (chunks.fits)(&mut input)? => Some(chunks),
        _ => None,
    })
}

/// Refuses sparse rows of a format that has none.
fn check_sparse(format: &Format, input: &Input, options: &ReadOptions) -> Result<()> {
    let field = match (options.sparse, options.hash_columns) {
        // Rows for a model are read as it says.
        _ if options.expected.is_some() => return Ok(()),
        (Some(true), _) => "data.read.sparse",
        (_, Some(_)) => "data.read.hash_columns",
        _ => return Ok(()),
    };
    let name = format.description.name;
    // A cache has the rows that it was made of.
    let has_sparse =
        ["libsvm", "cache"].contains(&name) || (name == "npz" && field.ends_with("sparse"));
    if has_sparse {
        return Ok(());
    }
    let location = Location::file(input.file.clone());
    let found = format!("rows of format {name}");
    let expected = format!("those of libsvm, or sparse ones of SciPy (.npz), for `{field}`");
    let error = Error::invalid(location, found, expected);
    Err(error.remedy(format!("leave out `{field}`")))
}

/// The bytes of a file of that name that holds the table, in the format of its ending; compressed
/// where the name ends so.
///
/// # Errors
/// If no format with such an ending is written, or it cannot hold the table.
pub fn write(table: &Table, name: &str) -> Result<Vec<u8>> {
    let (ending, write) = writer(name)?;
    if let Some(width) = table.sparse_width() {
        let found = format!("sparse rows of {width} columns");
        let error = Error::invalid(Location::file(name), found, "a column for each value");
        return Err(error.remedy("make a .cache of them, or set `data.read.sparse` false"));
    }
    let bytes = write(table, &ending)?;
    compression::compress(&name.to_lowercase(), bytes).map_err(|error| Error::reading(name, error))
}

/// Whether a file of that name can be written, before there is anything to write.
///
/// # Errors
/// As [`write()`].
pub fn check_written(name: &str) -> Result<()> {
    writer(name).map(|_| ())
}

/// Whether a name ends as files of a format that is not written: what is written in another format
/// would not be read by that name.
pub fn is_of_another(name: &str) -> bool {
    const OTHERS: [&str; 3] = ["xlsx", "xls", "ods"];
    let lower = name.to_lowercase();
    let ending = Path::new(compression::plain_name(&lower)).extension();
    let ending = ending
        .and_then(|ending| ending.to_str())
        .unwrap_or_default();
    let is_known = |format: &&Format| format.endings.contains(&ending);
    check_written(name).is_err() && (OTHERS.contains(&ending) || FORMATS.iter().any(is_known))
}

/// The ending of a name, and what writes such files.
fn writer(name: &str) -> Result<(String, Writer)> {
    let lower = name.to_lowercase();
    let ending = Path::new(compression::plain_name(&lower)).extension();
    let ending = ending
        .and_then(|ending| ending.to_str())
        .unwrap_or_default();
    let is_its = |format: &&&Format| format.endings.contains(&ending);
    match FORMATS
        .iter()
        .filter(is_its)
        .find_map(|format| format.write)
    {
        Some(write) => Ok((ending.to_owned(), write)),
        None => {
            let written = FORMATS.iter().filter(|format| format.write.is_some());
            let endings = written.map(|format| format!(".{}", format.endings[0]));
            let endings: Vec<String> = endings.collect();
            let expected = format!("a name that ends in {}", endings.join(", "));
            let found = "no ending of a format that is written";
            Err(Error::invalid(Location::file(name), found, expected))
        }
    }
}

/// Reads a folder that a format knows as one data set; `None` if none does.
///
/// # Errors
/// If a file is damaged.
pub fn read_folder(path: &Path, options: &ReadOptions) -> Result<Option<Loaded>> {
    let known = folders().find(|folder| (folder.recognizes)(path));
    known.map(|folder| (folder.read)(path, options)).transpose()
}

/// Whether a format knows a folder as one data set.
pub(crate) fn knows_folder(path: &Path) -> bool {
    folders().any(|folder| (folder.recognizes)(path))
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
    if let Some(format) = (formats.clone()).find(|format| (format.recognizes)(&input.head)) {
        return Ok(format);
    }
    if let Some(refusal) = foreign::refusal(&input.file, &input.head) {
        return Err(refusal);
    }
    let lower = input.name.to_lowercase();
    let ending = Path::new(&lower).extension().unwrap_or_default();
    let is_text = !input.head.contains(&0);
    (formats.find(|format| format.endings.iter().any(|e| ending == *e)))
        .or(FORMATS.last().copied().filter(|_| is_text))
        .ok_or_else(|| {
            let location = Location::file(input.file.clone());
            let found = "binary data of no known format";
            Error::invalid(location, found, expected()).remedy("convert the file")
        })
}
