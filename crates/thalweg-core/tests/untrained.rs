//! Values that no gradient trains, such as running statistics: what they become under everything that can stand around
//! an optimizer, against a literal transcription; and who refuses layers that have them.

use crate::common::*;
use thalweg_core::cpu;
use thalweg_core::dataset::Dataset;
use thalweg_core::registry::{Choice, Setting};
use thalweg_core::spec::{NetworkSpec, TrainingSpec};
use thalweg_core::train::{Run, train};

/// (w₁, w₂, b, γ, β) of y = γ·(z − μ)/√(σ² + ε) + β, z = w·x + b.
type Theta = [f64; 5];

const EPSILON: f64 = 1e-5;
const MOMENTUM: f64 = 0.3;
/// The last batch has one row.
const ROWS: usize = 11;
const BATCH: usize = 5;

/// μ and the mean squared distance from it of z over a batch.
fn moments(theta: &Theta, x: &[f64]) -> (f64, f64) {
    let z: Vec<f64> = (x
        .chunks(2)
        .map(|x| theta[0] * x[0] + theta[1] * x[1] + theta[2]))
    .collect();
    let n = z.len() as f64;
    let mean = z.iter().sum::<f64>() / n;
    (mean, z.iter().map(|z| (z - mean).powi(2)).sum::<f64>() / n)
}

/// The mean of ½(y − t)² over a batch in training, where a single row is normalized by the running statistics.
fn loss(theta: &Theta, x: &[f64], t: &[f64], running: (f64, f64)) -> f64 {
    let (mean, variance) = if t.len() > 1 {
        moments(theta, x)
    } else {
        running
    };
    let row = |(x, t): (&[f64], &f64)| {
        let z = theta[0] * x[0] + theta[1] * x[1] + theta[2];
        let y = theta[3] * (z - mean) / (variance + EPSILON).sqrt() + theta[4];
        0.5 * (y - t).powi(2)
    };
    x.chunks(2).zip(t).map(row).sum::<f64>() / t.len() as f64
}

/// ∇ by central differences.
fn gradient(theta: &Theta, x: &[f64], t: &[f64], running: (f64, f64)) -> Theta {
    let h = 1e-3;
    std::array::from_fn(|k| {
        let at = |h: f64| {
            let mut moved = *theta;
            moved[k] += h;
            loss(&moved, x, t, running)
        };
        (8.0 * (at(h) - at(-h)) - (at(2.0 * h) - at(-2.0 * h))) / (12.0 * h)
    })
}

fn norm(v: &Theta) -> f64 {
    v.iter().map(|v| v * v).sum::<f64>().sqrt()
}

#[test]
fn running_statistics_are_tracked_once_a_step_and_are_no_part_of_norms_and_averages() {
    let layers = vec![
        dense(1, "identity"),
        Choice::new("batch_norm").with("momentum", Setting::Number(MOMENTUM)),
    ];
    let network = network(2, "half_mse", layers);
    let (radius, limit, beta, rate, epochs) = (0.05, 0.7, 0.8, 0.3, 6);
    let spec = TrainingSpec {
        sam: Some(radius),
        clip_norm: Some(limit),
        ema: Some(beta),
        ..descent(rate, BATCH, epochs)
    };
    let (x, t) = (normals(1, 2 * ROWS), normals(2, ROWS));
    let rows = Dataset {
        features: features(2, x.clone()),
        targets: values(1, t.clone()),
        weights: None,
    };
    let start: Theta = [0.7, -1.2, 0.4, 1.3, 0.2];
    let (mut theta, mut running, mut average) = (start, (0.5, 2.0), [0.0; 5]);
    let mut run = Run::new(engine(&network, &spec), &spec, &rows, None).unwrap();
    let with = |theta: &Theta, running: (f64, f64)| [&theta[..], &[running.0, running.1]].concat();
    run.engine().load(&state(&with(&theta, running))).unwrap();
    train(&mut run, &mut ()).unwrap();

    let (mut steps, mut clipped) = (0, 0);
    for _ in 0..epochs {
        for (x, t) in x.chunks(2 * BATCH).zip(t.chunks(BATCH)) {
            let g = gradient(&theta, x, t, running);
            // Uphill, and the gradient there; a single row sees the running statistics of the step before.
            let mut uphill = theta;
            let length = norm(&g);
            (uphill.iter_mut().zip(&g)).for_each(|(p, g)| *p += radius * g / length);
            let mut g = gradient(&uphill, x, t, running);
            if t.len() > 1 {
                // Of θ, and not of where SAM looks.
                let (mean, square) = moments(&theta, x);
                let n = t.len() as f64;
                running.0 += MOMENTUM * (mean - running.0);
                running.1 += MOMENTUM * (square * n / (n - 1.0) - running.1);
            }
            let length = norm(&g);
            if length > limit {
                g.iter_mut().for_each(|g| *g *= limit / length);
                clipped += 1;
            }
            theta.iter_mut().zip(&g).for_each(|(p, g)| *p -= rate * g);
            (average.iter_mut().zip(&theta)).for_each(|(v, p)| *v = beta * *v + (1.0 - beta) * p);
            steps += 1;
        }
    }
    assert!(
        clipped > 3 && clipped < steps,
        "{clipped} of {steps} steps are clipped"
    );
    average
        .iter_mut()
        .for_each(|v| *v /= 1.0 - beta.powi(steps));
    // The model has the average of θ, and the statistics as the last step left them.
    let got = run.engine().save().unwrap().parameters;
    let want = with(&average, running);
    let error = worst_error(&got, &want, 1e-2);
    assert!(error < 1e-8, "{got:?} is not {want:?} ({error:e})");
    assert!(
        worst_error(&got, &with(&theta, running), 1e-2) > 1e-3,
        "these are the last θ"
    );
}

#[test]
fn solvers_refuse_layers_that_are_another_function_at_every_update() {
    let of = |layer: Choice| {
        network(
            3,
            "mse",
            vec![dense(4, "tanh"), layer, dense(1, "identity")],
        )
    };
    let built = |network: &NetworkSpec, solver: &str| {
        let spec = TrainingSpec {
            optimizer: Choice::new(solver),
            ..descent(1.0, 8, 1)
        };
        cpu::engine(network, &spec, 1).map(|_| ())
    };
    let wrapped = |name: &str| Choice::new(name).with("layer", Setting::Choice(dense(4, "tanh")));
    let residual = |layer| Choice::new("residual").with("layers", Setting::Choices(vec![layer]));
    for solver in ["lbfgs", "newton_cg"] {
        for (layer, name) in [
            (Choice::new("batch_norm"), "batch_norm"),
            (Choice::new("dropout"), "dropout"),
            (wrapped("spectral_norm"), "spectral_norm"),
            (residual(Choice::new("batch_norm")), "residual"),
            (residual(Choice::new("dropout")), "residual"),
        ] {
            let message = built(&of(layer), solver).unwrap_err().to_string();
            let expected = format!(
                "optimizer {solver}: found layer 2 ({name}), expected layers that compute the same"
            );
            assert!(message.contains(&expected), "{message}");
        }
        for layer in [
            wrapped("weight_norm"),
            Choice::new("layer_norm"),
            residual(dense(4, "tanh")),
        ] {
            built(&of(layer), solver).unwrap();
        }
    }
}
