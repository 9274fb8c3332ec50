//! `--continue`: training goes on from a model, on new rows.

mod common;

use std::io::Write;
use std::process::Stdio;

use common::{Workplace, events};

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

/// What a model file holds beside the number of epochs that the config asks for, and metrics.
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
