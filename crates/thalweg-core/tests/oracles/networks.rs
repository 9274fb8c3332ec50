//! Whole networks.

use std::collections::BTreeSet;

use serde_json::Value;
use thalweg_core::dataset::{Dataset, Targets};
use thalweg_core::engine::Batch;

use super::second_order::scaled_error;
use crate::common::*;

#[test]
fn logits_losses_gradients_and_hessian_vector_products_of_networks_are_those_of_pytorch() {
    let mut compared: Vec<String> = Vec::new();
    let mut worst = 0.0f64;
    for file in ["networks_4-1", "networks_3-4-2", "networks_5-8-6-3"] {
        let golden = golden(&format!("pytorch/{file}.json"));
        let sizes: Vec<usize> = floats(&golden, "sizes")
            .iter()
            .map(|size| *size as usize)
            .collect();
        let flatten = |layer: &Value| {
            let rows = list(layer, "weight").iter();
            let weight = rows
                .flat_map(|row| row.as_array().unwrap())
                .map(|w| w.as_f64().unwrap());
            weight.chain(floats(layer, "bias")).collect::<Vec<f64>>()
        };
        let parameters: Vec<f64> = list(&golden, "parameters")
            .iter()
            .flat_map(flatten)
            .collect();
        for case in list(&golden, "cases") {
            let activation = case["activation"].as_str().unwrap();
            let network = |last: &str, loss: &str| {
                let hidden = sizes[1..sizes.len() - 1]
                    .iter()
                    .map(|units| dense(*units, activation));
                let layers = hidden
                    .chain([dense(sizes[sizes.len() - 1], last)])
                    .collect();
                let network = network(sizes[0], loss, layers);
                let mut engine = engine(&network, &descent(0.1, 6, 1));
                engine.load(&state(&parameters)).unwrap();
                engine
            };
            let x = features(sizes[0], floats(&golden, "inputs"));
            let logits = network("identity", "half_mse").predict(&x).unwrap();
            let error = worst_error(&logits, &floats(case, "logits"), 1e-3);
            assert!(error < 1e-12, "{file} {activation}: {logits:?} ({error:e})");
            for loss in list(case, "losses") {
                let name = loss["loss"].as_str().unwrap();
                // Half the squared error behind a sigmoid is a last layer here.
                let (last, ours) = match name {
                    "half_mse_sigmoid" => ("sigmoid", "half_mse"),
                    name => ("identity", name),
                };
                let targets = &golden["targets"][name];
                let targets = if targets["classes"].is_array() {
                    let classes = floats(targets, "classes");
                    Targets::Classes(classes.iter().map(|class| *class as u32).collect())
                } else {
                    values(sizes[sizes.len() - 1], floats(targets, "targets"))
                };
                let weights = floats(&golden, "weights")
                    .iter()
                    .map(|w| *w as f32)
                    .collect();
                let dataset = Dataset {
                    features: x.clone(),
                    targets,
                    weights: Some(weights),
                };
                let mut engine = network(last, ours);
                let (value, gradient) = engine.loss_and_gradient(&Batch::all(&dataset)).unwrap();
                let error = relative_error(value, number(loss, "value"), 0.0).max(worst_error(
                    &gradient,
                    &floats(loss, "gradient"),
                    1e-3,
                ));
                let direction = floats(&golden, "direction");
                let (_, product) = engine.hvp(&Batch::all(&dataset), &direction).unwrap();
                let error = error.max(scaled_error(&product, &floats(loss, "hvp")));
                assert!(error < 1e-12, "{file} {activation} {name}: {error:e}");
                worst = worst.max(error);
                compared.push(ours.to_owned());
            }
        }
    }
    println!(
        "{} networks with losses, worst relative error {worst:.1e}",
        compared.len()
    );
    // A new loss is compared with finite differences.
    let compared: BTreeSet<String> = compared.into_iter().collect();
    assert!(compared.len() >= 13, "{compared:?}");
}
