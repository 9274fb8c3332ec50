//! Rows from memory, from slices and from a block file: the same order, the same bits, and no more in memory than a
//! window; runs that are looked at or interrupted in the middle of an epoch end in the same bits too.

use std::io::Cursor;

use crate::common::*;
use thalweg_core::cpu;
use thalweg_core::dataset::{Dataset, DatasetRef, Features, FeaturesRef, Values, ValuesRef};
use thalweg_core::engine::{Batch, Rows};
use thalweg_core::error::Result;
use thalweg_core::observe::EpochReport;
use thalweg_core::order::{RowOrder, WINDOW};
use thalweg_core::precision::Dtype;
use thalweg_core::registry::{Choice, Setting};
use thalweg_core::source::block_file::{BlockFile, BlockWriter, Layout};
use thalweg_core::source::{Request, RowSource, scan};
use thalweg_core::spec::{Batches, LastBatch, NetworkSpec, Sampling, TrainingSpec};
use thalweg_core::train::{Flow, Observer, Run, train};

const ROWS: usize = 203;
const INPUTS: usize = 6;
pub const BLOCK: usize = 7;

pub type File = BlockFile<Cursor<Vec<u8>>>;

/// Rows of three classes, stored as f32, f64 or bytes, weighted or not.
pub fn data(kind: usize, is_weighted: bool) -> Dataset {
    let x = normals(3, ROWS * INPUTS);
    let values = match kind {
        0 => Values::F32(x.iter().map(|v| *v as f32).collect()),
        1 => Values::F64(x),
        _ => Values::U8 {
            bytes: x.iter().map(|v| (v.abs() * 60.0) as u8).collect(),
            scale: 1.0 / 64.0,
            offset: -0.5,
        },
    };
    Dataset {
        features: Features {
            width: INPUTS,
            values,
        },
        targets: targets("cross_entropy", 3, ROWS, 4).swap_remove(0),
        // Files leave out rows of weight 0.
        weights: is_weighted.then(|| weights(ROWS, 5).into_iter().map(|w| w.max(0.1)).collect()),
    }
}

fn bytes_of(rows: &Dataset) -> Vec<u8> {
    let mut writer = BlockWriter::new(Cursor::new(Vec::new()), Layout::of(rows, BLOCK)).unwrap();
    // In pieces that are no blocks.
    for start in (0..rows.rows()).step_by(30) {
        let end = rows.rows().min(start + 30);
        writer
            .write(&Batch::new(rows, Rows::Range(start, end)))
            .unwrap();
    }
    writer.finish().unwrap().into_inner()
}

pub fn file(rows: &Dataset) -> File {
    BlockFile::open(Cursor::new(bytes_of(rows))).unwrap()
}

pub fn classifier() -> NetworkSpec {
    network(
        INPUTS,
        "cross_entropy",
        vec![dense(9, "tanh"), dense(3, "identity")],
    )
}

/// With every layer and rule that remembers something from row to row, from update to update or from epoch to epoch.
pub fn eventful() -> (NetworkSpec, TrainingSpec) {
    let layers = vec![
        dense(9, "tanh"),
        Choice::new("batch_norm"),
        Choice::new("dropout"),
        dense(3, "identity"),
    ];
    let spec = TrainingSpec {
        optimizer: Choice::new("sgd").with("momentum", Setting::Number(0.9)),
        schedule: Choice::new("cosine"),
        shuffle: true,
        ema: Some(0.9),
        patience: Some(5),
        seed: 6,
        ..descent(0.05, 32, 3)
    };
    (network(INPUTS, "cross_entropy", layers), spec)
}

/// Everything that a run came to, but for its times.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Story {
    pub epochs: Vec<EpochReport>,
    pub parameters: Vec<u64>,
}

impl Observer for Story {
    fn epoch(&mut self, _: &mut Run, report: &EpochReport) -> Result<Flow> {
        self.epochs.push(EpochReport {
            seconds: 0.0,
            rows_per_second: 0.0,
            seconds_waiting: None,
            ..report.clone()
        });
        Ok(Flow::Continue)
    }
}

fn story(
    network: &NetworkSpec,
    spec: &TrainingSpec,
    threads: usize,
    training: &mut dyn RowSource,
    validation: &mut dyn RowSource,
) -> Story {
    let engine = cpu::engine(network, spec, threads).unwrap();
    let validation: Option<Box<dyn RowSource>> = Some(Box::new(validation));
    let mut run = Run::with_sources(engine, spec, Box::new(training), validation).unwrap();
    let mut story = Story::default();
    train(&mut run, &mut story).unwrap();
    story.parameters = bits(&run.engine().save_parameters().unwrap());
    story
}

fn all_batches() -> Vec<(bool, Batches)> {
    let plain = Batches::default();
    let block = Some(BLOCK);
    let mut all = vec![
        (true, plain),
        (false, plain),
        (true, Batches { block, ..plain }),
        // Blocks that are not those of the file.
        (
            true,
            Batches {
                block: Some(11),
                ..plain
            },
        ),
    ];
    for sampling in [Sampling::Stratified, Sampling::Balanced] {
        all.push((true, Batches { sampling, ..plain }));
    }
    for last in [LastBatch::Drop, LastBatch::Weight] {
        all.push((
            true,
            Batches {
                last,
                block,
                ..plain
            },
        ));
    }
    let reshuffle = false;
    all.push((
        true,
        Batches {
            reshuffle,
            block,
            ..plain
        },
    ));
    all
}

#[test]
fn rows_from_anywhere_come_in_the_same_order_and_train_to_the_same_bits() {
    let mut cases = 0;
    for (shuffle, batches) in all_batches() {
        cases += 1;
        let dtype = [Dtype::F32, Dtype::F64][cases % 2];
        let spec = TrainingSpec {
            shuffle,
            batches,
            dtype,
            seed: 2,
            ..descent(0.1, 16, 3)
        };
        let rows = data(cases % 3, cases % 4 == 1);
        for threads in [1, 2] {
            let mut owned = rows.clone();
            let expected = story(&classifier(), &spec, threads, &mut owned, &mut &rows);
            let mut view = rows.view();
            let borrowed = story(&classifier(), &spec, threads, &mut view, &mut rows.view());
            assert_eq!(borrowed, expected, "{batches:?}");
            let (mut training, mut validation) = (file(&rows), file(&rows));
            let read = story(
                &classifier(),
                &spec,
                threads,
                &mut training,
                &mut validation,
            );
            assert_eq!(read, expected, "{batches:?}, {threads} threads, block file");
        }
    }
    assert_eq!(cases, 9);
}

#[test]
fn columns_train_to_the_bits_of_rows() {
    let rows = data(0, true);
    let Values::F32(values) = &rows.features.values else {
        panic!("the rows are single precision");
    };
    let column = |j: usize| values.iter().skip(j).step_by(INPUTS).copied().collect();
    let columns: Vec<Vec<f32>> = (0..INPUTS).map(column).collect();
    let columns: Vec<&[f32]> = columns.iter().map(Vec::as_slice).collect();
    let by_columns = DatasetRef {
        features: FeaturesRef::columns(&columns),
        ..rows.view()
    };
    let spec = TrainingSpec {
        shuffle: true,
        dtype: Dtype::F32,
        ..descent(0.1, 16, 2)
    };
    let of = |mut rows: DatasetRef| story(&classifier(), &spec, 2, &mut { rows }, &mut rows);
    assert_eq!(of(by_columns), of(rows.view()));
    // A file of columns is one of rows.
    let written = bytes_of(&rows);
    let mut writer =
        BlockWriter::new(Cursor::new(Vec::new()), Layout::of(by_columns, BLOCK)).unwrap();
    writer.write(&Batch::all(by_columns)).unwrap();
    assert_eq!(writer.finish().unwrap().into_inner(), written);
}

/// The rows of an epoch, batch by batch.
fn epoch_of(order: &mut RowOrder, epoch: usize) -> Vec<Vec<usize>> {
    let batches = 0..order.batches();
    batches
        .map(|batch| order.batch(epoch, batch).rows.iter().collect())
        .collect()
}

#[test]
fn an_order_of_blocks_has_every_row_once_keeps_to_windows_and_begins_anywhere() {
    let spec = |seed, block, batch_size| TrainingSpec {
        seed,
        batches: Batches {
            block: Some(block),
            ..Batches::default()
        },
        ..descent(0.1, batch_size, 1)
    };
    for (rows, block, size) in [
        (1000, 9, 32),
        (1000, 9, 1),
        (1000, 9, 700),
        (72, 9, 5),
        (5, 9, 2),
    ] {
        let spec = |seed| TrainingSpec {
            shuffle: true,
            ..spec(seed, block, size)
        };
        let mut order = RowOrder::new(&spec(1), rows, None, 1).unwrap();
        let first = epoch_of(&mut order, 0);
        let mut sorted = first.concat();
        sorted.sort_unstable();
        assert!(sorted.into_iter().eq(0..rows));
        if rows > block {
            assert_ne!(first.concat(), (0..rows).collect::<Vec<_>>());
            assert_ne!(first, epoch_of(&mut order, 1));
            let mut other = RowOrder::new(&spec(2), rows, None, 1).unwrap();
            assert_ne!(first, epoch_of(&mut other, 0));
        }
        // Backwards: each batch as if it were the first that is asked for.
        for (number, expected) in first.iter().enumerate().rev() {
            let request = order.batch(0, number);
            assert!(request.rows.iter().eq(expected.iter().copied()));
            let window = request.window;
            let is_held = |row: usize| window.iter().any(|rows| rows.contains(&row));
            assert!(window.is_empty() || request.rows.iter().all(is_held));
            assert!(window.is_empty() || request.upcoming.iter().all(is_held));
            assert!(
                size > WINDOW * block || window.len() <= 2 * WINDOW,
                "{}",
                window.len()
            );
        }
    }
}

#[test]
fn a_block_file_holds_two_windows_at_most_and_reads_each_block_once_an_epoch() {
    let rows = data(0, false);
    let blocks = ROWS.div_ceil(BLOCK);
    assert!(
        blocks > 3 * WINDOW,
        "windows of {WINDOW} of {blocks} blocks"
    );
    let epochs = 4;
    let mut spec = TrainingSpec {
        shuffle: true,
        batches: Batches {
            block: Some(BLOCK),
            ..Batches::default()
        },
        ..descent(0.1, 16, epochs)
    };
    let mut training = file(&rows);
    story(&classifier(), &spec, 1, &mut training, &mut &rows);
    // A pass to check the rows, then the epochs, each beginning with the last window of the one before; beside two
    // windows the block that was read last and a chunk of rows.
    let read = training.blocks_read() as usize;
    let most = (1 + epochs) * blocks;
    assert!(
        (most - epochs * WINDOW..=most).contains(&read),
        "{read} of {most}"
    );
    let held = training.held_blocks();
    assert!(
        (WINDOW..=2 * WINDOW + 2).contains(&held),
        "{held} of {blocks}"
    );
    // One shuffle of all rows: they are read by themselves, and no block is held. Each block is read twice, to check
    // the rows and for the checksums that single rows are compared with.
    spec.batches.block = None;
    let mut training = file(&rows);
    story(&classifier(), &spec, 1, &mut training, &mut &rows);
    assert_eq!(training.blocks_read(), 2 * blocks as u64);
    let held = training.held_blocks();
    assert!(held <= 1 + 16usize.div_ceil(BLOCK), "{held} blocks");
}

#[test]
fn evaluation_in_chunks_has_the_bits_of_a_single_one() {
    for (kind, is_weighted) in [(0, true), (1, false), (2, true)] {
        let rows = data(kind, is_weighted);
        let spec = descent(0.1, 16, 1);
        let mut engine = cpu::engine(&classifier(), &spec, 2).unwrap();
        let mut predictions = Vec::new();
        let loss = engine
            .evaluate(&Batch::all(&rows), Some(&mut predictions))
            .unwrap();
        let mut source = file(&rows);
        assert!(source.chunk() < engine.evaluation_rows() * 2);
        let chunked = scan::evaluate(&mut *engine, &mut source).unwrap();
        assert_eq!(chunked.to_bits(), loss.to_bits());
        let whole = scan::evaluation(&mut *engine, &mut source).unwrap();
        assert_eq!(bits(&whole.predictions), bits(&predictions));
        assert_eq!(whole.loss.to_bits(), loss.to_bits());
        assert_eq!(
            (&whole.targets, &whole.weights),
            (&rows.targets, &rows.weights)
        );
    }
}

#[test]
fn a_file_gives_back_what_was_written_and_damage_is_named() {
    let rows = data(1, true);
    let bytes = bytes_of(&rows);
    let mut source = file(&rows);
    let batch = source.batch(Request::range(0..ROWS)).unwrap();
    let (Rows::Range(start, end), ValuesRef::F64(values)) = (batch.rows, batch.features.values)
    else {
        panic!("a range of numbers");
    };
    assert_eq!(end - start, ROWS);
    assert_eq!(
        &Values::F64(values[start * INPUTS..end * INPUTS].to_vec()),
        &rows.features.values
    );
    assert!(source.batch(Request::range(0..ROWS + 1)).is_err());
    assert!(
        source
            .batch(Request {
                rows: Rows::Listed(&[203]),
                ..Request::range(0..0)
            })
            .is_err()
    );

    let open = |bytes: &[u8]| BlockFile::open(Cursor::new(bytes.to_vec()));
    let message = |bytes: &[u8]| open(bytes).err().unwrap().to_string();
    assert!(message(&bytes[..bytes.len() - 1]).contains("203 rows take"));
    assert!(message(&bytes[..20]).contains("no header"));
    let mut unfinished = bytes.clone();
    unfinished[..48].fill(0);
    assert!(message(&unfinished).contains("never finished"));
    let mut newer = bytes.clone();
    newer[8] = 2;
    assert!(message(&newer).contains("version 2"), "{}", message(&newer));
    let mut wrong = bytes.clone();
    wrong[25] ^= 1;
    assert!(message(&wrong).contains("header"));
    let mut wrong = bytes.clone();
    let last = wrong.len() - 40;
    wrong[last] ^= 1;
    let mut engine = cpu::engine(&classifier(), &descent(0.1, 4, 1), 1).unwrap();
    let error = scan::evaluate(&mut *engine, &mut open(&wrong).unwrap()).unwrap_err();
    assert!(
        error.to_string().contains("block 28 (rows 196 to 202)"),
        "{error}"
    );
}

#[test]
fn what_no_block_file_or_order_can_be_is_refused() {
    let rows = data(0, false);
    let other = data(1, false);
    let layout = Layout::of(&rows, BLOCK);
    let mut writer = BlockWriter::new(Cursor::new(Vec::new()), layout).unwrap();
    assert!(writer.write(&Batch::all(&other)).is_err());
    assert!(writer.write(&Batch::unlabelled(&rows.features)).is_err());
    assert!(
        writer
            .write(&Batch::new(&rows, Rows::Range(0, ROWS + 1)))
            .is_err()
    );
    for block_rows in [0, usize::MAX] {
        let layout = Layout {
            block_rows,
            ..layout
        };
        assert!(BlockWriter::new(Cursor::new(Vec::new()), layout).is_err());
    }
    let spec = |shuffle, sampling| TrainingSpec {
        shuffle,
        batches: Batches {
            block: Some(BLOCK),
            sampling,
            ..Batches::default()
        },
        ..descent(0.1, 4, 1)
    };
    for refused in [
        spec(false, Sampling::Uniform),
        spec(true, Sampling::Balanced),
    ] {
        let message = refused.resolve().unwrap_err().to_string();
        assert!(message.contains("`batches.block`"), "{message}");
    }
    spec(true, Sampling::Uniform).resolve().unwrap();
}
