//! Runs that are killed or interrupted lose nothing.
#![cfg(unix)]

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::common::{Ended, Workplace, events};

/// Waits until `done` or the end of the process; says whether it was `done`.
fn wait_for(child: &mut Child, done: impl Fn() -> bool) -> bool {
    loop {
        if done() {
            return true;
        }
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn start(place: &Workplace, line: &str) -> Child {
    let mut command = place.command(line.split_whitespace());
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn signal(child: &Child, name: &str) {
    let status = Command::new("kill")
        .args([name, &child.id().to_string()])
        .status()
        .unwrap();
    assert!(status.success());
}

/// Starts `line` into the folder `killed`, with as many epochs as it takes to kill it behind a checkpoint however fast
/// the machine is, and gives the line with its epochs.
fn killed(place: &Workplace, line: &str) -> String {
    let checkpoint = place.path("killed/checkpoint.safetensors");
    let mut epochs = 30;
    loop {
        let line = format!("{line} --epochs {epochs}");
        let mut child = start(place, &format!("train {line} --out killed"));
        let was_running = wait_for(&mut child, || checkpoint.exists());
        child.kill().unwrap();
        child.wait().unwrap();
        if was_running && checkpoint.exists() {
            return line;
        }
        std::fs::remove_dir_all(place.path("killed")).unwrap();
        epochs *= 3;
        assert!(epochs < 1_000_000, "there never was a checkpoint");
    }
}

#[test]
fn a_killed_run_with_batch_norm_goes_on_to_the_same_bits() {
    let place = Workplace::new();
    let layer =
        |norm| format!("[[layers]]\nname = 'dense'\nunits = 200\nnormalization = '{norm}'\n");
    let layers = ["batch_norm", "spectral_norm"].map(layer).concat();
    place.write("net.toml", format!("{layers}[[layers]]\nname = 'dense'\n"));
    // 1,617 rows in batches of 101: the last has one row, which the running statistics normalize.
    let line = "builtin:digits --network net.toml --batch-size 101 --no-validation --threads 1";
    let line = killed(&place, line);
    place.train(&format!("{line} --out whole"));
    let log = events(&place.text("whole/log.jsonl"));
    let rows = log[0]["rows"]["train"].as_u64();
    assert_eq!(rows.map(|rows| rows % 101), Some(1), "{}", log[0]);
    place.succeed("train --resume --out killed --threads 2");
    let model = |run: &str| place.read(&format!("{run}/model.safetensors"));
    assert!(model("killed") == model("whole"));
}

#[test]
fn a_run_that_was_killed_records_what_it_would_have_recorded() {
    let place = Workplace::new();
    let line = killed(&place, "builtin:digits --no-validation --log-steps");
    let line = line.replace(" --log-steps", "");
    place.train(&format!("{line} --log-steps --out whole"));
    place.succeed("train --resume --out killed --quiet");
    let [whole, killed] = ["whole", "killed"].map(|run| {
        let log = events(&place.text(&format!("{run}/log.jsonl")));
        let steps = log.iter().filter(|line| line["event"] == "step").cloned();
        let layers = log.iter().filter(|line| !line["layers"].is_null());
        let layers = layers.map(|line| (line["epoch"].clone(), line["layers"].clone()));
        (steps.collect::<Vec<_>>(), layers.collect::<Vec<_>>())
    });
    assert!(
        whole.0.len() > 512 && whole.1.len() >= 30,
        "{}",
        whole.0.len()
    );
    assert!(whole.0 == killed.0, "updates");
    assert!(whole.1 == killed.1, "layers");
}

#[test]
fn a_run_that_was_killed_goes_on_to_the_same_bits() {
    let place = Workplace::new();
    let line = killed(
        &place,
        "builtin:digits --hidden 256,256 --no-validation --threads 1",
    );
    assert!(!place.path("killed/model.safetensors").exists());
    place.train(&format!("{line} --out whole"));

    let changed = place.refused(&format!("train {line} --lr 0.5 --resume --out killed"));
    assert!(changed.contains("learning_rate"), "{changed}");
    // As if it had begun on another machine.
    let log = place.text("killed/log.jsonl");
    let cpu = thalweg_core::Isa::detect().name();
    place.write(
        "killed/log.jsonl",
        log.replace(&format!("\"cpu\":\"{cpu}\""), "\"cpu\":\"abacus\""),
    );
    let resumed = place.succeed("train --resume --out killed");
    for line in ["goes on after epoch", "began with the instructions abacus"] {
        assert!(resumed.stdout.contains(line), "{resumed:?}");
    }
    assert_eq!(
        place.read("killed/model.safetensors"),
        place.read("whole/model.safetensors")
    );
    assert_eq!(place.files("killed"), place.files("whole"));
    let log = |name: &str| {
        let mut events = events(&place.text(&format!("{name}/log.jsonl")));
        for event in &mut events {
            for key in ["seconds", "rows_per_second", "out", "threads", "cpu"] {
                event.as_object_mut().unwrap().remove(key);
            }
        }
        events
    };
    assert_eq!(log("killed"), log("whole"));
}

#[test]
fn a_run_that_was_killed_before_its_first_checkpoint_begins_anew() {
    let place = Workplace::new();
    place.train("builtin:iris --epochs 5 --out whole");
    std::fs::create_dir(place.path("killed")).unwrap();
    place.write("killed/config.toml", place.read("whole/config.toml"));
    let log = place.text("whole/log.jsonl");
    place.write("killed/log.jsonl", &log[..log.len() * 2 / 3]);
    place.succeed("train --resume --out killed");
    assert_eq!(
        place.read("killed/model.safetensors"),
        place.read("whole/model.safetensors")
    );
    assert_eq!(events(&place.text("killed/log.jsonl")).len(), 7);
}

#[test]
fn ctrl_c_saves_the_best_model_so_far_and_exits_with_130() {
    for name in ["-INT", "-TERM"] {
        let place = Workplace::new();
        let log = place.path("a/log.jsonl");
        let mut child = start(&place, "train builtin:iris --epochs 100000000 --out a");
        let epochs = || {
            std::fs::read_to_string(&log)
                .unwrap_or_default()
                .lines()
                .count()
                > 3
        };
        assert!(wait_for(&mut child, epochs));
        // One wish may come as several signals.
        for _ in 0..3 {
            signal(&child, name);
        }
        let ended = Ended::from(child.wait_with_output().unwrap());
        assert_eq!(ended.code, Some(130), "{ended:?}");
        let goes_on = match place.path("a/checkpoint.safetensors").exists() {
            true => "`thalweg train --resume --out a` goes on after epoch ",
            false => "`thalweg train --resume --out a` begins anew, ",
        };
        assert!(ended.stderr.contains(goes_on), "{ended:?}");
        assert_eq!(ended.stderr.matches("again to stop at once").count(), 1);
        let end = events(&place.text("a/log.jsonl")).pop().unwrap();
        assert_eq!(end["stopped_by"], "interrupted");
        assert!(end["test"]["accuracy"].is_f64(), "{end}");
        let evaluated = place.succeed("evaluate a builtin:iris");
        assert!(evaluated.stdout.contains("accuracy"), "{evaluated:?}");
    }
}

#[test]
fn a_run_folder_belongs_to_one_process() {
    let place = Workplace::new();
    let log = place.path("a/log.jsonl");
    let mut child = start(&place, "train builtin:iris --epochs 100000000 --out a");
    assert!(wait_for(&mut child, || log.exists()));
    for line in [
        "train --resume --out a",
        "train builtin:iris --resume --out a",
        "train builtin:iris --out a",
    ] {
        let message = place.refused(line);
        assert!(
            message.contains("another thalweg is training in a"),
            "{message}"
        );
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(
        place
            .refused("train builtin:iris --out a")
            .contains("--resume")
    );
}

#[test]
fn a_hangup_that_nohup_ignores_stays_ignored() {
    let place = Workplace::new();
    let log = place.path("a/log.jsonl");
    let mut command = Command::new("nohup");
    command
        .arg(env!("CARGO_BIN_EXE_thalweg"))
        .args("train builtin:iris --epochs 100000000 --out a".split_whitespace())
        .current_dir(place.path("."))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let epochs = |n: usize| {
        let log = log.clone();
        move || {
            let log = std::fs::read_to_string(&log).unwrap_or_default();
            log.lines().count() > n
        }
    };
    assert!(wait_for(&mut child, epochs(3)));
    signal(&child, "-HUP");
    let done = std::fs::read_to_string(&log).unwrap().lines().count();
    assert!(wait_for(&mut child, epochs(done + 100)));
    child.kill().unwrap();
    child.wait().unwrap();
}
