//! What the training loop promises: when it stops, with which parameters, and that it finds what it should.

use crate::common::*;
use thalweg_core::cpu;
use thalweg_core::dataset::Dataset;
use thalweg_core::engine::{Batch, Rows, StepReport};
use thalweg_core::error::{Error, Result};
use thalweg_core::observe::EpochReport;
use thalweg_core::optimizers::Time;
use thalweg_core::precision::Dtype;
use thalweg_core::registry::{Choice, Setting};
use thalweg_core::spec::{NetworkSpec, TrainingSpec};
use thalweg_core::train::{Checkpoint, Run, StoppedBy, Summary, train};
use thalweg_core::train::{Flow, Observer};

/// y = w·x with w = 0 at the start.
fn one_weight() -> NetworkSpec {
    let layer = without_bias(dense(1, "identity"));
    let layer = layer.with("initializer", Setting::Text("zeros".into()));
    network(1, "half_mse", vec![layer])
}

/// Keeps what it is told.
#[derive(Default)]
struct Diary {
    steps: usize,
    epochs: Vec<EpochReport>,
}

impl Observer for Diary {
    fn step(&mut self, run: &mut Run, _: &StepReport) -> Result<Flow> {
        self.steps += 1;
        assert_eq!(run.step(), self.steps as u64);
        Ok(Flow::Continue)
    }

    fn epoch(&mut self, _: &mut Run, report: &EpochReport) -> Result<Flow> {
        self.epochs.push(report.clone());
        Ok(Flow::Continue)
    }
}

fn run(
    network: &NetworkSpec,
    spec: &TrainingSpec,
    training: &Dataset,
    validation: Option<&Dataset>,
) -> (Summary, Vec<f64>, Diary) {
    let mut diary = Diary::default();
    let mut run = Run::new(engine(network, spec), spec, training, validation).unwrap();
    let summary = train(&mut run, &mut diary).unwrap();
    (summary, run.engine().save().unwrap().parameters, diary)
}

// Stopping

/// w after each epoch from 0: w ← w + η(2 − w), as the row (1, 2) has it.
fn path(rate: f64, epochs: usize) -> Vec<f64> {
    let mut w = 0.0;
    (0..epochs)
        .map(|_| {
            w += rate * (2.0 - w);
            w
        })
        .collect()
}

#[test]
fn early_stopping_ends_with_the_parameters_of_the_best_epoch() {
    // Training pulls w to 2, validation wants 1: the best epoch is where w comes closest to 1.
    let (training, validation) = (pairs(&[(1.0, 2.0)]), pairs(&[(1.0, 1.0)]));
    let path = path(0.1, 100);
    let distance = |epoch: &usize| (path[epoch - 1] - 1.0).abs();
    let best = (1..=100)
        .min_by(|a, b| distance(a).total_cmp(&distance(b)))
        .unwrap();
    assert_eq!(best, 7);
    for patience in [1, 3, 10] {
        let spec = TrainingSpec {
            patience: Some(patience),
            ..descent(0.1, 1, 100)
        };
        let (summary, w, diary) = run(&one_weight(), &spec, &training, Some(&validation));
        assert_eq!(summary.stopped_by, StoppedBy::Patience);
        assert_eq!(summary.best_epoch, best);
        assert_eq!(summary.epochs, best + patience, "patience {patience}");
        assert_eq!(summary.steps, summary.epochs as u64);
        assert!(relative_error(w[0], path[best - 1], 0.0) < 1e-14);
        for report in &diary.epochs {
            let w = path[report.epoch - 1];
            let loss = report.validation_loss.unwrap();
            assert!(relative_error(loss, 0.5 * (w - 1.0).powi(2), 1e-3) < 1e-12);
            assert_eq!(report.is_best, report.epoch <= best);
        }
    }
}

#[test]
fn a_run_that_is_resumed_when_it_is_out_of_patience_trains_no_more() {
    /// Keeps the last checkpoint.
    struct Keep(Option<Checkpoint>);
    impl Observer for Keep {
        fn epoch(&mut self, run: &mut Run, _: &EpochReport) -> Result<Flow> {
            self.0 = run.checkpoint()?;
            Ok(Flow::Continue)
        }
    }
    let (training, validation) = (pairs(&[(1.0, 2.0)]), pairs(&[(1.0, 1.0)]));
    let spec = TrainingSpec {
        patience: Some(3),
        ..descent(0.1, 1, 100)
    };
    let new = || {
        Run::new(
            engine(&one_weight(), &spec),
            &spec,
            &training,
            Some(&validation),
        )
        .unwrap()
    };
    let (mut first, mut keep) = (new(), Keep(None));
    let summary = train(&mut first, &mut keep).unwrap();
    let (mut second, mut diary) = (new(), Diary::default());
    second.resume(&keep.0.unwrap()).unwrap();
    assert_eq!(train(&mut second, &mut diary).unwrap(), summary);
    assert_eq!(diary.steps, 0);
    assert_eq!(
        second.engine().save().unwrap(),
        first.engine().save().unwrap()
    );
}

#[test]
fn without_patience_all_epochs_are_done_and_the_best_is_kept() {
    let (training, validation) = (pairs(&[(1.0, 2.0)]), pairs(&[(1.0, 1.0)]));
    let spec = descent(0.1, 1, 30);
    let (summary, w, _) = run(&one_weight(), &spec, &training, Some(&validation));
    let expected = Summary {
        epochs: 30,
        steps: 30,
        best_epoch: 7,
        stopped_by: StoppedBy::Epochs,
    };
    assert_eq!(summary, expected);
    assert!(relative_error(w[0], path(0.1, 30)[6], 0.0) < 1e-14);
}

#[test]
fn without_validation_rows_training_ends_with_the_last_parameters() {
    let spec = TrainingSpec {
        patience: Some(1),
        ..descent(0.1, 1, 30)
    };
    let (summary, w, diary) = run(&one_weight(), &spec, &pairs(&[(1.0, 2.0)]), None);
    let expected = Summary {
        epochs: 30,
        steps: 30,
        best_epoch: 30,
        stopped_by: StoppedBy::Epochs,
    };
    assert_eq!(summary, expected);
    assert!(relative_error(w[0], path(0.1, 30)[29], 0.0) < 1e-14);
    assert!(
        diary
            .epochs
            .iter()
            .all(|report| report.validation_loss.is_none() && !report.is_best)
    );
}

#[test]
fn an_epoch_that_is_only_as_good_as_the_best_is_no_better() {
    // At x = 0 the loss does not change.
    let (training, validation) = (pairs(&[(1.0, 2.0)]), pairs(&[(0.0, 1.0)]));
    let spec = TrainingSpec {
        patience: Some(4),
        ..descent(0.1, 1, 30)
    };
    let (summary, w, _) = run(&one_weight(), &spec, &training, Some(&validation));
    assert_eq!((summary.best_epoch, summary.epochs), (1, 5));
    assert!(relative_error(w[0], path(0.1, 1)[0], 0.0) < 1e-14);
}

#[test]
fn an_observer_can_stop_after_a_step_and_after_an_epoch() {
    struct Stop {
        step: u64,
        epoch: usize,
    }
    impl Observer for Stop {
        fn step(&mut self, run: &mut Run, _: &StepReport) -> Result<Flow> {
            Ok(match run.step() == self.step {
                true => Flow::Stop,
                false => Flow::Continue,
            })
        }
        fn epoch(&mut self, _: &mut Run, report: &EpochReport) -> Result<Flow> {
            Ok(if report.epoch == self.epoch {
                Flow::Stop
            } else {
                Flow::Continue
            })
        }
    }
    let training = pairs(&[(1.0, 2.0), (1.0, 2.0), (1.0, 2.0)]);
    let spec = descent(0.1, 1, 30);
    for (mut stop, epochs, steps) in [
        (Stop { step: 5, epoch: 0 }, 1, 5),
        (Stop { step: 0, epoch: 4 }, 4, 12),
    ] {
        let mut run = Run::new(engine(&one_weight(), &spec), &spec, &training, None).unwrap();
        let summary = train(&mut run, &mut stop).unwrap();
        assert_eq!(summary.stopped_by, StoppedBy::Observer);
        assert_eq!((summary.epochs, summary.steps), (epochs, steps));
        let w = run.engine().save().unwrap().parameters[0];
        assert!(relative_error(w, path(0.1, steps as usize)[steps as usize - 1], 0.0) < 1e-13);
    }
}

// Divergence

#[test]
fn a_gradient_that_is_not_finite_stays_out_of_the_parameters() {
    // In single precision the loss ½(w·x − y)² is finite at w = 0, but its slope −y·x is not.
    let training = pairs(&[(1e30, 1e15)]);
    let spec = TrainingSpec {
        dtype: Dtype::F32,
        ..descent(1.0, 1, 3)
    };
    let mut run = Run::new(engine(&one_weight(), &spec), &spec, &training, None).unwrap();
    let error = train(&mut run, &mut ()).unwrap_err();
    let expected = Error::Diverged {
        step: 1,
        epoch: 1,
        quantity: "gradient norm",
        value: f64::INFINITY,
        rate: Some(1.0),
    };
    assert_eq!(error.to_string(), expected.to_string());
    assert_eq!(run.engine().save().unwrap().parameters, [0.0]);
}

#[test]
fn features_that_are_not_finite_are_refused() {
    let training = pairs(&[(1.0, 1.0), (f64::INFINITY, 1.0)]);
    let spec = descent(1.0, 1, 3);
    let error = Run::new(engine(&one_weight(), &spec), &spec, &training, None)
        .err()
        .unwrap();
    assert_eq!(
        error.to_string(),
        "features: found a value that is not finite in row 1, expected finite numbers"
    );
}

#[test]
fn divergence_is_caught_in_the_step_where_the_loss_stops_being_finite() {
    // Far above 2/λ: the error grows by 999 in every step.
    let training = pairs(&[(1.0, 2.0), (1.0, 2.0)]);
    for (dtype, largest) in [(Dtype::F64, f64::MAX), (Dtype::F32, f64::from(f32::MAX))] {
        let spec = TrainingSpec {
            dtype,
            ..descent(1000.0, 1, 100)
        };
        let (mut w, mut steps) = (0.0f64, 0);
        let before = loop {
            steps += 1;
            let error = w - 2.0;
            if error.abs() > 2f64.sqrt() * largest.sqrt() {
                break w;
            }
            w -= 1000.0 * error;
        };
        let mut run = Run::new(engine(&one_weight(), &spec), &spec, &training, None).unwrap();
        let mut diary = Diary::default();
        let Err(Error::Diverged {
            step,
            epoch,
            quantity,
            value,
            rate,
        }) = train(&mut run, &mut diary)
        else {
            panic!("it did not diverge")
        };
        assert!(steps > 5 && !value.is_finite());
        assert_eq!(quantity, "loss");
        assert_eq!(
            (step, epoch, rate),
            (steps, (steps as usize).div_ceil(2), Some(1000.0))
        );
        assert_eq!(diary.steps as u64, steps - 1);
        let after = run.engine().save().unwrap().parameters[0];
        assert!(
            relative_error(after, before, 0.0) < 1e-3,
            "{after:e} is not {before:e}"
        );
    }
}

#[test]
fn a_step_that_diverges_leaves_the_engine_as_it_was() {
    for dtype in [Dtype::F32, Dtype::F64] {
        for (loss, hidden, last) in [
            ("half_mse", "tanh", "sigmoid"),
            ("mse", "relu", "relu"),
            ("logistic", "sigmoid", "tanh"),
            ("cross_entropy", "relu", "tanh"),
        ] {
            for bad in [f64::NAN, f64::INFINITY] {
                for threads in [1, 2] {
                    let layers = vec![dense(80, hidden), dense(33, hidden), dense(3, last)];
                    let network = network(40, loss, layers);
                    let optimizer = Choice::new("adam");
                    let spec = TrainingSpec {
                        dtype,
                        optimizer,
                        ..descent(1e-3, 40, 1)
                    };
                    let good = dataset(loss, 40, 3, 40, 5);
                    let mut broken = good.clone();
                    let thalweg_core::dataset::Values::F64(values) = &mut broken.features.values
                    else {
                        panic!("f64")
                    };
                    values.iter_mut().step_by(7).for_each(|value| *value = bad);
                    let time = |step| Time::new(step, 1e-3);
                    let mut engine = cpu::engine(&network, &spec, threads).unwrap();
                    engine.step(&Batch::all(&good), time(1)).unwrap();
                    let before = engine.save().unwrap();
                    let mut other = cpu::engine(&network, &spec, threads).unwrap();
                    other.step(&Batch::all(&good), time(1)).unwrap();

                    let case = format!("{loss} {dtype:?} {hidden} {last} {bad} on {threads}");
                    match engine.step(&Batch::all(&broken), time(2)) {
                        Err(Error::Diverged { step: 2, .. }) => {
                            assert_eq!(engine.save().unwrap(), before)
                        }
                        // Saturated or dead units have finite values even at infinity.
                        Ok(_) if bad.is_infinite() => continue,
                        other => panic!("{case}: {other:?}"),
                    }
                    let report = engine.step(&Batch::all(&good), time(2)).unwrap();
                    let expected = other.step(&Batch::all(&good), time(2)).unwrap();
                    assert_eq!(report, expected, "{case}");
                    assert_eq!(engine.save().unwrap(), other.save().unwrap(), "{case}");
                }
            }
        }
    }
}

#[test]
fn a_row_that_is_too_large_is_caught_in_its_batch() {
    let mut rows = [(1.0, 2.0); 8];
    rows[5].0 = 1e300;
    let training = pairs(&rows);
    let spec = descent(0.1, 2, 3);
    let mut run = Run::new(engine(&one_weight(), &spec), &spec, &training, None).unwrap();
    let error = train(&mut run, &mut ()).unwrap_err();
    assert!(
        matches!(
            error,
            Error::Diverged {
                step: 3,
                epoch: 1,
                ..
            }
        ),
        "{error}"
    );
    let w = run.engine().save().unwrap().parameters[0];
    assert!(relative_error(w, path(0.1, 2)[1], 0.0) < 1e-14);
}

#[test]
fn after_divergence_the_best_epoch_can_be_taken() {
    let (training, validation) = (pairs(&[(1.0, 2.0)]), pairs(&[(1.0, 1.0)]));
    let spec = descent(3.0, 1, 10_000);
    let mut run = Run::new(
        engine(&one_weight(), &spec),
        &spec,
        &training,
        Some(&validation),
    )
    .unwrap();
    let error = train(&mut run, &mut ()).unwrap_err();
    assert!(matches!(error, Error::Diverged { .. }), "{error}");
    // w = 6, −6, 18, …: the first is nearest to 1.
    assert_eq!(run.best().unwrap().epoch, 1);
    run.restore_best().unwrap();
    assert_eq!(run.engine().save().unwrap().parameters, [6.0]);
}

#[test]
fn a_batch_may_be_any_rows_in_any_order() {
    let dataset = pairs(&[(1.0, 2.0), (2.0, 3.0), (3.0, 5.0)]);
    let mut engine = engine(&one_weight(), &descent(0.1, 4, 1));
    let mut report = |rows| {
        engine.load(&state(&[0.0])).unwrap();
        engine
            .step(&Batch::new(&dataset, rows), Time::new(1, 0.1))
            .unwrap()
    };
    // Losses ½y² and gradients −x·y, averaged.
    let report_of = |loss, gradient_norm| StepReport {
        loss,
        gradient_norm,
        change: None,
    };
    assert_eq!(report(Rows::Range(1, 3)), report_of(8.5, 10.5));
    assert_eq!(report(Rows::Listed(&[2, 0])), report_of(7.25, 8.5));
    assert_eq!(report(Rows::Listed(&[1, 1])), report_of(4.5, 6.0));
}
