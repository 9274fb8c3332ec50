//! Quantiles and the intervals between them: how many targets they hold, and what is predicted.

use crate::common::Workplace;
use serde_json::Value;
use thalweg_core::random::{Purpose, Stream};

/// `a,b,y`, y as `target` makes it of the features and of noise.
fn table(seed: u64, rows: usize, target: impl Fn(f64, f64, f64) -> f64) -> String {
    let mut random = Stream::new(seed, Purpose::Synthesize, 0).sequence();
    let mut text = "a,b,y\n".to_owned();
    for _ in 0..rows {
        let [a, b, noise] = std::array::from_fn(|_| random.normal());
        text.push_str(&format!("{a:.5},{b:.5},{}\n", target(a, b, noise)));
    }
    text
}

fn columns(csv: &str) -> (Vec<String>, Vec<Vec<f64>>) {
    let mut lines = csv.lines();
    let head = lines
        .next()
        .unwrap()
        .split(',')
        .map(str::to_owned)
        .collect();
    let row = |line: &str| line.split(',').map(|cell| cell.parse().unwrap()).collect();
    (head, lines.map(row).collect())
}

/// Three standard errors of a share of so many rows.
fn three_errors(share: f64, rows: usize) -> f64 {
    3.0 * (share * (1.0 - share) / rows as f64).sqrt()
}

#[test]
fn intervals_hold_the_share_of_new_targets_that_was_asked_for() {
    let place = Workplace::new();
    // Noise that grows with a, a tail to the right, and errors of heavy tails.
    let growing = |a: f64, b: f64, noise: f64| 2.0 * a - b + (0.2 + a.abs()) * noise;
    let skewed = |a: f64, b: f64, noise: f64| (1.0 + a + 0.5 * b + 0.7 * noise).exp();
    let heavy = |a: f64, b: f64, noise: f64| a * b + 0.3 * noise.powi(3);
    for (number, (name, target, options)) in [
        (
            "growing",
            &growing as &dyn Fn(f64, f64, f64) -> f64,
            "--interval 0.9",
        ),
        ("skewed", &skewed, "--interval 0.8"),
        ("heavy", &heavy, "--interval 0.9 --loss huber"),
    ]
    .into_iter()
    .enumerate()
    {
        let seed = 10 + number as u64;
        place.write(&format!("{name}.csv"), table(seed, 9000, target));
        place.write(&format!("{name}_test.csv"), table(seed + 100, 3000, target));
        let line = format!(
            "{name}.csv --target y --test {name}_test.csv --validation-fraction 0.75 --epochs 30 {options} --out {name}"
        );
        let result = place.train(&line);
        let wanted: f64 = options.split(' ').nth(1).unwrap().parse().unwrap();
        let told = result["test"]["coverage"].as_f64().unwrap();
        // The calibration rows are drawn too.
        let bound = three_errors(wanted, 3000);
        assert!(
            (told - wanted).abs() < bound,
            "{name}: {told} of {wanted} ± {bound}"
        );
        let predicted = place
            .succeed(&format!("predict {name} {name}_test.csv"))
            .stdout;
        let (head, rows) = columns(&predicted);
        assert_eq!(head, ["y", "y_low", "y_high"]);
        let (_, truth) = columns(&place.text(&format!("{name}_test.csv")));
        let held = rows.iter().zip(&truth).filter(|(row, truth)| {
            assert!(row[1] <= row[0] && row[0] <= row[2], "{name}: {row:?}");
            row[1] <= truth[2] && truth[2] <= row[2]
        });
        let held = held.count() as f64 / truth.len() as f64;
        assert!((held - told).abs() < 1e-9, "{name}: {held} and {told}");
        let evaluated = place
            .succeed(&format!("evaluate {name} {name}_test.csv --json"))
            .stdout;
        let evaluated: Value = serde_json::from_str(&evaluated).unwrap();
        assert!((evaluated["coverage"].as_f64().unwrap() - told).abs() < 1e-12);
    }
    // Where noise grows, so does the interval; that around a single number does not.
    let width = |name: &str| {
        let (_, rows) = columns(
            &place
                .succeed(&format!("predict {name} {name}_test.csv"))
                .stdout,
        );
        let widths = rows.iter().map(|row| row[2] - row[1]);
        let (least, most) = widths.fold((f64::INFINITY, 0.0f64), |(l, m), w| (l.min(w), m.max(w)));
        most / least
    };
    assert!(width("growing") > 3.0, "{}", width("growing"));
    assert!(width("heavy") < 1.001, "{}", width("heavy"));
}

#[test]
fn intervals_of_a_built_in_set_hold_what_they_say_and_rerun_bit_for_bit() {
    let place = Workplace::new();
    let train = "train builtin:diabetes --interval 0.9 --test-fraction 0.4 --validation-fraction 0.3 --out run --json";
    let ended = place.succeed(train);
    let result: Value = serde_json::from_str(ended.stdout.lines().last().unwrap()).unwrap();
    let told = result["test"]["coverage"].as_f64().unwrap();
    assert!((told - 0.9).abs() < three_errors(0.9, 177), "{told}");
    let validation = result["validation"]["coverage"].as_f64().unwrap();
    assert!((0.9..0.94).contains(&validation), "{validation}");
    let config = place.text("run/config.toml");
    for line in [
        "interval = 0.9",
        "name = \"quantile\"",
        "quantiles = [0.05, 0.5, 0.95]",
    ] {
        assert!(config.contains(line), "no {line:?} in {config}");
    }
    place.succeed("train --config run/config.toml --quiet --out again");
    assert_eq!(
        place.read("run/model.safetensors"),
        place.read("again/model.safetensors")
    );
    let told = place
        .succeed("train builtin:diabetes --interval 0.8 --epochs 2 --out other")
        .stdout;
    assert!(
        told.contains("--loss") && told.contains("quantile(quantiles=[0.1, 0.5, 0.9])"),
        "{told}"
    );
    assert!(told.contains("coverage"), "{told}");
}

#[test]
fn several_quantiles_do_not_cross_and_each_is_a_column() {
    let place = Workplace::new();
    let target = |a: f64, b: f64, noise: f64| a - b + (1.0 + a.abs()) * noise;
    place.write("t.csv", table(20, 1500, target));
    let train = "train t.csv --target y --loss quantile --set loss.quantiles=0.9,0.1,0.5 --epochs 40 --quiet --out run";
    place.succeed(train);
    let (head, rows) = columns(&place.succeed("predict run t.csv").stdout);
    assert_eq!(head, ["y_q0.1", "y_q0.5", "y_q0.9"]);
    let (_, truth) = columns(&place.text("t.csv"));
    for (at, share) in [0.1, 0.5, 0.9].into_iter().enumerate() {
        let below = rows
            .iter()
            .zip(&truth)
            .filter(|(row, truth)| truth[2] < row[at])
            .count();
        let below = below as f64 / truth.len() as f64;
        assert!((below - share).abs() < 0.06, "{share}: {below}");
    }
    assert!(rows.iter().all(|row| row[0] <= row[1] && row[1] <= row[2]));
    // A median alone is a number like any other.
    place.succeed("train t.csv --target y --loss quantile --epochs 2 --quiet --out median");
    assert_eq!(
        columns(&place.succeed("predict median t.csv").stdout).0,
        ["y"]
    );
}

#[test]
fn quantiles_are_judged_by_their_own_loss_beside_those_of_constants() {
    let place = Workplace::new();
    let target = |a: f64, b: f64, noise: f64| a + b + (0.2 + 2.0 * a.abs()) * noise;
    place.write("t.csv", table(23, 2500, target));
    for (index, quantiles) in ["0.1,0.9", "0.9", "0.05"].into_iter().enumerate() {
        let line = format!(
            "train t.csv --target y --loss quantile --set loss.quantiles={quantiles} --epochs 40 --json --out q{index}"
        );
        let ended = place.succeed(&line);
        assert!(
            !ended.stderr.contains("no better than"),
            "{quantiles}: {}",
            ended.stderr
        );
        let result: Value = serde_json::from_str(ended.stdout.lines().last().unwrap()).unwrap();
        let loss = |of: &str| result[of]["loss"].as_f64().unwrap();
        assert!(loss("test") < loss("best_constant"), "{result}");
        assert_eq!(result["linear_model"], Value::Null);
    }
    // Point metrics are of the value at 0.5, coverage is of the outer quantiles; a note names both.
    let truth: Vec<f64> = columns(&place.text("t.csv"))
        .1
        .iter()
        .map(|row| row[2])
        .collect();
    for (name, told) in [
        (
            "q0",
            "are of the value at 0.5 on the line between the quantiles 0.1 and 0.9; loss is",
        ),
        (
            "q1",
            "are of the quantile 0.9, and not of the middle; loss is",
        ),
        (
            "q2",
            "coverage is the share of targets up to it, to be 0.05",
        ),
    ] {
        let evaluated = place.succeed(&format!("evaluate {name} t.csv --json"));
        assert!(
            evaluated.stderr.contains(told),
            "{name}: {}",
            evaluated.stderr
        );
        let scores: Value = serde_json::from_str(&evaluated.stdout).unwrap();
        let rows = columns(&place.succeed(&format!("predict {name} t.csv")).stdout).1;
        let pairs = || rows.iter().zip(&truth);
        let middle = |row: &[f64]| 0.5 * (row[0] + row[row.len() - 1]);
        let square = pairs()
            .map(|(row, y)| (middle(row) - y).powi(2))
            .sum::<f64>();
        let rmse = (square / truth.len() as f64).sqrt();
        let error = scores["rmse"].as_f64().unwrap() / rmse - 1.0;
        assert!(error.abs() < 1e-9, "{name}: {scores} {rmse}");
        let below = |row: &[f64]| {
            if row.len() > 1 {
                row[0]
            } else {
                f64::NEG_INFINITY
            }
        };
        let held = pairs().filter(|(row, y)| below(row) <= **y && **y <= row[row.len() - 1]);
        let held = held.count() as f64 / truth.len() as f64;
        assert!(
            (scores["coverage"].as_f64().unwrap() - held).abs() < 1e-9,
            "{name}: {scores} {held}"
        );
    }
    // A model that learns nothing is warned of.
    let still = "train t.csv --target y --loss quantile --set loss.quantiles=0.1,0.9 --lr 1e-9 --epochs 2 --out still";
    let told = place.succeed(still).stderr;
    assert!(told.contains("no better than the best constant"), "{told}");
}

#[test]
fn several_targets_have_an_interval_each() {
    let place = Workplace::new();
    let one = table(21, 2000, |a, b, noise| a - b + 0.5 * noise);
    let mut random = Stream::new(5, Purpose::Synthesize, 0).sequence();
    let more = |line: &str| match line.starts_with('a') {
        true => format!("{line},z\n"),
        // One in five is missing.
        false => match random.below(5) {
            0 => format!("{line},\n"),
            _ => format!("{line},{:.3}\n", 1e6 * random.normal()),
        },
    };
    place.write("t.csv", one.lines().map(more).collect::<String>());
    let result = place.train(
        "t.csv --target y,z --interval 0.9 --validation-fraction 0.4 --test-fraction 0.4 --epochs 15 --out run",
    );
    for name in ["y", "z"] {
        let held = result["test"]["targets"][name]["coverage"]
            .as_f64()
            .unwrap();
        assert!((held - 0.9).abs() < 0.05, "{name}: {result}");
    }
    let (head, rows) = columns(&place.succeed("predict run t.csv").stdout);
    assert_eq!(head, ["y", "y_low", "y_high", "z", "z_low", "z_high"]);
    assert!(rows.iter().all(|row| row[1] <= row[0] && row[0] <= row[2]));
    assert!(rows.iter().all(|row| row[4] <= row[3] && row[3] <= row[5]));
}

#[test]
fn intervals_that_nothing_can_calibrate_are_refused() {
    let place = Workplace::new();
    for (line, told) in [
        (
            "builtin:diabetes --interval 0.9 --no-validation",
            "found 0 validation rows with a target",
        ),
        (
            "builtin:diabetes --interval 0.999",
            "expected at least 999; choose a larger --validation-fraction",
        ),
        (
            "builtin:iris --interval 0.9",
            "--interval: found the task multiclass",
        ),
        (
            "builtin:diabetes --interval 1.5",
            "expected a number > 0 and < 1",
        ),
        (
            "builtin:diabetes --loss quantile --set loss.quantiles=0.5,1.5",
            "numbers > 0 and < 1",
        ),
    ] {
        let refused = place.refused(&format!("train {line}"));
        assert!(refused.contains(told), "{line}: {refused}");
    }
}
