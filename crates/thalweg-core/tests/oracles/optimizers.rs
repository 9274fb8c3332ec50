//! A hundred steps of optimizers.

use std::collections::BTreeSet;

use serde_json::Value;
use thalweg_core::dataset::Dataset;
use thalweg_core::engine::{Batch, Rows};
use thalweg_core::optimizers::Time;
use thalweg_core::registry::{Choice, Setting};
use thalweg_core::schedules::{Progress, SCHEDULES};
use thalweg_core::spec::TrainingSpec;

use crate::common::*;

/// The optimizer and the specs of a golden case.
fn optimizer_of(file: &str, case: &Value) -> TrainingSpec {
    let name = case["name"].as_str().unwrap();
    let (optimizer, extra): (&str, &[(&str, bool)]) = match (file, name) {
        ("closed_form", "rmsprop_first") => (
            "rmsprop",
            &[("from_first_gradient", true), ("epsilon_inside", true)],
        ),
        ("closed_form", "rmsprop_first_outside") => ("rmsprop", &[("from_first_gradient", true)]),
        ("closed_form", "rmsprop_inside") => ("rmsprop", &[("epsilon_inside", true)]),
        ("closed_form", "adam_inside" | "adam_inside_large") => {
            ("adam", &[("epsilon_inside", true)])
        }
        ("closed_form", "sgd_nesterov") => ("sgd", &[("nesterov", true)]),
        ("closed_form", "adagrad_mean" | "adagrad_mean_epsilon") => ("adagrad", &[("mean", true)]),
        ("closed_form", "radam_paper") => ("radam", &[]),
        ("closed_form", "clip_norm" | "clip_value" | "l1" | "elastic") => ("gd", &[]),
        ("closed_form", "adam_clipped" | "adam_clip_value" | "adam_cosine") => ("adam", &[]),
        ("closed_form", "lion_decay") => ("lion", &[]),
        ("closed_form", "lars_decay") => ("lars", &[]),
        ("closed_form", "lamb_decay") => ("lamb", &[]),
        ("closed_form", "muon_decay") => ("muon", &[]),
        ("closed_form", name) => (name, &[]),
        _ => (case["optimizer"].as_str().unwrap(), &[]),
    };
    let mut spec = descent(number(&case["settings"], "lr"), 1, 1);
    let mut settings: Vec<(&str, Setting)> = extra
        .iter()
        .map(|(name, flag)| (*name, Setting::Flag(*flag)))
        .collect();
    // PyTorch's SGD has no momentum unless it is asked for.
    if optimizer == "sgd" && case["settings"]["momentum"].is_null() {
        settings.push(("momentum", Setting::Number(0.0)));
    }
    if name == "adam_cosine" {
        spec.schedule = Choice::new("cosine");
    }
    let is_decoupled = ["adamw", "lion", "lars", "lamb", "muon"].contains(&optimizer)
        || case["settings"]["decoupled_weight_decay"] == true;
    for (name, value) in case["settings"].as_object().unwrap() {
        let setting = || match value {
            Value::Bool(flag) => Setting::Flag(*flag),
            value => Setting::Number(value.as_f64().unwrap()),
        };
        match name.as_str() {
            "lr" => {}
            "clip_norm" => spec.clip_norm = value.as_f64(),
            "clip_value" => spec.clip_value = value.as_f64(),
            "l1" => spec.l1 = value.as_f64().unwrap(),
            "l2" => spec.l2 = value.as_f64().unwrap(),
            "betas" => {
                let betas = floats(&case["settings"], "betas");
                settings.push(("beta1", Setting::Number(betas[0])));
                settings.push(("beta2", Setting::Number(betas[1])));
            }
            "eps" => settings.push(("epsilon", setting())),
            "beta" => settings.push(("momentum", setting())),
            "dampening" if value.as_f64() == Some(0.0) => {}
            "decoupled_weight_decay" => {}
            "lr_decay" => spec.schedule = Choice::new("inverse_time").with("decay", setting()),
            // PyTorch couples it everywhere but where it says otherwise.
            "weight_decay" if !is_decoupled => spec.l2 = value.as_f64().unwrap(),
            name => settings.push((name, setting())),
        }
    }
    for (name, setting) in settings {
        spec.optimizer.settings.insert(name.to_owned(), setting);
    }
    spec.optimizer.name = optimizer.to_owned();
    spec
}

/// Parameters after the steps of a golden file, in the engine itself. A layer without bias that
/// sees a single 1 puts out its weights θ, so half the squared error to targets θ − g has the
/// gradient g.
fn replay(spec: &TrainingSpec, golden: &Value, steps: &[usize]) -> Vec<Vec<f64>> {
    let theta = floats(golden, "theta");
    let layer = without_bias(dense(theta.len(), "identity"));
    let mut engine = engine(&network(1, "half_mse", vec![layer]), spec);
    engine.load(&state(&theta)).unwrap();
    let schedule = SCHEDULES.build(&spec.schedule, &()).unwrap();
    let mut after = Vec::new();
    for (t, gradient) in list(golden, "gradients").iter().enumerate() {
        let gradient = gradient
            .as_array()
            .unwrap()
            .iter()
            .map(|g| g.as_f64().unwrap());
        let theta = engine.save().unwrap().parameters;
        let dataset = Dataset {
            features: features(1, vec![1.0]),
            targets: values(
                theta.len(),
                theta.iter().zip(gradient).map(|(p, g)| p - g).collect(),
            ),
            weights: None,
        };
        let time = Time::new(
            t as u64 + 1,
            spec.learning_rate
                * schedule.factor(Progress {
                    step: t as u64,
                    steps: 100,
                    steps_per_epoch: 1,
                }),
        );
        engine
            .step(&Batch::new(&dataset, Rows::Range(0, 1)), time)
            .unwrap();
        if steps.contains(&(t + 1)) {
            after.push(engine.save().unwrap().parameters);
        }
    }
    assert_eq!(after.len(), steps.len());
    after
}

#[test]
fn a_hundred_steps_of_every_optimizer_are_those_of_the_oracles() {
    let mut compared: Vec<String> = Vec::new();
    for file in ["closed_form", "pytorch"] {
        let golden = golden(&format!("{file}/optimizers.json"));
        for case in list(&golden, "cases") {
            let name = case["name"].as_str().unwrap();
            let spec = optimizer_of(file, case);
            let steps = [1, 2, 10, 100];
            let mut worst = 0.0f64;
            for (step, got) in steps.iter().zip(replay(&spec, &golden, &steps)) {
                let want = floats(&case["after"], &step.to_string());
                let error = worst_error(&got, &want, 1e-3);
                assert!(
                    error <= 1e-10,
                    "{file}: {name} as {}, step {step}: {got:?} is not {want:?} ({error:e})",
                    spec.optimizer
                );
                worst = worst.max(error);
            }
            println!(
                "{file}: {name} as {}, l2 {}: worst {worst:.1e}",
                spec.optimizer, spec.l2
            );
            compared.push(spec.optimizer.name);
        }
    }
    // A new optimizer has its test beside it.
    let compared: BTreeSet<String> = compared.into_iter().collect();
    assert!(compared.len() >= 15, "{compared:?}");
}

#[test]
fn decay_spares_biases() {
    for (optimizer, l2) in [("gd", 0.5), ("adamw", 0.0)] {
        let mut spec = descent(0.1, 1, 1);
        (spec.optimizer, spec.l2) = (Choice::new(optimizer), l2);
        let mut engine = engine(&network(1, "half_mse", vec![dense(1, "identity")]), &spec);
        engine.load(&state(&[2.0, 3.0])).unwrap();
        // At the target, so that decay is all that moves anything.
        let dataset = pairs(&[(1.0, 5.0)]);
        engine
            .step(&Batch::all(&dataset), Time::new(1, 0.1))
            .unwrap();
        let factor = if optimizer == "adamw" { 0.01 } else { l2 };
        assert_eq!(
            engine.save().unwrap().parameters,
            [2.0 - 0.1 * (factor * 2.0), 3.0],
            "{optimizer}"
        );
    }
}
