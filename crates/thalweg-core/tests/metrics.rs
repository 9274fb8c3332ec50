//! Metrics against scikit-learn (`oracles/scikit_learn/metrics.json`).

use serde_json::Value;
use thalweg_core::dataset::Targets;
use thalweg_core::losses::Link;
use thalweg_core::metrics::{Answers, confusion, scores};

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
            &[("accuracy", "accuracy"), ("auc", "auc"), ("f1", "f1")],
        );
    }
}

#[test]
fn many_classes_are_scored_as_scikit_learn_scores_them() {
    for name in ["multiclass", "multiclass_weighted"] {
        let case = &cases()[name];
        let targets = classes(&case["labels"]);
        let mut predictions = Vec::new();
        for class in numbers(&case["predicted"]) {
            predictions.extend([0.0, 1.0, 2.0].map(|c| if c == class { 0.4 } else { 0.3 }));
        }
        let weights = weights(case);
        let answers =
            Answers::new(Link::Softmax, &predictions, &targets, weights.as_deref()).unwrap();
        compare(
            case,
            &answers,
            &[("accuracy", "accuracy"), ("f1", "f1_macro")],
        );
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
            ],
        );
    }
}

#[test]
fn what_is_not_defined_is_left_out() {
    let targets = Targets::Classes(vec![1, 1]);
    let answers = Answers::new(Link::Sigmoid, &[0.2, 0.9], &targets, None).unwrap();
    let names: Vec<&str> = scores(&answers).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["accuracy", "f1"]);
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
