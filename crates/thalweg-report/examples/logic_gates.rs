//! Teaches: one neuron learns AND, OR and NOT, but not XOR, whose classes no straight line parts; with a hidden
//! layer in front of it, it does, from every seed.
//!
//! The neuron is a perceptron: trained by its own loss, one row at a time, it answers 1 where its sum is not below 0.
//! The network is the one that `thalweg train` chooses for so few rows, trained as it chooses: the logistic loss, AdamW,
//! a warm-up and a cosine. It answers 1 where its probability is at least ½.
//!
//! ```sh
//! cargo run -p thalweg-report --example logic_gates
//! ```

pub mod common;

use common::{Options, Result, answers_over, descent, features};
use thalweg::cpu;
use thalweg::dataset::{Dataset, Targets};
use thalweg::engine::Engine;
use thalweg::losses::LOSSES;
use thalweg::registry::{Choice, Setting};
use thalweg::solvers::usual_rate;
use thalweg::spec::{NetworkSpec, TrainingSpec};
use thalweg::train::{Run, train};
use thalweg_report::plot::{Figure, Panel};

/// The rows of two inputs.
const CORNERS: [f64; 8] = [0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0];

/// Name, inputs a row, rows, answers.
pub const GATES: [(&str, usize, &[f64], &[u32]); 4] = [
    ("AND", 2, &CORNERS, &[0, 0, 0, 1]),
    ("OR", 2, &CORNERS, &[0, 1, 1, 1]),
    ("NOT", 1, &[0.0, 1.0], &[1, 0]),
    ("XOR", 2, &CORNERS, &[0, 1, 1, 0]),
];

/// A trained network, and what it answers for each row of a gate.
pub fn learn(
    gate: (&str, usize, &[f64], &[u32]),
    hidden: &[usize],
    seed: u64,
) -> thalweg::Result<(Box<dyn Engine>, Vec<u32>)> {
    let (_, inputs, x, y) = gate;
    let adamw = Choice::new("adamw").with("weight_decay", Setting::Number(0.1));
    let (loss, training) = match hidden {
        // The perceptron's rule: rate 1, one row at a time.
        [] => ("perceptron", descent(1.0, 1, 50)),
        _ => {
            let chosen = TrainingSpec {
                optimizer: adamw.clone(),
                schedule: Choice::new("linear_warmup").with("then", "cosine".into()),
                ..descent(usual_rate(&adamw)?, 4, 1000)
            };
            ("logistic", chosen)
        }
    };
    let training = TrainingSpec {
        shuffle: true,
        seed,
        ..training
    };
    let network = NetworkSpec::mlp(inputs, hidden, "relu", 1, Choice::new(loss));
    let gate = Dataset {
        features: features(inputs, x.to_vec()),
        targets: Targets::Classes(y.to_vec()),
        weights: None,
    };
    let mut run = Run::new(cpu::engine(&network, &training, 1)?, &training, &gate, None)?;
    train(&mut run, &mut ())?;
    let link = LOSSES.build(&network.loss, &())?.link();
    let answers = run.engine().predict(&gate.features)?;
    let classes = answers.iter().map(|answer| link.class(&[*answer]) as u32);
    let classes = classes.collect();
    Ok((run.into_engine(), classes))
}

fn main() -> std::process::ExitCode {
    common::main("logic_gates", run)
}

/// Prints what it finds, and draws it.
pub fn run(options: &Options) -> Result<Figure> {
    let seeds = if options.quick { 2 } else { 20 };
    let mut figure = Figure::new("What one neuron can part, and what it cannot");
    for (hidden, name, boundary) in [
        (&[][..], "one neuron", 0.0),
        (&[64][..], "64 hidden units and a neuron", 0.5),
    ] {
        println!("{name}:");
        for gate in GATES {
            let (label, inputs, x, y) = gate;
            let mut learned = 0;
            for seed in 0..seeds {
                learned += usize::from(learn(gate, hidden, seed)?.1 == y);
            }
            let (mut engine, answers) = learn(gate, hidden, 0)?;
            println!(
                "  {label:3} is {y:?}, answered {answers:?}; learned from {learned} of {seeds} seeds"
            );
            if inputs == 2 && (hidden.is_empty() || label == "XOR") {
                let of = |class| {
                    let rows = x.chunks(2).zip(y).filter(move |row| *row.1 == class);
                    rows.map(|(x, _)| (x[0], x[1]))
                };
                let panel = Panel::new("x₁", "x₂")
                    .title(format!("{label}: {name}"))
                    .points("answer 0", of(0))
                    .points("answer 1", of(1))
                    .contours(answers_over(&mut *engine, -0.5, 1.5)?, [boundary]);
                figure = figure.panel(panel);
            }
        }
    }
    Ok(figure)
}
