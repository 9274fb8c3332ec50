//! Rare classes: a hint, thresholds, weights of classes, and metrics to choose an epoch by.

use crate::common::{Workplace, events};
use serde_json::Value;

/// Rows of three numbers and a class, which is 1 (or in `c2`, `c1`) for few of the first largest.
fn table(rows: usize, class: impl Fn(f64, usize) -> String) -> String {
    let mut state = 88_172_645_463_325_252u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    let mut text = "a,b,c,fraud\n".to_owned();
    for i in 0..rows {
        let (a, b, c, u) = (next(), next(), next(), next());
        text += &format!("{a:.4},{b:.4},{c:.4},{}\n", class(a + 0.8 * u, i));
    }
    text
}

/// About one row in fifty is a fraud; of no rows most are.
fn frauds() -> String {
    table(2000, |score, _| u8::from(score > 1.62).to_string())
}

const LINEAR: &str = "--target fraud --hidden none --lr 0.05 --epochs 12";

#[test]
fn a_class_that_is_never_found_brings_a_hint_and_a_threshold_finds_it() {
    let place = Workplace::new();
    place.write("f.csv", frauds());
    let plain = place.succeed(&format!("train f.csv {LINEAR} --out plain"));
    let hint = "is never found: try --threshold f1, or youden, which finds more of its rows";
    assert!(plain.stderr.contains(hint), "{}", plain.stderr);
    let last = |name: &str| {
        events(&place.text(&format!("{name}/log.jsonl")))
            .pop()
            .unwrap()
    };
    assert_eq!(last("plain")["test"]["f1"], 0.0);

    let f1 = place.succeed(&format!("train f.csv {LINEAR} --threshold f1 --out f1"));
    let shown = f1.stdout + &f1.stderr;
    assert!(
        shown.contains("the best by f1 on 200 validation rows"),
        "{shown}"
    );
    assert!(shown.contains("true \\ predicted"), "{shown}");
    assert!(!shown.contains("is never found"), "{shown}");
    assert!(last("f1")["test"]["f1"].as_f64().unwrap() > 0.1);

    // Evaluation and predictions answer by it.
    let scores: Value =
        serde_json::from_str(&place.succeed("evaluate f1 f.csv --json").stdout).unwrap();
    let answers = place.succeed("predict f1 f.csv").stdout;
    let found = answers.lines().filter(|line| *line == "1").count() as f64;
    let predicted = |row: usize| scores["confusion"][row][1].as_f64().unwrap();
    assert!(
        found > 10.0 && predicted(0) + predicted(1) == found,
        "{found} {scores}"
    );

    // And so does the model that the saved config trains again.
    place.succeed("train --config f1/config.toml --quiet --out again");
    assert_eq!(
        place.read("f1/model.safetensors"),
        place.read("again/model.safetensors")
    );
}

#[test]
fn a_threshold_is_that_of_a_search_by_hand_on_the_validation_rows() {
    let place = Workplace::new();
    let all = frauds();
    let lines: Vec<&str> = all.lines().collect();
    place.write("t.csv", lines[..1401].join("\n"));
    place.write("v.csv", [&lines[..1], &lines[1401..]].concat().join("\n"));
    let truth: Vec<bool> = lines[1401..]
        .iter()
        .map(|line| line.ends_with(",1"))
        .collect();
    for (name, wrong, missed) in [("cost=1:20", 1.0, 20.0), ("cost=1:3", 1.0, 3.0)] {
        let out = name.replace([':', '='], "-");
        place.succeed(&format!(
            "train t.csv {LINEAR} --validation v.csv --test-fraction 0 --threshold {name} --quiet --out {out}"
        ));
        let p: Vec<f64> = (place
            .succeed(&format!("predict {out} v.csv --proba"))
            .stdout
            .lines())
        .skip(1)
        .map(|line| line.rsplit(',').next().unwrap().parse().unwrap())
        .collect();
        let cost = |says: &dyn Fn(usize) -> bool| -> f64 {
            (0..p.len())
                .map(|i| match (truth[i], says(i)) {
                    (false, true) => wrong,
                    (true, false) => missed,
                    _ => 0.0,
                })
                .sum()
        };
        let best = (0..=1000).map(|t| cost(&|i| p[i] >= f64::from(t) / 1000.0));
        let best = best.fold(f64::INFINITY, f64::min);
        let answers = place.succeed(&format!("predict {out} v.csv")).stdout;
        let answers: Vec<bool> = answers.lines().skip(1).map(|line| line == "1").collect();
        assert!(
            cost(&|i| answers[i]) <= best,
            "{name}: {} {best}",
            cost(&|i| answers[i])
        );
    }
    place.succeed(&format!(
        "train t.csv {LINEAR} --threshold 0.05 --no-validation --quiet --out at"
    ));
    let p = place.succeed("predict at v.csv --proba").stdout;
    let p = p
        .lines()
        .skip(1)
        .map(|line| line.rsplit(',').next().unwrap().parse::<f64>().unwrap() >= 0.05);
    let answers = place.succeed("predict at v.csv").stdout;
    assert!(p.eq(answers.lines().skip(1).map(|line| line == "1")));
}

#[test]
fn weights_of_classes_move_answers_and_not_probabilities() {
    let place = Workplace::new();
    place.write("f.csv", frauds());
    let share = frauds().lines().filter(|line| line.ends_with(",1")).count() as f64 / 2000.0;
    let run = |arguments: &str, out: &str| {
        place.succeed(&format!(
            "train f.csv {LINEAR} {arguments} --quiet --out {out}"
        ));
        let p = place
            .succeed(&format!("predict {out} f.csv --proba"))
            .stdout;
        let p = p
            .lines()
            .skip(1)
            .map(|line| line.rsplit(',').next().unwrap().parse::<f64>().unwrap());
        let answers = place.succeed(&format!("predict {out} f.csv")).stdout;
        (
            p.sum::<f64>() / 2000.0,
            answers.lines().filter(|line| *line == "1").count(),
        )
    };
    for arguments in [
        "--class-weight 0=1,1=50",
        "--class-weight balanced",
        "--sampling balanced",
    ] {
        let name = arguments.replace(['-', ' ', '=', ','], "");
        let (mean, found) = run(arguments, &name);
        assert!(
            (mean / share - 1.0).abs() < 0.35,
            "{arguments}: {mean} for {share}"
        );
        assert!(found > 100, "{arguments}: {found}");
        let (raw, same) = run(
            &format!("{arguments} --no-prior-correction"),
            &format!("{name}-raw"),
        );
        assert!(raw > 5.0 * share, "{arguments}: {raw}");
        assert!(found.abs_diff(same) <= 2, "{arguments}: {found} {same}");
    }
    // Going on begins where training was before the correction: next to no rate moves nothing.
    let name = "classweightbalanced";
    let go_on = "--lr 1e-12 --epochs 1 --no-validation --test-fraction 0 --quiet --out on";
    place.succeed(&format!("train f.csv --continue {name} {go_on}"));
    let answers = |model: &str| {
        place
            .succeed(&format!("predict {model} f.csv --proba"))
            .stdout
    };
    for (before, after) in answers(name).lines().zip(answers("on").lines()).skip(1) {
        let p = |line: &str| line.rsplit(',').next().unwrap().parse::<f64>().unwrap();
        assert!((p(before) - p(after)).abs() < 1e-5, "{before} {after}");
    }
}

#[test]
fn a_metric_chooses_the_best_epoch_and_stops() {
    let place = Workplace::new();
    place.write("f.csv", frauds());
    let run = |metric: &str, out: &str| {
        place.train(&format!(
            "f.csv {} {metric} --patience 3 --out {out}",
            LINEAR.replace("--epochs 12", "--epochs 30")
        ));
        let log = events(&place.text(&format!("{out}/log.jsonl")));
        let epochs = log.iter().filter(|event| event["event"] == "epoch");
        let scores: Vec<f64> = epochs
            .filter_map(|epoch| epoch["validation_score"].as_f64())
            .collect();
        let best = log.last().unwrap()["best_epoch"].as_u64().unwrap() as usize;
        (scores, best, log.last().unwrap().clone())
    };
    for (name, larger) in [
        ("average_precision", true),
        ("auc", true),
        ("brier", false),
        ("mcc", true),
    ] {
        let (scores, best, end) = run(&format!("--metric {name}"), name);
        let is_better = |a: f64, b: f64| if larger { a > b } else { a < b };
        let first =
            (0..scores.len()).find(|&i| scores.iter().all(|other| !is_better(*other, scores[i])));
        assert_eq!(Some(best - 1), first, "{name}: {scores:?}");
        assert!(
            scores.len() == 30 || scores.len() == best + 3,
            "{name}: {scores:?}"
        );
        let found = end["validation"][name].as_f64().unwrap();
        assert!(
            (found - scores[best - 1]).abs() < 1e-6,
            "{name}: {found} {scores:?}"
        );
    }
    assert!(run("", "loss").0.is_empty());
    for (arguments, expected) in [
        ("--metric auc --validation-fraction 0", "no validation rows"),
        (
            "--metric rmse",
            "rmse, which has no value on the validation rows",
        ),
        ("--metric acuracy", "accuracy"),
        (
            "--threshold f1 --validation-fraction 0",
            "no validation rows",
        ),
        ("--threshold 1.5", "expected f1, youden, a probability"),
        ("--threshold f1 --loss hinge", "a loss of probabilities"),
        ("--class-weight 2=5", "classes of the target: \"0\", \"1\""),
        ("--class-weight 1=-5", "a weight above 0 for each class"),
        ("--class-weight fair", "a weight above 0 for each class"),
    ] {
        let message = place.refused(&format!("train f.csv {LINEAR} {arguments} --out x"));
        assert!(message.contains(expected), "{arguments}: {message}");
    }
}

#[test]
fn a_rare_class_of_several_brings_a_hint_too_and_no_threshold() {
    let place = Workplace::new();
    place.write(
        "m.csv",
        table(1500, |score, i| match (score > 1.6, i % 2) {
            (true, _) => "rare".to_owned(),
            (_, even) => ["x", "y"][even].to_owned(),
        }),
    );
    let plain = place.succeed(&format!("train m.csv {LINEAR} --out plain"));
    let hint = "is never found: its probability is never the largest: --class-weight balanced answers it more often";
    assert!(
        plain.stderr.contains("class \"rare\" (") && plain.stderr.contains(hint),
        "{}",
        plain.stderr
    );
    let weighted = place.succeed(&format!(
        "train m.csv {LINEAR} --class-weight balanced --out w"
    ));
    assert!(
        !weighted.stderr.contains("never found"),
        "{}",
        weighted.stderr
    );
    let found = |model: &str| {
        let answers = place.succeed(&format!("predict {model} m.csv")).stdout;
        answers.lines().filter(|line| *line == "rare").count()
    };
    assert!(
        found("plain") == 0 && found("w") > 50,
        "{} {}",
        found("plain"),
        found("w")
    );
    // The mean probability of a class is its share.
    let p = place.succeed("predict w m.csv --proba").stdout;
    let place_of = p
        .lines()
        .next()
        .unwrap()
        .split(',')
        .position(|name| name.ends_with("=rare"))
        .unwrap();
    let mean = p.lines().skip(1).map(|line| {
        line.split(',')
            .nth(place_of)
            .unwrap()
            .parse::<f64>()
            .unwrap()
    });
    let share = place.text("m.csv").matches("rare").count() as f64;
    assert!((mean.sum::<f64>() / share - 1.0).abs() < 0.35);
    let message = place.refused("train m.csv --target fraud --threshold f1 --out x");
    assert!(
        message.contains("the task multiclass, expected binary or multilabel"),
        "{message}"
    );
}

#[test]
fn the_linear_model_beside_a_run_is_weighted_corrected_and_decided_as_the_run_is() {
    let place = Workplace::new();
    place.write("f.csv", frauds());
    let three = table(1500, |score, i| match (score > 1.5, i % 2) {
        (true, _) => "rare".to_owned(),
        (_, even) => ["x", "y"][even].to_owned(),
    });
    place.write("m.csv", three);
    let by_lbfgs = "--hidden none --optimizer lbfgs --l2 1e-4 --epochs 60 --patience 60";
    for (index, (line, sampled)) in [
        ("f.csv --class-weight balanced", false),
        ("f.csv --class-weight 1=20,0=1 --no-prior-correction", false),
        ("f.csv --threshold f1", false),
        ("f.csv --threshold 0.05", false),
        ("m.csv --class-weight balanced", false),
        ("m.csv --sampling balanced", true),
    ]
    .into_iter()
    .enumerate()
    {
        let network =
            format!("{line} --target fraud --preset fast --hidden 8 --epochs 3 --out n{index}");
        let beside = &place.train(&network)["linear_model"];
        // A solver samples nothing: weights of the classes do the same.
        let line = if sampled {
            line.replace("--sampling", "--class-weight")
        } else {
            line.to_owned()
        };
        let own = &place.train(&format!("{line} --target fraud {by_lbfgs} --out l{index}"))["test"];
        for name in ["accuracy", "balanced_accuracy", "f1", "auc", "log_loss"] {
            let [a, b] = [beside, own].map(|scores| scores[name].as_f64().unwrap());
            assert!((a - b).abs() < 0.03, "{line}: {name} {a} {b}");
        }
    }
    // One that takes the place of the network is fitted to what was sampled, before it is corrected.
    place.train("f.csv --target fraud --preset fast --hidden 4 --lr 1e-6 --epochs 1 --or-linear --sampling balanced --out r");
    let shown = place.succeed("predict r f.csv --proba").stdout;
    let mean = shown
        .lines()
        .skip(1)
        .map(|line| line.split(',').nth(1).unwrap().parse::<f64>().unwrap());
    let share = place
        .text("f.csv")
        .lines()
        .filter(|line| line.ends_with(",1"))
        .count() as f64;
    let mean = mean.sum::<f64>() / share;
    assert!((0.7..1.4).contains(&mean), "{mean}");
}

#[test]
fn a_hint_on_a_rare_class_leads_to_what_can_be_done() {
    let place = Workplace::new();
    place.write("f.csv", frauds());
    let hint = |line: &str| {
        let told = place
            .succeed(&format!("train f.csv {LINEAR} {line}"))
            .stderr;
        let told = told.lines().find(|line| line.contains("is never found"));
        told.unwrap_or_default().to_owned()
    };
    // Without validation rows no threshold is chosen; without probabilities there is none.
    let told = hint("--no-validation --out a");
    let at = told
        .split("--threshold ")
        .nth(1)
        .unwrap()
        .split(',')
        .next()
        .unwrap();
    assert_eq!(
        hint(&format!("--no-validation --threshold {at} --out b")),
        ""
    );
    let told = hint("--loss hinge --out c");
    assert!(told.contains("--class-weight balanced"), "{told}");
    assert_eq!(hint("--loss hinge --class-weight balanced --out d"), "");
    // Columns that tell nothing are no matter of thresholds.
    let told =
        place.succeed("train f.csv --target fraud --drop a --epochs 3 --preset fast --out e");
    assert!(!told.stderr.contains("--threshold"), "{}", told.stderr);
}
