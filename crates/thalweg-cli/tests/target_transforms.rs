//! Targets with outliers and long tails: what becomes of them, and that answers are in the units of
//! the file.

use crate::common::Workplace;
use serde_json::Value;
use thalweg_core::random::{Purpose, Sequence, Stream};

fn random(seed: u64) -> Sequence {
    Stream::new(seed, Purpose::Synthesize, 0).sequence()
}

/// A table of `a,b,c,y`, y as `target` makes it of the row's number, a signal of deviation 1 and noise.
fn table(seed: u64, rows: usize, target: impl Fn(usize, f64, f64) -> f64) -> String {
    let mut random = random(seed);
    let mut text = "a,b,c,y\n".to_owned();
    for row in 0..rows {
        let [a, b, c, noise] = std::array::from_fn(|_| random.normal());
        let y = target(row, 0.8 * a - 0.6 * b, noise);
        text.push_str(&format!("{a:.4},{b:.4},{c:.4},{y}\n"));
    }
    text
}

fn score(result: &Value, part: &str, name: &str) -> f64 {
    result[part][name]
        .as_f64()
        .unwrap_or_else(|| panic!("no {name} of {part} in {result}"))
}

fn column(csv: &str, name: &str) -> Vec<f64> {
    let mut lines = csv.lines();
    let at = lines
        .next()
        .unwrap()
        .split(',')
        .position(|head| head == name)
        .unwrap();
    lines
        .map(|line| line.split(',').nth(at).unwrap().parse().unwrap())
        .collect()
}

#[test]
fn outliers_in_the_target_are_survived_by_robust_losses_and_robust_scaling() {
    let place = Workplace::new();
    // Noise of deviation 0.5 is what is left.
    let clean = |_, signal, noise: f64| 20.0 + 3.0 * signal + 0.5 * noise;
    place.write("test.csv", table(2, 500, clean));
    let sentinel = |row: usize, signal, noise| match row % 200 {
        7 => 999_999.0,
        _ => clean(row, signal, noise),
    };
    let negative = |row: usize, signal, noise| match row % 250 {
        9 => -1e12,
        _ => clean(row, signal, noise),
    };
    let both = |row: usize, signal, noise: f64| match row % 50 {
        3 => 1e6 * noise,
        _ => clean(row, signal, noise),
    };
    place.write("sentinel.csv", table(1, 1000, sentinel));
    place.write("negative.csv", table(1, 1000, negative));
    place.write("both.csv", table(1, 1000, both));
    for (file, options, bound) in [
        ("sentinel", "--loss huber", 0.65),
        ("sentinel", "--loss mae", 0.65),
        ("negative", "--loss mae", 0.65),
        ("both", "--loss huber", 0.65),
        ("sentinel", "--scaling robust", 1.0),
        ("both", "--target-transform robust", 1.2),
    ] {
        let line =
            format!("{file}.csv --preset fast --target y --test test.csv --epochs 100 {options}");
        let rmse = score(&place.train(&line), "test", "rmse");
        assert!(rmse < bound, "{line}: {rmse}");
    }
}

#[test]
fn an_outlier_in_the_target_is_named_with_its_line_and_a_remedy() {
    let place = Workplace::new();
    let target = |row: usize, signal: f64, noise: f64| match row {
        40 => 1e9,
        _ => signal + 0.1 * noise,
    };
    place.write("t.csv", table(3, 300, target));
    let line =
        "train t.csv --preset fast --target y --epochs 2 --no-validation --test-fraction 0 --out";
    let ended = place.succeed(&format!("{line} a"));
    let told = "warning: target \"y\": 1000000000 (t.csv:42: column \"y\") lies ";
    assert!(ended.stderr.contains(told), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("or try --loss huber"),
        "{}",
        ended.stderr
    );
    let ended = place.succeed(&format!("{line} b --loss huber"));
    assert!(
        !ended.stderr.contains("warning: target"),
        "{}",
        ended.stderr
    );
    assert!(
        ended.stderr.contains("note: target \"y\": 1000000000"),
        "{}",
        ended.stderr
    );
    place.write("fine.csv", table(3, 300, |_, signal, noise| signal + noise));
    let ended = place.succeed("train fine.csv --target y --epochs 2 --out c");
    assert!(!ended.stderr.contains("quartile"), "{}", ended.stderr);
}

#[test]
fn long_tails_are_learned_by_their_logarithm() {
    let place = Workplace::new();
    let normal = |signal: f64, noise: f64| 2.0 * signal + 0.3 * noise;
    let log_normal = move |_, signal, noise| 100.0 * (normal(signal, noise)).exp();
    // Zeros are among these.
    let counts = move |_, signal, noise| (8.0 * (normal(signal, noise)).exp()).floor();
    let tiny = move |_, signal, noise| 1e-9 * (normal(signal, noise)).exp();
    for (name, target, transform) in [
        (
            "log_normal",
            &log_normal as &dyn Fn(usize, f64, f64) -> f64,
            "log ",
        ),
        ("counts", &counts, "log1p "),
        ("tiny", &tiny, "log "),
    ] {
        place.write(&format!("{name}.csv"), table(4, 900, target));
        let train = format!("{name}.csv --target y --task regression --epochs 150");
        let result = place.train(&format!("{train} --out {name}"));
        let (mae, constant) = (
            score(&result, "test", "mae"),
            score(&result, "best_constant", "mae"),
        );
        assert!(mae < 0.5 * constant, "{name}: {mae} and {constant}");
        assert!(score(&result, "test", "r2") > 0.4, "{name}: {result}");
        let told = place
            .succeed(&format!("train {train} --out {name}_2"))
            .stdout;
        assert!(
            told.contains(&format!("--target-transform  {transform}")),
            "{told}"
        );
        let model = |out: &str| place.read(&format!("{out}/model.safetensors"));
        assert_eq!(model(name), model(&format!("{name}_2")));
        place.succeed(&format!(
            "train --config {name}/config.toml --quiet --out {name}_3"
        ));
        assert_eq!(model(name), model(&format!("{name}_3")));
    }
}

#[test]
fn predictions_and_metrics_of_every_transform_are_in_the_units_of_the_file() {
    let place = Workplace::new();
    let target = |_, signal: f64, noise: f64| 50.0 * (signal + 0.1 * noise).exp();
    place.write("t.csv", table(5, 400, target));
    let text = place.text("t.csv");
    let y = column(&text, "y");
    let largest = y.iter().copied().fold(0.0, f64::max);
    for transform in [
        "none", "standard", "robust", "log", "log1p", "quantile", "auto",
    ] {
        let train = format!("train t.csv --target y --epochs 100 --target-transform {transform}");
        place.succeed(&format!("{train} --dtype f64 --quiet --out {transform}"));
        let predicted = place.succeed(&format!("predict {transform} t.csv")).stdout;
        let predicted = column(&predicted, "y");
        let square = predicted.iter().zip(&y).map(|(p, y)| (p - y).powi(2));
        let rmse = (square.sum::<f64>() / y.len() as f64).sqrt();
        let evaluated = place
            .succeed(&format!("evaluate {transform} t.csv --json"))
            .stdout;
        let evaluated: Value = serde_json::from_str(&evaluated).unwrap();
        let told = evaluated["rmse"].as_f64().unwrap();
        assert!(
            (told - rmse).abs() < 1e-9 * rmse,
            "{transform}: {told} and {rmse}"
        );
        assert!(rmse < 0.1 * largest, "{transform}: {rmse} of {largest}");
        let again = format!("train --config {transform}/config.toml --quiet --out {transform}_2");
        place.succeed(&again);
        assert_eq!(
            place.read(&format!("{transform}/model.safetensors")),
            place.read(&format!("{transform}_2/model.safetensors")),
            "{transform}"
        );
    }
}

#[test]
fn a_healthy_target_is_standardized_as_ever() {
    let place = Workplace::new();
    let line = "train builtin:diabetes --preset fast --epochs 3 --quiet --out";
    place.succeed(&format!("{line} auto"));
    place.succeed(&format!("{line} standard --target-transform standard"));
    let model = |name: &str| place.read(&format!("{name}/model.safetensors"));
    assert_eq!(model("auto"), model("standard"));
    // A config of before there was a choice has no transform.
    let config = place.text("auto/config.toml");
    assert!(config.contains("target_transform = \"auto\"\n"), "{config}");
    place.write(
        "old.toml",
        config.replace("target_transform = \"auto\"\n", ""),
    );
    place.succeed("train --config old.toml --quiet --out old");
    assert_eq!(model("auto"), model("old"));
}

#[test]
fn a_logarithm_of_what_has_none_is_refused_with_its_line() {
    let place = Workplace::new();
    let target = |row: usize, signal: f64, noise: f64| match row {
        90 => 0.0,
        _ => (2.0 * signal + noise).exp(),
    };
    let text = table(6, 200, target);
    place.write("zero.csv", &text);
    let train = "zero.csv --target y --epochs 2 --out";
    let refused = place.refused(&format!("train {train} a --target-transform log"));
    assert!(
        refused.contains("zero.csv:92: column \"y\": found 0, expected"),
        "{refused}"
    );
    assert!(
        refused.contains("use --target-transform log1p, or auto"),
        "{refused}"
    );
    place.succeed(&format!("train {train} b --target-transform log1p"));
    place.succeed(&format!("train {train} c --target-transform auto"));
    place.write("below.csv", text.replace(",0\n", ",-1.5\n"));
    let line = "below.csv --target y --epochs 2 --out d --target-transform log1p";
    let refused = place.refused(&format!("train {line}"));
    assert!(
        refused.contains("below.csv:92: column \"y\": found -1.5, expected"),
        "{refused}"
    );
    // Rows that do not train are looked at too.
    place.write("good.csv", text.replace(",0\n", ",0.5\n"));
    place.succeed("train good.csv --target y --epochs 2 --out e --target-transform log");
    let refused = place.refused("evaluate e zero.csv");
    assert!(refused.contains("zero.csv:92"), "{refused}");
    for (line, told) in [
        (
            "zero.csv --target y --loss poisson --target-transform log",
            "which takes numbers as they are",
        ),
        (
            "builtin:iris --target-transform log",
            "found the task multiclass",
        ),
        (
            "zero.csv --target y --target-transform log --no-standardize",
            "--no-standardize",
        ),
        (
            "zero.csv --target y --target-transform sqrt",
            "expected none or standard",
        ),
    ] {
        let ended = place.run(&format!("train {line}"));
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.stderr.contains(told), "{}", ended.stderr);
    }
}
