//! Factors on the rate and the decay of single tensors, the NTK parametrization, and schedules of
//! decay and dropout: against updates without them, closed forms and a transcription of Adam.

use crate::common::networks::embedding;
use crate::common::*;
use thalweg_core::cpu;
use thalweg_core::dataset::{Dataset, Values};
use thalweg_core::engine::Batch;
use thalweg_core::layers::Role;
use thalweg_core::optimizers::Time;
use thalweg_core::registry::{Choice, Setting};
use thalweg_core::spec::{NetworkSpec, Parametrization, TrainingSpec};
use thalweg_core::train::{Run, train};

/// An embedding of categories and of numbers, a scale, and two dense layers.
fn table_network() -> NetworkSpec {
    let numbers = Choice::new("piecewise_linear")
        .with("columns", Setting::Integers(vec![3, 4]))
        .with("counts", Setting::Integers(vec![2, 3]))
        .with(
            "edges",
            Setting::Numbers(vec![-0.7, 0.1, 0.8, -0.9, -0.2, 0.3, 1.1]),
        );
    let layers = vec![
        embedding(&[4], Some(&[3])),
        numbers,
        Choice::new("scale"),
        dense(6, "tanh"),
        dense(1, "identity"),
    ];
    network(3, "mse", layers)
}

fn table_rows(count: usize) -> Dataset {
    let mut rows = dataset("mse", 3, 1, count, 4);
    if let Values::F64(values) = &mut rows.features.values {
        let codes = values.chunks_exact_mut(3).enumerate();
        codes.for_each(|(row, values)| values[0] = (row % 4) as f64);
    }
    rows
}

/// What one update changes, tensor by tensor.
fn changes(
    network: &NetworkSpec,
    training: &TrainingSpec,
    rows: &Dataset,
    threads: usize,
) -> Vec<(String, Vec<f64>)> {
    let mut engine = cpu::engine(network, training, threads).unwrap();
    let before = engine.save_parameters().unwrap();
    let time = Time::new(1, training.learning_rate);
    engine.step(&Batch::all(rows), time).unwrap();
    let after = engine.save_parameters().unwrap();
    let mut all = after
        .iter()
        .zip(&before)
        .map(|(after, before)| after - before);
    let tensors = engine.parameters().into_iter();
    let of = |info: thalweg_core::engine::ParameterInfo| {
        let count = info.shape.iter().product();
        (info.name, all.by_ref().take(count).collect())
    };
    tensors.map(of).collect()
}

/// How many times the change without factors each tensor's change is.
fn ratios(
    training: &TrainingSpec,
    factors: &str,
    rows: usize,
    threads: usize,
) -> Vec<(String, f64)> {
    let (network, rows) = (table_network(), table_rows(rows));
    let with = TrainingSpec {
        rate_factors: factors.parse().unwrap(),
        ..training.clone()
    };
    let plain = changes(&network, training, &rows, threads);
    let scaled = changes(&network, &with, &rows, threads);
    type Step = (String, Vec<f64>);
    let ratio = |((name, plain), (_, scaled)): (&Step, &Step)| {
        let moved = plain
            .iter()
            .zip(scaled)
            .filter(|(plain, _)| plain.abs() > 1e-9);
        let ratios: Vec<f64> = moved.map(|(plain, scaled)| scaled / plain).collect();
        assert!(!ratios.is_empty(), "{name} does not move");
        let (low, high) = ratios
            .iter()
            .fold((f64::MAX, f64::MIN), |(low, high), ratio| {
                (low.min(*ratio), high.max(*ratio))
            });
        assert!(high - low < 1e-5, "{name}: from {low} to {high}");
        (name.clone(), (low + high) / 2.0)
    };
    plain.iter().zip(&scaled).map(ratio).collect()
}

#[test]
fn a_factor_multiplies_the_change_of_its_role_and_of_its_layer_in_every_kind_of_step() {
    let wanted = |name: &str| match name {
        "layers.0.columns.0.weight" | "layers.1.weight" => 0.5,
        "layers.2.weight" => 6.0,
        "layers.3.weight" => 2.0,
        "layers.3.bias" => 0.1 * 2.0,
        "layers.4.weight" => 1.0,
        "layers.4.bias" => 0.1 * 3.0,
        other => panic!("{other}"),
    };
    let factors = "embedding=0.5,scale=6,layers.3=2,bias=0.1,layers.4.bias=3";
    let adam = TrainingSpec {
        optimizer: Choice::new("adam"),
        ..descent(0.01, 64, 1)
    };
    let mut cases = 0;
    for threads in [1, 2] {
        for rows in [1, 7, 700] {
            for clip_norm in [None, Some(1e-2)] {
                for training in [&descent(0.01, 64, 1), &adam] {
                    let training = TrainingSpec {
                        batch_size: rows,
                        clip_norm,
                        ..training.clone()
                    };
                    for (name, ratio) in ratios(&training, factors, rows, threads) {
                        let error = relative_error(ratio, wanted(&name), 1e-3);
                        assert!(error < 1e-5, "{name}: {ratio} in {rows} rows");
                        cases += 1;
                    }
                }
            }
        }
    }
    assert_eq!(cases, 2 * 3 * 2 * 2 * 7);
}

#[test]
fn every_role_of_a_tensor_has_a_name_that_factors_take() {
    let roles = [
        Role::Weights,
        Role::Directions,
        Role::Lengths,
        Role::Table,
        Role::Curves,
    ];
    for role in roles.into_iter().chain([Role::Scale, Role::Bias]) {
        let training = TrainingSpec {
            rate_factors: format!("{}=2", role.name()).parse().unwrap(),
            ..descent(0.1, 4, 1)
        };
        training.resolve().unwrap();
    }
}

#[test]
fn what_no_tensor_has_is_refused() {
    let refused = |rate: &str, decay: &str| {
        let training = TrainingSpec {
            rate_factors: rate.parse().unwrap(),
            decay_factors: decay.parse().unwrap(),
            ..descent(0.1, 4, 1)
        };
        message(cpu::engine(&table_network(), &training, 1))
    };
    assert_eq!(
        refused("layers.7=2", ""),
        "`rate_factors`: found `layers.7`, expected a layer or tensor of the network that has parameters"
    );
    assert!(refused("", "layers.3.weights=2").contains("did you mean `layers.3.weight`?"));
    assert!(
        refused("biases=2", "")
            .contains("expected factors ≥ 0 by role (weight, bias, scale, embedding)")
    );
    // Biases do not decay.
    assert!(refused("", "bias=2").contains("`decay_factors`"));
}

#[test]
fn decay_is_multiplied_by_both_factors_and_by_its_schedule() {
    let (network, rows) = (table_network(), table_rows(8));
    let training = |lambda: f64, decay: &str| TrainingSpec {
        optimizer: Choice::new("adamw").with("weight_decay", Setting::Number(lambda)),
        rate_factors: "scale=6".parse().unwrap(),
        decay_factors: decay.parse().unwrap(),
        ..descent(0.01, 8, 1)
    };
    let stepped = |training: &TrainingSpec, decay: f64| {
        let mut engine = engine(&network, training);
        let before = engine.save_parameters().unwrap();
        let time = Time {
            decay,
            ..Time::new(1, 0.01)
        };
        engine.step(&Batch::all(&rows), time).unwrap();
        let tensors = engine.parameters();
        (tensors, before, engine.save_parameters().unwrap())
    };
    let (tensors, before, plain) = stepped(&training(0.0, ""), 1.0);
    let (.., decayed) = stepped(
        &training(0.25, "scale=3,layers.3.weight=0,embedding=0.5"),
        0.125,
    );
    let mut at = 0;
    for info in tensors {
        let count: usize = info.shape.iter().product();
        let factor = match &*info.name {
            "layers.0.columns.0.weight" | "layers.1.weight" => 0.5,
            "layers.2.weight" => 6.0 * 3.0,
            "layers.4.weight" => 1.0,
            _ => 0.0,
        };
        for i in at..at + count {
            let want = plain[i] - 0.01 * factor * 0.25 * 0.125 * before[i];
            assert!((decayed[i] - want).abs() < 1e-15, "{}", info.name);
        }
        at += count;
    }
}

#[test]
fn decay_of_a_run_follows_its_schedule() {
    // Without inputs there is no gradient of W, which decays alone.
    let rows = rows(2, &[0.0; 12], &[0.0; 6]);
    let network = network(2, "mse", vec![without_bias(dense(1, "identity"))]);
    let training = TrainingSpec {
        optimizer: Choice::new("adamw").with("weight_decay", Setting::Number(0.5)),
        decay_schedule: Choice::new("flat_cosine").with("flat", Setting::Number(0.25)),
        ..descent(0.1, 2, 4)
    };
    let engine = engine(&network, &training);
    let before = engine.save_parameters().unwrap();
    let mut run = Run::new(engine, &training, &rows, None).unwrap();
    train(&mut run, &mut ()).unwrap();
    let schedule = |t: f64| {
        let beyond = ((t - 0.25) / 0.75).max(0.0);
        0.5 * (1.0 + (std::f64::consts::PI * beyond).cos())
    };
    let left = |kept: f64, step: i32| kept * (1.0 - 0.1 * 0.5 * schedule(f64::from(step) / 12.0));
    let kept = (0..12).fold(1.0, left);
    for (before, after) in before.iter().zip(run.engine().save_parameters().unwrap()) {
        assert!(relative_error(before * kept, after, 1e-9) < 1e-13);
    }
}

#[test]
fn dropout_that_its_schedule_brings_to_0_leaves_nothing_out() {
    let dropout = Choice::new("dropout").with("rate", Setting::Number(0.5));
    let [with, without] = [vec![dropout], Vec::new()].map(|between| {
        let layers = [vec![dense(8, "tanh")], between, vec![dense(1, "identity")]].concat();
        network(3, "mse", layers)
    });
    let (rows, training) = (dataset("mse", 3, 1, 9, 3), descent(0.1, 9, 1));
    let parameters = engine(&with, &training).save_parameters().unwrap();
    let stepped = |network: &NetworkSpec, dropout: f64| {
        let mut engine = engine(network, &training);
        engine.load_parameters(&parameters).unwrap();
        let time = Time {
            dropout,
            ..Time::new(1, 0.1)
        };
        engine.step(&Batch::all(&rows), time).unwrap();
        bits(&engine.save_parameters().unwrap())
    };
    assert_eq!(stepped(&with, 0.0), stepped(&without, 1.0));
    assert_ne!(stepped(&with, 1.0), stepped(&without, 1.0));
    assert_ne!(stepped(&with, 1.0), stepped(&with, 0.5));
}

/// Adam of z = w·x/√n + b with decoupled decay of w, transcribed; the effective weights w/√n.
fn ntk_by_hand(x: &[f64], y: &[f64], mut w: Vec<f64>, mut b: f64, steps: i32) -> (Vec<f64>, f64) {
    const RATE: f64 = 0.05;
    const LAMBDA: f64 = 0.1;
    let n = w.len();
    let (root, rows) = ((n as f64).sqrt(), y.len() as f64);
    let (mut m, mut s) = (vec![0.0; n + 1], vec![0.0; n + 1]);
    for t in 1..=steps {
        let mut gradient = vec![0.0; n + 1];
        for (x, y) in x.chunks_exact(n).zip(y) {
            let z = x.iter().zip(&w).map(|(x, w)| x * w / root).sum::<f64>() + b;
            let dz = 2.0 * (z - y) / rows;
            for i in 0..n {
                gradient[i] += dz * x[i] / root;
            }
            gradient[n] += dz;
        }
        let mut update = |i: usize| {
            m[i] = 0.9 * m[i] + 0.1 * gradient[i];
            s[i] = 0.95 * s[i] + 0.05 * gradient[i] * gradient[i];
            let (m, s) = (
                m[i] / (1.0 - 0.9f64.powi(t)),
                s[i] / (1.0 - 0.95f64.powi(t)),
            );
            m / s.sqrt()
        };
        for (i, w) in w.iter_mut().enumerate() {
            *w -= RATE * (update(i) + LAMBDA * *w);
        }
        b -= RATE * update(n);
    }
    (w.iter().map(|w| w / root).collect(), b)
}

#[test]
fn ntk_is_adam_on_weights_that_are_divided_by_the_root_of_their_number() {
    let n = 7;
    let (x, y) = (normals(1, 5 * n), normals(2, 5));
    let network = network(n, "mse", vec![dense(1, "identity")]);
    let adam = Choice::new("adamw")
        .with("weight_decay", Setting::Number(0.1))
        .with("beta2", Setting::Number(0.95))
        .with("epsilon", Setting::Number(1e-300));
    let training = TrainingSpec {
        optimizer: adam,
        parametrization: Parametrization::Ntk,
        ..descent(0.05, 5, 1)
    };
    let mut engine = engine(&network, &training);
    let start = engine.save_parameters().unwrap();
    let root = (n as f64).sqrt();
    let w = start[..n].iter().map(|w| w * root).collect();
    let rows = rows(n, &x, &y);
    for step in 1..=25 {
        engine
            .step(&Batch::all(&rows), Time::new(step, 0.05))
            .unwrap();
    }
    let (w, b) = ntk_by_hand(&x, &y, w, start[n], 25);
    let ours = engine.save_parameters().unwrap();
    assert!(worst_error(&ours[..n], &w, 1e-2) < 1e-11, "{ours:?} {w:?}");
    assert!(relative_error(ours[n], b, 1e-2) < 1e-11);
}
