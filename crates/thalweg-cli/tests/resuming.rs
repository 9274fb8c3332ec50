//! A run goes on with the rows that it began with, whatever became of their files, and with no others.

use std::process::{Command, Stdio};

use crate::common::{Ended, Workplace, csv, noise};
use crate::size::{table, weights};

const HOW: &str = "--hidden 4 --epochs 2 --batch-size 200 --no-report";

/// Rows whose ends are far from the middle: 200 kB.
fn rows(first: usize, count: usize) -> String {
    csv("a,b,y", count, |i| {
        let [a, b] = [2, 3].map(|k| noise(k * (first + i)));
        format!("{a:.12},{b:.12},{}", if a > b { "yes" } else { "no" })
    })
}

/// Trains, and leaves what a run leaves that ends behind its last checkpoint.
fn begin(place: &Workplace, line: &str, run: &str) {
    place.train(&format!("{line} {HOW} --keep-checkpoint --out {run}"));
    let log = format!("{run}/log.jsonl");
    let text = place.text(&log);
    let (rest, end) = text.trim_end().rsplit_once('\n').unwrap();
    assert!(end.contains("\"event\":\"end\""));
    place.write(&log, format!("{rest}\n"));
}

/// The message that refuses to go on.
fn refused(place: &Workplace, run: &str) -> String {
    let before = place.read(&format!("{run}/log.jsonl"));
    let told = place.refused(&format!("train --resume --out {run}"));
    let remedy = "; put the file back as it was, or train into another --out";
    let expected = format!(", expected those that the run in {run} began with{remedy}");
    assert!(told.ends_with(&expected), "{told}");
    assert!(place.read(&format!("{run}/log.jsonl")) == before);
    told.trim_end_matches(&expected).to_owned()
}

#[test]
fn a_run_does_not_go_on_with_rows_or_weights_that_changed() {
    let place = Workplace::new();
    let (text, test) = (rows(0, 6000), rows(9000, 300));
    place.write("t.csv", &text);
    place.write("test.csv", &test);
    begin(&place, "t.csv --test test.csv", "run");
    let expected = weights(&place, "run");
    let found = "thalweg: t.csv: found other training rows";
    place.write("t.csv", format!("{text}0.5,0.25,yes\n"));
    assert_eq!(
        refused(&place, "run"),
        format!("{found}: it has another size since")
    );
    // The cause is named, and not what follows: a class more, a cell that is no number.
    for row in ["0.5,0.25,maybe", "0.5,much,no", "0.5,\"0.25,no"] {
        place.write("t.csv", format!("{text}{row}\n"));
        let told = refused(&place, "run");
        assert!(told.starts_with("thalweg: t.csv: found other "), "{told}");
        assert!(told.ends_with("rows: it has another size since"), "{told}");
    }
    let middle = text.len() / 2 + text[text.len() / 2..].find('.').unwrap() + 3;
    let mut cell = text.clone().into_bytes();
    cell[middle] = if cell[middle] == b'7' { b'8' } else { b'7' };
    place.write("t.csv", &cell);
    assert_eq!(
        refused(&place, "run"),
        format!("{found}: it was written anew since")
    );
    std::fs::remove_file(place.path("t.csv")).unwrap();
    let found = "thalweg: t.csv: found other rows: it is gone since";
    assert_eq!(refused(&place, "run"), found);
    // The same rows: written anew, and by other bytes.
    place.write("t.csv", text.replace("a,b,y", "\"a\",b,y"));
    place.write("test.csv", format!("{test}0.5,0.25,yes\n"));
    let found = "thalweg: test.csv: found other test rows";
    assert_eq!(
        refused(&place, "run"),
        format!("{found}: it has another size since")
    );
    place.write("test.csv", &test);
    place.succeed("train --resume --out run");
    assert!(weights(&place, "run") == expected);
    // A finished run gets a warning, and its model is left as it is.
    place.write("t.csv", format!("{text}0.5,0.25,yes\n"));
    let told = place.succeed("train --resume --out run").stderr;
    assert!(
        told.contains("warning: t.csv: found other training rows"),
        "{told}"
    );
    assert!(weights(&place, "run") == expected);
    begin(&place, "t.csv --initial-weights run", "after");
    let model = place.read("run/model.safetensors");
    place.train(&format!("t.csv {HOW} --seed 3 --out other"));
    place.write(
        "run/model.safetensors",
        place.read("other/model.safetensors"),
    );
    let told = refused(&place, "after");
    assert_eq!(told, "thalweg: run/model.safetensors: found other weights");
    place.write("run/model.safetensors", model);
    place.succeed("train --resume --out after");
}

#[test]
fn a_run_does_not_go_on_with_other_columns_that_the_network_does_not_see() {
    let place = Workplace::new();
    let text = rows(0, 600);
    let with = |name: &str| {
        let lines = text.lines().zip(0..);
        let line = |(line, at)| format!("{},{line}\n", if at == 0 { name } else { "1" });
        lines.map(line).collect::<String>()
    };
    for (run, how) in [("memory", ""), ("disk", "--memory 32M")] {
        let file = format!("{run}.csv");
        place.write(&file, with("c"));
        begin(&place, &format!("{file} {how}"), run);
        let expected = weights(&place, run);
        for (changed, found) in [
            (
                with("d"),
                "the column \"d\" and no column \"c\": it holds other bytes since",
            ),
            (text.clone(), "no column \"c\": it has another size since"),
            (
                with("d,c").replace("\n1", "\n1,1"),
                "one more column, \"d\": it has another size since",
            ),
        ] {
            place.write(&file, changed);
            assert_eq!(
                refused(&place, run),
                format!("thalweg: {file}: found {found}")
            );
        }
        place.write(&file, with("c"));
        place.succeed(&format!("train --resume --out {run}"));
        assert!(weights(&place, run) == expected);
    }
}

#[test]
fn a_run_does_not_go_on_with_more_or_fewer_files() {
    let place = Workplace::new();
    std::fs::create_dir(place.path("parts")).unwrap();
    place.write("parts/a.csv", rows(0, 300));
    place.write("parts/b.csv", rows(300, 300));
    begin(&place, "parts", "folder");
    begin(&place, "parts/*.csv", "pattern");
    place.write("parts/c.csv", rows(600, 10));
    for run in ["folder", "pattern"] {
        let found = "thalweg: parts/c.csv: found other training rows: it came to the others since";
        assert_eq!(refused(&place, run), found);
    }
    std::fs::remove_file(place.path("parts/c.csv")).unwrap();
    std::fs::rename(place.path("parts/b.csv"), place.path("b.csv")).unwrap();
    let found = "thalweg: parts/b.csv: found other training rows: it is gone since";
    assert_eq!(refused(&place, "pattern"), found);
    std::fs::rename(place.path("b.csv"), place.path("parts/b.csv")).unwrap();
    for run in ["folder", "pattern"] {
        place.succeed(&format!("train --resume --out {run}"));
    }
    // What is read but once has no file.
    let program = env!("CARGO_BIN_EXE_thalweg");
    let script = |text: &str| {
        let mut command = Command::new("bash");
        command.args(["-c", text]).current_dir(place.path(""));
        Ended::from(command.stdin(Stdio::null()).output().unwrap())
    };
    let line = format!("{program} train - {HOW} --keep-checkpoint --out piped");
    assert_eq!(script(&format!("cat parts/a.csv | {line}")).code, Some(0));
    let log = place.text("piped/log.jsonl");
    place.write(
        "piped/log.jsonl",
        &log[..log.find("{\"event\":\"end\"").unwrap()],
    );
    let ended = script(&format!(
        "cat parts/b.csv | {program} train --resume --out piped"
    ));
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(
        ended
            .stderr
            .contains("-: found other training rows, expected"),
        "{ended:?}"
    );
    let ended = script(&format!(
        "cat parts/a.csv | {program} train --resume --out piped"
    ));
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

#[test]
fn rows_on_disk_are_those_of_before_in_memory_too() {
    let place = Workplace::new();
    let text = table(9_000, false);
    place.write("t.csv", &text);
    let line = "t.csv --sample-weight w --memory 32M";
    begin(&place, line, "run");
    let expected = weights(&place, "run");
    place.write("t.csv", text.replacen("red", "ted", 1));
    for memory in ["32M", "2G"] {
        let told = place.refused(&format!("train --resume --memory {memory} --out run"));
        let found = "thalweg: t.csv: found other training rows: it holds other bytes since";
        assert!(told.starts_with(found), "{told}");
    }
    place.write("t.csv", &text);
    place.succeed("train --resume --memory 2G --out run");
    assert!(weights(&place, "run") == expected);
    begin(&place, line, "other");
    place.succeed("train --resume --memory 32M --out other");
    assert!(weights(&place, "other") == expected);
    // What was begun before there was a config was not trained.
    std::fs::create_dir_all(place.path("early/cache")).unwrap();
    let told = place.refused("train --resume --out early");
    let expected = "thalweg: early/config.toml: found a run that ended before it had a config, expected a run to go on \
                    with; nothing was trained yet: begin it anew, with its DATA and settings";
    assert_eq!(told, expected);
}
