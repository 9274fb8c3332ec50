//! The same seed gives the same bits: for every number of threads, on every instruction set, on resume.

use std::process::Command;

use crate::common::*;
use thalweg_core::Isa;
use thalweg_core::cpu;
use thalweg_core::dataset::{Dataset, Targets};
use thalweg_core::engine::{Batch, Engine, Rows};
use thalweg_core::error::Result;
use thalweg_core::observe::EpochReport;
use thalweg_core::optimizers::OPTIMIZERS;
use thalweg_core::precision::Dtype;
use thalweg_core::registry::Choice;
use thalweg_core::schedules::SCHEDULES;
use thalweg_core::spec::{NetworkSpec, TrainingSpec};
use thalweg_core::train::{Checkpoint, Run, train};
use thalweg_core::train::{Flow, Observer};

/// Inputs, hidden widths and rows of a batch; the last three are work enough for a team.
const NETS: [(usize, &[usize], usize); 5] = [
    (5, &[], 16),
    (7, &[9], 33),
    (40, &[130, 70], 96),
    (64, &[257], 200),
    // A gradient that is added up from those of row blocks.
    (20, &[16], 300),
];

fn net(index: usize) -> (NetworkSpec, TrainingSpec, Dataset) {
    let (inputs, hidden, batch_size) = NETS[index];
    let network = NetworkSpec::mlp(inputs, hidden, "tanh", 3, Choice::new("cross_entropy"));
    let dataset = Dataset {
        // The last batch of an epoch is short.
        weights: (index % 2 == 1).then(|| weights(3 * batch_size + 5, 4)),
        ..dataset("cross_entropy", inputs, 3, 3 * batch_size + 5, 3)
    };
    let spec = TrainingSpec {
        optimizer: Choice::new("adamw"),
        reduction: Default::default(),
        shuffle: true,
        seed: 7,
        ..descent(1e-2, batch_size, 3)
    };
    (network, spec, dataset)
}

fn trained(
    network: &NetworkSpec,
    spec: &TrainingSpec,
    dataset: &Dataset,
    threads: usize,
) -> Box<dyn Engine> {
    let engine = cpu::engine(network, spec, threads).unwrap();
    let mut run = Run::new(engine, spec, dataset, None).unwrap();
    train(&mut run, &mut ()).unwrap();
    run.into_engine()
}

/// Threads of this process that belong to a team, where the system tells.
fn team_threads() -> Option<usize> {
    let tasks = std::fs::read_dir("/proc/self/task").ok()?;
    let name = |task: std::io::Result<std::fs::DirEntry>| {
        std::fs::read_to_string(task.ok()?.path().join("comm")).ok()
    };
    Some(
        tasks
            .filter_map(name)
            .filter(|name| name.starts_with("thalweg-"))
            .count(),
    )
}

/// Trains every net of [`NETS`] in all precisions on 1, 2, 3 and 5 threads, and returns the parameters,
/// which are the same for all of them.
fn parameters_for_any_number_of_threads() -> Vec<f64> {
    let mut parameters = Vec::new();
    for index in 0..NETS.len() {
        for dtype in [Dtype::F64, Dtype::F32, Dtype::Bf16] {
            let (network, spec, dataset) = net(index);
            let spec = TrainingSpec { dtype, ..spec };
            let one = trained(&network, &spec, &dataset, 1).save().unwrap();
            assert!(one.parameters.iter().all(|p| p.is_finite()));
            let start = cpu::engine(&network, &spec, 1).unwrap().save().unwrap();
            assert_ne!(one.parameters, start.parameters, "nothing was trained");
            for threads in [2, 3, 5] {
                let mut engine = trained(&network, &spec, &dataset, threads);
                let many = engine.save().unwrap();
                let same = bits(&many.parameters) == bits(&one.parameters)
                    && many
                        .slots
                        .iter()
                        .zip(&one.slots)
                        .all(|(a, b)| bits(a) == bits(b));
                assert!(
                    same,
                    "net {index} {dtype:?}: {threads} threads give other bits than one"
                );
                let batch = Batch::new(&dataset, Rows::Range(0, spec.batch_size));
                let (_, gradient) = engine.loss_and_gradient(&batch).unwrap();
                let mut single = cpu::engine(&network, &spec, 1).unwrap();
                single.load(&one).unwrap();
                let (_, expected) = single.loss_and_gradient(&batch).unwrap();
                assert_eq!(
                    bits(&gradient),
                    bits(&expected),
                    "net {index}, {threads} threads"
                );
                if let Some(team) = team_threads() {
                    assert!(
                        index < 2 || team >= threads - 1,
                        "net {index}: a team of {team}"
                    );
                }
            }
            parameters.extend(one.parameters);
        }
    }
    parameters
}

/// Where the test below finds the name of the file that it shall write in a process of its own.
const OUTPUT: &str = "THALWEG_TEST_OUTPUT";

#[test]
fn the_number_of_threads_changes_no_bit() {
    let parameters = parameters_for_any_number_of_threads();
    if let Ok(path) = std::env::var(OUTPUT) {
        let bytes: Vec<u8> = parameters.iter().flat_map(|p| p.to_le_bytes()).collect();
        std::fs::write(
            path,
            [Isa::detect().name().as_bytes(), b"\n", &bytes].concat(),
        )
        .unwrap();
    }
}

/// Runs [`the_number_of_threads_changes_no_bit`] in a process that is told which instruction set to use.
fn parameters_on(isa: Isa) -> Vec<f64> {
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!(
        "parameters-{}-{}",
        isa.name(),
        std::process::id()
    ));
    let output = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "determinism::the_number_of_threads_changes_no_bit",
        ])
        .env("THALWEG_CPU", isa.name())
        .env(OUTPUT, &path)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "on {}: {said}", isa.name());
    let bytes = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let line = bytes.iter().position(|byte| *byte == b'\n').unwrap();
    assert_eq!(
        &bytes[..line],
        isa.name().as_bytes(),
        "the process took another path"
    );
    let (values, rest) = bytes[line + 1..].as_chunks();
    assert!(rest.is_empty());
    values
        .iter()
        .map(|value| f64::from_le_bytes(*value))
        .collect()
}

#[test]
fn instruction_sets_agree_up_to_rounding_and_each_for_any_number_of_threads() {
    let available = || Isa::available();
    let all: Vec<(Isa, Vec<f64>)> = available().map(|isa| (isa, parameters_on(isa))).collect();
    let (_, portable) = all.last().unwrap();
    for (isa, parameters) in &all[..all.len() - 1] {
        assert_eq!(parameters.len(), portable.len());
        let (mut start, mut worst) = (0, [0.0f64; 3]);
        for index in 0..NETS.len() {
            let count = cpu::engine(&net(index).0, &net(index).1, 1)
                .unwrap()
                .save()
                .unwrap()
                .parameters
                .len();
            for (k, tolerance) in [1e-10, 1e-3, 1e-2].into_iter().enumerate() {
                let range = start..start + count;
                let error = worst_error(&parameters[range.clone()], &portable[range], 1.0);
                let place = format!("net {index} on {}", isa.name());
                assert!(
                    error <= tolerance,
                    "{place}: {error:e} from the portable path"
                );
                worst[k] = worst[k].max(error);
                start += count;
            }
        }
        assert_eq!(start, portable.len());
        println!(
            "{} and portable: f64 within {:.1e}, f32 within {:.1e}, bf16 within {:.1e}",
            isa.name(),
            worst[0],
            worst[1],
            worst[2]
        );
    }
}

#[test]
fn single_and_double_precision_agree_to_four_digits() {
    for index in 0..NETS.len() {
        let (network, spec, dataset) = net(index);
        let spec = TrainingSpec {
            optimizer: Choice::new("sgd"),
            ..spec
        };
        let [double, single] = [Dtype::F64, Dtype::F32].map(|dtype| {
            let spec = TrainingSpec {
                dtype,
                ..spec.clone()
            };
            trained(&network, &spec, &dataset, 2)
                .save()
                .unwrap()
                .parameters
        });
        assert_ne!(
            double, single,
            "net {index} was computed in the same precision twice"
        );
        let error = worst_error(&double, &single, 1.0);
        assert!(error < 1e-4, "net {index}: {error:e}");
        println!("net {index}: {error:.1e}");
    }
}

/// Keeps the checkpoint after an epoch and goes no further.
struct Interrupt {
    after: usize,
    checkpoint: Option<Checkpoint>,
}

impl Observer for Interrupt {
    fn epoch(&mut self, run: &mut Run, report: &EpochReport) -> Result<Flow> {
        if report.epoch < self.after {
            return Ok(Flow::Continue);
        }
        self.checkpoint = run.checkpoint()?;
        Ok(Flow::Stop)
    }
}

#[test]
fn resume_gives_the_same_bits_as_a_run_without_interruption() {
    let (network, spec, training) = net(1);
    let validation = dataset("cross_entropy", 7, 3, 40, 11);
    let mut cases = 0;
    for optimizer in names(&OPTIMIZERS) {
        for schedule in names(&SCHEDULES) {
            for dtype in [Dtype::F32, Dtype::F64, Dtype::Bf16] {
                let spec = TrainingSpec {
                    optimizer: Choice::new(optimizer),
                    schedule: Choice::new(schedule),
                    dtype,
                    epochs: 6,
                    l2: 0.01,
                    ..spec.clone()
                };
                for validation in [None, Some(&validation)] {
                    let begin = || {
                        let engine = cpu::engine(&network, &spec, 1).unwrap();
                        Run::new(engine, &spec, &training, validation).unwrap()
                    };
                    let mut whole = begin();
                    let expected = train(&mut whole, &mut ()).unwrap();
                    for after in [1, 4] {
                        let mut interrupt = Interrupt {
                            after,
                            checkpoint: None,
                        };
                        train(&mut begin(), &mut interrupt).unwrap();
                        let mut resumed = begin();
                        resumed.resume(&interrupt.checkpoint.unwrap()).unwrap();
                        assert_eq!(resumed.epoch(), after);
                        let summary = train(&mut resumed, &mut ()).unwrap();
                        let case = format!("{optimizer} {schedule} {dtype:?} after epoch {after}");
                        assert_eq!(summary, expected, "{case}");
                        assert_eq!(resumed.best(), whole.best(), "{case}");
                        let [a, b] =
                            [&mut resumed, &mut whole].map(|run| run.engine().save().unwrap());
                        assert_eq!(bits(&a.parameters), bits(&b.parameters), "{case}");
                        assert_eq!(a.slots, b.slots, "{case}");
                        cases += 1;
                    }
                }
            }
        }
    }
    assert!(cases >= 192, "only {cases} cases");
}

#[test]
fn another_seed_gives_other_initial_parameters_and_another_order_of_rows() {
    let (network, spec, dataset) = net(0);
    let run = |seed| {
        let spec = TrainingSpec {
            seed,
            ..spec.clone()
        };
        let mut engine = cpu::engine(&network, &spec, 1).unwrap();
        let initial = engine.save().unwrap().parameters;
        // From the same place, only the order of the rows differs.
        engine.load(&state(&vec![0.1; initial.len()])).unwrap();
        let mut run = Run::new(engine, &spec, &dataset, None).unwrap();
        train(&mut run, &mut ()).unwrap();
        (
            bits(&initial),
            bits(&run.engine().save().unwrap().parameters),
        )
    };
    let (one, again, other) = (run(1), run(1), run(2));
    assert_eq!(one, again);
    assert!(one.0 != other.0 && one.1 != other.1);
}

#[test]
fn the_answer_for_a_row_does_not_depend_on_the_rows_beside_it() {
    for index in 0..NETS.len() {
        for (dtype, threads) in [(Dtype::F64, 1), (Dtype::F32, 3), (Dtype::Bf16, 2)] {
            let (network, spec, dataset) = net(index);
            let spec = TrainingSpec { dtype, ..spec };
            let mut engine = cpu::engine(&network, &spec, threads).unwrap();
            let all = engine.predict(&dataset.features).unwrap();
            let rows = dataset.rows();
            assert_eq!(all.len(), 3 * rows);
            let mut check = |asked: Rows| {
                let mut some = Vec::new();
                engine
                    .evaluate(&Batch::new(&dataset, asked), Some(&mut some))
                    .unwrap();
                let expected: Vec<f64> = (0..asked.len())
                    .flat_map(|i| all[3 * asked.at(i)..][..3].iter().copied())
                    .collect();
                assert_eq!(
                    bits(&some),
                    bits(&expected),
                    "net {index} {dtype:?}, {asked:?}"
                );
            };
            let backwards: Vec<u32> = (0..rows as u32).rev().collect();
            check(Rows::Listed(&backwards));
            check(Rows::Listed(&backwards[3..][..31]));
            check(Rows::Listed(&[4, 4, 0, 4]));
            for row in 0..rows {
                check(Rows::Range(row, row + 1));
            }
            for (start, end) in [(0, 2), (1, 8), (5, 38), (rows - 3, rows), (7, 7)] {
                check(Rows::Range(start, end));
            }
        }
    }
}

#[test]
fn a_loss_is_the_weighted_mean_of_the_losses_of_its_rows() {
    let (network, spec, dataset) = net(3);
    let mut engine = cpu::engine(&network, &spec, 3).unwrap();
    let Targets::Classes(_) = dataset.targets else {
        panic!("classes")
    };
    let weights = dataset.weights.clone().unwrap();
    let mut sum = 0.0;
    for (row, weight) in weights
        .iter()
        .enumerate()
        .filter(|(_, weight)| **weight > 0.0)
    {
        let batch = Batch::new(&dataset, Rows::Range(row, row + 1));
        sum += f64::from(*weight) * engine.evaluate(&batch, None).unwrap();
    }
    let mean = sum / weights.iter().map(|w| f64::from(*w)).sum::<f64>();
    let whole = engine.evaluate(&Batch::all(&dataset), None).unwrap();
    assert!(
        relative_error(whole, mean, 0.0) < 1e-13,
        "{whole} is not {mean}"
    );
}
