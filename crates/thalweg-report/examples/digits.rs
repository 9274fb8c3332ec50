//! Teaches: handwritten digits by one layer of ten neurons, of which the largest answers, and by a network with
//! a hidden layer.
//!
//! ```sh
//! cargo run --release -p thalweg-report --example digits                         # 8×8 pixels, inside the program
//! cargo run --release -p thalweg-report --example digits -- --data mnist/        # a folder with the four IDX files
//! ```

pub mod common;

use common::{Epochs, Options, Result, accuracy, classes, read};
use thalweg::cpu;
use thalweg::data::{ColumnData, Loaded, Prepared};
use thalweg::dataset::{Dataset, Targets};
use thalweg::registry::Choice;
use thalweg::spec::{NetworkSpec, TrainingSpec};
use thalweg::train::{Run, train};
use thalweg_report::plot::{Figure, Panel};

fn main() -> std::process::ExitCode {
    common::main("digits", run)
}

/// Prints what it finds, and draws it.
pub fn run(options: &Options) -> Result<Figure> {
    let (loaded, data) = read(options)?;
    let test = data.test.as_ref().ok_or("no test rows")?;
    println!(
        "{} rows to train on, {} to test",
        data.train.rows(),
        test.rows()
    );
    let epochs = if options.quick { 5 } else { 30 };
    let mut panel = Panel::new("epoch", "cross-entropy").log_y();
    for (name, hidden) in [("ten neurons", &[][..]), ("64 hidden units", &[64][..])] {
        let (mut run, epochs) = fit(&data, hidden, epochs)?;
        let score = accuracy(run.engine(), test, 10)?;
        println!("{name}: {:.2} % of the test rows are right", 100.0 * score);
        panel = panel
            .line(format!("{name}, training"), epochs.training())
            .dashed(format!("{name}, validation"), epochs.validation());
        if hidden.is_empty() {
            let answers = classes(run.engine(), test, 10)?;
            if let Some(row) = wrong(test, &answers) {
                println!(
                    "\nThis one it takes for a {}:\n{}",
                    answers[row],
                    picture(&loaded, &data, row)
                );
            }
        }
    }
    println!("\n{}", panel.text(60, 14));
    Ok(Figure::new("Handwritten digits by one layer and by two").panel(panel))
}

/// Trains a network with these hidden layers.
pub fn fit<'a>(data: &'a Prepared, hidden: &[usize], epochs: usize) -> Result<(Run<'a>, Epochs)> {
    let inputs = data.preprocessing.input_width();
    let network = NetworkSpec::mlp(inputs, hidden, "relu", 10, Choice::new("cross_entropy"));
    let training = TrainingSpec {
        learning_rate: 3e-3,
        epochs,
        optimizer: Choice::new("adam"),
        ..TrainingSpec::default()
    };
    let engine = cpu::engine(&network, &training, 1)?;
    let mut run = Run::new(engine, &training, &data.train, data.validation.as_ref())?;
    let mut watch = Epochs::default();
    train(&mut run, &mut watch)?;
    Ok((run, watch))
}

/// The first row that is answered wrongly.
fn wrong(data: &Dataset, answers: &[u32]) -> Option<usize> {
    let Targets::Classes(expected) = &data.targets else {
        return None;
    };
    answers.iter().zip(expected).position(|(a, b)| a != b)
}

/// A test row as it was read, a square image, in characters.
fn picture(loaded: &Loaded, data: &Prepared, row: usize) -> String {
    let (table, row) = match &loaded.test {
        Some(test) => (test, row),
        None => (&loaded.train, data.split.test[row]),
    };
    let mut pixels: Vec<f64> = Vec::new();
    for column in &table.columns {
        if let ColumnData::Block(block) = &column.data {
            let width = block.width();
            pixels.extend((row * width..(row + 1) * width).map(|i| block.value(i)));
        }
    }
    let highest = pixels.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    let ink = |pixel: &f64| match pixel / highest {
        share if share > 0.6 => "██",
        share if share > 0.2 => "▒▒",
        _ => "  ",
    };
    let side = pixels.len().isqrt().max(1);
    let line = |pixels: &[f64]| pixels.iter().map(ink).collect::<String>() + "\n";
    pixels.chunks_exact(side).map(line).collect()
}
