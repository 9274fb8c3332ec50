//! Caches that are damaged are made anew, and messages on rows on disk speak of the user's file; a cap
//! of memory that is too small is warned of before the rows are read.

use std::process::{Command, Stdio};

use crate::common::{Ended, Workplace, noise};
use crate::formats::packed::gzip;
use crate::size::{table, weights};

/// Two blocks of a cache, which no such cap holds in memory.
const ROWS: usize = 9_000;
const HOW: &str =
    "--sample-weight w --hidden 8 --epochs 1 --batch-size 500 --memory 32M --no-report";

#[test]
fn a_cache_with_a_damaged_block_is_made_anew_and_trained_on_to_the_same_bits() {
    let place = Workplace::new();
    place.write("t.csv", table(ROWS, false));
    let line = format!("train t.csv {HOW} --cache kept");
    place.succeed(&format!("{line} --out whole"));
    let [name] = &place.files("kept")[..] else {
        panic!("one cache")
    };
    let name = format!("kept/{name}");
    let (made, expected) = (place.read(&name), weights(&place, "whole"));
    // In the first block, which is read first, and in later ones.
    for part in 1..=4 {
        let mut flipped = made.clone();
        flipped[made.len() * part / 5] ^= 16;
        place.write(&name, &flipped);
        let run = format!("flipped-{part}");
        let told = place.succeed(&format!("{line} --out {run}")).stderr;
        let is_said = told.contains("a damaged cache (the checksum of")
            && told.contains("is wrong): it is made anew");
        assert!(is_said, "{part}: {told}");
        assert!(place.read(&name) == made, "{part}");
        assert!(weights(&place, &run) == expected, "{part}");
        if part == 4 {
            // As DATA it has no source beside it.
            place.write(&name, &flipped);
            let told = place.refused(&format!("train {name} {HOW} --out refused"));
            let source = place.path("t.csv");
            let remedy = format!(
                "make it anew by `thalweg convert {} {name}`",
                source.display()
            );
            assert!(
                told.contains("of block 1 is wrong") && told.contains(&remedy),
                "{told}"
            );
        }
    }
}

#[test]
fn faults_of_rows_on_disk_are_named_by_file_and_line_and_leave_nothing() {
    let place = Workplace::new();
    let whole = table(600, false);
    let with = |line: usize, change: &dyn Fn(&str) -> String| {
        let lines = whole.lines().zip(1..);
        let lines: Vec<String> = lines
            .map(|(text, at)| {
                if at == line {
                    change(text)
                } else {
                    text.to_owned()
                }
            })
            .collect();
        place.write("t.csv", lines.join("\n") + "\n");
    };
    let weight = |text: &str| {
        let cells: Vec<&str> = text.split(',').collect();
        [&cells[..cells.len() - 2], &["-1", "yes"]]
            .concat()
            .join(",")
    };
    let number = |text: &str| format!("-7{}", &text[text.find(',').unwrap()..]);
    let count = "--target x0 --task regression --loss poisson --drop y";
    let counts = whole.lines().map(|line| {
        let (first, rest) = line.split_once(',').unwrap();
        let first = first
            .parse::<f64>()
            .map_or(first.to_owned(), |x| (x.abs() * 9.0).round().to_string());
        format!("{first},{rest}\n")
    });
    for (line, change, how, expected) in [
        (
            400,
            &weight as &dyn Fn(&str) -> String,
            "",
            "t.csv:400: column \"w\": found \"-1\"",
        ),
        (
            400,
            &weight,
            "--group colour",
            "t.csv:400: column \"w\": found \"-1\"",
        ),
        (
            0,
            &weight,
            "--target z",
            "t.csv: found no column \"z\", expected one of \"x0\", \"x1\"",
        ),
    ] {
        with(line, change);
        let told = place.refused(&format!("train t.csv {HOW} {how} --out run"));
        assert!(told.starts_with(&format!("thalweg: {expected}")), "{told}");
        assert!(!place.path("run").exists(), "{how}");
    }
    let text: String = counts.collect();
    let lines: Vec<String> = (text.lines().zip(1..))
        .map(|(text, at)| {
            if at == 123 {
                number(text)
            } else {
                text.to_owned()
            }
        })
        .collect();
    place.write("t.csv", lines.join("\n"));
    let told = place.refused(&format!("train t.csv {HOW} {count} --out run"));
    let expected = "thalweg: t.csv:123: column \"x0\": found -7, expected numbers ≥ 0";
    assert!(told.starts_with(expected), "{told}");
    assert!(!place.path("run").exists());
}

#[test]
fn doubtful_rows_on_disk_are_named_in_the_order_of_their_file_as_in_memory() {
    let place = Workplace::new();
    let whole = table(600, false);
    // Lines without targets, and such whose cell is no number.
    let changed = |line: usize, text: &str| {
        let mut cells: Vec<&str> = text.split(',').collect();
        let count = cells.len();
        match line {
            51 | 300 | 402 | 590 => cells[count - 1] = "",
            120 | 333 => (cells[0], cells[1]) = ("", ""),
            77 => cells[5] = "much",
            200 => cells[5] = "more",
            410 => cells[5] = "most",
            _ => {}
        }
        cells.join(",") + "\n"
    };
    let lines: Vec<String> = (whole.lines().zip(1..))
        .map(|(text, line)| changed(line, text))
        .collect();
    place.write("t.csv", lines.concat());
    std::fs::create_dir(place.path("parts")).unwrap();
    place.write("parts/a.csv", lines[..60].concat());
    place.write("parts/b.csv", [&lines[..1], &lines[60..]].concat().concat());
    let all = "--no-validation --test-fraction 0 --hidden none --epochs 1 --no-report";
    let left = "4 of 600 rows are left out, this one first: no target in \"y\"";
    let stray = "3 of 596 cells are no numbers, the first \"much\"";
    for (at, (data, how, expected)) in [
        ("t.csv", "", [format!("t.csv:51: column \"y\": {left}"), format!("t.csv:77: column \"x5\": {stray}")]),
        ("t.csv", "--group colour", [format!("t.csv:51: column \"y\": {left}"), String::new()]),
        (
            "t.csv",
            "--target x0,x1",
            ["t.csv:120: 2 of 600 rows are left out, this one first: no target in \"x0\", \"x1\"".to_owned(), String::new()],
        ),
        ("parts", "", [format!("parts/a.csv:51: column \"y\": {left}"), format!("parts/b.csv:18: column \"x5\": {stray}")]),
    ]
    .into_iter()
    .enumerate()
    {
        let disk = place.succeed(&format!("train {data} {how} {all} --memory 32M --out disk-{at}"));
        assert!(disk.stderr.contains("rows are kept on disk"), "{disk:?}");
        let memory = place.succeed(&format!("train {data} {how} {all} --out memory-{at}"));
        let again = format!("train --config disk-{at}/config.toml --no-report --out again-{at}");
        for told in [disk, memory, place.succeed(&again)] {
            let has = |text: &String| told.stderr.contains(text.as_str());
            assert!(expected.iter().all(has), "{expected:?}: {}", told.stderr);
        }
    }
}

#[test]
fn a_solver_sees_all_rows_on_disk_as_in_memory() {
    let place = Workplace::new();
    place.write("t.csv", table(600, false));
    let line = "train t.csv --hidden 4 --optimizer lbfgs --epochs 4 --memory 32M --no-report";
    let told = place.succeed(&format!("{line} --out disk")).stderr;
    assert!(told.contains("rows are kept on disk"), "{told}");
    place.succeed("train --config disk/config.toml --no-report --out memory");
    assert!(weights(&place, "disk") == weights(&place, "memory"));
}

#[test]
fn what_no_cap_holds_is_said_before_it_is_read() {
    let place = Workplace::new();
    // By columns, and packed: what comes next is no row.
    let (rows, columns) = (250_000, 4);
    let header =
        format!("{{'descr': '|u1', 'fortran_order': True, 'shape': ({rows}, {columns}), }}");
    let length = (header.len() as u16).to_le_bytes();
    let bytes: Vec<u8> = (0..rows * columns)
        .map(|i| (127.0 + 127.0 * noise(i)) as u8)
        .collect();
    let array = [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), &bytes].concat();
    place.write("x.npy.gz", gzip(&array));
    let expected =
        "warning: x.npy.gz: files of its format are read whole: the process will take about ";
    let told = place
        .succeed("convert x.npy.gz t.cache --memory 32M")
        .stderr;
    assert!(told.starts_with(expected), "{told}");
    assert!(
        told.contains("save the rows as CSV, JSON lines, Parquet or .npy in C order"),
        "{told}"
    );
    // What is read but once.
    place.write("t.csv", table(90, false));
    let script = format!(
        "cat t.csv | {} train - --epochs 1 --memory 32M --out b",
        env!("CARGO_BIN_EXE_thalweg")
    );
    let mut command = Command::new("bash");
    command
        .args(["-c", &script])
        .current_dir(place.path(""))
        .stdin(Stdio::null());
    let told = Ended::from(command.output().unwrap()).stderr;
    assert!(
        told.starts_with("warning: -: what is read but once is held whole"),
        "{told}"
    );
    // A network that is too large beside the rows.
    let ended = place.succeed(&format!(
        "train t.csv {} --out c",
        HOW.replace("--hidden 8", "--hidden 12000")
    ));
    let least = ended
        .stdout
        .find("the run will take about")
        .expect(&ended.stdout);
    assert!(least < ended.stdout.find("epoch 1/1").unwrap(), "{ended:?}");
    assert!(
        ended.stdout.contains("to the network; set it to"),
        "{ended:?}"
    );
}

#[test]
fn a_run_that_was_killed_before_it_had_a_config_begins_anew() {
    let place = Workplace::new();
    for (run, how) in [("a", ""), ("b", "--resume")] {
        std::fs::create_dir_all(place.path(run).join("cache")).unwrap();
        place.write(&format!("{run}/.config.toml.tmp"), "format = ");
        place.succeed(&format!(
            "train builtin:iris --epochs 1 --no-report --out {run} {how}"
        ));
        assert!(!place.files(run).contains(&".config.toml.tmp".to_owned()));
    }
    place.write("a/notes.txt", "mine");
    place.refused("train builtin:iris --epochs 1 --out a");
}

#[test]
fn sparse_rows_that_count_from_elsewhere_are_warned_of() {
    let place = Workplace::new();
    let rows = |first: usize, last: usize| -> String {
        (0..60)
            .map(|i| format!("{} {}:1 {}:0.5\n", i % 2, first + i % 3, last - i % 4))
            .collect()
    };
    place.write("one.svm", rows(1, 20));
    place.write("zero.svm", rows(0, 19));
    for model in ["one", "zero"] {
        place.succeed(&format!(
            "train {model}.svm --sparse --epochs 1 --no-report --out {model}"
        ));
        let own = place
            .succeed(&format!("predict {model} {model}.svm"))
            .stderr;
        assert!(!own.contains("shifted"), "{own}");
    }
    let told = place.succeed("predict one zero.svm").stderr;
    let expected = "warning: the first column with values is 0, and 1 in the rows";
    assert!(
        told.starts_with(expected) && told.contains("shifted"),
        "{told}"
    );
    let told = place.succeed("predict zero one.svm").stderr;
    let expected = "the rows have no index 0, and the index 20 is one beyond those of the model";
    assert!(
        told.contains(expected) && told.contains("shifted"),
        "{told}"
    );
    // One more column in a file that counts alike.
    place.write("more.svm", rows(1, 21));
    let told = place.succeed("predict one more.svm").stderr;
    assert!(
        told.contains("are ignored") && !told.contains("shifted"),
        "{told}"
    );
}
