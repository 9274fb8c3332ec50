//! Each mini-batch has a loss of its own with a minimum of its own, and its gradient is a share of the whole
//! gradient: here for y = w·x and four rows in two batches.
//!
//! The example takes the sum of squares. The loss `mse` is their mean, so its value and gradient are
//! multiplied by the number of rows.
//!
//! ```sh
//! cargo run -p thalweg --example one_weight
//! ```

use thalweg::cpu;
use thalweg::dataset::{Dataset, Features, Targets, Values};
use thalweg::engine::{Batch, Engine, Rows, State};
use thalweg::precision::Dtype;
use thalweg::registry::{Choice, Setting};
use thalweg::spec::{NetworkSpec, TrainingSpec};

/// Sum of squares and its derivative at w.
fn sum_of_squares(
    engine: &mut dyn Engine,
    data: &Dataset,
    rows: Rows,
    w: f64,
) -> thalweg::Result<(f64, f64)> {
    engine.load(&State {
        parameters: vec![w],
        slots: Vec::new(),
    })?;
    let (mean, gradient) = engine.loss_and_gradient(&Batch::new(data, rows))?;
    let count = rows.len() as f64;
    Ok((count * mean, count * gradient[0]))
}

fn main() -> thalweg::Result<()> {
    let layer = Choice::new("dense")
        .with("units", Setting::Integer(1))
        .with("bias", Setting::Flag(false));
    let network = NetworkSpec {
        image: None,
        inputs: 1,
        loss: Choice::new("mse"),
        layers: vec![layer],
    };
    let training = TrainingSpec {
        learning_rate: 0.01,
        batch_size: 4,
        shuffle: false,
        dtype: Dtype::F64,
        ..TrainingSpec::default()
    };
    let mut engine = cpu::engine(&network, &training, 1)?;
    let data = Dataset {
        features: Features {
            width: 1,
            values: Values::F64(vec![2.0, 4.0, -1.0, 5.0]),
        },
        targets: Targets::Values {
            width: 1,
            values: vec![4.0, 9.0, -2.0, 15.0],
        },
        weights: None,
    };
    println!("rows (x, y): (2, 4), (4, 9), (−1, −2), (5, 15); L(w) = Σ (y − w·x)²\n");
    println!(
        "{:12} {:>8} {:>8} {:>20}",
        "", "L(0)", "L′(0)", "minimum at w"
    );
    for (name, rows) in [
        ("all rows", Rows::Range(0, 4)),
        ("batch {1, 2}", Rows::Range(0, 2)),
        ("batch {3, 4}", Rows::Range(2, 4)),
    ] {
        let (loss, slope) = sum_of_squares(&mut *engine, &data, rows, 0.0)?;
        // L is a parabola: its slope grows by the curvature from w = 0 to w = 1.
        let curvature = sum_of_squares(&mut *engine, &data, rows, 1.0)?.1 - slope;
        println!("{name:12} {loss:>8} {slope:>8} {:>20}", -slope / curvature);
    }
    Ok(())
}
