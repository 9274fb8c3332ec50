//! Pages that show runs: their numbers are the run's, they are whole whatever the rows, and no text of
//! the data acts on them.

use std::fmt::Write;

use crate::common::{Workplace, events};
use serde_json::Value;

/// The data of a page, which must be whole and small.
fn page(place: &Workplace, path: &str) -> Value {
    let text = place.text(path);
    assert!(
        text.len() <= thalweg_report::MOST_BYTES,
        "{path}: {} bytes",
        text.len()
    );
    assert!(text.trim_end().ends_with("</html>"), "{path}");
    assert_eq!(
        text.matches("<script").count(),
        2,
        "{path}: the data and the script"
    );
    for address in ["http:", "https:", "//cdn", "@import", "url("] {
        let outside = text.replace("http://www.w3.org/2000/svg", "");
        assert!(!outside.contains(address), "{path}: {address}");
    }
    thalweg_report::data(&text).unwrap_or_else(|| panic!("{path}: no data"))
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1e-9)
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// Rows of two columns and a class that they mostly decide.
fn rows_of_two_classes(count: usize) -> String {
    let mut text = "age,city,left\n".to_owned();
    for i in 0..count {
        let (age, city) = (18 + (i * 37) % 60, ["Rome", "Oslo", "Bern"][i % 3]);
        let is_left = (age > 45) != (i % 7 == 0);
        writeln!(text, "{age},{city},{}", if is_left { "yes" } else { "no" }).unwrap();
    }
    text
}

#[test]
fn the_curves_and_scores_of_a_page_are_those_of_the_log() {
    let place = Workplace::new();
    let end = place.train("builtin:iris --epochs 50 --out a");
    let page = page(&place, "a/report.html");
    let log = events(&place.text("a/log.jsonl"));
    for (field, logged) in log[0].as_object().unwrap() {
        // Long lists of a network, such as edges of bins, are in the log alone.
        if field != "network" {
            assert_eq!(&page["start"][field], logged, "{field}");
        }
    }
    let kinds = |start: &Value| -> Vec<Value> {
        let layers = list(&start["network"]["layers"]).iter();
        layers.map(|layer| layer["name"].clone()).collect()
    };
    assert!(kinds(&log[0]).len() > 2 && kinds(&page["start"]) == kinds(&log[0]));
    assert_eq!(page["end"], log[log.len() - 1]);
    assert_eq!(page["end"]["test"], end["test"]);
    let epochs = &log[1..log.len() - 1];
    let series = page["curves"]["series"].as_object().unwrap();
    assert!(series.contains_key("train_loss") && series.contains_key("lr"));
    for (name, values) in series {
        let logged: Vec<&Value> = epochs.iter().map(|epoch| &epoch[name]).collect();
        assert_eq!(list(values).iter().collect::<Vec<_>>(), logged, "{name}");
    }
    assert_eq!(
        page["config"].as_str().unwrap(),
        place.text("a/config.toml")
    );
}

#[test]
fn the_figures_of_classes_add_up_to_the_scores() {
    let place = Workplace::new();
    place.write("d.csv", rows_of_two_classes(600));
    let end = place.train("d.csv --target left --epochs 10 --out a");
    let page = page(&place, "a/report.html");
    let inspection = &page["inspection"];
    assert_eq!(inspection["part"], "test");
    let rows = inspection["rows"].as_f64().unwrap();
    let classes = &inspection["classes"];
    let matrix = list(&classes["confusion"]);
    let sum: f64 = matrix.iter().flat_map(list).filter_map(Value::as_f64).sum();
    let right: f64 = (0..2).filter_map(|i| matrix[i][i].as_f64()).sum();
    assert!(close(sum, rows));
    assert!(close(
        right / rows,
        end["test"]["accuracy"].as_f64().unwrap()
    ));
    let curve = &classes["curves"][0];
    assert_eq!(curve["name"], "yes");
    assert!(close(
        curve["auc"].as_f64().unwrap(),
        end["test"]["auc"].as_f64().unwrap()
    ));
    // At the model's own threshold the curve has the counts of the matrix.
    let own = list(&curve["points"]).iter().rev();
    let own = own
        .clone()
        .find(|point| point[0].as_f64().unwrap() >= 0.5)
        .unwrap();
    assert_eq!((&own[1], &own[2]), (&matrix[1][1], &matrix[0][1]));
    let calibrated: f64 = list(&classes["calibration"])
        .iter()
        .filter_map(|bin| bin["weight"].as_f64())
        .sum();
    assert!(close(calibrated, rows));
    for interval in list(&inspection["intervals"]) {
        let of = |name: &str| interval[name].as_f64().unwrap();
        assert_eq!(
            interval["value"],
            end["test"][interval["metric"].as_str().unwrap()]
        );
        assert!(
            of("low") <= of("value") && of("value") <= of("high"),
            "{interval}"
        );
        assert!(of("low") < of("high"), "{interval}");
    }
    assert!(list(&inspection["intervals"]).len() >= 3, "{inspection}");
    assert_eq!(inspection["intervals"], end["intervals"]);
}

#[test]
fn the_figures_of_numbers_give_the_scores_again() {
    let place = Workplace::new();
    let end = place.train("builtin:diabetes --epochs 20 --out a");
    let page = page(&place, "a/report.html");
    let numbers = &page["inspection"]["numbers"][0];
    let points: Vec<(f64, f64)> = list(&numbers["points"])
        .iter()
        .map(|point| (point[0].as_f64().unwrap(), point[1].as_f64().unwrap()))
        .collect();
    let n = points.len() as f64;
    assert_eq!(
        points.len() as u64,
        page["inspection"]["rows"].as_u64().unwrap()
    );
    let rmse = (points.iter().map(|(y, p)| (p - y).powi(2)).sum::<f64>() / n).sqrt();
    assert!(close(rmse, end["test"]["rmse"].as_f64().unwrap()), "{rmse}");
    let mean = points.iter().map(|(y, p)| p - y).sum::<f64>() / n;
    assert!(close(mean, numbers["bias"].as_f64().unwrap()));
    let counted: u64 = list(&numbers["counts"])
        .iter()
        .filter_map(Value::as_u64)
        .sum();
    assert_eq!(counted as f64, n);
    // The rows are those of the file: their targets are there.
    let worst = &page["inspection"]["worst"][0];
    let file = targets_of_the_file();
    let row = worst["row"].as_u64().unwrap() as usize;
    assert!(close(
        file[row - 1],
        worst["truth"].as_str().unwrap().parse().unwrap()
    ));
    let farthest = points
        .iter()
        .map(|(y, p)| (p - y).abs())
        .fold(0.0, f64::max);
    assert!(close(worst["error"].as_f64().unwrap(), farthest));
}

/// The targets of the built-in set, in its order.
fn targets_of_the_file() -> Vec<f64> {
    use thalweg_data::{PrepareOptions, ReadOptions, Source, SplitOptions, prepare, read};
    let source = Source::parse("builtin:diabetes").unwrap();
    let loaded = read(&source, &ReadOptions::default()).unwrap();
    let options = PrepareOptions {
        split: SplitOptions {
            test_fraction: 0.0,
            validation_fraction: 0.0,
            ..SplitOptions::default()
        },
        ..PrepareOptions::default()
    };
    let prepared = prepare(&loaded, None, None, &options).unwrap();
    let thalweg_core::dataset::Targets::Values { values, .. } = prepared.train.targets else {
        panic!("numbers")
    };
    values
        .iter()
        .map(|&value| prepared.preprocessing.in_user_units(0, value))
        .collect()
}

#[test]
fn predictions_depend_on_a_column_as_the_model_says() {
    let place = Workplace::new();
    // y = 3a + (2 where the city is Oslo), and b is noise.
    let mut text = "a,city,b,y\n".to_owned();
    for i in 0..300 {
        let (a, city) = ((i * 7) % 11, ["Rome", "Oslo"][i % 2]);
        let y = 3 * a + 2 * (i % 2);
        writeln!(text, "{a},{city},{},{y}.0", (i * i) % 17).unwrap();
    }
    place.write("d.csv", text);
    place.train("d.csv --target y --task regression --hidden none --optimizer closed_form --l2 1e-9 --out a");
    let data = page(&place, "a/report.html");
    let all = list(&data["inspection"]["dependence"]);
    let [a, city, ..] = all else { panic!("{data}") };
    assert_eq!(
        (&a["column"], &city["column"]),
        (&"a".into(), &"city".into())
    );
    let means = |of: &Value| -> Vec<f64> {
        list(&of["outputs"][0]["means"])
            .iter()
            .filter_map(Value::as_f64)
            .collect()
    };
    let numbers: Vec<f64> = list(&a["numbers"])
        .iter()
        .filter_map(Value::as_f64)
        .collect();
    assert!(numbers.len() > 4, "{a}");
    for (x, mean) in numbers.iter().zip(means(a)) {
        let expected = means(a)[0] + 3.0 * (x - numbers[0]);
        assert!((mean - expected).abs() < 1e-3, "{a}");
    }
    let of = |name: &str| {
        let index = list(&city["values"])
            .iter()
            .position(|value| value == name)
            .unwrap();
        means(city)[index]
    };
    assert!((of("Oslo") - of("Rome") - 2.0).abs() < 1e-3, "{city}");
}

#[test]
fn texts_of_the_data_stay_texts() {
    let place = Workplace::new();
    let (column, class) = (
        "</script><script>alert(1)</script>",
        "<img src=x onerror=alert(2)>",
    );
    let mut text = format!("\"{column}\",b,\"<!--\"\n");
    for i in 0..80 {
        writeln!(
            text,
            "{},<b>{}</b>,{}",
            i % 9,
            i % 4,
            if i % 9 > 4 { class } else { "a" }
        )
        .unwrap();
    }
    place.write("d.csv", text);
    place.train("d.csv --target <!-- --epochs 3 --out a");
    let text = place.text("a/report.html");
    let data = page(&place, "a/report.html");
    for markup in ["<script>alert", "<img", "<b>", "<!--"] {
        assert!(!text.contains(markup), "{markup}");
    }
    let columns = list(&data["inspection"]["columns"]);
    assert!(
        columns.iter().any(|read| read["name"] == column),
        "{columns:?}"
    );
    let classes = list(&data["inspection"]["classes"]["classes"]);
    assert!(
        classes.iter().any(|score| score["name"] == class),
        "{classes:?}"
    );
}

#[test]
fn a_report_can_be_left_out_or_show_no_row() {
    let place = Workplace::new();
    place.write("d.csv", rows_of_two_classes(200));
    let end = place.train("d.csv --epochs 2 --no-report --out a");
    assert_eq!(
        place.files("a"),
        ["config.toml", "log.jsonl", "model.safetensors"]
    );
    assert!(end.get("intervals").is_none(), "{end}");
    place.train("d.csv --epochs 2 --no-rows --out b");
    let data = page(&place, "b/report.html");
    assert!(list(&data["inspection"]["worst"]).is_empty());
    place.train("builtin:diabetes --epochs 2 --no-rows --out c");
    let data = page(&place, "c/report.html");
    assert!(list(&data["inspection"]["worst"]).is_empty());
    assert!(list(&data["inspection"]["numbers"][0]["points"]).is_empty());
    assert_eq!(
        place.read("a/model.safetensors"),
        place.read("b/model.safetensors")
    );
}

#[test]
fn an_evaluation_has_a_page_with_the_scores_that_it_prints() {
    let place = Workplace::new();
    place.write("d.csv", rows_of_two_classes(200));
    place.write("new.csv", rows_of_two_classes(90));
    place.train("d.csv --target left --epochs 5 --out a");
    let ended = place.succeed("evaluate a new.csv --json --report new.html");
    let told: Value = serde_json::from_str(&ended.stdout).unwrap();
    let data = page(&place, "new.html");
    assert_eq!(data["kind"], "evaluation");
    assert_eq!(data["inspection"]["rows"], 90);
    assert_eq!(data["scores"]["accuracy"], told["accuracy"]);
    for taken in ["new.csv", "a/model.safetensors", "a/report.html"] {
        let message = place.refused(&format!("evaluate a new.csv --report {taken}"));
        assert!(message.contains("expected another file"), "{message}");
    }
}

#[test]
fn runs_are_compared_with_what_differs() {
    let place = Workplace::new();
    place.write("d.csv", rows_of_two_classes(300));
    place.train("d.csv --target left --preset fast --epochs 5 --out a");
    place.train("d.csv --target left --epochs 7 --lr 0.01 --out b");
    let ended = place.succeed("compare a b --report ab.html");
    assert!(
        ended.stdout.contains("training.learning_rate"),
        "{}",
        ended.stdout
    );
    assert!(ended.stdout.contains(" ["), "an interval: {}", ended.stdout);
    let data = page(&place, "ab.html");
    assert_eq!(list(&data["runs"]).len(), 2);
    for (run, name) in list(&data["runs"]).iter().zip(["a", "b"]) {
        let log = events(&place.text(&format!("{name}/log.jsonl")));
        assert_eq!(run["end"], log[log.len() - 1]);
    }
    let names: Vec<&str> = list(&data["differences"])
        .iter()
        .filter_map(|d| d["name"].as_str())
        .collect();
    assert!(
        names.contains(&"training.epochs") && !names.contains(&"training.batch_size"),
        "{names:?}"
    );
    let told: Value = serde_json::from_str(&place.succeed("compare a b --json").stdout).unwrap();
    assert_eq!(told, data);
    place.train("d.csv --target left --epochs 5 --test-fraction 0.3 --out c");
    let told = place.succeed("compare a c --json").stdout;
    let of_data: Value = serde_json::from_str(&told).unwrap();
    let names = list(&of_data["differences"]).iter();
    let names: Vec<&str> = names.filter_map(|d| d["name"].as_str()).collect();
    assert!(
        names.contains(&"rows.train") && !names.contains(&"inputs"),
        "{names:?}"
    );
    let message = place.refused("compare a nowhere");
    assert!(message.contains("nowhere"), "{message}");
    let message = place.refused("compare a b --report b/log.jsonl");
    assert!(message.contains("expected another file"), "{message}");
}

/// A table of so many columns of numbers and a target.
fn wide(columns: usize, rows: usize, target: impl Fn(usize) -> String) -> String {
    let names: Vec<String> = (0..columns).map(|j| format!("c{j}")).collect();
    let mut text = format!("{},y\n", names.join(","));
    for i in 0..rows {
        for j in 0..columns {
            write!(text, "{},", (i * 31 + j * 17) % 97).unwrap();
        }
        writeln!(text, "{}", target(i)).unwrap();
    }
    text
}

#[test]
fn odd_runs_have_whole_and_small_pages() {
    let place = Workplace::new();
    place.write("plain.csv", wide(3, 60, |i| format!("{}", (i * 7) % 13)));
    place.write("two.csv", wide(2, 2, |i| format!("{i}.5")));
    place.write("wide.csv", wide(1000, 60, |i| format!("{}.5", i % 11)));
    place.write("many.csv", wide(2, 1500, |i| format!("k{}", i % 500)));
    place.write("one.csv", wide(3, 1, |_| "4".to_owned()));
    place.write("of_a.csv", wide(3, 20, |_| "a".to_owned()));
    place.write("ab.csv", wide(3, 90, |i| ["a", "b", "c"][i % 3].to_owned()));
    place.write(
        "long.csv",
        wide(3, 40, |i| format!("{}.5", i % 7)).replace("c1", &"n".repeat(50_000)),
    );
    place.write("huge.csv", wide(2, 50, |i| format!("{}e150", i % 9)));
    place.write(
        "same.csv",
        wide(2, 40, |_| "3.5".to_owned()).replacen("3.5", "3.6", 1),
    );
    place.write("labels.csv", {
        let mut text = "x,p,q\n".to_owned();
        (0..60).for_each(|i| writeln!(text, "{i},{},{}", i % 2, (i / 7) % 2).unwrap());
        text
    });
    let runs = [
        "plain.csv --task regression --validation one.csv",
        "plain.csv --task regression --test one.csv",
        "plain.csv --task regression --test-fraction 0",
        "plain.csv --task regression --test-fraction 0 --no-validation",
        "two.csv --test-fraction 0 --no-validation",
        "wide.csv",
        "many.csv",
        "ab.csv --test of_a.csv",
        "ab.csv --validation of_a.csv",
        "ab.csv --loss multiclass_hinge",
        "ab.csv --hidden none --optimizer lbfgs",
        "long.csv",
        "huge.csv",
        "same.csv --task regression",
        "labels.csv --target p,q --task multilabel",
        "labels.csv --target p,q --task regression",
        "labels.csv --target p --sample-weight x --task binary",
        "builtin:digits --dtype bf16",
        "builtin:iris --no-rows --dtype f64",
        "plain.csv --task regression --loss poisson",
        "ab.csv --ensemble 3",
        "plain.csv --task regression --ensemble 2 --ensemble-by folds --test-fraction 0",
        "ab.csv --or-linear --test of_a.csv",
    ];
    for (number, run) in runs.into_iter().enumerate() {
        let ended = place.run(&format!("train {run} --epochs 2 --quiet --out r{number}"));
        assert_eq!(ended.code, Some(0), "{run}: {ended:?}");
        let data = page(&place, &format!("r{number}/report.html"));
        let inspection = &data["inspection"];
        let has_figures =
            !inspection["classes"].is_null() || !list(&inspection["numbers"]).is_empty();
        assert!(has_figures, "{run}: {inspection}");
        assert!(!list(&inspection["columns"]).is_empty(), "{run}");
        assert_eq!(data["curves"]["epochs"], data["end"]["epochs"], "{run}");
    }
    // Far from the limit, whatever the number of columns or classes.
    for (number, run) in runs.into_iter().enumerate() {
        let bytes = place.read(&format!("r{number}/report.html")).len();
        assert!(bytes <= 800_000, "{run}: {bytes}");
    }
    let diverged = place.run(
        "train plain.csv --task regression --optimizer gd --lr 1e30 --epochs 5 --quiet --out d",
    );
    assert_eq!(diverged.code, Some(1), "{diverged:?}");
    let data = page(&place, "d/report.html");
    assert!(
        data["failure"].as_str().unwrap().contains("diverged"),
        "{data}"
    );
    // Pages of other commands have what these print: of rows as odd, and of runs from above.
    let others = [
        ("cv ab.csv --folds 2 --epochs 1", "result"),
        (
            "cv plain.csv --task regression --folds 20 --epochs 1 --no-validation",
            "result",
        ),
        ("cv wide.csv --folds 2 --epochs 1", "result"),
        (
            "cv long.csv --folds 40 --epochs 1 --no-validation",
            "result",
        ),
        (
            "cv labels.csv --target p,q --task multilabel --epochs 1",
            "result",
        ),
        (
            "learning-curve ab.csv --shares 0.1,1 --repeat 1 --epochs 1",
            "result",
        ),
        (
            "learning-curve same.csv --task regression --shares 1 --epochs 1",
            "result",
        ),
        (
            "learning-curve ab.csv --test of_a.csv --shares 0.5,1 --epochs 1",
            "result",
        ),
        ("importance r0", "importance"),
        ("importance r5", "importance"),
        ("importance r14", "importance"),
        ("importance r20", "importance"),
        ("importance r0 plain.csv", "importance"),
    ];
    for (line, field) in others {
        let line = format!("{line} --json --report other.html");
        let told: Value = serde_json::from_str(&place.succeed(&line).stdout).unwrap();
        assert_eq!(page(&place, "other.html")[field], told, "{line}");
    }
    place.succeed("compare r0 r5 r6 r20 r21 d --report other.html");
    assert_eq!(list(&page(&place, "other.html")["runs"]).len(), 6);
}

#[test]
fn an_ensemble_has_the_losses_of_its_members() {
    let place = Workplace::new();
    let end = place.train("builtin:iris --ensemble 3 --epochs 35 --out a");
    let data = page(&place, "a/report.html");
    let log = events(&place.text("a/log.jsonl"));
    let members = list(&data["members"]);
    assert_eq!((members.len(), list(&end["ensemble"]).len()), (3, 3));
    for (number, member) in members.iter().enumerate() {
        let own = log.iter().filter(|event| event["member"] == number);
        let own: Vec<&Value> = own.collect();
        for loss in ["train_loss", "validation_loss"] {
            let logged: Vec<&Value> = own.iter().map(|event| &event[loss]).collect();
            let drawn: Vec<&Value> = list(&member["curves"]["series"][loss]).iter().collect();
            assert_eq!(drawn, logged, "member {number}: {loss}");
        }
    }
    // The curves of the run are those of the first.
    let first = &members[0]["curves"]["series"]["train_loss"];
    assert_eq!(&data["curves"]["series"]["train_loss"], first);
}

#[test]
fn a_table_has_a_page_with_its_summary() {
    let place = Workplace::new();
    place.write("d.csv", rows_of_two_classes(240));
    let told: Value =
        serde_json::from_str(&place.succeed("info d.csv --json --report d.html").stdout).unwrap();
    let data = page(&place, "d.html");
    assert_eq!(data["rows"], 240);
    for (drawn, summary) in list(&data["columns"]).iter().zip(list(&told["columns"])) {
        for field in ["name", "kind", "missing", "distinct"] {
            assert_eq!(drawn[field], summary[field], "{field}");
        }
        assert_eq!(drawn["numbers"], summary["numbers"]);
    }
    let counted: u64 = list(&data["columns"][0]["histogram"])
        .iter()
        .filter_map(Value::as_u64)
        .sum();
    assert_eq!(counted, 240);
    let message = place.refused("info d.csv --report d.csv");
    assert!(message.contains("expected another file"), "{message}");
}
