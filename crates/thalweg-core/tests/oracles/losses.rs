//! Values, gradients and second derivatives of losses.

use serde_json::Value;
use thalweg_core::Isa;
use thalweg_core::dataset::Dataset;
use thalweg_core::engine::Batch;
use thalweg_core::losses::LossScalar;
use thalweg_core::losses::{AnyLoss, LOSSES, Loss, LossRows, TargetRows};
use thalweg_core::registry::{Choice, Setting};
use thalweg_core::shape::stride;

use super::instruction_sets;
use crate::common::*;

/// Value, gradient, and the Hessian times the direction, if there is one. The padding of z is
/// larger than any logit, and what stood in dz is NaN: neither shows.
fn judge<T: LossScalar>(loss: &dyn AnyLoss, isa: Isa, case: &Value) -> [Vec<f64>; 3] {
    let convert = |values: &[f64]| -> Vec<T> { values.iter().map(|v| T::from_f64(*v)).collect() };
    let (rows, outputs) = (
        number(case, "rows") as usize,
        number(case, "outputs") as usize,
    );
    let stride = stride(outputs);
    let mut z = vec![T::from_f64(3e4); rows * stride];
    for (z, logits) in z
        .chunks_exact_mut(stride)
        .zip(floats(case, "logits").chunks_exact(outputs))
    {
        z[..outputs].copy_from_slice(&convert(logits));
    }
    let weights = case["weights"]
        .is_array()
        .then(|| convert(&floats(case, "weights")));
    let total = weights
        .as_ref()
        .map_or(rows as f64, |w| w.iter().map(|w| w.to_f64()).sum());
    let (classes, values): (Vec<u32>, Vec<T>);
    let targets = if case["classes"].is_array() {
        classes = floats(case, "classes")
            .iter()
            .map(|class| *class as u32)
            .collect();
        TargetRows::Classes(&classes)
    } else {
        values = convert(&floats(case, "targets"));
        TargetRows::Values(&values)
    };
    let mut dz = vec![T::from_f64(f64::NAN); rows * stride];
    let given = LossRows {
        isa,
        rows,
        outputs,
        stride,
        z: &z,
        targets,
        weights: weights.as_deref(),
        scale: 1.0 / total,
    };
    let loss: &dyn Loss<T> = T::loss(loss);
    let value = loss.value_grad(given, &mut dz) / total;
    let mut product = vec![T::from_f64(f64::NAN); dz.len()];
    if case["direction"].is_array() {
        let mut direction = vec![T::from_f64(f64::NAN); dz.len()];
        let rows = floats(case, "direction");
        let rows = rows.chunks_exact(outputs);
        for (padded, row) in direction.chunks_exact_mut(stride).zip(rows) {
            padded[..outputs].copy_from_slice(&convert(row));
        }
        loss.hvp(given, &direction, &mut product);
    } else {
        product.fill(T::ZERO);
    }
    let rows = |values: &[T]| -> Vec<f64> {
        for row in values.chunks_exact(stride) {
            let is_empty = row[outputs..].iter().all(|pad| *pad == T::ZERO);
            assert!(is_empty, "padding in {}", case["name"]);
        }
        let rows = values.chunks_exact(stride);
        rows.flat_map(|row| &row[..outputs])
            .map(|v| v.to_f64())
            .collect()
    };
    [vec![value], rows(&dz), rows(&product)]
}

/// Half the squared error behind a sigmoid, which is a last layer here.
const BEHIND_SIGMOID: &str = "half_mse_sigmoid";

/// The loss that a golden case means.
fn choice_of(case: &Value) -> Choice {
    let number =
        |name: &str, setting: &str, value| Choice::new(name).with(setting, Setting::Number(value));
    match case["loss"].as_str().unwrap() {
        "logistic_smoothed" => number("logistic", "label_smoothing", 0.1),
        "cross_entropy_smoothed" => number("cross_entropy", "label_smoothing", 0.1),
        "huber_delta_2" => number("huber", "delta", 2.0),
        "focal_gamma_half" => number("focal", "gamma", 0.5),
        "multiclass_focal_gamma_half" => number("multiclass_focal", "gamma", 0.5),
        name => Choice::new(name),
    }
}

#[test]
fn losses_and_their_derivatives_are_those_of_the_oracles() {
    for (file, least) in [("closed_form/losses.json", 2), ("pytorch/losses.json", 2)] {
        let golden = golden(file);
        let cases = list(&golden, "cases");
        for case in cases {
            let name = choice_of(case).name;
            let is_ours = LOSSES.find(&name).is_ok() || name == BEHIND_SIGMOID;
            assert!(
                is_ours,
                "{file}: loss {name}: there is none, so nothing compares with it"
            );
        }
        let mut count = 0;
        for name in names(&LOSSES) {
            let is_of = |case: &&Value| choice_of(case).name == name;
            let cases: Vec<&Value> = cases.iter().filter(is_of).collect();
            let weighted = cases
                .iter()
                .filter(|case| case["weights"].is_array())
                .count();
            if cases.is_empty() {
                // A new loss is compared with finite differences alone.
                continue;
            }
            count += 1;
            assert!(
                cases.len() >= least && weighted > 0,
                "{file}: too few cases of {name}"
            );
            let mut worst = [0.0f64; 2];
            for case in cases {
                let loss = LOSSES.build(&choice_of(case), &()).unwrap();
                let mut want = [
                    vec![number(case, "value")],
                    floats(case, "gradient"),
                    vec![0.0; floats(case, "gradient").len()],
                ];
                if case["hvp"].is_array() {
                    want[2] = floats(case, "hvp");
                }
                for isa in instruction_sets() {
                    let runs = [
                        (judge::<f64>(&*loss, isa, case), 1e-14),
                        (judge::<f32>(&*loss, isa, case), 2e-6),
                    ];
                    for (k, (got, tolerance)) in runs.into_iter().enumerate() {
                        let mut error = 0.0f64;
                        for (got, want) in got.iter().zip(&want) {
                            let largest = want.iter().fold(1e-3, |most: f64, w| most.max(w.abs()));
                            error = error.max(worst_error(got, want, largest));
                        }
                        assert!(
                            error <= tolerance,
                            "{file}: {} ({}): {got:?} is not {want:?} ({error:e})",
                            case["name"],
                            isa.name(),
                        );
                        worst[k] = worst[k].max(error);
                    }
                }
            }
            println!(
                "{file}: {name}: worst relative error f64, f32: {:.1e}, {:.1e}",
                worst[0], worst[1]
            );
        }
        assert!(count >= 13, "{file}: only {count} losses");
    }
}

#[test]
fn half_the_squared_error_behind_a_sigmoid_is_that_of_the_oracles() {
    let mut compared = 0;
    for file in ["closed_form/losses.json", "pytorch/losses.json"] {
        let golden = golden(file);
        let cases = list(&golden, "cases").iter();
        for case in cases.filter(|case| case["loss"] == BEHIND_SIGMOID) {
            let (rows, outputs) = (
                number(case, "rows") as usize,
                number(case, "outputs") as usize,
            );
            // W is the unit matrix, so that the inputs are the logits z.
            let network = network(outputs, "half_mse", vec![dense(outputs, "sigmoid")]);
            let mut engine = engine(&network, &descent(1.0, rows, 1));
            let unit = (0..outputs * outputs).map(|k| u8::from(k / outputs == k % outputs));
            let zeros = std::iter::repeat_n(0.0, outputs);
            let theta: Vec<f64> = unit.map(f64::from).chain(zeros).collect();
            engine.load(&state(&theta)).unwrap();
            let z = floats(case, "logits");
            let weights = || floats(case, "weights").iter().map(|w| *w as f32).collect();
            let dataset = Dataset {
                features: features(outputs, z.clone()),
                targets: values(outputs, floats(case, "targets")),
                weights: case["weights"].is_array().then(weights),
            };
            let (value, gradient) = engine.loss_and_gradient(&Batch::all(&dataset)).unwrap();
            // dW = Σ dz·zᵀ and db = Σ dz over the rows.
            let dz = floats(case, "gradient");
            let sum = |term: &dyn Fn(usize) -> f64| (0..rows).map(term).sum::<f64>();
            let slope = |i, j| sum(&|r| dz[r * outputs + i] * z[r * outputs + j]);
            let pairs = (0..outputs).flat_map(|i| (0..outputs).map(move |j| (i, j)));
            let mut want: Vec<f64> = pairs.map(|(i, j)| slope(i, j)).collect();
            want.extend((0..outputs).map(|i| sum(&|r| dz[r * outputs + i])));
            let error = relative_error(value, number(case, "value"), 1e-3)
                .max(worst_error(&gradient, &want, 1e-3));
            assert!(error < 1e-13, "{file}: {}: {error:e}", case["name"]);
            compared += 1;
        }
    }
    assert!(compared >= 4, "only {compared} cases");
}
