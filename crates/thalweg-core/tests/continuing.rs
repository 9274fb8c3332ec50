//! A run that goes on from another: the bits of one run where rows and settings are the same.

use crate::common::*;
use thalweg_core::dataset::Dataset;
use thalweg_core::observe::EpochReport;
use thalweg_core::registry::Choice;
use thalweg_core::spec::{NetworkSpec, Stop, TrainingSpec};
use thalweg_core::train::{Checkpoint, Run, StoppedBy, Summary, train};
use thalweg_core::train::{Flow, Observer};

const ROWS: usize = 50;

fn network() -> NetworkSpec {
    NetworkSpec::mlp(4, &[6], "tanh", 3, Choice::new("cross_entropy"))
}

fn rows(count: usize) -> Dataset {
    dataset("cross_entropy", 4, 3, count, 2)
}

fn spec(schedule: &str, epochs: usize) -> TrainingSpec {
    TrainingSpec {
        optimizer: Choice::new("nadam"),
        schedule: Choice::new(schedule),
        augment: vec![Choice::new("mixup")],
        shuffle: true,
        ..descent(1e-2, 16, epochs)
    }
}

/// Keeps the checkpoint after every epoch, and the rates.
#[derive(Default)]
struct Keep(Vec<Checkpoint>, Vec<f64>);

impl Observer for Keep {
    fn epoch(&mut self, run: &mut Run, report: &EpochReport) -> thalweg_core::Result<Flow> {
        self.0.extend(run.checkpoint()?);
        self.1.push(report.learning_rate);
        Ok(Flow::Continue)
    }
}

enum From<'a> {
    Nothing,
    Continue(&'a Checkpoint),
    Resume(&'a Checkpoint),
}

fn trained(spec: &TrainingSpec, dataset: &Dataset, from: From) -> (Vec<u64>, Keep, Summary) {
    let mut run = Run::new(engine(&network(), spec), spec, dataset, None).unwrap();
    match from {
        From::Nothing => {}
        From::Continue(checkpoint) => run.continue_from(checkpoint).unwrap(),
        From::Resume(checkpoint) => run.resume(checkpoint).unwrap(),
    }
    let mut keep = Keep::default();
    let summary = train(&mut run, &mut keep).unwrap();
    (
        bits(&run.engine().save().unwrap().parameters),
        keep,
        summary,
    )
}

#[test]
fn parts_give_the_bits_of_the_whole_also_when_the_second_is_interrupted() {
    for schedule in ["constant", "exponential", "inverse_time", "step_decay"] {
        let dataset = rows(ROWS);
        let (whole, all, _) = trained(&spec(schedule, 4), &dataset, From::Nothing);
        let (_, first, _) = trained(&spec(schedule, 1), &dataset, From::Nothing);
        let three = spec(schedule, 3);
        let from = From::Continue(&first.0[0]);
        let (parts, second, summary) = trained(&three, &dataset, from);
        assert_eq!(parts, whole, "{schedule}");
        assert_eq!(second.1, all.1[1..], "{schedule}: rates");
        assert_eq!((summary.epochs, summary.steps), (4, 16));
        let middle = &second.0[0];
        assert_eq!((middle.epoch, middle.origin.epoch, middle.step), (2, 1, 8));
        let (resumed, ..) = trained(&three, &dataset, From::Resume(middle));
        assert_eq!(resumed, whole, "{schedule}: resumed");
    }
}

#[test]
fn other_rows_go_on_with_counts_of_their_own_length() {
    let (_, first, _) = trained(&spec("cosine", 2), &rows(ROWS), From::Nothing);
    let last = first.0.last().unwrap();
    assert_eq!((last.epoch, last.step), (2, 8));
    // One batch an epoch. The schedule sees 4 epochs of one update, of which 2 are done.
    let few = rows(3);
    let (_, second, summary) = trained(&spec("cosine", 2), &few, From::Continue(last));
    assert_eq!((summary.epochs, summary.steps), (4, 10));
    let (_, whole, _) = trained(&spec("cosine", 4), &few, From::Nothing);
    assert_eq!(second.1, whole.1[2..]);
    // A bound of updates counts those of the continuation.
    let bounded = TrainingSpec {
        stop: Stop {
            max_steps: Some(3),
            ..Stop::default()
        },
        ..spec("constant", 9)
    };
    let (.., summary) = trained(&bounded, &few, From::Continue(last));
    assert_eq!(summary.stopped_by, StoppedBy::MaxSteps);
    assert_eq!((summary.epochs, summary.steps), (5, 11));
}
