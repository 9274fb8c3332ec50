//! What is as long as θ, where memory is short: an error, and no abort.

#![cfg(target_os = "linux")]

mod common;

use std::process::Command;

use common::*;
use thalweg_core::engine::{Batch, StepReport};
use thalweg_core::error::Result;
use thalweg_core::observe::EpochReport;
use thalweg_core::registry::{Choice, Setting};
use thalweg_core::spec::{NetworkSpec, TrainingSpec};
use thalweg_core::train::{Flow, Observer};
use thalweg_core::train::{Run, train};

/// Set in the process that has the limit.
const LIMITED: &str = "THALWEG_TEST_LIMITED";
/// Kibibytes of address space: enough for the network, its rows and the test.
const LIMIT: usize = 1_000_000;
/// Bytes of a copy of the network's parameters, 279,041 in double precision.
const COPY: usize = 279_041 * 8;

/// Runs the test of that name in a process that has the limit, alone.
fn limited(name: &str, test: fn()) {
    if std::env::var_os(LIMITED).is_some() {
        return test();
    }
    let line = format!("ulimit -v {LIMIT} && exec \"$0\" --exact {name} --nocapture");
    let ended = Command::new("sh")
        .args(["-c", &line])
        .arg(std::env::current_exe().unwrap())
        .env(LIMITED, "1")
        // What is freed goes back to the system.
        .env("MALLOC_MMAP_THRESHOLD_", "65536")
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&ended.stdout);
    assert!(
        ended.status.success() && told.contains("1 passed"),
        "{ended:?}"
    );
}

/// Takes all memory but so many bytes, and about a mebibyte.
fn hoard(left: usize) -> Vec<Vec<u8>> {
    let room = Vec::<u8>::with_capacity(left);
    let mut all = Vec::new();
    loop {
        let mut piece = Vec::new();
        if piece.try_reserve_exact(1 << 20).is_err() {
            drop(room);
            return all;
        }
        all.push(piece);
    }
}

/// Tries with ever more memory until there is enough; how often there was not.
fn refusals(mut attempt: impl FnMut() -> Result<()>) -> usize {
    for count in 0..100 {
        let hoard = hoard(count * COPY / 2);
        let result = attempt();
        drop(hoard);
        match result {
            Ok(()) => return count,
            Err(error) => {
                let line = error.to_string();
                assert!(line.contains("bytes of memory at once"), "{line}");
            }
        }
    }
    panic!("it never has enough");
}

fn wide() -> NetworkSpec {
    let layers = vec![dense(512, "relu"), dense(512, "relu"), dense(1, "identity")];
    network(30, "mse", layers)
}

struct Miser(Vec<String>);

impl Observer for Miser {
    fn epoch(&mut self, run: &mut Run, _: &EpochReport) -> Result<Flow> {
        assert!(run.checkpoint()?.is_some());
        let hoard = hoard(0);
        let error = run.checkpoint().err();
        drop(hoard);
        self.0.extend(error.map(|error| error.to_string()));
        Ok(Flow::Continue)
    }
}

#[test]
fn copies_of_the_parameters_that_no_memory_holds_are_errors() {
    let name = "copies_of_the_parameters_that_no_memory_holds_are_errors";
    limited(name, || {
        let (network, spec) = (wide(), descent(1e-3, 10, 1));
        let rows = dataset("mse", 30, 1, 20, 3);
        let mut run = Run::new(engine(&network, &spec), &spec, &rows, Some(&rows)).unwrap();
        let mut miser = Miser(Vec::new());
        train(&mut run, &mut miser).unwrap();
        let mut told = miser.0;

        let state = run.engine().save().unwrap();
        let hoard = hoard(0);
        let save = run.engine().save().err();
        let parameters = run.engine().save_parameters().err();
        let load = run.engine().load(&state).err();
        let best = run.restore_best().err();
        drop(hoard);
        let errors = [save, parameters, load, best].into_iter().flatten();
        told.extend(errors.map(|error| error.to_string()));
        for line in &told {
            assert!(line.contains("bytes of memory at once"), "{line}");
        }
        assert_eq!(told.len(), 5, "{told:?}");
    });
}

/// Leaves an epoch's end room for one copy of the parameters.
struct Tight(Vec<Vec<u8>>);

impl Observer for Tight {
    fn step(&mut self, run: &mut Run, _: &StepReport) -> Result<Flow> {
        if run.step() == 2 {
            self.0 = hoard(COPY + COPY / 2);
        }
        Ok(Flow::Continue)
    }

    fn epoch(&mut self, run: &mut Run, _: &EpochReport) -> Result<Flow> {
        self.0.clear();
        assert_eq!(run.best().map(|best| best.epoch), Some(1));
        Ok(Flow::Continue)
    }
}

#[test]
fn the_best_epoch_is_remembered_without_a_copy_of_slots() {
    let name = "the_best_epoch_is_remembered_without_a_copy_of_slots";
    limited(name, || {
        let spec = TrainingSpec {
            optimizer: Choice::new("adam"),
            ..descent(1e-3, 10, 1)
        };
        let rows = dataset("mse", 30, 1, 20, 3);
        let mut run = Run::new(engine(&wide(), &spec), &spec, &rows, Some(&rows)).unwrap();
        let summary = train(&mut run, &mut Tight(Vec::new())).unwrap();
        assert_eq!(summary.steps, 2);
    });
}

#[test]
fn hessian_vector_products_that_no_memory_holds_are_errors() {
    let name = "hessian_vector_products_that_no_memory_holds_are_errors";
    limited(name, || {
        let spec = descent(1e-3, 20, 1);
        let rows = dataset("mse", 30, 1, 20, 3);
        let batch = Batch::all(&rows);
        let mut engine = engine(&wide(), &spec);
        let ones = vec![1.0; COPY / 8];
        // Once for the network beside the engine, once with it.
        for least in [10, 1] {
            let refused = refusals(|| engine.hvp(&batch, &ones).map(drop));
            assert!(refused >= least, "{refused}");
        }
        let twice = [&ones[..], &ones].concat();
        assert!(refusals(|| engine.hvp(&batch, &twice).map(drop)) >= 3);
    });
}

#[test]
fn solvers_that_no_memory_holds_end_with_errors() {
    let name = "solvers_that_no_memory_holds_end_with_errors";
    limited(name, || {
        let solve = |network: &NetworkSpec, outputs, solver: Choice| {
            let spec = TrainingSpec {
                optimizer: solver,
                ..descent(1.0, 20, 2)
            };
            let rows = dataset("mse", network.inputs, outputs, 20, 3);
            let mut run = Run::new(engine(network, &spec), &spec, &rows, None).unwrap();
            refusals(|| train(&mut run, &mut ()).map(drop))
        };
        let few = |solver: &str, limit| Choice::new(solver).with(limit, Setting::Integer(2));
        for solver in [few("lbfgs", "memory"), few("newton_cg", "inner")] {
            let refused = solve(&wide(), 1, solver);
            assert!(refused >= 8, "{refused}");
        }
        // 32,768 outputs of 7 inputs and a bias.
        let outputs = 1 << 15;
        let linear = network(7, "mse", vec![dense(outputs, "identity")]);
        let refused = solve(&linear, outputs, Choice::new("closed_form"));
        assert!(refused >= 8, "{refused}");
    });
}
