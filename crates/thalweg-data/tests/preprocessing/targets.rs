//! Which column is the target, what its task is, and what stands in the way.

use super::*;

#[test]
fn the_target_is_found_by_its_name_or_is_the_last_column() {
    let column = |text| choose(text, None, None).unwrap().columns.remove(0);
    assert_eq!(column("a,Class,b\n1,0,1\n2,1,2\n"), "Class");
    assert_eq!(column("a,class,target\n1,0,1\n2,1,2.5\n"), "target");
    assert_eq!(column("x,y,price\n1,0,1\n2,1,2.5\n"), "price");
    assert_eq!(column("y,a\n0,1\n1,2\n"), "y");
}

#[test]
fn the_task_follows_from_the_values() {
    let task = |values: &[&str]| {
        let text: String = values.iter().map(|v| format!("1,{v}\n")).collect();
        choose(&format!("a,t\n{text}"), None, None).unwrap().task
    };
    assert_eq!(task(&["a", "b", "a"]), Task::Binary);
    assert_eq!(task(&["a", "b", "c"]), Task::Multiclass);
    assert_eq!(task(&["0", "1", "1", "0"]), Task::Binary);
    assert_eq!(task(&["-1", "1"]), Task::Binary);
    assert_eq!(task(&["0.5", "1.5"]), Task::Regression);
    assert_eq!(task(&["1", "2", "3"]), Task::Regression);
    assert_eq!(
        task(&["1", "2", "3", "1", "2", "3", "1", "2", "3"]),
        Task::Multiclass
    );
    assert_eq!(task(&["yes", "No", "yes"]), Task::Binary);
}

#[test]
fn classes_are_sorted_and_keep_their_text() {
    let target = choose("a,t\n1,10\n2,9\n3,-1\n4,9\n", None, Some(Task::Multiclass)).unwrap();
    assert_eq!(
        (target.classes, target.task),
        (vec!["-1".into(), "9".into(), "10".into()], Task::Multiclass)
    );
    let target = choose("a,t\n1,wolf\n2,ant\n3,cat\n", None, None).unwrap();
    assert_eq!(target.classes, ["ant", "cat", "wolf"]);
    assert_eq!(target.outputs(), 3);
}

#[test]
fn the_class_that_means_true_is_the_positive_one() {
    let target = choose("a,t\n1,YES\n2,no\n", None, None).unwrap();
    assert_eq!(target.classes, ["no", "YES"]);
}

#[test]
fn impossible_targets_are_explained_in_one_line() {
    let message = |text, column, task| choose(text, column, task).unwrap_err().to_string();
    let abc = "aa,bb,cc\n1,2,3.5\n4,5,6\n";
    assert_eq!(
        message(abc, Some("bbb"), None),
        "t.csv: found no column \"bbb\", expected one of \"aa\", \"bb\", \"cc\"; did you mean `bb`?"
    );
    assert_eq!(
        message("a,t\n1,2.5\n\n2,?\n", None, None),
        "t.csv:4: column \"t\": found a missing value, expected a target in every row; remove the rows without target"
    );
    assert!(
        message("a,t\n1,2.5\n2,inf\n", None, None)
            .starts_with("t.csv:3: column \"t\": found \"inf\", expected a number")
    );
    assert!(
        message("a,t\n1,2.5\n2,many\n", None, Some(Task::Regression))
            .starts_with("t.csv:3: column \"t\": found \"many\", expected a number")
    );
    assert!(
        message("a,t\n1,x\n2,x\n", None, None)
            .contains("found only the class \"x\", expected at least two")
    );
    assert!(message("a,t\n1,2\n", None, None).contains("1 row"));
    assert!(
        message("a,t\n1,x\n2,y\n3,z\n", None, Some(Task::Binary))
            .contains("found 3 classes, expected two")
    );
    let names: String = (0..30).map(|i| format!("{i},n{i}\n")).collect();
    assert!(message(&format!("a,t\n{names}"), None, None).contains("classes that repeat"));
    let target = choose("a,t\n1,x\n2,y\n", None, None).unwrap();
    let unseen = target
        .encode(&table("a,t\n1,x\n2,q\n"), &[0, 1])
        .unwrap_err();
    assert_eq!(
        unseen.to_string(),
        "t.csv:3: column \"t\": found \"q\", expected one of the classes \"x\", \"y\"; correct the cell, or \
         train on rows of this class too"
    );
}

#[test]
fn several_targets_are_regressed_or_labelled_together() {
    let amounts = "a,b,c\n1,0,1\n2,1,1\n3,0,2\n";
    let target = choose(amounts, Some("b, c"), None).unwrap();
    assert_eq!((target.task, target.outputs()), (Task::Regression, 2));
    let text = "a,b,c\n1,0,1\n2,1,1\n3,0,0\n";
    let target = choose(text, Some("b, c"), None).unwrap();
    assert_eq!((target.task, target.outputs()), (Task::Multilabel, 2));
    let said = choose(text, Some("b,c"), Some(Task::Regression)).unwrap();
    assert_eq!(said.task, Task::Regression);
    let target = choose(text, Some("b,c"), Some(Task::Multilabel)).unwrap();
    let targets = target.encode(&table(text), &[1, 2]).unwrap();
    assert_eq!(
        targets,
        Targets::Values {
            width: 2,
            values: vec![1.0, 1.0, 0.0, 0.0]
        }
    );
    let error = choose("a,b,c\n1,0,1\n2,1,7\n", Some("b,c"), Some(Task::Multilabel)).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("t.csv:3: column \"c\": found \"7\", expected 0 or 1")
    );
}

/// `n` rows `i, i + 0.5`, with the cell of column `x` or `y` in the seventh row (line 8) replaced.
fn nearly_numbers(n: usize, x: Option<&str>, y: Option<&str>) -> String {
    let mut text = "x,k,y\n".to_owned();
    for i in 0..n {
        let cell = |stray: Option<&str>, number: f64| match stray.filter(|_| i == 6) {
            Some(stray) => stray.to_owned(),
            None => number.to_string(),
        };
        let (x, y) = (cell(x, i as f64), cell(y, i as f64 + 0.5));
        text.push_str(&format!("{x},{},{y}\n", i % 3));
    }
    text
}

#[test]
fn a_few_stray_cells_among_numbers_are_pointed_out() {
    let (_, notes) = fit(
        &table(&nearly_numbers(20, Some("oops"), None)),
        "y",
        &FitOptions::default(),
    );
    let notes: Vec<String> = notes.iter().map(Note::to_string).collect();
    assert_eq!(
        notes,
        [
            "warning: t.csv:8: column \"x\": 1 of 20 cells is no number: \"oops\", so the column is read as \
             categories; add \"oops\" to `data.read.missing` if it means a missing value, or correct the cell",
            "warning: left out: column \"x\": every value is a different text",
        ]
    );
    // One in nineteen is more than 5 %.
    let (_, notes) = fit(
        &table(&nearly_numbers(19, Some("oops"), None)),
        "y",
        &FitOptions::default(),
    );
    assert!(notes.iter().all(|note| !note.text.contains("oops")));
    // Amounts are numbers too, and what is beyond f64 is none.
    let with = |stray: &str, mark: &str| {
        let row = |i: usize| match i {
            6 => format!("{stray},0,{i}\n"),
            _ => format!("{mark}{i}.50,{},{i}\n", i % 3),
        };
        table(&format!("x,k,y\n{}", (0..60).map(row).collect::<String>()))
    };
    for stray in ["n.d.", "$1e400"] {
        let (_, notes) = fit(&with(stray, "$"), "y", &FitOptions::default());
        let is_named = |note: &Note| note.text.contains("1 of 60 cells is no number");
        assert!(notes.iter().any(is_named), "{stray}: {notes:?}");
    }
    // Among plain numbers it is refused.
    let table = with(&"9".repeat(400), "");
    let target = TargetOptions {
        column: Some("y".to_owned()),
        task: None,
    };
    let (target, ..) = Target::choose(&table, &target).unwrap();
    let fitted = fit_rows(&table, target, &FitOptions::default(), &table.all_rows());
    let message = fitted.unwrap_err().to_string();
    assert!(
        message.starts_with("t.csv:8: column \"x\": found \"999"),
        "{message}"
    );
    assert!(
        message.contains("expected a number of at most 1.8e308"),
        "{message}"
    );
}

#[test]
fn a_stray_cell_does_not_turn_amounts_into_classes() {
    let text = nearly_numbers(30, None, Some("hello"));
    assert_eq!(
        choose(&text, Some("y"), None).unwrap_err().to_string(),
        "t.csv:8: column \"y\": found \"hello\", expected a number, as in 29 of 30 cells; correct the cell or \
         remove the row; with `data.target.task` multiclass every value is a class"
    );
    // Few numbers that repeat are classes, and so is the text among them.
    let rows: String = (0..40).map(|i| format!("{i},{}\n", i % 3)).collect();
    let target = choose(&format!("a,t\n{rows}40,other\n"), None, None).unwrap();
    assert_eq!(target.classes, ["0", "1", "2", "other"]);
}

#[test]
fn targets_that_cannot_be_scaled_are_refused() {
    let fit = |values: [&str; 3], standardize_target: bool| {
        let [a, b, c] = values;
        let text = table(&format!("x,y\n1,{a}\n2,{b}\n3,{c}\n"));
        let (target, ..) = Target::choose(&text, &TargetOptions::default()).unwrap();
        let options = FitOptions {
            standardize_target,
            ..Default::default()
        };
        fit_rows(&text, target, &options, &text.all_rows())
    };
    for values in [
        ["0", "1e-310", "2e-310"],
        ["0", "1e-200", "2e-200"],
        ["-1.5e308", "0.5", "1.5e308"],
    ] {
        let error = fit(values, true).unwrap_err().to_string();
        assert!(
            error.starts_with("t.csv: column \"y\": found values from ")
                && error.contains("differ too little (or are too large) to be scaled"),
            "{error}"
        );
        assert!(fit(values, false).is_ok());
    }
    assert!(fit(["1e-150", "2e-150", "4e-150"], true).is_ok());
    assert!(fit(["0.5", "1e300", "-1e300"], true).is_ok());
}
