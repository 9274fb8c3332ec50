//! Teaches: the error surface of a model with two parameters, drawn by exhaustive search over a grid; its lowest
//! point beside that of gradient descent and of the closed form.
//!
//! ```sh
//! cargo run -p thalweg-report --example error_surface
//! ```

pub mod common;

use common::{Options, Result, dense, descent, engine_at, network, pairs, path, places};
use thalweg::engine::Batch;
use thalweg::search::{Axis, Surface, grid};
use thalweg_report::plot::{Figure, Grid, Panel};

/// (x, y).
pub const ROWS: [(f64, f64); 4] = [(2.0, 4.0), (4.0, 9.0), (-1.0, -2.0), (5.0, 15.0)];

/// The loss of y = wx + b over w and b.
pub fn surface(count: usize) -> thalweg::Result<Surface> {
    let network = network(1, "mse", vec![dense(1, "identity")]);
    let mut engine = engine_at(&network, &descent(0.01, 4, 1), &[0.0; 2])?;
    let axes = [
        Axis::linear(0, 0.0, 16.0 / 3.0, count),
        Axis::linear(1, -25.0 / 6.0, 23.0 / 6.0, count),
    ];
    Ok(grid(&mut *engine, &Batch::all(&pairs(&ROWS)), &axes)?)
}

fn main() -> std::process::ExitCode {
    common::main("error_surface", run)
}

/// Prints what it finds, and draws it.
pub fn run(_: &Options) -> Result<Figure> {
    let surface = surface(65)?;
    let (lowest, loss) = surface.lowest().ok_or("no finite loss")?;
    println!("y = wx + b, rows (x, y): {ROWS:?}");
    println!(
        "lowest of {} points: w = {:.4}, b = {:.4}, loss {loss:.6}",
        surface.losses.len(),
        lowest[0],
        lowest[1]
    );

    let network = network(1, "mse", vec![dense(1, "identity")]);
    let mut engine = engine_at(&network, &descent(0.07, 4, 1), &[0.2, 2.5])?;
    let path = path(&mut *engine, &pairs(&ROWS), 0.07, 60)?;
    let (theta, loss) = &path[60];
    println!(
        "60 updates of gradient descent: w = {:.4}, b = {:.4}, loss {loss:.6}",
        theta[0], theta[1]
    );

    let Surface { axes, losses } = surface;
    let [w, b] = [0, 1].map(|k| axes[k].values.clone());
    let ground = Grid {
        x: w,
        y: b,
        values: losses,
    };
    let panel = Panel::new("w", "b")
        .contours(ground, (0..12).map(|k| 1.2 * 1.7f64.powi(k)))
        .line("gradient descent", places(&path))
        .points("lowest of the grid", [(lowest[0], lowest[1])]);
    Ok(Figure::new("The error surface of y = wx + b").panel(panel))
}
