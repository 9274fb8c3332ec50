//! Max-norm: w ← w·min(1, c/‖w‖) for the weights w into a unit, ‖·‖ the Euclidean norm
//! (Srebro & Shraibman 2005; Srivastava et al. 2014).

use super::Constraint;
use crate::registry::{Default, Description, Domain, Entry, Parameter};

/// See the module's text.
#[derive(Debug, Clone, Copy)]
pub struct MaxNorm {
    /// c.
    pub limit: f64,
}

impl Constraint for MaxNorm {
    fn factor(&self, norm: f64) -> f64 {
        if norm > self.limit {
            self.limit / norm
        } else {
            1.0
        }
    }
}

pub(super) const ENTRY: Entry<Box<dyn Constraint>> = Entry {
    description: Description {
        name: "max_norm",
        summary: "Weights into a unit are shortened to a norm of at most c",
        equation: "w ← w·min(1, c/‖w‖)",
        source: "Srebro & Shraibman 2005; Srivastava et al. 2014",
        parameters: &[Parameter {
            name: "limit",
            summary: "c",
            default: Default::Number(3.0),
            domain: Domain::POSITIVE,
        }],
    },
    build: |arguments, ()| {
        Ok(Box::new(MaxNorm {
            limit: arguments.number("limit"),
        }))
    },
};
