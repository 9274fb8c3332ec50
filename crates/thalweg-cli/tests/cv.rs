//! `thalweg cv` and `thalweg learning-curve` as their users see them.

use crate::common::{Workplace, csv, noise};
use serde_json::Value;

fn json(work: &Workplace, line: &str) -> Value {
    let ended = work.succeed(&format!("{line} --quiet --json"));
    serde_json::from_str(&ended.stdout).unwrap()
}

/// The cells of a CSV file by its header.
fn cells(text: &str) -> Vec<std::collections::BTreeMap<String, String>> {
    let mut lines = text.lines();
    let head: Vec<&str> = lines.next().unwrap().split(',').collect();
    let row = |line: &str| {
        let names = head.iter().map(|name| (*name).to_owned());
        names.zip(line.split(',').map(str::to_owned)).collect()
    };
    lines.map(row).collect()
}

/// y = 3x + noise, in groups of four rows; the group shifts y by far more.
fn grouped(work: &Workplace, groups: usize) {
    let line = |i: usize| {
        let group = i / 4;
        let (x, shift) = (noise(i), 20.0 * noise(1000 + group));
        format!(
            "{x:.4},g{group},{:.4}",
            3.0 * x + shift + 0.1 * noise(i + 500)
        )
    };
    work.write("visits.csv", csv("x,patient,y", 4 * groups, line));
}

#[test]
fn every_row_is_predicted_once_by_a_model_that_has_not_seen_it() {
    let work = Workplace::new();
    let line =
        "cv builtin:diabetes --folds 4 --hidden none --epochs 30 --seed 3 --predictions out.csv";
    let result = json(&work, line);
    let rows = cells(&work.text("out.csv"));
    assert_eq!(rows.len(), 442);
    let mut sizes = [0; 4];
    let (mut errors, mut by_fold) = (Vec::new(), vec![Vec::new(); 4]);
    for (number, row) in rows.iter().enumerate() {
        assert_eq!(row["row"], (number + 1).to_string());
        let fold = row["fold"].parse::<usize>().unwrap() - 1;
        let number = |name: &str| row[name].parse::<f64>().unwrap();
        let error = number("target_predicted") - number("target");
        sizes[fold] += 1;
        errors.push(error);
        by_fold[fold].push(error * error);
    }
    sizes.sort_unstable();
    assert_eq!(sizes, [110, 110, 111, 111]);
    // The scores are those of these predictions, and mean and error are by the formula.
    let scores = &result["scores"]["rmse"];
    let mut rmse = Vec::new();
    for (fold, squares) in by_fold.iter().enumerate() {
        let own = (squares.iter().sum::<f64>() / squares.len() as f64).sqrt();
        let told = scores["values"][fold].as_f64().unwrap();
        assert!((own - told).abs() < 1e-6 * own, "{own} {told}");
        assert_eq!(result["members"][fold]["rows"]["test"], squares.len());
        rmse.push(told);
    }
    let mean = rmse.iter().sum::<f64>() / 4.0;
    let variance = rmse.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 3.0;
    let shares = by_fold
        .iter()
        .map(|fold| fold.len() as f64 / (442 - fold.len()) as f64);
    let error = ((0.25 + shares.sum::<f64>() / 4.0) * variance).sqrt();
    assert!((scores["mean"].as_f64().unwrap() - mean).abs() < 1e-9 * mean);
    assert!((scores["standard_error"].as_f64().unwrap() - error).abs() < 1e-9 * error);
    // A linear model of these rows explains about half of the variance.
    let r2 = result["scores"]["r2"]["mean"].as_f64().unwrap();
    assert!((0.4..0.6).contains(&r2), "{r2}");
}

#[test]
fn neither_threads_nor_the_order_of_members_change_a_bit() {
    let work = Workplace::new();
    let line = "cv builtin:iris --folds 3 --repeat 2 --epochs 8 --hidden 8";
    for threads in [1, 2, 5] {
        let file = format!("{threads}.csv");
        let mut result = json(
            &work,
            &format!("{line} --threads {threads} --predictions {file}"),
        );
        for member in result["members"].as_array_mut().unwrap() {
            member["seconds"] = Value::Null;
        }
        result["seconds"] = Value::Null;
        work.write(&format!("{threads}.json"), result.to_string());
    }
    for (one, other) in [(1, 2), (1, 5)] {
        for ending in ["csv", "json"] {
            let text = |n: i32| work.text(&format!("{n}.{ending}"));
            assert_eq!(text(one), text(other));
        }
    }
    let rows = cells(&work.text("1.csv"));
    let row = &rows[0];
    let names = ["fold_1", "fold_2", "target=setosa", "target_predicted"];
    assert!(names.iter().all(|name| row.contains_key(*name)), "{row:?}");
    assert_ne!(
        rows.iter().map(|row| &row["fold_1"]).collect::<Vec<_>>(),
        rows.iter().map(|row| &row["fold_2"]).collect::<Vec<_>>()
    );
}

#[test]
fn groups_do_not_leak() {
    let work = Workplace::new();
    grouped(&work, 30);
    let line = "cv visits.csv --target y --folds 5 --seed 1 --epochs";
    json(
        &work,
        &format!("{line} 20 --group patient --predictions out.csv"),
    );
    let mut fold_of = std::collections::BTreeMap::new();
    for (i, row) in cells(&work.text("out.csv")).iter().enumerate() {
        let fold = fold_of.entry(i / 4).or_insert_with(|| row["fold"].clone());
        assert_eq!(*fold, row["fold"], "row {i}");
    }
    // Without groups the column gives the shift of a patient away; with them it is no feature.
    let rmse = |more: &str| {
        let result = json(&work, &format!("{line} {more}"));
        result["scores"]["rmse"]["mean"].as_f64().unwrap()
    };
    let (leaking, honest) = (rmse("150"), rmse("150 --group patient"));
    assert!(2.0 * leaking < honest, "{leaking} {honest}");
}

#[test]
fn windows_of_ordered_rows_are_tested_by_models_of_earlier_rows() {
    let work = Workplace::new();
    // What a model can know of a fold is the level of the rows before it: y jumps at each window.
    let line = |i: usize| format!("{},{}", noise(i), 100 * (i / 20));
    work.write("load.csv", csv("x,y", 100, line));
    let line = "cv load.csv --target y --folds 4 --split ordered --hidden none --no-validation --epochs 60";
    let result = json(&work, &format!("{line} --predictions out.csv"));
    let rows = cells(&work.text("out.csv"));
    let numbers: Vec<usize> = rows.iter().map(|row| row["row"].parse().unwrap()).collect();
    assert_eq!(numbers, (21..=100).collect::<Vec<_>>());
    for (i, row) in rows.iter().enumerate() {
        assert_eq!(row["fold"], (i / 20 + 1).to_string());
        // No row of its window or later: at most the highest level before.
        let predicted: f64 = row["y_predicted"].parse().unwrap();
        assert!(
            predicted < 100.0 * (i / 20) as f64 + 50.0,
            "{i}: {predicted}"
        );
    }
    let trained: Vec<u64> = (0..4)
        .map(|fold| result["members"][fold]["rows"]["train"].as_u64().unwrap())
        .collect();
    assert_eq!(trained, [20, 40, 60, 80]);
}

#[test]
fn nothing_that_is_fitted_sees_the_rows_of_the_fold() {
    let work = Workplace::new();
    // A value of 1e6 in one row: where that row is tested, the others are as if it were not there.
    let table = |x: f64| {
        let line = |i: usize| {
            let value = if i == 7 { x } else { noise(i) };
            format!("{value},{:.4}", 2.0 * noise(i))
        };
        csv("x,y", 60, line)
    };
    let predictions = |name: &str, x: f64| {
        work.write(name, table(x));
        let line =
            format!("cv {name} --target y --folds 3 --epochs 5 --predictions {name}.out.csv");
        json(&work, &line);
        cells(&work.text(&format!("{name}.out.csv")))
    };
    let (plain, far) = (predictions("a.csv", 0.5), predictions("b.csv", 1e6));
    let fold = &plain[7]["fold"];
    let (mut same, mut others) = (0, 0);
    for (i, (plain, far)) in plain.iter().zip(&far).enumerate() {
        assert_eq!(plain["fold"], far["fold"]);
        let is_same = plain["y_predicted"] == far["y_predicted"];
        if i != 7 && plain["fold"] == *fold {
            assert!(is_same, "row {i}");
            same += 1;
        } else {
            others += usize::from(!is_same);
        }
    }
    assert!(same == 19 && others > 20, "{same} {others}");
}

#[test]
fn a_test_part_is_in_no_fold() {
    let work = Workplace::new();
    // Of a column of parts: the rows of test are not predicted.
    let line = |i: usize| {
        let part = if i % 4 == 3 { "test" } else { "train" };
        format!("{},{part},{}", noise(i + 1), noise(i))
    };
    work.write("parts.csv", csv("x,part,y", 80, line));
    let result = json(
        &work,
        "cv parts.csv --target y --split part --folds 3 --epochs 3 --predictions out.csv",
    );
    assert_eq!(result["rows"], 60);
    let tested = cells(&work.text("out.csv"));
    assert!(
        tested
            .iter()
            .all(|row| row["row"].parse::<usize>().unwrap() % 4 != 0)
    );
    // A fraction, and a file, which is not even read.
    let result = json(
        &work,
        "cv parts.csv --target y --drop part --test-fraction 0.25 --folds 3 --epochs 3",
    );
    assert_eq!(result["rows"], 60);
    let result = json(
        &work,
        "cv parts.csv --target y --drop part --test not-there.csv --folds 3 --epochs 3",
    );
    assert_eq!(result["rows"], 80);
}

#[test]
fn rows_that_are_left_out_keep_their_numbers() {
    let work = Workplace::new();
    let line = |i: usize| match i {
        2 | 11 => format!("{},,1", noise(i)),
        5 => format!("{},{},0", noise(i), noise(i + 1)),
        _ => format!("{},{},1", noise(i), noise(i + 1)),
    };
    work.write("t.csv", csv("x,y,w", 40, line));
    json(
        &work,
        "cv t.csv --target y --sample-weight w --folds 2 --epochs 2 --predictions out.csv",
    );
    let numbers: Vec<usize> = cells(&work.text("out.csv"))
        .iter()
        .map(|row| row["row"].parse().unwrap())
        .collect();
    let expected: Vec<usize> = (1..=40).filter(|n| ![3, 6, 12].contains(n)).collect();
    assert_eq!(numbers, expected);
}

#[test]
fn what_has_no_place_in_folds_is_refused() {
    let work = Workplace::new();
    let refused = |line: &str| work.refused(line);
    let message = refused("cv builtin:iris --refit");
    assert!(
        message.contains("--refit") && message.contains("leave out --refit"),
        "{message}"
    );
    let message = refused("cv builtin:iris --folds 1");
    assert!(
        message.contains("--folds: found 1, expected a whole number from 2 on"),
        "{message}"
    );
    let message = refused("cv builtin:iris --folds 200");
    assert!(
        message.contains("--folds: found 150 rows") && message.contains("fewer folds"),
        "{message}"
    );
    let message = refused("cv builtin:iris --continue nowhere");
    assert!(message.contains("--continue"), "{message}");
}

#[test]
fn a_table_shows_each_fold_and_the_mean_beside_a_constant() {
    let work = Workplace::new();
    let shown = work.succeed("cv builtin:wine --folds 3 --epochs 5").stdout;
    let lines = ["fold 1", "fold 3", "mean", "±", "best constant"];
    for line in lines {
        assert!(
            shown.lines().any(|l| l.starts_with(line)),
            "{line}: {shown}"
        );
    }
    assert!(
        shown.starts_with("multiclass, 178 rows in 3 folds, in "),
        "{shown}"
    );
}

#[test]
fn scores_grow_with_the_rows() {
    let work = Workplace::new();
    let result = json(
        &work,
        "learning-curve builtin:digits --shares 0.05,0.3,1 --repeat 2 --epochs 8 --seed 2",
    );
    let points = result["points"].as_array().unwrap();
    let rows: Vec<u64> = points.iter().map(|p| p["rows"].as_u64().unwrap()).collect();
    assert_eq!((rows[2], result["test_rows"].as_u64()), (1617, Some(180)));
    assert!(rows[0] >= 81 && rows[0] <= 90, "{rows:?}");
    let accuracy = |point: &Value| {
        let scores = point["scores"].as_array().unwrap();
        let score = scores
            .iter()
            .find(|score| score["name"] == "accuracy")
            .unwrap();
        score["test"].as_f64().unwrap()
    };
    let all: Vec<f64> = points.iter().map(accuracy).collect();
    assert!(
        all[0] < all[1] && all[1] < all[2] && all[2] > 0.9,
        "{all:?}"
    );
    let same = json(
        &work,
        "learning-curve builtin:digits --shares 1,0.3,0.05 --repeat 2 --epochs 8 --seed 2 --threads 1",
    );
    assert_eq!(same["points"], result["points"]);
    let message = work.refused("learning-curve builtin:digits --shares 0.5,2");
    assert!(message.contains("--shares"), "{message}");
}

#[test]
fn least_squares_on_windows_has_the_scores_of_scikit_learn() {
    let golden = include_str!("../../../oracles/scikit_learn/cross_validation.json");
    let golden: Value = serde_json::from_str(golden).unwrap();
    let work = Workplace::new();
    let mut compared = 0;
    for case in golden["cases"].as_array().unwrap() {
        let line = "cv builtin:diabetes --split ordered --no-validation --target-transform none \
                    --hidden none --optimizer closed_form";
        let result = json(&work, &format!("{line} --folds {}", case["folds"]));
        let members = result["members"].as_array().unwrap();
        for (fold, member) in members.iter().enumerate() {
            assert_eq!(member["rows"]["train"], case["train"][fold]);
            for name in ["rmse", "r2"] {
                let (theirs, ours) = (&case[name][fold], &result["scores"][name]["values"][fold]);
                let (theirs, ours) = (theirs.as_f64().unwrap(), ours.as_f64().unwrap());
                assert!(
                    (ours - theirs).abs() < 1e-8 * theirs.abs(),
                    "{name}: {ours} {theirs}"
                );
                compared += 1;
            }
        }
    }
    assert_eq!(compared, 16);
}
