//! Gradient descent: θ ← θ − η·g.
//!
//! With batch size 1 this is stochastic, with the whole data batch, otherwise mini-batch gradient
//! descent.

use super::Chain;
use crate::registry::{Description, Entry};

pub(super) const ENTRY: Entry<Chain> = Entry {
    description: Description {
        name: "gd",
        summary: "Plain gradient descent: batch, mini-batch or stochastic by the batch size",
        equation: "θ ← θ − η·g",
        source: "Cauchy 1847; Robbins & Monro 1951",
        parameters: &[],
    },
    build: |_, ()| Ok(Chain::new(Vec::new(), 5e-2)),
};
