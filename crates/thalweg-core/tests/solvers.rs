//! Solvers find the minimum. For exhaustive search see `search.rs`.

use crate::common::*;
use thalweg_core::cpu;
use thalweg_core::dataset::Dataset;
use thalweg_core::engine::Batch;
use thalweg_core::error::Result;
use thalweg_core::observe::EpochReport;
use thalweg_core::precision::Dtype;
use thalweg_core::registry::{Choice, Setting};
use thalweg_core::solvers::SOLVERS;
use thalweg_core::spec::{Batches, NetworkSpec, Reduction, Stop, TrainingSpec};
use thalweg_core::train::{Checkpoint, Run, StoppedBy, train};
use thalweg_core::train::{Flow, Observer};

fn by(solver: &str, l2: f64) -> TrainingSpec {
    TrainingSpec {
        l2,
        optimizer: Choice::new(solver),
        // Three batches of different size, so that their means have to be weighed.
        ..descent(1.0, 17, 400)
    }
}

fn solve(network: &NetworkSpec, spec: &TrainingSpec, rows: &Dataset) -> (Vec<f64>, StoppedBy) {
    let mut run = Run::new(engine(network, spec), spec, rows, None).unwrap();
    let summary = train(&mut run, &mut ()).unwrap();
    if spec.optimizer.name == "closed_form" {
        assert_eq!(summary.epochs, 1, "it is solved at once");
    }
    (run.engine().save().unwrap().parameters, summary.stopped_by)
}

/// Gauss–Jordan elimination with pivots.
fn eliminate(mut a: Vec<Vec<f64>>) -> Vec<f64> {
    let n = a.len();
    for i in 0..n {
        let pivot = (i..n).max_by(|p, q| a[*p][i].abs().total_cmp(&a[*q][i].abs()));
        a.swap(i, pivot.unwrap());
        let leading = a[i].clone();
        for (_, row) in a.iter_mut().enumerate().filter(|(row, _)| *row != i) {
            let factor = row[i] / leading[i];
            for (value, above) in row.iter_mut().zip(&leading) {
                *value -= factor * above;
            }
        }
    }
    (0..n).map(|i| a[i][n] / a[i][i]).collect()
}

/// The minimum of Σ w·(y − θ·x̃)²/Σw·share + λ/2·‖W‖² for each output: weights of all, then biases of all.
fn least_squares(rows: &Dataset, x: &[f64], y: &[f64], outputs: usize, l2: f64) -> Vec<f64> {
    let count = rows.rows();
    let inputs = x.len() / count;
    let weight = |row: usize| rows.weights.as_ref().map_or(1.0, |w| f64::from(w[row]));
    let total: f64 = (0..count).map(weight).sum();
    let at = |row: usize, i: usize| if i < inputs { x[row * inputs + i] } else { 1.0 };
    let scale = 2.0 / outputs as f64;
    let solutions: Vec<Vec<f64>> = (0..outputs)
        .map(|output| {
            let sum = |term: &dyn Fn(usize) -> f64| {
                scale * (0..count).map(|row| weight(row) * term(row)).sum::<f64>() / total
            };
            let system = (0..=inputs)
                .map(|i| {
                    let mut line: Vec<f64> = (0..=inputs)
                        .map(|j| {
                            let decay = if i == j && i < inputs { l2 } else { 0.0 };
                            sum(&|row| at(row, i) * at(row, j)) + decay
                        })
                        .collect();
                    line.push(sum(&|row| at(row, i) * y[row * outputs + output]));
                    line
                })
                .collect();
            eliminate(system)
        })
        .collect();
    let weights = solutions.iter().flat_map(|s| s[..inputs].to_vec());
    weights.chain(solutions.iter().map(|s| s[inputs])).collect()
}

#[test]
fn on_linear_least_squares_all_solvers_agree_with_the_normal_equations() {
    for (inputs, outputs, weighted, l2) in [
        (1, 1, false, 0.0),
        (4, 1, true, 0.0),
        (5, 3, true, 0.0),
        (4, 6, false, 0.3),
    ] {
        let count = 45;
        let (x, y) = (normals(3, inputs * count), normals(4, outputs * count));
        let rows = Dataset {
            features: features(inputs, x.clone()),
            targets: values(outputs, y.clone()),
            weights: weighted.then(|| weights(count, 5)),
        };
        let network = network(inputs, "mse", vec![dense(outputs, "identity")]);
        let want = least_squares(&rows, &x, &y, outputs, l2);
        // A grid has the minimum between its points.
        for solver in names(&SOLVERS)
            .into_iter()
            .filter(|name| *name != "exhaustive")
        {
            let (got, stopped_by) = solve(&network, &by(solver, l2), &rows);
            let error = worst_error(&got, &want, 1.0);
            println!("{solver} {inputs} to {outputs}, l2 {l2}: {error:.1e}");
            assert!(error < 1e-8, "{solver}: {got:?} is not {want:?}");
            assert_eq!(stopped_by, StoppedBy::Converged, "{solver}");
        }
    }
}

#[test]
fn a_convex_model_that_is_not_linear_has_one_minimum_for_both_iterative_solvers() {
    let rows = dataset("cross_entropy", 4, 3, 60, 8);
    let network = network(4, "cross_entropy", vec![dense(3, "identity")]);
    let [a, b] = ["lbfgs", "newton_cg"].map(|solver| {
        let spec = TrainingSpec {
            stop: Stop {
                min_gradient: Some(1e-9),
                ..Stop::default()
            },
            ..by(solver, 0.1)
        };
        solve(&network, &spec, &rows)
    });
    assert!(worst_error(&a.0, &b.0, 1.0) < 1e-7, "{a:?} {b:?}");
    for (theta, stopped_by) in [a, b] {
        assert!(matches!(
            stopped_by,
            StoppedBy::MinGradient | StoppedBy::Converged
        ));
        // At the minimum ∇loss = −λW, and the biases' gradient is 0.
        let mut engine = engine(&network, &descent(1.0, 60, 1));
        engine.load(&state(&theta)).unwrap();
        let (_, gradient) = engine.loss_and_gradient(&Batch::all(&rows)).unwrap();
        for (i, (g, w)) in gradient.iter().zip(&theta).enumerate() {
            let rest = if i < 12 { g + 0.1 * w } else { *g };
            assert!(rest.abs() < 1e-8, "{rest:e}");
        }
    }
}

#[test]
fn a_line_search_that_fails_is_not_called_converged() {
    // ½|2w − 4| + ½|w − 1| has its minimum at a kink, where the slope is −½ to the left and 3/2 to the right.
    let rows = pairs(&[(2.0, 4.0), (1.0, 1.0)]);
    let network = network(1, "mae", vec![without_bias(dense(1, "identity"))]);
    for solver in ["lbfgs", "newton_cg"] {
        let (theta, stopped_by) = solve(&network, &by(solver, 0.0), &rows);
        assert!((theta[0] - 2.0).abs() < 1e-6, "{solver}: {theta:?}");
        assert_eq!(stopped_by, StoppedBy::LineSearch, "{solver}");
    }
    assert_eq!(StoppedBy::LineSearch.name(), "line_search");
}

/// What an epoch told: its loss and ‖∇C‖.
struct Told(Vec<(f64, f64)>);

impl Observer for Told {
    fn epoch(&mut self, _: &mut Run, report: &EpochReport) -> Result<Flow> {
        self.0.push((report.train_loss, report.gradient_norm));
        Ok(Flow::Continue)
    }
}

#[test]
fn at_a_kink_a_solver_ends_with_the_iteration_that_gains_nothing() {
    for (solver, seed) in ["lbfgs", "newton_cg"]
        .into_iter()
        .flat_map(|solver| (1..6).map(move |seed| (solver, seed)))
    {
        let rows = dataset("mae", 2, 1, 300, seed);
        let network = network(2, "mae", vec![dense(1, "identity")]);
        let spec = by(solver, 0.0);
        let mut run = Run::new(engine(&network, &spec), &spec, &rows, None).unwrap();
        let mut told = Told(Vec::new());
        let summary = train(&mut run, &mut told).unwrap();
        assert_eq!(summary.stopped_by, StoppedBy::LineSearch, "{solver} {seed}");
        // The last iteration stays where it is.
        let moved = told.0.split_last().map_or(&[][..], |(_, moved)| moved);
        assert!(moved.len() > 5, "{solver} {seed}");
        for pair in moved.windows(2) {
            let ((before, length), (after, shorter)) = (pair[0], pair[1]);
            let rounding = 8.0 * f64::EPSILON * before;
            assert!(
                after < before - rounding || (after <= before + rounding && shorter < length),
                "{solver} {seed}: {pair:?}"
            );
        }
    }
}

/// Rosenbrock's valley cannot be had from a network; a small net with a hidden layer is as crooked.
#[test]
fn solvers_go_down_in_every_iteration_of_a_net_with_a_hidden_layer() {
    struct Losses(Vec<f64>);
    impl Observer for Losses {
        fn epoch(&mut self, _: &mut Run, report: &EpochReport) -> Result<Flow> {
            self.0.push(report.train_loss);
            Ok(Flow::Continue)
        }
    }
    let rows = dataset("mse", 3, 2, 40, 6);
    let network = network(3, "mse", vec![dense(5, "tanh"), dense(2, "identity")]);
    for solver in ["lbfgs", "newton_cg"] {
        let spec = TrainingSpec {
            epochs: 60,
            ..by(solver, 0.0)
        };
        let mut run = Run::new(engine(&network, &spec), &spec, &rows, None).unwrap();
        let mut losses = Losses(Vec::new());
        train(&mut run, &mut losses).unwrap();
        let losses = losses.0;
        assert!(
            losses
                .windows(2)
                .all(|pair| pair[1] <= pair[0] * (1.0 + 1e-14)),
            "{losses:?}"
        );
        assert!(
            losses[losses.len() - 1] < 0.5 * losses[0],
            "{solver}: {losses:?}"
        );
    }
}

#[test]
fn a_resumed_solver_gives_the_same_bits() {
    struct Interrupt(Option<Checkpoint>);
    impl Observer for Interrupt {
        fn epoch(&mut self, run: &mut Run, report: &EpochReport) -> Result<Flow> {
            if report.epoch < 5 {
                return Ok(Flow::Continue);
            }
            self.0 = run.checkpoint()?;
            Ok(Flow::Stop)
        }
    }
    let rows = dataset("mse", 3, 2, 40, 6);
    let network = network(3, "mse", vec![dense(5, "tanh"), dense(2, "identity")]);
    for solver in ["lbfgs", "newton_cg"] {
        let spec = TrainingSpec {
            epochs: 14,
            ..by(solver, 1e-3)
        };
        let (whole, _) = solve(&network, &spec, &rows);
        let begin = || Run::new(engine(&network, &spec), &spec, &rows, None).unwrap();
        let mut interrupt = Interrupt(None);
        train(&mut begin(), &mut interrupt).unwrap();
        let checkpoint = interrupt.0.unwrap();
        assert_eq!(checkpoint.state.slots.is_empty(), solver == "newton_cg");
        let mut resumed = begin();
        resumed.resume(&checkpoint).unwrap();
        train(&mut resumed, &mut ()).unwrap();
        assert_eq!(
            bits(&resumed.engine().save().unwrap().parameters),
            bits(&whole),
            "{solver}"
        );
        if solver == "lbfgs" {
            let mut damaged = checkpoint;
            damaged.state.slots[0].pop();
            assert!(begin().resume(&damaged).is_err());
        }
    }
}

#[test]
fn what_solvers_cannot_do_is_refused() {
    let linear = network(2, "mse", vec![dense(1, "identity")]);
    let message = |spec: TrainingSpec| spec.resolve().unwrap_err().to_string();
    let lbfgs = || by("lbfgs", 0.0);
    let single = message(TrainingSpec {
        dtype: Dtype::F32,
        ..lbfgs()
    });
    assert!(
        single.contains("`dtype`: found f32, expected f64"),
        "{single}"
    );
    for (name, spec) in [
        ("l1", TrainingSpec { l1: 0.1, ..lbfgs() }),
        (
            "sam",
            TrainingSpec {
                sam: Some(0.1),
                ..lbfgs()
            },
        ),
        (
            "ema",
            TrainingSpec {
                ema: Some(0.9),
                ..lbfgs()
            },
        ),
        (
            "clip_norm",
            TrainingSpec {
                clip_norm: Some(1.0),
                ..lbfgs()
            },
        ),
        (
            "batches.reshuffle",
            TrainingSpec {
                batches: Batches {
                    reshuffle: false,
                    ..Batches::default()
                },
                ..lbfgs()
            },
        ),
    ] {
        let message = message(spec);
        assert!(message.contains(&format!("`{name}`")), "{message}");
    }
    let sum = message(TrainingSpec {
        reduction: Reduction::Sum,
        ..lbfgs()
    });
    assert!(sum.contains("`reduction`: found the optimizer"), "{sum}");
    let refused = |network: &NetworkSpec, rows: &Dataset| {
        let spec = by("closed_form", 0.0);
        let mut run = Run::new(engine(network, &spec), &spec, rows, None).unwrap();
        train(&mut run, &mut ()).unwrap_err().to_string()
    };
    let x = normals(1, 20);
    let rows = Dataset {
        features: features(2, x.clone()),
        targets: values(1, normals(2, 10)),
        weights: None,
    };
    let built = |network: &NetworkSpec| {
        let result = cpu::engine(network, &by("closed_form", 0.0), 1);
        result.err().unwrap().to_string()
    };
    let deep = network(2, "mse", vec![dense(3, "tanh"), dense(1, "identity")]);
    assert!(built(&deep).contains("found 2 layers"));
    let curved = network(2, "mse", vec![dense(1, "tanh")]);
    assert!(built(&curved).contains("found an activation"));
    let logistic = network(2, "logistic", vec![dense(1, "identity")]);
    assert!(built(&logistic).contains("found the loss logistic"));
    let twice = Dataset {
        features: features(2, x.iter().step_by(2).flat_map(|x| [*x, 2.0 * x]).collect()),
        ..rows
    };
    let said = refused(&linear, &twice);
    assert!(said.contains("input 1 that is a combination"), "{said}");
    let memory = Choice::new("lbfgs").with("memory", Setting::Integer(0));
    let spec = TrainingSpec {
        optimizer: memory,
        ..lbfgs()
    };
    assert!(message(spec).contains("memory = 0"));
}
