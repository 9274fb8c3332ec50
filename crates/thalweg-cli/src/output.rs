//! The file that the user names for output: it replaces no input, and what is no file is written
//! to.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use thalweg_core::error::Error;
use thalweg_data::{Source, Table, formats};

use crate::exit::{Failure, Result};
use thalweg::run_folder::{
    CHECKPOINT, CONFIG, LOG, MODEL, REPORT, unwritable, write_atomically_with,
};

/// Refuses an output that is the model, a file beside it in its run folder, or among the data.
pub fn check(flag: &str, output: &Path, model: Option<&Path>, data: &Source) -> Result<()> {
    let mut inputs = Vec::new();
    if let Some(model) = model {
        inputs.push((model.to_owned(), "the model"));
        for name in [MODEL, CONFIG, LOG, CHECKPOINT, REPORT] {
            inputs.push((model.with_file_name(name), "a file of the model's run"));
        }
    }
    inputs.extend(data_files(data));
    let target = destination(output);
    for (path, what) in inputs {
        // A name that is not there yet is compared as a name.
        if same_file(&target, &path) || same_name(&target, &path) {
            let place = format!("{flag} {}", output.display());
            return Err(Error::invalid(place, what, "another file").into());
        }
    }
    Ok(())
}

/// The files of the data, and what they are.
fn data_files(data: &Source) -> Vec<(PathBuf, &'static str)> {
    let all = |paths: Vec<PathBuf>| {
        let named = paths.into_iter().map(|path| (path, "a file of the data"));
        named.collect()
    };
    match data {
        Source::Path(path) if path.is_dir() => {
            let entries = fs::read_dir(path).into_iter().flatten().flatten();
            all(entries.map(|entry| entry.path()).collect())
        }
        Source::Path(path) => vec![(path.clone(), "the data")],
        Source::Files(text) => all(thalweg_data::source::files(text).unwrap_or_default()),
        Source::Stdin => vec![(PathBuf::from("/dev/stdin"), "the data")],
        Source::Builtin(_) => Vec::new(),
    }
}

/// Refuses an output that is a file of a run.
pub fn check_run(flag: &str, output: &Path, run: &Path) -> Result<()> {
    let target = destination(output);
    for name in [MODEL, CONFIG, LOG, CHECKPOINT, REPORT] {
        let path = run.join(name);
        if same_file(&target, &path) || same_name(&target, &path) {
            let place = format!("{flag} {}", output.display());
            return Err(Error::invalid(place, "a file of a run", "another file").into());
        }
    }
    Ok(())
}

/// Writes to the output: a file whole, through a symbolic link to where it points, or into a device
/// or pipe.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    write_with(path, |file| file.write_all(bytes))
}

/// The same with what `write` writes.
pub fn write_with(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> Result<()> {
    let target = destination(path);
    let written = match is_stream(&target) {
        true => stream(&target).and_then(|mut file| write(&mut file)),
        false => write_atomically_with(&target, write),
    };
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(Failure::OutputClosed),
        Err(error) if is_stream(&target) => Err(Failure::Running(format!(
            "{}: cannot be written: {error}",
            path.display()
        ))),
        written => Ok(written.map_err(|error| unwritable(path, &error))?),
    }
}

/// Writes a table in the format of the output's ending, or else as CSV.
pub fn write_table(path: &Path, table: &Table) -> Result<()> {
    let name = path.to_string_lossy();
    let is_known = formats::check_written(&name).is_ok();
    let name = if is_known { &name } else { "table.csv" };
    write(path, &formats::write(table, name)?)
}

/// Appending neither cuts nor overwrites what a shell redirected to a file.
fn stream(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).open(path)
}

/// Whether a rename would put a file in the place of something else.
fn is_stream(path: &Path) -> bool {
    let special = ["/dev", "/proc"].iter().any(|root| path.starts_with(root));
    fs::metadata(path).is_ok_and(|metadata| special || !(metadata.is_file() || metadata.is_dir()))
}

/// Where symbolic links lead, even if nothing is there yet.
fn destination(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    for _ in 0..40 {
        // Open files of a process only look like links.
        if path.starts_with("/proc") || path.starts_with("/dev") {
            break;
        }
        match fs::read_link(&path) {
            Ok(next) => path = path.parent().unwrap_or(Path::new("")).join(next),
            Err(_) => break,
        }
    }
    path
}

#[cfg(unix)]
fn same_file(a: &Path, b: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let (Ok(a), Ok(b)) = (fs::metadata(a), fs::metadata(b)) else {
        return false;
    };
    // The same terminal or pipe may well be read and written.
    a.is_file() && (a.dev(), a.ino()) == (b.dev(), b.ino())
}

#[cfg(not(unix))]
fn same_file(_: &Path, _: &Path) -> bool {
    false
}

fn same_name(a: &Path, b: &Path) -> bool {
    let whole = |path: &Path| {
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        let folder = fs::canonicalize(folder.unwrap_or(Path::new("."))).ok()?;
        Some(folder.join(path.file_name()?))
    };
    !a.starts_with("/dev") && whole(a).is_some_and(|a| whole(b) == Some(a))
}
