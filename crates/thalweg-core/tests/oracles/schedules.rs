//! Learning rates.

use std::collections::BTreeSet;

use serde_json::Value;
use thalweg_core::registry::{Choice, Setting};
use thalweg_core::schedules::{Progress, SCHEDULES};
use thalweg_core::spec::ScaleRate;

use crate::common::*;

/// Our schedule for a golden case.
fn schedule_of(file: &str, case: &Value) -> Choice {
    let settings = &case["settings"];
    let rate = 0.1;
    let total = case["total"].as_f64().unwrap_or(40.0);
    let floor = |key: &str| Setting::Number(settings[key].as_f64().unwrap() / rate);
    let with = |name: &str, keys: &[&str]| {
        let set =
            |choice: Choice, key: &&str| choice.with(key, Setting::Number(number(settings, key)));
        keys.iter().fold(Choice::new(name), set)
    };
    let fraction = || {
        // PyTorch's warm-up counts from 1/10 to 1 in 9 steps what ours counts as 10.
        let steps = settings["steps"].as_f64();
        let steps = steps.unwrap_or_else(|| number(settings, "total_iters") + 1.0);
        Setting::Number(steps / total)
    };
    match (file, case["schedule"].as_str().unwrap()) {
        (_, "constant") => Choice::new("constant"),
        (_, "exponential") => {
            Choice::new("exponential").with("gamma", Setting::Number(number(settings, "gamma")))
        }
        ("closed_form", "cosine") => Choice::new("cosine").with("floor", floor("minimum")),
        ("pytorch", "cosine") => Choice::new("cosine").with("floor", floor("eta_min")),
        (_, "linear_warmup") => Choice::new("linear_warmup").with("fraction", fraction()),
        (_, "warmup_times_cosine") => Choice::new("linear_warmup")
            .with("fraction", fraction())
            .with("then", Setting::Text("cosine".into())),
        ("closed_form", "step") => with("step_decay", &["gamma", "epochs"]),
        ("pytorch", "step") => with("step_decay", &["gamma"])
            .with("epochs", Setting::Number(number(settings, "step_size"))),
        (_, "inverse_time") => with("inverse_time", &["decay"]),
        ("closed_form", "flat_cosine") => {
            with("flat_cosine", &["flat"]).with("floor", floor("minimum"))
        }
        ("closed_form", "polynomial") => {
            with("polynomial", &["power"]).with("floor", floor("minimum"))
        }
        ("pytorch", "polynomial") => with("polynomial", &["power"]),
        ("closed_form", "cosine_restarts") => {
            let choice = with("cosine_restarts", &["period"]).with("floor", floor("minimum"));
            match settings["growth"].as_f64() {
                Some(growth) => choice.with("growth", Setting::Number(growth)),
                None => choice,
            }
        }
        ("pytorch", "cosine_restarts") => Choice::new("cosine_restarts")
            .with("period", Setting::Number(number(settings, "T_0")))
            .with(
                "growth",
                Setting::Number(settings["T_mult"].as_f64().unwrap_or(1.0)),
            )
            .with("floor", floor("eta_min")),
        (_, "inverse_sqrt") => Choice::new("inverse_sqrt").with("warmup", fraction()),
        (_, "coslog4") => Choice::new("coslog4"),
        (_, "one_cycle") => Choice::new("one_cycle")
            .with("fraction", Setting::Number(number(settings, "pct_start")))
            .with("divisor", Setting::Number(number(settings, "div_factor")))
            .with(
                "final_divisor",
                Setting::Number(number(settings, "final_div_factor")),
            ),
        (file, name) => panic!("{file}: schedule {name}: say in this test which of ours it is"),
    }
}

#[test]
fn learning_rates_of_every_schedule_are_those_of_the_oracles() {
    let mut compared = Vec::new();
    for (file, tolerance) in [("closed_form", 1e-14), ("pytorch", 1e-12)] {
        let golden = golden(&format!("{file}/schedules.json"));
        for case in list(&golden, "cases") {
            let choice = schedule_of(file, case);
            let schedule = SCHEDULES.build(&choice, &()).unwrap();
            let values = floats(case, "values");
            // PyTorch steps once an epoch. Epochs of 100 updates hit all points of the others.
            let is_one_cycle = case["schedule"] == "one_cycle";
            let counts_updates = is_one_cycle || choice.name == "linear_warmup";
            let epoch = if counts_updates || case["unit"] == "steps" {
                1
            } else {
                100
            };
            // PyTorch's one cycle has a rate of its own and tells its last update.
            let rate = if is_one_cycle { 1.0 } else { 0.1 };
            let (at, total) = if file == "pytorch" {
                (
                    (0..values.len()).map(|k| k as f64).collect(),
                    if is_one_cycle { 41.0 } else { 40.0 },
                )
            } else {
                (floats(case, "at"), number(case, "total"))
            };
            let rates: Vec<f64> = (at.iter())
                .map(|at| {
                    let progress = Progress {
                        step: (at * epoch as f64).round() as u64,
                        steps: (total * epoch as f64) as u64,
                        steps_per_epoch: epoch,
                    };
                    rate * schedule.factor(progress)
                })
                .collect();
            let error = worst_error(&rates, &values, 1e-3);
            assert!(
                error <= tolerance,
                "{file}: {choice}: {rates:?} is not {values:?} ({error:e})"
            );
            println!("{file}: {choice}: worst {error:.1e}");
            compared.push(choice.name);
        }
    }
    // A new schedule has its test beside it.
    let compared: BTreeSet<String> = compared.into_iter().collect();
    assert!(compared.len() >= 11, "{compared:?}");
}

#[test]
fn rates_are_scaled_with_the_batch_as_the_rule_says() {
    for case in list(&golden("closed_form/schedules.json"), "linear_scaling") {
        let rule = ScaleRate {
            from_batch_size: number(case, "from") as usize,
            warmup: 0.0,
        };
        let factor = rule.factor(number(case, "to") as usize, 0.0);
        assert_eq!(number(case, "rate") * factor, number(case, "value"));
    }
}
