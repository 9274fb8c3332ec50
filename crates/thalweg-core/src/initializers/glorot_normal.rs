//! Glorot (Xavier) normal: W ~ N(0, 2/(fan_in + fan_out)).

use super::Initializer;
use crate::random::Sequence;
use crate::registry::{Description, Entry};

/// As glorot_uniform, normally distributed.
#[derive(Debug, Clone, Copy)]
pub struct GlorotNormal;

impl Initializer for GlorotNormal {
    fn fill(&self, fan_in: usize, fan_out: usize, random: &mut Sequence, weights: &mut [f64]) {
        let deviation = (2.0 / (fan_in + fan_out) as f64).sqrt();
        for weight in weights {
            *weight = deviation * random.normal();
        }
    }
}

pub(super) const ENTRY: Entry<Box<dyn Initializer>> = Entry {
    description: Description {
        name: "glorot_normal",
        summary: "As glorot_uniform, normally distributed",
        equation: "W ~ N(0, 2/(fan_in + fan_out))",
        source: "Glorot & Bengio 2010",
        parameters: &[],
    },
    build: |_, ()| Ok(Box::new(GlorotNormal)),
};
