//! Moved by whole pixels: d down and e to the right, each uniform on −n..=n; what comes in repeats
//! the edge.

use super::{Augmentation, Draw, check_distance};
use crate::random::Sequence;
use crate::registry::{Default, Description, Domain, Entry, Parameter};
use crate::shape::Shape;

/// See the module's text.
struct Shift {
    pixels: u32,
}

impl Augmentation for Shift {
    fn draw(&self, random: &mut Sequence, row: &mut Draw) {
        for axis in [&mut row.view.lines, &mut row.view.pixels] {
            let distance = f64::from(random.below(2 * self.pixels + 1)) - f64::from(self.pixels);
            axis.compose(-distance, 1.0);
        }
    }
}

pub(super) const ENTRY: Entry<Box<dyn Augmentation>, Shape> = Entry {
    description: Description {
        name: "shift",
        summary: "An image moved by some pixels up or down and left or right; its edges go on",
        equation: "x̂(k, l) = x(k − d, l − e), d and e uniform on −n..=n",
        source: "LeCun et al. 1998",
        parameters: &[Parameter {
            name: "pixels",
            summary: "n",
            default: Default::Integer(2),
            domain: Domain::Integer(0, 1 << 20),
        }],
    },
    build: |arguments, shape| {
        let pixels = arguments.integer("pixels");
        check_distance("shift", pixels, shape)?;
        Ok(Box::new(Shift {
            pixels: pixels as u32,
        }))
    },
};
