//! Layers: values, and gradients of inputs and parameters.

use serde_json::Value;
use thalweg::dataset::Dataset;
use thalweg::engine::{Batch, Engine};
use thalweg::layers::LAYERS;
use thalweg::optimizers::Time;
use thalweg::registry::{Choice, Setting};

use crate::common::*;

/// A layer of a golden case behind a dense layer whose weights are the unit matrix, so that the gradients
/// of its input can be told from those of that layer.
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
        let y = floats(golden, "y");
        let mut worst = 0.0f64;
        let mut compare = |got: &[f64], want: &[f64]| {
            worst = worst.max(worst_error(got, want, 1e-2));
        };
        let evaluated = match golden["eval_y"].is_array() {
            true => floats(golden, "eval_y"),
            false => y.clone(),
        };
        let x = features(self.inputs, floats(golden, "x"));
        compare(&self.engine.predict(&x).unwrap(), &evaluated);

        // ½‖y − t‖² is 0 where y is t.
        let right = self.dataset(y.clone());
        let (loss, _) = self.engine.loss_and_gradient(&Batch::all(&right)).unwrap();
        compare(&[loss.sqrt()], &[0.0]);
        // The mean over the rows of ½‖y − t‖² has the gradient `direction` where t = y − rows·direction.
        let direction = floats(golden, "direction");
        let shifted = y.iter().zip(&direction);
        let dataset = self.dataset(shifted.map(|(y, d)| y - self.rows as f64 * d).collect());
        let batch = Batch::all(&dataset);
        let (_, gradient) = self.engine.loss_and_gradient(&batch).unwrap();
        let mut gradients = Vec::new();
        let mut rest = &gradient[..];
        for info in self.engine.parameters() {
            let (values, after) = rest.split_at(info.shape.iter().product());
            gradients.push((info.name, values.to_vec()));
            rest = after;
        }
        let (x, front) = (floats(golden, "x"), format!("layers.{}.", self.front));
        for (name, gradient) in &gradients {
            if let Some(name) = name.strip_prefix(&front) {
                match golden["gradients"][name].is_array() {
                    true => compare(gradient, &floats(&golden["gradients"], name)),
                    false => assert!(gradient.iter().all(|g| *g == 0.0), "{name} is not trained"),
                }
                continue;
            }
            // dW = dxᵀ·x and db = Σ dx of the layer in front.
            let dx = floats(golden, "dx");
            let (dx, x) = (
                |r: usize, i: usize| dx[r * self.inputs + i],
                |r: usize, j: usize| x[r * self.inputs + j],
            );
            let sum = |term: &dyn Fn(usize) -> f64| (0..self.rows).map(term).sum::<f64>();
            let want: Vec<f64> = if name.ends_with("bias") {
                (0..self.inputs).map(|i| sum(&|r| dx(r, i))).collect()
            } else {
                let pairs = (0..self.inputs).flat_map(|i| (0..self.inputs).map(move |j| (i, j)));
                pairs.map(|(i, j)| sum(&|r| dx(r, i) * x(r, j))).collect()
            };
            compare(gradient, &want);
        }
        let time = Time { step: 1, rate: 0.0 };
        self.engine.step(&batch, time).unwrap();
        let mut rest = &self.engine.save().parameters[..];
        for info in self.engine.parameters() {
            let (values, more) = rest.split_at(info.shape.iter().product());
            rest = more;
            if let Some(name) = info.name.strip_prefix(&front)
                && golden["after"][name].is_array()
            {
                compare(values, &floats(&golden["after"], name));
            }
        }
        worst
    }
}

#[test]
fn layers_have_the_values_and_gradients_of_pytorch() {
    let mut compared = Vec::new();
    for file in ["layers_lists", "layers_images"] {
        let golden = golden(&format!("pytorch/{file}.json"));
        for case in list(&golden, "cases") {
            let name = case["name"].as_str().unwrap();
            let error = Case::new(case).error();
            println!("{name}: {error:.1e}");
            assert!(error < 1e-10, "{name}: {error:e}");
            compared.push(case["layer"].as_str().unwrap().to_owned());
        }
    }
    // These have oracles of another kind: see `tests/layers.rs`.
    compared.extend(["dropout", "unflatten"].map(str::to_owned));
    for name in names(&LAYERS) {
        assert!(
            compared.iter().any(|done| done == name),
            "layer {name} has no golden case"
        );
    }
}
