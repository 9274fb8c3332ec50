//! Hessian-vector products of whole networks, as they are in training.

use serde_json::Value;
use thalweg_core::dataset::{Dataset, Targets};
use thalweg_core::engine::Batch;
use thalweg_core::spec::NetworkSpec;

use crate::common::*;

fn dataset(case: &Value, inputs: usize, rows: usize) -> Dataset {
    Dataset {
        features: features(inputs, floats(case, "x")),
        targets: match case["classes"].is_array() {
            true => {
                let classes = floats(case, "classes").into_iter();
                Targets::Classes(classes.map(|class| class as u32).collect())
            }
            false => {
                let targets = floats(case, "targets");
                values(targets.len() / rows, targets)
            }
        },
        weights: Some(floats(case, "weights").iter().map(|w| *w as f32).collect()),
    }
}

/// The worst error of a vector whose small values are differences of large ones.
pub fn scaled_error(got: &[f64], want: &[f64]) -> f64 {
    let largest = want
        .iter()
        .fold(0.0f64, |most, value| most.max(value.abs()));
    worst_error(got, want, 0.1 * largest)
}

#[test]
fn hessian_vector_products_of_networks_are_those_of_pytorch() {
    let golden = golden("pytorch/second_order.json");
    let cases = list(&golden, "cases");
    for case in cases {
        let name = case["name"].as_str().unwrap();
        let shape: Vec<usize> = floats(case, "input").iter().map(|n| *n as usize).collect();
        let (inputs, rows) = (shape.iter().product(), number(case, "rows") as usize);
        let layers = serde_json::from_value(case["layers"].clone()).unwrap();
        let network = NetworkSpec {
            image: shape.try_into().ok(),
            ..network(inputs, case["loss"].as_str().unwrap(), layers)
        };
        let mut engine = engine(&network, &descent(1.0, rows, 1));
        engine.load(&state(&floats(case, "parameters"))).unwrap();
        let data = dataset(case, inputs, rows);
        engine.check(&Batch::all(&data), 0).unwrap();
        let batch = Batch::all(&data);
        let (_, gradient) = engine.loss_and_gradient(&batch).unwrap();
        let (value, product) = engine.hvp(&batch, &floats(case, "direction")).unwrap();
        let error = relative_error(value, number(case, "value"), 0.0)
            .max(scaled_error(&gradient, &floats(case, "gradient")))
            .max(scaled_error(&product, &floats(case, "hvp")));
        println!("{name}: {error:.1e}");
        assert!(error < 1e-12, "{name}: {error:e}");
    }
    assert!(cases.len() >= 6);
}
