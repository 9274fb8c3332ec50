//! Normal noise on every value of an image, as the network sees it: x̂ = x + σ·ε, ε ~ N(0, 1).

use super::{Augmentation, Draw, check_image};
use crate::random::Sequence;
use crate::registry::{Default, Description, Domain, Entry, Parameter};
use crate::shape::Shape;

/// See the module's text.
struct Noise {
    deviation: f64,
}

impl Augmentation for Noise {
    fn draw(&self, _: &mut Sequence, row: &mut Draw) {
        row.noise = self.deviation;
    }
}

pub(super) const ENTRY: Entry<Box<dyn Augmentation>, Shape> = Entry {
    description: Description {
        name: "noise",
        summary: "Normal noise on every value, which images have with deviation 1 once standardized",
        equation: "x̂ = x + σ·ε, ε ~ N(0, 1)",
        source: "Bishop 1995",
        parameters: &[Parameter {
            name: "deviation",
            summary: "σ",
            default: Default::Number(0.1),
            domain: Domain::NON_NEGATIVE,
        }],
    },
    build: |arguments, shape| {
        check_image("noise", shape)?;
        Ok(Box::new(Noise {
            deviation: arguments.number("deviation"),
        }))
    },
};
