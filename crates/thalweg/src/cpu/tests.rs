//! What does not show outside: which way the engine goes changes nothing, or no more than rounding does.

use super::*;
use crate::dataset::{Dataset, Features, Targets, Values};
use crate::engine::Rows;
use crate::optimizers::Time;
use crate::registry::{Choice, Setting};

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
    let mut engine = CpuEngine::new(network, training, threads, Isa::detect(), loss).unwrap();
    let parameters = engine.initial();
    load(&mut engine, parameters);
    engine
}

fn load<T: Precision>(engine: &mut CpuEngine<T>, parameters: Vec<f64>) {
    let slots = Vec::new();
    engine.load(&State { parameters, slots }).unwrap();
}

/// The largest difference between two gradients, relative to the largest component.
fn difference(a: &[f64], b: &[f64]) -> f64 {
    assert!(a.len() == b.len() && a.iter().chain(b).all(|value| value.is_finite()));
    let largest = |values: &mut dyn Iterator<Item = f64>| values.fold(0.0, f64::max);
    let distance = largest(&mut a.iter().zip(b).map(|(a, b)| (a - b).abs()));
    distance / largest(&mut a.iter().map(|a| a.abs()))
}

#[test]
fn a_step_has_the_same_bits_when_the_caller_of_a_team_does_it_alone() {
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
            let train = |threads: usize, alone: bool| {
                let mut engine = drawn::<f32>(&network, &training, threads);
                assert_eq!(engine.plan.members, threads);
                assert_eq!(engine.plan.adds_blocks, adds_blocks);
                for step in 1..=5 {
                    if alone {
                        engine.team.work_alone(1);
                    }
                    let time = Time { step, rate: 0.01 };
                    engine.step(&Batch::all(&dataset), time).unwrap();
                }
                engine.save().unwrap()
            };
            let one = train(1, false);
            assert_eq!(train(2, false), one);
            assert_eq!(train(2, true), one);
            // Which of the ways of a Hessian-vector product the caller goes alone does not matter either.
            let product = |threads: usize, alone: u32| {
                let mut engine = drawn::<f32>(&network, &training, threads);
                if alone > 0 {
                    engine.team.work_alone(alone);
                }
                let vector = vec![1.0; engine.places().count()];
                engine.hvp(&Batch::all(&dataset), &vector).unwrap()
            };
            for alone in [0, 1, 2] {
                assert_eq!(product(2, alone), product(1, 0), "{alone}");
            }
        }
    }
}

#[test]
fn a_gradient_added_up_from_row_blocks_is_that_of_the_batch() {
    let dropout = Choice::new("dropout").with("rate", Setting::Number(0.3));
    let wrapped = Choice::new("weight_norm").with("layer", Setting::Choice(dense(20, "gelu")));
    let networks = [
        vec![dense(3, "identity")],
        vec![dense(16, "tanh"), dropout, dense(3, "identity")],
        vec![wrapped, dense(20, "mish"), dense(3, "identity")],
    ];
    for layers in networks {
        // The last batch of an epoch may have fewer blocks.
        for rows in [200, 70, 64, 1] {
            let training = TrainingSpec {
                batch_size: 200,
                ..TrainingSpec::default()
            };
            let dataset = dataset(rows);
            let mut engine = drawn::<f64>(&network(&layers), &training, 1);
            assert!(engine.plan.adds_blocks && engine.plan.blocks() == 4);
            let (loss, added) = engine.loss_and_gradient(&Batch::all(&dataset)).unwrap();
            engine.plan.adds_blocks = false;
            let (same, whole) = engine.loss_and_gradient(&Batch::all(&dataset)).unwrap();
            assert_eq!(loss, same);
            assert!(difference(&added, &whole) < 1e-14);
        }
    }
}

#[test]
fn a_single_row_that_goes_the_short_way_learns_the_same() {
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
        assert!(short.plan.takes_one_row && !usual.plan.takes_one_row);
        for step in 1..=20 {
            let rows = [step as u32 % 9];
            let batch = Batch::new(&dataset, Rows::Listed(&rows));
            let (loss, gradient) = short.loss_and_gradient(&batch).unwrap();
            let (expected, usual_gradient) = usual.loss_and_gradient(&batch).unwrap();
            assert!((loss - expected).abs() < 1e-13);
            assert!(difference(&gradient, &usual_gradient) < 1e-13);
            let time = Time { step, rate: 0.01 };
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
fn what_the_short_way_of_a_row_cannot_do_goes_the_usual_way() {
    let training = TrainingSpec {
        batch_size: 1,
        ..TrainingSpec::default()
    };
    let takes = |layers: &[Choice], training: &TrainingSpec| {
        drawn::<f32>(&network(layers), training, 1)
            .plan
            .takes_one_row
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
