//! Training from a program: from files, from borrowed rows, with callbacks and a loss of one's own.

use thalweg::dataset::FeaturesRef;
use thalweg::losses::{Comparison, Custom, Link, Target};
use thalweg::registry::{Choice, Setting};
use thalweg::train::Flow;
use thalweg::{Error, Model, Trainer};

fn line() -> (Vec<f32>, Vec<f64>) {
    let x: Vec<f32> = (0..64).map(|i| i as f32 / 32.0 - 1.0).collect();
    let y = x.iter().map(|x| 3.0 * f64::from(*x) - 1.0).collect();
    (x, y)
}

/// A trainer that finds a line by least squares.
fn of_line<'a>(x: &'a [f32], y: &'a [f64]) -> Trainer<'a> {
    Trainer::from_rows(FeaturesRef::f32(1, x), y)
        .hidden(&[])
        .optimizer("sgd")
        .set("training.schedule", "constant")
        .learning_rate(0.3)
        .epochs(200)
        .threads(1)
}

#[test]
fn what_is_for_tables_is_refused_beside_borrowed_rows() {
    let (x, y) = line();
    for (field, value) in [
        ("data.fit.class_weight", "balanced"),
        ("data.fit.scaling", "robust"),
        ("data.read.decimal", ","),
    ] {
        let error = of_line(&x, &y).set(field, value).fit().unwrap_err();
        assert!(error.is_input(), "{error}");
        let told = format!("`{field}`: found borrowed rows");
        assert!(error.to_string().contains(&told), "{error}");
    }
}

#[test]
fn borrowed_rows_are_trained_on_as_they_are() {
    let (x, y) = line();
    let model = of_line(&x, &y).fit().unwrap();
    let found = model
        .predict(FeaturesRef::f32(1, &[0.0, 0.5, 2.0]))
        .unwrap();
    for (found, expected) in found.iter().zip([-1.0, 0.5, 5.0]) {
        assert!((found - expected).abs() < 1e-3, "{found} for {expected}");
    }
}

#[test]
fn borrowed_rows_of_weight_0_are_as_good_as_absent() {
    let (x, y) = line();
    let weights: Vec<f32> = (0..64).map(|i| (i % 3) as f32).collect();
    let kept = |values: &mut dyn Iterator<Item = f64>| -> Vec<f64> {
        let kept = values.zip(&weights).filter(|(_, weight)| **weight > 0.0);
        kept.map(|(value, _)| value).collect()
    };
    let fewer_x: Vec<f32> = (kept(&mut x.iter().map(|x| f64::from(*x))).iter())
        .map(|x| *x as f32)
        .collect();
    let fewer_y = kept(&mut y.iter().copied());
    let fewer: Vec<f32> = weights
        .iter()
        .copied()
        .filter(|weight| *weight > 0.0)
        .collect();
    let all = of_line(&x, &y).weights(&weights).epochs(3).fit().unwrap();
    let less = of_line(&fewer_x, &fewer_y)
        .weights(&fewer)
        .epochs(3)
        .fit()
        .unwrap();
    assert_eq!(all.description().outcome.rows.train, 42);
    let rows = FeaturesRef::f32(1, &x);
    assert_eq!(all.predict(rows).unwrap(), less.predict(rows).unwrap());
    let none = vec![0.0; 64];
    let error = of_line(&x, &y)
        .weights(&none)
        .fit()
        .unwrap_err()
        .to_string();
    assert!(error.contains("0 for all 64 rows"), "{error}");
}

#[test]
fn a_model_is_shared_among_threads_and_survives_its_file() {
    fn shared<T: Send + Sync>(_: &T) {}
    let (x, y) = line();
    let model = of_line(&x, &y).fit().unwrap();
    shared(&model);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    model.save(&path).unwrap();
    let read = Model::load(&path).unwrap();
    let rows = FeaturesRef::f32(1, &x);
    let expected = model.predict(rows).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for (x, expected) in x.iter().zip(&expected) {
                    let mut found = [0.0];
                    read.predict_into(FeaturesRef::f32(1, &[*x]), &mut found)
                        .unwrap();
                    assert_eq!(found[0], *expected);
                }
            });
        }
    });
    assert_eq!(read.predict(rows).unwrap(), expected);
}

#[test]
fn without_a_folder_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let before = std::fs::read_dir(".").unwrap().count();
    let trainer = Trainer::from_file("builtin:iris").hidden(&[4]).epochs(2);
    let ended = trainer.train().unwrap();
    assert!(ended.folder.is_none() && ended.end.out.is_none());
    assert_eq!(std::fs::read_dir(".").unwrap().count(), before);
    let trainer = Trainer::from_file("builtin:iris").hidden(&[4]).epochs(2);
    trainer.folder(folder.path().join("run")).train().unwrap();
    let mut names: Vec<_> = std::fs::read_dir(folder.path().join("run"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["config.toml", "log.jsonl", "model.safetensors"]);
}

#[test]
fn a_config_that_comes_out_trains_the_same_model_again() {
    let bytes = |trainer: Trainer| {
        let ended = trainer.train().unwrap();
        (ended.model.unwrap().to_bytes().unwrap(), ended.config)
    };
    let trainer = Trainer::from_file("builtin:diabetes").epochs(3).seed(5);
    let (first, config) = bytes(trainer);
    let (second, again) = bytes(Trainer::from_config(config.clone()));
    assert_eq!(first, second);
    assert_eq!(config, again);
    let (other, _) = bytes(Trainer::from_config(config).seed(6));
    assert_ne!(first, other);
}

#[test]
fn callbacks_see_every_step_and_epoch_and_may_stop_the_run() {
    let (x, y) = line();
    let (mut steps, mut epochs) = (0, Vec::new());
    let ended = of_line(&x, &y)
        .batch_size(16)
        .on_step(|step, _| {
            steps = step;
            Flow::Continue
        })
        .on_epoch(|report| {
            epochs.push(report.train_loss);
            match epochs.len() {
                5 => Flow::Stop,
                _ => Flow::Continue,
            }
        })
        .train()
        .unwrap();
    assert!(ended.is_interrupted());
    assert_eq!((steps, epochs.len()), (20, 5));
    assert!(epochs[4] < epochs[0]);
}

#[test]
fn an_own_loss_is_minimized() {
    let (x, mut y) = line();
    // The absolute error is minimal at the median: one outlier does not move it.
    y[0] = 1000.0;
    let loss = Custom::new(Link::Identity, Comparison::Values, |z, target, dz| {
        let Target::Values(y) = target else {
            unreachable!("it compares with values")
        };
        dz[0] = (z[0] - y[0]).signum();
        (z[0] - y[0]).abs()
    });
    let model = of_line(&x, &y)
        .own_loss(loss)
        .set("training.schedule", "cosine")
        .epochs(500)
        .fit()
        .unwrap();
    let found = model.predict(FeaturesRef::f32(1, &[0.0])).unwrap();
    assert!((found[0] + 1.0).abs() < 0.05, "{found:?}");
}

#[test]
fn layers_and_settings_are_those_that_are_set() {
    let dense = Choice::new("dense").with("units", Setting::Integer(6));
    let ended = Trainer::from_file("builtin:iris")
        .layers(vec![dense, Choice::new("dense")])
        .optimizer("adam")
        .setting("optimizer.beta1", Setting::Number(0.8))
        .set("training.stop.max_steps", 7)
        .train()
        .unwrap();
    assert_eq!(
        ended.config.network.layers[0].settings["units"],
        Setting::Integer(6)
    );
    assert_eq!(
        ended.config.network.layers[1].settings["units"],
        Setting::Integer(3)
    );
    assert_eq!(
        ended.config.training.optimizer.settings["beta1"],
        Setting::Number(0.8)
    );
    assert_eq!(ended.outcome.stopped_by, "max_steps");
}

#[test]
fn errors_tell_bad_input_from_failures_and_name_the_field() {
    let refused = |trainer: Trainer| trainer.fit().unwrap_err();
    let file = || {
        Trainer::from_file("builtin:diabetes")
            .hidden(&[4])
            .epochs(3)
    };
    for (error, field) in [
        (
            refused(file().learning_rate(-1.0)),
            "`training.learning_rate`",
        ),
        (refused(file().set("training.l3", 1.0)), "training.l3"),
        (
            refused(file().set("data.split.test_fraction", 2.0)),
            "`data.split.test_fraction`",
        ),
        (refused(file().optimizer("adamm")), "adamm"),
        (
            refused(file().set("output_bias", "prior").loss("hinge")),
            "hinge",
        ),
        (refused(Trainer::from_file("no.csv")), "no.csv"),
    ] {
        assert!(error.is_input(), "{error}");
        assert!(error.to_string().contains(field), "{error}");
        assert!(!error.to_string().contains("--"), "{error}");
    }
    let diverges = file().optimizer("gd").learning_rate(1e30);
    let error = refused(diverges.set("training.schedule", "constant"));
    assert!(!error.is_input());
    assert!(matches!(error, Error::Diverged(_)), "{error}");
    assert!(
        error.to_string().contains("`training.learning_rate`"),
        "{error}"
    );
}

#[test]
fn a_run_on_borrowed_rows_goes_on_with_these_alone() {
    let (x, y) = line();
    let folder = tempfile::tempdir().unwrap();
    let stopping = |report: &thalweg::observe::EpochReport| match report.epoch {
        3 => Flow::Stop,
        _ => Flow::Continue,
    };
    let begun = of_line(&x, &y)
        .folder(folder.path())
        .on_epoch(stopping)
        .train();
    assert!(begun.unwrap().is_interrupted());
    let resumed = |x: &[f32], y: &[f64]| of_line(x, y).folder(folder.path()).resume().train();
    let (mut other, mut targets) = (x.clone(), y.clone());
    other[40] += 1e-6;
    targets[0] = 0.0;
    for (x, y) in [
        (&other, &y),
        (&x, &targets),
        (&x[..63].to_vec(), &y[..63].to_vec()),
    ] {
        let told = resumed(x, y).err().unwrap().to_string();
        assert!(
            told.contains("found other training rows, expected those"),
            "{told}"
        );
    }
    let ended = resumed(&x, &y).unwrap();
    assert_eq!(ended.outcome.epochs, 200);
}
