//! What is prepared of a cache is what is prepared of the table in memory.

use std::fs::File;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::cache::Cache;
use crate::ingest::{Ingest, ingest};
use crate::options::ReadOptions;
use crate::source::{Source, read};
use crate::testing::Place;

const ROWS: usize = 2000;

/// A table of numbers, some missing, texts, and weights, some 0, before these targets.
fn table(targets: &str, of_row: impl Fn(usize) -> String) -> String {
    let mut text = format!("a,b,colour,w,{targets}\n");
    for i in 0..ROWS {
        let b = if i % 13 == 0 {
            String::new()
        } else {
            format!("{}", (i * i) % 977)
        };
        let (colour, w) = (["red", "green", "blue"][i % 3], i % 5);
        text += &format!("{}.5,{b},{colour},{w},{}\n", (i * 7919) % 501, of_row(i));
    }
    text
}

/// Prepares a table in both ways, and compares.
fn compare(text: &str, shuffle: Option<u64>, options: &PrepareOptions) {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let name = format!("prepare-{}", COUNT.fetch_add(1, Ordering::Relaxed));
    let place = Place::new(&name, &[("t.csv", text.as_bytes().to_vec())]);
    let (csv, at) = (place.path().join("t.csv"), place.path().join("t.cache"));
    let source = Source::Path(csv);
    let how = Ingest {
        read: &ReadOptions::default(),
        shuffle,
        block_rows: Some(96),
        memory: 1 << 20,
        again: None,
    };
    ingest(&source, &at, &how, &mut |_| {}).unwrap();
    let read_options = ReadOptions {
        shuffle,
        ..ReadOptions::default()
    };
    let loaded = read(&source, &read_options).unwrap();
    let whole = prepare(&loaded, None, None, options).unwrap();
    let cache = Cache::open(File::open(&at).unwrap(), "t.cache").unwrap();
    let how = Streaming {
        block_rows: Some(128),
        memory: 64 << 20,
        folder: at.parent().unwrap(),
        direct: true,
        check: &|_, _, _| Ok(()),
    };
    let streamed = prepare_streamed(cache, None, [None, None], options, &how).unwrap();
    let json = |of: &Preprocessing| serde_json::to_string(of).unwrap();
    assert_eq!(json(&streamed.preprocessing), json(&whole.preprocessing));
    let in_cache = |rows: &[usize]| -> Vec<usize> {
        let number = |row: &usize| whole.kept.as_ref().map_or(*row, |kept| kept[*row]);
        rows.iter().map(number).collect()
    };
    assert_eq!(streamed.split.validation, in_cache(&whole.split.validation));
    assert_eq!(streamed.split.test, in_cache(&whole.split.test));
    assert_eq!(streamed.own, [false, false]);
    for (ours, theirs) in [
        (streamed.validation, whole.validation),
        (streamed.test, whole.test),
    ] {
        match ours {
            // A target that is missing is not itself.
            Some(Placed::InMemory(ours)) => {
                assert!(format!("{:?}", Some(ours)) == format!("{theirs:?}"));
            }
            ours => assert!(ours.is_none() && theirs.is_none()),
        }
    }
    let Placed::OnDisk(train) = streamed.train else {
        panic!("training rows are on disk")
    };
    let mut source = train.source().unwrap();
    let request = thalweg_core::source::Request::range(0..train.rows());
    let batch = source.batch(request).unwrap();
    let whole = whole.train.view();
    assert_eq!(train.rows(), whole.features.rows());
    assert_eq!(train.sum, RowsSum::of(whole));
    for (row, at) in batch.rows.iter().enumerate() {
        let (ours, theirs) = (batch.features.row(at), whole.features.row(row));
        assert!(
            ours.zip(theirs).all(|(a, b)| a.to_bits() == b.to_bits()),
            "row {row}"
        );
        assert_eq!(batch.weights.map(|w| w[at]), whole.weights.map(|w| w[row]));
    }
}

fn weighted(in_order: bool, fraction: f64) -> PrepareOptions {
    PrepareOptions {
        split: SplitOptions {
            in_order,
            test_fraction: fraction,
            validation_fraction: fraction,
            ..SplitOptions::default()
        },
        fit: FitOptions {
            sample_weight: Some("w".to_owned()),
            ..FitOptions::default()
        },
        ..PrepareOptions::default()
    }
}

#[test]
fn rows_of_a_cache_are_prepared_as_those_of_its_table() {
    let classes = |i: usize| match i % 50 {
        7 => String::new(),
        9 => "rare".to_owned(),
        _ => ["yes", "no"][i % 2].to_owned(),
    };
    let words = |i: usize| ["None", "some", "more"][i % 3].to_owned();
    let codes = |i: usize| format!("{}", i % 4);
    let numbers = |i: usize| format!("{:.3}", (i as f64).sqrt() - 20.0);
    let several = |i: usize| format!("{:.3},{}", (i as f64).cos(), i % 300);
    let tables = [
        table("y", classes),
        table("kind", words),
        table("y", codes),
        table("y", numbers),
    ];
    for text in &tables {
        compare(text, Some(3), &weighted(true, 0.1));
        compare(text, Some(3), &weighted(false, 0.0));
        compare(text, None, &weighted(false, 0.15));
    }
    let mut options = weighted(true, 0.2);
    options.target.column = Some("y,z".to_owned());
    options.fit.sample_weight = None;
    compare(&table("y,z", several), Some(3), &options);
    // Quartiles of columns with and without missing values.
    options.fit.scaling = crate::preprocess::Scaling::Robust;
    compare(&table("y,z", several), Some(4), &options);
    options.fit.scaling = crate::preprocess::Scaling::Quantile;
    compare(&table("y,z", several), Some(4), &options);
}

#[test]
fn rows_that_are_left_out_are_looked_at_no_more() {
    let numbers = |i: usize| match i % 50 {
        7 => String::new(),
        _ => format!("{:.3}", (i as f64).sqrt() - 20.0),
    };
    // Infinite in rows of weight 0.
    let of_line = |(at, line): (usize, &str)| match line.split_once(',') {
        Some((_, rest)) if at % 10 == 1 => format!("inf,{rest}\n"),
        _ => format!("{line}\n"),
    };
    let infinite: String = table("y", numbers)
        .lines()
        .enumerate()
        .map(of_line)
        .collect();
    for in_order in [true, false] {
        let mut options = weighted(in_order, 0.1);
        compare(&infinite, Some(3), &options);
        options.fit.sample_weight = None;
        options.fit.drop = vec!["w".to_owned()];
        compare(&table("y", numbers), Some(3), &options);
        options.target.task = Some(crate::target::Task::Regression);
        compare(
            &table("y", |i| format!("{}", i % 3).replace('2', "")),
            Some(3),
            &options,
        );
    }
    let mut options = weighted(false, 0.1);
    options.split.by = SplitBy::Ordered;
    compare(&infinite, None, &options);
    options.target.column = Some("y,z".to_owned());
    let several = |i: usize| match i % 4 {
        0 => ",".to_owned(),
        1 => format!("{i},"),
        _ => format!("{:.2},{i}", (i as f64).sin()),
    };
    compare(&table("y,z", several), None, &options);
}
