//! What the activation of the last layer cannot put out although the loss or the targets ask for
//! it.

use thalweg_core::Isa;
use thalweg_core::activations::{ACTIVATIONS, RowShape};
use thalweg_core::dataset::TargetsRef;
use thalweg_core::losses::{LOSSES, Link};
use thalweg_core::registry::{Choice, Setting};
use thalweg_core::spec::NetworkSpec;
use thalweg_data::Note;

use crate::error::Result;

/// Layers behind which values are what they were.
const THROUGH: [&str; 3] = ["dropout", "flatten", "unflatten"];

/// The share of a target's values that may lie out of reach.
const APART: f64 = 0.05;

/// A warning, if the last activation has a bound within which predictions cannot reach these
/// targets.
pub(crate) fn check(network: &NetworkSpec, targets: TargetsRef) -> Result<Option<Note>> {
    let mut layers = network.layers.iter().rev();
    let last = layers.find(|layer| !THROUGH.contains(&layer.name.as_str()));
    let Some(activation) = last.and_then(activation) else {
        return Ok(None);
    };
    let function = ACTIVATIONS.build(&activation, &())?;
    let is_one = match targets {
        TargetsRef::Values { width, .. } => width == 1,
        TargetsRef::Classes(_) => false,
    };
    if function.check_trainable().is_err() || function.couples_values() && !is_one {
        return Ok(None);
    }
    let (least, most) = range(|values| {
        let shape = RowShape {
            width: 1,
            stride: 1,
        };
        for value in values.chunks_mut(1) {
            function.forward(Isa::detect(), shape, value);
        }
    });
    let is_out = |y: &f64| *y < least - 1e-3 || *y > most + 1e-3;
    let wanted = match (LOSSES.build(&network.loss, &())?.link(), targets) {
        (Link::Identity | Link::Quantiles(_), TargetsRef::Values { width, values }) => {
            let mut each = (0..width).map(|target| values.iter().skip(target).step_by(width));
            let rows = targets.rows() as f64;
            let share = |values: &mut dyn Iterator<Item = &f64>| {
                values.filter(|y| is_out(y)).count() as f64 / rows
            };
            let Some(number) = each.position(|mut target| share(&mut target) > APART) else {
                return Ok(None);
            };
            let name = match width {
                1 => "the target's".to_owned(),
                _ => format!("those of target {}", number + 1),
            };
            let column = || values.iter().skip(number).step_by(width);
            let low = column().copied().fold(f64::INFINITY, f64::min);
            let high = column().copied().fold(f64::NEG_INFINITY, f64::max);
            format!("{name}, as the network sees them, are from {low:.3} to {high:.3}")
        }
        (Link::Identity, TargetsRef::Classes(_)) if !is_out(&0.0) && !is_out(&1.0) => {
            return Ok(None);
        }
        (Link::Identity | Link::Quantiles(_), TargetsRef::Classes(_)) => {
            "the targets are 0 and 1".to_owned()
        }
        // The sign, or the largest, decides.
        (Link::Margin | Link::Scores, _) if least < 0.0 && most > 0.0 => return Ok(None),
        _ if least.is_infinite() && most.is_infinite() => return Ok(None),
        (Link::Margin | Link::Scores, _) => "margins have either sign".to_owned(),
        (Link::Exponential, _) => "the logarithm of a mean may be any number".to_owned(),
        _ => "logits may be any number".to_owned(),
    };
    Ok(Some(Note::warning(format!(
        "the last layer's activation {activation} puts out values from {least:.3} to {most:.3}, and {wanted}: leave it out"
    ))))
}

/// The activation of a layer, or of the layer within one that normalizes its weights.
fn activation(layer: &Choice) -> Option<Choice> {
    let inner = layer.settings.get("layer").and_then(Setting::choice);
    let layer = inner.as_ref().unwrap_or(layer);
    layer.settings.get("activation").and_then(Setting::choice)
}

/// The least and the largest value of a function of one number; infinite, if it goes on farther
/// out.
fn range(function: impl Fn(&mut [f64])) -> (f64, f64) {
    let up_to = |far: f64| {
        let mut values: Vec<f64> = (-200..=200).map(|k| far * f64::from(k) / 200.0).collect();
        function(&mut values);
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        (least, most)
    };
    let (near, far) = (up_to(10.0), up_to(1e3));
    let least = if far.0 < near.0 - 0.5 {
        f64::NEG_INFINITY
    } else {
        near.0
    };
    let most = if far.1 > near.1 + 0.5 {
        f64::INFINITY
    } else {
        near.1
    };
    (least, most)
}

#[cfg(test)]
mod tests {
    use thalweg_core::dataset::Targets;

    use super::*;

    fn warning(activation: &str, loss: &str, targets: &Targets) -> Option<String> {
        let last = Choice::new("dense").with("activation", activation.into());
        let network = NetworkSpec {
            inputs: 1,
            image: None,
            loss: Choice::new(loss),
            layers: vec![last],
        };
        check(&network, targets.view())
            .unwrap()
            .map(|note| note.to_string())
    }

    #[test]
    fn bounds_that_targets_lie_beyond_are_reported() {
        let standardized = Targets::Values {
            width: 1,
            values: vec![-1.5, 0.0, 1.5],
        };
        let classes = Targets::Classes(vec![0, 1]);
        let counts = Targets::Values {
            width: 1,
            values: vec![0.0, 3.0, 100.0],
        };
        let two = Targets::Values {
            width: 2,
            values: vec![-5.0, 0.0, 5.0, 100.0],
        };
        for (activation, loss, targets, wanted) in [
            (
                "relu",
                "cross_entropy",
                &classes,
                Some("from 0.000 to inf, and logits may be any"),
            ),
            (
                "tanh",
                "cross_entropy",
                &classes,
                Some("from -1.000 to 1.000, and logits"),
            ),
            (
                "relu",
                "mse",
                &standardized,
                Some("and the target's, as the network sees them, are from -1.500 to 1.500"),
            ),
            (
                "sigmoid",
                "mse",
                &standardized,
                Some("from 0.000 to 1.000, and the target"),
            ),
            (
                "tanh",
                "mse",
                &standardized,
                Some("from -1.000 to 1.000, and the target"),
            ),
            ("identity", "mse", &standardized, None),
            ("leaky_relu", "cross_entropy", &classes, None),
            ("identity", "cross_entropy", &classes, None),
            ("sigmoid", "half_mse", &classes, None),
            (
                "softmax",
                "mse",
                &standardized,
                Some("from 1.000 to 1.000, and the target"),
            ),
            ("softmax", "cross_entropy", &classes, None),
            ("tanh", "hinge", &classes, None),
            ("relu", "hinge", &classes, Some("margins have either sign")),
            (
                "softplus",
                "poisson",
                &counts,
                Some("the logarithm of a mean"),
            ),
            ("relu", "mse", &counts, None),
            ("relu", "mse", &two, Some("those of target 1, as")),
        ] {
            let told = warning(activation, loss, targets);
            match (&told, wanted) {
                (Some(told), Some(wanted)) => assert!(told.contains(wanted), "{told}"),
                (None, None) => {}
                _ => panic!("{activation} before {loss}: {told:?}"),
            }
        }
    }
}
