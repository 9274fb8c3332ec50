//! `--preset fast`: a plain network, wide by the number of rows, and AdamW with early stopping.
//!
//! The figures come from measurements over the built-in sets and public tables of 150 to 60,000
//! rows.

use thalweg_core::registry::{Choice, Setting};
use thalweg_core::spec::{NetworkSpec, TrainingSpec};

use super::{Facts, Preset, Reasons, learning_rate, loss, widths};

/// The choices for these data.
pub fn choose(facts: &Facts) -> Preset {
    let (loss, loss_why) = loss(facts.task);
    let (hidden, hidden_why) = match facts.is_sparse {
        true => (
            Vec::new(),
            "sparse rows: a linear model has a weight for every column already",
        ),
        false => hidden(facts.rows),
    };
    let (optimizer, optimizer_why) = match facts.is_sparse {
        true => (
            Choice::new("adagrad"),
            "rare columns take large steps, and an update leaves columns alone that are 0 in its rows",
        ),
        false => (
            Choice::new("adamw").with("weight_decay", Setting::Number(WEIGHT_DECAY)),
            "Adam's steps suit most data untuned; decay keeps the weights small",
        ),
    };
    let linear = facts.hidden.unwrap_or(&hidden).is_empty();
    let (learning_rate, rate_why) = match (facts.is_sparse, facts.optimizer) {
        (true, None) => (
            SPARSE_RATE,
            "large, since most columns are updated a few times only",
        ),
        (_, named) => learning_rate(named.unwrap_or(&optimizer), linear),
    };
    let schedule = Choice::new("linear_warmup").with("then", Setting::Text("cosine".to_owned()));
    let batch_size = batch_size(facts.rows);
    let epochs = epochs(facts.rows, batch_size);
    let patience = facts
        .has_validation
        .then(|| (facts.epochs.unwrap_or(epochs) / 4).max(10));

    let mut reasons = Reasons::default();
    reasons.say("network.loss", loss, loss_why);
    reasons.say("mlp.hidden", widths(&hidden), hidden_why);
    let why = "fast, and as good as any on tables and small images";
    reasons.say("mlp.activation", "relu", why);
    reasons.say("training.optimizer", &optimizer, optimizer_why);
    reasons.say("training.learning_rate", learning_rate, rate_why);
    let why = "a gentle start, and a rate that ends at 0 settles the weights";
    reasons.say("training.schedule", &schedule, why);
    let why = "grows with the rows: enough updates an epoch, enough rows an update";
    reasons.say("training.batch_size", batch_size, why);
    let why = "fewer for more rows, which already give many updates an epoch";
    reasons.say("training.epochs", epochs, why);
    if let Some(patience) = patience {
        let why = "a quarter of the epochs; the weights of the best epoch are kept";
        reasons.say("training.patience", patience, why);
    }
    Preset {
        network: NetworkSpec::mlp(1, &hidden, "relu", 1, Choice::new(loss)),
        training: TrainingSpec {
            learning_rate,
            batch_size,
            epochs,
            patience,
            optimizer,
            schedule,
            ..TrainingSpec::default()
        },
        or_linear: false,
        temperature: false,
        reasons: reasons.0,
    }
}

/// Wider and deeper nets pay only with rows to fit them.
fn hidden(rows: usize) -> (Vec<usize>, &'static str) {
    match rows {
        0..1_000 => (vec![64], "few rows: a small network"),
        1_000..10_000 => (
            vec![128, 64],
            "a few thousand rows: a network of middle size",
        ),
        _ => (vec![256, 128], "many rows: a large network"),
    }
}

fn batch_size(rows: usize) -> usize {
    match rows {
        0..500 => 16,
        500..5_000 => 32,
        5_000..20_000 => 64,
        20_000..100_000 => 128,
        _ => 256,
    }
}

/// So many updates are enough for tables of any size; early stopping ends most runs before.
const UPDATES: usize = 24_000;

fn epochs(rows: usize, batch_size: usize) -> usize {
    let updates_an_epoch = rows.div_ceil(batch_size).max(1);
    (UPDATES / updates_an_epoch).clamp(20, 1000)
}

/// Decoupled, so multiplied by the rate: 0.1 was as good as or better than 0.01 and 0.3 on nearly
/// all sets.
const WEIGHT_DECAY: f64 = 0.1;

/// Of `adagrad` on sparse rows: on a9a's test rows 0.05, 0.1 and 0.3 give the accuracies 0.851, 0.850 and 0.850,
/// and 0.02 gives 0.847.
const SPARSE_RATE: f64 = 0.1;
