//! `predict`, `evaluate`, `info` and `list`.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::common::Workplace;
use serde_json::Value;

/// y = 2·x + 10·[color = red], trained well; some cells are missing.
fn model() -> Workplace {
    let place = Workplace::new();
    let mut text = "x,color,id,y\n".to_owned();
    for i in 0..400 {
        let (x, color) = (
            f64::from(i % 41) / 10.0,
            ["red", "green", "blue"][i as usize % 3],
        );
        let y = 2.0 * x + if color == "red" { 10.0 } else { 0.0 };
        let x = if i % 50 == 7 {
            String::new()
        } else {
            x.to_string()
        };
        text.push_str(&format!("{x},{color},text {i},{y}\n"));
    }
    place.write("train.csv", text);
    place.train("train.csv --task regression --epochs 60 --out m");
    place
}

fn numbers(csv: &str) -> Vec<f64> {
    csv.lines()
        .skip(1)
        .map(|line| line.parse().unwrap())
        .collect()
}

#[test]
fn predictions_do_not_depend_on_the_order_of_columns() {
    let place = model();
    place.write("a.csv", "x,color,id\n1,red,a\n3,blue,b\n");
    place.write("b.csv", "more,color,x\nm,red,1\nn,blue,3\n");
    let a = place.succeed("predict m a.csv");
    let b = place.succeed("predict m b.csv");
    assert_eq!(a.stdout, b.stdout);
    assert!(b.stderr.contains("more"), "{b:?}");
    let y = numbers(&a.stdout);
    assert!(
        (y[0] - 12.0).abs() < 1.0 && (y[1] - 6.0).abs() < 1.0,
        "{y:?}"
    );
}

#[test]
fn unseen_categories_and_missing_cells_give_sane_numbers() {
    let place = model();
    place.write("new.csv", "x,color\n1,purple\n,red\n,\n?,NA\n");
    let y = numbers(&place.succeed("predict m new.csv").stdout);
    assert_eq!(y.len(), 4);
    assert!(y.iter().all(|y| (-20.0..=40.0).contains(y)), "{y:?}");
    place.write("few.csv", "color\nred\n");
    let message = place.refused("predict m few.csv");
    assert!(message.contains(r#"without "x""#), "{message}");
    place.write("text.csv", "x,color\n1,red\nmuch,red\n");
    let message = place.refused("predict m text.csv");
    assert!(
        message.contains(r#"text.csv:3: column "x": found "much""#),
        "{message}"
    );
}

#[test]
fn unseen_categories_are_told() {
    let place = model();
    place.write(
        "new.csv",
        "x,color,y\n1,purple,2\n2,red,14\n3,,6\n4,pink,8\n",
    );
    for command in ["predict m new.csv", "evaluate m new.csv"] {
        let told = place.succeed(command).stderr;
        let note = r#"note: column "color": 2 of 4 rows hold values that training never saw, such as "purple""#;
        assert_eq!(told.matches(note).count(), 1, "{told}");
    }
    place.write("known.csv", "x,color\n1,red\n,\n");
    assert_eq!(place.succeed("predict m known.csv").stderr, "");
}

#[test]
fn answers_go_to_a_file_whole_or_not_at_all() {
    let place = model();
    place.write("new.csv", "x,color\n1,red\n");
    place.succeed("predict m/model.safetensors new.csv -o answers.csv");
    assert_eq!(
        place.text("answers.csv"),
        place.succeed("predict m new.csv -o -").stdout
    );
    place.refused("predict m absent.csv -o answers.csv");
    assert!(place.text("answers.csv").starts_with("y\n"));
    place.refused("predict m new.csv -o no/such/folder.csv");
    assert_eq!(
        place.files("."),
        ["answers.csv", "m", "new.csv", "train.csv"]
    );
}

#[test]
fn answers_never_replace_what_they_were_made_from() {
    let place = model();
    place.write("new.csv", "x,color\n1,red\n");
    std::fs::hard_link(place.path("new.csv"), place.path("hard.csv")).unwrap();
    for output in [
        "new.csv",
        "./m/../new.csv",
        "hard.csv",
        "m/model.safetensors",
        "m/config.toml",
        "m/log.jsonl",
        "m/checkpoint.safetensors",
        "m/report.html",
    ] {
        let message = place.refused(&format!("predict m new.csv -o {output}"));
        assert!(message.contains("expected another file"), "{message}");
    }
    assert_eq!(place.text("new.csv"), "x,color\n1,red\n");
    assert_eq!(
        place.files("m"),
        [
            "config.toml",
            "log.jsonl",
            "model.safetensors",
            "report.html"
        ]
    );
}

#[cfg(unix)]
#[test]
fn answers_go_through_links_and_into_pipes() {
    let place = model();
    place.write("new.csv", "x,color\n1,red\n");
    let answers = place.succeed("predict m new.csv").stdout;
    std::fs::create_dir(place.path("far")).unwrap();
    std::os::unix::fs::symlink("far/answers.csv", place.path("link.csv")).unwrap();
    for _ in 0..2 {
        place.succeed("predict m new.csv -o link.csv");
        assert!(place.path("link.csv").is_symlink());
        assert_eq!(place.text("far/answers.csv"), answers);
    }
    std::os::unix::fs::symlink("new.csv", place.path("trap.csv")).unwrap();
    place.refused("predict m new.csv -o trap.csv");

    let made = std::process::Command::new("mkfifo")
        .arg(place.path("pipe"))
        .status();
    assert!(made.unwrap().success());
    let mut command = place.command("predict m new.csv -o pipe".split_whitespace());
    let child = command.stderr(Stdio::piped()).spawn().unwrap();
    assert_eq!(place.text("pipe"), answers);
    assert!(child.wait_with_output().unwrap().status.success());
    assert_eq!(
        place.succeed("predict m new.csv -o /dev/stdout").stdout,
        answers
    );
    place.succeed("predict m new.csv -o /dev/null");
    // A pipe in the place of a file is read once.
    let (pipe, rows) = (place.path("pipe"), place.text("new.csv"));
    let writer = std::thread::spawn(move || std::fs::write(pipe, rows).unwrap());
    assert_eq!(place.succeed("predict m pipe").stdout, answers);
    writer.join().unwrap();
}

#[test]
fn probabilities_sum_to_one_and_agree_with_the_classes() {
    let place = Workplace::new();
    place.train("builtin:iris --out m");
    let probabilities = place.succeed("predict m builtin:iris --proba").stdout;
    let classes = place.succeed("predict m builtin:iris").stdout;
    let names = ["setosa", "versicolor", "virginica"];
    assert_eq!(
        probabilities.lines().next().unwrap(),
        names.map(|name| format!("target={name}")).join(",")
    );
    assert_eq!(probabilities.lines().count(), 151);
    for (row, class) in probabilities.lines().zip(classes.lines()).skip(1) {
        let p: Vec<f64> = row.split(',').map(|cell| cell.parse().unwrap()).collect();
        assert!((p.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{row}");
        let best = (0..3).max_by(|&a, &b| p[a].total_cmp(&p[b])).unwrap();
        assert_eq!(class, names[best]);
    }
    place.train("builtin:diabetes --epochs 1 --out r");
    assert!(
        place
            .refused("predict r builtin:diabetes --proba")
            .contains("a regression model")
    );
}

#[test]
fn evaluating_the_test_rows_again_gives_the_scores_of_the_training() {
    let place = Workplace::new();
    let text: String = (0..60)
        .map(|i| format!("{},{}\n", i % 9, if i % 9 > 4 { "a" } else { "b" }))
        .collect();
    place.write("train.csv", format!("x,y\n{text}"));
    place.write("test.csv", "x,y\n1,b\n8,a\n3,a\n5,a\n");
    let end = place.train("train.csv --test test.csv --out m");
    let line = place.succeed("evaluate m test.csv --json").stdout;
    let scores: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(scores["rows"], 4);
    for metric in ["loss", "accuracy", "auc", "f1"] {
        assert_eq!(scores[metric], end["test"][metric], "{metric}");
    }
    let counts = scores["confusion"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|row| row.as_array().unwrap());
    assert_eq!(
        counts.map(|count| count.as_f64().unwrap()).sum::<f64>(),
        4.0
    );
    let table = place.succeed("evaluate m test.csv").stdout;
    assert!(
        table.contains("accuracy") && table.contains("true \\ predicted"),
        "{table}"
    );
}

#[test]
fn info_shows_tables_and_models() {
    let place = model();
    let table = place.succeed("info train.csv").stdout;
    for part in [
        "400 rows, 4 columns",
        "numeric",
        "categorical",
        "red (134)",
        "0 to 4",
    ] {
        assert!(table.contains(part), "{part}: {table}");
    }
    let model = place.succeed("info m").stdout;
    for part in [
        "regression model",
        "layers.0",
        "best constant",
        "left out: id",
        "color",
    ] {
        assert!(model.contains(part), "{part}: {model}");
    }
    let json: Value = serde_json::from_str(&place.succeed("info m --json").stdout).unwrap();
    assert_eq!(
        json["preprocessing"]["columns"],
        serde_json::json!(["x", "color", "id", "y"])
    );
}

#[test]
fn info_tells_every_setting_of_the_run_that_is_not_its_default() {
    let place = Workplace::new();
    place.train(
        "builtin:digits --hidden 8 --epochs 1 --ema 0.9 --sam 0.01 --clip-norm 2 --max-norm 3 --l1 1e-6 \
         --last-batch drop --reduce-on-plateau 4 --augment mixup=0.25 --max-time 1000 --no-shuffle --patience 9 --out m",
    );
    let told = place.succeed("info m").stdout;
    let (_, differences) = told.split_once("differs from the defaults").unwrap();
    let lines: Vec<String> = (differences.lines())
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    for expected in [
        "training.ema 0.9",
        "training.sam 0.01",
        "training.clip_norm 2.0",
        "training.max_norm 3.0",
        "training.l1 1e-6",
        "training.batches.last drop default keep",
        "training.plateau.patience 4",
        "training.augment.0.name mixup",
        "training.augment.0.alpha 0.25",
        "training.stop.max_time 1000.0",
        "training.shuffle false default true",
        "training.patience 9",
    ] {
        assert!(
            lines.iter().any(|line| line == expected),
            "{expected}: {told}"
        );
    }
    for part in ["reduction", "reshuffle", "sampling", "clip_value"] {
        assert!(!differences.contains(part), "{part}: {told}");
    }
}

#[test]
fn list_shows_every_registry() {
    let place = Workplace::new();
    let all = place.succeed("list all").stdout;
    for name in [
        "dense",
        "relu",
        "cross_entropy",
        "adamw",
        "cosine",
        "he_uniform",
        "auc",
        "npz",
        "multilabel",
        "class_weight",
        "custom",
        "output_bias",
        "beta1 = 0.9",
    ] {
        assert!(all.contains(name), "{name} is not listed");
    }
    assert!(!place.succeed("list losses").stdout.contains("adamw"));
    assert!(
        place
            .refused("list optimisers")
            .contains("did you mean `optimizers`?")
    );
    let json: Value =
        serde_json::from_str(&place.succeed("list optimizers --json").stdout).unwrap();
    assert!(
        json.as_array()
            .unwrap()
            .iter()
            .any(|entry| entry["name"] == "adam")
    );
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let place = Workplace::new();
    place.train("builtin:digits --epochs 1 --out m");
    for line in [
        "predict m builtin:digits --proba",
        "list all",
        "info builtin:digits",
        "evaluate m builtin:digits",
    ] {
        let mut command = place.command(line.split_whitespace());
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut first = String::new();
        BufReader::with_capacity(1, child.stdout.take().unwrap())
            .read_line(&mut first)
            .unwrap();
        let output = child.wait_with_output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(
            output.status.success() && !errors.contains("panicked"),
            "{line}: {errors}"
        );
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_standard_output_is_a_failure_in_one_line() {
    let place = model();
    for line in ["predict m train.csv", "evaluate m train.csv"] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full");
        let mut command = place.command(line.split_whitespace());
        let output = command.stdout(full.unwrap()).output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{line}: {errors}");
        assert!(errors.starts_with("thalweg: standard output: "), "{errors}");
        assert_eq!(errors.lines().count(), 1, "{line}: {errors}");
    }
}

#[test]
fn counts_are_integers_in_json() {
    let place = Workplace::new();
    place.train("builtin:iris --epochs 1 --out m");
    let told = place.succeed("evaluate m builtin:iris --json").stdout;
    let value: Value = serde_json::from_str(&told).unwrap();
    assert!(value["confusion"][0][0].is_u64(), "{told}");
}

#[test]
fn the_instruction_set_is_checked_and_logged() {
    let place = Workplace::new();
    let run = |name: &str| {
        let line = "train builtin:iris --epochs 1 --out m";
        let mut command = place.command(line.split_whitespace());
        command.env("THALWEG_CPU", name).output().unwrap()
    };
    let refused = run("abacus");
    let errors = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(2), "{errors}");
    assert!(
        errors.contains("portable, which this machine has"),
        "{errors}"
    );
    assert!(run("portable").status.success());
    assert_eq!(
        crate::common::events(&place.text("m/log.jsonl"))[0]["cpu"],
        "portable"
    );
}
