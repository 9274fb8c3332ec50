//! Max-norm: w ← w·min(1, c/‖w‖) for the weights w into a unit, ‖·‖ the Euclidean norm
//! (Srebro & Shraibman 2005; Srivastava et al. 2014).

use super::Constraint;
use crate::registry::{Default, Description, Domain, Entry, Parameter, Setting};
use crate::spec::{RunRule, Said};

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

const EQUATION: &str = "w ← w·min(1, c/‖w‖)";
const SOURCE: &str = "Srebro & Shraibman 2005; Srivastava et al. 2014";

pub(super) const ENTRY: Entry<Box<dyn Constraint>> = Entry {
    description: Description {
        name: "max_norm",
        summary: "Weights into a unit are shortened to a norm of at most c",
        equation: EQUATION,
        source: SOURCE,
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

/// The constraint of the run: of all layers that name none of their own.
pub(crate) const OF_RUN: RunRule = RunRule {
    description: Description {
        name: "max_norm",
        summary: "Shortens the weights into each unit to a norm of at most c after every update; a layer may have another \
                  constraint, see constraints",
        equation: EQUATION,
        source: SOURCE,
        parameters: &[Parameter {
            name: "max_norm",
            summary: "c",
            default: Default::Off,
            domain: Domain::POSITIVE,
        }],
    },
    said: &[Said {
        field: "max_norm",
        flag: Some("--max-norm"),
        value: |spec| spec.max_norm.map(Setting::Number),
    }],
};
