//! Distributions of initial weights, from their closed forms.

use thalweg_core::initializers::INITIALIZERS;
use thalweg_core::precision::Dtype;
use thalweg_core::registry::{Choice, Setting};
use thalweg_core::spec::TrainingSpec;

use crate::common::*;

enum Distribution {
    /// On (−a, a): variance a²/3, fourth moment a⁴/5.
    Uniform(f64),
    /// Of this variance v: fourth moment 3v².
    Normal(f64),
    /// Always this.
    Constant(f64),
}
use Distribution::{Constant, Normal, Uniform};

#[test]
fn initial_weights_have_the_distribution_of_their_initializer() {
    let (fan_in, fan_out) = (300, 200);
    let (i, o) = (fan_in as f64, fan_out as f64);
    for name in names(&INITIALIZERS) {
        let distribution = match name {
            "glorot_uniform" => Uniform((6.0 / (i + o)).sqrt()),
            "glorot_normal" => Normal(2.0 / (i + o)),
            "he_uniform" => Uniform((6.0 / i).sqrt()),
            "he_normal" => Normal(2.0 / i),
            "lecun_uniform" => Uniform((3.0 / i).sqrt()),
            "lecun_normal" => Normal(1.0 / i),
            "uniform" => Uniform(0.05),
            "normal" => Normal(0.05 * 0.05),
            "zeros" | "constant" => Constant(0.0),
            // Its own test below.
            "orthogonal" => continue,
            // A new one has its test beside it.
            _ => continue,
        };
        let layer = dense(fan_out, "tanh").with("initializer", Setting::Text(name.into()));
        let network = network(fan_in, "half_mse", vec![layer]);
        let draw = |seed, dtype| {
            let spec = TrainingSpec {
                seed,
                dtype,
                ..descent(0.1, 1, 1)
            };
            engine(&network, &spec).save().unwrap().parameters
        };
        let parameters = draw(1, Dtype::F64);
        let (weights, biases) = parameters.split_at(fan_in * fan_out);
        assert!(biases.iter().all(|b| *b == 0.0) && biases.len() == fan_out);
        let single: Vec<f64> = parameters.iter().map(|p| f64::from(*p as f32)).collect();
        assert_eq!(
            draw(1, Dtype::F32),
            single,
            "{name}: precisions start at different places"
        );

        let n = weights.len() as f64;
        let moment = |k: i32| weights.iter().map(|w| w.powi(k)).sum::<f64>() / n;
        let largest = weights
            .iter()
            .fold(0.0, |largest: f64, w| largest.max(w.abs()));
        let (variance, fourth) = match distribution {
            Uniform(a) => {
                assert!(
                    largest <= a && largest > 0.999 * a,
                    "{name}: largest {largest} of {a}"
                );
                (a * a / 3.0, a.powi(4) / 5.0)
            }
            Normal(v) => {
                // The largest of 60,000 lies between 3.7 and 5.6 deviations, but for one in a
                // thousand.
                let deviations = largest / v.sqrt();
                assert!(
                    (3.7..5.6).contains(&deviations),
                    "{name}: {deviations} deviations"
                );
                (v, 3.0 * v * v)
            }
            Constant(c) => {
                assert!(weights.iter().all(|w| *w == c), "{name}");
                continue;
            }
        };
        assert_ne!(
            weights,
            &draw(2, Dtype::F64)[..weights.len()],
            "{name} does not heed the seed"
        );
        // Within 4 standard errors.
        let bound = |deviation: f64| 4.0 * deviation / n.sqrt();
        assert!(
            moment(1).abs() < bound(variance.sqrt()),
            "{name}: mean {}",
            moment(1)
        );
        let spread = (fourth - variance * variance).sqrt();
        assert!(
            (moment(2) - variance).abs() < bound(spread),
            "{name}: variance {}",
            moment(2)
        );
        assert!(
            (moment(4) / fourth - 1.0).abs() < 0.05,
            "{name}: fourth moment {}",
            moment(4)
        );
        // Neighbours know nothing of each other.
        let pairs = weights.windows(2).map(|w| w[0] * w[1]).sum::<f64>() / n;
        assert!(
            pairs.abs() < bound(variance),
            "{name}: covariance of neighbours {pairs}"
        );
    }
}

#[test]
fn orthogonal_weights_are_orthonormal_and_their_settings_are_heeded() {
    for (units, inputs) in [(1, 1), (7, 7), (20, 50), (50, 20), (200, 200)] {
        let choice = Choice::new("orthogonal").with("gain", Setting::Number(2.0));
        let layer = dense(units, "tanh").with("initializer", choice.into());
        let network = network(inputs, "half_mse", vec![layer]);
        let parameters = engine(&network, &descent(0.1, 1, 1))
            .save()
            .unwrap()
            .parameters;
        let w = |unit: usize, input: usize| parameters[unit * inputs + input];
        let (count, length) = (units.min(inputs), units.max(inputs));
        let at = |a: usize, k: usize| if units <= inputs { w(a, k) } else { w(k, a) };
        for a in 0..count {
            for b in 0..=a {
                let dot: f64 = (0..length).map(|k| at(a, k) * at(b, k)).sum();
                let expected = if a == b { 4.0 } else { 0.0 };
                assert!(
                    (dot - expected).abs() < 1e-13,
                    "{units}×{inputs}: {a}·{b} = {dot}"
                );
            }
        }
    }
}

#[test]
fn uniform_normal_and_constant_heed_their_settings() {
    let draw = |choice: Choice| {
        let layer = dense(100, "tanh").with("initializer", choice.into());
        let network = network(100, "half_mse", vec![layer]);
        engine(&network, &descent(0.1, 1, 1))
            .save()
            .unwrap()
            .parameters[..10_000]
            .to_vec()
    };
    let set = |name: &str, settings: &[(&str, f64)]| {
        let with =
            |choice: Choice, (key, value): &(&str, f64)| choice.with(key, Setting::Number(*value));
        settings.iter().fold(Choice::new(name), with)
    };
    assert!(
        draw(set("constant", &[("value", -1.5)]))
            .iter()
            .all(|w| *w == -1.5)
    );
    let uniform = draw(set("uniform", &[("low", 2.0), ("high", 3.0)]));
    let mean = uniform.iter().sum::<f64>() / 1e4;
    assert!(uniform.iter().all(|w| (2.0..3.0).contains(w)) && (mean - 2.5).abs() < 0.012);
    let normal = draw(set("normal", &[("mean", 1.0), ("deviation", 0.1)]));
    let mean = normal.iter().sum::<f64>() / 1e4;
    let variance = normal.iter().map(|w| (w - 1.0).powi(2)).sum::<f64>() / 1e4;
    assert!((mean - 1.0).abs() < 0.004 && (variance - 0.01).abs() < 0.0006);
    let wrong = set("uniform", &[("low", 1.0), ("high", 1.0)]);
    let error = INITIALIZERS.build(&wrong, &()).err().unwrap().to_string();
    assert!(error.contains("low < high"), "{error}");
}
