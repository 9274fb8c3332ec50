//! What does not fit is refused with an error; what only a caller's mistake can cause panics, and never hangs.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::common::*;
use thalweg_core::Isa;
use thalweg_core::cpu;
use thalweg_core::dataset::{Dataset, Features, FeaturesRef, Targets, Values};
use thalweg_core::engine::{Batch, Engine, Rows};
use thalweg_core::losses::LossScalar;
use thalweg_core::losses::{AnyLoss, LOSSES, Link, Loss, LossRows, TargetRows};
use thalweg_core::optimizers::Time;
use thalweg_core::precision::Dtype;
use thalweg_core::registry::Choice;
use thalweg_core::shape::stride;
use thalweg_core::spec::{NetworkSpec, TrainingSpec};
use thalweg_core::train::Run;

const TIME: Time = Time::new(1, 0.1);

/// A classifier of three classes that is large enough for a team of threads, for batches of 64 rows.
fn classifier(threads: usize) -> Box<dyn Engine> {
    let network = NetworkSpec::mlp(40, &[128], "relu", 3, Choice::new("cross_entropy"));
    cpu::engine(&network, &descent(0.1, 64, 1), threads).unwrap()
}

fn rows(count: usize) -> Dataset {
    Dataset {
        features: features(40, normals(1, 40 * count)),
        targets: Targets::Classes((0..count as u32).map(|row| row % 3).collect()),
        weights: None,
    }
}

#[test]
fn batches_that_do_not_fit_are_refused_by_every_call() {
    let data = rows(100);
    let narrow = features(39, normals(1, 39 * 100));
    let numbers = values(1, vec![0.5; 100]);
    let too_few = Targets::Classes(vec![0; 99]);
    let weights = [1.0f32; 99];
    let mut ragged = [&[0.5f32; 100][..]; 40];
    ragged[7] = &weights;
    let whole = Batch::new(&data, Rows::Range(0, 64));
    let cases = [
        (
            Batch {
                features: narrow.view(),
                ..whole
            },
            "39 features",
        ),
        (
            Batch {
                rows: Rows::Range(90, 101),
                ..whole
            },
            "does not exist",
        ),
        (
            Batch {
                rows: Rows::Listed(&[3, 100]),
                ..whole
            },
            "does not exist",
        ),
        (
            Batch {
                targets: Some(numbers.view()),
                ..whole
            },
            "1 target values a row",
        ),
        (
            Batch {
                targets: Some(too_few.view()),
                ..whole
            },
            "99 targets",
        ),
        (
            Batch {
                weights: Some(&weights),
                ..whole
            },
            "weights of other rows",
        ),
        (
            Batch {
                features: FeaturesRef::columns(&ragged),
                ..whole
            },
            "40 columns of different lengths",
        ),
    ];
    for threads in [1, 2] {
        let mut engine = classifier(threads);
        let before = engine.save().unwrap();
        let vector = vec![1.0; before.parameters.len()];
        for (batch, expected) in &cases {
            for message in [
                message(engine.step(batch, TIME)),
                message(engine.loss_and_gradient(batch)),
                message(engine.hvp(batch, &vector)),
                message(engine.evaluation_gradient(batch)),
                message(engine.evaluate(batch, None)),
            ] {
                assert!(message.contains(expected), "{message}");
            }
        }
        let training_only = [
            (
                Batch {
                    rows: Rows::Range(0, 65),
                    ..whole
                },
                "65 rows",
            ),
            (
                Batch {
                    rows: Rows::NONE,
                    ..whole
                },
                "rows with targets",
            ),
            (
                Batch {
                    targets: None,
                    ..whole
                },
                "rows with targets",
            ),
        ];
        for (batch, expected) in &training_only {
            for message in [
                message(engine.step(batch, TIME)),
                message(engine.hvp(batch, &vector)),
            ] {
                assert!(message.contains(expected), "{message}");
            }
        }
        assert_eq!(engine.save().unwrap(), before);
        // The rows to come are a hint, and need not exist.
        let hint = Batch {
            rows: Rows::Listed(&[3, 1]),
            upcoming: Rows::Listed(&[100, u32::MAX]),
            ..whole
        };
        engine.step(&hint, TIME).unwrap();
    }
}

#[test]
fn a_class_that_does_not_exist_panics_in_any_thread_and_the_engine_lives_on() {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    for threads in [1, 2, 3] {
        let mut engine = classifier(threads);
        for row in [0, 20, 40, 63] {
            let mut data = rows(64);
            if let Targets::Classes(classes) = &mut data.targets {
                classes[row] = 1000;
            }
            let mut step = || engine.step(&Batch::all(&data), TIME).is_ok();
            assert!(catch_unwind(AssertUnwindSafe(&mut step)).is_err());
            assert!(engine.step(&Batch::all(&rows(64)), TIME).is_ok());
        }
    }
    std::panic::set_hook(hook);
}

#[test]
fn datasets_that_do_not_fit_are_refused_before_training() {
    let engine = |loss: &str, outputs| {
        let network = NetworkSpec::mlp(1, &[], "relu", outputs, Choice::new(loss));
        let spec = TrainingSpec {
            dtype: Dtype::F32,
            ..descent(0.1, 4, 1)
        };
        cpu::engine(&network, &spec, 1).unwrap()
    };
    let data = |x: Vec<f64>, targets| Dataset {
        features: features(1, x),
        targets,
        weights: None,
    };
    let two = || vec![1.0, 2.0];
    let cases = [
        (
            "mse",
            1,
            data(vec![1e39, 0.0], values(1, two())),
            "not finite in row 0",
        ),
        (
            "mse",
            1,
            data(two(), values(1, vec![0.0, 1e300])),
            "finite numbers",
        ),
        (
            "mae",
            1,
            data(two(), Targets::Classes(vec![0, 1])),
            "found classes",
        ),
        (
            "logistic",
            1,
            data(two(), values(1, vec![0.0, 20.0])),
            "found 20 in row 1, expected probabilities from 0 to 1",
        ),
        (
            "logistic",
            1,
            data(two(), Targets::Classes(vec![0, 2])),
            "class 2 in row 1",
        ),
        (
            "logistic",
            2,
            data(two(), Targets::Classes(vec![0, 1])),
            "a single output",
        ),
        (
            "cross_entropy",
            2,
            data(two(), Targets::Classes(vec![0, 2])),
            "classes below 2",
        ),
        (
            "cross_entropy",
            2,
            data(two(), values(2, vec![0.5, 0.5, 0.5, 0.4])),
            "row 1, which does not add up to 1",
        ),
    ];
    for (loss, outputs, data, expected) in cases {
        let message = message(engine(loss, outputs).check(&Batch::all(&data), 0));
        assert!(message.contains(expected), "{message}");
    }
    let ragged = Dataset {
        features: Features {
            width: 2,
            values: Values::F32(vec![0.0; 5]),
        },
        targets: values(1, two()),
        weights: None,
    };
    let network = NetworkSpec::mlp(2, &[], "relu", 1, Choice::new("mse"));
    let engine_of_two = cpu::engine(&network, &descent(0.1, 4, 1), 1).unwrap();
    assert!(message(engine_of_two.check(&Batch::all(&ragged), 0)).contains("whole rows"));
    let weighted = |weights: [f32; 2]| Dataset {
        weights: Some(weights.to_vec()),
        ..data(two(), values(1, two()))
    };
    for (wrong, found) in [(f32::NAN, "NaN in row 18"), (-1.0, "-1 in row 18")] {
        let rows = weighted([1.0, wrong]);
        let message = message(engine("mse", 1).check(&Batch::all(&rows), 17));
        assert!(
            message.contains("weights") && message.contains(found),
            "{message}"
        );
    }
    let message = message(Run::new(
        engine("mse", 1),
        &descent(0.1, 4, 1),
        &weighted([0.0; 2]),
        None,
    ));
    assert!(message.contains("0 for every row"), "{message}");
}

#[test]
fn sizes_beyond_all_reason_are_refused_and_not_tried() {
    let build = |network: &NetworkSpec, spec: &TrainingSpec| message(cpu::engine(network, spec, 2));
    let mlp = |hidden: &[usize]| NetworkSpec::mlp(4, hidden, "relu", 1, Choice::new("mse"));
    let spec = descent(0.1, 4, 1);
    let huge = build(&mlp(&[1 << 24, 1 << 24]), &spec);
    assert!(huge.contains("layer 2 (dense)"), "{huge}");
    for (spec, name) in [
        (
            TrainingSpec {
                batch_size: usize::MAX,
                ..spec.clone()
            },
            "`batch_size`",
        ),
        (
            TrainingSpec {
                epochs: usize::MAX,
                ..spec.clone()
            },
            "`epochs`",
        ),
        (
            TrainingSpec {
                batch_size: 0,
                ..spec.clone()
            },
            "`batch_size`",
        ),
        (
            TrainingSpec {
                learning_rate: f64::NAN,
                ..spec.clone()
            },
            "`learning_rate`",
        ),
    ] {
        let message = build(&mlp(&[8]), &spec);
        assert!(message.starts_with(name), "{message}");
    }
}

#[test]
fn losses_of_large_logits_in_single_precision_lose_nothing() {
    // Two equal logits: log 2 whatever they are. The logistic slope at z = 17 for y = 1 is −σ(−17).
    let spec = TrainingSpec {
        dtype: Dtype::F32,
        ..descent(0.1, 1, 1)
    };
    for z in [1.0, 1e4, 1e6, 1e7] {
        let network = network(1, "cross_entropy", vec![without_bias(dense(2, "identity"))]);
        let mut engine = cpu::engine(&network, &spec, 1).unwrap();
        engine.load(&state(&[z, z])).unwrap();
        let data = Dataset {
            features: features(1, vec![1.0]),
            targets: Targets::Classes(vec![1]),
            weights: None,
        };
        let (loss, _) = engine.loss_and_gradient(&Batch::all(&data)).unwrap();
        assert!((loss - 2f64.ln()).abs() < 1e-7, "{loss} at {z}");
    }
    let network = network(1, "logistic", vec![without_bias(dense(1, "identity"))]);
    let mut engine = cpu::engine(&network, &spec, 1).unwrap();
    engine.load(&state(&[17.0])).unwrap();
    let data = pairs(&[(1.0, 1.0)]);
    let (_, gradient) = engine.loss_and_gradient(&Batch::all(&data)).unwrap();
    let exact = -1.0 / (1.0 + 17f64.exp());
    assert!((gradient[0] / exact - 1.0).abs() < 1e-6, "{}", gradient[0]);
}

#[test]
fn no_loss_overflows_where_logits_are_large() {
    fn check<T: LossScalar>(
        name: &str,
        loss: &dyn AnyLoss,
        outputs: usize,
        targets: TargetRows<T>,
    ) {
        let stride = stride(outputs);
        // Every output at ±1e4, in every combination.
        let rows = 1 << outputs;
        let mut z = vec![T::ZERO; rows * stride];
        for (row, z) in z.chunks_exact_mut(stride).enumerate() {
            for (output, z) in z[..outputs].iter_mut().enumerate() {
                *z = T::from_f64(if row >> output & 1 == 1 { 1e4 } else { -1e4 });
            }
        }
        for isa in Isa::available() {
            let given = LossRows {
                isa,
                rows,
                outputs,
                stride,
                z: &z,
                targets,
                weights: None,
                scale: 1.0 / rows as f64,
            };
            let (mut dz, mut product) = (z.clone(), z.clone());
            let loss: &dyn Loss<T> = T::loss(loss);
            let value = loss.value_grad(given, &mut dz);
            loss.hvp(given, &z, &mut product);
            assert!(value.is_finite(), "{name}: {value}");
            for derivative in dz.iter().chain(&product) {
                assert!(
                    derivative.to_f64().is_finite(),
                    "{name}: {dz:?} {product:?}"
                );
            }
            let mut predictions: Vec<f64> = z[..outputs].iter().map(|z| z.to_f64()).collect();
            loss.link().apply(&mut predictions);
            assert!(predictions.iter().all(|p| p.is_finite()), "{predictions:?}");
        }
    }
    for name in names(&LOSSES) {
        let loss = LOSSES.build(&Choice::new(name), &()).unwrap();
        let outputs = match loss.link() {
            Link::Softmax | Link::Scores => 3,
            _ => 1,
        };
        for targets in targets(name, outputs, 1 << outputs, 1) {
            match targets {
                Targets::Classes(classes) => {
                    check::<f32>(name, &*loss, outputs, TargetRows::Classes(&classes));
                    check::<f64>(name, &*loss, outputs, TargetRows::Classes(&classes));
                }
                Targets::Values { values, .. } => {
                    let single: Vec<f32> = values.iter().map(|value| *value as f32).collect();
                    check(name, &*loss, outputs, TargetRows::Values(&single));
                    check(name, &*loss, outputs, TargetRows::Values(&values));
                }
            }
        }
    }
}

#[test]
fn beyond_its_bend_the_poisson_loss_follows_its_tangent() {
    // e⁶⁴·(1 + z − 64) − y·z with the slope e⁶⁴ − y, by hand; e⁶⁴ = 6.235149080811617e27.
    let network = network(1, "poisson", vec![without_bias(dense(1, "identity"))]);
    let mut engine = cpu::engine(&network, &descent(0.1, 1, 1), 1).unwrap();
    for (z, loss, slope) in [
        (63.0, 2.29378315946961e27, 2.29378315946961e27),
        (64.0, 6.235149080811617e27, 6.235149080811617e27),
        (74.0, 6.858663988892779e28, 6.235149080811617e27),
        (1e4, 6.195867641602504e31, 6.235149080811617e27),
    ] {
        engine.load(&state(&[z])).unwrap();
        let data = pairs(&[(1.0, 3.0)]);
        let (found, gradient) = engine.loss_and_gradient(&Batch::all(&data)).unwrap();
        assert!((found / loss - 1.0).abs() < 1e-14, "{found:e} at {z}");
        assert!(
            (gradient[0] / slope - 1.0).abs() < 1e-14,
            "{gradient:?} at {z}"
        );
    }
}

#[test]
fn one_score_that_is_not_a_number_makes_the_loss_none() {
    let network = network(
        1,
        "multiclass_hinge",
        vec![without_bias(dense(4, "identity"))],
    );
    let data = Dataset {
        features: features(1, vec![1.0]),
        targets: Targets::Classes(vec![1]),
        weights: None,
    };
    for strange in 0..4 {
        let mut scores = [0.5, 1.0, 0.0, 0.25];
        scores[strange] = f64::NAN;
        let mut engine = cpu::engine(&network, &descent(0.1, 1, 1), 1).unwrap();
        engine.load(&state(&scores)).unwrap();
        let loss = engine.evaluate(&Batch::all(&data), None).unwrap();
        assert!(loss.is_nan(), "{loss} of {scores:?}");
    }
}

#[test]
fn parameters_that_stop_being_finite_are_reported_in_their_step() {
    // The gradient is finite, but 1e38 times it is not.
    let spec = TrainingSpec {
        dtype: Dtype::F32,
        ..descent(1e38, 1, 1)
    };
    let network = network(1, "mse", vec![without_bias(dense(1, "identity"))]);
    let mut engine = cpu::engine(&network, &spec, 1).unwrap();
    engine.load(&state(&[0.0])).unwrap();
    let data = pairs(&[(1.0, 100.0)]);
    let message = message(engine.step(&Batch::all(&data), Time::new(1, 1e38)));
    assert!(
        message.contains("largest parameter became inf"),
        "{message}"
    );
    // Max-norm makes 0·∞ of it.
    let spec = TrainingSpec {
        max_norm: Some(1.0),
        ..spec
    };
    let mut engine = cpu::engine(&network, &spec, 1).unwrap();
    let time = Time::new(1, 1e38);
    let error = engine.step(&Batch::all(&data), time).unwrap_err();
    let message = error.to_string();
    assert!(
        message.contains("largest parameter became NaN"),
        "{message}"
    );
}

#[test]
fn an_engine_to_load_draws_nothing_and_answers_like_any_other_once_loaded() {
    let network = NetworkSpec::mlp(3, &[5, 4], "tanh", 2, Choice::new("mse"));
    let spec = descent(0.1, 4, 1);
    let drawn = cpu::engine(&network, &spec, 1).unwrap().save().unwrap();
    let mut engine = cpu::engine_to_load(&network, &spec, 1).unwrap();
    assert_eq!(
        engine.save().unwrap().parameters,
        vec![0.0; 3 * 5 + 5 + 5 * 4 + 4 + 4 * 2 + 2]
    );
    engine.load(&drawn).unwrap();
    let rows = features(3, normals(1, 30));
    let mut other = cpu::engine(&network, &spec, 1).unwrap();
    assert_eq!(
        engine.predict(&rows).unwrap(),
        other.predict(&rows).unwrap()
    );
}
