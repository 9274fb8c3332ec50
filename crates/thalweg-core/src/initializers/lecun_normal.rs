//! LeCun normal: W ~ N(0, 1/fan_in).

use super::Initializer;
use crate::random::Sequence;
use crate::registry::{Description, Entry};

/// As lecun_uniform, normally distributed: for SELU
#[derive(Debug, Clone, Copy)]
pub struct LecunNormal;

impl Initializer for LecunNormal {
    fn fill(&self, fan_in: usize, _: usize, random: &mut Sequence, weights: &mut [f64]) {
        let deviation = (1.0 / fan_in as f64).sqrt();
        for weight in weights {
            *weight = deviation * random.normal();
        }
    }
}

pub(super) const ENTRY: Entry<Box<dyn Initializer>> = Entry {
    description: Description {
        name: "lecun_normal",
        summary: "As lecun_uniform, normally distributed: for SELU",
        equation: "W ~ N(0, 1/fan_in)",
        source: "LeCun et al. 1998",
        parameters: &[],
    },
    build: |_, ()| Ok(Box::new(LecunNormal)),
};
