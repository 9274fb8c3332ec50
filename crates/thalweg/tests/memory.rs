//! What is as long as θ, where memory is short: an error, and no abort.

#![cfg(target_os = "linux")]

mod common;

use std::process::Command;

use common::*;
use thalweg::error::Result;
use thalweg::observe::{EpochReport, Flow, Observer};
use thalweg::train::{Run, train};

/// Set in the process that has the limit.
const LIMITED: &str = "THALWEG_TEST_LIMITED";
/// Kibibytes of address space: enough for the network, its rows and the test.
const LIMIT: usize = 1_000_000;

/// Takes all memory but less than a copy of θ.
fn hoard() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    loop {
        let mut piece = Vec::new();
        if piece.try_reserve_exact(1 << 20).is_err() {
            return all;
        }
        all.push(piece);
    }
}

struct Miser(Vec<String>);

impl Observer for Miser {
    fn epoch(&mut self, run: &Run, _: &EpochReport) -> Result<Flow> {
        assert!(run.checkpoint()?.is_some());
        let hoard = hoard();
        let error = run.checkpoint().err();
        drop(hoard);
        self.0.extend(error.map(|error| error.to_string()));
        Ok(Flow::Continue)
    }
}

#[test]
fn copies_of_the_parameters_that_no_memory_holds_are_errors() {
    if std::env::var_os(LIMITED).is_some() {
        return with_a_limit();
    }
    let name = "copies_of_the_parameters_that_no_memory_holds_are_errors";
    let line = format!("ulimit -v {LIMIT} && exec \"$0\" --exact {name} --nocapture");
    let ended = Command::new("sh")
        .args(["-c", &line])
        .arg(std::env::current_exe().unwrap())
        .env(LIMITED, "1")
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&ended.stdout);
    assert!(
        ended.status.success() && told.contains("refused 4 times"),
        "{ended:?}"
    );
}

fn with_a_limit() {
    // 1,081,345 parameters: 8.7 MB in double precision.
    let network = network(
        30,
        "mse",
        vec![
            dense(1024, "relu"),
            dense(1024, "relu"),
            dense(1, "identity"),
        ],
    );
    let spec = descent(1e-3, 10, 1);
    let rows = dataset("mse", 30, 1, 20, 3);
    let mut run = Run::new(engine(&network, &spec), &spec, &rows, Some(&rows)).unwrap();
    let mut miser = Miser(Vec::new());
    train(&mut run, &mut miser).unwrap();
    let mut told = miser.0;

    let state = run.engine().save().unwrap();
    let hoard = hoard();
    let save = run.engine().save().err();
    let load = run.engine().load(&state).err();
    let best = run.restore_best().err();
    drop(hoard);
    told.extend(
        [save, load, best]
            .into_iter()
            .flatten()
            .map(|error| error.to_string()),
    );
    for line in &told {
        assert!(line.contains("bytes of memory at once"), "{line}");
    }
    println!("refused {} times", told.len());
}
