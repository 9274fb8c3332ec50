//! What the losses are for: each trains its task; a perceptron learns what a line can part and nothing else.

use crate::common::*;
use thalweg_core::cpu;
use thalweg_core::dataset::{Dataset, Targets};
use thalweg_core::engine::{Batch, Engine};
use thalweg_core::initializers::start_at_prior;
use thalweg_core::losses::{Comparison, Custom, LOSSES, Link, Loss, LossRows, Target, TargetRows};
use thalweg_core::precision::Dtype;
use thalweg_core::registry::{Choice, Setting};
use thalweg_core::spec::{NetworkSpec, Reduction, TrainingSpec};
use thalweg_core::train::{Run, train};

const GATES: [(&str, usize, &[f64], &[u32]); 4] = [
    (
        "AND",
        2,
        &[0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0],
        &[0, 0, 0, 1],
    ),
    (
        "OR",
        2,
        &[0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0],
        &[0, 1, 1, 1],
    ),
    ("NOT", 1, &[0.0, 1.0], &[1, 0]),
    (
        "XOR",
        2,
        &[0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0],
        &[0, 1, 1, 0],
    ),
];

fn gate(inputs: usize, x: &[f64], y: &[u32]) -> Dataset {
    Dataset {
        features: features(inputs, x.to_vec()),
        targets: Targets::Classes(y.to_vec()),
        weights: None,
    }
}

/// The classes that the network answers after training.
fn learn(network: &NetworkSpec, spec: &TrainingSpec, data: &Dataset) -> Vec<u32> {
    let mut run = Run::new(engine(network, spec), spec, data, None).unwrap();
    train(&mut run, &mut ()).unwrap();
    classes(run.engine(), network, data)
}

fn classes(engine: &mut dyn Engine, network: &NetworkSpec, data: &Dataset) -> Vec<u32> {
    let link = LOSSES.build(&network.loss, &()).unwrap().link();
    let outputs = engine.predict(&data.features).unwrap();
    let rows = outputs.chunks_exact(outputs.len() / data.rows());
    rows.map(|row| link.class(row) as u32).collect()
}

#[test]
fn a_perceptron_learns_and_or_not_but_not_xor() {
    for (name, inputs, x, y) in GATES {
        // The perceptron's rule: rate 1, one row at a time, from weights of 0.
        let layer = dense(1, "identity").with("initializer", "zeros".into());
        let network = network(inputs, "perceptron", vec![layer]);
        let data = gate(inputs, x, y);
        let answers = learn(&network, &descent(1.0, 1, 50), &data);
        assert_eq!(answers == y, name != "XOR", "{name}: {answers:?}");
    }
}

#[test]
fn a_network_of_steps_with_given_weights_answers_xor_and_is_not_trained() {
    let network = network(2, "half_mse", vec![dense(2, "step"), dense(1, "step")]);
    let spec = descent(0.1, 4, 1);
    let mut engine = engine(&network, &spec);
    // OR and NAND, of which AND is XOR.
    engine
        .load(&state(&[1.0, 1.0, -1.0, -1.0, -0.5, 1.5, 1.0, 1.0, -1.5]))
        .unwrap();
    let (_, _, x, y) = GATES[3];
    let wanted: Vec<f64> = y.iter().map(|y| f64::from(*y)).collect();
    let data = gate(2, x, y);
    assert_eq!(engine.predict(&data.features).unwrap(), wanted);
    assert_eq!(engine.evaluate(&Batch::all(&data), None).unwrap(), 0.0);
    let refused = engine.loss_and_gradient(&Batch::all(&data)).unwrap_err();
    assert!(refused.to_string().contains("layer 1"), "{refused}");
    let refused = Run::new(engine, &spec, &data, None)
        .err()
        .unwrap()
        .to_string();
    assert!(refused.contains("slope is 0"), "{refused}");
}

#[test]
fn every_loss_trains_its_task() {
    for loss in names(&LOSSES) {
        let outputs = match LOSSES.build(&Choice::new(loss), &()).unwrap().comparison() {
            Comparison::DistributionOrClasses | Comparison::Classes => 3,
            _ => 1,
        };
        let rows = 60;
        let x = normals(1, 2 * rows);
        let score = |row: &[f64]| row[0] - 0.5 * row[1];
        let scores: Vec<f64> = x.chunks_exact(2).map(score).collect();
        let kind = LOSSES.build(&Choice::new(loss), &()).unwrap();
        let is_regression = matches!(kind.link(), Link::Identity | Link::Exponential);
        let class = |score: &f64| u32::from(*score > 0.0) + u32::from(outputs == 3 && *score > 0.8);
        let targets = match kind.link() {
            Link::Identity => values(1, scores.clone()),
            Link::Exponential => values(1, scores.iter().map(|s| (0.5 * s).exp()).collect()),
            _ => Targets::Classes(scores.iter().map(class).collect()),
        };
        let data = Dataset {
            features: features(2, x),
            targets,
            weights: None,
        };
        let network = NetworkSpec::mlp(2, &[8], "tanh", outputs, Choice::new(loss));
        let spec = TrainingSpec {
            optimizer: Choice::new("adam"),
            schedule: Choice::new("cosine"),
            ..descent(0.02, 10, 300)
        };
        let mut run = Run::new(engine(&network, &spec), &spec, &data, None).unwrap();
        train(&mut run, &mut ()).unwrap();
        match &data.targets {
            Targets::Classes(y) => {
                let answers = classes(run.engine(), &network, &data);
                let right = answers.iter().zip(y).filter(|(a, y)| a == y).count();
                assert!(right >= 58, "{loss}: {right} of {rows} right");
            }
            Targets::Values { values, .. } => {
                assert!(is_regression);
                let answers = run.engine().predict(&data.features).unwrap();
                let square = |(a, y): (&f64, &f64)| (a - y).powi(2);
                let error = answers.iter().zip(values).map(square).sum::<f64>() / rows as f64;
                assert!(error < 0.01, "{loss}: {error}");
            }
        }
    }
}

#[test]
fn a_loss_of_ones_own_has_the_gradient_it_states_and_may_be_negative() {
    let plain = |z: &[f64], target: Target, dz: &mut [f64]| {
        let Target::Values(y) = target else {
            panic!("it compares with values");
        };
        dz[0] = z[0] - y[0];
        0.5 * dz[0] * dz[0] - 100.0
    };
    let data = dataset("half_mse", 3, 1, 9, 1);
    let network = NetworkSpec::mlp(3, &[4], "tanh", 1, Choice::new("half_mse"));
    for dtype in [Dtype::F32, Dtype::F64] {
        let spec = TrainingSpec {
            dtype,
            ..descent(0.1, 9, 5)
        };
        let custom = Box::new(Custom::new(Link::Identity, Comparison::Values, plain));
        let mut ours = cpu::engine_with_loss(&network, &spec, 1, custom).unwrap();
        let mut theirs = engine(&network, &spec);
        let (loss, gradient) = ours.loss_and_gradient(&Batch::all(&data)).unwrap();
        let (half_mse, same) = theirs.loss_and_gradient(&Batch::all(&data)).unwrap();
        assert!((loss + 100.0 - half_mse).abs() < 1e-5 && loss < 0.0);
        assert!(worst_error(&gradient, &same, 1e-2) < 1e-4);
        let mut run = Run::new(ours, &spec, &data, Some(&data)).unwrap();
        train(&mut run, &mut ()).unwrap();
        assert!(run.best().unwrap().loss < loss);
    }
}

#[test]
fn second_derivatives_of_a_loss_of_ones_own_are_those_of_its_gradient() {
    let custom = Custom::new(Link::Identity, Comparison::Values, |z, _, dz| {
        dz[0] = z[0].sin() * z[1];
        dz[1] = -z[0].cos();
        -z[0].cos() * z[1]
    });
    let stride = thalweg_core::shape::stride(2);
    let (mut z, mut v) = (vec![7.0; stride], vec![5.0; stride]);
    z[..2].copy_from_slice(&[0.3, -1.2]);
    v[..2].copy_from_slice(&[2.0, -0.5]);
    let rows = LossRows {
        isa: thalweg_core::Isa::detect(),
        rows: 1,
        outputs: 2,
        stride,
        z: &z,
        targets: TargetRows::Values(&[0.0, 0.0]),
        weights: Some(&[3.0]),
        scale: 0.5,
    };
    let mut product = vec![f64::NAN; stride];
    Loss::<f64>::hvp(&custom, rows, &v, &mut product);
    let (s, c) = (0.3f64.sin(), 0.3f64.cos());
    let want = [1.5 * (c * -1.2 * 2.0 + s * -0.5), 1.5 * s * 2.0];
    assert!(
        worst_error(&product[..2], &want, 1e-3) < 1e-9,
        "{product:?}"
    );
    assert!(product[2..].iter().all(|pad| *pad == 0.0));
}

#[test]
fn the_sum_has_the_gradient_of_the_mean_times_the_rows() {
    let mut data = dataset("mse", 3, 2, 7, 1);
    for is_weighted in [false, true] {
        data.weights = is_weighted.then(|| weights(7, 2));
        let total = Batch::all(&data).total_weight();
        let network = NetworkSpec::mlp(3, &[5], "tanh", 2, Choice::new("mse"));
        let of = |reduction| {
            let spec = TrainingSpec {
                reduction,
                ..descent(0.1, 7, 1)
            };
            engine(&network, &spec)
                .loss_and_gradient(&Batch::all(&data))
                .unwrap()
        };
        let ((mean, mean_gradient), (sum, sum_gradient)) =
            (of(Reduction::Mean), of(Reduction::Sum));
        assert_eq!(mean, sum);
        let scaled: Vec<f64> = mean_gradient.iter().map(|g| g * total).collect();
        assert!(worst_error(&sum_gradient, &scaled, 1e-3) < 1e-13);
        // In an update weights have a mean of 1, so the rate η for the mean is η/7 for the sum.
        let after = |reduction, rate| {
            let spec = TrainingSpec {
                reduction,
                ..descent(rate, 7, 3)
            };
            let mut run = Run::new(engine(&network, &spec), &spec, &data, None).unwrap();
            train(&mut run, &mut ()).unwrap();
            run.engine().save().unwrap().parameters
        };
        let (by_mean, by_sum) = (
            after(Reduction::Mean, 0.1),
            after(Reduction::Sum, 0.1 / 7.0),
        );
        assert!(worst_error(&by_mean, &by_sum, 1e-3) < 1e-12);
    }
}

#[test]
fn output_biases_start_where_the_network_answers_with_the_prior() {
    let start = |loss: &str, outputs, targets, weights: Option<Vec<f32>>| {
        let data = Dataset {
            features: features(1, vec![0.0; 4]),
            targets,
            weights,
        };
        let layer = dense(outputs, "identity").with("initializer", "zeros".into());
        let network = network(1, loss, vec![layer]);
        let mut engine = engine(&network, &descent(0.1, 4, 1));
        let is_set = start_at_prior(&mut *engine, &network, &mut &data).unwrap();
        (
            is_set,
            engine.predict(&data.features).unwrap()[..outputs].to_vec(),
        )
    };
    let near = |(is_set, answers): (bool, Vec<f64>), want: &[f64]| {
        is_set && worst_error(&answers, want, 1e-3) < 1e-14
    };
    let skewed = || Targets::Classes(vec![0, 1, 1, 1]);
    assert!(near(start("logistic", 1, skewed(), None), &[0.75]));
    let weights = Some(vec![3.0, 1.0, 1.0, 1.0]);
    assert!(near(start("logistic", 1, skewed(), weights), &[0.5]));
    let three = || Targets::Classes(vec![0, 0, 2, 1]);
    assert!(near(
        start("cross_entropy", 3, three(), None),
        &[0.5, 0.25, 0.25]
    ));
    let counts = || values(1, vec![0.0, 1.0, 4.0, 3.0]);
    assert!(near(start("poisson", 1, counts(), None), &[2.0]));
    assert!(near(start("mse", 1, counts(), None), &[2.0]));
    assert_eq!(start("hinge", 1, skewed(), None), (false, vec![0.0]));
    // A class without a row does not begin at probability 0.
    let (_, answers) = start("cross_entropy", 3, Targets::Classes(vec![0, 0, 1, 1]), None);
    assert!(
        answers[2] > 0.1 && answers.iter().all(|p| p.is_finite()),
        "{answers:?}"
    );
}

#[test]
fn what_does_not_go_together_is_refused_when_it_is_made() {
    let refusal = |layer: Choice, loss: &str| {
        let network = network(2, loss, vec![layer]);
        cpu::engine(&network, &descent(0.1, 4, 1), 1)
            .err()
            .unwrap()
            .to_string()
    };
    for (activation, loss) in [
        ("softmax", "hinge"),
        ("softmax", "cross_entropy"),
        ("softmax", "multiclass_hinge"),
        ("sigmoid", "logistic"),
        ("sigmoid", "poisson"),
    ] {
        let message = refusal(dense(3, activation), loss);
        assert!(message.contains("takes logits"), "{message}");
    }
    let nested = |name: &str, setting: &str| {
        let choice = Choice::new(name).with(setting, Setting::Number(0.1));
        dense(3, "identity").with("activation", choice.into())
    };
    let message = refusal(nested("leaky_relu", "negative_slop"), "mse");
    assert!(
        message.contains("did you mean `negative_slope`?"),
        "{message}"
    );
    let message = refusal(nested("leaky_rely", "negative_slope"), "mse");
    assert!(message.contains("did you mean `leaky_relu`?"), "{message}");
    let check = |loss: &str, targets| {
        let network = network(1, loss, vec![dense(1, "identity")]);
        let data = Dataset {
            features: features(1, vec![0.0; 2]),
            targets,
            weights: None,
        };
        let engine = engine(&network, &descent(0.1, 4, 1));
        engine.check(&Batch::all(&data), 0).unwrap_err().to_string()
    };
    assert!(
        check("poisson", values(1, vec![1.0, -2.0]))
            .contains("found -2 in row 1, expected numbers ≥ 0")
    );
    assert!(check("focal", values(1, vec![1.0, 0.5])).contains("labels 0 and 1"));
    assert!(check("hinge", values(1, vec![1.0, -1.0])).contains("labels 0 and 1"));
    assert!(check("multiclass_hinge", values(1, vec![1.0, 0.0])).contains("classes"));
}
