//! What the writer of a block file refuses, and how much of a file its reader holds.

use std::io::Cursor;

use crate::common::*;
use thalweg_core::dataset::{Dataset, DatasetRef, FeaturesRef, TargetsRef};
use thalweg_core::engine::{Batch, Rows};
use thalweg_core::order::RowOrder;
use thalweg_core::source::block_file::{BlockFile, BlockWriter, Layout};
use thalweg_core::source::{Request, RowSource};
use thalweg_core::spec::TrainingSpec;

#[test]
fn rows_of_other_lengths_than_their_columns_are_refused_and_leave_nothing() {
    let whole = |columns| DatasetRef {
        features: FeaturesRef::columns(columns),
        targets: TargetsRef::Classes(&[0, 1]),
        weights: Some(&[1.0, 2.0]),
    };
    let (first, second) = ([1.0, 2.0], [3.0, 4.0]);
    let columns: [&[f32]; 2] = [&first, &second];
    let rows = whole(&columns);
    let layout = Layout::of(rows, 8);
    let mut writer = BlockWriter::new(Cursor::new(Vec::new()), layout).unwrap();
    let (short, long): ([&[f32]; 2], [&[f32]; 2]) = ([&first, &[3.0]], [&first, &[3.0, 4.0, 5.0]]);
    let ragged = [
        whole(&short),
        whole(&long),
        DatasetRef {
            features: FeaturesRef::f32(2, &[1.0, 2.0, 3.0]),
            ..rows
        },
        DatasetRef {
            targets: TargetsRef::Classes(&[0]),
            ..rows
        },
        DatasetRef {
            weights: Some(&[1.0]),
            ..rows
        },
    ];
    for (index, rows) in ragged.into_iter().enumerate() {
        let error = writer.write(&Batch::all(rows));
        assert!(error.is_err(), "ragged rows {index}");
    }
    writer.write(&Batch::all(rows)).unwrap();
    let mut file = BlockFile::open(writer.finish().unwrap()).unwrap();
    assert_eq!(file.schema().rows, 2);
    let batch = file.batch(Request::range(0..2)).unwrap();
    let row = |row| batch.features.row(row).collect::<Vec<f64>>();
    assert_eq!([row(0), row(1)], [[1.0, 3.0], [2.0, 4.0]]);
}

#[test]
fn rows_of_weight_0_are_left_out() {
    let rows = Dataset {
        features: features(1, vec![1.0, 2.0, 3.0, 4.0]),
        targets: values(1, vec![10.0, 20.0, 30.0, 40.0]),
        weights: Some(vec![0.0, 0.5, 0.0, 2.0]),
    };
    let layout = Layout::of(rows.view(), 8);
    let mut writer = BlockWriter::new(Cursor::new(Vec::new()), layout).unwrap();
    writer.write(&Batch::all(rows.view())).unwrap();
    let mut file = BlockFile::open(writer.finish().unwrap()).unwrap();
    assert_eq!(file.schema().rows, 2);
    let batch = file.batch(Request::range(0..2)).unwrap();
    let row = |row| batch.features.row(row).collect::<Vec<f64>>();
    assert_eq!([row(0), row(1)], [[2.0], [4.0]]);
    assert_eq!(
        batch.targets,
        Some(TargetsRef::Values {
            width: 1,
            values: &[20.0, 40.0]
        })
    );
    assert_eq!(batch.weights, Some(&[0.5, 2.0][..]));
}

#[test]
fn a_file_that_is_shorter_than_a_block_takes_the_memory_of_its_rows() {
    let count = 20;
    let rows = Dataset {
        features: features(3, normals(1, 3 * count)),
        targets: values(1, normals(2, count)),
        weights: None,
    };
    let layout = Layout::of(&rows, 1 << 16);
    let mut writer = BlockWriter::new(Cursor::new(Vec::new()), layout).unwrap();
    writer.write(&Batch::all(&rows)).unwrap();
    let mut file = BlockFile::open(writer.finish().unwrap()).unwrap();
    let (listed, window) = ([19, 3, 7], 0..count);
    let request = Request {
        rows: Rows::Listed(&listed),
        upcoming: Rows::NONE,
        window: std::slice::from_ref(&window),
        next: &[],
    };
    let batch = file.batch(request).unwrap();
    let held = batch.features.rows();
    assert!((count..=2 * count).contains(&held), "{held} rows are held");
    for (at, row) in batch.rows.iter().zip(listed) {
        let found: Vec<f64> = batch.features.row(at).collect();
        let expected: Vec<f64> = rows.features.view().row(row as usize).collect();
        assert_eq!(found, expected);
    }
}

/// A file of 1,000 rows in blocks of 20, and the rows.
fn many() -> (Dataset, Vec<u8>) {
    let rows = Dataset {
        features: features(3, normals(1, 3000)),
        targets: values(1, normals(2, 1000)),
        weights: None,
    };
    let mut writer = BlockWriter::new(Cursor::new(Vec::new()), Layout::of(&rows, 20)).unwrap();
    writer.write(&Batch::all(&rows)).unwrap();
    (rows, writer.finish().unwrap().into_inner())
}

fn in_blocks() -> TrainingSpec {
    let mut spec = TrainingSpec {
        batch_size: 32,
        ..TrainingSpec::default()
    };
    spec.batches.block = Some(20);
    spec
}

/// The rows of a batch, one after the other.
fn contents(batch: &Batch) -> Vec<f64> {
    batch
        .rows
        .iter()
        .flat_map(|row| batch.features.row(row))
        .collect()
}

#[test]
fn rows_read_ahead_are_those_of_memory_and_every_block_is_read_once() {
    let (rows, file) = many();
    let mut ahead = BlockFile::open_ahead(Cursor::new(file.clone()), Cursor::new(file)).unwrap();
    let mut order = RowOrder::new(&in_blocks(), 1000, None, 1).unwrap();
    for epoch in 0..3 {
        for number in 0..order.batches() {
            let expected = contents(&(&rows).batch(order.batch(epoch, number)).unwrap());
            let read = contents(&ahead.batch(order.batch(epoch, number)).unwrap());
            assert_eq!(read, expected, "batch {number} of epoch {epoch}");
        }
        assert!(ahead.blocks_read() <= 50 * (epoch as u64 + 1));
    }
    // As many as without reading ahead: the blocks on their way are no slots.
    assert!(ahead.held_blocks() <= 18);
}

#[test]
fn a_block_that_is_damaged_is_named_though_it_was_read_ahead() {
    let (_, mut file) = many();
    let middle = file.len() / 2;
    file[middle] ^= 1;
    let mut ahead = BlockFile::open_ahead(Cursor::new(file.clone()), Cursor::new(file)).unwrap();
    let mut order = RowOrder::new(&in_blocks(), 1000, None, 1).unwrap();
    let mut failed = (0..order.batches()).filter_map(|number| {
        ahead
            .batch(order.batch(0, number))
            .err()
            .map(|error| error.to_string())
    });
    let told = failed.next().unwrap();
    assert!(told.contains("the checksum of block 24"), "{told}");
}
