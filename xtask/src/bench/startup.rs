//! Start to finished model: whole processes that load the digits, train and save.

use std::process::Command;
use std::time::Instant;

use serde_json::Value;
use thalweg_bench::Spread;

use crate::Result;
use crate::process::{command, output, target, words};
use crate::python::Environment;

/// The training that Thalweg and scikit-learn share.
const HIDDEN: [usize; 2] = [128, 64];
const EPOCHS: usize = 30;
const BATCH: usize = 32;
const RATE: f64 = 1e-3;

/// For the first of them.
pub const GOAL: &str = "1 s";

/// A measured process.
pub struct Startup {
    pub what: String,
    pub seconds: Spread,
    /// On the rows that it held out in the last turn.
    pub accuracy: f64,
}

/// Runs all of them in turns, after one turn that warms up.
pub fn measure(python: &Environment, turns: usize) -> Result<Vec<Startup>> {
    let folder = target().join("bench-startup");
    let thalweg_program = super::executable()?.with_file_name("thalweg");
    let thalweg = |options: &[String]| {
        let mut process = command(thalweg_program.clone());
        process.args(["train", "builtin:digits", "--quiet", "--json", "--out"]);
        process.arg(&folder).args(options);
        process
    };
    let hidden = HIDDEN.map(|n| n.to_string()).join(",");
    let same = format!(
        "--hidden {hidden} --optimizer adam --lr {RATE} --schedule constant --batch-size {BATCH} \
         --epochs {EPOCHS} --no-validation"
    );
    let same: Vec<String> = same.split(' ').map(str::to_owned).collect();
    let job = serde_json::json!(
        {"hidden": HIDDEN, "batch": BATCH, "learning_rate": RATE, "epochs": EPOCHS}
    );
    let scikit_learn = || {
        let mut process = python.python();
        process.arg("bench/peers/digits.py").arg(job.to_string());
        process
    };
    let contestants: [(String, &dyn Fn() -> Command); 3] = [
        (
            "`thalweg train builtin:digits`".to_owned(),
            &|| thalweg(&[]),
        ),
        (format!("the same with `{}`", same.join(" ")), &|| {
            thalweg(&same)
        }),
        (
            "Python: imports scikit-learn, `MLPClassifier` of the second line".to_owned(),
            &scikit_learn,
        ),
    ];
    let mut seconds = [const { Vec::new() }; 3];
    let mut accuracies = [f64::NAN; 3];
    for turn in 0..=turns {
        for (k, (_, process)) in contestants.iter().enumerate() {
            let _ = std::fs::remove_dir_all(&folder);
            let mut process = process();
            let start = Instant::now();
            let printed = output(&mut process)?;
            let time = start.elapsed().as_secs_f64();
            accuracies[k] = accuracy(&printed)
                .ok_or_else(|| format!("`{}` printed no accuracy: {printed}", words(&process)))?;
            if turn > 0 {
                seconds[k].push(time);
            }
        }
    }
    let _ = std::fs::remove_dir_all(&folder);
    let all = contestants.into_iter().zip(seconds).zip(accuracies);
    let measured = all.map(|(((what, _), seconds), accuracy)| Startup {
        what,
        seconds: Spread::of(&seconds),
        accuracy,
    });
    Ok(measured.collect())
}

/// `{"accuracy": …}`, or the test part of the result of `thalweg train`.
fn accuracy(printed: &str) -> Option<f64> {
    let printed: Value = serde_json::from_str(printed.trim()).ok()?;
    let found = printed
        .get("accuracy")
        .or_else(|| printed.pointer("/test/accuracy"));
    found?.as_f64()
}
