//! Layers, in training and in evaluation: values, and gradients of inputs and parameters.

use std::collections::BTreeSet;

use serde_json::Value;
use thalweg_core::dataset::Dataset;
use thalweg_core::engine::{Batch, Engine};
use thalweg_core::optimizers::Time;
use thalweg_core::registry::{Choice, Setting};

use crate::common::*;

/// A layer of a golden case behind a dense layer whose weights are the unit matrix, so that the
/// gradients of its input can be told from those of that layer.
struct Case<'a> {
    golden: &'a Value,
    rows: usize,
    inputs: usize,
    /// Layers in front.
    front: usize,
    engine: Box<dyn Engine>,
}

fn layer(golden: &Value) -> Choice {
    let name = golden["layer"].as_str().unwrap();
    let settings = golden["settings"].as_object().unwrap().iter();
    settings.fold(Choice::new(name), |choice, (name, setting)| {
        choice.with(name, serde_json::from_value(setting.clone()).unwrap())
    })
}

impl<'a> Case<'a> {
    fn new(golden: &'a Value) -> Self {
        let shape: Vec<i64> = floats(golden, "input").iter().map(|n| *n as i64).collect();
        let inputs = shape.iter().product::<i64>() as usize;
        let rows = number(golden, "rows") as usize;
        let mut layers = Vec::new();
        if golden["layer"] != "embedding" {
            layers.push(dense(inputs, "identity"));
        }
        if let [channels, height, width] = shape[..] {
            let sizes = [("channels", channels), ("height", height), ("width", width)];
            let of = |choice: Choice, (name, size)| choice.with(name, Setting::Integer(size));
            layers.push(sizes.into_iter().fold(Choice::new("unflatten"), of));
        }
        let front = layers.len();
        layers.push(layer(golden));
        let network = network(inputs, "half_mse", layers);
        let mut engine = engine(&network, &descent(1.0, rows, 1));
        let values = engine.parameters().into_iter().flat_map(|info| {
            match info.name.strip_prefix(&format!("layers.{front}.")) {
                Some(name) => floats(&golden["tensors"], name),
                None if info.shape.len() == 2 => (0..inputs * inputs)
                    .map(|i| f64::from(u8::from(i / inputs == i % inputs)))
                    .collect(),
                None => vec![0.0; inputs],
            }
        });
        engine.load(&state(&values.collect::<Vec<f64>>())).unwrap();
        Self {
            golden,
            rows,
            inputs,
            front,
            engine,
        }
    }

    fn dataset(&self, targets: Vec<f64>) -> Dataset {
        Dataset {
            features: features(self.inputs, floats(self.golden, "x")),
            targets: values(targets.len() / self.rows, targets),
            weights: None,
        }
    }

    /// The worst relative error of anything.
    fn error(&mut self) -> f64 {
        let golden = self.golden;
        let [evaluation, training] = ["eval", "train"].map(|mode| golden.get(mode));
        let mut worst = self.pass(evaluation.unwrap(), false);
        // Null where training is not what another program can tell.
        let training = training.or(evaluation).filter(|pass| pass.is_object());
        if let Some(training) = training {
            worst = worst.max(self.pass(training, true)).max(self.tracked());
        }
        worst
    }

    /// The worst relative error of a pass: y, and the gradients of the input and of what is
    /// trained.
    fn pass(&mut self, golden: &Value, is_training: bool) -> f64 {
        let (rows, inputs) = (self.rows, self.inputs);
        let mut worst = 0.0f64;
        let mut compare = |got: &[f64], want: &[f64]| {
            worst = worst.max(worst_error(got, want, 1e-2));
        };
        let (x, y) = (floats(self.golden, "x"), floats(golden, "y"));
        if !is_training {
            compare(
                &self.engine.predict(&features(inputs, x.clone())).unwrap(),
                &y,
            );
        }
        let right = self.dataset(y.clone());
        let (loss, _) = self.gradient(&right, is_training);
        // ½‖y − t‖² is 0 where y is t.
        compare(&[loss.sqrt()], &[0.0]);
        // The mean over the rows of ½‖y − t‖² has the gradient `direction` where t = y −
        // rows·direction.
        let shifted = y.iter().zip(floats(self.golden, "direction"));
        let dataset = self.dataset(shifted.map(|(y, d)| y - rows as f64 * d).collect());
        let (_, gradient) = self.gradient(&dataset, is_training);
        let front = format!("layers.{}.", self.front);
        for (name, gradient) in self.named(&gradient) {
            if let Some(name) = name.strip_prefix(&front) {
                match golden["gradients"][name].is_array() {
                    true => compare(gradient, &floats(&golden["gradients"], name)),
                    false => assert!(gradient.iter().all(|g| *g == 0.0), "{name} is not trained"),
                }
                continue;
            }
            // dW = dxᵀ·x and db = Σ dx of the layer in front.
            let dx = floats(golden, "dx");
            let sum = |term: &dyn Fn(usize) -> f64| (0..rows).map(term).sum::<f64>();
            let want: Vec<f64> = if name.ends_with("bias") {
                let of = |i| sum(&|r| dx[r * inputs + i]);
                (0..inputs).map(of).collect()
            } else {
                let of = |i, j| sum(&|r| dx[r * inputs + i] * x[r * inputs + j]);
                let pairs = (0..inputs).flat_map(|i| (0..inputs).map(move |j| (i, j)));
                pairs.map(|(i, j)| of(i, j)).collect()
            };
            compare(gradient, &want);
        }
        worst
    }

    /// The worst relative error of what a training step changes without a gradient.
    fn tracked(&mut self) -> f64 {
        let dataset = self.dataset(vec![0.0; floats(self.golden, "direction").len()]);
        let time = Time::new(1, 0.0);
        self.engine.step(&Batch::all(&dataset), time).unwrap();
        let (saved, front) = (
            self.engine.save().unwrap().parameters,
            format!("layers.{}.", self.front),
        );
        let after = self.golden["after"].as_object().unwrap();
        let mut found = 0;
        let mut worst = 0.0f64;
        for (name, values) in self.named(&saved) {
            let name = name
                .strip_prefix(&front)
                .filter(|name| after.contains_key(*name));
            if let Some(name) = name {
                worst = worst.max(worst_error(
                    values,
                    &floats(&self.golden["after"], name),
                    1e-2,
                ));
                found += 1;
            }
        }
        assert_eq!(found, after.len(), "tensors of {}", self.golden["name"]);
        worst
    }

    fn gradient(&mut self, dataset: &Dataset, is_training: bool) -> (f64, Vec<f64>) {
        let batch = Batch::all(dataset);
        let result = match is_training {
            true => self.engine.loss_and_gradient(&batch),
            false => self.engine.evaluation_gradient(&batch),
        };
        result.unwrap()
    }

    /// Values in the order of the engine's parameters, tensor by tensor.
    fn named<'v>(&self, values: &'v [f64]) -> Vec<(String, &'v [f64])> {
        let mut rest = values;
        let tensors = self.engine.parameters().into_iter().map(|info| {
            let (own, more) = rest.split_at(info.shape.iter().product());
            rest = more;
            (info.name, own)
        });
        tensors.collect()
    }
}

#[test]
fn layers_have_the_values_and_gradients_of_pytorch() {
    let mut compared = Vec::new();
    for file in [
        "layers_lists",
        "layers_windows",
        "layers_images",
        "layers_numbers",
    ] {
        let golden = golden(&format!("pytorch/{file}.json"));
        for case in list(&golden, "cases") {
            let name = case["name"].as_str().unwrap();
            let error = Case::new(case).error();
            println!("{name}: {error:.1e}");
            assert!(error < 1e-10, "{name}: {error:e}");
            compared.push(case["layer"].as_str().unwrap().to_owned());
        }
    }
    // A new layer has its test beside it.
    let compared: BTreeSet<String> = compared.into_iter().collect();
    assert!(compared.len() >= 17, "{compared:?}");
}
