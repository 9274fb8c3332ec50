//! One neuron learns AND, OR and NOT, but not XOR, whose classes no straight line parts; with a hidden layer
//! in front of it, it does.
//!
//! The neuron is a perceptron: trained by its own loss, one row at a time, it answers 1 where its sum is not below 0.
//! The network is trained with the logistic loss, and answers 1 where its probability is at least ½.
//!
//! ```sh
//! cargo run -p thalweg --example logic_gates
//! ```

use thalweg::cpu;
use thalweg::dataset::{Dataset, Features, Targets, Values};
use thalweg::losses::LOSSES;
use thalweg::precision::Dtype;
use thalweg::registry::Choice;
use thalweg::spec::{NetworkSpec, TrainingSpec};
use thalweg::train::{Run, train};

const GATES: [(&str, usize, &[f64], &[u32]); 4] = [
    (
        "AND",
        2,
        &[0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0],
        &[0, 0, 0, 1],
    ),
    (
        "OR",
        2,
        &[0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0],
        &[0, 1, 1, 1],
    ),
    ("NOT", 1, &[0.0, 1.0], &[1, 0]),
    (
        "XOR",
        2,
        &[0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0],
        &[0, 1, 1, 0],
    ),
];

/// What a network answers for each row of a gate after training.
fn learn(
    inputs: usize,
    hidden: &[usize],
    x: &[f64],
    y: &[u32],
    seed: u64,
) -> thalweg::Result<Vec<u32>> {
    let (loss, optimizer, learning_rate, batch_size) = match hidden {
        [] => ("perceptron", "gd", 1.0, 1),
        _ => ("logistic", "adam", 0.05, 4),
    };
    let network = NetworkSpec::mlp(inputs, hidden, "tanh", 1, Choice::new(loss));
    let training = TrainingSpec {
        learning_rate,
        batch_size,
        epochs: 500,
        seed,
        dtype: Dtype::F64,
        optimizer: Choice::new(optimizer),
        ..TrainingSpec::default()
    };
    let gate = Dataset {
        features: Features {
            width: inputs,
            values: Values::F64(x.to_vec()),
        },
        targets: Targets::Classes(y.to_vec()),
        weights: None,
    };
    let mut run = Run::new(cpu::engine(&network, &training, 1)?, &training, &gate, None)?;
    train(&mut run, &mut ())?;
    let link = LOSSES.build(&network.loss, &())?.link();
    let answers = run.engine().predict(&gate.features)?;
    Ok(answers
        .iter()
        .map(|answer| link.class(&[*answer]) as u32)
        .collect())
}

fn main() -> thalweg::Result<()> {
    for (hidden, name) in [
        (&[][..], "one neuron"),
        (&[8][..], "8 hidden units and a neuron"),
    ] {
        println!("{name}:");
        for (gate, inputs, x, y) in GATES {
            let answers = learn(inputs, hidden, x, y, 0)?;
            let mut learned = 0;
            for seed in 0..20 {
                learned += usize::from(learn(inputs, hidden, x, y, seed)? == y);
            }
            println!(
                "  {gate:3} is {y:?}, answered {answers:?}; learned from {learned} of 20 seeds"
            );
        }
    }
    Ok(())
}
