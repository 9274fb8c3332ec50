//! None: w stays as the update left it, where the run has a constraint that a layer is to be exempt
//! from.

use super::Constraint;
use crate::registry::{Description, Entry};

/// See the module's text.
#[derive(Debug, Clone, Copy)]
pub struct Unconstrained;

impl Constraint for Unconstrained {
    fn factor(&self, _: f64) -> f64 {
        1.0
    }

    fn is_none(&self) -> bool {
        true
    }
}

pub(super) const ENTRY: Entry<Box<dyn Constraint>> = Entry {
    description: Description {
        name: "none",
        summary: "No constraint, whatever the run has",
        equation: "w ← w",
        source: "for comparison",
        parameters: &[],
    },
    build: |_, ()| Ok(Box::new(Unconstrained)),
};
