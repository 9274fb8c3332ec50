//! Files that pyarrow writes (`tests/make.py`), column by column.

use thalweg_core::dataset::Values;

use crate::formats::read;
use crate::table::{Block, ColumnData};
use crate::{Input, Loaded, ReadOptions};

const FILES: [(&str, &[u8]); 3] = [
    ("types.parquet", include_bytes!("../../tests/types.parquet")),
    ("types.arrow", include_bytes!("../../tests/types.arrow")),
    ("types.stream", include_bytes!("../../tests/types.stream")),
];

fn load(name: &str, bytes: &[u8]) -> Loaded {
    let options = ReadOptions {
        missing: vec!["na".to_owned()],
        ..ReadOptions::default()
    };
    read(Input::bytes(name, bytes.to_vec()).unwrap(), &options).unwrap()
}

fn cells(loaded: &Loaded, name: &str) -> Vec<Option<String>> {
    let column = loaded
        .train
        .column(name)
        .unwrap_or_else(|| panic!("no column {name}"));
    (0..3).map(|row| column.text(row)).collect()
}

#[test]
fn values_of_every_type_are_read_as_what_they_are() {
    for (name, bytes) in FILES {
        let loaded = load(name, bytes);
        assert_eq!(loaded.train.rows, 3, "{name}");
        for (column, expected) in [
            ("int8", [Some("1"), None, Some("-3")]),
            ("uint32", [Some("4294967295"), Some("0"), None]),
            ("int64", [Some("9007199254740993"), Some("-1"), None]),
            ("small", [Some("9007199254740992"), Some("-1"), None]),
            ("uint64", [Some("18446744073709551615"), Some("2"), None]),
            ("half", [Some("0.5"), None, Some("-2")]),
            ("float", [Some("0.5"), None, None]),
            ("double", [Some("0.1"), None, Some("1e300")]),
            ("truth", [Some("true"), None, Some("false")]),
            ("text", [Some("007"), None, None]),
            ("large", [Some("é"), None, None]),
            ("binary", [Some("raw"), None, Some("bytes")]),
            ("category", [Some("b"), None, Some("a")]),
            ("numbers", [Some("2.5"), None, Some("2.5")]),
            ("time", [Some("3723"), None, Some("0")]),
            ("decimal", [Some("12.34"), None, Some("-0.5")]),
            ("null", [None, None, None]),
            ("struct.x", [Some("1"), None, Some("3")]),
            ("struct.y", [Some("p"), None, None]),
        ] {
            let expected = expected.map(|cell| cell.map(str::to_owned));
            assert_eq!(cells(&loaded, column), expected, "{name}: {column}");
        }
        let numeric = ["small", "null", "decimal", "wide", "numbers"];
        for column in numeric {
            let column = loaded.train.column(column).unwrap();
            assert!(
                matches!(column.data, ColumnData::Numeric(_)),
                "{name}: {}",
                column.name
            );
        }
    }
}

#[test]
fn dates_and_durations_are_read() {
    for (name, bytes) in FILES {
        let loaded = load(name, bytes);
        let date = |text: &str, other: &str| [Some(text.to_owned()), None, Some(other.to_owned())];
        assert_eq!(cells(&loaded, "date"), date("2024-01-31", "1969-12-31"));
        let time = "2024-01-31 12:30:15";
        assert_eq!(cells(&loaded, "second"), date(time, time));
        assert_eq!(cells(&loaded, "nano"), date(time, time));
        if name != "types.parquet" {
            assert_eq!(cells(&loaded, "duration"), date("90", "0"));
        }
    }
}

#[test]
fn lists_of_one_length_are_blocks() {
    for (name, bytes) in FILES {
        let loaded = load(name, bytes);
        let block = |column: &str| match &loaded.train.column(column).unwrap().data {
            ColumnData::Block(block) => block,
            other => panic!("{other:?}"),
        };
        let Block {
            shape,
            values: Values::F32(values),
        } = block("list")
        else {
            panic!("{name}: {:?}", block("list"));
        };
        assert_eq!(shape, &[2]);
        assert_eq!(values[..2], [1.0, 2.0]);
        assert!(values[2].is_nan() && values[3].is_nan() && values[5].is_nan());
        assert_eq!(values[4], 3.0);
        let Block {
            values: Values::U8 { bytes, .. },
            ..
        } = block("fixed")
        else {
            panic!("{name}: {:?}", block("fixed"));
        };
        assert_eq!(bytes, &[1, 2, 3, 4, 5, 6]);
    }
}

#[test]
fn what_is_left_out_or_changed_is_noted() {
    for (name, bytes) in FILES {
        let notes: Vec<String> = load(name, bytes)
            .notes
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(notes.len(), 3, "{notes:?}");
        for left_out in [
            "\"bytes\" (bytes that are no text)",
            "\"map\" (type Map",
            "\"__index_level_0__\" (an index of pandas)",
        ] {
            assert!(
                notes[0].starts_with("warning: ") && notes[0].contains(left_out),
                "{}",
                notes[0]
            );
        }
        assert!(
            notes[1].ends_with("columns \"int64\", \"uint64\""),
            "{}",
            notes[1]
        );
        assert!(
            notes[2].ends_with("rounded: columns \"wide\""),
            "{}",
            notes[2]
        );
    }
}
