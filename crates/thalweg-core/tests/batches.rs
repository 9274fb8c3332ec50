//! Which rows make a batch, and in which order.

use crate::common::*;
use crate::stopping::{one_weight, run, same};
use thalweg_core::dataset::{Dataset, Features, Targets, Values};
use thalweg_core::engine::Rows;
use thalweg_core::error::Result;
use thalweg_core::observe::EpochReport;
use thalweg_core::spec::{Batches, LastBatch, Sampling, TrainingSpec};
use thalweg_core::train::{Flow, Observer};
use thalweg_core::train::{Run, train};

/// Classes 0, 1 and 2 with 60, 30 and 10 rows, one after the other.
fn uneven() -> Dataset {
    let class = |row: u32| if row < 60 { 0 } else { 1 + row / 90 };
    Dataset {
        features: features(1, normals(1, 100)),
        targets: Targets::Classes((0..100).map(class).collect()),
        weights: None,
    }
}

/// The rows of an epoch, counted from 0, in their order.
fn order_of(run: &mut Run, epoch: usize) -> Vec<u32> {
    let batches = run.order().batches();
    let rows = |batch| match run.order().batch(epoch, batch).rows {
        Rows::Listed(rows) => rows.to_vec(),
        Rows::Range(start, end) => (start as u32..end as u32).collect(),
    };
    (0..batches).flat_map(rows).collect()
}

/// The rows of every batch of every epoch.
fn batches_of(batches: Batches, shuffle: bool, size: usize, epochs: usize) -> Vec<Vec<Vec<u32>>> {
    struct Orders(Vec<Vec<u32>>);
    impl Observer for Orders {
        fn epoch(&mut self, run: &mut Run, report: &EpochReport) -> Result<Flow> {
            self.0.push(order_of(run, report.epoch - 1));
            Ok(Flow::Continue)
        }
    }
    let spec = TrainingSpec {
        batches,
        shuffle,
        ..descent(0.01, size, epochs)
    };
    let rows = uneven();
    let network = network(1, "cross_entropy", vec![dense(3, "identity")]);
    let mut run = Run::new(engine(&network, &spec), &spec, &rows, None).unwrap();
    let mut orders = Orders(Vec::new());
    let summary = train(&mut run, &mut orders).unwrap();
    assert_eq!(summary.steps, epochs as u64 * run.steps_per_epoch());
    let count = run.steps_per_epoch() as usize;
    let cut = |order: &Vec<u32>| {
        order
            .chunks(size)
            .take(count)
            .map(<[u32]>::to_vec)
            .collect()
    };
    orders.0.iter().map(cut).collect()
}

fn class(row: u32) -> usize {
    match row {
        0..60 => 0,
        60..90 => 1,
        _ => 2,
    }
}

fn counts(batch: &[u32]) -> [usize; 3] {
    let mut counts = [0; 3];
    batch.iter().for_each(|row| counts[class(*row)] += 1);
    counts
}

#[test]
fn stratified_batches_have_the_proportions_of_the_data_and_every_row_once() {
    let batches = Batches {
        sampling: Sampling::Stratified,
        ..Batches::default()
    };
    for shuffle in [true, false] {
        for epoch in batches_of(batches, shuffle, 20, 3) {
            let mut rows = epoch.concat();
            rows.sort_unstable();
            assert_eq!(rows, (0..100).collect::<Vec<_>>());
            for batch in &epoch {
                for (count, expected) in counts(batch).iter().zip([12usize, 6, 2]) {
                    assert!(count.abs_diff(expected) <= 1, "{:?}", counts(batch));
                }
            }
        }
    }
    let [a, b, ..] = &batches_of(batches, true, 20, 3)[..] else {
        panic!()
    };
    assert_ne!(a, b, "the second epoch has the batches of the first");
}

#[test]
fn balanced_batches_have_as_many_rows_of_every_class() {
    let batches = Batches {
        sampling: Sampling::Balanced,
        ..Batches::default()
    };
    for epoch in batches_of(batches, true, 30, 2) {
        for batch in &epoch[..3] {
            assert_eq!(counts(batch), [10, 10, 10]);
        }
        // Every rare row comes, and no frequent one twice.
        let all = epoch.concat();
        assert!((90..100).all(|row| all.iter().filter(|r| **r == row).count() >= 3));
        assert!((0..90).all(|row| all.iter().filter(|r| **r == row).count() <= 2));
    }
}

#[test]
fn batches_stay_what_they_are_without_reshuffling_and_change_with_it() {
    let fixed = Batches {
        reshuffle: false,
        ..Batches::default()
    };
    let [a, b] = &batches_of(fixed, true, 32, 2)[..] else {
        panic!()
    };
    assert_eq!(a, b);
    assert_ne!(
        a.concat(),
        (0..100).collect::<Vec<_>>(),
        "they are shuffled once"
    );
    let [a, b] = &batches_of(Batches::default(), true, 32, 2)[..] else {
        panic!()
    };
    assert_ne!(a, b);
}

#[test]
fn a_short_last_batch_is_kept_dropped_or_weighted() {
    let with = |last| Batches {
        last,
        ..Batches::default()
    };
    for (last, expected) in [
        (LastBatch::Keep, 4),
        (LastBatch::Weight, 4),
        (LastBatch::Drop, 3),
    ] {
        assert_eq!(
            batches_of(with(last), true, 32, 1)[0].len(),
            expected,
            "{last:?}"
        );
        assert_eq!(batches_of(with(last), true, 50, 1)[0].len(), 2, "{last:?}");
    }
    assert_eq!(
        batches_of(with(LastBatch::Drop), true, 101, 1)[0].len(),
        1,
        "the only one"
    );
    // Three rows in batches of two: the second update goes half as far.
    let spec = TrainingSpec {
        batches: with(LastBatch::Weight),
        ..descent(0.1, 2, 1)
    };
    let (_, w, diary) = run(&spec, &same(3));
    assert!(relative_error(w, 0.2 + 0.05 * 1.8, 0.0) < 1e-12, "{w}");
    assert_eq!(diary.epochs[0].learning_rate, 0.05);
    let numbers = TrainingSpec {
        batches: Batches {
            sampling: Sampling::Balanced,
            ..Batches::default()
        },
        shuffle: true,
        ..descent(0.1, 2, 1)
    };
    let rows = same(3);
    let refused = Run::new(engine(&one_weight(), &numbers), &numbers, &rows, None);
    assert!(
        refused
            .err()
            .unwrap()
            .to_string()
            .contains("expected classes")
    );
}

#[test]
fn five_million_rows_in_batches_of_a_thousand_are_five_thousand_updates() {
    const ROWS: usize = 5_000_000;
    let x = |row: usize| (row % 1000) as f32 / 1000.0;
    let rows = Dataset {
        features: Features {
            width: 1,
            values: Values::F32((0..ROWS).map(x).collect()),
        },
        targets: values(1, (0..ROWS).map(|row| 3.0 * f64::from(x(row))).collect()),
        weights: None,
    };
    let spec = TrainingSpec {
        shuffle: true,
        ..descent(0.1, 1000, 1)
    };
    let mut run = Run::new(engine(&one_weight(), &spec), &spec, &rows, None).unwrap();
    let summary = train(&mut run, &mut ()).unwrap();
    assert_eq!((summary.steps, summary.epochs), (5000, 1));
    let mut seen = order_of(&mut run, 0);
    seen.sort_unstable();
    assert!(
        seen.into_iter().eq(0..ROWS as u32),
        "not every row came once"
    );
    let w = run.engine().save().unwrap().parameters[0];
    assert!((w - 3.0).abs() < 1e-9, "{w}");
}
