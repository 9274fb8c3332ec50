//! Initializers: the distribution of weights before training.
//!
//! All draw in f64 from the counter-based generator, so that a seed means the same weights in either
//! precision, for any number of threads, on any machine.

use crate::random::Sequence;
use crate::registry::entries;

entries! {
    /// All initializers.
    INITIALIZERS: "initializer" => Box<dyn Initializer>;
    glorot_uniform,
    glorot_normal,
    he_uniform,
    he_normal,
    zeros,
}

/// Draws initial weights.
pub trait Initializer: Send + Sync {
    /// Fills the weights of units that each see `fan_in` values and are seen by `fan_out`.
    fn fill(&self, fan_in: usize, fan_out: usize, random: &mut Sequence, weights: &mut [f64]);
}
