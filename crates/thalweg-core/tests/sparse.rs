//! Sparse rows train as the same rows stored dense.

use crate::common::*;
use thalweg_core::cpu::{self, Predictor};
use thalweg_core::dataset::{Dataset, Features, Targets, Values};
use thalweg_core::engine::{Batch, Engine, Rows};
use thalweg_core::optimizers::{OPTIMIZERS, Time};
use thalweg_core::precision::Dtype;
use thalweg_core::registry::{Choice, Setting};
use thalweg_core::sparse::{Csr, Numbers};
use thalweg_core::spec::{NetworkSpec, TrainingSpec};
use thalweg_core::train::{Run, train};

/// Rows of `width` columns of which every `apart`th, about, is not 0: dense, and the same sparse.
/// Some columns are 0 in all rows, and some rows in all columns.
fn pair(width: usize, apart: usize, rows: usize, targets: Targets) -> [Dataset; 2] {
    let mut random = random(11);
    let mut dense = vec![0.0; rows * width];
    let (mut starts, mut columns, mut numbers) = (vec![0], Vec::new(), Vec::new());
    for (row, values) in dense.chunks_exact_mut(width).enumerate() {
        for (column, value) in values.iter_mut().enumerate() {
            if row % 9 != 4 && column % 10 != 7 && random.uniform() * (apart as f64) < 1.0 {
                *value = random.normal();
                columns.push(column as u32);
                numbers.push(*value);
            }
        }
        starts.push(columns.len());
    }
    let sparse = Csr::new(width, starts, columns, Numbers::F64(numbers)).unwrap();
    [Values::F64(dense), Values::Sparse(sparse)].map(|values| Dataset {
        features: Features { width, values },
        targets: targets.clone(),
        weights: Some(weights(rows, 5)),
    })
}

/// The same network with a first layer that reads sparse rows.
fn sparse(dense: &NetworkSpec) -> NetworkSpec {
    let mut network = dense.clone();
    network.layers[0].name = "sparse".into();
    network
}

fn optimizer(name: &str, settings: &[(&str, f64)]) -> Choice {
    let set =
        |choice: Choice, (key, value): &(&str, f64)| choice.with(key, Setting::Number(*value));
    settings.iter().fold(Choice::new(name), set)
}

fn trained(
    network: &NetworkSpec,
    spec: &TrainingSpec,
    rows: &Dataset,
    threads: usize,
) -> Box<dyn Engine> {
    let engine = cpu::engine(network, spec, threads).unwrap();
    let mut run = Run::new(engine, spec, rows, None).unwrap();
    train(&mut run, &mut ()).unwrap();
    run.into_engine()
}

/// θ trained on sparse rows against θ trained on the same rows dense.
fn check(network: &NetworkSpec, spec: &TrainingSpec, [dense, rows]: &[Dataset; 2]) {
    let expected = trained(network, spec, dense, 1).save_parameters().unwrap();
    let engine = trained(&sparse(network), spec, rows, 2);
    let error = worst_error(&engine.save_parameters().unwrap(), &expected, 1e-2);
    assert!(error < 1e-12, "{error:e} with {network:?}, {spec:?}");
    let initial = cpu::engine(network, spec, 1).unwrap();
    assert_ne!(bits(&initial.save_parameters().unwrap()), bits(&expected));
}

#[test]
fn sparse_rows_train_as_dense_ones_with_every_optimizer() {
    let classes = |count: u32| Targets::Classes((0..70).map(|row| row * row % count).collect());
    let logistic =
        |hidden: &[usize]| NetworkSpec::mlp(90, hidden, "tanh", 1, Choice::new("logistic"));
    let softmax =
        |hidden: &[usize]| NetworkSpec::mlp(90, hidden, "silu", 3, Choice::new("cross_entropy"));
    let cases = [
        (logistic(&[]), 2),
        (logistic(&[3]), 2),
        (softmax(&[]), 3),
        (softmax(&[20, 5]), 3),
    ];
    let rows = [2, 3].map(|count| pair(90, 8, 70, classes(count)));
    let mut choices: Vec<Choice> = names(&OPTIMIZERS).into_iter().map(Choice::new).collect();
    choices.push(optimizer("sgd", &[("momentum", 0.0)]));
    choices.push(Choice::new("adagrad").with("mean", Setting::Flag(true)));
    for (index, choice) in choices.into_iter().enumerate() {
        for (at, (network, count)) in cases.iter().enumerate() {
            let spec = TrainingSpec {
                optimizer: choice.clone(),
                shuffle: true,
                ..descent(0.02, [1, 16, 33][(index + at) % 3], 2)
            };
            check(network, &spec, &rows[*count as usize - 2]);
        }
    }
}

#[test]
fn penalties_clipping_and_what_wraps_an_optimizer_are_those_of_dense_rows() {
    let rows = pair(
        90,
        8,
        70,
        Targets::Classes((0..70).map(|row| row % 2).collect()),
    );
    let network = NetworkSpec::mlp(90, &[6], "tanh", 1, Choice::new("logistic"));
    for name in ["gd", "adagrad"] {
        let base = || TrainingSpec {
            optimizer: Choice::new(name),
            ..descent(0.05, 16, 2)
        };
        for spec in [
            TrainingSpec {
                clip_value: Some(0.01),
                ..base()
            },
            TrainingSpec { l2: 0.1, ..base() },
            TrainingSpec {
                l2_sum: 0.1,
                ..base()
            },
            TrainingSpec { l1: 0.01, ..base() },
            TrainingSpec {
                ema: Some(0.9),
                ..base()
            },
            TrainingSpec {
                clip_norm: Some(0.1),
                ..base()
            },
            TrainingSpec {
                sam: Some(0.05),
                ..base()
            },
            TrainingSpec {
                max_norm: Some(0.3),
                ..base()
            },
        ] {
            check(&network, &spec, &rows);
        }
    }
}

/// A first layer of several items, and work enough for a team.
fn large() -> (NetworkSpec, [Dataset; 2]) {
    let targets = Targets::Classes((0..330).map(|row| row % 3).collect());
    let network = NetworkSpec::mlp(1000, &[40], "tanh", 3, Choice::new("cross_entropy"));
    (network, pair(1000, 30, 330, targets))
}

#[test]
fn threads_change_no_bit_of_sparse_rows() {
    let (network, rows) = large();
    for name in ["gd", "adagrad", "adam"] {
        for dtype in [Dtype::F32, Dtype::F64] {
            let spec = TrainingSpec {
                optimizer: Choice::new(name),
                shuffle: true,
                dtype,
                ..descent(0.05, 96, 2)
            };
            let states = [1, 2, 5].map(|threads| {
                let engine = trained(&sparse(&network), &spec, &rows[1], threads);
                bits(&engine.save().unwrap().parameters)
            });
            assert!(
                states[0] == states[1] && states[0] == states[2],
                "{name} {dtype}"
            );
        }
        let spec = TrainingSpec {
            optimizer: Choice::new(name),
            ..descent(0.05, 96, 2)
        };
        check(&network, &spec, &rows);
    }
}

/// Single weights of many inputs, most of which no batch has.
#[test]
fn rows_of_many_columns_train_as_dense_ones_and_threads_change_no_bit() {
    let targets = Targets::Classes((0..90).map(|row| row % 2).collect());
    let rows = pair(40_000, 1_500, 90, targets);
    let network = NetworkSpec::mlp(40_000, &[], "tanh", 1, Choice::new("logistic"));
    for name in ["gd", "adagrad"] {
        let spec = TrainingSpec {
            optimizer: Choice::new(name),
            shuffle: true,
            ..descent(0.05, 48, 2)
        };
        check(&network, &spec, &rows);
        let states = [1, 3, 7].map(|threads| {
            let engine = trained(&sparse(&network), &spec, &rows[1], threads);
            bits(&engine.save().unwrap().parameters)
        });
        assert!(states[0] == states[1] && states[0] == states[2], "{name}");
    }
}

#[test]
fn a_saved_state_goes_on_with_the_same_bits() {
    let (network, [_, rows]) = large();
    let spec = TrainingSpec {
        optimizer: Choice::new("adagrad"),
        ..descent(0.05, 110, 1)
    };
    let engine = || cpu::engine(&sparse(&network), &spec, 2).unwrap();
    let step = |engine: &mut dyn Engine, number: usize| {
        let batch = Batch::new(&rows, Rows::Range((number - 1) * 110, number * 110));
        engine.step(&batch, Time::new(number as u64, 0.05)).unwrap();
    };
    let (mut whole, mut before, mut after) = (engine(), engine(), engine());
    (1..=3).for_each(|number| step(&mut *whole, number));
    step(&mut *before, 1);
    after.load(&before.save().unwrap()).unwrap();
    (2..=3).for_each(|number| step(&mut *after, number));
    let [expected, resumed] = [whole, after].map(|engine| engine.save().unwrap());
    assert_eq!(bits(&expected.parameters), bits(&resumed.parameters));
    assert_eq!(bits(&expected.slots[0]), bits(&resumed.slots[0]));
    // Of inputs that are 0 in every row nothing has moved.
    let initial = engine().save_parameters().unwrap();
    let moved = |input: usize| expected.parameters[input].to_bits() != initial[input].to_bits();
    assert!(!moved(7) && !moved(997) && moved(8) && moved(996));
}

#[test]
fn predictions_and_losses_of_sparse_rows_are_those_of_dense_ones() {
    let (network, [dense, rows]) = large();
    let spec = descent(0.05, 96, 1);
    for network in [network.clone(), sparse(&network)] {
        let mut engine = cpu::engine(&network, &spec, 2).unwrap();
        let mut predicted = [Vec::new(), Vec::new()];
        let losses = [(0, &dense), (1, &rows)].map(|(at, rows)| {
            engine.check(&Batch::all(rows), 0).unwrap();
            engine
                .evaluate(&Batch::all(rows), Some(&mut predicted[at]))
                .unwrap()
        });
        assert_eq!(losses[0].to_bits(), losses[1].to_bits());
        assert_eq!(bits(&predicted[0]), bits(&predicted[1]));
        let parameters = engine.save_parameters().unwrap();
        let predictor = Predictor::new(&network, Dtype::F64, &parameters).unwrap();
        let all = predictor.predict(&rows.features, 2).unwrap();
        assert_eq!(bits(&all), bits(&predicted[0]));
    }
}

#[test]
fn sparse_rows_that_do_not_fit_are_refused() {
    let network = large().0;
    let spec = descent(0.05, 96, 1);
    let engine = cpu::engine(&sparse(&network), &spec, 1).unwrap();
    let of_width = |width: usize, number: f64| {
        let numbers = Numbers::F64(vec![1.0, number]);
        let values = Values::Sparse(Csr::new(width, vec![0, 1, 2], vec![3, 5], numbers).unwrap());
        let features = Features {
            width: 1000,
            values,
        };
        let targets = Targets::Classes(vec![0, 1]);
        Dataset {
            features,
            targets,
            weights: None,
        }
    };
    let refused = |rows: Dataset| message(engine.check(&Batch::all(&rows), 0));
    assert!(refused(of_width(900, 1.0)).contains("sparse rows of 900 columns"));
    assert!(refused(of_width(1000, f64::NAN)).contains("not finite in row 1"));
    engine.check(&Batch::all(&of_width(1000, 1.0)), 0).unwrap();

    let second = vec![
        dense(4, "tanh"),
        sparse(&network).layers[0].clone(),
        dense(3, "identity"),
    ];
    let network = crate::common::network(1000, "cross_entropy", second);
    assert!(message(cpu::engine(&network, &spec, 1)).contains("the first layer"));
    let augmented = TrainingSpec {
        augment: vec![Choice::new("mixup")],
        ..spec
    };
    let refusal = message(cpu::engine(&sparse(&large().0), &augmented, 1));
    assert!(refusal.contains("sparse rows"), "{refusal}");
}
