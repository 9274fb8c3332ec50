//! House price, linear regression, one weight, gates.

use crate::common::*;
use thalweg::dataset::{Dataset, Targets};
use thalweg::engine::{Batch, Engine, Rows};
use thalweg::optimizers::Time;
use thalweg::precision::Dtype;
use thalweg::registry::Choice;
use thalweg::spec::{NetworkSpec, TrainingSpec};
use thalweg::train::{Run, train};

fn example(name: &str) -> serde_json::Value {
    golden("closed_form/worked_examples.json")[name].clone()
}

/// An engine with these parameters.
fn at(network: &NetworkSpec, spec: &TrainingSpec, parameters: &[f64]) -> Box<dyn Engine> {
    let mut engine = engine(network, spec);
    engine.load(&state(parameters)).unwrap();
    engine
}

fn step(engine: &mut dyn Engine, dataset: &Dataset, rate: f64) -> Vec<f64> {
    engine
        .step(&Batch::all(dataset), Time::new(1, rate))
        .unwrap();
    engine.save().unwrap().parameters
}

// 1. House price

/// h = σ(b + w₁x₁ + w₂x₂) with ½(y − h)²: its spec, θ in the engine's order (w₁, w₂, b), and its row.
fn house_price(dtype: Dtype) -> (NetworkSpec, TrainingSpec, [f64; 3], Dataset) {
    let network = network(2, "half_mse", vec![dense(1, "sigmoid")]);
    let spec = TrainingSpec {
        dtype,
        ..descent(1e6, 1, 1)
    };
    let dataset = Dataset {
        features: features(2, vec![1.0, 2.0]),
        targets: values(1, vec![3.0]),
        weights: None,
    };
    (network, spec, [5.0, 6.0, 4.0], dataset)
}

/// The golden files have b first.
fn bias_last(theta: &[f64]) -> [f64; 3] {
    [theta[1], theta[2], theta[0]]
}

#[test]
fn house_price_gradient_and_step_are_exact() {
    let golden = example("house_price");
    let (network, spec, theta, dataset) = house_price(Dtype::F64);
    assert_eq!(theta, bias_last(&floats(&golden, "theta")));
    let mut engine = at(&network, &spec, &theta);
    let output = engine.predict(&dataset.features).unwrap()[0];
    assert!(relative_error(output, number(&golden, "output"), 0.0) < 3e-16);
    let (loss, gradient) = engine.loss_and_gradient(&Batch::all(&dataset)).unwrap();
    assert!(relative_error(loss, number(&golden, "loss"), 0.0) < 3e-16);
    // The figure of the notes.
    let slope = -1.516_512_083_857_524_5e-9;
    for expected in [
        [slope, 2.0 * slope, slope],
        bias_last(&floats(&golden, "gradient")),
    ] {
        let error = worst_error(&gradient, &expected, 0.0);
        assert!(error < 1e-15, "{gradient:?} is not {expected:?}: {error:e}");
    }
    let after = step(&mut *engine, &dataset, 1e6);
    let figures = [5.001516512083858, 6.003033024167715, 4.001516512083858];
    assert!(worst_error(&after, &figures, 0.0) < 3e-16, "{after:?}");
    assert!(worst_error(&after, &bias_last(&floats(&golden, "theta_1")), 0.0) < 3e-16);
}

#[test]
fn house_price_gradient_does_not_vanish_in_single_precision() {
    // From the value of a saturated sigmoid nothing is left: σ(21) is 1 in single precision.
    let h = 1.0 / (1.0 + (-21.0f32).exp());
    assert_eq!((h - 3.0) * h * (1.0 - h), 0.0);
    let (network, spec, theta, dataset) = house_price(Dtype::F32);
    let mut engine = at(&network, &spec, &theta);
    let (_, gradient) = engine.loss_and_gradient(&Batch::all(&dataset)).unwrap();
    let expected = bias_last(&floats(&example("house_price"), "gradient"));
    let error = worst_error(&gradient, &expected, 0.0);
    assert!(
        error < 4.0 * f64::from(f32::EPSILON),
        "{gradient:?}: {error:e}"
    );
    let after = step(&mut *engine, &dataset, 1e6);
    assert!(worst_error(&after, &[5.001516512, 6.003033024, 4.001516512], 0.0) < 2e-7);
}

// 2. Linear regression

#[test]
fn linear_regression_steps_are_exact_and_the_rate_is_too_high() {
    let golden = example("linear_regression");
    let rows = list(&golden, "x")
        .iter()
        .flat_map(|row| row.as_array().unwrap());
    let x: Vec<f64> = rows.map(|x| x.as_f64().unwrap()).collect();
    assert_eq!(x, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let dataset = Dataset {
        features: features(3, x),
        targets: values(1, floats(&golden, "y")),
        weights: None,
    };
    let network = |loss: &str| network(3, loss, vec![without_bias(dense(1, "identity"))]);
    let spec = |rate, epochs| descent(rate, 2, epochs);
    let mse = |theta: &[f64]| {
        at(&network("mse"), &spec(0.1, 1), theta)
            .evaluate(&Batch::all(&dataset), None)
            .unwrap()
    };
    assert_eq!(mse(&[0.0; 3]), 130.5);
    assert_eq!(mse(&[0.0; 3]), number(&golden, "mse_0"));
    let figures = [
        (
            "half_mse",
            [-33.0, -43.5, -54.0],
            [3.3, 4.35, 5.4],
            1616.68125,
        ),
        ("mse", [-66.0, -87.0, -108.0], [6.6, 8.7, 10.8], 8434.125),
    ];
    for (loss, gradient, theta_1, mse_1) in figures {
        let want = &golden["steps"][loss];
        assert_eq!(floats(want, "gradient"), gradient);
        let mut engine = at(&network(loss), &spec(0.1, 1), &[0.0; 3]);
        let (_, got) = engine.loss_and_gradient(&Batch::all(&dataset)).unwrap();
        assert_eq!(got, gradient);
        let after = step(&mut *engine, &dataset, 0.1);
        assert!(worst_error(&after, &theta_1, 0.0) < 3e-16);
        assert!(worst_error(&after, &floats(want, "theta_1"), 0.0) < 3e-16);
        assert!(relative_error(mse(&after), mse_1, 0.0) < 2e-15);
        assert!(relative_error(mse(&after), number(want, "mse_1"), 0.0) < 2e-15);
    }
    // Below 2/λ gradient descent on the mean squared error converges, above it does not.
    let limit = number(&golden, "stable_below");
    assert!(relative_error(limit, 0.0221232, 0.0) < 1e-5);
    let after = |rate: f64| {
        let mut engine = at(&network("mse"), &spec(rate, 1), &[0.0; 3]);
        let mut theta = Vec::new();
        for _ in 0..2000 {
            theta = step(&mut *engine, &dataset, rate);
        }
        mse(&theta)
    };
    assert!(after(0.99 * limit) < 1e-6 && after(1.01 * limit) > 1e6);
}

// 3. One weight

#[test]
fn one_weight_has_the_minimum_and_the_gradients_of_its_batches() {
    let golden = example("one_weight");
    let pair = |row: &serde_json::Value| (row[0].as_f64().unwrap(), row[1].as_f64().unwrap());
    let dataset = pairs(&list(&golden, "rows").iter().map(pair).collect::<Vec<_>>());
    let network = network(1, "mse", vec![without_bias(dense(1, "identity"))]);
    let mut engine = at(&network, &descent(0.1, 4, 1), &[0.0]);
    let batches = [Rows::Range(0, 2), Rows::Range(2, 4)];
    // The notes sum over rows, `mse` takes the mean: times the number of rows.
    let mut slope = |rows: Rows, w: f64| {
        engine.load(&state(&[w])).unwrap();
        let (_, gradient) = engine
            .loss_and_gradient(&Batch::new(&dataset, rows))
            .unwrap();
        rows.len() as f64 * gradient[0]
    };
    let all = Rows::Range(0, 4);
    assert_eq!(slope(all, 0.0), -242.0);
    assert_eq!(batches.map(|rows| slope(rows, 0.0)), [-88.0, -154.0]);
    assert_eq!(slope(all, 0.0), number(&golden, "gradient_at_0"));
    assert_eq!(
        batches.map(|rows| slope(rows, 0.0)).to_vec(),
        floats(&golden, "batch_gradients_at_0")
    );

    // The loss is quadratic in w: a step of gradient descent with rate 1/L″ ends in the minimum.
    let mut minimum = |rows: Rows| {
        let curvature = slope(rows, 1.0) - slope(rows, 0.0);
        let rate = rows.len() as f64 / curvature;
        let mut engine = at(&network, &descent(0.1, 4, 1), &[0.0]);
        engine
            .step(&Batch::new(&dataset, rows), Time::new(1, rate))
            .unwrap();
        engine.save().unwrap().parameters[0]
    };
    let close = |a: f64, b: f64| relative_error(a, b, 0.0) < 1e-15;
    assert!(close(minimum(all), 121.0 / 46.0) && close(minimum(all), number(&golden, "minimum")));
    for (rows, expected) in batches.into_iter().zip(floats(&golden, "batch_minima")) {
        assert!(close(minimum(rows), expected), "{rows:?}");
    }
}

// 4. Gates

/// The four rows of a gate with two inputs, or the two rows of NOT.
fn gate(outputs: &[u32]) -> Dataset {
    let inputs = if outputs.len() == 4 { 2 } else { 1 };
    let bit = |row: usize, input: usize| f64::from(u8::from(row >> input & 1 == 1));
    let x = (0..outputs.len()).flat_map(|row| (0..inputs).map(move |input| bit(row, input)));
    Dataset {
        features: features(inputs, x.collect()),
        targets: Targets::Classes(outputs.to_vec()),
        weights: None,
    }
}

/// Rows that a network answers rightly after training.
fn learned(gate: &Dataset, hidden: &[usize], spec: &TrainingSpec) -> usize {
    let network = NetworkSpec::mlp(
        gate.features.width,
        hidden,
        "tanh",
        1,
        Choice::new("logistic"),
    );
    let mut run = Run::new(engine(&network, spec), spec, gate, None).unwrap();
    train(&mut run, &mut ()).unwrap();
    let answers = run.engine().predict(&gate.features).unwrap();
    let Targets::Classes(classes) = &gate.targets else {
        panic!("gates have classes")
    };
    assert_eq!(answers.len(), classes.len());
    answers
        .iter()
        .zip(classes)
        .filter(|(p, class)| (**p > 0.5) == (**class == 1))
        .count()
}

fn adam(seed: u64, rate: f64, epochs: usize) -> TrainingSpec {
    TrainingSpec {
        seed,
        optimizer: Choice::new("adam"),
        ..descent(rate, 4, epochs)
    }
}

#[test]
fn one_neuron_learns_and_or_not_but_no_xor() {
    for seed in 0..20 {
        let spec = adam(seed, 0.1, 500);
        for (name, outputs) in [
            ("AND", &[0, 0, 0, 1][..]),
            ("OR", &[0, 1, 1, 1]),
            ("NOT", &[1, 0]),
        ] {
            assert_eq!(
                learned(&gate(outputs), &[], &spec),
                outputs.len(),
                "{name}, seed {seed}"
            );
        }
        // No line has both rows of one class on one side: at most three of four are right.
        assert!(
            learned(&gate(&[0, 1, 1, 0]), &[], &spec) <= 3,
            "seed {seed}"
        );
    }
}

#[test]
fn or_without_and_is_xor() {
    // h₁ = OR, h₂ = AND, and the answer: OR but not AND.
    let layers = vec![dense(2, "sigmoid"), dense(1, "identity")];
    let network = network(2, "logistic", layers);
    let theta = [20.0, 20.0, 20.0, 20.0, -10.0, -30.0, 20.0, -20.0, -10.0];
    let mut engine = at(&network, &descent(0.1, 4, 1), &theta);
    let answers = engine.predict(&gate(&[0, 1, 1, 0]).features).unwrap();
    let rounded: Vec<f64> = answers.iter().map(|p| p.round()).collect();
    assert_eq!(rounded, [0.0, 1.0, 1.0, 0.0]);
    assert!(
        answers
            .iter()
            .zip(&rounded)
            .all(|(p, r)| (p - r).abs() < 1e-3)
    );
}
