//! Rows that do not fit into memory: the same bits as in memory, whatever the threads; killed at any moment, nothing is
//! lost and nothing half-written is trusted.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::common::{Ended, Workplace, events, noise};

/// Numbers with missing ones, categories, classes and weights: about 24 MB in memory.
pub fn table(rows: usize, is_sorted: bool) -> String {
    let names: Vec<String> = (0..24).map(|j| format!("x{j}")).collect();
    let mut lines: Vec<(bool, String)> = (0..rows)
        .map(|i| {
            let x = |j: usize| noise(i * 24 + j);
            let y = 2.0 * x(0) - x(1) + x(3) * x(4) > 0.1;
            let numbers: Vec<String> = (0..24)
                .map(|j| match (i + j) % 61 {
                    0 if j > 20 => String::new(),
                    _ => format!("{:.4}", x(j)),
                })
                .collect();
            let colour = ["red", "green", "blue"][i * i % 3];
            let line = format!(
                "{},{colour},{},{}",
                numbers.join(","),
                1 + i % 3,
                if y { "yes" } else { "no" }
            );
            (y, line)
        })
        .collect();
    if is_sorted {
        lines.sort_by_key(|(y, _)| *y);
    }
    let lines: Vec<String> = lines.into_iter().map(|(_, line)| line).collect();
    format!("{},colour,w,y\n{}\n", names.join(","), lines.join("\n"))
}

const ROWS: usize = 60_000;
/// Less than the table takes.
const SMALL: &str = "--memory 40M";
const HOW: &str = "--sample-weight w --hidden 8 --epochs 2 --batch-size 500";

/// The tensors of a model, as bytes.
pub fn weights(place: &Workplace, run: &str) -> Vec<u8> {
    let file = place.read(&format!("{run}/model.safetensors"));
    let header = u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
    file[8 + header..].to_vec()
}

#[test]
fn the_same_config_gives_the_same_bits_in_memory_and_from_disk_with_any_threads() {
    let place = Workplace::new();
    place.write("t.csv", table(ROWS, false));
    let ended = place.succeed(&format!(
        "train t.csv {HOW} {SMALL} --threads 2 --out disk --cache kept"
    ));
    assert!(ended.stderr.contains("rows are kept on disk"), "{ended:?}");
    assert!(ended.stderr.contains("evenly spaced"), "{ended:?}");
    let expected = weights(&place, "disk");
    // Two runs share the cache.
    let kept = place.files("kept");
    assert!(
        matches!(&kept[..], [name] if name.ends_with(".cache")),
        "{kept:?}"
    );
    for threads in [1, 5] {
        let ended = place.succeed(&format!(
            "train t.csv {HOW} {SMALL} --threads {threads} --out disk-{threads} --cache kept"
        ));
        assert!(
            ended.stderr.contains("as they were cached before"),
            "{ended:?}"
        );
        assert!(
            weights(&place, &format!("disk-{threads}")) == expected,
            "{threads} threads"
        );
    }
    let ended = place.succeed("train --config disk/config.toml --threads 2 --out memory");
    assert!(!ended.stderr.contains("on disk"), "{ended:?}");
    assert!(weights(&place, "memory") == expected);
    let losses = |run: &str| {
        let all = events(&place.text(&format!("{run}/log.jsonl")));
        let epochs = all.iter().filter(|event| event["event"] == "epoch");
        let loss = |event: &serde_json::Value| {
            (
                event["train_loss"].to_string(),
                event["validation_loss"].to_string(),
            )
        };
        epochs.map(loss).collect::<Vec<_>>()
    };
    assert_eq!(losses("disk"), losses("memory"));
    let waiting = |run: &str| {
        let all = events(&place.text(&format!("{run}/log.jsonl")));
        all[1]["seconds_waiting"].as_f64()
    };
    assert!(waiting("disk").is_some_and(|seconds| seconds > 0.0));
    assert_eq!(waiting("memory"), None);
    // A run by that config uses the same cache. Direct reads give the same bits.
    let ended = place.succeed(&format!(
        "train --config disk/config.toml {SMALL} --cache kept --direct-reads --out again"
    ));
    assert!(
        ended.stderr.contains("as they were cached before"),
        "{ended:?}"
    );
    assert_eq!(place.files("kept"), kept);
    assert!(weights(&place, "again") == expected);
    // By hand, and read as DATA.
    place.succeed("convert t.csv t.cache --memory 40M");
    place.succeed(&format!("train t.cache {HOW} {SMALL} --out by-hand"));
    assert!(weights(&place, "by-hand") == expected);
    assert!(!place.path("by-hand/cache").exists());
}

#[test]
fn sorted_rows_are_learned_as_well_as_others() {
    let place = Workplace::new();
    place.write("sorted.csv", table(ROWS, true));
    place.write("mixed.csv", table(ROWS, false));
    let loss = |line: &str| {
        place.train(&format!("{line} {HOW} --no-validation --test-fraction 0"))["train"]["loss"]
            .as_f64()
            .unwrap()
    };
    let on_disk = loss(&format!("sorted.csv {SMALL} --out a"));
    let in_memory = [0, 1, 2].map(|seed| loss(&format!("mixed.csv --seed {seed} --out b{seed}")));
    let (low, high) = in_memory
        .iter()
        .fold((f64::MAX, f64::MIN), |(low, high), x| {
            (low.min(*x), high.max(*x))
        });
    let noise = (high - low).max(0.002);
    assert!(
        on_disk > low - 2.0 * noise && on_disk < high + 2.0 * noise,
        "{on_disk} beside {in_memory:?}"
    );
    // Without the shuffle of an epoch there are no blocks to shuffle.
    place.train(&format!("sorted.csv {SMALL} {HOW} --no-shuffle --out c"));
    place.train("--config c/config.toml --out d");
    assert!(weights(&place, "c") == weights(&place, "d"));
}

fn start(place: &Workplace, line: &str) -> Child {
    let mut command = place.command(line.split_whitespace());
    command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn a_run_that_is_killed_at_any_moment_goes_on_to_the_same_bits() {
    let place = Workplace::new();
    place.write("t.csv", table(ROWS, false));
    let line = format!("train t.csv {HOW} {SMALL} --no-report");
    let began = Instant::now();
    place.succeed(&format!("{line} --out whole"));
    let whole = began.elapsed();
    let expected = weights(&place, "whole");
    for moment in 1..=5 {
        let run = format!("killed-{moment}");
        let mut child = start(&place, &format!("{line} --out {run}"));
        std::thread::sleep(whole.mul_f64(f64::from(moment) / 6.0));
        child.kill().unwrap();
        child.wait().unwrap();
        let resumed = format!("{line} --out {run} --resume");
        place.succeed(&resumed);
        assert!(
            weights(&place, &run) == expected,
            "killed after {moment} sixths"
        );
        let files = place.files(&run);
        assert!(
            !files
                .iter()
                .any(|name| name == "cache" || name.ends_with("tmp")),
            "{files:?}"
        );
    }
}

#[test]
fn two_runs_at_once_share_a_cache() {
    let place = Workplace::new();
    place.write("t.csv", table(ROWS, false));
    let line = format!("train t.csv {HOW} {SMALL} --no-report --cache kept");
    let both = ["a", "b"].map(|run| start(&place, &format!("{line} --out {run}")));
    for mut run in both {
        assert!(run.wait().unwrap().success());
    }
    assert!(weights(&place, "a") == weights(&place, "b"));
    let kept = place.files("kept");
    assert!(
        matches!(&kept[..], [name] if name.ends_with(".cache")),
        "{kept:?}"
    );
}

#[test]
#[cfg(unix)]
fn an_ingest_beyond_the_limit_on_the_size_of_files_says_so_and_leaves_nothing() {
    let place = Workplace::new();
    place.write("t.csv", table(20_000, false));
    place.write("t.svm", sparse(2_000));
    let cases = [
        ("t.csv", 0),
        ("t.csv", 1),
        ("t.csv", 700),
        ("t.svm --sparse", 0),
        ("t.svm --sparse", 100),
    ];
    for (source, kilobytes) in cases {
        let program = env!("CARGO_BIN_EXE_thalweg");
        let script =
            format!("ulimit -f {kilobytes}; exec {program} convert {source} t.cache --memory 40M");
        let mut command = std::process::Command::new("bash");
        command.args(["-c", &script]).current_dir(place.path(""));
        let ended = Ended::from(command.output().unwrap());
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(
            ended
                .stderr
                .contains("t.cache: found a place that cannot be written")
                && ended.stderr.contains("too large"),
            "{ended:?}"
        );
        assert_eq!(place.files("."), ["t.csv", "t.svm"]);
    }
    place.succeed("convert t.csv t.cache --memory 40M");
}

#[test]
fn a_conversion_that_is_killed_leaves_nothing_that_is_a_cache() {
    let place = Workplace::new();
    place.write("t.csv", table(ROWS, false));
    let began = Instant::now();
    place.succeed("convert t.csv t.cache --memory 40M");
    let (whole, expected) = (began.elapsed(), place.read("t.cache"));
    for moment in 1..=4 {
        std::fs::remove_file(place.path("t.cache")).unwrap();
        let mut child = start(&place, "convert t.csv t.cache --memory 40M");
        std::thread::sleep(
            whole
                .mul_f64(f64::from(moment) / 5.0)
                .max(Duration::from_millis(20)),
        );
        child.kill().unwrap();
        child.wait().unwrap();
        // It may have been faster.
        assert!(!place.path("t.cache").exists() || place.read("t.cache") == expected);
        place.succeed("convert t.csv t.cache --memory 40M");
        assert!(place.read("t.cache") == expected);
        assert_eq!(place.files("."), ["t.cache", "t.csv"]);
    }
}

#[test]
fn caches_that_are_damaged_stale_or_of_another_version_are_named_or_made_anew() {
    let place = Workplace::new();
    place.write("t.csv", table(300, false));
    place.succeed("convert t.csv t.cache");
    let whole = place.read("t.cache");
    let mut flipped = whole.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 4;
    place.write("flipped.cache", &flipped);
    let told = place.refused("train flipped.cache --out a");
    assert!(
        told.contains("flipped.cache") && told.contains("checksum") && told.contains("convert"),
        "{told}"
    );
    let mut newer = whole.clone();
    newer[8] = 9;
    place.write("newer.cache", &newer);
    let told = place.refused("info newer.cache");
    assert!(
        told.contains("version 9") && told.contains("version 1"),
        "{told}"
    );
    place.write("t.csv", table(301, false));
    let told = place.succeed("train t.cache --epochs 1 --out b").stderr;
    assert!(told.contains("has another size since"), "{told}");
    // One that a run made for itself.
    place.write("u.csv", table(ROWS, false));
    let line = format!("train u.csv {HOW} {SMALL} --cache kept");
    place.succeed(&format!("{line} --out c"));
    let [name] = &place.files("kept")[..] else {
        panic!("one cache")
    };
    let name = format!("kept/{name}");
    let made = place.read(&name);
    place.write(&name, &made[..made.len() / 2]);
    let told = place.succeed(&format!("{line} --out d")).stderr;
    assert!(told.contains("it is made anew"), "{told}");
    assert!(place.read(&name) == made);
}

/// Rows of libsvm, about a kilobyte each in memory, whose classes can be learned.
fn sparse(rows: usize) -> String {
    let row = |i: usize| {
        let of = |at: usize| (noise(i * 50 + at) * 0.5 + 0.5) * 40.0;
        let columns: Vec<usize> = (0..50).map(|at| at * 40 + of(at) as usize % 40).collect();
        let z: f64 = columns.iter().map(|column| noise(column + 7_000_000)).sum();
        let pairs = columns.iter().map(|column| match column % 3 {
            0 => format!(" {column}:0.5"),
            _ => format!(" {column}:1"),
        });
        format!(
            "{}{}\n",
            if z > 0.0 { "+1" } else { "-1" },
            pairs.collect::<String>()
        )
    };
    (0..rows).map(row).collect()
}

#[test]
fn sparse_rows_from_disk_have_the_bits_of_memory_and_go_on_when_they_are_killed() {
    let place = Workplace::new();
    place.write("t.svm", sparse(40_000));
    let line = "train t.svm --sparse --epochs 2 --batch-size 100 --memory 52M --no-report";
    let began = Instant::now();
    let ended = place.succeed(&format!("{line} --threads 2 --out disk"));
    let whole = began.elapsed();
    assert!(ended.stderr.contains("rows are kept on disk"), "{ended:?}");
    assert!(!ended.stderr.contains("more than the"), "{ended:?}");
    let expected = weights(&place, "disk");
    place.succeed(&format!("{line} --threads 5 --out disk-5"));
    assert!(weights(&place, "disk-5") == expected);
    let ended = place.succeed("train --config disk/config.toml --no-report --out memory");
    assert!(!ended.stderr.contains("on disk"), "{ended:?}");
    assert!(weights(&place, "memory") == expected);
    for moment in 1..=3 {
        let run = format!("killed-{moment}");
        let mut child = start(&place, &format!("{line} --out {run}"));
        std::thread::sleep(whole.mul_f64(f64::from(moment) / 4.0));
        child.kill().unwrap();
        child.wait().unwrap();
        place.succeed(&format!("{line} --out {run} --resume"));
        assert!(
            weights(&place, &run) == expected,
            "killed after {moment} quarters"
        );
    }
    // By hand, and as rows to predict, in their order.
    place.succeed("convert t.svm t.cache --sparse --memory 52M");
    place.succeed(
        "train t.cache --epochs 2 --batch-size 100 --memory 52M --no-report --out by-hand",
    );
    assert!(weights(&place, "by-hand") == expected);
    let predicted = place.succeed("predict disk t.svm").stdout;
    assert_eq!(predicted.lines().count(), 40_001);
    let few: String = sparse(40_000)
        .lines()
        .skip(39_990)
        .map(|row| format!("{row}\n"))
        .collect();
    place.write("few.svm", few);
    let last = place.succeed("predict disk few.svm").stdout;
    assert!(last.lines().skip(1).eq(predicted.lines().skip(39_991)));
    // Rows to test on that are beside those on disk are sparse too.
    let ended = place.succeed(&format!("{line} --test few.svm --out beside"));
    assert!(ended.stderr.contains("rows are kept on disk"), "{ended:?}");
    assert!(ended.stdout.contains("test (10 rows)"), "{ended:?}");
    let scores = place.succeed("evaluate disk t.svm --json").stdout;
    let scores: serde_json::Value = serde_json::from_str(&scores).unwrap();
    assert!(scores["accuracy"].as_f64().unwrap() > 0.9, "{scores}");
}

#[test]
fn sparse_rows_of_a_format_that_has_none_are_refused() {
    let place = Workplace::new();
    place.write("t.csv", table(300, false));
    for source in ["t.csv", "builtin:iris"] {
        for flag in ["--sparse", "--hash-columns 9"] {
            let told = place.refused(&format!("train {source} {flag}"));
            let name = flag.split(' ').next().unwrap();
            let found = format!("thalweg: {source}: found rows of format csv, expected those of");
            assert!(told.starts_with(&found), "{told}");
            assert!(told.contains(&format!("for {name};")), "{told}");
            assert!(told.ends_with(&format!("leave out {name}")), "{told}");
        }
    }
}

#[test]
fn augmented_images_from_disk_have_the_bits_of_memory() {
    let place = Workplace::new();
    let rows = 16_000;
    let array = |kind: &str, shape: &str, bytes: Vec<u8>| {
        let header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({shape}), }}");
        let length = (header.len() as u16).to_le_bytes();
        [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), &bytes].concat()
    };
    let pixel = |i: usize| (100.0 + 90.0 * noise(i) + 60.0 * ((i / 256 % 2 * i) % 2) as f64) as u8;
    let pixels = (0..rows * 256).map(pixel).collect();
    let classes = (0..rows).map(|i| (i % 2) as u8).collect();
    place.write("x.npy", array("|u1", &format!("{rows}, 16, 16"), pixels));
    place.write("y.npy", array("|u1", &format!("{rows},"), classes));
    place.succeed("convert x.npy t.cache --labels y.npy");
    let line =
        "train t.cache --hidden 8 --epochs 2 --batch-size 200 --augment flip,shift=2 --no-report";
    let ended = place.succeed(&format!("{line} --memory 36M --out disk"));
    assert!(ended.stderr.contains("rows are kept on disk"), "{ended:?}");
    let ended = place.succeed("train --config disk/config.toml --no-report --out memory");
    assert!(!ended.stderr.contains("on disk"), "{ended:?}");
    assert!(weights(&place, "disk") == weights(&place, "memory"));
    place.succeed(&format!(
        "{} --memory 36M --out plain",
        line.replace(" --augment flip,shift=2", "")
    ));
    assert!(weights(&place, "disk") != weights(&place, "plain"));
}
