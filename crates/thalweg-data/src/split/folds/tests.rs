use super::*;
use crate::table::{Column, ColumnData};
use crate::target::Task;

fn target(classes: &[&str]) -> Target {
    Target {
        columns: vec!["y".to_owned()],
        task: match classes {
            [] => Task::Regression,
            _ => Task::Multiclass,
        },
        classes: classes.iter().map(|class| (*class).to_owned()).collect(),
        quantiles: Vec::new(),
        labels: Vec::new(),
    }
}

fn table(rows: usize, columns: Vec<(&str, ColumnData)>) -> Table {
    let columns = columns.into_iter().map(|(name, data)| Column {
        name: name.to_owned(),
        data,
    });
    Table::without_lines("t.csv".to_owned(), rows, columns.collect())
}

fn fold(index: usize, count: usize) -> SplitOptions {
    SplitOptions {
        test_fraction: 0.0,
        validation_fraction: 0.0,
        fold: Some(Fold {
            index,
            count,
            repeat: 0,
        }),
        ..SplitOptions::default()
    }
}

fn numbers(rows: usize) -> Targets {
    Targets::Values {
        width: 1,
        values: vec![0.0; rows],
    }
}

fn of(table: &Table, targets: &Targets, options: &SplitOptions) -> Split {
    let target = match targets {
        Targets::Classes(_) => target(&["a", "b", "c"]),
        Targets::Values { .. } => target(&[]),
    };
    split_rows(table, &target, targets, options).unwrap().0
}

#[test]
fn every_row_tests_once_and_each_fold_has_its_share_of_each_class() {
    // 60, 30 and 10 rows of three classes in seven folds of 14 or 15.
    let class = |i: usize| u32::from(i % 10 == 3) * 2 + u32::from(i % 10 > 6);
    let classes: Vec<u32> = (0..100).map(class).collect();
    let targets = Targets::Classes(classes.clone());
    let of_class =
        |rows: &[usize], class| rows.iter().filter(|row| classes[**row] == class).count();
    let table = table(100, Vec::new());
    let mut all = Vec::new();
    for index in 0..7 {
        let options = SplitOptions {
            validation_fraction: 0.25,
            ..fold(index, 7)
        };
        let split = of(&table, &targets, &options);
        assert!(
            (14..=15).contains(&split.test.len()),
            "{}",
            split.test.len()
        );
        for class in 0..3 {
            let whole = of_class(&(0..100).collect::<Vec<_>>(), class);
            let tested = of_class(&split.test, class);
            assert!((whole / 7..=whole.div_ceil(7)).contains(&tested));
        }
        // A quarter of the other rows.
        let others = 100 - split.test.len();
        assert_eq!(
            split.validation.len(),
            (others as f64 / 4.0).round() as usize
        );
        let mut together = [split.train, split.validation, split.test.clone()].concat();
        together.sort_unstable();
        assert_eq!(together, (0..100).collect::<Vec<_>>());
        all.extend(split.test);
    }
    all.sort_unstable();
    assert_eq!(all, (0..100).collect::<Vec<_>>());
}

#[test]
fn folds_are_a_function_of_seed_and_repeat() {
    let table = table(40, Vec::new());
    let tested = |seed, repeat| {
        let mut options = fold(1, 4);
        options.seed = seed;
        options.fold.as_mut().unwrap().repeat = repeat;
        of(&table, &numbers(40), &options).test
    };
    assert_eq!(tested(3, 0), tested(3, 0));
    assert_ne!(tested(3, 0), tested(4, 0));
    assert_ne!(tested(3, 0), tested(3, 1));
}

#[test]
fn windows_grow_as_those_of_scikit_learn() {
    // TimeSeriesSplit(n_splits=3).split(range(11)): ⌊11/4⌋ = 2 rows test, 5, 7 and 9 come before.
    let table = table(11, Vec::new());
    for (index, before) in [5, 7, 9].into_iter().enumerate() {
        let options = SplitOptions {
            by: SplitBy::Ordered,
            ..fold(index, 3)
        };
        let split = of(&table, &numbers(11), &options);
        assert_eq!(split.train, (0..before).collect::<Vec<_>>());
        assert_eq!(split.test, [before, before + 1]);
        // Later rows of a window validate: ⌊0.4 · 5⌉ = 2 of the first.
        let options = SplitOptions {
            validation_fraction: 0.4,
            ..options
        };
        let split = of(&table, &numbers(11), &options);
        let validating = (0.4 * before as f64).round() as usize;
        assert_eq!(
            split.validation,
            (before - validating..before).collect::<Vec<_>>()
        );
        assert_eq!(split.test, [before, before + 1]);
    }
}

#[test]
fn groups_are_dealt_whole_and_evenly() {
    // Six groups of 5, 4, 3, 3, 2 and 1 rows: 5 + 1, 4 + 2 and 3 + 3.
    let sizes = [3, 5, 2, 4, 1, 3];
    let groups: Vec<f64> = (sizes.iter().enumerate())
        .flat_map(|(group, size)| vec![group as f64; *size])
        .collect();
    let table = table(18, vec![("patient", ColumnData::Numeric(groups.clone()))]);
    for index in 0..3 {
        let options = SplitOptions {
            group: Some("patient".to_owned()),
            validation_fraction: 0.3,
            ..fold(index, 3)
        };
        let split = of(&table, &numbers(18), &options);
        assert_eq!(split.test.len(), 6);
        assert!(!split.validation.is_empty());
        let parts = [&split.train, &split.validation, &split.test];
        for (i, part) in parts.iter().enumerate() {
            for other in parts.iter().skip(i + 1) {
                let shared = |row: &&usize| other.iter().any(|o| groups[*o] == groups[**row]);
                assert_eq!(part.iter().find(shared), None);
            }
        }
    }
}

#[test]
fn groups_in_order_never_train_after_they_are_tested() {
    // Fifteen groups of two rows, one after another.
    let groups: Vec<f64> = (0..30).map(|row| f64::from(row / 2)).collect();
    let table = table(30, vec![("week", ColumnData::Numeric(groups))]);
    for index in 0..4 {
        let options = SplitOptions {
            by: SplitBy::Ordered,
            group: Some("week".to_owned()),
            validation_fraction: 0.2,
            ..fold(index, 4)
        };
        let split = of(&table, &numbers(30), &options);
        let first = *split.test.first().unwrap();
        assert_eq!((first % 2, split.test.len()), (0, 6));
        assert!(
            split
                .train
                .iter()
                .chain(&split.validation)
                .all(|row| *row < first)
        );
        assert!(split.train.iter().all(|row| *row < split.validation[0]));
    }
}

#[test]
fn rows_that_would_test_are_in_no_fold() {
    let table = table(50, Vec::new());
    let plain = SplitOptions {
        test_fraction: 0.2,
        validation_fraction: 0.0,
        ..SplitOptions::default()
    };
    let aside = of(&table, &numbers(50), &plain).test;
    assert_eq!(aside.len(), 10);
    for index in 0..4 {
        let options = SplitOptions {
            test_fraction: 0.2,
            ..fold(index, 4)
        };
        let split = of(&table, &numbers(50), &options);
        let used = [split.train, split.validation, split.test].concat();
        assert_eq!(used.len(), 40);
        assert!(used.iter().all(|row| !aside.contains(row)));
    }
}

#[test]
fn smaller_shares_are_parts_of_larger_ones_and_the_test_rows_stay() {
    let classes: Vec<u32> = (0..200).map(|i| u32::from(i % 10 == 0)).collect();
    let (table, targets) = (table(200, Vec::new()), Targets::Classes(classes.clone()));
    let share = |fraction, repeat| {
        let options = SplitOptions {
            share: Some(Share { fraction, repeat }),
            ..SplitOptions::default()
        };
        of(&table, &targets, &options)
    };
    let used = |split: &Split| {
        let mut used = [split.train.clone(), split.validation.clone()].concat();
        used.sort_unstable();
        used
    };
    let (quarter, half, whole) = (share(0.25, 0), share(0.5, 0), share(1.0, 0));
    // 180 rows do not test, 18 of them of class 1.
    assert_eq!(used(&quarter).len(), 41 + 5);
    assert_eq!(used(&half).len(), 81 + 9);
    assert!(used(&quarter).iter().all(|row| used(&half).contains(row)));
    assert_eq!((used(&whole).len(), &whole.test), (180, &quarter.test));
    assert_ne!(used(&share(0.25, 1)), used(&quarter));
    let plain = of(&table, &targets, &SplitOptions::default());
    assert_eq!(whole.test, plain.test);
}

#[test]
fn more_folds_than_rows_or_groups_are_refused() {
    let groups = ColumnData::Numeric(vec![1.0, 1.0, 2.0, 2.0]);
    let table = table(4, vec![("patient", groups)]);
    let refused = |options: &SplitOptions| {
        let error = split_rows(&table, &target(&[]), &numbers(4), options).unwrap_err();
        error.to_string()
    };
    assert!(refused(&fold(0, 5)).contains("4 rows"));
    assert!(refused(&fold(0, 1)).contains("two folds"));
    let grouped = SplitOptions {
        group: Some("patient".to_owned()),
        ..fold(0, 3)
    };
    assert!(refused(&grouped).contains("2 groups in column"));
    let ordered = SplitOptions {
        by: SplitBy::Ordered,
        ..fold(0, 4)
    };
    assert!(refused(&ordered).contains("at least 5"));
}

#[test]
fn a_class_of_fewer_rows_than_folds_is_warned_of() {
    let targets = Targets::Classes([vec![0; 20], vec![1; 3]].concat());
    let notes = split_rows(
        &table(23, Vec::new()),
        &target(&["a", "b"]),
        &targets,
        &fold(0, 5),
    );
    let (_, notes) = notes.unwrap();
    assert!(notes[0].text.contains("class \"b\": 3 rows"), "{notes:?}");
}
