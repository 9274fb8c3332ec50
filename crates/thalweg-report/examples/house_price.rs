//! Teaches: one step of gradient descent by hand, and what a saturated neuron is. A single sigmoid neuron, half
//! the squared error, one row; z = 21, so the gradient is tiny but not 0, also in single precision.
//!
//! ```sh
//! cargo run -p thalweg-report --example house_price
//! ```

pub mod common;

use common::{Options, Result, dense, descent, engine_at, network, rows, state};
use thalweg::engine::Batch;
use thalweg::optimizers::Time;
use thalweg::precision::Dtype;
use thalweg::spec::TrainingSpec;
use thalweg_report::plot::{Figure, Panel};

const RATE: f64 = 1e6;

fn main() -> std::process::ExitCode {
    common::main("house_price", run)
}

/// Prints what it finds, and draws it.
pub fn run(_: &Options) -> Result<Figure> {
    // h = σ(b + w₁x₁ + w₂x₂), compared with y by ½(y − h)².
    let network = network(2, "half_mse", vec![dense(1, "sigmoid")]);
    let house = rows(2, &[1.0, 2.0], &[3.0]);
    println!("x = (1, 2), y = 3, (w1, w2, b) = (5, 6, 4), z = 21");
    let mut panel = Panel::new("z = b + w₁x₁ + w₂x₂", "|∂L/∂b|").log_y();
    for (dtype, name) in [(Dtype::F64, "double"), (Dtype::F32, "single")] {
        let training = TrainingSpec {
            dtype,
            ..descent(RATE, 1, 1)
        };
        let mut engine = engine_at(&network, &training, &[5.0, 6.0, 4.0])?;
        let output = engine.predict(&house.features)?[0];
        let (loss, gradient) = engine.loss_and_gradient(&Batch::all(&house))?;
        let time = Time::new(1, RATE);
        engine.step(&Batch::all(&house), time)?;
        println!("\n{dtype:?}: h = {output}, loss = {loss}");
        println!("  gradient by (w1, w2, b) = {gradient:?}");
        println!(
            "  after one step with rate 1e6: {:?}",
            engine.save_parameters()?
        );

        // The same neuron with other biases.
        let mut curve = Vec::new();
        for z in (0..=60).map(|k| f64::from(k) / 2.0) {
            engine.load(&state(&[5.0, 6.0, z - 17.0]))?;
            let (_, gradient) = engine.loss_and_gradient(&Batch::all(&house))?;
            curve.push((z, gradient[2].abs()));
        }
        panel = match dtype {
            Dtype::F64 => panel.line(format!("{name} precision"), curve),
            _ => panel.dashed(format!("{name} precision"), curve),
        };
    }
    println!(
        "\nF32 with the slope from the value, h(1 − h): gradient = {}",
        from_value(21.0)
    );
    let naive = (0..=30).map(|z| (f64::from(z), from_value(z as f32).abs().into()));
    let panel = panel.points("single, by h(1 − h): then 0", naive);
    Ok(Figure::new("The gradient of a saturated neuron").panel(panel))
}

/// ∂L/∂b in single precision as one would write it first: nothing is left of 1 − h where h rounds to 1.
pub fn from_value(z: f32) -> f32 {
    let h = 1.0 / (1.0 + (-z).exp());
    (h - 3.0) * h * (1.0 - h)
}
