//! A table in memory: named, typed columns of equal length.
//!
//! Images and NumPy matrices are one column of several values a row ([`ColumnData::Block`]).

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

pub use crate::block::Block;
pub(crate) use crate::block::gather;
use crate::error::{Error, Location, Result, quote};
pub use crate::lines::Lines;
use crate::lines::{Files, Sources};
use crate::reading::{Readings, date_text};

/// The code of a missing value in [`TextColumn::codes`].
pub const MISSING: u32 = u32::MAX;

/// Named, typed columns of equal length, and where they came from.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// The file, as the user named it, for messages.
    pub file: String,
    /// The columns, in the order of the file.
    pub columns: Vec<Column>,
    /// Number of rows.
    pub rows: usize,
    /// The line of each row of a text file; `None` for files without lines.
    pub lines: Option<Lines>,
    /// Targets and weights, where the format marks them.
    pub roles: Roles,
    /// The decimal sign that the format suggests, where cells leave a doubt.
    pub decimal: Option<char>,
    /// How columns are read that are more than plain numbers or plain text.
    pub readings: Readings,
    /// Whether the format has types: texts that are plain numbers are meant as texts.
    pub(crate) has_types: bool,
    /// Where the rows come from several files: the first row of each, and its name.
    pub(crate) parts: Vec<(usize, String)>,
    /// The same of rows that are in no order.
    pub(crate) sources: Option<Sources>,
}

/// The roles of columns that a format fixes: the labels of IDX, `y` of an `.npz` file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Roles {
    /// The columns to predict.
    pub target: Vec<String>,
    /// Whether they are classes (`Some(true)`) or numbers (`Some(false)`); inferred from the values
    /// if `None`.
    pub classes: Option<bool>,
    /// The column of row weights.
    pub weights: Option<String>,
    /// The column that names the rows: the files of images that are predicted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub names: Option<String>,
}

/// A column.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Its name, unique in the table.
    pub name: String,
    /// Its values.
    pub data: ColumnData,
}

/// The values of a column, one (or one block) a row.
#[derive(Debug, Clone, PartialEq)]
pub enum ColumnData {
    /// Numbers; a missing one is NaN.
    Numeric(Vec<f64>),
    /// Text: categories, `true`/`false`, identifiers.
    Text(TextColumn),
    /// Points in time: seconds since 1970-01-01 (UTC); a missing one is NaN.
    Time(Vec<f64>),
    /// Several numbers a row, such as the pixels of an image.
    Block(Block),
}

/// A column of text as indices into its distinct values.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TextColumn {
    /// For each row the index of its text in `levels`; missing where there is no such index:
    /// [`MISSING`], or below it the code of one of `words`.
    pub codes: Vec<u32>,
    /// The distinct texts, in the order of first appearance.
    pub levels: Vec<String>,
    /// The words for "missing" that may mean something, such as `None`; the code of word `i` is
    /// `MISSING - 1 - i`.
    pub words: Vec<String>,
}

impl ColumnData {
    /// The values of some rows; texts that none of them has are gone.
    pub(crate) fn keep(&self, rows: &[usize]) -> Self {
        match self {
            ColumnData::Numeric(values) => ColumnData::Numeric(gather(values, 1, rows)),
            ColumnData::Time(seconds) => ColumnData::Time(gather(seconds, 1, rows)),
            ColumnData::Text(text) => ColumnData::Text(text.keep(rows)),
            ColumnData::Block(block) => ColumnData::Block(block.keep(rows)),
        }
    }
}

impl TextColumn {
    /// See [`ColumnData::keep`].
    fn keep(&self, rows: &[usize]) -> Self {
        let mut kept = Self {
            words: self.words.clone(),
            ..Self::default()
        };
        let mut code_of = vec![MISSING; self.levels.len()];
        for &row in rows {
            let code = match code_of.get_mut(self.codes[row] as usize) {
                None => self.codes[row],
                Some(code) => {
                    if *code == MISSING {
                        *code = kept.levels.len() as u32;
                        kept.levels
                            .push(self.levels[self.codes[row] as usize].clone());
                    }
                    *code
                }
            };
            kept.codes.push(code);
        }
        kept
    }

    /// For each row what `value` makes of its text, `missing` where there is none.
    pub(crate) fn map_levels<T: Copy>(&self, missing: T, value: impl Fn(&str) -> T) -> Vec<T> {
        let of_level: Vec<T> = self.levels.iter().map(|level| value(level)).collect();
        self.by_level(missing, &of_level)
    }

    /// For each row the value of its text, `missing` where there is none.
    pub(crate) fn by_level<T: Copy>(&self, missing: T, of_level: &[T]) -> Vec<T> {
        let of_code = |&code: &u32| of_level.get(code as usize).copied().unwrap_or(missing);
        self.codes.iter().map(of_code).collect()
    }

    /// The code of word `i` of `words`.
    pub(crate) fn code_of_word(i: usize) -> u32 {
        MISSING - 1 - i as u32
    }

    /// The word for "missing" of a row, if it has one.
    pub(crate) fn word(&self, row: usize) -> Option<&str> {
        let code = *self.codes.get(row)?;
        let i = (MISSING - 1).checked_sub(code)?;
        self.words.get(i as usize).map(String::as_str)
    }
}

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Numbers.
    Numeric,
    /// true/false, yes/no.
    Boolean,
    /// Any other text.
    Categorical,
    /// Points in time.
    Date,
    /// Several numbers a row.
    Block,
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Kind::Numeric => "numeric",
            Kind::Boolean => "boolean",
            Kind::Categorical => "categorical",
            Kind::Date => "date",
            Kind::Block => "block",
        })
    }
}

impl Column {
    /// Its type. A text column is boolean when all of its texts mean true or false.
    pub fn kind(&self) -> Kind {
        match &self.data {
            ColumnData::Numeric(_) => Kind::Numeric,
            ColumnData::Time(_) => Kind::Date,
            ColumnData::Block(_) => Kind::Block,
            ColumnData::Text(text) => {
                let boolean = text.levels.iter().all(|level| truth(level).is_some());
                if boolean && !text.levels.is_empty() {
                    Kind::Boolean
                } else {
                    Kind::Categorical
                }
            }
        }
    }

    /// The text of a row as messages show it; `None` where it is missing.
    pub fn text(&self, row: usize) -> Option<String> {
        match &self.data {
            ColumnData::Numeric(values) => {
                let value = *values.get(row)?;
                (!value.is_nan()).then(|| number_text(value))
            }
            ColumnData::Text(text) => {
                let code = *text.codes.get(row)?;
                text.levels.get(code as usize).cloned()
            }
            ColumnData::Time(seconds) => {
                let seconds = *seconds.get(row)?;
                (!seconds.is_nan()).then(|| date_text(seconds))
            }
            ColumnData::Block(block) => Some(format!("{} values", block.width())),
        }
    }

    /// Whether the cell of `row` is not missing.
    pub(crate) fn is_present(&self, row: usize) -> bool {
        match &self.data {
            ColumnData::Numeric(values) | ColumnData::Time(values) => {
                values.get(row).is_some_and(|value| !value.is_nan())
            }
            ColumnData::Text(text) => {
                let is_level = |&code: &u32| (code as usize) < text.levels.len();
                text.codes.get(row).is_some_and(is_level)
            }
            ColumnData::Block(_) => true,
        }
    }
}

/// `true`/`yes` and `false`/`no`, in any case.
pub fn truth(text: &str) -> Option<bool> {
    let is = |word: &str| text.eq_ignore_ascii_case(word);
    if is("true") || is("yes") {
        Some(true)
    } else if is("false") || is("no") {
        Some(false)
    } else {
        None
    }
}

/// The words of [`truth`] and those that mean the same in other files: `t`, `y`, `1` and `f`, `n`,
/// `0`.
pub fn truth_word(text: &str) -> Option<bool> {
    let is = |words: [&str; 4]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    match truth(text) {
        None if is(["t", "y", "1", "1.0"]) => Some(true),
        None if is(["f", "n", "0", "0.0"]) => Some(false),
        truth => truth,
    }
}

/// Numbers as texts, in their shortest form.
pub(crate) fn text_of_numbers(numbers: &[f64]) -> TextColumn {
    let mut text = TextColumn::default();
    let mut index: HashMap<u64, u32> = HashMap::new();
    for &number in numbers {
        if number.is_nan() {
            text.codes.push(MISSING);
            continue;
        }
        // -0 and 0 are one value.
        let code = *index.entry((number + 0.0).to_bits()).or_insert_with(|| {
            text.levels.push(number_text(number));
            text.levels.len() as u32 - 1
        });
        text.codes.push(code);
    }
    text
}

/// Whole numbers below this magnitude are written with all digits, so that an identifier is spelled
/// as in its file. It is the power of ten from which on f64 does not hold all of them.
pub const ALL_DIGITS: f64 = 1e22;

/// A number as text that reads back as the same number: the shortest, or all digits of a large
/// whole number.
pub fn number_text(value: f64) -> String {
    if value == 0.0 {
        "0".to_owned()
    } else if value.abs() < 1e-5 || value.abs() >= ALL_DIGITS {
        format!("{value:e}")
    } else if value.abs() >= 1e16 {
        format!("{value:.0}")
    } else {
        format!("{value}")
    }
}

impl Table {
    /// A table without lines and roles, as binary formats have it: columns of `rows` values each.
    pub fn without_lines(file: String, rows: usize, columns: Vec<Column>) -> Self {
        Self {
            file,
            columns,
            rows,
            lines: None,
            roles: Roles::default(),
            decimal: None,
            readings: Readings::new(),
            has_types: false,
            parts: Vec::new(),
            sources: None,
        }
    }

    /// Adds the target column `name` of a format that keeps it apart from the features.
    pub(crate) fn add_target(&mut self, name: &str, data: ColumnData) -> Result<()> {
        if self.column(name).is_some() {
            let found = format!("a column {} and separate labels", quote(name));
            return Err(Error::invalid(self.location(), found, "only one of them"));
        }
        self.columns.push(Column {
            name: name.to_owned(),
            data,
        });
        self.roles.target = vec![name.to_owned()];
        self.roles.classes = Some(true);
        Ok(())
    }

    /// The column of that name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// Values of a row: a column of several counts as many.
    pub fn width(&self) -> usize {
        let width = |column: &Column| match &column.data {
            ColumnData::Block(block) => block.width(),
            _ => 1,
        };
        self.columns.iter().map(width).sum()
    }

    /// The shape of a row, where a column of images or the like is the only feature.
    pub fn image_shape(&self) -> Option<Vec<usize>> {
        let Roles { target, names, .. } = &self.roles;
        let is_feature = |column: &&Column| {
            !target.contains(&column.name) && names.as_ref() != Some(&column.name)
        };
        let mut features = self.columns.iter().filter(is_feature);
        match (features.next()?, features.next()) {
            (
                Column {
                    data: ColumnData::Block(block),
                    ..
                },
                None,
            ) => Some(block.shape.clone()),
            _ => None,
        }
    }

    /// The columns of sparse rows, where these are the only feature.
    pub fn sparse_width(&self) -> Option<usize> {
        self.columns.iter().find_map(|column| match &column.data {
            ColumnData::Block(block) => block.sparse().map(|rows| rows.view().width()),
            _ => None,
        })
    }

    /// The names of all columns.
    pub fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.columns.iter().map(|column| column.name.as_str())
    }

    /// The indices of all rows.
    pub fn all_rows(&self) -> Vec<usize> {
        (0..self.rows).collect()
    }

    /// The table as a whole, for messages.
    pub fn location(&self) -> Location {
        Location::file(self.file.clone())
    }

    /// A cell, for messages.
    pub fn cell(&self, row: usize, column: &str) -> Location {
        self.line_of(row).column(column)
    }

    /// A row, for messages.
    pub fn line_of(&self, row: usize) -> Location {
        let mut location = Location::file(self.part(row).1);
        match &self.lines {
            Some(lines) if !lines.are_rows() => location.line = Some(lines.of_row(row)),
            _ => location.row = Some(self.number(row)),
        }
        location
    }

    /// The line of a row or, in a file without lines, its number; counted from 1.
    pub(crate) fn number(&self, row: usize) -> u64 {
        let of_file = row - self.part(row).0;
        (self.lines.as_ref()).map_or(of_file as u64 + 1, |lines| lines.of_row(row))
    }

    /// By what rows of one file, or of all, are in the order of their source.
    pub(crate) fn place_in_source(&self, row: usize) -> u64 {
        let sources = self.sources.as_ref();
        sources.map_or_else(|| self.number(row), |sources| sources.rows[row].into())
    }

    /// The first row of the file that a row comes from, and the file.
    pub(crate) fn part(&self, row: usize) -> (usize, &str) {
        if let Some(file) = self.sources.as_ref().map(|sources| sources.file(row)) {
            return (0, file);
        }
        let after = self.parts.partition_point(|&(first, _)| first <= row);
        match after.checked_sub(1).and_then(|part| self.parts.get(part)) {
            Some((first, file)) => (*first, file),
            None => (0, &self.file),
        }
    }

    /// Which row of `whole` each row is, of a table that some rows were kept of.
    pub(crate) fn rows_in(&self, whole: &Self) -> Vec<usize> {
        let mut all = 0..whole.rows;
        let is_same = |row: usize, other: usize| {
            let names = (self.part(row).1, whole.part(other).1);
            self.number(row) == whole.number(other) && names.0 == names.1
        };
        (0..self.rows)
            .filter_map(|row| all.find(|other| is_same(row, *other)))
            .collect()
    }

    /// The same rows; of several files each knows its own, in whatever order they are put.
    pub(crate) fn with_sources(mut self) -> Self {
        if !self.parts.is_empty() {
            let are_rows = self.lines.as_ref().is_none_or(Lines::are_rows);
            let lines = Lines::of((0..self.rows).map(|row| self.number(row)), are_rows);
            let files = std::mem::take(&mut self.parts).into_iter();
            let files: Vec<(u64, String)> = files.map(|(row, file)| (row as u64, file)).collect();
            let rows: Vec<u32> = (0..self.rows as u32).collect();
            self.sources = Files::from(files).of_rows(&rows);
            self.lines = Some(lines);
        }
        self
    }

    /// The table of some of its rows. Messages go on to name the lines and rows of the file.
    ///
    /// # Panics
    /// If there is no such row.
    #[must_use]
    pub fn keep(&self, rows: &[usize]) -> Self {
        let are_rows = self.lines.as_ref().is_none_or(Lines::are_rows);
        let lines = Lines::of(rows.iter().map(|row| self.number(*row)), are_rows);
        let mut parts: Vec<(usize, String)> = Vec::new();
        for (to, &row) in rows.iter().enumerate().filter(|_| !self.parts.is_empty()) {
            let (_, file) = self.part(row);
            if parts.last().map_or(&self.file, |(_, last)| last) != file {
                parts.push((to, file.to_owned()));
            }
        }
        let columns = self.columns.iter().map(|column| Column {
            name: column.name.clone(),
            data: column.data.keep(rows),
        });
        Self {
            file: self.file.clone(),
            columns: columns.collect(),
            rows: rows.len(),
            lines: Some(lines),
            roles: self.roles.clone(),
            decimal: self.decimal,
            readings: self.readings.clone(),
            has_types: self.has_types,
            parts,
            sources: self.sources.as_ref().map(|sources| sources.keep(rows)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_are_kept_have_their_texts_and_their_lines() {
        let text = TextColumn {
            codes: vec![0, 1, MISSING, 2, 1],
            levels: ["a", "b", "c"].map(str::to_owned).to_vec(),
            words: Vec::new(),
        };
        let column = |name: &str, data| Column {
            name: name.to_owned(),
            data,
        };
        let numbers = ColumnData::Numeric(vec![0.0, 1.0, 2.0, 3.0, 4.0]);
        let columns = vec![column("t", ColumnData::Text(text)), column("x", numbers)];
        let mut table = Table::without_lines("f".to_owned(), 5, columns);
        let kept = table.keep(&[1, 2, 4]);
        assert_eq!(kept.cell(2, "x").row, Some(5));
        assert_eq!(kept.keep(&[1]).cell(0, "x").row, Some(3));
        let ColumnData::Text(text) = &kept.columns[0].data else {
            panic!("no text");
        };
        assert_eq!(
            (&text.codes[..], &text.levels[..]),
            (&[0, MISSING, 0][..], &["b".to_owned()][..])
        );
        assert_eq!(
            kept.columns[1].data,
            ColumnData::Numeric(vec![1.0, 2.0, 4.0])
        );
        let mut lines = Lines::default();
        (0..5).for_each(|row| lines.push(row, 10 + row as u64));
        table.lines = Some(lines);
        let cell = table.keep(&[0, 3]).cell(1, "x");
        assert_eq!((cell.line, cell.row), (Some(13), None));
    }

    #[test]
    fn numbers_are_written_as_short_as_they_read_back() {
        for (value, text) in [
            (-0.0, "0"),
            (1.0, "1"),
            (0.1, "0.1"),
            (1e300, "1e300"),
            (-2.5, "-2.5"),
            // Shorter ones read back, too, but an identifier is not spelled so.
            (1152921504606846976.0, "1152921504606846976"),
            (-1e20, "-100000000000000000000"),
            (1e22, "1e22"),
            (f64::INFINITY, "inf"),
        ] {
            assert_eq!(number_text(value), text);
            assert_eq!(text.parse(), Ok(value));
        }
    }
}
