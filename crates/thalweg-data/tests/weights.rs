//! Weights of rows and classes in everything that is fitted; rows of weight 0 are as good as absent.

use thalweg_core::dataset::Targets;
use thalweg_core::precision::Dtype;
use thalweg_data::*;

fn table(text: &str) -> Table {
    let input = Input::bytes("t.csv", text.as_bytes().to_vec()).unwrap();
    formats::read(input, &ReadOptions::default()).unwrap().train
}

fn options(fit: FitOptions) -> PrepareOptions {
    PrepareOptions {
        target: TargetOptions {
            column: Some("t".to_owned()),
            task: None,
        },
        fit: FitOptions {
            sample_weight: Some("w".to_owned()),
            ..fit
        },
        dtype: Dtype::F64,
        ..PrepareOptions::default()
    }
}

fn all(fit: FitOptions) -> PrepareOptions {
    let split = SplitOptions {
        test_fraction: 0.0,
        validation_fraction: 0.0,
        ..SplitOptions::default()
    };
    PrepareOptions {
        split,
        ..options(fit)
    }
}

/// Rows of a number, a number with gaps, a category, a flag, weight and target.
const ROWS: [(&str, usize); 8] = [
    ("1.5,2,a,yes,W,3.25", 3),
    ("-2,,b,no,W,-1", 1),
    ("0.25,8,a,yes,W,2.5", 2),
    ("4,1,c,no,W,0.5", 5),
    ("-1,,c,,W,7", 1),
    ("3,5,b,no,W,-4.5", 2),
    ("2.75,-3,d,yes,W,1", 1),
    ("-0.5,4,e,no,W,0", 4),
];

/// The table with each weight given, or with as many copies of each row.
fn rows(is_weighted: bool, target: impl Fn(usize, &str) -> String) -> Table {
    let mut text = "x,gaps,word,flag,w,t\n".to_owned();
    for (i, (row, weight)) in ROWS.iter().enumerate() {
        let (start, end) = row.rsplit_once(',').unwrap();
        let row = format!("{start},{}\n", target(i, end));
        match is_weighted {
            true => text += &row.replace('W', &weight.to_string()),
            false => text += &row.replace('W', "1").repeat(*weight),
        }
    }
    table(&text)
}

fn near(a: f64, b: f64) {
    assert!((a - b).abs() <= 1e-14 * a.abs().max(1.0), "{a} is not {b}");
}

fn same(a: &serde_json::Value, b: &serde_json::Value, place: &str) {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => near(a, b),
        _ => match (a, b) {
            (serde_json::Value::Object(a), serde_json::Value::Object(b)) => {
                assert!(a.keys().eq(b.keys()), "{place}");
                a.iter().for_each(|(key, a)| same(a, &b[key], key));
            }
            (serde_json::Value::Array(a), serde_json::Value::Array(b)) => {
                assert_eq!(a.len(), b.len(), "{place}");
                a.iter().zip(b).for_each(|(a, b)| same(a, b, place));
            }
            _ => assert_eq!(a, b, "{place}"),
        },
    }
}

#[test]
fn what_is_fitted_to_whole_weights_is_what_is_fitted_to_repeated_rows() {
    let fits = [
        FitOptions::default(),
        FitOptions {
            scaling: Scaling::Robust,
            // The three of most weight, c, e and a, which are not those of most rows.
            max_categories: 3,
            ..FitOptions::default()
        },
    ];
    for fit in fits {
        let fitted = |is_weighted| {
            let table = rows(is_weighted, |_, target| target.to_owned());
            let prepared = prepare(&table.into(), None, None, &all(fit.clone())).unwrap();
            serde_json::to_value(prepared.preprocessing).unwrap()
        };
        same(&fitted(true), &fitted(false), "preprocessing");
    }
}

#[test]
fn balanced_classes_count_the_same_by_weight() {
    let class = |i: usize, _: &str| ["a", "b", "c"][i % 3].to_owned();
    let fit = FitOptions {
        class_weight: Some(ClassWeight::BALANCED),
        ..FitOptions::default()
    };
    let prepared = prepare(&rows(true, class).into(), None, None, &all(fit)).unwrap();
    let (weights, Targets::Classes(classes)) =
        (prepared.train.weights.unwrap(), prepared.train.targets)
    else {
        panic!("no classes");
    };
    let mut sums = [0.0; 3];
    for (class, weight) in classes.iter().zip(weights) {
        sums[*class as usize] += f64::from(weight);
    }
    for sum in sums {
        assert!((sum - 19.0 / 3.0).abs() < 1e-5, "{sums:?}");
    }
}

#[test]
fn rows_of_weight_0_are_as_good_as_absent() {
    // In the second table also rows of weight 0, whose numbers, words and classes would show.
    let mut without = "x,word,w,t\n".to_owned();
    let mut with = without.clone();
    for i in 0..40 {
        let row = format!(
            "{},{},{},{}\n",
            i * i % 17,
            ["u", "v"][i % 2],
            1 + i % 3,
            ["n", "y"][i / 3 % 2]
        );
        without += &row;
        with += &row;
        if i % 4 == 0 {
            with += &format!("{},z{i},0,other{i}\n", 1e6 * i as f64);
        }
    }
    let of = |text: &str| {
        prepare(
            &table(text).into(),
            None,
            None,
            &options(FitOptions::default()),
        )
        .unwrap()
    };
    let (without, with) = (of(&without), of(&with));
    assert_eq!(without.preprocessing, with.preprocessing);
    assert_eq!(without.split, with.split);
    for (a, b) in [
        (Some(without.train), Some(with.train)),
        (without.validation, with.validation),
        (without.test, with.test),
    ] {
        let (a, b) = (a.unwrap(), b.unwrap());
        assert_eq!(
            (a.features, a.targets, a.weights),
            (b.features, b.targets, b.weights)
        );
    }
    let notes: Vec<String> = with.notes.iter().map(Note::to_string).collect();
    assert!(
        notes.contains(&"note: t.csv: 10 of 50 rows left out: rows of weight 0".to_owned()),
        "{notes:?}"
    );
    assert!(
        without
            .notes
            .iter()
            .all(|note| !note.text.contains("weight 0"))
    );
}

#[test]
fn lines_in_errors_are_those_of_the_file_though_rows_are_left_out() {
    let text = table("x,w,t\n1,1,5\n2,0,6\n3,1,7\n4,0,\n5,1,oops\n");
    let mut options = all(FitOptions::default());
    options.target.task = Some(Task::Regression);
    let error = prepare(&text.into(), None, None, &options).unwrap_err();
    assert!(
        error.to_string().starts_with("t.csv:6: column \"t\""),
        "{error}"
    );
    let none = table("x,w,t\n1,0,5\n2,0,6\n");
    let error = prepare(&none.into(), None, None, &all(FitOptions::default())).unwrap_err();
    assert!(
        error.to_string().contains("a weight of 0 for all rows (2)"),
        "{error}"
    );
}

#[test]
fn classes_have_the_weights_that_are_named_and_1_else() {
    let class = |i: usize, _: &str| ["a", "b", "c"][i % 3].to_owned();
    let weights = |text: &str| {
        let fit = FitOptions {
            class_weight: Some(serde_json::from_str(text).unwrap()),
            ..FitOptions::default()
        };
        prepare(&rows(true, class).into(), None, None, &all(fit))
            .map(|prepared| prepared.preprocessing.class_weights.unwrap())
    };
    assert_eq!(weights(r#"{"c": 50, "a": 0.5}"#).unwrap(), [0.5, 1.0, 50.0]);
    for (text, found) in [
        (
            r#"{"d": 2}"#,
            "found the class \"d\", expected classes of the target: \"a\", \"b\", \"c\"",
        ),
        (
            r#"{"a": 0}"#,
            "found 0.0 for class \"a\", expected a number above 0",
        ),
        (
            r#"{"a": -1}"#,
            "found -1.0 for class \"a\", expected a number above 0",
        ),
    ] {
        let error = weights(text).unwrap_err().to_string();
        assert!(error.contains(found), "{error}");
    }
}
