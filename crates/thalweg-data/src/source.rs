//! Where data come from: paths, standard input, or a built-in set; and reading them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::builtin::{self, BUILTINS};
use crate::error::{Error, Location, Result, quote};
use crate::formats;
use crate::input::Input;
use crate::loaded::Loaded;
use crate::options::ReadOptions;
use crate::parts;
use crate::reading::interpret;
use crate::shuffled;
use crate::stamp::Meanwhile;
use crate::table::{Column, ColumnData, Table};
use crate::text::whole;

/// The DATA of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A file or a directory.
    Path(PathBuf),
    /// Several files with the rows of one table: paths and patterns such as `part-*.csv`,
    /// separated by commas.
    Files(String),
    /// `-`: standard input.
    Stdin,
    /// `builtin:NAME`.
    Builtin(&'static builtin::Builtin),
}

impl Source {
    /// Reads a DATA argument. Files are opened by [`read`].
    ///
    /// # Errors
    /// For an empty text, and for `builtin:NAME` without such a set; the nearest name is suggested.
    pub fn parse(text: &str) -> Result<Self> {
        let expected = "a file, a folder, or builtin:digits";
        match (text, text.strip_prefix("builtin:")) {
            ("", _) => Err(Error::invalid(
                Location::field("data.source"),
                "an empty text",
                expected,
            )),
            ("-", _) => Ok(Source::Stdin),
            (_, Some(name)) => builtin::find(name).map(Source::Builtin),
            // A file may well have such a name.
            (_, None) if text.contains(['*', '?', '[', ',']) && !Path::new(text).exists() => {
                Ok(Source::Files(text.to_owned()))
            }
            (_, None) => Ok(Source::Path(PathBuf::from(text))),
        }
    }

    /// What can be given as DATA, for help texts.
    pub fn help() -> String {
        let names = BUILTINS.iter().map(|set| format!("builtin:{}", set.name));
        let names: Vec<String> = names.collect();
        let several = "several (a.csv,b.csv or part-*.csv)";
        format!(
            "{}, {several}, `-`, or {}",
            formats::help(),
            names.join(", ")
        )
    }

    /// The files that it reads; of a folder all in it and in the folders inside, of pipes and what is built in none.
    ///
    /// # Errors
    /// If a pattern matches no file, or a folder cannot be read.
    pub fn paths(&self) -> Result<Vec<PathBuf>> {
        let mut paths = Vec::new();
        match self {
            Source::Path(path) => within(path, &mut paths)
                .map_err(|error| Error::reading(&path.display().to_string(), error))?,
            Source::Files(text) => paths = files(text)?,
            Source::Stdin | Source::Builtin(_) => {}
        }
        Ok(paths)
    }

    /// A short name for run folders and reports: `adult` for `data/adult.csv.gz`.
    pub fn name(&self) -> String {
        match self {
            Source::Stdin => "stdin".to_owned(),
            Source::Builtin(set) => set.name.to_owned(),
            Source::Path(path) => {
                let absolute = path.canonicalize();
                let path = absolute.as_deref().unwrap_or(path);
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                let stem = name.split('.').find(|part| !part.is_empty());
                stem.unwrap_or("data").to_owned()
            }
            Source::Files(text) => {
                let first = text.split(',').next().unwrap_or_default();
                let name = Path::new(first)
                    .file_stem()
                    .unwrap_or_default()
                    .to_string_lossy();
                let stem = name.split(['*', '?', '[']).next().unwrap_or_default();
                match stem.trim_matches(['-', '_', '.']) {
                    "" => "data".to_owned(),
                    stem => stem.to_owned(),
                }
            }
        }
    }
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Source::Stdin => f.write_str("-"),
            Source::Builtin(set) => write!(f, "builtin:{}", set.name),
            Source::Path(path) => write!(f, "{}", path.display()),
            Source::Files(text) => f.write_str(text),
        }
    }
}

/// Reads a whole source into memory.
///
/// # Errors
/// When a file cannot be read or is not what its format demands; the error names file, line and
/// column.
pub fn read(source: &Source, options: &ReadOptions) -> Result<Loaded> {
    let meanwhile = Meanwhile::of(source.paths()?);
    let read = match source {
        Source::Path(path) => read_path(path, options),
        Source::Files(text) => parts::read(text, &files(text)?, options),
        Source::Stdin => formats::read(Input::stdin()?, options),
        Source::Builtin(set) => set.read(options),
    };
    // What was found may be a row that was cut.
    meanwhile.check()?;
    let mut loaded = read?;
    if let Some(labels) = &options.labels {
        let (mut labels, table) = (Labels::read(labels)?, &mut loaded.train);
        if labels.rows != table.rows {
            return Err(labels.other_number(&table.file, &whole(table.rows)));
        }
        labels.add_to(table)?;
    }
    finish(loaded, options)
}

/// Reads an input as a source of its own, in the format that it has.
///
/// # Errors
/// As [`read`].
pub fn read_input(input: Input, options: &ReadOptions) -> Result<Loaded> {
    finish(formats::read(input, options)?, options)
}

/// Decides how columns are read.
fn finish(mut loaded: Loaded, options: &ReadOptions) -> Result<Loaded> {
    if loaded.train.rows == 0 {
        let error = Error::invalid(loaded.train.location(), "no rows", "rows of data");
        return Err(error.remedy("check that this is the right file"));
    }
    interpret(&mut loaded, options)?;
    if let Some(seed) = options.shuffle {
        let order = shuffled::order(seed, loaded.train.rows);
        loaded.train = loaded.train.with_sources().keep(&order);
    }
    Ok(loaded)
}

/// The files that a text names: those of patterns by name.
///
/// # Errors
/// If no file matches a pattern, or it is none.
pub fn files(text: &str) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for name in text
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
    {
        if !name.contains(['*', '?', '[']) || Path::new(name).exists() {
            files.push(PathBuf::from(name));
            continue;
        }
        let fail = |found: String, expected: &str| {
            Error::invalid(Location::field("data.source"), found, expected)
        };
        let matches = glob::glob(name).map_err(|error| {
            fail(
                format!("the pattern {} ({})", quote(name), error.msg),
                "a pattern such as part-*.csv",
            )
        })?;
        let before = files.len();
        files.extend(
            matches
                .filter_map(|path| path.ok())
                .filter(|path| path.is_file()),
        );
        if files.len() == before {
            let error = fail(format!("no file that matches {}", quote(name)), "a file");
            return Err(error.remedy("check the path"));
        }
    }
    Ok(files)
}

/// Adds a file, or those of a folder by their names.
fn within(path: &Path, paths: &mut Vec<PathBuf>) -> io::Result<()> {
    if !path.is_dir() {
        // Pipes are read once and have no stamp; a missing file is an error when it is read.
        paths.extend((path.is_file() || !path.exists()).then(|| path.to_owned()));
        return Ok(());
    }
    let mut entries = fs::read_dir(path)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    entries
        .iter()
        .try_for_each(|entry| within(&entry.path(), paths))
}

fn read_path(path: &Path, options: &ReadOptions) -> Result<Loaded> {
    match path.is_dir() {
        true => parts::read_folder(path, options),
        false => formats::read(Input::open(path)?, options),
    }
}

/// The only column of a file of labels, for the rows of others in their order.
pub(crate) struct Labels {
    /// The file, for messages.
    file: Location,
    data: ColumnData,
    rows: usize,
    are_classes: bool,
    /// How many rows have theirs.
    at: usize,
}

impl Labels {
    /// Reads them.
    ///
    /// # Errors
    /// If the file cannot be read, or is none of labels.
    pub fn read(path: &Path) -> Result<Self> {
        let table = read_path(path, &ReadOptions::default())?.train;
        let (file, rows) = (table.location(), table.rows);
        let found = format!("{} columns", whole(table.columns.len()));
        let Ok([Column { data, .. }]) = <[Column; 1]>::try_from(table.columns) else {
            return Err(Error::invalid(file, found, "one column of labels"));
        };
        let are_classes = match &data {
            ColumnData::Block(_) => {
                let error = Error::invalid(file, "several numbers a row", "one label a row");
                return Err(error.remedy(
                    "give the images as `data.source` and the labels as `data.read.labels`",
                ));
            }
            ColumnData::Numeric(numbers) => {
                (numbers.iter()).all(|x| x.fract() == 0.0 || x.is_nan())
            }
            ColumnData::Text(_) | ColumnData::Time(_) => true,
        };
        Ok(Self {
            file,
            data,
            rows,
            are_classes,
            at: 0,
        })
    }

    /// Adds those of the next rows as their target.
    ///
    /// # Errors
    /// If there are not as many.
    pub fn add_to(&mut self, table: &mut Table) -> Result<()> {
        let rows = self.at..self.at + table.rows;
        if rows.end > self.rows {
            return Err(self.other_number(&table.file, "more of them"));
        }
        self.at = rows.end;
        let rows: Vec<usize> = rows.collect();
        table.add_target("label", self.data.keep(&rows))?;
        table.roles.classes = Some(self.are_classes);
        Ok(())
    }

    /// Whether all belong to rows of this file.
    ///
    /// # Errors
    /// If there are more.
    pub fn finish(&self, file: &str) -> Result<()> {
        match self.at == self.rows {
            true => Ok(()),
            false => Err(self.other_number(file, &whole(self.at))),
        }
    }

    fn other_number(&self, file: &str, expected: &str) -> Error {
        let found = format!("{} labels", whole(self.rows));
        let expected = format!("{expected}, one for each row of {file}");
        Error::invalid(self.file.clone(), found, expected)
            .remedy("give the labels that belong to these data")
    }
}
