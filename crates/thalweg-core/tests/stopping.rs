//! When a run ends, which rows make its batches, and what acts on its rate.

use crate::common::*;
use thalweg_core::average::Average;
use thalweg_core::dataset::Dataset;
use thalweg_core::engine::StepReport;
use thalweg_core::error::Result;
use thalweg_core::observe::{EpochReport, PlateauState};
use thalweg_core::registry::{Choice, Setting};
use thalweg_core::spec::{
    Batches, LastBatch, NetworkSpec, Plateau, Sampling, ScaleRate, Stop, TrainingSpec,
};
use thalweg_core::train::{Checkpoint, Run, StoppedBy, Summary, train};
use thalweg_core::train::{Flow, Observer};

/// y = w·x with w = 0 at the start.
pub fn one_weight() -> NetworkSpec {
    let layer = without_bias(dense(1, "identity"));
    let layer = layer.with("initializer", Setting::Text("zeros".into()));
    network(1, "half_mse", vec![layer])
}

#[derive(Default)]
pub struct Diary {
    pub steps: Vec<StepReport>,
    pub epochs: Vec<EpochReport>,
}

impl Observer for Diary {
    fn step(&mut self, _: &mut Run, report: &StepReport) -> Result<Flow> {
        self.steps.push(*report);
        Ok(Flow::Continue)
    }

    fn epoch(&mut self, _: &mut Run, report: &EpochReport) -> Result<Flow> {
        self.epochs.push(report.clone());
        Ok(Flow::Continue)
    }
}

pub fn run(spec: &TrainingSpec, rows: &Dataset) -> (Summary, f64, Diary) {
    let mut diary = Diary::default();
    let network = one_weight();
    let mut run = Run::new(engine(&network, spec), spec, rows, None).unwrap();
    let summary = train(&mut run, &mut diary).unwrap();
    (summary, run.engine().save().unwrap().parameters[0], diary)
}

/// Rows (1, 2): w ← w + η(2 − w).
pub fn same(count: usize) -> Dataset {
    pairs(&vec![(1.0, 2.0); count])
}

fn stopping(stop: Stop) -> TrainingSpec {
    TrainingSpec {
        stop,
        ..descent(0.1, 2, 1000)
    }
}

#[test]
fn every_reason_to_stop_ends_the_run_in_its_update_and_is_named() {
    let after = |steps: usize| 2.0 - 2.0 * 0.9f64.powi(steps as i32);
    let none = Stop::default();
    // Five rows are three batches. Before update t the gradient is −2·0.9ᵗ⁻¹, and the update 0.2·0.9ᵗ⁻¹.
    let first_below = |scale: f64, bound: f64| {
        (1..).find(|t| scale * 0.9f64.powi(t - 1) <= bound).unwrap() as u64
    };
    for (stop, reason, steps) in [
        (
            Stop {
                max_steps: Some(7),
                ..none
            },
            StoppedBy::MaxSteps,
            7,
        ),
        (
            Stop {
                min_gradient: Some(0.5),
                ..none
            },
            StoppedBy::MinGradient,
            first_below(2.0, 0.5),
        ),
        (
            Stop {
                min_change: Some(0.03),
                ..none
            },
            StoppedBy::MinChange,
            first_below(0.2, 0.03),
        ),
        (
            Stop {
                max_time: Some(1e-9),
                ..none
            },
            StoppedBy::MaxTime,
            1,
        ),
    ] {
        let (summary, w, diary) = run(&stopping(stop), &same(5));
        assert_eq!(
            (summary.stopped_by, summary.steps),
            (reason, steps),
            "{stop:?}"
        );
        assert_eq!(
            summary.epochs as u64,
            steps.div_ceil(3),
            "the last epoch counts"
        );
        assert_eq!(diary.epochs.len(), summary.epochs);
        assert!(relative_error(w, after(steps as usize), 0.0) < 1e-12);
        let change = diary.steps[0].change;
        assert_eq!(change.is_some(), stop.min_change.is_some());
        assert!(change.is_none_or(|change| relative_error(change, 0.2, 0.0) < 1e-12));
    }
    // The target is looked at after every epoch.
    let stop = Stop {
        target_loss: Some(0.4),
        ..none
    };
    let (summary, _, diary) = run(&stopping(stop), &same(6));
    assert_eq!(summary.stopped_by, StoppedBy::TargetLoss);
    let losses: Vec<f64> = diary.epochs.iter().map(|epoch| epoch.train_loss).collect();
    let (last, before) = losses.split_last().unwrap();
    assert!(
        *last <= 0.4 && before.iter().all(|loss| *loss > 0.4),
        "{losses:?}"
    );
    assert_eq!(StoppedBy::MaxSteps.name(), "max_steps");
}

#[test]
fn the_smoothed_loss_is_the_average_of_the_losses_of_batches() {
    let (_, _, diary) = run(&descent(0.1, 2, 4), &same(5));
    let mut average = Average::with_window(50.0);
    for (epoch, report) in diary.epochs.iter().enumerate() {
        for step in &diary.steps[3 * epoch..][..3] {
            average.add(step.loss);
        }
        assert_eq!(Some(report.smoothed_loss), average.value());
    }
}

#[test]
fn schedules_end_where_the_updates_do() {
    let spec = TrainingSpec {
        schedule: Choice::new("cosine"),
        ..stopping(Stop {
            max_steps: Some(6),
            ..Stop::default()
        })
    };
    let (_, _, diary) = run(&spec, &same(6));
    let rate = |k: f64| 0.05 * (1.0 + (std::f64::consts::PI * k / 6.0).cos());
    assert!(relative_error(diary.epochs[1].learning_rate, rate(5.0), 0.0) < 1e-12);
}

// Rates

#[test]
fn the_rate_is_reduced_after_more_than_patience_epochs_without_a_better_loss() {
    // PyTorch's ReduceLROnPlateau(factor=0.5, patience=2, threshold=1e-2) on these losses, by hand.
    let plateau = Plateau {
        factor: 0.5,
        threshold: 1e-2,
        ..Plateau::new(2)
    };
    let losses = [
        1.0, 0.995, 0.98, 0.98, 0.975, 0.98, 0.98, 0.5, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6,
    ];
    let factors = [
        1.0, 1.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125,
    ];
    let mut reduction = PlateauState::default();
    for (loss, factor) in losses.iter().zip(factors) {
        reduction.epoch(&plateau, *loss);
        assert_eq!(reduction.factor, factor, "{reduction:?}");
    }
    let floor = Plateau {
        least: 0.2,
        ..plateau
    };
    let mut reduction = PlateauState::default();
    (0..30).for_each(|_| reduction.epoch(&floor, 1.0));
    assert_eq!(reduction.factor, 0.2);
}

#[test]
fn a_reduced_rate_is_that_of_the_updates_and_survives_an_interruption() {
    struct Interrupt(Option<Checkpoint>, Vec<f64>);
    impl Observer for Interrupt {
        fn epoch(&mut self, run: &mut Run, report: &EpochReport) -> Result<Flow> {
            self.1.push(report.learning_rate);
            if report.epoch == 6 {
                self.0 = run.checkpoint()?;
                return Ok(Flow::Stop);
            }
            Ok(Flow::Continue)
        }
    }
    // At the rate 2 the weight jumps from 0 to 4 and back: the loss stays.
    let spec = TrainingSpec {
        plateau: Some(Plateau {
            factor: 0.5,
            ..Plateau::new(3)
        }),
        ..descent(2.0, 2, 12)
    };
    let rows = same(2);
    let (_, w, diary) = run(&spec, &rows);
    let rates: Vec<f64> = diary
        .epochs
        .iter()
        .map(|epoch| epoch.learning_rate)
        .collect();
    assert_eq!(rates[..6], [2.0, 2.0, 2.0, 2.0, 2.0, 1.0]);
    assert_eq!(w, 2.0, "the rate 1 finds the minimum");
    let begin = || Run::new(engine(&one_weight(), &spec), &spec, &rows, None).unwrap();
    let mut interrupt = Interrupt(None, Vec::new());
    train(&mut begin(), &mut interrupt).unwrap();
    let mut resumed = begin();
    resumed.resume(&interrupt.0.unwrap()).unwrap();
    let mut rest = Diary::default();
    train(&mut resumed, &mut rest).unwrap();
    let after: Vec<f64> = rest
        .epochs
        .iter()
        .map(|epoch| epoch.learning_rate)
        .collect();
    assert_eq!([interrupt.1, after].concat(), rates);
    assert_eq!(
        rest.epochs.last().unwrap().smoothed_loss,
        diary.epochs[11].smoothed_loss
    );
}

#[test]
fn the_rate_grows_with_the_batch_over_the_warm_up() {
    let spec = TrainingSpec {
        scale_rate: Some(ScaleRate {
            from_batch_size: 2,
            warmup: 3.0,
        }),
        ..descent(0.01, 8, 6)
    };
    let (_, _, diary) = run(&spec, &same(8));
    let rates: Vec<f64> = diary
        .epochs
        .iter()
        .map(|epoch| epoch.learning_rate)
        .collect();
    let expected = [0.01, 0.02, 0.03, 0.04, 0.04, 0.04];
    assert!(worst_error(&rates, &expected, 0.0) < 1e-12, "{rates:?}");
    let now = ScaleRate {
        from_batch_size: 16,
        warmup: 0.0,
    };
    assert_eq!(now.factor(8, 0.0), 0.5);
}

#[test]
fn what_would_count_rows_twice_or_never_show_some_is_refused() {
    let spec = |last, sampling, reshuffle, shuffle, reduction| TrainingSpec {
        batches: Batches {
            reshuffle,
            last,
            sampling,
            ..Batches::default()
        },
        shuffle,
        reduction,
        ..descent(0.1, 2, 1)
    };
    use thalweg_core::spec::Reduction::{Mean, Sum};
    // The sum's gradient already gives each row of a short batch the pull of any other.
    let twice = spec(LastBatch::Weight, Sampling::Uniform, true, true, Sum).resolve();
    let message = twice.unwrap_err().to_string();
    assert!(
        message.starts_with("`batches.last`: found weight"),
        "{message}"
    );
    for (reshuffle, shuffle) in [(false, true), (true, false)] {
        let fixed = spec(
            LastBatch::Keep,
            Sampling::Balanced,
            reshuffle,
            shuffle,
            Mean,
        )
        .resolve();
        let message = fixed.unwrap_err().to_string();
        assert!(
            message.starts_with("`batches.sampling`: found balanced"),
            "{message}"
        );
    }
    for fine in [
        spec(LastBatch::Weight, Sampling::Balanced, true, true, Mean),
        spec(LastBatch::Weight, Sampling::Stratified, false, false, Mean),
        spec(LastBatch::Drop, Sampling::Uniform, false, false, Sum),
    ] {
        fine.resolve().unwrap();
    }
}

#[test]
fn an_update_without_a_rate_does_not_end_the_run() {
    let spec = TrainingSpec {
        schedule: Choice::new("coslog4"),
        ..stopping(Stop {
            min_change: Some(1e-3),
            max_steps: Some(6),
            ..Stop::default()
        })
    };
    let (summary, _, diary) = run(&spec, &same(6));
    assert_eq!(diary.steps[0].change, Some(0.0));
    assert_eq!(summary.stopped_by, StoppedBy::MaxSteps);
}

#[test]
fn the_change_that_ends_a_run_is_that_behind_max_norm() {
    // w grows towards 2 and is held at 0.5: no update moves it any more.
    for sam in [None, Some(0.01)] {
        let spec = TrainingSpec {
            max_norm: Some(0.5),
            sam,
            ..stopping(Stop {
                min_change: Some(1e-6),
                max_steps: Some(50),
                ..Stop::default()
            })
        };
        let (summary, w, diary) = run(&spec, &same(6));
        assert_eq!((summary.stopped_by, w), (StoppedBy::MinChange, 0.5));
        let mut before = 0.0;
        let mut walk = vec![0.2, 0.38, 0.5, 0.5];
        if sam.is_some() {
            // The gradient is taken at w − 0.01.
            walk = vec![0.201, 0.3819, 0.5, 0.5];
        }
        for (step, after) in diary.steps.iter().zip(&walk) {
            let change = step.change.unwrap();
            assert!(
                (change - (after - before)).abs() < 1e-9,
                "{change} to {after}"
            );
            before = *after;
        }
        assert_eq!(diary.steps.len(), 4);
    }
}

/// Says stop after an epoch.
struct StopAfter(usize);

impl Observer for StopAfter {
    fn epoch(&mut self, _: &mut Run, report: &EpochReport) -> Result<Flow> {
        Ok(match report.epoch == self.0 {
            true => Flow::Stop,
            false => Flow::Continue,
        })
    }
}

#[test]
fn an_observer_stops_no_run_that_is_over() {
    let rows = same(6);
    let after = |stop: Stop, epoch| {
        let spec = TrainingSpec {
            stop,
            ..descent(0.1, 2, 3)
        };
        let mut run = Run::new(engine(&one_weight(), &spec), &spec, &rows, None).unwrap();
        train(&mut run, &mut StopAfter(epoch)).unwrap().stopped_by
    };
    let max_steps = || Stop {
        max_steps: Some(6),
        ..Stop::default()
    };
    assert_eq!(after(Stop::default(), 2), StoppedBy::Observer);
    assert_eq!(after(Stop::default(), 3), StoppedBy::Epochs);
    assert_eq!(after(max_steps(), 1), StoppedBy::Observer);
    assert_eq!(after(max_steps(), 2), StoppedBy::MaxSteps);
    let low = Stop {
        target_loss: Some(10.0),
        ..Stop::default()
    };
    assert_eq!(after(low, 1), StoppedBy::TargetLoss);
}
