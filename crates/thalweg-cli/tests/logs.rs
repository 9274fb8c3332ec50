//! What a run records while it goes on: updates, layers, event files; and what reads it again.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::common::{Workplace, events};
use serde_json::Value;

fn of<'a>(log: &'a [Value], event: &str) -> Vec<&'a Value> {
    log.iter().filter(|line| line["event"] == event).collect()
}

fn page(place: &Workplace, path: &str) -> Value {
    thalweg_report::data(&place.text(path)).unwrap()
}

#[test]
fn updates_are_recorded_all_at_first_and_then_fewer_and_fewer() {
    let place = Workplace::new();
    // 40 updates an epoch.
    place.train("builtin:digits --hidden none --batch-size 36 --epochs 60 --no-validation --log-steps --out a");
    let log = events(&place.text("a/log.jsonl"));
    let (steps, epochs) = (of(&log, "step"), of(&log, "epoch"));
    let per_epoch = log[0]["rows"]["train"].as_u64().unwrap().div_ceil(36);
    let numbers: Vec<u64> = steps
        .iter()
        .map(|step| step["step"].as_u64().unwrap())
        .collect();
    let (first, rest) = numbers.split_at(512);
    assert!(first.iter().copied().eq(1..=512), "{first:?}");
    assert!(rest.len() > 256 && rest.len() <= 3 * 256, "{}", rest.len());
    assert!(rest.iter().all(|number| number % 2 == 0));
    for step in &steps {
        let number = step["step"].as_u64().unwrap();
        assert_eq!(step["epoch"], (number - 1) / per_epoch + 1, "{step}");
        assert!(
            step["lr"].as_f64().unwrap() > 0.0 && step["gradient_norm"].as_f64().unwrap() > 0.0
        );
    }
    // The first epoch's loss is the mean over its updates, the last being shorter.
    let rows = log[0]["rows"]["train"].as_f64().unwrap();
    let size = |step: u64| {
        if step == per_epoch {
            rows - 36.0 * (per_epoch - 1) as f64
        } else {
            36.0
        }
    };
    let sum: f64 = (steps.iter().take(per_epoch as usize))
        .map(|step| step["loss"].as_f64().unwrap() * size(step["step"].as_u64().unwrap()))
        .sum();
    let expected = epochs[0]["train_loss"].as_f64().unwrap();
    assert!(
        (sum / rows - expected).abs() < 1e-6,
        "{} {expected}",
        sum / rows
    );

    let shown = &page(&place, "a/report.html")["steps"]["series"];
    for (i, number) in shown["step"].as_array().unwrap().iter().enumerate() {
        let step = steps.iter().find(|step| step["step"] == *number).unwrap();
        for name in ["loss", "lr", "gradient_norm"] {
            assert_eq!(shown[name][i], step[name], "update {number}");
        }
    }
}

#[test]
fn what_is_recorded_does_not_change_the_model() {
    let place = Workplace::new();
    let run = "builtin:breast-cancer --epochs 6 --seed 3";
    place.train(&format!("{run} --no-report --out plain"));
    place.train(&format!("{run} --log-steps --tensorboard --out all"));
    assert_eq!(
        place.read("plain/model.safetensors"),
        place.read("all/model.safetensors")
    );
    let log = events(&place.text("plain/log.jsonl"));
    assert!(of(&log, "step").is_empty() && log.iter().all(|line| line["layers"].is_null()));
}

#[test]
fn the_layers_of_the_last_epoch_are_those_of_the_model() {
    let place = Workplace::new();
    place.train("builtin:iris --hidden 7,5 --epochs 9 --no-validation --out a");
    let log = events(&place.text("a/log.jsonl"));
    let epochs = of(&log, "epoch");
    let page = page(&place, "a/report.html");
    let last = epochs[8]["layers"].as_array().unwrap();
    let of_model = page["inspection"]["layers"].as_array().unwrap();
    assert_eq!((last.len(), of_model.len()), (3, 3));
    for (layer, model) in last.iter().zip(of_model) {
        assert_eq!(layer["name"], model["name"]);
        assert_eq!(layer["weight_norm"], model["weight_norm"], "{layer}");
        let number = |name: &str| layer[name].as_f64().unwrap();
        assert!(
            number("deviation") > 0.0 && number("gradient_norm") > 0.0,
            "{layer}"
        );
        assert!((0.0..=1.0).contains(&number("dead")), "{layer}");
        // An update is small beside the weights, and there is one.
        assert!(number("update_norm") > 0.0 && number("update_norm") < number("weight_norm"));
    }
    let layers = &page["layers"];
    assert_eq!(layers["epoch"].as_array().unwrap().len(), 9);
    for (i, epoch) in epochs.iter().enumerate() {
        for (j, layer) in epoch["layers"].as_array().unwrap().iter().enumerate() {
            assert_eq!(layers["mean"][j][i], layer["mean"]);
            assert_eq!(layers["update_norm"][j][i], layer["update_norm"]);
        }
    }
}

#[test]
fn a_batch_of_all_rows_is_one_update_an_epoch() {
    let place = Workplace::new();
    place.train("builtin:iris --batch-size all --epochs 4 --out a");
    let rows = events(&place.text("a/log.jsonl"))[0]["rows"]["train"].clone();
    assert!(
        place
            .text("a/config.toml")
            .contains(&format!("batch_size = {rows}\n"))
    );
    place.train(&format!(
        "builtin:iris --batch-size {rows} --epochs 4 --out b"
    ));
    assert_eq!(
        place.read("a/model.safetensors"),
        place.read("b/model.safetensors")
    );
    let refused = place.refused("train builtin:iris --batch-size some");
    assert!(
        refused.contains("--batch-size") && refused.contains("or all"),
        "{refused}"
    );
}

#[test]
fn a_run_is_watched_until_it_ends() {
    let place = Workplace::new();
    place.train("builtin:iris --epochs 12 --out a");
    let log = place.text("a/log.jsonl");
    let half: String = log
        .lines()
        .take(6)
        .map(|line| format!("{line}\n"))
        .collect();
    std::fs::create_dir(place.path("b")).unwrap();
    place.write("b/log.jsonl", &half);
    let mut command = place.command(["watch", "b"]);
    let watch = command.stdout(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(400));
    place.write("b/log.jsonl", &log);
    let output = watch.wait_with_output().unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success());
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines.len(), 12, "a line for each epoch: {shown}");
    assert!(lines[11].starts_with("epoch 12/12  train "), "{shown}");
    let refused = place.refused("watch nowhere");
    assert!(refused.contains("nowhere/log.jsonl"), "{refused}");
}

#[test]
fn the_members_of_an_ensemble_are_watched_while_they_are_trained() {
    let place = Workplace::new();
    place.train("builtin:iris --ensemble 2 --epochs 5 --out a");
    let log = place.text("a/log.jsonl");
    let (start, rest) = log.split_once('\n').unwrap();
    let of_member = |number: u64| -> String {
        let events = rest
            .lines()
            .filter(|line| line.contains(r#""event":"member_epoch""#));
        let events = events.map(|line| serde_json::from_str::<Value>(line).unwrap());
        let own = events.filter(|event| event["member"] == number);
        let lines = own.map(|mut event| {
            event["event"] = "epoch".into();
            format!("{event}\n")
        });
        format!("{start}\n{}", lines.collect::<String>())
    };
    for number in [0, 1] {
        std::fs::create_dir_all(place.path(&format!("b/members/{number}"))).unwrap();
    }
    place.write("b/config.toml", place.text("a/config.toml"));
    place.write("b/log.jsonl", format!("{start}\n"));
    place.write("b/members/0/log.jsonl", of_member(0));
    let half: String = of_member(1).split_inclusive('\n').take(3).collect();
    place.write("b/members/1/log.jsonl", half);
    let mut command = place.command(["watch", "b"]);
    let mut watch = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut shown = BufReader::new(watch.stdout.take().unwrap()).lines();
    let mut next = |count: usize| -> Vec<String> {
        shown
            .by_ref()
            .take(count)
            .map(|line| line.unwrap())
            .collect()
    };
    let before = next(7);
    assert!(
        before[4].starts_with("member 1  epoch 5/5  train "),
        "{before:?}"
    );
    assert!(
        before[6].starts_with("member 2  epoch 2/5  train "),
        "{before:?}"
    );
    place.write("b/log.jsonl", &log);
    std::fs::remove_dir_all(place.path("b/members")).unwrap();
    let after = next(9);
    assert_eq!(after.len(), 3, "each epoch once: {after:?}");
    assert!(
        after[2].starts_with("member 2  epoch 5/5  train "),
        "{after:?}"
    );
    assert!(watch.wait().unwrap().success());
}

#[test]
fn shells_get_their_completions() {
    let place = Workplace::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = place.succeed(&format!("completions {shell}")).stdout;
        for word in ["train", "batch-size", "tensorboard"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
}

#[test]
fn the_importance_of_columns_has_a_page() {
    let place = Workplace::new();
    place.train("builtin:breast-cancer --epochs 5 --out a");
    let line = place.succeed("importance a --report i.html --json").stdout;
    let importance: Value = serde_json::from_str(&line).unwrap();
    let page = page(&place, "i.html");
    assert_eq!(page["kind"], "importance");
    assert_eq!(page["importance"], importance);
    let refused = place.refused("importance a --report a/model.safetensors");
    assert!(refused.contains("--report"), "{refused}");
    let refused = place.refused("importance a --labels x.idx");
    assert!(refused.contains("DATA"), "{refused}");
}

#[test]
fn a_cross_validation_has_a_page_with_what_it_prints() {
    let place = Workplace::new();
    let line = "cv builtin:iris --folds 3 --epochs 8 --report c.html --quiet --json";
    let told: Value = serde_json::from_str(&place.succeed(line).stdout).unwrap();
    let data = page(&place, "c.html");
    assert_eq!(
        (&data["kind"], &data["result"]),
        (&Value::from("cv"), &told)
    );
    let matrix = data["confusion"]["matrix"].as_array().unwrap();
    let count = |i: usize, j: usize| matrix[i][j].as_u64().unwrap();
    let all: u64 = (0..3).flat_map(|i| (0..3).map(move |j| count(i, j))).sum();
    let right: u64 = (0..3).map(|i| count(i, i)).sum();
    // Folds of 50 rows each: the mean of their accuracies is that of all rows.
    let accuracy = told["scores"]["accuracy"]["mean"].as_f64().unwrap();
    assert_eq!(all, 150);
    assert!(
        (right as f64 / 150.0 - accuracy).abs() < 1e-9,
        "{right} {accuracy}"
    );

    place.succeed("cv builtin:diabetes --folds 2 --epochs 4 --report d.html --quiet");
    let data = page(&place, "d.html");
    assert_eq!(data["points"].as_array().unwrap().len(), 442);
}
