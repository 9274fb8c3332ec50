//! What `train` promises: quality without tuning, the files, and the same bits however it runs.

use crate::common::{Workplace, events};

const FILES: [&str; 4] = [
    "config.toml",
    "log.jsonl",
    "model.safetensors",
    "report.html",
];

#[test]
fn digits_are_learned_without_any_option_and_only_the_promised_files_are_written() {
    let place = Workplace::new();
    let ended = place.succeed("train builtin:digits");
    assert_eq!(place.files("."), ["runs"]);
    assert_eq!(place.files("runs"), ["digits-1"]);
    assert_eq!(place.files("runs/digits-1"), FILES);
    let last = ended.stdout.lines().last().unwrap();
    assert!(last.ends_with("in runs/digits-1"), "{last}");
    let end = events(&place.text("runs/digits-1/log.jsonl"))
        .pop()
        .unwrap();
    assert!(end["test"]["accuracy"].as_f64().unwrap() >= 0.97, "{end}");
    assert!(
        end["best_constant"]["accuracy"].as_f64().unwrap() < 0.2,
        "{end}"
    );
    for flag in ["--loss", "--hidden", "--lr", "--epochs"] {
        assert!(ended.stdout.contains(flag), "{flag} is not explained");
    }
}

#[test]
fn digits_are_learned_as_well_with_products_of_rounded_numbers() {
    let place = Workplace::new();
    let end = place.train("builtin:digits --dtype bf16 --out half");
    assert!(end["test"]["accuracy"].as_f64().unwrap() >= 0.97, "{end}");
    assert!(place.text("half/config.toml").contains("dtype = \"bf16\""));
    place.train("--config half/config.toml --out again");
    assert_eq!(
        place.read("half/model.safetensors"),
        place.read("again/model.safetensors")
    );
    place.succeed("evaluate half builtin:digits");
}

#[test]
fn small_sets_are_learned_much_better_than_by_a_constant() {
    let place = Workplace::new();
    for (name, metric) in [
        ("iris", "accuracy"),
        ("wine", "accuracy"),
        ("breast-cancer", "accuracy"),
        ("diabetes", "r2"),
    ] {
        // Of diabetes a network or a linear model wins by the draw of 44 validation rows.
        let end = place.train(&format!("builtin:{name} --seed 1 --threads 1"));
        let of = |part: &str| end[part][metric].as_f64().unwrap();
        assert!(of("test") > of("best_constant") + 0.25, "{name}: {end}");
    }
    assert_eq!(place.files("runs").len(), 4);
}

#[test]
fn the_model_has_the_same_bytes_for_every_number_of_threads_and_from_its_config() {
    let place = Workplace::new();
    let flags = "builtin:digits --hidden 256,64 --batch-size 100 --epochs 3 --seed 7";
    for threads in [1, 2, 3, 5] {
        place.train(&format!("{flags} --threads {threads} --out t{threads}"));
        assert_eq!(
            place.read(&format!("t{threads}/model.safetensors")),
            place.read("t1/model.safetensors")
        );
        assert_eq!(
            place.read(&format!("t{threads}/config.toml")),
            place.read("t1/config.toml")
        );
    }
    place.train("--config t1/config.toml --out again");
    assert_eq!(
        place.read("again/model.safetensors"),
        place.read("t1/model.safetensors")
    );
    assert_eq!(
        place.read("again/config.toml"),
        place.read("t1/config.toml")
    );
    place.train("--config t1/config.toml --seed 8 --out other");
    assert_ne!(
        place.read("other/model.safetensors"),
        place.read("t1/model.safetensors")
    );
}

#[test]
fn flags_beside_a_config_override_it() {
    let place = Workplace::new();
    place.train("builtin:diabetes --epochs 2 --optimizer sgd --set optimizer.momentum=0.5 --activation tanh --out a");
    place.train("--config a/config.toml --epochs 3 --lr 0.02 --hidden 8 --out b");
    let config = place.text("b/config.toml");
    for line in [
        "epochs = 3",
        "learning_rate = 0.02",
        "units = 8",
        "momentum = 0.5",
        "activation = \"tanh\"",
    ] {
        assert!(
            config.lines().any(|l| l == line),
            "{line} is not in {config}"
        );
    }
}

#[test]
fn the_log_has_a_start_an_event_for_each_epoch_and_an_end() {
    let place = Workplace::new();
    place.train("builtin:diabetes --epochs 4 --out a");
    let log = events(&place.text("a/log.jsonl"));
    let kinds: Vec<&str> = log
        .iter()
        .map(|event| event["event"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["start", "epoch", "epoch", "epoch", "epoch", "end"]);
    for (epoch, event) in log[1..5].iter().enumerate() {
        assert_eq!(event["epoch"], epoch + 1);
        for name in [
            "train_loss",
            "validation_loss",
            "lr",
            "gradient_norm",
            "seconds",
            "rows_per_second",
        ] {
            assert!(event[name].is_f64(), "{name}: {event}");
        }
    }
    let end = &log[5];
    assert_eq!(
        (&end["epochs"], end["stopped_by"].as_str()),
        (&4.into(), Some("epochs"))
    );
    assert!(
        end["best_epoch"].is_u64() && end["seconds"].is_f64(),
        "{end}"
    );
    for part in ["train", "validation", "test"] {
        for metric in ["loss", "rmse", "mae", "r2"] {
            assert!(end[part][metric].is_f64(), "{part} {metric}: {end}");
        }
    }
    place.train("builtin:breast-cancer --epochs 1 --no-validation --out b");
    let log = events(&place.text("b/log.jsonl"));
    assert!(log[1]["validation_loss"].is_null() && log[2]["validation"].is_null());
    for metric in ["loss", "accuracy", "auc", "f1"] {
        assert!(log[2]["test"][metric].is_f64(), "{metric}: {}", log[2]);
    }
}

#[test]
fn a_folder_that_is_in_use_is_not_written_to() {
    let place = Workplace::new();
    place.train("builtin:iris --epochs 2 --out a");
    let before = FILES.map(|file| place.read(&format!("a/{file}")));
    let message = place.refused("train builtin:iris --out a");
    assert!(
        message.contains("a: found a folder with files"),
        "{message}"
    );
    let message = place.refused("train builtin:iris --lr 0.5 --resume --out a");
    assert!(message.contains("training.learning_rate"), "{message}");
    let ended = place.succeed("train --resume --out a");
    assert!(ended.stdout.contains("a is finished"), "{ended:?}");
    assert_eq!(before, FILES.map(|file| place.read(&format!("a/{file}"))));
    assert_eq!(place.files("a"), FILES);
}

#[test]
fn training_that_diverges_says_where_and_what_to_try() {
    let place = Workplace::new();
    let ended = place.run("train builtin:diabetes --optimizer sgd --lr 1e6 --quiet --out a");
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
    let why = "which --lr 1000000 has become by --schedule linear_warmup";
    for part in ["in step", "(epoch 1)", why, "try --lr 0.05"] {
        assert!(ended.stderr.contains(part), "{part}: {ended:?}");
    }
    let end = events(&place.text("a/log.jsonl")).pop().unwrap();
    assert_eq!(end["stopped_by"], "diverged");
    assert_eq!(
        place.files("a"),
        ["config.toml", "log.jsonl", "report.html"]
    );
}

#[test]
fn a_loss_that_is_not_finite_before_the_first_update_is_not_blamed_on_the_rate() {
    let place = Workplace::new();
    let row = |i: usize| format!("{}e200,{}\n", i % 7 + 1, i % 5);
    place.write(
        "d.csv",
        format!("x,y\n{}", (0..60).map(row).collect::<String>()),
    );
    let line = "train d.csv --task regression --no-standardize --dtype f64 --quiet";
    for (optimizer, out) in [("adam", "a"), ("lbfgs", "b")] {
        let ended = place.run(&format!("{line} --optimizer {optimizer} --out {out}"));
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.stderr.contains("in step 1 "), "{ended:?}");
        assert!(
            ended.stderr.contains("before the first update"),
            "{ended:?}"
        );
        assert!(!ended.stderr.contains("--lr"), "{ended:?}");
        let has_rate = ended.stderr.contains("at learning rate");
        assert_eq!(has_rate, optimizer == "adam", "{ended:?}");
    }
}

#[test]
fn a_setting_out_of_proportion_is_blamed_in_place_of_the_rate() {
    let place = Workplace::new();
    for (index, (flags, advice)) in [
        (
            "--sam 1e300",
            "--sam 1e300 is out of proportion: try --sam 0.05;",
        ),
        (
            "--l2 1e300",
            "--l2 1e300 is out of proportion: try --l2 1e-4;",
        ),
        ("--l1 1e300", "try --l1 1e-5;"),
        ("--l2-sum 1e300", "try --l2-sum 1e-2;"),
        (
            "--optimizer adamw --set optimizer.weight_decay=1e300",
            "try --set optimizer.weight_decay=0.01;",
        ),
        ("--optimizer lbfgs --l2 1e308", "try --l2 1e-4;"),
        // Here the loss is a number, and the norm of the gradient is none.
        (
            "--optimizer lbfgs --l2 1e300",
            "the gradient norm became inf in step 1 (epoch 1); --l2 1e300 is out of proportion: try --l2 1e-4;",
        ),
        ("--optimizer newton_cg --l2 1e300", "try --l2 1e-4;"),
        // A usual penalty is not to blame.
        ("--optimizer sgd --lr 1e6 --l2 0.01", "try --lr "),
    ]
    .into_iter()
    .enumerate()
    {
        let ended = place.run(&format!(
            "train builtin:diabetes {flags} --epochs 3 --quiet --out {index}"
        ));
        assert_eq!(ended.code, Some(1), "{flags}: {ended:?}");
        assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
        assert!(ended.stderr.contains(advice), "{flags}: {ended:?}");
        let blames_rate = ended.stderr.contains("try --lr");
        assert_eq!(blames_rate, flags.contains("--lr"), "{ended:?}");
    }
}

#[test]
fn training_that_diverges_late_keeps_the_best_model() {
    let place = Workplace::new();
    // The rate rises from nearly nothing to far too much.
    let flags =
        "--optimizer sgd --lr 10 --schedule linear_warmup --set schedule.fraction=1 --epochs 5000";
    let ended = place.run(&format!(
        "train builtin:diabetes {flags} --patience 5000 --quiet --out a"
    ));
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let end = events(&place.text("a/log.jsonl")).pop().unwrap();
    assert_eq!(end["stopped_by"], "diverged");
    assert!(
        end["epochs"].as_u64() >= end["best_epoch"].as_u64(),
        "{end}"
    );
    assert!(end["test"]["r2"].as_f64().unwrap() > 0.2, "{end}");
    assert_eq!(place.files("a"), FILES);
    place.succeed("predict a builtin:diabetes");
}

#[test]
fn a_model_that_has_learned_nothing_is_said_to() {
    let place = Workplace::new();
    for (flags, advice) in [
        (
            "--lr 1e-12 --epochs 1",
            "--lr 1e-12 is small: try --lr 0.002",
        ),
        (
            "--epochs 1 --max-norm 1e-9",
            "--max-norm 1e-9 is out of proportion: try --max-norm 3",
        ),
        (
            "--initializer zeros --epochs 2 --lr 1e-9",
            "units that begin alike stay alike: try another --initializer",
        ),
        (
            "--lr 1e-12 --l2 1e4 --epochs 1",
            "--l2 10,000 is out of proportion: try --l2 1e-4",
        ),
        (
            "--optimizer lbfgs --l2 1e10",
            "--l2 10,000,000,000 is out of proportion: try --l2 1e-4",
        ),
        (
            "--optimizer lbfgs --set optimizer.tolerance=1e9",
            "look at the columns, or try another --optimizer",
        ),
    ] {
        let ended = place.succeed(&format!("train builtin:diabetes --preset fast {flags}"));
        let warning = "warning: the model is no better than the best constant";
        let lines = || ended.stderr.lines();
        let is_said = |line: &str| line.starts_with(warning) && line.ends_with(advice);
        assert!(lines().any(is_said), "{flags}: {ended:?}");
    }
}

#[test]
fn weights_of_another_run_are_a_start() {
    let place = Workplace::new();
    let first = place.train("builtin:digits --epochs 5 --out a");
    let second = place.train("builtin:digits --epochs 1 --lr 1e-9 --initial-weights a --out b");
    let loss = |end: &serde_json::Value| end["validation"]["loss"].as_f64().unwrap();
    assert!(
        (loss(&first) - loss(&second)).abs() < 1e-3,
        "{first} {second}"
    );
    let message = place.refused("train builtin:digits --hidden 8 --initial-weights a --out c");
    assert!(message.contains("layers.0.weight"), "{message}");
}

#[test]
fn names_of_columns_given_once_hold_for_all_files_of_a_model() {
    let place = Workplace::new();
    let rows: Vec<String> = (0..60)
        .map(|i| {
            format!(
                "{},{},{}",
                i % 7,
                i % 5,
                if i % 7 > 3 { "yes" } else { "no" }
            )
        })
        .collect();
    place.write("train.data", rows.join("\n"));
    place.write("test.data", rows[..20].join("\n"));
    place.write("new.data", "6,1\n0,2\n");
    place.train(
        "train.data --no-header --columns a,b,answer --target answer --test test.data --out m",
    );
    place.succeed("evaluate m test.data");
    let ended = place.succeed("predict m new.data");
    assert_eq!(ended.stdout, "answer\nyes\nno\n");
    place.write("named.csv", "b,a\n1,6\n2,0\n");
    assert_eq!(
        place.succeed("predict m named.csv").stdout,
        "answer\nyes\nno\n"
    );
}

#[test]
#[ignore = "needs ../shared/data"]
fn adult_reaches_what_tuned_networks_reach() {
    let [train, test] = ["adult/adult.data.csv", "adult/adult.test.csv"].map(crate::common::shared);
    let place = Workplace::new();
    let names = "age,workclass,fnlwgt,education,education-num,marital-status,occupation,relationship,\
                 race,sex,capital-gain,capital-loss,hours-per-week,native-country,income";
    let line = format!(
        "{} --columns {names} --test {} --epochs 8",
        train.display(),
        test.display()
    );
    let end = place.train(&line);
    assert!(end["test"]["accuracy"].as_f64().unwrap() >= 0.845, "{end}");
}

#[test]
fn a_batch_is_at_most_all_rows() {
    let place = Workplace::new();
    let line = "train builtin:iris --epochs 2 --out";
    let ended = place.succeed(&format!("{line} a --batch-size 4000000000"));
    assert!(ended.stderr.contains("all 120 are one batch"), "{ended:?}");
    // What was asked stays, for runs on more rows that go on from this one.
    assert!(
        place
            .text("a/config.toml")
            .contains("batch_size = 4000000000")
    );
    place.succeed(&format!("{line} b --batch-size 120"));
    let answers = |out: &str| {
        place
            .succeed(&format!("predict {out} builtin:iris --proba"))
            .stdout
    };
    assert_eq!(answers("a"), answers("b"));
    place.succeed("train --config a/config.toml --out c");
    assert_eq!(
        place.read("a/model.safetensors"),
        place.read("c/model.safetensors")
    );
}

#[test]
fn a_model_whose_loss_is_not_finite_is_a_divergence() {
    let place = Workplace::new();
    let ended = place.run(
        "train builtin:iris --optimizer gd --lr 1e38 --epochs 1 --no-validation --schedule constant --out a",
    );
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("training diverged"), "{ended:?}");
    assert_eq!(
        place.files("a"),
        ["config.toml", "log.jsonl", "report.html"]
    );
    let end = events(&place.text("a/log.jsonl")).pop().unwrap();
    assert_eq!(end["stopped_by"], "diverged");
    assert!(end["best_epoch"].is_null());
}
