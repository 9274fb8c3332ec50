//! What an engine tells of its layers, against values worked out here from the definitions.

use crate::common::*;
use thalweg_core::cpu;
use thalweg_core::dataset::Dataset;
use thalweg_core::engine::{Batch, Engine, LayerReport, Rows, StepReport};
use thalweg_core::error::Result;
use thalweg_core::observe::EpochReport;
use thalweg_core::optimizers::Time;
use thalweg_core::precision::Dtype;
use thalweg_core::registry::{Choice, Setting};
use thalweg_core::source::Request;
use thalweg_core::spec::{NetworkSpec, TrainingSpec};
use thalweg_core::train::{Flow, Observer, Run, train};

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-12 * b.abs().max(1.0)
}

/// Mean and deviation.
fn moments(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|v| (v - mean) * (v - mean)).sum();
    (mean, (squares / count).sqrt())
}

fn norm(values: &[f64]) -> f64 {
    values.iter().map(|v| v * v).sum::<f64>().sqrt()
}

fn engine_of(network: &NetworkSpec, batch_size: usize, threads: usize) -> Box<dyn Engine> {
    let spec = TrainingSpec {
        dtype: Dtype::F64,
        ..descent(0.1, batch_size, 1)
    };
    cpu::engine(network, &spec, threads).unwrap()
}

/// Two inputs, three ReLUs of which the last is cut off by its bias, one linear output, ½ squared
/// error.
struct ByHand {
    dataset: Dataset,
    theta: Vec<f64>,
    /// Of each layer: activations, dead share, and gradient.
    activations: [Vec<f64>; 2],
    dead: [f64; 2],
    gradients: [Vec<f64>; 2],
}

fn by_hand() -> ByHand {
    let x = [[1.0, 2.0], [-1.0, 0.5], [3.0, -2.0], [0.0, 1.0]];
    let y = [1.0, -1.0, 0.5, 2.0];
    let (w, b) = ([[0.5, -1.0], [1.0, 1.0], [0.1, 0.1]], [0.25, 0.0, -9.0]);
    let (v, c) = ([2.0, -0.5, 4.0], 0.125);
    let (mut hidden, mut outputs) = (Vec::new(), Vec::new());
    let (mut dw, mut dv) = (vec![0.0; 9], vec![0.0; 4]);
    for (x, y) in x.iter().zip(y) {
        let unit = |j: usize| f64::max(w[j][0] * x[0] + w[j][1] * x[1] + b[j], 0.0);
        let h: [f64; 3] = std::array::from_fn(unit);
        let z = c + (0..3).map(|j| v[j] * h[j]).sum::<f64>();
        let slope = (z - y) / 4.0;
        for j in 0..3 {
            dv[j] += slope * h[j];
            let through = if h[j] > 0.0 { slope * v[j] } else { 0.0 };
            dw[2 * j] += through * x[0];
            dw[2 * j + 1] += through * x[1];
            dw[6 + j] += through;
        }
        dv[3] += slope;
        hidden.extend(h);
        outputs.push(z);
    }
    ByHand {
        dataset: Dataset {
            features: features(2, x.concat()),
            targets: values(1, y.to_vec()),
            weights: None,
        },
        theta: [w.concat(), b.to_vec(), v.to_vec(), vec![c]].concat(),
        activations: [hidden, outputs],
        dead: [1.0 / 3.0, 0.0],
        gradients: [dw, dv],
    }
}

fn small_engine(theta: &[f64]) -> Box<dyn Engine> {
    let layers = vec![dense(3, "relu"), dense(1, "identity")];
    let mut engine = engine_of(&network(2, "half_mse", layers), 4, 2);
    engine.load_parameters(theta).unwrap();
    engine
}

#[test]
fn a_small_network_is_what_is_worked_out_by_hand() {
    let hand = by_hand();
    let mut engine = small_engine(&hand.theta);
    let reports = engine.layers(&Batch::all(&hand.dataset)).unwrap();
    let weights = [&hand.theta[..9], &hand.theta[9..]];
    let names: Vec<&str> = reports.iter().map(|report| &*report.name).collect();
    assert_eq!(names, ["layers.0", "layers.1"]);
    for (index, report) in reports.iter().enumerate() {
        let (mean, deviation) = moments(&hand.activations[index]);
        assert!(
            close(report.mean, mean) && close(report.deviation, deviation),
            "{report:?}"
        );
        assert!(close(report.dead, hand.dead[index]), "{report:?}");
        assert!(
            close(report.weight_norm, norm(weights[index])),
            "{report:?}"
        );
        assert!(
            close(report.gradient_norm, norm(&hand.gradients[index])),
            "{report:?}"
        );
        assert_eq!(report.update_norm, None);
    }
}

/// A step of gradient descent is η times the gradient.
#[test]
fn the_last_update_is_reported_where_it_was_watched() {
    let hand = by_hand();
    let mut engine = small_engine(&hand.theta);
    let batch = Batch::all(&hand.dataset);
    let plain = engine.layers(&batch).unwrap();
    engine.watch_updates(true).unwrap();
    assert_eq!(engine.layers(&batch).unwrap(), plain);
    engine.step(&batch, Time::new(1, 0.01)).unwrap();
    let before = engine.layers(&batch).unwrap();
    for (report, gradient) in before.iter().zip(&hand.gradients) {
        assert!(close(report.update_norm.unwrap(), 0.01 * norm(gradient)));
    }
    // The last one alone: of another rate, the gradient by then.
    engine.step(&batch, Time::new(2, 0.02)).unwrap();
    for (before, after) in before.iter().zip(engine.layers(&batch).unwrap()) {
        assert!(close(
            after.update_norm.unwrap(),
            0.02 * before.gradient_norm
        ));
    }
    engine.watch_updates(false).unwrap();
    assert_eq!(engine.layers(&batch).unwrap()[0].update_norm, None);
    engine.watch_updates(true).unwrap();
    engine.load_parameters(&hand.theta).unwrap();
    assert_eq!(engine.layers(&batch).unwrap(), plain);
}

/// Reads ‖Δθ‖ of every layer at the end of each epoch, and θ after every update.
#[derive(Default)]
struct Watch {
    thetas: Vec<Vec<f64>>,
    norms: Vec<Vec<Option<f64>>>,
}

impl Observer for Watch {
    fn step(&mut self, run: &mut Run, _: &StepReport) -> Result<Flow> {
        self.thetas.push(run.engine().save_parameters()?);
        Ok(Flow::Continue)
    }

    fn epoch(&mut self, run: &mut Run, _: &EpochReport) -> Result<Flow> {
        let reports = run.look(|engine, training, _| {
            let batch = training.batch(Request::range(0..2))?;
            engine.layers(&batch)
        })?;
        let norms = reports.iter().map(|report| report.update_norm);
        self.norms.push(norms.collect());
        Ok(Flow::Continue)
    }
}

/// The averages stand in the engine while an epoch is evaluated: what the last update changed is
/// that of the trained parameters all the same.
#[test]
fn an_observer_reads_the_last_update_where_averages_are_kept() {
    let hand = by_hand();
    let layers = vec![dense(3, "relu"), dense(1, "identity")];
    let spec = TrainingSpec {
        dtype: Dtype::F64,
        ema: Some(0.9),
        ..descent(0.05, 2, 3)
    };
    let network = network(2, "half_mse", layers);
    let mut engine = cpu::engine(&network, &spec, 1).unwrap();
    engine.load_parameters(&hand.theta).unwrap();
    engine.watch_updates(true).unwrap();
    let mut run = Run::new(engine, &spec, &hand.dataset, Some(&hand.dataset)).unwrap();
    let mut watch = Watch::default();
    train(&mut run, &mut watch).unwrap();
    let changes = watch.thetas.windows(2).step_by(2);
    let expected: Vec<Vec<f64>> = changes
        .map(|pair| {
            let change: Vec<f64> = pair[1].iter().zip(&pair[0]).map(|(b, a)| b - a).collect();
            vec![norm(&change[..9]), norm(&change[9..])]
        })
        .collect();
    assert_eq!((watch.norms.len(), expected.len()), (3, 3));
    for (found, expected) in watch.norms.iter().zip(&expected) {
        for (found, expected) in found.iter().zip(expected) {
            assert!(
                close(found.unwrap(), *expected),
                "{found:?} is not {expected}"
            );
            assert!(*expected > 1e-6);
        }
    }
}

const PIXELS: usize = 12;
const ROWS: usize = 150;

/// Images through a pointwise convolution of three channels, c·x + d, of which one is cut off
/// everywhere and one is not cut off in a single pixel of a single row; then pooled over the image.
#[test]
fn a_channel_is_dead_where_it_is_0_at_every_pixel_of_every_row() {
    let mut x: Vec<f64> = normals(3, ROWS * PIXELS)
        .iter()
        .map(|x| x.clamp(-3.0, 3.0))
        .collect();
    x[77 * PIXELS + 5] = 10.0;
    let dataset = Dataset {
        features: features(PIXELS, x.clone()),
        targets: values(1, vec![0.5; ROWS]),
        weights: Some(weights(ROWS, 4)),
    };
    let conv = Choice::new("conv2d")
        .with("channels", Setting::Integer(3))
        .with("kernel", Setting::Integer(1))
        .with("activation", Setting::Text("relu".into()));
    let dropout = Choice::new("dropout").with("rate", Setting::Number(0.5));
    let body = Choice::new("residual").with("layers", Setting::Choices(vec![dropout]));
    let layers = vec![
        conv,
        body,
        Choice::new("global_average_pool"),
        dense(1, "identity"),
    ];
    let network = NetworkSpec {
        image: Some([1, 3, 4]),
        ..network(PIXELS, "half_mse", layers)
    };
    let (scale, shift) = ([1.0, -0.5, 1.0], [0.25, -8.0, -9.0]);
    let theta = [&scale[..], &shift, &[1.0, 1.0, 1.0, 0.0]].concat();
    let channel = |k: usize| x.iter().map(move |x| (scale[k] * x + shift[k]).max(0.0));
    let all: Vec<f64> = (0..3).flat_map(channel).collect();
    let (mean, deviation) = moments(&all);
    // Dropout is the identity here, so what is added to it doubles it; then the mean over the
    // image.
    let mean_of = |image: &[f64]| 2.0 * image.iter().sum::<f64>() / PIXELS as f64;
    let pooled: Vec<f64> = all.chunks(PIXELS).map(mean_of).collect();
    let (pooled_mean, pooled_deviation) = moments(&pooled);
    let mut first: Option<Vec<LayerReport>> = None;
    for threads in [1, 2, 3] {
        let mut engine = engine_of(&network, ROWS, threads);
        engine.load_parameters(&theta).unwrap();
        let reports = engine.layers(&Batch::all(&dataset)).unwrap();
        let names: Vec<&str> = reports.iter().map(|report| &*report.name).collect();
        assert_eq!(
            names,
            ["layers.0", "layers.1.layers.0", "layers.2", "layers.3"]
        );
        for (index, mean, deviation) in [
            (0, mean, deviation),
            (1, mean, deviation),
            (2, pooled_mean, pooled_deviation),
        ] {
            let report = &reports[index];
            assert!(
                close(report.mean, mean) && close(report.deviation, deviation),
                "{report:?}"
            );
            assert!(close(report.dead, 1.0 / 3.0), "{report:?}");
        }
        assert!(close(reports[0].weight_norm, norm(&theta[..6])));
        assert_eq!(
            (reports[1].weight_norm, reports[1].gradient_norm),
            (0.0, 0.0)
        );
        assert_eq!(
            *first.get_or_insert(reports.clone()),
            reports,
            "{threads} threads"
        );
        // Without that row the third channel is dead too.
        let others = engine
            .layers(&Batch::new(&dataset, Rows::Range(78, ROWS)))
            .unwrap();
        assert!(close(others[0].dead, 2.0 / 3.0));
    }
}
