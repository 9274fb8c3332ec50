//! How files are read.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::reading::{ReadAs, Readings};

/// How to read a file; every field has a default that depends on the file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReadOptions {
    /// The format, by its name in [`FORMATS`](crate::formats::FORMATS); recognized by the first
    /// bytes or the file's ending when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// A file of labels that belongs to the data (IDX, `.npy`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<PathBuf>,
    /// Text files: the character between cells; detected when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<char>,
    /// Text files: whether the first line holds the names; detected when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<bool>,
    /// Text files: the encoding, by its name on the web, such as `latin1`; UTF-8 or UTF-16 when
    /// absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
    /// Text files: lines to skip before anything else.
    #[serde(skip_serializing_if = "is_zero")]
    pub skip: usize,
    /// Text files: names of the columns, instead of those in the file.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// Text files: cells that mean "missing", beside the usual ones (empty, `?`, `NA`, `NaN`,
    /// `null`, …).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// Text files: cells that do not mean "missing", such as `None`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_missing: Vec<String>,
    /// The decimal sign of numbers in text; by looking when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decimal: Option<char>,
    /// The sign between groups of three digits of numbers in text; by looking when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thousands: Option<char>,
    /// Columns whose values are categories, numbers too.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub categorical: Vec<String>,
    /// Columns whose values are numbers, whatever they look like.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub numeric: Vec<String>,
    /// Columns whose values are dates; `COL=dmy` (or `mdy`, `ymd`) gives the order of the parts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub date: Vec<String>,
    /// The seed of a random order into which the rows are put before anything else, as in a shuffled cache of the
    /// file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shuffle: Option<u64>,
    /// Sparse rows (libsvm): whether they stay sparse, and are no column for each index; where absent, they do if that
    /// is much less.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sparse: Option<bool>,
    /// Sparse rows: so many columns, into which indices are hashed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash_columns: Option<usize>,
    /// How columns were read in another file of the same table.
    #[serde(skip_serializing_if = "Readings::is_empty")]
    pub columns: Readings,
    /// Text files: the columns of the file on which a model was trained.
    #[serde(skip)]
    pub expected: Option<ExpectedColumns>,
    /// Text files: how the file was read on which a model was trained; it holds where a file does not tell, and
    /// nothing else is set.
    #[serde(skip_serializing_if = "TextOptions::is_empty")]
    pub before: TextOptions,
}

/// What was set to read a text file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TextOptions {
    /// Its encoding, for a file that is not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
    /// The character between cells, for a file that has it in its first line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<char>,
    /// Lines that were skipped, for a file with known names behind as many.
    #[serde(skip_serializing_if = "is_zero")]
    pub skip: usize,
}

impl TextOptions {
    /// Whether nothing was set.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The columns that a text file is expected to have: they distinguish a header from data, and name
/// the columns of a file without header.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExpectedColumns {
    /// All names in order.
    pub names: Vec<String>,
    /// Those among them that may be absent together: the targets.
    pub optional: Vec<String>,
    /// The shape of a row, where a column of images or the like is all there is.
    pub image: Option<Vec<usize>>,
    /// The columns of sparse rows, where these are all there is.
    pub sparse: Option<usize>,
    /// Whether the first of these had values in the rows that a model was trained on.
    pub has_first: bool,
    /// Whether these are the columns of another file with rows of the same table, and no model's.
    pub is_of_part: bool,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl ReadOptions {
    /// Whether the rows are for a model, which answers each of them.
    pub(crate) fn are_for_model(&self) -> bool {
        (self.expected.as_ref()).is_some_and(|expected| !expected.is_of_part)
    }

    /// What is set to read a text file, or was set before.
    pub fn of_text(&self) -> TextOptions {
        let before = &self.before;
        TextOptions {
            encoding: self.encoding.clone().or_else(|| before.encoding.clone()),
            delimiter: self.delimiter.or(before.delimiter),
            skip: match self.skip {
                0 => before.skip,
                skip => skip,
            },
        }
    }

    /// Which cells of a text file's column are numbers at first sight.
    pub(crate) fn numbers_of(&self, column: &str, decimal: Option<char>) -> PlainNumbers {
        let reading = self.columns.get(column);
        let is_text = self.categorical.iter().any(|name| name == column)
            || self
                .date
                .iter()
                .any(|entry| entry.split('=').next() == Some(column));
        match reading {
            _ if is_text => PlainNumbers::None,
            Some(reading) if reading.kind != ReadAs::Numbers => PlainNumbers::None,
            Some(reading) if reading.is_not_plain() => PlainNumbers::WithoutPoint,
            None if decimal == Some(',') || self.thousands == Some('.') => {
                PlainNumbers::WithoutPoint
            }
            _ => PlainNumbers::All,
        }
    }
}

/// Which cells are numbers as a program reads them, without another look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PlainNumbers {
    /// All that a program reads.
    #[default]
    All,
    /// Those without a point, which may stand between thousands.
    WithoutPoint,
    /// None: the column is text, spelled as it is.
    None,
}

impl ExpectedColumns {
    /// The names that are not optional.
    pub(crate) fn required(&self) -> impl Iterator<Item = &String> {
        self.names
            .iter()
            .filter(|name| !self.optional.contains(name))
    }

    /// The names of `width` columns without header: all, or all but the optional ones.
    pub(crate) fn of_width(&self, width: usize) -> Option<Vec<String>> {
        if self.names.len() == width {
            return Some(self.names.clone());
        }
        let required: Vec<String> = self.required().cloned().collect();
        (required.len() == width).then_some(required)
    }
}
