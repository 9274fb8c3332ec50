//! Teaches: thirty layers of tanh with small weights are not trained by gradient descent. Each layer leaves 0.1·√32 = 0.57
//! of the signal on its way forward and of the gradient on its way back, so that ∂C/∂W, made of both, is about 0.57³⁰ =
//! 5·10⁻⁸ in every layer. Residual blocks, or batch norm in front of every tanh, repair it.
//!
//! ```sh
//! cargo run --release -p thalweg-report --example deep_tanh                      # 1,797 digits
//! thalweg train builtin:digits --network examples/networks/residual_30_tanh.toml --optimizer sgd --lr 0.01
//! ```

pub mod common;

use common::{Epochs, Options, Result, accuracy, dense, network, read};
use thalweg::cpu;
use thalweg::data::Prepared;
use thalweg::engine::{Batch, Engine, Rows};
use thalweg::registry::{Choice, Setting};
use thalweg::spec::{NetworkSpec, TrainingSpec};
use thalweg::train::{Run, train};
use thalweg_report::plot::{Figure, Panel};

/// Hidden layers, and units of each.
const DEPTH: usize = 30;
const UNITS: i64 = 32;

/// What stands between the layers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Help {
    /// y = tanh(W·x + b).
    Nothing,
    /// y = x + tanh(W·x + b).
    Residual,
    /// y = tanh(batch norm of W·x + b).
    BatchNorm,
}

/// All three, with their names in the picture.
pub const NETWORKS: [(Help, &str); 3] = [
    (Help::Nothing, "plain"),
    (Help::Residual, "residual blocks"),
    (Help::BatchNorm, "batch norm"),
];

/// Thirty layers, and a linear one for the ten classes. W is drawn with a standard deviation of 0.1 where 1/√32 = 0.18
/// would keep the size of a signal.
pub fn layers(inputs: usize, help: Help) -> NetworkSpec {
    let small = Choice::new("normal").with("deviation", Setting::Number(0.1));
    let of = |activation| {
        let layer = dense(UNITS as usize, activation);
        layer.with("initializer", Setting::Choice(small.clone()))
    };
    let hidden = (0..DEPTH).flat_map(|index| match help {
        Help::BatchNorm => vec![
            of("identity"),
            Choice::new("batch_norm"),
            Choice::new("activation").with("activation", "tanh".into()),
        ],
        Help::Residual if index > 0 => {
            vec![Choice::new("residual").with("layers", Setting::Choices(vec![of("tanh")]))]
        }
        _ => vec![of("tanh")],
    });
    let layers = hidden.chain([dense(10, "identity")]).collect();
    network(inputs, "cross_entropy", layers)
}

/// ‖∂C/∂W‖ of each hidden layer, the first first, on the first batch.
pub fn gradient_norms(engine: &mut dyn Engine, data: &Prepared) -> Result<Vec<f64>> {
    let batch = Batch::new(&data.train, Rows::Range(0, 32));
    let (_, gradient) = engine.loss_and_gradient(&batch)?;
    let mut rest = &gradient[..];
    let mut norms = Vec::new();
    for info in engine.parameters() {
        let (own, more) = rest.split_at(info.shape.iter().product());
        rest = more;
        if info.shape.len() == 2 {
            norms.push(own.iter().map(|g| g * g).sum::<f64>().sqrt());
        }
    }
    norms.truncate(DEPTH);
    Ok(norms)
}

/// What a network shows.
pub struct Outcome {
    /// See [`gradient_norms`], before training.
    pub gradient_norms: Vec<f64>,
    /// What its epochs told.
    pub epochs: Epochs,
    /// Share of the test rows that are right.
    pub test_accuracy: f64,
}

/// Trains one of them by stochastic gradient descent with momentum.
pub fn fit(data: &Prepared, help: Help, epochs: usize) -> Result<Outcome> {
    let network = layers(data.preprocessing.input_width(), help);
    let training = TrainingSpec {
        learning_rate: 0.01,
        batch_size: 32,
        epochs,
        optimizer: Choice::new("sgd"),
        ..TrainingSpec::default()
    };
    let mut engine = cpu::engine(&network, &training, 1)?;
    let gradient_norms = gradient_norms(&mut *engine, data)?;
    let mut run = Run::new(engine, &training, &data.train, None)?;
    let mut epochs = Epochs::default();
    train(&mut run, &mut epochs)?;
    let test = data.test.as_ref().ok_or("no test rows")?;
    Ok(Outcome {
        gradient_norms,
        epochs,
        test_accuracy: accuracy(run.engine(), test, 10)?,
    })
}

fn main() -> std::process::ExitCode {
    common::main("deep_tanh", run)
}

/// Prints what it finds, and draws it.
pub fn run(options: &Options) -> Result<Figure> {
    let (_, data) = read(options)?;
    let epochs = if options.quick { 3 } else { 30 };
    println!(
        "{DEPTH} layers of {UNITS} units, {epochs} epochs; a guess among ten classes has the loss ln 10 = 2.303\n"
    );
    println!(
        "{:16} {:>14} {:>14} {:>11} {:>14}",
        "", "‖∂C/∂W₁‖", "‖∂C/∂W₃₀‖", "loss", "test accuracy"
    );
    let mut losses = Panel::new("epoch", "cross-entropy")
        .title("training")
        .over_y(0.0, 2.5);
    let mut norms = Panel::new("layer", "‖∂C/∂W‖")
        .title("before the first update")
        .log_y();
    for (help, name) in NETWORKS {
        let one = fit(&data, help, epochs)?;
        let loss = one
            .epochs
            .0
            .last()
            .map_or(f64::NAN, |epoch| epoch.train_loss);
        println!(
            "{name:16} {:>14.1e} {:>14.1e} {loss:>11.4} {:>14.4}",
            one.gradient_norms[0],
            one.gradient_norms[DEPTH - 1],
            one.test_accuracy
        );
        losses = losses.line(name, one.epochs.training());
        let layers = (1..=DEPTH).map(|layer| layer as f64);
        norms = norms.line(name, layers.zip(one.gradient_norms));
    }
    println!("\n{}", losses.text(60, 14));
    Ok(Figure::new("Thirty layers of tanh")
        .panel(losses)
        .panel(norms))
}
