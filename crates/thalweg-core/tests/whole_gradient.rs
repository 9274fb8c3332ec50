//! What stands around an optimizer and what needs the whole gradient, against scalar transcriptions of the
//! equations on a linear network whose gradient is written out here.

use crate::common::*;
use thalweg_core::cpu;
use thalweg_core::dataset::{Dataset, Features, Targets, Values};
use thalweg_core::engine::Batch;
use thalweg_core::error::{Error, Result};
use thalweg_core::observe::EpochReport;
use thalweg_core::optimizers::{Chain, OPTIMIZERS, Time};
use thalweg_core::precision::Dtype;
use thalweg_core::registry::{Choice, Setting};
use thalweg_core::spec::{NetworkSpec, TrainingSpec};
use thalweg_core::train::{Checkpoint, Run, train};
use thalweg_core::train::{Flow, Observer};

const ROWS: usize = 11;
/// Of a batch whose gradient is added up from those of row blocks, the last of them short, by two threads.
const MANY_ROWS: usize = 330;
const STEPS: u64 = 100;

/// y = x·Wᵀ + b with ½ squared error: the loss is the mean over rows of ½ Σ (y − target)².
pub struct Linear {
    pub inputs: usize,
    pub units: usize,
    pub rows: usize,
    pub x: Vec<f64>,
    pub y: Vec<f64>,
}

impl Linear {
    pub fn new(inputs: usize, units: usize) -> Self {
        Self::with_rows(inputs, units, ROWS)
    }

    pub fn with_rows(inputs: usize, units: usize, rows: usize) -> Self {
        Self {
            inputs,
            units,
            rows,
            x: normals(1, inputs * rows),
            y: normals(2, units * rows),
        }
    }

    pub fn network(&self) -> NetworkSpec {
        network(self.inputs, "half_mse", vec![dense(self.units, "identity")])
    }

    pub fn rows(&self) -> Dataset {
        Dataset {
            features: features(self.inputs, self.x.clone()),
            targets: values(self.units, self.y.clone()),
            weights: None,
        }
    }

    pub fn weights(&self) -> usize {
        self.inputs * self.units
    }

    /// ∇ at θ = (W row by row, b).
    pub fn gradient(&self, theta: &[f64]) -> Vec<f64> {
        let (w, b) = theta.split_at(self.weights());
        let mut gradient = vec![0.0; theta.len()];
        for row in 0..self.rows {
            let x = &self.x[row * self.inputs..][..self.inputs];
            for unit in 0..self.units {
                let mut z = b[unit];
                for i in 0..self.inputs {
                    z += w[unit * self.inputs + i] * x[i];
                }
                let slope = (z - self.y[row * self.units + unit]) / self.rows as f64;
                for i in 0..self.inputs {
                    gradient[unit * self.inputs + i] += slope * x[i];
                }
                gradient[self.weights() + unit] += slope;
            }
        }
        gradient
    }

    pub fn start(&self) -> Vec<f64> {
        normals(3, self.weights() + self.units)
    }

    /// θ after [`STEPS`] steps of the engine, and of the rule that gets g, t and θ.
    pub fn compare(&self, spec: &TrainingSpec, rule: impl FnMut(u64, &mut Vec<f64>)) {
        self.compare_in(&self.network(), spec, rule);
    }

    /// The same in this network.
    pub fn compare_in(
        &self,
        network: &NetworkSpec,
        spec: &TrainingSpec,
        mut rule: impl FnMut(u64, &mut Vec<f64>),
    ) {
        let spec = TrainingSpec {
            batch_size: self.rows,
            ..spec.clone()
        };
        let mut engine = cpu::engine(network, &spec, 2).unwrap();
        engine.load(&state(&self.start())).unwrap();
        let rows = self.rows();
        for step in 1..=STEPS {
            let time = Time::new(step, spec.learning_rate);
            engine.step(&Batch::all(&rows), time).unwrap();
        }
        let mut theta = self.start();
        for t in 1..=STEPS {
            rule(t, &mut theta);
        }
        let got = engine.save().unwrap().parameters;
        let error = worst_error(&got, &theta, 1e-3);
        println!("{}: {error:.1e}", Chain::build(&spec).unwrap());
        assert!(error < 1e-10, "{got:?} is not {theta:?}");
        assert!(
            worst_error(&got, &self.start(), 1e-3) > 1e-2,
            "nothing moved"
        );
    }
}

pub fn norm(values: &[f64]) -> f64 {
    values.iter().map(|v| v * v).sum::<f64>().sqrt()
}

pub fn with(optimizer: &str, rate: f64) -> TrainingSpec {
    TrainingSpec {
        optimizer: Choice::new(optimizer),
        ..descent(rate, ROWS, 1)
    }
}

/// θ ← θ − η·u.
pub fn descend(theta: &mut [f64], rate: f64, u: &[f64]) {
    for (p, u) in theta.iter_mut().zip(u) {
        *p -= rate * u;
    }
}

#[test]
fn sam_descends_by_the_gradient_uphill() {
    // Far from the minimum: near it the direction g/‖g‖ flips, and rounding with it.
    for (units, rows) in [(2, ROWS), (2, MANY_ROWS), (5, MANY_ROWS)] {
        let problem = Linear::with_rows(3, units, rows);
        let spec = TrainingSpec {
            sam: Some(0.3),
            ..with("gd", 0.01)
        };
        problem.compare(&spec, |_, theta| {
            let g = problem.gradient(theta);
            let length = norm(&g) + 1e-12;
            let uphill: Vec<f64> = theta
                .iter()
                .zip(&g)
                .map(|(p, g)| p + 0.3 * g / length)
                .collect();
            descend(theta, 0.01, &problem.gradient(&uphill));
        });
    }
}

#[test]
fn the_norm_of_the_gradient_is_that_of_all_layers_together() {
    for (units, rows) in [(3, ROWS), (3, MANY_ROWS), (6, MANY_ROWS)] {
        let problem = Linear::with_rows(4, units, rows);
        let spec = TrainingSpec {
            clip_norm: Some(0.4),
            l2: 0.1,
            ..with("gd", 0.3)
        };
        let mut clipped = 0;
        problem.compare(&spec, |_, theta| {
            let mut g = problem.gradient(theta);
            let factor = (0.4 / norm(&g)).min(1.0);
            clipped += usize::from(factor < 1.0);
            g.iter_mut().for_each(|g| *g *= factor);
            for i in 0..problem.weights() {
                g[i] += 0.1 * theta[i];
            }
            descend(theta, 0.3, &g);
        });
        assert!(clipped > 0);
    }
}

#[test]
fn max_norm_shortens_the_weights_into_each_unit_and_no_bias() {
    let problem = Linear::new(3, 5);
    let spec = TrainingSpec {
        max_norm: Some(0.5),
        ..with("gd", 0.1)
    };
    let mut last = Vec::new();
    problem.compare(&spec, |_, theta| {
        let g = problem.gradient(theta);
        descend(theta, 0.1, &g);
        for unit in theta[..15].chunks_mut(3) {
            let factor = (0.5 / norm(unit)).min(1.0);
            unit.iter_mut().for_each(|w| *w *= factor);
        }
        last = theta.clone();
    });
    assert!(
        last[..15].chunks(3).any(|unit| norm(unit) > 0.499),
        "no unit is at the bound"
    );
    // More units than are stored one by one.
    Linear::new(7, 19).compare(&spec, {
        let problem = Linear::new(7, 19);
        move |_, theta| {
            let g = problem.gradient(theta);
            descend(theta, 0.1, &g);
            for unit in theta[..7 * 19].chunks_mut(7) {
                let factor = (0.5 / norm(unit)).min(1.0);
                unit.iter_mut().for_each(|w| *w *= factor);
            }
        }
    });
}

#[test]
fn a_constraint_of_a_layer_takes_the_place_of_that_of_the_run() {
    let problem = Linear::new(3, 5);
    let limit = |limit| Choice::new("max_norm").with("limit", Setting::Number(limit));
    for (of_run, of_layer, bound) in [
        (None, limit(0.5), 0.5),
        (Some(0.2), limit(0.5), 0.5),
        (Some(0.2), Choice::new("none"), f64::INFINITY),
        (Some(0.2), Choice::new("auto"), 0.2),
    ] {
        let spec = TrainingSpec {
            max_norm: of_run,
            ..with("gd", 0.1)
        };
        let mut network = problem.network();
        network.layers[0] = dense(5, "identity").with("constraint", of_layer.into());
        let mut shortened = 0;
        problem.compare_in(&network, &spec, |_, theta| {
            let g = problem.gradient(theta);
            descend(theta, 0.1, &g);
            for unit in theta[..15].chunks_mut(3) {
                let factor = (bound / norm(unit)).min(1.0);
                shortened += usize::from(factor < 1.0);
                unit.iter_mut().for_each(|w| *w *= factor);
            }
        });
        assert_eq!(shortened > 0, bound.is_finite(), "{bound}");
    }
}

/// ∇ at (v, g) of the weight-normalized layer without a bias, from that at W = g·v/‖v‖.
fn normalized_gradient(problem: &Linear, theta: &[f64]) -> Vec<f64> {
    let (v, g) = theta.split_at(problem.weights());
    let units = || v.chunks(problem.inputs).zip(g);
    let weights = units().flat_map(|(v, g)| v.iter().map(move |x| g * x / norm(v)));
    let no_bias = vec![0.0; problem.units];
    let dw = problem.gradient(&weights.chain(no_bias).collect::<Vec<f64>>());
    let (mut dv, mut dg) = (Vec::new(), Vec::new());
    for ((v, g), dw) in units().zip(dw.chunks(problem.inputs)) {
        let length = norm(v);
        let along = v.iter().zip(dw).map(|(v, dw)| v * dw).sum::<f64>() / length;
        let each = v.iter().zip(dw);
        dv.extend(each.map(|(v, dw)| g / length * (dw - along * v / length)));
        dg.push(along);
    }
    [dv, dg].concat()
}

#[test]
fn of_a_weight_normalized_layer_penalties_act_on_both_parts_and_constraints_on_lengths() {
    let limit = |limit| Choice::new("max_norm").with("limit", Setting::Number(limit));
    for (of_run, of_layer, bound) in [
        (Some(0.6), Choice::new("auto"), 0.6),
        (Some(0.2), limit(0.6), 0.6),
        (None, limit(0.6), 0.6),
        (Some(0.2), Choice::new("none"), f64::INFINITY),
    ] {
        let problem = Linear::new(3, 5);
        let inner = without_bias(dense(5, "identity")).with("constraint", of_layer.into());
        let network = NetworkSpec {
            layers: vec![Choice::new("weight_norm").with("layer", inner.into())],
            ..problem.network()
        };
        let spec = TrainingSpec {
            l2: 0.2,
            max_norm: of_run,
            ..with("gd", 0.1)
        };
        let mut shortened = 0;
        problem.compare_in(&network, &spec, |_, theta| {
            let mut gradient = normalized_gradient(&problem, theta);
            (gradient.iter_mut().zip(&*theta)).for_each(|(g, p)| *g += 0.2 * p);
            descend(theta, 0.1, &gradient);
            for g in &mut theta[15..] {
                shortened += usize::from(g.abs() > bound);
                *g = g.clamp(-bound, bound);
            }
        });
        assert_eq!(shortened > 0, bound.is_finite(), "{bound}");
    }
}

#[test]
fn penalties_spare_biases_and_l2_sum_counts_the_rows_of_the_batch() {
    let problem = Linear::new(3, 2);
    let spec = TrainingSpec {
        l1: 0.05,
        l2_sum: 0.7,
        ..with("gd", 0.1)
    };
    problem.compare(&spec, |_, theta| {
        let mut g = problem.gradient(theta);
        for i in 0..6 {
            g[i] += 0.7 / ROWS as f64 * theta[i] + 0.05 * theta[i].signum();
        }
        descend(theta, 0.1, &g);
    });
}

/// Everything that can stand around an optimizer, one by one and all at once.
fn surroundings(spec: &TrainingSpec) -> Vec<TrainingSpec> {
    let spec = || spec.clone();
    vec![
        spec(),
        TrainingSpec {
            clip_norm: Some(0.05),
            ..spec()
        },
        TrainingSpec {
            sam: Some(0.05),
            ..spec()
        },
        TrainingSpec {
            max_norm: Some(0.8),
            ..spec()
        },
        TrainingSpec {
            ema: Some(0.9),
            l1: 1e-3,
            ..spec()
        },
        TrainingSpec {
            clip_norm: Some(0.05),
            clip_value: Some(0.01),
            sam: Some(0.05),
            max_norm: Some(0.8),
            ema: Some(0.9),
            l2_sum: 0.1,
            ..spec()
        },
    ]
}

/// Stops after some epochs with a checkpoint.
struct Interrupt(usize, Option<Checkpoint>);

impl Observer for Interrupt {
    fn epoch(&mut self, run: &mut Run, report: &EpochReport) -> Result<Flow> {
        if report.epoch < self.0 {
            return Ok(Flow::Continue);
        }
        self.1 = run.checkpoint()?;
        Ok(Flow::Stop)
    }
}

#[test]
fn bits_depend_neither_on_threads_nor_on_an_interruption() {
    let network = NetworkSpec::mlp(30, &[70, 20], "tanh", 3, Choice::new("cross_entropy"));
    let rows = dataset("cross_entropy", 30, 3, 150, 3);
    let validation = dataset("cross_entropy", 30, 3, 40, 4);
    let mut cases = 0;
    for optimizer in names(&OPTIMIZERS) {
        for (index, spec) in surroundings(&with(optimizer, 5e-3)).into_iter().enumerate() {
            let spec = TrainingSpec {
                batch_size: 64,
                epochs: 3,
                shuffle: true,
                dtype: [Dtype::F32, Dtype::F64][index % 2],
                ..spec
            };
            let begin = |threads| {
                let engine = cpu::engine(&network, &spec, threads).unwrap();
                let validation = (index % 3 == 1).then_some(&validation);
                Run::new(engine, &spec, &rows, validation).unwrap()
            };
            let done = |mut run: Run| {
                train(&mut run, &mut ()).unwrap();
                let state = run.engine().save().unwrap();
                state
                    .slots
                    .iter()
                    .fold(bits(&state.parameters), |mut all, slot| {
                        all.extend(bits(slot));
                        all
                    })
            };
            let one = done(begin(1));
            assert!(one.iter().all(|bits| f64::from_bits(*bits).is_finite()));
            for threads in [2, 3] {
                assert!(
                    done(begin(threads)) == one,
                    "{optimizer} {spec:?} on {threads} threads"
                );
            }
            let mut interrupt = Interrupt(2, None);
            train(&mut begin(1), &mut interrupt).unwrap();
            let mut resumed = begin(2);
            resumed.resume(&interrupt.1.unwrap()).unwrap();
            assert!(done(resumed) == one, "{optimizer} {spec:?} resumed");
            cases += 1;
        }
    }
    assert!(cases >= 90, "only {cases} cases");
}

#[test]
fn a_gradient_that_is_not_finite_leaves_the_parameters_where_they_are() {
    // In single precision z = 1.5e19 and ½z² are finite, and z·x is not.
    let rows = Dataset {
        features: Features {
            width: 1,
            values: Values::F32(vec![3e19]),
        },
        targets: Targets::Values {
            width: 1,
            values: vec![0.0],
        },
        weights: None,
    };
    for spec in surroundings(&with("adam", 0.1))
        .into_iter()
        .filter(|spec| spec.clip_norm.is_some() || spec.sam.is_some() || spec.max_norm.is_some())
    {
        let spec = TrainingSpec {
            dtype: Dtype::F32,
            ..spec
        };
        let mut engine = engine(&network(1, "half_mse", vec![dense(1, "identity")]), &spec);
        engine.load(&state(&[0.5, 0.25])).unwrap();
        let before = engine.save().unwrap();
        let error = engine
            .step(&Batch::all(&rows), Time::new(1, 0.1))
            .unwrap_err();
        assert!(
            matches!(
                error,
                Error::Diverged {
                    quantity: "gradient norm",
                    ..
                }
            ),
            "{error}"
        );
        assert_eq!(engine.save().unwrap(), before);
    }
    // SAM: finite here, and not where it looks.
    let rows = pairs(&[(1e3, 0.0)]);
    let spec = TrainingSpec {
        sam: Some(1e306),
        ..with("gd", 0.1)
    };
    let mut engine = engine(&network(1, "half_mse", vec![dense(1, "identity")]), &spec);
    engine.load(&state(&[0.5, 0.25])).unwrap();
    assert!(engine.step(&Batch::all(&rows), Time::new(1, 0.1)).is_err());
    assert_eq!(engine.save().unwrap().parameters, [0.5, 0.25]);
}

#[test]
fn averaged_parameters_are_the_corrected_average_of_all_updates() {
    let problem = Linear::new(2, 1);
    let rows = problem.rows();
    let spec = TrainingSpec {
        ema: Some(0.8),
        epochs: 7,
        ..with("gd", 0.2)
    };
    let mut run = Run::new(engine(&problem.network(), &spec), &spec, &rows, None).unwrap();
    run.engine().load(&state(&problem.start())).unwrap();
    train(&mut run, &mut ()).unwrap();
    let (mut theta, mut average) = (problem.start(), vec![0.0; 3]);
    for _ in 0..7 {
        let g = problem.gradient(&theta);
        descend(&mut theta, 0.2, &g);
        for (v, p) in average.iter_mut().zip(&theta) {
            *v = 0.8 * *v + (1.0 - 0.8) * p;
        }
    }
    let weight = 1.0 - 0.8f64.powi(7);
    let expected: Vec<f64> = average.iter().map(|v| v / weight).collect();
    let got = run.engine().save().unwrap().parameters;
    assert!(
        worst_error(&got, &expected, 1e-3) < 1e-12,
        "{got:?} is not {expected:?}"
    );
    assert!(
        worst_error(&got, &theta, 1e-3) > 1e-3,
        "these are the last parameters"
    );
    assert!(
        run.checkpoint().unwrap().is_none(),
        "a checkpoint would hold the average"
    );

    // The validation loss is the average's too.
    let mut run = Run::new(engine(&problem.network(), &spec), &spec, &rows, Some(&rows)).unwrap();
    run.engine().load(&state(&problem.start())).unwrap();
    train(&mut run, &mut ()).unwrap();
    let best = run.best().unwrap().clone();
    let mut judge = engine(&problem.network(), &descent(0.1, ROWS, 1));
    judge.load(&state(&best.parameters)).unwrap();
    assert_eq!(judge.evaluate(&Batch::all(&rows), None).unwrap(), best.loss);
    assert_eq!(run.engine().save().unwrap().parameters, best.parameters);
}
