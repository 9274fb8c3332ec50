//! A run that is no better than a constant says so, with the likeliest cause and what to try, and
//! what it says to try helps; a healthy run is silent.

use crate::common::{Workplace, csv, events, noise};

/// A smooth target of two columns.
fn smooth(i: usize) -> String {
    let (a, b) = (noise(i), noise(i + 1000));
    format!(
        "{a},{b},{}",
        (2.0 * a).sin() + b * b + 0.1 * noise(i + 2000)
    )
}

/// What a run says of being useless, if it does.
fn verdict(place: &Workplace, line: &str) -> String {
    let told = place.succeed(&format!("train {line}")).stderr;
    let is_it = |line: &&str| {
        line.contains("no better than the best constant")
            || line.contains("worse than their own mean")
    };
    let mut lines = told.lines().filter(is_it);
    lines.next().unwrap_or_default().to_owned()
}

#[test]
fn the_cause_is_named_and_what_it_says_to_try_helps() {
    let place = Workplace::new();
    place.write("t.csv", csv("a,b,y", 400, smooth));
    let deep = "16,16,16,16,16,16,16,16,16,16";
    for (index, (flags, cause, remedy)) in [
        (
            format!("--hidden {deep} --activation sigmoid --epochs 10"),
            "10 layers of sigmoids",
            "--activation relu",
        ),
        (
            "--optimizer sgd --l2 10 --no-validation --epochs 60".to_owned(),
            "--l2 10 leaves the weights next to nothing",
            "--l2 1e-4",
        ),
        (
            "--optimizer sgd --l1 1 --no-validation --epochs 60".to_owned(),
            "--l1 1 leaves",
            "--l1 1e-5",
        ),
        ("--lr 1e-9 --epochs 20".to_owned(), "is small", "--lr 0.002"),
    ]
    .into_iter()
    .enumerate()
    {
        let told = verdict(&place, &format!("t.csv {flags} --out a{index}"));
        assert!(
            told.contains(cause) && told.contains(&format!("try {remedy}")),
            "{flags}: {told}"
        );
        // A flag that was given is given otherwise.
        let name = remedy.split(' ').next().unwrap();
        let words: Vec<&str> = flags.split(' ').collect();
        let kept: Vec<&str> = match words.iter().position(|word| *word == name) {
            Some(at) => [&words[..at], &words[at + 2..]].concat(),
            None => words,
        };
        let better = verdict(
            &place,
            &format!("t.csv {} {remedy} --out b{index}", kept.join(" ")),
        );
        assert_eq!(better, "", "{flags} with {remedy}");
    }
}

#[test]
fn units_that_are_dead_are_counted() {
    let place = Workplace::new();
    place.write("t.csv", csv("a,b,y", 400, smooth));
    let told = verdict(
        &place,
        "t.csv --optimizer sgd --lr 20 --clip-norm 20 --hidden 32 --epochs 5 --out a",
    );
    assert!(
        told.contains("% of the units of a layer are 0 in every row"),
        "{told}"
    );
}

#[test]
fn validation_rows_of_one_class_are_named_as_the_cause() {
    let place = Workplace::new();
    let label = |i: usize| {
        if noise(i) + 0.3 * noise(i + 600) > 0.0 {
            "yes"
        } else {
            "no"
        }
    };
    place.write(
        "t.csv",
        csv("a,b,label", 300, |i| {
            format!("{},{},{}", noise(i), noise(i + 300), label(i))
        }),
    );
    place.write(
        "v.csv",
        csv("a,b,label", 40, |i| {
            format!("{},{},yes", noise(i + 900), noise(i + 950))
        }),
    );
    let told = |line: &str| place.succeed(&format!("train {line} --epochs 30")).stderr;
    let of_file = told("t.csv --validation v.csv --out a");
    assert!(
        of_file.contains(r#"warning: all validation rows are of class "yes""#),
        "{of_file}"
    );
    assert!(
        of_file.contains("by --validation-fraction 0.1"),
        "{of_file}"
    );
    assert!(!told("t.csv --validation-fraction 0.1 --out b").contains("of class"));

    // Sorted by class, and the last rows validate.
    let mut rows: Vec<usize> = (0..300).collect();
    rows.sort_by_key(|&i| label(i));
    place.write(
        "s.csv",
        csv("a,b,label", 300, |j| {
            let i = rows[j];
            format!("{},{},{}", noise(i), noise(i + 300), label(i))
        }),
    );
    let told = told("s.csv --split ordered --out c");
    assert!(
        told.contains("of class") && told.contains("try --split random"),
        "{told}"
    );
}

#[test]
fn a_model_that_fails_on_test_rows_alone_says_why() {
    let place = Workplace::new();
    // A test row with a cell of a million: R² of minus millions.
    place.write(
        "t.csv",
        csv("a,b,y", 300, |i| {
            format!(
                "{},{},{}",
                noise(i),
                noise(i + 500),
                3.0 * noise(i) + noise(i + 900)
            )
        }),
    );
    let far = |i: usize| {
        format!(
            "{},{},{}",
            if i == 7 { 1e6 } else { noise(i + 70) },
            noise(i + 570),
            if i == 7 { 8.0 } else { 3.0 * noise(i + 70) }
        )
    };
    place.write("far.csv", csv("a,b,y", 30, far));
    let told = verdict(
        &place,
        "t.csv --preset fast --test far.csv --epochs 60 --out a",
    );
    assert!(told.contains("on test rows (r2 -"), "{told}");
    assert!(
        told.contains(r#"column "a" of the test rows is up to"#)
            && told.contains("--scaling robust"),
        "{told}"
    );
    let robust =
        place.train("t.csv --preset fast --test far.csv --scaling robust --epochs 60 --out b");
    assert!(robust["test"]["r2"].as_f64().unwrap() > 0.5, "{robust}");

    // Noise, and a network that can remember all of it.
    let columns: Vec<String> = (0..40).map(|j| format!("x{j}")).collect();
    let line = |i: usize| {
        let cells: Vec<String> = (0..41)
            .map(|j| noise(i * 97 + j * 13 + 5).to_string())
            .collect();
        cells.join(",")
    };
    place.write(
        "noise.csv",
        csv(&format!("{},y", columns.join(",")), 250, line),
    );
    let told = verdict(
        &place,
        "noise.csv --no-validation --hidden 64,64 --test-fraction 0.2 --epochs 100 --out c",
    );
    // The table has a linear model that is no better: it is no remedy.
    assert!(
        told.contains("parameters remember 200 training rows")
            && told.contains("--l2 0.01")
            && !told.contains("--hidden none"),
        "{told}"
    );

    // A trend that goes on: later rows lie where no training row was.
    let trend = |i: usize| {
        let level = if i < 160 { 0.0 } else { 9.0 };
        format!(
            "{},{},{}",
            i % 12,
            noise(i),
            level + noise(i) + 0.2 * noise(i + 50)
        )
    };
    place.write("trend.csv", csv("month,b,y", 200, trend));
    let told = verdict(&place, "trend.csv --split ordered --epochs 30 --out d");
    assert!(told.contains("rows are the later ones"), "{told}");
}

#[test]
fn of_rows_that_drift_the_order_is_the_cause_and_a_counter_is_left_out_where_that_helps() {
    let place = Workplace::new();
    let table = |level: fn(f64) -> f64| {
        csv("nr,a,b,y", 600, |i| {
            let y = level(i as f64 / 600.0) + 0.3 * noise(i + 1000) + 0.2 * noise(i + 3000);
            format!("{},{},{},{y}", i + 7, noise(i + 1000), noise(i + 2000))
        })
    };
    let train = |line: &str| {
        let told = place.succeed(&format!("train {line} --split ordered --epochs 30"));
        let out = line.rsplit(' ').next().unwrap();
        let end = events(&place.text(&format!("{out}/log.jsonl"))).pop();
        (told.stderr, end.unwrap()["test"]["rmse"].as_f64().unwrap())
    };
    // Up to a level that ends where validation begins: what the counter says of later rows is wrong.
    place.write("up.csv", table(|t| if t < 0.8 { 5.0 * t } else { 2.0 }));
    let (told, with) = train("up.csv --preset fast --no-validation --numeric nr --out a");
    assert!(
        told.contains("rows are the later ones")
            && told.contains("leave out the column that counts the rows by --drop nr, or"),
        "{told}"
    );
    let (_, without) = train("up.csv --preset fast --no-validation --drop nr --out b");
    assert!(without < 0.8 * with, "{without} {with}");
    // A level that goes on rising: the counter is what is known of it.
    place.write("on.csv", table(|t| 5.0 * t));
    let (told, with) = train("on.csv --preset fast --numeric nr --hidden 4 --out c");
    assert!(!told.contains("--drop"), "{told}");
    let (told, without) = train("on.csv --preset fast --drop nr --out d");
    assert!(without > 2.0 * with, "{without} {with}");
    // Without it next to nothing is learned of the training rows too, for which neither size nor rate is to blame.
    assert!(
        told.contains("expect such scores for later rows") && !told.contains("try "),
        "{told}"
    );
    // The validation rows chose an epoch before anything was learned.
    let turned = |i: usize| {
        let sign = if i < 480 { 1.0 } else { -1.0 };
        let y = sign * noise(i + 1000) + 0.2 * noise(i + 3000);
        format!("{},{},{y}", noise(i + 1000), noise(i + 2000))
    };
    place.write("turned.csv", csv("a,b,y", 600, turned));
    let (told, _) = train("turned.csv --preset fast --lr 0.0005 --out e");
    assert!(
        told.contains("rows are the later ones") && !told.contains("--patience"),
        "{told}"
    );
}

/// What a run says of being far behind a linear model, if it does.
fn behind(place: &Workplace, line: &str) -> String {
    let told = place.succeed(&format!("train {line}")).stderr;
    assert!(!told.contains("is never found"), "{line}: {told}");
    let mut lines = told
        .lines()
        .filter(|line| line.contains("far behind a linear one"));
    lines.next().unwrap_or_default().to_owned()
}

#[test]
fn a_model_that_learns_far_less_than_a_linear_one_says_why() {
    let place = Workplace::new();
    for (index, (flags, told)) in [
        (
            "--l2 10",
            "--l2 10 leaves the weights next to nothing: try --l2 1e-4",
        ),
        (
            "--hidden 32,32,32,32,32,32,32,32 --activation sigmoid",
            "8 layers of sigmoids: try --activation relu",
        ),
        ("--hidden 1", "a linear model does better: try --or-linear"),
    ]
    .into_iter()
    .enumerate()
    {
        let line = format!("builtin:digits {flags} --epochs 4 --out d{index}");
        let said = [behind(&place, &line), verdict(&place, &format!("{line}v"))].concat();
        assert!(said.contains(told), "{flags}: {said}");
    }
    assert_eq!(
        behind(&place, "builtin:digits --hidden 32 --epochs 12 --out well"),
        ""
    );
    // Columns in units of the file.
    let unscaled = |i: usize| {
        let (a, b) = (noise(i), noise(i + 1000));
        format!("{:e},{:e},{}", 1e8 * a, 1e-8 * b, a + b)
    };
    place.write("units.csv", csv("a,b,y", 400, unscaled));
    let told = place
        .succeed("train units.csv --no-standardize --epochs 5 --out units")
        .stderr;
    let said = "columns stay in the units of the file, up to ";
    assert!(
        told.contains(said)
            && told.contains("--scaling standard (in the place of --no-standardize)"),
        "{told}"
    );
}

/// A target of three columns, most of which a linear model finds.
fn mostly_linear(i: usize) -> [f64; 4] {
    let [a, b, c, e] = [0, 1000, 2000, 3000].map(|from| noise(from + i));
    [a, b, c, 2.0 * a - b + 0.4 * (3.0 * c).sin() + 0.1 * e]
}

#[test]
fn what_settings_alone_show_is_said_of_a_model_somewhat_behind_too() {
    let place = Workplace::new();
    let line = |i: usize| mostly_linear(i).map(|x| x.to_string()).join(",");
    place.write("t.csv", csv("a,b,c,y", 600, line));
    for (index, (flags, told)) in [
        (
            "--l2 7",
            "--l2 7 leaves the weights next to nothing: try --l2 1e-4",
        ),
        (
            "--max-steps 45",
            "training was over early: raise --max-steps",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let ended = place.succeed(&format!(
            "train t.csv --preset fast {flags} --epochs 8 --out s{index}"
        ));
        let mut lines = ended.stderr.lines();
        let said =
            lines.find(|line| line.contains("the model is behind a linear one on test rows"));
        assert!(
            said.is_some_and(|said| said.contains(told)),
            "{flags}: {ended:?}"
        );
    }
    assert!(
        !place
            .succeed("train t.csv --preset fast --epochs 8 --out well")
            .stderr
            .contains("warning")
    );
}

#[test]
fn causes_that_lie_in_the_rows_are_named_as_they_are() {
    let place = Workplace::new();
    let line = |i: usize| format!("{},{},7.5", noise(i), noise(i + 1000));
    place.write("same.csv", csv("a,b,y", 100, line));
    let told = verdict(&place, "same.csv --preset fast --epochs 3 --out a");
    assert!(
        told.contains("the target is the same in all training rows"),
        "{told}"
    );
    // Guesses find more of a class than a constant does, and are no better for it.
    let line = |i: usize| {
        let class = if noise(i + 5000) > 0.0 { "u" } else { "v" };
        format!("{},{},{class}", noise(i), noise(i + 1000))
    };
    place.write("guess.csv", csv("a,b,k", 1500, line));
    let told = verdict(&place, "guess.csv --preset fast --epochs 10 --out b");
    assert!(told.contains("no better"), "{told}");
    // A few cells that set the scale of a column.
    let line = |i: usize| {
        let [a, b, c, y] = mostly_linear(i);
        let a = if i == 100 { 1e6 } else { a };
        format!("{a},{b},{c},{y}")
    };
    place.write("far.csv", csv("a,b,c,y", 600, line));
    let run = |flags: &str, out: &str| {
        let told = place
            .succeed(&format!(
                "train far.csv --preset fast {flags} --epochs 20 --out {out}"
            ))
            .stderr;
        let end = events(&place.text(&format!("{out}/log.jsonl")))
            .pop()
            .unwrap();
        (told, end["test"]["r2"].as_f64().unwrap())
    };
    let (told, plain) = run("", "c");
    assert!(
        told.contains("warning: column \"a\": a few cells such as 1,000,000 set its scale")
            && told.contains("or try --scaling robust"),
        "{told}"
    );
    let (told, robust) = run("--scaling robust", "d");
    assert!(!told.contains("set its scale"), "{told}");
    assert!(robust > plain + 0.2, "{robust} {plain}");
    // A weight of classes under which one of them is never answered.
    let line = |i: usize| {
        let [a, b, c, y] = mostly_linear(i);
        format!(
            "{a},{b},{c},{}",
            if y + noise(i + 9000) > 0.0 {
                "yes"
            } else {
                "no"
            }
        )
    };
    place.write("k.csv", csv("a,b,c,k", 600, line));
    let told = place
        .succeed("train k.csv --preset fast --class-weight yes=1,no=1e6 --epochs 8 --out e")
        .stderr;
    assert!(
        told.contains("class \"yes\" (")
            && told.contains("its --class-weight is small beside those of the others"),
        "{told}"
    );
}

#[test]
fn healthy_runs_are_silent() {
    let place = Workplace::new();
    // Outliers of the target that are bent decide the errors of training and validation rows.
    let line = |i: usize| {
        let [a, b, c, y] = mostly_linear(i);
        let y = if i % 60 == 17 { 1e6 } else { y };
        format!("{a},{b},{c},{y}")
    };
    place.write("far.csv", csv("a,b,c,y", 600, line));
    let line = |i: usize| mostly_linear(i + 600).map(|x| x.to_string()).join(",");
    place.write("test.csv", csv("a,b,c,y", 100, line));
    let told = place
        .succeed("train far.csv --test test.csv --out far")
        .stderr;
    assert!(
        told.contains("they count little") && !told.contains("warning"),
        "{told}"
    );
    for (index, line) in [
        "builtin:iris",
        "builtin:digits --epochs 20",
        "builtin:diabetes",
    ]
    .into_iter()
    .enumerate()
    {
        let told = place.succeed(&format!("train {line} --out {index}")).stderr;
        assert!(!told.contains("warning"), "{line}: {told}");
    }
}
