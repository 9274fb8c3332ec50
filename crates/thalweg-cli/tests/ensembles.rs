//! Ensembles as their users see them: trained, predicted with, killed and resumed.

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::common::{Workplace, csv, events, noise};
use serde_json::Value;

/// The bytes of each tensor of a safetensors file, by its name.
fn tensors(bytes: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let data = &bytes[8 + length..];
    let all = header.as_object().unwrap().iter();
    all.filter(|(name, _)| *name != "__metadata__")
        .map(|(name, info)| {
            let at = |i: usize| info["data_offsets"][i].as_u64().unwrap() as usize;
            (name.clone(), data[at(0)..at(1)].to_vec())
        })
        .collect()
}

/// The numbers of a column of a CSV file.
fn numbers(text: &str, name: &str) -> Vec<f64> {
    let mut lines = text.lines();
    let at = lines
        .next()
        .unwrap()
        .split(',')
        .position(|column| column == name);
    let at = at.unwrap_or_else(|| panic!("{name}: {text}"));
    let cell = |line: &str| line.split(',').nth(at).unwrap().parse().unwrap();
    lines.map(cell).collect()
}

fn mean(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let count = values.clone().count() as f64;
    values.sum::<f64>() / count
}

#[test]
fn the_mean_of_four_has_a_lower_loss_than_they_have_in_the_mean() {
    let work = Workplace::new();
    for data in ["digits", "breast-cancer", "diabetes", "iris", "wine"] {
        let line = format!("builtin:{data} --ensemble 4 --epochs 12 --hidden 16 --out {data}");
        let end = work.train(&line);
        for (part, of_member) in [("validation", "validation_loss"), ("test", "test_loss")] {
            let members = end["ensemble"].as_array().unwrap().iter();
            let losses: Vec<f64> = members.map(|m| m[of_member].as_f64().unwrap()).collect();
            let (loss, mean) = (
                end[part]["loss"].as_f64().unwrap(),
                mean(losses.iter().copied()),
            );
            assert_eq!(losses.len(), 4);
            // They differ, or the mean would show nothing.
            assert!(
                losses.iter().any(|one| (one - mean).abs() > 1e-3 * mean),
                "{losses:?}"
            );
            assert!(loss < mean, "{data}, {part}: {loss} {losses:?}");
        }
    }
    let info = work.succeed("info digits").stdout;
    assert!(info.contains("ensemble   4 members, by seeds"), "{info}");
}

#[test]
fn the_first_member_is_the_single_model_and_the_answers_are_means() {
    let work = Workplace::new();
    let line = "builtin:diabetes --epochs 10 --seed 5 --hidden 8";
    work.train(&format!("{line} --out one"));
    work.train(&format!("{line} --ensemble 2 --out two"));
    let (one, two) = (
        tensors(&work.read("one/model.safetensors")),
        tensors(&work.read("two/model.safetensors")),
    );
    assert_eq!(two.len(), 2 * one.len());
    for (name, bytes) in &one {
        assert_eq!(two[&format!("members.0.{name}")], *bytes, "{name}");
        assert_ne!(two[&format!("members.1.{name}")], *bytes, "{name}");
    }
    work.succeed("convert builtin:diabetes rows.csv");
    let predict = |line: &str| work.succeed(&format!("predict {line}")).stdout;
    let first = numbers(&predict("one rows.csv"), "target");
    let text = predict("two rows.csv --spread");
    let (both, spread) = (numbers(&text, "target"), numbers(&text, "target_spread"));
    assert_eq!(both, numbers(&predict("two rows.csv"), "target"));
    assert!(spread.iter().any(|s| *s > 1.0));
    for ((first, both), spread) in first.iter().zip(&both).zip(&spread) {
        // ȳ = (y₁ + y₂)/2, and s = |y₁ − y₂|/√2 = |y₁ − ȳ|·√2.
        let expected = (first - both).abs() * 2f64.sqrt();
        assert!(
            (spread - expected).abs() < 1e-6 * both.abs(),
            "{first} {both} {spread}"
        );
    }
    let message = work.refused("predict one rows.csv --spread");
    assert!(
        message.contains("--spread: found a single network"),
        "{message}"
    );
}

#[test]
fn probabilities_are_averaged() {
    let work = Workplace::new();
    let line = "builtin:iris --epochs 6 --hidden 8";
    work.train(&format!("{line} --ensemble 3 --out all"));
    work.succeed("convert builtin:iris rows.csv");
    let text = work.succeed("predict all rows.csv --proba --spread").stdout;
    let columns = ["target=setosa", "target=versicolor", "target=virginica"];
    let all: Vec<Vec<f64>> = columns.iter().map(|name| numbers(&text, name)).collect();
    for row in 0..150 {
        let sum: f64 = all.iter().map(|column| column[row]).sum();
        assert!((sum - 1.0).abs() < 1e-9, "{sum}");
    }
    let spread = numbers(&text, "target=setosa_spread");
    assert!(spread.iter().all(|s| (0.0..=0.6).contains(s)) && spread.iter().any(|s| *s > 1e-4));
    let message = work.refused("predict all rows.csv --spread");
    assert!(message.contains("--proba"), "{message}");
    // Scores are those of the averaged prediction.
    let scores = work.succeed("evaluate all rows.csv --json").stdout;
    let scores: Value = serde_json::from_str(&scores).unwrap();
    let text = work
        .succeed("predict all rows.csv --keep target --proba")
        .stdout;
    let likelihood = |(row, line): (usize, &str)| {
        let name = format!("target={}", line.split(',').next().unwrap());
        let at = columns.iter().position(|column| *column == name).unwrap();
        -all[at][row].ln()
    };
    let loss = mean(text.lines().skip(1).enumerate().map(likelihood));
    let told = scores["loss"].as_f64().unwrap();
    assert!((loss - told).abs() < 1e-6 * loss, "{loss} {told}");
}

#[test]
fn neither_threads_nor_a_config_change_a_bit() {
    let work = Workplace::new();
    for by in ["seeds", "folds"] {
        let line = format!("builtin:wine --ensemble 3 --ensemble-by {by} --epochs 6 --hidden 8");
        for threads in [1, 2, 7] {
            work.train(&format!("{line} --threads {threads} --out {by}{threads}"));
        }
        work.train(&format!("--config {by}1/config.toml --out {by}-again"));
        let model = |run: String| work.read(&format!("{run}/model.safetensors"));
        let first = model(format!("{by}1"));
        for run in [format!("{by}2"), format!("{by}7"), format!("{by}-again")] {
            assert!(model(run.clone()) == first, "{run}");
            assert_eq!(work.files(&run), work.files(&format!("{by}1")));
        }
        let log = events(&work.text(&format!("{by}1/log.jsonl")));
        let of = |member: u64| {
            let own = log.iter().filter(|event| event["event"] == "member_epoch");
            own.filter(|event| event["member"] == member).count()
        };
        assert_eq!([of(0), of(1), of(2)], [6; 3]);
    }
}

#[test]
fn of_folds_every_row_trains_and_every_row_validates() {
    let work = Workplace::new();
    let line = |i: usize| {
        format!(
            "{:.4},p{},{:.4}",
            noise(i),
            i / 3,
            3.0 * noise(i) + noise(i + 99)
        )
    };
    work.write("t.csv", csv("x,patient,y", 120, line));
    let line = "t.csv --target y --ensemble 4 --ensemble-by folds --group patient --epochs 10";
    let end = work.train(&format!("{line} --out run --predictions out.csv"));
    let text = work.text("out.csv");
    let (rows, folds) = (numbers(&text, "row"), numbers(&text, "fold"));
    // The others are in no fold: they test.
    let all = work.text("t.csv");
    let truth = numbers(&all, "y");
    let events = events(&work.text("run/log.jsonl"));
    let tested = events[0]["rows"]["test"].as_u64().unwrap() as usize;
    assert!(
        tested > 5 && rows.len() + tested == 120,
        "{tested} {}",
        rows.len()
    );
    assert!(rows.is_sorted());
    // A patient is in one fold.
    let mut fold_of = BTreeMap::new();
    for (row, fold) in rows.iter().zip(&folds) {
        let patient = (*row as usize - 1) / 3;
        assert_eq!(fold_of.entry(patient).or_insert(*fold), fold);
    }
    assert_eq!(folds.iter().fold(0.0, |a: f64, b| a.max(*b)), 4.0);
    // The validation scores are those of these predictions.
    let predicted = numbers(&text, "y_predicted");
    let squares = rows.iter().zip(&predicted);
    let squares = squares.map(|(row, y)| (y - truth[*row as usize - 1]).powi(2));
    let (rmse, told) = (
        mean(squares).sqrt(),
        end["validation"]["rmse"].as_f64().unwrap(),
    );
    assert!((rmse - told).abs() < 1e-4 * rmse, "{rmse} {told}");
    // What a member has trained on it knows better: so these are not predictions of all members.
    let train = end["train"]["rmse"].as_f64().unwrap();
    assert_ne!(train, told);
    let info = work.succeed("info run").stdout;
    assert!(info.contains("4 members, by folds"), "{info}");
    let importance = work.succeed("importance run").stdout;
    assert!(
        importance.contains("validation rows (") && importance.contains('x'),
        "{importance}"
    );
}

#[test]
fn thresholds_and_intervals_are_of_the_averaged_prediction() {
    let work = Workplace::new();
    let end = work.train("builtin:breast-cancer --ensemble 3 --epochs 5 --threshold f1 --out a");
    assert!(end["test"]["f1"].as_f64().unwrap() > 0.8);
    work.succeed("convert builtin:diabetes rows.csv");
    for by in ["seeds", "folds"] {
        let line =
            format!("builtin:diabetes --ensemble 3 --ensemble-by {by} --interval 0.8 --epochs 20");
        let end = work.train(&format!("{line} --out {by}"));
        let coverage = end["validation"]["coverage"].as_f64().unwrap();
        assert!(coverage > 0.75, "{by}: {coverage}");
        let text = work
            .succeed(&format!("predict {by} rows.csv --spread"))
            .stdout;
        let [low, y, high] = ["target_low", "target", "target_high"].map(|n| numbers(&text, n));
        assert!(
            y.iter()
                .zip(&low)
                .zip(&high)
                .all(|((y, low), high)| low <= y && y <= high)
        );
        numbers(&text, "target_spread");
    }
}

#[test]
fn what_an_ensemble_cannot_do_is_refused_in_a_line() {
    let work = Workplace::new();
    work.train("builtin:iris --ensemble 2 --epochs 2 --out two");
    let cases = [
        ("export two two.safetensors", "an ensemble of 2 members"),
        (
            "train builtin:iris --continue two",
            "--continue two/model.safetensors: found an ensemble of 2 members",
        ),
        (
            "train builtin:iris --ensemble 2 --refit",
            "cannot be used with",
        ),
        (
            "train builtin:iris --ensemble 2 --keep-checkpoint",
            "--keep-checkpoint",
        ),
        ("train builtin:iris --ensemble 1", "--ensemble: found 1"),
        ("train builtin:iris --ensemble-by folds", "--ensemble"),
        (
            "train builtin:iris --ensemble 2 --predictions p.csv",
            "--ensemble-by folds",
        ),
        (
            "train builtin:iris --ensemble 200 --ensemble-by folds",
            "200 folds",
        ),
        (
            "train builtin:iris --ensemble 3 --ensemble-by folds --split ordered",
            "--split: found an ensemble",
        ),
        (
            "train builtin:iris --ensemble 3 --ensemble-by folds --no-validation",
            "--validation-fraction: found an ensemble",
        ),
    ];
    for (line, expected) in cases {
        let message = work.refused(line);
        assert!(message.contains(expected), "{line}: {message}");
    }
}

/// Waits until `done` or the end of the process; says whether it was `done`.
fn wait_for(child: &mut Child, done: impl Fn() -> bool) -> bool {
    while !done() {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    true
}

#[cfg(unix)]
#[test]
fn a_killed_and_an_interrupted_ensemble_go_on_to_the_same_bits() {
    let work = Workplace::new();
    let start = |line: &str| -> Child {
        let mut command = work.command(line.split_whitespace());
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    // The second member is stopped behind a checkpoint, the third has not begun.
    let checkpoint = work.path("run/members/1/checkpoint.safetensors");
    let mut epochs = 40;
    let (line, mut child) = loop {
        let line = format!(
            "builtin:digits --ensemble 3 --hidden 128,128 --no-validation --epochs {epochs}"
        );
        let mut child = start(&format!("train {line} --threads 1 --out run"));
        if wait_for(&mut child, || checkpoint.exists()) {
            break (line, child);
        }
        std::fs::remove_dir_all(work.path("run")).unwrap();
        epochs *= 3;
        assert!(epochs < 100_000, "there never was a checkpoint");
    };
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(work.path("run/members/0/model.safetensors").exists());
    assert!(!work.path("run/members/2").exists() && !work.path("run/model.safetensors").exists());
    let changed = work.refused(&format!("train {line} --lr 0.5 --resume --out run"));
    assert!(changed.contains("learning_rate"), "{changed}");
    // It goes on, and is interrupted once more, which leaves the mean of what there is.
    let mut child = start("train --resume --out run --threads 1");
    let third = work.path("run/members/2/config.toml");
    assert!(wait_for(&mut child, || third.exists()));
    std::thread::sleep(Duration::from_millis(300));
    let kill = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(kill.unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(work.path("run/model.safetensors").exists());
    work.succeed("train --resume --out run --threads 2");
    work.train(&format!("{line} --out whole"));
    let model = |run: &str| work.read(&format!("{run}/model.safetensors"));
    assert!(model("run") == model("whole"));
    assert_eq!(work.files("run"), work.files("whole"));
    let done = work.succeed("train --resume --out run");
    assert!(done.stdout.contains("nothing to do"), "{done:?}");
}
