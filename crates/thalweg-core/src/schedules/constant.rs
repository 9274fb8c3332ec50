//! Constant: η(t) = η₀.

use super::{Progress, Schedule};
use crate::registry::{Description, Entry};

/// See the module's text.
#[derive(Debug, Clone, Copy)]
struct Constant;

impl Schedule for Constant {
    fn factor(&self, _: Progress) -> f64 {
        1.0
    }
}

pub(super) const ENTRY: Entry<Box<dyn Schedule>> = Entry {
    description: Description {
        name: "constant",
        summary: "The same rate all the time",
        equation: "η(t) = η₀",
        source: "Bottou, Curtis & Nocedal 2018, §4.1",
        parameters: &[],
    },
    build: |_, ()| Ok(Box::new(Constant)),
};
