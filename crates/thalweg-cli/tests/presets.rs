//! What presets choose, what an explicit setting switches off, and what becomes of a linear table.

use std::fmt::Write;

use crate::common::{Workplace, events};
use serde_json::Value;

/// A table of two columns, whose target is straight in both but for noise, or bent.
fn table(place: &Workplace, is_straight: bool) {
    let mut text = "a,b,target\n".to_owned();
    for i in 0..300 {
        let (a, b) = (
            f64::from(i * 37 % 101) / 50.0 - 1.0,
            f64::from(i * 53 % 97) / 48.0 - 1.0,
        );
        let noise = f64::from(i * 7919 % 1009) / 1009.0 - 0.5;
        let target = match is_straight {
            true => 3.0 * a - 2.0 * b + noise,
            false => (6.0 * a).sin() + a * b,
        };
        let _ = writeln!(text, "{a},{b},{target}");
    }
    place.write("t.csv", text);
}

/// The config that a run with these flags leaves.
fn config(place: &Workplace, flags: &str) -> String {
    place.succeed(&format!(
        "train t.csv {flags} --no-report --max-steps 3 --out run"
    ));
    let text = place.text("run/config.toml");
    std::fs::remove_dir_all(place.path("run")).unwrap();
    text
}

#[test]
fn what_is_of_one_piece_switches_auto_off_and_the_summary_says_so() {
    let place = Workplace::new();
    table(&place, false);
    let fast = config(&place, "--preset fast");
    assert_eq!(config(&place, ""), fast);
    let auto = config(&place, "--preset auto");
    assert!(
        auto.contains("coslog4") && auto.contains("silu") && auto.contains("robust"),
        "{auto}"
    );
    for flags in [
        "--optimizer adam",
        "--lr 0.01",
        "--hidden none",
        "--initializer he_normal",
        "--loss huber",
        "--set optimizer.beta1=0.8",
    ] {
        let ours = config(&place, &format!("--preset auto {flags}"));
        assert_eq!(
            ours,
            config(&place, &format!("--preset fast {flags}")),
            "{flags}"
        );
    }
    let said = place
        .succeed("train t.csv --preset auto --lr 0.01 --max-steps 3 --no-report")
        .stdout;
    assert!(said.contains("--preset      fast"), "{said}");
    assert!(said.contains("does not go with the settings"), "{said}");
}

#[test]
fn a_single_setting_leaves_the_rest_of_auto() {
    let place = Workplace::new();
    table(&place, false);
    let auto = config(&place, "--preset auto");
    for (flags, from, to) in [
        ("--epochs 7", "epochs = ", "epochs = 7"),
        ("--batch-size 32", "batch_size = ", "batch_size = 32"),
    ] {
        let ours = config(&place, &format!("--preset auto {flags}"));
        let pairs: Vec<(&str, &str)> = (auto.lines().zip(ours.lines()))
            .filter(|(a, b)| a != b)
            .collect();
        assert_eq!(pairs.len(), 1, "{flags}: {pairs:?}");
        assert!(
            pairs[0].0.starts_with(from) && pairs[0].1 == to,
            "{flags}: {pairs:?}"
        );
    }
}

#[test]
fn columns_like_pixels_keep_the_recipe_of_fast() {
    let place = Workplace::new();
    let said = place
        .succeed("train builtin:digits --preset auto --max-steps 3 --no-report")
        .stdout;
    assert!(said.contains("columns like pixels"), "{said}");
    assert!(!said.contains("coslog4"), "{said}");
}

#[test]
fn a_linear_model_is_chosen_where_it_validates_better_and_again_from_the_config() {
    let place = Workplace::new();
    table(&place, true);
    let ended = place.succeed("train t.csv --or-linear --epochs 1 --no-report --out a");
    assert!(
        ended.stderr.contains("the model is a linear one"),
        "{ended:?}"
    );
    assert!(
        ended.stdout.contains("raced by validation loss: network "),
        "{ended:?}"
    );
    let log = events(&place.text("a/log.jsonl"));
    let raced = log[log.len() - 1]["raced"].as_array().unwrap();
    let loss = |one: &Value| one["validation_loss"].as_f64().unwrap();
    let least = raced.iter().map(loss).fold(f64::INFINITY, f64::min);
    let taken: Vec<&Value> = raced.iter().filter(|one| one["is_taken"] == true).collect();
    assert_eq!(
        (raced.len(), taken.len(), loss(taken[0])),
        (3, 1, least),
        "{raced:?}"
    );
    assert_eq!(
        log[log.len() - 1]["validation"]["loss"],
        taken[0]["validation_loss"]
    );
    place.succeed("train --config a/config.toml --no-report --out b");
    let model = |run: &str| place.read(&format!("{run}/model.safetensors"));
    assert_eq!(model("a"), model("b"));
    let predicted = place.succeed("predict a t.csv").stdout;
    let value = |line: usize| predicted.lines().nth(line).unwrap().parse::<f64>().unwrap();
    // The first rows: a and b are those of i = 0, 1.
    let (a, b) = (37.0 / 50.0 - 1.0, 53.0 / 48.0 - 1.0);
    assert!((value(1) + 1.0).abs() < 0.15, "{}", value(1));
    assert!(
        (value(2) - (3.0 * a - 2.0 * b)).abs() < 0.15,
        "{}",
        value(2)
    );

    table(&place, false);
    let ended = place.succeed("train t.csv --preset auto --no-report --out c");
    assert!(!ended.stderr.contains("linear one"), "{ended:?}");
    let refused = place.run("train t.csv --or-linear --no-validation --out d");
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("--or-linear"), "{refused:?}");
}
