//! Weights of rows: every batch size descends the same weighted objective, Σ w·l / Σ w of all rows.

use crate::common::*;
use thalweg_core::dataset::{Dataset, Targets};
use thalweg_core::engine::{Batch, Engine, Rows};
use thalweg_core::optimizers::{OPTIMIZERS, Time};
use thalweg_core::registry::{Choice, Setting};
use thalweg_core::spec::{Batches, NetworkSpec, Reduction, TrainingSpec};
use thalweg_core::train::{Run, train};

/// Networks and batches that go through each way to run a step.
fn ways() -> Vec<(NetworkSpec, TrainingSpec)> {
    let spec = |batch_size| descent(0.01, batch_size, 1);
    let linear = network(3, "half_mse", vec![dense(1, "identity")]);
    let mlp = network(3, "half_mse", vec![dense(5, "tanh"), dense(1, "identity")]);
    let in_groups = Batches {
        groups: Some(3),
        ..Batches::default()
    };
    let clipped = TrainingSpec {
        clip_norm: Some(1e9),
        ..spec(6)
    };
    let grouped = TrainingSpec {
        batches: in_groups,
        ..spec(6)
    };
    vec![
        (linear.clone(), spec(1)),
        (linear, spec(6)),
        (mlp.clone(), spec(6)),
        (mlp.clone(), clipped),
        (mlp, grouped),
    ]
}

fn with_optimizer(spec: &TrainingSpec, name: &str) -> TrainingSpec {
    TrainingSpec {
        optimizer: Choice::new(name),
        ..spec.clone()
    }
}

fn mean_weight(data: &Dataset) -> f64 {
    let weights = data.weights.as_ref().unwrap();
    weights.iter().map(|w| f64::from(*w)).sum::<f64>() / weights.len() as f64
}

/// All batches of `size` of the rows.
fn batches(rows: u32, size: usize) -> Vec<Vec<u32>> {
    let sets = (0u32..1 << rows).filter(|set| set.count_ones() as usize == size);
    sets.map(|set| (0..rows).filter(|row| set >> row & 1 == 1).collect())
        .collect()
}

/// What one update by plain descent subtracts, at a rate of 1, and ‖gradient‖.
fn step(engine: &mut dyn Engine, start: &[f64], batch: &Batch) -> (Vec<f64>, f64) {
    engine.load(&state(start)).unwrap();
    let time = Time::new(1, 1.0);
    let report = engine.step(batch, time).unwrap();
    let after = engine.save_parameters().unwrap();
    let moved = start
        .iter()
        .zip(after)
        .map(|(before, after)| before - after);
    (moved.collect(), report.gradient_norm)
}

#[test]
fn the_mean_gradient_of_all_batches_is_that_of_the_weighted_loss_of_all_rows() {
    let rows = 5;
    let mut data = dataset("half_mse", 3, 1, rows, 7);
    data.weights = Some(vec![0.5, 7.0, 0.0, 2.0, 1.0]);
    for (network, spec) in ways() {
        let mut descent = engine(&network, &with_optimizer(&spec, "gd"));
        let start = descent.save_parameters().unwrap();
        let (_, whole) = match spec.batch_size >= rows {
            true => descent.loss_and_gradient(&Batch::all(&data)).unwrap(),
            false => {
                let spec = TrainingSpec {
                    batch_size: rows,
                    ..spec.clone()
                };
                let all = Batch::all(&data);
                let mut other = engine(&network, &spec);
                other.load(&state(&start)).unwrap();
                other.loss_and_gradient(&all).unwrap()
            }
        };
        for size in 1..=rows.min(spec.batch_size) {
            let batches = batches(rows as u32, size);
            let mut mean = vec![0.0; start.len()];
            for rows in &batches {
                let batch = Batch {
                    mean_weight: mean_weight(&data),
                    ..Batch::new(&data, Rows::Listed(rows))
                };
                let (gradient, norm) = step(&mut *descent, &start, &batch);
                for (mean, g) in mean.iter_mut().zip(&gradient) {
                    *mean += g / batches.len() as f64;
                }
                // Whatever becomes of it, all optimizers get the same gradient.
                for name in names(&OPTIMIZERS) {
                    let mut engine = engine(&network, &with_optimizer(&spec, name));
                    let (_, other) = step(&mut *engine, &start, &batch);
                    assert!(
                        relative_error(norm, other, 1e-300) < 1e-12,
                        "{name}: {norm} {other}"
                    );
                }
            }
            let error = worst_error(&mean, &whole, 1e-3);
            assert!(
                error < 1e-12,
                "batches of {size}: {mean:?} is not {whole:?}"
            );
        }
    }
}

#[test]
fn the_gradient_of_one_row_is_in_proportion_to_its_weight() {
    // h = 0: the gradient of ½(y − h)² is −x·y, and the mean weight is 4.
    let mut data = pairs(&[(1.0, 2.0), (3.0, -1.0)]);
    data.weights = Some(vec![6.0, 2.0]);
    let layer = without_bias(dense(1, "identity"));
    let network = network(1, "half_mse", vec![layer]);
    for (reduction, wanted) in [
        (Reduction::Mean, [-3.0, 1.5]),
        (Reduction::Sum, [-3.0, 1.5]),
    ] {
        let spec = TrainingSpec {
            reduction,
            ..descent(1.0, 1, 1)
        };
        for (row, wanted) in wanted.into_iter().enumerate() {
            let batch = Batch {
                mean_weight: mean_weight(&data),
                ..Batch::new(&data, Rows::Range(row, row + 1))
            };
            let (gradient, _) = step(&mut *engine(&network, &spec), &[0.0], &batch);
            assert_eq!(gradient, [wanted]);
        }
    }
    // Both rows: the mean of the two, or their sum.
    for (reduction, wanted) in [(Reduction::Mean, -0.75), (Reduction::Sum, -1.5)] {
        let spec = TrainingSpec {
            reduction,
            ..descent(1.0, 2, 1)
        };
        let batch = Batch {
            mean_weight: 4.0,
            ..Batch::all(&data)
        };
        let (gradient, _) = step(&mut *engine(&network, &spec), &[0.0], &batch);
        assert_eq!(gradient, [wanted]);
    }
}

#[test]
fn weights_that_are_whole_numbers_are_repeated_rows_in_every_update() {
    let mut weighted = dataset("half_mse", 3, 1, 6, 3);
    // Each batch of three has the mean weight of all.
    let weights = [1u32, 2, 3, 2, 1, 3];
    let index: Vec<usize> = (0..6)
        .flat_map(|row| vec![row; weights[row] as usize])
        .collect();
    let Targets::Values { values: y, .. } = &weighted.targets else {
        panic!("no numbers");
    };
    let y: Vec<f64> = index.iter().map(|row| y[*row]).collect();
    let x: Vec<f64> = (index.iter())
        .flat_map(|row| weighted.features.view().row(*row).collect::<Vec<_>>())
        .collect();
    let repeated = rows(3, &x, &y);
    weighted.weights = Some(weights.map(|weight| weight as f32).to_vec());
    let network = network(3, "half_mse", vec![dense(5, "tanh"), dense(1, "identity")]);
    for name in names(&OPTIMIZERS) {
        let learn = |data: &Dataset, batch_size| {
            let spec = TrainingSpec {
                l2: 0.1,
                ..descent(0.01, batch_size, 4)
            };
            let spec = with_optimizer(&spec, name);
            let mut run = Run::new(engine(&network, &spec), &spec, data, None).unwrap();
            train(&mut run, &mut ()).unwrap();
            run.engine().save_parameters().unwrap()
        };
        let error = worst_error(&learn(&weighted, 3), &learn(&repeated, 6), 1e-3);
        assert!(error < 1e-10, "{name}: {error:e}");
    }
}

#[test]
fn descent_ends_at_the_weighted_solution_of_scikit_learn_at_every_batch_size() {
    let golden = golden("scikit_learn/weighted.json");
    let (rows, width) = (
        number(&golden, "rows") as usize,
        number(&golden, "features") as usize,
    );
    for case in list(&golden, "cases") {
        let loss = case["loss"].as_str().unwrap();
        let y = floats(case, "targets");
        let data = Dataset {
            features: features(width, floats(&golden, "x")),
            targets: match loss {
                "logistic" => Targets::Classes(y.iter().map(|y| *y as u32).collect()),
                _ => values(1, y),
            },
            weights: Some(
                floats(&golden, "weights")
                    .iter()
                    .map(|w| *w as f32)
                    .collect(),
            ),
        };
        let (solution, unweighted) = (floats(case, "solution"), floats(case, "unweighted"));
        let network = network(width, loss, vec![dense(1, "identity")]);
        let decay = Choice::new("polynomial").with("power", Setting::Number(2.0));
        for (optimizer, ema, rate) in [
            ("gd", None, 0.02),
            ("sgd", None, 0.002),
            ("sgd", Some(0.99), 0.002),
        ] {
            for batch_size in [1, 4, 32, rows] {
                let is_whole = batch_size == rows;
                // Few updates an epoch need larger steps.
                let rate = rate * [1.0, 8.0][usize::from(batch_size >= 32)];
                let spec = TrainingSpec {
                    l2: number(case, "l2"),
                    shuffle: true,
                    ema,
                    schedule: if is_whole {
                        Choice::new("constant")
                    } else {
                        decay.clone()
                    },
                    ..descent(rate, batch_size, 2000)
                };
                let spec = with_optimizer(&spec, optimizer);
                let mut run = Run::new(engine(&network, &spec), &spec, &data, None).unwrap();
                train(&mut run, &mut ()).unwrap();
                let found = run.engine().save_parameters().unwrap();
                let distance = |to: &[f64]| {
                    let pairs = found.iter().zip(to);
                    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
                };
                let limit = if is_whole { 1e-8 } else { 1e-3 };
                let what = format!("{loss}, {optimizer}, ema {ema:?}, batches of {batch_size}");
                assert!(
                    distance(&solution) < limit,
                    "{what}: {:e}",
                    distance(&solution)
                );
                assert!(distance(&unweighted) > 0.1, "{what}");
            }
        }
    }
}

#[test]
fn a_run_that_goes_on_keeps_the_scale_of_the_weights_that_it_began_with() {
    let network = network(1, "half_mse", vec![without_bias(dense(1, "identity"))]);
    let spec = descent(1e-3, 2, 1);
    let mut data = pairs(&[(1.0, 2.0), (3.0, -1.0)]);
    data.weights = Some(vec![1.0, 3.0]);
    let first = Run::new(engine(&network, &spec), &spec, &data, None).unwrap();
    assert_eq!(first.mean_weight(), Some(2.0));
    let start = first.checkpoint().unwrap().unwrap();
    let mut heavier = data.clone();
    heavier.weights = Some(vec![2.0, 6.0]);
    let moved = |data: &Dataset| {
        let mut run = Run::new(engine(&network, &spec), &spec, data, None).unwrap();
        run.continue_from(&start).unwrap();
        let before = run.engine().save_parameters().unwrap()[0];
        train(&mut run, &mut ()).unwrap();
        run.engine().save_parameters().unwrap()[0] - before
    };
    let (once, twice) = (moved(&data), moved(&heavier));
    assert!(
        relative_error(2.0 * once, twice, 1e-300) < 1e-12,
        "{once} {twice}"
    );
    // A run of its own divides by the mean of its own rows.
    let mut own = Run::new(engine(&network, &spec), &spec, &heavier, None).unwrap();
    assert_eq!(own.mean_weight(), Some(4.0));
    own.engine().load(&start.state).unwrap();
    let before = start.state.parameters[0];
    train(&mut own, &mut ()).unwrap();
    let moved = own.engine().save_parameters().unwrap()[0] - before;
    assert!(
        relative_error(once, moved, 1e-300) < 1e-12,
        "{once} {moved}"
    );
}
