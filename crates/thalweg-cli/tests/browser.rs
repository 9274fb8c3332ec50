//! Pages in a browser: they are drawn without an error and without a request, every figure tells its
//! values under the pointer and has a text for those who do not see it, and all text can be read.
//! Without a browser these tests are ignored; `cargo xtask test` runs them where there is one.

mod common;

use std::path::Path;
use std::process::Command;

use common::Workplace;
use serde_json::Value;

const WATCH: &str = include_str!("browser/watch.js");
const PROBE: &str = include_str!("browser/probe.js");
/// Programs that are Chromium, the first that is there being taken.
const BROWSERS: [&str; 5] = [
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "chrome-headless-shell",
];

fn browser() -> &'static str {
    let is_there = |name: &&&str| Command::new(name).arg("--version").output().is_ok();
    BROWSERS
        .iter()
        .find(is_there)
        .expect("one of chromium, google-chrome, … in PATH")
}

/// What the probe finds in a page, in a window of this size.
fn probed(place: &Workplace, name: &str, size: &str, is_dark: bool) -> Value {
    let page = place.text(name);
    let page = page.replacen("<head>", &format!("<head><script>{WATCH}</script>"), 1);
    let (before, after) = page.rsplit_once("</body>").unwrap();
    place.write(
        "probed.html",
        format!("{before}<script>{PROBE}</script></body>{after}"),
    );
    let mut command = Command::new(browser());
    command.args([
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
    ]);
    command.args(["--enable-logging=stderr", "--dump-dom"]);
    command.arg(format!(
        "--user-data-dir={}",
        place.path("profile").display()
    ));
    command.arg(format!("--window-size={size}"));
    if is_dark {
        command.arg("--blink-settings=preferredColorScheme=0");
    }
    command.arg(address(&place.path("probed.html")));
    let output = command.output().unwrap();
    let (dom, log) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    let said: Vec<&str> = log
        .lines()
        .filter(|line| line.contains(":CONSOLE"))
        .collect();
    assert!(said.is_empty(), "{name} {size}: {said:?}");
    let found = dom
        .split_once("data-found=\"")
        .and_then(|(_, rest)| rest.split_once('"'));
    let (found, _) = found.unwrap_or_else(|| panic!("{name} {size}: no result: {log}"));
    serde_json::from_str(&decoded(found)).unwrap()
}

fn address(path: &Path) -> String {
    format!("file://{}", path.display())
}

/// Text of a percent encoding.
fn decoded(text: &str) -> String {
    let mut bytes = text.bytes();
    let mut plain = Vec::new();
    while let Some(byte) = bytes.next() {
        let digits = [bytes.clone().next(), bytes.clone().nth(1)]
            .map(|digit| digit.and_then(|digit| char::from(digit).to_digit(16)));
        match (byte, digits) {
            (b'%', [Some(high), Some(low)]) => {
                plain.push((high * 16 + low) as u8);
                bytes.nth(1);
            }
            _ => plain.push(byte),
        }
    }
    String::from_utf8(plain).unwrap()
}

/// The scores of a run on its test rows as they stand at the head of its page: four digits of each.
fn scores(page: &str) -> Vec<String> {
    let data = thalweg_report::data(page).unwrap_or_default();
    let written = |x: f64| {
        let decimals = (3.0 - x.abs().log10().floor()).clamp(0.0, 8.0) as usize;
        let text = format!("{:.decimals$}", x.abs());
        let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
        let part = part.trim_end_matches('0');
        let from_the_right = whole.chars().rev().enumerate();
        let digits = from_the_right.flat_map(|(i, digit)| {
            let comma = (i > 0 && i % 3 == 0).then_some(',');
            comma.into_iter().chain([digit])
        });
        let whole: String = digits.collect::<Vec<_>>().into_iter().rev().collect();
        let sign = if x < 0.0 { "−" } else { "" };
        let point = if part.is_empty() { "" } else { "." };
        format!("{sign}{whole}{point}{part}")
    };
    let scores = data["end"]["test"].as_object().into_iter().flatten();
    let scores = scores.filter(|(name, value)| *name != "loss" && value.is_number());
    let values = scores.take(8).filter_map(|(_, value)| value.as_f64());
    let values = values.filter(|x| (1e-4..1e12).contains(&x.abs()));
    values.map(written).collect()
}

/// The page in a wide and a narrow window, in light and dark: `expected` is in its text.
fn check(place: &Workplace, name: &str, figures: u64, expected: &[&str]) {
    for (size, is_dark) in [("1280,900", false), ("500,900", true)] {
        let found = probed(place, name, size, is_dark);
        let is_empty = |field: &str| found[field].as_array().is_some_and(Vec::is_empty);
        for field in [
            "problems",
            "requests",
            "unnamed",
            "silent",
            "unreached",
            "faint",
        ] {
            assert!(is_empty(field), "{name} {size}: {field}: {}", found[field]);
        }
        assert_eq!(found["dark"], is_dark, "{name}");
        assert!(
            found["wide"].as_f64().unwrap() <= 0.0,
            "{name} {size} is too wide: {found}"
        );
        assert!(
            found["figures"].as_u64().unwrap() >= figures,
            "{name} {size}: {found}"
        );
        assert_eq!(
            found["figures"], found["tips"],
            "{name} {size}: every figure tells values"
        );
        let copied = found["copied"].as_str().unwrap();
        assert!(copied.len() > 10, "{name} {size}: copied {copied:?}");
        let text = found["text"].as_str().unwrap();
        let scores = scores(&place.text(name));
        for part in expected
            .iter()
            .copied()
            .chain(scores.iter().map(String::as_str))
        {
            assert!(text.contains(part), "{name} {size}: {part}: {text}");
        }
        // A loss that is not finite is marked as such.
        let told = text.lines().filter(|line| !line.contains("diverged"));
        let text: String = told.collect();
        for part in ["NaN", "undefined", "[object", "Infinity"] {
            assert!(!text.contains(part), "{name} {size}: {part}: {text}");
        }
    }
}

#[test]
#[ignore = "needs Chromium"]
fn the_page_of_a_regression_works_in_a_browser() {
    let place = Workplace::new();
    place.train("builtin:diabetes --epochs 40 --out a");
    check(
        &place,
        "a/report.html",
        10,
        &[
            "R²",
            "best constant",
            "Predicted and true",
            "Worst rows",
            "--lr",
        ],
    );
}

/// Precision, recall, F1 and lift of a threshold of 0.5, from the scores of the run: precision and recall
/// of the class that is looked for.
fn at_one_half(page: &str) -> [f64; 4] {
    let data = thalweg_report::data(page).unwrap();
    let classes = &data["inspection"]["classes"];
    let counts = |row: usize, column: usize| classes["confusion"][row][column].as_f64().unwrap();
    let is_it = |class: &Value| class["name"] == classes["curves"][0]["name"];
    let own = classes["classes"].as_array().unwrap();
    let own = own.iter().position(is_it).unwrap();
    let (found, all) = (counts(own, own), counts(own, 0) + counts(own, 1));
    let predicted = counts(0, own) + counts(1, own);
    let rows = data["inspection"]["rows"].as_f64().unwrap();
    let (precision, recall) = (found / predicted, found / all);
    let f1 = 2.0 * precision * recall / (precision + recall);
    [precision, recall, f1, precision / (all / rows)]
}

#[test]
#[ignore = "needs Chromium"]
fn the_page_of_two_classes_works_in_a_browser() {
    let place = Workplace::new();
    place.train("builtin:breast-cancer --epochs 20 --metric auc --out a");
    let [precision, recall, f1, lift] = at_one_half(&place.text("a/report.html"));
    let row = format!("0.50\t{precision:.3}\t{recall:.3}\t{f1:.3}\t");
    check(
        &place,
        "a/report.html",
        12,
        &[
            "Confusion matrix",
            "Threshold",
            "ROC",
            "Calibration",
            "Lift",
            "AUC of the validation rows",
            &row,
            &format!(" %\t{lift:.2}\n"),
        ],
    );
    place.succeed("evaluate a builtin:breast-cancer --report e.html");
    check(&place, "e.html", 8, &["these rows", "run: validation"]);
}

#[test]
#[ignore = "needs Chromium"]
fn the_page_of_images_works_in_a_browser() {
    let place = Workplace::new();
    place.train("builtin:digits --epochs 5 --log-steps --out a");
    check(
        &place,
        "a/report.html",
        17,
        &[
            "Worst rows",
            "What the first layer looks for",
            "8×8",
            "Loss of the updates",
            "Update to weights",
        ],
    );
}

#[test]
#[ignore = "needs Chromium"]
fn the_page_of_importance_works_in_a_browser() {
    let place = Workplace::new();
    place.train("builtin:diabetes --hidden none --epochs 20 --out a");
    place.succeed("importance a --report i.html");
    check(
        &place,
        "i.html",
        1,
        &["Relies most on", "Coefficients", "intercept", "bmi"],
    );
    place.train("builtin:diabetes --hidden none --target-transform log --epochs 20 --out b");
    place.succeed("importance b --report j.html");
    let why = ["No coefficients in the units of the file", "its logarithm"];
    check(&place, "j.html", 1, &why);
}

#[test]
#[ignore = "needs Chromium"]
fn the_page_of_a_cross_validation_works_in_a_browser() {
    let place = Workplace::new();
    place.succeed("cv builtin:iris --folds 3 --epochs 8 --report c.html --quiet");
    check(
        &place,
        "c.html",
        4,
        &["over 3 folds", "Confusion matrix", "--lr"],
    );
    place.succeed("cv builtin:diabetes --folds 3 --epochs 8 --report d.html --quiet");
    check(
        &place,
        "d.html",
        4,
        &["± ", "Predicted and true", "linear model"],
    );
}

#[test]
#[ignore = "needs Chromium"]
fn the_page_of_a_learning_curve_works_in_a_browser() {
    let place = Workplace::new();
    let line = "learning-curve builtin:diabetes --shares 0.2,0.5,1 --epochs 8 --repeat 2";
    place.succeed(&format!("{line} --report l.html --quiet"));
    let expected = [
        "with 398 rows",
        "From 199 to 398 rows",
        "Shares of the rows",
        "--lr",
    ];
    check(&place, "l.html", 3, &expected);
}

#[test]
#[ignore = "needs Chromium"]
fn the_page_of_an_ensemble_works_in_a_browser() {
    let place = Workplace::new();
    place.train("builtin:iris --ensemble 3 --epochs 20 --out a");
    let expected = ["Members", "member 3", "Loss of member 1", "Validation loss"];
    check(&place, "a/report.html", 10, &expected);
    place.train("builtin:iris --or-linear --epochs 20 --out b");
    let expected = ["Raced on the validation rows", "linear model (l2 0.01)"];
    check(&place, "b/report.html", 10, &expected);
    let mut text = "a,b,target\n".to_owned();
    (0..60).for_each(|i| text.push_str(&format!("{},{},{}.5\n", i % 7, i % 11, (i * i) % 13)));
    place.write("t.csv", text);
    place.train("t.csv --preset best --budget 6 --out c");
    let expected = ["Raced on the validation rows", "periodic", "(taken)"];
    check(&place, "c/report.html", 10, &expected);
}

#[test]
#[ignore = "needs Chromium"]
fn the_page_of_a_comparison_works_in_a_browser() {
    let place = Workplace::new();
    place.train("builtin:iris --preset fast --epochs 20 --out a");
    place.train("builtin:iris --preset fast --epochs 35 --lr 0.02 --out b");
    place.succeed("compare a b --report c.html");
    check(
        &place,
        "c.html",
        4,
        &[
            "2 runs compared",
            "Validation loss",
            "training.learning_rate",
        ],
    );
}

#[test]
#[ignore = "needs Chromium"]
fn the_page_of_a_table_works_in_a_browser() {
    let place = Workplace::new();
    place.write(
        "d.csv",
        "day,n,kind\n".to_owned() + &"2024-03-01,1,a\n2024-03-09,4,b\n,,a\n".repeat(9),
    );
    place.succeed("info d.csv --report t.html");
    check(
        &place,
        "t.html",
        3,
        &["27 rows, 3 columns", "2024-03-09", "kind", "Most frequent"],
    );
}

#[test]
#[ignore = "needs Chromium"]
fn odd_pages_work_in_a_browser_and_run_no_script_of_the_data() {
    let place = Workplace::new();
    // Names that are markup, that turn the direction of a line, with quotes, a new line, or none at all.
    let names = "</script><script>alert(1)</script>,<img src=x onerror=alert(2)>,\
                 \u{202e}abc,\"\"\"q\"\" 'r'\",\"new\nline\",,__proto__,y\n";
    let cells = |i: usize| {
        let cells = [7, 5, 3, 11, 13, 4, 6].map(|n| (i % n).to_string());
        cells.join(",")
    };
    let mut text = names.to_owned();
    (0..40).for_each(|i| text.push_str(&format!("{},\"<b onclick=alert(3)>\"\n", cells(i))));
    (0..40).for_each(|i| text.push_str(&format!("{},b\n", cells(i + 2))));
    place.write("a\"b'<i>.csv", text);
    place.write("one.csv", format!("{names}{},b\n", cells(1)));
    place.train("a\"b'<i>.csv --target y --epochs 1 --validation one.csv --test one.csv --out a");
    check(
        &place,
        "a/report.html",
        2,
        &[
            "<b onclick=alert(3)>",
            "</script><script>alert(1)</script>",
            "\u{fffd}abc",
            "\"q\" 'r'",
            "new line",
            "__proto__",
            "a\"b'<i>.csv",
        ],
    );
    let diverged =
        place.run("train builtin:diabetes --optimizer gd --lr 1e30 --epochs 5 --quiet --out d");
    assert_eq!(diverged.code, Some(1));
    check(&place, "d/report.html", 0, &["Training failed", "diverged"]);
}
