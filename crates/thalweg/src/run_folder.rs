//! The folder of a run, the only place where `train` writes.
//!
//! `config.toml` and `log.jsonl` are there from the beginning, `model.safetensors` from the end;
//! `checkpoint.safetensors` is there while training goes on and after an interruption, and goes
//! when training is finished; `surface.svg` is there after an exhaustive search; `report.html` shows the
//! run, where a program that can draw it has trained. Files other than
//! the log are replaced whole: a temporary file beside them is written, synced and renamed.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use thalweg_core::error::Error;

use crate::error::{Result, input};

/// The model.
pub const MODEL: &str = "model.safetensors";
/// The resolved run.
pub const CONFIG: &str = "config.toml";
/// One JSON object a line.
pub const LOG: &str = "log.jsonl";
/// What a run needs to go on.
pub const CHECKPOINT: &str = "checkpoint.safetensors";
/// The page that shows the run.
pub const REPORT: &str = "report.html";
/// The folder of rows that do not fit into memory, while the run needs them.
pub const CACHE: &str = "cache";
/// The folder that the members of an ensemble have while they are trained.
pub const MEMBERS: &str = "members";
/// The error surface of an exhaustive search, drawn.
pub const SURFACE: &str = "surface.svg";

/// An existing run folder.
#[derive(Debug, Clone)]
pub struct RunFolder {
    path: PathBuf,
}

impl RunFolder {
    /// The folder at `path`, whatever it holds.
    pub fn at(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
        }
    }

    /// Whether it holds what a run leaves that is killed before it has a config, and nothing else.
    pub(crate) fn is_begun(&self) -> bool {
        let entries: Vec<_> = fs::read_dir(&self.path).into_iter().flatten().collect();
        !entries.is_empty() && entries.into_iter().all(is_left)
    }

    /// Refuses a place where something is already, but for what a run leaves that is killed before it has a config.
    pub fn check_free(path: &Path) -> Result<()> {
        match fs::read_dir(path).map(|mut entries| entries.all(is_left)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(unwritable(path, &error)),
            Ok(true) => Ok(()),
            Ok(false) => Err(Error::invalid(
                path.display().to_string(),
                "a folder with files",
                "an empty or new one",
            )
            .remedy("choose another `options.output`, or go on with the run by `options.resume`")
            .into()),
        }
    }

    /// Makes the folder, if it is not there yet.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn create(path: &Path) -> Result<Self> {
        fs::create_dir_all(path).map_err(|error| unwritable(path, &error))?;
        Ok(Self::at(path))
    }

    /// Makes the first free folder `runs/NAME-N`.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn numbered(name: &str) -> Result<Self> {
        let runs = Path::new("runs");
        fs::create_dir_all(runs).map_err(|error| unwritable(runs, &error))?;
        for number in 1u64.. {
            let path = runs.join(format!("{name}-{number}"));
            match fs::create_dir(&path) {
                Ok(()) => return Ok(Self { path }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(unwritable(&path, &error)),
            }
        }
        Err(unwritable(runs, &io::Error::other("no free name")))
    }

    /// Keeps other processes out as long as the handle lives. None where the system cannot lock a
    /// folder.
    pub fn lock(&self) -> Result<Option<File>> {
        let Ok(folder) = File::open(&self.path) else {
            return Ok(None);
        };
        match folder.try_lock() {
            Ok(()) => Ok(Some(folder)),
            Err(fs::TryLockError::Error(_)) => Ok(None),
            Err(fs::TryLockError::WouldBlock) => Err(input(format!(
                "another thalweg is training in {self}; wait for it, or choose another `options.output`"
            ))),
        }
    }

    /// The folder of a member of an ensemble, counted from 0: it is there while members are trained.
    pub fn member(&self, number: usize) -> Self {
        Self::at(&self.file(MEMBERS).join(number.to_string()))
    }

    /// The path of one of its files.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes one of its files whole.
    pub fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.file(name);
        // The lock on the folder keeps the name unique; what a killed run left behind is written
        // over.
        replace(&path, &format!(".{name}.tmp"), bytes).map_err(|error| named(&path, &error))
    }

    /// Where it is.
    pub fn path(&self) -> PathBuf {
        self.path.clone()
    }

    /// Removes a folder in it with all that it holds, if it is there.
    pub(crate) fn remove_folder(&self, name: &str) {
        // What stays behind does no harm.
        let _ = fs::remove_dir_all(self.file(name));
    }

    /// Removes one of its files if it is there.
    pub fn remove(&self, name: &str) {
        // What stays behind does no harm.
        let _ = fs::remove_file(self.file(name));
    }
}

/// Whether a run that is killed before it has a config leaves that.
fn is_left(entry: io::Result<fs::DirEntry>) -> bool {
    let name = entry.map(|entry| entry.file_name()).unwrap_or_default();
    let name = name.to_string_lossy();
    name == CACHE || name.starts_with('.') && name.ends_with(".tmp")
}

impl std::fmt::Display for RunFolder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.path.display())
    }
}

/// Puts a file into place whole: no reader sees half of it, and a failure leaves the old one. Its
/// temporary name is that of no other process.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_atomically_with(path, |file| file.write_all(bytes))
}

/// The same with what `write` writes.
pub fn write_atomically_with(
    path: &Path,
    write: impl FnOnce(&mut File) -> io::Result<()>,
) -> io::Result<()> {
    let temporary = format!(".thalweg-{}.tmp", std::process::id());
    replace_with(path, &temporary, write)
}

fn replace(path: &Path, temporary: &str, bytes: &[u8]) -> io::Result<()> {
    replace_with(path, temporary, |file| file.write_all(bytes))
}

fn replace_with(
    path: &Path,
    temporary: &str,
    write: impl FnOnce(&mut File) -> io::Result<()>,
) -> io::Result<()> {
    if path.file_name().is_none() {
        return Err(io::Error::other("not a file"));
    }
    let temporary = path.with_file_name(temporary);
    let written = (|| {
        let mut file = File::create(&temporary)?;
        write(&mut file)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    })();
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
        return written;
    }
    // The rename itself lasts when the folder is synced; not every file system can do that.
    let folder = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let _ = File::open(folder.unwrap_or(Path::new("."))).and_then(|folder| folder.sync_all());
    Ok(())
}

/// An error of the operating system with the file that it is of.
pub(crate) fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// The failure of output that cannot be written.
pub fn unwritable(path: &Path, error: &io::Error) -> crate::Error {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    let remedy = match error.kind() {
        FileTooLarge | QuotaExceeded | StorageFull => "make room, or choose another place",
        _ => "choose another place",
    };
    let (path, error) = (path.display().to_string(), error.to_string());
    // An error may name the file already.
    let error = error.strip_prefix(&format!("{path}: ")).unwrap_or(&error);
    input(format!("{path}: cannot be written: {error}; {remedy}"))
}

/// The folder of rows within that of a run, which goes with this if nothing is there to go on with.
#[derive(Debug)]
pub(crate) struct OwnFolder(PathBuf);

impl OwnFolder {
    /// One that is made there.
    pub fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }
}

impl Drop for OwnFolder {
    fn drop(&mut self) {
        let run = self.0.parent().unwrap_or(Path::new(""));
        if !run.join(CONFIG).exists() {
            // What stays behind does no harm. A folder with other files in it stays.
            let _ = fs::remove_dir_all(&self.0);
            let _ = fs::remove_dir(run);
        }
    }
}
