//! Averages, the elongated bowl, the bad start, the saddle, the error surface: against figures worked out by hand
//! and literal transcriptions of the equations.

use thalweg::engine::Batch;
use thalweg::registry::Choice;

use crate::common::*;
use crate::programs::*;

#[track_caller]
fn assert_close(a: f64, b: f64, tolerance: f64) {
    assert!(relative_error(a, b, 0.0) <= tolerance, "{a} is not {b}");
}

// 5. Averages

#[test]
fn averages_of_a_short_sequence_are_exact() {
    let found = averages::averages(0.9, &[1.0, 2.0, 3.0]);
    // v: 0.1·1; 0.9·0.1 + 0.1·2; 0.9·0.29 + 0.1·3. Divided by 1 − 0.9ᵗ: 0.1, 0.19, 0.271.
    for ((raw, corrected), (v, share)) in
        found
            .into_iter()
            .zip([(0.1, 0.1), (0.29, 0.19), (0.561, 0.271)])
    {
        assert_close(raw, v, 1e-15);
        assert_close(corrected, v / share, 1e-14);
    }
    let golden = &golden("closed_form/worked_examples.json")["averages"];
    let found = averages::averages(number(golden, "beta"), &floats(golden, "x"));
    let (raw, corrected): (Vec<f64>, Vec<f64>) = found.into_iter().unzip();
    assert!(worst_error(&raw, &floats(golden, "average"), 1e-3) < 1e-13);
    assert!(worst_error(&corrected, &floats(golden, "corrected"), 1e-3) < 1e-13);
    // The figures of the notes: 0.9¹⁰ and 0.98⁵⁰ are about 1/e, windows 10 and 50.
    for (beta, window, left, half_life) in [
        (0.9, 10.0, 0.348_678_440_1, 6.578_813_478_960_584),
        (0.98, 50.0, 0.364_169_680_087_117_1, 34.309_618_491_520_67),
    ] {
        let average = thalweg::average::Average::new(beta);
        assert_close(average.window(), window, 1e-13);
        assert_close(average.half_life(), half_life, 1e-14);
        let mut pulse = vec![0.0; 1 + window as usize];
        pulse[0] = 1.0;
        let raw: Vec<f64> = averages::averages(beta, &pulse)
            .iter()
            .map(|v| v.0)
            .collect();
        assert_close(raw[window as usize] / raw[0], left, 1e-13);
        assert!((left * std::f64::consts::E - 1.0).abs() < 0.06);
    }
}

// 8. The elongated bowl

/// One coordinate, whose gradient is `curvature`·w: θ before the first update and after each.
fn transcription(name: &str, rate: f64, curvature: f64, mut w: f64, steps: usize) -> Vec<f64> {
    let (mut m, mut s) = (0.0, 0.0);
    let mut path = vec![w];
    for t in 1..=steps {
        let g: f64 = curvature * w;
        w -= match name {
            "gradient descent" => rate * g,
            "momentum" => {
                m = 0.9 * m + 0.1 * g;
                rate * m
            }
            "RMSprop" => {
                s = if t == 1 {
                    g * g
                } else {
                    0.99 * s + 0.01 * g * g
                };
                rate * g / (s + 1e-8).sqrt()
            }
            _ => {
                m = 0.9 * m + 0.1 * g;
                s = 0.999 * s + 0.001 * g * g;
                let (m_hat, s_hat) = (
                    m / (1.0 - 0.9f64.powi(t as i32)),
                    s / (1.0 - 0.999f64.powi(t as i32)),
                );
                rate * m_hat / (s_hat.sqrt() + 1e-8)
            }
        };
        path.push(w);
    }
    path
}

#[test]
fn four_optimizers_go_down_the_bowl_as_their_equations_say() {
    for (name, optimizer, rate) in elongated_bowl::optimizers() {
        let found = elongated_bowl::descend(optimizer, rate, 60).unwrap();
        let [w1, w2] = [(1.0, 0), (100.0, 1)].map(|(curvature, k)| {
            transcription(name, rate, curvature, elongated_bowl::START[k], 60)
        });
        assert_eq!(found.len(), 61);
        for (t, (theta, loss)) in found.iter().enumerate() {
            let error = worst_error(theta, &[w1[t], w2[t]], 1e-3);
            assert!(error < 1e-9, "{name}, update {t}: {error:e}");
            assert_close(*loss, 0.5 * (w1[t] * w1[t] + 100.0 * w2[t] * w2[t]), 1e-9);
        }
    }
    // Along a direction of curvature λ, gradient descent multiplies by 1 − ηλ: here 0.982 and −0.8.
    let found = elongated_bowl::descend(Choice::new("gd"), 0.018, 20).unwrap();
    let expected = [-1.5 * 0.982f64.powi(20), 0.6 * 0.8f64.powi(20)];
    assert!(worst_error(&found[20].0, &expected, 0.0) < 1e-12);
    // All three are below gradient descent in the end, whose rate the steep direction bounds.
    let last = |k: usize| {
        let (_, optimizer, rate) = elongated_bowl::optimizers()[k].clone();
        elongated_bowl::descend(optimizer, rate, 100).unwrap()[100].1
    };
    assert!((1..4).all(|k| last(k) < last(0) / 10.0));
    let diverging = elongated_bowl::descend(Choice::new("gd"), 0.0202, 100).unwrap();
    assert!(diverging[100].1 > diverging[0].1);
}

// 9. Cross-entropy against squared error

#[test]
fn a_bad_start_has_a_gradient_by_cross_entropy_and_hardly_one_by_squared_error() {
    // h = σ(4), y = 0: loss −ln(1 − h) and gradient h, against ½h² and h²(1 − h).
    for (cross_entropy, loss, slope) in [
        (true, 4.018_149_927_917_81, 0.982_013_790_037_908_4),
        (false, 0.482_175_541_912_308_66, 0.017_345_021_070_840_123),
    ] {
        let (mut engine, data) = bad_start::neuron(cross_entropy).unwrap();
        let (found, gradient) = engine.loss_and_gradient(&Batch::all(&data)).unwrap();
        assert_close(found, loss, 1e-15);
        assert!(
            worst_error(&gradient, &[slope, slope], 0.0) < 1e-15,
            "{gradient:?}"
        );
        let path = bad_start::common::path(&mut *engine, &data, bad_start::RATE, 300).unwrap();
        let (mut w, mut b) = (2.0f64, 2.0f64);
        for (theta, _) in &path {
            let error = worst_error(theta, &[w, b], 1.0);
            assert!(error < 1e-12, "{theta:?}: {error:e}");
            let h = 1.0 / (1.0 + (-w - b).exp());
            let slope = if cross_entropy { h } else { h * h * (1.0 - h) };
            w -= 0.15 * slope;
            b -= 0.15 * slope;
        }
    }
}

// 10. A saddle

#[test]
fn the_saddle_has_no_gradient_and_an_escape() {
    let (gradient, hessian) = saddle::derivatives([0.0; 2]).unwrap();
    assert_eq!(gradient, [0.0; 2]);
    for (row, expected) in hessian.iter().zip([[0.0, -2.0], [-2.0, 0.0]]) {
        assert!(
            row.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-8),
            "{hessian:?}"
        );
    }
    // At the minimum (1, 1) the Hessian is [[2, 2], [2, 2]].
    let (gradient, hessian) = saddle::derivatives([1.0; 2]).unwrap();
    assert_eq!(gradient, [0.0; 2]);
    assert!(
        hessian.iter().flatten().all(|h| (h - 2.0).abs() < 1e-8),
        "{hessian:?}"
    );

    let [(lowest, escape), (highest, steep)] = saddle::eigen([[0.0, -2.0], [-2.0, 0.0]]);
    assert_eq!((lowest, highest), (-2.0, 2.0));
    for (value, v) in [(lowest, escape), (highest, steep)] {
        assert_close(v[0].hypot(v[1]), 1.0, 1e-15);
        assert!(
            (-2.0 * v[1] - value * v[0]).abs() < 1e-15
                && (-2.0 * v[0] - value * v[1]).abs() < 1e-15
        );
    }
    let end = |start: [f64; 2]| {
        let (mut engine, row) = saddle::two_weights(start).unwrap();
        let path = saddle::common::path(&mut *engine, &row, saddle::RATE, 120).unwrap();
        path[120].clone()
    };
    // At the saddle, and on the line that leads into it, descent stays; beside it, it does not.
    assert_eq!(end([0.0; 2]), (vec![0.0, 0.0], 1.0));
    assert_close(end([1.2, -1.2]).1, 1.0, 1e-4);
    let (mut w1, mut w2) = (1e-3 * escape[0], 1e-3 * escape[1]);
    let (theta, loss) = end([w1, w2]);
    for _ in 0..120 {
        let rest = 1.0 - w1 * w2;
        (w1, w2) = (w1 + 0.1 * w2 * rest, w2 + 0.1 * w1 * rest);
    }
    assert!(worst_error(&theta, &[w1, w2], 0.0) < 1e-12 && loss < 1e-6);
}

// The error surface

#[test]
fn exhaustive_search_finds_the_minimum_that_is_on_its_grid() {
    // Σxy − n·x̄·ȳ = 56, Σx² − n·x̄² = 21: w = 8/3, b = 6.5 − 2.5w = −1/6, and the loss is 23/12.
    let surface = error_surface::surface(65).unwrap();
    let (at, loss) = surface.lowest().unwrap();
    assert!(
        worst_error(&at, &[8.0 / 3.0, -1.0 / 6.0], 0.0) < 1e-12,
        "{at:?}"
    );
    assert_close(loss, 23.0 / 12.0, 1e-12);
    let direct = |w: f64, b: f64| {
        let squares = error_surface::ROWS
            .iter()
            .map(|(x, y)| (y - w * x - b).powi(2));
        squares.sum::<f64>() / 4.0
    };
    let points = surface.axes[0]
        .values
        .iter()
        .flat_map(|w| surface.axes[1].values.iter().map(move |b| direct(*w, *b)));
    assert!(worst_error(&surface.losses, &points.collect::<Vec<_>>(), 0.0) < 1e-12);
}
