//! Real files, which are no part of the project: `cargo xtask test` runs these tests where the
//! folder is there.

use std::path::PathBuf;

use thalweg_core::dataset::{Targets, Values};
use thalweg_data::Task::*;
use thalweg_data::preprocess::InputColumn;
use thalweg_data::*;

fn load(path: &str) -> Loaded {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data");
    let source = Source::Path(PathBuf::from(folder).join(path));
    read(&source, &ReadOptions::default()).unwrap()
}

/// File, target, rows, columns, the target that is chosen, task, outputs, categorical columns.
type Row = (
    &'static str,
    Option<&'static str>,
    usize,
    usize,
    &'static str,
    Task,
    usize,
    usize,
);

#[rustfmt::skip]
const FILES: [Row; 18] = [
    ("adult/adult.data.csv", None, 32561, 15, "column_15", Binary, 1, 8),
    ("california-housing/housing.csv", Some("median_house_value"), 20640, 10, "median_house_value", Regression, 1, 1),
    ("bank-marketing/bank-full.csv", None, 45211, 17, "y", Binary, 1, 6),
    // The day is a date.
    ("bike-sharing/hour.csv", None, 17379, 17, "cnt", Regression, 1, 0),
    ("credit-default/UCI_Credit_Card.csv", None, 30000, 25, "Y", Binary, 1, 0),
    ("diamonds/diamonds.csv", Some("price"), 53940, 10, "price", Regression, 1, 3),
    ("abalone/abalone.csv", None, 4177, 9, "column_9", Regression, 1, 1),
    ("wine-quality/winequality-red.csv", None, 1599, 12, "column_12", Multiclass, 6, 0),
    ("wine-quality/winequality-white.csv", None, 4898, 12, "column_12", Multiclass, 7, 0),
    ("optdigits/optdigits.tra.tsv", None, 3823, 65, "column_65", Multiclass, 10, 0),
    ("higgs-lightgbm/binary.train.tsv", Some("column_1"), 7000, 29, "column_1", Binary, 1, 0),
    ("uci-10fold/airfoil.data.csv.gz", None, 1503, 6, "column_6", Regression, 1, 0),
    ("uci-10fold/autompg.data.csv.gz", None, 392, 8, "column_8", Regression, 1, 0),
    ("uci-10fold/concrete.data.csv.gz", None, 1030, 9, "column_9", Regression, 1, 0),
    ("uci-10fold/energy.data.csv.gz", None, 768, 9, "column_9", Regression, 1, 0),
    ("uci-10fold/protein.data.csv.gz", None, 45730, 10, "column_10", Regression, 1, 0),
    ("uci-10fold/wine.data.csv.gz", None, 1599, 12, "column_12", Regression, 1, 0),
    ("uci-10fold/yacht.data.csv.gz", None, 308, 7, "column_7", Regression, 1, 0),
];

#[test]
#[ignore = "needs the shared data sets"]
fn types_headers_and_targets_of_real_files_are_detected() {
    for (path, column, rows, columns, chosen, task, outputs, categorical) in FILES {
        let loaded = load(path);
        let table = &loaded.train;
        assert_eq!((table.rows, table.columns.len()), (rows, columns), "{path}");
        let target = TargetOptions {
            column: column.map(str::to_owned),
            task: None,
        };
        let options = PrepareOptions {
            target,
            ..Default::default()
        };
        let p = prepare(&loaded, None, None, &options)
            .unwrap()
            .preprocessing;
        assert_eq!(p.target.columns, [chosen], "{path}");
        assert_eq!((p.task(), p.output_width()), (task, outputs), "{path}");
        let is_one = |c: &&InputColumn| matches!(c.encoding, Encoding::Categorical { .. });
        assert_eq!(
            p.inputs.iter().filter(is_one).count(),
            categorical,
            "{path}"
        );
    }
}

#[test]
#[ignore = "needs the shared data sets"]
fn the_official_test_file_of_adult_is_evaluated_although_its_labels_end_in_a_full_stop() {
    let (train, test) = (load("adult/adult.data.csv"), load("adult/adult.test.csv"));
    let options = PrepareOptions::default();
    let prepared = prepare(&train, None, Some(&test.train), &options).unwrap();
    assert_eq!(prepared.preprocessing.classes(), ["<=50K", ">50K"]);
    let Targets::Classes(classes) = prepared.test.unwrap().targets else {
        panic!("classes");
    };
    // UCI: 3846 of the 16281 test rows earn more than 50K.
    assert_eq!(classes.iter().filter(|&&class| class == 1).count(), 3846);
    assert_eq!(classes.len(), 16281);
}

#[test]
#[ignore = "needs the shared data sets"]
fn a_folder_of_the_mnist_files_is_read_whole() {
    let prepared = prepare(&load("mnist"), None, None, &PrepareOptions::default()).unwrap();
    assert_eq!(prepared.preprocessing.input_shape(), [28, 28]);
    assert_eq!(prepared.preprocessing.output_width(), 10);
    let test = prepared.test.map(|test| test.rows());
    assert_eq!((prepared.train.rows(), test), (54000, Some(10000)));
    // The mean and deviation of MNIST's training pixels in every tutorial: 0.1307 and 0.3081.
    let Values::U8 { scale, offset, .. } = prepared.train.features.values else {
        panic!("pixels stay bytes");
    };
    assert!((scale - 1.0 / 255.0 / 0.3081).abs() < 1e-4, "{scale}");
    assert!((offset + 0.1307 / 0.3081).abs() < 1e-2, "{offset}");
}
