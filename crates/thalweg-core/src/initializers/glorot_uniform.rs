//! Glorot (Xavier) uniform: W ~ U(−a, a), a = √(6/(fan_in + fan_out)).

use super::Initializer;
use crate::random::Sequence;
use crate::registry::{Description, Entry};

/// Keeps variance in both directions: for sigmoid, tanh and linear layers.
#[derive(Debug, Clone, Copy)]
pub struct GlorotUniform;

impl Initializer for GlorotUniform {
    fn fill(&self, fan_in: usize, fan_out: usize, random: &mut Sequence, weights: &mut [f64]) {
        let bound = (6.0 / (fan_in + fan_out) as f64).sqrt();
        for weight in weights {
            *weight = bound * (2.0 * random.uniform() - 1.0);
        }
    }
}

pub(super) const ENTRY: Entry<Box<dyn Initializer>> = Entry {
    description: Description {
        name: "glorot_uniform",
        summary: "Keeps variance in both directions: for sigmoid, tanh and linear layers",
        equation: "W ~ U(−a, a), a = √(6/(fan_in + fan_out))",
        source: "Glorot & Bengio 2010",
        parameters: &[],
    },
    build: |_, ()| Ok(Box::new(GlorotUniform)),
};
