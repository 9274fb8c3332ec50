//! A run that stops after any update goes on to the same bits, and who looks changes none.

use crate::common::*;
use crate::sources::{BLOCK, Story, classifier, data, eventful, file};
use thalweg_core::cpu;
use thalweg_core::engine::StepReport;
use thalweg_core::error::Result;
use thalweg_core::observe::EpochReport;
use thalweg_core::source::{Request, RowSource, scan};
use thalweg_core::spec::{Batches, Sampling, TrainingSpec};
use thalweg_core::train::{Checkpoint, Flow, Observer, Run, train};

/// Stops after an update, with a checkpoint.
struct Interrupt {
    after: u64,
    checkpoint: Option<Checkpoint>,
}

impl Observer for Interrupt {
    fn step(&mut self, run: &mut Run, _: &StepReport) -> Result<Flow> {
        if run.step() < self.after {
            return Ok(Flow::Continue);
        }
        self.checkpoint = run.checkpoint()?;
        Ok(Flow::Stop)
    }
}

#[test]
fn a_run_that_is_interrupted_after_any_update_ends_in_the_same_bits_and_reports() {
    let rows = data(0, true);
    let (network, spec) = eventful();
    let plain = Batches::default();
    let block = Some(BLOCK);
    for (batches, from_file) in [
        (plain, false),
        (
            Batches {
                sampling: Sampling::Balanced,
                ..plain
            },
            false,
        ),
        (Batches { block, ..plain }, false),
        (Batches { block, ..plain }, true),
        (plain, true),
    ] {
        let spec = TrainingSpec {
            batches,
            ..spec.clone()
        };
        let begin = || {
            let engine = cpu::engine(&network, &spec, 2).unwrap();
            let training: Box<dyn RowSource> = match from_file {
                true => Box::new(file(&rows)),
                false => Box::new(rows.clone()),
            };
            Run::with_sources(engine, &spec, training, Some(Box::new(&rows))).unwrap()
        };
        let mut whole = begin();
        let mut expected = Story::default();
        let summary = train(&mut whole, &mut expected).unwrap();
        let parameters = bits(&whole.engine().save_parameters().unwrap());
        let per_epoch = whole.steps_per_epoch();
        assert_eq!((per_epoch, summary.steps), (7, 21));
        // All of the second epoch: its first update and its last, after which no update is left.
        for after in per_epoch..=2 * per_epoch {
            let mut interrupt = Interrupt {
                after,
                checkpoint: None,
            };
            train(&mut begin(), &mut interrupt).unwrap();
            let checkpoint = interrupt.checkpoint.unwrap();
            assert_eq!(
                (checkpoint.step, checkpoint.sums.steps),
                (after, after - (after - 1) / 7 * 7)
            );
            // As a file has it.
            let text = serde_json::to_string(&checkpoint.sums).unwrap();
            assert_eq!(
                serde_json::from_str::<thalweg_core::train::EpochSums>(&text).unwrap(),
                checkpoint.sums
            );
            let mut resumed = begin();
            resumed.resume(&checkpoint).unwrap();
            let mut story = Story::default();
            assert_eq!(
                train(&mut resumed, &mut story).unwrap(),
                summary,
                "after {after}"
            );
            assert_eq!(
                bits(&resumed.engine().save_parameters().unwrap()),
                parameters,
                "after {after}"
            );
            let first = expected.epochs.len() - story.epochs.len();
            assert_eq!(story.epochs, expected.epochs[first..], "after {after}");
            assert_eq!(first, checkpoint.epoch);
        }
    }
}

/// The step limit is reached in the middle of an epoch; a checkpoint of that very update knows it.
#[test]
fn a_checkpoint_of_the_last_update_ends_the_run_where_it_ended() {
    let rows = data(0, false);
    let mut spec = descent(0.1, 32, 3);
    spec.stop.max_steps = Some(10);
    let begin = || Run::new(engine(&classifier(), &spec), &spec, &rows, None).unwrap();
    let mut expected = begin();
    let summary = train(&mut expected, &mut ()).unwrap();
    let mut interrupt = Interrupt {
        after: 10,
        checkpoint: None,
    };
    train(&mut begin(), &mut interrupt).unwrap();
    let mut resumed = begin();
    resumed.resume(&interrupt.checkpoint.unwrap()).unwrap();
    assert_eq!(train(&mut resumed, &mut ()).unwrap(), summary);
    assert_eq!(
        resumed.engine().save().unwrap(),
        expected.engine().save().unwrap()
    );
    assert!(resumed.checkpoint().unwrap().is_none());
}

/// Looks at everything that an engine shows, after every update.
#[derive(Default)]
struct Look {
    story: Story,
    looks: usize,
}

impl Observer for Look {
    fn step(&mut self, run: &mut Run, _: &StepReport) -> Result<Flow> {
        run.look(|engine, training, validation| {
            scan::evaluate(engine, training)?;
            scan::evaluation(engine, validation.unwrap())?;
            let batch = training.batch(Request::range(5..30))?;
            let (_, gradient) = engine.loss_and_gradient(&batch)?;
            engine.evaluation_gradient(&batch)?;
            engine.hvp(&batch, &gradient)?;
            engine.save().map(|_| ())
        })?;
        assert!(run.checkpoint()?.is_some());
        self.looks += 1;
        Ok(Flow::Continue)
    }

    fn epoch(&mut self, run: &mut Run, report: &EpochReport) -> Result<Flow> {
        self.story.epoch(run, report)
    }
}

#[test]
fn an_observer_that_looks_at_every_step_changes_no_bit() {
    let rows = data(0, true);
    let (network, spec) = eventful();
    for (from_file, threads) in [(false, 1), (false, 2), (true, 2)] {
        let spec = TrainingSpec {
            batches: Batches {
                block: from_file.then_some(BLOCK),
                ..Batches::default()
            },
            ..spec.clone()
        };
        let mut file = file(&rows);
        let mut memory = rows.view();
        let mut begin = |observer: &mut dyn Observer| {
            let engine = cpu::engine(&network, &spec, threads).unwrap();
            let training: Box<dyn RowSource + '_> = match from_file {
                true => Box::new(&mut file),
                false => Box::new(&mut memory),
            };
            let validation: Option<Box<dyn RowSource>> = Some(Box::new(&rows));
            let mut run = Run::with_sources(engine, &spec, training, validation).unwrap();
            train(&mut run, observer).unwrap();
            bits(&run.engine().save_parameters().unwrap())
        };
        let (mut plain, mut look) = (Story::default(), Look::default());
        assert_eq!(begin(&mut plain), begin(&mut look));
        assert_eq!(plain.epochs, look.story.epochs);
        assert_eq!(look.looks, 21);
    }
}
