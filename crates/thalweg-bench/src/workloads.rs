//! The workloads: what is trained, which peers train it as well, and its goal.
//!
//! Row counts are whole batches, so that no contestant has a short last batch to keep or drop.

use serde::Serialize;
use thalweg_core::Isa;
use thalweg_core::error::{Error, Result};
use thalweg_core::precision::Dtype;
use thalweg_core::registry::{Choice, Setting, unknown};
use thalweg_core::spec::{NetworkSpec, TrainingSpec};

/// What the rows are like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RowKind {
    /// Pixels of digits, as bytes: a few bright ones around one template a class.
    Pixels,
    /// Features of mean 0 and variance 1; the class is a noisy linear function of them.
    Planted,
}

/// Another program that trains the same network.
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
    /// At most so many seconds for so many epochs, on two cores.
    Epochs(usize, f64),
    /// At most so many times the time that the machine's peak leaves.
    Bound(f64),
}

/// A convolution with ReLU, without padding, and a maximum over 2 × 2 pixels behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Convolution {
    /// Output channels.
    pub channels: usize,
    /// Edge of its window.
    pub kernel: usize,
}

/// The weights of a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weights {
    /// Shape of W: `[units, inputs]` or `[channels, input channels, lines, pixels]`; b has its first size.
    pub shape: Vec<usize>,
    /// Positions of a row at which they are used.
    pub positions: usize,
}

impl Weights {
    /// Number of weights.
    pub fn count(&self) -> usize {
        self.shape.iter().product()
    }

    /// Fan-in and fan-out, as initializers define them: channels times the places of the window.
    pub fn fans(&self) -> (usize, usize) {
        let window: usize = self.shape[2..].iter().product();
        (self.shape[1] * window, self.shape[0] * window)
    }
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
    /// Convolutions before the hidden layers, on square images of one channel.
    pub convolutions: &'static [Convolution],
    /// Rows of a mini-batch.
    pub batch: usize,
    /// Optimizer, by the name of its registry entry; `sgd` is without momentum.
    pub optimizer: &'static str,
    /// η.
    pub learning_rate: f64,
    /// Precision of Thalweg's side. Peers have single precision.
    pub dtype: Dtype,
    /// What the rows are like.
    pub kind: RowKind,
    /// The other programs that train it.
    pub peers: &'static [Peer],
    /// What it should reach.
    pub goals: &'static [Goal],
}

/// All of them, in the order of the tables.
#[rustfmt::skip]
pub const WORKLOADS: &[Workload] = &[
    mlp("mnist-mlp", 468, &[784, 128, 10], 128, &[Goal::Ratio(Peer::Jax, 2.1)]),
    MNIST_WIDE,
    Workload { name: "mnist-wide-bf16", goals: &[Goal::Ratio(Peer::Jax, 2.0)], ..in_bf16(MNIST_WIDE) },
    in_bf16(mlp("mnist-1024-bf16", 78, &[784, 1024, 1024, 10], 256, &[Goal::Ratio(Peer::ThalwegF32, 1.5)])),
    Workload {
        convolutions: &[Convolution { channels: 6, kernel: 5 }, Convolution { channels: 16, kernel: 5 }],
        peers: &[Peer::Jax, Peer::PyTorch],
        ..mlp("lenet5", 468, &[784, 120, 84, 10], 128, &[Goal::Epochs(10, 4.3)])
    },
    mlp("table-medium", 390, &[54, 128, 128, 7], 256, &[Goal::Ratio(Peer::Jax, 3.6)]),
    mlp("table-small", 781, &[10, 32, 32, 2], 128, &[Goal::Ratio(Peer::Jax, 9.0)]),
    mlp("table-tiny", 1562, &[8, 16, 2], 32, &[Goal::Ratio(Peer::Jax, 13.0)]),
    mlp("stochastic", 5000, &[4, 16, 3], 1, &[Goal::Ratio(Peer::Jax, 6.0)]),
    mlp("step-overhead", 312, &[4, 32, 16, 4], 32, &[Goal::Step(3.0)]),
    Workload {
        optimizer: "sgd",
        learning_rate: 0.5,
        peers: &[Peer::Jax, Peer::JaxHostOrder, Peer::SgdClassifier],
        ..mlp("logistic", 3906, &[30, 1], 256, &[Goal::Ratio(Peer::SgdClassifier, 20.0), Goal::Bound(3.0)])
    },
    Workload {
        optimizer: "sgd",
        learning_rate: 0.5,
        peers: &[Peer::Jax, Peer::JaxHostOrder],
        ..mlp("logistic-5m", 5000, &[20, 1], 1000, &[Goal::Epochs(1, 0.1)])
    },
    Workload {
        peers: &[Peer::Jax, Peer::JaxHostOrder],
        ..mlp("mlp-5m", 5000, &[20, 32, 32, 1], 1000, &[Goal::Epochs(1, 0.6)])
    },
];

/// Also the base of the same network in another precision.
const MNIST_WIDE: Workload = mlp(
    "mnist-wide",
    78,
    &[784, 512, 512, 10],
    256,
    &[Goal::Ratio(Peer::Jax, 1.3)],
);

/// The same in bf16; Thalweg itself in single precision is one of its peers.
const fn in_bf16(workload: Workload) -> Workload {
    Workload {
        dtype: Dtype::Bf16,
        peers: &[Peer::Jax, Peer::ThalwegF32],
        ..workload
    }
}

/// A classifier, by Adam at 1e-3; with one output, of two classes.
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
        convolutions: &[],
        batch,
        optimizer: "adam",
        learning_rate: 1e-3,
        dtype: Dtype::F32,
        kind: if layers[0] == 784 {
            RowKind::Pixels
        } else {
            RowKind::Planted
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

/// Dense layers of up to this many units have no bf16 products.
const FEW_UNITS: usize = 4;

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

    /// `784-128-10`; with convolutions of 6 and 16 channels in windows of 5 × 5, `784-6c5-16c5-120-10`.
    pub fn shape(&self) -> String {
        let convolutions = self.convolutions.iter();
        let convolutions = convolutions.map(|c| format!("{}c{}", c.channels, c.kernel));
        let mut layers: Vec<String> = self.layers.iter().map(usize::to_string).collect();
        layers.splice(1..1, convolutions);
        layers.join("-")
    }

    /// The weights of all layers.
    pub fn weights(&self) -> Vec<Weights> {
        let (mut channels, mut edge) = (1, self.layers[0].isqrt());
        let mut weights = Vec::new();
        for one in self.convolutions {
            let positions = edge + 1 - one.kernel;
            weights.push(Weights {
                shape: vec![one.channels, channels, one.kernel, one.kernel],
                positions: positions * positions,
            });
            (channels, edge) = (one.channels, positions / 2);
        }
        let inputs = match self.convolutions {
            [] => self.layers[0],
            _ => channels * edge * edge,
        };
        let dense = self.layers[1..].iter().scan(inputs, |inputs, &units| {
            let shape = vec![units, std::mem::replace(inputs, units)];
            Some(Weights {
                shape,
                positions: 1,
            })
        });
        weights.extend(dense);
        weights
    }

    /// Classes of the rows.
    pub fn classes(&self) -> usize {
        self.layers.last().map_or(2, |outputs| (*outputs).max(2))
    }

    /// Floating-point operations to train on one row: forward, dW and dX are 2 P each, P the number of
    /// weights (each times its positions), but no dX is needed at the input: 6 P − 2 d₀ d₁.
    pub fn flops_per_row(&self) -> f64 {
        self.flops_by_layer().iter().map(|(_, flops)| flops).sum()
    }

    /// The same layer by layer, with the precision of its products. Convolutions and layers of a few units
    /// have no bf16 products: they compute in single precision.
    pub fn flops_by_layer(&self) -> Vec<(Dtype, f64)> {
        let layers = self.weights().into_iter().enumerate();
        let flops = |(index, weights): (usize, Weights)| {
            let products = if index == 0 { 4 } else { 6 };
            let is_few = weights.shape.len() > 2 || weights.shape[0] <= FEW_UNITS;
            let dtype = if is_few {
                self.dtype.storage()
            } else {
                self.dtype
            };
            (
                dtype,
                (products * weights.count() * weights.positions) as f64,
            )
        };
        layers.map(flops).collect()
    }

    /// Whether this machine has instructions for its precision. Emulated, its rate says nothing.
    pub fn is_native(&self) -> bool {
        self.dtype != Dtype::Bf16 || Isa::detect().has_bf16()
    }

    /// Bytes of a row in memory: features in single precision, or pixels in a byte each, the class, and its
    /// place in the order. Every epoch reads all of them once.
    pub fn bytes_per_row(&self) -> f64 {
        let feature = match self.kind {
            RowKind::Planted => 4.0,
            RowKind::Pixels => 1.0,
        };
        feature * self.layers[0] as f64 + 8.0
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
        let mut network = NetworkSpec::mlp(inputs, hidden, "relu", outputs, loss);
        if !self.convolutions.is_empty() {
            let edge = inputs.isqrt();
            network.image = Some([1, edge, edge]);
        }
        let layers = self.convolutions.iter().flat_map(|one| {
            let integer = |value: usize| Setting::Integer(value as i64);
            let convolution = Choice::new("conv2d")
                .with("channels", integer(one.channels))
                .with("kernel", integer(one.kernel))
                .with("activation", Setting::Text("relu".to_owned()));
            [
                convolution,
                Choice::new("max_pool").with("kernel", integer(2)),
            ]
        });
        network.layers.splice(0..0, layers);
        Ok(network)
    }

    /// How it is trained.
    pub fn training(&self) -> TrainingSpec {
        TrainingSpec {
            learning_rate: self.learning_rate,
            batch_size: self.batch,
            // A run ends when it is dropped.
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

    #[test]
    fn a_convolution_counts_at_every_position() {
        // 28 × 28, 24 × 24 halved, 8 × 8 halved: 16 · 4 · 4 values come to the dense layers.
        let products = [6 * 25 * 576, 16 * 150 * 64, 256 * 120, 120 * 84, 84 * 10];
        let all: i32 = products.iter().sum();
        let lenet = find("lenet5").unwrap();
        assert_eq!(lenet.flops_per_row(), f64::from(6 * all - 2 * products[0]));
        assert_eq!(lenet.shape(), "784-6c5-16c5-120-84-10");
        let layers = thalweg_core::layers::build(
            lenet.network().unwrap().shape(),
            &lenet.network().unwrap().resolve().unwrap().layers,
            Dtype::F32,
        )
        .unwrap();
        let costs = layers.iter().flat_map(|node| node.part.layers());
        let costs: Vec<usize> = costs
            .filter(|layer| !layer.segments().is_empty())
            .map(|layer| layer.facts().cost)
            .collect();
        assert_eq!(costs, products.map(|product| product as usize));
    }
}
