//! A part of the image, enlarged to the whole: of its area a share a, uniform on [s, 1], at a
//! uniform place, with the proportions of the image. With r = √a and an offset o uniform on [0, (1
//! − r)·n], pixel k of n comes from o + r·(k + ½) − ½, the centres of pixels being at halves
//! (PyTorch's `align_corners=False`).

use super::{Augmentation, Draw, check_image};
use crate::random::Sequence;
use crate::registry::{Default, Description, Domain, Entry, Parameter};
use crate::shape::Shape;

/// See the module's text.
struct Crop {
    area: f64,
}

impl Augmentation for Crop {
    fn draw(&self, random: &mut Sequence, row: &mut Draw) {
        let side = (self.area + (1.0 - self.area) * random.uniform()).sqrt();
        for axis in [&mut row.view.lines, &mut row.view.pixels] {
            let offset = random.uniform() * (1.0 - side) * axis.length as f64;
            axis.compose(offset + 0.5 * side - 0.5, side);
        }
    }
}

pub(super) const ENTRY: Entry<Box<dyn Augmentation>, Shape> = Entry {
    description: Description {
        name: "crop",
        summary: "A part of an image, enlarged to the whole",
        equation: "x̂(k, l) = x(o + r·(k + ½) − ½, p + r·(l + ½) − ½), r² uniform on [s, 1]",
        source: "Szegedy et al. 2015",
        parameters: &[Parameter {
            name: "area",
            summary: "s, the least share of the image's area",
            default: Default::Number(0.8),
            domain: Domain::Number {
                low: 0.0,
                high: 1.0,
                open: (true, false),
            },
        }],
    },
    build: |arguments, shape| {
        check_image("crop", shape)?;
        Ok(Box::new(Crop {
            area: arguments.number("area"),
        }))
    },
};
