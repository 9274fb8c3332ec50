//! What updates do: single rows descend by the chain rule, and what optimizers remember of gradients becomes 0 where
//! there are none any more.

use crate::common::*;
use thalweg_core::dataset::{Dataset, Targets};
use thalweg_core::engine::{Batch, Rows, State};
use thalweg_core::optimizers::{OPTIMIZERS, Time};
use thalweg_core::precision::Dtype;
use thalweg_core::registry::Choice;
use thalweg_core::spec::TrainingSpec;

/// A dense layer and its derivative, as they are written: y = f(W·x + b), W unit by unit.
struct Written {
    w: Vec<Vec<f64>>,
    b: Vec<f64>,
    activation: &'static str,
}

impl Written {
    fn forward(&self, x: &[f64]) -> Vec<f64> {
        let unit = |(w, b): (&Vec<f64>, &f64)| {
            let z = b + w.iter().zip(x).map(|(w, x)| w * x).sum::<f64>();
            match self.activation {
                "tanh" => z.tanh(),
                "relu" => z.max(0.0),
                _ => z,
            }
        };
        self.w.iter().zip(&self.b).map(unit).collect()
    }

    /// θ ← θ − η·g, given ∂l/∂y; gives ∂l/∂x.
    fn back(&mut self, rate: f64, x: &[f64], y: &[f64], dy: &[f64]) -> Vec<f64> {
        let mut dx = vec![0.0; x.len()];
        for (unit, (y, dy)) in y.iter().zip(dy).enumerate() {
            let dz = match self.activation {
                "tanh" => dy * (1.0 - y * y),
                "relu" if *y <= 0.0 => 0.0,
                _ => *dy,
            };
            for ((w, x), dx) in self.w[unit].iter_mut().zip(x).zip(&mut dx) {
                *dx += *w * dz;
                *w -= rate * dz * x;
            }
            self.b[unit] -= rate * dz;
        }
        dx
    }
}

#[test]
fn single_rows_descend_by_the_chain_rule() {
    let (inputs, rows, rate) = (6, 9, 0.05);
    let networks: [&[(usize, &str)]; 3] = [
        &[(2, "identity")],
        &[(9, "tanh"), (3, "identity")],
        &[(37, "relu"), (3, "tanh"), (70, "tanh"), (1, "identity")],
    ];
    for units in networks {
        let outputs = units[units.len() - 1].0;
        let layers = units.iter().map(|(units, f)| dense(*units, f)).collect();
        let network = network(inputs, "half_mse", layers);
        let mut engine = engine(&network, &descent(rate, 1, 1));
        let start = engine.save().unwrap().parameters;
        let mut values = start.iter().copied();
        let mut take = |count| (&mut values).take(count).collect::<Vec<f64>>();
        let mut width = inputs;
        let mut written = Vec::new();
        for (units, activation) in units.iter().copied() {
            let (w, b) = (take(units * width), take(units));
            let w = w.chunks(width).map(<[f64]>::to_vec).collect();
            written.push(Written { w, b, activation });
            width = units;
        }
        let data = dataset("half_mse", inputs, outputs, rows, 1);
        let (x, y) = (
            normals(1, rows * inputs),
            targets("half_mse", outputs, rows, 2),
        );
        let Targets::Values { values: y, .. } = &y[0] else {
            panic!("numbers")
        };
        for step in 1..=60 {
            let row = step as usize * 4 % rows;
            let batch = Batch::new(&data, Rows::Range(row, row + 1));
            engine.step(&batch, Time::new(step, rate)).unwrap();
            let mut values = vec![x[row * inputs..][..inputs].to_vec()];
            for layer in &written {
                values.push(layer.forward(values.last().unwrap()));
            }
            let targets = &y[row * outputs..][..outputs];
            let answers = values.last().unwrap().iter();
            let mut gradient: Vec<f64> = answers.zip(targets).map(|(z, y)| z - y).collect();
            for (layer, pair) in written.iter_mut().zip(values.windows(2)).rev() {
                gradient = layer.back(rate, &pair[0], &pair[1], &gradient);
            }
        }
        let expected = written
            .iter()
            .flat_map(|l| [l.w.concat(), l.b.clone()].concat());
        let expected: Vec<f64> = expected.collect();
        let got = engine.save().unwrap().parameters;
        let error = worst_error(&got, &expected, 1.0);
        assert!(error < 1e-12, "{units:?}: {error:e}");
        assert!(worst_error(&got, &start, 1.0) > 1e-2, "nothing moved");
    }
}

#[test]
fn what_optimizers_remember_without_gradients_becomes_zero_and_is_never_subnormal() {
    let network = network(3, "half_mse", vec![dense(5, "identity")]);
    let row = |x: Vec<f64>| Dataset {
        features: features(3, x),
        targets: values(5, vec![0.0; 5]),
        weights: None,
    };
    let some = row(normals(1, 3));
    // A row of zeros with targets of 0, and biases of 0: no parameter has a gradient.
    let none = row(vec![0.0; 3]);
    let parameters = [normals(2, 15), vec![0.0; 5]].concat();
    let mut with_state = 0;
    for (dtype, least) in [
        (Dtype::F32, f64::from(f32::MIN_POSITIVE)),
        (Dtype::F64, f64::MIN_POSITIVE),
    ] {
        for name in names(&OPTIMIZERS) {
            let spec = TrainingSpec {
                optimizer: Choice::new(name),
                dtype,
                ..descent(0.1, 1, 1)
            };
            let mut engine = engine(&network, &spec);
            engine.load(&state(&parameters)).unwrap();
            let first = Time::new(1, 0.0);
            engine.step(&Batch::all(&some), first).unwrap();
            let mut slots = engine.save().unwrap().slots;
            for value in slots.iter_mut().flatten().filter(|value| **value != 0.0) {
                *value = 16.0 * least * value.signum();
                with_state += 1;
            }
            let parameters = parameters.clone();
            engine.load(&State { parameters, slots }).unwrap();
            // 0.999 to this power is 1/55.
            for step in 2..4002 {
                let time = Time::new(step, 0.0);
                let report = engine.step(&Batch::all(&none), time).unwrap();
                assert_eq!(report.gradient_norm, 0.0);
                let is_normal = |value: &f64| *value == 0.0 || value.abs() >= least;
                let slots = engine.save().unwrap().slots;
                assert!(
                    slots.iter().flatten().all(is_normal),
                    "{name}, {dtype:?}, update {step}"
                );
            }
            // Adagrad's sum of squares forgets nothing, and AdaMax's maximum is at least its ε.
            let lasting: &[usize] = match name {
                "adagrad" => &[0],
                "adamax" => &[1],
                _ => &[],
            };
            for (number, slot) in engine.save().unwrap().slots.iter().enumerate() {
                let remains = slot.iter().any(|value| *value != 0.0);
                let lasts = lasting.contains(&number);
                assert_eq!(remains, lasts, "{name}, {dtype:?}, slot {number}");
            }
        }
    }
    assert!(with_state > 400, "only {with_state} values of state");
}
