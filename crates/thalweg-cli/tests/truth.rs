//! Scores that mean less than they seem say so: columns that give the target away, rows that the
//! model was trained on, test rows unlike validation rows; and a linear model stands beside.

use crate::common::{Workplace, csv, noise};
use serde_json::Value;

/// What a run says on standard error.
fn told(place: &Workplace, line: &str) -> String {
    place.succeed(&format!("train {line}")).stderr
}

#[test]
fn columns_that_give_the_target_away_are_named_with_the_flag_that_drops_them() {
    let place = Workplace::new();
    let of = |i: usize| {
        (
            (20.0 + 10.0 * noise(i)).round(),
            (200.0 + 100.0 * noise(i + 900)).round(),
        )
    };
    let line = |i: usize| {
        let (casual, registered) = of(i);
        format!(
            "{},{casual},{registered},{}",
            noise(i + 300),
            casual + registered
        )
    };
    place.write("bikes.csv", csv("temp,casual,registered,cnt", 300, line));
    let sum = told(&place, "bikes.csv --epochs 1 --out a");
    assert!(sum.contains("1·casual + 1·registered"), "{sum}");
    assert!(sum.contains("--drop casual,registered"), "{sum}");
    let dropped = told(
        &place,
        "bikes.csv --drop casual,registered --epochs 1 --out b",
    );
    assert!(!dropped.contains("--drop"), "{dropped}");

    // All of them at once, with those that are dropped already.
    let line = |i: usize| {
        let (casual, registered) = of(i);
        let cnt = casual + registered;
        format!(
            "{},{},{casual},{registered},{},{},{cnt}",
            noise(i + 300),
            noise(i + 600),
            2.0 * cnt,
            7.0 - cnt
        )
    };
    place.write(
        "many.csv",
        csv("temp,wind,casual,registered,double,left,cnt", 300, line),
    );
    let all = told(&place, "many.csv --drop wind --epochs 1 --out many");
    let named = r#""cnt" is decided by the column "double", and is decided by the column "left", and is 1·casual"#;
    assert!(
        all.contains(named) && all.matches("--drop").count() == 1,
        "{all}"
    );
    let list = all.split("--drop ").nth(1).unwrap().lines().next().unwrap();
    assert_eq!(list, "wind,double,left,casual,registered");
    let none = told(
        &place,
        &format!("many.csv --drop {list} --epochs 1 --out none"),
    );
    assert!(!none.contains("--drop"), "{none}");

    // An amount that is there only after the outcome.
    let line = |i: usize| {
        let yes = noise(i + 77) > 0.2;
        let amount = if yes {
            format!("{:.2}", 50.0 + 9.0 * noise(i))
        } else {
            String::new()
        };
        format!(
            "{amount},{},{}",
            noise(i + 300),
            if yes { "yes" } else { "no" }
        )
    };
    place.write("gaps.csv", csv("amount,age,label", 300, line));
    let by_gaps = told(&place, "gaps.csv --epochs 1 --out g");
    assert!(
        by_gaps
            .contains(r#""label" is decided by whether there is a value in the column "amount""#)
            && by_gaps.contains("--drop amount"),
        "{by_gaps}"
    );
    let line = |i: usize| {
        let amount = if noise(i + 77) > 0.2 {
            format!("{:.2}", noise(i))
        } else {
            String::new()
        };
        format!(
            "{amount},{},{}",
            noise(i + 300),
            if noise(i + 9) > 0.0 { "yes" } else { "no" }
        )
    };
    place.write("some.csv", csv("amount,age,label", 300, line));
    let without = told(&place, "some.csv --epochs 1 --out s");
    assert!(!without.contains("is decided by"), "{without}");

    let line = |i: usize| {
        let paid = 50.0 + 50.0 * noise(i);
        format!(
            "{paid},{},{}",
            noise(i + 300),
            if paid > 40.0 { "yes" } else { "no" }
        )
    };
    place.write("paid.csv", csv("paid,age,label", 300, line));
    let by_number = told(&place, "paid.csv --epochs 1 --out c");
    assert!(
        by_number.contains(r#""label" is decided by the column "paid""#),
        "{by_number}"
    );

    let line = |i: usize| {
        format!(
            "{},{},{},{}",
            i % 3,
            i * 7 % 5,
            noise(i),
            (i % 3 + i * 7 % 5) % 3
        )
    };
    place.write("pair.csv", csv("a,b,age,label", 300, line));
    let by_pair = told(&place, "pair.csv --epochs 1 --out d");
    assert!(
        by_pair.contains(r#"decided by the columns "a", "b""#),
        "{by_pair}"
    );

    let line = |i: usize| format!("{},{},{}", noise(i), noise(i + 300), (2.0 * noise(i)).exp());
    place.write("dollars.csv", csv("euros,age,dollars", 300, line));
    let by_order = told(&place, "dollars.csv --epochs 1 --out e");
    assert!(
        by_order.contains(r#""dollars" is decided by the column "euros""#),
        "{by_order}"
    );

    let line = |i: usize| {
        let (due, done) = (100.0 + 50.0 * noise(i), 100.0 + 50.0 * noise(i + 300));
        let late = if done > due { "late" } else { "in time" };
        format!("{due},{done},{},{late}", noise(i + 600))
    };
    place.write("late.csv", csv("due,done,age,label", 300, line));
    let by_difference = told(&place, "late.csv --epochs 1 --out h");
    assert!(
        by_difference.contains(r#"difference of the columns "due", "done""#),
        "{by_difference}"
    );

    // What all columns together decide is the task, and a cell in a hundred of noise is enough.
    let line = |i: usize| {
        format!(
            "{},{},{}",
            noise(i),
            noise(i + 300),
            noise(i) + 2.0 * noise(i + 300)
        )
    };
    place.write("task.csv", csv("a,b,y", 300, line));
    assert!(!told(&place, "task.csv --epochs 1 --out f").contains("--drop"));
    let line = |i: usize| {
        format!(
            "{},{},{}",
            noise(i),
            noise(i + 300),
            noise(i) + 0.1 * noise(i + 600)
        )
    };
    place.write("noisy.csv", csv("a,b,y", 300, line));
    assert!(!told(&place, "noisy.csv --epochs 1 --out noisy").contains("--drop"));
}

#[test]
fn of_several_targets_the_one_that_is_given_away_is_named() {
    let place = Workplace::new();
    let line = |i: usize| {
        let (z, other) = (noise(i), noise(i + 300));
        let label = |x: f64| u8::from(x > 0.2);
        let known = match i % 5 {
            0 => String::new(),
            _ => label(z).to_string(),
        };
        let [free, unknown] = [label(noise(i + 900)), label(noise(i + 1200))];
        format!(
            "{z},{other},{},{},{free},{known},{unknown}",
            3.0 * z + 1.0,
            noise(i + 600)
        )
    };
    place.write("t.csv", csv("z,b,ya,yb,la,lb,lc", 300, line));
    let amounts = "t.csv --target ya,yb --drop la,lb,lc --interval 0.9 --epochs 1 --out a";
    let labels = "t.csv --target la,lb,lc --drop ya,yb --epochs 1 --out b";
    for (line, names, away) in [
        (amounts, &["ya", "yb"][..], "ya"),
        (labels, &["la", "lb", "lc"], "lb"),
    ] {
        let told = told(&place, line);
        for name in names {
            let is_told =
                told.contains(&format!("target \"{name}\" is decided by the column \"z\""));
            assert_eq!(is_told, *name == away, "{name}: {told}");
        }
        assert_eq!(told.matches("is decided by").count(), 1, "{told}");
    }
}

#[test]
fn rows_that_a_model_was_trained_on_are_recognized() {
    let place = Workplace::new();
    let line = |first: usize| {
        move |i: usize| format!("{},{},{}", noise(first + i), i % 4, noise(first + i + 900))
    };
    place.write("t.csv", csv("a,b,y", 200, line(0)));
    place.write("new.csv", csv("a,b,y", 200, line(5000)));
    let mixed: Vec<String> = (place.text("new.csv").lines().take(101))
        .chain(place.text("t.csv").lines().skip(1).take(100))
        .map(str::to_owned)
        .collect();
    place.write("mixed.csv", mixed.join("\n"));
    place.train("t.csv --epochs 2 --out m");
    let told = |file: &str| place.succeed(&format!("evaluate m {file}")).stderr;
    let all = told("t.csv");
    assert!(
        all.contains("160 of 200 rows are rows that the model was trained on"),
        "{all}"
    );
    assert!(all.contains("with probability"), "{all}");
    let some = told("mixed.csv");
    assert!(
        some.contains("of 200 rows are rows that the model was trained on"),
        "{some}"
    );
    assert_eq!(told("new.csv"), "");
    // Columns in another order are the same rows; after a refit all rows are.
    let swapped: Vec<String> = (place.text("t.csv").lines())
        .map(|line| line.split(',').rev().collect::<Vec<_>>().join(","))
        .collect();
    place.write("swapped.csv", swapped.join("\n"));
    assert!(told("swapped.csv").contains("160 of 200"));
    place.train("t.csv --epochs 2 --refit --out r");
    let all = place.succeed("evaluate r t.csv").stderr;
    assert!(all.contains("200 of 200 rows are rows"), "{all}");
    let own = place
        .succeed("train new.csv --test mixed.csv --epochs 1 --out n")
        .stderr;
    assert!(
        own.contains("test rows: ") && own.contains("rows that the model was trained on"),
        "{own}"
    );
    // Rows of few values are equal by chance.
    place.write(
        "few.csv",
        csv("a,b,y", 400, |i| {
            format!("{},{},{}", i % 2, i % 5, i % 7 % 2)
        }),
    );
    place.train("few.csv --epochs 1 --out f");
    assert!(
        !place
            .succeed("evaluate f few.csv")
            .stderr
            .contains("trained on")
    );
}

#[test]
fn the_rows_of_the_runs_before_stay_known_and_are_no_measure() {
    let place = Workplace::new();
    let line = |first: usize| {
        move |i: usize| format!("{},{},{}", noise(first + i), i % 4, noise(first + i + 900))
    };
    place.write("a.csv", csv("a,b,y", 200, line(0)));
    place.write("b.csv", csv("a,b,y", 100, line(5000)));
    let both = format!(
        "{}{}",
        place.text("a.csv"),
        place.text("b.csv").split_once('\n').unwrap().1
    );
    place.write("both.csv", both);
    place.write("new.csv", csv("a,b,y", 200, line(9000)));
    let train = |line: &str| told(&place, &format!("{line} --hidden 4 --epochs 1"));
    let evaluated = |model: &str, file: &str| {
        let told = place.succeed(&format!("evaluate {model} {file}")).stderr;
        let rows = told
            .split(" of ")
            .next()
            .unwrap()
            .trim_start_matches("warning: ");
        rows.parse::<usize>().unwrap_or(0)
    };
    assert!(!train("a.csv --out a").contains("memory"));
    let on = |line: &str| told(&place, &format!("{line} --epochs 1"));
    // Other rows: those of both are known.
    let told = on("b.csv --continue a --out b");
    assert!(!told.contains("memory"), "{told}");
    assert_eq!(
        (evaluated("b", "a.csv"), evaluated("b", "b.csv")),
        (160, 80)
    );
    assert_eq!(evaluated("b", "new.csv"), 0);
    // The same rows in the same parts are no news; in others, or in a table that has grown, they are.
    let told = on("a.csv --continue a --out same");
    assert!(!told.contains("memory"), "{told}");
    for line in [
        "a.csv --continue a --seed 5 --out seed",
        "both.csv --continue a --out grown",
        "a.csv --initial-weights a --hidden 4 --seed 5 --out weights",
        "both.csv --initial-weights a --hidden 4 --out more",
    ] {
        let told = on(line);
        for part in ["validation", "test"] {
            let words = format!("warning: {part} rows: ");
            let found = told
                .split(&words)
                .nth(1)
                .unwrap_or_else(|| panic!("{line}: {told}"));
            let rows: Vec<usize> = found
                .split(' ')
                .filter_map(|word| word.parse().ok())
                .collect();
            // About as many of them as of all rows.
            let all = if line.starts_with("both") { 30 } else { 20 };
            assert!(rows[0] * 4 > rows[1] && rows[1] == all, "{line}: {told}");
            assert!(
                found.contains("are rows that the model that it began with was trained on"),
                "{line}: {told}"
            );
        }
    }
    // Other rows have another mean and deviation; those of before are known all the same.
    let told = on("b.csv --initial-weights a --hidden 4 --out other");
    assert!(!told.contains("memory"), "{told}");
    assert_eq!(
        (evaluated("other", "a.csv"), evaluated("other", "b.csv")),
        (160, 80)
    );
    on("new.csv --continue other --out third");
    for (file, rows) in [("a.csv", 160), ("b.csv", 80), ("new.csv", 160)] {
        assert_eq!(evaluated("third", file), rows, "{file}");
    }
}

#[test]
fn test_rows_unlike_validation_rows_are_told() {
    let place = Workplace::new();
    let line = |i: usize| {
        let y = noise(i) + 0.2 * noise(i + 700) + if i < 360 { 0.0 } else { 3.0 };
        format!("{},{},{y}", noise(i), noise(i + 400))
    };
    place.write("t.csv", csv("a,b,y", 400, line));
    let ordered = told(&place, "t.csv --split ordered --epochs 30 --out a");
    assert!(
        ordered.contains("test rows are predicted much worse than validation rows"),
        "{ordered}"
    );
    assert!(
        ordered.contains("mean absolute error") && ordered.contains("expect such scores"),
        "{ordered}"
    );
    let random = told(&place, "t.csv --split random --epochs 30 --out b");
    assert!(!random.contains("predicted much"), "{random}");

    let line = |i: usize| {
        let is_odd = (i >= 450) != (noise(i) > 0.0);
        format!(
            "{},{},{}",
            noise(i),
            noise(i + 400),
            if is_odd { "yes" } else { "no" }
        )
    };
    place.write("c.csv", csv("a,b,label", 500, line));
    let classes = told(&place, "c.csv --split ordered --epochs 30 --out c");
    assert!(
        classes.contains("predicted much worse") && classes.contains("accuracy"),
        "{classes}"
    );
}

#[test]
fn a_linear_model_stands_beside_the_best_constant() {
    let place = Workplace::new();
    let kinds = [0.0, 5.0, -3.0];
    let line = |i: usize| {
        let y = 4.0 * noise(i) - 2.0 * noise(i + 300) + kinds[i % 3] + 0.5 * noise(i + 600);
        format!("{},{},k{},{y}", noise(i), 1e4 * noise(i + 300), i % 3)
    };
    place.write("t.csv", csv("a,b,kind,y", 400, line));
    let rmse = |end: &Value, row: &str| end[row]["rmse"].as_f64().unwrap();
    let run = place.train("t.csv --epochs 3 --lr 1e-5 --out a");
    // The normal equations of the same rows.
    let exact = place.train("t.csv --hidden none --optimizer closed_form --l2 1e-9 --out b");
    let (linear, least) = (rmse(&run, "linear_model"), rmse(&exact, "test"));
    assert!((linear / least - 1.0).abs() < 1e-3, "{linear} {least}");
    assert!(rmse(&run, "best_constant") > 3.0 * linear);
    let text = place.succeed("train t.csv --epochs 1 --out c").stdout;
    assert!(text.contains("\nlinear model "), "{text}");
    // Codes of categories count as categories.
    let coded = place.train("t.csv --embed-above 2 --epochs 1 --out d");
    assert!(
        (rmse(&coded, "linear_model") / least - 1.0).abs() < 0.05,
        "{coded}"
    );

    let digits = place.train("builtin:digits --epochs 1 --out e");
    let usual = place.train("builtin:digits --hidden none --optimizer lbfgs --epochs 40 --out f");
    let accuracy = |end: &Value, row: &str| end[row]["accuracy"].as_f64().unwrap();
    let (linear, usual) = (accuracy(&digits, "linear_model"), accuracy(&usual, "test"));
    assert!(linear > 0.85 && linear > usual - 0.06, "{linear} {usual}");
    assert_eq!(
        place.train("builtin:digits --epochs 1 --threads 1 --out g")["linear_model"],
        digits["linear_model"]
    );
}

#[test]
fn rows_far_outside_the_training_ranges_are_counted_in_a_line() {
    let place = Workplace::new();
    let line = |i: usize| {
        format!(
            "{},{},{},{}",
            40.0 + noise(i),
            noise(i + 300),
            ["red", "blue"][i % 2],
            noise(i + 600)
        )
    };
    place.write("t.csv", csv("age,b,color,y", 200, line));
    place.train("t.csv --epochs 1 --out m");
    place.write(
        "new.csv",
        "age,b,color\n40,0,red\n4000,0,red\n40,0.9,blue\n-7,88,blue\n41.5,1.2,red\n",
    );
    for command in ["predict m new.csv", "predict m new.csv -o out.csv"] {
        let told = place.succeed(command).stderr;
        assert_eq!(told.lines().count(), 1, "{told}");
        assert!(
            told.contains("2 of 5 rows lie far outside the ranges"),
            "{told}"
        );
        assert!(told.contains(r#"column "age" (2), "b" (1)"#), "{told}");
    }
    place.write("near.csv", "age,b,color\n40,0,red\n,,red\n");
    assert_eq!(place.succeed("predict m near.csv").stderr, "");
}

#[test]
fn a_file_of_several_pieces_is_scored_and_counted_as_a_whole() {
    const ROWS: usize = 100_000;
    let place = Workplace::new();
    let row = |i: usize| {
        let (a, b) = (noise(i), noise(i + 7));
        let y = a - b + 0.1 * noise(i + 1);
        [
            format!("{a:.15}"),
            format!("{b:.15}"),
            ["red", "blue"][i % 2].to_owned(),
            y.to_string(),
        ]
    };
    place.write("t.csv", csv("a,b,k,y", 200, |i| row(i).join(",")));
    place.train("t.csv --hidden none --epochs 4 --out m");
    // Most rows of the first piece have no target; what is unusual stands in the first and in the last.
    let new = |i: usize| {
        let [mut a, b, mut k, mut y] = row(i % 200);
        match i {
            5 | 99_995 => a = "1e4".to_owned(),
            9 | 99_989 => k = "green".to_owned(),
            _ => {}
        }
        if i < 45_000 {
            y.clear();
        }
        [a, b, k, y].join(",")
    };
    place.write("new.csv", csv("a,b,k,y", ROWS, new));
    let told = place.succeed("predict m new.csv -o out.csv").stderr;
    for note in [
        "2 of 100,000 rows lie far outside the ranges of the training rows",
        "column \"k\": 2 of 100,000 rows hold values that training never saw, such as \"green\"",
    ] {
        assert_eq!(told.matches(note).count(), 1, "{told}");
    }
    let ended = place.succeed("evaluate m new.csv --json");
    let said = |note: &str| {
        assert_eq!(
            ended.stderr.matches(note).count(),
            1,
            "{note}: {}",
            ended.stderr
        );
    };
    said("45,000 of 100,000 rows are left out, this one first: no target in \"y\"");
    said("1 of 55,000 rows lies far outside");
    let found = ended
        .stderr
        .split(" of 55,000 rows are rows that the model was trained on")
        .next();
    let found = found.and_then(|before| before.rsplit(' ').next()).unwrap();
    assert!(
        (found.replace(',', "").parse::<usize>()).is_ok_and(|found| found >= 43_990),
        "{}",
        ended.stderr
    );
    let scores: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(scores["rows"], 55_000);
    // Against the answers themselves.
    let column = |name: &str, at: usize| -> Vec<String> {
        let text = place.text(name);
        let cells = text
            .lines()
            .skip(1)
            .map(|line| line.split(',').nth(at).unwrap().to_owned());
        cells.collect()
    };
    let mut squares = (0.0, 0.0);
    for (answer, y) in column("out.csv", 0).iter().zip(column("new.csv", 3)) {
        if let Ok(y) = y.parse::<f64>() {
            squares.0 += (answer.parse::<f64>().unwrap() - y).powi(2);
            squares.1 += 1.0;
        }
    }
    let (rmse, found): (f64, f64) = (
        (squares.0 / squares.1).sqrt(),
        scores["rmse"].as_f64().unwrap(),
    );
    assert!((found / rmse - 1.0).abs() < 1e-6, "{found} {rmse}");
}
