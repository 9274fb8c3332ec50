//! Teaches: why classifiers are trained with the cross-entropy. A sigmoid neuron that is sure of the wrong answer
//! learns slowly by the squared error, whose gradient (h − y)·h(1 − h)·x vanishes with its slope; that of the
//! cross-entropy, (h − y)·x, is large just there.
//!
//! The start w = b = 2, x = 1, y = 0, η = 0.15 is that of Nielsen, "Neural Networks and Deep Learning", chapter 3.
//!
//! ```sh
//! cargo run -p thalweg-report --example bad_start
//! ```

pub mod common;

use common::{Options, Result, dense, descent, engine_at, network, path, rows, state};
use thalweg::dataset::{Dataset, Targets};
use thalweg::engine::{Batch, Engine};
use thalweg_report::plot::{Figure, Panel};

/// (w, b).
pub const START: [f64; 2] = [2.0, 2.0];
/// η.
pub const RATE: f64 = 0.15;

/// The neuron at its start, with its row.
pub fn neuron(cross_entropy: bool) -> thalweg::Result<(Box<dyn Engine>, Dataset)> {
    let squared = rows(1, &[1.0], &[0.0]);
    let (loss, activation, data) = if cross_entropy {
        let targets = Targets::Classes(vec![0]);
        ("logistic", "identity", Dataset { targets, ..squared })
    } else {
        ("half_mse", "sigmoid", squared)
    };
    let network = network(1, loss, vec![dense(1, activation)]);
    Ok((engine_at(&network, &descent(RATE, 1, 1), &START)?, data))
}

fn main() -> std::process::ExitCode {
    common::main("bad_start", run)
}

/// Prints what it finds, and draws it.
pub fn run(_: &Options) -> Result<Figure> {
    println!("h = σ(wx + b), w = b = 2, x = 1, y = 0, η = {RATE}");
    println!(
        "{:>14} {:>12} {:>10} {:>10} {:>10}",
        "", "∂L/∂w", "h at 0", "h at 100", "h at 300"
    );
    let mut answers = Panel::new("updates", "h (should be 0)").over_y(0.0, 1.05);
    let mut surface = Panel::new("z = wx + b", "loss");
    let mut starts = Vec::new();
    for (name, cross_entropy) in [("cross-entropy", true), ("squared error", false)] {
        let (mut engine, data) = neuron(cross_entropy)?;
        let (_, gradient) = engine.loss_and_gradient(&Batch::all(&data))?;
        let path = path(&mut *engine, &data, RATE, 300)?;
        let answer = |(w, b): (f64, f64)| 1.0 / (1.0 + (-w - b).exp());
        let curve: Vec<(f64, f64)> = (path.iter().enumerate())
            .map(|(step, (theta, _))| (step as f64, answer((theta[0], theta[1]))))
            .collect();
        let [first, middle, last] = [0, 100, 300].map(|step| curve[step].1);
        println!(
            "{name:>14} {:>12.6} {first:>10.4} {middle:>10.4} {last:>10.4}",
            gradient[0]
        );
        answers = answers.line(name, curve);
        let mut losses = Vec::new();
        for z in (-40..=60).map(|k| f64::from(k) / 10.0) {
            engine.load(&state(&[0.0, z]))?;
            losses.push((z, engine.evaluate(&Batch::all(&data), None)?));
        }
        surface = surface.line(name, losses);
        starts.push((START[0] + START[1], path[0].1));
    }
    let surface = surface.points("the start", starts);
    Ok(Figure::new("Sure of the wrong answer")
        .panel(answers)
        .panel(surface))
}
