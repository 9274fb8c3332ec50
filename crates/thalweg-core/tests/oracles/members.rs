//! Networks of members that share their weights: what they predict, and how they are trained.

use serde_json::Value;
use thalweg_core::dataset::{Dataset, Targets};
use thalweg_core::engine::{Batch, Engine};
use thalweg_core::optimizers::Time;
use thalweg_core::registry::{Choice, Setting};
use thalweg_core::spec::TrainingSpec;

use super::second_order::scaled_error;
use crate::common::*;

struct Case<'a> {
    golden: &'a Value,
    engine: Box<dyn Engine>,
    data: Dataset,
}

impl<'a> Case<'a> {
    fn new(golden: &'a Value) -> Self {
        let inputs = number(golden, "inputs") as usize;
        let rows = number(golden, "rows") as usize;
        let layers = serde_json::from_value(golden["layers"].clone()).unwrap();
        let network = network(inputs, golden["loss"].as_str().unwrap(), layers);
        let training = TrainingSpec {
            optimizer: Choice::new("adamw").with("weight_decay", Setting::Number(0.1)),
            ..descent(0.02, rows, 1)
        };
        let mut engine = engine(&network, &training);
        engine.load(&state(&floats(golden, "parameters"))).unwrap();
        let targets = match golden["classes"].is_array() {
            true => {
                let classes = floats(golden, "classes").into_iter();
                Targets::Classes(classes.map(|class| class as u32).collect())
            }
            false => {
                let targets = floats(golden, "targets");
                values(targets.len() / rows, targets)
            }
        };
        let weights = floats(golden, "weights");
        let data = Dataset {
            features: features(inputs, floats(golden, "x")),
            targets,
            weights: Some(weights.iter().map(|w| *w as f32).collect()),
        };
        Self {
            golden,
            engine,
            data,
        }
    }

    /// The worst relative error of anything.
    fn error(&mut self) -> f64 {
        let Self {
            golden,
            engine,
            data,
        } = self;
        let batch = Batch::all(&*data);
        engine.check(&batch, 0).unwrap();
        let (value, gradient) = engine.loss_and_gradient(&batch).unwrap();
        let (again, product) = engine.hvp(&batch, &floats(golden, "direction")).unwrap();
        let mut predictions = Vec::new();
        let evaluated = engine.evaluate(&batch, Some(&mut predictions)).unwrap();
        data.weights = None;
        for step in 1..=3 {
            let batch = Batch::all(&*data);
            engine.step(&batch, Time::new(step, 0.02)).unwrap();
        }
        let numbers = [(value, "value"), (again, "value"), (evaluated, "evaluated")];
        let of_numbers = numbers.map(|(got, want)| relative_error(got, number(golden, want), 0.0));
        let of_vectors = [
            scaled_error(&gradient, &floats(golden, "gradient")),
            scaled_error(&product, &floats(golden, "hvp")),
            worst_error(&predictions, &floats(golden, "predictions"), 1e-3),
            worst_error(
                &engine.save_parameters().unwrap(),
                &floats(golden, "after"),
                1e-3,
            ),
        ];
        println!("{}: {of_numbers:?} {of_vectors:?}", golden["name"]);
        of_numbers.into_iter().chain(of_vectors).fold(0.0, f64::max)
    }
}

#[test]
fn members_that_share_weights_predict_and_are_trained_as_those_of_pytorch() {
    let golden = golden("pytorch/members.json");
    let cases = list(&golden, "cases");
    for case in cases {
        let error = Case::new(case).error();
        assert!(error < 1e-10, "{}: {error:e}", case["name"]);
    }
    assert!(cases.len() >= 6);
}
