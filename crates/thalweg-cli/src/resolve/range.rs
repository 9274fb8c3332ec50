//! What the activation of the last layer cannot put out although the loss or the targets ask for it.

use thalweg::Isa;
use thalweg::activations::{ACTIVATIONS, RowShape};
use thalweg::dataset::Targets;
use thalweg::losses::{LOSSES, Link};
use thalweg::registry::{Choice, Setting};
use thalweg::spec::NetworkSpec;
use thalweg_data::Note;

use crate::exit::Result;

/// A warning, if the last activation has a bound that answers to these targets would have to cross.
pub fn check(network: &NetworkSpec, targets: &Targets) -> Result<Option<Note>> {
    let Some(activation) = network.layers.last().and_then(activation) else {
        return Ok(None);
    };
    let function = ACTIVATIONS.build(&activation, &())?;
    if function.couples_values() {
        return Ok(None);
    }
    let (least, most) = range(|values| {
        let shape = RowShape {
            width: values.len(),
            stride: values.len(),
        };
        function.forward(Isa::detect(), shape, values);
    });
    let is_value = LOSSES.build(&network.loss, &())?.link() == Link::Identity;
    let (low, high) = match targets {
        Targets::Values { values, .. } if is_value => (
            values.iter().copied().fold(f64::INFINITY, f64::min),
            values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        ),
        Targets::Classes(_) if is_value => (0.0, 1.0),
        _ => (f64::NEG_INFINITY, f64::INFINITY),
    };
    let is_logit = low.is_infinite();
    // Some targets lie apart; an answer near the bound is as good for them.
    let slack = if is_logit { 0.0 } else { 0.05 * (high - low) };
    if least <= low + slack && most >= high - slack {
        return Ok(None);
    }
    let wanted = match is_logit {
        true => "logits may be any number".to_owned(),
        false => format!("targets are from {low:.3} to {high:.3} as the network sees them"),
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

/// The least and the largest value of a function of one number; infinite, if it goes on farther out.
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
    use super::*;

    fn warning(activation: &str, loss: &str, targets: &Targets) -> Option<String> {
        let last = Choice::new("dense").with("activation", activation.into());
        let network = NetworkSpec {
            inputs: 1,
            image: None,
            loss: Choice::new(loss),
            layers: vec![last],
        };
        check(&network, targets)
            .unwrap()
            .map(|note| note.to_string())
    }

    #[test]
    fn bounds_that_answers_would_have_to_cross_are_told() {
        let standardized = Targets::Values {
            width: 1,
            values: vec![-1.5, 0.0, 1.5],
        };
        let classes = Targets::Classes(vec![0, 1]);
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
                Some("and targets are from -1.500 to 1.500"),
            ),
            (
                "sigmoid",
                "mse",
                &standardized,
                Some("from 0.000 to 1.000, and targets"),
            ),
            (
                "tanh",
                "mse",
                &standardized,
                Some("from -1.000 to 1.000, and targets"),
            ),
            ("identity", "mse", &standardized, None),
            ("leaky_relu", "cross_entropy", &classes, None),
            ("identity", "cross_entropy", &classes, None),
            ("sigmoid", "half_mse", &classes, None),
            ("softmax", "mse", &standardized, None),
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
