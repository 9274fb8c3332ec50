//! Whole sets: built in, in archives, and summed up.

use super::*;

#[test]
fn builtin_sets_have_the_shapes_and_classes_of_scikit_learn() {
    for (name, rows, width, classes) in [
        ("digits", 1797, 64, 10),
        ("iris", 150, 4, 3),
        ("wine", 178, 13, 3),
        ("breast-cancer", 569, 30, 2),
        ("diabetes", 442, 10, 0),
    ] {
        let source = Source::parse(&format!("builtin:{name}")).unwrap();
        let loaded = read(&source, &ReadOptions::default()).unwrap();
        assert_eq!(loaded.train.rows, rows);
        let (p, _) = fit(&loaded.train, "target", &FitOptions::default());
        assert_eq!(
            (p.input_width(), p.classes().len()),
            (width, classes),
            "{name}"
        );
    }
}

#[test]
fn standardized_wine_is_that_of_scikit_learn() {
    let source = Source::parse("builtin:wine").unwrap();
    let loaded = read(&source, &ReadOptions::default()).unwrap();
    let (p, _) = fit(&loaded.train, "target", &FitOptions::default());
    let values = features(&p, &loaded.train);
    // StandardScaler().fit_transform(load_wine().data)
    for (at, expected) in [
        (0, 1.51861254),
        (1, -0.5622498),
        (2, 0.23205254),
        (178 * 13 - 1, -0.5951604112),
    ] {
        assert!((values[at] - expected).abs() < 1e-7, "{at}: {}", values[at]);
    }
}

#[test]
fn numpy_archives_are_read_with_their_test_part_and_weights() {
    let bytes = include_bytes!("../small.npz").to_vec();
    let loaded = formats::read(
        Input::bytes("small.npz", bytes).unwrap(),
        &ReadOptions::default(),
    )
    .unwrap();
    let split = SplitOptions {
        validation_fraction: 0.0,
        ..Default::default()
    };
    let prepared = prepare(
        &loaded,
        None,
        None,
        &PrepareOptions {
            split,
            ..Default::default()
        },
    )
    .unwrap();
    assert_eq!(prepared.preprocessing.task(), Task::Binary);
    assert_eq!(prepared.train.targets, Targets::Classes(vec![0, 1, 0]));
    assert_eq!(prepared.train.weights, Some(vec![1.0, 2.0, 3.0]));
    // X = [[0, 1], [2, 3], [4, 5]] with the weights 1, 2, 3: means 8/3 and 11/3, deviations √(20/9).
    let Values::F32(values) = prepared.train.features.values else {
        panic!("not f32");
    };
    let s = 3.0 / 20f64.sqrt();
    let wanted = [
        -8.0 / 3.0,
        -8.0 / 3.0,
        -2.0 / 3.0,
        -2.0 / 3.0,
        4.0 / 3.0,
        4.0 / 3.0,
    ];
    for (value, wanted) in values.into_iter().zip(wanted) {
        assert!((f64::from(value) - wanted * s).abs() < 1e-6);
    }
    let test = prepared.test.unwrap();
    assert_eq!(test.targets, Targets::Classes(vec![1, 0]));
    let narrow = loaded.test.map(|mut t| {
        t.columns[0].data = ColumnData::Block(table::Block {
            shape: vec![1],
            values: Values::F32(vec![1.0, 2.0]),
        });
        let bound = prepared.preprocessing.bind(&t);
        bound.err().unwrap().to_string()
    });
    assert!(narrow.unwrap().contains("found 1 values a row, expected 2"));
}

#[test]
fn a_summary_counts_what_is_there() {
    let summary = summarize(&table(PEOPLE), &TargetOptions::default());
    let [age, city, ok, ..] = summary.columns.as_slice() else {
        panic!("columns")
    };
    assert_eq!((age.missing, age.distinct), (1, Some(3)));
    let numbers = age.numbers.as_ref().unwrap();
    assert_eq!((numbers.mean, numbers.min, numbers.max), (40.0, 20.0, 60.0));
    assert_eq!(city.top[0], ("Rome".to_owned(), 2));
    assert_eq!((ok.kind.as_str(), ok.missing), ("boolean", 1));
}
