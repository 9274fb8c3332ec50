//! What a message says on a command line: its own words name arguments, and those of the user stay
//! as they were written.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use crate::common::{Ended, Workplace};
use serde_json::Value;

/// Every line is refused, and its message has the first text and not the second.
fn check(place: &Workplace, lines: &[(&str, &str, &str)]) {
    for (line, has, lacks) in lines {
        let message = place.refused(line);
        assert!(message.contains(has), "{line}: {message}");
        assert!(
            lacks.is_empty() || !message.contains(lacks),
            "{line}: {message}"
        );
    }
}

#[test]
fn words_of_the_user_are_no_arguments() {
    let place = Workplace::new();
    place.write("`seed`.csv", "x,y\n1,2\n`epochs`,3\n2,3\n");
    place.write("`seed`.toml", "seed = 3\n");
    check(
        &place,
        &[
            (
                "train builtin:iris --initializer output_bias",
                "--initializer: found `output_bias`, expected one of ",
                "--output-bias",
            ),
            (
                "list stop.max_steps",
                "found `stop.max_steps`",
                "--max-steps",
            ),
            (
                "train builtin:iris --set seed.x=3",
                "--set: found `seed`",
                "--seed",
            ),
            ("train `seed`.csv/ --target y", "`seed`.csv", "--seed"),
            (
                "train builtin:iris --config `seed`.toml",
                "`seed`.toml: line 1: found `seed`",
                "--seed",
            ),
            (
                "predict `patience` builtin:iris",
                "`patience`",
                "--patience",
            ),
            ("train builtin:iris --drop `seed`", "`seed`", "--seed"),
        ],
    );
    // In notes on the data, too.
    let text: String = (0..30)
        .map(|i| format!("{i},`epochs`{},{}\n", i % 7, i % 3))
        .collect();
    place.write("rows.csv", format!("a,`lr`,`batch_size`\n{text}"));
    let ended = place.succeed("train rows.csv --epochs 1 --out o");
    assert!(ended.stderr.contains("`batch_size`"), "{ended:?}");
    assert!(!ended.stderr.contains("--batch-size\""), "{ended:?}");
}

#[test]
fn what_to_do_about_a_file_names_arguments() {
    let place = Workplace::new();
    place.write(
        "net.toml",
        "[[layers]]\nname='dense'\nunits=4\nnormalization='batch_norm'\n[[layers]]\nname='dense'\n",
    );
    check(
        &place,
        &[
            (
                "train builtin:iris --network net.toml --optimizer lbfgs",
                "--optimizer",
                "`optimizer`",
            ),
            (
                "train builtin:iris --network net.toml --batch-size 1",
                "--batch-size",
                "`batch_size`",
            ),
        ],
    );
}

#[test]
fn a_path_need_not_be_utf8_unless_the_config_names_it() {
    let place = Workplace::new();
    let name = |end: &str| OsString::from_vec([b"n\xff".as_slice(), end.as_bytes()].concat());
    let layers = "[[layers]]\nname='dense'\nunits=3\n[[layers]]\nname='dense'\n";
    std::fs::write(place.path("").join(name(".toml")), layers).unwrap();
    std::fs::write(place.path("").join(name(".csv")), "x,y\n1,2\n").unwrap();
    let run = |flag: &str, end: &str| {
        let words = [
            "train",
            "builtin:iris",
            "--epochs",
            "1",
            "--out",
            "o",
            "-q",
            flag,
        ];
        let words = words.map(OsString::from).into_iter().chain([name(end)]);
        Ended::from(place.command(words).output().unwrap())
    };
    for flag in ["--test", "--validation"] {
        let ended = run(flag, ".csv");
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.stderr.contains(flag), "{ended:?}");
        assert!(
            ended.stderr.contains("expected a path in UTF-8"),
            "{ended:?}"
        );
    }
    let ended = run("--network", ".toml");
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

#[test]
fn an_empty_path_is_refused_by_its_argument() {
    let place = Workplace::new();
    for flag in [
        "--test",
        "--validation",
        "--labels",
        "--network",
        "--initial-weights",
        "--continue",
        "--config",
        "--out",
    ] {
        let words = ["train", "builtin:iris", flag, ""];
        let ended = Ended::from(place.command(words).output().unwrap());
        let expected = format!("thalweg: {flag}: found no value, expected <");
        assert!(ended.stderr.starts_with(&expected), "{ended:?}");
        assert_eq!(ended.code, Some(2));
    }
    let ended = Ended::from(place.command(["train", ""]).output().unwrap());
    assert!(
        ended.stderr.contains("DATA: found an empty text"),
        "{ended:?}"
    );
}

#[test]
fn a_setting_has_the_line_of_the_config_only_where_it_stands_there() {
    let place = Workplace::new();
    place.train("builtin:diabetes --epochs 1 --out o");
    let of_arguments = place.refused("train --config o/config.toml --sampling balanced");
    assert!(
        of_arguments.starts_with("thalweg: --sampling: found targets that are numbers"),
        "{of_arguments}"
    );
    let config = place.text("o/config.toml") + "\n[training.batches]\nsampling = \"balanced\"\n";
    let line = config.lines().count();
    place.write("c.toml", config);
    let of_file = place.refused("train --config c.toml");
    let expected = format!("thalweg: c.toml: line {line}: `batches.sampling`: found targets that");
    assert!(of_file.starts_with(&expected), "{of_file}");
    assert!(of_file.ends_with("set --sampling to uniform"), "{of_file}");
}

#[test]
fn remedies_name_what_there_is() {
    let place = Workplace::new();
    place.write("labels.csv", "a,b\n1,2\n3,4\n");
    place.write("rows.csv", "a,b\n1,2\n3,4\n");
    std::fs::create_dir(place.path("full")).unwrap();
    place.write("full/x", "");
    let text: String = (0..40).map(|i| format!("{i},{},{i}\n", 2 * i)).collect();
    place.write("dependent.csv", format!("a,b,y\n{text}"));
    check(
        &place,
        &[
            (
                "train builtin:diabetes --optimizer closed_form --hidden 4",
                "; leave out the hidden layers (--hidden none), and set --loss to mse",
                "network.layers",
            ),
            (
                "train builtin:diabetes --optimizer exhaustive",
                "; leave out the hidden layers (--hidden none) and all inputs but one (--drop), or choose another --optimizer",
                "data.drop",
            ),
            (
                "train dependent.csv --optimizer closed_form --hidden none",
                "set a penalty such as --l2 1e-6, or leave out the column (--drop)",
                "=",
            ),
            (
                "train builtin:iris --sampling balanced --no-shuffle",
                "; leave out --no-shuffle and --no-reshuffle, or set --sampling to stratified",
                "`",
            ),
            (
                "train",
                "DATA: found nothing, expected a file, a folder, or builtin:digits; or give --config FILE, or --resume with --out DIR",
                "`",
            ),
            (
                "train --resume --out nowhere",
                "expected a run to go on with; check --out, or give DATA",
                "`",
            ),
            (
                "train builtin:iris --out full",
                "; choose another --out, or go on with the run by --resume",
                "`",
            ),
            (
                "train builtin:iris --set beta1=0.9",
                "found `beta1=0.9`",
                "",
            ),
            (
                "train builtin:iris --hidden ,",
                "found `,`, expected widths",
                "",
            ),
            (
                "train builtin:iris --seed x",
                "expected a whole number from 0 to 9223372036854775807",
                "",
            ),
            (
                "train builtin:iris --dtype",
                "--dtype: found no value, expected f32 or f64 or bf16",
                "<",
            ),
            (
                "train builtin:iris --patience 3 --no-validation",
                "; leave out --patience or --no-validation",
                "--validation-fraction",
            ),
            (
                "train builtin:iris --patience 3 --validation-fraction 0",
                "; leave out --patience, or choose a larger --validation-fraction",
                "--no-validation",
            ),
            (
                "train rows.csv --labels labels.csv",
                "labels.csv: found 2 columns, expected one column of labels",
                "",
            ),
        ],
    );
}

#[test]
fn a_run_that_is_over_is_not_changed_by_resuming_it() {
    let place = Workplace::new();
    place.train("builtin:iris --epochs 1 --out o");
    let message = place.refused("train --resume --out o --epochs 3");
    assert!(
        message
            .ends_with("; go on by --resume without other settings, or train into another --out"),
        "{message}"
    );
}

#[test]
fn a_format_before_the_first_is_refused() {
    let place = Workplace::new();
    place.train("builtin:iris --epochs 1 --out o");
    let config = place.text("o/config.toml");
    let format = config
        .lines()
        .find(|line| line.starts_with("format = "))
        .unwrap();
    place.write("zero.toml", config.replace(format, "format = 0"));
    let message = place.refused("train --config zero.toml");
    assert!(message.contains("zero.toml: found format 0"), "{message}");
    place.write("before.toml", config.replace(format, ""));
    place.train("--config before.toml --out p");
    assert_eq!(
        place.read("o/model.safetensors"),
        place.read("p/model.safetensors")
    );
}

#[test]
fn lists_and_help_name_arguments_and_every_kind() {
    let place = Workplace::new();
    let rows: Value = serde_json::from_str(&place.succeed("list --json").stdout).unwrap();
    let rows = rows.as_array().unwrap();
    let help = place.succeed("list --help").stdout;
    for row in rows {
        let kind = row["kind"].as_str().unwrap();
        assert!(help.contains(kind), "{kind} is no kind of {help}");
    }
    let settings = rows
        .iter()
        .flat_map(|row| row["settings"].as_array().unwrap());
    let summaries = rows
        .iter()
        .chain(settings)
        .map(|row| row["summary"].as_str().unwrap());
    let quoted = |text: &str| {
        text.split('`')
            .skip(1)
            .step_by(2)
            .map(str::to_owned)
            .collect()
    };
    let names: Vec<String> = summaries
        .flat_map(|text| -> Vec<String> { quoted(text) })
        .collect();
    let fields = thalweg::fields::FIELDS
        .iter()
        .filter(|field| field.flag.is_some());
    for field in fields {
        let short = field.path.trim_start_matches("training.");
        assert!(
            !names.iter().any(|name| name == short),
            "{short} is listed as a field"
        );
    }
    let help = place.succeed("train --help").stdout;
    for flag in ["--shuffle-block <N>", "--batch-groups <N>"] {
        assert!(help.contains(flag), "{help}");
    }
    assert!(help.contains("[DATA]\n          A file ("), "{help}");
    // One screen shows what is usual, and says where all is.
    let short = place.succeed("train -h").stdout;
    assert!(short.lines().count() <= 50, "{short}");
    assert!(short.contains("--target <COL>") && !short.contains("--shuffle-block"));
    assert!(short.contains("`thalweg train --help` shows all options."));
}

#[test]
fn goals_of_the_benchmark_are_numbers() {
    let place = Workplace::new();
    let ended = place.succeed("bench --quick --only table-tiny --threads 1 --json");
    let report: Value = serde_json::from_str(&ended.stdout).unwrap();
    let goals = &report["workloads"][0]["goals"];
    assert_eq!(goals, &serde_json::json!([{ "ratio": ["Jax", 13.0] }]));
}

#[test]
fn batches_in_blocks_and_groups_are_those_of_the_config() {
    let place = Workplace::new();
    place.train("builtin:iris --epochs 2 --shuffle-block 8 --batch-groups 2 --out o");
    let config = place.text("o/config.toml");
    assert!(
        config.contains("block = 8") && config.contains("groups = 2"),
        "{config}"
    );
    place.train("--config o/config.toml --out p");
    assert_eq!(
        place.read("o/model.safetensors"),
        place.read("p/model.safetensors")
    );
}
