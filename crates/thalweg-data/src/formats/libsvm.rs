//! Sparse rows as libsvm and SVMlight write them: `LABEL INDEX:VALUE INDEX:VALUE … # COMMENT`.

mod rows;

use thalweg_core::registry::Description;

use super::format::{Chunks, Format, always, size_of_text};
use crate::error::{Error, Location, Note, Result};
use crate::input::{HEAD, Input};
use crate::loaded::Loaded;
use crate::options::ReadOptions;
use crate::table::Table;
use crate::text_lines::LineBlocks;
use crate::threads;
use rows::{CORRECT, LABELS, Rows, known_columns, pair, without_label};
pub(crate) use rows::{HASHED, MOST_COLUMNS, SPARSE_COLUMN, ignored, is_sparse};

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
    chunks: Some(Chunks {
        read: chunks,
        fits: always,
        size: size_of_text,
        sums: false,
    }),
    folder: None,
    #[cfg(test)]
    example: || b"+1 1:0.5 3:1 # first\n-1 3:-2\n-1 1:4e-1\n".to_vec(),
};

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

fn read(input: Input, options: &ReadOptions) -> Result<Loaded> {
    let (file, room, mut all) = (input.file.clone(), input.room.clone(), Rows::new(options));
    each(input, options, usize::MAX, &mut |rows| {
        all = rows;
        all.room.clone_from(&room);
        Ok(())
    })?;
    let notes = all.notes(&file);
    let is_sparse = all.is_sparse(options);
    Ok(Loaded {
        notes,
        ..all.into_table(file, options, is_sparse)?.into()
    })
}

/// Rows that stay sparse, unless the columns of a table are expected.
fn chunks(
    input: Input,
    options: &ReadOptions,
    size: usize,
    visit: &mut dyn FnMut(Table) -> Result<()>,
) -> Result<Vec<Note>> {
    let expected = options.expected.as_ref();
    let is_sparse = expected.is_none_or(|expected| expected.sparse.is_some());
    let (file, mut all) = (input.file.clone(), Rows::new(options));
    each(input, options, size, &mut |rows| {
        all.count_on(&rows);
        visit(rows.into_table(file.clone(), options, is_sparse)?)
    })?;
    Ok(all.notes(&file))
}

/// Visits the rows of a file, about `size` at a time; lines are read on all threads.
fn each(
    input: Input,
    options: &ReadOptions,
    size: usize,
    visit: &mut dyn FnMut(Rows) -> Result<()>,
) -> Result<()> {
    /// Bytes of lines that a thread reads at once.
    const BLOCK: usize = 1 << 19;
    let (file, room) = (input.file.clone(), input.room.clone());
    let mut blocks = LineBlocks::new(input.text(options)?);
    let threads = threads::available();
    let (mut rows, mut is_labelled) = (Rows::new(options), None);
    let (mut is_empty, mut is_first) = (true, true);
    loop {
        let mut texts = Vec::with_capacity(threads);
        while texts.len() < threads
            && let Some(text) = blocks.next(BLOCK)?
        {
            texts.push(text);
        }
        let is_end = texts.is_empty();
        let parsed = threads::map(threads, texts.into_iter(), |text| {
            Rows::parse(&text, &file, options)
        });
        for added in parsed {
            let added = added?;
            if added.count() == 0 {
                continue;
            }
            if *is_labelled.get_or_insert(added.is_labelled()) != added.is_labelled() {
                let location = Location::file(&file).line(added.lines.of_row(0));
                let found = without_label(added.is_labelled());
                return Err(Error::invalid(location, found, LABELS).remedy(CORRECT));
            }
            is_empty &= added.indices.is_empty();
            rows.append(added);
        }
        // A row takes its label and its end at least.
        let has_room = room.check(rows.count(), 2);
        has_room.map_err(|error| Error::reading(&file, error))?;
        if is_end && is_empty && known_columns(options).is_none() {
            let location = Location::file(&file);
            return Err(Error::invalid(
                location,
                "no value",
                "INDEX:VALUE in some row",
            ));
        }
        if rows.count() >= size || is_end && (rows.count() > 0 || is_first) {
            visit(std::mem::replace(&mut rows, Rows::new(options)))?;
            is_first = false;
        }
        if is_end {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ExpectedColumns;
    use crate::table::ColumnData;

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
            (
                "1 1:2\n1 1:1e400\n",
                "t.svm:2: found \"1:1e400\", expected a number of at most 1.8e308",
            ),
            (
                "-1e999 1:2\n",
                "t.svm:1: found \"-1e999\", expected a number of at most 1.8e308",
            ),
        ] {
            let message = load(text, &[]).unwrap_err().to_string();
            assert!(message.starts_with(expected), "{message}");
        }
    }

    #[test]
    fn numbers_of_too_many_digits_are_a_warning() {
        let text = "1 1:2\n12345678901234567890123 3:9007199254740993 4:100000000000000000000\n-1 3:9007199254740995\n";
        let loaded = load(text, &[]).unwrap();
        let notes: Vec<&str> = loaded.notes.iter().map(|note| &*note.text).collect();
        let note = "t.svm:2: 3 numbers of more digits than a number keeps are rounded, the first \"12345678901234567890123\"";
        assert_eq!(notes, [note]);
        assert!(loaded.notes[0].warning);
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
            message.contains("9,000 rows of 9,000 indices, 617 MiB"),
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
        assert!(loaded.notes[0].text.starts_with("1 value at indices"));
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
