//! JSON lines and arrays, well made and not.

use thalweg_core::dataset::Values;

use super::*;
use crate::table::ColumnData;

fn load(text: &str) -> Result<Loaded> {
    let options = ReadOptions {
        missing: vec!["unknown".to_owned()],
        ..ReadOptions::default()
    };
    read(Input::bytes("t.jsonl", text.as_bytes().to_vec())?, &options)
}

fn cells(loaded: &Loaded, name: &str) -> Vec<Option<String>> {
    let column = loaded.train.column(name).unwrap();
    (0..loaded.train.rows).map(|row| column.text(row)).collect()
}

fn texts(cells: &[Option<&str>]) -> Vec<Option<String>> {
    cells.iter().map(|cell| cell.map(str::to_owned)).collect()
}

const ROWS: [&str; 3] = [
    r#"{"x": 1, "ok": true, "name": "007", "in": {"a": 1e3}, "v": [1, 2.5]}"#,
    r#"{"name": "unknown", "x": null, "v": null}"#,
    r#"{"x": -2.5, "in": {"a": 2, "b": "z"}, "v": [3, null], "late": 5}"#,
];

#[test]
fn cells_keep_their_types_and_absent_ones_are_missing() {
    let lines = load(&ROWS.join("\n\n")).unwrap();
    let names: Vec<&str> = lines.train.names().collect();
    assert_eq!(names, ["x", "ok", "name", "in.a", "v", "in.b", "late"]);
    assert_eq!(cells(&lines, "x"), texts(&[Some("1"), None, Some("-2.5")]));
    assert_eq!(cells(&lines, "ok"), texts(&[Some("true"), None, None]));
    assert_eq!(cells(&lines, "name"), texts(&[Some("007"), None, None]));
    assert_eq!(
        cells(&lines, "in.a"),
        texts(&[Some("1000"), None, Some("2")])
    );
    assert_eq!(cells(&lines, "late"), texts(&[None, None, Some("5")]));
    let ColumnData::Block(block) = &lines.train.column("v").unwrap().data else {
        panic!("no block");
    };
    let Values::F64(values) = &block.values else {
        panic!("not f64");
    };
    assert_eq!(block.shape, [2]);
    assert_eq!(values[..2], [1.0, 2.5]);
    assert!(values[2].is_nan() && values[3].is_nan() && values[4] == 3.0 && values[5].is_nan());
    // Blank lines count.
    assert_eq!(lines.train.cell(2, "x").line, Some(5));
    let array = load(&format!("[{}]", ROWS.join(",\n"))).unwrap();
    let bits = |loaded: &Loaded| format!("{:?}", loaded.train.columns);
    assert_eq!(bits(&array), bits(&lines));
}

#[test]
fn wide_integers_lose_no_digit_and_are_noted() {
    // Of 54, 64 and 65 bits, of more than i128, and negative; beside small ones and ones that f64 holds.
    let wide = [
        "9007199254740993",
        "18446744073709551615",
        "18446744073709551617",
        "-9223372036854775809",
        "123456789012345678901234567890",
        "1701411834604692317316873037158841057281",
    ];
    let row = |id: &str| format!("{{\"id\": {id}, \"x\": {{\"y\": 100000000000000000000}}}}");
    for id in wide {
        let rows = [row("5"), row(id)];
        for text in [rows.join("\n"), format!("[{}]", rows.join(",\n"))] {
            let loaded = load(&text).unwrap();
            assert_eq!(
                cells(&loaded, "id"),
                texts(&[Some("5"), Some(id)]),
                "{text}"
            );
            let note = "integers of more than 53 bits are read as text, so that no digit is lost: columns \"id\"";
            assert_eq!(loaded.notes.len(), 1, "{:?}", loaded.notes);
            assert_eq!(loaded.notes[0].text, note);
            let exact = ColumnData::Numeric(vec![1e20; 2]);
            assert_eq!(loaded.train.column("x.y").unwrap().data, exact);
        }
    }
    // A list holds numbers alone.
    for integer in ["9007199254740993", "123456789012345678901234567890"] {
        let message = load(&format!("{{\"v\": [1, {integer}]}}"))
            .unwrap_err()
            .to_string();
        let found = "t.jsonl:1: column \"v\": found an integer of more than 53 bits in a list";
        assert!(message.starts_with(found), "{message}");
    }
    assert!(load("{\"v\": [1, 100000000000000000000]}\n{\"v\": [2, 3]}").is_ok());
    // The place of another mistake is that in the file.
    let message = load("{\"id\": 12345678901234567890, \"a\": }")
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("no JSON value at character 35"),
        "{message}"
    );
}

#[test]
fn numbers_beyond_f64_are_refused_by_their_place() {
    for text in [
        "{\"a\": 1e308}\n{\"a\": -1e400}\n",
        "[{\"a\": 1e308},\n {\"a\":-1e400}]",
    ] {
        let message = load(text).unwrap_err().to_string();
        let found = "t.jsonl:2: found number out of range at character";
        assert!(message.starts_with(found), "{message}");
        let expected = "expected a number of at most 1.8e308; correct the line";
        assert!(message.ends_with(expected), "{message}");
    }
}

#[test]
fn wide_integers_are_no_keys_and_texts_with_a_nul_are_no_integers() {
    const KEY: &str = "{12345678901234567890123:1,\"y\":1}";
    for (text, place) in [(KEY.to_owned(), 2), (format!("[{KEY}]"), 3)] {
        let message = load(&text).unwrap_err().to_string();
        let found = format!("t.jsonl:1: found key must be a string at character {place},");
        assert!(message.starts_with(&found), "{message}");
    }
    // Digits as they are, after one NUL and two, and as escapes.
    let digits = "1234567890123456789";
    let escapes: String = digits.chars().map(|c| format!("\\u003{c}")).collect();
    for (before, spelled) in [("", digits), ("\\u0000", digits), ("", &escapes), ("", "")] {
        let row = format!("{{\"k\": \"\\u0000{before}{spelled}\", \"n\": 1}}");
        let spelled = if spelled.is_empty() { "" } else { digits };
        let text = format!("\0{}{spelled}", before.replace("\\u0000", "\0"));
        for row in [row.clone(), format!("[{row}]")] {
            let loaded = load(&row).unwrap();
            assert_eq!(cells(&loaded, "k"), texts(&[Some(&text)]), "{row}");
            assert!(loaded.notes.is_empty());
        }
        let list = format!("{{\"k\": [\"\\u0000{before}{spelled}\"], \"n\": 1}}");
        let message = load(&list).unwrap_err().to_string();
        assert!(message.contains("a list with something else"), "{message}");
    }
}

#[test]
fn the_place_of_a_fault_in_an_array_is_that_in_the_file() {
    let wide = "12345678901234567890";
    let nul = "\\u0000";
    // Also behind many blocks, on one line and on several.
    for (separator, count) in [(",", 3), (",", 5000), (",\n", 5000)] {
        let row = format!("{{\"id\": {wide}, \"t\": \"{nul}\", \"n\": -{wide}}}");
        let before = format!("[{}{separator}", vec![row; count].join(separator));
        let last = format!("{{\"id\": {wide}, \"a\": }}]");
        let text = format!("{before}{last}");
        let (line, rest) = match separator {
            "," => (1, text.as_str()),
            _ => (count + 1, last.as_str()),
        };
        let found = format!(
            "t.jsonl:{line}: found no JSON value at character {},",
            rest.len() - 1
        );
        let message = load(&text).unwrap_err().to_string();
        assert!(message.starts_with(&found), "{message} {found}");
    }
}

#[test]
fn integers_beyond_128_bits_keep_their_digits_beside_others() {
    let power = format!("{:.0}", 2f64.powi(200));
    let ids = [
        "12345678901234567890",
        &format!("1{}", "0".repeat(40)),
        &power,
    ];
    let rows = ids.map(|id| format!("{{\"id\": {id}}}"));
    for text in [rows.join("\n"), format!("[{}]", rows.join(","))] {
        assert_eq!(cells(&load(&text).unwrap(), "id"), texts(&ids.map(Some)));
    }
}

#[test]
fn faults_are_named_with_line_and_place() {
    for (text, expected) in [
        (
            "{\"a\": 1}\n\n{\"a\": 1,}\n",
            "t.jsonl:3: found trailing comma at character 9, expected a JSON object",
        ),
        (
            "{\"a\": 1}\n[1]\n",
            "t.jsonl:2: found a row that is no object, expected a JSON object",
        ),
        (
            "{\"a\": 1} x\n",
            "t.jsonl:1: found trailing characters at character 10",
        ),
        (
            "{\"a\": 1, \"a\": 2}",
            "t.jsonl:1: column \"a\": found the name twice in one object",
        ),
        (
            "{\"a\": [1]}\n{\"a\": [1, 2]}",
            "t.jsonl:2: column \"a\": found a list of 2 numbers, where earlier rows have 1",
        ),
        (
            "{\"a\": [1]}\n{\"a\": 2}",
            "t.jsonl:2: column \"a\": found a single value",
        ),
        (
            "{\"a\": 2}\n{\"a\": [1]}",
            "t.jsonl:2: column \"a\": found a list, expected a single value",
        ),
        (
            "{\"a\": [\"x\"]}",
            "t.jsonl:1: column \"a\": found a list with something else",
        ),
        (
            "{\n\"a\": 1\n}",
            "t.jsonl:1: found EOF while parsing an object at character 1, expected a JSON object; write each object on one line",
        ),
        (
            "{\"a\": [1, 2], \"b\": [1, 2]}",
            "t.jsonl: found one object of columns",
        ),
        (
            "[{\"a\": 1},\n{\"a\": }]",
            "t.jsonl:2: found no JSON value at character 7",
        ),
    ] {
        let message = load(text).unwrap_err().to_string();
        assert!(message.starts_with(expected), "{message}");
    }
}

#[test]
fn rows_of_ever_new_names_are_no_table() {
    let rows: String = (0..5000).map(|i| format!("{{\"a{i}\": 1}}\n")).collect();
    let message = load(&rows).unwrap_err().to_string();
    assert!(
        message.contains("names that hardly any row shares"),
        "{message}"
    );
}
