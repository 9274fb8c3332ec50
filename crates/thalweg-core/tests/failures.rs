//! Sources that fail in the middle of a run, and files that change while they are read.

use std::io::{Cursor, Read, Seek, SeekFrom};
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::Duration;

use crate::common::*;
use thalweg_core::dataset::Dataset;
use thalweg_core::engine::{Batch, State, StepReport};
use thalweg_core::error::{Error, Result};
use thalweg_core::observe::EpochReport;
use thalweg_core::registry::Choice;
use thalweg_core::source::block_file::{BlockFile, BlockWriter, Layout};
use thalweg_core::source::{Request, RowSource, Schema};
use thalweg_core::spec::TrainingSpec;
use thalweg_core::train::{Flow, Observer, Run, train};

const ROWS: usize = 40;

fn rows() -> Dataset {
    dataset("mse", 3, 1, ROWS, 1)
}

/// Gives its rows until it fails: with an error, or with rows that have no finite loss.
struct Failing {
    rows: Dataset,
    ruined: Option<Dataset>,
    /// Requests before that.
    left: usize,
}

impl RowSource for Failing {
    fn schema(&self) -> Schema {
        self.rows.schema()
    }

    fn batch<'a>(&'a mut self, request: Request<'a>) -> Result<Batch<'a>> {
        if self.left > 0 {
            self.left -= 1;
            return self.rows.batch(request);
        }
        match &mut self.ruined {
            Some(rows) => rows.batch(request),
            None => Err(Error::invalid("source", "nothing", "rows")),
        }
    }
}

/// The state after the latest update.
#[derive(Default)]
struct Latest(Option<State>);

impl Observer for Latest {
    fn step(&mut self, run: &mut Run, _: &StepReport) -> Result<Flow> {
        self.0 = Some(run.engine().save()?);
        Ok(Flow::Continue)
    }
}

#[test]
fn an_engine_keeps_the_state_of_the_last_update_where_validation_fails() {
    let spec = TrainingSpec {
        optimizer: Choice::new("adam"),
        ema: Some(0.9),
        ..descent(0.1, 16, 3)
    };
    let network = network(3, "mse", vec![dense(1, "identity")]);
    let mut ruined = rows();
    ruined.features = features(3, vec![f64::NAN; 3 * ROWS]);
    for ruined in [None, Some(ruined)] {
        // The check of the rows, and the first epoch.
        let (training, left) = (rows(), 2);
        let validation = Box::new(Failing {
            rows: rows(),
            ruined,
            left,
        });
        let engine = engine(&network, &spec);
        let mut run =
            Run::with_sources(engine, &spec, Box::new(&training), Some(validation)).unwrap();
        let mut latest = Latest::default();
        train(&mut run, &mut latest).unwrap_err();
        assert_eq!((run.epoch(), run.best().unwrap().epoch), (2, 1));
        assert_eq!(Some(run.engine().save().unwrap()), latest.0);
    }
}

/// A file that others can write.
#[derive(Clone)]
struct Common(Arc<Mutex<Cursor<Vec<u8>>>>);

impl Read for Common {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().read(to)
    }
}

impl Seek for Common {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.0.lock().unwrap().seek(to)
    }
}

fn bytes(rows: &Dataset, block_rows: usize) -> Vec<u8> {
    let layout = Layout::of(rows, block_rows);
    let mut writer = BlockWriter::new(Cursor::new(Vec::new()), layout).unwrap();
    writer.write(&Batch::all(rows)).unwrap();
    writer.finish().unwrap().into_inner()
}

/// Flips a bit of a row after so many epochs.
struct Flip(Common, usize);

impl Flip {
    fn flip(&self) {
        let mut file = self.0.0.lock().unwrap();
        let bytes = file.get_mut();
        let last = bytes.len() - 10;
        bytes[last] ^= 1;
    }
}

impl Observer for Flip {
    fn epoch(&mut self, run: &mut Run, _: &EpochReport) -> Result<Flow> {
        if run.epoch() == self.1 {
            self.flip();
        }
        Ok(Flow::Continue)
    }
}

#[test]
fn a_file_that_changes_after_the_start_is_found_damaged_in_any_order() {
    let spec = TrainingSpec {
        shuffle: true,
        ..descent(0.01, 16, 3)
    };
    let network = network(3, "mse", vec![dense(1, "identity")]);
    for (epochs, says) in [(0, "block 5 (rows 35 to 39)"), (1, "row 39 changed")] {
        let file = Common(Arc::new(Mutex::new(Cursor::new(bytes(&rows(), 7)))));
        let source = Box::new(BlockFile::open(file.clone()).unwrap());
        let mut run = Run::with_sources(engine(&network, &spec), &spec, source, None).unwrap();
        let mut flip = Flip(file, epochs);
        if epochs == 0 {
            flip.flip();
        }
        let error = train(&mut run, &mut flip).unwrap_err();
        assert!(matches!(error, Error::Damaged(_)), "{error}");
        let message = error.to_string();
        assert!(message.starts_with("damaged file: block file: ") && message.contains(says));
        assert_eq!(run.epoch(), epochs);
    }
}

/// Sleeps in every update, and stops after the first.
struct Slow(bool);

impl Observer for Slow {
    fn step(&mut self, _: &mut Run, _: &StepReport) -> Result<Flow> {
        sleep(Duration::from_millis(20));
        Ok(match std::mem::replace(&mut self.0, false) {
            true => Flow::Stop,
            false => Flow::Continue,
        })
    }

    fn epoch(&mut self, _: &mut Run, report: &EpochReport) -> Result<Flow> {
        // Three updates, the first of which was in an earlier call.
        assert!(report.seconds >= 0.06, "{}", report.seconds);
        Ok(Flow::Continue)
    }
}

#[test]
fn time_counts_in_every_call_of_train_and_not_between_them() {
    let spec = descent(0.01, 16, 1);
    let network = network(3, "mse", vec![dense(1, "identity")]);
    let rows = rows();
    let mut run = Run::new(engine(&network, &spec), &spec, &rows, None).unwrap();
    let mut slow = Slow(true);
    train(&mut run, &mut slow).unwrap();
    let first = run.checkpoint().unwrap();
    sleep(Duration::from_millis(5));
    assert_eq!(run.checkpoint().unwrap(), first);
    assert!(first.unwrap().sums.seconds >= 0.02);
    train(&mut run, &mut slow).unwrap();
    assert_eq!(run.step(), 3);
}
