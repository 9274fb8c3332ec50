//! One step of gradient descent by hand: a single sigmoid neuron, half the squared error, one row. The
//! neuron is saturated (z = 21), so its gradient is tiny but not 0, also in single precision.
//!
//! ```sh
//! cargo run -p thalweg --example house_price
//! ```

use thalweg::cpu;
use thalweg::dataset::{Dataset, Features, Targets, Values};
use thalweg::engine::{Batch, State};
use thalweg::optimizers::Time;
use thalweg::precision::Dtype;
use thalweg::registry::{Choice, Setting};
use thalweg::spec::{NetworkSpec, TrainingSpec};

const RATE: f64 = 1e6;

fn main() -> thalweg::Result<()> {
    // h = σ(b + w₁x₁ + w₂x₂), compared with y by ½(y − h)².
    let neuron = Choice::new("dense")
        .with("units", Setting::Integer(1))
        .with("activation", Setting::Text("sigmoid".into()));
    let network = NetworkSpec {
        image: None,
        inputs: 2,
        loss: Choice::new("half_mse"),
        layers: vec![neuron],
    };
    let house = Dataset {
        features: Features {
            width: 2,
            values: Values::F64(vec![1.0, 2.0]),
        },
        targets: Targets::Values {
            width: 1,
            values: vec![3.0],
        },
        weights: None,
    };
    println!("x = (1, 2), y = 3, (w1, w2, b) = (5, 6, 4), z = 21");
    for dtype in [Dtype::F64, Dtype::F32] {
        let training = TrainingSpec {
            learning_rate: RATE,
            batch_size: 1,
            shuffle: false,
            dtype,
            ..TrainingSpec::default()
        };
        let mut engine = cpu::engine(&network, &training, 1)?;
        engine.load(&State {
            parameters: vec![5.0, 6.0, 4.0],
            slots: Vec::new(),
        })?;
        let output = engine.predict(&house.features)?[0];
        let (loss, gradient) = engine.loss_and_gradient(&Batch::all(&house))?;
        let time = Time {
            step: 1,
            rate: RATE,
        };
        engine.step(&Batch::all(&house), time)?;
        println!("\n{dtype:?}: h = {output}, loss = {loss}");
        println!("  gradient by (w1, w2, b) = {gradient:?}");
        println!(
            "  after one step with rate 1e6: {:?}",
            engine.save().parameters
        );
    }
    let h = 1.0 / (1.0 + (-21.0f32).exp());
    let vanished = (h - 3.0) * h * (1.0 - h);
    println!("\nF32 with the slope from the value, h(1 − h): gradient = {vanished}");
    Ok(())
}
