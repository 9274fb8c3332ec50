//! Values and slopes of activations.

use thalweg::activations::{ACTIVATIONS, Activation, AnyActivation};
use thalweg::precision::{Dtype, Precision};
use thalweg::registry::Choice;
use thalweg::{Isa, Scalar};

use crate::common::*;
use crate::instruction_sets;

/// φ and φ′ at `x`, as layers use them.
fn activate<T: Precision>(activation: &dyn AnyActivation, isa: Isa, x: &[f64]) -> [Vec<f64>; 2] {
    let activation: &dyn Activation<T> = T::activation(activation);
    let z: Vec<T> = x.iter().map(|x| T::from_f64(*x)).collect();
    let mut y = z.clone();
    activation.forward(isa, &mut y);
    let mut dy = vec![T::ONE; x.len()];
    activation.backward(isa, if activation.keeps_input() { &z } else { &y }, &mut dy);
    [y, dy].map(|values| values.into_iter().map(Scalar::to_f64).collect())
}

/// Distance in units in the last place of a precision at `want`; below the smallest normal number of the
/// precision a unit is 4 times that number, which is where eˣ is taken as 0.
fn ulps(got: f64, want: f64, dtype: Dtype) -> f64 {
    let (epsilon, least) = match dtype {
        Dtype::F32 | Dtype::Bf16 => (f64::from(f32::EPSILON), f64::from(f32::MIN_POSITIVE)),
        Dtype::F64 => (f64::EPSILON, f64::MIN_POSITIVE),
    };
    if got == want {
        return 0.0;
    }
    let unit = if want.abs() < 4.0 * least {
        4.0 * least
    } else {
        epsilon * want.abs().log2().floor().exp2()
    };
    (got - want).abs() / unit
}

#[test]
fn activations_and_their_slopes_are_within_four_units_in_the_last_place() {
    let golden = golden("closed_form/activations.json");
    let grid = floats(&golden, "x");
    for name in names(&ACTIVATIONS) {
        let want = &golden["activations"][name];
        assert!(want.is_object(), "activation {name} has no golden values");
        let want = ["value", "first"].map(|key| floats(want, key));
        let activation = ACTIVATIONS.build(&Choice::new(name), &()).unwrap();
        for isa in instruction_sets() {
            for dtype in [Dtype::F32, Dtype::F64] {
                let got = match dtype {
                    Dtype::F32 | Dtype::Bf16 => activate::<f32>(&*activation, isa, &grid),
                    Dtype::F64 => activate::<f64>(&*activation, isa, &grid),
                };
                let (mut compared, mut worst) = (0, [0.0f64; 2]);
                for (i, x) in grid.iter().enumerate() {
                    // A point that single precision has to round is another point.
                    if dtype == Dtype::F32 && f64::from(*x as f32) != *x {
                        continue;
                    }
                    compared += 1;
                    for k in 0..2 {
                        let (got, want) = (got[k][i], want[k][i]);
                        let error = ulps(got, want, dtype);
                        let place = || format!("{name} ({}) at {x}", isa.name());
                        assert!(
                            error <= 4.0,
                            "{}: {k}: {got:e} is not {want:e} ({error} ulp)",
                            place()
                        );
                        worst[k] = worst[k].max(error);
                    }
                }
                assert!(compared >= 20, "{compared} points");
                println!(
                    "{name} {dtype:?} {}: value, slope within {worst:.2?} ulp",
                    isa.name()
                );
            }
        }
    }
}

#[test]
fn activations_have_no_nan_at_infinity_and_hand_nan_on() {
    fn check<T: Precision>(name: &str) {
        let activation = ACTIVATIONS.build(&Choice::new(name), &()).unwrap();
        for isa in instruction_sets() {
            // As many as a vector has lanes, and a few more.
            let infinite = [
                f64::INFINITY,
                f64::NEG_INFINITY,
                f64::MAX,
                f64::MIN,
                1e4,
                -1e4,
            ]
            .repeat(5);
            let [value, slope] = activate::<T>(&*activation, isa, &infinite);
            let is_number = |v: &f64| !v.is_nan();
            assert!(
                value.iter().all(is_number),
                "{name} {}: {value:?}",
                isa.name()
            );
            assert!(
                slope.iter().all(|v| v.is_finite()),
                "{name} {}: {slope:?}",
                isa.name()
            );
            let [value, _] = activate::<T>(&*activation, isa, &[f64::NAN; 17]);
            assert!(
                value.iter().all(|v| v.is_nan()),
                "{name} {}: {value:?}",
                isa.name()
            );
        }
    }
    for name in names(&ACTIVATIONS) {
        check::<f32>(name);
        check::<f64>(name);
    }
}

#[test]
fn sigmoid_and_tanh_hold_their_identities() {
    // Between −4 and 4, where the right sides keep their digits.
    let x: Vec<f64> = (-400..=400).map(|i| f64::from(i) / 100.0).collect();
    let half: Vec<f64> = x.iter().map(|x| x / 2.0).collect();
    let build = |name| ACTIVATIONS.build(&Choice::new(name), &()).unwrap();
    let [sigma, slope] = activate::<f64>(&*build("sigmoid"), Isa::PORTABLE, &x);
    let [tanh, tanh_slope] = activate::<f64>(&*build("tanh"), Isa::PORTABLE, &half);
    for i in 0..x.len() {
        let s = sigma[i];
        assert!(
            relative_error(slope[i], s * (1.0 - s), 0.0) < 1e-14,
            "σ′ = σ(1 − σ) at {}",
            x[i]
        );
        let expected = 2.0 * s - 1.0;
        assert!(
            (tanh[i] - expected).abs() < 1e-15,
            "tanh(x/2) = 2σ(x) − 1 at {}",
            x[i]
        );
        assert!(relative_error(tanh_slope[i], 1.0 - tanh[i] * tanh[i], 0.0) < 1e-14);
    }
}
