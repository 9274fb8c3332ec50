//! Columns become inputs, fitted on the training rows alone, and the model's files keep how.

use proptest::prelude::*;
use thalweg_data::preprocess::InputColumn;

use super::*;

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
        p.bind(&other).unwrap().notes(&[])[0].to_string(),
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
