//! `thalweg bench` runs, tells what it measured, and refuses what it cannot do. No test looks at a time.

use crate::common::Workplace;
use serde_json::Value;

#[test]
fn a_quick_run_shows_the_machine_and_a_row_for_the_workload() {
    let place = Workplace::new();
    let ended = place.succeed("bench --quick --only table-tiny --threads 2");
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert!(lines[0].ends_with("2 threads"), "{ended:?}");
    assert!(
        lines[1].contains("GFLOP/s") && lines[1].contains("GB/s"),
        "{ended:?}"
    );
    let cells: Vec<&str> = lines[4].split_whitespace().collect();
    assert_eq!(cells[..3], ["table-tiny", "8-16-2", "32"], "{ended:?}");
    assert_eq!(lines.len(), 5, "{ended:?}");
    // In a pipe there is neither colour nor a line that is drawn over.
    let all = ended.stdout + &ended.stderr;
    assert!(!all.contains(['\r', '\x1b']), "{all:?}");
    assert!(place.files(".").is_empty());
}

#[test]
fn the_json_line_agrees_with_itself() {
    let place = Workplace::new();
    let ended = place.succeed("bench --quick --only logistic --dtype f64 --threads 1 --json");
    assert_eq!(ended.stdout.lines().count(), 1, "{ended:?}");
    let told: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(told["threads"], 1);
    let workload = &told["workloads"][0];
    assert_eq!(workload["name"], "logistic");
    assert_eq!(workload["dtype"], "f64");
    assert_eq!(workload["measured_rows"], 2560);
    let number = |value: &Value| value.as_f64().unwrap();
    let (seconds, rate) = (&workload["seconds"], &workload["rate"]);
    let ordered = [&seconds["fastest"], &seconds["median"], &seconds["slowest"]].map(number);
    assert!(0.0 < ordered[0] && ordered.is_sorted(), "{seconds}");
    let close = |a: f64, b: f64| (a / b - 1.0).abs() < 1e-9;
    let per_second = 2560.0 / ordered[1];
    assert!(
        close(number(&rate["rows_per_second"]), per_second),
        "{rate}"
    );
    // Forward and dW of 30 weights: 2 operations each.
    assert!(
        close(number(&rate["gflops"]), per_second * 120e-9),
        "{rate}"
    );
    let peak = number(&told["limits"]["f64_gflops"]);
    assert!(
        close(
            number(&rate["gflops_share"]) * peak,
            number(&rate["gflops"])
        ),
        "{rate}"
    );
    let loss = number(&workload["loss"]);
    assert!(loss > 0.0 && loss < 2.0, "{loss}");
}

#[test]
fn what_cannot_be_measured_is_refused_in_one_line() {
    let place = Workplace::new();
    for (line, expected) in [
        ("bench --only table-tini", "did you mean `table-tiny`?"),
        (
            "bench --only x",
            "one of mnist-mlp, mnist-wide, mnist-wide-bf16",
        ),
        (
            "bench --threads 0",
            "expected a whole number from 1 to 1024",
        ),
        ("bench --dtype f16", "expected f32 or f64 or bf16"),
        ("bench table-tiny", "unexpected argument 'table-tiny'"),
    ] {
        let message = place.refused(line);
        assert!(message.contains(expected), "{line}: {message}");
    }
}
