//! Teaches: a critical point need not be a minimum. y = w₂·w₁·x with one row (1, 1) has the loss (1 − w₁w₂)²,
//! whose gradient vanishes at 0; there the Hessian [[0, −2], [−2, 0]] has the eigenvalues −2 and 2: a saddle.
//! Along the eigenvector of the negative one, (1, 1)/√2, descent escapes.
//!
//! ```sh
//! cargo run -p thalweg-report --example saddle
//! ```

pub mod common;

use common::{
    Options, Result, dense, descent, engine_at, losses, network, pairs, path, places, without_bias,
};
use thalweg::dataset::Dataset;
use thalweg::engine::Engine;
use thalweg::solvers::Objective;
use thalweg_report::plot::{Figure, Grid, Panel};

/// η.
pub const RATE: f64 = 0.05;

/// The two-layer network at w, and its row.
pub fn two_weights(w: [f64; 2]) -> thalweg::Result<(Box<dyn Engine>, Dataset)> {
    let layer = || without_bias(dense(1, "identity"));
    let network = network(1, "mse", vec![layer(), layer()]);
    let engine = engine_at(&network, &descent(RATE, 1, 1), &w)?;
    Ok((engine, pairs(&[(1.0, 1.0)])))
}

/// Gradient and Hessian at w.
pub fn derivatives(w: [f64; 2]) -> thalweg::Result<([f64; 2], [[f64; 2]; 2])> {
    let (mut engine, row) = two_weights(w)?;
    let mut rows = row.view();
    let mut objective = Objective::new(&mut *engine, &mut rows, &descent(RATE, 1, 1));
    let point = objective.here()?;
    let mut column = |v: [f64; 2]| objective.hessian_times(&point, &v).map(|hv| [hv[0], hv[1]]);
    let hessian = [column([1.0, 0.0])?, column([0.0, 1.0])?];
    Ok(([point.gradient[0], point.gradient[1]], hessian))
}

/// The smaller eigenvalue of a symmetric matrix and its eigenvector, then the larger.
pub fn eigen([[a, b], [_, d]]: [[f64; 2]; 2]) -> [(f64, [f64; 2]); 2] {
    let (mean, radius) = ((a + d) / 2.0, ((a - d) / 2.0).hypot(b));
    let angle = 0.5 * b.atan2((a - d) / 2.0);
    let (sine, cosine) = angle.sin_cos();
    [
        (mean - radius, [-sine, cosine]),
        (mean + radius, [cosine, sine]),
    ]
}

fn main() -> std::process::ExitCode {
    common::main("saddle", run)
}

/// Prints what it finds, and draws it.
pub fn run(_: &Options) -> Result<Figure> {
    let (gradient, hessian) = derivatives([0.0; 2])?;
    let [(lowest, escape), (highest, _)] = eigen(hessian);
    println!("L(w) = (1 − w₁w₂)² at w = 0: gradient {gradient:?}");
    println!("eigenvalues {lowest:.6} and {highest:.6}: a saddle");
    println!(
        "the eigenvector of {lowest:.6} is ({:.6}, {:.6})\n",
        escape[0], escape[1]
    );

    let surface = Grid::of((-1.6, 1.6), (-1.6, 1.6), 121, |x, y| (1.0 - x * y).powi(2));
    let levels = [0.02, 0.1, 0.3, 0.6, 0.9, 1.0, 1.1, 1.5, 2.5, 4.0, 6.0, 9.0];
    let mut ways = Panel::new("w₁", "w₂").contours(surface, levels);
    let mut curves = Panel::new("updates", "loss").log_y().over_y(1e-4, 10.0);
    let off = 1e-3;
    for (name, start) in [
        ("past it", [1.2, -1.2 + off]),
        ("from it, along the eigenvector", escape.map(|v| off * v)),
        ("into the saddle", [1.2, -1.2]),
    ] {
        let (mut engine, row) = two_weights(start)?;
        let path = path(&mut *engine, &row, RATE, 120)?;
        let (theta, loss) = &path[120];
        println!("{name}: from {start:.4?} to {theta:.4?}, loss {loss:.2e}");
        let draw = if loss > &0.5 {
            Panel::dashed
        } else {
            Panel::line
        };
        ways = draw(ways, name, places(&path));
        curves = draw(curves, name, losses(&path));
    }
    println!("\n{}", curves.text(60, 12));
    let ways = ways.points("the saddle", [(0.0, 0.0)]);
    Ok(Figure::new("A saddle, and the escape from it")
        .panel(ways)
        .panel(curves))
}
