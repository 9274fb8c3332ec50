//! Products of bf16 numbers: a network with `dtype = bf16` against a literal transcription in double precision
//! that rounds what enters a product, and nothing else; and layers whose products stay in single precision.

use crate::common::*;
use thalweg_core::cpu;
use thalweg_core::dataset::{Dataset, Targets};
use thalweg_core::engine::{Batch, Rows};
use thalweg_core::precision::Dtype;
use thalweg_core::registry::{Choice, Setting};
use thalweg_core::spec::{NetworkSpec, TrainingSpec};
use thalweg_core::train::{Run, train};

/// The nearest number with 8 significant bits, ties to even.
fn rounded(x: f64) -> f64 {
    if x == 0.0 {
        return x;
    }
    let unit = 2f64.powi(x.abs().log2().floor() as i32 - 7);
    let (below, part) = ((x / unit).floor(), (x / unit).fract().rem_euclid(1.0));
    let up = part > 0.5 || (part == 0.5 && below.rem_euclid(2.0) == 1.0);
    (below + f64::from(u8::from(up))) * unit
}

type Matrix = Vec<Vec<f64>>;

/// a·b with rounded operands.
fn product(a: &Matrix, b: &Matrix) -> Matrix {
    let element = |row: &[f64], j: usize| -> f64 {
        row.iter()
            .zip(b)
            .map(|(x, y)| rounded(*x) * rounded(y[j]))
            .sum()
    };
    let columns = b.first().map_or(0, Vec::len);
    a.iter()
        .map(|row| (0..columns).map(|j| element(row, j)).collect())
        .collect()
}

fn transposed(a: &Matrix) -> Matrix {
    (0..a[0].len())
        .map(|j| a.iter().map(|row| row[j]).collect())
        .collect()
}

/// Loss (½·squared error) and gradient of x → tanh(x·W₁ᵀ + b₁)·W₂ᵀ + b₂, in the order of θ.
fn reference(x: &Matrix, y: &Matrix, theta: &[f64], hidden: usize) -> (f64, Vec<f64>) {
    let (inputs, outputs, rows) = (x[0].len(), y[0].len(), x.len() as f64);
    let matrix = |from: &[f64], width: usize| from.chunks(width).map(<[f64]>::to_vec).collect();
    let (w1, rest) = theta.split_at(hidden * inputs);
    let (b1, rest) = rest.split_at(hidden);
    let (w2, b2) = rest.split_at(outputs * hidden);
    let (w1, w2): (Matrix, Matrix) = (matrix(w1, inputs), matrix(w2, hidden));
    let affine = |x: &Matrix, w: &Matrix, b: &[f64]| -> Matrix {
        let mut z = product(x, &transposed(w));
        for row in &mut z {
            row.iter_mut().zip(b).for_each(|(z, b)| *z += b);
        }
        z
    };
    let mut h = affine(x, &w1, b1);
    h.iter_mut().flatten().for_each(|h| *h = h.tanh());
    let z = affine(&h, &w2, b2);
    let mut loss = 0.0;
    let mut dz = z.clone();
    for (dz, y) in dz.iter_mut().flatten().zip(y.iter().flatten()) {
        let error = *dz - y;
        loss += 0.5 * error * error / rows;
        *dz = error / rows;
    }
    let mut dh = product(&dz, &w2);
    for (dh, h) in dh.iter_mut().flatten().zip(h.iter().flatten()) {
        *dh *= 1.0 - h * h;
    }
    let sums = |dz: &Matrix| -> Vec<f64> {
        transposed(dz)
            .iter()
            .map(|column| column.iter().sum())
            .collect()
    };
    let gradient = [
        product(&transposed(&dh), x).concat(),
        sums(&dh),
        product(&transposed(&dz), &h).concat(),
        sums(&dz),
    ];
    (loss, gradient.concat())
}

#[test]
fn what_enters_a_product_is_rounded_to_eight_bits_and_nothing_else() {
    // Odd numbers of rows, inputs and units have pairs that are half empty.
    for (rows, inputs, hidden, outputs) in [
        (1, 1, 5, 5),
        (5, 7, 33, 5),
        (70, 40, 130, 9),
        (64, 3, 16, 6),
        // The gradient is added up from those of row blocks; in the last of them there are an odd number of rows.
        (333, 20, 9, 5),
    ] {
        let network = NetworkSpec::mlp(inputs, &[hidden], "tanh", outputs, Choice::new("half_mse"));
        let spec = TrainingSpec {
            dtype: Dtype::Bf16,
            ..descent(0.1, rows.max(128), 1)
        };
        let parameters = hidden * (inputs + 1) + outputs * (hidden + 1);
        let single = |values: Vec<f64>| -> Vec<f64> {
            values.into_iter().map(|v| f64::from(v as f32)).collect()
        };
        let theta = single(
            normals(1, parameters)
                .into_iter()
                .map(|v| 0.3 * v)
                .collect(),
        );
        let (x, y) = (
            single(normals(2, rows * inputs)),
            single(normals(3, rows * outputs)),
        );
        let matrix = |from: &[f64], width: usize| from.chunks(width).map(<[f64]>::to_vec).collect();
        let (expected_loss, expected) =
            reference(&matrix(&x, inputs), &matrix(&y, outputs), &theta, hidden);
        let dataset = Dataset {
            features: features(inputs, x),
            targets: Targets::Values {
                width: outputs,
                values: y,
            },
            weights: None,
        };
        for threads in [1, 2] {
            let mut engine = cpu::engine(&network, &spec, threads).unwrap();
            engine.load(&state(&theta)).unwrap();
            let batch = Batch::new(&dataset, Rows::Range(0, rows));
            let (loss, gradient) = engine.loss_and_gradient(&batch).unwrap();
            assert!((loss - expected_loss).abs() <= 1e-4 * expected_loss.abs());
            // A sum that falls on the other side of a rounding of the next product costs 2⁻⁸ of one term.
            let scale = expected.iter().map(|g| g * g).sum::<f64>().sqrt();
            let distance = gradient
                .iter()
                .zip(&expected)
                .map(|(a, b)| (a - b) * (a - b))
                .sum::<f64>()
                .sqrt();
            assert!(
                distance <= 2e-4 * scale,
                "{rows} {inputs} {hidden}: {:e}",
                distance / scale
            );
            // Without rounding the result is further away than that.
            let exact = TrainingSpec {
                dtype: Dtype::F64,
                ..spec.clone()
            };
            let mut exact = cpu::engine(&network, &exact, 1).unwrap();
            exact.load(&state(&theta)).unwrap();
            let (_, unrounded) = exact.loss_and_gradient(&batch).unwrap();
            let rounding = unrounded
                .iter()
                .zip(&expected)
                .map(|(a, b)| (a - b) * (a - b))
                .sum::<f64>()
                .sqrt();
            assert!(rounding > 4.0 * distance && rounding < 0.03 * scale);
        }
    }
}

#[test]
fn what_weight_norm_and_spectral_norm_hold_is_computed_in_single_precision() {
    let rows = dataset("half_mse", 40, 33, 50, 1);
    for layer in ["weight_norm", "spectral_norm"] {
        let inner = Setting::Choice(dense(33, "tanh"));
        let wrapped = network(
            40,
            "half_mse",
            vec![Choice::new(layer).with("layer", inner)],
        );
        let plain = network(40, "half_mse", vec![dense(33, "tanh")]);
        let trained = |network: &NetworkSpec, dtype| {
            let spec = TrainingSpec {
                dtype,
                ..descent(0.1, 16, 3)
            };
            let mut run = Run::new(engine(network, &spec), &spec, &rows, None).unwrap();
            train(&mut run, &mut ()).unwrap();
            bits(&run.engine().save().unwrap().parameters)
        };
        assert_eq!(
            trained(&wrapped, Dtype::Bf16),
            trained(&wrapped, Dtype::F32),
            "{layer}"
        );
        assert_ne!(trained(&plain, Dtype::Bf16), trained(&plain, Dtype::F32));
    }
}
