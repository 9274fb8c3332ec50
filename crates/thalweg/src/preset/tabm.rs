//! `--preset tabm`: TabM as published (Gorishniy, Kotelnikov & Babenko 2025; the defaults of its package
//! 0.0.3): 32 members that share their weights but for factors, biases and output layers of their own;
//! columns by normal quantiles, numbers embedded by bins of quantiles, AdamW, early stopping.
//!
//! Cost: 6·n·epochs·32·(inputs·512 + 512·512 + 512·outputs) operations. `--members` and `--hidden` give
//! smaller ones.

use thalweg_core::registry::{Choice, Setting};
use thalweg_core::spec::{NetworkSpec, TrainingSpec};
use thalweg_data::{FitOptions, Scaling};

use super::{Facts, Preset, Reasons, loss, widths};
use crate::network_file::{divide, has_units};
use crate::request::Request;

const MEMBERS: usize = 32;
const HIDDEN: [usize; 2] = [512, 512];
const DROPOUT: f64 = 0.1;
/// Numbers, in the embedding of a column, and its bins.
const WIDTH: i64 = 12;
const BINS: i64 = 48;
const RATE: f64 = 2e-3;
const DECAY: f64 = 3e-4;
const BATCH: usize = 256;
const PATIENCE: usize = 16;
/// Early stopping ends nearly all runs before.
const EPOCHS: usize = 1_000;
/// Without validation rows, which tell when to stop.
const BLIND_EPOCHS: usize = 50;

/// What becomes of columns.
pub fn prepare(request: &Request, fit: &mut FitOptions) {
    if !request.has("data.fit.scaling") {
        fit.scaling = Scaling::Quantile;
    }
}

/// The choices for these data.
pub fn choose(facts: &Facts) -> Preset {
    let (loss, loss_why) = loss(facts.task);
    let optimizer = Choice::new("adamw").with("weight_decay", Setting::Number(DECAY));
    let epochs = match facts.has_validation {
        true => EPOCHS,
        false => BLIND_EPOCHS,
    };
    let patience = facts.has_validation.then_some(PATIENCE);
    let mut reasons = Reasons::default();
    let mut say = |field, choice: &dyn ToString, why| reasons.say(field, choice.to_string(), why);
    say("data.fit.scaling", &"quantile", "as TabM: normal quantiles");
    say("network.loss", &loss, loss_why);
    let why = "as TabM: each number by the bins of its quantiles";
    say("mlp.embed_numbers", &"piecewise_linear", why);
    say("mlp.hidden", &widths(&HIDDEN), "as TabM");
    let why = "as TabM: networks that share their weights, whose predictions are averaged";
    say("mlp.members", &MEMBERS, why);
    say("mlp.activation", &"relu", "as TabM");
    say("mlp.dropout", &DROPOUT, "as TabM");
    say("training.optimizer", &optimizer, "as TabM");
    say("training.learning_rate", &RATE, "as TabM");
    say("training.batch_size", &BATCH, "as TabM");
    say(
        "training.epochs",
        &epochs,
        "early stopping ends a run before",
    );
    if let Some(patience) = &patience {
        say("training.patience", patience, "as TabM");
    }
    Preset {
        network: network(loss),
        training: TrainingSpec {
            learning_rate: RATE,
            batch_size: BATCH,
            epochs,
            patience,
            optimizer,
            ..TrainingSpec::default()
        },
        or_linear: false,
        temperature: false,
        reasons: reasons.0,
    }
}

fn network(loss: &str) -> NetworkSpec {
    let mut network = NetworkSpec::mlp(1, &HIDDEN, "relu", 1, Choice::new(loss));
    divide(&mut network.layers, MEMBERS);
    let dropout = Choice::new("dropout").with("rate", Setting::Number(DROPOUT));
    let numbers = Choice::new("piecewise_linear")
        .with("width", Setting::Integer(WIDTH))
        .with("bins", Setting::Integer(BINS));
    let mut layers = vec![numbers];
    for layer in network.layers {
        let is_hidden = layers.len() < 2 * HIDDEN.len() && has_units(&layer.name);
        layers.push(layer);
        layers.extend(is_hidden.then(|| dropout.clone()));
    }
    // As TabM draws them behind an embedding.
    let first = layers.iter_mut().find(|layer| has_units(&layer.name));
    if let Some(first) = first {
        let start = Setting::Text("normal".to_owned());
        first.settings.insert("start".to_owned(), start);
    }
    network.layers = layers;
    network
}
