//! `thalweg importance`: how much worse a score gets when a column is permuted, and what the
//! coefficients of a linear model are in the units of the file.

use crate::common::{Workplace, csv, noise};
use serde_json::Value;

const KINDS: [f64; 3] = [0.0, 5.0, -3.0];

/// y = 4a − 0.002b + 5 or −3 or 0 by kind, and nothing of c.
fn place() -> Workplace {
    let place = Workplace::new();
    let line = |i: usize| {
        let (a, b, c) = (7.0 + noise(i), 1000.0 * noise(i + 800), noise(i + 1600));
        format!(
            "{a},{b},k{},{c},{}",
            i % 3,
            4.0 * a - 0.002 * b + KINDS[i % 3]
        )
    };
    place.write("t.csv", csv("a,b,kind,c,y", 800, line));
    place.train("t.csv --hidden none --optimizer closed_form --l2 1e-12 --validation-fraction 0.5 --out m --importance");
    place
}

fn of(importance: &Value, column: &str) -> Value {
    let all = importance["columns"].as_array().unwrap();
    all.iter()
        .find(|row| row["column"] == column)
        .unwrap()
        .clone()
}

#[test]
fn a_permuted_column_costs_what_its_variance_says() {
    let place = place();
    let json = place.succeed("importance m --json").stdout;
    let importance: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(importance["metric"], "rmse");
    assert_eq!(
        (&importance["part"], &importance["rows"]),
        (&"validation rows".into(), &400.into())
    );
    // The model is exact, so permuting x adds β²·E(x − x′)² = 2β²·Var x. Uniform numbers in
    // (−1, 1) have the variance 1/3; the three kinds that of 0, 5 and −3.
    let mean = KINDS.iter().sum::<f64>() / 3.0;
    let variance = KINDS.iter().map(|kind| (kind - mean).powi(2)).sum::<f64>() / 3.0;
    for (column, expected) in [
        ("a", (2.0 * 16.0 / 3.0_f64).sqrt()),
        ("b", (2.0 * 4.0 / 3.0_f64).sqrt()),
        ("kind", (2.0 * variance).sqrt()),
        ("c", 0.0),
    ] {
        let found = of(&importance, column)["importance"].as_f64().unwrap();
        assert!(
            (found - expected).abs() < 0.08 * expected + 1e-6,
            "{column}: {found} for {expected}"
        );
    }
    let order: Vec<&str> = (importance["columns"].as_array().unwrap().iter())
        .map(|row| row["column"].as_str().unwrap())
        .collect();
    assert_eq!(order, ["kind", "a", "b", "c"]);
    // The run's own result is the same, and so is another count of threads.
    let end = crate::common::events(&place.text("m/log.jsonl"))
        .pop()
        .unwrap();
    assert_eq!(end["importance"], importance);
    assert_eq!(
        place.succeed("importance m --json --threads 1").stdout,
        json
    );
    assert_ne!(place.succeed("importance m --json --seed 5").stdout, json);
}

#[test]
fn coefficients_are_in_the_units_of_the_file() {
    let place = place();
    let importance: Value =
        serde_json::from_str(&place.succeed("importance m t.csv --json").stdout).unwrap();
    assert_eq!(
        (&importance["part"], &importance["rows"]),
        (&"rows".into(), &800.into())
    );
    let all = importance["coefficients"].as_array().unwrap();
    let of = |input: &str| {
        let row = all.iter().find(|row| row["input"] == input).unwrap();
        row["values"][0].as_f64().unwrap()
    };
    let near = |found: f64, expected: f64| {
        assert!(
            (found - expected).abs() < 1e-4 * expected.abs() + 1e-5,
            "{found} for {expected}"
        );
    };
    near(of("a"), 4.0);
    near(of("b"), -0.002);
    near(of("c"), 0.0);
    // Kinds are known up to the constant that the intercept has.
    near(of("kind=k1") - of("kind=k0"), 5.0);
    near(of("kind=k2") - of("kind=k0"), -3.0);
    near(of("intercept") + of("kind=k0"), 0.0);

    // Of classes: the log-odds that a unit adds.
    let text = place.succeed("importance m").stdout;
    for part in [
        "validation rows (400 rows): rmse",
        "\nkind ",
        "coefficients",
        "\nintercept ",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    place.train("t.csv --preset fast --epochs 1 --out net");
    assert!(
        !place
            .succeed("importance net")
            .stdout
            .contains("coefficients")
    );
}

#[test]
fn coefficients_are_named_by_what_they_are_of_and_a_curve_has_none() {
    let place = place();
    let text = |line: &str| {
        place.succeed(&format!(
            "train t.csv --drop kind --hidden none --epochs 1 {line} --quiet --out m"
        ));
        place.succeed("importance m").stdout
    };
    let head = |text: &str| {
        let table = text
            .split("coefficients, in the units of the file:\n")
            .nth(1)
            .unwrap();
        table
            .lines()
            .next()
            .unwrap()
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    };
    for (line, names) in [
        ("--target y", "y"),
        ("--target y,c", "y c"),
        (
            "--target y --loss quantile --set loss.quantiles=0.1,0.5",
            "y_q0.1 y_q0.5",
        ),
    ] {
        std::fs::remove_dir_all(place.path("m")).unwrap();
        assert_eq!(head(&text(line)), names, "{line}");
    }
    let of_kinds = |classes: usize| {
        csv("a,b,k", 300, |i| {
            format!("{},{},k{}", noise(i), noise(i + 400), i % classes)
        })
    };
    for (classes, names) in [(2, "k1"), (3, "k0 k1 k2")] {
        place.write("t.csv", of_kinds(classes));
        std::fs::remove_dir_all(place.path("m")).unwrap();
        place.succeed("train t.csv --hidden none --epochs 1 --quiet --out m");
        assert_eq!(head(&place.succeed("importance m").stdout), names);
    }
    place.write(
        "t.csv",
        csv("a,b,kind,y", 300, |i| {
            format!(
                "{},{},x,{}",
                noise(i),
                noise(i + 400),
                (noise(i) + noise(i + 700)).exp()
            )
        }),
    );
    for (line, why) in [
        (
            "--target-transform log",
            "target \"y\" is learned by its logarithm",
        ),
        (
            "--target-transform quantile",
            "target \"y\" is learned by its quantiles",
        ),
        (
            "--scaling robust --target-transform standard",
            "column \"a\" bends at outliers",
        ),
        (
            "--scaling quantile --target-transform standard",
            "column \"a\" is scaled by its quantiles",
        ),
    ] {
        std::fs::remove_dir_all(place.path("m")).unwrap();
        let text = text(&format!("{line} --target y"));
        let none = format!("no coefficients in the units of the file: {why}");
        assert!(text.contains(&none), "{line}: {text}");
    }
}

#[test]
fn a_model_without_its_run_needs_rows() {
    let place = place();
    std::fs::copy(
        place.path("m/model.safetensors"),
        place.path("alone.safetensors"),
    )
    .unwrap();
    let message = place.refused("importance alone.safetensors");
    assert!(message.contains("give DATA"), "{message}");
    place.succeed("importance alone.safetensors t.csv");
    place.succeed("train builtin:digits --epochs 1 --out digits --quiet");
    let json = place.succeed("importance digits --json").stdout;
    let importance: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(importance["metric"], "accuracy");
    assert_eq!(importance["columns"].as_array().unwrap().len(), 64);
}
