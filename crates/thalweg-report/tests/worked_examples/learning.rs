//! Gates, digits, batch sizes, sums of units: what has to be learned, and the parts of it that are exact.

use thalweg::spec::ScaleRate;

use crate::common::*;
use crate::programs::*;

// 4. Gates

#[test]
fn the_program_shows_that_xor_needs_a_hidden_layer() {
    for gate in logic_gates::GATES {
        for seed in 0..20 {
            let alone = logic_gates::learn(gate, &[], seed).unwrap().1;
            assert_eq!(alone == gate.3, gate.0 != "XOR", "{}, seed {seed}", gate.0);
        }
    }
    let xor = logic_gates::GATES[3];
    let learned = (0..20).filter(|seed| logic_gates::learn(xor, &[64], *seed).unwrap().1 == xor.3);
    assert_eq!(learned.count(), 20);
}

// 6. Digits

#[test]
fn the_largest_of_three_neurons_answers() {
    // Each neuron looks for one pixel; the second has a head start.
    let network = network(3, "cross_entropy", vec![dense(3, "identity")]);
    let theta = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.25, 0.0];
    let mut engine = digits::common::engine_at(&network, &descent(0.1, 1, 1), &theta).unwrap();
    let x = [0.5, 0.0, 0.0, 0.2, 0.0, 0.0, 0.0, 0.1, 0.4, 0.0, 0.1, 0.3];
    let data = rows(3, &x, &[0.0; 4]);
    // Sums: (0.5, 0.25, 0), (0.2, 0.25, 0), (0, 0.35, 0.4), (0, 0.35, 0.3).
    let answers = digits::common::classes(&mut *engine, &data, 3).unwrap();
    assert_eq!(answers, [0, 1, 2, 1]);
    let probabilities = engine.predict(&data.features).unwrap();
    let sum = 0.5f64.exp() + 0.25f64.exp() + 1.0;
    let expected = [0.5f64.exp() / sum, 0.25f64.exp() / sum, 1.0 / sum];
    assert!(worst_error(&probabilities[..3], &expected, 0.0) < 1e-15);
}

#[test]
fn one_layer_reads_most_digits_and_two_read_more() {
    let options = digits::common::Options::default();
    let (_, data) = digits::common::read(&options).unwrap();
    let test = data.test.as_ref().unwrap();
    let score = |hidden: &[usize]| {
        let (mut run, _) = digits::fit(&data, hidden, 15).unwrap();
        digits::common::accuracy(run.engine(), test, 10).unwrap()
    };
    let (one, two) = (score(&[]), score(&[64]));
    assert!(one > 0.92 && two > 0.95 && two >= one, "{one} and {two}");
}

// Thirty layers of tanh

#[test]
fn thirty_layers_of_tanh_learn_with_residual_blocks_or_batch_norm_alone() {
    let options = deep_tanh::common::Options::default();
    let (_, data) = deep_tanh::common::read(&options).unwrap();
    let [plain, residual, norm] = [
        deep_tanh::Help::Nothing,
        deep_tanh::Help::Residual,
        deep_tanh::Help::BatchNorm,
    ]
    .map(|help| {
        let one = deep_tanh::fit(&data, help, 15).unwrap();
        (
            one.gradient_norms[0],
            one.epochs.0[14].train_loss,
            one.test_accuracy,
        )
    });
    // A guess among ten classes: ln 10.
    assert!(
        (plain.1 - 10f64.ln()).abs() < 0.01 && plain.2 < 0.2,
        "{plain:?}"
    );
    assert!(residual.1 < 0.1 && residual.2 > 0.9, "{residual:?}");
    assert!(norm.1 < 1.0 && norm.2 > 0.7, "{norm:?}");
    assert!(plain.0 < 1e-5 && residual.0 > 0.1 && norm.0 > 0.1);
}

// 7. Batch size

#[test]
fn a_large_batch_falls_behind_and_the_scaled_rate_makes_up_for_it() {
    let options = batch_size::common::Options::default();
    let (_, data) = batch_size::common::read(&options).unwrap();
    let rows = data.train.rows();
    let fit = |size, scale| {
        let one = batch_size::fit(&data, size, scale, 20).unwrap();
        assert_eq!(one.steps_per_epoch, rows.div_ceil(size) as u64);
        assert_eq!(one.epochs.0.len(), 20);
        one.epochs.0[19].train_loss
    };
    let (single, small, large) = (fit(1, None), fit(32, None), fit(1000, None));
    let whole = fit(rows, None);
    assert!(single < small && small < large && large < whole);
    let scaled = fit(1000, Some(ScaleRate::new(32)));
    assert!(
        large > 4.0 * small && scaled < 1.3 * small,
        "{small}, {large}, scaled {scaled}"
    );
}

// Sums of sigmoids and of ReLUs

#[test]
fn a_sum_of_relus_is_a_piecewise_linear_curve_exactly_and_learns_it() {
    let x: Vec<f64> = (-200..=200).map(|k| f64::from(k) / 100.0).collect();
    let answers = sum_of_sigmoids::by_hand()
        .unwrap()
        .predict(&features(1, x.clone()))
        .unwrap();
    for (x, answer) in x.iter().zip(&answers) {
        assert!(
            (sum_of_sigmoids::curve(*x) - answer).abs() < 1e-14,
            "{x}: {answer}"
        );
    }
    for (corner, y) in sum_of_sigmoids::CORNERS {
        assert_eq!(sum_of_sigmoids::curve(corner), y);
    }
    for (activation, most) in [("relu", 1e-3), ("sigmoid", 1e-2)] {
        let (_, epochs) = sum_of_sigmoids::fit(20, activation, 1000).unwrap();
        let loss = epochs.0[999].train_loss;
        assert!(loss < most, "{activation}: {loss}");
    }
}

#[test]
fn two_relus_are_one_hard_sigmoid() {
    // clip(z/6 + ½) = (max(0, z + 3) − max(0, z − 3))/6.
    let relus = network(1, "mse", vec![dense(2, "relu"), dense(1, "identity")]);
    let theta = [1.0, 1.0, 3.0, -3.0, 1.0 / 6.0, -1.0 / 6.0, 0.0];
    let spec = descent(0.1, 1, 1);
    let mut two = digits::common::engine_at(&relus, &spec, &theta).unwrap();
    let one = network(1, "mse", vec![dense(1, "hard_sigmoid")]);
    let mut one = digits::common::engine_at(&one, &spec, &[1.0, 0.0]).unwrap();
    let z = features(1, (-50..=50).map(|k| f64::from(k) / 10.0).collect());
    let (a, b) = (two.predict(&z).unwrap(), one.predict(&z).unwrap());
    assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-15));
}
