//! Values and gradients of losses.

use serde_json::Value;
use thalweg::Isa;
use thalweg::layers::stride;
use thalweg::losses::{AnyLoss, LOSSES, Loss, LossRows, TargetRows};
use thalweg::precision::Precision;
use thalweg::registry::Choice;

use crate::common::*;
use crate::instruction_sets;

/// Value and gradient. The padding of z is larger than any logit, and what stood in dz is NaN: neither shows.
fn judge<T: Precision>(loss: &dyn AnyLoss, isa: Isa, case: &Value) -> (f64, Vec<f64>) {
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
    let rows = LossRows {
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
    let value = loss.value_grad(rows, &mut dz) / total;
    for row in dz.chunks_exact(stride) {
        assert!(
            row[outputs..].iter().all(|pad| *pad == T::ZERO),
            "padding in {}",
            case["name"]
        );
    }
    let gradient = dz.chunks_exact(stride).flat_map(|row| &row[..outputs]);
    (value, gradient.map(|g| g.to_f64()).collect())
}

#[test]
fn losses_and_their_gradients_are_those_of_the_oracles() {
    for (file, least) in [("closed_form/losses.json", 2), ("pytorch/losses.json", 2)] {
        let golden = golden(file);
        let cases = list(&golden, "cases");
        for name in names(&LOSSES) {
            let loss = LOSSES.build(&Choice::new(name), &()).unwrap();
            let cases: Vec<&Value> = cases.iter().filter(|case| case["loss"] == name).collect();
            let weighted = cases
                .iter()
                .filter(|case| case["weights"].is_array())
                .count();
            assert!(
                cases.len() >= least && weighted > 0,
                "{file}: too few cases of {name}"
            );
            let mut worst = [0.0f64; 2];
            for case in cases {
                for isa in instruction_sets() {
                    let want = (number(case, "value"), floats(case, "gradient"));
                    let runs = [
                        (judge::<f64>(&*loss, isa, case), 1e-14),
                        (judge::<f32>(&*loss, isa, case), 1e-6),
                    ];
                    for (k, ((value, gradient), tolerance)) in runs.into_iter().enumerate() {
                        let largest = want.1.iter().fold(1e-3, |most: f64, g| most.max(g.abs()));
                        let error = relative_error(value, want.0, 1e-3)
                            .max(worst_error(&gradient, &want.1, largest));
                        assert!(
                            error <= tolerance,
                            "{file}: {} ({}): {value}, {gradient:?} is not {want:?} ({error:e})",
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
    }
}
