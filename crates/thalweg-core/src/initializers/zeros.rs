//! Zeros: for networks without hidden layers; hidden units that start equal stay equal.

use super::Initializer;
use crate::random::Sequence;
use crate::registry::{Description, Entry};

/// All zero: only for networks without hidden layers.
#[derive(Debug, Clone, Copy)]
pub struct Zeros;

impl Initializer for Zeros {
    fn fill(&self, _: usize, _: usize, _: &mut Sequence, weights: &mut [f64]) {
        weights.fill(0.0);
    }
}

pub(super) const ENTRY: Entry<Box<dyn Initializer>> = Entry {
    description: Description {
        name: "zeros",
        summary: "All zero: only for networks without hidden layers",
        equation: "W = 0",
        source: "PyTorch nn.init.zeros_",
        parameters: &[],
    },
    build: |_, ()| Ok(Box::new(Zeros)),
};
