//! Where data come from: a path, standard input, or a built-in set; and reading them.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Note, Place, Result, quote};
use crate::formats;
use crate::input::Input;
use crate::table::{Column, ColumnData, Table};
use crate::{builtin, formats::idx};

/// What a user names as DATA.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A file or a directory.
    Path(PathBuf),
    /// `-`: standard input.
    Stdin,
    /// `builtin:NAME`.
    Builtin(&'static builtin::Builtin),
}

impl Source {
    /// Reads a DATA argument. Only the name of a built-in set is checked; files are looked at by [`read`].
    ///
    /// # Errors
    /// For `builtin:NAME` without such a set; the nearest name is suggested.
    pub fn parse(text: &str) -> Result<Self> {
        if text == "-" {
            return Ok(Source::Stdin);
        }
        if text.is_empty() {
            let expected = "a file, a folder, or builtin:digits";
            return Err(Error::invalid(
                Place::default(),
                "an empty name for DATA",
                expected,
            ));
        }
        match text.strip_prefix("builtin:") {
            Some(name) => builtin::find(name).map(Source::Builtin),
            None => Ok(Source::Path(PathBuf::from(text))),
        }
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
        }
    }
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Source::Stdin => f.write_str("-"),
            Source::Builtin(set) => write!(f, "builtin:{}", set.name),
            Source::Path(path) => write!(f, "{}", path.display()),
        }
    }
}

/// How to read a file; every field has a default that looks at the file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReadOptions {
    /// The format by its name in `thalweg list formats`; found by looking when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// A file of labels that belongs to the data (IDX, `.npy`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<PathBuf>,
    /// Text files: the character between cells; found by looking when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<char>,
    /// Text files: whether the first line holds the names; found by looking when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<bool>,
    /// Text files: names of the columns, instead of those in the file.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// Text files: cells that mean "missing", beside the usual ones (empty, `?`, `NA`, `NaN`, `null`, …).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// Text files: the columns of the file on which a model was trained.
    #[serde(skip)]
    pub expected: Option<ExpectedColumns>,
}

/// The columns that a text file is expected to have: they tell a header line from data, and name the columns
/// of a file without header.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExpectedColumns {
    /// All names in order.
    pub names: Vec<String>,
    /// Those among them that may be absent together: the targets.
    pub optional: Vec<String>,
}

impl ExpectedColumns {
    /// The names of `width` columns without header: all, or all but the optional ones.
    pub(crate) fn of_width(&self, width: usize) -> Option<Vec<String>> {
        let needed = || {
            self.names
                .iter()
                .filter(|name| !self.optional.contains(name))
        };
        if self.names.len() == width {
            Some(self.names.clone())
        } else {
            (needed().count() == width).then(|| needed().cloned().collect())
        }
    }
}

/// What was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// The rows, or the training rows where the source has an official test part.
    pub train: Table,
    /// The official test part.
    pub test: Option<Table>,
    /// What the user should know.
    pub notes: Vec<Note>,
}

impl Loaded {
    pub(crate) fn table(train: Table) -> Self {
        Self {
            train,
            test: None,
            notes: Vec::new(),
        }
    }
}

/// Reads a whole source into memory.
///
/// # Errors
/// When a file cannot be read or is not what its format demands; the error names file, line and column.
pub fn read(source: &Source, options: &ReadOptions) -> Result<Loaded> {
    let mut loaded = match source {
        Source::Path(path) => read_path(path, options)?,
        Source::Stdin => formats::read(Input::stdin()?, options)?,
        Source::Builtin(set) => set.read()?,
    };
    if let Some(labels) = &options.labels {
        attach_labels(&mut loaded, labels)?;
    }
    if loaded.train.rows == 0 {
        return Err(
            Error::invalid(loaded.train.place(), "no rows", "rows of data")
                .remedy("check that this is the right file"),
        );
    }
    Ok(loaded)
}

fn read_path(path: &Path, options: &ReadOptions) -> Result<Loaded> {
    if path.is_dir() {
        idx::read_directory(path)
    } else {
        formats::read(Input::open(path)?, options)
    }
}

/// Adds the only column of the file `labels` to the table, as its target.
fn attach_labels(loaded: &mut Loaded, labels: &Path) -> Result<()> {
    let table = read_path(labels, &ReadOptions::default())?.train;
    let place = table.place();
    if table.rows != loaded.train.rows {
        return Err(Error::invalid(
            place,
            format!("{} labels", table.rows),
            format!(
                "{}, one for each row of {}",
                loaded.train.rows, loaded.train.file
            ),
        )
        .remedy("give the labels that belong to these data"));
    }
    let count = table.columns.len();
    let mut columns = table.columns.into_iter();
    let (Some(Column { data, .. }), None) = (columns.next(), columns.next()) else {
        return Err(Error::invalid(
            place,
            format!("{count} columns"),
            "one column of labels",
        ));
    };
    if matches!(data, ColumnData::Block(_)) {
        return Err(
            Error::invalid(place, "several numbers a row", "one label a row")
                .remedy("give the images as DATA and the labels as --labels"),
        );
    }
    let fractions = matches!(&data, ColumnData::Numeric(numbers)
        if numbers.iter().any(|x| x.fract() != 0.0 && !x.is_nan()));
    add_target(&mut loaded.train, "label", data)?;
    loaded.train.roles.classes = Some(!fractions);
    Ok(())
}

/// Adds the target column `name` to a table whose format keeps it apart.
pub(crate) fn add_target(table: &mut Table, name: &str, data: ColumnData) -> Result<()> {
    if table.column(name).is_some() {
        return Err(Error::invalid(
            table.place(),
            format!("a column {} and separate labels", quote(name)),
            "only one of them",
        ));
    }
    table.columns.push(Column {
        name: name.to_owned(),
        data,
    });
    table.roles.target = vec![name.to_owned()];
    table.roles.classes = Some(true);
    Ok(())
}

impl Table {
    /// A table without lines and roles, as binary formats have it.
    pub(crate) fn unlined(file: String, rows: usize, columns: Vec<Column>) -> Self {
        Self {
            file,
            columns,
            rows,
            lines: None,
            roles: Default::default(),
        }
    }
}
