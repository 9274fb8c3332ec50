//! Rules that take each layer, or each matrix, by itself: LARS, LAMB and Muon.

use crate::common::*;
use crate::whole_gradient::{Linear, descend, norm, with};
use thalweg_core::dataset::Dataset;
use thalweg_core::engine::Batch;
use thalweg_core::optimizers::Time;
use thalweg_core::registry::{Choice, Setting};
use thalweg_core::spec::TrainingSpec;

#[test]
fn lars_and_lamb_measure_each_layers_weights_and_leave_biases_alone() {
    let problem = Linear::new(3, 5);
    let n = problem.weights();
    let lars = with("lars", 0.1);
    let lars = TrainingSpec {
        optimizer: (lars.optimizer.clone())
            .with("weight_decay", Setting::Number(0.2))
            .with("trust", Setting::Number(0.1)),
        ..lars
    };
    let mut v = vec![0.0; n + 5];
    problem.compare(&lars, |_, theta| {
        let mut g = problem.gradient(theta);
        let length = norm(&theta[..n]);
        let ratio = 0.1 * length / (norm(&g[..n]) + 0.2 * length + 1e-8);
        for i in 0..n {
            g[i] = ratio * (g[i] + 0.2 * theta[i]);
        }
        for (v, u) in v.iter_mut().zip(&g) {
            *v = 0.9 * *v + u;
        }
        descend(theta, 0.1, &v);
    });
    let lamb = with("lamb", 0.01);
    let (mut m, mut s) = (vec![0.0; n + 5], vec![0.0; n + 5]);
    problem.compare(&lamb, |t, theta| {
        let g = problem.gradient(theta);
        let mut u = vec![0.0; g.len()];
        for i in 0..g.len() {
            m[i] = 0.9 * m[i] + 0.1 * g[i];
            s[i] = 0.999 * s[i] + (1.0 - 0.999) * g[i] * g[i];
            let m_hat = m[i] / (1.0 - 0.9f64.powi(t as i32));
            let s_hat = s[i] / (1.0 - 0.999f64.powi(t as i32));
            u[i] = m_hat / (s_hat.sqrt() + 1e-8) + if i < n { 0.01 * theta[i] } else { 0.0 };
        }
        let ratio = norm(&theta[..n]) / norm(&u[..n]);
        u[..n].iter_mut().for_each(|u| *u *= ratio);
        descend(theta, 0.01, &u);
    });
}

type Rows = Vec<Vec<f64>>;

fn product(a: &Rows, b: &Rows) -> Rows {
    let sum = |row: &Vec<f64>, j: usize| (0..b.len()).map(|k| row[k] * b[k][j]).sum();
    a.iter()
        .map(|row| (0..b[0].len()).map(|j| sum(row, j)).collect())
        .collect()
}

fn transposed(a: &Rows) -> Rows {
    (0..a[0].len())
        .map(|j| a.iter().map(|row| row[j]).collect())
        .collect()
}

fn orthogonalized(n: &Rows) -> Rows {
    let is_tall = n.len() > n[0].len();
    let length = norm(&n.concat()) + 1e-7;
    let scaled: Rows = n
        .iter()
        .map(|row| row.iter().map(|v| v / length).collect())
        .collect();
    let mut x = if is_tall { transposed(&scaled) } else { scaled };
    for _ in 0..5 {
        let a = product(&x, &transposed(&x));
        let square = product(&a, &a);
        let poly: Rows = (0..a.len())
            .map(|i| {
                (0..a.len())
                    .map(|j| -4.7750 * a[i][j] + 2.0315 * square[i][j])
                    .collect()
            })
            .collect();
        let more = product(&poly, &x);
        for (x, more) in x.iter_mut().flatten().zip(more.iter().flatten()) {
            *x = 3.4445 * *x + more;
        }
    }
    if is_tall { transposed(&x) } else { x }
}

#[test]
fn muon_makes_the_momentum_of_every_matrix_orthogonal_and_gives_adam_the_biases() {
    for (inputs, units) in [(5, 2), (2, 5), (3, 3), (9, 20), (20, 9)] {
        let problem = Linear::new(inputs, units);
        let (n, rate) = (problem.weights(), 0.02);
        let (mut m, mut s) = (vec![0.0; n + units], vec![0.0; units]);
        problem.compare(&with("muon", rate), |t, theta| {
            let g = problem.gradient(theta);
            let mut u = vec![0.0; g.len()];
            for i in 0..n {
                m[i] = 0.95 * m[i] + (1.0 - 0.95) * g[i];
                u[i] = (1.0 - 0.95) * g[i] + 0.95 * m[i];
            }
            let matrix: Rows = u[..n].chunks(inputs).map(<[f64]>::to_vec).collect();
            let scale = (units as f64 / inputs as f64).max(1.0).sqrt();
            for (u, x) in u.iter_mut().zip(orthogonalized(&matrix).concat()) {
                *u = scale * x;
            }
            for i in n..g.len() {
                m[i] = 0.9 * m[i] + (1.0 - 0.9) * g[i];
                s[i - n] = 0.95 * s[i - n] + (1.0 - 0.95) * g[i] * g[i];
                let s_hat = s[i - n] / (1.0 - 0.95f64.powi(t as i32));
                u[i] = 0.015 * m[i] / (1.0 - 0.9f64.powi(t as i32)) / (s_hat.sqrt() + 1e-10);
            }
            descend(theta, rate, &u);
        });
    }
}

#[test]
fn muon_gives_adam_the_tables_of_embeddings() {
    let embedding = Choice::new("embedding")
        .with("levels", Setting::Integers(vec![4]))
        .with("widths", Setting::Integers(vec![3]));
    let network = network(1, "half_mse", vec![embedding, dense(2, "identity")]);
    let rows = Dataset {
        features: features(1, vec![1.0, 3.0, 1.0]),
        targets: values(2, normals(4, 6)),
        weights: None,
    };
    let rate = 0.02;
    let mut engine = engine(&network, &with("muon", rate));
    let before = engine.save().unwrap().parameters;
    engine.step(&Batch::all(&rows), Time::new(1, rate)).unwrap();
    let after = engine.save().unwrap().parameters;
    for (index, (after, before)) in after.iter().zip(&before).take(12).enumerate() {
        // Adam's first direction is the sign of the gradient.
        let moved = (after - before).abs();
        let expected = match index / 3 {
            1 | 3 => 0.015 * rate,
            _ => 0.0,
        };
        assert!((moved - expected).abs() < 1e-6 * rate, "{index}: {moved:e}");
    }
}
