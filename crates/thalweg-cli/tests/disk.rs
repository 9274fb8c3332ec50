//! A disk that is full, a cell that the loss does not take, a run that is interrupted early, columns that are kept.
#![cfg(unix)]

use std::process::{Command, Stdio};
use std::time::Duration;

use crate::common::{Ended, Workplace};

/// Runs the program where no file may be longer than so many kilobytes: writing more fails, as on a full disk.
fn limited(place: &Workplace, kilobytes: usize, line: &str) -> Ended {
    let program = env!("CARGO_BIN_EXE_thalweg");
    let script = format!("trap '' XFSZ; ulimit -f {kilobytes}; exec {program} {line}");
    let mut command = Command::new("bash");
    command.args(["-c", &script]).current_dir(place.path(""));
    Ended::from(command.stdin(Stdio::null()).output().unwrap())
}

#[test]
fn a_log_without_room_ends_the_run_with_its_best_model_and_it_goes_on_to_the_same_bits() {
    let place = Workplace::new();
    let line = "train builtin:iris --hidden 8 --epochs 700 --patience 700";
    let ended = limited(&place, 40, &format!("{line} --out full"));
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let message = ended.stderr.lines().last().unwrap();
    assert!(
        message.starts_with("thalweg: full/log.jsonl: "),
        "{message}"
    );
    assert!(
        message.contains("; the best model so far is in full; `thalweg train --resume --out full` goes on after epoch "),
        "{message}"
    );
    assert!(message.ends_with(" once there is room"), "{message}");
    place.succeed("predict full builtin:iris");
    place.succeed("train --resume --out full");
    place.succeed(&format!("{line} --out whole"));
    assert_eq!(place.files("full"), place.files("whole"));
    assert_eq!(
        place.read("full/model.safetensors"),
        place.read("whole/model.safetensors")
    );
}

#[test]
fn a_checkpoint_without_room_leaves_the_model() {
    let place = Workplace::new();
    // A model of 120 kB, and a checkpoint of four times that.
    let line = "train builtin:digits --hidden 400 --epochs 100000 --no-validation --out full";
    let ended = limited(&place, 200, line);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let message = ended.stderr.lines().last().unwrap();
    assert!(
        message.starts_with("thalweg: full/checkpoint.safetensors: "),
        "{message}"
    );
    assert!(
        message.contains("the best model so far is in full; "),
        "{message}"
    );
    assert!(
        message.contains("begins anew once there is room"),
        "{message}"
    );
    let files = place.files("full");
    assert!(
        !files
            .iter()
            .any(|name| name.contains("tmp") || name.contains("checkpoint")),
        "{files:?}"
    );
    place.succeed("predict full builtin:digits");
}

#[test]
fn a_folder_without_room_for_the_model_is_refused_before_training() {
    let place = Workplace::new();
    let line = "train builtin:digits --hidden 400 --epochs 100000 --no-validation --out full";
    let ended = limited(&place, 100, line);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    let message = ended.stderr.lines().last().unwrap();
    assert!(
        message.starts_with("thalweg: full/model.safetensors: cannot be written: ")
            && message.matches("full/").count() == 1
            && message.ends_with("; make room, or choose another place"),
        "{message}"
    );
}

#[test]
fn an_interruption_before_the_first_epoch_ends_leaves_a_checkpoint() {
    let place = Workplace::new();
    let rows: String = (0..20_000)
        .map(|i| format!("{},{},{}\n", i % 13, i % 7, i % 5))
        .collect();
    place.write("rows.csv", format!("a,b,y\n{rows}"));
    let line = "rows.csv --hidden 64,64 --batch-size 1 --epochs 2 --threads 1 --task regression";
    let words = format!("train {line} --out cut");
    let mut command = place.command(words.split_whitespace());
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while !place.path("cut/log.jsonl").exists() {
        assert!(
            child.try_wait().unwrap().is_none(),
            "{:?}",
            child.wait_with_output()
        );
        std::thread::sleep(Duration::from_millis(2));
    }
    std::thread::sleep(Duration::from_millis(30));
    let killed = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(killed.unwrap().success());
    let ended = Ended::from(child.wait_with_output().unwrap());
    assert_eq!(ended.code, Some(130), "{ended:?}");
    assert!(
        !place.text("cut/log.jsonl").contains("\"epoch\","),
        "it was not early"
    );
    assert!(
        ended
            .stderr
            .contains("`thalweg train --resume --out cut` goes on within epoch 1"),
        "{ended:?}"
    );
    assert!(place.path("cut/checkpoint.safetensors").exists());
    let resumed = place.succeed("train --resume --out cut");
    assert!(
        resumed.stdout.starts_with("goes on within epoch 1"),
        "{resumed:?}"
    );
    place.train(&format!("{line} --out whole"));
    assert_eq!(
        place.read("cut/model.safetensors"),
        place.read("whole/model.safetensors")
    );
}

#[test]
fn a_count_below_0_is_named_by_its_cell() {
    let place = Workplace::new();
    let text = |bad: usize| {
        let cell = |i: usize| if i == bad { -2 } else { (i % 4) as i64 };
        let rows: String = (0..40)
            .map(|i| format!("{i},{},{}\n", i % 3, cell(i)))
            .collect();
        format!("a,b,y\n{rows}")
    };
    place.write("good.csv", text(99));
    for row in [3, 17, 39] {
        place.write("bad.csv", text(row));
        let message = place.refused("train bad.csv --loss poisson --epochs 1 --task regression");
        let expected = format!(
            "thalweg: bad.csv:{}: column \"y\": found -2, expected numbers ≥ 0, as the loss poisson takes; correct the \
             cell, or choose another --loss",
            row + 2
        );
        assert_eq!(message, expected);
    }
    for flag in ["--test", "--validation"] {
        let message = place.refused(&format!(
            "train good.csv --loss poisson --task regression {flag} bad.csv --out o"
        ));
        assert!(
            message.starts_with("thalweg: bad.csv:41: column \"y\": found -2"),
            "{message}"
        );
        assert!(!place.path("o").exists());
    }
    place.train("bad.csv --loss huber --epochs 1 --task regression");
}

#[test]
fn columns_of_the_file_stand_in_front_of_the_predictions() {
    let place = Workplace::new();
    let row = |i: usize| {
        format!(
            "{i:04},\"${i},000.50\",{},{}
",
            i % 5,
            i % 3
        )
    };
    let rows: String = (0..30).map(row).collect();
    place.write("rows.csv", format!("id,price,x,y\n{rows}"));
    place.train("rows.csv --drop id --drop price --task regression --epochs 2 --out m");
    let plain = place.succeed("predict m rows.csv").stdout;
    let mut words: Vec<&str> = "predict m rows.csv --keep id,price --keep"
        .split(' ')
        .collect();
    words.push("x");
    let kept = Ended::from(place.command(words).output().unwrap());
    let lines: Vec<&str> = kept.stdout.lines().collect();
    assert_eq!(lines[0], "id,price,x,y");
    for (index, (line, plain)) in lines.iter().zip(plain.lines()).enumerate().skip(1) {
        let row = index - 1;
        assert_eq!(
            *line,
            format!("{row:04},\"${row},000.50\",{},{plain}", row % 5)
        );
    }
    assert_eq!(lines.len(), 31);
    // No two columns of one name, and nothing said of what is kept.
    let kept = place.succeed("predict m rows.csv --keep y,id");
    assert!(
        kept.stdout.starts_with("y,id,y_predicted\n"),
        "{}",
        kept.stdout
    );
    assert!(!kept.stderr.contains("ignored"), "{}", kept.stderr);
    let message = place.refused("predict m rows.csv -o p.xlsx");
    assert!(
        message.contains("p.xlsx: found no ending of a format that is written"),
        "{message}"
    );
    let message = place.refused("predict m rows.csv --keep idd");
    assert!(
        message.contains("rows.csv: found no column \"idd\", expected columns to keep"),
        "{message}"
    );
    assert!(message.ends_with("did you mean `id`?"), "{message}");
}
