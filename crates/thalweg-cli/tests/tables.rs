//! What is asked about tables and runs on the command line: `info` with its options, and what differs from the defaults.

use crate::common::Workplace;

fn rows() -> String {
    let rows = (0..60).map(|i| {
        format!(
            "{},{},{}\n",
            i % 7,
            i * 37 % 100,
            if i * 37 % 100 < 50 { "no" } else { "yes" }
        )
    });
    format!("store,x,y\n{}", rows.collect::<String>())
}

#[test]
fn info_reads_a_table_as_training_would() {
    let place = Workplace::new();
    place.write("t.csv", rows());
    let kind = |line: &str| {
        let summary: serde_json::Value = serde_json::from_str(&place.succeed(line).stdout).unwrap();
        summary["columns"][0]["kind"].as_str().unwrap().to_owned()
    };
    assert_eq!(kind("info t.csv --json"), "numeric");
    assert_eq!(kind("info t.csv --json --categorical store"), "categorical");
    place.write("d.csv", "when,y\n03/04/2022,1\n05/04/2022,2\n");
    let dates = place.succeed("info d.csv --date when=dmy").stdout;
    assert!(dates.contains("2022-04-03 to 2022-04-05"), "{dates}");
    place.succeed("convert d.csv out.csv --date when=dmy");
    assert_eq!(
        place.text("out.csv"),
        "when,y\n2022-04-03,1\n2022-04-05,2\n"
    );
}

#[test]
fn info_of_a_run_shows_what_differs_from_the_defaults() {
    let place = Workplace::new();
    place.write("t.csv", rows());
    place.train("t.csv --target y --epochs 3 --hidden 4 --threshold f1 --split ordered --out run");
    let info = place.succeed("info run").stdout;
    let (_, differences) = info.split_once("differs from the defaults\n").unwrap();
    for entry in ["data.split.by", "judging.threshold", "training.epochs"] {
        let line = differences
            .lines()
            .find(|line| line.trim().starts_with(entry));
        assert!(line.is_some(), "{entry}: {differences}");
    }
    let epochs = differences
        .lines()
        .find(|line| line.contains("training.epochs"))
        .unwrap();
    assert!(
        epochs.contains('3') && epochs.contains("default 1"),
        "{epochs}"
    );
    assert!(!differences.contains("training.l1 "), "{differences}");
    assert!(info.contains("from a probability of"), "{info}");
}

#[test]
fn an_absent_key_of_json_lines_is_a_missing_value_and_a_misspelled_one_is_named() {
    let place = Workplace::new();
    let row = |i: i32| match i % 5 {
        0 => format!("{{\"x\": {i}, \"y\": {}}}\n", 2 * i),
        _ => format!("{{\"x\": {i}, \"z\": {}, \"y\": {}}}\n", i % 3, 2 * i),
    };
    place.write("t.jsonl", (0..50).map(row).collect::<String>());
    place.train("t.jsonl --target y --epochs 3 --hidden 4 --out run");
    place.write("one.jsonl", "{\"x\": 3}\n");
    let predicted = place.succeed("predict run one.jsonl");
    assert_eq!(predicted.stdout.lines().count(), 2);
    assert!(
        predicted
            .stderr
            .contains("no row has \"z\": missing values"),
        "{}",
        predicted.stderr
    );
    place.write("odd.jsonl", "{\"x\": 3, \"zz\": 1}\n");
    assert!(
        place
            .refused("predict run odd.jsonl")
            .contains("without \"z\"")
    );
}
