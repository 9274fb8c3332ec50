//! Teaches: what the size of a batch changes. Small batches make many noisy updates an epoch, large ones few good
//! ones that use the machine better. With the same rate a large batch falls behind; the linear scaling rule,
//! η·B/B₀ with a warm-up, makes up for it.
//!
//! ```sh
//! cargo run --release -p thalweg-report --example batch_size                     # 1,797 digits
//! cargo run --release -p thalweg-report --example batch_size -- --data mnist/    # a folder with the four IDX files
//! ```

pub mod common;

use common::{Epochs, Options, Result, accuracy, read};
use thalweg::cpu;
use thalweg::data::Prepared;
use thalweg::registry::Choice;
use thalweg::spec::{NetworkSpec, ScaleRate, TrainingSpec};
use thalweg::train::{Run, train};
use thalweg_report::plot::{Figure, Panel};

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
    println!("{rows} rows, {epochs} epochs, rate {RATE}, one thread\n");
    println!("| batch | updates an epoch | µs an update | ms an epoch | loss | test accuracy |");
    println!("|---|---|---|---|---|---|");
    let mut sizes = panel("epoch", format!("one rate, {RATE}"));
    let mut clock = panel("seconds", "the same over time".into()).log_x();
    let mut scaled = panel("epoch", "a rate that grows with the batch".into()).over_y(2e-3, 5.0);
    let (mut update, mut epoch) = (Vec::new(), Vec::new());
    for (name, size) in [("1", 1), ("32", FROM), ("1,000", 1000), ("all rows", rows)] {
        let one = fit(&data, size.min(rows), None, epochs)?;
        one.tell(name);
        sizes = sizes.line(name, one.epochs.training());
        clock = clock.line(name, one.over_time());
        if size == FROM {
            scaled = scaled.dashed("32, η", one.epochs.training());
        }
        update.push((
            size as f64,
            1e3 * one.seconds() / one.steps_per_epoch as f64,
        ));
        epoch.push((size as f64, 1e3 * one.seconds()));
    }
    for (name, size) in [("1", 1), ("1,000", 1000), ("all rows", rows)] {
        let mut scale = ScaleRate::new(FROM);
        if size < FROM {
            // A smaller rate needs no warm-up.
            scale.warmup = 0.0;
        }
        let one = fit(&data, size.min(rows), Some(scale), epochs)?;
        let name = format!("{name}, η·{size}/{FROM}");
        one.tell(&name);
        scaled = scaled.line(name, one.epochs.training());
    }
    println!("\n{}", sizes.text(60, 14));
    let times = Panel::new("rows of a batch", "milliseconds")
        .title("what it costs")
        .log_x()
        .log_y()
        .line("an epoch", epoch)
        .line("an update", update);
    Ok(Figure::new("The size of a batch")
        .panel(sizes)
        .panel(clock)
        .panel(scaled)
        .panel(times))
}

/// Losses over something.
fn panel(x: &str, title: String) -> Panel {
    Panel::new(x, "cross-entropy").title(title).log_y()
}

impl Outcome {
    /// Of an epoch: the fastest, which the rest of the machine disturbed least.
    fn seconds(&self) -> f64 {
        let seconds = self.epochs.0.iter().map(|epoch| epoch.seconds);
        seconds.fold(f64::INFINITY, f64::min)
    }

    /// Training losses over seconds of training.
    fn over_time(&self) -> Vec<(f64, f64)> {
        let after = |(done, (_, loss)): (usize, _)| ((done + 1) as f64 * self.seconds(), loss);
        self.epochs
            .training()
            .into_iter()
            .enumerate()
            .map(after)
            .collect()
    }

    /// Prints a row of the table.
    fn tell(&self, name: &str) {
        let loss = self
            .epochs
            .0
            .last()
            .map_or(f64::NAN, |epoch| epoch.train_loss);
        println!(
            "| {name} | {} | {:.1} | {:.1} | {loss:.4} | {:.2} % |",
            self.steps_per_epoch,
            1e6 * self.seconds() / self.steps_per_epoch as f64,
            1e3 * self.seconds(),
            100.0 * self.test_accuracy
        );
    }
}
