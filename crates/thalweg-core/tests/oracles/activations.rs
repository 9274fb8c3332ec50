//! Values and slopes of activations.

use thalweg_core::activations::ActivationScalar;
use thalweg_core::activations::{ACTIVATIONS, Activation, AnyActivation, RowShape};
use thalweg_core::precision::Dtype;
use thalweg_core::registry::{Choice, Setting};
use thalweg_core::{Isa, Scalar};

use super::instruction_sets;
use crate::common::*;

/// φ, φ′ and φ″ at `x`, as layers use them.
fn activate<T: ActivationScalar>(
    activation: &dyn AnyActivation,
    isa: Isa,
    x: &[f64],
) -> [Vec<f64>; 3] {
    let activation: &dyn Activation<T> = T::activation(activation);
    let shape = RowShape {
        width: x.len(),
        stride: x.len(),
    };
    let z: Vec<T> = x.iter().map(|x| T::from_f64(*x)).collect();
    let mut y = z.clone();
    activation.forward(isa, shape, &mut y);
    let at = if activation.keeps_input() { &z } else { &y };
    let ones = vec![T::ONE; x.len()];
    let mut dy = ones.clone();
    activation.backward(isa, shape, at, &mut dy);
    let mut curvature = vec![T::ZERO; x.len()];
    activation.add_curvature(isa, shape, at, &ones, &ones, &mut curvature);
    [y, dy, curvature].map(|values| values.into_iter().map(Scalar::to_f64).collect())
}

/// Distance in units in the last place of a precision at `want`; below the smallest normal number
/// of the precision a unit is 4 times that number, which is where eˣ is taken as 0.
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
    let mut count = 0;
    for name in elementwise() {
        let want = &golden["activations"][name];
        if want.is_null() {
            // A new one is compared with finite differences alone.
            continue;
        }
        count += 1;
        let want = ["value", "first", "second"].map(|key| floats(want, key));
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
                    for (got, want) in got[2].iter().zip(&want[2]).skip(i).take(1) {
                        // Second derivatives cancel near their zeros.
                        let tolerance = if dtype == Dtype::F32 { 2e-6 } else { 1e-14 };
                        let error = relative_error(*got, *want, 1e-2 * f64::from(f32::EPSILON));
                        assert!(
                            error <= tolerance,
                            "{name} ({}): φ″({x}): {got:e} is not {want:e} ({error:e})",
                            isa.name()
                        );
                    }
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
    assert!(count >= 14, "only {count} activations");
}

/// Which function a name means, and what happens at kinks.
#[test]
fn activations_are_the_functions_that_pytorch_has_by_these_names() {
    let golden = golden("pytorch/activations.json");
    let grid = floats(&golden, "x");
    let functions = golden["activations"].as_object().unwrap();
    assert!(functions.len() >= 13);
    let golden = |name| Some((name, functions.get(name)?));
    for (name, want) in elementwise().filter_map(golden) {
        let activation = ACTIVATIONS.build(&Choice::new(name), &()).unwrap();
        let got = activate::<f64>(&*activation, Isa::detect(), &grid);
        // Its hard sigmoid has the slope 1/6 in single precision.
        let tolerance = if name == "hard_sigmoid" { 1e-8 } else { 1e-13 };
        for (k, key) in ["value", "first", "second"].iter().enumerate() {
            let want = floats(want, key);
            for (i, x) in grid.iter().enumerate() {
                // Beyond, its softplus is x itself; at 0 its ELU bends although its slope is 1.
                let is_elus_bend = k == 2 && *x == 0.0 && ["elu", "selu"].contains(&name);
                if x.abs() <= 10.0 && !is_elus_bend {
                    let error = relative_error(got[k][i], want[i], 1.0);
                    assert!(error <= tolerance, "{name}, {key} at {x}: {error:e}");
                }
            }
        }
    }
}

#[test]
fn activations_have_no_nan_at_infinity_and_hand_nan_on() {
    fn check<T: ActivationScalar>(name: &str) {
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
            let [value, slope, curvature] = activate::<T>(&*activation, isa, &infinite);
            let is_number = |v: &f64| !v.is_nan();
            assert!(
                value.iter().all(is_number),
                "{name} {}: {value:?}",
                isa.name()
            );
            assert!(
                slope.iter().chain(&curvature).all(|v| v.is_finite()),
                "{name} {}: {slope:?}, {curvature:?}",
                isa.name()
            );
            let [value, ..] = activate::<T>(&*activation, isa, &[f64::NAN; 17]);
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

/// Those of a single number.
fn elementwise() -> impl Iterator<Item = &'static str> {
    let couples = |name: &str| {
        let activation = ACTIVATIONS.build(&Choice::new(name), &()).unwrap();
        activation.couples_values()
    };
    names(&ACTIVATIONS)
        .into_iter()
        .filter(move |name| !couples(name))
}

#[test]
fn activations_hold_their_identities() {
    // Between −4 and 4, where the right sides keep their digits.
    let x: Vec<f64> = (-400..=400).map(|i| f64::from(i) / 100.0).collect();
    let at = |name: &str, x: &[f64]| {
        let activation = ACTIVATIONS.build(&Choice::new(name), &()).unwrap();
        activate::<f64>(&*activation, Isa::PORTABLE, x)
    };
    let scaled = |factor: f64| -> Vec<f64> { x.iter().map(|x| factor * x).collect() };
    let [sigma, slope, curvature] = at("sigmoid", &x);
    let [tanh, tanh_slope, tanh_curvature] = at("tanh", &scaled(0.5));
    let [plus, plus_slope, plus_curvature] = at("softplus", &x);
    let [silu, ..] = at("silu", &x);
    let [silu_minus, ..] = at("silu", &scaled(-1.0));
    let [gelu, ..] = at("gelu", &x);
    let [gelu_minus, ..] = at("gelu", &scaled(-1.0));
    let close = |a: f64, b: f64| (a - b).abs() < 1e-14 * b.abs().max(0.1);
    for (i, &x) in x.iter().enumerate() {
        let s = sigma[i];
        assert!(close(slope[i], s * (1.0 - s)), "σ′ = σ(1 − σ) at {x}");
        let second = s * (1.0 - s) * (1.0 - 2.0 * s);
        assert!(close(curvature[i], second), "σ″ = σ(1 − σ)(1 − 2σ) at {x}");
        assert!(
            close(tanh[i], 2.0 * s - 1.0),
            "tanh(x/2) = 2σ(x) − 1 at {x}"
        );
        assert!(close(tanh_slope[i], 1.0 - tanh[i] * tanh[i]));
        assert!(close(tanh_curvature[i], -2.0 * tanh[i] * tanh_slope[i]));
        assert!(close(plus_slope[i], s) && close(plus_curvature[i], slope[i]));
        assert!(
            close(plus[i], -(1.0 - s).ln()),
            "log(1 + eˣ) = −log σ(−x) at {x}"
        );
        assert!(close(silu[i] - silu_minus[i], x) && close(gelu[i] - gelu_minus[i], x));
    }
    // σ‴ = σ(1 − σ)(1 − 6σ + 6σ²), by differences of σ″.
    let h = 1e-4;
    let moved = |h: f64| at("sigmoid", &x.iter().map(|x| x + h).collect::<Vec<_>>())[2].clone();
    for (i, (after, before)) in moved(h).iter().zip(&moved(-h)).enumerate() {
        let s = sigma[i];
        let third = s * (1.0 - s) * (1.0 - 6.0 * s + 6.0 * s * s);
        assert!(
            ((after - before) / (2.0 * h) - third).abs() < 1e-8,
            "σ‴ at {}",
            x[i]
        );
    }
    let [_, slope, _] = at("sigmoid", &[21.0]);
    assert!(relative_error(slope[0], 7.58256041641286e-10, 0.0) < 1e-14);
}

/// The settings of activations, against their equations.
#[test]
fn settings_of_activations_are_heeded() {
    let x: Vec<f64> = (-60..=60).map(|i| f64::from(i) / 10.0).collect();
    let with = |name: &str, setting: &str, value: f64| {
        let choice = Choice::new(name).with(setting, Setting::Number(value));
        activate::<f64>(
            &*ACTIVATIONS.build(&choice, &()).unwrap(),
            Isa::detect(),
            &x,
        )
    };
    for a in [0.0, 0.2, 1.7] {
        let [elu, leaky] = [
            with("elu", "alpha", a),
            with("leaky_relu", "negative_slope", a),
        ];
        for (i, x) in x.iter().copied().enumerate().filter(|(_, x)| *x != 0.0) {
            let is_above = x > 0.0;
            let below = |value: f64, above: f64| if is_above { above } else { value };
            let want = [
                (
                    [&elu[0], &leaky[0]],
                    [below(a * x.exp_m1(), x), below(a * x, x)],
                ),
                (
                    [&elu[1], &leaky[1]],
                    [below(a * x.exp(), 1.0), below(a, 1.0)],
                ),
                ([&elu[2], &leaky[2]], [below(a * x.exp(), 0.0), 0.0]),
            ];
            for (got, want) in want {
                let errors = got
                    .iter()
                    .zip(want)
                    .map(|(got, want)| (got[i] - want).abs());
                assert!(errors.fold(0.0, f64::max) < 1e-14, "a = {a} at {x}");
            }
        }
    }
}

/// Over a fine grid, in single precision, against the same function in double precision, whose own
/// error is a billionth of that.
#[test]
fn activations_in_single_precision_are_within_four_units_everywhere() {
    let x: Vec<f64> = (-200_000..=200_000)
        .map(|i| f64::from((f64::from(i) * 1.1e-4) as f32))
        .collect();
    for name in elementwise() {
        let activation = ACTIVATIONS.build(&Choice::new(name), &()).unwrap();
        let want = activate::<f64>(&*activation, Isa::detect(), &x);
        let got = activate::<f32>(&*activation, Isa::detect(), &x);
        for k in 0..2 {
            let worst = (got[k].iter().zip(&want[k])).map(|(g, w)| ulps(*g, *w, Dtype::F32));
            let worst = worst.fold(0.0, f64::max);
            assert!(worst <= 4.0, "{name}: derivative {k}: {worst} ulp");
        }
    }
}

#[test]
fn softmax_its_gradient_and_its_second_order_term_are_those_of_pytorch() {
    fn check<T: ActivationScalar>(case: &serde_json::Value, isa: Isa, tolerance: f64) {
        let activation = ACTIVATIONS.build(&Choice::new("softmax"), &()).unwrap();
        let activation: &dyn Activation<T> = T::activation(&*activation);
        let width = number(case, "width") as usize;
        let shape = RowShape {
            width,
            stride: thalweg_core::shape::stride(width),
        };
        // The padding of values is large, that of gradients 0.
        let padded = |key: &str, pad: f64| -> Vec<T> {
            let rows = floats(case, key);
            let rows = rows.chunks_exact(width).map(|row| {
                let padding = std::iter::repeat_n(pad, shape.stride - width);
                row.iter().copied().chain(padding).collect::<Vec<f64>>()
            });
            rows.flatten().map(T::from_f64).collect()
        };
        let compare = |what: &str, got: &[T], key: &str| {
            let rows = got.chunks_exact(shape.stride);
            let got: Vec<f64> = rows
                .flat_map(|row| &row[..width])
                .map(|v| v.to_f64())
                .collect();
            let error = worst_error(&got, &floats(case, key), 0.1);
            assert!(error <= tolerance, "{what} of width {width}: {error:e}");
        };
        let mut y = padded("logits", 1e30);
        activation.forward(isa, shape, &mut y);
        compare("value", &y, "value");
        let dy = padded("dy", 0.0);
        let mut dz = dy.clone();
        activation.backward(isa, shape, &y, &mut dz);
        compare("gradient", &dz, "gradient");
        let mut bend = vec![T::ZERO; dy.len()];
        activation.add_curvature(isa, shape, &y, &dy, &padded("direction", 0.0), &mut bend);
        compare("second-order term", &bend, "second");
        let pads = |values: &[T]| {
            let mut rows = values.chunks_exact(shape.stride);
            rows.all(|row| row[width..].iter().all(|pad| *pad == T::ZERO))
        };
        assert!(pads(&dz) && pads(&bend));
    }
    let golden = golden("pytorch/softmax.json");
    for case in list(&golden, "cases") {
        for isa in instruction_sets() {
            check::<f64>(case, isa, 1e-14);
            check::<f32>(case, isa, 1e-6);
        }
    }
}
