//! From tables to network inputs and back.

use proptest::prelude::*;
use thalweg_core::dataset::{Dataset, Features, Targets, Values};
use thalweg_data::preprocess::InputColumn;
use thalweg_data::*;

fn table(text: &str) -> Table {
    let input = Input::bytes("t.csv", text.as_bytes().to_vec()).unwrap();
    read_input(input, &ReadOptions::default()).unwrap().train
}

fn fit(table: &Table, column: &str, options: &FitOptions) -> (Preprocessing, Vec<Note>) {
    let options_of_target = TargetOptions {
        column: Some(column.to_owned()),
        task: None,
    };
    let (target, ..) = Target::choose(table, &options_of_target).unwrap();
    fit_rows(table, target, options, &table.all_rows()).unwrap()
}

fn fit_rows(
    table: &Table,
    target: Target,
    options: &FitOptions,
    rows: &[usize],
) -> Result<(Preprocessing, Vec<Note>)> {
    Preprocessing::fit(&(table, &Part::new("rows", rows)), target, options)
}

fn dataset(p: &Preprocessing, table: &Table, rows: &[usize]) -> Result<Dataset> {
    p.bind(table)?.dataset(Part::new("rows", rows), Dtype::F64)
}

fn values(features: Features) -> Vec<f64> {
    match features.values {
        Values::F64(values) => values,
        other => panic!("{other:?}"),
    }
}

fn features(preprocessing: &Preprocessing, table: &Table) -> Vec<f64> {
    let bound = preprocessing.bind(table).unwrap();
    values(bound.features(&table.all_rows(), Dtype::F64).unwrap())
}

fn near(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for (a, b) in found.iter().zip(expected) {
        assert!((a - b).abs() < 1e-12, "{found:?} is not {expected:?}");
    }
}

const PEOPLE: &str = "age,city,ok,weight,income
20,Rome,yes,1,100
,Paris,no,2,200
40,Rome,yes,1,150
60,Oslo,,0.5,400
";

#[test]
fn columns_become_inputs_as_computed_by_hand_and_by_scikit_learn() {
    let people = table(PEOPLE);
    let options = FitOptions {
        sample_weight: Some("weight".to_owned()),
        ..Default::default()
    };
    let (p, notes) = fit(&people, "income", &options);
    let notes: Vec<String> = notes.iter().map(Note::to_string).collect();
    assert_eq!(
        notes,
        [r#"note: missing values become the median, and an input marks them: "age", "ok""#]
    );
    let names = [
        "age",
        "age (missing)",
        "city=Oslo",
        "city=Paris",
        "city=Rome",
        "city (other)",
        "ok",
        "ok (missing)",
    ];
    assert_eq!(p.input_names(), names);
    assert_eq!(p.input_width(), 8);
    // StandardScaler with sample_weight on the three ages that are there: mean 36, variance 224; their
    // weighted median is 40. Two of three and a half say yes.
    let s = 224f64.sqrt();
    let expected = [
        [-16.0 / s, 0.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0],
        [4.0 / s, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0],
        [4.0 / s, 0.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0],
        [24.0 / s, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0],
    ];
    near(&features(&p, &people), &expected.concat());

    let dataset = dataset(&p, &people, &[3, 0]).unwrap();
    assert_eq!(dataset.weights, Some(vec![0.5, 1.0]));
    let Targets::Values { width: 1, values } = &dataset.targets else {
        panic!("values")
    };
    // numpy: y = [100, 200, 150, 400]; m = np.average(y, weights=w); (y - m) / √np.average((y - m)**2, weights=w)
    for (value, expected) in values.iter().zip([2.5056458, -1.05500876]) {
        assert!((value - expected).abs() < 1e-7, "{value}");
    }
    assert!((p.in_user_units(0, values[0]) - 400.0).abs() < 1e-9);
}

#[test]
fn the_model_file_keeps_the_preprocessing_to_the_bit() {
    let people = table(PEOPLE);
    for scaling in [Scaling::Standard, Scaling::Robust, Scaling::None] {
        let (p, _) = fit(
            &people,
            "income",
            &FitOptions {
                scaling,
                ..Default::default()
            },
        );
        let json = serde_json::to_string(&p).unwrap();
        assert_eq!(
            serde_json::from_str::<Preprocessing>(&json).unwrap(),
            p,
            "{json}"
        );
    }
}

#[test]
fn options_are_written_and_read() {
    let options = PrepareOptions {
        target: TargetOptions {
            column: Some("y".to_owned()),
            task: Some(Task::Binary),
        },
        fit: FitOptions {
            class_weight: Some(ClassWeight::BALANCED),
            ..Default::default()
        },
        ..Default::default()
    };
    let json = serde_json::to_string(&options).unwrap();
    assert_eq!(
        serde_json::from_str::<PrepareOptions>(&json).unwrap(),
        options
    );
    assert_eq!(
        serde_json::from_str::<PrepareOptions>("{}").unwrap(),
        PrepareOptions::default()
    );
    assert!(serde_json::from_str::<PrepareOptions>(r#"{"split": {"test_fracton": 1}}"#).is_err());
}

#[test]
fn columns_are_found_by_name_in_any_order() {
    let people = table(PEOPLE);
    let (p, _) = fit(&people, "income", &FitOptions::default());
    let other = table("extra,weight,ok,age,city\n7,1,no,40,Lima\n8,2,YES,20,?\n");
    let values = features(&p, &other);
    assert_eq!(
        p.bind(&other).unwrap().unused(&[]).unwrap().to_string(),
        "note: t.csv: columns that the model does not know are ignored: \"extra\""
    );
    // Lima is in no training row and the second city is missing: both are "other".
    near(&values[..6], &[0.0, 0.0, 0.0, 0.0, 0.0, 1.0]);
    near(&values[9 + 2..9 + 6], &[0.0, 0.0, 0.0, 1.0]);
}

#[test]
fn tables_that_do_not_fit_are_explained_in_one_line() {
    let (p, _) = fit(&table(PEOPLE), "income", &FitOptions::default());
    let message = |text: &str| {
        let table = table(text);
        p.bind(&table).err().unwrap().to_string()
    };
    assert_eq!(
        message("age,citi,weight\n1,a,1\n2,b,2\n"),
        "t.csv: found 3 columns without \"city\", \"ok\", expected every column that the model was trained on; did you mean `citi`?"
    );
    assert_eq!(
        message("age,city,ok,weight\n1,a,yes,1\nold,b,no,2\n"),
        "t.csv:3: column \"age\": found \"old\", expected a number; correct the cell; the model knows this column as numeric"
    );
    assert!(
        message("age,city,ok,weight\n1,a,yes,1\ninf,b,no,2\n")
            .contains("t.csv:3: column \"age\": found an infinite value")
    );
    assert!(
        message("age,city,ok,weight\n1,a,yes,1\n2,b,perhaps,2\n")
            .contains("found \"perhaps\", expected true or false")
    );
    let no_target = dataset(
        &p,
        &table("age,city,ok,weight\n1,a,yes,1\n2,b,no,1\n"),
        &[0],
    );
    assert!(
        no_target
            .unwrap_err()
            .to_string()
            .contains("no column \"income\"")
    );
}

#[test]
fn numbers_match_the_categories_that_they_spell() {
    // In another file the column may be all numbers, and 1 be written as 1.0.
    let (p, _) = fit(
        &table("k,y\n1,5\nA,6\n2,9\n1,7.5\n"),
        "y",
        &FitOptions::default(),
    );
    assert_eq!(p.input_names(), ["k=1", "k=2", "k=A", "k (other)"]);
    near(
        &features(&p, &table("k,y\n2,1\n1.0,1\n3,1\n")),
        &[0., 1., 0., 0., 1., 0., 0., 0., 0., 0., 0., 1.],
    );
}

#[test]
fn a_file_without_header_gets_the_names_of_the_training_file() {
    let train = table("1,a,3.5\n2,b,4.5\n3,a,9.25\n");
    let (p, _) = fit(&train, "column_1", &FitOptions::default());
    let read = |text: &str| {
        let input = Input::bytes("p.csv", text.as_bytes().to_vec()).unwrap();
        read_input(input, &p.read_options(ReadOptions::default()))
            .unwrap()
            .train
    };
    let names = |text| read(text).names().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(names("a,3.5\nb,1\n"), ["column_2", "column_3"]);
    assert_eq!(
        names("7,a,3.5\n8,b,1\n"),
        ["column_1", "column_2", "column_3"]
    );
    assert_eq!(names("column_3,column_2\nb,1\n"), ["column_3", "column_2"]);
}

#[test]
fn columns_without_information_are_left_out_with_a_note() {
    let rows: String = (1..=12)
        .map(|i| format!("{i},name{i},5,,{},{}\n", i * i, i % 2))
        .collect();
    let (p, notes) = fit(
        &table(&format!("id,name,five,none,x,y\n{rows}")),
        "y",
        &FitOptions::default(),
    );
    let used: Vec<&str> = p.inputs.iter().map(|input| input.name.as_str()).collect();
    assert_eq!(used, ["x"]);
    let notes: Vec<String> = notes.iter().map(Note::to_string).collect();
    assert_eq!(
        notes,
        [
            "warning: left out: column \"five\": constant in the training rows",
            "warning: left out: column \"none\": no value in the training rows",
            "warning: left out: column \"name\": every value is a different text",
            "warning: left out: column \"id\": it counts the rows",
        ]
    );
    // They may be absent when predicting.
    features(&p, &table("x\n3\n"));
    let nothing = table("five,y\n5,1\n5,2\n5,4.5\n");
    let (target, ..) = Target::choose(&nothing, &TargetOptions::default()).unwrap();
    let error = fit_rows(&nothing, target, &FitOptions::default(), &[0, 1, 2]).unwrap_err();
    assert!(error.to_string().contains("no usable feature"));
}

#[test]
fn the_rarest_categories_share_an_input() {
    let options = FitOptions {
        max_categories: 2,
        ..Default::default()
    };
    let (p, notes) = fit(
        &table("k,y\na,1.5\nb,2\nb,3\nc,4\nc,5\nd,6\n"),
        "y",
        &options,
    );
    assert_eq!(p.input_names(), ["k=b", "k=c", "k (other)"]);
    assert!(
        notes[0]
            .text
            .contains("has 4 categories: the 2 most frequent")
    );
}

fn choose(text: &str, column: Option<&str>, task: Option<Task>) -> Result<Target> {
    let column = column.map(str::to_owned);
    let (target, ..) = Target::choose(&table(text), &TargetOptions { column, task })?;
    Ok(target)
}

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
        "t.csv:3: column \"t\": found \"q\", expected one of the classes \"x\", \"y\""
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

#[test]
fn row_and_class_weights_multiply_in_training_only() {
    let text = table("a,w,t\n1,1,x\n2,1,x\n3,2,x\n4,3,y\n");
    let options = FitOptions {
        sample_weight: Some("w".to_owned()),
        class_weight: Some(ClassWeight::BALANCED),
        ..Default::default()
    };
    let (p, _) = fit(&text, "t", &options);
    let bound = p.bind(&text).unwrap();
    let part = || Part::new("rows", &[2, 3][..]);
    let dataset = bound.dataset(part(), Dtype::F32).unwrap();
    assert_eq!(dataset.weights.unwrap(), [2.0, 3.0]);
    // scikit-learn: compute_class_weight("balanced", y=[0, 0, 0, 1], sample_weight=[1, 1, 2, 3]) = [0.875, 1.16666667]
    let dataset = bound.training_dataset(part(), Dtype::F32).unwrap();
    assert_eq!(dataset.weights.unwrap(), [1.75, 3.5]);
    for bad in ["-1", "?", "inf", "x"] {
        let text = table(&format!("a,w,t\n1,1,x\n2,{bad},y\n"));
        let error = self::dataset(&p, &text, &[0, 1]).unwrap_err().to_string();
        assert!(error.starts_with("t.csv:3: column \"w\": found"), "{error}");
    }
}

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
    let bytes = include_bytes!("small.npz").to_vec();
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

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn standardized_columns_have_mean_0_and_deviation_1_on_the_training_rows(
        numbers in proptest::collection::vec(-1e6f64..1e6, 3..50),
        constant in any::<bool>(),
    ) {
        prop_assume!(numbers.iter().any(|x| (x - numbers[0]).abs() > 1e-3));
        let text: String = numbers.iter().enumerate().map(|(i, x)| format!("{x},{}\n", i as f64 + 0.5)).collect();
        let people = table(&format!("x,y\n{text}"));
        let (p, _) = fit(&people, "y", &FitOptions { standardize_target: constant, ..Default::default() });
        let z = features(&p, &people);
        let n = z.len() as f64;
        let mean = z.iter().sum::<f64>() / n;
        let variance = z.iter().map(|z| (z - mean).powi(2)).sum::<f64>() / n;
        prop_assert!(mean.abs() < 1e-6 && (variance - 1.0).abs() < 1e-6, "{mean} {variance}");
    }
}

#[test]
fn fitting_uses_training_rows_alone() {
    let text = table("x,k,y\n1,a,0.5\n3,b,1.5\n1000,c,2.5\n");
    let (target, ..) = Target::choose(&text, &TargetOptions::default()).unwrap();
    let (p, _) = fit_rows(&text, target, &FitOptions::default(), &[0, 1]).unwrap();
    let [
        InputColumn {
            encoding: Encoding::Numeric(x),
            ..
        },
        InputColumn {
            encoding: Encoding::Categorical { levels },
            ..
        },
    ] = p.inputs.as_slice()
    else {
        panic!("{:?}", p.inputs)
    };
    assert_eq!((x.center, levels.len()), (2.0, 2));
}

#[test]
fn images_of_another_size_are_refused() {
    let images = |side: usize| {
        let pixels: Vec<u8> = (0..4 * side * side).map(|i| i as u8).collect();
        let mut bytes = vec![0, 0, 8, 3, 0, 0, 0, 4];
        bytes.extend_from_slice(&[0, 0, 0, side as u8, 0, 0, 0, side as u8]);
        bytes.extend(pixels);
        formats::read(
            Input::bytes("t.idx", bytes).unwrap(),
            &ReadOptions::default(),
        )
        .unwrap()
        .train
    };
    let mut train = images(4);
    train.columns.push(Column {
        name: "label".to_owned(),
        data: ColumnData::Numeric(vec![0.0, 1.0, 0.0, 1.0]),
    });
    let (p, _) = fit(&train, "label", &FitOptions::default());
    assert_eq!(p.input_shape(), [4, 4]);
    for dtype in [Dtype::F32, Dtype::F64] {
        let bound = p.bind(&train).unwrap();
        assert_eq!(bound.features(&[0, 3], dtype).unwrap().rows(), 2);
    }
    let error = p.bind(&images(3)).err().unwrap().to_string();
    let expected = "found rows of shape [3, 3], expected shape [4, 4]";
    assert!(error.contains(expected), "{error}");
}

#[test]
fn the_class_that_means_true_is_the_positive_one() {
    let target = choose("a,t\n1,YES\n2,no\n", None, None).unwrap();
    assert_eq!(target.classes, ["no", "YES"]);
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

#[test]
fn codes_with_leading_zeros_stay_apart_from_numbers() {
    let text = "zip,n,t\n00123,5,01\n123,6,02\n00123,7,10\n00045,8,02\n";
    let input = Input::bytes("t.csv", text.as_bytes().to_vec()).unwrap();
    let loaded = read_input(input, &ReadOptions::default()).unwrap();
    let notes: Vec<String> = loaded.notes.iter().map(Note::to_string).collect();
    assert_eq!(
        notes,
        [
            "note: columns \"zip\", \"t\" read as text: \"00123\" has leading zeros, as in codes; `data.read.numeric` \
             reads numbers"
        ]
    );
    let (p, _) = fit(&loaded.train, "n", &FitOptions::default());
    assert_eq!(
        p.input_names()[..4],
        ["zip=00045", "zip=00123", "zip=123", "zip (other)"]
    );
    let target = choose(text, None, None).unwrap();
    assert_eq!(target.classes, ["01", "02", "10"]);
    let target = choose(text, None, Some(Task::Regression)).unwrap();
    let targets = target.encode(&table(text), &[0, 2]).unwrap();
    assert_eq!(
        targets,
        Targets::Values {
            width: 1,
            values: vec![1.0, 10.0]
        }
    );
    let target = choose("a,t\n1,0.5\n2,007\n3,1.25\n", None, None).unwrap();
    assert_eq!(target.task, Task::Regression);
    // Classes that are the same number are sorted whatever the order of the rows.
    for rows in ["1,7\n2,007\n3,007\n", "1,007\n2,7\n3,007\n"] {
        let target = choose(&format!("a,t\n{rows}"), None, None).unwrap();
        assert_eq!(target.classes, ["007", "7"]);
    }
    let weighted = FitOptions {
        sample_weight: Some("t".to_owned()),
        ..Default::default()
    };
    let (p, _) = fit(&loaded.train, "n", &weighted);
    let dataset = dataset(&p, &loaded.train, &[0, 2]).unwrap();
    assert_eq!(dataset.weights, Some(vec![1.0, 10.0]));
    // A column that the model knows as numeric may be written so.
    let (p, _) = fit(
        &table("x,y\n1,0.5\n2,1.5\n3,2.5\n"),
        "y",
        &FitOptions::default(),
    );
    let padded = features(&p, &table("x,y\n01,0.5\n02,1.5\n"));
    assert_eq!(padded, features(&p, &table("x,y\n1,0.5\n2,1.5\n")));
}

#[test]
fn columns_of_many_categories_become_codes_that_come_first() {
    let rows = ["c", "a", "b", "a", "b", "c", "d", ""];
    let row = |(i, k): (usize, &&str)| format!("{i},{k},{}\n", i * i);
    let text = rows.iter().enumerate().map(row).collect::<String>();
    let table = table(&format!("x,k,y\n{text}"));
    let options = |embed_above| FitOptions {
        embed_above,
        scaling: Scaling::None,
        ..FitOptions::default()
    };
    let (p, _) = fit(&table, "y", &options(Some(2)));
    assert_eq!(p.input_names(), ["k (code)", "x"]);
    assert_eq!(p.codes(), [("k", 4)]);
    // `d` comes once, and trains with the missing one the vector of unknown categories.
    let codes: Vec<f64> = features(&p, &table).into_iter().step_by(2).collect();
    assert_eq!(codes, [3.0, 1.0, 2.0, 1.0, 2.0, 3.0, 0.0, 0.0]);
    let new = self::table("k,x\nb,0\nzebra,1\n,2\n");
    assert_eq!(features(&p, &new), [2.0, 0.0, 0.0, 1.0, 0.0, 2.0]);
    let notes = p.bind(&new).unwrap().unseen(&new.all_rows());
    assert_eq!(
        notes[0].text,
        "column \"k\": 1 of 3 rows holds a value that training rarely or never saw, such as \"zebra\""
    );
    // With `embed_least` 1 a single row is enough; no category has 3.
    for (embed_least, codes) in [(1, &[("k", 5)][..]), (3, &[])] {
        let options = FitOptions {
            embed_least,
            ..options(Some(2))
        };
        assert_eq!(fit(&table, "y", &options).0.codes(), codes);
    }
    // Not more categories than that, or none asked for: an input each.
    for embed_above in [Some(3), None] {
        let (p, _) = fit(&table, "y", &options(embed_above));
        assert_eq!(p.codes(), []);
        assert_eq!(p.input_width(), 6);
    }
    // Through a file and back.
    let json = serde_json::to_string(&p).unwrap();
    assert!(
        json.contains(r#"{"name":"k","kind":"codes","levels":["a","b","c"]}"#),
        "{json}"
    );
    assert_eq!(serde_json::from_str::<Preprocessing>(&json).unwrap(), p);
}

/// Tables that are read one after the other, as a file is that does not fit into memory.
struct Chunks(Vec<Table>);

impl preprocess::Blocks for Chunks {
    fn table(&self) -> &Table {
        &self.0[0]
    }

    fn each(
        &self,
        _columns: &[&str],
        visit: &mut dyn FnMut(&Table, &Part<'_>) -> Result<()>,
    ) -> Result<()> {
        let part = |table: &Table| Part::new("training rows", table.all_rows());
        (self.0.iter()).try_for_each(|table| visit(table, &part(table)))
    }
}

#[test]
fn rows_that_come_in_blocks_are_fitted_and_written_to_the_same_bits() {
    let header = "id,x,gap,huge,flag,k,many,y,c";
    let row = |i: usize| {
        let x = (i * 7919 % 1000) as f64 / 7.0;
        let gap = if i.is_multiple_of(5) {
            String::new()
        } else {
            format!("{}", x * x)
        };
        let flag = ["true", "false", ""][i % 3];
        let k = ["red", "green", "blue", ""][i * i % 4];
        format!(
            "{i},{x},{gap},{}e300,{flag},{k},m{},{},{}\n",
            i % 9,
            i % 40,
            x / 3.0,
            i % 3
        )
    };
    let text = |rows: std::ops::Range<usize>| {
        let rows: String = rows.map(row).collect();
        table(&format!("{header}\n{rows}"))
    };
    let whole = text(0..120);
    let chunks = Chunks(vec![text(0..1), text(1..50), text(50..120)]);
    for (target, scaling) in [
        ("y", Scaling::Standard),
        ("c", Scaling::Robust),
        ("y,x", Scaling::None),
    ] {
        let options = FitOptions {
            scaling,
            embed_above: Some(20),
            class_weight: Some(ClassWeight::BALANCED),
            ..Default::default()
        };
        let target = TargetOptions {
            column: Some(target.to_owned()),
            task: None,
        };
        let (target, ..) = Target::choose(&whole, &target).unwrap();
        let fitted = fit_rows(&whole, target.clone(), &options, &whole.all_rows()).unwrap();
        assert_eq!(
            Preprocessing::fit(&chunks, target, &options).unwrap(),
            fitted
        );
        let p = fitted.0;
        assert!(p.dropped.contains(&"id".to_owned()), "{:?}", p.dropped);
        let expected = features(&p, &whole);
        let mut written = vec![f64::NAN; expected.len()];
        let mut rest = &mut written[..];
        for table in &chunks.0 {
            let (block, after) = rest.split_at_mut(table.rows * p.input_width());
            p.bind(table)
                .unwrap()
                .write(&table.all_rows(), block)
                .unwrap();
            rest = after;
        }
        assert_eq!(written, expected);
    }
}
