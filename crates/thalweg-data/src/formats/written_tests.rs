//! What is written is read back as it was.

use proptest::prelude::*;

use super::*;
use crate::table::{Column, ColumnData, TextColumn};

/// A number that is a missing one at times, whole numbers and extremes among them.
fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        Just(f64::NAN),
        (-1_000_000i64..1_000_000).prop_map(|x| x as f64),
        Just(9007199254740992.0),
        prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL | prop::num::f64::ZERO,
    ]
}

fn text_column(texts: &[Option<String>]) -> ColumnData {
    let mut column = crate::typed::TypedColumn::text();
    for text in texts {
        match text {
            Some(text) => column.push_text(text),
            None => column.push_missing(),
        }
    }
    column.finish()
}

fn table(rows: Vec<(f64, Option<String>, f64)>) -> Table {
    let numbers = rows.iter().map(|row| row.0).collect();
    let texts: Vec<Option<String>> = rows.iter().map(|row| row.1.clone()).collect();
    let days = rows
        .iter()
        .map(|row| (row.2 / 1e3).trunc() * 86_400.0)
        .collect();
    let columns = vec![
        Column {
            name: "a number".to_owned(),
            data: ColumnData::Numeric(numbers),
        },
        Column {
            name: "text, \"quoted\"".to_owned(),
            data: text_column(&texts),
        },
        Column {
            name: "day".to_owned(),
            data: ColumnData::Time(days),
        },
    ];
    Table::without_lines("t".to_owned(), rows.len(), columns)
}

fn back(table: &Table, name: &str) -> Table {
    let bytes = write(table, name).unwrap();
    read(Input::bytes(name, bytes).unwrap(), &ReadOptions::default())
        .unwrap()
        .train
}

fn cells(table: &Table) -> Vec<Vec<Option<String>>> {
    let of_row = |row| {
        table
            .columns
            .iter()
            .map(|column| column.text(row))
            .collect()
    };
    (0..table.rows).map(of_row).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(100) })]

    #[test]
    fn typed_formats_keep_everything(
        rows in proptest::collection::vec((number(), proptest::option::of("[ -~é\n\"]{1,6}"), -20_000_000f64..20_000_000.0), 1..30)
    ) {
        let table = table(rows);
        for name in ["t.jsonl", "t.parquet"] {
            if check_written(name).is_ok() {
                let read = back(&table, name);
                prop_assert_eq!(cells(&read), cells(&table), "{}", name);
                prop_assert!(read.names().eq(table.names()));
            }
        }
    }

    #[test]
    fn text_files_keep_what_is_no_number_and_no_missing_value(
        rows in proptest::collection::vec((number(), proptest::option::of("[ -~é\n\"]{0,6}[xyz]"), -20_000_000f64..20_000_000.0), 2..30)
    ) {
        let mut rows = rows;
        // The first row has every value, so that the header is one and columns have their types.
        rows[0] = (0.5, Some("word".to_owned()), 0.0);
        rows.insert(1, (1.5, Some("another, \"word\"".to_owned()), 0.0));
        let table = table(rows);
        for name in ["t.csv", "t.tsv"] {
            let read = back(&table, name);
            let texts = |table: &Table| -> Vec<Vec<Option<String>>> {
                cells(table).into_iter().map(|row| row[..2].to_vec()).collect()
            };
            prop_assert_eq!(texts(&read), texts(&table), "{}", name);
        }
    }
}

#[test]
fn blocks_are_lists_or_columns() {
    let block = crate::table::Block {
        shape: vec![2, 2],
        values: thalweg_core::dataset::Values::F64(vec![
            1.0,
            2.5,
            f64::NAN,
            4.0,
            5.0,
            6.0,
            7.0,
            8.0,
        ]),
    };
    let columns = vec![Column {
        name: "x".to_owned(),
        data: ColumnData::Block(block),
    }];
    let table = Table::without_lines("t".to_owned(), 2, columns);
    let text = String::from_utf8(write(&table, "t.csv").unwrap()).unwrap();
    assert_eq!(text, "x_1,x_2,x_3,x_4\n1,2.5,,4\n5,6,7,8\n");
    let text = String::from_utf8(write(&table, "t.jsonl").unwrap()).unwrap();
    assert_eq!(text, "{\"x\": [1, 2.5, null, 4]}\n{\"x\": [5, 6, 7, 8]}\n");
    #[cfg(feature = "columnar")]
    {
        let read = back(&table, "t.parquet");
        assert_eq!(
            format!("{:?}", read.columns),
            format!("{:?}", table.columns)
        );
    }
}

#[test]
fn json_lines_refuse_what_they_cannot_hold() {
    let numbers = ColumnData::Numeric(vec![1.0, f64::INFINITY]);
    let columns = vec![Column {
        name: "x".to_owned(),
        data: numbers,
    }];
    let table = Table::without_lines("t.csv".to_owned(), 2, columns);
    let message = write(&table, "t.jsonl").unwrap_err().to_string();
    assert!(
        message.starts_with("t.csv: row 2: column \"x\": found an infinite value"),
        "{message}"
    );
    assert_eq!(write(&table, "t.csv").unwrap(), b"x\n1\ninf\n");
    let texts = ColumnData::Text(TextColumn {
        codes: vec![0, 1],
        levels: vec!["b".to_owned(), " c\"".to_owned()],
        ..Default::default()
    });
    let columns = vec![Column {
        name: "x".to_owned(),
        data: texts,
    }];
    let table = Table::without_lines("t.csv".to_owned(), 2, columns);
    assert_eq!(write(&table, "t.csv").unwrap(), b"x\nb\n\" c\"\"\"\n");
}
