//! The preset: what is chosen where the user sets nothing, and why.
//!
//! The figures come from measurements over the built-in sets and public tables of 150 to 60,000
//! rows.

use std::borrow::Cow;

use thalweg_core::layers::usual_width;
use thalweg_core::losses::{LOSSES, Link};
use thalweg_core::registry::{Choice, Setting};
use thalweg_core::solvers;
use thalweg_data::{FitOptions, Preprocessing, Scaling, TargetTransform, Task};

use crate::config::OutputBias;
use crate::text::{count, short};

/// What the choices depend on.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// What is asked.
    pub task: Task,
    /// Rows to train on.
    pub rows: usize,
    /// Whether there are rows to watch training on.
    pub has_validation: bool,
    /// The optimizer, if the user names one.
    pub optimizer: Option<&'a Choice>,
    /// The epochs, if the user sets them.
    pub epochs: Option<usize>,
    /// The widths of the hidden layers, if the user sets them.
    pub hidden: Option<&'a [usize]>,
}

/// A choice with its reason, for the summary.
#[derive(Debug, Clone)]
pub struct Reason {
    /// The field that would change it: see [`crate::fields`].
    pub field: &'static str,
    /// What was chosen.
    pub choice: String,
    /// Why.
    pub why: Cow<'static, str>,
}

/// What is chosen.
#[derive(Debug, Clone)]
pub struct Preset {
    /// What is minimized.
    pub loss: Choice,
    /// Widths of the hidden layers.
    pub hidden: Vec<usize>,
    /// Their activation.
    pub activation: &'static str,
    /// How gradients become updates.
    pub optimizer: Choice,
    /// The learning rate.
    pub learning_rate: f64,
    /// How the learning rate changes.
    pub schedule: Choice,
    /// Rows of a mini-batch.
    pub batch_size: usize,
    /// Passes over the rows.
    pub epochs: usize,
    /// Epochs without a better validation loss before training stops.
    pub patience: Option<usize>,
    /// Why, a reason for each choice.
    pub reasons: Vec<Reason>,
}

/// The choices for these data.
pub fn auto(facts: &Facts) -> Preset {
    let (loss, loss_why) = loss(facts.task);
    let (hidden, hidden_why) = hidden(facts.rows);
    let adamw = Choice::new("adamw").with("weight_decay", Setting::Number(WEIGHT_DECAY));
    let linear = facts.hidden.is_some_and(<[usize]>::is_empty);
    let (learning_rate, rate_why) = learning_rate(facts.optimizer.unwrap_or(&adamw), linear);
    let schedule = Choice::new("linear_warmup").with("then", Setting::Text("cosine".to_owned()));
    let batch_size = batch_size(facts.rows);
    let epochs = epochs(facts.rows, batch_size);
    let patience = facts
        .has_validation
        .then(|| (facts.epochs.unwrap_or(epochs) / 4).max(10));

    let mut reasons = Vec::new();
    let mut say = |field, choice: String, why: &'static str| {
        let why = why.into();
        reasons.push(Reason { field, choice, why });
    };
    say("network.loss", loss.to_owned(), loss_why);
    say("mlp.hidden", widths(&hidden), hidden_why);
    say(
        "mlp.activation",
        "relu".to_owned(),
        "fast, and as good as any on tables and small images",
    );
    say(
        "training.optimizer",
        adamw.to_string(),
        "Adam's steps suit most data untuned; decay keeps the weights small",
    );
    say(
        "training.learning_rate",
        learning_rate.to_string(),
        rate_why,
    );
    say(
        "training.schedule",
        schedule.to_string(),
        "a gentle start, and a rate that ends at 0 settles the weights",
    );
    say(
        "training.batch_size",
        batch_size.to_string(),
        "grows with the rows: enough updates an epoch, enough rows an update",
    );
    say(
        "training.epochs",
        epochs.to_string(),
        "fewer for more rows, which already give many updates an epoch",
    );
    if let Some(patience) = patience {
        say(
            "training.patience",
            patience.to_string(),
            "a quarter of the epochs; the weights of the best epoch are kept",
        );
    }
    Preset {
        loss: Choice::new(loss),
        hidden,
        activation: "relu",
        optimizer: adamw,
        learning_rate,
        schedule,
        batch_size,
        epochs,
        patience,
        reasons,
    }
}

/// Probabilities start at the shares of the classes, counts at their mean. A scaled target has the
/// mean 0.
pub fn output_bias(loss: &Choice, reasons: &mut Vec<Reason>) -> OutputBias {
    let link = LOSSES.build(loss, &()).map(|loss| loss.link());
    let (choice, why) = match link {
        Ok(Link::Sigmoid | Link::Softmax) => (
            OutputBias::Prior,
            "training begins at the shares of the classes",
        ),
        Ok(Link::Exponential) => (
            OutputBias::Prior,
            "training begins at the mean of the targets",
        ),
        _ => return OutputBias::Zero,
    };
    reasons.push(Reason {
        field: "output_bias",
        choice: "prior".to_owned(),
        why: why.into(),
    });
    choice
}

/// Categories above which a column is embedded. Three seeds each, on test rows: Adult's 41
/// countries gained by it (accuracy 0.8566 in place of 0.8557, loss 0.3105 in place of 0.3110); its
/// columns of 16 and 14 categories beside lost that again (0.8553, 0.3112), bank marketing's of 12
/// made no clear difference (0.9071 in place of 0.9061, loss 0.2006 in place of 0.1993), and the
/// diamonds' of 5 to 8 lost (RMSE 578 in place of 566 dollars).
pub const EMBED_ABOVE: usize = 20;

/// What is embedded, and how, where anything is.
pub fn embedding(limit: usize, least: usize, codes: &[(&str, usize)], reasons: &mut Vec<Reason>) {
    const NAMED: usize = 3;
    let column = |(name, levels): &(&str, usize)| {
        let width = usual_width(*levels);
        format!("{} ({levels} codes as {width} numbers)", short(name))
    };
    let mut named: Vec<String> = codes.iter().take(NAMED).map(column).collect();
    if codes.len() > NAMED {
        named.push(format!("{} more", codes.len() - NAMED));
    }
    if !named.is_empty() {
        let why = format!(
            "many categories, so a learned vector for each of {} or more: {}",
            count(least, "row"),
            named.join(", ")
        );
        reasons.push(Reason {
            field: "data.fit.embed_above",
            choice: limit.to_string(),
            why: why.into(),
        });
    }
}

/// What a transform that looks for itself made of the targets, where that is not mean 0 and
/// deviation 1.
pub fn target(
    fit: &FitOptions,
    loss: &Choice,
    preprocessing: &Preprocessing,
    reasons: &mut Vec<Reason>,
) {
    let all = &preprocessing.target_scaling;
    let is_log = |name: &&str| name.starts_with("log");
    let curves = all.iter().filter_map(|one| one.curve.name());
    let curves: Vec<&str> = curves.filter(is_log).collect();
    let is_robust = LOSSES.build(loss, &()).is_ok_and(|loss| loss.is_robust());
    let (choice, why) = match curves.first() {
        _ if fit.target_transform != Some(TargetTransform::Auto) => return,
        Some(log) if curves.len() == all.len() => (*log, LONG_TAIL.into()),
        Some(log) => {
            let share = format!("{} of {} targets: {LONG_TAIL}", curves.len(), all.len());
            (*log, share.into())
        }
        None if is_robust || fit.scaling == Scaling::Robust => (
            "robust",
            "outliers do not set the scale, which is that of median and quartiles".into(),
        ),
        None => return,
    };
    reasons.push(Reason {
        field: "data.fit.target_transform",
        choice: choice.to_owned(),
        why,
    });
}

/// The loss that an interval asks for, in place of the task's.
pub fn interval(loss: &Choice, reasons: &mut Vec<Reason>) {
    reasons.retain(|reason| reason.field != "network.loss");
    reasons.push(Reason {
        field: "network.loss",
        choice: loss.to_string(),
        why: "the ends of the interval, and the median between them".into(),
    });
}

const LONG_TAIL: &str =
    "a long tail to the right, which the logarithm makes as short as that of normal numbers";

fn loss(task: Task) -> (&'static str, &'static str) {
    match task {
        Task::Regression => (
            "mse",
            "squared error, on targets scaled to mean 0 and deviation 1",
        ),
        Task::Binary => ("logistic", "two classes: cross-entropy of one probability"),
        Task::Multiclass => ("cross_entropy", "classes that exclude each other"),
        Task::Multilabel => ("logistic", "labels that are independent of each other"),
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

/// A rate that suits most data with this optimizer; any if there is no such optimizer, which others
/// say.
pub fn learning_rate(optimizer: &Choice, linear: bool) -> (f64, &'static str) {
    let usual = solvers::usual_rate(optimizer).unwrap_or(1e-3);
    match linear {
        _ if solvers::is_solver(optimizer) => (usual, "solvers find their own steps"),
        true => (2.0 * usual, "a linear model tolerates larger steps"),
        false => (usual, "a rate that suits most networks with this optimizer"),
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

/// As the field `mlp.hidden` takes them: `128,64`, or `none`.
pub fn widths(hidden: &[usize]) -> String {
    match hidden {
        [] => "none".to_owned(),
        widths => widths
            .iter()
            .map(usize::to_string)
            .collect::<Vec<_>>()
            .join(","),
    }
}
