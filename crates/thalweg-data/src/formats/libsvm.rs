//! Sparse rows as libsvm and SVMlight write them: `LABEL INDEX:VALUE INDEX:VALUE … # COMMENT`.

use thalweg_core::dataset::Values;
use thalweg_core::registry::Description;
use thalweg_core::sparse::{Csr, Numbers};

use super::format::Format;
use crate::compression::is_bomb;
use crate::error::{Error, Note, Result, quote};
use crate::input::{HEAD, Input};
use crate::loaded::Loaded;
use crate::options::ReadOptions;
use crate::table::{Block, Column, ColumnData, Lines, Table};
use crate::text_lines::TextLines;

/// How it is recognized and read.
pub static FORMAT: Format = Format {
    description: Description {
        name: "libsvm",
        summary: "sparse rows LABEL INDEX:VALUE … as of libsvm and SVMlight: a column for each index that occurs, named by it, or rows that stay sparse where that is much less; what a row leaves out is 0",
        equation: "",
        source: "Chang and Lin: LIBSVM; Joachims: SVMlight",
        parameters: &[],
    },
    endings: &["libsvm", "svmlight", "svm"],
    recognizes,
    read,
    write: None,
    chunks: None,
    folder: None,
    #[cfg(test)]
    example: || b"+1 1:0.5 3:1 # first\n-1 3:-2\n-1 1:4e-1\n".to_vec(),
};

const LABEL: &str = "label";
/// The names of the column of sparse rows, and of one of hashed indices.
const SPARSE_COLUMN: &str = "features";
pub(crate) const HASHED: &str = "hashed";
/// Tables of fewer cells are dense.
const SMALL_TABLE: usize = 1 << 24;
/// So are those of which more than one cell of so many has a value.
const SPARSE: usize = 10;
/// The most columns of sparse rows.
const MOST_COLUMNS: usize = 1 << 28;

/// Whether the first lines are a number and pairs `INDEX:VALUE`.
fn recognizes(head: &[u8]) -> bool {
    // What the end of the head cuts off does not count.
    let last = |byte| head.iter().rposition(|&b| b == byte);
    let end = match head.len() < HEAD {
        true => head.len(),
        false => last(b'\n').or_else(|| last(b' ')).unwrap_or(0),
    };
    let Ok(text) = std::str::from_utf8(&head[..end]) else {
        return false;
    };
    let mut pairs = 0;
    let mut sparse = |line: &str| {
        let (row, _comment) = line.split_once('#').unwrap_or((line, ""));
        let mut words = row.split_ascii_whitespace();
        let mut is_pair = |word: &str| {
            pairs += 1;
            pair(word).is_some()
        };
        words
            .next()
            .is_none_or(|label| label.split(',').all(|one| one.parse::<f64>().is_ok()))
            && words.all(&mut is_pair)
    };
    text.lines().all(&mut sparse) && pairs > 0
}

/// The index and the value of a pair; no index where it is `qid`.
fn pair(word: &str) -> Option<(Option<u64>, f64)> {
    let (index, value) = word.split_once(':')?;
    let index = match index {
        "qid" => None,
        index => Some(index.parse().ok()?),
    };
    Some((index, value.parse().ok()?))
}

/// The rows of a file.
#[derive(Default)]
struct Rows {
    labels: Vec<f64>,
    /// Where each row begins among the indices, and its end.
    starts: Vec<usize>,
    /// Ascending in a row.
    indices: Vec<u32>,
    /// Of each index; empty while all of them are 1.
    values: Vec<f64>,
    lines: Lines,
    bytes: u64,
    has_qid: bool,
    /// Into how many columns indices are hashed, if they are.
    hashed: Option<u64>,
    /// Columns of a model of sparse rows, and how many values were beyond them.
    known: Option<usize>,
    beyond: usize,
    /// The row that is read.
    row: Vec<(u64, f64)>,
}

fn read(input: Input, options: &ReadOptions) -> Result<Loaded> {
    let file = input.file.clone();
    let mut text = TextLines::new(input.text(options)?);
    let mut rows = Rows {
        starts: vec![0],
        hashed: options.hash_columns.map(|columns| columns.max(1) as u64),
        known: options
            .expected
            .as_ref()
            .and_then(|expected| expected.sparse),
        ..Rows::default()
    };
    while let Some(line) = text.next()? {
        let (row, _comment) = line.split_once('#').unwrap_or((line, ""));
        if row.trim().is_empty() {
            continue;
        }
        rows.bytes += line.len() as u64;
        let added = rows.add(row);
        added.map_err(|(found, expected)| {
            let error = Error::invalid(text.location(), found, expected);
            error.remedy(match expected {
                SMALL => "hash them into fewer columns by `data.read.hash_columns`",
                _ => "correct the line",
            })
        })?;
        rows.lines.push(rows.count() - 1, text.number());
    }
    rows.into_loaded(file, options)
}

/// What is expected of an index.
const SMALL: &str = "an index below 4294967295";

impl Rows {
    fn count(&self) -> usize {
        self.starts.len() - 1
    }

    /// Adds a row, or says what was found and expected.
    fn add(&mut self, row: &str) -> Result<(), (String, &'static str)> {
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
            self.labels.push(number);
        }
        if ![0, self.count() + 1].contains(&self.labels.len()) {
            let without = if label.is_some() {
                "rows before it"
            } else {
                "this row"
            };
            return Err((
                format!("{without} without a label"),
                "a label in every row or in none",
            ));
        }
        self.row.clear();
        for word in words {
            match pair(word) {
                Some((Some(index), value)) => self.row.push((index, value)),
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
                continue;
            }
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
        self.starts.push(self.indices.len());
        Ok(())
    }

    fn into_loaded(mut self, file: String, options: &ReadOptions) -> Result<Loaded> {
        let rows = self.count();
        let mut train = Table::without_lines(file, rows, Vec::new());
        let known = options.expected.iter().flat_map(|expected| &expected.names);
        let known: Vec<u32> = known.filter_map(|name| name.parse().ok()).collect();
        if self.indices.is_empty() && known.is_empty() && self.known.is_none() {
            return Err(Error::invalid(
                train.location(),
                "no value",
                "INDEX:VALUE in some row",
            ));
        }
        let mut notes = Vec::new();
        if self.has_qid {
            notes.push(Note::info("the groups of rows (qid) are not used"));
        }
        if self.beyond > 0 {
            notes.push(Note::info(format!(
                "{} values at indices that the model does not know are ignored",
                self.beyond
            )));
        }
        train.lines = Some(std::mem::take(&mut self.lines));
        let labels = std::mem::take(&mut self.labels);
        train.columns = match self.is_sparse(options) {
            true => vec![self.sparse(&train)?],
            false => self.dense(&train, known)?,
        };
        if !labels.is_empty() {
            let data = ColumnData::Numeric(labels);
            train.add_target(LABEL, data)?;
            // Whether they are classes their values tell.
            train.roles.classes = None;
        }
        Ok(Loaded {
            train,
            test: None,
            notes,
        })
    }

    /// Whether the rows stay sparse: as those of a model do or do not; else as the options say, or
    /// where that is much less.
    fn is_sparse(&self, options: &ReadOptions) -> bool {
        if let Some(expected) = &options.expected {
            return expected.sparse.is_some();
        }
        if self.hashed.is_some() {
            return options.sparse != Some(false);
        }
        options.sparse.unwrap_or_else(|| {
            let most = self
                .indices
                .iter()
                .max()
                .map_or(0, |most| *most as usize + 1);
            // A cheap look first: there are no more columns than values.
            let cells = |columns: usize| self.count().saturating_mul(columns);
            let is_much = |columns: usize| {
                cells(columns) > SMALL_TABLE && cells(columns) / SPARSE > self.indices.len()
            };
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
            let expected = format!("indices below {MOST_COLUMNS}");
            let error = Error::invalid(table.location(), found, expected);
            return Err(error.remedy("hash them into fewer columns by `data.read.hash_columns`"));
        }
        let is_single = |value: &f64| f64::from(*value as f32) == *value;
        let numbers = match self.values.iter().all(is_single) {
            _ if self.values.is_empty() => Numbers::Ones,
            true => Numbers::F32(self.values.into_iter().map(|value| value as f32).collect()),
            false => Numbers::F64(self.values),
        };
        let rows = Csr::new(width, self.starts, self.indices, numbers)
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
    fn dense(&self, table: &Table, known: Vec<u32>) -> Result<Vec<Column>> {
        let mut indices = [self.distinct(), known].concat();
        indices.sort_unstable();
        indices.dedup();
        let rows = self.count();
        let dense = (rows as u64)
            .saturating_mul(8)
            .saturating_mul(indices.len() as u64);
        if is_bomb(self.bytes / 4, dense) {
            let found = format!(
                "{rows} rows of {} indices, {} MiB as a dense table",
                indices.len(),
                dense >> 20
            );
            let error = Error::invalid(table.location(), found, "a table that is not so sparse");
            return Err(error.remedy("let them stay sparse: `data.read.sparse` true"));
        }
        let mut columns = vec![vec![0.0; rows]; indices.len()];
        for (row, ends) in self.starts.windows(2).enumerate() {
            for at in ends[0]..ends[1] {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ExpectedColumns;

    fn load(text: &str, expected: &[&str]) -> Result<Loaded> {
        let expected = ExpectedColumns {
            names: expected.iter().map(|&name| name.to_owned()).collect(),
            ..Default::default()
        };
        let options = ReadOptions {
            expected: Some(expected),
            ..ReadOptions::default()
        };
        read(Input::bytes("t.svm", text.as_bytes().to_vec())?, &options)
    }

    fn numbers<'a>(loaded: &'a Loaded, name: &str) -> &'a [f64] {
        match &loaded.train.column(name).unwrap().data {
            ColumnData::Numeric(numbers) => numbers,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn rows_become_dense_columns_named_by_their_index() {
        let text = "# header\n+1 qid:3 0:0.5 12:-2 # a\n\n-1 3:1e-3\n";
        let loaded = load(text, &[]).unwrap();
        let names: Vec<&str> = loaded.train.names().collect();
        assert_eq!(names, ["0", "3", "12", "label"]);
        assert_eq!(numbers(&loaded, "0"), [0.5, 0.0]);
        assert_eq!(numbers(&loaded, "3"), [0.0, 1e-3]);
        assert_eq!(numbers(&loaded, "12"), [-2.0, 0.0]);
        assert_eq!(numbers(&loaded, "label"), [1.0, -1.0]);
        assert_eq!(loaded.train.roles.target, ["label"]);
        assert_eq!(loaded.train.cell(1, "3").line, Some(4));
        assert!(loaded.notes[0].text.contains("qid"));
    }

    #[test]
    fn the_indices_of_a_model_are_there_in_every_file() {
        let loaded = load("1:2\n2:3\n", &["1", "2", "7", "label"]).unwrap();
        let names: Vec<&str> = loaded.train.names().collect();
        assert_eq!(names, ["1", "2", "7"]);
        assert_eq!(numbers(&loaded, "7"), [0.0, 0.0]);
        assert!(loaded.train.roles.target.is_empty());
    }

    #[test]
    fn faults_are_named_with_their_line() {
        for (text, expected) in [
            (
                "1 1:2\nx 1:2\n",
                "t.svm:2: found \"x\", expected a number as the label",
            ),
            (
                "1 1:2\n1 a:2\n",
                "t.svm:2: found \"a:2\", expected INDEX:VALUE",
            ),
            ("1 1:2\n1 -1:2\n", "t.svm:2: found \"-1:2\""),
            ("1 1:2 1:3\n", "t.svm:1: found the index 1 twice"),
            ("1 1:2\n1:2\n", "t.svm:2: found this row without a label"),
            (
                "1:2\n1 1:2\n",
                "t.svm:2: found rows before it without a label",
            ),
            ("1,2 1:2\n", "t.svm:1: found several labels \"1,2\""),
            ("1\n2\n", "t.svm: found no value"),
        ] {
            let message = load(text, &[]).unwrap_err().to_string();
            assert!(message.starts_with(expected), "{message}");
        }
    }

    #[test]
    fn sparse_rows_are_distinguished_from_tables() {
        for text in [
            "1 3:1 11:0.5\n",
            "+1 1:0.7 \n-1\n\n-1 2:-3e-2 # last\n",
            "2 qid:1 1:0.5\n",
        ] {
            assert!(recognizes(text.as_bytes()), "{text:?}");
        }
        for text in [
            "",
            "1\n2\n",
            "1,2\n",
            "12:30\n12:45\n",
            "1 3:1\nx,2\n",
            "a b:1\n",
        ] {
            assert!(!recognizes(text.as_bytes()), "{text:?}");
        }
        let long: String = (0..2000).map(|i| format!(" {i}:1")).collect();
        assert!(recognizes(&format!("1{long}").as_bytes()[..HEAD]));
    }

    #[test]
    fn a_table_that_would_be_dense_out_of_all_proportion_is_refused() {
        let rows: String = (0..9000).map(|i| format!("1 {i}:1\n")).collect();
        let dense = ReadOptions {
            sparse: Some(false),
            ..ReadOptions::default()
        };
        let message = load_by(&rows, &dense).unwrap_err().to_string();
        assert!(
            message.contains("9000 rows of 9000 indices, 617 MiB"),
            "{message}"
        );
        let loaded = load_by(&rows, &ReadOptions::default()).unwrap();
        assert_eq!(loaded.train.sparse_width(), Some(9000));
    }

    /// The sparse rows of a table, each by columns and values.
    fn sparse(loaded: &Loaded, name: &str) -> Vec<Vec<(usize, f64)>> {
        let ColumnData::Block(block) = &loaded.train.column(name).unwrap().data else {
            panic!("no block");
        };
        let rows = block.sparse().unwrap().view();
        (0..rows.rows())
            .map(|row| rows.entries(row).collect())
            .collect()
    }

    fn load_by(text: &str, options: &ReadOptions) -> Result<Loaded> {
        read(Input::bytes("t.svm", text.as_bytes().to_vec())?, options)
    }

    #[test]
    fn rows_stay_sparse_where_that_is_asked_for() {
        let mut options = ReadOptions {
            sparse: Some(true),
            ..ReadOptions::default()
        };
        let text = "1 7:2 3:0.5\n-1\n1 0:1\n";
        let loaded = load_by(text, &options).unwrap();
        let rows = [vec![(3, 0.5), (7, 2.0)], vec![], vec![(0, 1.0)]];
        assert_eq!(sparse(&loaded, "features"), rows);
        assert_eq!(numbers(&loaded, "label"), [1.0, -1.0, 1.0]);
        assert_eq!(loaded.train.sparse_width(), Some(8));

        // As many columns as a model has, and no more.
        options.expected = Some(ExpectedColumns {
            sparse: Some(5),
            ..Default::default()
        });
        let loaded = load_by(text, &options).unwrap();
        assert_eq!(sparse(&loaded, "features")[0], [(3, 0.5)]);
        assert_eq!(loaded.train.sparse_width(), Some(5));
        assert!(loaded.notes[0].text.starts_with("1 values at indices"));
        // One of columns has no sparse rows.
        options.expected = Some(ExpectedColumns::default());
        assert_eq!(load_by(text, &options).unwrap().train.columns.len(), 4);
    }

    #[test]
    fn indices_are_hashed_into_columns_where_they_add_up() {
        let options = |columns| ReadOptions {
            hash_columns: Some(columns),
            ..ReadOptions::default()
        };
        let text = "1 99999999999:2 3:0.5 8:1\n0 8:1\n";
        let loaded = load_by(text, &options(1)).unwrap();
        assert_eq!(sparse(&loaded, "hashed"), [[(0, 3.5)], [(0, 1.0)]]);
        let loaded = load_by(text, &options(1 << 20)).unwrap();
        let rows = sparse(&loaded, "hashed");
        // SplitMix64 from the state 8: its first number, as published, modulo 2^20.
        let mut x = 8u64.wrapping_add(0x9e37_79b9_7f4a_7c15);
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let place = (x ^ (x >> 31)) as usize % (1 << 20);
        assert_eq!(rows[1], [(place, 1.0)]);
        assert!(rows[0].len() == 3 && rows[0].contains(&(place, 1.0)));
        let message = load_by(text, &ReadOptions::default())
            .unwrap_err()
            .to_string();
        assert!(
            message.contains("t.svm:1: found the index 99999999999"),
            "{message}"
        );
        assert!(message.contains("data.read.hash_columns"), "{message}");
    }
}
