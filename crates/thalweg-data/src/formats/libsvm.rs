//! Sparse rows as libsvm and SVMlight write them: `LABEL INDEX:VALUE INDEX:VALUE … # COMMENT`.

use std::collections::BTreeMap;

use thalweg_core::registry::Description;

use super::format::Format;
use crate::compression::is_bomb;
use crate::error::{Error, Note, Result, quote};
use crate::input::{HEAD, Input};
use crate::loaded::Loaded;
use crate::options::ReadOptions;
use crate::table::{Column, ColumnData, Lines, Table};
use crate::text_lines::TextLines;

/// How it is recognized and read.
pub static FORMAT: Format = Format {
    description: Description {
        name: "libsvm",
        summary: "sparse rows LABEL INDEX:VALUE … as of libsvm and SVMlight: a column for each index that occurs, named by it; what a row leaves out is 0",
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
    /// For each index that occurs: rows, ascending, and their values.
    columns: BTreeMap<u64, Vec<(usize, f64)>>,
    lines: Lines,
    count: usize,
    bytes: u64,
    has_qid: bool,
}

fn read(input: Input, options: &ReadOptions) -> Result<Loaded> {
    let file = input.file.clone();
    let mut text = TextLines::new(input.text(options)?);
    let mut rows = Rows::default();
    // The indices of the model: those that do not occur here are 0 in every row.
    let known = options.expected.iter().flat_map(|expected| &expected.names);
    for index in known.filter_map(|name| name.parse().ok()) {
        rows.columns.insert(index, Vec::new());
    }
    while let Some(line) = text.next()? {
        let (row, _comment) = line.split_once('#').unwrap_or((line, ""));
        if row.trim().is_empty() {
            continue;
        }
        rows.bytes += line.len() as u64;
        let added = rows.add(row);
        added.map_err(|(found, expected)| {
            let error = Error::invalid(text.location(), found, expected);
            error.remedy("correct the line")
        })?;
        rows.lines.push(rows.count, text.number());
        rows.count += 1;
    }
    rows.into_loaded(file)
}

impl Rows {
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
        if ![0, self.count + 1].contains(&self.labels.len()) {
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
        for word in words {
            match pair(word) {
                Some((Some(index), value)) => {
                    let column = self.columns.entry(index).or_default();
                    if column.last().is_some_and(|&(row, _)| row == self.count) {
                        return Err((format!("the index {index} twice"), "each index once"));
                    }
                    column.push((self.count, value));
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
        Ok(())
    }

    fn into_loaded(self, file: String) -> Result<Loaded> {
        let rows = self.count;
        let dense = (rows as u64)
            .saturating_mul(8)
            .saturating_mul(self.columns.len() as u64);
        let mut train = Table::without_lines(file, rows, Vec::new());
        if self.columns.is_empty() {
            return Err(Error::invalid(
                train.location(),
                "no value",
                "INDEX:VALUE in some row",
            ));
        }
        if is_bomb(self.bytes / 4, dense) {
            let found = format!(
                "{rows} rows of {} indices, {} MiB as a dense table",
                self.columns.len(),
                dense >> 20
            );
            let error = Error::invalid(train.location(), found, "a table that is not so sparse");
            return Err(error.remedy("keep the indices that occur most often"));
        }
        let mut notes = Vec::new();
        if self.has_qid {
            notes.push(Note::info("the groups of rows (qid) are not used"));
        }
        let column = |(index, values): (u64, Vec<(usize, f64)>)| {
            let mut numbers = vec![0.0; rows];
            for (row, value) in values {
                numbers[row] = value;
            }
            let data = ColumnData::Numeric(numbers);
            Column {
                name: index.to_string(),
                data,
            }
        };
        train.columns = self.columns.into_iter().map(column).collect();
        train.lines = Some(self.lines);
        if !self.labels.is_empty() {
            let data = ColumnData::Numeric(self.labels);
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
        let message = load(&rows, &[]).unwrap_err().to_string();
        assert!(
            message.contains("9000 rows of 9000 indices, 617 MiB"),
            "{message}"
        );
    }
}
