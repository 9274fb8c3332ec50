//! `--continue`: training goes on from a model, on new rows.

use std::io::Write;
use std::process::Stdio;

use crate::common::{Workplace, events};

/// Rows of two numbers and a class that depends on them.
fn rows(from: usize, count: usize) -> String {
    let row = |i: usize| {
        let (a, b) = ((i * 37 % 101) as f64 / 10.0, (i * 53 % 97) as f64 / 10.0);
        let class = if a + 0.5 * b > 7.0 { "high" } else { "low" };
        format!("{a},{b},{class}\n")
    };
    (from..from + count).map(row).collect()
}

fn csv(from: usize, count: usize) -> String {
    format!("a,b,class\n{}", rows(from, count))
}

#[test]
fn a_continued_models_epochs_are_counted_with_those_before() {
    let place = Workplace::new();
    place.write("d.csv", csv(0, 60));
    place.succeed("train d.csv --preset fast --epochs 4 --quiet --out a");
    place.succeed("train d.csv --continue a --epochs 2 --quiet --out b");
    for (model, told) in [("a", "4 of 4 epochs"), ("b", "6 of 6 epochs")] {
        let info = place.succeed(&format!("info {model}")).stdout;
        assert!(info.contains(told), "{info}");
    }
}

/// What a model file holds beside the number of epochs that the config asks for, and metrics.
#[test]
fn what_validation_rows_chose_before_is_not_asked_of_a_continued_run_without_them() {
    let place = Workplace::new();
    place.write("d.csv", csv(0, 200));
    place.write("few.csv", csv(200, 3));
    place.succeed("train d.csv --epochs 2 --metric auc --threshold f1 --quiet --out a");
    assert!(place.text("a/config.toml").contains("temperature = true"));
    let line = "--continue a --epochs 1 --quiet --out";
    place.succeed(&format!("train few.csv {line} b"));
    place.succeed(&format!("train d.csv {line} c --no-validation"));
    let told = place.refused(&format!("train few.csv {line} d --temperature"));
    assert!(told.contains("leave out --temperature"), "{told}");
}

fn weights(place: &Workplace, folder: &str) -> Vec<u8> {
    let bytes = place.read(&format!("{folder}/model.safetensors"));
    let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    bytes[8 + header..].to_vec()
}

#[test]
fn two_epochs_and_two_more_give_the_bits_of_four() {
    for settings in [
        "--optimizer adam --schedule constant",
        "--optimizer sgd --schedule exponential --batch-size 7 --augment mixup",
        "--optimizer adamw --schedule constant --ema 0.9 --last-batch drop --dtype f64",
        "--optimizer rmsprop --schedule constant --reduce-on-plateau 1 --sampling stratified",
        "--optimizer lbfgs",
    ] {
        let place = Workplace::new();
        place.write("d.csv", csv(0, 150));
        let settings = format!("{settings} --hidden 5 --no-validation --seed 4 --quiet");
        place.succeed(&format!("train d.csv {settings} --epochs 4 --out four"));
        place.succeed(&format!(
            "train d.csv {settings} --epochs 2 --keep-checkpoint --out two"
        ));
        assert_ne!(weights(&place, "two"), weights(&place, "four"));
        place.succeed(
            "train d.csv --continue two --no-validation --epochs 2 --quiet --out more --keep-checkpoint",
        );
        assert!(
            weights(&place, "more") == weights(&place, "four"),
            "{settings}"
        );
        // The numbers of epochs go on, and so does what is continued again.
        let log = events(&place.text("more/log.jsonl"));
        let epochs: Vec<u64> = (log.iter())
            .filter_map(|event| event["epoch"].as_u64())
            .collect();
        assert_eq!(epochs, [3, 4]);
        place.succeed(
            "train d.csv --continue two --no-validation --epochs 1 --quiet --out a --keep-checkpoint",
        );
        place.succeed("train d.csv --continue a --no-validation --epochs 1 --quiet --out b");
        assert!(
            weights(&place, "b") == weights(&place, "four"),
            "{settings}"
        );
        // The config of a run that continued another gives its model again.
        place.succeed("train --config more/config.toml --quiet --out again");
        assert_eq!(
            place.read("again/model.safetensors"),
            place.read("more/model.safetensors")
        );
    }
}

#[test]
fn without_a_checkpoint_the_weights_go_on_and_descent_without_memory_does_not_miss_it() {
    let place = Workplace::new();
    place.write("d.csv", csv(0, 150));
    let settings = "--hidden 5 --no-validation --optimizer gd --schedule constant --lr 0.1 --quiet";
    place.succeed(&format!("train d.csv {settings} --epochs 3 --out three"));
    place.succeed(&format!("train d.csv {settings} --epochs 2 --out two"));
    assert!(
        !place
            .files("two")
            .contains(&"checkpoint.safetensors".into())
    );
    place.succeed("train d.csv --continue two --no-validation --epochs 1 --quiet --out more");
    assert!(weights(&place, "more") == weights(&place, "three"));
    place.succeed(
        "train d.csv --continue two/model.safetensors --no-validation --epochs 1 --quiet --out file",
    );
    assert!(weights(&place, "file") == weights(&place, "three"));
}

#[test]
fn a_few_rows_from_a_pipe_keep_the_preprocessing_and_the_classes_of_the_model() {
    let place = Workplace::new();
    place.write("d.csv", csv(0, 150));
    place.succeed("train d.csv --hidden 5 --epochs 5 --quiet --out model --keep-checkpoint");
    for (name, text) in [
        // Without a header; one row, of one class alone; columns in another order.
        ("bare", rows(200, 1)),
        ("one", csv(200, 1)),
        ("mixed", "class,b,a\nlow,0.5,1\nhigh,9,8\n".to_owned()),
    ] {
        let line = format!("train - --continue model --epochs 2 --out {name} --json");
        let mut child = place
            .command(line.split_whitespace())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
        let ended = child.wait_with_output().unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert!(ended.status.success(), "{name}: {said}");
        let expected = "continues model after epoch 5, with its optimizer's memory";
        assert!(said.contains(expected), "{name}: {said}");
        let info = |model: &str| -> serde_json::Value {
            let text = place.succeed(&format!("info {model} --json")).stdout;
            serde_json::from_str(&text).unwrap()
        };
        let answers = |model: &str| place.succeed(&format!("predict {model} d.csv")).stdout;
        for key in ["classes", "columns", "network"] {
            assert_eq!(info(name)[key], info("model")[key], "{name}: {key}");
        }
        assert_eq!(
            answers(name).lines().count(),
            answers("model").lines().count()
        );
        assert_ne!(weights(&place, name), weights(&place, "model"), "{name}");
    }
}

#[test]
fn what_does_not_fit_the_model_is_refused_in_one_line() {
    let place = Workplace::new();
    place.write("d.csv", csv(0, 150));
    place.write("less.csv", "a,class\n1,low\n2,high\n");
    place.write("other.csv", "a,b,class\n1,2,low\n2,3,medium\n");
    place.write("word.csv", "a,b,class\n1,2,low\ntwo,3,high\n");
    place.succeed("train d.csv --hidden 5 --epochs 2 --quiet --out model --keep-checkpoint");
    for (line, expected) in [
        ("less.csv --continue model", "without \"b\""),
        ("other.csv --continue model", "expected one of the classes"),
        ("word.csv --continue model", "word.csv:3: column"),
        ("d.csv --continue nothing", "cannot be read"),
        ("d.csv --continue model --hidden 9", "--hidden"),
        ("d.csv --continue model --target a", "--target"),
        ("d.csv --continue model --loss hinge", "--loss"),
        (
            "d.csv --continue model --set initializer.gain=2 --initial-weights model",
            "--initial-weights",
        ),
        ("--continue model", "DATA: found nothing"),
        ("d.csv --continue d.csv", "not a model file"),
    ] {
        let message = place.refused(&format!("train {line} --out x"));
        assert!(message.contains(expected), "{line}: {message}");
    }
    // Another network in a config of one's own.
    place.succeed("train d.csv --continue model --epochs 1 --quiet --out more");
    let config = place.text("more/config.toml");
    place.write("c.toml", config.replacen("units = 5", "units = 6", 1));
    let message = place.refused("train --config c.toml --out y");
    assert!(
        message.contains("expected the network of the model"),
        "{message}"
    );
    // A checkpoint that is not the model's.
    place.succeed("train d.csv --hidden 4 --epochs 1 --quiet --out else --keep-checkpoint");
    place.write(
        "model/checkpoint.safetensors",
        place.read("else/checkpoint.safetensors"),
    );
    let message = place.refused("train d.csv --continue model --out z");
    assert!(
        message.contains("a checkpoint of another model"),
        "{message}"
    );
}

/// The training loss of a model, and what was said while it was trained.
fn continued(place: &Workplace, flags: &str, out: &str) -> (f64, String) {
    let line = format!("train d.csv --continue model --no-validation {flags} --out {out} --json");
    let ended = place.succeed(&line);
    let end: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    (end["train"]["loss"].as_f64().unwrap(), ended.stderr)
}

#[test]
fn an_optimizer_that_would_read_its_memory_otherwise_begins_anew_and_says_so() {
    for (settings, changed, said) in [
        // Averages are corrected by their own β.
        ("--ema 0.9", "--ema 0.9999", "the average of --ema 0.9"),
        ("--optimizer adam", "--ema 0.9", "a run without --ema"),
        (
            "--optimizer adam",
            "--set optimizer.beta2=0.99999",
            "adam(beta2=0.999)",
        ),
        // Two slots as well, and other ones.
        (
            "--optimizer rmsprop --set optimizer.centered=true",
            "--set optimizer.centered=false --set optimizer.momentum=0.9 --lr 1e-4",
            "rmsprop(centered=true)",
        ),
        (
            "--optimizer momentum",
            "--reduction sum --lr 1e-5",
            "gradients of another --reduction",
        ),
    ] {
        let place = Workplace::new();
        place.write("d.csv", csv(0, 150));
        let settings =
            format!("{settings} --schedule constant --hidden 5 --no-validation --seed 4");
        let end = place.train(&format!(
            "d.csv {settings} --epochs 40 --keep-checkpoint --out model"
        ));
        let before = end["train"]["loss"].as_f64().unwrap();
        let (after, told) = continued(&place, &format!("{changed} --epochs 2"), "changed");
        let expected = format!("with a fresh optimizer: its memory was of {said}\n");
        assert!(told.contains(&expected), "{changed}: {told}");
        assert!(after < 1.5 * before, "{changed}: {before} became {after}");
        // What does not touch the memory leaves it.
        let (_, told) = continued(&place, "--lr 1e-5 --l2 0.1 --epochs 1", "same");
        assert!(told.contains("with its optimizer's memory\n"), "{told}");
    }
}

#[test]
fn another_optimizer_comes_with_its_own_rate() {
    let place = Workplace::new();
    place.write("d.csv", csv(0, 150));
    place.train("d.csv --optimizer adadelta --hidden 5 --epochs 3 --out model");
    let (_, told) = continued(&place, "--optimizer adam --epochs 1", "adam");
    assert!(told.contains("--lr 0.002, "), "{told}");
    assert!(
        told.contains("that of the model, 1, was for adadelta"),
        "{told}"
    );
    let rate = |out: &str| {
        let config = place.text(&format!("{out}/config.toml"));
        let line = config
            .lines()
            .find(|line| line.starts_with("learning_rate"));
        line.unwrap().to_owned()
    };
    assert_eq!(rate("adam"), "learning_rate = 0.002");
    let (_, told) = continued(&place, "--optimizer adam --lr 0.02 --epochs 1", "own");
    assert!(!told.contains("was for adadelta"), "{told}");
    assert_eq!(rate("own"), "learning_rate = 0.02");
    continued(&place, "--epochs 1", "kept");
    assert_eq!(rate("kept"), rate("model"));
}

#[test]
fn a_few_rows_do_not_change_what_was_asked_for_many() {
    let place = Workplace::new();
    place.write("d.csv", csv(0, 150));
    place.write("few.csv", csv(200, 3));
    place.train("d.csv --hidden 5 --epochs 2 --batch-size 32 --patience 7 --out model");
    place.succeed("train few.csv --continue model --no-validation --epochs 1 --quiet --out few");
    place.succeed("train d.csv --continue few --epochs 1 --quiet --out many");
    for out in ["few", "many"] {
        let config = place.text(&format!("{out}/config.toml"));
        for line in ["batch_size = 32", "patience = 7"] {
            assert!(config.contains(line), "{out}: no {line} in {config}");
        }
    }
    place.succeed("predict few d.csv");
}

#[test]
fn what_was_trained_on_all_rows_goes_on_so_unless_told_otherwise() {
    let place = Workplace::new();
    place.write("d.csv", csv(0, 150));
    let parts = |out: &str| {
        let start = events(&place.text(&format!("{out}/log.jsonl"))).swap_remove(0);
        ["train", "validation", "test"].map(|part| start["rows"][part].as_u64().unwrap())
    };
    place.train("d.csv --hidden 5 --epochs 1 --no-validation --test-fraction 0 --out all");
    place.train("d.csv --continue all --epochs 1 --out more");
    assert_eq!(parts("more"), [150, 0, 0]);
    place.train("d.csv --continue all --epochs 1 --validation-fraction 0.2 --out watched");
    assert_eq!(parts("watched"), [120, 30, 0]);
    place.train("d.csv --hidden 5 --epochs 1 --out some");
    place.train("d.csv --continue some --epochs 1 --out other");
    assert_eq!(parts("other"), parts("some"));
}

#[test]
fn a_continued_run_never_ends_with_a_worse_model_and_says_if_none_is_better() {
    let place = Workplace::new();
    place.write("d.csv", csv(0, 150));
    let loss = |end: &serde_json::Value| end["validation"]["loss"].as_f64().unwrap();
    let first = place.train("d.csv --hidden 5 --epochs 30 --keep-checkpoint --out a");
    // A rate that only harms.
    let line = "train d.csv --continue a --epochs 2 --lr 50 --schedule constant --out b --json";
    let ended = place.succeed(line);
    let second: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(second["best_epoch"], first["best_epoch"]);
    assert_eq!(loss(&second), loss(&first));
    let said = "note: no epoch after 30 is better on the validation rows than a: the weights are those of its epoch";
    assert!(ended.stderr.contains(said), "{}", ended.stderr);
    assert_eq!(weights(&place, "b"), weights(&place, "a"));
    // Two runs keep the epoch that one would have kept.
    let third = place.succeed("train d.csv --continue a --epochs 20 --lr 0.02 --out c --json");
    let third: serde_json::Value = serde_json::from_str(&third.stdout).unwrap();
    assert!(loss(&third) < loss(&first), "{third} {first}");
    assert!(third["best_epoch"].as_u64().unwrap() > 30);
}

#[test]
fn a_checkpoint_that_could_not_be_kept_is_told() {
    let place = Workplace::new();
    place.write("d.csv", csv(0, 150));
    let line = "train d.csv --hidden 5 --epochs 3 --batch-size 20 --keep-checkpoint";
    let inside = place.succeed(&format!("{line} --max-steps 7 --out inside"));
    assert!(
        inside.stderr.contains("no checkpoint was kept"),
        "{inside:?}"
    );
    let whole = place.succeed(&format!("{line} --out whole"));
    assert!(
        !whole.stderr.contains("no checkpoint was kept"),
        "{whole:?}"
    );
}
