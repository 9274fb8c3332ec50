//! Several targets: labels found by looking, missing ones, and scores for each.

use crate::common::{Workplace, csv, noise};
use serde_json::Value;
use thalweg_core::random::{Purpose, Stream};

/// A table with the features `a,b,c,d` and what `targets` makes of them and of noise, under `names`.
fn table(
    seed: u64,
    rows: usize,
    names: &str,
    targets: impl Fn(usize, [f64; 6]) -> String,
) -> String {
    let mut random = Stream::new(seed, Purpose::Synthesize, 0).sequence();
    let mut text = format!("a,b,c,d,{names}\n");
    for row in 0..rows {
        let x: [f64; 6] = std::array::from_fn(|_| random.normal());
        let [a, b, c, d, ..] = x;
        text.push_str(&format!(
            "{a:.4},{b:.4},{c:.4},{d:.4},{}\n",
            targets(row, x)
        ));
    }
    text
}

fn labels([a, b, c, d, noise, _]: [f64; 6]) -> [bool; 3] {
    [a + 0.3 * noise > 0.0, b - c > 0.3, d + 0.2 * noise > -0.4]
}

fn number(value: &Value) -> f64 {
    value
        .as_f64()
        .unwrap_or_else(|| panic!("{value} is no number"))
}

fn has_no_null(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Object(map) => map.values().all(has_no_null),
        Value::Array(all) => all.iter().all(has_no_null),
        _ => true,
    }
}

#[test]
fn columns_of_0_and_1_or_of_truths_are_labels() {
    let place = Workplace::new();
    let words = |no: &'static str, yes: &'static str| {
        move |_, x| {
            labels(x)
                .map(|label| if label { yes } else { no })
                .join(",")
        }
    };
    for (name, (no, yes)) in [
        ("digits", ("0", "1")),
        ("truths", ("False", "True")),
        ("answers", ("no", "yes")),
        ("letters", ("N", "Y")),
    ] {
        place.write(
            &format!("{name}.csv"),
            table(1, 600, "la,lb,lc", words(no, yes)),
        );
        let line = format!("train {name}.csv --target la,lb,lc --epochs 40 --out {name}");
        let ended = place.succeed(&line);
        assert!(
            ended.stderr.contains("task: multilabel"),
            "{}",
            ended.stderr
        );
        assert!(
            ended.stderr.contains("set --task to regression"),
            "{}",
            ended.stderr
        );
        let evaluated = place
            .succeed(&format!("evaluate {name} {name}.csv --json"))
            .stdout;
        let scores: Value = serde_json::from_str(&evaluated).unwrap();
        for label in ["la", "lb", "lc"] {
            let auc = number(&scores["targets"][label]["auc"]);
            assert!(auc > 0.9, "{name} {label}: {scores}");
        }
        // The same labels in whatever words.
        assert_eq!(
            place.text("digits/log.jsonl").lines().nth(3).map(loss_of),
            place
                .text(&format!("{name}/log.jsonl"))
                .lines()
                .nth(3)
                .map(loss_of)
        );
    }
    let said = place.train("digits.csv --target la,lb,lc --task regression --epochs 2 --out r");
    assert!(said["test"]["r2"].is_number(), "{said}");
}

fn loss_of(line: &str) -> String {
    let event: Value = serde_json::from_str(line).unwrap();
    event["train_loss"].to_string()
}

#[test]
fn missing_labels_are_masked_and_rows_without_any_are_left_out() {
    let place = Workplace::new();
    // Each label is known in two of three rows; in the file beside it is always.
    let some = |row: usize, x| {
        let known = |(label, is): (usize, bool)| match (row + label) % 3 {
            0 => String::new(),
            _ => u8::from(is).to_string(),
        };
        let all = labels(x);
        std::array::from_fn::<_, 3, _>(|label| known((label, all[label]))).join(",")
    };
    place.write("some.csv", table(2, 900, "la,lb,lc", some));
    let all = |_, x| labels(x).map(|label| u8::from(label).to_string()).join(",");
    place.write("all.csv", table(3, 600, "la,lb,lc", all));
    let ended = place
        .succeed("train some.csv --target la,lb,lc --test all.csv --epochs 60 --out run --json");
    assert!(
        ended
            .stderr
            .contains("900 of 2,700 values of the targets are missing"),
        "{}",
        ended.stderr
    );
    let line = ended.stdout.lines().last().unwrap();
    let result: Value = serde_json::from_str(line).unwrap();
    assert!(has_no_null(&result), "{result}");
    for label in ["la", "lb", "lc"] {
        let auc = number(&result["test"]["targets"][label]["auc"]);
        assert!(auc > 0.9, "{label}: {result}");
        assert!(
            number(&result["validation"]["targets"][label]["auc"]) > 0.8,
            "{result}"
        );
    }
    let predicted = place.succeed("predict run some.csv --proba").stdout;
    assert!(!predicted.contains("NaN"), "{predicted}");
    place.succeed("train --config run/config.toml --quiet --out again");
    assert_eq!(
        place.read("run/model.safetensors"),
        place.read("again/model.safetensors")
    );

    let none = |row: usize, x| match row {
        5 => ",,".to_owned(),
        _ => all(row, x),
    };
    place.write("none.csv", table(4, 100, "la,lb,lc", none));
    let ended = place.succeed("train none.csv --target la,lb,lc --epochs 2 --out none");
    assert!(
        ended
            .stderr
            .contains("none.csv:7: 1 of 100 rows is left out"),
        "{}",
        ended.stderr
    );
}

#[test]
fn missing_numbers_among_several_are_masked() {
    let place = Workplace::new();
    let some = |row: usize, [a, b, c, ..]: [f64; 6]| match row % 4 {
        0 => format!(",{:.4}", 1e6 * c),
        1 => format!("{:.4},", a - b),
        _ => format!("{:.4},{:.4}", a - b, 1e6 * c),
    };
    place.write("t.csv", table(5, 800, "ya,yb", some));
    for options in [
        "",
        "--loss mae",
        "--optimizer lbfgs --hidden none",
        "--batch-size 1 --epochs 3",
    ] {
        let line = format!("t.csv --target ya,yb --epochs 60 {options}");
        let line = match options.contains("epochs") {
            true => line.replace(" --epochs 60", ""),
            false => line,
        };
        let result = place.train(&line);
        assert!(has_no_null(&result), "{line}: {result}");
        for target in ["ya", "yb"] {
            let r2 = number(&result["test"]["targets"][target]["r2"]);
            assert!(r2 > 0.9, "{line} {target}: {result}");
        }
        // Of scaled targets the squared error is what R² lacks, over the cells that are known.
        if options.is_empty() {
            let train = &result["train"];
            let share = number(&train["loss"]) / (1.0 - number(&train["r2"]));
            assert!((share - 1.0).abs() < 0.05, "{share}: {result}");
        }
    }
    let refused = place.refused("train t.csv --target ya,yb --optimizer closed_form --hidden none");
    assert!(refused.contains("without one of its targets"), "{refused}");
}

#[test]
fn every_target_has_its_scores_and_the_mean_counts_them_alike() {
    let place = Workplace::new();
    let two = |_, [a, b, c, d, noise, other]: [f64; 6]| {
        format!(
            "{:.5},{:.1}",
            a - b + 0.5 * noise,
            1e6 * (c + d + 0.8 * other)
        )
    };
    place.write("t.csv", table(6, 800, "ya,yb", two));
    let line = "train t.csv --target ya,yb --epochs 60 --out run";
    let told = place.succeed(line).stdout;
    for name in ["ya", "yb"] {
        assert!(told.lines().any(|line| line.starts_with(name)), "{told}");
    }
    let result: Value =
        serde_json::from_str(place.text("run/log.jsonl").lines().last().unwrap()).unwrap();
    for part in ["train", "validation", "test", "best_constant"] {
        for metric in ["rmse", "mae", "r2"] {
            let of = |name: &str| number(&result[part]["targets"][name][metric]);
            let mean = 0.5 * (of("ya") + of("yb"));
            let told = number(&result[part][metric]);
            assert!(
                (told - mean).abs() <= 1e-12 * mean.abs().max(1.0),
                "{part} {metric}: {result}"
            );
        }
    }
    // The residuals of the predictions, target by target.
    let predicted = place.succeed("predict run t.csv").stdout;
    let column = |text: &str, at: usize| -> Vec<f64> {
        let rows = text.lines().skip(1);
        rows.map(|row| row.split(',').nth(at).unwrap().parse().unwrap())
            .collect()
    };
    let evaluated = place.succeed("evaluate run t.csv --json").stdout;
    let evaluated: Value = serde_json::from_str(&evaluated).unwrap();
    let rows = place.text("t.csv");
    for (target, name) in ["ya", "yb"].into_iter().enumerate() {
        let (p, y) = (column(&predicted, target), column(&rows, 4 + target));
        let mae = p.iter().zip(&y).map(|(p, y)| (p - y).abs()).sum::<f64>() / y.len() as f64;
        let told = number(&evaluated["targets"][name]["mae"]);
        assert!((told - mae).abs() < 1e-6 * mae, "{name}: {told} and {mae}");
    }
    let text = place.succeed("evaluate run t.csv").stdout;
    assert!(text.lines().any(|line| line.starts_with("yb")), "{text}");
}

#[test]
fn a_constant_target_is_left_out_of_the_mean_r2() {
    let place = Workplace::new();
    for (name, constant) in [("seven", "7"), ("tenth", "0.1"), ("zero", "0")] {
        let three = |_, [a, b, c, d, noise, other]: [f64; 6]| {
            format!(
                "{:.5},{:.1},{constant}",
                a - b + noise,
                1e6 * (c + d + 2.0 * other)
            )
        };
        place.write(&format!("{name}.csv"), table(7, 600, "ya,yb,yc", three));
        let line = format!("train {name}.csv --target ya,yb,yc --epochs 30 --out {name} --json");
        let ended = place.succeed(&line);
        let told = "warning: target \"yc\" is the same in all training rows: it is left out";
        assert!(ended.stderr.contains(told), "{}", ended.stderr);
        let result: Value = serde_json::from_str(ended.stdout.lines().last().unwrap()).unwrap();
        let targets = &result["test"]["targets"];
        assert!(targets["yc"]["r2"].is_null(), "{result}");
        let mean = 0.5 * (number(&targets["ya"]["r2"]) + number(&targets["yb"]["r2"]));
        assert!(
            (number(&result["test"]["r2"]) - mean).abs() < 1e-12,
            "{result}"
        );
        let rmse = number(&targets["yc"]["rmse"]);
        assert!(rmse < 0.5, "{result}");
    }
}

#[test]
fn a_constant_label_is_named_and_leaves_the_others_their_scores() {
    let place = Workplace::new();
    let line = |i: usize| {
        let (a, b) = (noise(i), noise(i + 500));
        format!(
            "{a:.4},{b:.4},{},{},1",
            u8::from(a > 0.0),
            u8::from(b > 0.1)
        )
    };
    place.write("t.csv", csv("a,b,la,lb,lc", 300, line));
    let ended = place.succeed("train t.csv --target la,lb,lc --epochs 20 --json --out run");
    assert!(
        ended
            .stderr
            .contains("label \"lc\" is the same in all rows"),
        "{}",
        ended.stderr
    );
    let result: Value = serde_json::from_str(ended.stdout.lines().last().unwrap()).unwrap();
    let auc = |of: &Value| of["auc"].as_f64();
    let targets = &result["test"]["targets"];
    let mean = (auc(&targets["la"]).unwrap() + auc(&targets["lb"]).unwrap()) / 2.0;
    assert!(
        (auc(&result["test"]).unwrap() - mean).abs() < 1e-12,
        "{result}"
    );
    assert_eq!(auc(&targets["lc"]), None);
}
