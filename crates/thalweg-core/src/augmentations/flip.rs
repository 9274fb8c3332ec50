//! Left and right exchanged with probability p: pixel k comes from w − 1 − k.

use super::{Augmentation, Draw, check_image};
use crate::random::Sequence;
use crate::registry::{Default, Description, Domain, Entry, Parameter};
use crate::shape::Shape;

/// See the module's text.
struct Flip {
    probability: f64,
}

impl Augmentation for Flip {
    fn draw(&self, random: &mut Sequence, row: &mut Draw) {
        if random.uniform() < self.probability {
            let last = row.view.pixels.length - 1;
            row.view.pixels.compose(last as f64, -1.0);
        }
    }
}

pub(super) const ENTRY: Entry<Box<dyn Augmentation>, Shape> = Entry {
    description: Description {
        name: "flip",
        summary: "Left and right of an image exchanged, where that leaves its meaning",
        equation: "x̂(k, l) = x(k, w − 1 − l) with probability p",
        source: "Krizhevsky, Sutskever & Hinton 2012",
        parameters: &[Parameter {
            name: "probability",
            summary: "p",
            default: Default::Number(0.5),
            domain: Domain::FRACTION,
        }],
    },
    build: |arguments, shape| {
        check_image("flip", shape)?;
        Ok(Box::new(Flip {
            probability: arguments.number("probability"),
        }))
    },
};
