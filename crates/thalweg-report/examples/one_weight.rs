//! Teaches: each mini-batch has a loss of its own with a minimum of its own, and its gradient is a share of the
//! whole gradient; here for y = w·x and four rows in two batches.
//!
//! The example takes the sum of squares. The loss `mse` is their mean, so its value and gradient are
//! multiplied by the number of rows.
//!
//! ```sh
//! cargo run -p thalweg-report --example one_weight
//! ```

pub mod common;

use common::{Options, Result, dense, descent, engine_at, network, pairs, state, without_bias};
use thalweg::dataset::Dataset;
use thalweg::engine::{Batch, Engine, Rows};
use thalweg_report::plot::{Figure, Panel};

fn main() -> std::process::ExitCode {
    common::main("one_weight", run)
}

/// Sum of squares and its derivative at w.
fn sum_of_squares(
    engine: &mut dyn Engine,
    data: &Dataset,
    rows: Rows,
    w: f64,
) -> thalweg::Result<(f64, f64)> {
    engine.load(&state(&[w]))?;
    let (mean, gradient) = engine.loss_and_gradient(&Batch::new(data, rows))?;
    let count = rows.len() as f64;
    Ok((count * mean, count * gradient[0]))
}

/// Prints what it finds, and draws it.
pub fn run(_: &Options) -> Result<Figure> {
    let network = network(1, "mse", vec![without_bias(dense(1, "identity"))]);
    let mut engine = engine_at(&network, &descent(0.01, 4, 1), &[0.0])?;
    let data = pairs(&[(2.0, 4.0), (4.0, 9.0), (-1.0, -2.0), (5.0, 15.0)]);
    println!("rows (x, y): (2, 4), (4, 9), (−1, −2), (5, 15); L(w) = Σ (y − w·x)²\n");
    println!(
        "{:12} {:>8} {:>8} {:>20}",
        "", "L(0)", "L′(0)", "minimum at w"
    );
    let mut panel = Panel::new("w", "sum of squares L(w)");
    let mut minima = Vec::new();
    for (name, rows) in [
        ("all rows", Rows::Range(0, 4)),
        ("batch {1, 2}", Rows::Range(0, 2)),
        ("batch {3, 4}", Rows::Range(2, 4)),
    ] {
        let (loss, slope) = sum_of_squares(&mut *engine, &data, rows, 0.0)?;
        // L is a parabola: its slope grows by the curvature from w = 0 to w = 1.
        let curvature = sum_of_squares(&mut *engine, &data, rows, 1.0)?.1 - slope;
        let minimum = -slope / curvature;
        println!("{name:12} {loss:>8} {slope:>8} {minimum:>20}");
        let mut curve = Vec::new();
        for w in (0..=50).map(|k| f64::from(k) / 10.0) {
            curve.push((w, sum_of_squares(&mut *engine, &data, rows, w)?.0));
        }
        panel = panel.line(name, curve);
        minima.push((
            minimum,
            sum_of_squares(&mut *engine, &data, rows, minimum)?.0,
        ));
    }
    let panel = panel.points("minima", minima);
    Ok(Figure::new("The loss of all rows is the sum of its batches' losses").panel(panel))
}
