//! He (Kaiming) normal: W ~ N(0, 2/fan_in).

use super::Initializer;
use crate::random::Sequence;
use crate::registry::{Description, Entry};

/// As he_uniform, normally distributed.
#[derive(Debug, Clone, Copy)]
pub struct HeNormal;

impl Initializer for HeNormal {
    fn fill(&self, fan_in: usize, _: usize, random: &mut Sequence, weights: &mut [f64]) {
        let deviation = (2.0 / fan_in as f64).sqrt();
        for weight in weights {
            *weight = deviation * random.normal();
        }
    }
}

pub(super) const ENTRY: Entry<Box<dyn Initializer>> = Entry {
    description: Description {
        name: "he_normal",
        summary: "As he_uniform, normally distributed",
        equation: "W ~ N(0, 2/fan_in)",
        source: "He et al. 2015",
        parameters: &[],
    },
    build: |_, ()| Ok(Box::new(HeNormal)),
};
