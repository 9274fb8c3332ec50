//! What does not show outside: which strategy an engine takes changes nothing, or no more than
//! rounding does.

use super::engine::CpuEngine;
use super::precision::Precision;
use super::strategies::by_items::ByItems;
use crate::dataset::{Dataset, Features, FeaturesRef, Targets, Values};
use crate::engine::{Batch, Engine, Rows, new_generation};
use crate::kernels::Isa;
use crate::losses::LOSSES;
use crate::optimizers::Time;
use crate::precision::Dtype;
use crate::registry::{Choice, Setting};
use crate::spec::{NetworkSpec, TrainingSpec};

const INPUTS: usize = 40;

fn dense(units: i64, activation: &str) -> Choice {
    Choice::new("dense")
        .with("units", Setting::Integer(units))
        .with("activation", Setting::Text(activation.into()))
}

fn network(layers: &[Choice]) -> NetworkSpec {
    NetworkSpec {
        layers: layers.to_vec(),
        inputs: INPUTS,
        image: None,
        loss: Choice::new("cross_entropy"),
    }
}

/// Rows of three classes.
fn dataset(rows: usize) -> Dataset {
    let value = |i: usize| (i * 37 % 101) as f32 / 50.0 - 1.0;
    Dataset {
        features: Features {
            width: INPUTS,
            values: Values::F32((0..rows * INPUTS).map(value).collect()),
        },
        targets: Targets::Classes((0..rows as u32).map(|i| i % 3).collect()),
        weights: None,
    }
}

/// An engine with its initial parameters.
fn drawn<T: Precision>(
    network: &NetworkSpec,
    training: &TrainingSpec,
    threads: usize,
) -> CpuEngine<T> {
    let loss = LOSSES.build(&network.loss, &()).unwrap();
    let mut engine = CpuEngine::new(network, training, threads, Isa::detect(), loss, None).unwrap();
    let parameters = engine.initial();
    load(&mut engine, parameters);
    engine
}

fn load<T: Precision>(engine: &mut CpuEngine<T>, parameters: Vec<f64>) {
    engine.load_parameters(&parameters).unwrap();
}

/// The largest difference between two gradients, relative to the largest component.
fn difference(a: &[f64], b: &[f64]) -> f64 {
    assert!(a.len() == b.len() && a.iter().chain(b).all(|value| value.is_finite()));
    let largest = |values: &mut dyn Iterator<Item = f64>| values.fold(0.0, f64::max);
    let distance = largest(&mut a.iter().zip(b).map(|(a, b)| (a - b).abs()));
    distance / largest(&mut a.iter().map(|a| a.abs()))
}

#[test]
fn a_step_of_a_team_has_the_bits_of_a_thread_alone() {
    let rows = 256;
    let dataset = dataset(rows);
    let coupled = [
        dense(100, "tanh"),
        Choice::new("batch_norm"),
        dense(50, "identity"),
        dense(3, "identity"),
    ];
    let small = [dense(16, "tanh"), dense(3, "identity")];
    for (layers, adds_blocks) in [(&coupled[..], false), (&small[..], true)] {
        let network = network(layers);
        for clip_norm in [None, Some(0.5)] {
            let training = TrainingSpec {
                batch_size: rows,
                clip_norm,
                ..TrainingSpec::default()
            };
            let train = |threads: usize| {
                let mut engine = drawn::<f32>(&network, &training, threads);
                assert_eq!(engine.network.plan.members, threads);
                assert_eq!(engine.network.plan.adds_blocks, adds_blocks);
                for step in 1..=5 {
                    let time = Time::new(step, 0.01);
                    engine.step(&Batch::all(&dataset), time).unwrap();
                }
                engine.save().unwrap()
            };
            let product = |threads: usize| {
                let mut engine = drawn::<f32>(&network, &training, threads);
                let vector = vec![1.0; engine.positions().count()];
                engine.hvp(&Batch::all(&dataset), &vector).unwrap()
            };
            for threads in [2, 3] {
                assert_eq!(train(threads), train(1), "{threads}");
                assert_eq!(product(threads), product(1), "{threads}");
            }
        }
    }
}

/// Codes of two columns in front of the other inputs.
fn coded(mut dataset: Dataset) -> Dataset {
    let Values::F32(values) = &mut dataset.features.values else {
        unreachable!()
    };
    for (row, values) in values.chunks_exact_mut(INPUTS).enumerate() {
        (values[0], values[1]) = ((row % 5) as f32, (row * 3 % 4) as f32);
    }
    dataset
}

/// The same network for images of one channel.
fn of_images(network: NetworkSpec) -> NetworkSpec {
    NetworkSpec {
        image: Some([1, 5, 8]),
        ..network
    }
}

fn conv(channels: i64) -> Choice {
    Choice::new("conv2d")
        .with("channels", Setting::Integer(channels))
        .with("kernel", Setting::Integer(3))
}

fn wrapped(name: &str, layer: Choice) -> Choice {
    Choice::new(name).with("layer", Setting::Choice(layer))
}

#[test]
fn a_gradient_added_up_from_row_blocks_is_that_of_the_batch() {
    let dropout = Choice::new("dropout").with("rate", Setting::Number(0.3));
    let last = dense(3, "identity");
    let lists = [
        vec![last.clone()],
        vec![dense(16, "tanh"), dropout.clone(), last.clone()],
        vec![
            wrapped("weight_norm", dense(20, "gelu")),
            dense(20, "mish"),
            last.clone(),
        ],
        vec![
            wrapped("spectral_norm", dense(20, "tanh")),
            Choice::new("layer_norm"),
            last.clone(),
        ],
    ];
    // With packs: a row block is a multiple of them.
    let groups = Choice::new("group_norm").with("groups", Setting::Integer(2));
    let body = vec![
        conv(4).with("padding", Setting::Integer(1)),
        groups.clone(),
        dropout,
    ];
    let residual = Choice::new("residual").with("layers", Setting::Choices(body));
    let images = [
        vec![conv(4), groups, last.clone()],
        vec![
            wrapped("spectral_norm", conv(4)),
            Choice::new("layer_norm"),
            residual,
            last.clone(),
        ],
    ];
    let embedding = Choice::new("embedding")
        .with("levels", Setting::Integers(vec![5, 4]))
        .with("widths", Setting::Integers(vec![3, 2]));
    let codes = vec![embedding, dense(9, "tanh"), last];
    let lists = lists.iter().map(|layers| (network(layers), false));
    let images = images
        .iter()
        .map(|layers| (of_images(network(layers)), false));
    for (network, is_coded) in lists.chain(images).chain([(network(&codes), true)]) {
        for (dtype, tolerance) in [(Dtype::F64, 1e-14), (Dtype::F32, 5e-6), (Dtype::Bf16, 5e-6)] {
            match dtype {
                Dtype::F64 => adds_up::<f64>(&network, is_coded, dtype, tolerance),
                _ => adds_up::<f32>(&network, is_coded, dtype, tolerance),
            }
        }
    }
}

/// Compares the two gradients of a network whose plan adds up those of row blocks.
fn adds_up<T: Precision>(network: &NetworkSpec, is_coded: bool, dtype: Dtype, tolerance: f64) {
    let training = TrainingSpec {
        batch_size: 410,
        dtype,
        ..TrainingSpec::default()
    };
    let mut engine = drawn::<T>(network, &training, 2);
    let plan = &engine.network.plan;
    assert!(plan.adds_blocks && plan.blocks() >= 4);
    assert_ne!(410 % plan.blocking.rows, 0, "no block is short");
    let mut by_items = drawn::<T>(network, &training, 2);
    by_items.network.plan.blocking.reuses_room = false;
    by_items.strategy = Box::new(ByItems::new(&by_items.network.plan).unwrap());
    // The last batch of an epoch may have fewer blocks.
    for rows in [410, 135, 128, 1] {
        let dataset = match is_coded {
            true => coded(dataset(rows)),
            false => dataset(rows),
        };
        let batch = Batch::all(&dataset);
        let (loss, added) = engine.loss_and_gradient(&batch).unwrap();
        let (same, whole) = by_items.loss_and_gradient(&batch).unwrap();
        assert_eq!(loss, same);
        let error = difference(&added, &whole);
        assert!(
            error < tolerance,
            "{:?}, {dtype:?}, {rows} rows: {error:e}",
            network.layers
        );
    }
}

#[test]
fn where_rows_matter_to_each_other_no_gradient_is_added_up_from_row_blocks() {
    let training = TrainingSpec {
        batch_size: 200,
        ..TrainingSpec::default()
    };
    let layers = [
        dense(16, "tanh"),
        Choice::new("batch_norm"),
        dense(3, "identity"),
    ];
    for (layers, adds) in [
        (&layers[..], false),
        (&[layers[0].clone(), layers[2].clone()], true),
    ] {
        let plan = drawn::<f32>(&network(layers), &training, 1).network.plan;
        assert_eq!(plan.adds_blocks, adds);
    }
}

#[test]
fn a_single_row_by_itself_learns_the_same_as_in_a_row_block() {
    let biasless = dense(10, "relu").with("bias", Setting::Flag(false));
    let networks = [
        vec![dense(3, "identity")],
        vec![dense(5, "gelu"), dense(3, "mish"), dense(3, "identity")],
        vec![
            dense(70, "tanh"),
            biasless,
            dense(2, "relu"),
            dense(7, "identity"),
        ],
    ];
    let dataset = dataset(9);
    let one = TrainingSpec {
        batch_size: 1,
        ..TrainingSpec::default()
    };
    let two = TrainingSpec {
        batch_size: 2,
        ..one.clone()
    };
    for layers in networks {
        let network = network(&layers);
        let mut short = drawn::<f64>(&network, &one, 2);
        let mut usual = drawn::<f64>(&network, &two, 2);
        assert!(short.network.plan.takes_one_row && !usual.network.plan.takes_one_row);
        for step in 1..=20 {
            let rows = [step as u32 % 9];
            let batch = Batch::new(&dataset, Rows::Listed(&rows));
            let (loss, gradient) = short.loss_and_gradient(&batch).unwrap();
            let (expected, usual_gradient) = usual.loss_and_gradient(&batch).unwrap();
            assert!((loss - expected).abs() < 1e-13);
            assert!(difference(&gradient, &usual_gradient) < 1e-13);
            let time = Time::new(step, 0.01);
            let report = short.step(&batch, time).unwrap();
            assert!((report.loss - loss).abs() < 1e-15);
            let expected = usual.step(&batch, time).unwrap();
            assert!((report.gradient_norm - expected.gradient_norm).abs() < 1e-12);
            // Adam makes much of differences that rounding made, so both go on from the same place.
            load(&mut usual, short.save().unwrap().parameters);
            load(&mut short, usual.save().unwrap().parameters);
        }
    }
}

#[test]
fn an_augmented_single_row_goes_through_row_blocks_and_learns_the_same() {
    let network = of_images(network(&[dense(9, "tanh"), dense(3, "identity")]));
    let dataset = dataset(9);
    let trained = |batch_size, names: &[&str]| {
        let training = TrainingSpec {
            batch_size,
            optimizer: Choice::new("gd"),
            augment: names.iter().copied().map(Choice::new).collect(),
            ..TrainingSpec::default()
        };
        let mut engine = drawn::<f64>(&network, &training, 1);
        let is_plain_row = batch_size == 1 && names.is_empty();
        assert_eq!(engine.network.plan.takes_one_row, is_plain_row);
        for step in 1..=20 {
            let rows = [step as u32 % 9];
            let batch = Batch::new(&dataset, Rows::Listed(&rows));
            engine.step(&batch, Time::new(step, 0.1)).unwrap();
        }
        engine.save().unwrap().parameters
    };
    let plain = trained(1, &[]);
    for names in [&["flip", "noise"][..], &["crop"], &["noise", "mixup"]] {
        let augmented = trained(1, names);
        assert!(difference(&augmented, &trained(2, names)) < 1e-13);
        assert!(difference(&augmented, &plain) > 1e-3, "{names:?}");
    }
}

#[test]
fn layers_that_take_no_single_row_take_row_blocks() {
    let training = TrainingSpec {
        batch_size: 1,
        ..TrainingSpec::default()
    };
    let takes = |layers: &[Choice], training: &TrainingSpec| {
        let engine = drawn::<f32>(&network(layers), training, 1);
        engine.network.plan.takes_one_row
    };
    let last = dense(3, "identity");
    assert!(takes(&[dense(9, "relu"), last.clone()], &training));
    assert!(takes(&[dense(9, "gelu"), last.clone()], &training));
    assert!(!takes(
        &[dense(9, "relu"), Choice::new("layer_norm"), last.clone()],
        &training
    ));
    let bf16 = TrainingSpec {
        dtype: Dtype::Bf16,
        ..training
    };
    assert!(!takes(&[dense(9, "relu"), last], &bf16));
}

/// Steps whose hint of the rows to come is true, of other rows, of other data, targets or weights,
/// too short, or impossible; of a range of rows; with an evaluation in between, which writes over
/// the arena; of more blocks than members, or fewer. All give the bits of a thread alone, which
/// gathers nothing ahead.
#[test]
fn what_is_gathered_ahead_is_used_for_those_very_rows_alone() {
    const SIZE: u32 = 512;
    let (dataset, mut other) = (dataset(2000), dataset(2000));
    if let Values::F32(values) = &mut other.features.values {
        values.iter_mut().for_each(|value| *value = -*value);
    }
    other.targets = Targets::Classes((0..2000).map(|i| i % 2).collect());
    let weights: Vec<f32> = (0..2000).map(|i| (i % 5) as f32).collect();
    let network = network(&[dense(3, "identity")]);
    let training = TrainingSpec {
        batch_size: SIZE as usize,
        ..TrainingSpec::default()
    };
    let list = |first: u32| -> Vec<u32> { (0..SIZE).map(|i| (first + i * 7) % 2000).collect() };
    let lists: Vec<Vec<u32>> = (0..12).map(list).collect();
    let impossible = vec![u32::MAX; SIZE as usize];
    let after_next = [&lists[1][..], &lists[2]].concat();
    let step = |dataset, rows: usize, upcoming| Batch {
        upcoming: Rows::Listed(upcoming),
        ..Batch::new(dataset, Rows::Listed(&lists[rows]))
    };
    let steps = [
        step(&dataset, 0, &after_next),
        step(&dataset, 1, &lists[3]),
        step(&dataset, 2, &lists[5]),
        // Other data, of the same rows; then other targets, and weights.
        step(&other, 5, &lists[6]),
        step(&dataset, 6, &lists[7]),
        Batch {
            targets: Some(other.targets.view()),
            ..step(&dataset, 7, &lists[8])
        },
        Batch {
            weights: Some(&weights),
            ..step(&dataset, 8, &lists[9][..100])
        },
        step(&dataset, 9, &impossible),
        step(&dataset, 10, &lists[11]),
        // What was gathered for the step before, which went another way, is no good for this one.
        Batch::new(&dataset, Rows::Range(0, SIZE as usize)),
        step(&dataset, 11, &lists[0]),
    ];
    let mut hits = 0;
    let mut trained = |threads: usize, evaluates: bool| {
        let mut engine = drawn::<f32>(&network, &training, threads);
        assert_eq!(engine.network.plan.caller_updates, threads > 1);
        for (number, batch) in steps.iter().enumerate() {
            let time = Time::new(number as u64 + 1, 0.1);
            engine.step(batch, time).unwrap();
            let next = engine.network.passes + 1;
            let ahead = engine.strategy.ahead().iter();
            hits += ahead.filter(|ahead| ahead.is_for(next)).count();
            if evaluates {
                engine.evaluate(&Batch::all(&dataset), None).unwrap();
            }
        }
        engine.save().unwrap().parameters
    };
    let alone = trained(1, false);
    for threads in [2, 3, 6] {
        assert_eq!(trained(threads, false), alone, "{threads}");
        assert_eq!(trained(threads, true), alone, "{threads}");
    }
    assert!(hits > 0);
}

/// A buffer whose rows are replaced after every step, with a hint of the rows to come that was true
/// of the old ones: a new generation keeps what was gathered ahead from being used. Rows, addresses
/// and the number of the pass stay.
#[test]
fn a_buffer_that_is_filled_again_in_place_never_trains_on_old_rows() {
    const SIZE: u32 = 512;
    let network = network(&[dense(3, "identity")]);
    let training = TrainingSpec {
        batch_size: SIZE as usize,
        ..TrainingSpec::default()
    };
    let rows: Vec<u32> = (0..SIZE).map(|i| i * 7 % SIZE).collect();
    let trained = |threads: usize| {
        let mut engine = drawn::<f32>(&network, &training, threads);
        let mut data = dataset(SIZE as usize);
        let mut hits = 0;
        for step in 1..=20 {
            let batch = Batch {
                upcoming: Rows::Listed(&rows),
                generation: new_generation(),
                ..Batch::new(&data, Rows::Listed(&rows))
            };
            engine.step(&batch, Time::new(step, 0.1)).unwrap();
            let next = engine.network.passes + 1;
            let ahead = engine.strategy.ahead().iter();
            hits += ahead.filter(|ahead| ahead.is_for(next)).count();
            let Values::F32(values) = &mut data.features.values else {
                panic!("the rows are single precision");
            };
            values.rotate_left(1);
        }
        (engine.save().unwrap().parameters, hits)
    };
    let (alone, _) = trained(1);
    let mut hits = 0;
    for threads in [2, 3] {
        let (parameters, ahead) = trained(threads);
        assert_eq!(parameters, alone, "{threads}");
        hits += ahead;
    }
    assert!(hits > 0);
}

#[test]
fn columns_give_the_bits_of_rows() {
    let data = dataset(300);
    let Values::F32(values) = &data.features.values else {
        panic!("the rows are single precision");
    };
    let width = data.features.width;
    let column = |j: usize| values.iter().skip(j).step_by(width).copied().collect();
    let columns: Vec<Vec<f32>> = (0..width).map(column).collect();
    let columns: Vec<&[f32]> = columns.iter().map(Vec::as_slice).collect();
    let network = network(&[dense(3, "identity")]);
    let training = TrainingSpec {
        batch_size: 200,
        ..TrainingSpec::default()
    };
    let order: Vec<u32> = (0..200).map(|i| i * 7 % 300).collect();
    for threads in [1, 2] {
        let trained = |features: FeaturesRef| {
            let mut engine = drawn::<f32>(&network, &training, threads);
            let batch = Batch {
                features,
                ..Batch::all(&data)
            };
            let rows = Rows::Listed(&order);
            let time = Time::new(1, 0.1);
            engine.step(&Batch { rows, ..batch }, time).unwrap();
            let loss = engine.evaluate(&batch, None).unwrap();
            (engine.save().unwrap(), loss)
        };
        let by_columns = trained(FeaturesRef::columns(&columns));
        assert_eq!(by_columns, trained(data.features.view()));
    }
}
