//! Logistic regression and linear support vector machines: networks without a hidden layer, and
//! with `l2`, have the minimum that liblinear finds.

use thalweg_core::dataset::{Dataset, Targets};
use thalweg_core::engine::Batch;
use thalweg_core::registry::{Choice, Setting};
use thalweg_core::spec::TrainingSpec;
use thalweg_core::train::{Run, train};

use crate::common::*;

#[test]
fn linear_models_have_the_minimum_that_liblinear_finds() {
    let golden = golden("scikit_learn/linear.json");
    let (rows, width) = (
        number(&golden, "rows") as usize,
        number(&golden, "features") as usize,
    );
    let labels = floats(&golden, "labels");
    for case in list(&golden, "cases") {
        let loss = case["loss"].as_str().unwrap();
        let weights = case["weights"].is_array().then(|| floats(case, "weights"));
        let dataset = Dataset {
            features: features(width, floats(&golden, "x")),
            targets: Targets::Classes(labels.iter().map(|label| *label as u32).collect()),
            weights: weights.map(|weights| weights.iter().map(|w| *w as f32).collect()),
        };
        let l2 = number(case, "l2");
        let network = network(width, loss, vec![without_bias(dense(1, "identity"))]);
        // The hinge has kinks: its rate has to end at 0.
        let is_smooth = loss != "hinge";
        let spec = TrainingSpec {
            l2,
            schedule: match is_smooth {
                true => Choice::new("constant"),
                false => Choice::new("polynomial").with("power", Setting::Number(2.0)),
            },
            ..descent(0.2, rows, 40_000)
        };
        let mut run = Run::new(engine(&network, &spec), &spec, &dataset, None).unwrap();
        train(&mut run, &mut ()).unwrap();
        let w = run.engine().save().unwrap().parameters;
        let mean = run.engine().evaluate(&Batch::all(&dataset), None).unwrap();
        let objective = mean + 0.5 * l2 * w.iter().map(|w| w * w).sum::<f64>();
        let want = number(case, "objective");
        let error = worst_error(&w, &floats(case, "coefficients"), 0.1);
        println!(
            "{loss}, l2 {l2:.4}: objective off by {:.1e}, w by {error:.1e}",
            objective - want
        );
        let (of_objective, of_w) = if is_smooth {
            (1e-10, 1e-6)
        } else {
            (1e-4, 0.02)
        };
        assert!(
            (objective - want).abs() < of_objective,
            "{loss}: {objective} is not {want}"
        );
        assert!(error < of_w, "{loss}: {w:?} ({error:e})");
    }
}
