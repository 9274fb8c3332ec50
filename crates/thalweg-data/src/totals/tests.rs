//! Rows of sums in pieces of a table.

use super::*;
use crate::formats;
use crate::input::Input;

/// How many rows there are in pieces of this size, and what is to be known.
fn read(text: &str, size: usize) -> (usize, String) {
    let (mut rows, options) = (0, ReadOptions::default());
    let input = || Input::bytes("t.csv", text.as_bytes().to_vec()).unwrap();
    let chunks = formats::chunks(input(), &options).unwrap().unwrap();
    let notes = chunks.each(input(), &options, size, &mut |table| {
        rows += table.rows;
        Ok(())
    });
    let texts = notes.unwrap().into_iter().map(|note| note.text);
    (rows, texts.collect())
}

#[test]
fn sums_of_all_pieces_are_left_out_at_the_end_and_a_warning_at_the_start() {
    // Of more than a block: a piece has at least one.
    let long = "z".repeat(200_000);
    let row = |i: usize| format!("a{i}{long},$1.{i}0\n");
    let rows: String = (1..=9).map(row).collect();
    let (first, last) = (
        format!("x,y\nTotal,13.50\n{rows}"),
        format!("x,y\n{rows}Total,13.50\n"),
    );
    for size in [1, 2, 3, 5, 100] {
        let (count, note) = read(&last, size);
        let is_found = note.contains("t.csv:11: the last row is left out");
        assert!(count == 9 && is_found, "{size}: {note}");
    }
    let (count, note) = read(&first, 100);
    assert!(
        count == 9 && note.contains("t.csv:2: the first row is left out"),
        "{note}"
    );
    // It was visited before the sums were known.
    let (count, note) = read(&first, 3);
    assert!(
        count == 10 && note.contains("t.csv:2: the first row seems to be one of sums: \"Total\""),
        "{note}"
    );
    // A category of an earlier piece, and one of each piece.
    for text in [
        format!("x,y\nTotal,1.50\n{rows}Total,15.00\n"),
        format!("x,y\nTotal,1\n{}Total,4\n{}Total,7\n", row(1), row(2)),
    ] {
        assert_eq!(
            read(&text, 3),
            (
                text.matches('$').count() + text.matches("Total").count(),
                String::new()
            )
        );
    }
}

#[test]
fn sums_of_groups_in_pieces_are_warned_of() {
    // Of more than a block: a piece has at least one.
    let long = "z".repeat(200_000);
    let group = |name: &str, rows: std::ops::Range<u32>| {
        let rows: String = rows.map(|i| format!("{name}{i}{long},{i}.50\n")).collect();
        format!("{rows}Total {name},")
    };
    let of_sums = |a: &str, b: &str| {
        format!(
            "x,y\n{}{a}\n{}{b}\n",
            group("a", 10..13),
            group("b", 30..33)
        )
    };
    let grouped = of_sums("34.50", "94.50");
    let expected =
        "t.csv:5: 2 rows, this the first, seem to be ones of sums: \"Total a\", \"Total b\"";
    for size in [1, 2, 3] {
        let (rows, notes) = read(&grouped, size);
        assert!(rows == 8 && notes.contains(expected), "{size}: {notes}");
        // With a total of all, and rows of empty cells behind it.
        let (rows, notes) = read(&format!("{grouped}All total,129.00\n,\n,\n"), size);
        assert!(
            rows == 9 && notes.contains("t.csv:5: 3 rows"),
            "{size}: {notes}"
        );
        // One is no sum; the last row is none.
        for other in [of_sums("34.50", "90.50"), format!("{grouped}c,5.50\n")] {
            let (_, notes) = read(&other, size);
            assert!(!notes.contains("of sums"), "{size}: {notes}");
        }
    }
}

#[test]
fn rows_of_empty_cells_before_one_of_sums_go_with_it() {
    let rows: String = (1..=9).map(|i| format!("a{i},{i}.50\n")).collect();
    let text = format!("x,y\n{rows},\n,\nTotal,49.50\n");
    let input = Input::bytes("t.csv", text.into_bytes()).unwrap();
    let loaded = formats::read(input, &ReadOptions::default()).unwrap();
    let notes: Vec<_> = loaded.notes.iter().map(|note| note.text.as_str()).collect();
    assert_eq!(loaded.train.rows, 9, "{notes:?}");
    assert!(
        notes.contains(&"t.csv:11: skipped below the table: 2 rows of empty cells"),
        "{notes:?}"
    );
}

#[test]
fn pieces_may_have_columns_that_the_first_row_lacks() {
    let long = "z".repeat(200_000);
    let mut text = "{\"g\":\"Total\",\"v\":10}\n".to_owned();
    for v in 1..=4 {
        let late = if v > 2 { ",\"late\":1.5" } else { "" };
        text += &format!("{{\"g\":\"{v}{long}\",\"v\":{v}{late}}}\n");
    }
    text += "{\"g\":\"Average\",\"v\":2.5,\"late\":1.5}\n";
    let (mut rows, options) = (0, ReadOptions::default());
    let input = || Input::bytes("t.jsonl", text.as_bytes().to_vec()).unwrap();
    let chunks = formats::chunks(input(), &options).unwrap().unwrap();
    let read = chunks.each(input(), &options, 1, &mut |table| {
        rows += table.rows;
        Ok(())
    });
    assert!(read.is_ok() && (5..=6).contains(&rows), "{rows}: {read:?}");
}
