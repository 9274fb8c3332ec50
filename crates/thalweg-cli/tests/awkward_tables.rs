//! Tables as people have them: each kind is trained, predicted and evaluated as its owner means it.

use crate::common::Workplace;

/// Rows of two inputs and a target that depends on them.
fn rows(count: usize, row: impl Fn(usize) -> String) -> String {
    (0..count).map(|i| row(i) + "\n").collect()
}

fn train(work: &Workplace, line: &str) -> String {
    work.succeed(&format!("train {line} --epochs 5 --out run"))
        .stderr
}

#[test]
fn the_class_none_is_a_class_and_the_user_says_otherwise() {
    let work = Workplace::new();
    let class = |i: usize| ["None", "Apnea", "None"][i % 3];
    work.write(
        "sleep.csv",
        format!(
            "a,b,t\n{}",
            rows(60, |i| format!("{i}.5,{},{}", i % 3, class(i)))
        ),
    );
    let notes = train(&work, "sleep.csv");
    assert!(notes.contains("2 classes: \"Apnea\", \"None\""), "{notes}");
    assert!(
        notes.contains("column \"t\": \"None\" is a class; --missing makes it"),
        "{notes}"
    );
    let scores = work.succeed("evaluate run sleep.csv --json").stdout;
    assert!(scores.contains("\"rows\":60"), "{scores}");
    let refused = work.refused("train sleep.csv --missing None --out other");
    assert!(
        refused.contains("found 40 of 60 rows without a target in \"t\""),
        "{refused}"
    );
    // A few of them are missing values, unless the user says otherwise.
    let few = |i: usize| if i == 7 { "None" } else { ["x", "y"][i % 2] };
    work.write(
        "few.csv",
        format!("a,t\n{}", rows(60, |i| format!("{i}.5,{}", few(i)))),
    );
    let notes = work.succeed("train few.csv --epochs 2 --out few").stderr;
    assert!(
        notes.contains("few.csv:9: column \"t\": 1 of 60 rows is left out: no target"),
        "{notes}"
    );
    let notes = work
        .succeed("train few.csv --epochs 2 --out kept --not-missing None")
        .stderr;
    assert!(
        notes.contains("3 classes: \"None\", \"x\", \"y\""),
        "{notes}"
    );
}

#[test]
fn amounts_are_numbers_in_training_prediction_and_evaluation() {
    let work = Workplace::new();
    work.write(
        "flats.csv",
        format!(
            "area,rate,price\n{}",
            rows(80, |i| {
                format!(
                    "\"1,{:03}.5\",{}%,\"${},000\"",
                    i * 11 % 997,
                    i % 9,
                    100 + i
                )
            })
        ),
    );
    let notes = train(&work, "flats.csv");
    assert!(notes.contains("task: regression"), "{notes}");
    assert!(
        notes.contains("read as numbers: \"$100,000\" is 100000; 80 of 80 cells are so"),
        "{notes}"
    );
    let config = work.text("run/config.toml");
    assert!(
        config.contains(
            "[data.read.columns.price]\nas = \"numbers\"\nthousands = \",\"\nmarks = [\"$\"]"
        ),
        "{config}"
    );
    // A rerun by the config decides the same.
    work.succeed("train --config run/config.toml --out again --quiet");
    assert_eq!(
        work.read("run/model.safetensors"),
        work.read("again/model.safetensors")
    );
    work.write("new.csv", "area,rate\n1001.5,5%\n\"1,002.5\",6 %\n");
    work.write("plain.csv", "area,rate\n1001.5,5\n1002.5,6\n");
    let predictions = work.succeed("predict run new.csv").stdout;
    assert_eq!(predictions.lines().count(), 3);
    assert_eq!(predictions, work.succeed("predict run plain.csv").stdout);
    work.write("bad.csv", "area,rate\n1001.5,5\nlarge,6\n");
    let refused = work.refused("predict run bad.csv");
    assert!(
        refused
            .starts_with("thalweg: bad.csv:3: column \"area\": found \"large\", expected a number"),
        "{refused}"
    );
    work.succeed("evaluate run flats.csv");
}

#[test]
fn a_target_of_amounts_that_are_no_numbers_is_refused_and_not_made_classes() {
    let work = Workplace::new();
    work.write(
        "t.csv",
        format!("a,w\n{}", rows(60, |i| format!("{i}.5,{i} kg"))),
    );
    let refused = work.refused("train t.csv --out run");
    let expected =
        "t.csv:2: column \"w\": found \"0 kg\", expected numbers, or at most 20 different texts";
    assert!(refused.contains(expected), "{refused}");
    work.write(
        "twice.csv",
        format!("a,w\n{}", rows(60, |i| format!("{i}.5,{} kg", i % 30))),
    );
    work.succeed("train twice.csv --categorical w --epochs 1 --out run");
}

#[test]
fn a_marker_for_missing_is_that_of_the_model_too() {
    let work = Workplace::new();
    let cell = |i: usize| {
        if i.is_multiple_of(8) {
            "-".to_owned()
        } else {
            format!("{}.5", i * 7 % 90)
        }
    };
    work.write(
        "t.csv",
        format!(
            "temp,hum,load\n{}",
            rows(160, |i| format!("{},{},{}.25", cell(i), i % 5, i * 7 % 90))
        ),
    );
    let notes = train(&work, "t.csv");
    assert!(
        notes.contains(
            "warning: column \"temp\" read as numbers: 140 of 160 cells are; missing where \"-\""
        ),
        "{notes}"
    );
    work.write("new.csv", "temp,hum\n-,3\n50,3\n");
    assert_eq!(
        work.succeed("predict run new.csv").stdout.lines().count(),
        3
    );
    let notes = work
        .succeed("train t.csv --not-missing - --epochs 1 --out text")
        .stderr;
    assert!(!notes.contains("read as numbers"), "{notes}");
}

#[test]
fn row_numbers_and_identifiers_are_left_out_with_a_warning() {
    let work = Workplace::new();
    for (name, number) in [("Unnamed: 0", 0), ("", 0), ("PassengerId", 1), ("id", 100)] {
        let row = |i: usize| {
            format!(
                "{},{}.5,{}",
                number + i * 37 % 100,
                i * 3 % 17,
                ["x", "y"][i % 2]
            )
        };
        work.write("t.csv", format!("{name},f,kind\n{}", rows(100, row)));
        let notes = work.succeed("train t.csv --epochs 1 --out run").stderr;
        let name = if name.is_empty() { "column_1" } else { name };
        assert!(
            notes.contains(&format!(
                "warning: left out: column \"{name}\": every value is a different whole"
            )),
            "{notes}"
        );
        let kept = work
            .command([
                "train",
                "t.csv",
                "--numeric",
                name,
                "--epochs",
                "1",
                "--out",
                "kept",
            ])
            .output()
            .unwrap();
        let notes = String::from_utf8(kept.stderr).unwrap();
        assert!(
            kept.status.success() && !notes.contains("left out"),
            "{notes}"
        );
        for folder in ["run", "kept"] {
            std::fs::remove_dir_all(work.path(folder)).unwrap();
        }
    }
}

#[test]
fn dates_are_days_and_circles_and_go_on_in_new_files() {
    let work = Workplace::new();
    let date = |i: usize| format!("2022-{:02}-{:02}", 1 + i / 28, 1 + i % 28);
    // Sunday to Saturday of 1 January 2022, a Saturday, on; months of 28 days leave gaps.
    let weekday = |i: usize| [0, 31, 59, 90, 120, 151, 181, 212][i / 28] + i % 28;
    let sales = |i: usize| 10.0 * (weekday(i) % 7) as f64 + 0.1 * weekday(i) as f64;
    work.write(
        "sales.csv",
        format!(
            "date,promo,sales\n{}",
            rows(224, |i| format!("{},{},{}", date(i), i % 4, sales(i)))
        ),
    );
    let result = work.train("sales.csv --epochs 150 --out run");
    assert!(result["test"]["r2"].as_f64().unwrap() > 0.95, "{result}");
    let config = work.text("run/config.toml");
    assert!(
        config.contains("[data.read.columns.date]\nas = \"dates\"\norder = \"ymd\""),
        "{config}"
    );
    work.write("next.csv", "date,promo\n2022-09-01,1\n2022-09-02,2\n,3\n");
    assert_eq!(
        work.succeed("predict run next.csv").stdout.lines().count(),
        4
    );
    work.write("bad.csv", "date,promo\n2022-09-01,1\nsoon,2\n");
    let refused = work.refused("predict run bad.csv");
    assert!(
        refused.contains("bad.csv:3: column \"date\": found \"soon\", expected a date"),
        "{refused}"
    );
    let info = work.succeed("info run").stdout;
    assert!(info.contains("date"), "{info}");
}

#[test]
fn number_codes_are_pointed_out_and_become_categories() {
    let work = Workplace::new();
    let store = |i: usize| 100 + (i % 40) * (i % 40) * 7 % 1009;
    let sales = |i: usize| (i % 40 * 17 % 23) as f64;
    work.write(
        "stores.csv",
        format!(
            "store,promo,sales\n{}",
            rows(400, |i| format!("{},{}.5,{}", store(i), i % 5, sales(i)))
        ),
    );
    let notes = train(&work, "stores.csv");
    assert!(
        notes.contains(
            "column \"store\": few whole numbers far apart, as codes have; --categorical"
        ),
        "{notes}"
    );
    let result = work.train("stores.csv --categorical store --epochs 100 --out codes");
    assert!(result["test"]["r2"].as_f64().unwrap() > 0.9, "{result}");
    work.write("new.csv", "store,promo\n100,1.5\n100.0,1.5\n");
    let answers = work.succeed("predict codes new.csv").stdout;
    let lines: Vec<&str> = answers.lines().skip(1).collect();
    assert_eq!(lines[0], lines[1]);
}

#[test]
fn rows_without_a_target_are_left_out_and_counted() {
    let work = Workplace::new();
    let class = |i: usize| if i % 15 == 1 { "" } else { ["a", "b"][i % 2] };
    work.write(
        "half.csv",
        format!(
            "p,q,kind\n{}",
            rows(90, |i| format!("{i}.5,{},{}", i % 7, class(i)))
        ),
    );
    let notes = train(&work, "half.csv");
    let expected = "warning: half.csv:3: column \"kind\": 6 of 90 rows are left out, this one first: no target";
    assert!(notes.contains(expected), "{notes}");
    let scores = work.succeed("evaluate run half.csv --json");
    assert!(
        scores.stdout.contains("\"rows\":84") && scores.stderr.contains("6 of 90 rows"),
        "{scores:?}"
    );
    work.write(
        "most.csv",
        format!(
            "p,kind\n{}",
            rows(90, |i| format!(
                "{i}.5,{}",
                if i < 60 { "" } else { ["a", "b"][i % 2] }
            ))
        ),
    );
    let refused = work.refused("train most.csv --out most");
    assert!(
        refused.contains("found 60 of 90 rows without a target"),
        "{refused}"
    );
}

#[test]
fn classes_that_differ_in_case_or_a_full_stop_are_warned_of() {
    let work = Workplace::new();
    let class = |i: usize| ["No", "no", "Yes", "YES", "yes", "<=50K", "<=50K."][i % 7];
    work.write(
        "t.csv",
        format!("a,won\n{}", rows(70, |i| format!("{i}.5,{}", class(i)))),
    );
    let notes = train(&work, "t.csv");
    let expected = "warning: column \"won\": the classes \"<=50K\", \"<=50K.\", \"No\", \"no\", \"YES\", \"Yes\", \"yes\" differ in case";
    assert!(notes.contains(expected), "{notes}");
    for (classes, expected) in [
        (
            &["Y", "yes", "N", "no"][..],
            Some("the classes \"Y\", \"yes\" mean true, \"N\", \"no\" false"),
        ),
        (
            &["3 kg", "4 kg", "5 kg", "6 kg", "7 kg"],
            Some("are amounts such as \"3 kg\"; write numbers alone"),
        ),
        (&["K", "Y", "N", "F"], None),
        (&["1st", "2nd", "3rd", "4th", "5th"], None),
    ] {
        let class = |i: usize| classes[i % classes.len()];
        work.write(
            "t.csv",
            format!("a,won\n{}", rows(70, |i| format!("{i}.5,{}", class(i)))),
        );
        let line = format!(
            "train t.csv --target won --epochs 2 --out of-{}",
            classes[0].replace(' ', "-")
        );
        let notes = work.succeed(&line).stderr;
        match expected {
            Some(expected) => assert!(notes.contains(expected), "{notes}"),
            None => assert!(!notes.contains("the classes"), "{notes}"),
        }
    }
}

#[test]
fn values_that_are_not_finite_in_single_precision_are_refused_by_cell() {
    let work = Workplace::new();
    work.write(
        "ok.csv",
        format!(
            "a,b,t\n{}",
            rows(80, |i| format!("0.{i:02},{}.5,{i}", i % 9))
        ),
    );
    work.write("huge.csv", "a,b\n0.5,1\n1e308,0.1\n");
    // `auto` bends what is far outside, and the linear model of so few rows is of double precision.
    for preset in ["auto", "fast"] {
        work.succeed(&format!(
            "train ok.csv --preset {preset} --epochs 5 --out {preset}"
        ));
        let refused = work.refused(&format!("predict {preset} huge.csv"));
        let expected =
            "huge.csv:3: column \"a\": found \"1e308\", expected a number that is finite";
        assert!(refused.contains(expected), "{preset}: {refused}");
    }
    work.write("eval.csv", "a,b,t\n0.5,1,1\n0.2,1e45,3\n");
    let refused = work.refused("evaluate auto eval.csv");
    assert!(
        refused.contains("eval.csv:3: column \"b\": found \"1e45\""),
        "{refused}"
    );
    work.write("target.csv", "a,b,t\n0.5,1,1e300\n0.2,1,3\n");
    let refused = work.refused("evaluate fast target.csv");
    assert!(
        refused.contains("target.csv:2: column \"t\": found \"1e300\""),
        "{refused}"
    );
    work.write(
        "div.csv",
        format!(
            "a,b,t\n{}",
            rows(80, |i| format!(
                "{},{}.5,{i}",
                if i == 0 {
                    "#DIV/0!".to_owned()
                } else {
                    format!("0.{i:02}")
                },
                i % 9
            ))
        ),
    );
    let notes = work.succeed("train div.csv --epochs 1 --out div").stderr;
    assert!(notes.contains("missing where \"#DIV/0!\""), "{notes}");
}

#[test]
fn words_for_true_and_false_match_across_files() {
    let work = Workplace::new();
    let row =
        |smoker: &'static str, age: usize, class: &'static str| format!("{smoker},{age}.5,{class}");
    for (words, classes) in [
        (["0", "1"], ["No", "Yes"]),
        (["N", "Y"], ["0", "1"]),
        (["False", "True"], ["false", "true"]),
    ] {
        work.write(
            "t.csv",
            format!(
                "smoker,age,t\n{}",
                rows(80, |i| row(words[i % 2], i % 50, classes[i / 3 % 2]))
            ),
        );
        work.succeed("train t.csv --epochs 2 --quiet --out run");
        let mut all = Vec::new();
        for [no, yes] in [["False", "True"], ["no", "YES"], ["n", "y"], ["0", "1"]] {
            work.write("new.csv", format!("smoker,age\n{yes},33\n{no},44\n"));
            all.push(work.succeed("predict run new.csv --proba").stdout);
            work.write(
                "eval.csv",
                format!("smoker,age,t\n{yes},33,{yes}\n{no},44,{no}\n"),
            );
            all.push(work.succeed("evaluate run eval.csv").stdout);
        }
        assert!(
            all.chunks(2).all(|pair| pair == &all[..2]),
            "{words:?}: {all:?}"
        );
        std::fs::remove_dir_all(work.path("run")).unwrap();
    }
}
