//! What the writer of a block file refuses, and how much of a file its reader holds.

mod common;

use std::io::Cursor;

use common::*;
use thalweg_core::dataset::{Dataset, DatasetRef, FeaturesRef, TargetsRef};
use thalweg_core::engine::{Batch, Rows};
use thalweg_core::source::block_file::{BlockFile, BlockWriter, Layout};
use thalweg_core::source::{Request, RowSource};

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
