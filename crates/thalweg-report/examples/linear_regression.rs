//! Teaches: a learning rate that is too high. One step of gradient descent makes a linear model worse; the
//! largest curvature λ of the loss says which rates converge: those below 2/λ.
//!
//! ```sh
//! cargo run -p thalweg-report --example linear_regression
//! ```

pub mod common;

use common::{
    Options, Result, dense, descent, engine_at, losses, network, path, rows, without_bias,
};
use thalweg::engine::{Batch, Engine};
use thalweg::optimizers::Time;
use thalweg::solvers::Objective;
use thalweg_report::plot::{Figure, Panel};

fn main() -> std::process::ExitCode {
    common::main("linear_regression", run)
}

/// A linear model without bias that starts from 0.
fn model(loss: &str) -> thalweg::Result<Box<dyn Engine>> {
    let network = network(3, loss, vec![without_bias(dense(1, "identity"))]);
    engine_at(&network, &descent(0.1, 2, 1), &[0.0; 3])
}

/// Prints what it finds, and draws it.
pub fn run(_: &Options) -> Result<Figure> {
    let rows = rows(3, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &[6.0, 15.0]);
    let batch = Batch::all(&rows);
    let mut mse = model("mse")?;
    println!("x = [[1, 2, 3], [4, 5, 6]], y = (6, 15), θ = 0");
    println!("mean squared error {}", mse.evaluate(&batch, None)?);

    for loss in ["half_mse", "mse"] {
        let mut engine = model(loss)?;
        let (_, gradient) = engine.loss_and_gradient(&batch)?;
        engine.step(&batch, Time::new(1, 0.1))?;
        let theta = engine.save_parameters()?;
        mse.load_parameters(&theta)?;
        println!("\ngradient of {loss}: {gradient:?}");
        println!("one step with rate 0.1: θ = {theta:?}");
        println!("mean squared error {}", mse.evaluate(&batch, None)?);
    }

    // The Hessian, again and again, turns any vector to the direction of the largest curvature.
    let mut view = rows.view();
    let mut objective = Objective::new(&mut *mse, &mut view, &descent(0.1, 2, 1));
    let origin = objective.at(&[0.0; 3])?;
    let (mut v, mut curvature) = (vec![1.0; 3], 0.0);
    for _ in 0..20 {
        let hv = objective.hessian_times(&origin, &v)?;
        curvature = hv.iter().map(|x| x * x).sum::<f64>().sqrt();
        v = hv.iter().map(|x| x / curvature).collect();
    }
    let limit = 2.0 / curvature;
    println!("\nlargest curvature of the mean squared error: {curvature:.7}");
    println!("gradient descent converges below 2/λ = {limit:.7}");

    let mut panel = Panel::new("updates", "mean squared error")
        .log_y()
        .over_y(1e-3, 1e6);
    for (name, rate) in [
        ("η = 0.1", 0.1),
        ("1.05 · 2/λ", 1.05 * limit),
        ("0.95 · 2/λ", 0.95 * limit),
        ("0.5 · 2/λ", 0.5 * limit),
    ] {
        panel = panel.line(name, losses(&path(&mut *model("mse")?, &rows, rate, 50)?));
    }
    Ok(Figure::new("Rates below and above 2/λ").panel(panel))
}
