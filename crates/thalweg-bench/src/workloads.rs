//! The workloads: what is trained, who trains it beside Thalweg, and what Thalweg is held to.
//!
//! Row counts are whole batches, so that nobody has a short last batch to keep or drop.

use serde::Serialize;
use thalweg::error::{Error, Result};
use thalweg::precision::Dtype;
use thalweg::registry::{Choice, Setting, unknown};
use thalweg::spec::{NetworkSpec, TrainingSpec};

/// What the rows are like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Pixels of digits: a few bright ones around one template a class.
    Pixels,
    /// Features of mean 0 and variance 1; the class is a noisy linear function of them.
    Planted,
}

/// Someone else who trains the same network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Peer {
    /// JAX with optax, a whole epoch compiled as one scan, reshuffling included.
    Jax,
    /// The same, but for the order of rows, which NumPy draws faster.
    JaxHostOrder,
    /// scikit-learn's `MLPClassifier`.
    MlpClassifier,
    /// scikit-learn's `SGDClassifier`, which updates after every row.
    SgdClassifier,
    /// PyTorch, eager.
    PyTorch,
    /// Thalweg itself, in single precision.
    ThalwegF32,
}

/// What a measurement should reach.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// At least so many times the rate of a peer in the same run.
    Ratio(Peer, f64),
    /// At most so many µs a step.
    Step(f64),
    /// At most so many seconds an epoch, on two cores.
    Epoch(f64),
    /// At most so many times the time that the roofline leaves.
    Bound(f64),
}

/// A classifier to train: ReLU hidden layers; softmax cross-entropy, or the logistic loss where there is one
/// output; reshuffled every epoch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Workload {
    /// Its name.
    pub name: &'static str,
    /// Rows of an epoch.
    pub rows: usize,
    /// Inputs, hidden units, outputs.
    pub layers: &'static [usize],
    /// Rows of a mini-batch.
    pub batch: usize,
    /// Optimizer, by the name of its registry entry; `sgd` is without momentum.
    pub optimizer: &'static str,
    /// η.
    pub learning_rate: f64,
    /// Precision of Thalweg's side. Peers have single precision.
    pub dtype: Dtype,
    /// What the rows are like.
    pub kind: Kind,
    /// Who else trains it.
    pub peers: &'static [Peer],
    /// What it should reach.
    pub goals: &'static [Goal],
}

/// All of them.
pub const WORKLOADS: &[Workload] = &[
    mlp(
        "mnist-mlp",
        468,
        &[784, 128, 10],
        128,
        &[Goal::Ratio(Peer::Jax, 2.1)],
    ),
    MNIST_WIDE,
    Workload {
        name: "mnist-wide-bf16",
        dtype: Dtype::Bf16,
        peers: &[Peer::Jax, Peer::ThalwegF32],
        goals: &[Goal::Ratio(Peer::Jax, 2.0)],
        ..MNIST_WIDE
    },
    Workload {
        dtype: Dtype::Bf16,
        peers: &[Peer::Jax, Peer::ThalwegF32],
        ..mlp(
            "mnist-1024-bf16",
            78,
            &[784, 1024, 1024, 10],
            256,
            &[Goal::Ratio(Peer::ThalwegF32, 1.5)],
        )
    },
    mlp(
        "table-medium",
        390,
        &[54, 128, 128, 7],
        256,
        &[Goal::Ratio(Peer::Jax, 3.6)],
    ),
    mlp(
        "table-small",
        781,
        &[10, 32, 32, 2],
        128,
        &[Goal::Ratio(Peer::Jax, 9.0)],
    ),
    mlp(
        "table-tiny",
        1562,
        &[8, 16, 2],
        32,
        &[Goal::Ratio(Peer::Jax, 13.0)],
    ),
    mlp(
        "stochastic",
        5000,
        &[4, 16, 3],
        1,
        &[Goal::Ratio(Peer::Jax, 6.0)],
    ),
    mlp(
        "step-overhead",
        312,
        &[4, 32, 16, 4],
        32,
        &[Goal::Step(3.0)],
    ),
    binary(
        "logistic",
        3906,
        &[30, 1],
        256,
        "sgd",
        0.5,
        &[Peer::Jax, Peer::JaxHostOrder, Peer::SgdClassifier],
        &[Goal::Ratio(Peer::SgdClassifier, 20.0), Goal::Bound(3.0)],
    ),
    binary(
        "logistic-5m",
        5000,
        &[20, 1],
        1000,
        "sgd",
        0.5,
        &[Peer::Jax, Peer::JaxHostOrder],
        &[Goal::Epoch(0.1)],
    ),
    binary(
        "mlp-5m",
        5000,
        &[20, 32, 32, 1],
        1000,
        "adam",
        1e-3,
        &[Peer::Jax, Peer::JaxHostOrder],
        &[Goal::Epoch(0.6)],
    ),
];

/// Also the base of the same network in another precision.
const MNIST_WIDE: Workload = mlp(
    "mnist-wide",
    78,
    &[784, 512, 512, 10],
    256,
    &[Goal::Ratio(Peer::Jax, 1.3)],
);

/// A classifier of several classes, by Adam at 1e-3.
const fn mlp(
    name: &'static str,
    batches: usize,
    layers: &'static [usize],
    batch: usize,
    goals: &'static [Goal],
) -> Workload {
    Workload {
        name,
        rows: batches * batch,
        layers,
        batch,
        optimizer: "adam",
        learning_rate: 1e-3,
        dtype: Dtype::F32,
        kind: if layers[0] == 784 {
            Kind::Pixels
        } else {
            Kind::Planted
        },
        peers: &[
            Peer::Jax,
            Peer::JaxHostOrder,
            Peer::MlpClassifier,
            Peer::PyTorch,
        ],
        goals,
    }
}

/// A classifier of two classes with one output.
const fn binary(
    name: &'static str,
    batches: usize,
    layers: &'static [usize],
    batch: usize,
    optimizer: &'static str,
    learning_rate: f64,
    peers: &'static [Peer],
    goals: &'static [Goal],
) -> Workload {
    Workload {
        optimizer,
        learning_rate,
        peers,
        ..mlp(name, batches, layers, batch, goals)
    }
}

/// Batches of a quick run, and its fewest rows.
const QUICK: (usize, usize) = (10, 200);

/// The workload of that name.
///
/// # Errors
/// Lists all names.
pub fn find(name: &str) -> Result<&'static Workload> {
    let found = WORKLOADS.iter().find(|workload| workload.name == name);
    found.ok_or_else(|| {
        unknown(
            "workload",
            name,
            WORKLOADS.iter().map(|workload| workload.name),
        )
    })
}

impl Workload {
    /// Rows of a full or a quick run.
    pub fn rows_of(&self, quick: bool) -> usize {
        if !quick {
            return self.rows;
        }
        let fewest = QUICK.1.next_multiple_of(self.batch);
        self.rows.min((QUICK.0 * self.batch).max(fewest))
    }

    /// `784-128-10`.
    pub fn shape(&self) -> String {
        let layers: Vec<String> = self.layers.iter().map(usize::to_string).collect();
        layers.join("-")
    }

    /// Classes of the rows.
    pub fn classes(&self) -> usize {
        self.layers.last().map_or(2, |outputs| (*outputs).max(2))
    }

    /// Floating-point operations to train on one row: forward, dW and dX are 2 P each, P the number of
    /// weights, but no dX is needed at the input: 6 P − 2 d₀ d₁.
    pub fn flops_per_row(&self) -> f64 {
        let weights: usize = self.layers.windows(2).map(|pair| pair[0] * pair[1]).sum();
        (6 * weights - 2 * self.layers[0] * self.layers[1]) as f64
    }

    /// Bytes of a row in memory: features in single precision, the class, and its place in the order.
    /// Every epoch reads all of them once.
    pub fn bytes_per_row(&self) -> f64 {
        4.0 * (self.layers[0] as f64 + 2.0)
    }

    /// The network.
    ///
    /// # Errors
    /// If it has no output layer.
    pub fn network(&self) -> Result<NetworkSpec> {
        let &[inputs, ref hidden @ .., outputs] = self.layers else {
            return Err(Error::invalid(self.name, "no layers", "inputs and outputs"));
        };
        let loss = Choice::new(if outputs == 1 {
            "logistic"
        } else {
            "cross_entropy"
        });
        Ok(NetworkSpec::mlp(inputs, hidden, "relu", outputs, loss))
    }

    /// How it is trained.
    pub fn training(&self) -> TrainingSpec {
        TrainingSpec {
            learning_rate: self.learning_rate,
            batch_size: self.batch,
            // As many as anybody asks for.
            epochs: u32::MAX as usize,
            dtype: self.dtype,
            optimizer: match self.optimizer {
                "sgd" => Choice::new("sgd").with("momentum", Setting::Number(0.0)),
                name => Choice::new(name),
            },
            ..TrainingSpec::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_whole_batches() {
        for workload in WORKLOADS {
            for quick in [true, false] {
                let rows = workload.rows_of(quick);
                assert_eq!(rows % workload.batch, 0, "{}", workload.name);
                assert!(rows >= 200, "{}", workload.name);
            }
        }
    }

    #[test]
    fn every_workload_is_valid_and_found_by_its_name() {
        for workload in WORKLOADS {
            assert_eq!(find(workload.name).unwrap(), workload);
            workload.network().unwrap().resolve().unwrap();
            workload.training().resolve().unwrap();
        }
        let error = find("table-tini").unwrap_err().to_string();
        assert!(error.contains("did you mean `table-tiny`?"), "{error}");
    }

    #[test]
    fn the_input_layer_needs_no_gradient_of_its_input() {
        let flops = find("mnist-mlp").unwrap().flops_per_row();
        assert_eq!(flops, f64::from(4 * 784 * 128 + 6 * 128 * 10));
        assert_eq!(find("logistic").unwrap().flops_per_row(), 120.0);
    }
}
