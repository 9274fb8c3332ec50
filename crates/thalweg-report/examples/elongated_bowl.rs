//! Teaches: what momentum, RMSprop and Adam change on an elongated bowl, L(w) = ½(w₁² + 100w₂²). The steep
//! direction bounds the rate of gradient descent, 2/100, and the flat one then takes long; momentum averages the
//! zigzag away, RMSprop and Adam give each direction a rate of its own.
//!
//! ```sh
//! cargo run -p thalweg-report --example elongated_bowl
//! ```

pub mod common;

use common::{
    Options, Result, dense, descent, engine_at, losses, network, path, places, rows, without_bias,
};
use thalweg::registry::{Choice, Setting};
use thalweg::spec::TrainingSpec;
use thalweg_report::plot::{Figure, Grid, Panel};

/// (w₁, w₂).
pub const START: [f64; 2] = [-1.5, 0.6];

/// The optimizers in the forms of the notes, and their rates.
pub fn optimizers() -> [(&'static str, Choice, f64); 4] {
    let notes = |name| {
        Choice::new(name)
            .with("from_first_gradient", Setting::Flag(true))
            .with("epsilon_inside", Setting::Flag(true))
    };
    [
        ("gradient descent", Choice::new("gd"), 0.018),
        ("momentum", Choice::new("momentum"), 0.1),
        ("RMSprop", notes("rmsprop"), 0.05),
        ("Adam", Choice::new("adam"), 0.1),
    ]
}

/// θ and loss before the first step and after each.
pub fn descend(optimizer: Choice, rate: f64, steps: u64) -> thalweg::Result<Vec<(Vec<f64>, f64)>> {
    // The mean over the two rows of (0 − w·x)² is ½(w₁² + 100w₂²).
    let bowl = rows(2, &[1.0, 0.0, 0.0, 10.0], &[0.0, 0.0]);
    let network = network(2, "mse", vec![without_bias(dense(1, "identity"))]);
    let training = TrainingSpec {
        optimizer,
        ..descent(rate, 2, 1)
    };
    path(
        &mut *engine_at(&network, &training, &START)?,
        &bowl,
        rate,
        steps,
    )
}

fn main() -> std::process::ExitCode {
    common::main("elongated_bowl", run)
}

/// Prints what it finds, and draws it.
pub fn run(_: &Options) -> Result<Figure> {
    let loss = |x: f64, y: f64| 0.5 * (x * x + 100.0 * y * y);
    let bowl = Grid::of((-1.7, 0.6), (-0.8, 0.8), 121, loss);
    let levels = (0..12).map(|k| 0.01 * 2.5f64.powi(k));
    let valley = || Panel::new("w₁", "w₂").contours(bowl.clone(), levels.clone());
    let mut ways = [valley(), valley()];
    let mut curves = Panel::new("updates", "L").log_y();
    println!("L(w) = ½(w₁² + 100w₂²) from w = {START:?}");
    println!(
        "{:>18} {:>6} {:>12} {:>12}",
        "", "rate", "L after 20", "L after 100"
    );
    for (k, (name, optimizer, rate)) in optimizers().into_iter().enumerate() {
        let path = descend(optimizer, rate, 100)?;
        println!(
            "{name:>18} {rate:>6} {:>12.3e} {:>12.3e}",
            path[20].1, path[100].1
        );
        let way = ways[k / 2].clone();
        ways[k / 2] = way.line(name, places(&path[..61]));
        curves = curves.line(name, losses(&path));
    }
    let mut rates = Panel::new("updates", "L")
        .log_y()
        .over_y(1e-3, 1e3)
        .title("gradient descent");
    for rate in [0.005, 0.01, 0.019, 0.0202] {
        let path = descend(Choice::new("gd"), rate, 100)?;
        rates = rates.line(format!("η = {rate}"), losses(&path));
    }
    let [one, two] = ways;
    Ok(Figure::new("Four ways down an elongated bowl")
        .panel(one.title("60 updates"))
        .panel(two.title("60 updates"))
        .panel(curves.title("all four"))
        .panel(rates))
}
