//! Of several targets those that are missing: no loss, no slope, and every metric where they are known.

use thalweg_core::cpu;
use thalweg_core::dataset::{Dataset, Features, Targets, Values};
use thalweg_core::engine::Batch;
use thalweg_core::losses::{LOSSES, Link};
use thalweg_core::metrics::{Answers, scores, scores_of_outputs};
use thalweg_core::observe::EpochReport;
use thalweg_core::precision::Dtype;
use thalweg_core::registry::Choice;
use thalweg_core::spec::{NetworkSpec, TrainingSpec};
use thalweg_core::train::{Flow, Observer, Run, train};

const NAN: f64 = f64::NAN;

const ROWS: usize = 7;

/// θ of each of two linear outputs: weights and bias.
const THETA: [[f64; 4]; 2] = [[0.5, -1.0, 0.25, 0.1], [-0.75, 0.5, 1.5, -0.2]];

/// The rows `of` all, with these targets.
fn dataset(of: &[usize], targets: Vec<f64>, width: usize) -> Dataset {
    let x = |&row: &usize| (0..3).map(move |j| ((row * 37 + j * 11) % 19) as f64 / 10.0 - 0.9);
    Dataset {
        features: Features {
            width: 3,
            values: Values::F64(of.iter().flat_map(x).collect()),
        },
        targets: Targets::Values {
            width,
            values: targets,
        },
        weights: None,
    }
}

/// Loss and gradient of a linear model with some of the outputs; the gradient output by output.
fn of_outputs(loss: &str, outputs: &[usize], rows: &Dataset) -> (f64, Vec<[f64; 4]>) {
    let training = TrainingSpec {
        dtype: Dtype::F64,
        ..TrainingSpec::default()
    };
    let count = outputs.len();
    let network = NetworkSpec::mlp(3, &[], "identity", count, Choice::new(loss));
    let mut engine = cpu::engine(&network, &training, 1).unwrap();
    let weights = outputs.iter().flat_map(|j| THETA[*j][..3].iter());
    let biases = outputs.iter().map(|j| &THETA[*j][3]);
    let parameters: Vec<f64> = weights.chain(biases).copied().collect();
    engine.load_parameters(&parameters).unwrap();
    let (value, gradient) = engine.loss_and_gradient(&Batch::all(rows.view())).unwrap();
    let of = |j: usize| {
        let weights = &gradient[3 * j..][..3];
        [weights[0], weights[1], weights[2], gradient[3 * count + j]]
    };
    (value, (0..count).map(of).collect())
}

#[test]
fn loss_and_gradient_are_those_of_what_is_known() {
    let all: Vec<usize> = (0..ROWS).collect();
    let full: Vec<f64> = (0..2 * ROWS)
        .map(|i| f64::from(u8::from(i % 3 == 0)))
        .collect();
    // Row 2 has no target, rows 0 and 5 lack one.
    let missing = [0, 4, 5, 11];
    let mut masked = full.clone();
    missing.iter().for_each(|&at: &usize| masked[at] = NAN);
    let names = LOSSES.descriptions().into_iter().map(|loss| loss.name);
    let masks = |name: &&str| {
        let loss = LOSSES.build(&Choice::new(*name), &()).unwrap();
        loss.masks_missing()
    };
    let losses: Vec<&str> = names.filter(masks).collect();
    assert!(losses.len() >= 9, "{losses:?}");
    for loss in losses {
        let one = |j: usize, rows: &[usize]| {
            let targets = rows.iter().map(|row| full[2 * row + j]).collect();
            of_outputs(loss, &[j], &dataset(rows, targets, 1))
        };
        // A row's loss is the sum over its outputs, or the mean.
        let (whole, _) = of_outputs(loss, &[0, 1], &dataset(&all, full.clone(), 2));
        let share = whole / (one(0, &all).0 + one(1, &all).0);
        let (value, gradient) = of_outputs(loss, &[0, 1], &dataset(&all, masked.clone(), 2));
        let mut sum = 0.0;
        for j in 0..2 {
            let known: Vec<usize> = all
                .iter()
                .copied()
                .filter(|row| !masked[2 * row + j].is_nan())
                .collect();
            let (loss_j, gradient_j) = one(j, &known);
            let scale = share * known.len() as f64 / ROWS as f64;
            sum += scale * loss_j;
            for (ours, theirs) in gradient[j].iter().zip(gradient_j[0]) {
                assert!((ours - scale * theirs).abs() < 1e-13, "{loss} {j}: {ours}");
            }
        }
        assert!((value - sum).abs() < 1e-13, "{loss}: {value} {sum}");
    }
}

#[test]
fn reported_losses_are_means_over_what_is_known() {
    struct Told(f64, f64);
    impl Observer for Told {
        fn epoch(&mut self, _: &mut Run, report: &EpochReport) -> thalweg_core::Result<Flow> {
            *self = Told(report.train_loss, report.validation_loss.unwrap());
            Ok(Flow::Continue)
        }
    }
    // Row 2 has no target, rows 0, 3, 4 and 5 lack one.
    let missing = [0, 4, 5, 7, 8, 11];
    let target = |i: usize| if missing.contains(&i) { NAN } else { i as f64 };
    let targets: Vec<f64> = (0..2 * ROWS).map(target).collect();
    let all: Vec<usize> = (0..ROWS).collect();
    let network = NetworkSpec::mlp(3, &[], "identity", 2, Choice::new("mse"));
    let runs = ["sgd", "lbfgs"].map(|optimizer| [1, 3, ROWS].map(|size| (optimizer, size)));
    let runs = runs.iter().flatten();
    let runs = runs.flat_map(|run| [(false, run), (true, run)]);
    for (weighted, &(optimizer, batch_size)) in runs {
        let mut rows = dataset(&all, targets.clone(), 2);
        let weight = |row: usize| if weighted { 1.0 + row as f64 } else { 1.0 };
        rows.weights = weighted.then(|| all.iter().map(|row| weight(*row) as f32).collect());
        let Values::F64(x) = &rows.features.values else {
            unreachable!()
        };
        let (mut sum, mut known) = (0.0, 0.0);
        for (i, y) in targets.iter().enumerate().filter(|(_, y)| !y.is_nan()) {
            let (row, [a, b, c, bias]) = (i / 2, THETA[i % 2]);
            let z = a * x[3 * row] + b * x[3 * row + 1] + c * x[3 * row + 2] + bias;
            sum += weight(row) * (z - y).powi(2);
            known += weight(row);
        }
        // So small a rate that the loss of every batch is that of the first weights.
        let spec = TrainingSpec {
            optimizer: Choice::new(optimizer),
            learning_rate: 1e-16,
            batch_size,
            epochs: 1,
            dtype: Dtype::F64,
            ..TrainingSpec::default()
        };
        let mut engine = cpu::engine(&network, &spec, 1).unwrap();
        let weights = THETA.iter().flat_map(|theta| &theta[..3]);
        let theta: Vec<f64> = weights
            .chain(THETA.iter().map(|theta| &theta[3]))
            .copied()
            .collect();
        engine.load_parameters(&theta).unwrap();
        let mut run = Run::new(engine, &spec, &rows, Some(&rows)).unwrap();
        let mut told = Told(NAN, NAN);
        train(&mut run, &mut told).unwrap();
        let case = format!("{optimizer} {batch_size} {weighted}");
        assert!(
            (told.0 / (sum / known) - 1.0).abs() < 1e-12,
            "{case}: {} {}",
            told.0,
            sum / known
        );
        // A solver's first step is not small.
        if optimizer == "sgd" {
            assert!(
                (told.1 / (sum / known) - 1.0).abs() < 1e-12,
                "{case}: {}",
                told.1
            );
        }
    }
}

#[test]
fn a_single_target_or_a_class_is_never_missing() {
    let network = NetworkSpec::mlp(3, &[], "identity", 1, Choice::new("mse"));
    let engine = cpu::engine(&network, &TrainingSpec::default(), 1).unwrap();
    let rows = dataset(&[0, 1], vec![1.0, NAN], 1);
    assert!(engine.check(&Batch::all(rows.view()), 0).is_err());
    let network = NetworkSpec::mlp(3, &[], "identity", 2, Choice::new("cross_entropy"));
    let engine = cpu::engine(&network, &TrainingSpec::default(), 1).unwrap();
    let rows = dataset(&[0, 1], vec![1.0, 0.0, NAN, 1.0], 2);
    assert!(engine.check(&Batch::all(rows.view()), 0).is_err());
}

fn score(scores: &[(&str, f64)], name: &str) -> Option<f64> {
    scores
        .iter()
        .find(|(n, _)| *n == name)
        .map(|(_, score)| *score)
}

#[test]
fn metrics_are_the_mean_over_targets_where_each_is_known() {
    // Errors of 1, 3 in the first and 4 in the second target.
    let targets = [1.0, NAN, 2.0, 10.0, NAN, 20.0];
    let predictions = [2.0, 5.0, 5.0, 10.0, 0.0, 16.0];
    let targets = Targets::Values {
        width: 2,
        values: targets.to_vec(),
    };
    let answers = Answers::new(Link::Identity, &predictions, &targets, None).unwrap();
    let each = scores_of_outputs(&answers);
    assert_eq!(score(&each[0], "mae"), Some(2.0));
    assert_eq!(score(&each[1], "mae"), Some(2.0));
    assert_eq!(score(&each[0], "rmse"), Some(5f64.sqrt()));
    // 1 − 16/50.
    assert_eq!(score(&each[1], "r2"), Some(1.0 - 16.0 / 50.0));
    let all = scores(&answers);
    assert_eq!(score(&all, "mae"), Some(2.0));
    assert_eq!(score(&all, "rmse"), Some(0.5 * (5f64.sqrt() + 8f64.sqrt())));
}

#[test]
fn labels_that_are_missing_are_neither_right_nor_wrong() {
    let targets = Targets::Values {
        width: 2,
        values: vec![1.0, NAN, 0.0, 1.0, 1.0, 0.0, NAN, NAN],
    };
    let predictions = [0.9, 0.1, 0.2, 0.4, 0.7, 0.3, 0.5, 0.5];
    let answers = Answers::new(Link::Sigmoid, &predictions, &targets, None).unwrap();
    let all = scores(&answers);
    // The first and the third of three rows are right in all that is known of them.
    assert_eq!(score(&all, "accuracy"), Some(2.0 / 3.0));
    assert_eq!(score(&all, "auc"), Some(1.0));
    // F1 of 1 and of 0: the second label's only positive is missed.
    assert_eq!(score(&all, "f1"), Some(0.5));
}

#[test]
fn r2_is_not_defined_where_the_target_does_not_vary_and_such_targets_are_left_out() {
    let r2 = |width, targets: &[f64], predictions: &[f64]| {
        let targets = Targets::Values {
            width,
            values: targets.to_vec(),
        };
        let answers = Answers::new(Link::Identity, predictions, &targets, None).unwrap();
        score(&scores(&answers), "r2")
    };
    assert_eq!(r2(1, &[0.1, 0.1, 0.1], &[0.1, 0.1, 0.1]), None);
    let (targets, predictions) = ([1.0, 0.1, 3.0, 0.1], [1.0, 0.1, 2.0, 0.1]);
    // 1 − 1/2 of the first alone.
    assert_eq!(r2(2, &targets, &predictions), Some(0.5));
}
