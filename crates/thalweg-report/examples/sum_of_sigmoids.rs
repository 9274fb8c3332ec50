//! Teaches: a sum of ReLUs, or of sigmoids, y = b + Σ cᵢ·φ(bᵢ + wᵢx), is a network with one hidden layer, and fits
//! any piecewise-linear curve; ReLUs even exactly, with one for each piece.
//!
//! ```sh
//! cargo run -p thalweg-report --example sum_of_sigmoids
//! ```

pub mod common;

use common::{Epochs, Options, Result, dense, descent, engine_at, features, network, pairs};
use thalweg::cpu;
use thalweg::engine::Engine;
use thalweg::registry::Choice;
use thalweg::spec::{NetworkSpec, TrainingSpec};
use thalweg::train::{Run, train};
use thalweg_report::plot::{Figure, Panel};

/// The corners of the planted curve.
pub const CORNERS: [(f64, f64); 5] = [
    (-2.0, 0.0),
    (-1.0, 1.5),
    (0.0, 0.5),
    (1.0, 1.0),
    (2.0, -1.0),
];

/// The planted curve.
pub fn curve(x: f64) -> f64 {
    let piece = CORNERS.windows(2).find(|pair| x <= pair[1].0);
    let pair = piece.unwrap_or(&CORNERS[CORNERS.len() - 2..]);
    let ((x0, y0), (x1, y1)) = (pair[0], pair[1]);
    y0 + (y1 - y0) * (x - x0) / (x1 - x0)
}

/// The curve by one ReLU for each piece: φ(x − xᵢ) times the change of slope at corner i.
pub fn by_hand() -> thalweg::Result<Box<dyn Engine>> {
    let pieces = CORNERS.len() - 1;
    let slope = |i: usize| {
        let ((x0, y0), (x1, y1)) = (CORNERS[i], CORNERS[i + 1]);
        (y1 - y0) / (x1 - x0)
    };
    let change = |i: usize| {
        if i == 0 {
            slope(0)
        } else {
            slope(i) - slope(i - 1)
        }
    };
    // w, the hidden b, c, and the output's b.
    let theta: Vec<f64> = std::iter::repeat_n(1.0, pieces)
        .chain((0..pieces).map(|i| -CORNERS[i].0))
        .chain((0..pieces).map(change))
        .chain([CORNERS[0].1])
        .collect();
    engine_at(&sum_of(pieces, "relu"), &descent(0.01, 1, 1), &theta)
}

fn sum_of(units: usize, activation: &str) -> NetworkSpec {
    network(
        1,
        "mse",
        vec![dense(units, activation), dense(1, "identity")],
    )
}

/// A network that was fitted to 81 points of the curve.
pub fn fit(
    units: usize,
    activation: &str,
    epochs: usize,
) -> thalweg::Result<(Box<dyn Engine>, Epochs)> {
    let points: Vec<(f64, f64)> = places().map(|x| (x, curve(x))).collect();
    let data = pairs(&points);
    let training = TrainingSpec {
        optimizer: Choice::new("adam"),
        schedule: Choice::new("cosine"),
        ..descent(0.03, 81, epochs)
    };
    let network = sum_of(units, activation);
    let mut run = Run::new(cpu::engine(&network, &training, 1)?, &training, &data, None)?;
    let mut watch = Epochs::default();
    train(&mut run, &mut watch)?;
    Ok((run.into_engine(), watch))
}

fn places() -> impl Iterator<Item = f64> {
    (-40..=40).map(|k| f64::from(k) / 20.0)
}

fn main() -> std::process::ExitCode {
    common::main("sum_of_sigmoids", run)
}

/// Prints what it finds, and draws it.
pub fn run(options: &Options) -> Result<Figure> {
    let epochs = if options.quick { 300 } else { 5000 };
    let x = features(1, places().collect());
    let mut panel = Panel::new("x", "y").line("planted", CORNERS);
    let mut losses = Panel::new("epoch", "mean squared error").log_y();
    for (units, activation) in [(20, "relu"), (20, "sigmoid")] {
        let (mut engine, watch) = fit(units, activation, epochs)?;
        let answers = engine.predict(&x)?;
        let error = |(x, y): (f64, &f64)| (curve(x) - y).abs();
        let worst = places().zip(&answers).map(error).fold(0.0, f64::max);
        println!("{units} {activation} units after {epochs} epochs: largest error {worst:.4}");
        panel = panel.dashed(activation, places().zip(answers));
        losses = losses.line(activation, watch.training());
    }
    let answers = by_hand()?.predict(&x)?;
    let error = |(x, y): (f64, &f64)| (curve(x) - y).abs();
    let worst = places().zip(&answers).map(error).fold(0.0, f64::max);
    println!("4 relu units by hand: largest error {worst:.1e}");
    Ok(Figure::new("A piecewise-linear curve as a sum of units")
        .panel(panel)
        .panel(losses))
}
