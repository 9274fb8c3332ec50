//! The workloads. Row counts are whole batches, so that nobody has a short last batch to keep or drop.

use crate::Result;

/// A classifier to train: ReLU hidden layers, softmax cross-entropy, Adam at 1e-3, reshuffled every epoch.
pub struct Workload {
    pub name: &'static str,
    pub rows: usize,
    /// Inputs, hidden units, classes.
    pub layers: &'static [usize],
    pub batch: usize,
}

const fn workload(
    name: &'static str,
    batches: usize,
    layers: &'static [usize],
    batch: usize,
) -> Workload {
    Workload {
        name,
        rows: batches * batch,
        layers,
        batch,
    }
}

pub const WORKLOADS: &[Workload] = &[
    workload("mnist-mlp", 468, &[784, 128, 10], 128),
    workload("mnist-wide", 78, &[784, 512, 512, 10], 256),
    workload("table-medium", 390, &[54, 128, 128, 7], 256),
    workload("table-small", 781, &[10, 32, 32, 2], 128),
    workload("table-tiny", 1562, &[8, 16, 2], 32),
    workload("stochastic", 5000, &[4, 16, 3], 1),
];

/// Batches of a quick run.
const QUICK: usize = 10;

/// The workload of that name.
pub fn find(name: &str) -> Result<&'static Workload> {
    WORKLOADS
        .iter()
        .find(|workload| workload.name == name)
        .ok_or_else(|| {
            let names: Vec<&str> = WORKLOADS.iter().map(|workload| workload.name).collect();
            format!("no workload `{name}`; there are {}", names.join(", "))
        })
}

impl Workload {
    /// Rows of a full or a quick run.
    pub fn rows_of(&self, quick: bool) -> usize {
        if quick {
            self.rows.min((QUICK * self.batch).max(200))
        } else {
            self.rows
        }
    }

    /// `784,128,10`.
    pub fn layers_text(&self) -> String {
        let layers: Vec<String> = self.layers.iter().map(usize::to_string).collect();
        layers.join(",")
    }

    /// Floating-point operations to train on one row: forward, dW and dX are 2 P each, P the number of
    /// weights, but no dX is needed at the input: 6 P − 2 d₀ d₁.
    pub fn flops_per_row(&self) -> usize {
        let weights: usize = self.layers.windows(2).map(|pair| pair[0] * pair[1]).sum();
        6 * weights - 2 * self.layers[0] * self.layers[1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_whole_batches() {
        for workload in WORKLOADS {
            for quick in [true, false] {
                assert_eq!(
                    workload.rows_of(quick) % workload.batch,
                    0,
                    "{}",
                    workload.name
                );
            }
        }
    }

    #[test]
    fn the_input_layer_needs_no_gradient_of_its_input() {
        let flops = find("mnist-mlp").unwrap().flops_per_row();
        assert_eq!(flops, 4 * 784 * 128 + 6 * 128 * 10);
    }
}
