//! The pinball loss: its values, and where descent on it ends, are scikit-learn's; quantiles do not
//! cross.

use crate::common::*;
use thalweg_core::cpu;
use thalweg_core::dataset::{Dataset, Features, Targets, Values};
use thalweg_core::engine::{Batch, Engine};
use thalweg_core::losses::{LOSSES, Link};
use thalweg_core::precision::Dtype;
use thalweg_core::registry::{Choice, Setting};
use thalweg_core::spec::{NetworkSpec, TrainingSpec};
use thalweg_core::train::{Run, train};

fn quantiles(of: &[f64]) -> Choice {
    Choice::new("quantile").with("quantiles", Setting::Numbers(of.to_vec()))
}

fn linear(quantile: &[f64]) -> NetworkSpec {
    NetworkSpec::mlp(2, &[], "identity", quantile.len(), quantiles(quantile))
}

fn training() -> TrainingSpec {
    TrainingSpec {
        dtype: Dtype::F64,
        batch_size: 48,
        epochs: 6000,
        learning_rate: 0.02,
        optimizer: Choice::new("adam"),
        schedule: Choice::new("cosine"),
        ..TrainingSpec::default()
    }
}

fn rows(x: &[f64], y: &[f64], times: usize) -> Dataset {
    let repeat = |y: &f64| std::iter::repeat_n(*y, times);
    Dataset {
        features: Features {
            width: 2,
            values: Values::F64(x.to_vec()),
        },
        targets: Targets::Values {
            width: times,
            values: y.iter().flat_map(repeat).collect(),
        },
        weights: None,
    }
}

fn loss_at(engine: &mut dyn Engine, parameters: &[f64], data: &Dataset) -> f64 {
    engine.load_parameters(parameters).unwrap();
    engine.evaluate(&Batch::all(data.view()), None).unwrap()
}

#[test]
fn the_loss_and_its_least_value_are_those_of_scikit_learn() {
    let golden = golden("scikit_learn/quantile.json");
    let (x, y) = (floats(&golden, "x"), floats(&golden, "targets"));
    let mut least = Vec::new();
    for case in list(&golden, "cases") {
        let quantile = [number(case, "quantile")];
        let data = rows(&x, &y, 1);
        let mut engine = cpu::engine(&linear(&quantile), &training(), 1).unwrap();
        // The golden predictions are 1.5 x₁ − 1.5 x₂ + 0.5, rounded to 6 digits.
        let loss = loss_at(&mut *engine, &[1.5, -1.5, 0.5], &data);
        assert!(
            (loss - number(case, "loss")).abs() < 1e-6,
            "{quantile:?}: {loss}"
        );
        let solution = floats(case, "solution");
        let at_solution = loss_at(&mut *engine, &solution, &data);
        let wanted = number(case, "least");
        assert!(
            (at_solution - wanted).abs() < 1e-12,
            "{quantile:?}: {at_solution}"
        );
        least.push(wanted);
    }
    // All three at once, by descent: the mean of the three losses comes down to the mean of the least.
    let all = [0.1, 0.5, 0.9];
    let data = rows(&x, &y, 3);
    let spec = training();
    let engine = cpu::engine(&linear(&all), &spec, 1).unwrap();
    let mut run = Run::new(engine, &spec, &data, None).unwrap();
    train(&mut run, &mut ()).unwrap();
    let mut engine = run.into_engine();
    let reached = engine.evaluate(&Batch::all(data.view()), None).unwrap();
    let wanted = least.iter().sum::<f64>() / 3.0;
    let above = reached / wanted - 1.0;
    assert!((-1e-12..1e-3).contains(&above), "{reached} is not {wanted}");
}

#[test]
fn predictions_of_several_quantiles_do_not_cross() {
    let loss = LOSSES.build(&quantiles(&[0.9, 0.1, 0.5]), &()).unwrap();
    assert_eq!(loss.quantiles(), [0.1, 0.5, 0.9]);
    assert_eq!(loss.link(), Link::Quantiles(3));
    let mut row = [3.0, 1.0, 2.0, -1.0, -3.0, -2.0];
    loss.link().apply(&mut row);
    assert_eq!(row, [1.0, 2.0, 3.0, -3.0, -2.0, -1.0]);
    let one = LOSSES.build(&Choice::new("quantile"), &()).unwrap();
    assert_eq!((one.link(), one.quantiles()), (Link::Identity, &[0.5][..]));
}

#[test]
fn quantiles_are_read_as_lists_numbers_or_text_lie_between_0_and_1_and_differ() {
    for (setting, wanted) in [
        (Setting::Text("0.25, 0.75".into()), Some(vec![0.25, 0.75])),
        (Setting::Number(0.3), Some(vec![0.3])),
        (Setting::Numbers(vec![0.1]), Some(vec![0.1])),
        (Setting::Integers(vec![1]), None),
        (Setting::Numbers(vec![0.5, 0.0]), None),
        (Setting::Numbers(vec![0.5, 0.1, 0.5]), None),
        (Setting::Numbers(Vec::new()), None),
        (Setting::Text("0.5,x".into()), None),
    ] {
        let choice = Choice::new("quantile").with("quantiles", setting.clone());
        let built = LOSSES
            .build(&choice, &())
            .map(|loss| loss.quantiles().to_vec());
        assert_eq!(built.ok(), wanted, "{setting}");
    }
}
