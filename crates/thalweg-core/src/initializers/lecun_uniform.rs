//! LeCun uniform: W ~ U(−a, a), a = √(3/fan_in).

use super::Initializer;
use crate::random::Sequence;
use crate::registry::{Description, Entry};

/// Keeps variance forward through linear layers
#[derive(Debug, Clone, Copy)]
pub struct LecunUniform;

impl Initializer for LecunUniform {
    fn fill(&self, fan_in: usize, _: usize, random: &mut Sequence, weights: &mut [f64]) {
        let bound = (3.0 / fan_in as f64).sqrt();
        for weight in weights {
            *weight = bound * (2.0 * random.uniform() - 1.0);
        }
    }
}

pub(super) const ENTRY: Entry<Box<dyn Initializer>> = Entry {
    description: Description {
        name: "lecun_uniform",
        summary: "Keeps variance forward through linear layers",
        equation: "W ~ U(−a, a), a = √(3/fan_in)",
        source: "LeCun et al. 1998",
        parameters: &[],
    },
    build: |_, ()| Ok(Box::new(LecunUniform)),
};
