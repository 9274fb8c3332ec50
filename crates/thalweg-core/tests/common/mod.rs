//! What the engine's tests share: synthetic data, specs, golden files.

#![allow(dead_code, reason = "every test binary uses a part of this")]

mod build;
pub mod networks;

use std::path::PathBuf;

use serde_json::Value;
use thalweg_core::cpu;
use thalweg_core::dataset::{Dataset, Targets};
use thalweg_core::engine::Engine;
use thalweg_core::losses::{Comparison, LOSSES};
use thalweg_core::random::{Purpose, Sequence, Stream};
use thalweg_core::registry::Choice;
use thalweg_core::spec::{NetworkSpec, TrainingSpec};

pub use build::*;

/// Random numbers for the data of a test.
pub fn random(seed: u64) -> Sequence {
    Stream::new(seed, Purpose::Synthesize, 0).sequence()
}

pub fn normals(seed: u64, count: usize) -> Vec<f64> {
    let mut random = random(seed);
    (0..count).map(|_| random.normal()).collect()
}

/// Every kind of targets that a loss takes, for networks of `outputs` outputs. A new kind of
/// comparison does not compile until it is answered here.
pub fn targets(loss: &str, outputs: usize, rows: usize, seed: u64) -> Vec<Targets> {
    let comparison = LOSSES.build(&Choice::new(loss), &()).unwrap().comparison();
    let mut random = random(seed);
    let mut draw = |count: usize| -> Vec<f64> { (0..count).map(|_| random.uniform()).collect() };
    let mut classes = |count: usize| {
        let class = |u: &f64| (u * count as f64) as u32;
        Targets::Classes(draw(rows).iter().map(class).collect())
    };
    match comparison {
        Comparison::Values | Comparison::NonNegative => vec![values(outputs, draw(rows * outputs))],
        Comparison::LabelsOrBinary if outputs == 1 => vec![classes(2)],
        Comparison::LabelsOrBinary => {
            let labels = draw(rows * outputs).into_iter().map(f64::round);
            vec![values(outputs, labels.collect())]
        }
        Comparison::Classes => vec![classes(outputs)],
        Comparison::ValuesOrBinary | Comparison::ProbabilitiesOrBinary if outputs == 1 => {
            let classes = classes(2);
            vec![values(1, draw(rows)), classes]
        }
        Comparison::ValuesOrBinary | Comparison::ProbabilitiesOrBinary => {
            vec![values(outputs, draw(rows * outputs))]
        }
        Comparison::DistributionOrClasses => {
            let classes = classes(outputs);
            let mut probabilities = draw(rows * outputs);
            for row in probabilities.chunks_exact_mut(outputs) {
                let sum: f64 = row.iter().sum();
                row.iter_mut().for_each(|p| *p /= sum);
            }
            vec![classes, values(outputs, probabilities)]
        }
    }
}

/// Weights between 0 and 3, of which the second is 0.
pub fn weights(rows: usize, seed: u64) -> Vec<f32> {
    let mut random = random(seed);
    let weight = |row| {
        if row == 1 {
            0.0
        } else {
            3.0 * random.uniform() as f32 + 0.01
        }
    };
    (0..rows).map(weight).collect()
}

/// A dataset of normally distributed features for a loss, with the first kind of targets that it
/// takes.
pub fn dataset(loss: &str, inputs: usize, outputs: usize, rows: usize, seed: u64) -> Dataset {
    Dataset {
        features: features(inputs, normals(seed, rows * inputs)),
        targets: targets(loss, outputs, rows, seed + 1).swap_remove(0),
        weights: None,
    }
}

/// Names of all entries of a registry.
pub fn names<B, P>(registry: &thalweg_core::registry::Registry<B, P>) -> Vec<&'static str> {
    registry
        .descriptions()
        .iter()
        .map(|description| description.name)
        .collect()
}

/// An engine on one thread.
pub fn engine(network: &NetworkSpec, training: &TrainingSpec) -> Box<dyn Engine> {
    cpu::engine(network, training, 1).unwrap()
}

/// The message of a refusal.
pub fn message(result: thalweg_core::Result<impl Sized>) -> String {
    result.err().expect("it is refused").to_string()
}

pub fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// |a − b| / max(|a|, |b|, floor).
pub fn relative_error(a: f64, b: f64, floor: f64) -> f64 {
    if a == b {
        0.0
    } else {
        (a - b).abs() / a.abs().max(b.abs()).max(floor)
    }
}

/// The largest [`relative_error`] of two vectors of the same length; NaN counts as infinite.
pub fn worst_error(a: &[f64], b: &[f64], floor: f64) -> f64 {
    assert_eq!(a.len(), b.len());
    assert!(!a.is_empty(), "nothing to compare");
    let errors = a.iter().zip(b).map(|(a, b)| relative_error(*a, *b, floor));
    errors.fold(0.0, |worst, error| {
        if error.is_nan() {
            f64::INFINITY
        } else {
            error.max(worst)
        }
    })
}

/// A golden file: see `oracles/README.md`.
pub fn golden(name: &str) -> Value {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "../../oracles", name]
        .iter()
        .collect();
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("golden file {}: {error}", path.display()));
    serde_json::from_str(&text).unwrap()
}

/// The list under `key`, not empty.
pub fn list<'a>(object: &'a Value, key: &str) -> &'a [Value] {
    let list = object[key].as_array().map_or(&[][..], Vec::as_slice);
    assert!(!list.is_empty(), "no list `{key}` in a golden file");
    list
}

/// The number under `key`.
pub fn number(object: &Value, key: &str) -> f64 {
    float(&object[key])
}

/// The numbers under `key`, not empty.
pub fn floats(object: &Value, key: &str) -> Vec<f64> {
    list(object, key).iter().map(float).collect()
}

fn float(value: &Value) -> f64 {
    match value {
        Value::String(text) => text.parse().unwrap(),
        value => value
            .as_f64()
            .unwrap_or_else(|| panic!("{value} is not a number")),
    }
}
