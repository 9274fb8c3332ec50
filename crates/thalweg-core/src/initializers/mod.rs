//! Initializers: the distribution of weights before training.
//!
//! All draw in f64 from the counter-based generator, so that a seed means the same weights in
//! either precision, for any number of threads, on any machine.

mod prior;

pub use prior::{OUTPUT_BIAS, output_bias, start_at_prior};

use crate::random::Sequence;
use crate::registry::entries;

entries! {
    /// All initializers.
    INITIALIZERS: "initializer" => Box<dyn Initializer>;
    glorot_uniform,
    glorot_normal,
    he_uniform,
    he_normal,
    lecun_uniform,
    lecun_normal,
    orthogonal,
    uniform,
    normal,
    constant,
    zeros,
}

/// Draws initial weights.
pub trait Initializer: Send + Sync {
    /// Fills the weights, row-major, one row of `fan_in` weights a unit, of units that each see
    /// `fan_in` values and are seen by `fan_out`.
    fn fill(&self, fan_in: usize, fan_out: usize, random: &mut Sequence, weights: &mut [f64]);
}
