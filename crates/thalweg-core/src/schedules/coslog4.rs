//! coslog4: η(t) = η₀·½(1 − cos(2π·log₂(1 + 15t))) for t from 0 to 1 over the run: four waves, each
//! about twice as long.

use super::{Progress, Schedule};
use crate::registry::{Description, Entry};

/// See the module's text.
#[derive(Debug, Clone, Copy)]
struct Coslog4;

impl Schedule for Coslog4 {
    fn factor(&self, progress: Progress) -> f64 {
        let phase = libm::log2(1.0 + 15.0 * progress.fraction());
        0.5 * (1.0 - libm::cos(2.0 * std::f64::consts::PI * phase))
    }
}

pub(super) const ENTRY: Entry<Box<dyn Schedule>> = Entry {
    description: Description {
        name: "coslog4",
        summary: "Four waves from 0 to 0, each twice as long as the one before: for tables",
        equation: "η(t) = η₀·½(1 − cos(2π·log₂(1 + 15t)))",
        source: "Holzmüller, Grinsztajn & Steinwart 2024 (RealMLP)",
        parameters: &[],
    },
    build: |_, ()| Ok(Box::new(Coslog4)),
};
