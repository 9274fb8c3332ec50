//! What is listed of the rules of a run is what a training spec does: its defaults, its fields,
//! their ranges.

use std::collections::BTreeSet;

use crate::common::descent;
use thalweg_core::registry::{Choice, Domain, Parameter, Setting};
use thalweg_core::solvers;
use thalweg_core::spec::{Field, InSolver, Plateau, RuleKind, RunRule, ScaleRate, TrainingSpec};

/// The parameters of all rules, each with its field.
fn rule_settings() -> impl Iterator<Item = (&'static Parameter, &'static Field)> {
    RunRule::all().flat_map(RunRule::settings)
}

/// The spec of a file that says nothing but `value` for `field`, where its table stands with what
/// it must have.
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
    for (parameter, field) in rule_settings() {
        count += 1;
        let plain = TrainingSpec::default().get(field.path);
        if plain == parameter.default.setting() {
            continue;
        }
        // A setting of a rule that is off: the rest of its table is as it is without it.
        assert_eq!(plain, None, "{}", field.path);
        let table = TrainingSpec {
            plateau: Some(Plateau::new(3)),
            scale_rate: Some(ScaleRate::new(8)),
            ..TrainingSpec::default()
        };
        assert_eq!(
            table.get(field.path),
            parameter.default.setting(),
            "{}",
            field.path
        );
    }
    assert!(count >= 34, "only {count} settings of rules");
}

#[test]
fn a_file_may_say_every_field_of_a_rule_and_is_held_to_the_range_that_is_listed() {
    for (parameter, field) in rule_settings() {
        let field = field.path;
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
            Domain::Factors(roles) => (
                vec![format!("layers.2=0.5,{}=0.25", roles[0]).as_str().into()],
                Some("no_such_role=0.5".into()),
            ),
            // Entries of registries have tests of their own.
            Domain::Named { .. } => continue,
            other => panic!("{field}: say in this test which values of {other} to try"),
        };
        for value in inside {
            let spec = spec_with(field, serde_json::to_value(&value).unwrap());
            let spec = spec.unwrap_or_else(|error| panic!("{field} = {value}: {error}"));
            assert_eq!(spec.get(field), Some(value), "{field}");
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
    use thalweg_core::train::StoppedBy;
    // Solvers and observers stop runs as well.
    let others = ["converged", "searched", "line_search", "observer"];
    let reasons = StoppedBy::ALL.into_iter();
    let reasons = reasons.filter(|reason| !others.contains(&reason.name()));
    for reason in StoppedBy::ALL {
        assert_eq!(serde_json::to_value(reason).unwrap(), reason.name());
        assert_eq!(StoppedBy::of_name(reason.name()), Some(reason));
    }
    let listed = RuleKind::Stopping.rules().map(|rule| rule.description.name);
    let names = reasons.map(StoppedBy::name);
    let sorted =
        |names: &mut dyn Iterator<Item = &'static str>| -> BTreeSet<&str> { names.collect() };
    assert_eq!(
        sorted(&mut listed.into_iter()),
        sorted(&mut names.chain(["diverged"]))
    );
}

#[test]
fn a_field_is_set_by_its_path_and_read_back() {
    let mut spec = TrainingSpec::default();
    let set = [
        ("learning_rate", Setting::Number(0.5)),
        ("batch_size", Setting::Integer(7)),
        ("shuffle", Setting::Flag(false)),
        ("clip_norm", Setting::Number(2.0)),
        ("stop.max_steps", Setting::Integer(9)),
        ("batches.last", "drop".into()),
        ("plateau.patience", Setting::Integer(4)),
        ("plateau.factor", Setting::Number(0.25)),
        ("dtype", "f64".into()),
        ("optimizer", "adamw".into()),
        ("optimizer.weight_decay", Setting::Number(0.125)),
        ("augment", Setting::Choices(vec![Choice::new("noise")])),
    ];
    for (path, value) in &set {
        spec.set(path, value.clone()).unwrap();
    }
    for (path, value) in set {
        match path {
            // It has got a setting since.
            "optimizer" => assert_eq!(spec.optimizer.name, "adamw"),
            _ => assert_eq!(spec.get(path), Some(value), "{path}"),
        }
    }
    assert_eq!(spec.learning_rate, 0.5);
    let plateau = Plateau {
        factor: 0.25,
        ..Plateau::new(4)
    };
    assert_eq!(spec.plateau, Some(plateau));

    let mut refused = |path: &str, value: Setting| {
        let before = spec.clone();
        let message = spec.set(path, value).unwrap_err().to_string();
        assert_eq!(spec, before, "{path}");
        message
    };
    let message = refused("stop.max_time", Setting::Number(-1.0));
    assert_eq!(message, "`stop.max_time`: found -1, expected a number > 0");
    assert!(
        refused("stop.max_tim", Setting::Number(1.0)).contains("did you mean `stop.max_time`?")
    );
    assert!(refused("l1", Setting::Number(f64::NAN)).contains("found NaN"));
    assert!(refused("scale_rate.warmup", Setting::Number(1.0)).contains("from_batch_size"));
    // What a spec has that is not finite is not lost on the way.
    spec.clip_value = Some(f64::INFINITY);
    let message = spec
        .set("l1", Setting::Number(1.0))
        .unwrap_err()
        .to_string();
    assert!(message.starts_with("`clip_value`: found"), "{message}");
}

/// The names of the fields of a table, as the refusal of another name lists them.
fn fields_of<T: serde::de::DeserializeOwned>() -> Vec<String> {
    let table = serde_json::json!({ "no_such_field": 1 });
    let Err(error) = serde_json::from_value::<T>(table) else {
        panic!("a table takes any field");
    };
    let message = error.to_string();
    let names = message.split('`').skip(1).step_by(2);
    (names
        .filter(|name| *name != "no_such_field")
        .map(str::to_owned))
    .collect()
}

#[test]
fn every_field_of_a_training_spec_is_declared() {
    use thalweg_core::spec::{Batches, Stop};
    let mut paths = BTreeSet::new();
    let tables = [
        ("batches", fields_of::<Batches>()),
        ("stop", fields_of::<Stop>()),
        ("plateau", fields_of::<Plateau>()),
        ("scale_rate", fields_of::<ScaleRate>()),
    ];
    for name in fields_of::<TrainingSpec>() {
        match tables.iter().find(|(table, _)| *table == name) {
            Some((_, inner)) => paths.extend(inner.iter().map(|inner| format!("{name}.{inner}"))),
            None => drop(paths.insert(name)),
        }
    }
    assert!(paths.contains("stop.max_steps") && paths.contains("batch_size"));
    let declared: BTreeSet<String> = rule_settings()
        .map(|(_, field)| field.path.to_owned())
        .filter(|path| !path.starts_with("optimizer."))
        .collect();
    assert_eq!(declared, paths);
}

#[test]
fn flags_are_named_once_and_their_help_says_what_they_take() {
    let mut flags = std::collections::BTreeMap::new();
    for field in RunRule::all().flat_map(|rule| rule.fields) {
        let Some(flag) = field.flag else { continue };
        let other = flags.insert(flag.name, field.path);
        assert!(other.is_none_or(|path| path == field.path), "{}", flag.name);
        let words: Vec<&str> = flag.help.split([' ', '/']).collect();
        match field.placeholder() {
            Some("X" | "N") if flag.help.contains(" X") || flag.help.contains(" N ") => {
                let value = field.placeholder().unwrap();
                assert!(
                    words.contains(&value) || flag.help.contains(value),
                    "{}",
                    flag.help
                );
            }
            Some(_) => {}
            None => assert!(field.switched().is_some(), "{}", flag.name),
        }
        assert!(!flag.heading.is_empty());
    }
    assert!(flags.len() >= 30, "{}", flags.len());
    let field = |path| {
        RunRule::all()
            .flat_map(|rule| rule.fields)
            .find(|field| field.path == path)
    };
    let required = |path| field(path).unwrap().required().map(|field| field.path);
    assert_eq!(required("plateau.factor"), Some("plateau.patience"));
    assert_eq!(required("plateau.patience"), None);
    assert_eq!(required("l2"), None);
    assert_eq!(field("l1").unwrap().solver, InSolver::Refused);
}

#[test]
fn settings_out_of_range_are_refused_by_name() {
    let spec = || descent(0.1, 4, 1);
    let cases = [
        ("l1", TrainingSpec { l1: -0.1, ..spec() }),
        ("l2", TrainingSpec { l2: -0.1, ..spec() }),
        (
            "l2 sum",
            TrainingSpec {
                l2_sum: f64::NAN,
                ..spec()
            },
        ),
        (
            "clip norm",
            TrainingSpec {
                clip_norm: Some(0.0),
                ..spec()
            },
        ),
        (
            "clip value",
            TrainingSpec {
                clip_value: Some(-1.0),
                ..spec()
            },
        ),
        (
            "max norm",
            TrainingSpec {
                max_norm: Some(0.0),
                ..spec()
            },
        ),
        (
            "sam",
            TrainingSpec {
                sam: Some(f64::INFINITY),
                ..spec()
            },
        ),
        (
            "ema",
            TrainingSpec {
                ema: Some(1.0),
                ..spec()
            },
        ),
    ];
    for (name, spec) in cases {
        let message = spec.resolve().unwrap_err().to_string();
        let field = format!("`{}`: found ", name.replace(' ', "_"));
        assert!(message.starts_with(&field), "{message}");
    }
    for (optimizer, setting, value) in [
        ("adam", "beta1", 1.0),
        ("nadam", "beta2", 1.0),
        ("radam", "threshold", 3.0),
        ("rmsprop", "alpha", -0.1),
        ("adadelta", "rho", 1.0),
        ("lion", "beta1", 1.5),
        ("lars", "trust", 0.0),
        ("lars", "momentum", 1.0),
        ("lamb", "weight_decay", -1.0),
        ("muon", "momentum", 1.0),
        ("muon", "adam_ratio", -1.0),
        ("adagrad", "epsilon", -1.0),
    ] {
        let choice = Choice::new(optimizer).with(setting, Setting::Number(value));
        let message = solvers::resolve(&choice).unwrap_err().to_string();
        assert!(message.contains(setting), "{message}");
    }
    let both = Choice::new("rmsprop")
        .with("centered", Setting::Flag(true))
        .with("from_first_gradient", Setting::Flag(true));
    assert!(solvers::resolve(&both).is_err());
    let unknown = solvers::resolve(&Choice::new("lbfsg")).unwrap_err();
    assert!(
        unknown.to_string().contains("did you mean `lbfgs`?"),
        "{unknown}"
    );
}
