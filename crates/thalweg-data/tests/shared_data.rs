//! Real files. They are not part of the project: where the folder is missing, these tests say so and pass.

use std::path::PathBuf;

use thalweg_data::preprocess::InputColumn;
use thalweg_data::*;

fn shared(path: &str) -> Option<Source> {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "../../../shared/data", path]
        .iter()
        .collect();
    if path.exists() {
        return Some(Source::Path(path));
    }
    eprintln!("skipped: {} is not there", path.display());
    None
}

struct Expected {
    path: &'static str,
    target: Option<&'static str>,
    rows: usize,
    columns: usize,
    chosen: &'static str,
    task: Task,
    outputs: usize,
    categorical: usize,
}

#[test]
fn types_headers_and_targets_of_real_files_are_read_rightly() {
    let e = |path, target, rows, columns, chosen, task, outputs, categorical| Expected {
        path,
        target,
        rows,
        columns,
        chosen,
        task,
        outputs,
        categorical,
    };
    use Task::*;
    let all = [
        e(
            "adult/adult.data.csv",
            None,
            32561,
            15,
            "column_15",
            Binary,
            1,
            8,
        ),
        e(
            "california-housing/housing.csv",
            Some("median_house_value"),
            20640,
            10,
            "median_house_value",
            Regression,
            1,
            1,
        ),
        e(
            "bank-marketing/bank-full.csv",
            None,
            45211,
            17,
            "y",
            Binary,
            1,
            6,
        ),
        e(
            "bike-sharing/hour.csv",
            None,
            17379,
            17,
            "cnt",
            Regression,
            1,
            1,
        ),
        e(
            "credit-default/UCI_Credit_Card.csv",
            None,
            30000,
            25,
            "Y",
            Binary,
            1,
            0,
        ),
        e(
            "diamonds/diamonds.csv",
            Some("price"),
            53940,
            10,
            "price",
            Regression,
            1,
            3,
        ),
        e(
            "abalone/abalone.csv",
            None,
            4177,
            9,
            "column_9",
            Regression,
            1,
            1,
        ),
        e(
            "wine-quality/winequality-red.csv",
            None,
            1599,
            12,
            "column_12",
            Multiclass,
            6,
            0,
        ),
        e(
            "wine-quality/winequality-white.csv",
            None,
            4898,
            12,
            "column_12",
            Multiclass,
            7,
            0,
        ),
        e(
            "optdigits/optdigits.tra.tsv",
            None,
            3823,
            65,
            "column_65",
            Multiclass,
            10,
            0,
        ),
        e(
            "higgs-lightgbm/binary.train.tsv",
            Some("column_1"),
            7000,
            29,
            "column_1",
            Binary,
            1,
            0,
        ),
        e(
            "uci-10fold/airfoil.data.csv.gz",
            None,
            1503,
            6,
            "column_6",
            Regression,
            1,
            0,
        ),
        e(
            "uci-10fold/autompg.data.csv.gz",
            None,
            392,
            8,
            "column_8",
            Regression,
            1,
            0,
        ),
        e(
            "uci-10fold/concrete.data.csv.gz",
            None,
            1030,
            9,
            "column_9",
            Regression,
            1,
            0,
        ),
        e(
            "uci-10fold/energy.data.csv.gz",
            None,
            768,
            9,
            "column_9",
            Regression,
            1,
            0,
        ),
        e(
            "uci-10fold/protein.data.csv.gz",
            None,
            45730,
            10,
            "column_10",
            Regression,
            1,
            0,
        ),
        e(
            "uci-10fold/wine.data.csv.gz",
            None,
            1599,
            12,
            "column_12",
            Regression,
            1,
            0,
        ),
        e(
            "uci-10fold/yacht.data.csv.gz",
            None,
            308,
            7,
            "column_7",
            Regression,
            1,
            0,
        ),
    ];
    for e in all {
        let Some(source) = shared(e.path) else { return };
        let loaded = read(&source, &ReadOptions::default()).unwrap();
        let table = &loaded.train;
        assert_eq!(
            (table.rows, table.columns.len()),
            (e.rows, e.columns),
            "{}",
            e.path
        );
        let options = PrepareOptions {
            target: TargetOptions {
                column: e.target.map(str::to_owned),
                task: None,
            },
            ..Default::default()
        };
        let prepared = prepare(&loaded, None, None, &options).unwrap();
        let p = &prepared.preprocessing;
        for note in &prepared.notes {
            eprintln!("{}: {note}", e.path);
        }
        assert_eq!(p.target.columns, [e.chosen], "{}", e.path);
        assert_eq!(
            (p.task(), p.output_width()),
            (e.task, e.outputs),
            "{}",
            e.path
        );
        let categorical = |c: &&InputColumn| matches!(c.encoding, Encoding::Categorical { .. });
        assert_eq!(
            p.inputs.iter().filter(categorical).count(),
            e.categorical,
            "{}",
            e.path
        );
    }
}

#[test]
fn the_official_test_file_of_adult_is_evaluated_although_its_labels_end_in_a_full_stop() {
    let (Some(train), Some(test)) = (
        shared("adult/adult.data.csv"),
        shared("adult/adult.test.csv"),
    ) else {
        return;
    };
    let loaded = read(&train, &ReadOptions::default()).unwrap();
    let test = read(&test, &ReadOptions::default()).unwrap().train;
    let prepared = prepare(&loaded, None, Some(&test), &PrepareOptions::default()).unwrap();
    assert_eq!(prepared.preprocessing.classes(), ["<=50K", ">50K"]);
    let thalweg_core::dataset::Targets::Classes(classes) = prepared.test.unwrap().targets else {
        panic!("classes");
    };
    // UCI: 3846 of the 16281 test rows earn more than 50K.
    assert_eq!(classes.iter().filter(|&&class| class == 1).count(), 3846);
    assert_eq!(classes.len(), 16281);
}

#[test]
fn a_directory_of_the_mnist_files_is_read_whole() {
    let Some(source) = shared("mnist") else {
        return;
    };
    let loaded = read(&source, &ReadOptions::default()).unwrap();
    let prepared = prepare(&loaded, None, None, &PrepareOptions::default()).unwrap();
    assert_eq!(prepared.preprocessing.input_shape(), [28, 28]);
    assert_eq!(prepared.preprocessing.output_width(), 10);
    assert_eq!(
        (prepared.train.rows(), prepared.test.map(|t| t.rows())),
        (54000, Some(10000))
    );
    // The mean and deviation of MNIST's training pixels in every tutorial: 0.1307 and 0.3081.
    let thalweg_core::dataset::Values::U8 { scale, offset, .. } = prepared.train.features.values
    else {
        panic!("pixels stay bytes");
    };
    assert!((scale - 1.0 / 255.0 / 0.3081).abs() < 1e-4, "{scale}");
    assert!((offset + 0.1307 / 0.3081).abs() < 1e-2, "{offset}");
}
