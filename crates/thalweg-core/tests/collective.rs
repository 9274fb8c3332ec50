//! Batches that are cut into groups and shared among ranks: one engine and several end in the same
//! bits, or stop together.

use crate::common::*;
use thalweg_core::collective::{self, Collective, part};
use thalweg_core::cpu;
use thalweg_core::dataset::{Dataset, Features, Targets, Values};
use thalweg_core::engine::{Batch, Engine, Rows, State, StepReport};
use thalweg_core::error::{Error, Result};
use thalweg_core::optimizers::Time;
use thalweg_core::precision::Dtype;
use thalweg_core::registry::{Choice, Setting};
use thalweg_core::spec::{Batches, NetworkSpec, Reduction, TrainingSpec};

const INPUTS: usize = 24;
const ROWS: usize = 150;
const BATCH: usize = 41;
const CLASSES: u32 = 3;

/// Rows of three classes with weights; the first input is a code below 5 where the network takes
/// codes.
fn data(is_coded: bool) -> Dataset {
    let mut x = normals(1, ROWS * INPUTS);
    if is_coded {
        for (row, x) in x.chunks_exact_mut(INPUTS).enumerate() {
            x[0] = (row * 7 % 5) as f64;
        }
    }
    Dataset {
        features: features(INPUTS, x),
        targets: Targets::Classes((0..ROWS as u32).map(|i| i * i % CLASSES).collect()),
        weights: Some(weights(ROWS, 2)),
    }
}

fn layer(name: &str, settings: &[(&str, i64)]) -> Choice {
    let set =
        |choice: Choice, (name, value): &(&str, i64)| choice.with(name, Setting::Integer(*value));
    settings.iter().fold(Choice::new(name), set)
}

/// Networks, and whether they take codes.
fn networks() -> Vec<(NetworkSpec, bool)> {
    let last = || dense(CLASSES as usize, "identity");
    let dropout = || Choice::new("dropout").with("rate", Setting::Number(0.4));
    let wrapped = |name, inner| Choice::new(name).with("layer", Setting::Choice(inner));
    let conv = || layer("conv2d", &[("channels", 5), ("kernel", 3), ("padding", 1)]);
    let body = vec![conv(), layer("group_norm", &[("groups", 5)])];
    let embedding = Choice::new("embedding")
        .with("levels", Setting::Integers(vec![5]))
        .with("widths", Setting::Integers(vec![3]));
    let lists = [
        (vec![dense(70, "tanh"), dense(33, "relu"), last()], false),
        (vec![last()], false),
        (vec![dense(16, "gelu"), dropout(), last()], false),
        (
            vec![
                layer("unflatten", &[("channels", 1), ("height", 4), ("width", 6)]),
                conv(),
                Choice::new("residual").with("layers", Setting::Choices(body)),
                layer("max_pool", &[("kernel", 2)]),
                dropout(),
                Choice::new("flatten"),
                last(),
            ],
            false,
        ),
        (vec![embedding, dense(20, "tanh"), dropout(), last()], true),
        (
            vec![
                wrapped("weight_norm", dense(20, "tanh")),
                wrapped("spectral_norm", dense(12, "tanh")),
                Choice::new("layer_norm"),
                last(),
            ],
            false,
        ),
    ];
    let of = |(layers, is_coded)| (network(INPUTS, "cross_entropy", layers), is_coded);
    lists.map(of).into_iter().collect()
}

/// Ways to train, one of which each network takes.
fn specs() -> Vec<TrainingSpec> {
    let base = |optimizer: &str| TrainingSpec {
        optimizer: Choice::new(optimizer),
        ..descent(0.01, BATCH, 1)
    };
    vec![
        base("adam"),
        TrainingSpec {
            sam: Some(0.05),
            clip_norm: Some(0.3),
            ema: Some(0.9),
            ..base("sgd")
        },
        TrainingSpec {
            max_norm: Some(0.9),
            l2_sum: 0.1,
            ..base("lars")
        },
        TrainingSpec {
            reduction: Reduction::Sum,
            ..base("muon")
        },
    ]
}

/// The parts of a rank in every batch: as [`part`] has it, or of other sizes.
type Share = fn(usize, usize, usize) -> std::ops::Range<usize>;

/// Three epochs over the rows in batches of which the last is short, on so many ranks. What each
/// ends with.
fn trained(
    case: (&NetworkSpec, &TrainingSpec, &Dataset),
    ranks: usize,
    threads: usize,
    share: Share,
) -> Vec<(State, Vec<StepReport>)> {
    trained_in(BATCH, case, ranks, threads, share)
}

/// The same in batches of so many rows.
fn trained_in(
    count: usize,
    (network, spec, data): (&NetworkSpec, &TrainingSpec, &Dataset),
    ranks: usize,
    threads: usize,
    share: Share,
) -> Vec<(State, Vec<StepReport>)> {
    on_ranks(network, spec, ranks, threads, |engine, rank| {
        let order: Vec<u32> = (0..ROWS as u32).map(|i| i * 7 % ROWS as u32).collect();
        let mut reports = Vec::new();
        for epoch in 0..3 {
            for (index, rows) in order.chunks(count).enumerate() {
                let rows = &rows[share(rows.len(), rank, ranks)];
                let step = epoch * 10 + index as u64 + 1;
                let batch = Batch::new(data, Rows::Listed(rows));
                reports.push(engine.step(&batch, Time::new(step, 0.02)).unwrap());
            }
        }
        (engine.save().unwrap(), reports)
    })
}

/// Runs a job with an engine on each rank, in threads; a single rank has no collective.
fn on_ranks<R: Send>(
    network: &NetworkSpec,
    spec: &TrainingSpec,
    ranks: usize,
    threads: usize,
    job: impl Fn(&mut dyn Engine, usize) -> R + Sync,
) -> Vec<R> {
    if ranks == 1 {
        let mut engine = cpu::engine(network, spec, threads).unwrap();
        return vec![job(&mut *engine, 0)];
    }
    let job = &job;
    std::thread::scope(|scope| {
        let ends = collective::threads(ranks).unwrap().into_iter();
        let handles: Vec<_> = ends
            .map(|end| {
                scope.spawn(move || {
                    let rank = end.rank();
                    let mut engine =
                        cpu::engine_with_collective(network, spec, threads, Box::new(end)).unwrap();
                    job(&mut *engine, rank)
                })
            })
            .collect();
        (handles.into_iter())
            .map(|handle| handle.join().unwrap())
            .collect()
    })
}

fn grouped(spec: &TrainingSpec, groups: usize) -> TrainingSpec {
    TrainingSpec {
        batches: Batches {
            groups: Some(groups),
            ..Batches::default()
        },
        ..spec.clone()
    }
}

#[test]
fn one_two_and_four_ranks_end_in_the_same_bits_with_groups() {
    let mut cases = 0;
    for (network, is_coded) in networks() {
        let data = data(is_coded);
        for (spec, dtype) in specs()
            .iter()
            .zip([Dtype::F32, Dtype::F64, Dtype::Bf16, Dtype::F32])
        {
            let groups = [4, 12, 8][cases % 3];
            let spec = TrainingSpec {
                dtype,
                ..grouped(spec, groups)
            };
            let one = trained((&network, &spec, &data), 1, 1, part);
            let others = [[(1, 2), (2, 1), (4, 1)], [(1, 3), (2, 2), (4, 2)]][cases % 2];
            for (ranks, threads) in others {
                for other in trained((&network, &spec, &data), ranks, threads, part) {
                    assert!(
                        other == one[0],
                        "{network:?}, {spec:?}, {ranks} ranks, {threads} threads"
                    );
                }
            }
            cases += 1;
        }
    }
    assert_eq!(cases, 24);
}

#[test]
fn augmented_rows_of_a_group_are_the_same_on_any_rank() {
    let network = NetworkSpec {
        image: Some([1, 4, 6]),
        ..networks()[2].0.clone()
    };
    let data = data(false);
    let spec = TrainingSpec {
        augment: ["flip", "noise", "mixup"].map(Choice::new).to_vec(),
        ..grouped(&specs()[0], 4)
    };
    let one = trained((&network, &spec, &data), 1, 2, part);
    assert!(
        trained((&network, &spec, &data), 2, 1, part)
            .iter()
            .all(|other| *other == one[0])
    );
    let plain = TrainingSpec {
        augment: Vec::new(),
        ..spec
    };
    assert_ne!(trained((&network, &plain, &data), 1, 2, part), one);
}

/// How far two vectors are apart, relative to the larger component.
fn distance(a: &[f64], b: &[f64]) -> f64 {
    assert!(a.len() == b.len() && !a.is_empty());
    let largest = a.iter().fold(0.0f64, |m, a| m.max(a.abs()));
    let apart = a
        .iter()
        .zip(b)
        .fold(0.0f64, |m, (a, b)| m.max((a - b).abs()));
    apart / largest
}

/// With dropout, whose masks would be others if a rank did not know the positions of its rows.
#[test]
fn ranks_without_groups_learn_what_one_does_however_they_share_the_rows() {
    // Of the last two rows the first rank has none.
    let by_thirds: Share = |rows, rank, ranks| match (rank, ranks) {
        (_, 1) => 0..rows,
        (0, _) => 0..rows / 3,
        _ => rows / 3..rows,
    };
    let (network, _) = &networks()[2];
    let data = data(false);
    for spec in specs() {
        let spec = TrainingSpec {
            dtype: Dtype::F64,
            batch_size: 60,
            ..spec
        };
        let case = (network, &spec, &data);
        let one = &trained_in(37, case, 1, 1, part)[0];
        for share in [part as Share, by_thirds] {
            let two = trained_in(37, case, 2, 2, share);
            assert_eq!(two[0], two[1]);
            assert!(distance(&one.0.parameters, &two[0].0.parameters) < 1e-9);
            for (one, two) in one.1.iter().zip(&two[0].1) {
                assert!((one.loss - two.loss).abs() < 1e-9);
            }
        }
    }
}

/// y = w·x + b with ½ squared error and weights, one step of gradient descent on two ranks of 3 and
/// 2 rows.
#[test]
fn sums_over_ranks_are_those_of_the_equation() {
    let (x, y, weight) = (
        [1.0, -2.0, 0.5, 3.0, -1.0],
        [2.0, 0.0, -1.0, 1.0, 4.0],
        [1.0f32, 0.5, 2.0, 0.0, 3.0],
    );
    let dataset = Dataset {
        features: features(1, x.to_vec()),
        targets: values(1, y.to_vec()),
        weights: Some(weight.to_vec()),
    };
    let network = network(1, "half_mse", vec![dense(1, "identity")]);
    for reduction in [Reduction::Mean, Reduction::Sum] {
        let spec = TrainingSpec {
            reduction,
            dtype: Dtype::F64,
            ..descent(0.1, 6, 1)
        };
        let (w, b, rate) = (0.75, -0.25, 0.1);
        let (mut loss, mut dw, mut db, mut total) = (0.0, 0.0, 0.0, 0.0);
        for ((x, y), weight) in x.iter().zip(y).zip(weight) {
            let (weight, error) = (f64::from(weight), w * x + b - y);
            loss += weight * error * error / 2.0;
            dw += weight * error * x;
            db += weight * error;
            total += weight;
        }
        // Weights are divided by their mean, and by the rows of both ranks.
        let mean_weight = 1.25;
        let scale = match reduction {
            Reduction::Mean => 1.0 / (mean_weight * 5.0),
            Reduction::Sum => 1.0 / mean_weight,
        };
        let ends = on_ranks(&network, &spec, 2, 1, |engine, rank| {
            engine.load_parameters(&[w, b]).unwrap();
            let rows = [Rows::Range(0, 3), Rows::Range(3, 5)][rank];
            let time = Time::new(1, rate);
            let batch = Batch {
                mean_weight,
                ..Batch::new(&dataset, rows)
            };
            let report = engine.step(&batch, time).unwrap();
            (report, engine.save_parameters().unwrap())
        });
        for (report, parameters) in ends {
            assert!((report.loss - loss / total).abs() < 1e-15);
            let norm = scale * f64::hypot(dw, db);
            assert!((report.gradient_norm - norm).abs() < 1e-13);
            let expected = [w - rate * scale * dw, b - rate * scale * db];
            assert!(
                worst_error(&parameters, &expected, 0.0) < 1e-14,
                "{parameters:?}"
            );
        }
    }
}

#[test]
fn groups_have_the_gradient_of_the_batch() {
    for (network, is_coded) in networks() {
        let data = data(is_coded);
        let batch = Batch::new(&data, Rows::Range(3, 3 + BATCH));
        let gradient = |spec: &TrainingSpec, threads| {
            let spec = TrainingSpec {
                dtype: Dtype::F64,
                ..spec.clone()
            };
            let mut engine = cpu::engine(&network, &spec, threads).unwrap();
            engine.loss_and_gradient(&batch).unwrap()
        };
        let plain = descent(0.1, BATCH, 1);
        let (loss, whole) = gradient(&plain, 1);
        for groups in [1, 3, 8, 64] {
            let (sum, added) = gradient(&grouped(&plain, groups), 2);
            assert!(
                (sum - loss).abs() < 1e-14 && distance(&whole, &added) < 1e-13,
                "{groups}"
            );
            assert_eq!(gradient(&grouped(&plain, groups), 1), (sum, added));
        }
    }
}

/// One step of two ranks; what each says, and whether its parameters are as they were.
fn one_step(
    spec: &TrainingSpec,
    data: &Dataset,
    rows: [Rows<'static>; 2],
) -> Vec<(Result<StepReport>, bool)> {
    let network = &networks()[0].0;
    on_ranks(network, spec, 2, 2, |engine, rank| {
        let before = engine.save().unwrap();
        let time = Time::new(1, 0.1);
        let outcome = engine.step(&Batch::new(data, rows[rank]), time);
        (outcome, engine.save().unwrap() == before)
    })
}

#[test]
fn a_loss_that_is_not_finite_on_one_rank_stops_all_of_them_where_they_were() {
    for (spec, groups) in specs().into_iter().zip([None, Some(2), Some(4), None]) {
        let spec = TrainingSpec {
            batches: Batches {
                groups,
                ..Batches::default()
            },
            ..spec
        };
        let halves = [Rows::Range(0, 20), Rows::Range(20, 41)];
        assert!(
            one_step(&spec, &data(false), halves)
                .iter()
                .all(|(outcome, _)| outcome.is_ok())
        );
        let mut data = data(false);
        let Features {
            values: Values::F64(x),
            ..
        } = &mut data.features
        else {
            panic!("double precision");
        };
        x[30 * INPUTS] = f64::NAN;
        let ends = one_step(&spec, &data, halves);
        let messages: Vec<String> = ends
            .into_iter()
            .map(|(outcome, is_as_before)| {
                let error = outcome.unwrap_err();
                assert!(
                    matches!(
                        error,
                        Error::Diverged {
                            quantity: "loss",
                            ..
                        }
                    ),
                    "{error}"
                );
                assert!(is_as_before, "{spec:?}");
                error.to_string()
            })
            .collect();
        assert_eq!(messages[0], messages[1]);
    }
}

#[test]
fn a_batch_that_one_rank_refuses_stops_the_others_too() {
    let data = data(false);
    let spec = descent(0.1, BATCH, 1);
    let says = |rows, spec: &TrainingSpec| -> Vec<String> {
        let ends = one_step(spec, &data, rows);
        assert!(ends.iter().all(|(_, is_as_before)| *is_as_before));
        ends.into_iter()
            .map(|(outcome, _)| outcome.unwrap_err().to_string())
            .collect()
    };
    let outside = says([Rows::Range(0, 20), Rows::Range(140, 160)], &spec);
    assert!(outside[0].contains("another rank") && outside[1].contains("does not exist"));
    let many = says([Rows::Range(0, 20), Rows::Range(20, 42)], &spec);
    assert!(
        many[0].contains("another rank") && many[1].contains("22 rows"),
        "{many:?}"
    );
    let none = says([Rows::NONE, Rows::NONE], &spec);
    assert!(
        none.iter()
            .all(|message| message.contains("rows with targets")),
        "{none:?}"
    );
    // With groups every rank has its very part of the batch.
    let shifted = says(
        [Rows::Range(0, 19), Rows::Range(19, 40)],
        &grouped(&spec, 4),
    );
    assert!(
        shifted.iter().all(|message| message.contains("of 40 rows")),
        "{shifted:?}"
    );
}

#[test]
fn no_rank_waits_for_an_engine_that_has_left() {
    let data = data(false);
    let ends = on_ranks(
        &networks()[0].0,
        &descent(0.1, BATCH, 1),
        2,
        1,
        |engine, rank| {
            let time = Time::new(1, 0.1);
            let batch = Batch::new(&data, Rows::Range(0, 20));
            (rank == 1).then(|| engine.step(&batch, time).unwrap_err().to_string())
        },
    );
    assert!(
        ends[1].as_ref().unwrap().contains("rank 0 left"),
        "{ends:?}"
    );
}

/// The engines outlive the threads, so that no end is dropped.
#[test]
fn no_rank_waits_for_one_whose_step_panics() {
    let mut data = data(false);
    let Targets::Classes(classes) = &mut data.targets else {
        panic!("classes");
    };
    classes[3] = 7;
    for threads in [1, 2] {
        let spec = descent(0.1, BATCH, 1);
        let engine = |end| {
            cpu::engine_with_collective(&networks()[0].0, &spec, threads, Box::new(end)).unwrap()
        };
        let mut engines: Vec<_> = (collective::threads(2).unwrap().into_iter())
            .map(engine)
            .collect();
        let rows = [Rows::Range(0, 20), Rows::Range(20, 41)];
        let outcomes: Vec<_> = std::thread::scope(|scope| {
            let data = &data;
            let handles: Vec<_> = (engines.iter_mut().zip(rows))
                .map(|(engine, rows)| {
                    let time = Time::new(1, 0.1);
                    scope.spawn(move || engine.step(&Batch::new(data, rows), time))
                })
                .collect();
            (handles.into_iter()).map(|handle| handle.join()).collect()
        });
        let [panicked, waited] = &outcomes[..] else {
            panic!("two ranks");
        };
        assert!(panicked.is_err());
        let error = waited.as_ref().unwrap().as_ref().unwrap_err().to_string();
        assert!(error.contains("rank 0 left"), "{error}");
    }
}

#[test]
fn what_needs_all_rows_in_one_place_is_refused_by_name() {
    let last = dense(3, "identity");
    let coupled = network(
        INPUTS,
        "cross_entropy",
        vec![dense(9, "tanh"), Choice::new("batch_norm"), last],
    );
    let spec = descent(0.1, BATCH, 1);
    let refused = |network: &NetworkSpec, spec: &TrainingSpec, ranks: usize| {
        let end = collective::threads(ranks).unwrap().swap_remove(0);
        let engine = cpu::engine_with_collective(network, spec, 1, Box::new(end));
        engine.err().map(|error| error.to_string())
    };
    let message = refused(&coupled, &spec, 2).unwrap();
    assert!(
        message.starts_with("layer 2 (batch_norm): found a batch that ranks share"),
        "{message}"
    );
    let message = cpu::engine(&coupled, &grouped(&spec, 4), 1)
        .err()
        .unwrap()
        .to_string();
    assert!(
        message.starts_with("layer 2 (batch_norm): found a batch that is cut"),
        "{message}"
    );
    let plain = &networks()[0].0;
    let message = refused(plain, &grouped(&spec, 6), 4).unwrap();
    assert!(message.contains("6 for 4 ranks"), "{message}");
    assert!(refused(plain, &grouped(&spec, 6), 2).is_none());
    let regression = network(INPUTS, "mse", vec![dense(1, "identity")]);
    let solver = TrainingSpec {
        optimizer: Choice::new("lbfgs"),
        dtype: Dtype::F64,
        ..spec.clone()
    };
    let message = refused(&regression, &solver, 2).unwrap();
    assert!(
        message.contains("lbfgs") && message.contains("ranks"),
        "{message}"
    );
    assert!(grouped(&solver, 2).resolve().is_err());
}
