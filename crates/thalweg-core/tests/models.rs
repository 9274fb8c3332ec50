//! Models that have a closed form, or that are the same model in two ways.

use crate::common::*;
use thalweg_core::dataset::{Dataset, Targets};
use thalweg_core::engine::Batch;
use thalweg_core::optimizers::Time;
use thalweg_core::registry::Choice;
use thalweg_core::spec::{NetworkSpec, TrainingSpec};
use thalweg_core::train::{Run, train};

/// The parameters that training ends with.
fn trained(network: &NetworkSpec, spec: &TrainingSpec, dataset: &Dataset) -> Vec<f64> {
    let mut run = Run::new(engine(network, spec), spec, dataset, None).unwrap();
    train(&mut run, &mut ()).unwrap();
    run.engine().save().unwrap().parameters
}

fn gradient(network: &NetworkSpec, dataset: &Dataset, parameters: &[f64]) -> (f64, Vec<f64>) {
    let mut engine = engine(network, &descent(0.1, dataset.rows(), 1));
    engine.load(&state(parameters)).unwrap();
    engine.loss_and_gradient(&Batch::all(dataset)).unwrap()
}

#[test]
fn a_row_of_weight_k_counts_as_k_rows() {
    for loss in names(&thalweg_core::losses::LOSSES) {
        let network = NetworkSpec::mlp(3, &[6], "tanh", 2, Choice::new(loss));
        for targets in targets(loss, 2, 5, 9) {
            let x = normals(8, 15);
            let weights = [1, 2, 0, 5, 3];
            let weighted = Dataset {
                features: features(3, x.clone()),
                targets: targets.clone(),
                weights: Some(weights.map(|w| w as f32).to_vec()),
            };
            let rows = || (0..5).flat_map(|row| std::iter::repeat_n(row, weights[row]));
            let repeated = Dataset {
                features: features(
                    3,
                    rows().flat_map(|row| x[3 * row..][..3].to_vec()).collect(),
                ),
                targets: match &targets {
                    Targets::Classes(classes) => {
                        Targets::Classes(rows().map(|r| classes[r]).collect())
                    }
                    Targets::Values { width, values: y } => {
                        let y = rows().flat_map(|row| y[row * width..][..*width].to_vec());
                        values(*width, y.collect())
                    }
                },
                weights: None,
            };
            assert_eq!(repeated.rows(), 11);
            let spec = descent(0.2, 11, 40);
            let [a, b] = [&weighted, &repeated].map(|rows| trained(&network, &spec, rows));
            let error = worst_error(&a, &b, 1e-3);
            assert!(error < 1e-12, "{loss}: {error:e}");
            let [(a, _), (b, _)] = [&weighted, &repeated].map(|rows| gradient(&network, rows, &a));
            assert!(relative_error(a, b, 1e-3) < 1e-14, "{loss}: {a} is not {b}");
        }
    }
}

#[test]
fn logistic_regression_is_a_softmax_of_two_classes() {
    let dataset = Dataset {
        features: features(3, normals(1, 60)),
        targets: targets("logistic", 1, 20, 2).swap_remove(1),
        weights: Some(weights(20, 3)),
    };
    assert!(matches!(dataset.targets, Targets::Classes(_)));
    let logistic = NetworkSpec::mlp(3, &[], "identity", 1, Choice::new("logistic"));
    let softmax = NetworkSpec::mlp(3, &[], "identity", 2, Choice::new("cross_entropy"));
    // Softmax compares: only the difference of its two rows of weights, and of its biases, counts.
    let w = normals(4, 8);
    let difference: Vec<f64> = (0..3)
        .map(|i| w[3 + i] - w[i])
        .chain([w[7] - w[6]])
        .collect();
    let (a, g) = gradient(&logistic, &dataset, &difference);
    let (b, h) = gradient(&softmax, &dataset, &w);
    assert!(relative_error(a, b, 0.0) < 1e-14, "{a} is not {b}");
    let second = [h[3], h[4], h[5], h[7]];
    let first = [h[0], h[1], h[2], h[6]].map(|h| -h);
    assert!(worst_error(&g, &second, 1e-3) < 1e-12 && worst_error(&g, &first, 1e-3) < 1e-12);

    let predict = |network: &NetworkSpec, parameters: &[f64]| {
        let mut engine = engine(network, &descent(0.1, 20, 1));
        engine.load(&state(parameters)).unwrap();
        engine.predict(&dataset.features).unwrap()
    };
    let probabilities = predict(&logistic, &difference);
    for (p, pair) in probabilities
        .iter()
        .zip(predict(&softmax, &w).chunks_exact(2))
    {
        assert!(relative_error(*p, pair[1], 0.0) < 1e-13);
        assert!(relative_error(1.0 - p, pair[0], 1e-3) < 1e-12);
    }
    assert_eq!(probabilities.len(), 20);

    // Both rows of weights move apart, so softmax moves twice as far.
    let train = |network: &NetworkSpec, rate: f64, parameters: &[f64]| {
        let mut engine = engine(network, &descent(rate, 20, 1));
        engine.load(&state(parameters)).unwrap();
        for step in 1..=50 {
            engine
                .step(&Batch::all(&dataset), Time::new(step, rate))
                .unwrap();
        }
        engine.save().unwrap().parameters
    };
    let (v, w) = (train(&logistic, 0.4, &difference), train(&softmax, 0.2, &w));
    let difference: Vec<f64> = (0..3)
        .map(|i| w[3 + i] - w[i])
        .chain([w[7] - w[6]])
        .collect();
    assert!(worst_error(&v, &difference, 1e-3) < 1e-12);
}

/// Solves A·x = b by Gaussian elimination with pivots.
fn solve(mut a: Vec<Vec<f64>>, mut b: Vec<f64>) -> Vec<f64> {
    let n = b.len();
    for k in 0..n {
        let pivot = (k..n)
            .max_by(|i, j| a[*i][k].abs().total_cmp(&a[*j][k].abs()))
            .unwrap();
        a.swap(k, pivot);
        b.swap(k, pivot);
        let (row, right) = (a[k].clone(), b[k]);
        for (other, b) in a.iter_mut().zip(&mut b).skip(k + 1) {
            let factor = other[k] / row[k];
            for (value, pivot) in other.iter_mut().zip(&row) {
                *value -= factor * pivot;
            }
            *b -= factor * right;
        }
    }
    let mut x = vec![0.0; n];
    for k in (0..n).rev() {
        let known: f64 = (k + 1..n).map(|j| a[k][j] * x[j]).sum();
        x[k] = (b[k] - known) / a[k][k];
    }
    x
}

#[test]
fn gradient_descent_on_a_linear_model_reaches_the_solution_of_the_normal_equations() {
    let (rows, inputs) = (60, 4);
    let dataset = Dataset {
        features: features(inputs, normals(1, rows * inputs)),
        targets: values(1, normals(2, rows)),
        weights: Some(weights(rows, 3)),
    };
    // Columns of X, and one of ones for the bias: XᵀWX·θ = XᵀWy.
    let x = normals(1, rows * inputs);
    let column = |i: usize, j: usize| if j < inputs { x[i * inputs + j] } else { 1.0 };
    let (y, w) = (normals(2, rows), dataset.weights.clone().unwrap());
    let sum = |f: &dyn Fn(usize) -> f64| (0..rows).map(|i| f64::from(w[i]) * f(i)).sum::<f64>();
    let matrix = |j| {
        (0..=inputs)
            .map(|k| sum(&|i| column(i, j) * column(i, k)))
            .collect()
    };
    let right = (0..=inputs)
        .map(|j| sum(&|i| column(i, j) * y[i]))
        .collect();
    let expected = solve((0..=inputs).map(matrix).collect(), right);

    let network = NetworkSpec::mlp(inputs, &[], "identity", 1, Choice::new("half_mse"));
    let theta = trained(&network, &descent(0.5, rows, 2000), &dataset);
    let error = worst_error(&theta, &expected, 1e-3);
    assert!(error < 1e-10, "{theta:?} is not {expected:?}: {error:e}");
    let (_, slope) = gradient(&network, &dataset, &theta);
    assert!(slope.iter().all(|g| g.abs() < 1e-14), "{slope:?}");
}

// Sums of ReLUs

/// Through (−2, 1), (−1, −1), (0.5, 1.5), (2, 0), straight in between.
fn curve(x: f64) -> f64 {
    let points = [(-2.0, 1.0), (-1.0, -1.0), (0.5, 1.5), (2.0, 0.0)];
    let piece = points.windows(2).find(|piece| x <= piece[1].0).unwrap();
    let [(x0, y0), (x1, y1)] = [piece[0], piece[1]];
    y0 + (y1 - y0) * (x - x0) / (x1 - x0)
}

#[test]
fn a_sum_of_relus_is_any_piecewise_linear_curve() {
    // One ReLU for each piece begins where the piece does, with the change of slope as its factor.
    let network = NetworkSpec::mlp(1, &[3], "relu", 1, Choice::new("half_mse"));
    let mut engine = engine(&network, &descent(0.1, 64, 1));
    let slopes = [-2.0, 5.0 / 3.0, -1.0];
    let factors = [slopes[0], slopes[1] - slopes[0], slopes[2] - slopes[1]];
    let starts = [-2.0, -1.0, 0.5];
    let theta = [
        vec![1.0; 3],
        starts.map(|s| -s).to_vec(),
        factors.to_vec(),
        vec![1.0],
    ]
    .concat();
    engine.load(&state(&theta)).unwrap();
    let x: Vec<f64> = (0..=400).map(|i| -2.0 + f64::from(i) / 100.0).collect();
    let expected: Vec<f64> = x.iter().map(|x| curve(*x)).collect();
    let y = engine.predict(&features(1, x)).unwrap();
    assert!(worst_error(&y, &expected, 1.0) < 1e-14);
}

#[test]
fn two_relus_make_a_hard_sigmoid() {
    // clamp(x/6 + 1/2, 0, 1) = (relu(x + 3) − relu(x − 3))/6.
    let network = NetworkSpec::mlp(1, &[2], "relu", 1, Choice::new("half_mse"));
    let mut engine = engine(&network, &descent(0.1, 64, 1));
    engine
        .load(&state(&[1.0, 1.0, 3.0, -3.0, 1.0 / 6.0, -1.0 / 6.0, 0.0]))
        .unwrap();
    let golden = golden("closed_form/activations.json");
    let y = engine.predict(&features(1, floats(&golden, "x"))).unwrap();
    let expected = floats(&golden["activations"]["hard_sigmoid"], "value");
    assert!(worst_error(&y, &expected, 1.0) < 1e-13);
}

#[test]
fn training_a_sum_of_relus_finds_a_planted_curve() {
    let x: Vec<f64> = (0..=200).map(|i| -2.0 + f64::from(i) / 50.0).collect();
    let dataset = pairs(&x.iter().map(|x| (*x, curve(*x))).collect::<Vec<_>>());
    let network = NetworkSpec::mlp(1, &[32], "relu", 1, Choice::new("mse"));
    for seed in 0..3 {
        let spec = TrainingSpec {
            optimizer: Choice::new("adam"),
            schedule: Choice::new("cosine"),
            reduction: Default::default(),
            shuffle: true,
            seed,
            ..descent(1e-2, 32, 400)
        };
        let theta = trained(&network, &spec, &dataset);
        let (mse, _) = gradient(&network, &dataset, &theta);
        println!("seed {seed}: {mse:.1e}");
        // The best constant has 0.7.
        assert!(mse < 1e-3, "seed {seed}: mean squared error {mse:e}");
    }
}
