//! What is listed of the rules of a run is what a training spec does: its defaults, its fields, their ranges.

use thalweg_core::registry::{Domain, Parameter, Setting};
use thalweg_core::rules::RULES;
use thalweg_core::spec::Said;
use thalweg_core::spec::{Plateau, ScaleRate, TrainingSpec};

/// The parameters of all rules, with how each is said.
fn rule_settings() -> impl Iterator<Item = (&'static Parameter, &'static Said)> {
    let rules = RULES.iter().flat_map(|kind| kind.rules);
    rules.flat_map(|rule| rule.settings())
}

/// The spec of a file that says nothing but `value` for `field`, where its table stands with what it must have.
fn spec_with(field: &str, value: serde_json::Value) -> serde_json::Result<TrainingSpec> {
    let mut spec = serde_json::to_value(TrainingSpec::default())?;
    spec["optimizer"] = serde_json::json!({ "name": "adamw" });
    let path: Vec<&str> = field.split('.').collect();
    let required = serde_json::json!({
        "plateau": { "patience": 3 }, "scale_rate": { "from_batch_size": 8 },
    });
    match path[..] {
        [table, field] => {
            if spec[table].is_null() {
                spec[table] = match &required[table] {
                    serde_json::Value::Null => serde_json::json!({}),
                    table => table.clone(),
                };
            }
            spec[table][field] = value;
        }
        _ => spec[field] = value,
    }
    serde_json::from_value(spec)
}

#[test]
fn rules_have_the_defaults_of_the_training_spec() {
    let mut count = 0;
    for (parameter, said) in rule_settings() {
        count += 1;
        let plain = (said.value)(&TrainingSpec::default());
        if plain == parameter.default.setting() {
            continue;
        }
        // A setting of a rule that is off: the rest of its table is as it is without it.
        assert_eq!(plain, None, "{}", said.field);
        let table = TrainingSpec {
            plateau: Some(Plateau::new(3)),
            scale_rate: Some(ScaleRate::new(8)),
            ..TrainingSpec::default()
        };
        assert_eq!(
            (said.value)(&table),
            parameter.default.setting(),
            "{}",
            said.field
        );
    }
    assert!(count >= 28, "only {count} settings of rules");
}

#[test]
fn a_file_may_say_every_field_of_a_rule_and_is_held_to_the_range_that_is_listed() {
    for (parameter, said) in rule_settings() {
        let field = said.field;
        let (inside, outside): (Vec<Setting>, Option<Setting>) = match parameter.domain {
            Domain::Flag => (
                vec![true, false].into_iter().map(Setting::Flag).collect(),
                None,
            ),
            Domain::Integer(low, _) => (
                vec![Setting::Integer(low), Setting::Integer(7)],
                Some(Setting::Integer(low - 1)),
            ),
            Domain::Number { low, high, .. } => {
                let outside = match (low.is_finite(), high.is_finite()) {
                    (true, _) => Some(Setting::Number(low - 0.5)),
                    (_, true) => Some(Setting::Number(high + 0.5)),
                    _ => None,
                };
                (vec![Setting::Number(0.25)], outside)
            }
            Domain::Word(words) => (
                words.iter().map(|word| (*word).into()).collect(),
                Some("something else".into()),
            ),
            other => panic!("{field}: say in this test which values of {other} to try"),
        };
        for value in inside {
            let spec = spec_with(field, serde_json::to_value(&value).unwrap());
            let spec = spec.unwrap_or_else(|error| panic!("{field} = {value}: {error}"));
            assert_eq!((said.value)(&spec), Some(value), "{field}");
            assert!(spec.resolve().is_ok(), "{field}: {:?}", spec.resolve());
        }
        if let Some(value) = outside {
            let spec = spec_with(field, serde_json::to_value(&value).unwrap());
            let refused = spec.is_err() || spec.is_ok_and(|spec| spec.resolve().is_err());
            assert!(refused, "{field} = {value} is not refused");
        }
    }
    assert!(spec_with("stop.no_such_field", 1.into()).is_err());
}

#[test]
fn rules_that_stop_a_run_have_the_names_that_logs_give_as_the_reason() {
    use thalweg_core::train::StoppedBy::{self, *};
    let reasons: [StoppedBy; 7] = [
        Epochs,
        MaxSteps,
        MaxTime,
        TargetLoss,
        Patience,
        MinChange,
        MinGradient,
    ];
    let stopping = RULES.iter().find(|kind| kind.kind == "stopping").unwrap();
    let listed = stopping.rules.iter().map(|rule| rule.description.name);
    let names = reasons.iter().map(|reason| reason.name());
    assert!(listed.eq(names.chain(["diverged"])));
}
