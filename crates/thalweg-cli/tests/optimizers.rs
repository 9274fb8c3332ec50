//! Every optimizer learns with its own rate, and every option is reproduced by the config and by --resume.

use crate::common::{Workplace, events};
use serde_json::Value;

#[test]
fn every_optimizer_learns_digits_with_its_own_rate() {
    let place = Workplace::new();
    let list = place.succeed("list optimizers --json");
    let list: Vec<Value> = serde_json::from_str(&list.stdout).unwrap();
    let names: Vec<&str> = list.iter().map(|e| e["name"].as_str().unwrap()).collect();
    assert!(names.len() >= 18, "{names:?}");
    for name in names {
        let epochs = if name == "newton_cg" { 8 } else { 30 };
        let end = match name {
            // For two parameters at most: see `search.rs`.
            "exhaustive" => continue,
            // For linear models with squared error alone.
            "closed_form" => {
                let end = place.train(
                    "builtin:diabetes --hidden none --optimizer closed_form --out closed_form",
                );
                assert_eq!(end["stopped_by"], "converged");
                assert!(end["train"]["r2"].as_f64().unwrap() > 0.5, "{end}");
                continue;
            }
            _ => place.train(&format!(
                "builtin:digits --hidden 64 --optimizer {name} --epochs {epochs} --out {name}"
            )),
        };
        let accuracy = end["test"]["accuracy"].as_f64().unwrap();
        println!("{name}: {accuracy}");
        assert!(accuracy >= 0.95, "{name}: {end}");
    }
}

/// Options of a run, in groups that go together.
const OPTIONS: [&str; 5] = [
    "--optimizer lamb --clip-norm 2 --sam 0.02 --ema 0.95 --sampling balanced --l1 1e-5",
    "--optimizer muon --max-norm 3 --l2-sum 0.01 --last-batch drop --no-reshuffle \
     --reduce-on-plateau 1 --plateau-factor 0.5",
    "--optimizer rmsprop --set optimizer.centered=true --set optimizer.momentum=0.5 --lr 1e-4 \
     --clip-value 0.1 --last-batch weight --scale-lr-from 8 --scale-lr-warmup 2",
    "--optimizer nadam --sampling stratified --max-steps 70 --target-loss 1e-9 --min-change 1e-12 \
     --min-gradient 1e-12 --max-time 100000",
    "--optimizer lbfgs",
];

#[test]
fn a_config_reproduces_every_option_bit_for_bit() {
    let place = Workplace::new();
    for (index, options) in OPTIONS.iter().enumerate() {
        let (a, b) = (format!("a{index}"), format!("b{index}"));
        let end = place.train(&format!(
            "builtin:digits --hidden 40 --epochs 4 {options} --threads 1 --out {a}"
        ));
        place.train(&format!("--config {a}/config.toml --threads 3 --out {b}"));
        for file in ["model.safetensors", "config.toml"] {
            let [a, b] = [&a, &b].map(|run| place.read(&format!("{run}/{file}")));
            assert!(a == b, "{options}: another {file}");
        }
        let expected = if options.contains("max-steps") {
            "max_steps"
        } else {
            "epochs"
        };
        assert_eq!(end["stopped_by"], expected, "{options}");
        let log = events(&place.text(&format!("{a}/log.jsonl")));
        assert!(log[1]["smoothed_loss"].is_f64(), "{}", log[1]);
        // Without its options the run is another.
        place.train(&format!(
            "builtin:digits --hidden 40 --epochs 4 --out c{index}"
        ));
        let plain = place.read(&format!("c{index}/model.safetensors"));
        assert!(plain != place.read(&format!("{a}/model.safetensors")));
    }
}

/// Kills a run after its first checkpoint, and finishes it.
#[cfg(unix)]
#[test]
fn a_killed_run_with_many_options_goes_on_to_the_same_bits() {
    use std::process::Stdio;
    let place = Workplace::new();
    // Slots, averages, reductions and a solver's pairs; the other groups remember nothing else.
    for (index, options) in OPTIONS
        .iter()
        .enumerate()
        .filter(|(i, _)| [0, 1, 4].contains(i))
        // Of an epoch of one update, every checkpoint is behind its last.
        .chain([(OPTIONS.len(), &"--batch-size all")])
    {
        let mut epochs = 60;
        let line = loop {
            let line = format!(
                "builtin:digits --hidden 128,64 --patience 1000000 --threads 1 --epochs {epochs} {options}"
            );
            let killed = format!("train {line} --out killed{index}");
            let mut child = place
                .command(killed.split_whitespace())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            let checkpoint = place.path(&format!("killed{index}/checkpoint.safetensors"));
            let was_there = loop {
                if checkpoint.exists() {
                    break true;
                }
                if child.try_wait().unwrap().is_some() {
                    break false;
                }
                std::thread::sleep(std::time::Duration::from_millis(5));
            };
            child.kill().unwrap();
            child.wait().unwrap();
            if was_there && checkpoint.exists() {
                break line;
            }
            std::fs::remove_dir_all(place.path(&format!("killed{index}"))).unwrap();
            epochs *= 3;
            assert!(epochs < 1_000_000, "there never was a checkpoint");
        };
        place.train(&format!("{line} --out whole{index}"));
        place.succeed(&format!("train --resume --out killed{index}"));
        let model = |run: &str| place.read(&format!("{run}{index}/model.safetensors"));
        assert!(model("killed") == model("whole"), "{options}");
        let log = |run: &str| {
            let mut events = events(&place.text(&format!("{run}{index}/log.jsonl")));
            for event in &mut events {
                for key in ["seconds", "rows_per_second", "out", "threads"] {
                    event.as_object_mut().unwrap().remove(key);
                }
            }
            events
        };
        assert_eq!(log("killed"), log("whole"), "{options}");
    }
}

#[test]
fn options_out_of_range_are_refused_before_anything_is_read() {
    let place = Workplace::new();
    for (flags, expected) in [
        ("--l1 -1", "--l1: found -1, expected a number ≥ 0"),
        (
            "--clip-norm 0",
            "--clip-norm: found 0, expected a number > 0",
        ),
        ("--clip-value -1", "--clip-value: found -1"),
        ("--max-norm nan", "--max-norm: found nan"),
        ("--sam 0", "--sam: found 0"),
        ("--ema 1", "--ema: found 1, expected a number ≥ 0 and < 1"),
        ("--max-steps 0", "--max-steps: found 0"),
        ("--max-time 0", "--max-time: found 0"),
        ("--min-change -1", "--min-change: found -1"),
        ("--reduce-on-plateau 0", "--reduce-on-plateau: found 0"),
        (
            "--reduce-on-plateau 2 --plateau-factor 1",
            "--plateau-factor: found 1",
        ),
        (
            "--plateau-factor 0.5",
            "found no --reduce-on-plateau <N>, expected it",
        ),
        ("--scale-lr-from 0", "--scale-lr-from: found 0"),
        ("--last-batch some", "expected keep or drop or weight"),
        (
            "--sampling odd",
            "expected uniform or stratified or balanced",
        ),
        ("--optimizer lars --set optimizer.trust=0", "trust = 0"),
        ("--optimizer lamb --set optimizer.beta1=1", "beta1 = 1"),
        ("--optimizer lbfg", "did you mean `lbfgs`?"),
    ] {
        let message = place.refused(&format!("train missing.csv {flags}"));
        assert!(message.contains(expected), "{flags}: {message}");
    }
    for (flags, expected) in [
        ("--optimizer lbfgs --dtype f32", "to f64"),
        ("--optimizer lbfgs --l1 0.1", "the mean loss and"),
        (
            "--optimizer closed_form --hidden 5",
            "found 2 layers, expected a linear model",
        ),
        (
            "--sampling balanced --task regression",
            "found targets that are numbers",
        ),
    ] {
        let message = place.refused(&format!("train builtin:diabetes {flags}"));
        assert!(message.contains(expected), "{flags}: {message}");
    }
    assert!(place.files(".").is_empty(), "something was written");
}
