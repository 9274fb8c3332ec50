//! He (Kaiming) uniform: W ~ U(−a, a), a = √(6/fan_in).

use super::Initializer;
use crate::random::Sequence;
use crate::registry::{Description, Entry};

/// Keeps variance forward through ReLU.
#[derive(Debug, Clone, Copy)]
pub struct HeUniform;

impl Initializer for HeUniform {
    fn fill(&self, fan_in: usize, _: usize, random: &mut Sequence, weights: &mut [f64]) {
        let bound = (6.0 / fan_in as f64).sqrt();
        for weight in weights {
            *weight = bound * (2.0 * random.uniform() - 1.0);
        }
    }
}

pub(super) const ENTRY: Entry<Box<dyn Initializer>> = Entry {
    description: Description {
        name: "he_uniform",
        summary: "Keeps variance forward through ReLU",
        equation: "W ~ U(−a, a), a = √(6/fan_in)",
        source: "He et al. 2015",
        parameters: &[],
    },
    build: |_, ()| Ok(Box::new(HeUniform)),
};
