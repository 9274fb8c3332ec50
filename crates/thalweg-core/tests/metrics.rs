//! Metrics against scikit-learn (`oracles/scikit_learn/metrics.json`).

use serde_json::Value;
use thalweg_core::dataset::Targets;
use thalweg_core::losses::Link;
use thalweg_core::metrics::{Answers, Decision, METRICS, Threshold, confusion, scores};
use thalweg_core::registry::{Choice, Setting};

fn cases() -> Value {
    let text = include_str!("../../../oracles/scikit_learn/metrics.json");
    let file: Value = serde_json::from_str(text).unwrap();
    file["cases"].clone()
}

fn numbers(value: &Value) -> Vec<f64> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|x| x.as_f64().unwrap())
        .collect()
}

fn classes(value: &Value) -> Targets {
    Targets::Classes(numbers(value).into_iter().map(|x| x as u32).collect())
}

fn weights(case: &Value) -> Option<Vec<f32>> {
    let weights = &case["weights"];
    (!weights.is_null()).then(|| numbers(weights).into_iter().map(|w| w as f32).collect())
}

/// Compares every metric that is defined for the answers; `expected` pairs all their names with the oracle's.
fn compare(case: &Value, answers: &Answers, expected: &[(&str, &str)]) {
    let scores = scores(answers);
    for (name, _) in &scores {
        let has_oracle = expected.iter().any(|(ours, _)| ours == name);
        assert!(has_oracle, "metric {name} has no oracle");
    }
    for (ours, theirs) in expected {
        let (_, found) = scores.iter().find(|(name, _)| name == ours).unwrap();
        let wanted = case[*theirs].as_f64().unwrap();
        assert!(
            (found - wanted).abs() <= 1e-14 * wanted.abs().max(1.0),
            "{ours}: {found} {wanted}"
        );
    }
    if let Some(matrix) = confusion(answers) {
        let wanted: Vec<Vec<f64>> = case["confusion"]
            .as_array()
            .unwrap()
            .iter()
            .map(numbers)
            .collect();
        assert_eq!(matrix, wanted);
    }
}

#[test]
fn regression_is_scored_as_scikit_learn_scores_it() {
    for name in [
        "regression",
        "regression_two",
        "regression_weighted",
        "regression_two_weighted",
    ] {
        let case = &cases()[name];
        let width = case["outputs"].as_u64().unwrap() as usize;
        let targets = Targets::Values {
            width,
            values: numbers(&case["targets"]),
        };
        let (predictions, weights) = (numbers(&case["predictions"]), weights(case));
        let answers =
            Answers::new(Link::Identity, &predictions, &targets, weights.as_deref()).unwrap();
        compare(
            case,
            &answers,
            &[("rmse", "rmse"), ("mae", "mae"), ("r2", "r2")],
        );
    }
}

#[test]
fn two_classes_are_scored_as_scikit_learn_scores_them() {
    for name in ["binary", "binary_weighted"] {
        let case = &cases()[name];
        let (targets, predictions) = (classes(&case["labels"]), numbers(&case["scores"]));
        let weights = weights(case);
        let answers =
            Answers::new(Link::Sigmoid, &predictions, &targets, weights.as_deref()).unwrap();
        compare(
            case,
            &answers,
            &[
                "accuracy",
                "auc",
                "f1",
                "balanced_accuracy",
                "log_loss",
                "brier",
                "average_precision",
                "mcc",
            ]
            .map(|name| (name, name)),
        );
    }
}

#[test]
fn many_classes_are_scored_as_scikit_learn_scores_them() {
    for name in ["multiclass", "multiclass_weighted"] {
        let case = &cases()[name];
        let targets = classes(&case["labels"]);
        let predictions = numbers(&case["scores"]);
        let weights = weights(case);
        let answers =
            Answers::new(Link::Softmax, &predictions, &targets, weights.as_deref()).unwrap();
        compare(
            case,
            &answers,
            &[
                ("accuracy", "accuracy"),
                ("auc", "auc_ovr"),
                ("f1", "f1_macro"),
                ("balanced_accuracy", "balanced_accuracy"),
                ("log_loss", "log_loss"),
                ("brier", "brier"),
                ("average_precision", "average_precision"),
                ("mcc", "mcc"),
            ],
        );
        // Of the likeliest alone it is the accuracy.
        for (k, wanted) in [(1, "accuracy"), (2, "top_2")] {
            let choice = Choice::new("top_k").with("k", Setting::Integer(k));
            let found = METRICS.build(&choice, &()).unwrap().score(&answers);
            let wanted = case[wanted].as_f64().unwrap();
            assert!((found.unwrap() - wanted).abs() < 1e-14);
        }
    }
}

#[test]
fn labels_are_scored_as_scikit_learn_scores_them() {
    for name in ["multilabel", "multilabel_weighted"] {
        let case = &cases()[name];
        let targets = Targets::Values {
            width: 3,
            values: numbers(&case["labels"]),
        };
        let predictions = numbers(&case["scores"]);
        let weights = weights(case);
        let answers =
            Answers::new(Link::Sigmoid, &predictions, &targets, weights.as_deref()).unwrap();
        compare(
            case,
            &answers,
            &[
                ("accuracy", "subset_accuracy"),
                ("auc", "auc_macro"),
                ("f1", "f1_macro"),
                ("log_loss", "log_loss"),
                ("brier", "brier"),
                ("average_precision", "average_precision"),
            ],
        );
    }
}

#[test]
fn what_is_not_defined_is_left_out() {
    let targets = Targets::Classes(vec![1, 1]);
    let answers = Answers::new(Link::Sigmoid, &[0.2, 0.9], &targets, None).unwrap();
    let names: Vec<&str> = scores(&answers).into_iter().map(|(name, _)| name).collect();
    let defined = [
        "accuracy",
        "f1",
        "balanced_accuracy",
        "log_loss",
        "brier",
        "average_precision",
        "mcc",
    ];
    assert_eq!(names, defined);
    let nothing = Answers::new(Link::Sigmoid, &[0.2, 0.9], &targets, Some(&[0.0, 0.0])).unwrap();
    assert_eq!(scores(&nothing), [("f1", 0.0)]);
}

#[test]
fn a_number_learned_from_0_and_1_answers_class_1_from_one_half_on() {
    let targets = Targets::Classes(vec![0, 1, 1, 0]);
    let answers = Answers::new(Link::Identity, &[-0.2, 1.3, 0.4, 0.1], &targets, None).unwrap();
    let scores = scores(&answers);
    let score = |name: &str| scores.iter().find(|(n, _)| *n == name).unwrap().1;
    // Three of four are right, and both rows of class 1 stand above both of class 0.
    assert_eq!((score("accuracy"), score("auc")), (0.75, 1.0));
}

#[test]
fn errors_whose_squares_are_too_large_for_numbers_are_judged() {
    let targets = Targets::Values {
        width: 1,
        values: vec![3e200, -3e200, 0.0, 0.0],
    };
    let predictions = [2e200, -2e200, 1e200, -1e200];
    let answers = Answers::new(Link::Identity, &predictions, &targets, None).unwrap();
    let scores = scores(&answers);
    let score = |name: &str| scores.iter().find(|(n, _)| *n == name).unwrap().1;
    // Errors of 1e200 each, and a variance of 4.5e400.
    assert!((score("rmse") / 1e200 - 1.0).abs() < 1e-12);
    assert!((score("mae") / 1e200 - 1.0).abs() < 1e-12);
    assert!((score("r2") - (1.0 - 1.0 / 4.5)).abs() < 1e-12);
}

#[test]
fn answers_that_do_not_fit_the_truth_are_refused() {
    let classes = Targets::Classes(vec![0, 2]);
    let values = Targets::Values {
        width: 1,
        values: vec![0.0, 1.0],
    };
    for (link, predictions, targets, weights) in [
        (Link::Softmax, &[0.5, 0.5, 0.5, 0.5][..], &classes, None),
        (Link::Sigmoid, &[0.5], &classes, None),
        (Link::Identity, &[0.5, 0.5, 0.5], &values, None),
        (Link::Exponential, &[0.5, 0.5], &classes, None),
        (Link::Identity, &[0.5, 0.5], &values, Some(&[1.0][..])),
        (Link::Identity, &[], &Targets::Classes(Vec::new()), None),
    ] {
        assert!(Answers::new(link, predictions, targets, weights).is_err());
    }
}

#[test]
fn a_threshold_is_the_best_of_all_by_a_search_by_hand() {
    // Scores with ties, and weights, of which some are 0.
    let classes: Vec<u32> = (0..60)
        .map(|i| u32::from(i * i % 7 == 1 || i % 11 == 0))
        .collect();
    let p: Vec<f64> = (0..60)
        .map(|i| f64::from(i * 37 % 19) / 20.0 + if classes[i as usize] == 1 { 0.06 } else { 0.0 })
        .collect();
    let weights: Vec<f32> = (0..60).map(|i| (i % 5) as f32).collect();
    let targets = Targets::Classes(classes.clone());
    for weights in [None, Some(weights)] {
        let answers = Answers::new(Link::Sigmoid, &p, &targets, weights.as_deref()).unwrap();
        let weight = |row: usize| weights.as_ref().map_or(1.0, |all| f64::from(all[row]));
        let counts = |threshold: f64| {
            let mut counts = [[0.0; 2]; 2];
            for (row, class) in classes.iter().enumerate() {
                counts[*class as usize][usize::from(p[row] >= threshold)] += weight(row);
            }
            counts
        };
        let f1 = |t| {
            let [[_, wrong], [missed, hits]] = counts(t);
            2.0 * hits / (2.0 * hits + wrong + missed)
        };
        let youden = |t| {
            let [[right, wrong], [missed, hits]] = counts(t);
            hits / (hits + missed) - wrong / (right + wrong)
        };
        let cost = |t| {
            let [[_, wrong], [missed, _]] = counts(t);
            -(wrong + 3.5 * missed)
        };
        let criteria: [(&str, &dyn Fn(f64) -> f64); 3] =
            [("f1", &f1), ("youden", &youden), ("cost=1:3.5", &cost)];
        for (name, merit) in criteria {
            let threshold: Threshold = name.parse().unwrap();
            let found = threshold.choose(&answers, 0).unwrap();
            let best = (0..=10_000).map(|t| merit(f64::from(t) / 10_000.0));
            let best = best.fold(f64::NEG_INFINITY, f64::max);
            assert!(
                (merit(found) - best).abs() < 1e-12,
                "{name}: {found} {best}"
            );
            // Between two scores, so that it does not depend on their last bits.
            assert!(
                p.iter().all(|p| (p - found).abs() > 1e-3),
                "{name}: {found}"
            );
            // What answers is what was counted.
            let decision = Decision::Thresholds(vec![found]);
            let matrix = confusion(&answers.deciding(&decision)).unwrap();
            assert_eq!(matrix, counts(found).map(|row| row.to_vec()), "{name}");
        }
    }
}

#[test]
fn where_answering_never_or_always_is_best_the_threshold_is_beyond_all_scores() {
    let targets = Targets::Classes(vec![0, 1, 0, 1]);
    let p = [0.9, 0.3, 0.8, 1.0];
    let answers = Answers::new(Link::Sigmoid, &p, &targets, None).unwrap();
    let choose = |text: &str| {
        let threshold: Threshold = text.parse().unwrap();
        threshold.choose(&answers, 0).unwrap()
    };
    assert!(choose("cost=1:100") <= 0.3);
    let worse = Answers::new(Link::Sigmoid, &[1.0, 0.1, 0.2, 0.3], &targets, None).unwrap();
    let never: Threshold = "cost=100:1".parse().unwrap();
    assert!(never.choose(&worse, 0).unwrap() > 1.0);
    assert_eq!(choose("0.25"), 0.25);
    for bad in [
        "f2",
        "1.5",
        "-0.1",
        "nan",
        "cost=1",
        "cost=0:1",
        "cost=1:inf",
        "",
    ] {
        let error = bad.parse::<Threshold>().unwrap_err().to_string();
        assert!(
            error.contains("expected f1, youden, a probability"),
            "{bad}: {error}"
        );
    }
}

#[test]
fn classes_are_answered_by_the_largest_weighted_probability() {
    let targets = Targets::Classes(vec![0, 1, 2]);
    let p = [0.6, 0.3, 0.1, 0.5, 0.3, 0.2, 0.7, 0.1, 0.2];
    let answers = Answers::new(Link::Softmax, &p, &targets, None).unwrap();
    let decision = Decision::Weights(vec![1.0, 2.0, 4.0]);
    let matrix = confusion(&answers.deciding(&decision)).unwrap();
    // 0.6 before 0.6 and 0.4; then 0.8 before 0.6 and 0.5; then 0.8 before 0.7 and 0.2.
    assert_eq!(matrix, [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, 1.0]]);
}
