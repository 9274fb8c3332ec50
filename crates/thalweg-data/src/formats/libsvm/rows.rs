//! The rows of a libsvm file, of any number of its lines.

use thalweg_core::dataset::Values;
use thalweg_core::sparse::{Csr, Numbers};

use crate::compression::{Room, is_bomb};
use crate::csv::builder::{FINITE, is_beyond, is_inexact};
use crate::csv::decimal::decimal;
use crate::error::{Error, Location, Note, Result, quote};
use crate::options::ReadOptions;
use crate::table::{Block, Column, ColumnData, Lines, Table};
use crate::text::{grouped, whole};
use crate::text_lines::LineBlock;

const LABEL: &str = "label";
/// The names of the column of sparse rows, and of one of hashed indices.
pub(crate) const SPARSE_COLUMN: &str = "features";
pub(crate) const HASHED: &str = "hashed";
/// Tables of fewer cells are dense.
const SMALL_TABLE: u64 = 1 << 24;
/// So are those of which more than one cell of so many has a value.
const SPARSE: u64 = 10;
/// The most columns of sparse rows.
pub(crate) const MOST_COLUMNS: usize = 1 << 28;

/// Whether rows stay sparse by default: where a dense table is large, and at most a tenth of its cells have values.
pub(crate) fn is_sparse(rows: u64, columns: u64, values: u64) -> bool {
    let cells = rows.saturating_mul(columns);
    cells > SMALL_TABLE && cells / SPARSE > values
}

/// Says that so many values are ignored, which stand at indices or columns that the model does not know.
pub(crate) fn ignored(count: usize, places: &str) -> Note {
    let (values, are) = match count {
        1 => ("value", "is"),
        _ => ("values", "are"),
    };
    let count = whole(count);
    let text = format!("{count} {values} at {places} that the model does not know {are} ignored");
    Note::info(text)
}

/// The columns that a model of a table or of sparse rows knows.
pub(super) fn known_columns(options: &ReadOptions) -> Option<Vec<u32>> {
    let expected = options.expected.as_ref()?;
    let known = expected.names.iter().filter_map(|name| name.parse().ok());
    let known: Vec<u32> = known.collect();
    (!known.is_empty() || expected.sparse.is_some()).then_some(known)
}

/// The index and the value of a pair; no index where it is `qid`.
pub(super) fn pair(word: &str) -> Option<(Option<u64>, f64)> {
    let (index, value) = word.split_once(':')?;
    let index = match index {
        "qid" => None,
        index => Some(index.parse().ok()?),
    };
    let short = decimal(value.as_bytes(), 0..value.len()).map(|short| short.value);
    Some((index, short.or_else(|| value.parse().ok())?))
}

/// The rows of some lines.
#[derive(Default)]
pub(super) struct Rows {
    labels: Vec<f64>,
    /// Where each row ends among the indices.
    ends: Vec<usize>,
    /// Ascending in a row.
    pub indices: Vec<u32>,
    /// Of each index; empty while all of them are 1.
    values: Vec<f64>,
    pub lines: Lines,
    bytes: u64,
    has_qid: bool,
    /// Into how many columns indices are hashed, if they are.
    hashed: Option<u64>,
    /// Columns of a model of sparse rows, and how many values were beyond them.
    known: Option<usize>,
    beyond: usize,
    /// How many of these were at the first index beyond them, and whether some row has the index 0.
    just_beyond: usize,
    has_zero: bool,
    /// Whether rows of the model had it.
    model_has_zero: bool,
    /// How many numbers have digits that f64 does not hold, and the first of them with its line.
    rounded: usize,
    first_rounded: Option<(u64, String)>,
    /// The row that is read.
    row: Vec<(u64, f64)>,
    /// How large a dense table of them may be.
    pub room: Room,
}

/// Shorter pairs have no number of too many digits, and none beyond f64.
const LEAST_ODD: usize = "0:1e309".len() - 1;
/// What is expected of an index, and of labels.
const SMALL: &str = "an index below 4294967295";
pub(super) const LABELS: &str = "a label in every row or in none";
pub(super) const CORRECT: &str = "correct the line";

/// What a row is that has a label and others not, or the reverse.
pub(super) fn without_label(is_labelled: bool) -> String {
    let without = if is_labelled {
        "rows before it"
    } else {
        "this row"
    };
    format!("{without} without a label")
}

impl Rows {
    /// No rows yet.
    pub fn new(options: &ReadOptions) -> Self {
        let expected = options.expected.as_ref();
        Self {
            hashed: options.hash_columns.map(|columns| columns.max(1) as u64),
            known: expected.and_then(|expected| expected.sparse),
            model_has_zero: expected.is_some_and(|expected| expected.has_first),
            ..Self::default()
        }
    }

    /// The rows of some lines.
    ///
    /// # Errors
    /// If a line is no row.
    pub fn parse(text: &LineBlock, file: &str, options: &ReadOptions) -> Result<Self> {
        let mut rows = Self::new(options);
        text.each(file, |number, line| {
            let (row, _comment) = line.split_once('#').unwrap_or((line, ""));
            if row.trim_ascii().is_empty() {
                return Ok(());
            }
            rows.bytes += line.len() as u64;
            rows.add(row, number).map_err(|(found, expected)| {
                let location = Location::file(file).line(number);
                Error::invalid(location, found, expected).remedy(match expected {
                    SMALL => "hash them into fewer columns by `data.read.hash_columns`",
                    _ => CORRECT,
                })
            })?;
            rows.lines.push(rows.count() - 1, number);
            Ok(())
        })?;
        Ok(rows)
    }

    /// Adds the rows of later lines.
    pub fn append(&mut self, other: Self) {
        let (rows, entries) = (self.count(), self.indices.len());
        self.count_on(&other);
        if self.values.len() + other.values.len() > 0 {
            self.values.resize(entries, 1.0);
            self.values.extend(other.values);
            self.values.resize(entries + other.indices.len(), 1.0);
        }
        self.labels.extend(other.labels);
        self.ends.extend(other.ends.iter().map(|end| entries + end));
        self.indices.extend(other.indices);
        self.lines.append(rows, 0, &other.lines);
        self.bytes += other.bytes;
    }

    /// Remembers of rows what belongs to a file.
    pub fn count_on(&mut self, rows: &Self) {
        self.has_qid |= rows.has_qid;
        self.has_zero |= rows.has_zero;
        self.beyond += rows.beyond;
        self.just_beyond += rows.just_beyond;
        self.rounded += rows.rounded;
        let first = &mut self.first_rounded;
        *first = first.take().or_else(|| rows.first_rounded.clone());
    }

    /// What the user should know of a file.
    pub fn notes(&self, file: &str) -> Vec<Note> {
        let mut notes = Vec::new();
        if self.has_qid {
            notes.push(Note::info("the groups of rows (qid) are not used"));
        }
        if self.beyond > 0 {
            notes.push(ignored(self.beyond, "indices"));
        }
        if let Some((line, digits)) = &self.first_rounded {
            let (numbers, are) = match self.rounded {
                1 => ("number", "is"),
                _ => ("numbers", "are"),
            };
            let (count, digits) = (whole(self.rounded), quote(digits));
            let place = Location::file(file).line(*line);
            notes.push(Note::warning(format!(
                "{place}: {count} {numbers} of more digits than a number keeps {are} rounded, the first {digits}"
            )));
        }
        if let Some(known) = self.known.filter(|_| self.is_from_one()) {
            notes.push(Note::warning(format!(
                "the rows have no index 0, and the index {known} is one beyond those of the model: columns are shifted if its \
                 rows counted from 0, as those of SciPy's .npz, and these from 1"
            )));
        }
        notes
    }

    /// Whether indices look as if they counted from 1, and those of the model from 0.
    fn is_from_one(&self) -> bool {
        self.beyond > 0 && self.beyond == self.just_beyond && !self.has_zero && self.model_has_zero
    }

    pub fn count(&self) -> usize {
        self.ends.len()
    }

    /// Whether rows have labels.
    pub fn is_labelled(&self) -> bool {
        !self.labels.is_empty()
    }

    /// Adds a row, or says what was found and expected.
    fn add(&mut self, row: &str, line: u64) -> Result<(), (String, &'static str)> {
        let mut words = row.split_ascii_whitespace().peekable();
        let label = words.next_if(|word| !word.contains(':'));
        if let Some(label) = label {
            if label.contains(',') {
                return Err((
                    format!("several labels {}", quote(label)),
                    "one label a row",
                ));
            }
            let number = label
                .parse::<f64>()
                .map_err(|_| (quote(label), "a number as the label"))?;
            self.check(label, label, number, line)?;
            self.labels.push(number);
        }
        if ![0, self.count() + 1].contains(&self.labels.len()) {
            return Err((without_label(label.is_some()), LABELS));
        }
        self.row.clear();
        for word in words {
            match pair(word) {
                Some((Some(index), value)) => {
                    if word.len() > LEAST_ODD {
                        let digits = word.split_once(':').map_or(word, |(_, digits)| digits);
                        self.check(word, digits, value, line)?;
                    }
                    self.row.push((index, value));
                }
                Some((None, _)) => self.has_qid = true,
                None => {
                    return Err((
                        quote(word),
                        "INDEX:VALUE, an index of at least 0 and a number",
                    ));
                }
            }
        }
        if !self.row.is_sorted_by_key(|(index, _)| *index) {
            self.row.sort_by_key(|(index, _)| *index);
        }
        if let Some(pair) = self.row.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err((format!("the index {} twice", pair[0].0), "each index once"));
        }
        self.end_row()
    }

    /// Refuses a number beyond f64, and remembers one of more digits than it has.
    fn check(
        &mut self,
        word: &str,
        digits: &str,
        number: f64,
        line: u64,
    ) -> Result<(), (String, &'static str)> {
        if is_beyond(digits, number) {
            return Err((quote(word), FINITE));
        }
        if is_inexact(digits) {
            self.rounded += 1;
            self.first_rounded
                .get_or_insert_with(|| (line, digits.to_owned()));
        }
        Ok(())
    }

    /// Puts the row that is read behind the others.
    fn end_row(&mut self) -> Result<(), (String, &'static str)> {
        if let Some(columns) = self.hashed {
            (self.row.iter_mut()).for_each(|(index, _)| *index = mix(*index) % columns);
            self.row.sort_by_key(|(index, _)| *index);
        }
        let known = self.known.unwrap_or(usize::MAX) as u64;
        for at in 0..self.row.len() {
            let (index, value) = self.row[at];
            if index >= known {
                self.beyond += 1;
                self.just_beyond += usize::from(index == known);
                continue;
            }
            self.has_zero |= index == 0;
            let Some(column) = u32::try_from(index).ok().filter(|index| *index < u32::MAX) else {
                return Err((format!("the index {index}"), SMALL));
            };
            let is_ones = self.values.is_empty() && value == 1.0;
            if !is_ones && self.values.is_empty() {
                self.values = vec![1.0; self.indices.len()];
            }
            // Indices that are hashed into one column add up.
            let is_same = at > 0 && self.row[at - 1].0 == index;
            match (is_same, self.values.last_mut()) {
                (true, Some(last)) => *last += value,
                (true, None) => {
                    self.values = vec![1.0; self.indices.len()];
                    if let Some(last) = self.values.last_mut() {
                        *last += value;
                    }
                }
                (false, _) => {
                    self.indices.push(column);
                    if !is_ones {
                        self.values.push(value);
                    }
                }
            }
        }
        self.ends.push(self.indices.len());
        Ok(())
    }

    /// A table of the rows, sparse or with a column for each index.
    ///
    /// # Errors
    /// If there are too many columns.
    pub fn into_table(
        mut self,
        file: String,
        options: &ReadOptions,
        is_sparse: bool,
    ) -> Result<Table> {
        let mut table = Table::without_lines(file, self.count(), Vec::new());
        table.lines = Some(std::mem::take(&mut self.lines));
        let labels = std::mem::take(&mut self.labels);
        table.columns = match is_sparse {
            true => vec![self.sparse(&table)?],
            false => self.dense(&table, known_columns(options), options.expected.is_some())?,
        };
        if !labels.is_empty() {
            table.add_target(LABEL, ColumnData::Numeric(labels))?;
            // Whether they are classes their values tell.
            table.roles.classes = None;
        }
        Ok(table)
    }

    /// Whether the rows stay sparse: as those of a model do or do not; else as the options say, or
    /// where that is much less.
    pub fn is_sparse(&self, options: &ReadOptions) -> bool {
        if let Some(expected) = &options.expected {
            return expected.sparse.is_some();
        }
        if self.hashed.is_some() {
            return options.sparse != Some(false);
        }
        options.sparse.unwrap_or_else(|| {
            let most = (self.indices.iter().max()).map_or(0, |most| *most as usize + 1);
            let is_much = |columns: usize| {
                is_sparse(
                    self.count() as u64,
                    columns as u64,
                    self.indices.len() as u64,
                )
            };
            // A cheap look first: there are no more columns than values.
            is_much(most.min(self.indices.len())) && is_much(self.distinct().len())
        })
    }

    /// The indices that occur, ascending.
    fn distinct(&self) -> Vec<u32> {
        let mut distinct = self.indices.clone();
        distinct.sort_unstable();
        distinct.dedup();
        distinct
    }

    fn sparse(self, table: &Table) -> Result<Column> {
        let most = self
            .indices
            .iter()
            .max()
            .map_or(1, |most| *most as usize + 1);
        let width = match (self.known, self.hashed) {
            (Some(width), _) => width,
            (None, Some(columns)) => columns as usize,
            (None, None) => most,
        };
        if width > MOST_COLUMNS {
            let found = format!("the index {}", width - 1);
            let expected = format!("indices below {}", whole(MOST_COLUMNS));
            let error = Error::invalid(table.location(), found, expected);
            return Err(error.remedy("hash them into fewer columns by `data.read.hash_columns`"));
        }
        let is_single = |value: &f64| f64::from(*value as f32) == *value;
        let numbers = match self.values.iter().all(is_single) {
            _ if self.values.is_empty() => Numbers::Ones,
            true => Numbers::F32(self.values.into_iter().map(|value| value as f32).collect()),
            false => Numbers::F64(self.values),
        };
        let starts = std::iter::once(0).chain(self.ends).collect();
        let rows = Csr::new(width, starts, self.indices, numbers)
            .map_err(|error| Error::invalid(table.location(), error.to_string(), "sparse rows"))?;
        let name = if self.hashed.is_some() {
            HASHED
        } else {
            SPARSE_COLUMN
        };
        let (shape, values) = (vec![width], Values::Sparse(rows));
        Ok(Column {
            name: name.to_owned(),
            data: ColumnData::Block(Block { shape, values }),
        })
    }

    /// A column for each index that occurs or is `known`, named by it.
    fn dense(
        &self,
        table: &Table,
        known: Option<Vec<u32>>,
        is_for_model: bool,
    ) -> Result<Vec<Column>> {
        let mut indices = [self.distinct(), known.unwrap_or_default()].concat();
        indices.sort_unstable();
        indices.dedup();
        let rows = self.count();
        let dense = (rows as u64)
            .saturating_mul(8)
            .saturating_mul(indices.len() as u64);
        if is_bomb(self.bytes / 4, dense) || self.room.check(rows, indices.len()).is_err() {
            let found = format!(
                "{} rows of {} indices, {} MiB as a dense table",
                whole(rows),
                whole(indices.len()),
                grouped(&(dense >> 20).to_string())
            );
            let error = Error::invalid(table.location(), found, "a table that is not so sparse");
            return Err(error.remedy(match is_for_model {
                true => "train the model on rows that stay sparse, by `data.read.sparse`",
                false => "let them stay sparse: `data.read.sparse` true",
            }));
        }
        let mut columns = vec![vec![0.0; rows]; indices.len()];
        let mut start = 0;
        for (row, &end) in self.ends.iter().enumerate() {
            for at in std::mem::replace(&mut start, end)..end {
                if let Ok(column) = indices.binary_search(&self.indices[at]) {
                    columns[column][row] = self.values.get(at).copied().unwrap_or(1.0);
                }
            }
        }
        let column = |(index, numbers): (u32, Vec<f64>)| Column {
            name: index.to_string(),
            data: ColumnData::Numeric(numbers),
        };
        Ok(indices.into_iter().zip(columns).map(column).collect())
    }
}

/// The finalizer of SplitMix64 (Steele, Lea, Flood 2014).
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
