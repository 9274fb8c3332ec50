//! `--preset auto`: the cheapest recipe that was level with RealMLP-TD (Holzmüller, Grinsztajn &
//! Steinwart 2024) on public tables, at a small part of its operations. `bench/QUALITY.md` has what
//! each part brings.
//!
//! Cost: 6 operations a weight, row and epoch. With n rows, batches of B (64 to 256) and about 1,000
//! updates within 32 to 128 epochs (of few rows 256 updates), that is 6·n·epochs·(inputs·128 + 128·128 + 128·outputs).
//! Images and columns like pixels keep the recipe of `fast`.

use thalweg_core::dataset::Values;
use thalweg_core::registry::{Choice, Setting};
use thalweg_core::spec::{NetworkSpec, Parametrization, TrainingSpec};
use thalweg_data::table::ColumnData;
use thalweg_data::{FitOptions, Scaling, Table, Task};

use super::{Facts, Preset, Reasons, loss, widths};
use crate::request::Request;
use crate::text::figure;

const HIDDEN: [usize; 2] = [128, 128];
const ACTIVATION: &str = "silu";
const SCHEDULE: &str = "coslog4";
const NUMBERS: &str = "piecewise_linear";
/// Of 16, 32, 48 and 64 bins the last were the best, and cost no more.
const BINS: i64 = 64;
const UPDATES: usize = 1_000;
const FEWEST_UPDATES: usize = 256;
const RATE_FACTORS: &str = "scale=6";
const DECAY: f64 = 0.02;
/// What an update is worth in the average of the weights. Of 400 rows it brings 4 % less error, of 1,000 1.6 %, of 5,000
/// 0.6 %.
const SHARE: f64 = 0.02;
const DROPOUT: f64 = 0.15;
/// Dropout helped on 4,000 rows, by 2 %, and hurt on a thousand, by 9 %.
const ROWS_FOR_DROPOUT: usize = 2_000;

/// Of more inputs the embedding would be most of the cost.
const MOST_EMBEDDED: usize = 1_000;

/// What becomes of columns.
pub fn prepare(request: &Request, fit: &mut FitOptions) {
    if !request.has("data.fit.scaling") {
        fit.scaling = Scaling::Robust;
    }
    fit.clamp = true;
}

/// The rate of the recipe, which that of each tensor follows by the sizes of its layer.
pub fn learning_rate(task: Task) -> f64 {
    match task {
        Task::Regression => 0.1,
        _ => 0.02,
    }
}

/// The choices for these data.
pub fn choose(facts: &Facts) -> Preset {
    let (loss, loss_why) = loss(facts.task);
    let is_regression = facts.task == Task::Regression;
    let batch_size = batch_size(facts.rows);
    let epochs = epochs(facts.rows, batch_size);
    let optimizer = Choice::new("adamw")
        .with("beta2", Setting::Number(0.95))
        .with("weight_decay", Setting::Number(DECAY));
    let learning_rate = learning_rate(facts.task);
    let or_linear = facts.has_validation && !facts.refits;
    let temperature = facts.has_validation && !is_regression;

    let mut reasons = Reasons::default();
    let why = "quartiles set the scale and outliers are bent, so that none rules the fit";
    reasons.say("data.fit.scaling", "robust", why);
    reasons.say("network.loss", loss, loss_why);
    let embeds = facts.inputs <= MOST_EMBEDDED;
    if embeds {
        let why = "bent at quantiles: what happens within a column is easy to fit";
        reasons.say("mlp.embed_numbers", NUMBERS, why);
    }
    let why = "a factor an input, at a large rate: columns that do not matter fade";
    reasons.say("mlp.scale_layer", "true", why);
    let why = "as good as wider or deeper ones on tables, and cheaper";
    reasons.say("mlp.hidden", widths(&HIDDEN), why);
    reasons.say(
        "mlp.activation",
        ACTIVATION,
        "smooth, as functions of columns often are",
    );
    let why = "a short memory of squared gradients follows the rate as it goes up and down";
    reasons.say("training.optimizer", &optimizer, why);
    let why = "large, for rates follow the sizes of layers (ntk)";
    reasons.say("training.learning_rate", learning_rate, why);
    let why = "it falls four times: early falls find models, the last settles the weights";
    reasons.say("training.schedule", SCHEDULE, why);
    let ema = ema(facts.rows, batch_size, facts.epochs.unwrap_or(epochs));
    if let Some(ema) = ema {
        let why = "what is kept is a mean over many updates, steadier than where the last one led";
        reasons.say("training.ema", figure(ema), why);
    }
    let why = "small for few rows, so that an epoch has enough updates";
    reasons.say("training.batch_size", batch_size, why);
    let why = "about 1,000 updates, within 32 to 128 epochs where rows allow; the best is kept";
    reasons.say("training.epochs", epochs, why);
    if facts.rows >= ROWS_FOR_DROPOUT {
        let why = "fewer rows do better without it";
        reasons.say("mlp.dropout", DROPOUT, why);
    }
    if or_linear {
        let why = "a linear model is the model where its validation loss is lower";
        reasons.say("or_linear", "true", why);
    }
    if temperature {
        let why = "fitted on the validation rows, so that probabilities mean what they say";
        reasons.say("judging.temperature", "true", why);
    }
    Preset {
        network: network(loss, facts.rows, embeds),
        training: TrainingSpec {
            learning_rate,
            batch_size,
            epochs,
            optimizer,
            schedule: Choice::new(SCHEDULE),
            rate_factors: RATE_FACTORS.parse().unwrap_or_default(),
            parametrization: Parametrization::Ntk,
            ema,
            ..TrainingSpec::default()
        },
        or_linear,
        temperature,
        reasons: reasons.0,
    }
}

/// Numbers embedded and scaled, then hidden layers with dropout, where the rows are enough for it.
fn network(loss: &str, rows: usize, embeds: bool) -> NetworkSpec {
    let mut network = NetworkSpec::mlp(1, &HIDDEN, ACTIVATION, 1, Choice::new(loss));
    let numbers = Choice::new(NUMBERS)
        .with("width", Setting::Integer(3))
        .with("bins", Setting::Integer(BINS));
    let mut layers: Vec<Choice> = embeds.then_some(numbers).into_iter().collect();
    layers.push(Choice::new("scale"));
    let last = network.layers.len() - 1;
    for (index, layer) in network.layers.into_iter().enumerate() {
        layers.push(layer.with("initializer", Setting::Text("lecun_normal".to_owned())));
        if index < last && rows >= ROWS_FOR_DROPOUT {
            layers.push(Choice::new("dropout").with("rate", Setting::Number(DROPOUT)));
        }
    }
    network.layers = layers;
    network
}

fn batch_size(rows: usize) -> usize {
    match rows {
        0..1_500 => 64,
        1_500..3_000 => 128,
        _ => 256,
    }
}

fn epochs(rows: usize, batch_size: usize) -> usize {
    let updates_an_epoch = rows.div_ceil(batch_size).max(1);
    let epochs = (UPDATES / updates_an_epoch).clamp(32, 128);
    epochs.max(FEWEST_UPDATES.div_ceil(updates_an_epoch))
}

/// β of the average of the weights: over about 50 updates, and over a fifth of them where they are few.
fn ema(rows: usize, batch_size: usize, epochs: usize) -> Option<f64> {
    let updates = rows.div_ceil(batch_size).max(1).saturating_mul(epochs);
    let share = SHARE * (FEWEST_UPDATES as f64 / updates as f64).max(1.0);
    (share < 1.0).then_some(1.0 - share)
}

/// Fewer columns than those of an image of 6 × 6 pixels are a table.
const FEWEST_PIXELS: usize = 36;

/// Whether a table holds images: a column of them, or nearly only columns of whole numbers from 0
/// to at most 255, more than two different ones in all.
pub fn is_of_pixels(table: &Table) -> bool {
    let (mut like, mut all, mut greatest) = (0, 0, 0.0f64);
    for column in &table.columns {
        let (width, pixel) = match &column.data {
            ColumnData::Numeric(values) => (1, greatest_pixel(values.iter().copied())),
            ColumnData::Block(block) => match &block.values {
                Values::F32(values) if block.shape.len() == 1 => {
                    let values = values.iter().copied().map(f64::from);
                    (block.width(), greatest_pixel(values))
                }
                Values::F64(values) if block.shape.len() == 1 => {
                    (block.width(), greatest_pixel(values.iter().copied()))
                }
                _ => return true,
            },
            _ => (1, None),
        };
        all += width;
        like += pixel.map_or(0, |_| width);
        greatest = greatest.max(pixel.unwrap_or(0.0));
    }
    like >= FEWEST_PIXELS && 10 * like >= 9 * all && greatest > 2.0
}

/// The greatest of values that all may be those of pixels.
fn greatest_pixel(mut values: impl Iterator<Item = f64>) -> Option<f64> {
    let is_pixel = |x: f64| x.fract() == 0.0 && (0.0..=255.0).contains(&x);
    values.try_fold(0.0, |greatest: f64, x| is_pixel(x).then(|| greatest.max(x)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use thalweg_core::registry::Factors;

    #[test]
    fn factors_are_read() {
        let factors = RATE_FACTORS.parse::<Factors>().unwrap();
        assert_eq!(factors.of("layers.1.weight", "scale"), 6.0);
    }

    #[test]
    fn the_average_is_over_50_updates_or_a_fifth_of_them() {
        assert_eq!(ema(4_000, 256, 62), Some(0.98));
        assert_eq!(ema(64, 64, 256), Some(0.98));
        assert_eq!(ema(256, 64, 20), Some(1.0 - 0.02 * 3.2));
        assert_eq!(ema(64, 64, 5), None);
    }

    #[test]
    fn the_updates_are_about_a_thousand_within_32_to_128_epochs_and_256_at_least() {
        let of = |rows| (batch_size(rows), epochs(rows, batch_size(rows)));
        assert_eq!(of(4), (64, 256));
        assert_eq!(of(150), (64, 128));
        assert_eq!(of(800), (64, 76));
        assert_eq!(of(2_000), (128, 62));
        assert_eq!(of(4_000), (256, 62));
        assert_eq!(of(60_000), (256, 32));
        assert_eq!(of(0), (64, 256));
    }
}
