//! Teaches: what the size of a batch changes. Small batches make many noisy updates an epoch, large ones few good
//! ones that use the machine better. With the same rate a large batch falls behind; the linear scaling rule,
//! η·B/B₀ with a warm-up, makes up for it.
//!
//! ```sh
//! cargo run --release -p thalweg --example batch_size                     # 1,797 digits
//! cargo run --release -p thalweg --example batch_size -- --data mnist/    # a folder with the four IDX files
//! ```

pub mod common;

use common::{Epochs, Options, Result, accuracy, read};
use thalweg::cpu;
use thalweg::registry::Choice;
use thalweg::spec::{NetworkSpec, ScaleRate, TrainingSpec};
use thalweg::train::{Run, train};
use thalweg_data::Prepared;
use thalweg_plot::{Figure, Panel};

/// A rate that suits batches of this many rows.
const RATE: f64 = 0.01;
const FROM: usize = 32;

fn main() -> std::process::ExitCode {
    common::main("batch_size", run)
}

/// What a run tells.
pub struct Outcome {
    /// Updates of an epoch.
    pub steps_per_epoch: u64,
    /// What its epochs told.
    pub epochs: Epochs,
    /// Share of the test rows that are right.
    pub test_accuracy: f64,
}

/// Trains a network of 64 hidden units by plain gradient descent.
pub fn fit(
    data: &Prepared,
    batch_size: usize,
    scale: Option<ScaleRate>,
    epochs: usize,
) -> Result<Outcome> {
    let inputs = data.preprocessing.input_width();
    let network = NetworkSpec::mlp(inputs, &[64], "relu", 10, Choice::new("cross_entropy"));
    let training = TrainingSpec {
        learning_rate: RATE,
        batch_size,
        epochs,
        scale_rate: scale,
        ..TrainingSpec::default()
    };
    let mut run = Run::new(
        cpu::engine(&network, &training, 1)?,
        &training,
        &data.train,
        None,
    )?;
    let steps_per_epoch = run.steps_per_epoch();
    let mut epochs = Epochs::default();
    train(&mut run, &mut epochs)?;
    let test = data.test.as_ref().ok_or("no test rows")?;
    let test_accuracy = accuracy(run.engine(), test, 10)?;
    Ok(Outcome {
        steps_per_epoch,
        epochs,
        test_accuracy,
    })
}

/// Prints what it finds, and draws it.
pub fn run(options: &Options) -> Result<Figure> {
    let (_, data) = read(options)?;
    let rows = data.train.rows();
    let epochs = if options.quick { 6 } else { 20 };
    println!("{rows} rows, {epochs} epochs, rate {RATE}");
    println!(
        "{:>18} {:>16} {:>14} {:>14} {:>11} {:>14}",
        "batch", "updates / epoch", "µs / update", "ms / epoch", "loss", "test accuracy"
    );
    let show = |name: &str, one: &Outcome| {
        let seconds: Vec<f64> = one.epochs.0.iter().map(|epoch| epoch.seconds).collect();
        let epoch = seconds.iter().copied().fold(f64::INFINITY, f64::min);
        let loss = one
            .epochs
            .0
            .last()
            .map_or(f64::NAN, |epoch| epoch.train_loss);
        println!(
            "{name:>18} {:>16} {:>14.1} {:>14.2} {loss:>11.4} {:>14.4}",
            one.steps_per_epoch,
            1e6 * epoch / one.steps_per_epoch as f64,
            1e3 * epoch,
            one.test_accuracy
        );
    };
    let panel = || Panel::new("epoch", "cross-entropy").log_y();
    let mut sizes = panel().title(format!("one rate, {RATE}"));
    let mut scaled = panel().title("batches of 1,000");
    for (name, size) in [("1", 1), ("32", FROM), ("1,000", 1000), ("all rows", rows)] {
        let one = fit(&data, size.min(rows), None, epochs)?;
        show(name, &one);
        sizes = sizes.line(name, one.epochs.training());
        match size {
            FROM => scaled = scaled.dashed("32 rows", one.epochs.training()),
            1000 => scaled = scaled.line("the same rate", one.epochs.training()),
            _ => {}
        }
    }
    let one = fit(&data, 1000.min(rows), Some(ScaleRate::new(FROM)), epochs)?;
    show("1,000, η·1000/32", &one);
    let scaled = scaled.line("η·1000/32, warm-up", one.epochs.training());
    println!("\n{}", sizes.text(60, 14));
    Ok(Figure::new("The size of a batch")
        .panel(sizes)
        .panel(scaled))
}
