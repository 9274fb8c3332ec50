//! Short names for the parts of small problems: data, layers, networks, descent. The tests use them
//! as well.

use thalweg_core::dataset::{Dataset, Features, Targets, Values};
use thalweg_core::engine::State;
use thalweg_core::precision::Dtype;
use thalweg_core::registry::{Choice, Setting};
use thalweg_core::spec::{NetworkSpec, TrainingSpec};

/// Features in f64, row-major.
pub fn features(width: usize, values: Vec<f64>) -> Features {
    Features {
        width,
        values: Values::F64(values),
    }
}

/// Targets that are numbers, row-major.
pub fn values(width: usize, values: Vec<f64>) -> Targets {
    Targets::Values { width, values }
}

/// Rows of `width` features and one target.
pub fn rows(width: usize, x: &[f64], y: &[f64]) -> Dataset {
    Dataset {
        features: features(width, x.to_vec()),
        targets: values(1, y.to_vec()),
        weights: None,
    }
}

/// Rows of one feature and one target: (x, y).
pub fn pairs(pairs: &[(f64, f64)]) -> Dataset {
    let (x, y): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
    rows(1, &x, &y)
}

/// A dense layer with a bias.
pub fn dense(units: usize, activation: &str) -> Choice {
    Choice::new("dense")
        .with("units", Setting::Integer(units as i64))
        .with("activation", Setting::Text(activation.to_owned()))
}

/// The same layer without its bias.
pub fn without_bias(layer: Choice) -> Choice {
    layer.with("bias", Setting::Flag(false))
}

/// A network with a loss by its name.
pub fn network(inputs: usize, loss: &str, layers: Vec<Choice>) -> NetworkSpec {
    NetworkSpec {
        inputs,
        image: None,
        loss: Choice::new(loss),
        layers,
    }
}

/// Plain gradient descent in f64 on the rows as they come.
pub fn descent(learning_rate: f64, batch_size: usize, epochs: usize) -> TrainingSpec {
    TrainingSpec {
        learning_rate,
        batch_size,
        epochs,
        shuffle: false,
        dtype: Dtype::F64,
        ..TrainingSpec::default()
    }
}

/// Parameters for `Engine::load`, with slots as before the first step.
pub fn state(parameters: &[f64]) -> State {
    State {
        parameters: parameters.to_vec(),
        slots: Vec::new(),
    }
}
