//! Whatever a file holds, reading it gives a table or one clear line.

use std::path::PathBuf;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use std::io::Write;
use thalweg_data::*;

fn text(bytes: impl Into<Vec<u8>>) -> Result<Loaded> {
    text_with(bytes, &ReadOptions::default())
}

fn text_with(bytes: impl Into<Vec<u8>>, options: &ReadOptions) -> Result<Loaded> {
    read_input(Input::bytes("t.csv", bytes.into())?, options)
}

fn message(bytes: impl Into<Vec<u8>>) -> String {
    let message = text(bytes).expect_err("an error").to_string();
    assert!(
        message.chars().count() < 400 && !message.contains(char::is_control),
        "{message:?}"
    );
    message
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn faulty_text_files_are_explained_in_one_line() {
    for (bytes, expected) in [
        (
            "",
            "t.csv: found an empty file, expected rows of data; check that this is the right file",
        ),
        (
            "\n\n",
            "t.csv: found an empty file, expected rows of data; check that this is the right file",
        ),
        (
            "a,b\n",
            "t.csv: found a header and no rows, expected rows of data; check that this is the right file",
        ),
        (
            "a,b\n1,2\n3\n",
            "t.csv:3: found 1 cell, expected 2, as in the lines before; check this line for missing or extra delimiters and quotes",
        ),
        (
            "a,b\n1,\"2\n3,4\n",
            "t.csv:2: found a quote that is never closed in cell 2, expected a closing quote; double the quotes inside quoted cells",
        ),
        (
            "a,b\n1,\"2\"x\n",
            "t.csv:2: found \"x\\n\" after a closing quote in cell 2, expected the next cell or line; double the quotes inside quoted cells",
        ),
        (
            "a,b,a\n1,2,3\n",
            "t.csv:1: found the name \"a\" for columns 1 and 3, expected different names; rename one of them",
        ),
    ] {
        assert_eq!(message(bytes), expected);
    }
    assert_eq!(
        message(b"a,b\n1,x\n2,caf\xe9\n".to_vec()),
        "t.csv:3: column \"b\": found \"caf\u{fffd}\", expected UTF-8 text; save the file as UTF-8, or set `data.read.encoding`"
    );
    assert!(message(b"\x00\x01\x02\x03binary".to_vec()).contains("no known format"));
    let whole = gzip(b"a,b\n1,2\n3,4\n");
    assert!(
        message(whole[..whole.len() - 9].to_vec()).contains("damaged or truncated compressed data")
    );
}

#[test]
fn files_that_cannot_be_opened_are_named() {
    let read_path = |path: &str| read(&Source::Path(PathBuf::from(path)), &ReadOptions::default());
    let absent = read_path("/no/such/file.csv").unwrap_err().to_string();
    assert!(
        absent.starts_with("/no/such/file.csv: cannot be read: No such file"),
        "{absent}"
    );
    let directory = read_path(env!("CARGO_MANIFEST_DIR"))
        .unwrap_err()
        .to_string();
    assert!(
        directory.contains("a folder of the four MNIST-named files"),
        "{directory}"
    );
    let unknown = Source::parse("builtin:irsi").unwrap_err().to_string();
    assert!(unknown.ends_with("did you mean `iris`?"), "{unknown}");
}

#[test]
fn a_cell_of_a_million_characters_is_read() {
    let cell = "x".repeat(1_000_000);
    let table = text(format!("a,b\n1,{cell}\n2,y\n")).unwrap().train;
    assert_eq!(table.column("b").unwrap().text(0).unwrap(), cell);
    let long = format!("a,b\n1,\"{cell}");
    assert!(message(long).contains("never closed"));
}

#[test]
fn dialects_are_read() {
    let table = text("\u{feff}name; age ;ok\r\n\"a;\"\"b\"\"\r\nc\"; 1 ;yes\r\n\r\nd;?;NO")
        .unwrap()
        .train;
    let names: Vec<&str> = table.names().collect();
    assert_eq!(names, ["name", "age", "ok"]);
    assert_eq!(
        table.column("name").unwrap().text(0).unwrap(),
        "a;\"b\"\r\nc"
    );
    assert_eq!(table.column("age").unwrap().text(1), None);
    let kinds: Vec<Kind> = table.columns.iter().map(Column::kind).collect();
    assert_eq!(kinds, [Kind::Categorical, Kind::Numeric, Kind::Boolean]);
    // The record that starts on line 2 takes two lines, and line 4 is blank.
    assert_eq!(table.cell(0, "age").line, Some(2));
    assert_eq!(table.cell(1, "age").line, Some(5));
}

#[test]
fn the_user_overrides_what_is_found_by_looking() {
    let options = ReadOptions {
        header: Some(false),
        names: vec!["x".to_owned(), "y".to_owned()],
        missing: vec!["-9".to_owned()],
        delimiter: Some(';'),
        ..Default::default()
    };
    let table = text_with("a;b\n1;-9\n", &options).unwrap().train;
    assert_eq!((table.rows, table.column("y").unwrap().text(1)), (2, None));
    let few = ReadOptions {
        names: vec!["x".to_owned()],
        ..options
    };
    assert!(
        text_with("a;b\n1;2\n", &few)
            .unwrap_err()
            .to_string()
            .contains("one for each name given")
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn text_written_by_another_program_is_read_as_it_was(
        rows in proptest::collection::vec(("[a-z\"',;\n é]{0,8}[a-z]", any::<f64>(), any::<bool>()), 1..20),
        delimiter in prop::sample::select(vec![b',', b'\t', b';', b'|']),
        crlf in any::<bool>(),
    ) {
        let mut writer = csv::WriterBuilder::new()
            .delimiter(delimiter)
            .quote_style(csv::QuoteStyle::NonNumeric)
            .terminator(if crlf { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') })
            .from_writer(Vec::new());
        writer.write_record(["text", "number", "flag"]).unwrap();
        for (text, number, flag) in &rows {
            writer.write_record([format!("{text}!"), number.to_string(), flag.to_string()]).unwrap();
        }
        let options = ReadOptions { header: Some(true), delimiter: Some(delimiter as char), ..Default::default() };
        let table = text_with(writer.into_inner().unwrap(), &options).unwrap().train;
        prop_assert_eq!(table.rows, rows.len());
        for (i, (text, number, flag)) in rows.iter().enumerate() {
            prop_assert_eq!(table.columns[0].text(i), Some(format!("{text}!")));
            let ColumnData::Numeric(numbers) = &table.columns[1].data else {
                panic!("not numeric");
            };
            prop_assert!(numbers[i] == *number || (numbers[i].is_nan() && number.is_nan()));
            prop_assert_eq!(table.columns[2].text(i), Some(flag.to_string()));
        }
    }
}
