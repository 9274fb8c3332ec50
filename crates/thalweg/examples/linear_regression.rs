//! A learning rate that is too high: one step of gradient descent makes a linear model worse. The largest
//! curvature λ of the loss says which rates converge: those below 2/λ.
//!
//! ```sh
//! cargo run -p thalweg --example linear_regression
//! ```

use thalweg::cpu;
use thalweg::dataset::{Dataset, Features, Targets, Values};
use thalweg::engine::{Batch, Engine, State};
use thalweg::optimizers::Time;
use thalweg::precision::Dtype;
use thalweg::registry::{Choice, Setting};
use thalweg::spec::{NetworkSpec, TrainingSpec};

/// A linear model without bias that starts from 0.
fn model(loss: &str) -> thalweg::Result<Box<dyn Engine>> {
    let layer = Choice::new("dense")
        .with("units", Setting::Integer(1))
        .with("bias", Setting::Flag(false))
        .with("initializer", Setting::Text("zeros".into()));
    let network = NetworkSpec {
        image: None,
        inputs: 3,
        loss: Choice::new(loss),
        layers: vec![layer],
    };
    let training = TrainingSpec {
        learning_rate: 0.1,
        batch_size: 2,
        shuffle: false,
        dtype: Dtype::F64,
        ..TrainingSpec::default()
    };
    cpu::engine(&network, &training, 1)
}

fn main() -> thalweg::Result<()> {
    let rows = Dataset {
        features: Features {
            width: 3,
            values: Values::F64(vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]),
        },
        targets: Targets::Values {
            width: 1,
            values: vec![6.0, 15.0],
        },
        weights: None,
    };
    let batch = Batch::all(&rows);
    let mut mse = model("mse")?;
    println!("x = [[1, 2, 3], [4, 5, 6]], y = (6, 15), θ = 0");
    println!("mean squared error {}", mse.evaluate(&batch, None)?);

    for loss in ["half_mse", "mse"] {
        let mut engine = model(loss)?;
        let (_, gradient) = engine.loss_and_gradient(&batch)?;
        engine.step(&batch, Time { step: 1, rate: 0.1 })?;
        let theta = engine.save();
        mse.load(&theta)?;
        println!("\ngradient of {loss}: {gradient:?}");
        println!("one step with rate 0.1: θ = {:?}", theta.parameters);
        println!("mean squared error {}", mse.evaluate(&batch, None)?);
    }

    // The gradient of a quadratic loss is linear, so gradients at ends of a vector v apply its Hessian H to
    // it; doing so again and again turns v to the direction of the largest curvature.
    let mut gradient_at = |theta: &[f64]| -> thalweg::Result<Vec<f64>> {
        mse.load(&State {
            parameters: theta.to_vec(),
            slots: Vec::new(),
        })?;
        Ok(mse.loss_and_gradient(&batch)?.1)
    };
    let origin = gradient_at(&[0.0; 3])?;
    let (mut v, mut curvature) = (vec![1.0; 3], 0.0);
    for _ in 0..20 {
        let hv: Vec<f64> = gradient_at(&v)?
            .iter()
            .zip(&origin)
            .map(|(a, b)| a - b)
            .collect();
        curvature = hv.iter().map(|x| x * x).sum::<f64>().sqrt();
        v = hv.iter().map(|x| x / curvature).collect();
    }
    println!("\nlargest curvature of the mean squared error: {curvature:.7}");
    println!(
        "gradient descent converges below 2/λ = {:.7}",
        2.0 / curvature
    );
    Ok(())
}
