//! What is asked about tables and runs on the command line: `info` with its options, and what differs from the defaults.

use crate::common::Workplace;

fn rows() -> String {
    let rows = (0..60).map(|i| {
        format!(
            "{},{},{}\n",
            i % 7,
            i * 37 % 100,
            if i * 37 % 100 < 50 { "no" } else { "yes" }
        )
    });
    format!("store,x,y\n{}", rows.collect::<String>())
}

#[test]
fn info_reads_a_table_as_training_would() {
    let place = Workplace::new();
    place.write("t.csv", rows());
    let kind = |line: &str| {
        let summary: serde_json::Value = serde_json::from_str(&place.succeed(line).stdout).unwrap();
        summary["columns"][0]["kind"].as_str().unwrap().to_owned()
    };
    assert_eq!(kind("info t.csv --json"), "numeric");
    assert_eq!(kind("info t.csv --json --categorical store"), "categorical");
    place.write("d.csv", "when,y\n03/04/2022,1\n05/04/2022,2\n");
    let dates = place.succeed("info d.csv --date when=dmy").stdout;
    assert!(dates.contains("2022-04-03 to 2022-04-05"), "{dates}");
    place.succeed("convert d.csv out.csv --date when=dmy");
    assert_eq!(
        place.text("out.csv"),
        "when,y\n2022-04-03,1\n2022-04-05,2\n"
    );
}

#[test]
fn info_warns_of_the_cells_that_make_categories_of_numbers() {
    let place = Workplace::new();
    let cell = |i: usize| {
        if i.is_multiple_of(6) {
            "<0.05".to_owned()
        } else {
            format!("0.{i:02}")
        }
    };
    place.write(
        "t.csv",
        crate::common::csv("conc,y", 60, |i| format!("{},{}", cell(i), i % 7)),
    );
    let warned = place.succeed("info t.csv").stderr;
    assert!(
        warned.contains(
            "t.csv:2: column \"conc\": 10 of 60 cells are no numbers, the first \"<0.05\""
        ),
        "{warned}"
    );
    // So does a conversion, of the last column too, which training would take as its target.
    place.write(
        "late.csv",
        crate::common::csv("x,y", 60, |i| match i {
            50 => "1,n. d.".to_owned(),
            i => format!("{},{i}.5", i % 7),
        }),
    );
    for line in ["info late.csv", "convert late.csv late.parquet"] {
        let warned = place.succeed(line).stderr;
        let found = "late.csv:52: column \"y\": 1 of 60 cells is no number: \"n. d.\"";
        assert!(warned.contains(found), "{line}: {warned}");
    }
}

#[test]
fn rows_for_a_model_without_names_have_none_though_the_first_counts_up() {
    let place = Workplace::new();
    let row = |i: usize| format!("{},{}.5,{},{}\n", i % 7, i % 5, i % 4, i % 3);
    place.write("t.csv", (3..63).map(row).collect::<String>());
    place.succeed("train t.csv --epochs 1 --out run");
    place.write("new.csv", "1,2,3\n4,0.5,6\n7,1.5,6\n9,2.5,6\n");
    let answers = place.succeed("predict run new.csv").stdout;
    assert_eq!(answers.lines().count(), 5, "{answers}");
    // Names that no model asks for are recognized.
    let read = place.succeed("info new.csv --json").stdout;
    assert!(read.contains("\"rows\":3"), "{read}");
}

#[test]
fn a_number_beyond_f64_is_refused_by_its_cell_where_the_column_is_used() {
    let place = Workplace::new();
    place.write(
        "t.csv",
        crate::common::csv("x,z,y", 60, |i| format!("{i},{},{}", i % 5, i % 7)),
    );
    place.succeed("train t.csv --epochs 1 --out run");
    place.write(
        "odd.csv",
        crate::common::csv("x,z,y", 60, |i| match i {
            40 => "-1e400,0,3".to_owned(),
            i => format!("{i},{},{}", i % 5, i % 7),
        }),
    );
    place.succeed("convert odd.csv out.cache");
    for line in [
        "train odd.csv --out other",
        "train odd.csv --memory 64M --cache cache --out other",
        "train out.cache --out other",
        "predict run odd.csv",
        "evaluate run odd.csv",
    ] {
        let message = place.refused(line);
        let found =
            "odd.csv:42: column \"x\": found \"-1e400\", expected a number of at most 1.8e308";
        assert!(message.contains(found), "{line}: {message}");
    }
    for line in ["info odd.csv", "convert odd.csv out.csv"] {
        let warned = place.succeed(line).stderr;
        let found = "odd.csv:42: column \"x\": 1 of 60 cells is no number: \"-1e400\"";
        assert!(warned.contains(found), "{line}: {warned}");
    }
    assert!(
        place
            .text("out.csv")
            .contains("\n39,4,4\n-1e400,0,3\n41,1,6\n")
    );
    place.succeed("train odd.csv --drop x --epochs 1 --out without");
    // The remedies.
    place.succeed("train odd.csv --categorical x --epochs 1 --out as-text");
    place.succeed("convert odd.csv out.csv --missing=-1e400");
    assert!(
        place.text("out.csv").contains("\n39,4,4\n,0,3\n41,1,6\n"),
        "{}",
        place.text("out.csv")
    );
}

#[test]
fn a_row_of_sums_whose_name_has_a_comma_is_kept_by_the_remedy() {
    let place = Workplace::new();
    place.write("t.csv", "u,v\na,1\nb,2\nc,3\nd,5\n\"Total, all\",11\n");
    let told = place.succeed("convert t.csv out.csv").stderr;
    let remedy = "if it is none, add '\"Total, all\"' to --not-missing";
    assert!(
        told.contains(remedy) && told.contains("4 rows of 2 columns"),
        "{told}"
    );
    let line = [
        "convert",
        "t.csv",
        "out.csv",
        "--not-missing",
        "\"Total, all\"",
    ];
    let told = String::from_utf8(place.command(line).output().unwrap().stderr).unwrap();
    assert_eq!(told, "out.csv: 5 rows of 2 columns\n");
}

#[test]
fn columns_of_delimiters_alone_are_no_target() {
    let place = Workplace::new();
    let rows = crate::common::csv("x;y;;;", 60, |i| format!("{};{}.5;;;", i % 7, i % 9));
    place.write("t.csv", format!("{rows}{}", ";;;;\n".repeat(100)));
    let told = place.succeed("train t.csv --epochs 1 --out run").stderr;
    assert!(told.contains("target: \"y\" (the last column;"), "{told}");
    assert!(
        told.contains("t.csv:62: skipped below the table: 100 rows of empty cells"),
        "{told}"
    );
}

#[test]
fn a_matrix_counts_as_many_columns_as_it_has() {
    let place = Workplace::new();
    place.write(
        "m.jsonl",
        "{\"X\": [1, 2, 3], \"y\": 1}\n{\"X\": [4, 5, 6], \"y\": 2}\n",
    );
    for out in ["m.csv", "m.parquet", "m.cache"] {
        let told = place.succeed(&format!("convert m.jsonl {out}")).stderr;
        assert!(
            told.contains(&format!("{out}: 2 rows of 4 columns")),
            "{told}"
        );
    }
}

#[test]
fn info_of_a_run_shows_what_differs_from_the_defaults() {
    let place = Workplace::new();
    place.write("t.csv", rows());
    place.train("t.csv --target y --epochs 3 --hidden 4 --threshold f1 --split ordered --out run");
    let info = place.succeed("info run").stdout;
    let (_, differences) = info.split_once("differs from the defaults\n").unwrap();
    for entry in ["data.split.by", "judging.threshold", "training.epochs"] {
        let line = differences
            .lines()
            .find(|line| line.trim().starts_with(entry));
        assert!(line.is_some(), "{entry}: {differences}");
    }
    let epochs = differences
        .lines()
        .find(|line| line.contains("training.epochs"))
        .unwrap();
    assert!(
        epochs.contains('3') && epochs.contains("default 1"),
        "{epochs}"
    );
    assert!(!differences.contains("training.l1 "), "{differences}");
    assert!(info.contains("from a probability of"), "{info}");
}

#[test]
fn an_absent_key_of_json_lines_is_a_missing_value_and_a_misspelled_one_is_named() {
    let place = Workplace::new();
    let row = |i: i32| match i % 5 {
        0 => format!("{{\"x\": {i}, \"y\": {}}}\n", 2 * i),
        _ => format!("{{\"x\": {i}, \"z\": {}, \"y\": {}}}\n", i % 3, 2 * i),
    };
    place.write("t.jsonl", (0..50).map(row).collect::<String>());
    place.train("t.jsonl --target y --epochs 3 --hidden 4 --out run");
    place.write("one.jsonl", "{\"x\": 3}\n");
    let predicted = place.succeed("predict run one.jsonl");
    assert_eq!(predicted.stdout.lines().count(), 2);
    assert!(
        predicted
            .stderr
            .contains("no row has \"z\": missing values"),
        "{}",
        predicted.stderr
    );
    place.write("odd.jsonl", "{\"x\": 3, \"zz\": 1}\n");
    assert!(
        place
            .refused("predict run odd.jsonl")
            .contains("without \"z\"")
    );
}

#[test]
fn names_with_commas_are_given_in_quotes() {
    let place = Workplace::new();
    let line = |i: usize| format!("{},{},{}", i % 7, i % 5, (i * i) % 11);
    place.write("t.csv", crate::common::csv("a,\"Price, USD\",y", 60, line));
    let line = ["train", "t.csv", "--epochs", "2", "--quiet", "--out", "run"];
    let drop = ["--drop", "\"Price, USD\""];
    let run = place.command(line.iter().chain(&drop)).output().unwrap();
    assert_eq!(run.status.code(), Some(0), "{run:?}");
    let config = place.text("run/config.toml");
    assert!(config.contains("drop = [\"Price, USD\"]"), "{config}");
    let line = ["predict", "run", "t.csv", "--keep", "\"Price, USD\",a"];
    let kept = place.command(line).output().unwrap().stdout;
    assert!(kept.starts_with(b"\"Price, USD\",a,"), "{kept:?}");
}

#[test]
fn what_was_set_to_read_a_text_file_holds_for_files_that_do_not_tell() {
    let place = Workplace::new();
    let text = |line: &dyn Fn(usize) -> String| -> String { (0..40).map(line).collect() };
    let latin1 = |text: &str| -> Vec<u8> { text.chars().map(|c| c as u8).collect() };
    let rows = text(&|i| format!("{}|{i}|{}\n", ["süd", "nord"][i % 2], [1.5, 9.25][i % 2]));
    let table = format!("Bericht, intern\nstand 3\nort|n|y\n{rows}");
    place.write("train.csv", latin1(&table));
    place.succeed(
        "train train.csv --encoding latin1 --skip 2 --delimiter | --epochs 20 --quiet --out run",
    );
    let expected = place
        .succeed("predict run train.csv --encoding latin1 --skip 2 --delimiter |")
        .stdout;
    let own = place.succeed("predict run train.csv");
    assert_eq!(own.stdout, expected, "{}", own.stderr);
    // A file that tells is read as it says.
    place.write("utf8.csv", format!("ort,n,y\n{}", rows.replace('|', ",")));
    let own = place.succeed("predict run utf8.csv");
    assert_eq!(own.stdout, expected, "{}", own.stderr);
    assert!(!own.stderr.contains("no category"), "{}", own.stderr);
    place.succeed("train utf8.csv --continue run --epochs 1 --quiet --out more");
    assert_eq!(
        place
            .succeed("predict more train.csv")
            .stdout
            .lines()
            .count(),
        41
    );
}

#[test]
fn a_matrix_and_the_columns_that_convert_writes_of_it_are_the_same() {
    let place = Workplace::new();
    let list = |i: usize| {
        format!(
            "{{\"X\": [{}, {}.5, {}], \"y\": {}}}\n",
            i % 5,
            i % 7,
            i % 3,
            (i * i) % 11
        )
    };
    place.write("m.jsonl", (0..60).map(list).collect::<String>());
    place.succeed("convert m.jsonl c.csv");
    assert!(place.text("c.csv").starts_with("X_1,X_2,X_3,y\n"));
    for (own, other) in [("m.jsonl", "c.csv"), ("c.csv", "m.jsonl")] {
        place.succeed(&format!(
            "train {own} --target y --epochs 5 --quiet --out run-{own}"
        ));
        let expected = place.succeed(&format!("predict run-{own} {own}")).stdout;
        assert_eq!(expected.lines().count(), 61);
        let of_other = place.succeed(&format!("predict run-{own} {other}"));
        assert_eq!(of_other.stdout, expected, "{}", of_other.stderr);
        let scores = |file: &str| {
            place
                .succeed(&format!("evaluate run-{own} {file} --json"))
                .stdout
        };
        assert_eq!(scores(own), scores(other));
    }
}
