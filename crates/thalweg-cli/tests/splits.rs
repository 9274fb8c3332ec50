//! Which rows train, validate and test: by order, by a column, by groups; and that nothing fitted
//! sees the others.

use crate::common::{Workplace, csv, events, noise};
use serde_json::Value;

/// How many rows train, validate and test.
fn rows(place: &Workplace, folder: &str) -> [u64; 3] {
    let start = events(&place.text(&format!("{folder}/log.jsonl"))).remove(0);
    ["train", "validation", "test"].map(|part| start["rows"][part].as_u64().unwrap())
}

/// All that was fitted, but the scores of rows that it must not see.
fn fitted(place: &Workplace, folder: &str) -> (Vec<u8>, Value) {
    let bytes = place.read(&format!("{folder}/model.safetensors"));
    let header = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let text = place.text(&format!("{folder}/log.jsonl"));
    let train = events(&text).pop().unwrap()["train"].clone();
    (bytes[header..].to_vec(), train)
}

#[test]
fn later_rows_validate_and_the_last_ones_test() {
    let place = Workplace::new();
    // The last fifth of the rows is of another kind, so that only later rows show it.
    let level = |i: usize| if i < 80 { 0.0 } else { 100.0 };
    let line = |i: usize| format!("{},{}", noise(i), level(i) + noise(i + 500));
    place.write("t.csv", csv("x,y", 100, line));
    place.train("t.csv --split ordered --epochs 2 --out a");
    assert_eq!(rows(&place, "a"), [80, 10, 10]);
    let end = events(&place.text("a/log.jsonl")).pop().unwrap();
    let rmse = |part: &str| end[part]["rmse"].as_f64().unwrap();
    assert!(
        rmse("train") < 2.0 && rmse("validation") > 95.0 && rmse("test") > 95.0,
        "{end}"
    );
    // The config says it: the same model again.
    place.train("--config a/config.toml --out b");
    assert_eq!(
        place.read("a/model.safetensors"),
        place.read("b/model.safetensors")
    );
}

#[test]
fn a_column_names_the_part_of_each_row() {
    let place = Workplace::new();
    let names = ["Train", "val", "test"];
    let part = |i: usize| if i % 10 < 8 { 0 } else { i % 10 - 7 };
    for (file, word) in [("words", true), ("numbers", false)] {
        let line = |i: usize| match word {
            true => format!("{},{},{}", noise(i), names[part(i)], noise(i + 500)),
            false => format!("{},{},{}", noise(i), part(i), noise(i + 500)),
        };
        place.write(&format!("{file}.csv"), csv("x,part,y", 100, line));
        let told = place.succeed(&format!(
            "train {file}.csv --split part --epochs 1 --out {file}"
        ));
        assert!(
            told.stderr
                .contains("80 training, 10 validation and 10 test rows"),
            "{told:?}"
        );
        assert_eq!(rows(&place, file), [80, 10, 10]);
        // The column is no feature: new rows need not have it.
        place.write("new.csv", "x\n0.5\n");
        place.succeed(&format!("predict {file} new.csv"));
    }
    place.write(
        "odd.csv",
        csv("x,part,y", 20, |i| {
            format!("{i},{},{i}", if i == 7 { "later" } else { "train" })
        }),
    );
    let message = place.refused("train odd.csv --split part --out c");
    assert!(
        message.contains(r#"odd.csv:9: column "part": found "later""#),
        "{message}"
    );
    assert!(message.contains("train, validation or test"), "{message}");
    let message = place.refused("train odd.csv --split parts --out c");
    assert!(
        message.contains(r#"did you mean `part`"#) && message.contains("--split"),
        "{message}"
    );
    let message = place.refused("train odd.csv --split y --target y --out c");
    assert!(message.contains("the target"), "{message}");
    let message = place.refused("train words.csv --split part --test-fraction 0.2 --out c");
    assert!(message.contains("--test-fraction"), "{message}");
    place.write("part.csv", "x,part,y\n1,test,2\n3,test,4\n");
    let message = place.refused("train words.csv --split part --test part.csv --out c");
    assert!(
        message.contains("10 test rows where none are wanted"),
        "{message}"
    );
}

#[test]
fn no_group_is_in_two_parts_and_its_column_is_no_feature() {
    let place = Workplace::new();
    // What a patient has is known from the rows of the same patient, and from nothing else.
    let line = |i: usize| format!("p{},{},{}", i / 5, noise(i / 5), 10.0 * noise(900 + i / 5));
    place.write("t.csv", csv("patient,blood,y", 400, line));
    let random = place.train("t.csv --epochs 60 --lr 0.02 --out a");
    let r2 = |end: &Value| end["test"]["r2"].as_f64().unwrap();
    for (seed, split) in [(1, "random"), (2, "random"), (1, "ordered")] {
        let out = format!("{split}-{seed}");
        let told = place.succeed(&format!(
            "train t.csv --group patient --split {split} --seed {seed} --epochs 60 --lr 0.02 --out {out}"
        ));
        let counts = rows(&place, &out);
        assert!(
            counts.iter().all(|count| count % 5 == 0 && *count > 0),
            "{counts:?}"
        );
        assert_eq!(counts, [320, 40, 40], "{told:?}");
        let end = events(&place.text(&format!("{out}/log.jsonl")))
            .pop()
            .unwrap();
        assert!(r2(&end) < r2(&random) - 0.3, "{end} {random}");
    }
    place.write("new.csv", "blood\n0.5\n");
    place.succeed("predict random-1 new.csv");

    let message = place.refused("train t.csv --group patents --out b");
    assert!(
        message.contains("--group") && message.contains(r#"did you mean `patient`"#),
        "{message}"
    );
    place.write(
        "two.csv",
        csv("g,x,y", 40, |i| {
            format!("g{},{},{}", i % 2, noise(i), noise(i + 50))
        }),
    );
    let message = place.refused("train two.csv --group g --out b");
    assert!(
        message.contains("2 groups") && message.contains("--group"),
        "{message}"
    );
    place.write(
        "own.csv",
        csv("patient,blood,y", 20, |i| {
            format!("p{},0.1,{}", 70 + i, noise(i))
        }),
    );
    let told = place.succeed("train t.csv --group patient --test own.csv --epochs 1 --out c");
    let count = told
        .stderr
        .split("own.csv: ")
        .nth(1)
        .and_then(|text| text.split(' ').next());
    let count: usize = count.unwrap_or_default().parse().unwrap_or_default();
    assert!((5..=10).contains(&count), "{told:?}");
}

#[test]
fn nothing_fitted_sees_validation_or_test_rows() {
    let place = Workplace::new();
    let kinds = ["red", "green", "blue"];
    let line = |i: usize, changed: bool| {
        let x = if changed {
            1e6 * noise(i + 7)
        } else {
            noise(i)
        };
        let kind = if changed { "violet" } else { kinds[i % 3] };
        let gap = if changed || i.is_multiple_of(9) {
            String::new()
        } else {
            noise(i + 100).to_string()
        };
        let y = if changed {
            -1e5
        } else {
            3.0 * noise(i) + noise(i + 300)
        };
        format!("{x},{kind},{gap},{y}")
    };
    place.write("a.csv", csv("x,kind,gap,y", 200, |i| line(i, false)));
    place.write("b.csv", csv("x,kind,gap,y", 200, |i| line(i, i >= 160)));
    // Validation rows choose the epoch, so that they are left out or there is one epoch alone.
    let tested = "--no-validation --test-fraction 0.2 --epochs 5";
    let validated = "--validation-fraction 0.1 --test-fraction 0.1";
    for flags in [
        format!("{tested} --scaling standard"),
        format!("{tested} --scaling robust"),
        format!("{tested} --optimizer lbfgs"),
        format!("{validated} --hidden none --optimizer closed_form --l2 1e-3"),
    ] {
        for name in ["a", "b"] {
            place.train(&format!(
                "{name}.csv --split ordered {flags} --out {name}{}",
                flags.len()
            ));
        }
        let folder = |name: &str| format!("{name}{}", flags.len());
        let ((a, a_train), (b, b_train)) =
            (fitted(&place, &folder("a")), fitted(&place, &folder("b")));
        assert_eq!(a_train, b_train, "{flags}");
        assert_eq!(a, b, "{flags}");
        let preprocessing = |name: &str| {
            let bytes = place.read(&format!("{}/model.safetensors", folder(name)));
            let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
            let header: Value = serde_json::from_slice(&bytes[8..8 + header]).unwrap();
            header["__metadata__"].to_string()
        };
        let within = |text: &str| {
            let start = text.find("preprocessing").unwrap();
            text[start..].split("training").next().unwrap().to_owned()
        };
        assert_eq!(within(&preprocessing("a")), within(&preprocessing("b")));
    }
}

#[test]
fn what_a_random_split_would_hide_is_said_with_the_flag_to_use() {
    let place = Workplace::new();
    let told = |name: &str, text: String, flags: &str| {
        place.write(name, text);
        place
            .succeed(&format!("train {name} {flags} --epochs 1 --out {name}-run"))
            .stderr
    };
    // A walk: each row is near the one before.
    let walk: Vec<f64> = (0..300)
        .scan(0.0, |sum, i| {
            *sum += noise(i);
            Some(*sum)
        })
        .collect();
    let line = |i: usize| format!("{},{},{}", i + 1, noise(i + 400), walk[i]);
    let by_counter = told("counter.csv", csv("instant,x,y", 300, line), "");
    assert!(
        by_counter.contains(r#"in the order of "instant""#),
        "{by_counter}"
    );
    assert!(by_counter.contains("--split ordered"), "{by_counter}");
    assert!(
        !told(
            "ordered.csv",
            csv("instant,x,y", 300, line),
            "--split ordered"
        )
        .contains("order of")
    );

    let line = |i: usize| {
        format!(
            "{:02}/{:02}/2024,{},{}",
            1 + i % 28,
            1 + i / 28,
            noise(i),
            noise(i + 9)
        )
    };
    let by_date = told("date.csv", csv("when,x,y", 300, line), "");
    assert!(
        by_date.contains(r#"order of "when""#) && by_date.contains("--split ordered"),
        "{by_date}"
    );

    let line = |i: usize| format!("{},{},{}", noise(i), noise(i + 400), walk[i]);
    let by_neighbours = told("walk.csv", csv("a,b,y", 300, line), "");
    assert!(
        by_neighbours.contains("changes little from row to row"),
        "{by_neighbours}"
    );

    let line = |i: usize| format!("{},{},{}", i % 60, noise(i), noise(i + 400));
    let by_name = told("named.csv", csv("user_id,x,y", 300, line), "");
    assert!(by_name.contains(r#"--group "user_id""#), "{by_name}");
    let line = |i: usize| format!("c{},{},{}", (i * 7) % 60, noise(i), noise((i * 7) % 60));
    let by_target = told("likeness.csv", csv("city,x,y", 300, line), "");
    assert!(by_target.contains(r#"--group "city""#), "{by_target}");
    assert!(
        !told("grouped.csv", csv("city,x,y", 300, line), "--group city")
            .contains("to judge by new")
    );
    let numbered = |i: usize| format!("p{},{},{}", i % 6, noise(i), noise(i + 400));
    let by_number = told("numbered.csv", csv("patient,x,y", 300, numbered), "");
    assert!(by_number.contains(r#"--group "patient""#), "{by_number}");
    // Ordinary categories, whatever the name of their column; and a few rows that decide all differences.
    let words = ["phone", "tablet", "desktop", "watch", "car", "tv"];
    let random = |i: usize, of: usize| (noise(i + 7000).abs() * of as f64) as usize;
    let device = |i: usize| format!("{},{},{}", words[random(i, 6)], noise(i), noise(i + 400));
    let far = |i: usize| {
        let y = if i % 97 == 5 { 1e6 } else { noise(i + 400) };
        let word = if i % 97 == 5 { 1000 + i } else { i % 130 };
        format!("w{word}x,{},{y}", noise(i))
    };
    let single = |i: usize| {
        let is = i % 50 == 3;
        let word = if is { 1000 + i } else { i % 130 };
        format!("w{word}x,{},{}", noise(i), ["no", "yes"][usize::from(is)])
    };
    for (name, text) in [
        ("device.csv", csv("device,x,y", 300, device)),
        ("far.csv", csv("word,x,y", 300, far)),
        ("single.csv", csv("word,x,y", 300, single)),
    ] {
        let told = told(name, text, "");
        assert!(!told.contains("--group"), "{name}: {told}");
    }

    let copies = |i: usize| {
        format!(
            "{},{},{}",
            noise(i % 150),
            noise(i % 150 + 400),
            noise(i % 150 + 800)
        )
    };
    let of_copies = told("copies.csv", csv("a,b,y", 300, copies), "");
    assert!(
        of_copies.contains("are copies of training rows"),
        "{of_copies}"
    );

    let plain = told(
        "plain.csv",
        csv("a,b,y", 300, |i| {
            format!("{},{},{}", noise(i), noise(i + 400), noise(i + 800))
        }),
        "",
    );
    for word in ["--split", "--group", "copies"] {
        assert!(!plain.contains(word), "{plain}");
    }
}

/// Days as dates, the level of the target by day, and noise; in this order of days.
fn days(order: &[usize]) -> String {
    let line = |i: usize| {
        let day = order[i];
        let date = format!(
            "{}-{:02}-{:02}",
            2020 + day / 336,
            1 + day / 28 % 12,
            1 + day % 28
        );
        let level = if day < 160 { 0.0 } else { 100.0 };
        format!("{date},{},{}", noise(day), level + noise(day + 500))
    };
    csv("when,x,y", order.len(), line)
}

#[test]
fn rows_in_order_test_on_the_latest_also_when_these_come_first() {
    let place = Workplace::new();
    let rising: Vec<usize> = (0..200).collect();
    let falling: Vec<usize> = (0..200).rev().collect();
    let none: Vec<usize> = (0..200).map(|i| i * 77 % 200).collect();
    place.write("up.csv", days(&rising));
    place.write("down.csv", days(&falling));
    place.write("none.csv", days(&none));
    let run = |file: &str, flags: &str| {
        let line =
            format!("train {file}.csv --target y --drop when {flags} --split ordered --epochs 2");
        let told = place.succeed(&format!("{line} --out {file}")).stderr;
        let end = events(&place.text(&format!("{file}/log.jsonl")))
            .pop()
            .unwrap();
        let rmse = ["train", "validation", "test"].map(|part| end[part]["rmse"].as_f64().unwrap());
        (told, rmse)
    };
    let is_later =
        |[train, validation, test]: [f64; 3]| train < 2.0 && validation > 90.0 && test > 90.0;
    let (told, rmse) = run("up", "");
    assert!(
        is_later(rmse) && !told.contains("newest"),
        "{rmse:?} {told}"
    );
    let (told, rmse) = run("down", "");
    assert!(is_later(rmse), "{rmse:?} {told}");
    let said = "note: rows are newest first by column \"when\": the first rows test, and those after them validate";
    assert!(told.contains(said), "{told}");
    let (told, _) = run("none", "");
    assert!(
        told.contains("warning: rows are in no order of column \"when\"")
            && told.contains("sort the file by it"),
        "{told}"
    );
    // Groups and folds follow the same order.
    let grouped = |name: &str, order: &[usize]| {
        let text = days(order);
        let lines = text.lines().enumerate().map(|(i, line)| match i {
            0 => format!("{line},week"),
            _ => format!("{line},w{}", order[i - 1] / 10),
        });
        place.write(name, lines.collect::<Vec<_>>().join("\n"));
    };
    grouped("weeks.csv", &falling);
    let (_, rmse) = run("weeks", "--group week");
    assert!(is_later(rmse), "{rmse:?}");
    // The last window tests on the latest rows.
    let line = "cv down.csv --target y --drop when --folds 4 --split ordered --epochs 2 --json";
    let all: Value = serde_json::from_str(&place.succeed(line).stdout).unwrap();
    let rmse = |fold: usize| all["members"][fold]["scores"]["rmse"].as_f64().unwrap();
    assert!(rmse(0) < 2.0 && rmse(3) > 90.0, "{all}");
    // A counter that falls may count anything.
    let line = |i: usize| format!("{},{},{}", 300 - i, noise(i), noise(i + 400));
    place.write("left.csv", csv("left,x,y", 200, line));
    let told = place
        .succeed("train left.csv --split ordered --epochs 1 --out left")
        .stderr;
    assert!(
        told.contains("warning: column \"left\" falls from row to row"),
        "{told}"
    );
}

#[test]
fn groups_that_make_no_parts_are_named_and_rows_without_one_are_counted() {
    let place = Workplace::new();
    let line = |i: usize| {
        format!(
            "{},{},{}",
            if i < 190 { 0 } else { i },
            noise(i),
            noise(i + 300)
        )
    };
    place.write("large.csv", csv("g,x,y", 200, line));
    let message = place.refused("train large.csv --group g --out a");
    assert!(
        message.contains("--group: found 190 of 200 rows with \"0\" in column \"g\"")
            && message.contains("small enough"),
        "{message}"
    );
    place.write(
        "one.csv",
        csv("g,x,y", 200, |i| {
            format!("7,{},{}", noise(i), noise(i + 300))
        }),
    );
    let message = place.refused("train one.csv --group g --out a");
    assert!(
        message.contains("found 1 group in column \"g\""),
        "{message}"
    );
    let line = |i: usize| {
        let group = if i.is_multiple_of(10) {
            String::new()
        } else {
            format!("p{}", i / 5)
        };
        format!("{group},{},{}", noise(i), noise(i + 300))
    };
    place.write("gaps.csv", csv("g,x,y", 200, line));
    let told = place
        .succeed("train gaps.csv --group g --epochs 1 --out a")
        .stderr;
    assert!(
        told.contains(
            "warning: column \"g\": 20 of 200 rows have no value, and count as one group"
        ),
        "{told}"
    );
}

#[test]
fn a_refit_trains_on_all_rows_for_the_epochs_found_and_keeps_the_scores() {
    let place = Workplace::new();
    let line = |i: usize| {
        format!(
            "{},{},{}",
            noise(i),
            noise(i + 300),
            2.0 * noise(i) - noise(i + 300) + 0.1 * noise(i + 600)
        )
    };
    place.write("t.csv", csv("a,b,y", 200, line));
    let flags = "t.csv --epochs 30 --patience 5 --hidden 8";
    let chosen = place.train(&format!("{flags} --out a"));
    let told = place
        .succeed(&format!("train {flags} --refit --out b"))
        .stderr;
    let refitted = events(&place.text("b/log.jsonl")).pop().unwrap();
    for part in ["train", "validation", "test", "best_epoch", "epochs"] {
        assert_eq!(chosen[part], refitted[part]);
    }
    assert_eq!(refitted["refit"], 200);
    assert!(told.contains("trained anew on all 200 rows"), "{told}");
    assert!(
        told.contains("scores are those of the selected model, which was trained on 160"),
        "{told}"
    );
    assert_ne!(
        place.read("a/model.safetensors"),
        place.read("b/model.safetensors")
    );
    place.train("--config b/config.toml --threads 1 --out c");
    assert_eq!(
        place.read("b/model.safetensors"),
        place.read("c/model.safetensors")
    );
    let message = place.refused("train t.csv --refit --no-validation --test-fraction 0 --out d");
    assert!(message.contains("--refit"), "{message}");

    // A solver needs no luck: the refit is the least-squares fit of all rows.
    let exact = |flags: &str, out: &str| {
        place.train(&format!(
            "t.csv --hidden none --optimizer closed_form {flags} --out {out}"
        ));
        place.succeed(&format!("predict {out} t.csv")).stdout
    };
    let numbers = |text: String| -> Vec<f64> {
        text.lines()
            .skip(1)
            .map(|line| line.parse().unwrap())
            .collect()
    };
    let refit = numbers(exact("--refit", "e"));
    let all = numbers(exact("--no-validation --test-fraction 0", "f"));
    let part = numbers(exact("", "g"));
    let far = |a: &[f64], b: &[f64]| {
        a.iter()
            .zip(b)
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f64::max)
    };
    assert!(far(&refit, &all) < 1e-6, "{}", far(&refit, &all));
    assert!(far(&part, &all) > 1e-4, "{}", far(&part, &all));
}

#[test]
fn what_needs_validation_rows_says_where_they_come_from() {
    let place = Workplace::new();
    let part = |i: usize| if i.is_multiple_of(5) { "test" } else { "train" };
    let line = |i: usize| {
        format!(
            "{},{},{},{}",
            part(i),
            noise(i),
            noise(i + 300),
            noise(i + 600)
        )
    };
    place.write("t.csv", csv("part,a,b,y", 120, line));
    let (by_column, by_switch) = (
        "write \"validation\" in more rows of column \"part\"",
        "choose a larger --validation-fraction (in the place of --no-validation)",
    );
    for flag in [
        "--patience 3",
        "--interval 0.5",
        "--or-linear",
        "--metric mae",
    ] {
        let told = place.refused(&format!("train t.csv --split part {flag} --out a"));
        assert!(told.contains(by_column), "{flag}: {told}");
    }
    for flag in ["--interval 0.5", "--or-linear"] {
        let told = place.refused(&format!(
            "train t.csv --drop part --no-validation {flag} --out a"
        ));
        assert!(told.contains(by_switch), "{flag}: {told}");
    }
    let changed = place.text("t.csv").replacen("train", "validation", 12);
    place.write("t.csv", changed);
    place
        .succeed("train t.csv --split part --patience 3 --interval 0.5 --epochs 1 --quiet --out b");
}
