//! Predictions of numbers that stay within the range of the training targets.

use crate::common::{Workplace, csv};

#[test]
fn predictions_stay_within_the_range_of_the_training_rows() {
    let place = Workplace::new();
    let line = |row: usize| format!("{},{}", row % 50, 3 * (row % 50) + 10);
    place.write("line.csv", csv("x,y", 200, line));
    place.write("far.csv", "x\n-500\n20\n500\n");
    let answers = |run: &str| -> Vec<f64> {
        let lines = place.succeed(&format!("predict {run} far.csv")).stdout;
        let answer = |line: &str| line.split(',').next_back().unwrap().parse().unwrap();
        lines.lines().skip(1).map(answer).collect()
    };
    let recipe = "line.csv --hidden none --epochs 200 --lr 0.05 --no-validation";
    place.train(&format!("{recipe} --out a"));
    place.train(&format!("{recipe} --clamp --out b"));
    let (free, clamped) = (answers("a"), answers("b"));
    assert!(free[0] < -1000.0 && free[2] > 1000.0, "{free:?}");
    assert_eq!(clamped, [10.0, free[1], 157.0]);
    // True targets are not bounded: predicted are 10 and 157.
    place.write("judged.csv", "x,y\n-500,-1490\n500,1510\n");
    let scores = place.succeed("evaluate b judged.csv --json").stdout;
    let scores: serde_json::Value = serde_json::from_str(&scores).unwrap();
    let rmse = f64::sqrt((1500.0f64.powi(2) + 1353.0f64.powi(2)) / 2.0);
    assert!(
        (scores["rmse"].as_f64().unwrap() - rmse).abs() < 1e-3,
        "{scores}"
    );
    // On from that model, which keeps it, and in the config.
    place.train("line.csv --continue b --epochs 1 --out c");
    assert_eq!(answers("c")[0], 10.0);
    assert!(place.text("b/config.toml").contains("clamp = true"));
    place.write(
        "classes.csv",
        csv("x,y", 60, |row| format!("{row},{}", ["a", "b"][row % 2])),
    );
    let message = place.refused("train classes.csv --clamp");
    assert!(
        message.contains("--clamp: found the task binary, expected regression"),
        "{message}"
    );
}
